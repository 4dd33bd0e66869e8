"""The outbox: every letter is sent once, delayed rather than lost, and says only what its reader may know."""

import datetime
import email
import email.policy
import logging
import socket
import threading
import time
from email.headerregistry import Address
from io import StringIO

import pytest
from aiosmtpd.controller import Controller
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from applications import letters, workflow
from applications.mail import LetterFolderBackend, letter_file
from applications.models import Letter
from applications.tokens import manage_link, manage_token
from projects.models import CoAdvisor, Project

# A mail server


class MailServer:
    """A real SMTP server on the loopback; `answer` decides what it says to a recipient."""

    def __init__(self) -> None:
        self.messages: list = []
        self.answer = lambda address: "250 OK"
        self.sender_answer = "250 OK"
        self.pause = 0.0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller: Controller | None = None

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        envelope.mail_from = address
        return self.sender_answer

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        answer = self.answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        message.recipients = envelope.rcpt_tos
        message.raw = envelope.content
        self.messages.append(message)
        time.sleep(self.pause)
        return "250 OK"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None


@pytest.fixture
def mail_server(settings):
    """Running, and the product is set to send through it."""
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # the server tells of every line
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clock(monkeypatch):
    """Moves the product's clock on; it stands still from then."""

    def advance(**by) -> None:
        moment = timezone.now() + datetime.timedelta(**by)
        monkeypatch.setattr(timezone, "now", lambda: moment)

    return advance


def letter_in_folder(letter: Letter):
    return email.message_from_bytes(letter_file(letter.message_id).read_bytes(), policy=email.policy.default)


# What goes out


def test_a_letter_arrives_through_a_mail_server_as_it_was_written(make_application, mail_server, settings):
    settings.EMAIL_FROM = "Tracker <noreply@example.org>"
    application = make_application(full_name="Zoë Müller-Åberg", email="zoe@müller.example")

    assert letters.send_due() == letters.Receipt(sent=3)

    receipt = next(message for message in mail_server.messages if message["To"].endswith("mller-kva.example"))
    letter = application.letters.get(kind="received")
    assert receipt.recipients == ["zoe@xn--mller-kva.example"]
    assert receipt["Subject"].strip() == letter.subject
    assert receipt["Message-ID"] == letter.message_id
    assert receipt["From"].addresses == (Address("Sofia Supervisor", "noreply", "example.org"),)
    assert receipt["Reply-To"] == "sofia@example.org"
    assert receipt["Auto-Submitted"] == "auto-generated"
    text = receipt.get_content().replace("\r\n", "\n")
    assert text.strip() == letter.body.replace(letters.MANAGE_LINK, manage_link(application)).strip()
    assert "Zoë Müller-Åberg" in text
    assert application.reference in receipt["Subject"] + text
    assert application.project.title in receipt["Subject"] + text
    letter.refresh_from_db()
    assert letter.status == "sent"
    assert letter.sent_at is not None


def test_without_a_mail_server_letters_lie_in_the_folder_under_their_message_id(application, letter_files):
    letters.send_due()
    names = {f"{letter.message_id.strip('<>')}.eml" for letter in application.letters.all()}
    assert {path.name for path in letter_files()} == names
    assert all(path.stat().st_mode & 0o077 == 0 for path in letter_files())
    assert letter_in_folder(application.letters.get(kind="received"))["To"] == "ada@example.org"


def test_each_letter_is_sent_once_however_often_the_worker_passes(application, mail_server):
    assert letters.send_due().sent == 3
    assert letters.send_due() == letters.Receipt()
    assert len(mail_server.messages) == 3


def test_a_name_with_a_line_break_cannot_add_a_header(make_application, mail_server):
    application = make_application(full_name="Ada\r\nBcc: everyone@example.org\r\n\r\nBuy this")
    assert letters.send_due().sent == 3
    for message in mail_server.messages:
        assert message["Bcc"] is None
        assert message.recipients in (["ada@example.org"], ["sofia@example.org"], ["carl@example.org"])
        assert "\n" not in message["Subject"]
    assert application.letters.filter(status="sent").count() == 3


def test_a_letter_whose_header_cannot_be_written_fails_visibly_and_holds_up_no_other(application, mail_server):
    application.letters.filter(kind="received").update(subject="Hello\nBcc: everyone@example.org")
    assert letters.send_due() == letters.Receipt(sent=2, failed=1)
    failed = application.letters.get(status="failed")
    assert "BadHeaderError" in failed.last_error


def test_letters_from_a_project_without_supervisor_reach_the_person_of_the_settings(
    make_application, project, settings
):
    settings.SUPERVISOR_EMAIL, settings.SUPERVISOR_NAME = "office@example.org", "Study Office"
    Project.objects.update(supervisor=None)
    application = make_application()
    receipt = application.letters.get(kind="received")
    assert (receipt.reply_to, receipt.sender_name) == ("office@example.org", "Study Office")
    assert application.letters.filter(kind="notice_received", recipient="office@example.org").count() == 1


