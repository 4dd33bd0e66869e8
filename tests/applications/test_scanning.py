"""The malware scanner at the door: infected files are refused, and a scanner that is away costs nobody anything."""

import io
import time
from collections.abc import Iterator

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from applications import documents, scanning, workflow
from applications.models import Application, Document, IncomingUpload, Upload
from tests import pdfs
from tests.applications.student_pages import words
from tests.clamd import EICAR, FakeClamd, RealClamd, infected_pdf, real_clamd

pytestmark = [pytest.mark.django_db, pytest.mark.once]

Scan = scanning.Scan
GONE = "tcp://127.0.0.1:9"  # the port “discard”, on which nobody listens


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch) -> None:
    """No test before has found the scanner away."""
    monkeypatch.setattr(scanning._Rest, "until", 0.0)


@pytest.fixture
def clamd(settings) -> Iterator[FakeClamd]:
    fake = FakeClamd()
    settings.CLAMD_URL = fake.url
    yield fake
    fake.stop()


@pytest.fixture
def debian_clamd(settings) -> Iterator[RealClamd]:
    real = real_clamd()
    settings.CLAMD_URL = real.url
    real.start()
    yield real
    real.stop()
    real.remove()


@pytest.fixture
def no_patience(monkeypatch) -> None:
    """A student waits a tenth of a second for the scanner, and for a sign of life a second at most."""
    monkeypatch.setattr(scanning, "WHILE_SOMEBODY_WAITS", 0.1)
    monkeypatch.setattr(scanning, "PING_SECONDS", 1.0)


def receive(file) -> Upload:
    return documents.receive(file, Document.Kind.CV)


# Asking


def test_the_scanner_is_told_the_whole_file(clamd):
    assert scanning.scan(io.BytesIO(b"x" * 200_000)) == Scan.CLEAN
    assert scanning.scan(io.BytesIO(b"x" * 200_000 + EICAR)) == Scan.INFECTED


@pytest.mark.parametrize("mood", ["closing", "closing late", "garbage", "cut", "error", "too large"])
def test_only_a_whole_verdict_counts_as_one(clamd, mood):
    clamd.mood = mood
    with pytest.raises(scanning.NotScanned) as caught:
        scanning.scan(io.BytesIO(pdfs.cv()))
    assert not isinstance(caught.value, scanning.ScannerAway)
    assert not scanning.is_resting()  # it may well have a word on the next file


@pytest.mark.parametrize("url", [GONE, "unix:///nowhere/clamd.ctl"])
def test_a_scanner_that_nobody_can_reach_is_away(settings, url):
    settings.CLAMD_URL = url
    assert not scanning.answers()
    with pytest.raises(scanning.ScannerAway, match="cannot be reached"):
        scanning.scan(io.BytesIO(b"x"))


def test_a_scanner_that_never_answers_is_away_when_the_time_is_over(clamd, monkeypatch):
    monkeypatch.setattr(scanning, "PING_SECONDS", 0.1)
    clamd.mood = "dead"
    with pytest.raises(scanning.ScannerAway, match="in time"):
        scanning.scan(io.BytesIO(pdfs.cv()), seconds=0.1)
    assert scanning.is_resting()


def test_one_that_broods_over_one_file_and_answers_otherwise_is_not_away(clamd):
    clamd.mood = "silent"
    with pytest.raises(scanning.NotScanned, match="in time") as caught:
        scanning.scan(io.BytesIO(pdfs.cv()), seconds=0.1)
    assert not isinstance(caught.value, scanning.ScannerAway)
    assert not scanning.is_resting()


def test_something_else_that_listens_there_is_no_scanner(clamd, monkeypatch):
    assert scanning.answers()
    monkeypatch.setattr(clamd, "converse", lambda connection: connection.close())
    assert not scanning.answers()


# At the door


