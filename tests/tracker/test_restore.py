"""`restore`: everything comes back but the erased, into an empty place only, all of it or nothing.

Where the database is the subject, another process restores into another folder and another database.
"""

import contextlib
import fcntl
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import connection, connections

from applications import document_check, ledger, letters, workflow
from applications.management.commands import run_worker
from applications.models import Application, Letter
from applications.tokens import manage_token
from tests.tracker.archives import (
    CHECKOUT,
    SHORT_FACTS,
    backup,
    killed,
    no_file_larger_than,
    own_environment,
    refused_backup,
    words_of,
    written,
)
from tracker import backups, data_folder, gunicorn_conf, recovery, snapshots
from tracker.archive import Archive, Facts

KEY = "a key of forty characters, made for a test"


# The round trip


class Students:
    """Threads that go on applying until the block ends."""

    def __init__(self, apply: Callable[[int], Application]) -> None:
        self.apply, self.numbers = apply, iter(range(1_000))
        self.ended, self.one_more = threading.Event(), threading.Event()
        self.errors: list[Exception] = []
        self.threads = [threading.Thread(target=self.go_on) for _ in range(2)]

    def go_on(self) -> None:
        try:
            while not self.ended.is_set():
                self.apply(next(self.numbers))
                self.one_more.set()
        except Exception as error:
            self.errors.append(error)
        finally:
            connections.close_all()

    def wait_for_one_more(self) -> None:
        """Until somebody has applied who had not when this was called."""
        self.one_more.clear()
        assert self.one_more.wait(120), self.errors

    def __enter__(self) -> "Students":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(120)


def documents_of(application: Application) -> list[str]:
    return list(application.documents.order_by("pk").values_list("sha256", flat=True))


def test_everything_comes_back_from_a_running_system_but_for_those_who_were_erased(
    make_application, folder, place, supervisor, settings, monkeypatch
):
    ada, ben, cleo = (make_application(email=f"{name}@example.org") for name in ("ada", "ben", "cleo"))
    letters.send_due()
    decision = workflow.stage(ada, "interview", by=supervisor)
    workflow.release(decision, by=supervisor)
    workflow.write(ada, subject="A question", body="When?", by=supervisor)  # a letter that still waits
    links = {application.reference: manage_token(application) for application in (ada, ben, cleo)}
    expected = {ada.reference: documents_of(ada)}
    add_documents = backups._add_documents

    def meanwhile(*arguments: object) -> None:
        """The database is copied. Now Cleo is erased, and others go on applying before the files are copied."""
        workflow.erase(cleo)
        students.wait_for_one_more()
        add_documents(*arguments)

    monkeypatch.setattr(backups, "_add_documents", meanwhile)
    with Students(
        lambda number: make_application(email=f"student-{number}@example.org", nonce=f"{number}")
    ) as students:
        students.wait_for_one_more()
        said, made = backup(folder)
    assert students.errors == []
    assert "Erased or swept while they were copied: 2" in said
    workflow.erase(ben)  # after the backup: only the ledger knows
    assert links.keys() & set(Application.objects.values_list("reference", flat=True)) == {ada.reference}

    restored = place.run("restore", str(made), "--ledger", str(settings.ERASURE_LEDGER))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "Problems: 0" in restored.stdout
    assert re.search(r"erasures.ledger: 2 entries, .*; erased again: 1 applications", restored.stdout)
    assert re.search(r"Letters waiting to be sent: [1-9]", restored.stdout)

    found = place.look(links)
    assert {reference: found["documents"].get(reference) for reference in expected} == expected
    live = {each.reference: documents_of(each) for each in Application.objects.exclude(pk=ada.pk)}
    others = {reference: sums for reference, sums in found["documents"].items() if reference != ada.reference}
    assert others  # students who had applied before the copy was taken
    assert others.items() < live.items()  # and not those who applied afterwards
    assert found["links"] == {ada.reference: 302, ben.reference: 404, cleo.reference: 404}
    assert found["on their way"] == 1
    assert found["images"] == 0
    assert (place.folder / "secret_key").read_text() == settings.SECRET_KEY
    assert stat.S_IMODE((place.folder / "secret_key").stat().st_mode) == 0o600
    sent = Letter.objects.filter(application=ada, status="sent").values_list("message_id", flat=True)
    assert {path.stem for path in (place.folder / "letters").iterdir()} >= {name.strip("<>") for name in sent}

    before = contents(place.folder)
    again = place.run("restore", str(made))
    assert again.returncode == 1
    assert "into an empty place only" in again.stderr
    assert contents(place.folder) == before


