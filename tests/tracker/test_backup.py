"""`backup`: what is in an archive, what becomes of older ones, and that nothing half remains."""

import datetime
import fcntl
import os
import re
import shutil
import signal
import stat
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from applications import letters
from applications.models import Chore, Letter, document_storage
from tests.tracker.archives import backup, in_it, killed, no_file_larger_than, refused_backup, url_of
from tracker import archive, backups
from tracker.archive import Archive
from tracker.interruption import stopping_as_by_ctrl_c


def lies_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {backups.LOCK}


@pytest.mark.django_db(transaction=True)
def test_an_archive_belongs_to_its_owner_alone_and_says_plainly_what_it_is(application, folder):
    letters.send_due()
    said, made = backup(folder)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert re.fullmatch(r"tracker-\d{8}T\d{6}Z\.tar", made.name)
    assert "Whoever has this archive can read everything in it and sign in as anybody" in said
    assert "lies on the same disk as the data" in said
    assert "Not inside: .env" in said
    names = in_it(made)
    assert {"database", "secret_key", "erasures.ledger"} <= set(names)
    assert sum(name.startswith("documents/") for name in names) == 2
    assert sum(name.startswith("letters/") for name in names) == Letter.objects.count() > 0
    assert Chore.objects.get(name="backup").words.startswith("2 documents, ")


@pytest.mark.django_db(transaction=True)
def test_page_images_and_exports_are_not_in_it(application, folder):
    document_storage().save("exports/0123.csv", BytesIO(b"name"))
    document_storage().save(f"{application.documents.first().pk.hex[:2]}/image-001.webp", BytesIO(b"RIFF"))
    _said, made = backup(folder)
    assert {name.rpartition(".")[2] for name in in_it(made) if name.startswith("documents/")} == {"pdf"}


@pytest.mark.django_db(transaction=True)
def test_an_archive_can_be_verified_without_restoring_it(application, folder):
    _said, made = backup(folder)
    output = StringIO()
    call_command("backup", "--verify", str(made), stdout=output)
    assert "each as the manifest says" in output.getvalue()
    assert "Documents: 2" in output.getvalue()
    content = bytearray(made.read_bytes())
    content[len(content) // 2] ^= 1
    made.write_bytes(content)
    with pytest.raises(CommandError, match="cannot be relied on"):
        call_command("backup", "--verify", str(made), stdout=output)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("backup", "--verify", str(folder / "none.tar"), stdout=output)


@pytest.mark.django_db(transaction=True)
def test_archives_that_are_too_old_go_and_nothing_else_does(application, folder, settings):
    folder.mkdir()
    now = timezone.now().astimezone(datetime.UTC)

    def name(days: int) -> str:
        return f"tracker-{(now - datetime.timedelta(days=days)).strftime(backups.MOMENT)}.tar"

    stay = {name(1), name(settings.BACKUP_KEEP_DAYS - 1), "tracker-old.tar", "holiday.tar", f"{name(400)}.age"}
    stay.add("tracker-99999999T999999Z.tar")  # no moment
    for each in stay | {name(settings.BACKUP_KEEP_DAYS + 1), name(400)}:
        (folder / each).touch()
    said, made = backup(folder)
    assert lies_in(folder) == stay | {made.name}
    assert said.count("Removed, older than") == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_a_damaged_document_is_told_and_older_archives_stay(application, folder, data_folder, damage):
    folder.mkdir()
    old = folder / "tracker-20200101T000000Z.tar"
    old.touch()
    document = application.documents.first()
    path = data_folder / "documents" / document.file.name
    path.unlink() if damage == "missing" else path.write_bytes(b"%" + path.read_bytes()[1:].swapcase())
    said, sentence = refused_backup(folder)
    assert f"NOT AS IT SHOULD BE: {damage}: document {document.pk} of application {application.reference}" in said
    assert "Ada" not in said
    assert "No older archive was removed" in sentence
    assert old.exists()
    assert Chore.objects.in_trouble().filter(name="backup").exists()
    [made] = set(folder.glob("*.tar")) - {old}
    with Archive.open(made) as opened:
        opened.verify()
        assert opened.facts.damaged == [f"{damage}: document {document.pk} of application {application.reference}"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM", "SIGHUP", "a full disk"])
def test_a_backup_that_is_stopped_leaves_nothing_behind(application, folder, monkeypatch, way):
    def stop(*_: object) -> None:
        if way in ("SIGTERM", "SIGHUP"):
            signal.raise_signal(signal.Signals[way])
        raise KeyboardInterrupt if way == "Ctrl-C" else OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "sync", stop)
    _said, sentence = refused_backup(folder)
    assert "No archive was made" in sentence
    assert lies_in(folder) == set()


@pytest.mark.once
def test_with_nohup_a_command_survives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_as_by_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["in the copy of the database", "in the archive"])
def test_a_disk_that_fills_up_leaves_nothing_behind(application, folder, where):
    _said, earlier = backup(folder)
    with Archive.open(earlier) as opened:
        of_database = opened.members["database"].size
    earlier.rename(folder / "tracker-20260101T000000Z.tar")
    with no_file_larger_than(of_database // 2 if where == "in the copy of the database" else of_database + 1024):
        _said, sentence = refused_backup(folder)
    assert "No archive was made" in sentence
    assert lies_in(folder) == {"tracker-20260101T000000Z.tar"}


@pytest.mark.django_db(transaction=True)
def test_a_disk_without_room_is_not_filled_at_all(application, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**6))
    _said, sentence = refused_backup(folder)
    assert "has 1 MB free" in sentence
    assert "on another disk with --to" in sentence


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_backup_left_goes_with_the_next_one(application, folder, data_folder):
    status = killed(
        "backups._add_ledger", "backup", "--to", str(folder),
        DATA_DIR=str(data_folder), DATABASE_URL=url_of(connection.settings_dict["NAME"]),
    )  # fmt: skip
    assert status == -signal.SIGKILL
    assert lies_in(folder) == {".tracker-unfinished-archive"}
    _said, made = backup(folder)
    assert lies_in(folder) == {made.name}


