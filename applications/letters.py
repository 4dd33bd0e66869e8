"""The letters: one function each, so that this file is their table of contents; and the worker's side, sending.

Writing a letter adds a row in the caller's transaction. Sending happens later, in the worker, row by row.
"""

import dataclasses
import datetime
import logging
import smtplib
import uuid
from collections.abc import Callable
from email.utils import formataddr, parseaddr
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from applications.mail import letter_file
from applications.models import Application, Decision, Letter
from applications.tokens import manage_link

logger = logging.getLogger(__name__)

MANAGE_LINK = "{manage_link}"  # stands in stored letters; the link itself exists only in the mail that is sent
PERSONAL_LINE = "{personal_line}"  # where a reviewer's own words go

# Pauses after a failed attempt: short at first for a hiccup, then growing to an hour.
PAUSES = [datetime.timedelta(seconds=s) for s in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600)]
GIVE_UP_AFTER = datetime.timedelta(days=5)  # as long as mail servers themselves try
# Longer than EMAIL_TIMEOUT for each step of an SMTP conversation, so that a slow worker's letter is not sent twice.
LEASE = datetime.timedelta(minutes=10)


@dataclasses.dataclass(frozen=True)
class Wording:
    """The subject and body of a letter, ready to be stored; the body may hold MANAGE_LINK."""

    subject: str
    body: str


# Letters to the student


def receipt(application: Application) -> Letter:
    return _to_student(application, Letter.Kind.RECEIVED)


def applied_again(application: Application) -> Letter:
    return _to_student(application, Letter.Kind.APPLIED_AGAIN)


def link(application: Application) -> Letter:
    return _to_student(application, Letter.Kind.LINK)


def withdrawn(application: Application) -> Letter:
    return _to_student(application, Letter.Kind.WITHDRAWN)


def accepted(application: Application) -> Letter:
    return _to_student(application, Letter.Kind.ACCEPTED)


def decision(application: Application, made: Decision, kind: str, wording: Wording) -> Letter:
    """The letter of a reviewers' decision, in the wording that they saw and may have edited."""
    return _queue(application, kind, application.email, wording, to_student=True, decision=made)


# Notices to the supervisor and the co-advisors: name, project, link; never a document


def notice_received(application: Application) -> list[Letter]:
    return _to_reviewers(application, Letter.Kind.NOTICE_RECEIVED)


def notice_accepted(application: Application) -> list[Letter]:
    return _to_reviewers(application, Letter.Kind.NOTICE_ACCEPTED)


def notice_withdrawn(application: Application) -> list[Letter]:
    return _to_reviewers(application, Letter.Kind.NOTICE_WITHDRAWN)


# Wording


def standard_wording(application: Application, kind: str) -> Wording:
    """The standard letter of `kind` in the application's language; holds PERSONAL_LINE where a reviewer may add one."""
    context = {
        "application": application,
        "name": _without_braces(application.full_name),
        "documents": partial(_documents_by_name, application),
        "project": application.project,
        "supervisor": supervisor_name(application),
        "manage_link": MANAGE_LINK,
        "personal_line": PERSONAL_LINE,
        "site_url": settings.SITE_URL,
        "answer_days": settings.PROMISED_ANSWER_DAYS,
    }
    with translation.override(application.language):
        subject = render_to_string(f"applications/letters/{kind}.subject.txt", context)
        body = render_to_string(f"applications/letters/{kind}.body.txt", context)
    return Wording(" ".join(subject.split())[:200], body.strip() + "\n")


def _without_braces(text: str) -> str:
    """What a student typed, so that it is never taken for one of our placeholders."""
    return text.translate({ord("{"): "(", ord("}"): ")"})


def _documents_by_name(application: Application) -> list[dict]:
    return [
        {"label": document.label, "name": _without_braces(document.original_name), "pages": document.pages}
        for document in application.current_documents()
    ]


def with_personal_line(wording: Wording, personal_line: str = "") -> Wording:
    """`wording` with the reviewer's own words in their place (at the end when the place was edited away)."""
    line = personal_line.strip()
    body = wording.body
    if PERSONAL_LINE in body:
        body = body.replace(PERSONAL_LINE, line)
    elif line:
        body = f"{body.rstrip()}\n\n{line}\n"
    paragraphs = [part.strip("\n") for part in body.replace("\r\n", "\n").split("\n\n")]
    return Wording(wording.subject, "\n\n".join(part for part in paragraphs if part.strip()).rstrip() + "\n")


def with_reference(application: Application, wording: Wording) -> Wording:
    """`wording` with a last line that names reference and project, where an edit has taken them out.

    A student with several applications must know which one a letter is about, and so must whoever answers it.
    """
    words = f"{wording.subject}\n{wording.body}"
    if application.reference in words and application.project.title in words:
        return wording
    with translation.override(application.language):
        line = _("Application %(reference)s, “%(title)s”") % {
            "reference": application.reference,
            "title": application.project.title,
        }
    return Wording(wording.subject, f"{wording.body.rstrip()}\n\n{line}\n")


def supervisor_name(application: Application) -> str:
    supervisor = application.project.supervisor
    return (supervisor and supervisor.get_full_name()) or settings.SUPERVISOR_NAME


def supervisor_email(application: Application) -> str:
    supervisor = application.project.supervisor
    return (supervisor and supervisor.email) or settings.SUPERVISOR_EMAIL


def reviewer_addresses(application: Application) -> list[str]:
    """Supervisor first, then the co-advisors who have an address; each address once."""
    addresses = [supervisor_email(application)]
    for co_advisor in application.project.co_advisors.select_related("user"):
        addresses.append(co_advisor.email or (co_advisor.user.email if co_advisor.user else ""))
    return list({address.casefold(): address for address in addresses if address}.values())


