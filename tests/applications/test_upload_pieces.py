"""Files that a script sends while the student writes: in pieces, to be taken up again, checked, viewed, taken away."""

import datetime
import json

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from applications import documents, incoming
from applications.models import Application, IncomingPiece, IncomingUpload, Upload
from projects.models import Question
from tests import pdfs

pytestmark = pytest.mark.django_db


@pytest.fixture
def files_url(project) -> str:
    return f"/projects/{project.slug}/apply/files/"


@pytest.fixture
def browser(project) -> Client:
    """A browser that has opened the form."""
    browser = Client()
    assert browser.get(f"/projects/{project.slug}/apply/").status_code == 200
    return browser


def begin(browser: Client, url: str, content: bytes, field: str = "cv", name: str = "cv.pdf"):
    return browser.post(url, {"field": field, "name": name, "size": len(content)})


def send(browser: Client, url: str, pk: str, offset: int, data: bytes):
    return browser.post(f"{url}{pk}/?offset={offset}", data, content_type="application/octet-stream")


def send_all(browser: Client, url: str, content: bytes, field: str = "cv", name: str = "cv.pdf"):
    """All pieces in order, each of 1,000 bytes; the last answer."""
    pk = begin(browser, url, content, field, name).json()["id"]
    for offset in range(0, len(content), 1000):
        response = send(browser, url, pk, offset, content[offset : offset + 1000])
    return response


def read(browser: Client, url: str) -> bytes:
    response = browser.get(url)
    assert response["Content-Type"] == "application/pdf"
    return response.getvalue()


def form_data(answers: dict, **more) -> dict:
    return {**answers, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on", "nonce": "n", **more}


def test_a_file_in_pieces_arrives_is_checked_and_goes_with_the_form(browser, files_url, project, answers):
    cv, transcript = pdfs.cv(), pdfs.transcript()
    arrived = send_all(browser, files_url, cv).json()
    assert arrived["received"] == arrived["size"] == len(cv)
    assert arrived["name"] == "cv.pdf"
    assert "page" in arrived["facts"]
    other = send_all(browser, files_url, transcript, "transcripts", "transcript.pdf").json()
    data = form_data(answers, kept_cv=arrived["token"], kept_transcripts=other["token"])
    assert browser.post(f"/projects/{project.slug}/apply/", data).status_code == 302
    handed_in = [document.get_absolute_url() for document in Application.objects.get().current_documents()]
    assert [read(browser, url) for url in handed_in] == [cv, transcript]
    assert not Upload.objects.exists()


def test_after_a_cut_it_goes_on_where_it_stopped(browser, files_url):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    send(browser, files_url, pk, 0, content[:400])
    progress = browser.get(f"{files_url}{pk}/").json()
    assert progress["received"] == 400
    assert send(browser, files_url, pk, 400, content[400:]).json()["token"]


def test_a_piece_that_comes_twice_or_too_early_is_not_taken_and_the_place_is_said(browser, files_url):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    send(browser, files_url, pk, 0, content[:400])
    for offset in ("0", "800", "399", "-1", "x", ""):
        response = send(browser, files_url, pk, offset, content[400:500])
        assert (response.status_code, response.json()["received"]) == (409, 400), offset
    assert IncomingPiece.objects.count() == 1
    assert send(browser, files_url, pk, 400, content[400:] + b"more than announced").status_code == 409


def test_the_last_piece_sent_again_gives_the_same_answer(browser, files_url):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    first = send(browser, files_url, pk, 0, content).json()
    again = send(browser, files_url, pk, 0, content).json()
    assert first["url"] == again["url"]
    assert Upload.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(pdfs.user_locked(), "needs a password"), (pdfs.renamed_photo(), "photo"), (b"no PDF at all", "not a PDF")],
    ids=["locked", "photo", "text"],
)
def test_a_file_that_is_not_fine_is_refused_in_plain_words_and_nothing_of_it_stays(
    browser, files_url, stored_files, content, words
):
    response = send_all(browser, files_url, content)
    assert response.status_code == 422
    assert words in response.json()["error"]
    assert [model.objects.count() for model in (IncomingUpload, IncomingPiece, Upload)] == [0, 0, 0]
    assert stored_files() == []


def test_a_file_past_the_limit_is_refused_before_a_byte_of_it_is_sent(browser, files_url, settings):
    response = browser.post(files_url, {"field": "cv", "name": "scan.pdf", "size": settings.DOCUMENT_MAX_BYTES + 1})
    assert response.status_code == 422
    assert "larger than 10 MB" in response.json()["error"]


