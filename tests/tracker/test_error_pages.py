"""The pages for errors: they tell what happened and what to do, and lean on nothing that may be broken.

Only the tests that need an account ask for the database. In all others a query would fail the test.
"""

import logging
import re

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import path

from tracker import urls
from tracker.urls import handler400, handler403, handler404, handler500  # noqa: F401 - Django looks for them here


def broken(request):
    raise OperationalError("the database is down")


urlpatterns = [path("broken/", broken), *urls.urlpatterns]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.once]


@pytest.fixture(autouse=True)
def quiet_log(caplog):
    """Refusals are logged as they should be; here they are expected."""
    caplog.set_level(logging.CRITICAL, logger="django")


def answer(name: str, language: str = "en"):
    """The page for this error, as a browser gets it."""
    headers = {"Accept-Language": language}
    browser = Client(raise_request_exception=False, headers=headers)
    if name == "400":
        return browser.get("/", headers={"host": "elsewhere.example"})
    if name == "csrf":
        strict = Client(enforce_csrf_checks=True, headers=headers)
        return strict.post("/applications/find/", {"email": "ada@example.org"})
    if name == "404":
        return browser.get("/nowhere/")
    if name == "413":
        return browser.post("/applications/find/", {"email": "a" * (1024 * 1024 + 1)}, content_type=FORM)
    return browser.get("/broken/")


FORM = "application/x-www-form-urlencoded"
STATUS = {"400": 400, "csrf": 403, "404": 404, "413": 413, "500": 500}


@pytest.fixture(params=STATUS)
def name(request) -> str:
    return request.param


def test_each_error_has_a_page_of_ours_with_its_own_status(name):
    response = answer(name)

    assert response.status_code == STATUS[name]
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert f"Error {STATUS[name]}" in response.content.decode()
    assert 'class="page-title"' in response.content.decode()


def test_no_error_page_sets_a_cookie(name):
    assert not answer(name).cookies


def test_every_error_page_keeps_the_strict_policy(name):
    response = answer(name)

    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", response.content.decode())


def test_no_error_page_may_be_framed_or_sniffed(name):
    response = answer(name)

    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"


def test_every_error_page_leads_back_to_the_projects(name):
    assert 'href="/"' in answer(name).content.decode()


def test_a_missing_page_leads_to_the_projects_and_to_one_s_application():
    content = answer("404").content.decode()

    assert 'href="/applications/find/"' in content
    assert "Go to the projects" in content


def test_a_refused_form_says_what_to_do():
    content = answer("csrf").content.decode()

    assert "Nothing was sent on." in content
    assert "back button" in content
    assert "allow cookies" in content


def test_a_form_with_its_secret_is_not_refused(db):
    browser = Client(enforce_csrf_checks=True)
    browser.get("/applications/find/")
    secret = browser.cookies["csrftoken"].value

    response = browser.post("/applications/find/", {"email": "ada@example.org", "csrfmiddlewaretoken": secret})

    assert response.status_code == 200


def test_too_much_text_is_called_too_much_and_not_a_bad_request():
    assert "That was too much at once" in answer("413").content.decode()


def test_when_the_database_is_down_the_page_still_comes_with_a_way_to_reach_somebody(settings):
    settings.SUPERVISOR_EMAIL = "grace@example.org"

    content = answer("500").content.decode()

    assert "It is not your fault" in content
    assert 'href="mailto:grace@example.org"' in content


def test_when_even_the_page_for_errors_is_broken_plain_words_remain(settings, caplog):
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": []}]
    caplog.set_level(logging.CRITICAL, logger="tracker")

    response = answer("500")

    assert response.status_code == 500
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert b"Something went wrong on our side" in response.content


def test_a_reviewer_without_the_right_is_told_so_and_led_back(signed_in, staff_without_rights):
    response = signed_in(staff_without_rights).get("/admin/projects/project/")

    assert response.status_code == 403
    assert "Your account does not have the right to do this" in response.content.decode()
    assert 'href="/admin/"' in response.content.decode()


def test_a_reviewer_who_looks_for_what_is_not_there_is_led_back(signed_in, superuser):
    response = signed_in(superuser).get("/admin/nowhere/at-all/")

    assert response.status_code == 404
    assert "Back to the review pages" in response.content.decode()


# A form that another site has sent: Lax cookies stay at home then, so whatever its answer sets would replace ours

FOREIGN = [{"origin": "https://elsewhere.example"}, {"origin": "null"}, {"origin": "http://testserver:8001"}]
FOREIGN += [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site", "origin": "http://testserver"}]
FORMS = ["/applications/AAAA-AAAA/ask/", "/projects/any/apply/", "/projects/any/apply/files/", "/admin/login/"]
PLANTED = "Words of another site, which the browser is to keep for its owner and show in a form later."
OWN = "A question of several sentences. One would not like to write it again. So it is kept, and it is shown."


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("address", FORMS)
def test_a_form_from_another_site_is_refused_and_neither_kept_nor_answered_with_a_cookie(address, headers):
    """Without a database: not even a session is looked for."""
    response = Client(enforce_csrf_checks=True).post(address, {"text": PLANTED, "full_name": PLANTED}, headers=headers)

    assert response.status_code == 403
    assert not response.cookies
    assert PLANTED not in response.content.decode()


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://testserver", "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
    ids=str,
)
def test_one_of_ours_without_its_secret_is_refused_and_kept(db, headers):
    browser = Client(enforce_csrf_checks=True)
    response = browser.post("/applications/AAAA-AAAA/ask/", {"text": OWN}, headers=headers)

    assert response.status_code == 403
    assert OWN in response.content.decode()
    assert browser.session["left_behind"]["AAAA-AAAA"]["ask"]["text"] == {"text": OWN}


@pytest.mark.parametrize("address", ["/applications/open/bad/", "/invitations/bad/"])
def test_a_page_whose_address_holds_a_secret_tells_it_nobody(db, address):
    assert Client().get(address)["Referrer-Policy"] == "no-referrer"
