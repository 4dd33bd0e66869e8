"""What stands in the row of one application, for one reader."""

import dataclasses
import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from applications.models import (
    Application,
    Decision,
    Document,
    Event,
    QuestionAnswer,
    Review,
    ratings_are_readable,
)
from projects.models import Project

Value = str | int | float | datetime.date | datetime.datetime | None

CHUNK = 100  # rows that are in memory, and after which progress is told


@dataclasses.dataclass
class Row:
    """One application with what its reader may know of it. `own` and `reviews` obey the rule of blindness."""

    application: Application
    own: Review | None
    reviews: list[Review]
    notes: int
    pending: Decision | None

    @property
    def ratings_are_open(self) -> bool:
        return self.application.ratings_are_open


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    width: int  # in characters, for the spreadsheet
    value: Callable[[Row], Value]


def rows(pks: Iterable[int], user) -> Iterator[Row]:
    """The rows of these applications in this order, as `user` may see them at this moment; others are left out.

    Read in chunks, each with queries of its own: nothing is locked, and memory stays the same for long lists.
    """
    for chunk in chunks(pks):
        yield from _chunk_of_rows(chunk, user)


def chunks(pks: Iterable[int], size: int = CHUNK) -> Iterator[list[int]]:
    pks = list(pks)
    for start in range(0, len(pks), size):
        yield pks[start : start + size]


def _chunk_of_rows(pks: list[int], user) -> Iterator[Row]:
    applications = (
        Application.objects.visible_to(user)
        .filter(pk__in=pks)
        .select_related("project__topic")
        .prefetch_related("documents", "question_answers")
        .annotate(ratings_are_open=ratings_are_readable(user))
        .in_bulk()
    )
    reviews = defaultdict(list)
    for review in Review.objects.readable_by(user).filter(application__in=pks).select_related("reviewer"):
        reviews[review.application_id].append(review)
    notes = Event.objects.filter(application__in=pks, kind=Event.Kind.NOTE).order_by()
    note_counts = dict(notes.values_list("application").annotate(Count("pk")))
    pending = {decision.application_id: decision for decision in Decision.objects.pending().filter(application__in=pks)}
    for pk in pks:
        if pk in applications:
            own = next((review for review in reviews[pk] if review.reviewer_id == user.pk), None)
            yield Row(applications[pk], own, reviews[pk], note_counts.get(pk, 0), pending.get(pk))


# The cells that are more than a field


def _only_when_open(name: str) -> Callable[[Row], Value]:
    """What the ratings come to; empty until the reader's own rating is in."""
    return lambda row: getattr(row.application, name) if row.ratings_are_open else None


def _ratings(row: Row) -> str:
    if not row.ratings_are_open:
        return ""
    return "\n".join(_rating_in_words(review) for review in row.reviews)


def _rating_in_words(review: Review) -> str:
    name = review.reviewer.get_full_name() or review.reviewer.get_username()
    recommendation = f" ({review.get_recommendation_display()})" if review.recommendation else ""
    return f"{name}: {review.rating}{recommendation}"


def _staged(row: Row) -> str:
    if row.pending is None:
        return ""
    status = row.pending.get_to_status_display()
    return status if row.pending.is_staged else _("%(status)s (released)") % {"status": status}


def _documents(row: Row) -> str:
    return "\n".join(_document_in_words(document) for document in row.application.current_documents())


def _document_in_words(document: Document) -> str:
    words = f"{document.label}: {document.original_name}"
    if document.pages is None:
        return words
    pages = ngettext("%(count)s page", "%(count)s pages", document.pages) % {"count": document.pages}
    return f"{words} ({pages})"


def _yes_or_no(condition: bool) -> str:
    return _("yes") if condition else _("no")


def _review_page(row: Row) -> str:
    return settings.SITE_URL + reverse("admin:applications_application_change", args=[row.application.pk])


