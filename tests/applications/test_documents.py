"""Documents: bytes as they came, served only to those who may read them, swept when nobody claims them."""

import datetime
import hashlib
import os

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from applications import documents, letters, workflow
from applications.models import Document, Upload, document_storage
from tests import pdfs

pytestmark = pytest.mark.once

ODD_BUT_FINE = [
    pdfs.cv,
    pdfs.transcript,
    pdfs.latex_like,
    pdfs.word_like,
    pdfs.scan,
    pdfs.owner_locked,
    pdfs.signed_like,
]


# Receiving


@pytest.mark.parametrize("make", ODD_BUT_FINE)
def test_the_bytes_are_kept_exactly_as_they_came(db, cv_file, stored_files, make):
    upload = documents.receive(cv_file(content=make()), Document.Kind.CV)

    (path,) = stored_files()
    assert path.read_bytes() == make()
    upload.refresh_from_db()
    assert upload.sha256 == hashlib.sha256(make()).hexdigest()
    assert upload.size == len(make())
    assert upload.pages >= 1


def test_files_lie_under_names_of_our_making_in_a_folder_only_the_owner_can_read(
    db, cv_file, stored_files, data_folder
):
    upload = documents.receive(cv_file("../../../etc/Ada Example.pdf"), Document.Kind.CV)
    (path,) = stored_files()
    assert path == data_folder / "documents" / upload.id.hex[:2] / f"{upload.id.hex}.pdf"
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert (data_folder / "documents").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("client_name", "kept_name"),
    [
        ("Lebenslauf Zoë.pdf", "Lebenslauf Zoë.pdf"),
        ("C:\\Users\\Ada\\cv.pdf", "cv.pdf"),
        ("/home/ada/cv.pdf", "cv.pdf"),
        ("cv\r\nSet-Cookie: x.pdf", "cvSet-Cookie: x.pdf"),
        ("\u202efdp.vc.pdf", "fdp.vc.pdf"),
        ("..", "document.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("\x00\x01", "document.pdf"),
    ],
)
def test_the_original_name_is_kept_fit_to_be_shown(client_name, kept_name):
    assert documents.clean_name(client_name) == kept_name


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (pdfs.renamed_photo, "photo"),
        (pdfs.word_file, "word_file"),
        (pdfs.user_locked, "locked"),
        (pdfs.truncated, "broken"),
        (pdfs.html_disguise, "web_page"),
    ],
)
def test_what_is_no_readable_pdf_is_refused_with_words_and_leaves_no_trace(db, cv_file, stored_files, make, code):
    with pytest.raises(ValidationError) as refused:
        documents.receive(cv_file("100% mine.pdf", make()), Document.Kind.CV)
    assert refused.value.code == code
    assert "100% mine.pdf" in refused.value.messages[0]
    assert not Upload.objects.exists()
    assert stored_files() == []


def test_a_file_past_the_limit_is_refused_with_how_to_shrink_it(db, cv_file, stored_files, settings):
    settings.DOCUMENT_MAX_BYTES = len(pdfs.cv()) - 1
    with pytest.raises(ValidationError) as refused:
        documents.receive(cv_file(), Document.Kind.CV)
    assert refused.value.code == "too_large"
    assert "150 to 200 dpi" in refused.value.messages[0]
    assert stored_files() == []


def test_a_file_of_exactly_the_limit_is_accepted(db, cv_file, settings):
    settings.DOCUMENT_MAX_BYTES = len(pdfs.cv())
    assert documents.receive(cv_file(), Document.Kind.CV).size == settings.DOCUMENT_MAX_BYTES


def test_a_full_disk_keeps_no_half_file_and_says_try_again(db, cv_file, stored_files, monkeypatch):
    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(documents.Unavailable):
        documents.receive(cv_file(), Document.Kind.CV)
    assert stored_files() == []
    assert not Upload.objects.exists()


def test_when_the_row_cannot_be_written_the_file_goes_too(db, cv_file, stored_files):
    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise OSError("connection lost")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(documents.Unavailable):
        documents.receive(cv_file(), Document.Kind.CV)
    assert stored_files() == []


# Serving


def served(application) -> Document:
    return application.current_documents()[0]


