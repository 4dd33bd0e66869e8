"""The password, and how often it may be tried: by account and address, without locking out a campus or the owner."""

import datetime
import logging

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from applications import sign_in_attempts
from applications.models import RequestCount
from tests.tracker.signing_in import PASSWORD, SIGN_IN, give_password, is_signed_in, later, try_to_sign_in, words
from tracker.sign_in import throttle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_passwords")]

WRONG = "not the password"
CAMPUS = "192.0.2.1"


@pytest.fixture
def sofia(supervisor):
    give_password(supervisor)
    return supervisor


def fail(name: str, times: int, *, browser: Client | None = None, at: str = CAMPUS):
    """Try so often with a wrong password; the last answer."""
    browser = browser or Client()
    for _time in range(times):
        answer = try_to_sign_in(browser, name, WRONG, at=at)
    return answer


def known_browser(name: str) -> Client:
    """A browser in which somebody has signed in to the account before, and out again."""
    browser = Client()
    assert try_to_sign_in(browser, name).status_code == 302
    browser.post("/admin/logout/")
    return browser


# The right password, and the wrong one


def test_who_signs_out_is_told_so_and_finds_the_way_back(signed_in, supervisor):
    page = signed_in(supervisor).post("/admin/logout/").content.decode()
    assert "<h1>You are signed out.</h1>" in page
    assert '<a class="button" href="/admin/login/">Sign in again</a>' in page


def test_the_right_password_leads_to_where_one_was_going(client, sofia):
    answer = try_to_sign_in(client, "sofia", to="/admin/preferences/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/preferences/")
    assert is_signed_in(client)


def test_signing_in_never_leads_to_another_site(client, sofia):
    assert try_to_sign_in(client, "sofia", to="https://elsewhere.example.org/")["Location"] == "/admin/"


def test_a_wrong_password_shows_the_form_again(client, sofia):
    answer = fail("sofia", 1, browser=client)
    assert answer.status_code == 200
    assert "Please enter the correct username and password" in words(answer)
    assert not is_signed_in(client)


@pytest.mark.parametrize("name", ["nobody", "closed", "gwen"])
def test_no_answer_tells_whether_an_account_exists(client, sofia, user_without_staff_access, django_user_model, name):
    give_password(user_without_staff_access)
    django_user_model.objects.create_user("closed", password=PASSWORD, is_staff=True, is_active=False)

    known, other = fail("sofia", 1), try_to_sign_in(client, name, PASSWORD)
    assert (other.status_code, words(other)) == (known.status_code, words(known))
    known, other = fail("sofia", 4), fail(name, 5, at="192.0.2.2")
    assert (other.status_code, words(other)) == (known.status_code, words(known))
    assert known.status_code == 429


def test_a_name_that_is_nobodys_takes_as_long_as_one_that_is_somebodys(sofia, monkeypatch):
    """The work is the hashing of the password, once either way."""
    hashed, real = [], MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *args, **more: hashed.append(1) or real(*args, **more))
    work = []
    for name in ("sofia", "nobody"):
        hashed.clear()
        fail(name, 1)
        work.append(len(hashed))
    assert work == [1, 1]


# Five failures for an account from an address


def test_after_five_failures_the_account_waits_a_quarter_of_an_hour_at_this_address(client, sofia):
    assert fail("sofia", 4).status_code == 200
    answer = fail("sofia", 1)

    assert answer.status_code == 429
    assert "Please try again in 15 minutes" in words(answer)
    assert 0 < int(answer["Retry-After"]) <= 900
    assert answer.context["form"].fields  # it is the page to sign in, not a dead end


def test_the_right_password_waits_too(client, sofia):
    fail("sofia", 5)
    assert try_to_sign_in(client, "sofia", at=CAMPUS).status_code == 429
    assert not is_signed_in(client)


def test_trying_while_one_waits_makes_it_no_longer(sofia):
    fail("sofia", 5)
    ten_minutes_ago = timezone.now() - datetime.timedelta(minutes=10)
    AccessAttempt.objects.update(attempt_time=ten_minutes_ago)

    assert "Please try again in 5 minutes" in words(fail("sofia", 3))


def test_after_a_quarter_of_an_hour_the_right_password_works(client, sofia):
    fail("sofia", 5)
    AccessAttempt.objects.update(attempt_time=timezone.now() - datetime.timedelta(minutes=16))

    assert try_to_sign_in(client, "sofia", at=CAMPUS).status_code == 302