def test_letters_can_be_held_back_and_the_ledger_can_come_later(
    make_application, folder, place, supervisor, settings, tmp_path
):
    ada, ben = (make_application(email=f"{name}@example.org") for name in ("ada", "ben"))
    workflow.release(workflow.stage(ada, "interview", by=supervisor), by=supervisor)
    _said, made = backup(folder)
    workflow.erase(ben)
    links = {application.reference: manage_token(application) for application in (ada, ben)}

    restored = place.run("restore", str(made), "--hold-letters")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "No ledger of erasures but the archive’s own was at hand" in restored.stdout
    assert "Released decisions called back: 1" in restored.stdout
    found = place.look(links)
    assert found["letters"]
    assert {status for _message_id, status in found["letters"]} == {"failed"}
    assert (found["on their way"], found["staged"]) == (0, 1)
    assert ben.reference in found["documents"]

    replayed = place.run("restore", "--only-ledger", str(settings.ERASURE_LEDGER))
    assert replayed.returncode == 0, replayed.stderr
    assert "erased again: 1 applications" in replayed.stdout
    assert place.look(links)["documents"].keys() == {ada.reference}


# What a restore refuses, and leaves as it was


@pytest.fixture
def empty_place(data_folder: Path, settings, monkeypatch) -> Path:
    """A data folder without data, as the settings of this process know it; nobody asks for its database."""
    settings.DATA_DIR = data_folder
    settings.SECRET_KEY = "made a moment ago, when the settings were read"
    monkeypatch.setattr(snapshots, "what_is_there", lambda: "")
    monkeypatch.setattr(snapshots, "refuse_unless_it_fits", lambda kind, tool: None)
    (data_folder / "secret_key").write_text(settings.SECRET_KEY)
    return data_folder


LETTER = b"Message-ID: <0123@example.org>\n\nDear Ada"
COMPLETE = {
    "database": b"rows",
    "documents/ab/ab12.pdf": b"%PDF-1.7" * 500,
    "letters/0123.eml": LETTER,
    "secret_key": KEY.encode(),
}


