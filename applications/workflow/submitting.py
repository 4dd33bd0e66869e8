"""Applications come in: by the form, or entered by hand from an e-mail."""

import datetime
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from applications import documents, letters, search
from applications.consent import CONSENT_VERSION
from applications.models import Application, Document, Event, IncomingUpload, Letter, QuestionAnswer, Upload, email_key
from applications.models.application import QUESTIONS
from applications.statuses import Status
from applications.workflow.moves import Refused, lock, record, refuse_unless_waiting
from projects.models import Project, Question

ASKED_FOR_BY_STRANGERS = (Letter.Kind.LINK, Letter.Kind.APPLIED_AGAIN)
MOST_OF_ONE_KIND = 3  # about one application, in an hour
MOST_LETTERS_ASKED_FOR = 30  # to one address, in an hour: an ask brings one for each of its applications


def submit(
    project: Project,
    *,
    answers: dict[str, Any],
    uploads: Iterable[Upload],
    nonce: str,
    language: str | None = None,
    opened_at: datetime.datetime | None = None,
) -> Application:
    """Turn answers and uploads into an application: application, documents, history and letters in one transaction.

    `answers` holds the fields of the apply form without files, and under `questions` the pairs (Question, text) of the
    project's own questions; `uploads` are committed, unclaimed uploads with their kinds, in the order in which they are
    to be read. A form that was opened at `opened_at`, before the deadline, has DEADLINE_GRACE_MINUTES more.

    The same nonce, project and address again returns the same application and stores nothing new. Raises Refused:
    `unpublished`, `closed`, `full`, `expired`, `not_yet`, `duplicate` (a letter with the link to the first application
    is queued then), `uploads_gone`, `infected`, `documents_missing`.
    """
    address = answers["email"].strip()
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=project.pk)
        same_address = Application.objects.filter(project=project, email_key=email_key(address))
        repeated = find_repeated(project, address, nonce)
        if repeated:
            return repeated
        refuse_unless_open(project, day_that_counts(project, opened_at))
        first = same_address.live().first()
        if first is None:
            return _create(project, address, answers, list(uploads), nonce, language or get_language() or "en")
        tell_of_first_application(first)
    raise Refused(
        "duplicate",
        _("There is an application to this project with this address already. We have sent a letter to it."),
    )


def find_repeated(project: Project, address: str, nonce: str) -> Application | None:
    """The application that this very form has handed in already (double click, reload, retry), if it has."""
    if not nonce or "\0" in address:  # PostgreSQL cannot be asked for a text with a null character
        return None
    return Application.objects.filter(project=project, email_key=email_key(address), nonce=nonce).first()


def refuse_unless_open(project: Project, day: datetime.date | None = None) -> None:
    """Raise Refused when `project` takes no applications on `day` (today), with the reason as its code."""
    if not project.is_published:
        raise Refused("unpublished", _("This project is not offered any more."))
    availability = project.availability(day)
    words = {
        Project.Availability.CLOSED: _("This project is closed; it takes no more applications."),
        Project.Availability.FULL: _("All places of this project are taken."),
        Project.Availability.EXPIRED: _("The deadline of this project has passed."),
        Project.Availability.NOT_YET: _("This project does not take applications yet."),
    }
    if availability in words:
        raise Refused(str(availability), words[availability])


def day_that_counts(
    project: Project, opened_at: datetime.datetime | None, now: datetime.datetime | None = None
) -> datetime.date:
    """The day by which it is judged whether `project` takes applications: today, or the last day of the deadline.

    The latter for a form that was opened before the deadline and comes within DEADLINE_GRACE_MINUTES after it.
    """
    now = now or timezone.now()
    today = timezone.localdate(now)
    if opened_at is None or project.deadline is None or today <= project.deadline:
        return today
    was_opened_in_time = timezone.localdate(opened_at) <= project.deadline
    return project.deadline if was_opened_in_time and now <= deadline_with_grace(project) else today


