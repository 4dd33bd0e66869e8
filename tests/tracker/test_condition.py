"""What is wrong stands on the desk: for whoever runs the server all of it, with remedies; for others what is theirs."""

import datetime
import re
import threading
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from applications import client_address, disk_space, limits, scanning, workflow
from applications.management.commands import run_worker
from applications.models import Chore, Decision, Document, Letter, Upload
from applications.models.document import StoredFile
from tracker import condition

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def all_well(settings) -> None:
    """A worker that was seen a moment ago, and a disk that is large enough, whatever machine this runs on."""
    settings.DISK_RESERVE_BYTES = 0
    Chore.note_success(Chore.WORKER)
    Chore.note_success(Chore.WORKERS_OTHER_TASKS)


def ago(**time) -> datetime.datetime:
    return timezone.now() - datetime.timedelta(**time)


def as_shown(when: datetime.datetime) -> str:
    return date_format(timezone.localtime(when), "DATETIME_FORMAT")


def worker_stopped_at(when: datetime.datetime) -> None:
    Chore.objects.update(ran_at=when, succeeded_at=when)


def troubles(browser) -> list[str]:
    """What the desk says is wrong, each with its remedy."""
    page = " ".join(unescape(browser.get("/admin/").content.decode()).split())
    items = re.findall(r'<li class="is-(?:trouble|soon)"> (.*?) </li>', page)
    return [without_markup(item) for item in items]


def foot(browser) -> str:
    """The quiet lines for whoever runs the server; empty where there are none."""
    page = " ".join(unescape(browser.get("/admin/").content.decode()).split())
    section = re.search(r'<section class="desk-section desk-running".*?</section>', page)
    return without_markup(section[0]) if section else ""


