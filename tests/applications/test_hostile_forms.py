"""Requests that no browser of an honest student sends: a clear answer, nothing half done, no fault in the log."""

import gzip
import html
import io
import json
import logging
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from applications.models import Application, Document, IncomingPiece, IncomingUpload, Upload
from tests import pdfs

pytestmark = pytest.mark.django_db

MULTIPART = "multipart/form-data; boundary=edge"
CLEAR = {200, 302, 400, 403, 404, 405, 409, 413, 415, 422}


@pytest.fixture(autouse=True)
def no_fault_is_logged(caplog) -> Iterator[None]:
    """Beside what Django says of somebody who sent too much (`django.security`)."""
    yield
    faults = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    faults = [record for record in faults if not record.name.startswith("django.security.")]
    assert not faults, [record.getMessage() for record in faults]


@pytest.fixture(autouse=True)
def nothing_half_done(db, stored_files, data_folder) -> Iterator[None]:
    """Every stored file is named by a row and the other way round; every application has all its documents."""
    yield
    named = [
        name for model in (Upload, Document, IncomingPiece) for name in model.objects.values_list("file", flat=True)
    ]
    assert sorted(str(path.relative_to(data_folder / "documents")) for path in stored_files()) == sorted(named)
    assert not list((data_folder / "incoming").iterdir())
    for application in Application.objects.all():
        assert {document.kind for document in application.documents.all()} >= {"cv", "transcript"}


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def browser(settings) -> Client:
    settings.APPLY_LIMITS = False
    return Client(raise_request_exception=True)


