"""How files are served: whole or in parts, streamed from any storage, under names and headers that nothing can bend."""

import io
import itertools
import re
import uuid

import pytest
from django.core.files import File
from django.core.files.storage import InMemoryStorage
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from applications import renditions, serving
from applications.models import Application, Document, Opening, Upload
from tests import pdfs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

WHOLE = pdfs.cv()
SIZE = len(WHOLE)


def asked_for(browser: Client, address: str, **headers: str):
    """The answer to a GET with these headers, read to its end, which closes the file."""
    response = browser.get(address, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response.body = b"".join(response)
    return response


@pytest.fixture
def cv(application) -> Document:
    return application.current_documents()[0]


@pytest.fixture
def address(cv) -> str:
    return cv.get_absolute_url()


@pytest.fixture
def reviewer(signed_in, supervisor) -> Client:
    return signed_in(supervisor)


# Parts


@pytest.mark.parametrize(
    ("asked", "content", "span"),
    [
        ("bytes=0-0", WHOLE[:1], f"0-0/{SIZE}"),
        ("bytes=10-99", WHOLE[10:100], f"10-99/{SIZE}"),
        ("bytes=100-", WHOLE[100:], f"100-{SIZE - 1}/{SIZE}"),
        ("bytes=-100", WHOLE[-100:], f"{SIZE - 100}-{SIZE - 1}/{SIZE}"),
        (f"bytes=-{SIZE * 2}", WHOLE, f"0-{SIZE - 1}/{SIZE}"),
        (f"bytes=100-{SIZE * 2}", WHOLE[100:], f"100-{SIZE - 1}/{SIZE}"),
        (f"bytes={SIZE - 1}-", WHOLE[-1:], f"{SIZE - 1}-{SIZE - 1}/{SIZE}"),
        ("BYTES=0-9", WHOLE[:10], f"0-9/{SIZE}"),
        ("bytes= 0-9 ", WHOLE[:10], f"0-9/{SIZE}"),
    ],
)
def test_a_viewer_reads_the_part_it_asks_for(reviewer, address, asked, content, span):
    response = asked_for(reviewer, address, Range=asked)
    assert response.status_code == 206
    assert response.body == content
    assert response["Content-Range"] == f"bytes {span}"
    assert int(response["Content-Length"]) == len(content)
    assert response["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", "bytes=-0", "bytes=999999999999-"])
