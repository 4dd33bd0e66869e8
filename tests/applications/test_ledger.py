"""The ledger of erasures outlives the database: nobody comes back with a backup, and the file names nobody."""

import datetime
import errno
import os
import stat
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from applications import ledger, retention, workflow
from applications.models import Application, Erasure, Letter
from applications.statuses import Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def path(settings) -> Path:
    return settings.ERASURE_LEDGER


@pytest.fixture
def erased(make_application) -> list[str]:
    """The references of two applications that are erased, each with its line."""
    applications = [make_application(email=f"s{number}@example.org") for number in range(2)]
    for application in applications:
        workflow.erase(application)
    return [application.reference for application in applications]


def rows(number: int) -> list[Erasure]:
    """Erasures that stand in the database only, as if the process had been killed before it wrote their lines."""
    return Erasure.objects.bulk_create(
        Erasure(
            cause="expired",
            status="declined",
            received_on="2026-01-01",
            documents=2,
            letters=3,
            fingerprint=ledger.fingerprint(f"{each}"),
        )
        for each in range(number)
    )


def fingerprints() -> list[str]:
    return [entry.fingerprint for entry in ledger.entries()]


# What is written


def test_each_erasure_is_a_line_with_its_moment_and_cause(application, path):
    before = timezone.now()
    workflow.erase(application, cause=Erasure.Cause.NOT_ME)

    (entry,) = ledger.entries()
    assert before <= entry.at <= timezone.now()
    assert (entry.cause, entry.fingerprint) == ("not_me", ledger.fingerprint(application.reference))
    erasure = Erasure.objects.get()
    assert (erasure.erased_at, erasure.fingerprint) == (entry.at, entry.fingerprint)


def test_the_file_names_nobody_and_only_its_owner_reads_it(application, path):
    workflow.erase(application)
    text = path.read_text()
    for words in (application.reference, application.full_name, application.email, application.project.title):
        assert words not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_erasure_that_is_undone_leaves_no_line(application, path):
    with transaction.atomic():
        workflow.erase(application)
        transaction.set_rollback(True)
    assert not path.exists()


@pytest.mark.parametrize("fault", [PermissionError(errno.EACCES, "denied"), OSError(errno.EROFS, "read-only")])
def test_a_student_is_erased_even_where_the_file_cannot_be_written(application, path, monkeypatch, caplog, fault):
    """Root may write into any folder, so the fault is played."""

    def fail(*args):
        raise fault

    monkeypatch.setattr(os, "open", fail)
    assert workflow.erase(application) is True
    monkeypatch.undo()

    assert not Application.objects.exists()
    assert "An erasure is not in the ledger yet; the worker writes it later." in caplog.text
    assert application.reference not in caplog.text
    assert ledger.bring_up_to_date() == 1
    assert fingerprints() == [ledger.fingerprint(application.reference)]


def test_those_who_erase_at_the_same_moment_do_not_cut_each_others_lines(at_once, path):
    everything = rows(40)

    def write(part: list[Erasure]):
        return lambda: [ledger.note(erasure) for erasure in part]

    at_once(*(write(everything[start::4]) for start in range(4)))

    assert sorted(fingerprints()) == sorted(erasure.fingerprint for erasure in everything)


# What the file lacks


def test_what_a_killed_process_had_not_written_is_written_later(erased, path):
    rows(3)
    assert ledger.bring_up_to_date() == 3
    assert ledger.bring_up_to_date() == 0
    assert sorted(fingerprints()) == sorted(Erasure.objects.values_list("fingerprint", flat=True))


def test_a_file_that_is_lost_is_written_anew(erased, path):
    path.unlink()
    assert ledger.bring_up_to_date() == 2
    assert fingerprints() == [ledger.fingerprint(reference) for reference in erased]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_is_there_from_the_first_day_on(path):
    assert ledger.bring_up_to_date() == 0
    assert ledger.entries() == []


@pytest.mark.parametrize("left", [1, 30, 70])
def test_half_a_last_line_is_passed_over_and_written_again(erased, path, left):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:left])
    assert fingerprints() == [ledger.fingerprint(erased[0])]

    assert ledger.bring_up_to_date() == 1

    assert fingerprints() == [ledger.fingerprint(reference) for reference in erased]


@pytest.mark.parametrize("left", [1, 10, 20])
def test_half_a_first_line_is_completed(erased, path, left):
    path.write_text(ledger._header()[:left])
    assert ledger.entries() == []

    assert ledger.bring_up_to_date() == 2

    assert fingerprints() == [ledger.fingerprint(reference) for reference in erased]
    assert path.read_text().startswith(ledger._header())


def test_half_a_first_line_of_another_secret_key_is_refused(path, settings):
    path.write_text(ledger._header()[:20])
    settings.SECRET_KEY = "another key, which is long enough to be one"
    with pytest.raises(ledger.NotOurs):
        ledger.bring_up_to_date()


