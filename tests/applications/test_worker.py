"""The worker: does what is due, goes on after a fault, and stops when it is told to."""

import datetime
import errno
import os
import signal
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from applications import documents, letters, retention, storage
from applications.management.commands import run_worker
from applications.management.commands.run_worker import Task
from applications.models import Application, Chore, Letter, Upload


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


@pytest.fixture
def clock(monkeypatch):
    """The clock by which tasks are due; `clock.move(seconds)`."""

    class Clock:
        now = 1000.0

        def move(self, seconds: float) -> None:
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


@pytest.mark.django_db
def test_a_task_is_done_when_it_is_due_and_not_before(clock):
    done = []
    task = Task("count", lambda: done.append(1), every=2)
    for seconds, expected in ((0, 1), (1, 1), (1, 2)):
        clock.move(seconds)
        task.run_if_due()
        assert len(done) == expected


# What it leaves behind for the desk


class Fragile:
    """A task that fails as long as `error` is there."""

    error: Exception | None = None

    def __call__(self) -> None:
        if self.error:
            raise self.error


@pytest.mark.django_db
def test_a_task_that_failed_is_tried_again_and_notes_since_when_it_fails(clock, caplog):
    do = Fragile()
    do.error = OSError(errno.ENOSPC, "the words of the fault", "/documents/Ada Example.pdf")
    task = Task("fragile", do, every=2)
    assert task.run_if_due() is False
    since = Chore.objects.get().failed_at
    assert Chore.objects.get().words == "OSError: No space left on device"
    assert "fragile" in caplog.text

    clock.move(70)
    assert task.run_if_due() is False
    assert Chore.objects.in_trouble().get().failed_at == since

    do.error = None
    clock.move(2)
    assert task.run_if_due() is True
    chore = Chore.objects.get()
    assert (chore.failed_at, chore.words) == (None, "")
    assert chore.succeeded_at > since


@pytest.mark.django_db
def test_what_a_fault_says_is_not_noted_because_it_may_name_somebody(clock):
    do = Fragile()
    do.error = ValueError("ada@example.org is not an address")
    Task("fragile", do, every=2).run_if_due()
    assert Chore.objects.get().words == "ValueError"


@pytest.mark.django_db
def test_a_task_that_goes_well_every_two_seconds_is_noted_once_a_minute(clock, django_assert_num_queries):
    task = Task("quick", lambda: None, every=2)
    task.run_if_due()
    first = Chore.objects.get().ran_at
    with django_assert_num_queries(0):
        for _ in range(29):
            clock.move(2)
            task.run_if_due()
    assert Chore.objects.get().ran_at == first
    clock.move(2)
    task.run_if_due()
    assert Chore.objects.get().ran_at > first


@pytest.mark.django_db
def test_a_task_whose_state_cannot_be_noted_goes_on_and_notes_it_later(clock, monkeypatch, caplog):
    done = []
    task = Task("quick", lambda: done.append(1), every=2)

    def locked(*args):
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(Chore, "note_success", locked)
        assert task.run_if_due() is True
    assert "could not be noted (OperationalError)" in caplog.text
    clock.move(2)
    task.run_if_due()
    assert done == [1, 1]
    assert Chore.objects.get().succeeded_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_takes_no_documents_is_noticed_before_the_next_student_comes(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.STORAGES = settings.STORAGES | {
        "documents": settings.STORAGES["documents"] | {"OPTIONS": {"location": str(tmp_path / "file" / "below")}}
    }
    with pytest.raises(CommandError, match="storage"):
        call_command("run_worker", "--once")
    assert Chore.objects.in_trouble().get(name="storage").words == "NotADirectoryError: Not a directory"


@pytest.mark.django_db
def test_what_a_killed_process_leaves_of_a_try_of_the_storage_is_swept_after_a_day(monkeypatch, stored_files):
    with monkeypatch.context() as killed:
        killed.setattr("applications.storage.DocumentFolder.delete", lambda *args: None)
        storage.probe()
    assert len(stored_files()) == 1

    documents.sweep(timezone.now() + datetime.timedelta(hours=25))
    assert stored_files() == []


# In a loop


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


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hanging", ["renditions.make_missing", "documents.sweep", "exports.make_due"])
def test_no_letter_waits_for_a_task_that_hangs(make_application, letter_files, monkeypatch, caplog, hanging):
    release, sent = threading.Event(), []
    monkeypatch.setattr(f"applications.{hanging}", lambda *args, **kwargs: release.wait(60))
    monkeypatch.setattr(run_worker, "LAST_SECONDS", 0)
    make_application()

    def stop_when_sent():
        wait_for(lambda: len(letter_files()) == 3)
        sent.extend(letter_files())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop_when_sent)
    thread.start()
    call_command("run_worker")
    thread.join()
    release.set()
    wait_for(lambda: all(other.name != "other tasks" for other in threading.enumerate()))

    assert len(sent) == 3
    assert "does not end, and is not waited for" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_other_half_dies_ends_and_is_started_again(monkeypatch):
    def dies(stop, tasks):
        if threading.current_thread() is threading.main_thread():
            return whole(stop, tasks)
        raise SystemExit

    whole = run_worker.run_until
    monkeypatch.setattr(run_worker, "run_until", dies)
    call_command("run_worker")  # it ends by itself
    assert not [thread for thread in threading.enumerate() if thread.name == "other tasks"]


def wait_for(what) -> None:
    deadline = time.monotonic() + 20
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert what()


def test_the_pause_between_passes_is_shorter_than_the_first_pause_of_a_letter():
    assert letters.PAUSES[0].total_seconds() >= 2