def test_an_infected_file_is_refused_in_calm_words_and_nothing_is_kept(clamd, cv_file, stored_files):
    with pytest.raises(ValidationError) as refused:
        receive(cv_file("my cv.pdf", infected_pdf()))
    assert refused.value.code == "infected"
    (message,) = refused.value.messages
    assert message.startswith("“my cv.pdf”: our malware scanner has found something harmful")
    assert "without your knowing" in message
    assert "Please make the PDF anew" in message
    assert not Upload.objects.exists()
    assert stored_files() == []


def test_a_clean_file_says_when_it_was_scanned(clamd, cv_file):
    upload = receive(cv_file())
    assert upload.scan == Scan.CLEAN
    assert upload.scanned_at is not None


def test_without_a_scanner_nothing_is_claimed_about_a_file(settings, cv_file):
    assert settings.CLAMD_URL == ""
    upload = receive(cv_file(content=infected_pdf()))
    assert (upload.scan, upload.scanned_at, upload.waits_for_scan) == (Scan.NONE, None, False)


def test_a_file_that_its_structure_refuses_is_not_shown_to_the_scanner(clamd, cv_file):
    with pytest.raises(ValidationError):
        receive(cv_file(content=b"no PDF at all"))
    assert clamd.conversations == 0


@pytest.mark.parametrize("mood", ["closing", "closing late", "garbage", "cut", "error", "too large", "silent"])
def test_a_file_on_which_the_scanner_has_no_word_is_kept_and_waits(clamd, no_patience, cv_file, mood, stored_files):
    clamd.mood = mood
    upload = receive(cv_file())
    assert (upload.scan, upload.scanned_at, upload.waits_for_scan) == (Scan.WAITING, None, True)
    assert len(stored_files()) == 1


def test_a_file_that_takes_the_scanner_too_long_takes_it_from_nobody_else(clamd, no_patience, cv_file):
    clamd.mood = "silent"
    assert receive(cv_file()).scan == Scan.WAITING
    clamd.mood = "honest"
    assert receive(cv_file()).scan == Scan.CLEAN


def test_a_scanner_that_is_away_costs_one_student_time_and_the_next_ones_none(clamd, no_patience, cv_file, monkeypatch):
    monkeypatch.setattr(scanning, "PING_SECONDS", 0.1)
    clamd.mood = "dead"
    assert receive(cv_file()).scan == Scan.WAITING
    assert receive(cv_file()).scan == Scan.WAITING
    assert clamd.conversations == 2  # the file, and whether it is there at all
    clamd.mood = "honest"
    later = time.monotonic() + scanning.REST_SECONDS
    monkeypatch.setattr(scanning.time, "monotonic", lambda: later)
    assert receive(cv_file()).scan == Scan.CLEAN


def test_in_a_rush_nobody_queues_for_the_scanner(clamd, cv_file, monkeypatch):
    taken = scanning.threading.BoundedSemaphore(scanning.MOST_AT_ONCE)
    monkeypatch.setattr(scanning, "_turns", taken)
    for _ in range(scanning.MOST_AT_ONCE):
        assert taken.acquire(blocking=False)
    assert receive(cv_file()).scan == Scan.WAITING
    assert clamd.conversations == 0
    taken.release()
    assert receive(cv_file()).scan == Scan.CLEAN
    assert receive(cv_file()).scan == Scan.CLEAN  # each gives its turn back


# In the form