def fetched(browser: Client, address: str):
    """The answer, with its file read to the end, which closes it."""
    response = browser.get(address)
    response.body = b"".join(response.streaming_content) if response.streaming else response.content
    return response


@pytest.fixture
def address(application) -> str:
    return served(application).get_absolute_url()


@pytest.mark.parametrize("who", ["supervisor", "co_advisor", "superuser"])
def test_reviewers_read_the_document(application, address, signed_in, request, who):
    response = fetched(signed_in(request.getfixturevalue(who)), address)
    assert response.status_code == 200
    assert response.body == pdfs.cv()


@pytest.mark.parametrize("who", ["other_supervisor", "staff_without_rights", None])
def test_everybody_else_gets_404_as_for_a_document_that_does_not_exist(
    application, address, signed_in, request, other_project, who
):
    browser = signed_in(request.getfixturevalue(who)) if who else Client()
    foreign = browser.get(address)
    unknown = browser.get(address.replace(address[11:19], "00000000"))
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content


def test_a_browser_that_may_open_another_application_reads_nothing_of_this_one(make_application, open_by_link):
    ada, bob = make_application(), make_application(email="bob@example.org")
    browser = open_by_link(bob)
    assert fetched(browser, served(bob).get_absolute_url()).status_code == 200
    assert browser.get(served(ada).get_absolute_url()).status_code == 404


def test_the_student_reads_the_own_documents_until_the_link_is_renewed(application, address, open_by_link):
    browser = open_by_link(application)
    assert fetched(browser, address).status_code == 200
    workflow.correct_address(application, "ada@example.com")
    assert browser.get(address).status_code == 404


def test_an_upload_that_no_application_has_claimed_has_no_address(make_uploads, signed_in, superuser):
    upload = make_uploads()[0]
    assert signed_in(superuser).get(f"/documents/{upload.pk}/").status_code == 404


def test_the_document_is_shown_in_place_and_neither_kept_nor_framed_by_others(address, signed_in, supervisor):
    response = fetched(signed_in(supervisor), address)
    assert response["Content-Type"] == "application/pdf"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = {
        directive.split()[0]: directive.split()[1:] for directive in response["Content-Security-Policy"].split(";")
    }
    assert policy["frame-ancestors"] == ["'self'"]
    assert set(policy) == {"default-src", "frame-ancestors"}
    assert policy["default-src"] == ["'none'"]
    assert int(response["Content-Length"]) == len(pdfs.cv())


