"""The second factor: setting it up, signing in with it, losing it, and making everybody have one."""

import datetime
import logging

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from applications.models import Application, Letter
from tests.tracker.signing_in import (
    CODE,
    PASSWORD,
    app_for,
    code_of,
    give_password,
    is_signed_in,
    later,
    status_of,
    try_to_sign_in,
    words,
    wrong_code,
)
from tracker.sign_in import second_factor

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.usefixtures("quick_passwords")]

SECURITY = "/admin/security/"
APP = "/admin/security/app/"
CODES = "/admin/security/codes/"
REMOVE = "/admin/security/remove/"


@pytest.fixture(autouse=True)
def quick_codes(monkeypatch) -> None:
    """Two recovery codes instead of ten: each costs a tenth of a second by design."""
    monkeypatch.setattr(second_factor, "RECOVERY_CODES", 2)


@pytest.fixture
def sofia(supervisor):
    give_password(supervisor)
    return supervisor


@pytest.fixture
def app(sofia) -> TOTPDevice:
    return app_for(sofia)


@pytest.fixture
def half_signed_in(sofia, app) -> Client:
    """A browser in which the password was given, and the code was not."""
    browser = Client()
    assert try_to_sign_in(browser, "sofia", to="/admin/preferences/").status_code == 302
    return browser


@pytest.fixture
def browser(half_signed_in, app) -> Client:
    """A browser that is signed in with password and code."""
    assert half_signed_in.post(CODE, {"code": code_of(app, -1)}).status_code == 302
    return half_signed_in


def letters_of(change: str) -> int:
    subjects = {
        "on": "Signing in now asks for a code",
        "off": "Signing in does not ask for a code any more",
        "reset": "Your second factor was taken away",
        "codes": "You have new recovery codes",
        "used": "A recovery code was used to sign in",
        "wrong": "Somebody tries codes for your account",
    }
    return Letter.objects.filter(kind="account", subject=subjects[change]).count()


def set_up(browser: Client, person):
    """Go through the two steps; the page with the codes."""
    assert browser.post(APP, {"begin": "1", "password": PASSWORD}).status_code == 302
    begun = TOTPDevice.objects.get(user=person, confirmed=False)
    return browser.post(APP, {"code": code_of(begun)})


# Setting it up


def test_whoever_wants_one_sets_an_app_up_and_gets_recovery_codes_once(signed_in, sofia):
    browser = signed_in(sofia)
    assert "Set up an app for codes" in words(browser.get(SECURITY))

    page = set_up(browser, sofia)

    codes = page.context["codes"]
    assert len(set(codes)) == 2
    assert all(code in page.content.decode() for code in codes)
    assert "no-store" in page["Cache-Control"]
    assert is_signed_in(browser)
    assert letters_of("on") == 1
    overview = words(browser.get(SECURITY))
    assert "You have 2 codes left" in overview
    assert not any(code in overview for code in codes)


def test_the_app_is_told_the_secret_by_a_picture_and_by_text_and_both_come_from_this_site(signed_in, sofia):
    browser = signed_in(sofia)
    browser.post(APP, {"begin": "1", "password": PASSWORD})
    page = browser.get(APP)

    begun = TOTPDevice.objects.get()
    assert page.context["picture"].startswith("data:image/svg+xml")
    assert second_factor.secret_of(begun) in words(page)
    assert "MSc%20projects" in begun.config_url
    assert begun.confirmed is False


def test_nothing_is_set_up_without_the_password_or_with_a_wrong_code(signed_in, sofia):
    browser = signed_in(sofia)
    assert "This is not your password" in words(browser.post(APP, {"begin": "1", "password": "something else"}))
    assert not TOTPDevice.objects.exists()

    browser.post(APP, {"begin": "1", "password": PASSWORD})
    answer = browser.post(APP, {"code": wrong_code(TOTPDevice.objects.get())})
    assert "not the code that the app shows now" in words(answer)
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    assert not second_factor.is_set_up(sofia)


def test_a_setup_that_was_left_lying_asks_for_the_password_again(signed_in, sofia, monkeypatch):
    browser = signed_in(sofia)
    browser.post(APP, {"begin": "1", "password": PASSWORD})
    later(monkeypatch, minutes=16)
    begun = TOTPDevice.objects.get()

    browser.post(APP, {"code": code_of(begun)})

    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    assert second_factor.secret_of(begun) not in words(browser.get(APP))


def test_setting_one_up_signs_out_every_other_browser(signed_in, sofia):
    here, elsewhere = signed_in(sofia), signed_in(sofia)
    set_up(here, sofia)
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_another_phone_takes_the_place_of_the_first(browser, sofia, app, monkeypatch):
    page = set_up(browser, sofia)

    assert page.status_code == 200
    assert TOTPDevice.objects.get(user=sofia).key != app.key
    assert is_signed_in(browser)


