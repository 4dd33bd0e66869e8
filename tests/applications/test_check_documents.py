"""`check_documents`: every row with its file, every file with its row, and what the operator is told."""

import datetime
import os
import time
import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from applications import document_check, documents, incoming, renditions, workflow
from applications.models import (
    Chore,
    Document,
    Export,
    IncomingPiece,
    IncomingUpload,
    Rendition,
    Upload,
    document_storage,
)

LONG_AGO = time.time() - 3 * 24 * 3600


@pytest.fixture
def check(db) -> Callable[..., tuple[str, str]]:
    """Run the command; its receipt, and the sentence with which it failed or nothing."""

    def run(*arguments: str) -> tuple[str, str]:
        output, sentence = StringIO(), ""
        try:
            call_command("check_documents", *arguments, stdout=output)
        except CommandError as error:
            sentence = str(error)
        return output.getvalue(), sentence

    return run


@pytest.fixture
def file_of(data_folder: Path) -> Callable[..., Path]:
    """Where the file of a document or an upload lies."""
    return lambda row: data_folder / "documents" / row.file.name


@pytest.fixture
def cv(application) -> Document:
    return application.documents.get(kind="cv")


def change_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def an_old_file(data_folder: Path, name: str) -> Path:
    path = data_folder / "documents" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nobody's")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def piece_of_a_file() -> IncomingPiece:
    """What has arrived so far of a file that a browser sends in pieces."""
    expected = IncomingUpload.objects.create(kind="cv", original_name="cv.pdf", size=10)
    incoming.add_piece(expected, 0, b"%PDF-")
    return expected.pieces.get()


# All is well


def test_nothing_stored_yet_is_well(check):
    receipt, sentence = check()
    assert sentence == ""
    assert "Problems: 0" in receipt


def test_files_as_they_came_are_well_and_every_one_of_them_was_read(check, application, make_uploads):
    make_uploads()
    receipt, sentence = check()
    assert sentence == ""
    assert "Documents: 2, of these read and compared: 2" in receipt
    assert "Uploads that no application has claimed yet: 2, of these read: 2" in receipt
    assert "What to do" not in receipt
    assert Chore.objects.get(name="check_documents").succeeded_at is not None


def test_page_images_pieces_and_exports_are_looked_at_too(check, application, supervisor):
    renditions.make_missing()
    piece_of_a_file()
    export = Export.objects.create(user=supervisor, format="csv", state="ready", finished_at=timezone.now())
    document_storage().save(export.file_name, ContentFile(b"name"))
    receipt, sentence = check()
    assert sentence == ""
    assert "Pieces of files that are still coming in: 1" in receipt
    assert "Page images: 3" in receipt
    assert "Exports: 1" in receipt


# From the rows to their files


def test_a_missing_document_is_named_by_reference_and_not_by_anybodys_name(check, application, cv, file_of):
    file_of(cv).unlink()
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 missing."
    assert f"missing: document {cv.pk} of application {application.reference}" in receipt
    assert "restore --only-documents ARCHIVE" in receipt
    assert not {"Ada", "Example", "ada@example.org"} & set(receipt.replace(",", " ").split())


def test_one_changed_byte_is_found(check, cv, file_of):
    change_one_byte(file_of(cv))
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 altered."
    assert f"altered: document {cv.pk}" in receipt


def test_a_file_that_is_too_short_is_found_without_reading_it(check, cv, file_of):
    os.truncate(file_of(cv), 100)
    receipt, sentence = check("--quick")
    assert sentence == "Not all is well: 1 wrong size."
    assert f"wrong size: document {cv.pk}" in receipt
    assert "of these read and compared: 0" in receipt


def test_a_quick_check_reads_no_file(check, cv, file_of):
    change_one_byte(file_of(cv))
    assert check("--quick")[1] == ""


def test_a_file_that_cannot_be_read_is_a_problem_and_no_traceback(check, cv, monkeypatch):
    storage = document_storage()
    opened = storage.open

    def fail(name, mode="rb"):
        if name == cv.file.name:
            raise OSError(5, "Input/output error")
        return opened(name, mode)

    monkeypatch.setattr(storage, "open", fail)
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 unreadable."
    assert "Mend that first" in receipt


def test_a_missing_upload_piece_and_export_are_found(check, make_uploads, file_of, data_folder, supervisor):
    upload = make_uploads()[0]
    file_of(upload).unlink()
    piece = piece_of_a_file()
    (data_folder / "documents" / piece.file).unlink()
    export = Export.objects.create(user=supervisor, format="csv", state="ready", finished_at=timezone.now())
    receipt, sentence = check()
    assert sentence == "Not all is well: 3 missing."
    assert f"missing: upload {upload.pk}" in receipt
    assert f"missing: a piece of file {piece.incoming_id}" in receipt
    assert f"missing: export {export.pk}" in receipt


def test_missing_page_images_are_told_and_made_again(check, application, cv, data_folder):
    renditions.make_missing()
    text = cv.rendition.text
    (data_folder / "documents" / Rendition.image_name(cv.pk, 1)).unlink()
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 missing."
    assert f"1 page images of document {cv.pk}" in receipt
    assert Rendition.objects.get(pk=cv.pk).text == text  # the search goes on finding it
    renditions.make_missing()
    assert check()[1] == ""


def test_a_folder_that_is_not_mounted_is_told_as_that(check, application, data_folder):
    (data_folder / "documents").rename(data_folder / "elsewhere")
    receipt, sentence = check()
    assert sentence == "Not all is well: 2 missing."
    assert "is the folder mounted" in receipt


