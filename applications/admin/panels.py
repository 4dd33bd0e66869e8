"""What stands in the panels of the review page, looked up in as few questions as it takes, as plain data."""

import dataclasses
import datetime
from collections.abc import Iterable

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from applications import workflow
from applications.models import (
    Application,
    CriterionScore,
    Decision,
    Document,
    Message,
    Opening,
    QuestionAnswer,
    Reading,
    Review,
    ReviewRequest,
    Star,
    ratings_are_readable,
)
from applications.statuses import OPEN_STATUSES, UNDO
from projects.models import Project, Question

# Ratings


@dataclasses.dataclass(frozen=True)
class ShownReview:
    """A review that may be read, and what has changed since it was written."""

    review: Review
    changes: list[str]


@dataclasses.dataclass(frozen=True)
class Ratings:
    """One's own review, and those of colleagues when they may be read; before that, only how many there are."""

    own: ShownReview | None
    others: list[ShownReview]
    are_readable: bool
    hidden: int
    # Whether the supervisor of the project is exempt from rating blindly: all reviewers are told.
    supervisor_is_exempt: bool
    reader_is_exempt: bool


def ratings(application: Application, documents: list[Document], user, *, are_readable: bool) -> Ratings:
    """The reviews of `application` that `user` may read. `are_readable` comes from `own_marks`."""
    scores = Prefetch("scores", CriterionScore.objects.select_related("criterion"))
    reviews = application.reviews.readable_by(user).select_related("reviewer", "seen_project").prefetch_related(scores)
    shown = [ShownReview(review, what_changed(review, application, documents)) for review in reviews]
    own = next((one for one in shown if one.review.reviewer_id == user.pk), None)
    is_exempt = settings.SUPERVISOR_READS_RATINGS and application.project.supervisor_id is not None
    return Ratings(
        own=own,
        others=[one for one in shown if one is not own],
        are_readable=are_readable,
        hidden=0 if are_readable else application.rating_count,
        supervisor_is_exempt=is_exempt,
        reader_is_exempt=is_exempt and application.project.supervisor_id == user.pk,
    )


def what_changed(review: Review, application: Application, documents: Iterable[Document]) -> list[str]:
    """In words, what is different now from what the reviewer had before their eyes; empty when nothing is."""
    documents = list(documents)
    if not review.changed_since(application, documents):
        return []
    changes = []
    if review.seen_project_id != application.project_id:
        former = review.seen_project.title if review.seen_project else _("another project")
        changes.append(_("it was to “%(project)s” then") % {"project": former})
    if review.seen_answers != application.answers_version:
        changes.append(_("the answers were corrected"))
    new = [document for document in documents if str(document.pk) not in review.seen_documents]
    changes += [_("%(label)s is new") % {"label": _name_with_version(document)} for document in new]
    gone = set(review.seen_documents) - {str(document.pk) for document in documents}
    if gone and not new:
        changes.append(
            ngettext("a document is no longer there", "%(number)s documents are no longer there", len(gone))
            % {"number": len(gone)}
        )
    return changes


def _name_with_version(document: Document) -> str:
    if document.version == 1:
        return document.label
    return _("%(label)s, version %(version)s") % {"label": document.label, "version": document.version}


# Oneself


@dataclasses.dataclass(frozen=True)
class OwnMarks:
    """What lies between one reader and one application."""

    ratings_are_readable: bool
    is_starred: bool


def own_marks(application: Application, user) -> OwnMarks:
    starred = Star.objects.filter(application=OuterRef("pk"), user=user)
    row = (
        Application.objects.filter(pk=application.pk)
        .annotate(is_readable=ratings_are_readable(user), is_starred=Exists(starred))
        .values("is_readable", "is_starred")
        .first()
    )
    if row is None:
        raise Application.DoesNotExist
    return OwnMarks(bool(row["is_readable"]), row["is_starred"])


# What the student says, beside what the form asks everybody


@dataclasses.dataclass(frozen=True)
class Thread:
    """What the student has asked and the reviewers have written since, oldest first; and what still waits."""

    messages: list[Message]  # each knows `waits`: whether it is a question that waits for an answer

    @property
    def waiting(self) -> list[Message]:
        return [message for message in self.messages if message.waits]


def thread(application: Application) -> Thread:
    """One question to the database. Nothing that was said before the first question is part of the thread."""
    waits = Exists(Message.objects.unanswered().filter(pk=OuterRef("pk")))
    messages = list(application.messages.annotate(waits=waits))
    begin = next((number for number, message in enumerate(messages) if message.is_from_student), len(messages))
    return Thread(messages[begin:])


@dataclasses.dataclass(frozen=True)
class Offer:
    """Newer versions of one kind of document that wait to be taken, and those that count until then."""

    newer: list[Document]
    present: list[Document]

    @property
    def sent_at(self):
        return self.newer[0].offered_at


def offers(application: Application, present: Iterable[Document]) -> list[Offer]:
    """What is offered, by what it would take the place of: the same kind, and the same question of the project."""
    by_kind: dict[tuple, list[Document]] = {}
    for document in application.offered_documents():
        by_kind.setdefault((document.kind, document.question_id), []).append(document)
    return [Offer(newer, [d for d in present if (d.kind, d.question_id) == kind]) for kind, newer in by_kind.items()]


