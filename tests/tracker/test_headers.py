"""The headers that tell a browser what a page may do: on every answer, whatever it is about."""

import json
import re
import subprocess
import sys

import pytest
from django.test import Client

from tests.tracker.test_quickstart import CHECKOUT, environment

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ADDRESSES = {
    "the catalogue": ("/", 200),
    "a page that is not there": ("/nowhere/", 404),
    "the sign-in": ("/admin/login/", 200),
    "the way to the sign-in": ("/admin/", 302),
    "a document of somebody else": ("/documents/0b8f1c52-90c3-4fd6-8a2b-5a2b9cf1d001/", 404),
    "a dead manage link": ("/applications/open/dead/", 404),
    "the privacy page": ("/privacy/", 200),
    "the probe": ("/healthz/", 200),
    "an address without its slash": ("/privacy", 301),
    "a style sheet": ("/static/css/base.css", 200),
    "a picture": ("/static/img/favicon.svg", 200),
}


def answer_to(address: str, **headers: str):
    """The answer, read to its end, which closes a file."""
    response = Client().get(address, headers=headers)
    response.body = b"".join(response)
    return response


@pytest.mark.parametrize(("address", "status"), ADDRESSES.values(), ids=ADDRESSES)
def test_every_answer_carries_the_guards(address, status):
    response = answer_to(address)
    assert response.status_code == status
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Server" not in response
    policy = response["Content-Security-Policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize("address", ["/", "/admin/login/", "/projects/none/", "/static/css/base.css"])
def test_nothing_is_shared_with_other_sites_except_what_is_public_anyway(address):
    for origin in ("https://elsewhere.example", "null"):
        response = answer_to(address, Origin=origin)
        # A style sheet may be read from anywhere: it is the same for all. Nothing else may.
        assert response.get("Access-Control-Allow-Origin") in ((None, "*") if "/static/" in address else (None,))
        assert "Access-Control-Allow-Credentials" not in response


def test_a_page_says_in_which_characters_it_is_written():
    for address, _status in ADDRESSES.values():
        response = answer_to(address)
        if response.body and response["Content-Type"].startswith("text/"):
            assert response["Content-Type"].endswith("charset=utf-8") or response["Content-Type"].endswith('"utf-8"')


@pytest.mark.parametrize(
    "address", ["/", "/admin/login/", "/healthz/", "/documents/0b8f1c52-90c3-4fd6-8a2b-5a2b9cf1d001/"]
)
def test_a_trace_is_not_echoed(address):
    response = Client().generic("TRACE", address, headers={"X-Secret": "tell-me-back"})
    assert b"tell-me-back" not in response.content


@pytest.mark.parametrize(
    "address", ["/static/", "/static/css/", "/static/../tracker/settings.py", "/.git/config", "/.env"]
)
def test_no_folder_and_no_file_of_ours_can_be_listed_or_fetched(address):
    assert Client().get(address).status_code == 404


SETTINGS = """
import json
from django.conf import settings as s
kinds = ("SESSION", "CSRF", "LANGUAGE")
of = lambda fact: [getattr(s, f"{kind}_COOKIE_{fact}") for kind in kinds]
print(json.dumps({fact: of(fact) for fact in ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "PATH", "DOMAIN")}
    | {"HSTS": s.SECURE_HSTS_SECONDS, "REDIRECT": s.SECURE_SSL_REDIRECT, "DEBUG": s.DEBUG}))
"""


@pytest.mark.parametrize(("site", "is_https"), [("https://apply.example.org", True), ("http://127.0.0.1:8000", False)])
def test_over_https_cookies_belong_to_this_site_and_to_https_alone(tmp_path, site, is_https):
    run = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "shell", "-v0", "-c", SETTINGS],
        env=environment(tmp_path, SITE_URL=site), capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = json.loads(run.stdout)
    prefix = "__Host-" if is_https else ""  # which asks for Secure, the path / and no domain
    assert said["NAME"] == [f"{prefix}{name}" for name in ("sessionid", "csrftoken", "django_language")]
    assert said["SECURE"] == [is_https] * 3
    assert said["HTTPONLY"] == [True] * 3
    assert said["SAMESITE"] == ["Lax"] * 3
    assert (said["PATH"], said["DOMAIN"]) == (["/"] * 3, [None] * 3)
    assert (said["HSTS"], said["REDIRECT"]) == ((365 * 24 * 3600, True) if is_https else (0, False))
    assert said["DEBUG"] is False


def test_signing_in_needs_a_form_of_ours(supervisor):
    """Else another site could sign people in under an account of its own, and read what they write there."""
    supervisor.set_password("a long enough password")
    supervisor.save()
    browser = Client(enforce_csrf_checks=True)
    typed = {"username": supervisor.username, "password": "a long enough password"}
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/admin/login/").content.decode())[1]

    assert browser.post("/admin/login/", typed).status_code == 403
    foreign = browser.post(
        "/admin/login/", typed | {"csrfmiddlewaretoken": token}, headers={"Origin": "https://elsewhere.example"}
    )
    assert foreign.status_code == 403
    assert browser.get("/admin/").status_code == 302

    assert browser.post("/admin/login/", typed | {"csrfmiddlewaretoken": token}).status_code == 302
    assert browser.get("/admin/").status_code == 200