def test_a_download_is_named_for_the_reader(make_application, signed_in, supervisor):
    application = make_application(full_name='Zoë "Z" Müller/Åberg', transcripts=2)
    browser = signed_in(supervisor)
    names = [document.name_for_reader for document in application.current_documents()]
    assert names == [
        f"{application.reference} Zoë Z MüllerÅberg {label}.pdf" for label in ("CV", "Transcript 1", "Transcript 2")
    ]
    shown = fetched(browser, served(application).get_absolute_url())
    saved = fetched(browser, served(application).get_absolute_url() + "?download=1")
    assert shown["Content-Disposition"].startswith("inline; filename*=utf-8''")
    assert saved["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert f"{application.reference}%20Zo%C3%AB%20Z%20M%C3%BCller%C3%85berg%20CV.pdf" in saved["Content-Disposition"]


def test_a_file_missing_in_the_storage_is_404_and_a_line_in_the_log(
    application, address, signed_in, supervisor, caplog
):
    document_storage().delete(served(application).file.name)
    assert signed_in(supervisor).get(address).status_code == 404
    assert str(served(application).pk) in caplog.text


def test_a_document_is_only_read_never_posted_to(address, signed_in, supervisor):
    assert signed_in(supervisor).post(address).status_code == 405


# Sweeping

DAY = datetime.timedelta(hours=24)


def test_an_upload_nobody_claimed_is_swept_from_disk_after_a_day(make_uploads, stored_files):
    make_uploads()
    assert documents.sweep(timezone.now() + DAY - datetime.timedelta(minutes=1)) == 0
    assert len(stored_files()) == 2
    assert documents.sweep(timezone.now() + DAY + datetime.timedelta(minutes=1)) == 2
    assert stored_files() == []
    assert not Upload.objects.exists()


def test_claimed_documents_are_never_swept(application, stored_files):
    assert documents.sweep(timezone.now() + 1000 * DAY) == 0
    assert len(stored_files()) == 2
    assert application.documents.count() == 2


def test_a_file_that_no_row_names_is_swept_but_not_a_young_one(application, stored_files, data_folder):
    folder = data_folder / "documents" / "zz"
    folder.mkdir()
    for name, age in (("old.pdf", 2 * DAY), ("young.pdf", DAY / 2)):
        (folder / name).write_bytes(b"%PDF-")
        moment = (timezone.now() - age).timestamp()
        os.utime(folder / name, (moment, moment))

    assert documents.sweep() == 1

    assert [path.name for path in stored_files() if path.parent == folder] == ["young.pdf"]
    assert len(stored_files()) == 3


def test_what_a_killed_process_had_begun_to_receive_is_swept_after_a_day(db, data_folder):
    for name, age in (("old.pdf", 2 * DAY), ("young.pdf", DAY / 2)):
        path = data_folder / "incoming" / name
        path.write_bytes(b"%PDF-")
        moment = (timezone.now() - age).timestamp()
        os.utime(path, (moment, moment))
    assert documents.sweep() == 1
    assert [path.name for path in (data_folder / "incoming").iterdir()] == ["young.pdf"]


def test_what_is_none_of_ours_is_left_where_it_lies(db, data_folder):
    """Somebody has put a folder among what comes in, and a file of another kind among the letters."""
    folder, file = data_folder / "incoming" / "archives", data_folder / "letters" / "tracker-20260101T000000Z.tar"
    for path in (folder / "one.tar", file):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    moment = (timezone.now() - 2 * DAY).timestamp()
    for path in (folder, file):
        os.utime(path, (moment, moment))
    assert documents.sweep() == 0
    assert (folder / "one.tar").exists()
    assert file.exists()


@pytest.mark.parametrize("ending", ["eml", "part"])
def test_the_file_of_a_letter_that_no_row_names_is_swept_after_a_day_and_a_sent_one_is_kept(
    application, letter_files, ending
):
    letters.send_due()
    kept = letter_files()
    stray = kept[0].with_name(f"6f1c2c1e-0000-4000-8000-000000000000@127.0.0.1.{ending}")
    stray.write_bytes(b"Subject: what an erasure left behind")
    for path in letter_files():
        moment = (timezone.now() - 2 * DAY).timestamp()
        os.utime(path, (moment, moment))

    assert documents.sweep() == 1

    assert letter_files() == kept


def test_on_a_fresh_machine_there_is_nothing_to_sweep(db, data_folder):
    assert not (data_folder / "documents").exists()
    assert documents.sweep() == 0


def test_an_upload_claimed_while_the_sweeper_looks_for_strays_keeps_its_file(
    project, answers, make_uploads, stored_files
):
    """The worst moment: the sweeper has asked one of the two tables when the row moves to the other."""
    uploads = make_uploads()
    for path in stored_files():  # files a little older than their rows, whose time is not over
        moment = (timezone.now() - 2 * DAY).timestamp()
        os.utime(path, (moment, moment))
    claimed = []

    def claim_after_first_look(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not claimed and sql.startswith("SELECT") and '"file" IN' in sql:
            claimed.append(True)
            workflow.submit(project, answers=answers, uploads=uploads, nonce="one")
        return result

    with connection.execute_wrapper(claim_after_first_look):
        assert documents.sweep() == 0
    assert claimed
    assert len(stored_files()) == 2


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_either_claimed_or_swept_never_half(project, answers, make_uploads, stored_files, at_once):
    for number in range(3):
        uploads = make_uploads()
        submitted, _swept = at_once(
            lambda uploads=uploads, number=number: workflow.submit(
                project, answers=answers | {"email": f"s{number}@example.org"}, uploads=uploads, nonce=str(number)
            ),
            lambda: documents.sweep(timezone.now() + 2 * DAY),
        )
        if isinstance(submitted, workflow.Refused):
            assert submitted.code == "uploads_gone"
        else:
            assert all(document.file.storage.exists(document.file.name) for document in submitted.documents.all())
    assert {path.stem for path in stored_files()} >= {document.id.hex for document in Document.objects.all()}
