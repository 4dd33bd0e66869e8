"""Bad settings stop every command with one sentence that names the variable; `.env.example` names them all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

CHECKOUT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = (CHECKOUT / ".env.example").read_text()
READERS = r'(?:text|switch|whole_number|words|env\.\w+)\(\s*"([A-Z][A-Z_]+)"'
READ_BY_SETTINGS = set(re.findall(READERS, (CHECKOUT / "tracker" / "settings.py").read_text()))
READ_BY_QUICKSTART = {"SUPERVISOR_PASSWORD"}


def check(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "READ_DOTENV": "off", "DATA_DIR": str(folder)} | settings
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "check"],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "https://apply.example.org"),
        ("ALLOWED_HOSTS", "apply.example.org:8000"),
        ("APPLY_LIMITS", "sometimes"),
        ("DATABASE_URL", "tracker.db"),
        ("DATABASE_URL", "oracel://user:s3cret-word@127.0.0.1/tracker"),
        ("DATABASE_URL", "mysql://user:s3cret-word@127.0.0.1/tracker"),
        ("DATABASE_URL", "postgres://user:s3cret-word@127.0.0.1:port/tracker"),
        ("DATABASE_URL", "postgres://user:s3cret-word@127.0.0.1:5432/"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATA_DIR", "/dev/null/data"),
        ("DEADLINE_GRACE_MINUTES", "half an hour"),
        ("DEADLINE_GRACE_MINUTES", "-1"),
        ("DEADLINE_GRACE_MINUTES", "1441"),
        ("DEBUG", "maybe"),
        ("DOCUMENT_STORAGE_URL", "documents"),
        ("DOCUMENT_STORAGE_URL", "ftp://user:s3cret-word@files.example.org/documents"),
        ("EMAIL_FROM", "MSc projects"),
        ("EMAIL_FROM", "one@example.org, two@example.org"),
        ("EMAIL_URL", "mail.example.org"),
        ("EMAIL_URL", "smtp://user:s3cret-word@mail.example.org:port"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp+tls://user:s3cret-word@:587"),
        ("PROMISED_ANSWER_DAYS", "0"),
        ("PROMISED_ANSWER_DAYS", "9999999999"),
        ("ERASURE_LEDGER", "/tmp"),  # noqa: S108 - a folder, not written to
        ("ERASURE_LEDGER", "/dev/null"),
        ("INVITATION_DAYS", "0"),
        ("LANGUAGE_CODE", "fr"),
        ("LANGUAGE_CODE", "DE"),
        ("LANGUAGE_CODE", "de-CH"),
        ("OFFER_DAYS", "0"),
        ("OFFER_DAYS", "two weeks"),
        ("RELEASE_DELAY", "soon"),
        ("RELEASE_DELAY", "10081"),
        ("RETENTION_ACCEPTED_DAYS", "two years"),
        ("RETENTION_ACCEPTED_DAYS", "36501"),
        ("RETENTION_DECLINED_DAYS", "0"),
        ("RETENTION_UNDECIDED_DAYS", "-1"),
        ("RETENTION_WITHDRAWN_DAYS", "1.5"),
        ("SECRET_KEY", "short"),
        ("SIGN_IN_DAYS", "15"),
        ("SIGN_IN_IDLE_HOURS", "337"),
        ("SITE_URL", "apply.example.org"),
        ("SITE_URL", "https://example.org/apply"),
        ("SITE_URL", "https://example.org:port"),
        ("SITE_URL", "https://ada@example.org"),
        ("SITE_URL", "https://apply example.org"),
        ("SITE_URL", "http://[::1"),
        ("SUPERVISOR_READS_RATINGS", "perhaps"),
        ("SUPERVISOR_EMAIL", "Ada Example"),
        ("SUPERVISOR_EMAIL", "Ada Example <ada@example.org>"),
        ("SUPERVISOR_EMAIL", "@"),
        ("TIME_ZONE", "Mars/Olympus_Mons"),
        ("TRUSTED_PROXIES", "10.0.0.1, nginx"),
    ],
)
def test_a_value_that_cannot_work_stops_the_start_with_a_sentence(tmp_path, name, value):
    run = check(tmp_path, **{name: value})
    assert run.returncode == 1
    assert run.stdout == ""
    [sentence] = run.stderr.splitlines()
    assert sentence.startswith(f"Setting {name}: ")
    assert "s3cret-word" not in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any file")
def test_a_ledger_that_cannot_be_written_stops_the_start(tmp_path):
    path = tmp_path / "kept.ledger"
    path.touch(mode=0o400)
    run = check(tmp_path, ERASURE_LEDGER=str(path))
    assert run.returncode == 1
    assert run.stderr.startswith("Setting ERASURE_LEDGER: ")


def test_nothing_need_be_set(tmp_path):
    run = check(tmp_path)
    assert run.returncode == 0, run.stderr


def test_a_setting_left_empty_is_as_good_as_none(tmp_path):
    names = sorted(READ_BY_SETTINGS - {"DATA_DIR"})
    shown = (
        "from django.conf import settings as s; print(s.EMAIL_FROM, s.SITE_URL, s.TIME_ZONE, s.APPLY_LIMITS, "
        "s.SUPERVISOR_EMAIL, s.RETENTION_DAYS, s.PROMISED_ANSWER_DAYS)"
    )
    without, empty = (
        subprocess.run(
            [sys.executable, str(CHECKOUT / "manage.py"), "shell", "-v0", "-c", shown],
            env={"PATH": os.environ["PATH"], "READ_DOTENV": "off", "DATA_DIR": str(tmp_path)} | more,
            capture_output=True, text=True, timeout=120,
        )
        for more in ({}, dict.fromkeys(names, ""))
    )  # fmt: skip
    assert empty.stderr == ""
    assert empty.stdout == without.stdout != ""


def test_every_setting_is_explained_in_the_example_and_nothing_else():
    explained = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert explained == READ_BY_SETTINGS | READ_BY_QUICKSTART


def test_the_example_changes_nothing_until_somebody_uncomments_a_line():
    assert not re.findall(r"^[^#\s]", EXAMPLE, re.MULTILINE)


def test_the_values_of_the_example_work(tmp_path):
    values = dict(re.findall(r"^#([A-Z_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    run = check(tmp_path, **values | {"DATA_DIR": str(tmp_path / "data")})
    assert run.returncode == 0, run.stderr


def test_a_secret_key_is_made_once_and_kept(tmp_path):
    check(tmp_path)
    key = (tmp_path / "secret_key").read_text()
    assert check(tmp_path).returncode == 0
    assert (tmp_path / "secret_key").read_text() == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_data_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "50% of #1 data? yes"
    run = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "shell", "-v0", "-c",
         "from django.conf import settings as s; "
         "print(s.DATABASES['default']['NAME'], s.STORAGES['documents']['OPTIONS']['location'], sep='\\n')"],
        env={"PATH": os.environ["PATH"], "READ_DOTENV": "off", "DATA_DIR": str(folder)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.stdout.splitlines() == [str(folder / "db.sqlite3"), str(folder / "documents")], run.stderr