@pytest.fixture
def fields(browser, address, answers) -> dict[str, str]:
    """The text of Ada's form."""
    nonce = re.search(r'name="nonce" value="([^"]+)"', browser.get(address).content.decode())[1]
    return {**answers, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on", "nonce": nonce}


@pytest.fixture
def files() -> list[bytes]:
    """A CV and a transcript as parts of a body."""
    return [part("cv", pdfs.cv(), "cv.pdf"), part("transcripts", pdfs.transcript(), "t.pdf")]


def part(name: str, value: bytes | str, file_name: str | None = None, kind: str = "application/pdf") -> bytes:
    """One part of a multipart body, with whatever stands in its names."""
    value = value if isinstance(value, bytes) else value.encode()
    file = f'; filename="{file_name}"\r\nContent-Type: {kind}' if file_name is not None else ""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


def body_of(fields: dict[str, str], *parts: bytes) -> bytes:
    return b"".join([*(part(name, value) for name, value in fields.items()), *parts, b"--edge--\r\n"])


def send(browser: Client, address: str, body: bytes, kind: str = MULTIPART, **headers):
    """A POST of exactly these bytes, as a web server hands them on."""
    return browser.generic("POST", address, body, content_type=kind, **{"wsgi.input": io.BytesIO(body)} | headers)


def words(response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def headers_of(browser: Client, page: str):
    return browser.head(page).headers


def is_clear(response) -> bool:
    return response.status_code in CLEAR and (bool(response.content) or response.status_code == 302)


def errors(response) -> dict[str, str]:
    return {name: " ".join(messages) for name, messages in response.context["form"].errors.items()}


# Names of files

NAMES = {
    "path": "../../../etc/passwd.pdf",
    "path of windows": "..\\..\\Windows\\cv.pdf",
    "drive": "C:\\\\Users\\\\ada\\\\cv.pdf",
    "absolute": "/etc/cron.d/cv.pdf",
    "percent": "..%2f..%2fcv.pdf",
    "NUL": "cv.pdf\0.exe",
    "control characters": "cv\x07\x1b[31m\x7f.pdf",
    "right to left": "cv\u202efdp.exe",
    "isolates and marks": "\u2066cv\u2069\u200f.pdf",
    "300 characters": "a" * 300 + ".pdf",
    "300 wide characters": "漢" * 300 + ".pdf",
    "device": "CON",
    "markup": "<img src=x onerror=alert(1)>.pdf",
    "template": "{{ 7*7 }}{% now 'Y' %}{manage_link}.pdf",
    "quotes": "cv'%22; rm -rf; .pdf",
    "more parameters": "cv.pdf; name=consent",
    "formula": "=cmd|' /C calc'!A0.pdf",
    "emoji": "🙂.pdf",
    "lone accents": "e\u0301" * 50 + ".pdf",
}
NO_NAMES = {"empty": "", "dot": ".", "two dots": "..", "slash": "/", "only control characters": "\x01\x02"}


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_strange_file_name_is_shown_tamed_and_never_names_a_file(browser, address, fields, files, stored_files, name):
    response = send(browser, address, body_of(fields, part("cv", pdfs.cv(), name), files[1]))

    cv = Application.objects.get().documents.get(kind="cv")
    assert response.status_code == 302
    assert cv.original_name.isprintable()
    assert not {"/", "\\"} & set(cv.original_name)
    assert 0 < len(cv.original_name) <= 200
    assert all(re.fullmatch(r"[0-9a-f]{32}\.pdf", path.name) for path in stored_files())
    page = browser.get(response["Location"]).content.decode()
    assert "<img src=x" not in page
    assert ">49<" not in page
    disposition = headers_of(browser, f"/documents/{cv.pk}/?download=1")["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert disposition.isprintable()


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES)
def test_a_file_without_a_name_is_either_taken_under_one_of_ours_or_asked_for(browser, address, fields, files, name):
    response = send(browser, address, body_of(fields, part("cv", pdfs.cv(), name), files[1]))

    if response.status_code == 302:
        assert Application.objects.get().documents.get(kind="cv").original_name.isprintable()
    else:
        assert errors(response) == {"cv": "Please choose your CV."}
        assert not Application.objects.exists()


def test_two_transcripts_of_the_same_name_and_the_same_bytes_are_both_kept(browser, address, fields, files):
    assert send(browser, address, body_of(fields, *files, files[1])).status_code == 302
    names = Document.objects.filter(kind="transcript").values_list("original_name", flat=True)
    assert list(names) == ["t.pdf", "t.pdf"]


LIES = ["text/html; charset=utf-7", "image/png", "", "nonsense"]


@pytest.mark.once
@pytest.mark.parametrize("kind", LIES)
def test_what_a_browser_says_of_the_kind_of_a_file_counts_for_nothing(browser, address, fields, files, kind):
    response = send(browser, address, body_of(fields, part("cv", pdfs.cv(), "cv.pdf", kind), files[1]))
    cv = Application.objects.get().documents.get(kind="cv")
    served = headers_of(browser, f"/documents/{cv.pk}/")
    assert response.status_code == 302
    assert served["Content-Type"] == "application/pdf"
    assert served["X-Content-Type-Options"] == "nosniff"


def test_a_web_page_that_is_called_a_pdf_is_refused_whatever_its_kind(browser, address, fields, files):
    response = send(browser, address, body_of(fields, part("cv", pdfs.html_disguise(), "cv.pdf"), files[1]))
    assert "This is a web page, not a PDF" in errors(response)["cv"]
    assert "<title>Sign in" not in response.content.decode()


# Bodies

SURROGATE = "\\ud800"  # half a character, in an encoding that can write it


def as_text(fields: dict[str, str], **changed: str) -> bytes:
    return urlencode(fields | changed).encode()


def broken_bodies(fields: dict[str, str]) -> dict[str, tuple[bytes, str]]:
    """Bodies and their kinds, which are all not what they say they are."""
    whole = body_of(fields, part("cv", pdfs.cv(), "cv.pdf"), part("transcripts", pdfs.transcript(), "t.pdf"))
    text = as_text(fields)
    return {
        "no boundary": (whole, "multipart/form-data"),
        "empty boundary": (whole, "multipart/form-data; boundary="),
        "wrong boundary": (whole, "multipart/form-data; boundary=other"),
        "boundary of 300 letters": (whole, f"multipart/form-data; boundary={'x' * 300}"),
        "boundary that is no text": (whole, "multipart/form-data; boundary=\xe9\xff"),
        "two boundaries": (whole, "multipart/form-data; boundary=edge; boundary=other"),
        "cut in a file": (whole[: len(whole) // 2], MULTIPART),
        "cut in a header": (whole[: whole.index(b"filename") + 4], MULTIPART),
        "no end": (whole[:-10], MULTIPART),
        "ends of lines of unix": (whole.replace(b"\r\n", b"\n"), MULTIPART),
        "nothing": (b"", MULTIPART),
        "only boundaries": (b"--edge\r\n" * 1000, MULTIPART),
        "long header": (b"--edge\r\nX: " + b"a" * 100_000 + b"\r\n\r\n\r\n--edge--\r\n", MULTIPART),
        "many headers": (b"--edge\r\n" + b"X: a\r\n" * 20_000 + b"\r\n\r\n--edge--\r\n", MULTIPART),
        "base64 that is none": (whole.replace(b"Type: application/pdf", b"Transfer-Encoding: base64"), MULTIPART),
        "no name": (whole.replace(b'name="full_name"', b"x=y"), MULTIPART),
        "json": (json.dumps(fields).encode(), "application/json"),
        "json that nests deeply": (b"[" * 100_000, "application/json"),
        "xml": (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "text/xml"),
        "gzip": (gzip.compress(text), "application/x-www-form-urlencoded"),
        "noise": (bytes(range(256)) * 100, "application/x-www-form-urlencoded"),
        "no kind": (text, ""),
        "nonsense as kind": (text, ";;;=/"),
        "unknown letters": (text, "application/x-www-form-urlencoded; charset=no-such-letters"),
        "letters of another age": (text, "application/x-www-form-urlencoded; charset=utf-16"),
        "a coding that is no text": (whole, f"{MULTIPART}; charset=rot13"),
        "a coding that is a program": (whole, f"{MULTIPART}; charset=zlib_codec"),
        "a coding that always fails": (whole, f"{MULTIPART}; charset=undefined"),
        "a coding for names of hosts": (whole, f"{MULTIPART}; charset=idna"),
        "text with a coding that is no text": (text, "application/x-www-form-urlencoded; charset=rot13"),
    }


BROKEN = list(broken_bodies({"full_name": "x", "nonce": "x"}))


@pytest.mark.once
@pytest.mark.parametrize("how", BROKEN)
def test_a_body_that_is_not_what_it_says_gets_a_clear_answer_and_leaves_nothing(browser, address, fields, how):
    body, kind = broken_bodies(fields)[how]
    response = send(browser, address, body, kind, HTTP_CONTENT_ENCODING="gzip" if how == "gzip" else "")
    assert is_clear(response)
    assert response.status_code != 302
    assert not Application.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize("length", ["-1", "abc", "", "0", "5", "1e9", "99999999999999999999", "１２"])
def test_a_length_that_is_wrong_gets_a_clear_answer(browser, address, fields, files, length):
    response = send(browser, address, body_of(fields, *files), CONTENT_LENGTH=length)
    assert is_clear(response)
    assert Application.objects.count() == (response.status_code == 302)


def nested(depth: int) -> bytes:
    """Parts inside one another, each with a boundary of its own."""
    inner = b"x"
    for level in range(depth):
        edge = b"e%d" % level
        head = b'Content-Disposition: form-data; name="cv"\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n' % edge
        inner = b"--%s\r\n%s%s\r\n--%s--\r\n" % (edge, head, inner, edge)
    return inner


@pytest.mark.once
def test_parts_that_nest_deeply_are_text_and_cost_nothing(browser, address, fields):
    response = send(browser, address, body_of(fields, part("cv", nested(500), "cv.pdf")))
    assert "not a PDF" in errors(response)["cv"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "size"), [("motivation", 900_000), ("full_name", 900_000), ("links", 900_000), ("unknown", 900_000)]
)
def test_a_text_of_nearly_a_megabyte_is_too_long_for_its_field_and_everything_else_is_kept(
    browser, address, fields, files, name, size
):
    response = send(browser, address, body_of(fields | {name: "x" * size}, *files))
    if name == "unknown":
        assert response.status_code == 302
    else:
        assert list(errors(response)) == [name]
        assert len(re.findall('name="kept_', response.content.decode())) == 2


@pytest.mark.once
@pytest.mark.parametrize("name", ["motivation", "email", "nonce", "kept_cv", "unknown"])
def test_a_text_of_more_than_a_megabyte_is_answered_with_the_form_and_the_reason(browser, address, fields, name):
    response = send(browser, address, body_of(fields | {name: "x" * (2 << 20)}))
    assert response.status_code == 413
    assert 'name="motivation"' in response.content.decode()


@pytest.mark.once
@pytest.mark.parametrize("name", ["full_name", "email", "earliest_start", "consent", "nonce", "opened", "action"])
def test_a_text_of_a_hundred_thousand_letters_is_no_matter_in_any_field(browser, address, fields, files, name):
    for text in ("9" * 100_000, "ﷺ" * 30_000):
        response = send(browser, address, body_of(fields | {name: text}, *files))
        assert is_clear(response)
        assert response.status_code == 302 or not Application.objects.exists()


@pytest.mark.once
def test_thousands_of_fields_are_answered_with_the_form_and_the_reason(browser, address, fields):
    for body, kind in [
        (body_of(fields | {f"field{number}": "x" for number in range(5000)}), MULTIPART),
        (as_text(fields | {f"field{number}": "x" for number in range(5000)}), "application/x-www-form-urlencoded"),
    ]:
        response = send(browser, address, body, kind)
        assert response.status_code == 413
        assert 'name="motivation"' in response.content.decode()


@pytest.mark.once
@pytest.mark.parametrize("number", [50, 3000])
def test_thousands_of_files_are_answered_with_the_form_and_the_reason(browser, address, fields, files, number):
    response = send(browser, address, body_of(fields, *files, *[part("transcripts", b"%PDF-", "t.pdf")] * number))
    assert response.status_code == 413
    assert not Application.objects.exists()
    assert Upload.objects.count() <= 6


def test_the_same_field_a_hundred_times_counts_once(browser, address, fields, files):
    response = send(browser, address, b"".join([part("full_name", "x")] * 100) + body_of(fields, *files))
    assert response.status_code == 302
    assert Application.objects.get().full_name == "Ada Example"


@pytest.mark.once
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "FOO"])
def test_a_verb_that_is_not_spoken_here_is_refused(browser, address, method):
    assert browser.generic(method, address, b"x").status_code == 405


# Text

STRANGE = {
    "NUL": "a\0b",
    "invalid UTF-8": "a\udcff\udc80b",
    "lone surrogate": "a\udced\udca0\udc80b",
    "emoji": "👩‍💻🙂",
    "controls": "a\x01\x08\x0b\x1b[31mb\x7f\x85",
    "turned": "abc\u202e\u2066def",
    "line separators": "Ada\u2028Example\u2029\r\nBcc: x@example.org",
    "format": "%s%n%(name)s{0.__class__}{name}",
}
TEXTS = ["full_name", "motivation", "email", "links"]


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", TEXTS)
def test_strange_text_in_any_field_is_taken_tidied_or_asked_for_again(browser, address, fields, files, name, text):
    response = send(browser, address, body_of(fields, part(name, raw(text)), *files))

    if response.status_code == 302:
        stored = getattr(Application.objects.get(), name)
        assert "\0" not in stored
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", stored)
        assert browser.get(response["Location"]).status_code == 200
    else:
        assert response.status_code == 200
        assert list(errors(response)) == [name]
        assert not Application.objects.exists()


NOTHING_TO_SEE = [
    " \t",
    "\u00a0\u2003\u3000",
    "\u200b\u200b",
    "\u2060\ufeff",
    "\u00ad",
    "\u3164",
    "\u115f\u1160",
    "\u2800",
]


@pytest.mark.once
@pytest.mark.parametrize("text", NOTHING_TO_SEE, ids=ascii)
def test_text_of_which_nothing_can_be_seen_counts_as_none(browser, address, fields, files, text):
    asked = ["full_name", "university", "programme", "motivation"]
    response = send(browser, address, body_of(fields | dict.fromkeys(asked, text), *files))
    assert list(errors(response)) == asked


@pytest.mark.once
@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_typed_the_answer_is_clear(browser, address, fields, data):
    typed = {name: data.draw(st.text(max_size=60), label=name) for name in TEXTS}
    response = send(
        browser,
        address,
        body_of(
            fields | dict.fromkeys(TEXTS, ""),
            *(part(name, text.encode("utf-8", "surrogatepass")) for name, text in typed.items()),
        ),
    )
    assert response.status_code == 200
    assert {"cv", "transcripts"} <= set(errors(response))


@pytest.mark.once
@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_however_a_body_is_damaged_the_answer_is_clear(browser, address, fields, data):
    body = bytearray(body_of(fields, part("cv", b"%PDF-1.7 nothing", "cv.pdf")))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
    assert is_clear(send(browser, address, bytes(body)))
    assert not Application.objects.exists()


# Addresses


@pytest.mark.parametrize(
    "strange", ["%00", "%FF", "%ED%A0%80", "%0d%0aSet-Cookie:%20a=b", "..%2f..%2f", "%F0%9F%99%82", "9" * 5000]
)
def test_strange_letters_in_an_address_are_answered_as_what_is_not_there(browser, project, strange):
    for page in (f"/projects/{strange}/", f"/projects/{strange}/apply/", f"/applications/{strange}/"):
        assert browser.get(page).status_code == 404
    for page in (
        f"/?q={strange}",
        f"/?topic={strange}",
        f"/?open={strange}",
        f"/projects/{project.slug}/apply/?again={strange}",
    ):
        assert browser.get(page).status_code == 200
    for page in (f"/applications/open/{strange}/", f"/documents/{strange}/"):
        assert browser.get(page).status_code == 404


@pytest.mark.parametrize("cookie", ["\0", "a" * 9000, "'; DROP TABLE", "é", "%00", ""])
def test_strange_cookies_are_as_good_as_none(address, fields, cookie):
    for name in ("csrftoken", "sessionid", "django_language", "messages"):
        response = send(Client(), address, body_of(fields), HTTP_COOKIE=f"{name}={cookie}")
        assert is_clear(response)


@pytest.mark.once
def test_headers_that_no_browser_sends_are_no_matter(browser, address):
    for headers in (
        {"HTTP_ACCEPT_LANGUAGE": "x" * 10_000},
        {"HTTP_ACCEPT_LANGUAGE": "en;q=\0, ;;;"},
        {"HTTP_REFERER": "http://[::1/\0"},
        {"HTTP_IF_MODIFIED_SINCE": "yesterday\0"},
        {"HTTP_RANGE": "bytes=9-1,\0"},
        {"HTTP_X_FORWARDED_FOR": "\0, <script>"},
    ):
        assert browser.get(address, **headers).status_code == 200


# Files that come piece by piece


def begin(browser: Client, address: str, **data):
    return browser.post(f"{address}files/", {"field": "cv", "name": "cv.pdf", "size": "10", **data})


@pytest.mark.parametrize("name", [NAMES["path"], NAMES["NUL"], NAMES["300 characters"], *NO_NAMES.values()])
def test_a_file_in_pieces_is_known_by_a_tamed_name_too(browser, address, name):
    response = begin(browser, address, name=name, size=str(len(pdfs.cv())))
    piece = browser.generic(
        "POST", f"{address}files/{response.json()['id']}/?offset=0", pdfs.cv(), content_type="application/octet-stream"
    )
    upload = Upload.objects.get()
    assert piece.json()["name"] == upload.original_name
    assert upload.original_name.isprintable()
    assert not {"/", "\\"} & set(upload.original_name)
    assert len(upload.original_name) <= 200


@pytest.mark.once
@pytest.mark.parametrize("size", ["", "-1", "1.5", "abc", "1e3", "\0", "９", "9" * 400, "0", str(11 << 20)])
def test_a_size_that_no_file_has_is_refused_with_words(browser, address, size):
    response = begin(browser, address, size=size)
    assert response.status_code == 422
    assert response.json()["error"]
    assert not IncomingUpload.objects.exists()


@pytest.mark.parametrize("field", ["", "cv\0", "consent", "../cv", "question_999999999999999999999", "x" * 10_000])
def test_a_field_that_takes_no_files_is_not_there(browser, address, field):
    assert begin(browser, address, field=field).status_code == 404


@pytest.mark.once
@pytest.mark.parametrize("offset", ["-1", "abc", "", "1", "\0", "9" * 400, "９"])
def test_a_piece_from_nowhere_is_told_where_to_go_on(browser, address, offset):
    known = begin(browser, address).json()["id"]
    response = browser.generic("POST", f"{address}files/{known}/?offset={quote(offset)}", b"0123456789")
    assert response.status_code == 409
    assert response.json()["received"] == 0


@pytest.mark.once
@pytest.mark.parametrize("length", ["-1", "abc", "", "0", "99999999999999999999", "１２"])
def test_a_piece_whose_length_is_wrong_gets_a_clear_answer(browser, address, length):
    known = begin(browser, address, size="100").json()["id"]
    response = send(browser, f"{address}files/{known}/?offset=0", b"0123456789", "x/y", CONTENT_LENGTH=length)
    assert is_clear(response)


def test_a_piece_beyond_the_size_is_not_kept(browser, address, settings):
    known = begin(browser, address, size="5").json()["id"]
    for body in (b"0123456789", b"x" * (settings.PIECE_BYTES + 1), b""):
        assert is_clear(browser.generic("POST", f"{address}files/{known}/?offset=0", body))
    assert not IncomingPiece.objects.exists()


@pytest.mark.parametrize("known", ["0" * 32, "x", "\0", "00000000-0000-0000-0000-000000000000"])
def test_a_file_that_nobody_began_is_not_there(browser, address, known):
    assert browser.generic("POST", f"{address}files/{quote(known)}/?offset=0", b"x").status_code == 404


CLAIMS = ["", "x", "\0", "a:b:c", ".", "..", "a.b.c", "é" * 100, "x" * 100_000]


@pytest.mark.parametrize("claim", CLAIMS, ids=range(len(CLAIMS)))
def test_a_claim_to_a_file_that_we_did_not_make_is_no_claim(browser, address, fields, claim):
    response = send(browser, address, body_of(fields | {"kept_cv": claim, "kept_transcripts": claim}))
    assert set(errors(response)) == {"cv", "transcripts"}
