"""The worker: does what is due, goes on after a fault, and stops when it is told to."""

import datetime
import os
import signal
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from applications import documents, letters, retention
from applications.management.commands.run_worker import Task
from applications.models import Application, Letter, Upload


@pytest.fixture(autouse=True)
def signals_as_before():
    """The command takes over the process's signals; the test run gets them back."""
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


@pytest.mark.django_db(transaction=True)
def test_one_pass_sends_letters_sweeps_uploads_and_erases_what_is_over(
    make_application, make_uploads, stored_files, letter_files
):
    over = make_application(status="withdrawn", email="over@example.org")
    long_ago = timezone.now() - datetime.timedelta(days=400)
    Application.objects.filter(pk=over.pk).update(status_changed_at=long_ago)
    Letter.objects.filter(application=over).update(status="failed")
    stays = make_application()
    make_uploads()
    Upload.objects.update(created_at=long_ago)

    call_command("run_worker", "--once")

    assert Application.objects.get() == stays
    assert not Upload.objects.exists()
    assert len(stored_files()) == 2 + 3  # two documents, and the images of their three pages
    assert len(letter_files()) == 3
    assert not Letter.objects.exclude(status="sent").exists()


def fail(*args, **kwargs):
    raise OSError("disk full")


@pytest.mark.django_db(transaction=True)
def test_a_fault_in_one_task_is_logged_and_stops_no_other(application, monkeypatch, caplog, letter_files):
    monkeypatch.setattr(documents, "sweep", fail)
    monkeypatch.setattr(retention, "erase_expired", fail)
    with pytest.raises(CommandError):
        call_command("run_worker", "--once")
    assert "disk full" in caplog.text
    assert len(letter_files()) == 3


@pytest.mark.django_db(transaction=True)
def test_a_letter_that_is_delayed_is_no_fault_of_the_worker(application, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    call_command("run_worker", "--once")
    assert Letter.objects.filter(status="queued", attempts=1).count() == 3


def test_a_task_is_done_when_it_is_due_and_not_before(monkeypatch):
    clock = iter([100.0, 100.0, 101.0, 102.0, 102.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    done = []
    task = Task("count", lambda: done.append(1), every=2)
    for expected in (1, 1, 2):
        task.run_if_due()
        assert len(done) == expected


def test_a_task_that_failed_is_tried_again(caplog):
    attempts = []

    def fails_once():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("disk full")

    task = Task("fragile", fails_once, every=0)
    task.run_if_due()
    task.run_if_due()
    assert len(attempts) == 2
    assert "fragile" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_worker_sends_what_comes_while_it_runs_and_ends_at_a_signal(make_application, letter_files, monkeypatch):
    make_application()

    def apply_and_then_stop():
        wait_for(lambda: len(letter_files()) == 3)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=apply_and_then_stop)
    thread.start()
    call_command("run_worker")
    thread.join()
    assert len(letter_files()) == 3


@pytest.mark.django_db(transaction=True)
def test_a_worker_asked_to_stop_in_the_middle_of_many_letters_does_not_send_the_rest(
    make_application, letter_files, monkeypatch
):
    make_application()
    as_message = letters.as_message

    def asked_to_stop(letter):
        os.kill(os.getpid(), signal.SIGTERM)
        return as_message(letter)

    monkeypatch.setattr(letters.sending, "as_message", asked_to_stop)
    call_command("run_worker")
    assert len(letter_files()) == 1
    assert Letter.objects.filter(status="queued", leased_until=None).count() == 2


def wait_for(what) -> None:
    deadline = time.monotonic() + 20
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_the_pause_between_passes_is_shorter_than_the_first_pause_of_a_letter():
    assert letters.PAUSES[0].total_seconds() >= 2
