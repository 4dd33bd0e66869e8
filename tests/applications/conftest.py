"""Props of the tests of applications: browsers that came by the manage link."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

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
