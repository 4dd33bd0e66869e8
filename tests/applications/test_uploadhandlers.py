"""Too much data is refused while it arrives: counted as it comes, never first put on the disk."""

import errno
import io

import pytest
from django.core.files import uploadhandler
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.test import RequestFactory

from applications.uploadhandlers import longest_body, most_files
from tests import pdfs

pytestmark = pytest.mark.once

KILOBYTE = 1024


@pytest.fixture(autouse=True)
def small_limits(settings):
    """Ten kilobytes where the product has ten megabytes."""
    settings.DOCUMENT_MAX_BYTES = 10 * KILOBYTE
    settings.TRANSCRIPTS_MAX = 2
    assert longest_body() == 60 * KILOBYTE


@pytest.fixture
def post(small_limits):
    """Sends a request; the files it brought are closed after the test, as the server does after its answer."""
    requests = []

    def send(*files, **more):
        requests.append(parsed(*files, **more))
        return requests[-1]

    yield send
    for request in requests:
        request.close()


def parsed(*files: tuple[str, str, bytes], announced: int | None = None, after: str = ""):
    """A parsed POST with `files` as (field, name, bytes) between the text fields `motivation` and `after`."""
    body = b"".join(
        [
            _part("motivation", "I would like to."),
            *(_part(field, content, name) for field, name, content in files),
            _part("after", after),
            b"--edge--\r\n",
        ]
    )
    wire = io.BytesIO(body)
    request = RequestFactory().generic("POST", "/", b"x", content_type="multipart/form-data; boundary=edge")
    request.META["CONTENT_LENGTH"] = request.environ["CONTENT_LENGTH"] = str(announced or len(body))
    request._stream, request._read_started = wire, False
    request.POST  # noqa: B018  parses
    request.read_bytes = wire.tell()
    request.sent_bytes = len(body)
    return request


def _part(field: str, content: str | bytes, name: str = "") -> bytes:
    file_name = f'; filename="{name}"\r\nContent-Type: application/pdf' if name else ""
    data = content if isinstance(content, bytes) else content.encode()
    return f'--edge\r\nContent-Disposition: form-data; name="{field}"{file_name}\r\n\r\n'.encode() + data + b"\r\n"


def test_files_within_the_limit_come_through_whole(post, settings):
    exactly = b"x" * settings.DOCUMENT_MAX_BYTES
    request = post(("cv", "cv.pdf", pdfs.cv()), ("transcripts", "t.pdf", exactly), after="read")
    assert request.FILES["cv"].read() == pdfs.cv()
    assert request.FILES["transcripts"].read() == exactly
    assert request.POST["after"] == "read"
    assert (request.oversized, request.body_was_cut) == ({}, False)


def test_a_file_past_the_limit_is_left_out_and_named_and_the_rest_comes_through(post, settings):
    request = post(
        ("cv", "scan.pdf", b"x" * (settings.DOCUMENT_MAX_BYTES + 1)), ("transcripts", "t.pdf", pdfs.cv()), after="read"
    )
    assert request.oversized == {"cv": ["scan.pdf"]}
    assert "cv" not in request.FILES
    assert request.FILES["transcripts"].read() == pdfs.cv()
    assert (request.POST["motivation"], request.POST["after"]) == ("I would like to.", "read")
    assert not request.body_was_cut


def test_several_files_past_the_limit_are_all_named(post):
    large = b"x" * (11 * KILOBYTE)
    request = post(
        ("transcripts", "one.pdf", large), ("transcripts", "fine.pdf", pdfs.cv()), ("transcripts", "two.pdf", large)
    )
    assert request.oversized == {"transcripts": ["one.pdf", "two.pdf"]}
    assert [file.name for file in request.FILES.getlist("transcripts")] == ["fine.pdf"]


def test_a_body_that_announces_too_much_is_cut_at_its_first_file(post, settings):
    request = post(("cv", "cv.pdf", b"x" * 5 * KILOBYTE), announced=longest_body() + 1, after="never read")
    assert request.body_was_cut
    assert request.POST["motivation"] == "I would like to."
    assert "after" not in request.POST
    assert not request.FILES
    assert request.oversized == {}, "the file itself was not too large"