@pytest.mark.parametrize("size", ["", "0", "-5", "1.5", "x", "9" * 30])
def test_a_size_that_cannot_be_is_refused(browser, files_url, size):
    assert browser.post(files_url, {"field": "cv", "name": "cv.pdf", "size": size}).status_code == 422
    assert not IncomingUpload.objects.exists()


def test_a_piece_larger_than_agreed_is_refused(browser, files_url, settings):
    content = b"%PDF-" + b"x" * settings.PIECE_BYTES
    pk = begin(browser, files_url, content).json()["id"]
    assert send(browser, files_url, pk, 0, content).status_code == 413
    assert not IncomingPiece.objects.exists()


def test_an_unknown_field_or_project_is_404(browser, files_url, project, other_project):
    assert browser.post(files_url, {"field": "photo", "name": "x.pdf", "size": 5}).status_code == 404
    assert browser.post("/projects/no-such/apply/files/", {"field": "cv", "name": "x", "size": 5}).status_code == 404
    question = Question.objects.create(project=other_project, prompt="Thesis", kind="file")
    data = {"field": question.field_name, "name": "x.pdf", "size": 5}
    assert browser.post(files_url, data).status_code == 404
    project.is_published = False
    project.save()
    assert browser.post(files_url, {"field": "cv", "name": "x.pdf", "size": 5}).status_code == 404


def test_another_browser_sees_nothing_of_a_file_on_its_way_or_arrived(browser, files_url, project):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    other = Client()
    other.get(f"/projects/{project.slug}/apply/")
    assert other.get(f"{files_url}{pk}/").status_code == 404
    assert send(other, files_url, pk, 0, content).status_code == 404
    url = send(browser, files_url, pk, 0, content).json()["url"]
    assert read(browser, url) == content
    assert [other.get(url).status_code, other.post(f"{url}remove/").status_code] == [404, 404]
    assert Client().get(url).status_code == 404


def test_a_file_is_taken_away_at_once_and_only_by_post(browser, files_url, stored_files):
    url = send_all(browser, files_url, pdfs.cv()).json()["url"]
    assert browser.get(f"{url}remove/").status_code == 405
    assert len(stored_files()) == 1
    assert browser.post(f"{url}remove/").status_code == 204
    assert stored_files() == []
    assert browser.get(url).status_code == 404


def test_a_file_that_was_handed_in_cannot_be_taken_away(browser, files_url, project, answers, stored_files):
    arrived = send_all(browser, files_url, pdfs.cv()).json()
    other = send_all(browser, files_url, pdfs.transcript(), "transcripts").json()
    data = form_data(answers, kept_cv=arrived["token"], kept_transcripts=other["token"])
    browser.post(f"/projects/{project.slug}/apply/", data)
    assert browser.post(f"{arrived['url']}remove/").status_code == 404
    assert len(stored_files()) == 2


def test_files_need_the_form_s_token(project, files_url):
    browser = Client(enforce_csrf_checks=True)
    browser.get(f"/projects/{project.slug}/apply/")
    response = browser.post(files_url, {"field": "cv", "name": "cv.pdf", "size": 10})
    assert response.status_code == 403
    assert "load it again" in response.json()["error"]


def test_a_full_disk_costs_one_piece_and_not_the_file(browser, files_url, monkeypatch):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    send(browser, files_url, pk, 0, content[:400])

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as during:
        during.setattr(type(storages["documents"]), "save", full)
        assert send(browser, files_url, pk, 400, content[400:]).status_code == 503
    assert browser.get(f"{files_url}{pk}/").json()["received"] == 400
    assert send(browser, files_url, pk, 400, content[400:]).status_code == 200


def test_a_check_that_was_not_possible_is_made_again_without_the_bytes(browser, files_url, monkeypatch):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]

    def unavailable(*args, **kwargs):
        raise documents.InspectionUnavailable

    with monkeypatch.context() as during:
        during.setattr(documents, "inspect", unavailable)
        assert send(browser, files_url, pk, 0, content).status_code == 503
    assert send(browser, files_url, pk, len(content), b"").json()["token"]


def test_what_is_not_complete_after_a_day_is_swept_and_younger_files_stay(browser, files_url, settings, stored_files):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    send(browser, files_url, pk, 0, content[:400])
    assert documents.sweep() == 0
    assert len(stored_files()) == 1
    old = timezone.now() - datetime.timedelta(hours=settings.UPLOAD_HOURS, minutes=1)
    IncomingUpload.objects.update(created_at=old)
    assert documents.sweep() == 1
    assert stored_files() == []
    assert browser.get(f"{files_url}{pk}/").status_code == 404


