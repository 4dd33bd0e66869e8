"""The field that people do not see: whoever fills it in is told so, loses nothing, and nothing is stored or sent."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client

from applications import limits
from applications.models import Application, Letter, Upload

pytestmark = pytest.mark.django_db

FIND = "/applications/find/"
TRAP = "homepage"
WORDS = "A field that people do not see was filled in"


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def fields(answers, cv_file, transcript_file) -> dict:
    files = {"cv": cv_file(), "transcripts": [transcript_file()]}
    return {**answers, **files, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on"}


def field_in(page: str) -> str:
    """The field with everything around it that belongs to it."""
    (found,) = re.findall(r'<div[^>]*class="[^"]*stays-empty[^"]*"[^>]*>.*?<input[^>]*>', page, re.DOTALL)
    return found


def again(response) -> dict:
    """What the browser sends when somebody presses the button of the form that was shown again."""
    form = response.context["form"]
    data = {field.html_name: field.value() or "" for field in form if field.name in form.data}
    return data | {f"kept_{name}": token for name, token, _upload in form.all_kept}


@pytest.mark.parametrize("page", ["apply", "find"])
def test_nobody_sees_hears_or_reaches_the_field_and_who_does_is_told_to_leave_it_empty(client, address, page):
    found = field_in(client.get(address if page == "apply" else FIND).content.decode())
    assert 'aria-hidden="true"' in found.partition(">")[0]
    (entry,) = re.findall(r"<input[^>]*>", found)
    assert f'name="{TRAP}"' in entry
    assert 'type="text"' in entry
    assert 'tabindex="-1"' in entry
    assert 'autocomplete="off"' in entry
    assert "style=" not in found
    assert "Please leave this field empty" in found
    sheet = (Path(django_settings.BASE_DIR) / "static" / "css" / "form.css").read_text()
    assert re.search(r"\.stays-empty \{\s+display: none;\s+\}", sheet)


def test_a_form_with_it_filled_in_is_shown_again_with_everything_and_makes_no_application(client, address, fields):
    response = client.post(address, fields | {TRAP: "https://example.com"})
    assert response.status_code == 200
    page = response.content.decode()
    assert WORDS in page
    assert "nothing was sent yet" in page
    assert "I would like to align sequences." in page
    assert "https://example.com" not in page
    assert Upload.objects.count() == 2
    assert not Application.objects.exists()
    assert not Letter.objects.exists()
    assert limits.turned_away() == {"trap": 1}


def test_whoever_did_not_know_of_it_presses_the_button_again(client, address, fields):
    response = client.post(address, fields | {TRAP: "filled in by an extension"})
    assert client.post(address, again(response)).status_code == 302
    assert Application.objects.get().current_documents()


def test_it_is_not_shown_before_sending_either(client, address, fields):
    page = client.post(address, fields | {TRAP: "x", "action": "preview"}).content.decode()
    assert WORDS in page
    assert "Nothing is sent yet" not in page


def test_the_page_before_sending_leads_past_it(client, address, fields):
    page = client.post(address, fields | {"action": "preview"}).content.decode()
    assert "Nothing is sent yet" in page
    assert f'name="{TRAP}"' not in page


def test_blanks_are_nothing_and_without_limits_it_is_no_trap(client, address, fields, settings):
    assert client.post(address, fields | {TRAP: "  "}).status_code == 302
    settings.APPLY_LIMITS = False
    fields["cv"].seek(0)
    fields["transcripts"][0].seek(0)
    assert client.post(address, fields | {TRAP: "x", "email": "bob@example.org"}).status_code == 302


def test_asking_for_the_link_with_it_filled_in_sends_nothing_and_tells_nothing(application):
    known, unknown = (Client().post(FIND, {"email": who, TRAP: "x"}) for who in ("ada@example.org", "eve@example.org"))
    tidy = [re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", page.content) for page in (known, unknown)]
    assert WORDS in tidy[0].decode()
    assert tidy[0].replace(b"ada@", b"eve@") == tidy[1]
    assert not Letter.objects.filter(kind="link").exists()
    assert limits.turned_away() == {"trap": 2}
    assert Client().post(FIND, {"email": "ada@example.org", TRAP: ""}).status_code == 200
    assert Letter.objects.filter(kind="link").exists()
