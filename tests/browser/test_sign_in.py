"""Signing in and the second factor in a real browser: sound pages, by keyboard, without scripts."""

import pytest
from playwright.sync_api import Page, expect

from applications import letters
from applications.models import Letter
from tests.browser.pages import PASSWORD, assert_page_is_sound, at_each_width, sign_in
from tests.tracker.signing_in import app_for, code_of, give_password
from tracker.sign_in import second_factor, sessions

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def quick_codes(monkeypatch, settings) -> None:
    monkeypatch.setattr(second_factor, "RECOVERY_CODES", 2)
    monkeypatch.setattr("tracker.sign_in.views.recovering.ANSWER_SECONDS", 0)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def give_name_and_password(page: Page, user, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@at_each_width
def test_the_pages_of_signing_in_are_sound(open_browser, supervisor, width):
    give_password(supervisor)
    page = open_browser(width=width)
    for address in ("/admin/login/", "/admin/password-reset/", "/admin/password-reset/no-token/"):
        page.goto(address)
        assert_page_is_sound(page)
    page.goto("/admin/login/")
    for _attempt in range(5):
        give_name_and_password(page, supervisor, "not the password")
    expect(page.get_by_text("Please try again in 15 minutes")).to_be_visible()
    assert_page_is_sound(page)


@at_each_width
def test_the_pages_of_security_are_sound(open_browser, supervisor, width):
    page = open_browser(width=width)
    sign_in(page, supervisor, to="/admin/security/")
    assert_page_is_sound(page)
    page.get_by_role("link", name="Set up an app for codes").click()
    page.get_by_label("Your password").fill("not the password")
    page.get_by_role("button", name="Go on").click()
    assert_page_is_sound(page)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    assert page.locator("img.app-picture").evaluate("picture => picture.naturalWidth > 100")
    assert_page_is_sound(page)
    page.get_by_label("Code").fill(code_of(supervisor.totpdevice_set.get()))
    page.get_by_role("button", name="Turn it on").click()
    assert_page_is_sound(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    codes = page.locator(".recovery-codes code").all_inner_texts()
    assert all(code in download.value.path().read_text() for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    for name in ("Get new recovery codes", "Remove it", "Sign out everywhere else"):
        assert_page_is_sound(page)
        page.get_by_role("link", name=name).click()
        assert_page_is_sound(page)
        page.get_by_role("link", name="Leave everything as it is").click()


@pytest.mark.once
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_password_and_code_by_keyboard_alone(open_browser, supervisor, scripts):
    give_password(supervisor)
    app = app_for(supervisor)
    page = open_browser(java_script_enabled=scripts)

    page.goto("/admin/preferences/")
    expect(page.get_by_label("Username")).to_be_focused()
    for key in [*supervisor.username, "Tab", *"a long enough password", "Enter"]:
        page.keyboard.press(key if key != " " else "Space")
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    if scripts:
        assert_page_is_sound(page)
    expect(page.get_by_label("Code")).to_be_focused()
    for key in [*code_of(app), "Enter"]:
        page.keyboard.press(key)

    expect(page.get_by_role("heading", name="Preferences")).to_be_visible()


@pytest.mark.once
def test_a_lost_password_is_recovered_without_scripts(open_browser, supervisor):
    page = open_browser(java_script_enabled=False)
    page.goto("/admin/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address or user name").fill(supervisor.email)
    page.get_by_role("button", name="Send the letter").click()
    expect(page.get_by_role("heading", name="Please look into your mail")).to_be_visible()

    body = letters.as_message(Letter.objects.select_related("user").get()).body
    [link] = [word for word in body.split() if "/admin/password-reset/" in word]
    page.goto(link[link.index("/admin/") :])
    assert page.url.endswith("/admin/password-reset/new/")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Set the new password").click()
    expect(page.get_by_text("Your new password is set.")).to_be_visible()
    give_name_and_password(page, supervisor)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.once
def test_what_was_sent_after_the_end_of_a_sign_in_is_sent_again(open_browser, application, supervisor):
    page = open_browser()
    review = f"/admin/applications/application/{application.pk}/change/"
    sign_in(page, supervisor, to=review)
    sessions.end_everywhere(supervisor)  # from another browser
    page.locator(".note-form textarea").fill("Knows alignment well. Ask about the thesis.")
    page.get_by_role("button", name="Save note").click()

    expect(page.get_by_text("You were signed out from another browser.")).to_be_visible()
    give_name_and_password(page, supervisor)
    expect(page.get_by_text("Ask about the thesis.")).to_be_visible()
    assert_page_is_sound(page)
    page.get_by_role("button", name="Send it now").click()

    page.wait_for_url(lambda url: review in url)
    assert application.events.get(kind="note").text == "Knows alignment well. Ask about the thesis."