def without_markup(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture
def operator(signed_in, superuser):
    """The browser of whoever runs the server."""
    return signed_in(superuser)


@pytest.fixture
def reviewer(signed_in, supervisor, project):
    """The browser of a supervisor who does not run the server."""
    return signed_in(supervisor)


# Nothing is wrong


def test_a_new_installation_shows_no_trouble_and_no_advice(operator):
    assert troubles(operator) == []
    assert "all well" in foot(operator)
    assert "backup of this site" not in foot(operator)


def test_when_all_is_well_the_operator_sees_when_everything_ran_last(operator):
    backup, check = ago(hours=7), ago(days=2)
    Chore.note_success("backup", now=backup)
    Chore.note_success("check_documents", now=check)

    said = foot(operator)

    seen = as_shown(Chore.objects.get(name=Chore.WORKER).ran_at)
    for label, moment in (("Worker last seen", seen), ("Last backup", as_shown(backup)), ("checked", as_shown(check))):
        assert re.search(rf"{label} {re.escape(moment)}", said)


def test_who_only_reviews_sees_nothing_of_the_server(reviewer):
    assert troubles(reviewer) == []
    assert foot(reviewer) == ""


# The worker


def test_a_worker_that_was_not_seen_is_the_operators_to_start(operator):
    stopped = ago(minutes=6)
    worker_stopped_at(stopped)

    [said] = troubles(operator)

    assert said.startswith(
        f"The worker was last seen on {as_shown(stopped)}. Until it runs, letters and decisions wait"
    )
    assert "run_worker" in said


def test_supervisors_are_told_that_letters_do_not_go_out_and_whom_to_tell(reviewer):
    stopped = ago(minutes=6)
    worker_stopped_at(stopped)

    [said] = troubles(reviewer)

    assert said.startswith(f"Letters and decisions have not gone out since {as_shown(stopped)}. Nothing is lost.")
    assert "run_worker" not in said


def test_a_worker_that_never_ran_is_told_as_such(operator, reviewer):
    Chore.objects.all().delete()
    assert troubles(operator)[0].startswith("The worker has not run yet.")
    assert troubles(reviewer)[0].startswith("Letters and decisions do not go out yet.")


def test_a_worker_seen_four_minutes_ago_is_no_trouble(operator, reviewer):
    worker_stopped_at(ago(minutes=4))
    assert troubles(operator) == troubles(reviewer) == []


def test_one_of_several_workers_is_enough(operator):
    Chore.objects.filter(name=Chore.WORKERS_OTHER_TASKS).update(ran_at=ago(minutes=30))
    assert troubles(operator) == []


def test_a_task_that_does_not_end_is_seen_although_letters_go_out(operator, reviewer):
    Chore.objects.filter(name=Chore.WORKERS_OTHER_TASKS).update(ran_at=ago(hours=2))
    [said] = troubles(operator)
    assert "does not end" in said
    assert "Restart the worker" in said
    assert troubles(reviewer) == []


def test_a_task_that_fails_is_named_with_its_time_and_kind_of_fault(operator, reviewer):
    since = ago(hours=3)
    Chore.note_failure("erase", "OperationalError", now=since)

    assert troubles(operator) == [
        f"Erasing applications whose time is over: this has been failing since {as_shown(since)} (OperationalError). "
        "It is tried again by itself. The log says more."
    ]
    assert troubles(reviewer) == []

    Chore.note_success("erase")
    assert troubles(operator) == []


def test_every_task_of_the_worker_has_words_for_the_desk():
    tasks = run_worker.prompt_tasks(threading.Event()) + run_worker.other_tasks(threading.Event())
    signs_of_life = {Chore.WORKER, Chore.WORKERS_OTHER_TASKS}
    assert {task.name for task in tasks} - signs_of_life == condition.TASKS.keys()


def test_a_command_that_nobody_has_given_words_is_named_all_the_same(operator):
    Chore.note_failure("something new", "OSError: No space left on device")
    [said] = troubles(operator)
    assert said.startswith("something new: this has been failing since")
    assert "No space left on device" in said


# Letters and decisions


def late_letter(application, **more) -> Letter:
    letter = baker.make(
        Letter, application=application, kind="message", recipient=application.email, status="queued",
        **{"send_after": ago(minutes=16)} | more,
    )  # fmt: skip
    application.letters.exclude(pk=letter.pk).update(status="sent", sent_at=timezone.now())
    return letter


IN_VAIN = {
    "attempts": 4,
    "last_error": "SMTPRecipientsRefused: {'ada@example.org': (451, b'later')}",
    "send_after": timezone.now() + datetime.timedelta(minutes=20),
}


def test_a_letter_that_the_mail_server_does_not_take_is_told_without_naming_anybody(operator, reviewer, application):
    since = ago(hours=2)
    late_letter(application, queued_at=since, **IN_VAIN)

    [to_operator], [to_reviewer] = troubles(operator), troubles(reviewer)

    assert to_operator.startswith(
        f"1 letter has not gone out since {as_shown(since)}: the mail server does not take it (SMTPRecipientsRefused)."
    )
    assert "EMAIL_URL" in to_operator
    assert to_reviewer.startswith("1 letter is late. Nothing is lost.")
    assert "ada@example.org" not in to_operator + to_reviewer


def test_the_late_letters_are_one_click_away(operator, reviewer, application):
    letter = late_letter(application, queued_at=ago(hours=2), **IN_VAIN)
    for browser in (operator, reviewer):
        page = unescape(browser.get("/admin/").content.decode())
        address = re.search(r'href="(/admin/applications/letter/[^"]+queued)"', page)[1]
        assert list(browser.get(address).context_data["cl"].result_list) == [letter]


def test_a_letter_that_is_tried_again_for_half_an_hour_is_no_trouble_yet(operator, reviewer, application):
    late_letter(application, queued_at=ago(minutes=40), **IN_VAIN)
    assert troubles(operator) == troubles(reviewer) == []


def test_a_letter_that_nobody_takes_is_told(operator, reviewer, application):
    late_letter(application)
    assert troubles(operator)[0].startswith("1 letter has been waiting for longer than 15 minutes. The worker runs and")
    assert troubles(reviewer)[0].startswith("1 letter is late.")


def test_while_no_worker_runs_its_consequences_are_not_told_one_by_one(operator, reviewer, application):
    late_letter(application)
    worker_stopped_at(ago(hours=1))
    assert len(troubles(operator)) == len(troubles(reviewer)) == 1


def test_other_peoples_late_letters_concern_nobody_else(signed_in, other_supervisor, other_project, application):
    late_letter(application)
    assert troubles(signed_in(other_supervisor)) == []


def test_a_decision_that_does_not_take_effect_is_told(operator, reviewer, supervisor, application, settings):
    settings.RELEASE_DELAY = 10
    decision = workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    assert troubles(reviewer) == []

    Decision.objects.filter(pk=decision.pk).update(effective_at=ago(minutes=6))

    for browser in (operator, reviewer):
        assert troubles(browser)[0].startswith("1 released decision should be in force and is not.")


# Documents, disk and backups


def test_documents_that_wait_for_the_scanner_are_told_where_there_is_one(operator, reviewer, application, settings):
    application.documents.filter(kind="cv").update(scan=StoredFile.Scan.WAITING, created_at=ago(minutes=20))
    assert troubles(operator) == []  # without CLAMD_URL nobody promised it

    settings.CLAMD_URL = "tcp://127.0.0.1:1"

    assert scanning.backlog().files == 1
    [said] = troubles(operator)
    assert said.startswith("1 document has been waiting for the malware scanner since")
    assert "CLAMD_URL" in said
    Document.objects.update(created_at=timezone.now())
    assert troubles(operator) == []


def test_documents_that_do_not_agree_with_their_files_are_told(operator, reviewer):
    Chore.note_failure("check_documents", "2 missing")
    [said] = troubles(operator)
    assert said.startswith("Documents have not agreed with their files since")
    assert "2 missing" in said
    assert troubles(reviewer) == []


MB = 1024 * 1024


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (
            400 * MB,
            "Students cannot send files: 400.0 MB are left on the disk, and 500.0 MB must stay free (DISK_RESERVE_MB).",
        ),
        (900 * MB, "Only 900.0 MB are left on the disk of the documents; below 500.0 MB no files are taken."),
        (1100 * MB, None),
    ],
)
def test_a_disk_that_gets_full_is_told_before_and_when_it_is(operator, settings, monkeypatch, free, words):
    settings.DISK_RESERVE_BYTES = 500 * MB
    monkeypatch.setattr(disk_space, "free_bytes", lambda: free)
    said = " ".join(troubles(operator)).replace("\xa0", " ")
    assert said.startswith(words) if words else said == ""


