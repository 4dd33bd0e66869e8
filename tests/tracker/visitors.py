"""Somebody with a name that stands out, browsers that talk to a real server, and what a log tells of them."""

import contextlib
import http.client
import http.cookiejar
import io
import re
import urllib.error
import urllib.request

from django.conf import settings
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests import pdfs

WHO = {
    "full_name": "Zanzibara Quillfeather",
    "email": "zanzibara.q@example.org",
    "university": "Quillfeather Institute",
    "motivation": "Since my accident in Timbuktu I would like to align sequences.",
}
FILE_NAME = "Quillfeather-CV.pdf"
# What would say who she is, in whatever form; parts, because a line may be cut.
PERSONAL = ["Zanzibara", "zanzibara", "Quillfeather", "Timbuktu"]
PASSWORD = "correct-Horse-battery-7"
WRONG_PASSWORD = "Incorrect-horse-8"


def assert_holds_none(text: str, *secrets: str) -> None:
    secrets = (*secrets, *PERSONAL, settings.SECRET_KEY)
    too_short = [secret for secret in secrets if len(secret) < 6]
    assert not too_short, too_short
    told = [line for line in text.splitlines() for secret in secrets if secret in line]
    assert not told, told


def hidden(page: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]+)"', page)[1]


def keys_of(browser: Client) -> list[str]:
    return [morsel.value for name, morsel in browser.cookies.items() if name.endswith(("sessionid", "csrftoken"))]


class Person:
    """A browser that talks to the real server, and remembers which secrets it was given."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.secrets: set[str] = set()

    def ask(self, path: str, fields: dict | None = None, method: str | None = None, **headers: str) -> tuple[int, str]:
        data = encode_multipart(BOUNDARY, fields) if fields is not None else None
        headers = {"Content-Type": MULTIPART_CONTENT, "Origin": self.address, **headers}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=30) as response:
                status, page, self.at = response.status, response.read().decode(errors="replace"), response.url
        except urllib.error.HTTPError as error:
            status, page = error.code, error.read().decode(errors="replace")
        self.secrets |= {cookie.value for cookie in self.jar if cookie.name.endswith(("sessionid", "csrftoken"))}
        self.secrets |= set(re.findall(r'name="(?:nonce|csrfmiddlewaretoken|kept_\w+)" value="([^"]+)"', page))
        return status, page

    @property
    def session_key(self) -> str:
        return next(cookie.value for cookie in self.jar if cookie.name == "sessionid")

    def submit(self, path: str, **fields) -> tuple[int, str]:
        _status, page = self.ask(path)
        names = [name for name in ("csrfmiddlewaretoken", "nonce") if f'name="{name}"' in page]
        return self.ask(path, {name: hidden(page, name) for name in names} | fields)


def pdf(content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = FILE_NAME
    return file


def apply(student: Person) -> str:
    """Hand in at the real server; the reference."""
    _status, catalogue = student.ask("/")
    project = re.search(r'href="(/projects/[\w-]+/)"', catalogue)[1]
    answers = WHO | {"programme": "MSc", "earliest_start": "2027-09-01", "consent": "on"}
    files = {"cv": pdf(pdfs.cv()), "transcripts": pdf(pdfs.transcript())}
    status, _page = student.submit(f"{project}apply/", **answers, **files)
    assert status == 200
    return re.search(r"/applications/([\w-]+)/$", student.at)[1]


def talk_nonsense(port: int, secret: str) -> None:
    """Requests that the web server itself refuses, with a session's key in them."""
    for lines in (
        f"GET / HTTP/1.1\r\nHost: x\r\nCookie : sessionid={secret}",
        f"NON SENSE {secret}",
        f"GET /?q={secret}",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.connect()
        connection.sock.sendall(f"{lines}\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            connection.sock.recv(1000)
        connection.close()
