"""A student with a browser and a bad day: sends an application, and sends it again until there is an answer."""

import contextlib
import hashlib
import html
import http.client
import io
import json
import re
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Callable

import pikepdf
from pikepdf import Stream

from tests import pdfs

Answer = tuple[int, str, str]  # status, Location, page
PROJECT = "/projects/can-a-transformer-learn-sequence-alignment/"  # open in the catalogue that comes with the product
PATIENCE = 180  # seconds until a student gives up, and the test fails: no product of ours may need that long


def document(kind: str, name: str, kilobytes: int = 150) -> bytes:
    """A PDF like no other one, of about this size."""

    def fatten(pdf: pikepdf.Pdf) -> None:
        pdf.Root.Fat = pdf.make_indirect(Stream(pdf, secrets.token_bytes(kilobytes * 1024)))

    base = pdfs.cv(name) if kind == "cv" else pdfs.transcript()
    with pikepdf.open(io.BytesIO(base)) as pdf:
        fatten(pdf)
        buffer = io.BytesIO()
        pdf.save(buffer)
    return buffer.getvalue()


class Student:
    """One person, one form. `in_pieces` sends the files ahead, as the page's script does.

    A form that comes back has to say “not now” (503); `bears` names further answers after which it is sent again.
    """

    def __init__(
        self, number: int, port: int, *, in_pieces: bool = False, kilobytes: int = 150, bears: tuple[int, ...] = ()
    ) -> None:
        self.email = f"student{number}@example.org"
        self.port, self.in_pieces, self.bears = port, in_pieces, (503, *bears)
        self.files = [
            ("cv", "cv.pdf", document("cv", f"Student Number{number}", kilobytes)),
            ("transcripts", "bachelor.pdf", document("transcript", "", kilobytes)),
            ("transcripts", "master.pdf", document("transcript", "", kilobytes)),
        ]
        self.sends = Counter(hashlib.sha256(content).hexdigest() for _field, _name, content in self.files)
        self.cookies: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.claims: list[tuple[str, str]] = []
        self.page = ""  # the last form that came back
        self.tries = 0  # of sending the form
        self.breaks = 0  # of the connection
        self.reference = ""

    # The way of a student

    def apply(self) -> str:
        """From the empty form to the reference of the application. Whatever breaks is done again, as a person would."""
        self.open_form()
        if self.in_pieces:
            self.send_files_ahead()
        self.reference = self.insisted(self.sent)
        self.files = []  # a thousand students have half a gigabyte of them; `sends` knows what they were
        return self.reference

    def open_form(self) -> None:
        page = self.insisted(self._form)
        hidden = dict(
            re.findall(r'<input type="hidden" name="(csrfmiddlewaretoken|nonce|opened)" value="([^"]+)"', page)
        )
        self.fields = hidden | {
            "full_name": "Ada Example", "email": self.email, "university": "University of Examples",
            "programme": "MSc Computer Science", "earliest_start": f"{time.localtime().tm_year + 1}-03-01",
            "motivation": "I would like to align sequences.", "consent": "on",
        }  # fmt: skip

    def _form(self) -> str | None:
        status, _location, page = self.ask("GET", f"{PROJECT}apply/")
        return page if status == 200 and 'name="nonce"' in page else None

    def sent(self) -> str | None:
        """The reference when the form was taken; None when it was not, and `page` says why."""
        self.tries += 1
        files = [] if self.claims else self.files
        body, content_type = multipart([*self.fields.items(), *self.claims], files)
        status, location, self.page = self.ask("POST", f"{PROJECT}apply/", body, content_type)
        if status != 302:
            assert status in self.bears, f"{status}: {self.words()}"
            return None
        return re.fullmatch(r"/applications/([^/]+)/", location)[1]

    def words(self) -> str:
        """What the summary of errors says, in the student's language."""
        summary = re.search(r'id="error-summary".*?</div>', self.page, re.DOTALL)
        text = re.sub(r"<[^>]+>", " ", summary[0] if summary else self.page[-3000:])
        return " ".join(html.unescape(text).split())

    # Files ahead of the form

    def send_files_ahead(self) -> None:
        for field, name, content in self.files:
            token = self._send_ahead(field, name, content)
            self.claims.append((f"kept_{field}", token))

    def _send_ahead(self, field: str, name: str, content: bytes) -> str:
        """What static/js/pieces.js does: the next piece after what has arrived, from the beginning when it is gone."""
        known: dict = {}

        def step() -> str | None:
            said = self.next_piece(known.get("id"), known.get("received"), field, name, content)
            known.clear()
            known.update(said)
            return known.get("token")

        return self.insisted(step, pause=0.01)

    def next_piece(self, pk, received, field, name, content) -> dict:
        files = f"{PROJECT}apply/files/"
        if pk is None:
            body, content_type = multipart([("field", field), ("name", name), ("size", str(len(content)))], [])
            return self._said(*self.ask("POST", files, body, content_type, self.token()))
        if received is None:
            return self._said(*self.ask("GET", f"{files}{pk}/"), pk=pk)
        piece = content[received : received + 64 * 1024]
        address = f"{files}{pk}/?offset={received}"
        return self._said(*self.ask("POST", address, piece, "application/octet-stream", self.token()), pk=pk)

    @staticmethod
    def _said(status: int, _location: str, page: str, pk: str | None = None) -> dict:
        """What is known of the file now; nothing when it has to begin anew."""
        if status == 404:
            return {}
        if status >= 500:
            return {"id": pk} if pk else {}
        assert status in (200, 201, 409), page
        return json.loads(page)

    def token(self) -> dict[str, str]:
        return {"X-CSRFToken": self.fields["csrfmiddlewaretoken"]}

    # HTTP

    def insisted(self, step: Callable[[], str | None], pause: float = 0.2) -> str:
        """The first thing that `step` comes to, however often the connection breaks or the product says “not now”."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if (result := step()) is not None:
                    return result
            except (OSError, http.client.HTTPException):
                self.breaks += 1
            time.sleep(pause)
        raise AssertionError(f"{self.email} waited in vain: {self.words()}")

    def ask(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "", headers: dict | None = None
    ) -> Answer:
        """One request over a connection of its own, with the cookies of this browser."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        if content_type:
            sent["Content-Type"] = content_type
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            page = response.read().decode()
            for cookie in response.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return response.status, response.headers.get("Location", ""), page


def multipart(fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """The body of a form as a browser sends it, and its content type."""
    edge = uuid.uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    for name, file_name, content in files:
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        parts.append(f"{head}Content-Type: application/pdf\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"