def test_writing_the_name_differently_is_no_way_around(sofia):
    assert [fail(name, 1).status_code for name in ("sofia", "Sofia", "SOFIA", "sofia ", "ｓofia")] == [200] * 4 + [429]


def test_another_browser_or_another_path_to_the_address_is_no_way_around(sofia):
    for number in range(5):
        answer = Client(headers={"user-agent": f"browser {number}", "x-forwarded-for": f"198.51.100.{number}"}).post(
            SIGN_IN, {"username": "sofia", "password": WRONG}, REMOTE_ADDR=CAMPUS
        )
    assert answer.status_code == 429


def test_one_account_that_waits_locks_out_nobody_else_behind_the_address(client, sofia, co_advisor):
    give_password(co_advisor)
    fail("sofia", 5)
    assert try_to_sign_in(client, "carl", at=CAMPUS).status_code == 302


def test_the_same_account_may_sign_in_from_another_address(client, sofia):
    fail("sofia", 5)
    assert try_to_sign_in(client, "sofia", at="192.0.2.2").status_code == 302


# Many addresses against one account, and one address against many accounts


def test_guessing_at_one_account_from_many_addresses_is_slowed(client, sofia, monkeypatch):
    monkeypatch.setattr(throttle, "MOST_OF_ACCOUNT", 6)
    assert [fail("sofia", 1, at=f"198.51.100.{number}").status_code for number in range(7)] == [200] * 6 + [429]

    answer = try_to_sign_in(client, "sofia", at="192.0.2.7")
    assert answer.status_code == 429
    assert "in an hour, or in a browser in which you have signed in to it before" in words(answer)


def test_guessing_at_many_accounts_from_one_address_is_slowed(client, sofia, monkeypatch):
    monkeypatch.setattr(throttle, "MOST_OF_ADDRESS", 6)
    assert [fail(f"name {number}", 1).status_code for number in range(7)] == [200] * 6 + [429]

    answer = try_to_sign_in(client, "sofia", at=CAMPUS)
    assert answer.status_code == 429
    assert "from your network" in words(answer)
    assert try_to_sign_in(client, "sofia", at="192.0.2.2").status_code == 302


def test_a_campus_that_signs_in_rightly_is_never_slowed(sofia, monkeypatch):
    monkeypatch.setattr(throttle, "MOST_OF_ADDRESS", 2)
    monkeypatch.setattr(throttle, "MOST_OF_ACCOUNT", 100)
    assert [try_to_sign_in(Client(), "sofia", at=CAMPUS).status_code for _ in range(5)] == [302] * 5


def test_the_limits_leave_room_for_a_campus():
    assert (throttle.MOST_OF_ACCOUNT, throttle.MOST_OF_ADDRESS) == (30, 100)


# A browser that has signed in to the account before


@pytest.mark.parametrize("limit", ["account and address", "MOST_OF_ACCOUNT", "MOST_OF_ADDRESS"])
def test_strangers_never_lock_the_owner_out_of_a_browser_used_before(sofia, monkeypatch, limit):
    browser = known_browser("sofia")
    if limit.startswith("MOST"):
        monkeypatch.setattr(throttle, limit, 0)
    else:
        fail("sofia", 5)

    assert try_to_sign_in(Client(), "sofia", at=CAMPUS).status_code == 429
    assert try_to_sign_in(browser, "sofia", at=CAMPUS).status_code == 302


def test_a_known_browser_has_a_limit_of_its_own(sofia):
    browser = known_browser("sofia")
    assert fail("sofia", 10, browser=browser).status_code == 200  # then it counts as unknown
    assert fail("sofia", 5, browser=browser).status_code == 429
    assert try_to_sign_in(Client(), "sofia", at="192.0.2.2").status_code == 302


def test_being_known_to_one_account_helps_with_no_other(sofia, co_advisor):
    give_password(co_advisor)
    browser = known_browser("sofia")
    assert fail("carl", 5, browser=browser).status_code == 429
    cookie = next(name for name in browser.cookies if name.startswith("known_"))
    forged = known_browser("carl")
    of_carl = next(name for name in forged.cookies if name.startswith("known_"))
    browser.cookies[of_carl] = browser.cookies[cookie].value
    assert try_to_sign_in(browser, "carl", at=CAMPUS).status_code == 429