# The manage link


def test_the_manage_link_is_filled_in_only_while_sending_and_stands_in_no_row(application, supervisor, mail_server):
    workflow.decide(application, "offered", by=supervisor)
    workflow.send_link(application.email)
    letters.send_due()

    token = manage_token(application)
    to_student = [message for message in mail_server.messages if message.recipients == ["ada@example.org"]]
    assert len(to_student) == 3
    assert all(manage_link(application) in message.get_content() for message in to_student)
    for model in apps.get_models():
        for row in model._default_manager.values():
            assert token not in str(row), model


def test_letters_to_reviewers_never_carry_the_manage_link(make_application, mail_server):
    application = make_application(full_name="{manage_link}", university="{manage_link}")
    workflow.withdraw(application, "{manage_link}")
    application.letters.filter(kind="notice_withdrawn").update(body="Whatever stands here: {manage_link}")
    letters.send_due()
    to_reviewers = [message for message in mail_server.messages if message.recipients != ["ada@example.org"]]
    assert len(to_reviewers) == 4
    assert not any("/open/" in message.get_content() for message in to_reviewers)


def test_a_link_sent_before_the_address_was_corrected_is_dead(application, mail_server):
    letters.send_due()
    workflow.correct_address(application, "ada@example.com")
    letters.send_due()
    first, second = (m for m in mail_server.messages if m.recipients[0].startswith("ada@"))
    assert manage_token(application) in first.get_content()
    assert manage_token(application) not in second.get_content()


# Who is told


def test_a_co_advisor_named_with_the_supervisors_address_is_told_once(make_application, project):
    project.co_advisors.add(CoAdvisor.objects.create(name="Sofia again", email="SOFIA@example.org"))
    project.co_advisors.add(CoAdvisor.objects.create(name="Nobody's mailbox"))
    application = make_application()
    notices = application.letters.filter(kind="notice_received")
    assert sorted(notice.recipient.lower() for notice in notices) == ["carl@example.org", "sofia@example.org"]


def test_a_co_advisor_without_own_address_is_told_at_that_of_their_account(make_application, project):
    CoAdvisor.objects.update(email="")
    recipients = make_application().letters.filter(kind="notice_received").values_list("recipient", flat=True)
    assert "carl@example.org" in recipients


def test_a_co_advisor_without_account_is_told_at_their_address(make_application, project):
    project.co_advisors.add(CoAdvisor.objects.create(name="Gast", email="gast@example.org"))
    assert make_application().letters.filter(kind="notice_received", recipient="gast@example.org").count() == 1


# Nothing is lost


def test_a_dead_mail_server_delays_letters_with_growing_pauses_and_loses_none(application, mail_server, clock):
    mail_server.stop()
    pauses = []
    for attempt in range(1, 13):
        assert letters.send_due() == letters.Receipt(delayed=3)
        letter = application.letters.get(kind="received")
        assert (letter.status, letter.attempts, letter.leased_until) == ("queued", attempt, None)
        assert letter.last_error
        pauses.append(letter.send_after - timezone.now())
        assert letters.send_due() == letters.Receipt(), "nothing is tried before its pause is over"
        clock(seconds=pauses[-1].total_seconds() + 1)
    assert pauses[0] < datetime.timedelta(seconds=15)
    assert pauses == sorted(pauses)
    assert pauses[-1] > datetime.timedelta(minutes=30)

    mail_server.start()
    assert letters.send_due() == letters.Receipt(sent=3)
    assert {letter.last_error for letter in application.letters.all()} == {""}


def test_after_days_without_success_a_letter_is_marked_as_failed_and_can_be_sent_again(application, mail_server, clock):
    mail_server.stop()
    clock(days=6)
    assert letters.send_due() == letters.Receipt(failed=3)

    assert letters.send_again(Letter.objects.all()) == 3

    assert letters.send_due() == letters.Receipt(delayed=3), "it is tried for days again"
    mail_server.start()
    clock(minutes=5)
    assert letters.send_due() == letters.Receipt(sent=3)


def test_a_mail_server_that_hangs_keeps_the_worker_waiting_once_and_not_for_every_letter(application, settings):
    settings.EMAIL_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and never says a word
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        assert letters.send_due() == letters.Receipt(delayed=1)
    assert sorted(application.letters.values_list("status", "attempts")) == [
        ("queued", 0),
        ("queued", 0),
        ("queued", 1),
    ]


@pytest.mark.parametrize(
    ("answer", "status"),
    [("550 no such person", "failed"), ("452 mailbox full", "queued"), ("451 greylisted, come back", "queued")],
)
def test_a_refusal_for_good_fails_and_one_for_now_delays(application, mail_server, answer, status):
    mail_server.answer = lambda address: answer if address.startswith("ada") else "250 OK"
    letters.send_due()
    letter = application.letters.get(kind="received")
    assert letter.status == status
    assert answer[:3] in letter.last_error
    assert application.letters.filter(status="sent").count() == 2