COLUMNS = (
    Column(gettext_lazy("Reference"), 12, lambda row: row.application.reference),
    Column(gettext_lazy("Name"), 24, lambda row: row.application.full_name),
    Column(gettext_lazy("E-mail address"), 28, lambda row: row.application.email),
    Column(gettext_lazy("Project"), 36, lambda row: row.application.project.title),
    Column(gettext_lazy("Topic"), 18, lambda row: row.application.project.topic.name),
    Column(gettext_lazy("University"), 26, lambda row: row.application.university),
    Column(gettext_lazy("Programme"), 26, lambda row: row.application.programme),
    Column(gettext_lazy("Earliest start"), 13, lambda row: row.application.earliest_start),
    Column(gettext_lazy("Status"), 13, lambda row: row.application.get_status_display()),
    Column(gettext_lazy("Received"), 24, lambda row: timezone.localtime(row.application.received_at)),
    Column(gettext_lazy("Days waiting"), 12, lambda row: row.application.days_waiting),
    Column(gettext_lazy("Staged decision"), 18, _staged),
    Column(gettext_lazy("My rating"), 10, lambda row: row.own and row.own.rating),
    Column(gettext_lazy("My recommendation"), 22, lambda row: row.own.get_recommendation_display() if row.own else ""),
    Column(gettext_lazy("My comment"), 36, lambda row: row.own.comment if row.own else ""),
    Column(gettext_lazy("Mean rating"), 12, _only_when_open("rating_mean")),
    Column(gettext_lazy("Number of ratings"), 12, _only_when_open("rating_count")),
    Column(gettext_lazy("Disagreement"), 13, _only_when_open("rating_spread")),
    Column(gettext_lazy("Mean of the criteria"), 12, _only_when_open("score_mean")),
    Column(gettext_lazy("Ratings"), 30, _ratings),
    Column(gettext_lazy("Number of notes"), 10, lambda row: row.notes),
    Column(gettext_lazy("Documents"), 36, _documents),
    Column(gettext_lazy("Motivation"), 60, lambda row: row.application.motivation),
    Column(gettext_lazy("Links"), 30, lambda row: row.application.links),
    Column(gettext_lazy("Language"), 10, lambda row: row.application.language),
    Column(gettext_lazy("Address confirmed"), 12, lambda row: _yes_or_no(row.application.is_confirmed)),
    Column(gettext_lazy("Consented"), 11, lambda row: _yes_or_no(row.application.is_consented)),
    Column(gettext_lazy("Review page"), 40, _review_page),
)


# The columns that depend on what is taken out


def columns_for(pks: Iterable[int], user) -> tuple[Column, ...]:
    """The columns of a table of these applications: the fixed ones, and one for each question that was answered.

    Questions stand behind the others, project by project in the order in which they were asked. Where two projects ask
    the same, it is one column.
    """
    return (*COLUMNS, *(_question_column(prompt) for prompt in _prompts(pks, user)))


def _prompts(pks: Iterable[int], user) -> list[str]:
    asked: set[tuple[int, int, str]] = set()
    for chunk in chunks(pks, 500):
        visible = Application.objects.visible_to(user).filter(pk__in=chunk)
        answers = QuestionAnswer.objects.filter(application__in=visible)
        asked.update(answers.order_by().values_list("application__project", "position", "prompt").distinct())
    if not asked:
        return []
    projects = Project.objects.filter(pk__in={project for project, _position, _prompt in asked})
    rank = {pk: number for number, pk in enumerate(projects.values_list("pk", flat=True))}
    in_order = sorted(asked, key=lambda one: (rank[one[0]], *one[1:]))
    return list(dict.fromkeys(prompt for _project, _position, prompt in in_order))


def _question_column(prompt: str) -> Column:
    fixed = {str(column.title).casefold() for column in COLUMNS}
    title = _("%(question)s (question)") % {"question": prompt} if prompt.casefold() in fixed else prompt
    return Column(title, 40, lambda row: _answer(row, prompt))


def _answer(row: Row, prompt: str) -> str:
    """What was answered; twice only when a question was deleted and asked anew in the same words."""
    return "\n".join(answer.text for answer in row.application.question_answers.all() if answer.prompt == prompt)
