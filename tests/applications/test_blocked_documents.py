"""What waits for the malware scanner is scanned later; what it finds is opened by nobody, and the student is told."""

import datetime
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import documents, renditions, scanning, search, taking_away, workflow
from applications.management.commands.run_worker import other_tasks
from applications.models import Application, Document, Event, Letter, Rendition, Upload
from applications.statuses import Status
from applications.tokens import browser_key, upload_token
from applications.workflow import scanning as later
from tests import pdfs
from tests.applications.student_pages import at, words
from tests.clamd import FakeClamd, infected_pdf

pytestmark = pytest.mark.django_db

Scan = Document.Scan
REVIEWERS = ["supervisor", "co_advisor", "superuser"]


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch) -> None:
    """No test before has found the scanner away, or looked for documents older than it."""
    monkeypatch.setattr(scanning._Rest, "until", 0.0)
    monkeypatch.setattr(later._Adoption, "again_at", 0.0)
    monkeypatch.setattr(renditions._Pace, "all_again_at", 0.0)


@pytest.fixture
def clamd(settings) -> Iterator[FakeClamd]:
    """A scanner that is away at first."""
    fake = FakeClamd()
    settings.CLAMD_URL = fake.url
    fake.stop()
    yield fake
    fake.stop()


@pytest.fixture
def back(clamd, monkeypatch) -> Callable[[], int]:
    """The scanner comes back, and the worker makes one pass; of how many files it could say something."""

    def come_back() -> int:
        if clamd.is_stopped.is_set():
            clamd.start()
        monkeypatch.setattr(scanning._Rest, "until", 0.0)
        return workflow.scan_waiting()

    return come_back


@pytest.fixture
def handed_in(clamd, project, answers, cv_file, transcript_file) -> Application:
    """Ada's application, whose CV is infected, handed in while the scanner was away."""
    cv = documents.receive(cv_file("my cv.pdf", infected_pdf()), Document.Kind.CV)
    transcript = documents.receive(transcript_file(), Document.Kind.TRANSCRIPT)
    return workflow.submit(project, answers=answers, uploads=[cv, transcript], nonce="n")


@pytest.fixture
def blocked(handed_in, back, django_capture_on_commit_callbacks) -> Document:
    """Her CV, once page images were made of it and the scanner has found something in it."""
    renditions.make_missing()
    with django_capture_on_commit_callbacks(execute=True):
        assert back() == 2
    return handed_in.documents.get(kind=Document.Kind.CV)


def letters_of(application: Application) -> list[Letter]:
    return list(application.letters.filter(kind=Letter.Kind.INFECTED))


# The worker


def test_the_worker_does_it():
    assert "scan for malware" in [task.name for task in other_tasks(threading.Event())]


def test_what_waited_is_scanned_once_the_scanner_is_back(make_application, clamd, back):
    application = make_application()
    assert {document.scan for document in application.documents.all()} == {Scan.WAITING}
    assert workflow.scan_waiting() == 0
    assert back() == 2
    assert {document.scan for document in application.documents.all()} == {Scan.CLEAN}
    assert None not in {document.scanned_at for document in application.documents.all()}
    assert letters_of(application) == []


def test_while_it_is_away_everything_waits_on_and_is_due_at_once_afterwards(make_application, clamd, monkeypatch):
    application = make_application()
    for _ in range(3):
        monkeypatch.setattr(scanning._Rest, "until", 0.0)
        assert workflow.scan_waiting() == 0
    assert {(d.scan, d.scanned_at) for d in application.documents.all()} == {(Scan.WAITING, None)}


def test_a_file_at_which_the_scanner_stumbles_keeps_no_other_waiting(make_application, clamd, back, monkeypatch):
    make_application()
    clamd.mood = "too large"
    assert back() == 0
    clamd.mood = "honest"
    make_application(email="bea@example.org")
    assert Document.objects.filter(scan=Scan.CLEAN).count() == 2  # the scanner answers at the door again
    assert back() == 0  # it has just been asked about the first ones
    soon = timezone.now() + later.PAUSE
    monkeypatch.setattr(timezone, "now", lambda: soon + datetime.timedelta(seconds=1))
    assert back() == 2