# From the files to their rows


def test_a_file_that_no_row_names_is_in_flight_for_a_day_and_then_a_stray(check, data_folder):
    path = an_old_file(data_folder, "ab/ab12.pdf")
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 named by no row."
    assert "named by no row: file ab/ab12.pdf" in receipt
    assert "run_worker" in receipt
    os.utime(path)
    receipt, sentence = check()
    assert sentence == ""
    assert "named by no row: 1" in receipt
    assert path.exists()


@pytest.mark.parametrize("name", ["notes.txt", "ab/deeper/cv.pdf"])
def test_a_file_where_no_sweep_comes_is_found(check, data_folder, name):
    an_old_file(data_folder, name)
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 named by no row."
    assert "not the product's" in receipt


def test_an_image_of_a_page_that_no_rendition_counts_is_a_stray(check, application, cv, data_folder):
    renditions.make_missing()
    an_old_file(data_folder, Rendition.image_name(cv.pk, 9))
    assert check()[1] == "Not all is well: 1 named by no row."


def test_a_folder_that_cannot_be_listed_is_a_problem(check, application, monkeypatch):
    storage = document_storage()

    def fail(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage, "listdir", fail)
    receipt, sentence = check()
    assert sentence == "Not all is well: 1 unreadable."
    assert "unreadable: folder . of the documents" in receipt


# While the product runs


def test_a_document_that_is_erased_during_the_check_is_no_problem(check, application, monkeypatch):
    """The check has read its row, and finds no file any more."""
    storage = document_storage()
    size_of = storage.size

    def erase_and_ask(name):
        if not Document.objects.filter(file=name).exists():
            return size_of(name)
        application.refresh_from_db()
        application.erase()
        for path in Path(storage.location).rglob("*.pdf"):
            path.unlink()
        return size_of(name)

    monkeypatch.setattr(storage, "size", erase_and_ask)
    receipt, sentence = check()
    assert sentence == ""
    assert not Document.objects.exists()
    assert "Problems: 0" in receipt


def test_uploads_that_are_claimed_during_the_check_are_no_problem(check, make_uploads, project, answers, monkeypatch):
    uploads = make_uploads()
    waiting = [lambda: workflow.submit(project, answers=answers, uploads=uploads, nonce="claimed meanwhile")]
    named_by_rows = documents.named_by_rows

    def claim_and_ask(names):
        while waiting:
            waiting.pop()()
        return named_by_rows(names)

    monkeypatch.setattr(documents, "named_by_rows", claim_and_ask)
    assert check()[1] == ""
    assert Document.objects.count() == 2
    assert not Upload.objects.exists()


def test_an_old_file_that_gets_its_row_during_the_check_is_no_stray(check, data_folder, cv_file, monkeypatch):
    upload = documents.receive(cv_file(), "cv")
    os.utime(data_folder / "documents" / upload.file.name, (LONG_AGO, LONG_AGO))
    named_by_rows, asked = documents.named_by_rows, []

    def not_at_first(names):
        asked.append(names)
        return set() if len(asked) == 1 else named_by_rows(names)

    monkeypatch.setattr(documents, "named_by_rows", not_at_first)
    assert check()[1] == ""
    assert len(asked) == 2


def test_a_check_that_is_stopped_says_nothing_of_what_it_has_not_seen(application, cv, file_of):
    file_of(cv).unlink()
    document_check.note(document_check.check(stopping=lambda: True))
    assert not Chore.objects.exists()


# The worker's check, and the desk


def test_the_worker_checks_once_a_day(application):
    now = timezone.now()
    assert document_check.check_daily(now=now) is not None
    assert document_check.check_daily(now=now + datetime.timedelta(hours=2)) is None
    assert document_check.check_daily(now=now + datetime.timedelta(hours=24)) is not None


def test_the_worker_reads_every_file_within_a_week(application):
    now = timezone.now()
    read = [
        document_check.check_daily(now=now + datetime.timedelta(days=day)).read[document_check.Kind.DOCUMENT]
        for day in range(document_check.DAYS_TO_READ_ALL)
    ]
    assert sum(read) == 2


def test_only_what_was_read_counts_as_read(application, cv, file_of):
    file_of(cv).unlink()
    receipt = document_check.check()
    kind = document_check.Kind.DOCUMENT
    assert (receipt.looked_at[kind], receipt.read[kind]) == (2, 1)


def test_the_worker_removes_what_is_to_be_swept_before_it_looks(application, data_folder):
    an_old_file(data_folder, "ab/ab12.pdf")
    assert document_check.check_daily().problems == []


def test_trouble_stays_on_the_desk_until_a_check_that_reads_everything_finds_none(check, cv, file_of):
    intact = file_of(cv).read_bytes()
    change_one_byte(file_of(cv))
    check()
    assert Chore.objects.in_trouble().get().words == "1 altered"
    check("--quick")
    assert Chore.objects.in_trouble().exists()
    document_check.check_daily(now=timezone.now() + datetime.timedelta(days=1))
    assert Chore.objects.in_trouble().exists()
    file_of(cv).write_bytes(intact)
    document_check.check_daily(now=timezone.now() + datetime.timedelta(days=2))
    assert not Chore.objects.in_trouble().exists()


def test_all_rows_are_met_when_there_are_more_than_one_batch(application, monkeypatch):
    monkeypatch.setattr(document_check, "BATCH", 1)
    Document.objects.filter(kind="cv").update(id=uuid.UUID(int=0))
    receipt = document_check.check()
    assert receipt.looked_at[document_check.Kind.DOCUMENT] == 2
    assert receipt.problems == []
