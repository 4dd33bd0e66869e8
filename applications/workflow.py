"""What happens to an application, as verbs. Each is one short transaction: rows, history and letters, or nothing.

Locks are taken in one order, project before application, so that two verbs never wait for each other. No mail server
is asked and no document inspected while a lock is held: letters are rows that the worker sends afterwards.
"""

import datetime
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from applications import letters
from applications.models import (
    Application,
    Decision,
    Document,
    Event,
    FormerAnswers,
    Letter,
    Review,
    Upload,
    email_key,
)
from applications.statuses import REVIEWER_MOVES, Status, letter_kind, reviewer_needs_reason
from projects.models import Project

CONSENT_VERSION = "2026-11"  # raise it with every change of the consent's words in applications/forms/student.py

# Each correction sends a receipt to an address that nobody has confirmed; strangers must not be flooded this way.
MOST_CORRECTIONS_OF_ADDRESS = 3

NO_LETTER = False  # `decide(..., letter=NO_LETTER)`: decided without telling the student, and recorded so


class Refused(Exception):
    """A rule speaks against it. `code` names the rule, `message` tells the person what is the matter and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# The student hands in


def submit(
    project: Project, *, answers: dict[str, Any], uploads: Iterable[Upload], nonce: str, language: str | None = None
) -> Application:
    """Turn answers and uploads into an application: application, documents, history and letters in one transaction.

    `answers` holds the fields of the apply form without files; `uploads` are committed, unclaimed uploads with their
    kinds, in the order in which they are to be read. The same nonce, project and address again returns the same
    application and stores nothing new. Raises Refused: `unpublished`, `closed`, `full`, `expired`, `not_yet`,
    `duplicate` (a letter with the link to the first application is queued then), `uploads_gone`, `documents_missing`.
    """
    address = answers["email"].strip()
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=project.pk)
        same_address = Application.objects.filter(project=project, email_key=email_key(address))
        repeated = find_repeated(project, address, nonce)
        if repeated:
            return repeated
        refuse_unless_open(project)
        first = same_address.live().first()
        if first is None:
            return _create(project, address, answers, list(uploads), nonce, language or get_language() or "en")
        _tell_of_first_application(first)
    raise Refused(
        "duplicate",
        _("There is an application to this project with this address already. We have sent a letter to it."),
    )


def find_repeated(project: Project, address: str, nonce: str) -> Application | None:
    """The application that this very form has handed in already (double click, reload, retry), if it has."""
    if not nonce or "\0" in address:  # PostgreSQL cannot be asked for a text with a null character
        return None
    return Application.objects.filter(project=project, email_key=email_key(address), nonce=nonce).first()


def refuse_unless_open(project: Project) -> None:
    """Raise Refused when `project` takes no applications now, with the reason as its code."""
    if not project.is_published:
        raise Refused("unpublished", _("This project is not offered any more."))
    availability = project.availability()
    words = {
        Project.Availability.CLOSED: _("This project is closed; it takes no more applications."),
        Project.Availability.FULL: _("All places of this project are taken."),
        Project.Availability.EXPIRED: _("The deadline of this project has passed."),
        Project.Availability.NOT_YET: _("This project does not take applications yet."),
    }
    if availability in words:
        raise Refused(str(availability), words[availability])


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
    _claim(application, uploads)
    kinds = {upload.kind for upload in uploads}
    if not {Document.Kind.CV, Document.Kind.TRANSCRIPT} <= kinds:
        raise Refused("documents_missing", _("An application needs a CV and at least one transcript."))
    _record(application, Event.Kind.SUBMITTED, to_status=Status.RECEIVED)
    letters.receipt(application)
    letters.notice_received(application)
    return application


def _claim(application: Application, uploads: list[Upload], version: int = 1) -> None:
    """Make uploads the application's documents. The file stays where it is; the row that names it changes."""
    claimed = {u.pk: u for u in Upload.objects.select_for_update().filter(pk__in=[upload.pk for upload in uploads])}
    if len(claimed) != len(uploads):
        raise Refused("uploads_gone", _("One of your files is no longer kept. Please choose it again."))
    positions: dict[str, int] = {}
    for upload in (claimed[upload.pk] for upload in uploads):
        position = positions[upload.kind] = positions.get(upload.kind, -1) + 1
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
            created_at=upload.created_at,
            position=position,
            version=version,
        )
    Upload.objects.filter(pk__in=claimed).delete()