def deadline_with_grace(project: Project) -> datetime.datetime:
    """Until when a form that was opened before the deadline may be sent. The project has a deadline."""
    return project.grace_ends_at()


def _create(
    project: Project, address: str, answers: dict[str, Any], uploads: list[Upload], nonce: str, language: str
) -> Application:
    application = Application.objects.create(
        project=project,
        email=address,
        nonce=nonce,
        language=language,
        consent_version=CONSENT_VERSION,
        **{name: answers.get(name, "") for name in Application.ANSWERS},
    )
    claim(application, uploads)
    refuse_unless_documents_complete(application)
    write_question_answers(application, answers.get(QUESTIONS, []))
    search.refresh(application)
    record(application, Event.Kind.SUBMITTED, to_status=Status.RECEIVED)
    letters.receipt(application)
    letters.notice_received(application)
    return application


def refuse_unless_documents_complete(application: Application) -> None:
    """Raise Refused `documents_missing` unless there are a CV and a transcript that one can open."""
    kinds = set(application.documents.current().openable().values_list("kind", flat=True))
    if not {Document.Kind.CV, Document.Kind.TRANSCRIPT} <= kinds:
        raise Refused("documents_missing", _("An application needs a CV and at least one transcript."))


def write_question_answers(application: Application, answered: Iterable[tuple[Question, str]]) -> None:
    """Keep what was answered to the project's own questions, in place of what was answered before.

    The words of the question are kept with it. A question that was left empty has no row.
    """
    answered = [(question, text) for question, text in answered if text]
    application.question_answers.filter(question__in=[question for question, _text in answered]).delete()
    QuestionAnswer.objects.bulk_create(
        QuestionAnswer(
            application=application,
            question=question,
            prompt=question.prompt,
            kind=question.kind,
            position=question.position,
            text=text,
        )
        for question, text in answered
    )


def claim(
    application: Application,
    uploads: list[Upload],
    version: int = 1,
    position: int = 0,
    offered_at: datetime.datetime | None = None,
) -> None:
    """Make uploads the application's documents. The file stays where it is; the row that names it changes.

    With `offered_at` they are only offered to the reviewers.

    Raises Refused `uploads_gone` when one of them was swept, or claimed by somebody else, and `infected` when malware
    was found in one since it came.
    """
    claimed = {u.pk: u for u in Upload.objects.select_for_update().filter(pk__in=[upload.pk for upload in uploads])}
    if len(claimed) != len(uploads):
        raise Refused("uploads_gone", _("One of your files is no longer kept. Please choose it again."))
    for upload in claimed.values():
        if upload.is_blocked:
            raise Refused("infected", documents.infected_message(upload.original_name))
    positions: dict[tuple, int] = {}
    for upload in (claimed[upload.pk] for upload in uploads):
        place = positions[upload.group] = positions.get(upload.group, position - 1) + 1
        Document.objects.create(
            id=upload.id,
            application=application,
            kind=upload.kind,
            file=upload.file.name,
            original_name=upload.original_name,
            size=upload.size,
            sha256=upload.sha256,
            pages=upload.pages,
            flags=upload.flags,
            **documents.scan_of(upload),
            question_id=upload.question_id,
            title=upload.title,
            offered_at=offered_at,
            created_at=upload.created_at,
            position=place,
            version=version,
        )
    Upload.objects.filter(pk__in=claimed).delete()
    IncomingUpload.objects.filter(upload_id__in=claimed).delete()


def tell_of_first_application(first: Application) -> None:
    if may_send_link(first, Letter.Kind.APPLIED_AGAIN):
        record(first, Event.Kind.APPLIED_AGAIN)
        letters.applied_again(first)