def test_what_follows_half_a_line_is_whole(erased, path, make_application):
    path.write_bytes(path.read_bytes()[:-20])
    later = make_application()
    workflow.erase(later)
    assert fingerprints() == [ledger.fingerprint(reference) for reference in (erased[0], later.reference)]


def test_a_disk_that_is_full_in_the_middle_of_a_line_is_said(path, monkeypatch):
    rows(1)
    ledger.bring_up_to_date()
    Erasure.objects.bulk_create([Erasure(cause="expired", status="declined", received_on="2026-01-01", documents=0,
                                         letters=0, fingerprint="f" * 64)])  # fmt: skip
    monkeypatch.setattr(ledger, "open", HalfWritten, raising=False)
    with pytest.raises(OSError, match="No space left on device"):
        ledger.bring_up_to_date()
    monkeypatch.undo()
    assert ledger.bring_up_to_date() == 1


class HalfWritten:
    """A file on a disk that takes only half of what is written."""

    def __init__(self, descriptor: int, mode: str, buffering: int) -> None:
        self.file = os.fdopen(descriptor, mode, buffering)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *how) -> None:
        self.file.__exit__(*how)

    def __getattr__(self, name: str):
        return getattr(self.file, name)

    def write(self, content: bytes) -> int:
        return self.file.write(content[: len(content) // 2])


# Whose it is


def test_a_ledger_of_another_secret_key_is_refused_with_a_remedy(erased, path, settings):
    settings.SECRET_KEY = "another key, which is long enough to be one"
    for read in (ledger.entries, ledger.bring_up_to_date, retention.replay):
        with pytest.raises(ledger.NotOurs, match=r"another SECRET_KEY.*a backup has it"):
            read()


def test_another_file_in_its_place_is_neither_read_nor_written(application, path):
    path.write_text("PATH=/usr/bin\n")
    with pytest.raises(ledger.NotOurs, match="no ledger of erasures"):
        ledger.entries()
    workflow.erase(application)
    assert path.read_text() == "PATH=/usr/bin\n"


# After a restore


@pytest.fixture
def comes_back(make_application, path) -> Application:
    """An application that was erased and stands there again, as after the restore of an older backup."""
    application = make_application(status="interview")
    moment = timezone.now() + datetime.timedelta(seconds=1)
    fingerprint = ledger.fingerprint(application.reference)
    ledger.note(Erasure(cause="student", fingerprint=fingerprint, erased_at=moment))
    return application


def test_whoever_was_erased_does_not_come_back(comes_back, make_application, stored_files):
    stays = make_application(email="bob@example.org")

    assert retention.replay() == [comes_back.reference]

    assert Application.objects.get() == stays
    assert len(stored_files()) == 2
    (entry,) = ledger.entries()
    erasure = Erasure.objects.get()
    assert (erasure.cause, erasure.erased_at, erasure.fingerprint) == ("student", entry.at, entry.fingerprint)
    assert erasure.status == Status.INTERVIEW
    assert retention.replay() == []


def test_nobody_is_told_a_second_time(comes_back):
    retention.replay()
    assert not Letter.objects.exists()


def test_a_line_that_the_backup_has_is_not_written_twice(comes_back, path):
    (entry,) = ledger.entries()
    Erasure.objects.create(
        cause="student", status="interview", received_on="2026-01-01", documents=2, letters=3,
        fingerprint=entry.fingerprint, erased_at=entry.at,
    )  # fmt: skip
    retention.replay()
    assert Erasure.objects.count() == 1
    assert ledger.bring_up_to_date() == 0


def test_who_came_after_the_erasure_is_somebody_else(comes_back):
    (entry,) = ledger.entries()
    Application.objects.update(received_at=entry.at + datetime.timedelta(days=1))
    assert retention.replay() == []
    assert Application.objects.exists()


def test_a_ledger_that_lies_elsewhere_is_read_there(comes_back, path, tmp_path):
    elsewhere = path.rename(tmp_path / "saved.ledger")
    with pytest.raises(FileNotFoundError):
        retention.replay()
    assert retention.replay(elsewhere) == [comes_back.reference]
    assert ledger.bring_up_to_date() == 1


def test_one_that_cannot_be_erased_again_is_named_and_keeps_no_other(comes_back, make_application, monkeypatch):
    other = make_application(email="bob@example.org")
    moment = timezone.now() + datetime.timedelta(seconds=1)
    ledger.note(Erasure(cause="expired", fingerprint=ledger.fingerprint(other.reference), erased_at=moment))
    erase = Application.erase
    monkeypatch.setattr(Application, "erase", lambda self: 1 / 0 if self == comes_back else erase(self))

    with pytest.raises(retention.NotAllErased, match=comes_back.reference) as failure:
        retention.replay()

    assert failure.value.erased == [other.reference]
    assert Application.objects.get() == comes_back