def test_files_that_it_failed_on_come_after_all_new_ones(make_uploads, make_application, clamd):
    failed, fresh_upload = make_uploads()
    documents_of_today = list(make_application().documents.all())
    Upload.objects.filter(pk=failed.pk).update(scanned_at=timezone.now() - 2 * later.PAUSE)
    order = [file.pk for file in later._waiting()]
    assert order == [fresh_upload.pk, *(document.pk for document in documents_of_today), failed.pk]


def test_so_many_that_it_failed_on_fill_no_pass(make_uploads, clamd, monkeypatch):
    monkeypatch.setattr(later, "MOST_IN_A_PASS", 1)
    failed, fresh = make_uploads()
    Upload.objects.filter(pk=failed.pk).update(scanned_at=timezone.now() - 2 * later.PAUSE)
    assert [file.pk for file in later._waiting()] == [fresh.pk]


def test_one_file_that_takes_it_too_long_does_not_stop_the_others(make_uploads, clamd, back, monkeypatch):
    slow, fine = make_uploads()
    scan = scanning.scan

    def brood_over_the_first(content):
        clamd.mood = "silent" if content.name.endswith(slow.file.name) else "honest"
        return scan(content, seconds=0.1 if clamd.mood == "silent" else scanning.LONGEST_SCAN)

    monkeypatch.setattr(scanning, "scan", brood_over_the_first)
    assert back() == 1
    assert not scanning.is_resting()
    assert Upload.objects.get(pk=fine.pk).scan == Scan.CLEAN
    assert Upload.objects.get(pk=slow.pk).waits_for_scan


def test_two_workers_do_not_ask_about_the_same_file(handed_in):
    document = handed_in.documents.first()
    assert later._claim(document)
    assert not later._claim(document)


def test_a_verdict_on_what_was_erased_meanwhile_is_nobodys(handed_in, back, monkeypatch):
    scan = scanning.scan

    def scan_slowly(file):
        workflow.erase(handed_in)
        return scan(file)

    monkeypatch.setattr(scanning, "scan", scan_slowly)
    assert back() == 0
    assert not Document.objects.exists()
    assert not Letter.objects.filter(kind=Letter.Kind.INFECTED).exists()


def test_documents_that_are_older_than_the_scanner_are_scanned_too(make_application, clamd, back, settings):
    address, settings.CLAMD_URL = settings.CLAMD_URL, ""
    application = make_application()
    assert workflow.scan_waiting() == 0
    assert {document.scan for document in application.documents.all()} == {Scan.NONE}
    settings.CLAMD_URL = address
    assert back() == 0  # now they wait
    assert back() == 2
    assert {document.scan for document in application.documents.all()} == {Scan.CLEAN}


# What becomes of a document in which malware is found


def test_it_is_noted_and_its_bytes_stay_but_nothing_that_was_made_from_it(blocked, stored_files):
    assert blocked.scan == Scan.INFECTED
    assert blocked.scanned_at is not None
    with blocked.file.open("rb") as file:
        assert file.read() == infected_pdf()
    assert not Rendition.objects.filter(pk=blocked.pk).exists()
    assert [path.name for path in stored_files() if path.name.startswith(f"{blocked.pk.hex}-")] == []
    event = Event.objects.get(kind=Event.Kind.DOCUMENT_INFECTED)
    assert (event.application, event.actor, event.text) == (blocked.application, Event.Actor.SYSTEM, "CV")


def test_no_images_are_made_of_it_again(blocked):
    renditions.make_missing()
    assert not Rendition.objects.filter(pk=blocked.pk).exists()


def test_its_text_is_not_found_any_more(handed_in, back):
    renditions.make_missing()
    assert search.matching(Application.objects.all(), "vitae").exists()
    back()
    assert not search.matching(Application.objects.all(), "vitae").exists()
    assert search.matching(Application.objects.all(), "records").exists()  # the transcript