@pytest.fixture
def form(answers) -> dict:
    return {**answers, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on", "nonce": "n"}


def apply(project, form, **files):
    return Client().post(f"/projects/{project.slug}/apply/", form | files)


def test_the_form_says_which_file_it_is_and_keeps_everything_else(clamd, project, form, cv_file, transcript_file):
    page = apply(project, form, cv=cv_file("mine.pdf", infected_pdf()), transcripts=transcript_file())
    assert page.status_code == 200
    assert "“mine.pdf”: our malware scanner has found something harmful" in words(page)
    assert "This transcript has arrived and is fine." in words(page)
    assert form["motivation"] in words(page)
    assert not Application.objects.exists()


def test_the_script_is_told_the_same_when_the_last_piece_has_arrived(clamd, project):
    browser, content = Client(), infected_pdf()
    browser.get(f"/projects/{project.slug}/apply/")
    files = f"/projects/{project.slug}/apply/files/"
    pk = browser.post(files, {"field": "cv", "name": "mine.pdf", "size": len(content)}).json()["id"]
    answer = browser.post(f"{files}{pk}/?offset=0", content, content_type="application/octet-stream")
    assert (answer.status_code, answer.json()["code"]) == (422, "infected")
    assert answer.json()["error"].startswith("“mine.pdf”: our malware scanner")
    assert not IncomingUpload.objects.exists()


def test_an_application_is_handed_in_while_the_scanner_is_away(settings, project, form, cv_file, transcript_file):
    settings.CLAMD_URL = GONE
    assert apply(project, form, cv=cv_file(), transcripts=transcript_file()).status_code == 302
    assert {document.scan for document in Document.objects.all()} == {Scan.WAITING}


def test_documents_take_over_what_is_known_of_their_uploads(clamd, make_application):
    application = make_application()
    assert {document.scan for document in application.documents.all()} == {Scan.CLEAN}
    assert None not in {document.scanned_at for document in application.documents.all()}


def test_a_copy_for_another_application_takes_it_over_too(clamd, application):
    cv = application.documents.get(kind=Document.Kind.CV)
    copied = documents.copy(cv)
    assert (copied.scan, copied.scanned_at) == (Scan.CLEAN, cv.scanned_at)


def test_a_copy_of_one_that_waits_waits_as_well(settings, application):
    settings.CLAMD_URL = GONE
    Document.objects.update(scan=Scan.WAITING)
    assert documents.copy(application.documents.get(kind=Document.Kind.CV)).scan == Scan.WAITING


def test_a_dead_scanner_does_not_make_the_site_unready(settings, client):
    without = client.get("/readyz/")
    settings.CLAMD_URL = GONE
    answer = client.get("/readyz/")
    assert (answer.status_code, answer.json().keys()) == (without.status_code, without.json().keys())


def test_the_backlog_says_how_much_waits_and_since_when(settings, application, cv_file):
    assert scanning.backlog() == scanning.Backlog(0, None)
    settings.CLAMD_URL = GONE
    first, _second = receive(cv_file()), receive(cv_file())
    assert scanning.backlog() == scanning.Backlog(2, first.created_at)


# Debian's clamd


@pytest.mark.clamd
def test_debians_scanner_refuses_keeps_and_catches_up(debian_clamd, cv_file, transcript_file, monkeypatch):
    with pytest.raises(ValidationError, match="something harmful"):
        receive(cv_file(content=infected_pdf()))
    assert receive(cv_file()).scan == Scan.CLEAN

    debian_clamd.stop()
    clean, infected = receive(transcript_file()), receive(cv_file(content=infected_pdf()))
    assert {clean.scan, infected.scan} == {Scan.WAITING}
    assert workflow.scan_waiting() == 0

    debian_clamd.start()
    monkeypatch.setattr(scanning._Rest, "until", 0.0)
    assert workflow.scan_waiting() == 2
    assert Upload.objects.get(pk=clean.pk).scan == Scan.CLEAN
    assert Upload.objects.get(pk=infected.pk).scan == Scan.INFECTED


@pytest.mark.clamd
def test_debians_scanner_says_when_a_file_is_too_large_for_it(debian_clamd):
    with pytest.raises(scanning.NotScanned, match="size limit exceeded"):
        scanning.scan(io.BytesIO(b"x" * 3_000_000))  # its limit is 1 MB here
    assert scanning.answers()
    assert scanning.scan(io.BytesIO(b"x" * 900_000)) == Scan.CLEAN