def test_a_password_asked_again_cannot_be_tried_without_end(signed_in, sofia):
    browser = signed_in(sofia)
    for _attempt in range(10):
        assert browser.post(APP, {"begin": "1", "password": "guess"}).status_code == 200
    answer = browser.post(APP, {"begin": "1", "password": PASSWORD})
    assert answer.status_code == 429
    assert "wrong too often" in words(answer)


def test_whoever_guesses_at_a_browser_left_open_does_not_keep_its_owner_from_acting_in_another(signed_in, sofia):
    stolen, own = signed_in(sofia), signed_in(sofia)
    for _attempt in range(10):
        stolen.post(APP, {"begin": "1", "password": "guess"})
    assert own.post(APP, {"begin": "1", "password": PASSWORD}).status_code == 302


# Signing in


def test_signing_in_asks_for_the_code_after_the_password(half_signed_in, app):
    assert not is_signed_in(half_signed_in)
    assert "Enter the code" in words(half_signed_in.get(CODE))

    answer = half_signed_in.post(CODE, {"code": code_of(app), "next": "/admin/preferences/"})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/preferences/")
    assert is_signed_in(half_signed_in)


def test_half_signed_in_reaches_nothing(half_signed_in, application):
    document = application.documents.first()
    review = reverse("admin:applications_application_change", args=[application.pk])
    for address in ("/admin/", review, SECURITY, CODES, REMOVE, "/admin/password_change/"):
        assert half_signed_in.get(address)["Location"].startswith("/admin/login/")
    assert status_of(half_signed_in, document) == 404
    assert not Application.objects.visible_to(half_signed_in.get("/privacy/").wsgi_request.user).exists()


def test_half_signed_in_cannot_put_another_app_in_place_of_the_first(half_signed_in, app):
    assert half_signed_in.get(APP)["Location"].startswith("/admin/login/")
    assert half_signed_in.post(APP, {"begin": "1"})["Location"].startswith("/admin/login/")
    assert TOTPDevice.objects.get() == app


def test_half_signed_in_lasts_ten_minutes(half_signed_in, app, monkeypatch):
    later(monkeypatch, minutes=11)
    assert half_signed_in.post(CODE, {"code": code_of(app)})["Location"].startswith("/admin/login/?")
    assert not is_signed_in(half_signed_in)


def test_a_changed_password_ends_a_sign_in_that_is_half_done(half_signed_in, sofia, app):
    sofia.set_password("another long enough password")
    sofia.save()
    half_signed_in.post(CODE, {"code": code_of(app)})
    assert not is_signed_in(half_signed_in)


def test_one_may_begin_again_as_somebody_else(half_signed_in, co_advisor):
    give_password(co_advisor)
    half_signed_in.post(CODE, {"again": "1"})
    try_to_sign_in(half_signed_in, "carl")
    assert half_signed_in.get("/admin/").context["user"] == co_advisor


def test_the_password_is_kept_nowhere_between_the_steps(half_signed_in):
    assert PASSWORD not in str(dict(half_signed_in.session))


def test_a_wrong_code_signs_nobody_in(half_signed_in, app, caplog):
    caplog.set_level(logging.INFO, "tracker.sign_in")
    wrong = wrong_code(app)
    assert "This code is not right" in words(half_signed_in.post(CODE, {"code": wrong}))
    assert not is_signed_in(half_signed_in)
    assert f"Wrong code: account {app.user_id}" in caplog.text
    assert wrong not in caplog.text


def test_a_code_works_once(half_signed_in, sofia, app, monkeypatch):
    code = code_of(app)
    assert half_signed_in.post(CODE, {"code": code}).status_code == 302
    thief = Client()
    try_to_sign_in(thief, "sofia")
    thief.post(CODE, {"code": code})
    assert not is_signed_in(thief)


def test_a_phone_whose_clock_is_half_a_minute_off_works(half_signed_in, app):
    half_signed_in.post(CODE, {"code": f" {code_of(app, 1)[:3]} {code_of(app, 1)[3:]} "})
    assert is_signed_in(half_signed_in)


def test_wrong_codes_have_to_wait_longer_and_longer_but_never_for_days(half_signed_in, app):
    TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp=timezone.now())
    answer = half_signed_in.post(CODE, {"code": code_of(app)})
    assert answer.status_code == 429
    assert 25 <= int(answer["Retry-After"]) <= 33

    TOTPDevice.objects.update(throttling_failure_timestamp=timezone.now() - datetime.timedelta(seconds=33))
    half_signed_in.post(CODE, {"code": code_of(app)})
    assert is_signed_in(half_signed_in)


