"""Props of the tests of applications: browsers that came by the manage link."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from applications.grants import BY_FORM, SESSION_KEY
from applications.models import Application
from applications.tokens import manage_token


@pytest.fixture
def open_by_link() -> Callable[..., Client]:
    """A browser (a new one, or the one given) in which the student has opened the manage link."""

    def open_link(application: Application, browser: Client | None = None) -> Client:
        browser = browser or Client()
        response = browser.get(reverse("applications:open", args=[manage_token(application)]))
        assert response.status_code == 302
        return browser

    return open_link


@pytest.fixture
def by_link(application, open_by_link) -> Client:
    """A browser that came by the manage link, so its owner reads the student's mail."""
    return open_by_link(application)


@pytest.fixture
def by_form(application) -> Client:
    """The browser that applied: let in, but the address has proved nothing yet."""
    browser = Client()
    session = browser.session
    session[SESSION_KEY] = {application.reference: {"version": application.link_version, "via": BY_FORM}}
    session.save()
    browser.cookies["sessionid"] = session.session_key
    assert browser.get(application.get_absolute_url()).status_code == 200
    return browser
