"""The worker's side: sending what is due, row by row, outside of any transaction."""

import dataclasses
import datetime
import logging
import smtplib
from collections.abc import Callable
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from applications.letters import pacing
from applications.letters.placeholders import INVITATION_LINK, MANAGE_LINK, PASSWORD_LINK
from applications.mail import letter_file
from applications.models import Letter
from applications.tokens import invitation_link, manage_link, password_link

logger = logging.getLogger(__name__)

# Pauses after a failed attempt: short at first for a hiccup, then growing to an hour.
PAUSES = [datetime.timedelta(seconds=s) for s in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600)]
GIVE_UP_AFTER = datetime.timedelta(days=5)  # as long as mail servers themselves try
# Longer than EMAIL_TIMEOUT for each step of an SMTP conversation, so that a slow worker's letter is not sent twice.
LEASE = datetime.timedelta(minutes=10)


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
    pacing.hold_back()
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
    letter = Letter.objects.select_related("application", "invitation", "user").filter(pk=pk).first()
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
    pacing.note_sent(letter)
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
    """The e-mail as it goes out: the one place where a personal link is filled in, for its own person only."""
    body = letter.body
    if letter.to_student:
        body = body.replace(MANAGE_LINK, manage_link(letter.application))
    if letter.invitation is not None:
        body = body.replace(INVITATION_LINK, invitation_link(letter.invitation))
    if letter.kind == Letter.Kind.PASSWORD and letter.user is not None and letter.user.email == letter.recipient:
        body = body.replace(PASSWORD_LINK, password_link(letter.user, letter.created_at))
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