def test_the_student_is_written_to_which_document_it_is_and_what_to_do(blocked):
    (letter,) = letters_of(blocked.application)
    assert letter.recipient == "ada@example.org"
    assert letter.body.splitlines().count("- CV: my cv.pdf (1 page)") == 1
    assert "without your knowing" in letter.body
    assert "send it to us on your page:\n\n{manage_link}\n" in letter.body
    assert "malware" not in letter.subject  # nothing that a stranger over the shoulder would misread


def test_while_an_offer_stands_nothing_is_asked_of_the_student(handed_in, back):
    Application.objects.update(status=Status.OFFERED)
    back()
    (letter,) = letters_of(handed_in)
    assert "We do not need this document from you now." in letter.body
    assert "send it to us" not in letter.body


@pytest.mark.parametrize("status", [Status.DECLINED, Status.WITHDRAWN])
def test_who_has_a_final_answer_is_left_in_peace(handed_in, back, status):
    Application.objects.update(status=status)
    back()
    assert handed_in.documents.get(kind=Document.Kind.CV).is_blocked
    assert letters_of(handed_in) == []


def test_a_former_version_is_blocked_without_a_letter(handed_in, back, cv_file):
    workflow.replace_documents(handed_in, [documents.receive(cv_file(), Document.Kind.CV)])
    back()
    assert handed_in.documents.get(version=1, kind=Document.Kind.CV).is_blocked
    assert letters_of(handed_in) == []


# Nobody opens it