def _to_student(application: Application, kind: str) -> Letter:
    wording = with_personal_line(standard_wording(application, kind))
    return _queue(application, kind, application.email, wording, to_student=True)


def _to_reviewers(application: Application, kind: str) -> list[Letter]:
    wording = standard_wording(application, kind)
    return [
        _queue(application, kind, address, wording, to_student=False) for address in reviewer_addresses(application)
    ]


def _queue(
    application: Application,
    kind: str,
    recipient: str,
    wording: Wording,
    *,
    to_student: bool,
    decision: Decision | None = None,
) -> Letter:
    return Letter.objects.create(
        application=application,
        decision=decision,
        kind=kind,
        to_student=to_student,
        recipient=recipient,
        reply_to=supervisor_email(application),
        sender_name=supervisor_name(application) if to_student else "",
        subject=wording.subject,
        body=wording.body,
        language=application.language,
        message_id=f"<{uuid.uuid4()}@{settings.SITE_HOST}>",
    )


# Sending


@dataclasses.dataclass
class Receipt:
    """What one pass did."""

    sent: int = 0
    delayed: int = 0
    failed: int = 0


def send_due(limit: int = 100, *, stopping: Callable[[], bool] = lambda: False) -> Receipt:
    """Send up to `limit` letters that are due, each once; safe beside other workers doing the same.

    A letter is claimed by a conditional UPDATE with a lease (row locks do nothing on SQLite), sent outside of any
    transaction, and marked. A worker that dies in between leaves the lease to run out, then another worker sends it
    again under the same Message-ID: at least once, never lost. The pass ends when the mail server hangs: each
    further letter would keep the worker waiting for EMAIL_TIMEOUT. It also ends before the next letter when
    `stopping` says so: a worker that takes too long to stop is killed, perhaps in the middle of a letter.
    """
    receipt = Receipt()
    for pk in list(Letter.objects.due().order_by("send_after", "pk").values_list("pk", flat=True)[:limit]):
        if stopping():
            break
        letter = _claim(pk)
        if letter is not None and not _deliver(letter, receipt):
            break
    return receipt


def send_again(letters) -> int:
    """Queue failed letters again, as if new; returns how many. Sent ones and queued ones are left as they are."""
    return letters.filter(status=Letter.Status.FAILED).update(
        status=Letter.Status.QUEUED, attempts=0, send_after=timezone.now(), queued_at=timezone.now(), leased_until=None
    )


def _claim(pk: int) -> Letter | None:
    """The letter, if this worker got it; None when another was faster."""
    now = timezone.now()
    if not Letter.objects.due(now).filter(pk=pk).update(leased_until=now + LEASE):
        return None
    letter = Letter.objects.select_related("application__project__supervisor").filter(pk=pk).first()
    if letter and letter.to_student and letter.recipient != letter.application.email:
        # Address and link come from one reading of the application: the new link of a corrected address never goes to
        # the mistyped one, not even in a letter that was being sent when the address was corrected.
        letter.recipient = letter.application.email
        letter.save(update_fields=["recipient"])
    return letter


def _deliver(letter: Letter, receipt: Receipt) -> bool:
    """Send the letter and mark it. False when the mail server hangs, so that no other letter should wait for it now."""
    try:
        as_message(letter).send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        _note_failure(letter, error, receipt)
        return not _hangs(error)
    marked = Letter.objects.filter(pk=letter.pk).update(
        status=Letter.Status.SENT,
        sent_at=timezone.now(),
        leased_until=None,
        last_error="",
        attempts=letter.attempts + 1,
    )
    receipt.sent += 1
    if not marked:  # the application was erased in the meantime
        letter_file(letter.message_id).unlink(missing_ok=True)
    return True


def _note_failure(letter: Letter, error: Exception, receipt: Receipt) -> None:
    """Queue the letter for another attempt after a pause, or give it up where no attempt can help."""
    now = timezone.now()
    attempts = letter.attempts + 1
    gives_up = _is_final(error) or now - letter.queued_at > GIVE_UP_AFTER
    Letter.objects.filter(pk=letter.pk).update(
        status=Letter.Status.FAILED if gives_up else Letter.Status.QUEUED,
        attempts=attempts,
        send_after=now + PAUSES[min(attempts, len(PAUSES)) - 1],
        leased_until=None,
        last_error=f"{type(error).__name__}: {error}"[:500],
    )
    receipt.failed += gives_up
    receipt.delayed += not gives_up
    logger.warning("Letter %s was not sent (%s), attempt %s.", letter.message_id, type(error).__name__, attempts)


def _hangs(error: Exception) -> bool:
    """Whether the mail server kept us waiting in vain (smtplib reports a silence while it reads as a disconnection)."""
    return isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected)


def _is_final(error: Exception) -> bool:
    """Whether the mail server refused this very letter for good (5xx), so that trying again is of no use."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _words in error.recipients.values())
    if isinstance(
        error,
        smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError | smtplib.SMTPHeloError | smtplib.SMTPSenderRefused,
    ):
        return False  # the server's or our configuration is at fault, not the letter
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, ValueError)  # a header that cannot be written


def as_message(letter: Letter) -> EmailMessage:
    """The e-mail as it goes out, with the manage link filled in when it goes to the student."""
    body = letter.body
    if letter.to_student:
        body = body.replace(MANAGE_LINK, manage_link(letter.application))
    name, address = parseaddr(settings.EMAIL_FROM)
    return EmailMessage(
        subject=letter.subject,
        body=body,
        from_email=formataddr((letter.sender_name or name, address)),
        to=[letter.recipient],
        reply_to=[letter.reply_to],
        headers={"Message-ID": letter.message_id, "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
