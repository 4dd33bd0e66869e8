"""What the student does: find the way back, correct, complete, withdraw, answer an offer."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from applications import letters, search
from applications.consent import CONSENT_VERSION
from applications.models import Application, Event, FormerAnswers, Letter, Upload, email_key
from applications.models.application import QUESTIONS
from applications.statuses import Status
from applications.workflow.moves import Refused, lock, move, record, refuse_if_too_often
from applications.workflow.submitting import (
    claim,
    may_send_link,
    refuse_unless_documents_complete,
    write_question_answers,
)

# Each correction sends a receipt to an address that nobody has confirmed; strangers must not be flooded this way.
MOST_CORRECTIONS_OF_ADDRESS = 3
# Only who has the link renews it; letters that strangers ask for at `find` do not count.
MOST_RENEWALS_AN_HOUR = 3
MOST_REPLACEMENTS_A_DAY = 20  # every former version is kept


def send_link(address: str) -> None:
    """Queue a letter with the manage link for each application of `address`; silent when there is none.

    The newest first, should there be more than may be asked for in an hour.
    """
    with transaction.atomic():
        for application in Application.objects.filter(email_key=email_key(address)).order_by("-pk"):
            if may_send_link(application, Letter.Kind.LINK):
                letters.link(application)


def renew_link(application: Application) -> Application:
    """Let the manage link die, with every browser that it has let in, and send a new one to the address.

    Raises Refused `too_often` after three in an hour.
    """
    with transaction.atomic():
        application = lock(application)
        words = _("A link is renewed at most three times in an hour. Please try again later.")
        refuse_if_too_often(application, Event.Kind.LINK_RENEWED, MOST_RENEWALS_AN_HOUR, words, hours=1)
        application.link_version += 1
        application.nonce = ""  # the form that handed it in, sent once more, must not let its browser in again
        application.save(update_fields=["link_version", "nonce", "email_key"])
        record(application, Event.Kind.LINK_RENEWED)
        letters.renewed(application)
    return application


def ask_for_erasure(application: Application) -> Application:
    """Tell the supervisor that the student wants an application erased to which there is an answer already.

    Raises Refused `at_once` while the student may erase it alone (`erase`). Asking again is a no-op.
    """
    with transaction.atomic():
        application = lock(application)
        if application.may_be_erased_by_student():
            raise Refused("at_once", _("You can erase this application yourself."))
        if application.erasure_asked_at is None:
            application.erasure_asked_at = timezone.now()
            application.save(update_fields=["erasure_asked_at", "email_key"])
            record(application, Event.Kind.ERASURE_ASKED)
            letters.notice_erasure(application)
    return application


def confirm_address(application: Application) -> None:
    """Note that the address is right: somebody came through the manage link and acted. Again is a no-op."""
    with transaction.atomic():
        confirmed = Application.objects.filter(pk=application.pk, confirmed_at=None).update(confirmed_at=timezone.now())
        if confirmed:
            record(application, Event.Kind.CONFIRMED)
    application.refresh_from_db()


def correct_address(application: Application, address: str) -> Application:
    """Put a typo right: the receipt goes to the new address with a new manage link, and the old link dies.

    Raises Refused: `confirmed` when the address has proved right, `too_often` after MOST_CORRECTIONS_OF_ADDRESS,
    `duplicate` when another live application to the project has the new address.
    """
    with transaction.atomic():
        application = lock(application)
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
        application.nonce = ""
        application.save()
        search.refresh(application)
        # What has not gone out yet, a bounced receipt above all, goes to the right address.
        unsent = application.letters.filter(to_student=True, leased_until=None).exclude(status=Letter.Status.SENT)
        unsent.update(recipient=application.email)
        record(application, Event.Kind.ADDRESS_CORRECTED, text=f"{former} → {application.email}")
        _write_to_the_right_address(application, unsent)
    return application


def _write_to_the_right_address(application: Application, unsent: QuerySet[Letter]) -> None:
    """The first letter once more, with the new link, unless it has not gone out yet."""
    first, write = Letter.Kind.RECEIVED, letters.receipt
    if not application.is_consented:
        first, write = Letter.Kind.ENTERED, letters.entered
    if not unsent.filter(kind=first, status=Letter.Status.QUEUED).exists():
        write(application)


# The student corrects, withdraws, answers an offer


def correct_answers(application: Application, answers: dict[str, Any]) -> Application:
    """Replace the answers, keeping the former ones as a version. Raises Refused `being_read` once reading began."""
    with transaction.atomic():
        application = lock(application)
        _refuse_unless_correctable(application)
        if _keep_answers(application, answers):
            record(application, Event.Kind.ANSWERS_CORRECTED)
    return application


def _keep_answers(application: Application, answers: dict[str, Any]) -> bool:
    """Write the answers that changed, keeping the former ones as a version; False when none did."""
    changed = {name: answers[name] for name in Application.ANSWERS if answers[name] != getattr(application, name)}
    asked = list(answers.get(QUESTIONS, []))
    before = dict(application.question_answers.values_list("question_id", "text"))
    if not changed and all(before.get(question.pk, "") == text for question, text in asked):
        return False
    former = {name: "" if value is None else str(value) for name, value in application.answers.items()}
    former[QUESTIONS] = [list(pair) for pair in application.question_answers.values_list("prompt", "text")]
    FormerAnswers.objects.create(application=application, version=application.answers_version, answers=former)
    for name, value in changed.items():
        setattr(application, name, value)
    application.question_answers.filter(question__in=[question for question, _text in asked]).delete()
    write_question_answers(application, asked)
    application.answers_version += 1
    application.save()
    search.refresh(application)
    return True


def replace_documents(application: Application, uploads: Iterable[Upload]) -> Application:
    """Put new documents in the place of those of the same kind; the former ones are kept as replaced versions.

    Raises Refused: `being_read` once reading began, `too_often`, `uploads_gone`, `infected`.
    """
    uploads = list(uploads)
    with transaction.atomic():
        application = lock(application)
        _refuse_unless_correctable(application)
        words = _("You have replaced documents many times today. Please wait until tomorrow.")
        refuse_if_too_often(application, Event.Kind.DOCUMENTS_REPLACED, MOST_REPLACEMENTS_A_DAY, words)
        _put_in_place(application, uploads)
        record(application, Event.Kind.DOCUMENTS_REPLACED)
    return application


def _put_in_place(application: Application, uploads: list[Upload]) -> None:
    for group in {upload.group for upload in uploads}:
        same = application.documents.of_group(group)
        newest = max(same.values_list("version", flat=True), default=0)
        same.current().update(replaced_at=timezone.now())
        claim(application, [upload for upload in uploads if upload.group == group], version=newest + 1)
    if uploads:
        search.refresh(application)


def complete(application: Application, *, answers: dict[str, Any], uploads: Iterable[Upload]) -> Application:
    """The student completes an application that was entered by hand, and consents; the address is right, then.

    Also with an offer or a place, because consent is needed all the more then. Raises Refused: `consented` when that
    has happened already, `not_allowed` when it is declined or withdrawn, `documents_missing` without a CV and a
    transcript, `uploads_gone`, `infected`.
    """
    uploads = list(uploads)
    with transaction.atomic():
        application = lock(application)
        if application.is_consented:
            raise Refused("consented", _("Your application is complete already. Thank you."))
        if application.status in (Status.DECLINED, Status.WITHDRAWN):
            raise Refused("not_allowed", not_possible_any_more(application))
        _keep_answers(application, answers)
        _put_in_place(application, uploads)
        refuse_unless_documents_complete(application)
        application.consent_version = CONSENT_VERSION
        application.language = get_language() or application.language  # the one who entered it could only guess
        application.save(update_fields=["consent_version", "language", "email_key"])
        record(application, Event.Kind.CONSENTED)
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


def not_possible_any_more(application: Application) -> str:
    """What the student reads when the status stands against it."""
    return _("This is not possible any more: your application’s status is “%(status)s”.") % {
        "status": application.status_for_student
    }


def withdraw(application: Application, reason: str = "") -> Application:
    """The student withdraws, or turns down an offer. Raises Refused `not_allowed` where nothing can be withdrawn."""
    return _move_by_student(application, Status.WITHDRAWN, reason)


def accept_offer(application: Application) -> Application:
    """The student accepts the offer, which takes a place.

    Raises Refused: `not_allowed`, `lapsed`, `full`, `not_consented` while what was entered by hand waits for consent.
    """
    return _move_by_student(application, Status.ACCEPTED)


def _move_by_student(application: Application, to_status: str, reason: str = "") -> Application:
    with transaction.atomic():
        application = lock(application)
        if not application.student_may_move_to(to_status):
            raise Refused("not_allowed", not_possible_any_more(application))
        if to_status == Status.ACCEPTED and not application.is_consented:
            raise Refused("not_consented", _("Please complete your application and agree first."))
        if to_status == Status.ACCEPTED and application.offer_has_lapsed:
            raise Refused(
                "lapsed",
                _("The offer stood until %(day)s, so it cannot be accepted any more. Please write to the supervisor.")
                % {"day": date_format(application.offer_lapses_on, "DATE_FORMAT")},
            )
        move(application, to_status, reason=reason)
        if to_status == Status.ACCEPTED:
            letters.accepted(application)
            letters.notice_accepted(application)
        else:
            letters.withdrawn(application)
            letters.notice_withdrawn(application)
    return application
