"""The manage link: lets a browser in and nothing else; every wrong link looks the same; a lost one is sent again."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from applications import letters, workflow
from applications.models import Application, Event, Letter
from applications.tokens import manage_link, manage_token

# The link


def opening(token: str) -> str:
    return reverse("applications:open", args=[token])


def test_opening_the_link_leads_to_the_page_without_the_token_in_its_address(client, application):
    response = client.get(opening(manage_token(application)))
    assert (response.status_code, response["Location"]) == (302, f"/applications/{application.reference}/")
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    page = client.get(response["Location"])
    assert page.status_code == 200
    assert manage_token(application) not in page.content.decode()


def test_the_link_in_the_letter_is_the_one_that_opens(client, application, letter_files):
    letters.send_due()
    text = next(t for t in (path.read_text() for path in letter_files()) if "To: ada@example.org" in t)
    (link,) = set(re.findall(r"http\S+/applications/open/\S+", text))
    assert link == manage_link(application)
    assert client.get(link.removeprefix("http://127.0.0.1:8000"), follow=True).status_code == 200


def test_opening_the_link_changes_nothing_but_what_this_browser_may_open(client, application):
    def everything() -> tuple:
        rows = (list(model.objects.values()) for model in (Application, Event, Letter))
        return tuple(rows)

    before = everything()
    client.head(opening(manage_token(application)))
    client.get(opening(manage_token(application)), follow=True)
    for page in ("", "address/", "answers/", "documents/", "withdraw/", "not-me/"):
        assert client.get(application.get_absolute_url() + page).status_code == 200, page
    assert everything() == before


def test_the_link_works_again_and_again_and_in_several_browsers(application, open_by_link):
    for _ in range(2):
        browser = open_by_link(application)
        assert open_by_link(application, browser).get(application.get_absolute_url()).status_code == 200


def test_the_session_gets_a_new_key_so_that_a_planted_one_is_worth_nothing(client, application, open_by_link):
    open_by_link(application, client)
    before = client.session.session_key
    open_by_link(application, client)
    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_a_supervisor_who_opens_a_manage_link_stays_signed_in(application, supervisor, signed_in, open_by_link):
    browser = open_by_link(application, signed_in(supervisor))
    assert browser.get(application.get_absolute_url()).status_code == 200
    assert browser.get("/admin/").status_code == 200


def test_links_to_two_applications_are_both_kept_in_one_browser(make_application, project, other_project, open_by_link):
    one, two = make_application(project), make_application(other_project)
    browser = open_by_link(two, open_by_link(one))
    assert browser.get(one.get_absolute_url()).status_code == 200
    assert browser.get(two.get_absolute_url()).status_code == 200


# Every wrong address looks the same


@pytest.fixture
def answer_to_nothing(client, db):
    """The 404 of an application that never existed."""
    response = client.get("/applications/ZZZZ-ZZZZ/")
    assert response.status_code == 404
    assert reverse("applications:find") in response.content.decode()
    return response.content


PAGES = ["", "address/", "answers/", "documents/", "withdraw/", "accept/", "not-me/"]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_of_an_application_that_this_browser_may_not_open_looks_like_none(
    application, answer_to_nothing, page
):
    for method in ("get", "post") if page else ("get",):
        response = getattr(Client(), method)(application.get_absolute_url() + page)
        assert response.status_code == 404
        assert response.content == answer_to_nothing


def test_confirming_an_application_that_this_browser_may_not_open_looks_like_none(application, answer_to_nothing):
    response = Client().post(application.get_absolute_url() + "confirm/")
    assert (response.status_code, response.content) == (404, answer_to_nothing)


def test_a_wrong_link_looks_like_no_application(client, application, make_application, answer_to_nothing):
    token = manage_token(application)
    renewed = make_application(email="bob@example.org")
    old = manage_token(renewed)
    workflow.correct_address(renewed, "bob@example.com")
    erased = make_application(email="cleo@example.org")
    gone = manage_token(erased)
    workflow.erase(erased)
    wrong = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "x" + token[1:],
        token + "x",
        token.split(".")[0],
        f"{old.split('.')[0]}.{token.split('.')[1]}",
        old,
        gone,
        "nonsense",
        ".",
        "\x00",
        "ä.ö",
        "x" * 5000,
    ]
    for attempt in wrong:
        response = client.get(opening(attempt))
        assert response.status_code == 404, attempt
        assert response.content == answer_to_nothing, attempt
    assert not Session.objects.exists()


@pytest.mark.parametrize("reference", ["zzzz-zzzz", "A", "\x00", "ZZZZ-ZZZZ'--", "ä" * 300])
def test_a_reference_that_cannot_be_one_looks_like_no_application(client, answer_to_nothing, reference):
    response = client.get(reverse("applications:page", args=[reference]))
    assert (response.status_code, response.content) == (404, answer_to_nothing)


def test_a_browser_let_in_by_a_link_that_was_renewed_is_let_in_no_longer(application, open_by_link):
    browser = open_by_link(application)
    workflow.correct_address(application, "ada@example.com")
    assert browser.get(application.get_absolute_url()).status_code == 404


# Renewing it


def renew(browser: Client, application):
    return browser.post(application.get_absolute_url() + "link/")


def test_renewing_lets_the_old_link_die_everywhere_but_in_this_browser(application, open_by_link):
    old, mine, elsewhere = manage_token(application), open_by_link(application), open_by_link(application)
    response = renew(mine, application)
    assert (response.status_code, response["Location"]) == (302, application.get_absolute_url())
    assert "The old link does not work any more." in mine.get(application.get_absolute_url()).content.decode()
    assert elsewhere.get(application.get_absolute_url()).status_code == 404
    assert Client().get(opening(old)).status_code == 404


def test_the_renewed_link_goes_to_the_address_and_opens(application, open_by_link, letter_files):
    renew(open_by_link(application), application)
    Letter.objects.exclude(kind="renewed").delete()
    letters.send_due()
    (letter,) = (path.read_text() for path in letter_files())
    assert "To: ada@example.org" in letter
    application.refresh_from_db()
    assert manage_link(application) in letter
    assert open_by_link(application).get(application.get_absolute_url()).status_code == 200


def test_renewing_keeps_what_this_browser_may_do(application, open_by_link):
    """It came by the link, so it may still say “this was not me” of an unconfirmed address, or confirm it."""
    browser = open_by_link(application)
    renew(browser, application)
    application.refresh_from_db()
    kept = browser.session["applications"][application.reference]
    assert kept == {"version": application.link_version, "via": "link"}


def test_a_browser_that_only_applied_renews_and_has_proved_no_address_by_it(application, by_form):
    renew(by_form, application)
    application.refresh_from_db()
    assert by_form.session["applications"][application.reference]["via"] == "form"
    by_form.post(application.get_absolute_url() + "confirm/")
    application.refresh_from_db()
    assert not application.is_confirmed


def test_looking_at_the_page_for_renewing_renews_nothing(application, open_by_link):
    browser = open_by_link(application)
    assert "stops working at once" in browser.get(application.get_absolute_url() + "link/").content.decode()
    application.refresh_from_db()
    assert application.link_version == 1


def test_a_link_is_renewed_at_most_three_times_in_an_hour(application, open_by_link):
    browser = open_by_link(application)
    for _ in range(3):
        renew(browser, application)
    response = renew(browser, application)
    assert response.status_code == 429
    assert "at most three times in an hour" in response.content.decode()
    application.refresh_from_db()
    assert application.link_version == 4
    assert browser.get(application.get_absolute_url()).status_code == 200


def test_without_limits_a_link_is_renewed_as_often_as_one_likes(application, open_by_link, settings):
    settings.APPLY_LIMITS = False
    browser = open_by_link(application)
    for _ in range(4):
        assert renew(browser, application).status_code == 302


def test_strangers_who_ask_for_the_link_keep_nobody_from_renewing_it(application, open_by_link):
    browser = open_by_link(application)
    for _ in range(3):
        ask_for(application.email)
    assert renew(browser, application).status_code == 302
    application.refresh_from_db()
    assert application.link_version == 2


@pytest.fixture
def applied(client, project, answers, cv_file, transcript_file) -> Application:
    """An application that was handed in with the browser `client`."""
    files = {"cv": cv_file(), "transcripts": [transcript_file()]}
    client.post(f"/projects/{project.slug}/apply/", answers | files | {"consent": "on", "nonce": "one-form"})
    return Application.objects.get()


def is_let_in_by_sending_again(browser: Client, application: Application) -> bool:
    """Whether the browser may open the application once it has sent the very form with which it was handed in."""
    del browser.cookies["sessionid"]
    form = {"nonce": "one-form", "email": application.email}
    browser.post(f"/projects/{application.project.slug}/apply/", form)
    return browser.get(application.get_absolute_url()).status_code == 200


def test_the_form_that_was_handed_in_lets_its_browser_in_until_the_link_is_renewed(client, applied, open_by_link):
    assert is_let_in_by_sending_again(client, applied)
    renew(open_by_link(applied), applied)
    assert not is_let_in_by_sending_again(client, applied)


def test_the_form_that_was_handed_in_lets_nobody_in_once_the_address_is_corrected(client, applied):
    workflow.correct_address(applied, "ada@example.com")
    applied.refresh_from_db()
    assert applied.email == "ada@example.com"
    assert not is_let_in_by_sending_again(client, applied)


def test_nobody_renews_the_link_of_an_application_that_their_browser_may_not_open(application, client):
    assert renew(client, application).status_code == 404
    application.refresh_from_db()
    assert application.link_version == 1


# Finding the link again

FIND = "/applications/find/"


def ask_for(address: str):
    return Client().post(FIND, {"email": address})


def test_known_and_unknown_addresses_get_the_same_answer(application):
    known, unknown = ask_for("ada@example.org"), ask_for("eve@example.org")
    assert known.status_code == unknown.status_code == 200
    assert known.content.replace(b"ada@", b"eve@") == unknown.content
    assert {**known.headers, "Expires": ""} == {**unknown.headers, "Expires": ""}
    assert not known.cookies
    assert list(Letter.objects.filter(kind="link").values_list("recipient", flat=True)) == ["ada@example.org"]


def test_an_address_that_was_asked_for_too_often_gets_the_same_answer_and_no_letter(application):
    first = ask_for("ada@example.org")
    for _ in range(4):
        assert ask_for("ada@example.org").content == first.content
    assert Letter.objects.filter(kind="link").count() == 3


def test_something_that_is_no_address_is_asked_for_again(client, application):
    for nonsense in ("", "ada", "ada\x00@example.org", "ada@example.org\r\nCc: eve@example.org"):
        response = client.post(FIND, {"email": nonsense})
        assert response.status_code == 200
        assert response.context["form"].errors
    assert not Letter.objects.filter(kind="link").exists()


def test_looking_at_the_page_sends_nothing(client, application):
    assert client.get(FIND, {"email": "ada@example.org"}).status_code == 200
    assert not Letter.objects.filter(kind="link").exists()


def test_a_known_and_an_unknown_address_wait_equally_long_for_their_answer(application, monkeypatch):
    waits = []
    monkeypatch.setattr("applications.views.student.link.ANSWER_SECONDS", 3600)
    monkeypatch.setattr("applications.views.student.link.time.sleep", waits.append)
    for address in ("ada@example.org", "eve@example.org"):
        ask_for(address)
    assert [3500 < wait < 3600 for wait in waits] == [True, True]