def test_a_page_gone_mad_is_stopped(browser, files_url, monkeypatch):
    monkeypatch.setattr(incoming, "MOST_OF_ONE_BROWSER", 2)
    answers = [begin(browser, files_url, pdfs.cv()).status_code for _ in range(3)]
    assert answers == [201, 201, 422]


def test_a_name_comes_without_its_folders(browser, files_url):
    arrived = send_all(browser, files_url, pdfs.cv(), name="C:\\Users\\ada\\../../CV_final_final(2).pdf").json()
    assert arrived["name"] == "CV_final_final(2).pdf"
    assert json.dumps(arrived).count("Users") == 0


@pytest.mark.django_db(transaction=True)
def test_the_same_piece_twice_at_the_same_moment_is_kept_once(browser, files_url, at_once, stored_files):
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]
    expected = IncomingUpload.objects.get(pk=pk)
    outcomes = at_once(*[lambda: incoming.add_piece(expected, 0, content[:400])] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OutOfStep", "int"]
    assert len(stored_files()) == 1


def overtake(monkeypatch, place, name: str, deed) -> None:
    """`deed` happens after the next call of `place.name`, before the one who called goes on."""
    original = getattr(place, name)

    def overtaken(*args, **kwargs):
        monkeypatch.setattr(place, name, original)
        result = original(*args, **kwargs)
        deed()
        return result

    monkeypatch.setattr(place, name, overtaken)


@pytest.fixture
def unchecked(browser, files_url, monkeypatch) -> str:
    """The id of a CV of which all pieces are here, but which could not be checked yet."""
    content = pdfs.cv()
    pk = begin(browser, files_url, content).json()["id"]

    def unavailable(*args, **kwargs):
        raise documents.InspectionUnavailable

    with monkeypatch.context() as during:
        during.setattr(documents, "inspect", unavailable)
        assert send(browser, files_url, pk, 0, content).status_code == 503
    return pk


def test_a_file_that_two_requests_check_becomes_one_upload(browser, files_url, unchecked, stored_files, monkeypatch):
    answers = []
    overtake(
        monkeypatch, documents, "receive", lambda: answers.append(send(browser, files_url, unchecked, 0, b"").json())
    )
    answers.append(send(browser, files_url, unchecked, 0, b"").json())
    assert answers[0] == answers[1]
    assert read(browser, answers[0]["url"]) == pdfs.cv()
    assert Upload.objects.count() == len(stored_files()) == 1


def test_pieces_that_another_request_has_taken_away_are_not_taken_for_a_bad_file(
    browser, files_url, unchecked, monkeypatch
):
    overtake(monkeypatch, incoming, "received", lambda: send(browser, files_url, unchecked, 0, b""))
    assert send(browser, files_url, unchecked, 0, b"").status_code == 503
    assert send(browser, files_url, unchecked, 0, b"").json()["token"]
    assert Upload.objects.count() == 1


def test_only_the_first_who_finishes_a_file_has_finished_it(browser, files_url, unchecked, make_uploads):
    first, second = make_uploads()
    expected, stale = (IncomingUpload.objects.get(pk=unchecked) for _ in range(2))
    assert incoming.finish(expected, first) is True
    assert incoming.finish(stale, second) is False
    assert incoming.finish(stale, None) is False
    assert IncomingUpload.objects.get().upload_id == first.pk


def test_the_name_of_a_file_goes_with_the_file(browser, files_url, project, answers):
    removed = send_all(browser, files_url, pdfs.cv(), name="CV Ada Example.pdf").json()
    browser.post(f"{removed['url']}remove/")
    assert not IncomingUpload.objects.exists()
    cv = send_all(browser, files_url, pdfs.cv()).json()["token"]
    transcript = send_all(browser, files_url, pdfs.transcript(), "transcripts").json()["token"]
    assert IncomingUpload.objects.count() == 2
    data = form_data(answers, kept_cv=cv, kept_transcripts=transcript)
    assert browser.post(f"/projects/{project.slug}/apply/", data).status_code == 302
    assert not IncomingUpload.objects.exists()


def test_what_has_arrived_and_is_never_sent_is_swept_with_its_name(browser, files_url, settings, stored_files):
    send_all(browser, files_url, pdfs.cv())
    old = timezone.now() - datetime.timedelta(hours=settings.UPLOAD_HOURS, minutes=1)
    for model in (IncomingUpload, Upload):
        model.objects.update(created_at=old)
    documents.sweep()
    assert [model.objects.count() for model in (IncomingUpload, Upload)] == [0, 0]
    assert stored_files() == []