def idea_title(application: Application, answers: Iterable[QuestionAnswer]) -> str:
    """What the student calls their own idea, read from `answers`; the rule of `QuestionAnswer.idea_title`."""
    if not application.project.is_own_idea:
        return ""
    return next((answer.text for answer in answers if answer.kind == Question.Kind.SHORT), "")


# Who reads with me


@dataclasses.dataclass(frozen=True)
class Colleague:
    """A reviewer of the project: whether they were asked, and whether they are done; never what they think."""

    user: object
    request: ReviewRequest | None
    is_done: bool


@dataclasses.dataclass(frozen=True)
class Circle:
    """How far one is oneself, who has asked one, and the colleagues whom one may ask."""

    reading: Reading | None
    asked_me: ReviewRequest | None
    colleagues: list[Colleague]

    @property
    def were_asked(self) -> list[Colleague]:
        return [colleague for colleague in self.colleagues if colleague.request]

    @property
    def may_be_asked(self) -> list[Colleague]:
        return [colleague for colleague in self.colleagues if not colleague.request]


def circle(application: Application, user, *, may_ask: bool) -> Circle:
    readings = {reading.reviewer_id: reading for reading in application.readings.all()}
    requests = {
        request.reviewer_id: request for request in application.review_requests.select_related("reviewer", "asked_by")
    }
    people = list(askable(application, user)) if may_ask else []
    people += [
        r.reviewer for r in requests.values() if may_ask and r.reviewer not in people and r.reviewer_id != user.pk
    ]
    return Circle(
        reading=readings.get(user.pk),
        asked_me=requests.get(user.pk),
        colleagues=[
            Colleague(
                person,
                requests.get(person.pk),
                person.pk in readings and readings[person.pk].state in Reading.DONE,
            )
            for person in people
        ],
    )


def askable(application: Application, user) -> QuerySet:
    """The people whom `user` can ask about this application: the other reviewers of its project."""
    return workflow.possible_reviewers(application.project).exclude(pk=user.pk)


def supervises(application: Application, user) -> bool:
    """Whether `user` has the say over the application's project; the rule of `Project.objects.supervised_by`."""
    return user.is_superuser or application.project.supervisor_id == user.pk


# Who has opened what

MOST_OPENINGS = 500


@dataclasses.dataclass(frozen=True)
class OpenedBy:
    """One person, and what they opened on which days, the last day first."""

    name: str
    days: dict[datetime.date, list[str]]


def opened_by(application: Application) -> list[OpenedBy]:
    """Who has opened the application and its documents, by name: what the student can be shown, too."""
    people: dict[tuple, OpenedBy] = {}
    rows = application.openings.select_related("document").order_by("-day", "first_at", "pk")[:MOST_OPENINGS]
    for row in rows:
        person = people.setdefault((row.user_id, row.user_name), OpenedBy(row.user_name, {}))
        person.days.setdefault(row.day, []).append(_what_was_opened(row))
    return sorted(people.values(), key=lambda person: person.name.casefold())


def _what_was_opened(opening: Opening) -> str:
    thing = _name_with_version(opening.document) if opening.document else _("the application")
    if opening.way == Opening.Way.DOWNLOADED:
        return _("%(thing)s (downloaded)") % {"thing": thing}
    if opening.way == Opening.Way.EXPORTED:
        return _("%(thing)s (taken out in an export)") % {"thing": thing}
    return thing


# Decisions


@dataclasses.dataclass(frozen=True)
class Decisions:
    """The decision that waits or is on its way, or the last one when it was dropped; and whether it can be undone."""

    staged: Decision | None = None
    on_its_way: Decision | None = None
    dropped: Decision | None = None
    may_be_undone: bool = False


def decisions(application: Application) -> Decisions:
    latest = application.decisions.select_related("staged_by", "released_by").order_by("pk").last()
    if latest is None:
        return Decisions()
    return Decisions(
        staged=latest if latest.is_staged else None,
        on_its_way=latest if latest.is_on_its_way else None,
        dropped=latest if latest.dropped_at else None,
        may_be_undone=application.status in UNDO and workflow.undo_target(application) is not None,
    )


# The person, and where else the application could go


def same_person(application: Application, visible: QuerySet[Application]) -> list[Application]:
    """This person's other applications among those that the reader may see, newest first, from whatever year."""
    others = visible.filter(email_key=application.email_key).exclude(pk=application.pk)
    return list(others.select_related("project").order_by("-received_at", "-pk")[:50])


def transfer_targets(application: Application, user) -> QuerySet[Project]:
    """The reader's own other open projects; none when the student no longer waits, or the project is not theirs."""
    if application.status not in OPEN_STATUSES or not supervises(application, user):
        return Project.objects.none()
    return Project.objects.supervised_by(user).open().exclude(pk=application.project_id).order_by("title")


def days_late(application: Application) -> int:
    """For how many days the promised answer is overdue; 0 when it is not."""
    if not application.is_overdue:
        return 0
    return max((timezone.localdate() - application.answer_promised_by).days, 1)