def _tell_of_first_application(first: Application) -> None:
    if _may_send_link(first, Letter.Kind.APPLIED_AGAIN):
        _record(first, Event.Kind.APPLIED_AGAIN)
        letters.applied_again(first)


# The manage link


def send_link(address: str) -> None:
    """Queue a letter with the manage link for each application of `address`; silent when there is none."""
    with transaction.atomic():
        for application in Application.objects.filter(email_key=email_key(address)).order_by("pk"):
            if _may_send_link(application, Letter.Kind.LINK):
                letters.link(application)


def _may_send_link(application: Application, kind: str) -> bool:
    """Whether another letter of this kind may go: strangers can ask for them, so at most three in an hour."""
    if not settings.APPLY_LIMITS:
        return True
    an_hour_ago = timezone.now() - datetime.timedelta(hours=1)
    return application.letters.filter(kind=kind, created_at__gt=an_hour_ago).count() < 3


def confirm_address(application: Application) -> None:
    """Note that the address is right: somebody came through the manage link and acted. Again is a no-op."""
    with transaction.atomic():
        confirmed = Application.objects.filter(pk=application.pk, confirmed_at=None).update(confirmed_at=timezone.now())
        if confirmed:
            _record(application, Event.Kind.CONFIRMED)
    application.refresh_from_db()


def correct_address(application: Application, address: str) -> Application:
    """Put a typo right: the receipt goes to the new address with a new manage link, and the old link dies.

    Raises Refused: `confirmed` when the address has proved right, `too_often` after MOST_CORRECTIONS_OF_ADDRESS,
    `duplicate` when another live application to the project has the new address.
    """
    with transaction.atomic():
        application = _lock(application)
        if application.is_confirmed:
            raise Refused("confirmed", _("This address is confirmed. To change it, please write to the supervisor."))
        if application.events.filter(kind=Event.Kind.ADDRESS_CORRECTED).count() >= MOST_CORRECTIONS_OF_ADDRESS:
            raise Refused(
                "too_often", _("The address has been corrected several times already. Please write to the supervisor.")
            )
        others = Application.objects.live().filter(project=application.project, email_key=email_key(address))
        if others.exclude(pk=application.pk).exists():
            raise Refused("duplicate", _("There is another application to this project with this address."))
        former = application.email
        application.email = address.strip()
        application.link_version += 1
        application.save()
        # What has not gone out yet, a bounced receipt above all, goes to the right address.
        unsent = application.letters.filter(to_student=True, leased_until=None).exclude(status=Letter.Status.SENT)
        unsent.update(recipient=application.email)
        _record(application, Event.Kind.ADDRESS_CORRECTED, text=f"{former} → {application.email}")
        if not unsent.filter(kind=Letter.Kind.RECEIVED, status=Letter.Status.QUEUED).exists():
            letters.receipt(application)
    return application


# The student corrects, withdraws, answers an offer


def correct_answers(application: Application, answers: dict[str, Any]) -> Application:
    """Replace the answers, keeping the former ones as a version. Raises Refused `being_read` once reading began."""
    with transaction.atomic():
        application = _lock(application)
        _refuse_unless_correctable(application)
        changed = {name: answers[name] for name in Application.ANSWERS if answers[name] != getattr(application, name)}
        if not changed:
            return application
        FormerAnswers.objects.create(
            application=application,
            version=application.answers_version,
            answers={name: str(value) for name, value in application.answers.items()},
        )
        for name, value in changed.items():
            setattr(application, name, value)
        application.answers_version += 1
        application.save()
        _record(application, Event.Kind.ANSWERS_CORRECTED)
    return application


