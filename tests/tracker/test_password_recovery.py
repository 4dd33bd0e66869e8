"""A lost password is recovered by letter, without telling anybody whether an account exists."""

import logging

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from applications import letters
from applications.models import Letter, Preference
from applications.tokens import password_token
from tests.tracker.signing_in import (
    CODE,
    PASSWORD,
    app_for,
    code_of,
    give_password,
    is_signed_in,
    later,
    try_to_sign_in,
    words,
)
from tracker.sign_in import recovery

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_passwords")]

ASK = "/admin/password-reset/"
CHOOSE = "/admin/password-reset/new/"
NEW = "quite another password"
FORM = {"new_password1": NEW, "new_password2": NEW}
GONE = "This link does not work any more"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch) -> None:
    """The page takes its time over every answer. Tests have none."""
    monkeypatch.setattr("tracker.sign_in.views.recovering.ANSWER_SECONDS", 0)


@pytest.fixture
def sofia(supervisor):
    give_password(supervisor)
    return supervisor


def ask_for(name: str, browser: Client | None = None):
    return (browser or Client()).post(ASK, {"name": name})


def link_in_the_mail() -> str:
    """The address that the newest letter carries when it is sent."""
    body = letters.as_message(Letter.objects.filter(kind="password").select_related("user").first()).body
    [link] = [word for word in body.split() if ASK in word]
    return link[link.index(ASK) :]


def opened(link: str, browser: Client | None = None) -> Client:
    """A browser that has followed the link."""
    browser = browser or Client()
    assert browser.get(link)["Location"] == CHOOSE
    return browser


# Asking


def test_the_way_stands_on_the_page_to_sign_in(client):
    assert ASK in client.get("/admin/login/").content.decode()
    assert client.get(ASK).status_code == 200


@pytest.mark.parametrize("name", ["sofia", "SOFIA", "sofia@example.org", " Sofia@Example.org "])
def test_a_letter_goes_to_the_address_in_the_account(sofia, name):
    ask_for(name)
    letter = Letter.objects.get()
    assert (letter.kind, letter.recipient, letter.user, letter.to_student) == ("password", sofia.email, sofia, False)


def test_the_answer_is_the_same_for_every_name(sofia, co_advisor, user_without_staff_access):
    User.objects.filter(pk=co_advisor.pk).update(is_active=False)
    answers = {words(ask_for(name)).replace(name, "NAME") for name in ("sofia", "nobody@example.org", "carl", "gwen")}
    assert len(answers) == 1
    assert Letter.objects.count() == 1  # neither to a closed account nor to one that may not sign in


def test_an_answer_takes_its_time_whether_there_is_a_letter_to_write_or_not(sofia, monkeypatch):
    waits = []
    monkeypatch.setattr("tracker.sign_in.views.recovering.ANSWER_SECONDS", 100)
    monkeypatch.setattr("time.sleep", waits.append)
    ask_for("sofia")
    ask_for("nobody")
    assert len(waits) == 2
    assert min(waits) > 90


def test_an_account_that_never_had_a_password_gets_its_first_this_way(supervisor):
    assert not supervisor.has_usable_password()
    ask_for("sofia")
    opened(link_in_the_mail()).post(CHOOSE, FORM)
    browser = Client()
    try_to_sign_in(browser, "sofia", NEW)
    assert is_signed_in(browser)


def test_an_account_gets_three_letters_in_an_hour_and_nobody_is_told(sofia, monkeypatch):
    assert len({words(ask_for("sofia")) for _time in range(5)}) == 1
    assert Letter.objects.count() == 3
    later(monkeypatch, hours=2)
    ask_for("sofia")
    assert Letter.objects.count() == 4


def test_a_network_that_asks_without_end_has_to_wait(sofia, monkeypatch):
    monkeypatch.setattr(recovery, "MOST_OF_ADDRESS", 2)
    assert [ask_for(f"nobody{number}").status_code for number in range(3)] == [200, 200, 429]
    answer = ask_for("sofia")
    assert answer.status_code == 429
    assert "too many requests from your network" in words(answer)
    assert not Letter.objects.exists()


def test_without_a_name_the_form_says_what_is_missing(client):
    answer = client.post(ASK, {"name": " "})
    assert "Please enter your e-mail address or your user name." in words(answer)


# The letter and its link


def test_the_link_stands_in_the_mail_only(sofia, signed_in, letter_files):
    ask_for("sofia")
    letter = Letter.objects.get()
    assert letters.PASSWORD_LINK in letter.body
    page = signed_in(sofia).get(reverse("admin:applications_letter_change", args=[letter.pk])).content.decode()
    assert "[personal link]" in page
    assert f"{ASK}ey" not in page + letter.body
    letters.send_due()
    assert ASK in letter_files()[0].read_text()


def test_the_letter_speaks_the_persons_language(sofia):
    Preference.objects.create(user=sofia, language="de")
    ask_for("sofia")
    assert Letter.objects.get().language == "de"


def test_a_letter_to_a_former_address_never_gets_the_link(sofia):
    ask_for("sofia")
    User.objects.filter(pk=sofia.pk).update(email="new@example.org")
    letter = Letter.objects.select_related("user").get()
    assert f"{ASK}ey" not in letters.as_message(letter).body