def try_codes(browser: Client, app: TOTPDevice, times: int):
    for _attempt in range(times):
        TOTPDevice.objects.update(throttling_failure_count=0)
        answer = browser.post(CODE, {"code": wrong_code(app)})
    return answer


def test_after_ten_wrong_codes_an_unknown_browser_waits_for_an_hour(half_signed_in, app):
    assert try_codes(half_signed_in, app, 10).status_code == 200
    TOTPDevice.objects.update(throttling_failure_count=0)
    answer = half_signed_in.post(CODE, {"code": code_of(app)})
    assert answer.status_code == 429
    assert not is_signed_in(half_signed_in)


def test_strangers_who_try_codes_do_not_lock_out_a_browser_used_before(browser, sofia, app):
    browser.post("/admin/logout/")
    stranger = Client()
    try_to_sign_in(stranger, "sofia")
    try_codes(stranger, app, 11)
    TOTPDevice.objects.update(throttling_failure_count=0)

    try_to_sign_in(browser, "sofia")
    browser.post(CODE, {"code": code_of(app)})
    assert is_signed_in(browser)


def test_the_owner_is_told_once_that_somebody_knows_the_password(half_signed_in, app):
    try_codes(half_signed_in, app, 4)
    assert letters_of("wrong") == 0
    try_codes(half_signed_in, app, 3)
    assert letters_of("wrong") == 1


# Recovery codes


def test_a_recovery_code_works_in_the_same_field_once(signed_in, sofia):
    code, other = set_up(signed_in(sofia), sofia).context["codes"]
    for expected in (True, False):
        browser = Client()
        try_to_sign_in(browser, "sofia")
        browser.post(CODE, {"code": code.upper().replace("-", " ")})
        assert is_signed_in(browser) is expected
        StaticDevice.objects.update(throttling_failure_count=0)
    assert letters_of("used") == 1
    assert second_factor.codes_left(sofia) == 1
    assert other


def test_the_person_is_told_how_many_recovery_codes_are_left(signed_in, sofia):
    code = set_up(signed_in(sofia), sofia).context["codes"][0]
    browser = Client()
    try_to_sign_in(browser, "sofia")
    browser.post(CODE, {"code": code})
    assert "You have used a recovery code. 1 is left" in words(browser.get("/admin/"))


def test_new_recovery_codes_take_the_place_of_the_former(signed_in, sofia):
    browser = signed_in(sofia)
    former = set_up(browser, sofia).context["codes"]
    browser.get(CODES)
    assert "codes" not in browser.post(CODES, {"password": "something else"}).context

    renewed = browser.post(CODES, {"password": PASSWORD}).context["codes"]

    assert not set(former) & set(renewed)
    assert letters_of("codes") == 1
    stranger = Client()
    try_to_sign_in(stranger, "sofia")
    stranger.post(CODE, {"code": former[0]})
    assert not is_signed_in(stranger)


def test_loading_the_page_of_new_codes_again_voids_none_of_those_just_written_down(signed_in, sofia):
    browser = signed_in(sofia)
    set_up(browser, sofia)
    browser.get(CODES)
    renewed = browser.post(CODES, {"password": PASSWORD}).context["codes"]

    again = browser.post(CODES, {"password": PASSWORD}, follow=True)

    assert "shown only once" in words(again)
    stranger = Client()
    try_to_sign_in(stranger, "sofia")
    stranger.post(CODE, {"code": renewed[0]})
    assert is_signed_in(stranger)


def test_the_database_does_not_hold_recovery_codes_as_they_are(signed_in, sofia):
    codes = set_up(signed_in(sofia), sofia).context["codes"]
    stored = list(StaticToken.objects.values_list("token", flat=True))
    assert len(stored) == len(codes)
    assert not {second_factor.plain(code) for code in codes} & {token.casefold() for token in stored}


def test_ten_codes_of_twelve_letters_are_made():
    assert (second_factor.CODE_LENGTH, len(second_factor.CODE_LETTERS)) == (12, 31)
    assert len(second_factor.RecoveryCodes().readable[0]) == 14  # with two dashes


# Taking it away


def test_it_can_be_removed_with_the_password(browser, sofia):
    assert "This is not your password" in words(browser.post(REMOVE, {"password": "something else"}))
    assert second_factor.app_of(sofia)

    assert browser.post(REMOVE, {"password": PASSWORD}).status_code == 302

    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()
    assert letters_of("off") == 1
    assert is_signed_in(browser)
    fresh = Client()
    try_to_sign_in(fresh, "sofia")
    assert is_signed_in(fresh)