def test_a_part_past_the_end_is_refused_with_the_size(reviewer, address, asked):
    response = asked_for(reviewer, address, Range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert response.body == b""
    assert "Content-Type" not in response


NOT_UNDERSTOOD = [
    "bytes=0-9,20-29",
    "bytes=0-9,",
    "bytes=9-0",
    "bytes=-",
    "bytes=a-b",
    "bytes=0-9-",
    "bytes=+0-9",
    "bytes=0x0-0x9",
    "bytes=٠-٩",
    "bytes 0-9",
    "pages=1-2",
    "0-9",
    "",
    "bytes=" + "9" * 5000 + "-",
    "bytes=0-" + "0" * 5000,
]


def test_what_asks_for_several_parts_or_cannot_be_understood_gets_the_whole(reviewer, address):
    for asked in NOT_UNDERSTOOD:
        response = asked_for(reviewer, address, Range=asked)
        assert (response.status_code, response.body) == (200, WHOLE), asked
        assert "Content-Range" not in response


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_part_lies_within_the_file(first, last, size):
    for asked in ((str(first), str(last)), (str(first), ""), ("", str(last))):
        part = serving.satisfied(asked, size)
        if part is not None and not (asked[0] and asked[1] and first > last):
            assert 0 <= part.first <= part.last < size
            assert 1 <= part.length <= size
            assert bytes(size)[part.first : part.last + 1] == bytes(part.length)


def test_the_parts_together_are_the_file(reviewer, address):
    parts = [asked_for(reviewer, address, Range=f"bytes={n}-{n + 499}") for n in range(0, SIZE, 500)]
    assert b"".join(part.body for part in parts) == WHOLE


def test_a_part_is_given_only_of_the_very_file_that_was_begun(reviewer, address, cv):
    tag = reviewer.head(address)["ETag"]
    assert tag == f'"{cv.sha256}"'
    others = ['"another"', f"W/{tag}", "Wed, 25 Nov 2026 10:00:00 GMT", cv.sha256, ""]

    assert asked_for(reviewer, address, Range="bytes=0-9", If_Range=tag).status_code == 206
    for other in others:
        response = asked_for(reviewer, address, Range="bytes=0-9", If_Range=other)
        assert (response.status_code, response.body) == (200, WHOLE)


def test_a_corrected_document_is_another_file_with_another_tag(reviewer, cv, application, transcript_file):
    newer = Document.objects.get(application=application, kind=Document.Kind.TRANSCRIPT)
    assert reviewer.head(cv.get_absolute_url())["ETag"] != reviewer.head(newer.get_absolute_url())["ETag"]


def test_preconditions_are_answered_as_the_standard_says(reviewer, address, cv):
    tag = f'"{cv.sha256}"'
    same = asked_for(reviewer, address, If_None_Match=tag, Range="bytes=0-9")
    assert (same.status_code, same.body, same["ETag"]) == (304, b"", tag)
    assert asked_for(reviewer, address, If_None_Match='"another"').status_code == 200
    assert asked_for(reviewer, address, If_Match='"another"').status_code == 412
    assert asked_for(reviewer, address, If_Match=tag, Range="bytes=0-9").status_code == 206


# Only the headers


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-9"}, {"Range": f"bytes={SIZE}-"}])
def test_asking_for_the_headers_answers_as_for_the_whole_without_reading_it(reviewer, address, asked, monkeypatch):
    whole = asked_for(reviewer, address)
    monkeypatch.setattr("applications.storage.DocumentFolder.open", lambda *_: pytest.fail("the file was opened"))

    response = reviewer.head(address, headers=asked)

    assert response.status_code == 200
    assert not response.streaming
    assert response.content == b""
    same = ("Content-Length", "Content-Type", "Content-Disposition", "ETag", "Accept-Ranges", "Cache-Control")
    assert {name: response[name] for name in same} == {name: whole[name] for name in same}


# What stands around every answer

ANSWERS = {
    "whole": (200, {}),
    "part": (206, {"Range": "bytes=0-9"}),
    "same": (304, {"If-None-Match": "*"}),
    "changed": (412, {"If-Match": '"another"'}),
    "past the end": (416, {"Range": f"bytes={SIZE}-"}),
}


def policy(response) -> dict[str, str]:
    return dict(directive.strip().split(" ", 1) for directive in response["Content-Security-Policy"].split(";"))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("method", ["get", "head"])
def test_every_answer_carries_the_same_guards(reviewer, address, answer, method):
    status, headers = ANSWERS[answer]
    response = getattr(reviewer, method)(address, headers=headers)
    b"".join(response)
    assert response.status_code == (status if method == "get" or "Range" not in headers else 200)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Referrer-Policy"] == "same-origin"
    assert policy(response) == {"default-src": "'none'", "frame-ancestors": "'self'"}
    if response.status_code in (200, 206):
        assert response["Accept-Ranges"] == "bytes"
        assert response["Content-Disposition"].startswith("inline; ")


def test_the_image_of_a_page_is_guarded_as_well_and_framed_by_nobody(reviewer, cv):
    renditions.make_missing()
    image = reverse("applications:page_image", args=[cv.pk, 1])
    for headers, status in (({}, 200), ({"Range": "bytes=0-9"}, 206), ({"Range": "bytes=99999999-"}, 416)):
        response = asked_for(reviewer, image, **headers)
        assert response.status_code == status
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Cache-Control"] == "private, no-store"
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
        assert policy(response) == {"default-src": "'none'", "frame-ancestors": "'none'"}
        assert response.get("Content-Type") == ("image/webp" if status != 416 else None)
        assert "ETag" not in response  # it may be made anew


@pytest.mark.parametrize("suffix", ["html", "svg", "js"])
def test_the_type_is_ours_whatever_the_name_says(reviewer, cv, address, suffix):
    Document.objects.update(original_name=f"cv.{suffix}")
    Application.objects.update(full_name=f"Ada.{suffix}")
    assert reviewer.head(address)["Content-Type"] == "application/pdf"


# Names

HOSTILE = [
    'Ada "; filename="evil.html',
    "Ada\r\nSet-Cookie: stolen=1\r\n\r\n<html>",
    "Ada\nExample\n",
    "\u202efdp.exe",
    "\u200b\ufeff\u2028",
    "Ada\x00Example",
    "../../etc/passwd",
    "C:\\Windows\\system32\\cmd.exe",
    "Zoë Müller",
    "北京大学 " * 40,
    "🦄" * 300,
    "%0d%0aSet-Cookie: a=b",
    "a" * 300,
    "''; utf-8''x",
    ".",
    "",
]
DISPOSITION = re.compile(
    r"""(inline|attachment)(; filename="[^"\\\x00-\x1f\x7f]+"|; filename\*=utf-8''[\w.~%-]+)?""", re.ASCII
)


def test_a_hostile_name_changes_nothing_but_the_name(reviewer, address):
    for name, (query, kind) in itertools.product(HOSTILE, [("", "inline"), ("?download=1", "attachment")]):
        Application.objects.update(full_name=name)
        response = reviewer.head(address + query)
        assert response.status_code == 200
        assert DISPOSITION.fullmatch(response["Content-Disposition"])
        assert response["Content-Disposition"].startswith(f"{kind}; ")
        assert len(response["Content-Disposition"]) < 4000
        assert "stolen" not in response.cookies


@given(st.text(max_size=400), st.booleans())
def test_any_name_makes_one_header_of_three_parts(name, as_attachment):
    value = serving.disposition(name, as_attachment=as_attachment)
    assert DISPOSITION.fullmatch(value)
    HttpResponse(headers={"Content-Disposition": value})  # which refuses line ends
    assert "%E2%80%AE" not in value  # what turns the direction of reading


# Who


RANGE = {"Range": "bytes=0-9"}


@pytest.mark.parametrize("who", ["other_supervisor", "staff_without_rights", "user_without_staff_access", None])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_part_of_what_is_not_yours_is_as_unknown_as_any_other(
    request, signed_in, address, other_project, who, method
):
    browser = signed_in(request.getfixturevalue(who)) if who else Client()
    unknown = reverse("applications:document", args=[uuid.uuid4()])
    answers = [
        getattr(browser, method)(path, headers=headers) for path in (address, unknown) for headers in ({}, RANGE)
    ]
    assert {response.status_code for response in answers} == {404}
    assert len({response.content for response in answers}) == 1
    assert len({tuple(sorted(response.headers.items())) for response in answers}) == 1
    assert not Opening.objects.exists()


def test_the_student_reads_parts_of_the_own_document_and_nothing_of_another(make_application, open_by_link):
    ada, bob = make_application(), make_application(email="bob@example.org")
    browser = open_by_link(bob)
    assert asked_for(browser, bob.current_documents()[0].get_absolute_url(), **RANGE).status_code == 206
    assert browser.get(ada.current_documents()[0].get_absolute_url(), headers=RANGE).status_code == 404


@pytest.fixture
def own_upload(project, cv_file) -> tuple[Client, str]:
    """A browser that has sent a CV ahead, and the address of that upload."""
    browser = Client()
    page = reverse("applications:apply", args=[project.slug])
    browser.get(page)
    begun = browser.post(f"{page}files/", {"field": "cv", "name": 'a "quoted"\u202e name.pdf', "size": SIZE}).json()
    piece = browser.post(f"{page}files/{begun['id']}/?offset=0", WHOLE, content_type="application/octet-stream")
    return browser, piece.json()["url"]


def test_an_upload_is_served_in_parts_to_the_browser_that_sent_it_and_to_no_other(own_upload, superuser, signed_in):
    browser, address = own_upload
    part = asked_for(browser, address, **RANGE)
    assert (part.status_code, part.body) == (206, WHOLE[:10])
    assert part["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in part["Cache-Control"]
    assert policy(part) == {"default-src": "'none'", "frame-ancestors": "'self'"}
    assert browser.get(address, headers={"Range": f"bytes={SIZE}-"}).status_code == 416
    assert browser.head(address)["Content-Disposition"] == 'inline; filename="a quoted name.pdf"'

    unknown = reverse("applications:upload", args=[uuid.uuid4()])
    for stranger in (Client(), signed_in(superuser)):
        refused, nothing = stranger.get(address, headers=RANGE), stranger.get(unknown, headers=RANGE)
        assert refused.status_code == nothing.status_code == 404
        assert refused.content == nothing.content
    assert Upload.objects.count() == 1


# The record of who opened what


def test_a_viewer_that_asks_part_after_part_opens_the_document_once(reviewer, address, cv):
    for part in ("bytes=0-99", "bytes=100-199", "bytes=-10"):
        asked_for(reviewer, address, Range=part)
    assert [(row.document_id, row.way) for row in Opening.objects.all()] == [(cv.pk, "read")]


@pytest.mark.parametrize(
    ("method", "headers"), [("head", RANGE), ("get", {"Range": f"bytes={SIZE}-"}), ("get", {"If-Match": '"another"'})]
)
def test_who_was_given_no_content_has_opened_nothing(reviewer, address, method, headers):
    getattr(reviewer, method)(address, headers=headers)
    assert not Opening.objects.exists()


def test_a_part_saved_is_a_download(reviewer, address):
    asked_for(reviewer, address + "?download=1", **RANGE)
    assert Opening.objects.get().way == "downloaded"


def test_the_text_of_documents_on_the_review_page_opens_the_documents(reviewer, application):
    renditions.make_missing()
    page = reviewer.get(reverse("admin:applications_application_change", args=[application.pk]))
    assert "2024 Internship, sequence analysis" in page.content.decode()

    opened = set(Opening.objects.values_list("document", "way"))

    assert opened == {(None, "read")} | {(document.pk, "read") for document in application.current_documents()}


def test_a_review_page_without_text_opens_only_the_application(reviewer, application):
    reviewer.get(reverse("admin:applications_application_change", args=[application.pk]))
    assert [row.document for row in Opening.objects.all()] == [None]


# From any storage


class CountedReading(io.BytesIO):
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.reads: list[int] = []

    def read(self, size: int = -1) -> bytes:
        self.reads.append(size)
        return super().read(size)


class Elsewhere(InMemoryStorage):
    """A storage without a file on this machine; each block that is read of it is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[CountedReading] = []

    def _open(self, name, mode="rb"):
        self.opened.append(CountedReading(super()._open(name, mode).read()))
        return File(self.opened[-1], name)


@pytest.fixture
def elsewhere(monkeypatch, cv) -> Elsewhere:
    storage = Elsewhere()
    with cv.file.open("rb") as file:
        storage.save(cv.file.name, file)
    storage.opened.clear()
    monkeypatch.setattr(Document._meta.get_field("file"), "storage", storage)
    return storage


@pytest.mark.parametrize(
    ("headers", "content"), [({}, WHOLE), (RANGE, WHOLE[:10]), ({"Range": "bytes=-7"}, WHOLE[-7:])]
)
def test_it_is_streamed_from_a_storage_without_paths_and_closed(reviewer, address, elsewhere, headers, content):
    response = reviewer.get(address, headers=headers)
    assert response.streaming
    file = elsewhere.opened[-1]
    assert file.reads == []  # nothing is read before somebody takes it
    assert b"".join(response) == content
    assert max(file.reads) <= serving.BLOCK
    assert sum(file.reads) < len(content) + serving.BLOCK
    response.close()
    assert file.closed


def test_a_part_that_nobody_takes_is_closed_all_the_same(reviewer, address, elsewhere):
    response = reviewer.get(address, headers=RANGE)
    response.close()
    file = elsewhere.opened[-1]
    assert file.closed


def test_a_file_that_is_missing_there_is_404_for_parts_and_headers_too(reviewer, address, elsewhere, cv):
    elsewhere.delete(cv.file.name)
    assert reviewer.get(address, headers=RANGE).status_code == 404
    assert reviewer.head(address).status_code == 404
    assert not Opening.objects.exists()