def archive_of(folder: Path, members: dict[str, bytes] = COMPLETE, **facts: object) -> Path:
    path = folder / "tracker-20261125T221852Z.tar"
    path.write_bytes(written(members, Facts(**(vars(SHORT_FACTS) | facts))))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """All files but for the lock, which says nothing."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != data_folder.IN_USE)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused_restore(*arguments: object) -> str:
    with pytest.raises(CommandError) as error:
        call_command("restore", *map(str, arguments), stdout=StringIO())
    return words_of(error)


@pytest.mark.once
@pytest.mark.parametrize(
    "name",
    [
        "db.sqlite3",
        "db.sqlite3-wal",
        "documents/ab/ab12.pdf",
        "letters/0123.eml",
        "incoming/half",
        "notes.txt",
        "more/x",
    ],
)
def test_a_place_with_anything_in_it_is_refused_and_told_by_name(empty_place, tmp_path, name):
    (empty_place / name).parent.mkdir(parents=True, exist_ok=True)
    (empty_place / name).write_bytes(b"somebody's")
    before = contents(empty_place)
    sentence = refused_restore(archive_of(tmp_path))
    assert "into an empty place only" in sentence
    assert f"{empty_place / name} is there" in sentence
    assert contents(empty_place) == before


@pytest.mark.once
def test_documents_elsewhere_are_asked_for_through_their_storage(empty_place, tmp_path, monkeypatch):
    monkeypatch.setattr(document_check, "any_file", lambda: "ab/ab12.pdf")
    assert "The documents hold a file ab/ab12.pdf" in refused_restore(archive_of(tmp_path))


@pytest.mark.once
def test_what_a_start_makes_archives_and_the_ledger_are_no_data(empty_place, settings):
    """So a restore gets as far as the archive itself."""
    settings.ERASURE_LEDGER = empty_place / "erasures.ledger"
    for name in ("quickstart.lock", "static/css/base.css", "backups/old.tar", "erasures.ledger", "db.sqlite3"):
        (empty_place / name).parent.mkdir(parents=True, exist_ok=True)
        (empty_place / name).write_bytes(b"" if name in ("erasures.ledger", "db.sqlite3") else b"x")
    (empty_place / "documents" / "ab").mkdir(parents=True)
    path = archive_of(empty_place, {"database": b"rows"})
    assert "it holds no secret_key" in refused_restore(path)


@pytest.mark.django_db(transaction=True)
def test_a_database_with_anything_in_it_is_refused():
    words = {"sqlite": rf"The file {connection.settings_dict['NAME']} is there", "postgresql": r"holds \d+ tables"}
    assert re.search(words[connection.vendor], snapshots.what_is_there())


@pytest.mark.django_db
def test_a_database_of_the_other_product_is_refused():
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    with pytest.raises(snapshots.NotPossible, match="The archive holds a database of"):
        snapshots.refuse_unless_it_fits(other, "15")


def test_a_pg_restore_that_is_older_than_the_archive_is_told(on_postgresql):
    with pytest.raises(snapshots.NotPossible, match="The archive was made with PostgreSQL 99"):
        snapshots.refuse_unless_it_fits("postgresql", "99")


@pytest.mark.once
def test_an_archive_with_one_changed_byte_is_refused_before_anything_is_put_in_place(empty_place, tmp_path):
    path = archive_of(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"%PDF-1.7%PDF", b"%PDF-1.7%PDE", 1))
    before = contents(empty_place)
    assert "cannot be relied on: documents/ab/ab12.pdf was changed" in refused_restore(path)
    assert contents(empty_place) == before


@pytest.mark.once
def test_a_file_that_is_none_of_ours_is_refused_and_no_traceback(empty_place, tmp_path):
    (tmp_path / "other.tar").write_bytes(b"PK\x03\x04" + bytes(2000))
    assert "cannot be relied on" in refused_restore(tmp_path / "other.tar")
    assert "No such file" in refused_restore(tmp_path / "none.tar")
    assert "Name an archive" in refused_restore()


@pytest.mark.once
def test_another_key_in_the_settings_is_refused(empty_place, tmp_path, monkeypatch, settings):
    monkeypatch.setenv("SECRET_KEY", settings.SECRET_KEY)
    before = contents(empty_place)
    assert "SECRET_KEY is set to another key than the archive" in refused_restore(archive_of(tmp_path))
    assert contents(empty_place) == before


@pytest.mark.once
def test_an_archive_of_a_newer_version_is_refused(empty_place, tmp_path):
    path = archive_of(tmp_path, migrations=[["applications", "0001_initial"], ["applications", "9999_future"]])
    assert "A newer version of the product" in refused_restore(path)


@pytest.mark.once
def test_a_ledger_of_another_key_or_none_at_all_is_refused(empty_place, tmp_path, settings):
    settings.ERASURE_LEDGER = tmp_path / "kept.ledger"
    settings.ERASURE_LEDGER.write_text(ledger._header())  # with the key of this place, which is not the archive's
    before = contents(empty_place)
    assert "was kept with another SECRET_KEY" in refused_restore(archive_of(tmp_path))
    settings.ERASURE_LEDGER.unlink()
    assert "The ledger of erasures cannot be used" in refused_restore(
        archive_of(tmp_path), "--ledger", tmp_path / "none.ledger"
    )
    assert contents(empty_place) == before


@pytest.mark.once
def test_nobody_restores_while_a_server_runs_and_no_server_starts_meanwhile(empty_place, tmp_path):
    with open(empty_place / data_folder.IN_USE, "w") as server:
        fcntl.flock(server, fcntl.LOCK_SH)
        assert "is running on" in refused_restore(archive_of(tmp_path))
    with data_folder.held_for_restoring(), pytest.raises(data_folder.InUse, match="is being restored"):
        data_folder.hold_while_serving()


@pytest.fixture
def locks_taken(monkeypatch) -> Iterator[list[int]]:
    """Of a process that holds its lock as long as it lives; here until the test ends."""
    taken: list[int] = []
    monkeypatch.setattr(os, "set_inheritable", lambda lock, _is_inheritable: taken.append(lock))
    yield taken
    for lock in taken:
        os.close(lock)


@pytest.mark.once
def test_nobody_restores_under_a_web_server_of_its_own(empty_place, tmp_path, locks_taken):
    gunicorn_conf.on_starting(None)
    gunicorn_conf.on_starting(None)  # several may serve
    assert len(locks_taken) == 2
    assert "is running on" in refused_restore(archive_of(tmp_path))


@pytest.mark.once
def test_nobody_restores_under_a_worker_of_its_own(empty_place, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        run_worker.Command, "handle", lambda *_, **__: said.append(refused_restore(archive_of(tmp_path)))
    )
    call_command("run_worker")
    assert "is running on" in said[0]
    with data_folder.held_for_restoring(), pytest.raises(CommandError, match="is being restored"):
        call_command("run_worker")
    assert len(said) == 1


@pytest.mark.once
@pytest.mark.parametrize("at", ["a document", "the database"])
def test_a_restore_that_fails_takes_everything_away_again(empty_place, tmp_path, monkeypatch, at):
    path, before = archive_of(tmp_path), contents(empty_place)
    if at == "the database":
        monkeypatch.setattr(snapshots, "put_in_place", fail)
        sentence = refused_restore(path)
    else:
        with no_file_larger_than(1000):
            sentence = refused_restore(path)
    assert "Nothing was restored" in sentence
    assert contents(empty_place) == before
    assert run_checks(databases=None) == []


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.once
@pytest.mark.parametrize("message_id", ["<../../x@example.org>", "<.hidden@example.org>", "</etc/x@example.org>", ""])
def test_a_letter_goes_into_the_folder_of_letters_and_nowhere_else(empty_place, tmp_path, message_id):
    crafted = COMPLETE | {"letters/0123.eml": f"Message-ID: {message_id}\n\nDear Ada".encode()}
    before = contents(tmp_path)
    path = archive_of(tmp_path, crafted)
    assert "is no letter" in refused_restore(path)
    path.unlink()
    assert contents(tmp_path) == before


@pytest.mark.once
def test_a_key_that_may_have_signed_something_is_kept_aside(empty_place, tmp_path, monkeypatch, settings):
    (empty_place / "letters").mkdir()  # so somebody has worked here
    monkeypatch.setattr(snapshots, "put_in_place", lambda copy: copy.unlink())
    monkeypatch.setattr(recovery.Restoration, "_finish", lambda restoration: data_folder.mark_finished())
    monkeypatch.setattr(document_check, "check", lambda: document_check.Receipt())
    former, said = settings.SECRET_KEY, StringIO()
    call_command("restore", str(archive_of(tmp_path)), stdout=said)
    [kept] = empty_place.glob("secret_key.replaced-*")
    assert kept.read_text() == former
    assert (empty_place / "secret_key").read_text() == KEY
    assert f"is kept as {kept.name}" in said.getvalue()


@pytest.mark.once
@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_what_was_restored_and_could_not_be_compared_is_not_said_to_be_nothing(
    empty_place, tmp_path, monkeypatch, fault
):
    def check() -> None:
        raise fault

    monkeypatch.setattr(snapshots, "put_in_place", lambda copy: copy.unlink())
    monkeypatch.setattr(recovery.Restoration, "_finish", lambda restoration: data_folder.mark_finished())
    monkeypatch.setattr(document_check, "check", check)
    sentence = refused_restore(archive_of(tmp_path))
    assert sentence.startswith("Restored, but files and rows could not be compared")
    assert "check_documents" in sentence


@pytest.mark.once
def test_a_fault_after_the_database_is_in_place_is_told_as_half_a_restore(empty_place, tmp_path, monkeypatch):
    """Here nobody reads what is said any more: head has gone, and the pipe is closed."""

    def write(_output, line: str, *_: object) -> None:
        if line.startswith("Database"):
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(snapshots, "put_in_place", lambda copy: copy.unlink())
    monkeypatch.setattr(OutputWrapper, "write", write)
    sentence = refused_restore(archive_of(tmp_path))
    assert "Nothing was restored" not in sentence
    assert "was cut off" in sentence


@pytest.mark.once
def test_nothing_starts_on_a_restore_that_was_killed(tmp_path, settings):
    settings.DATA_DIR = folder = tmp_path / "restored"
    place = own_environment(DATA_DIR=str(folder))
    assert killed("snapshots.put_in_place", "restore", str(archive_of(tmp_path)), **place) == -signal.SIGKILL
    assert (folder / "documents" / "ab" / "ab12.pdf").exists()
    assert [error.id for error in run_checks(databases=None)] == ["tracker.E001"]
    assert "was cut off" in refused_restore(archive_of(tmp_path))
    command = [sys.executable, str(CHECKOUT / "manage.py"), "quickstart", "--no-serve"]
    started = subprocess.run(command, env=place, capture_output=True, text=True, timeout=300)
    assert started.returncode != 0
    assert "was cut off" in started.stderr
    assert not (folder / "db.sqlite3").exists()


@pytest.mark.once
def test_neither_web_server_nor_worker_starts_on_half_a_restore(empty_place):
    data_folder.mark_unfinished()
    with pytest.raises(CommandError, match="was cut off"):
        call_command("run_worker", "--once")
    server = [sys.executable, "-m", "gunicorn", "--config", "tracker/gunicorn_conf.py", "--bind", "127.0.0.1:0"]
    place = own_environment(DATA_DIR=str(empty_place))
    started = subprocess.run(
        [*server, "tracker.wsgi"], env=place, cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )
    assert started.returncode == 1
    [sentence] = started.stderr.splitlines()
    assert "was cut off" in sentence


# Archives of other versions


def rewritten(path: Path, database: bytes | None = None, **changed: object) -> Path:
    """The same archive with another database, or with other facts in its manifest."""
    with Archive.open(path) as opened:
        members = {name: opened.read(name) for name in opened.members}
        facts = Facts(**(vars(opened.facts) | changed))
    path.write_bytes(written(members | ({"database": database} if database else {}), facts))
    return path


@pytest.mark.django_db(transaction=True)
def test_a_database_of_an_older_version_is_brought_to_this_one(application, folder, place, tmp_path):
    if connection.vendor != "sqlite":
        pytest.skip("the former version is made with SQLite's own means")
    _said, made = backup(folder)
    with Archive.open(made) as opened:
        opened.extract("database", tmp_path / "older.sqlite3")
        known = opened.facts.migrations
    with contextlib.closing(sqlite3.connect(tmp_path / "older.sqlite3")) as older, older:
        older.execute("DROP TABLE django_session")
        older.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    older_facts = [migration for migration in known if migration[0] != "sessions"]
    rewritten(made, (tmp_path / "older.sqlite3").read_bytes(), migrations=older_facts)
    restored = place.run("restore", str(made))
    assert restored.returncode == 0, restored.stderr
    with contextlib.closing(sqlite3.connect(place.folder / "db.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM django_session").fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_not_what_the_manifest_says_is_not_served(application, folder, place):
    _said, made = backup(folder)
    rewritten(made, counts={"applications": 2, "documents": 2, "uploads": 0, "letters": 2})
    restored = place.run("restore", str(made))
    assert restored.returncode == 1
    assert "the manifest says {'applications': 2" in restored.stderr
    assert "was cut off" in restored.stderr  # and so no server starts: see above


# Only the documents


@pytest.mark.django_db(transaction=True)
def test_documents_that_are_missing_or_altered_are_put_back_while_the_product_runs(
    make_application, folder, data_folder, stored_files
):
    application = make_application(transcripts=2)
    _said, made = backup(folder)
    before = {path: path.read_bytes() for path in stored_files()}
    missing, altered, intact = (data_folder / "documents" / each.file.name for each in application.documents.all())
    missing.unlink()
    altered.write_bytes(b"%PDF-1.7 something else")
    when = intact.stat().st_mtime_ns
    output = StringIO()
    call_command("restore", "--only-documents", str(made), stdout=output)
    assert "Put back from the archive: 2 files" in output.getvalue()
    assert {path: path.read_bytes() for path in stored_files()} == before
    assert intact.stat().st_mtime_ns == when


@pytest.mark.django_db(transaction=True)
def test_only_bytes_that_the_database_knows_are_put_back(application, folder, data_folder):
    """Here the archive was made when the document was already another one."""
    document = application.documents.first()
    path = data_folder / "documents" / document.file.name
    path.write_bytes(b"%PDF-1.7 something else")
    refused_backup(folder)
    [made] = folder.glob("*.tar")
    path.unlink()
    output = StringIO()
    with pytest.raises(CommandError, match="1 missing"):
        call_command("restore", "--only-documents", str(made), stdout=output)
    assert "Put back from the archive: 0 files" in output.getvalue()
    assert not path.exists()