def replace_documents(application: Application, uploads: Iterable[Upload]) -> Application:
    """Put new documents in the place of those of the same kind; the former ones are kept as replaced versions.

    Raises Refused: `being_read` once reading began, `uploads_gone`.
    """
    uploads = list(uploads)
    with transaction.atomic():
        application = _lock(application)
        _refuse_unless_correctable(application)
        for kind in {upload.kind for upload in uploads}:
            of_kind = application.documents.filter(kind=kind)
            newest = max(of_kind.values_list("version", flat=True), default=0)
            of_kind.filter(replaced_at=None).update(replaced_at=timezone.now())
            _claim(application, [upload for upload in uploads if upload.kind == kind], version=newest + 1)
        _record(application, Event.Kind.DOCUMENTS_REPLACED)
    return application


def _refuse_unless_correctable(application: Application) -> None:
    if not application.may_be_corrected():
        raise Refused(
            "being_read",
            _(
                "Reading has begun, so your application cannot be changed here any more. "
                "Please write to the supervisor."
            ),
        )


def withdraw(application: Application, reason: str = "") -> Application:
    """The student withdraws, or turns down an offer. Raises Refused `not_allowed` where nothing can be withdrawn."""
    return _move_by_student(application, Status.WITHDRAWN, reason)


def accept_offer(application: Application) -> Application:
    """The student accepts the offer, which takes a place. Raises Refused: `not_allowed`, `full`."""
    return _move_by_student(application, Status.ACCEPTED)


def _move_by_student(application: Application, to_status: str, reason: str = "") -> Application:
    with transaction.atomic():
        application = _lock(application)
        if not application.student_may_move_to(to_status):
            raise Refused(
                "not_allowed",
                _("This is not possible any more: your application’s status is “%(status)s”.")
                % {"status": application.status_for_student},
            )
        _move(application, to_status, reason=reason)
        if to_status == Status.ACCEPTED:
            letters.accepted(application)
            letters.notice_accepted(application)
        else:
            letters.withdrawn(application)
            letters.notice_withdrawn(application)
    return application


# The reviewers


def note(application: Application, text: str, *, by) -> Event:
    """Keep a reviewer's note. The first one shows that reading has begun, so a received application moves on."""
    with transaction.atomic():
        application = _lock(application)
        event = _record(application, Event.Kind.NOTE, by=by, text=text.strip())
        _begin_reading(application, by)
    return event


def review(application: Application, *, rating: int, comment: str = "", by) -> Review:
    """Keep a reviewer's rating (1 to 5) and comment; again replaces their own. Shows that reading has begun.

    The history says that somebody rated, never how: colleagues must not read it there before they have rated.
    """
    with transaction.atomic():
        application = _lock(application)
        review, is_new = Review.objects.update_or_create(
            application=application,
            reviewer=by,
            defaults={"rating": rating, "comment": comment.strip(), "updated_at": timezone.now()},
        )
        if is_new:
            _record(application, Event.Kind.RATED, by=by)
        _begin_reading(application, by)
    return review


def _begin_reading(application: Application, by) -> None:
    if application.status == Status.RECEIVED:
        _move(application, Status.IN_REVIEW, by=by)


def decide(
    application: Application,
    to_status: str,
    *,
    by,
    reason: str = "",
    letter: letters.Wording | bool | None = None,
    seen_status: str | None = None,
) -> Decision:
    """Decide and tell now: the decision, the move, the history and the letter take effect together.

    In order: lock the project and the application; refuse when somebody else was faster (`changed`: the status is no
    longer `seen_status`), when the table of moves does not allow it (`not_allowed`), when a reason is asked for and
    missing (`reason_missing`), when no place is left (`full`); write the decision; change status and places; write
    the event; queue the letter. `letter` is the wording to send, None for the standard wording, NO_LETTER for none.
    """
    with transaction.atomic():
        application = _lock(application)
        _refuse_move(application, to_status, reason, seen_status)
        kind = letter_kind(application.status, to_status)
        wording = _wording_to_send(application, kind, letter)
        now = timezone.now()
        decision = Decision.objects.create(
            application=application,
            to_status=to_status,
            reason=reason.strip(),
            letter_subject=wording and wording.subject,
            letter_body=wording and wording.body,
            staged_at=now,
            staged_by=by,
            released_at=now,
            released_by=by,
            effective_at=now,
        )
        _move(application, to_status, by=by, reason=reason, decision=decision)
        if wording:
            letters.decision(application, decision, kind, wording)
    return decision