def test_the_cookie_of_a_known_browser_is_out_of_reach_for_scripts_and_tells_nothing(client, sofia, settings):
    settings.SESSION_COOKIE_SECURE = True
    try_to_sign_in(client, "sofia")
    [cookie] = [cookie for name, cookie in client.cookies.items() if name.startswith("known_")]

    assert cookie["httponly"]
    assert cookie["secure"]
    assert (cookie["samesite"], cookie["path"]) == ("Lax", "/admin/")
    assert "sofia" not in cookie.OutputString()
    browser = Client()
    browser.cookies[cookie.key] = cookie.value
    assert not is_signed_in(browser)


def test_a_browser_that_knows_many_accounts_forgets_the_oldest(client, django_user_model):
    for number in range(10):
        django_user_model.objects.create_user(f"person{number}", password=PASSWORD, is_staff=True)
        try_to_sign_in(client, f"person{number}")
        client.post("/admin/logout/")
    assert sum(name.startswith("known_") and bool(cookie.value) for name, cookie in client.cookies.items()) == 8


# What is kept and logged


def test_what_people_typed_stands_neither_in_the_log_nor_in_the_database(client, sofia, caplog):
    caplog.set_level(logging.DEBUG)
    typed_in_the_wrong_field = "hunter2-my-own-password"
    client.post(
        f"{SIGN_IN}?next=/admin/applications/application/?q=Ada",
        {"username": typed_in_the_wrong_field, "password": WRONG, "pin": "4711"},
        headers={"user-agent": "a rare browser"},
    )
    fail("sofia", 5)
    try_to_sign_in(client, "sofia", at="192.0.2.2")

    kept = str(list(AccessAttempt.objects.values())) + str(list(RequestCount.objects.values()))
    for secret in (typed_in_the_wrong_field, WRONG, PASSWORD, "sofia", "4711", "Ada", "a rare browser"):
        assert secret not in caplog.text
        assert secret not in kept


def test_each_sign_in_and_each_failure_is_one_line_with_the_account_and_no_name(client, sofia, caplog):
    caplog.set_level(logging.INFO, "tracker.sign_in")
    fail("sofia", 5)
    fail("sofia", 1)
    fail("nobody", 1)
    try_to_sign_in(client, "sofia", at="192.0.2.2")

    lines = [(line.levelname, line.getMessage()) for line in caplog.records if line.name == "tracker.sign_in"]
    who = [(level, line.split(", from address")[0]) for level, line in lines]
    account = f"account {sofia.pk}"
    assert who[:5] == [("WARNING", f"Sign-in failed: {account}")] * 5
    assert who[5] == ("WARNING", f"Sign-in has to wait: {account}")
    assert who[6][1].startswith("Sign-in failed: unknown name ")
    assert who[7] == ("INFO", f"Signed in: {account}")
    assert len({line.rpartition(" ")[2] for _level, line in lines[:7]}) == 1  # one can see that they belong together


def test_failed_sign_ins_are_forgotten_after_a_day(sofia):
    fail("sofia", 1)
    fail("nobody", 1)
    assert sign_in_attempts.sweep() == 0
    AccessAttempt.objects.update(attempt_time=timezone.now() - datetime.timedelta(hours=25))
    assert sign_in_attempts.sweep() == 2
    assert not AccessAttempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_worker_forgets_failed_sign_ins(sofia):
    fail("sofia", 1)
    AccessAttempt.objects.update(attempt_time=timezone.now() - datetime.timedelta(hours=25))
    call_command("run_worker", "--once")
    assert not AccessAttempt.objects.exists()


def test_the_count_of_an_account_decays_with_the_hours(sofia, monkeypatch):
    monkeypatch.setattr(throttle, "MOST_OF_ACCOUNT", 3)
    assert fail("sofia", 4).status_code == 429
    later(monkeypatch, hours=2)
    assert try_to_sign_in(Client(), "sofia", at="192.0.2.2").status_code == 302


def test_load_tests_may_lift_the_counts_but_not_the_wait_of_an_account(sofia, settings, monkeypatch):
    settings.APPLY_LIMITS = False
    monkeypatch.setattr(throttle, "MOST_OF_ADDRESS", 0)
    assert fail("sofia", 5).status_code == 429