def test_a_body_that_sends_too_much_is_cut_on_the_way(post, settings):
    huge = b"x" * (1024 * KILOBYTE)
    request = post(("cv", "cv.pdf", huge), announced=100)
    assert request.body_was_cut or request.oversized
    assert request.read_bytes <= request.sent_bytes
    assert not request.FILES


def test_text_files_and_unknown_fields_count_too(post, settings):
    large = b"x" * (11 * KILOBYTE)
    request = post(("unknown", "x.bin", large), after="read")
    assert request.oversized == {"unknown": ["x.bin"]}
    assert not request.FILES


def test_files_past_the_most_are_left_out_and_counted_and_the_rest_comes_through(post):
    most = most_files()
    request = post(*[("transcripts", f"{number}.pdf", pdfs.cv()) for number in range(most + 3)], after="read")
    assert request.surplus == {"transcripts": 3}
    assert [file.name for file in request.FILES.getlist("transcripts")] == [f"{n}.pdf" for n in range(most)]
    assert all(file.read() == pdfs.cv() for file in request.FILES.getlist("transcripts"))
    assert (request.POST["motivation"], request.POST["after"]) == ("I would like to.", "read")
    assert (request.oversized, request.body_was_cut) == ({}, False)


def test_a_file_in_memory_is_never_made(post, settings):
    request = post(("cv", "cv.pdf", pdfs.cv()))
    assert hasattr(request.FILES["cv"], "temporary_file_path")
    assert not isinstance(request.FILES["cv"], SimpleUploadedFile)


class DiskFull:
    """Stands for the file of an upload on a full disk: what is written there fails, at once or in the end."""

    def __init__(self, file) -> None:
        self.file = file

    def write(self, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str):
        return getattr(self.file, name)


@pytest.fixture
def disk_full_for(monkeypatch):
    """`disk_full_for("cv.pdf")`: there is no room for this file; at `new_file`, the folder cannot be written to."""

    def fill(name: str, at: str = "write") -> None:
        def new_file(handler, file_name, content_type, size, *args):
            if file_name == name and at == "new_file":
                raise OSError(errno.EROFS, "Read-only file system")
            TemporaryUploadedFile.__init__(handler, file_name, content_type, size, *args)
            if file_name == name:
                handler.file = DiskFull(handler.file)

        broken = type("BrokenFile", (TemporaryUploadedFile,), {"__init__": new_file})
        monkeypatch.setattr(uploadhandler, "TemporaryUploadedFile", broken)

    return fill


@pytest.mark.parametrize("at", ["write", "new_file"])
def test_a_file_that_finds_no_room_is_noted_and_leaves_nothing_and_the_rest_comes_through(
    post, disk_full_for, data_folder, at
):
    disk_full_for("large.pdf", at)
    request = post(
        ("transcripts", "one.pdf", pdfs.cv()),
        ("cv", "large.pdf", pdfs.cv()),
        ("transcripts", "two.pdf", pdfs.cv()),
        after="read",
    )
    assert request.not_received == {"cv": ["large.pdf"]}
    assert "cv" not in request.FILES
    assert [file.read() for file in request.FILES.getlist("transcripts")] == [pdfs.cv(), pdfs.cv()]
    assert (request.POST["motivation"], request.POST["after"]) == ("I would like to.", "read")
    assert len(list((data_folder / "incoming").iterdir())) == 2


def test_a_file_whose_last_bytes_find_no_room_is_noted_too(post, monkeypatch, data_folder):
    def fail(handler, file_size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploadhandler.TemporaryFileUploadHandler, "file_complete", fail)
    request = post(("cv", "cv.pdf", pdfs.cv()), after="read")
    assert request.not_received == {"cv": ["cv.pdf"]}
    assert not request.FILES
    assert request.POST["after"] == "read"
    assert not list((data_folder / "incoming").iterdir())
