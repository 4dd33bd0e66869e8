"""English or German: by browser, by switch, remembered, and never mixed up by a cache."""

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings

from applications.tokens import manage_token
from projects.models import CoAdvisor, Project
from tests.tracker.test_error_pages import STATUS, answer, quiet_log  # noqa: F401 - the fixture

pytestmark = pytest.mark.once

PAGES = ["/", "/applications/find/", "/privacy/", "/admin/login/"]
GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}


def language_of(response) -> str:
    content = response.content.decode()
    [shown] = [code for code, _name in django_settings.LANGUAGES if f'<html lang="{code}"' in content]
    assert response["Content-Language"] == shown
    return shown


def choose(client: Client, code: str, to: str = "/", **headers):
    """Press the switch on the page `to`."""
    return client.post("/language/", {"language": code}, headers={"Referer": f"http://testserver{to}"}, **headers)


# Which language a page has


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(
    ("asked_for", "shown"),
    [("de-CH,de;q=0.9,en;q=0.5", "de"), ("en-GB,de;q=0.5", "en"), ("fr,it;q=0.5", "en"), ("", "en")],
)
def test_a_page_comes_in_the_first_of_our_languages_that_the_browser_names(db, client, address, asked_for, shown):
    assert language_of(client.get(address, headers={"Accept-Language": asked_for})) == shown


def test_who_asks_for_none_of_ours_reads_the_language_of_the_site(db, client, settings):
    settings.LANGUAGE_CODE = "de"

    assert language_of(client.get("/", headers={"Accept-Language": "fr"})) == "de"


@pytest.mark.parametrize("address", PAGES)
def test_a_chosen_language_wins_over_the_browser_s(db, client, address):
    choose(client, "en")

    assert language_of(client.get(address, headers=GERMAN)) == "en"


def test_a_cookie_that_names_no_language_of_ours_is_as_good_as_none(db, client):
    for value in ("fr", "<b>", "de" * 300, "../../de"):
        client.cookies[django_settings.LANGUAGE_COOKIE_NAME] = value
        assert language_of(client.get("/", headers=GERMAN)) == "de"


@pytest.mark.urls("tests.tracker.test_error_pages")
@pytest.mark.parametrize("name", STATUS)
def test_the_pages_for_errors_speak_the_browser_s_language(name):
    assert language_of(answer(name, language="de")) == "de"
    assert language_of(answer(name, language="en")) == "en"


@override_settings(SECURE_SSL_REDIRECT=True)
def test_an_error_before_the_language_is_known_does_not_speak_that_of_the_page_before(db, client):
    language_of(client.get("/", headers=GERMAN, secure=True))

    response = client.get("/", headers={"Host": "elsewhere.example", "Accept-Language": "en"})

    assert response.status_code == 400
    assert language_of(response) == "en"


# The switch


def test_the_choice_leads_back_and_is_remembered_for_a_year(client):
    response = choose(client, "de", to="/?q=graphs&open=1")

    assert response.status_code == 302
    assert response["Location"] == "/?q=graphs&open=1"
    cookie = response.cookies[django_settings.LANGUAGE_COOKIE_NAME]
    assert cookie.value == "de"
    assert cookie["max-age"] == 365 * 24 * 3600
    assert cookie["samesite"] == "Lax"
    assert cookie["httponly"]
    assert not cookie["secure"]


def test_the_cookie_is_for_https_only_where_the_site_is(client, settings):
    settings.LANGUAGE_COOKIE_SECURE = True

    assert choose(client, "de").cookies[settings.LANGUAGE_COOKIE_NAME]["secure"]


@pytest.mark.parametrize("code", ["", "fr", "DE", "de-AT", "de\r\nSet-Cookie: a=b", "x" * 5000])
def test_an_unknown_language_changes_nothing(client, code):
    response = choose(client, code, to="/privacy/")

    assert response["Location"] == "/privacy/"
    assert not response.cookies