def test_a_superuser_resets_that_of_a_colleague(signed_in, superuser, sofia, app, browser):
    give_password(superuser)
    root = signed_in(superuser)
    page = reverse("admin:auth_user_second_factor", args=[sofia.pk])
    assert page in root.get(reverse("admin:auth_user_change", args=[sofia.pk])).content.decode()
    assert "stop working" in words(root.get(page))
    assert root.post(page, {"password": "something else"}).status_code == 200
    assert second_factor.app_of(sofia)

    assert root.post(page, {"password": PASSWORD}).status_code == 302

    assert not second_factor.app_of(sofia)
    assert letters_of("reset") == 1
    assert not is_signed_in(browser)
    history = root.get(reverse("admin:auth_user_history", args=[sofia.pk]))
    assert "The second factor was reset" in words(history)


def test_nobody_else_resets_the_second_factor_of_a_colleague(signed_in, co_advisor, app):
    page = reverse("admin:auth_user_second_factor", args=[app.user_id])
    assert signed_in(co_advisor).post(page, {"password": PASSWORD}).status_code == 403
    assert TOTPDevice.objects.exists()


def test_a_command_resets_it_for_the_administrator_whom_nobody_else_can_help(browser, sofia, app, capsys):
    call_command("reset_second_factor", "sofia")

    assert "The second factor of sofia is gone" in capsys.readouterr().out
    assert not is_signed_in(browser)
    assert letters_of("reset") == 1
    call_command("reset_second_factor", "sofia")
    assert "Nothing was changed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no account 'nobody'"):
        call_command("reset_second_factor", "nobody")


def test_no_page_of_the_admin_shows_a_secret(signed_in, superuser, app):
    give_password(superuser)
    root = signed_in(superuser)
    assert root.get("/admin/otp_totp/totpdevice/").status_code == 404
    assert root.get("/admin/otp_static/staticdevice/").status_code == 404
    for page in ("change", "delete"):
        answer = root.get(reverse(f"admin:auth_user_{page}", args=[app.user_id]))
        assert app.key not in answer.content.decode()
        assert second_factor.secret_of(app) not in answer.content.decode()


# Everybody must have one


@pytest.fixture
def required(settings) -> None:
    settings.SECOND_FACTOR_REQUIRED = True


@pytest.mark.usefixtures("required")
def test_where_everybody_must_have_one_who_has_none_reaches_nothing_but_setting_it_up(client, sofia, application):
    answer = try_to_sign_in(client, "sofia", to="/admin/preferences/")
    assert answer["Location"].startswith(APP)

    document = application.documents.first()
    for address in ("/admin/", SECURITY, CODES, reverse("admin:applications_application_export")):
        assert client.get(address)["Location"].startswith("/admin/login/")
    assert status_of(client, document) == 404
    assert client.get("/admin/login/")["Location"].startswith(APP)
    assert client.get(APP).status_code == 200
    assert client.post("/language/", {"language": "de"}).status_code == 302
    client.post(CODE, {"again": "1"})
    assert client.get(APP)["Location"].startswith("/admin/login/")


@pytest.mark.usefixtures("required")
def test_setting_it_up_signs_in_and_leads_to_where_one_was_going(client, sofia):
    client.get(try_to_sign_in(client, "sofia", to="/admin/preferences/")["Location"])
    assert client.post(APP, {"begin": "1"}).status_code == 302
    begun = TOTPDevice.objects.get()
    page = client.post(APP, {"code": code_of(begun), "next": "/admin/preferences/"})

    assert len(page.context["codes"]) == 2
    assert page.context["onward"] == "/admin/preferences/"
    assert is_signed_in(client)


@pytest.mark.usefixtures("required")
def test_where_everybody_must_have_one_it_cannot_be_removed(browser, sofia):
    assert browser.post(REMOVE, {"password": PASSWORD})["Location"] == SECURITY
    assert second_factor.app_of(sofia)
    assert "cannot be removed" in words(browser.get(SECURITY))


def test_when_it_becomes_required_sign_ins_without_one_are_over(signed_in, sofia, settings, application):
    browser = signed_in(sofia)
    document = application.documents.first()
    assert status_of(browser, document) == 200

    settings.SECOND_FACTOR_REQUIRED = True

    assert status_of(browser, document) == 404
    assert not is_signed_in(browser)


def test_a_sign_in_from_before_the_app_was_set_up_does_not_count(signed_in, sofia):
    browser = signed_in(sofia)
    app_for(sofia)
    assert not is_signed_in(browser)