@pytest.mark.parametrize(
    ("quota", "words"), [(1000, "Students cannot send files"), (1200, "Files that nobody"), (2000, None)]
)
def test_files_that_nobody_sends_off_are_told_when_they_take_all_the_room(operator, settings, quota, words):
    baker.make(Upload, size=1000, flags=[])
    settings.UNCLAIMED_MAX_BYTES = quota
    said = " ".join(troubles(operator))
    assert said.startswith(words) if words else said == ""


def test_reviewers_are_told_when_no_files_are_taken_and_not_before(reviewer, settings):
    baker.make(Upload, size=1000, flags=[])
    settings.UNCLAIMED_MAX_BYTES = 1200
    assert troubles(reviewer) == []

    settings.UNCLAIMED_MAX_BYTES = 1000

    [said] = troubles(reviewer)
    assert said.startswith("Students cannot send files: there is no room for them on the server. Nothing is lost.")
    assert "UNCLAIMED_MAX_MB" not in said


def test_a_backup_that_is_old_is_told_and_a_recent_one_is_not(operator):
    made = ago(days=9)
    Chore.note_success("backup", now=made)
    assert troubles(operator)[0].startswith(f"The last backup was made on {as_shown(made)}.")

    Chore.note_success("backup", now=ago(days=7))
    assert troubles(operator) == []