@pytest.mark.parametrize(
    "elsewhere",
    [
        "",
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "///elsewhere.example/",
        "/\\elsewhere.example/",
        "\\\\elsewhere.example",
        "http:///elsewhere.example",
        "javascript:alert(1)",
        "privacy/",
        "/" + "x" * 5000,
    ],
)
def test_the_switch_leads_to_no_other_site(client, elsewhere):
    assert choose(client, "de", to=elsewhere)["Location"] == "/"


def test_an_address_with_a_line_break_adds_no_header(client):
    response = choose(client, "de", to="/x\r\nSet-Cookie: a=b")

    assert response["Location"] == "/xSet-Cookie:%20a=b"
    assert list(response.cookies) == [django_settings.LANGUAGE_COOKIE_NAME]


def test_the_switch_needs_no_token_because_public_pages_carry_none():
    browser = Client(enforce_csrf_checks=True)

    assert choose(browser, "de").status_code == 302
    assert list(browser.cookies) == [django_settings.LANGUAGE_COOKIE_NAME]


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_nothing_but_a_post_switches(client, method):
    response = getattr(client, method)("/language/?language=de&next=/")

    assert response.status_code == 405
    assert not response.cookies


@pytest.mark.parametrize("address", [*PAGES, "/no/page/"])
def test_every_page_has_the_switch_and_marks_the_language_it_is_in(db, client, address):
    content = client.get(address + "?q=a%20b&x=<", headers=GERMAN).content.decode()

    assert '<form method="post" action="/language/"' in content
    buttons = [line for line in content.split("<button")[1:] if 'name="language"' in line]
    assert {('value="en"' in button, "aria-current" in button) for button in buttons} == {(True, False), (False, True)}
    assert all(f'lang="{code}"' in button for button in buttons for code in ("en", "de") if f'value="{code}"' in button)
    assert any(">English<" in button for button in buttons)
    assert any(">Deutsch<" in button for button in buttons)


def test_reviewers_find_the_switch_in_the_header(signed_in, supervisor):
    content = signed_in(supervisor).get("/admin/projects/project/?q=a").content.decode()

    assert content.index('action="/language/"') < content.index("</header>")


def test_who_switches_reads_on_in_the_other_language_without_signing_in_again(signed_in, supervisor):
    browser = signed_in(supervisor)
    assert language_of(browser.get("/admin/")) == "en"

    choose(browser, "de", to="/admin/")

    assert language_of(browser.get("/admin/")) == "de"


def test_letters_keep_the_language_in_which_somebody_applied(client, application):
    client.get(f"/applications/open/{manage_token(application)}/")

    choose(client, "de", to=application.get_absolute_url())

    assert language_of(client.get(application.get_absolute_url())) == "de"
    application.refresh_from_db()
    assert application.language == "en"


# No cache mixes languages


@pytest.fixture
def address(request, project: Project) -> str:
    project.co_advisors.add(CoAdvisor.objects.create(name="Bea Example"))
    return {"catalogue": "/", "project": project.get_absolute_url()}[request.param]


@pytest.mark.parametrize("address", ["catalogue", "project"], indirect=True)
def test_a_page_kept_in_one_language_is_not_called_unchanged_in_the_other(client, address):
    english = client.get(address)
    choose(client, "de")

    german = client.get(address, headers={"If-None-Match": english["ETag"]})
    assert german.status_code == 200
    assert language_of(german) == "de"
    assert client.get(address, headers={"If-None-Match": german["ETag"]}).status_code == 304

    choose(client, "en")
    back = client.get(address, headers={"If-None-Match": german["ETag"]})
    assert back.status_code == 200
    assert language_of(back) == "en"


@pytest.mark.parametrize("address", ["catalogue", "project"], indirect=True)
def test_caches_are_told_on_what_a_page_hangs_also_when_it_is_unchanged(client, address):
    fresh = client.get(address)
    unchanged = client.get(address, headers={"If-None-Match": fresh["ETag"]})

    for response in (fresh, unchanged):
        assert {name.strip() for name in response["Vary"].split(",")} >= {"Accept-Language", "Cookie"}
        assert response["Content-Language"] == "en"
    assert unchanged.status_code == 304