def test_the_token_leaves_the_address_bar_and_no_referrer_carries_it(client, sofia):
    ask_for("sofia")
    answer = client.get(link_in_the_mail())
    assert (answer.status_code, answer["Location"], answer["Referrer-Policy"]) == (302, CHOOSE, "no-referrer")
    assert "no-store" in answer["Cache-Control"]
    assert ASK + "ey" not in client.get(CHOOSE).content.decode()


def test_opening_the_link_uses_nothing_up(sofia):
    """Mail scanners open every link."""
    ask_for("sofia")
    for _scanner in range(3):
        opened(link_in_the_mail())
    assert opened(link_in_the_mail()).post(CHOOSE, FORM).status_code == 302


def test_a_new_password_is_chosen_and_one_signs_in_with_it(client, sofia):
    ask_for("sofia")
    opened(link_in_the_mail(), client)
    assert client.post(CHOOSE, FORM)["Location"] == "/admin/login/"

    assert not is_signed_in(client)
    assert try_to_sign_in(client, "sofia").status_code == 200
    assert try_to_sign_in(client, "sofia", NEW).status_code == 302


def test_the_link_works_once(sofia):
    ask_for("sofia")
    link = link_in_the_mail()
    first, second = opened(link), opened(link)
    assert first.post(CHOOSE, FORM).status_code == 302
    for answer in (second.post(CHOOSE, FORM), first.get(CHOOSE), Client().get(link)):
        assert answer.status_code == 404
        assert GONE in words(answer)


def test_of_two_at_the_same_moment_one_gets_the_account(transactional_db, sofia, at_once, rf):
    token = password_token(sofia, sofia.date_joined)
    outcomes = at_once(*[lambda word=word: recovery.choose(None, token, word * 12) for word in ("a", "b")])
    assert sorted(outcome is None for outcome in outcomes) == [False, True]


@pytest.mark.parametrize("what", ["time", "sign-in", "new address", "closed", "tampered"])
def test_a_link_that_does_not_hold_any_more_is_refused(sofia, monkeypatch, what):
    ask_for("sofia")
    link = link_in_the_mail()
    browser = opened(link)
    if what == "time":
        later(monkeypatch, hours=2, minutes=1)
    elif what == "sign-in":
        try_to_sign_in(Client(), "sofia")
    elif what == "new address":
        User.objects.filter(pk=sofia.pk).update(email="new@example.org")
    elif what == "closed":
        User.objects.filter(pk=sofia.pk).update(is_active=False)
    else:
        link = link[:-3] + "xx/"
        browser = Client()

    assert Client().get(link).status_code == 404
    assert browser.post(CHOOSE, FORM).status_code == 404
    sofia.refresh_from_db()
    assert sofia.check_password(PASSWORD)


def test_a_letter_that_was_sent_late_carries_a_link_that_is_as_old_as_the_letter(sofia, monkeypatch):
    ask_for("sofia")
    later(monkeypatch, hours=3)
    assert Client().get(link_in_the_mail()).status_code == 404


def test_passwords_that_are_easy_to_guess_are_refused(sofia):
    ask_for("sofia")
    browser = opened(link_in_the_mail())
    answer = browser.post(CHOOSE, {"new_password1": "password1234", "new_password2": "password1234"})
    assert "This password is too common." in words(answer)
    assert browser.post(CHOOSE, FORM).status_code == 302


# What it ends, and what it does not get around


def test_a_new_password_signs_everybody_out_and_a_letter_tells_of_it(sofia):
    elsewhere = Client()
    try_to_sign_in(elsewhere, "sofia")
    ask_for("sofia")
    opened(link_in_the_mail()).post(CHOOSE, FORM)

    assert not is_signed_in(elsewhere)
    letter = Letter.objects.get(kind="account")
    assert letter.subject == "Your password was changed"
    assert letter.recipient == sofia.email


def test_the_second_factor_is_asked_for_as_before(client, sofia):
    app = app_for(sofia)
    ask_for("sofia")
    opened(link_in_the_mail(), client).post(CHOOSE, FORM)
    try_to_sign_in(client, "sofia", NEW)
    assert not is_signed_in(client)
    client.post(CODE, {"code": code_of(app)})
    assert is_signed_in(client)


def test_who_was_made_to_wait_by_strangers_gets_in_after_choosing_a_new_password(client, sofia):
    for _attempt in range(5):
        try_to_sign_in(Client(), "sofia", "guess")
    ask_for("sofia")
    opened(link_in_the_mail(), client).post(CHOOSE, FORM)
    assert try_to_sign_in(client, "sofia", NEW).status_code == 302


def test_neither_the_token_nor_the_password_nor_the_name_stands_in_the_log(sofia, caplog):
    caplog.set_level(logging.INFO)
    ask_for("sofia")
    link = link_in_the_mail()
    opened(link).post(CHOOSE, FORM)
    Client().get(link)

    ours = "\n".join(line.getMessage() for line in caplog.records if line.name == "tracker.sign_in")
    assert f"A letter for a new password: account {sofia.pk}" in ours
    assert f"New password by letter: account {sofia.pk}" in ours
    assert "sofia" not in ours
    assert NEW not in caplog.text