def _wording_to_send(application: Application, kind: str | None, letter) -> letters.Wording | None:
    if kind is None or letter is NO_LETTER:
        return None
    wording = letter or letters.with_personal_line(letters.standard_wording(application, kind))
    return letters.with_reference(application, wording)


def allowed_moves(application: Application) -> tuple[str, ...]:
    """Where reviewers may move the application now, in the order of the buttons."""
    return REVIEWER_MOVES[Status(application.status)]


def _refuse_move(application: Application, to_status: str, reason: str, seen_status: str | None) -> None:
    if seen_status is not None and seen_status != application.status:
        raise Refused("changed", why_not(application))
    if to_status not in allowed_moves(application):
        raise Refused("not_allowed", why_not(application))
    if reviewer_needs_reason(application.status, to_status) and not reason.strip():
        raise Refused("reason_missing", _("Please give the reason. It is kept in the history."))


def why_not(application: Application) -> str:
    """What stands against a move: the status, and who has set it when, for the reviewer who comes second."""
    latest = application.events.filter(kind=Event.Kind.MOVED).last()
    status = application.get_status_display()
    if latest is None or latest.to_status != application.status:
        return _("Nothing was done: the application’s status is “%(status)s”.") % {"status": status}
    return _("Nothing was done: %(who)s has set the status to “%(status)s” on %(when)s.") % {
        "who": latest.actor_name or (_("the student") if latest.actor == Event.Actor.STUDENT else _("the system")),
        "status": status,
        "when": date_format(timezone.localtime(latest.created_at), "SHORT_DATETIME_FORMAT"),
    }


def erase(application: Application, *, if_still_in: QuerySet[Application] | None = None) -> bool:
    """Remove an application with its rows, its documents and its letters. The place of an accepted one stays taken.

    With `if_still_in`, only while it belongs to those, asked under the lock; returns whether it was erased.
    """
    with transaction.atomic():
        application = _lock(application)
        if if_still_in is not None and not if_still_in.filter(pk=application.pk).exists():
            return False
        application.erase()
    return True


# What every verb uses


def _lock(application: Application) -> Application:
    """The application as it is now, with its project, both locked until the end of the transaction.

    Raises Application.DoesNotExist when it has been erased.
    """
    project = Project.objects.select_for_update().get(pk=application.project_id)
    locked = Application.objects.select_for_update().get(pk=application.pk)
    locked.project = project
    return locked


def _move(application: Application, to_status: str, *, by=None, reason: str = "", decision=None) -> None:
    """The one function that changes a status. The caller holds the locks and has asked the table of moves."""
    from_status = application.status
    _take_or_free_place(application.project, from_status, to_status)
    application.status = to_status
    application.status_changed_at = timezone.now()
    application.save(update_fields=["status", "status_changed_at", "email_key"])
    _record(
        application,
        Event.Kind.MOVED,
        by=by,
        text=reason.strip(),
        from_status=from_status,
        to_status=to_status,
        decision=decision,
    )


def refuse_unless_place_left(project: Project) -> None:
    """Raise Refused `full` when nobody can be accepted to `project` any more."""
    if project.is_full():
        raise Refused("full", _("All places of this project are taken, so this offer cannot be accepted any more."))


def _take_or_free_place(project: Project, from_status: str, to_status: str) -> None:
    change = (to_status == Status.ACCEPTED) - (from_status == Status.ACCEPTED)
    if change > 0:
        refuse_unless_place_left(project)
    if change:
        project.places_taken = max(project.places_taken + change, 0)
        project.save(update_fields=["places_taken"])


def _record(
    application: Application,
    kind: str,
    *,
    by=None,
    text: str = "",
    from_status: str = "",
    to_status: str = "",
    decision: Decision | None = None,
) -> Event:
    return Event.objects.create(
        application=application,
        kind=kind,
        actor=Event.Actor.REVIEWER if by else Event.Actor.STUDENT,
        user=by,
        actor_name=(by.get_full_name() or by.get_username()) if by else "",
        text=text,
        from_status=from_status,
        to_status=to_status,
        decision=decision,
    )