@pytest.mark.parametrize("who", REVIEWERS)
def test_its_reviewers_get_a_page_that_says_so_in_its_place(blocked, signed_in, request, who):
    browser = signed_in(request.getfixturevalue(who))
    for address in (blocked.get_absolute_url(), blocked.get_absolute_url() + "?download=1"):
        answer = browser.get(address)
        assert answer.status_code == 403
        assert "nobody can open or download it here" in words(answer)
        assert answer["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert browser.get(reverse("applications:page_image", args=[blocked.pk, 1])).status_code == 404
    assert not blocked.application.openings.exists()


def test_its_student_gets_the_way_back_to_the_page_where_another_one_is_sent(blocked, open_by_link):
    browser = open_by_link(blocked.application)
    answer = browser.get(blocked.get_absolute_url())
    assert answer.status_code == 403
    assert f'href="{at(blocked.application)}"' in answer.content.decode()
    assert browser.get(reverse("applications:page_image", args=[blocked.pk, 1])).status_code == 404


def test_to_everybody_else_it_does_not_exist(blocked, client, signed_in, other_supervisor, staff_without_rights):
    for browser in (client, signed_in(other_supervisor), signed_in(staff_without_rights)):
        assert browser.get(blocked.get_absolute_url()).status_code == 404


def test_the_clean_documents_beside_it_open_as_ever(blocked, signed_in, supervisor):
    transcript = blocked.application.documents.get(kind=Document.Kind.TRANSCRIPT)
    answer = signed_in(supervisor).get(transcript.get_absolute_url())
    assert answer.status_code == 200
    assert answer.getvalue() == pdfs.transcript()


def test_what_reviewers_take_out_holds_all_but_this_one_and_says_so(blocked, signed_in, supervisor):
    answer = signed_in(supervisor).post(
        reverse("admin:applications_application_export") + f"?id__in={blocked.application_id}", {"format": "zip"}
    )
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert [name.rpartition("/")[2] for name in archive.namelist()] == [
        "index.html",
        "index.csv",
        "2 Transcript 1.pdf",
    ]
    assert "Malware was found in this file, so it is left out." in archive.read("index.csv").decode("utf-8-sig")


def test_what_the_student_takes_away_holds_all_but_this_one_and_says_so(blocked):
    content = b"".join(taking_away.Everything(Application.objects.get(pk=blocked.application_id)))
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert [name for name in archive.namelist() if name.endswith(".pdf")] == [
        "documents/02 Transcript 1, version 1.pdf"
    ]
    assert "(you called it “my cv.pdf”): our malware scanner" in archive.read("README.txt").decode()
    assert "Left out: our malware scanner" in archive.read("index.html").decode()
    cv = json.loads(archive.read("application.json"))["documents"][0]
    assert (cv["file"], cv["is_missing"], cv["is_left_out_because_of_malware"]) == (None, False, True)


def test_it_is_not_handed_in_once_more_to_another_project(blocked, open_by_link, other_project):
    browser = open_by_link(blocked.application)
    page = browser.get(f"/projects/{other_project.slug}/apply/?again={blocked.application.reference}")
    assert "my cv.pdf" not in words(page)
    assert "transcript.pdf" in words(page)
    with pytest.raises(documents.Blocked):
        documents.copy(blocked)


# What the student sees


def test_the_student_reads_which_one_it_is_and_sends_another(blocked, open_by_link, clamd, cv_file):
    application, browser = blocked.application, open_by_link(blocked.application)
    page = browser.get(at(application))
    assert "Please send one document again" in words(page)
    assert "CV, my cv.pdf" in words(page)
    assert "Our malware scanner found something harmful in one of your documents" in words(page)
    assert blocked.get_absolute_url() not in page.content.decode()
    assert "not opened: our malware scanner" in words(browser.get(at(application, "receipt/")))

    browser.post(at(application, "documents/"), {"cv": cv_file("new.pdf")})
    page = words(browser.get(at(application)))
    assert "Please send one document again" not in page
    assert application.current_documents()[0].scan == Scan.CLEAN


def test_once_reading_began_another_one_is_offered(blocked, open_by_link, supervisor, cv_file):
    workflow.note(blocked.application, "Reading.", by=supervisor)
    browser = open_by_link(blocked.application)
    assert "best on another computer. Send a newer version" in words(browser.get(at(blocked.application)))
    browser.post(at(blocked.application, "documents/"), {"cv": cv_file("new.pdf")})
    workflow.take_offered(blocked.application, by=supervisor)
    assert blocked.application.current_documents()[0].original_name == "new.pdf"


def test_while_it_waits_the_student_reads_nothing_that_alarms(handed_in, open_by_link):
    browser = open_by_link(handed_in)
    page = words(browser.get(at(handed_in)))
    assert page.count("Arrived; the check for malware is still to come.") == 2
    assert "harmful" not in page
    assert "malware" not in words(browser.get(at(handed_in, "receipt/")))


# What the reviewers see


def review_page(browser: Client, application: Application) -> str:
    return browser.get(reverse("admin:applications_application_change", args=[application.pk])).content.decode()


def test_reviewers_are_told_before_they_open_what_nobody_has_scanned_yet(handed_in, signed_in, supervisor):
    page = review_page(signed_in(supervisor), handed_in)
    assert page.count('<span class="mark">Not scanned for malware yet</span>') == 4, (
        "above the viewer and on the line of each document"
    )
    assert 'title="Not scanned for malware yet"' in page
    assert "<iframe" in page


def test_that_it_is_clean_is_said_quietly(make_application, back, signed_in, supervisor):
    application = make_application()
    back()
    page = review_page(signed_in(supervisor), application)
    assert page.count(">Scanned: no malware found</span>") == 2
    assert "Not scanned" not in page


def test_without_a_scanner_nothing_is_said_of_malware(application, signed_in, supervisor):
    assert "malware" not in review_page(signed_in(supervisor), application)


def test_in_place_of_the_viewer_stands_why_there_is_none(blocked, signed_in, supervisor):
    page = review_page(signed_in(supervisor), blocked.application)
    assert "<iframe" not in page
    assert "CV: not opened, because malware was found in it" in page
    assert "The student has been asked by letter for another copy." in page
    assert "malware found in 1 document" in page
    assert blocked.get_absolute_url() not in page


def test_the_list_and_the_comparison_say_it(blocked, make_application, signed_in, supervisor):
    other = make_application(email="bea@example.org", full_name="Bea Example")
    browser = signed_in(supervisor)
    assert browser.get("/admin/applications/application/").content.decode().count("Malware found</span>") == 1
    ids = f"{blocked.application_id},{other.pk}"
    page = browser.get(reverse("admin:applications_application_compare") + f"?ids={ids}").content.decode()
    assert page.count("Malware found</span>") == 1
    assert blocked.get_absolute_url() not in page


def test_what_was_offered_and_is_infected_can_only_be_left_aside(make_application, clamd, back, supervisor, cv_file):
    application = make_application()
    workflow.note(application, "Reading.", by=supervisor)
    newer = documents.receive(cv_file("newer.pdf", infected_pdf()), Document.Kind.CV)
    workflow.offer_documents(application, [newer])
    back()
    with pytest.raises(workflow.Refused) as refused:
        workflow.take_offered(application, by=supervisor)
    assert refused.value.code == "infected"
    assert application.current_documents()[0].original_name == "cv.pdf"
    workflow.leave_offered(application, by=supervisor)
    assert application.blocked_documents() == []


# Uploads that nobody has claimed yet


@pytest.fixture
def form_browser(project) -> Client:
    browser = Client()
    browser.get(f"/projects/{project.slug}/apply/")
    return browser


@pytest.fixture
def kept(clamd, back, form_browser, rf, cv_file) -> Upload:
    """A CV that has arrived in a form and was found infected before the form was sent."""
    request = rf.get("/")
    request.META["CSRF_COOKIE"] = form_browser.cookies["csrftoken"].value
    upload = documents.receive(cv_file("my cv.pdf", infected_pdf()), Document.Kind.CV, browser=browser_key(request))
    assert back() == 1
    upload.refresh_from_db()
    return upload


def test_a_form_that_brings_it_is_told_why_it_is_not_taken(kept, form_browser, project, answers, transcript_file):
    data = {**answers, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on", "nonce": "n"}
    page = form_browser.post(
        f"/projects/{project.slug}/apply/",
        data | {"kept_cv": upload_token(kept.pk), "transcripts": transcript_file()},
    )
    assert page.status_code == 200
    assert "“my cv.pdf”: our malware scanner has found something harmful" in words(page)
    assert upload_token(kept.pk) not in page.content.decode()
    assert not Application.objects.exists()


def test_no_application_claims_it(kept, project, answers, transcript_file):
    transcript = documents.receive(transcript_file(), Document.Kind.TRANSCRIPT)
    with pytest.raises(workflow.Refused) as refused:
        workflow.submit(project, answers=answers, uploads=[kept, transcript], nonce="n")
    assert refused.value.code == "infected"
    assert not Application.objects.exists()


def test_the_browser_that_sent_it_does_not_get_it_back(kept, form_browser):
    answer = form_browser.get(reverse("applications:upload", args=[kept.pk]))
    assert answer.status_code == 403
    assert "choose the new one in the form" in words(answer)
    assert Client().get(reverse("applications:upload", args=[kept.pk])).status_code == 404


def test_it_goes_with_the_other_unclaimed_files_after_a_day(kept, stored_files):
    assert len(stored_files()) == 1
    documents.sweep(timezone.now() + datetime.timedelta(hours=25))
    assert stored_files() == []
    assert not Upload.objects.exists()


def test_a_page_that_is_opened_again_hears_it_from_the_server(clamd, back, form_browser, project):
    content = infected_pdf()
    files = f"/projects/{project.slug}/apply/files/"
    pk = form_browser.post(files, {"field": "cv", "name": "mine.pdf", "size": len(content)}).json()["id"]
    address = f"{files}{pk}/"
    assert form_browser.post(f"{address}?offset=0", content, content_type="application/octet-stream").json()["token"]
    back()
    said = form_browser.get(address)
    assert (said.status_code, said.json()["code"]) == (422, "infected")