def may_send_link(application: Application, kind: str) -> bool:
    """Whether another letter of this kind may go: strangers can ask for them, so at most three in an hour.

    Nor more than MOST_LETTERS_ASKED_FOR to one address, whatever there is in its name.
    """
    if not settings.APPLY_LIMITS:
        return True
    an_hour_ago = timezone.now() - datetime.timedelta(hours=1)
    same_address = Letter.objects.filter(application__email_key=application.email_key, created_at__gt=an_hour_ago)
    asked_for = same_address.filter(kind__in=ASKED_FOR_BY_STRANGERS).values_list("application_id", "kind")
    letters_to_address = list(asked_for[:MOST_LETTERS_ASKED_FOR])
    is_one_too_many = letters_to_address.count((application.pk, kind)) >= MOST_OF_ONE_KIND
    return not is_one_too_many and len(letters_to_address) < MOST_LETTERS_ASKED_FOR


# By hand


def enter_by_hand(
    project: Project,
    *,
    answers: dict[str, Any],
    uploads: Iterable[Upload],
    by,
    received_on: datetime.date | None = None,
    nonce: str = "",
    language: str | None = None,
) -> Application:
    """Enter an application that came by e-mail on `received_on` (today when not given), with what came of documents.

    The student gets a letter with the manage link, to complete what is missing and to consent; until then the
    application says so. Nothing is asked of the form's fields but name and address. The project must have been open on
    the day on which the e-mail came. The same nonce again returns the same application, as in `submit`. Raises Refused:
    as `submit`, and `not_yours` where `by` reviews no such project.
    """
    address = answers["email"].strip()
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=project.pk)
        if not Project.objects.visible_to(by).filter(pk=project.pk).exists():
            raise Refused("not_yours", _("You enter applications to your own projects only."))
        repeated = find_repeated(project, address, nonce)
        if repeated:
            return repeated
        refuse_unless_open(project, received_on)
        first = Application.objects.live().filter(project=project, email_key=email_key(address)).first()
        if first is not None:
            raise Refused(
                "duplicate",
                _("There is an application to this project with this address already: %(reference)s.")
                % {"reference": first.reference},
            )
        application = Application.objects.create(
            project=project,
            email=address,
            nonce=nonce,
            language=language or get_language() or "en",
            consent_version="",
            entered_by=by,
            received_at=_moment_of(received_on),
            **{name: answers.get(name) or "" for name in Application.ANSWERS if name != "earliest_start"},
            earliest_start=answers.get("earliest_start"),
        )
        claim(application, list(uploads))
        write_question_answers(application, answers.get(QUESTIONS, []))
        search.refresh(application)
        record(application, Event.Kind.ENTERED, by=by, to_status=Status.RECEIVED)
        letters.entered(application)
        letters.notice_received(application, done_by=by)
    return application


def _moment_of(day: datetime.date | None) -> datetime.datetime:
    """When an e-mail of that day came: now for today, else noon, because nobody knows better."""
    if day is None or day == timezone.localdate():
        return timezone.now()
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time(12)))


def add_documents(application: Application, uploads: Iterable[Upload], *, by) -> Application:
    """Add documents that the student has sent by e-mail. A CV takes the place of the former one, as a new version;
    transcripts and others stand beside those that are there.

    Reviews that were written before are marked as “changed since”. Raises Refused: `not_allowed` once the student has
    an answer, `uploads_gone`, `infected`.
    """
    with transaction.atomic():
        application = lock(application)
        refuse_unless_waiting(application)
        for upload in uploads:
            of_kind = application.documents.filter(kind=upload.kind)
            newest = max(of_kind.values_list("version", flat=True), default=0)
            if upload.kind == Document.Kind.CV:
                of_kind.offered().update(replaced_at=timezone.now())  # this one is newer
                of_kind.current().update(replaced_at=timezone.now())
                claim(application, [upload], version=newest + 1)
            else:
                claim(application, [upload], version=max(newest, 1), position=of_kind.current().count())
        search.refresh(application)
        record(application, Event.Kind.DOCUMENTS_ADDED, by=by)
    return application
