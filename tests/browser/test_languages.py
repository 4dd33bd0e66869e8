"""The switch of languages in a real browser, and the pages in German at each width, in light and in dark."""

import pytest
from playwright.sync_api import expect

from applications.tokens import manage_token
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@at_each_width
def test_public_pages_are_sound_in_german(open_browser, project, width):
    page = open_browser(width=width, locale="de-CH")

    for address in ("/", project.get_absolute_url(), "/applications/find/", "/privacy/", "/no/page/", "/admin/login/"):
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == "de"
        assert_page_is_sound(page)


@at_each_width
def test_the_students_pages_are_sound_in_german(open_browser, application, width):
    page = open_browser(width=width, locale="de-CH")

    page.goto(f"/applications/open/{manage_token(application)}/")
    assert_page_is_sound(page)
    for below in ("documents/", "answers/", "withdraw/"):
        page.goto(f"/applications/{application.reference}/{below}")
        assert_page_is_sound(page)


def sign_in_german(page, user, to: str) -> None:
    """English for the form, whose labels the other tests know; German from then on."""
    sign_in(page, user, to)
    page.locator("#header").get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")


@at_each_width
def test_the_review_side_is_sound_in_german(open_browser, supervisor, application, width):
    page = open_browser(width=width)
    sign_in_german(page, supervisor, "/admin/")

    for address in (
        "/admin/",
        "/admin/applications/application/",
        f"/admin/applications/application/{application.pk}/change/",
        f"/admin/applications/application/{application.pk}/decide/offered/",
        "/admin/applications/application/release/",
        f"/admin/projects/project/{application.project_id}/change/",
    ):
        page.goto(address)
        assert_page_is_sound(page)


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_one_switches_where_one_is_by_keyboard_and_stays_there(open_browser, project, width, scripts):
    page = open_browser(width=width, java_script_enabled=scripts)
    address = f"{project.get_absolute_url()}?from=a%20friend"
    page.goto(address)
    english, german = (page.locator(".site-header").get_by_role("button", name=name) for name in ("English", "Deutsch"))
    expect(english).to_have_attribute("aria-current", "true")
    expect(german).to_be_visible()

    german.focus()
    page.keyboard.press("Enter")

    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page).to_have_url(address)
    expect(german).to_have_attribute("aria-current", "true")
    page.locator(".site-footer").get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_going_back_after_a_switch_shows_no_page_in_the_former_language_for_good(open_browser, project):
    page = open_browser()
    page.goto("/")
    page.locator(".site-header").get_by_role("button", name="Deutsch").click()
    page.goto(project.get_absolute_url())

    page.goto("/")

    expect(page.locator("html")).to_have_attribute("lang", "de")
