"""`make audit` says what is unpinned, what does not fit, what is vulnerable, and what it could not find out."""

import datetime
import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent.parent
TODAY = datetime.date(2026, 11, 25)


@pytest.fixture
def audit() -> ModuleType:
    """A fresh copy of the script, which lies outside of every package."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAULT = {"id": "GHSA-aaaa-bbbb-cccc", "fix_versions": ["2.0.1"]}
SOUND = {"name": "django", "version": "5.2.19", "vulns": []}
FAULTY = {"name": "example", "version": "2.0", "vulns": [FAULT]}
UNKNOWN = {"name": "other", "skip_reason": "not found"}


def report(*packages: dict) -> dict:
    return {"dependencies": list(packages)}


def test_every_requirement_of_ours_names_one_version(audit):
    for name in audit.FILES:
        pins, loose = audit.read((ROOT / name).read_text().splitlines())
        assert len(pins) > 8
        assert loose == []


@pytest.mark.parametrize("line", ["django", "django>=5.2", "django~=5.2", "django==5.*", "django @ file:///x", "-e ."])
def test_a_requirement_that_leaves_the_version_open_is_told(audit, line):
    assert audit.read([line, "csp[a]==1.0  # why", "", "# words", "-r requirements.txt"]) == ({"csp": "1.0"}, [line])


def test_what_is_installed_unnamed_or_at_another_version_is_told(audit):
    pins, _loose = audit.read(["Typing_Extensions==4.0", "django==5.2.19"])
    assert audit.surprises(pins, {"typing-extensions": "4.0", "django": "5.2.19", "pip": "23"}) == []
    assert audit.surprises(pins, {"django": "5.2.20", "stranger": "1"}) == [
        "django 5.2.20 is installed, and 5.2.19 is written down.",
        "stranger 1 is installed, and no version is written down.",
    ]


def test_a_known_vulnerability_fails_and_says_where_it_is_mended(audit, capsys):
    assert not audit.has_no_known_vulnerability(report(SOUND, FAULTY), TODAY)
    assert "example 2.0: GHSA-aaaa-bbbb-cccc, mended in 2.0.1" in capsys.readouterr().out


def test_an_accepted_one_passes_until_its_day_is_over(audit, capsys):
    audit.ACCEPTED[FAULT["id"]] = (TODAY, "never called")
    assert audit.has_no_known_vulnerability(report(FAULTY), TODAY)
    assert not audit.has_no_known_vulnerability(report(FAULTY), TODAY + datetime.timedelta(days=1))
    assert "accepted until 2026-11-25 (never called)" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, report(UNKNOWN, UNKNOWN)])
def test_a_service_out_of_reach_fails_nothing_and_is_said_plainly(audit, capsys, answer):
    assert audit.has_no_known_vulnerability(answer, TODAY)
    assert capsys.readouterr().out == (
        "Vulnerabilities: NOT CHECKED. The service that knows them cannot be reached from here.\n"
    )


def test_what_the_service_does_not_know_is_named(audit, capsys):
    assert audit.has_no_known_vulnerability(report(SOUND, UNKNOWN), TODAY)
    assert capsys.readouterr().out == (
        "Vulnerabilities: NOT CHECKED of other, which the service does not know.\n"
        "Vulnerabilities: none known of 1 packages.\n"
    )


def told(answer) -> object:
    def run(command, **options):
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, 1, stdout=answer, stderr="")

    return run


def test_what_pip_audit_says_is_understood_and_when_it_breaks_off_nothing_is_claimed(audit, monkeypatch):
    tool = {"name": "pip", "version": "23", "vulns": [FAULT]}
    for answer, understood in (
        (json.dumps(report(SOUND, FAULTY, tool)), report(SOUND, FAULTY)),
        ("no network", None),
        (subprocess.TimeoutExpired("pip-audit", 1), None),
    ):
        monkeypatch.setattr(audit.subprocess, "run", told(answer))
        assert audit.ask_for_vulnerabilities() == understood
