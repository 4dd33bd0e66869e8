"""How long a sign-in lasts, and what ends it."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from applications.letters import account as letters
from applications.models import Application, Event, Letter, Preference
from applications.tokens import manage_token
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
)

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.usefixtures("quick_passwords")]

NEW = "quite another password"


@pytest.fixture
def sofia(supervisor):
    give_password(supervisor)
    return supervisor


def signs_in(name: str, browser: Client | None = None) -> Client:
    browser = browser or Client()
    assert try_to_sign_in(browser, name).status_code == 302
    return browser


# A new key at each step


def test_each_step_of_signing_in_gives_the_session_a_new_key(client, sofia):
    app = app_for(sofia)
    keys = []
    client.get("/admin/login/")
    session = client.session
    session["before"] = "fixed by somebody else"
    session.save()
    keys.append(client.session.session_key)
    try_to_sign_in(client, "sofia")
    keys.append(client.session.session_key)
    client.post(CODE, {"code": code_of(app)})
    keys.append(client.session.session_key)

    assert len(set(keys)) == 3
    assert not Session.objects.filter(session_key__in=keys[:2]).exists()


# Its end


def test_after_seven_days_one_signs_in_again_whatever_one_does(sofia, settings, monkeypatch):
    browser = signs_in("sofia")
    settings.SIGN_IN_DAYS, settings.SIGN_IN_IDLE_HOURS = 1, 24 * 7
    later(monkeypatch, hours=23)
    assert is_signed_in(browser)
    later(monkeypatch, hours=2)
    answer = browser.get("/admin/preferences/", follow=True)
    assert "A sign-in lasts for 1 day. Please sign in again." in words(answer)
    assert answer.redirect_chain[-1][0] == "/admin/login/?next=/admin/preferences/"


def test_after_twelve_idle_hours_one_signs_in_again(sofia, monkeypatch):
    browser = signs_in("sofia")
    later(monkeypatch, hours=12, minutes=1)
    answer = browser.get("/admin/", follow=True)
    assert "You have not been here for more than 12 hours." in words(answer)


def test_whoever_works_stays_signed_in(sofia, monkeypatch):
    browser = signs_in("sofia")
    for _visit in range(3):
        later(monkeypatch, hours=11)
        assert is_signed_in(browser)


def test_that_somebody_is_there_is_noted_every_few_minutes_only(sofia, monkeypatch):
    browser = signs_in("sofia")
    seen = browser.session["signed_in"]["seen"]
    browser.get("/admin/")
    assert browser.session["signed_in"]["seen"] == seen
    later(monkeypatch, minutes=6)
    browser.get("/admin/")
    assert browser.session["signed_in"]["seen"] > seen


def test_documents_are_closed_with_the_end_too(sofia, application, monkeypatch):
    browser = signs_in("sofia")
    document = application.documents.first()
    assert status_of(browser, document) == 200
    later(monkeypatch, hours=13)
    assert status_of(browser, document) == 404
    assert not Application.objects.visible_to(browser.get("/").wsgi_request.user).exists()


def test_a_session_without_a_beginning_is_nobodys(sofia):
    browser = signs_in("sofia")
    session = browser.session
    del session["signed_in"]
    session.save()
    assert not is_signed_in(browser)


def test_a_students_page_stays_open_when_a_sign_in_in_the_same_browser_ends(sofia, application, monkeypatch):
    browser = signs_in("sofia")
    browser.get(reverse("applications:open", args=[manage_token(application)]))
    later(monkeypatch, hours=13)
    assert not is_signed_in(browser)
    assert browser.get(application.get_absolute_url()).status_code == 200


def test_signing_out_closes_everything_in_this_browser(sofia, application):
    browser = signs_in("sofia")
    browser.get(reverse("applications:open", args=[manage_token(application)]))
    browser.post("/admin/logout/")
    assert not is_signed_in(browser)
    assert browser.get(application.get_absolute_url()).status_code == 404


# What was typed is not lost


def test_a_note_that_was_sent_too_late_is_kept_until_one_is_signed_in_again(sofia, application, monkeypatch):
    browser = signs_in("sofia")
    address = reverse("admin:applications_application_note", args=[application.pk])
    later(monkeypatch, hours=13)
    text = "Knows alignment well.\nAsk about the thesis."

    answer = browser.post(address, {"text": text})

    assert answer["Location"] == "/admin/login/?next=/admin/typed/"
    assert not Event.objects.filter(kind="note").exists()
    signs_in("sofia", browser)
    page = browser.get("/admin/typed/")
    assert "Ask about the thesis." in words(page)
    assert page.context["typed"].path == address
    browser.post(page.context["typed"].path, dict(page.context["typed"].fields))
    assert Event.objects.get(kind="note").text == text
    assert browser.get("/admin/typed/").status_code == 302


def test_nobody_else_gets_to_see_what_was_sent_too_late(sofia, co_advisor, application, monkeypatch):
    give_password(co_advisor)
    browser = signs_in("sofia")
    later(monkeypatch, hours=13)
    browser.post(reverse("admin:applications_application_note", args=[application.pk]), {"text": "For my eyes only."})
    signs_in("carl", browser)
    assert browser.get("/admin/typed/").status_code == 302
    assert "typed" not in browser.session  # nor does it lie in a session that is not hers any more


def test_what_was_sent_too_late_is_kept_for_a_day_at_most(sofia, application, settings, monkeypatch):
    browser = signs_in("sofia")
    settings.SIGN_IN_IDLE_HOURS = 24 * 7
    later(monkeypatch, hours=24 * 7 + 1)
    browser.post(reverse("admin:applications_application_note", args=[application.pk]), {"text": "Never mind, then."})
    assert "typed" in browser.session
    later(monkeypatch, hours=25)
    signs_in("sofia", browser)
    assert browser.get("/admin/typed/").status_code == 302


def test_what_was_sent_too_late_can_be_thrown_away(sofia, application, monkeypatch):
    browser = signs_in("sofia")
    later(monkeypatch, hours=13)
    browser.post(reverse("admin:applications_application_note", args=[application.pk]), {"text": "Never mind, then."})
    signs_in("sofia", browser)
    browser.post("/admin/typed/")
    assert "typed" not in browser.session


def test_a_password_that_was_sent_too_late_is_not_kept(superuser, sofia, monkeypatch):
    give_password(superuser)
    browser = signs_in("root")
    later(monkeypatch, hours=13)
    for address in ("/admin/password_change/", reverse("admin:auth_user_password_change", args=[sofia.pk])):
        browser.post(address, {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW, "password1": NEW})
    assert NEW not in str(dict(browser.session))
    assert "typed" not in browser.session


# Others end it


def test_a_changed_password_signs_out_all_other_browsers_and_a_letter_tells_of_it(sofia):
    here, elsewhere = signs_in("sofia"), signs_in("sofia")
    key = here.session.session_key

    answer = here.post(
        "/admin/password_change/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    )

    assert answer.status_code == 302
    assert is_signed_in(here)
    assert here.session.session_key != key
    assert not is_signed_in(elsewhere)
    letter = Letter.objects.get(kind="account")
    assert (letter.recipient, letter.user, letter.to_student) == (sofia.email, sofia, False)
    assert NEW not in letter.body


def test_a_password_is_changed_only_by_who_knows_it(sofia):
    browser = signs_in("sofia")
    form = {"old_password": "guess", "new_password1": NEW, "new_password2": NEW}
    assert "entered incorrectly" in words(browser.post("/admin/password_change/", form))
    for _attempt in range(9):
        browser.post("/admin/password_change/", form)
    assert browser.post("/admin/password_change/", form | {"old_password": PASSWORD}).status_code == 429
    sofia.refresh_from_db()
    assert sofia.check_password(PASSWORD)


@pytest.mark.parametrize("password", ["short", "password1234", "sofia@example.org"])
def test_passwords_that_are_easy_to_guess_are_refused(sofia, password):
    browser = signs_in("sofia")
    form = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert browser.post("/admin/password_change/", form).status_code == 200
    sofia.refresh_from_db()
    assert sofia.check_password(PASSWORD)


@pytest.mark.parametrize(
    "password", ["correct horse battery staple " * 5, "äöü 漢字 🂡 twelve+ ", "onlylowercaseletters"]
)
def test_a_password_may_be_long_and_of_any_letters(sofia, password):
    """ASVS 5.0, 6.2.5, 6.2.8 and 6.2.9: no rules of composition, nothing cut off, at least 64 characters."""
    browser = signs_in("sofia")
    form = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert browser.post("/admin/password_change/", form).status_code == 302
    sofia.refresh_from_db()
    assert sofia.check_password(password)
    assert not sofia.check_password(password[:-1])


def test_signing_out_everywhere_else_needs_the_password_and_leaves_this_browser(sofia):
    here, elsewhere = signs_in("sofia"), signs_in("sofia")
    page = "/admin/security/elsewhere/"
    here.post(page, {"password": "guess"})
    assert is_signed_in(elsewhere)

    assert here.post(page, {"password": PASSWORD}).status_code == 302

    assert is_signed_in(here)
    assert "signed out from another browser" in words(elsewhere.get("/admin/", follow=True))
    assert is_signed_in(signs_in("sofia"))


def test_signing_out_everywhere_else_concerns_nobody_else(sofia, co_advisor):
    give_password(co_advisor)
    carl = signs_in("carl")
    signs_in("sofia").post("/admin/security/elsewhere/", {"password": PASSWORD})
    assert is_signed_in(carl)


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_who_is_deactivated_or_no_longer_staff_loses_access_at_once(sofia, application, lost):
    browser = signs_in("sofia")
    document = application.documents.first()
    assert status_of(browser, document) == 200

    setattr(sofia, lost, False)
    sofia.save()

    assert not is_signed_in(browser)
    assert status_of(browser, document) == 404


def test_who_loses_the_group_reviews_no_more(sofia, application):
    browser = signs_in("sofia")
    review = reverse("admin:applications_application_change", args=[application.pk])
    assert browser.get(review).status_code == 200
    sofia.groups.clear()
    assert browser.get(review).status_code == 403


# Letters about what others did


def test_a_letter_goes_to_both_addresses_when_the_address_of_an_account_is_changed(signed_in, superuser, sofia):
    form = {"username": "sofia", "email": "new@example.org", "is_active": "on", "is_staff": "on"}
    answer = signed_in(superuser).post(reverse("admin:auth_user_change", args=[sofia.pk]), form)
    assert answer.status_code == 302
    told = Letter.objects.filter(kind="account").values_list("recipient", flat=True)
    assert sorted(told) == ["new@example.org", "sofia@example.org"]


def test_a_letter_tells_whose_password_was_set_by_an_administrator(signed_in, superuser, sofia):
    browser = signs_in("sofia")
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    answer = signed_in(superuser).post(reverse("admin:auth_user_password_change", args=[sofia.pk]), form)
    assert answer.status_code == 302
    assert not is_signed_in(browser)
    assert Letter.objects.get(kind="account").recipient == sofia.email


def test_an_administrator_changes_the_own_password_only_where_the_old_one_is_asked_for(signed_in, superuser):
    page = reverse("admin:auth_user_password_change", args=[superuser.pk])
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    assert signed_in(superuser).post(page, form)["Location"] == "/admin/password_change/"
    superuser.refresh_from_db()
    assert not superuser.check_password(NEW)


def test_letters_about_the_account_come_in_the_persons_language(sofia):
    Preference.objects.create(user=sofia, language="de")
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    signs_in("sofia").post("/admin/password_change/", form)
    assert Letter.objects.get(kind="account").language == "de"


@pytest.mark.parametrize("change", letters.CHANGES)
def test_every_change_has_words_that_say_what_happened_and_what_to_do(sofia, change):
    sofia.first_name = "{password_link}"
    letter = letters.account_changed(sofia, change)
    assert 10 < len(letter.subject) < 80
    assert "\n\n\n" not in letter.body
    assert "sofia" in letter.body
    assert "/admin/password-reset/" in letter.body
    assert "{" not in letter.body


def test_a_change_without_words_is_a_mistake_of_ours(sofia):
    with pytest.raises(ValueError, match="no words"):
        letters.account_changed(sofia, "something")


def test_without_an_address_there_is_no_letter(sofia):
    sofia.email = ""
    assert letters.account_changed(sofia, "password") is None


def test_a_letter_about_the_account_is_signed_and_does_not_send_the_supervisor_to_themselves(sofia, settings):
    settings.SUPERVISOR_NAME, settings.SUPERVISOR_EMAIL = "Prof. Example", "chair@example.org"

    to_sofia, to_the_supervisor = (
        letters.account_changed(sofia, "password", address=address).body for address in ("", "Chair@example.org")
    )

    assert "please tell chair@example.org" in to_sofia
    assert "please tell" not in to_the_supervisor
    assert "choose a new password at once" in to_the_supervisor
    for body in (to_sofia, to_the_supervisor, letters.lost_password(sofia).body):
        assert body.endswith("Kind regards\nProf. Example\n")