@pytest.mark.parametrize("answer", ["530 authentication required", "550 sender not allowed"])
def test_when_the_mail_server_does_not_let_us_send_at_all_letters_wait_for_the_mended_settings(
    application, mail_server, answer
):
    mail_server.sender_answer = answer
    assert letters.send_due() == letters.Receipt(delayed=3)


def test_a_failed_letter_can_be_sent_again_and_then_arrives_under_the_same_message_id(application, mail_server):
    mail_server.answer = lambda address: "550 no such person"
    letters.send_due()
    failed = application.letters.get(kind="received")
    assert failed.status == "failed"
    mail_server.answer = lambda address: "250 OK"

    assert letters.send_again(Letter.objects.filter(pk=failed.pk)) == 1
    assert letters.send_due().sent == 1

    assert mail_server.messages[-1]["Message-ID"] == failed.message_id
    failed.refresh_from_db()
    assert (failed.status, failed.last_error) == ("sent", "")


def test_sending_again_leaves_sent_and_queued_letters_alone(application, mail_server):
    assert letters.send_again(Letter.objects.all()) == 0
    letters.send_due()
    assert letters.send_again(Letter.objects.all()) == 0
    assert letters.send_due() == letters.Receipt()
    assert len(mail_server.messages) == 3


class DiesAfterSending(LetterFolderBackend):
    """The machine is switched off after the mail server took the letter and before that is noted."""

    def send_messages(self, email_messages) -> int:
        super().send_messages(email_messages)
        raise SystemExit


def test_a_letter_whose_worker_died_is_sent_again_under_the_same_message_id(
    application, settings, mail_server, letter_files, clock
):
    mail_backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.DiesAfterSending"
    with pytest.raises(SystemExit):
        letters.send_due()
    (sent_by_the_dead,) = letter_files()
    settings.EMAIL_BACKEND = mail_backend

    assert letters.send_due().sent == 2, "the lease keeps others off"
    clock(seconds=letters.LEASE.total_seconds() + 1)
    assert letters.send_due().sent == 1

    assert mail_server.messages[-1]["Message-ID"].strip("<>") == sent_by_the_dead.stem
    assert not Letter.objects.exclude(status="sent").exists()


def test_a_worker_that_is_told_to_stop_finishes_its_letter_and_begins_no_other(application, mail_server):
    assert letters.send_due(stopping=lambda: len(mail_server.messages) == 1) == letters.Receipt(sent=1)
    assert Letter.objects.filter(status="queued", leased_until=None).count() == 2, "free for the next worker at once"
    assert letters.send_due().sent == 2


def test_a_lease_is_longer_than_a_slow_mail_server_can_take(settings):
    steps_of_a_conversation = 10  # greeting, EHLO, STARTTLS, EHLO, AUTH (2), MAIL, RCPT, DATA, end of data
    assert letters.LEASE.total_seconds() > steps_of_a_conversation * settings.EMAIL_TIMEOUT


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_send_each_letter_once(make_application, mail_server, at_once):
    for number in range(4):
        make_application(email=f"student{number}@example.org")
    mail_server.pause = 0.005

    receipts = at_once(letters.send_due, letters.send_due, letters.send_due)

    assert sum(receipt.sent for receipt in receipts) == 12
    ids = [message["Message-ID"] for message in mail_server.messages]
    assert len(ids) == len(set(ids)) == 12


@pytest.mark.django_db(transaction=True)
def test_an_application_erased_while_its_letter_is_being_sent_leaves_no_letter(application, settings, letter_files):
    ErasedMeanwhile.erase = lambda: workflow.erase(application)
    settings.EMAIL_BACKEND = f"{__name__}.ErasedMeanwhile"
    letters.send_due()
    assert not Letter.objects.exists()
    assert letter_files() == []


class ErasedMeanwhile(LetterFolderBackend):
    erase = staticmethod(lambda: None)

    def send_messages(self, email_messages) -> int:
        if Letter.objects.exists():
            thread = threading.Thread(target=self._erase_on_a_connection_of_its_own)
            thread.start()
            thread.join()
        return super().send_messages(email_messages)

    def _erase_on_a_connection_of_its_own(self) -> None:
        type(self).erase()
        connection.close()


# The command


def test_send_letters_says_what_it_did(application):
    out = StringIO()
    call_command("send_letters", stdout=out)
    assert out.getvalue() == "Sent: 3\nDelayed: 0\nFailed: 0\n"


def test_send_letters_ends_with_an_error_when_a_letter_did_not_go_out(application, mail_server):
    mail_server.stop()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("send_letters", stdout=out)
    assert "Delayed: 3" in out.getvalue()