def test_a_backup_that_failed_is_told(operator):
    Chore.note_failure("backup", "OSError: No space left on device")
    assert "No space left on device" in troubles(operator)[0]


@pytest.mark.parametrize(
    ("words", "remedy", "other"),
    [
        (f"2 {condition.DAMAGED}", "check_documents", "backup --help"),
        (condition.WITHOUT_LEDGER, "ERASURE_LEDGER", "backup --help"),
        ("OSError: No space left on device", "backup --help", "ERASURE_LEDGER"),
    ],
)
def test_a_backup_that_failed_has_the_remedy_of_what_failed(operator, words, remedy, other):
    Chore.note_failure("backup", words)
    [said] = troubles(operator)
    assert remedy in said
    assert other not in said


def test_a_ledger_of_another_key_is_not_said_to_mend_itself(operator):
    Chore.note_failure("ledger", "NotOurs")
    [said] = troubles(operator)
    assert "put back the key that belongs to it" in said
    assert "tried again" not in said

    Chore.note_failure("ledger", "PermissionError: Permission denied")
    assert "tried again by itself" in troubles(operator)[0]


def test_without_any_backup_after_some_days_not_all_is_well(operator):
    User.objects.update(date_joined=ago(days=4))
    assert troubles(operator)[0].startswith("There is no backup of this site yet.")
    assert "all well" not in foot(operator)


# Settings and surroundings


def test_debug_is_told(operator, settings):
    settings.DEBUG = True
    assert troubles(operator)[0].startswith("DEBUG is on")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_on_ones_own_machine_letters_in_a_folder_and_a_password_alone_are_fine(operator, settings, address):
    settings.SITE_URL = address
    assert troubles(operator) == []
    assert "password alone" not in foot(operator)


def test_a_public_site_that_sends_no_letters_is_told(operator, settings):
    settings.SITE_URL = "https://apply.example.org"
    assert troubles(operator)[0].startswith("Letters reach nobody")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert troubles(operator) == []


def test_on_a_public_site_the_operator_is_advised_to_have_a_second_factor(operator, superuser, settings):
    settings.SITE_URL = "https://apply.example.org"
    assert "1 superuser signs in with a password alone." in foot(operator)
    assert "all well" not in foot(operator)
    TOTPDevice.objects.create(user=superuser, name="phone", confirmed=True)
    assert "password alone" not in foot(operator)


@pytest.mark.parametrize(
    ("kind", "words"),
    [(client_address.UNNAMED, "TRUSTED_PROXIES"), (client_address.SILENT, "does not say for whom")],
)
def test_a_proxy_that_makes_one_of_all_is_told(operator, kind, words):
    limits.count(kind, limits.fingerprint(kind))
    assert words in troubles(operator)[0]


def test_the_operator_is_told_how_many_were_turned_away_when_they_are_many(operator, reviewer):
    limits.count(limits.TURNED_AWAY, "applications", by=15)
    limits.count(limits.TURNED_AWAY, "trap", by=5)
    assert "turned away" not in foot(operator)

    limits.count(limits.TURNED_AWAY, "files")

    assert "21 requests were turned away within a day" in foot(operator)
    assert troubles(operator) == troubles(reviewer) == []
    assert foot(reviewer) == ""


# What it costs


def test_the_condition_costs_the_same_however_much_there_is(
    superuser, supervisor, make_application, settings, django_assert_max_num_queries
):
    settings.SITE_URL, settings.CLAMD_URL = "https://apply.example.org", "tcp://127.0.0.1:1"
    for number in range(5):
        late_letter(make_application(email=f"student{number}@example.org"), queued_at=ago(hours=2), **IN_VAIN)
        Chore.note_failure(f"task {number}", "OSError")
    with django_assert_max_num_queries(11):
        found = condition.condition_for(superuser)
    assert len(found.troubles) >= 6
    with django_assert_max_num_queries(5 + 2):  # and the two for a supervisor's permissions
        condition.condition_for(supervisor)