@pytest.mark.django_db(transaction=True)
def test_two_backups_at_once_do_not_meet(folder):
    folder.mkdir()
    with open(folder / backups.LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _said, sentence = refused_backup(folder)
    assert "Another backup is being made" in sentence


@pytest.mark.django_db(transaction=True)
def test_archives_do_not_lie_where_everybody_reads_or_the_worker_sweeps(settings, data_folder):
    public = (settings.STATIC_ROOT, settings.STATICFILES_DIRS[0] / "js")
    swept = (data_folder / "documents" / "archives", settings.LETTERS_DIR, settings.FILE_UPLOAD_TEMP_DIR / "archives")
    for place in (*public, *swept):
        _said, sentence = refused_backup(place)
        assert "is no place for archives" in sentence
    assert not (data_folder / "documents" / "archives").exists()


@pytest.mark.django_db(transaction=True)
def test_a_ledger_that_cannot_be_read_is_told_and_the_archive_is_made_all_the_same(application, folder, settings):
    settings.ERASURE_LEDGER.write_text("something else\n")
    said, sentence = refused_backup(folder)
    assert "Ledger of erasures: NOT inside." in said
    assert "not all is well" in sentence
    [made] = folder.glob("*.tar")
    assert "erasures.ledger" not in in_it(made)


# PostgreSQL's programs


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_missing_pg_dump_is_told_with_what_to_install(on_postgresql, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    _said, sentence = refused_backup(folder)
    assert "pg_dump is not on the PATH" in sentence
    assert "postgresql-client" in sentence
    assert lies_in(folder) == set()


def test_a_pg_dump_that_is_older_than_the_server_is_told(on_postgresql, folder, monkeypatch, tmp_path):
    program(tmp_path / "bin", "pg_dump", 'echo "pg_dump (PostgreSQL) 9.6.24"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    _said, sentence = refused_backup(folder)
    assert "pg_dump on the PATH is of PostgreSQL 9, the server of" in sentence


def test_the_password_stands_neither_among_the_words_of_pg_dump_nor_in_what_is_said(
    on_postgresql, folder, monkeypatch, tmp_path
):
    seen = tmp_path / "seen"
    script = f'[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.0" && exit\necho "$@" > {seen}\n'
    program(
        tmp_path / "bin",
        "pg_dump",
        f"{script}printenv PGPASSWORD >> {seen}\necho 'pg_dump: error: no luck' >&2; exit 1",
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "secret-password")
    said, sentence = refused_backup(folder)
    words, password = seen.read_text().splitlines()
    assert password == "secret-password"
    assert "secret-password" not in words + said + sentence
    assert sentence.endswith("pg_dump failed: no luck")


# The words


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("backup", ["SIGN IN AS ANYBODY", "BACKUP_KEEP_DAYS", "Not in it: .env", "docs/recovery.md"]),
        ("restore", ["into an empty place", "ledger of erasures", "--hold-letters", "docs/recovery.md"]),
        ("check_documents", ["SHA-256", "while the product runs", "Exit status 0 only when all is well"]),
    ],
)
def test_help_states_the_policy(name, words, capsys):
    with pytest.raises(SystemExit):
        call_command(name, "--help")
    said = " ".join(capsys.readouterr().out.split())
    assert [each for each in words if each not in said] == []
