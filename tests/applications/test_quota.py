"""Room for files: it is warned before there is none, then no further ones are taken, and everything else goes on."""

import datetime
import logging
import threading

import pytest
from django.core.files.storage import InMemoryStorage
from django.utils import timezone

from applications import disk_space, documents, early_sweep, limits, workflow
from applications.disk_space import State
from applications.hourly_log import HourlyLog
from applications.management.commands.run_worker import other_tasks
from applications.models import Application, Document, IncomingPiece, IncomingUpload, Upload
from applications.tokens import upload_token
from tests import pdfs

pytestmark = pytest.mark.django_db

MEGABYTE = 1024 * 1024
HERE = limits.whose_address("127.0.0.1")


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch) -> None:
    monkeypatch.setattr(disk_space, "hourly_log", HourlyLog(logging.getLogger(disk_space.__name__)))


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def fields(answers) -> dict:
    return {**answers, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on"}


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free on the disk of the documents."""
    return lambda size: monkeypatch.setattr(disk_space, "free_bytes", lambda: size)


@pytest.fixture
def full(settings, make_uploads) -> list[Upload]:
    """Files that nobody has claimed take the whole quota."""
    uploads = make_uploads()
    settings.UNCLAIMED_MAX_BYTES = sum(upload.size for upload in uploads)
    return uploads


@pytest.fixture
def disk_full(free, settings) -> None:
    free(settings.DISK_RESERVE_BYTES - 1)


def begin(client, address, size=1000):
    return client.post(f"{address}files/", {"field": "cv", "name": "cv.pdf", "size": size})


# How much there is


def test_what_counts_is_what_nobody_has_claimed_also_the_pieces_of_files_under_way(client, address, make_application):
    make_application()
    assert disk_space.unclaimed_bytes() == 0
    content = pdfs.cv()
    pk = begin(client, address, len(content)).json()["id"]
    client.post(f"{address}files/{pk}/?offset=0", content[:400], content_type="application/octet-stream")
    assert disk_space.unclaimed_bytes() == 400
    client.post(f"{address}files/{pk}/?offset=400", content[400:], content_type="application/octet-stream")
    assert disk_space.unclaimed_bytes() == len(content)


def test_announcing_files_without_sending_them_takes_no_room_from_others(client, address, settings):
    settings.UNCLAIMED_MAX_BYTES = 100 * MEGABYTE
    begin(client, address, 10 * MEGABYTE)
    assert disk_space.state().used == 0


@pytest.mark.parametrize(
    ("used", "free", "is_tight", "is_full", "excess"),
    [
        (0, 5000, False, False, 0),
        (799, 5000, False, False, 0),
        (850, 5000, True, False, 50),
        (1000, 5000, True, True, 200),
        (0, 1000, False, False, 0),
        (0, 999, True, False, 1),
        (0, 499, True, True, 501),
        (850, 900, True, False, 100),
        (0, None, False, False, 0),
    ],
)
def test_it_is_tight_at_four_fifths_of_the_quota_and_below_twice_the_reserve(used, free, is_tight, is_full, excess):
    state = State(used=used, quota=1000, free=free, reserve=500)
    assert (state.is_tight, state.is_full, state.excess) == (is_tight, is_full, excess)


def test_the_disk_is_asked_also_before_the_first_document_and_an_object_store_is_not(data_folder, settings):
    assert not (data_folder / "documents").exists()
    assert disk_space.free_bytes() > 0
    settings.STORAGES = settings.STORAGES | {"documents": {"BACKEND": f"{InMemoryStorage.__module__}.InMemoryStorage"}}
    assert disk_space.state().free is None


# A warning before it is full


def test_what_is_tight_is_said_once_an_hour_by_the_worker(free, settings, make_uploads, caplog):
    settings.UNCLAIMED_MAX_BYTES = int(sum(upload.size for upload in make_uploads()) / 0.9)
    free(2 * settings.DISK_RESERVE_BYTES - 1)
    (task,) = (task for task in other_tasks(threading.Event()) if task.name == "room for files")
    task.do()
    task.do()
    disk, quota = caplog.messages
    assert "DISK_RESERVE_MB" in disk
    assert "999 MB are free" in disk
    assert "UNCLAIMED_MAX_MB" in quota


def test_where_there_is_room_nothing_is_said_and_nothing_goes(make_uploads, caplog):
    make_uploads()
    Upload.objects.update(created_at=timezone.now() - datetime.timedelta(hours=20))
    assert early_sweep.make_room() == 0
    assert caplog.messages == []
    assert Upload.objects.count() == 2


# Full


def test_a_script_is_told_that_there_is_no_room_and_when_to_come_back(client, address, full, caplog):
    response = begin(client, address)
    assert (response.status_code, response.json()["code"]) == (503, "full")
    assert int(response["Retry-After"]) == 600
    assert "We cannot take files just now" in response.json()["error"]
    assert "UNCLAIMED_MAX_MB" in caplog.text
    assert not IncomingUpload.objects.exists()


def test_a_form_with_files_is_shown_again_with_its_text_and_the_files_that_came_before(
    client, address, full, fields, cv_file
):
    _cv, transcript = full
    sent = fields | {"cv": cv_file("late.pdf"), "kept_transcripts": upload_token(transcript.pk)}
    response = client.post(address, sent)
    assert (response.status_code, response["Retry-After"]) == (503, "600")
    page = response.content.decode()
    assert "We cannot take files just now" in page
    assert "I would like to align sequences." in page
    assert "transcript.pdf" in page
    assert Upload.objects.count() == 2
    assert not Application.objects.exists()


def test_whose_files_are_here_already_applies_and_makes_room_by_it(client, address, full, fields):
    cv, transcript = full
    sent = fields | {"kept_cv": upload_token(cv.pk), "kept_transcripts": upload_token(transcript.pk)}
    assert client.post(address, sent).status_code == 302
    assert begin(client, address).status_code == 201


def test_a_document_of_a_former_application_stays_on_the_form_while_it_cannot_be_copied(
    by_link, application, full, other_project, fields
):
    again = f"/projects/{other_project.slug}/apply/"
    form = by_link.get(f"{again}?again={application.reference}").context["form"]
    claims = {f"kept_{name}": token for name, token, _file in form.all_kept}
    response = by_link.post(again, fields | claims)
    assert response.status_code == 503
    assert [name for name, _token, _file in response.context["form"].all_kept] == ["cv", "transcripts"]


@pytest.fixture
def once_more(by_link, application, other_project, fields):
    """The form for another project, with documents handed in before: its address, and what the browser sends."""
    again = f"/projects/{other_project.slug}/apply/"
    form = by_link.get(f"{again}?again={application.reference}").context["form"]
    return again, fields | {f"kept_{name}": token for name, token, _file in form.all_kept}


def test_copies_of_documents_of_one_s_own_count_like_files_that_are_sent(by_link, application, once_more):
    again, sent = once_more
    Document.objects.update(size=3 * 1024)
    by_link.post(again, sent | {"consent": ""})
    assert (limits.used("files", HERE), limits.used("kilobytes", HERE)) == (2, 6)
    by_link.post(again, sent | {"consent": ""})  # the copies are there already
    assert limits.used("files", HERE) == 2


def test_a_browser_that_makes_itself_a_new_one_each_time_gets_no_more_copies_than_files(
    by_link, application, once_more, monkeypatch
):
    again, sent = once_more
    monkeypatch.setattr(limits, "FILES", limits.Limit("files", 4))
    answers = []
    for number in range(4):
        by_link.cookies["csrftoken"] = f"{number}" * 32
        answers.append(by_link.post(again, sent | {"consent": ""}))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert Upload.objects.count() == 4
    assert int(answers[-1]["Retry-After"]) > 0
    page = answers[-1].content.decode()
    assert "Very many files have come from your network" in page
    assert "I would like to align sequences." in page
    assert [name for name, _token, _file in answers[-1].context["form"].all_kept] == ["cv", "transcripts"]


def test_a_copy_that_was_made_while_there_was_room_is_handed_in_without_any(by_link, application, once_more, settings):
    again, sent = once_more
    by_link.post(again, sent | {"consent": ""})
    settings.UNCLAIMED_MAX_BYTES = 1
    assert by_link.post(again, sent).status_code == 302


def test_staff_still_bring_documents_in_when_only_the_quota_is_full(application, full, supervisor, signed_in, cv_file):
    url = f"/admin/applications/application/{application.pk}/documents/"
    response = signed_in(supervisor).post(url, {"cv": cv_file("by-mail.pdf")})
    assert response.status_code == 302
    assert application.documents.filter(original_name="by-mail.pdf").exists()


def test_a_full_disk_takes_no_files_from_anybody(
    client, address, application, disk_full, supervisor, signed_in, cv_file, caplog
):
    assert begin(client, address).status_code == 503
    url = f"/admin/applications/application/{application.pk}/documents/"
    response = signed_in(supervisor).post(url, {"cv": cv_file("by-mail.pdf")})
    assert "We cannot take files just now" in response.content.decode()
    assert not Upload.objects.exists()
    assert "DISK_RESERVE_MB" in caplog.text


def test_a_file_under_way_waits_for_room_and_keeps_what_has_arrived(client, address, free, settings):
    content = pdfs.cv()
    pk = begin(client, address, len(content)).json()["id"]
    piece = {"content_type": "application/octet-stream"}
    client.post(f"{address}files/{pk}/?offset=0", content[:400], **piece)
    free(settings.DISK_RESERVE_BYTES - 1)
    response = client.post(f"{address}files/{pk}/?offset=400", content[400:], **piece)
    assert (response.status_code, response.json()["code"]) == (503, "full")
    free(settings.DISK_RESERVE_BYTES)
    assert client.get(f"{address}files/{pk}/").json()["received"] == 400
    assert client.post(f"{address}files/{pk}/?offset=400", content[400:], **piece).json()["token"]


def test_reading_deciding_and_erasing_go_on_while_no_files_are_taken(
    application, full, disk_full, supervisor, signed_in, by_link, stored_files, django_capture_on_commit_callbacks
):
    desk = signed_in(supervisor)
    document = application.current_documents()[0]
    assert desk.get(f"/admin/applications/application/{application.pk}/change/").status_code == 200
    assert desk.get(document.get_absolute_url()).getvalue() == pdfs.cv()
    workflow.decide(application, "declined", by=supervisor)
    assert by_link.get(application.get_absolute_url()).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        workflow.erase(application)
    assert len(stored_files()) == len(full)


def test_what_is_left_behind_without_room_is_kept_without_its_files(client, full, cv_file):
    client.post("/applications/ZZZZ-ZZZZ/documents/", {"cv": cv_file()})
    assert Upload.objects.count() == 2


# Room is made before


def hours_old(file: Upload | IncomingUpload, hours: float) -> None:
    type(file).objects.filter(pk=file.pk).update(created_at=timezone.now() - datetime.timedelta(hours=hours))


def test_the_oldest_go_first_and_no_more_than_needed(make_uploads, settings, stored_files):
    newer, older = make_uploads()
    hours_old(newer, 2)
    hours_old(older, 3)
    settings.UNCLAIMED_MAX_BYTES = int((newer.size + older.size) / 0.9)
    assert early_sweep.make_room() == 1
    assert list(Upload.objects.all()) == [newer]
    assert len(stored_files()) == 1


def test_nothing_goes_within_an_hour_even_when_it_is_full(full):
    for upload in full:
        hours_old(upload, 0.9)
    assert early_sweep.make_room() == 0
    assert Upload.objects.count() == 2


def test_files_that_stopped_on_their_way_go_too(client, address, settings, stored_files):
    content = pdfs.cv()
    pk = begin(client, address, len(content)).json()["id"]
    client.post(f"{address}files/{pk}/?offset=0", content[:400], content_type="application/octet-stream")
    hours_old(IncomingUpload.objects.get(), 2)
    settings.UNCLAIMED_MAX_BYTES = 400
    assert early_sweep.make_room() == 1
    assert not IncomingUpload.objects.exists()
    assert not IncomingPiece.objects.exists()
    assert stored_files() == []


def test_after_making_room_files_are_taken_again(client, address, full):
    assert begin(client, address).status_code == 503
    for upload in full:
        hours_old(upload, 2)
    early_sweep.make_room()
    assert begin(client, address).status_code == 201


def test_documents_of_applications_are_never_swept_for_room(application, free, settings, stored_files):
    free(0)
    application.documents.update(created_at=timezone.now() - datetime.timedelta(days=30))
    assert early_sweep.make_room() == 0
    assert documents.sweep() == 0
    assert len(stored_files()) == 2
