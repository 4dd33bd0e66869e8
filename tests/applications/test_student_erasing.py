"""“Erase my application”: at once while nobody relies on it, afterwards by asking the supervisor."""

import pytest
from django.utils import timezone

from applications import grants, letters, workflow
from applications.models import Application, Document, Erasure, Event, Letter, Message
from tests.applications.student_pages import at, words

pytestmark = pytest.mark.once

OPEN = ["received", "in_review", "interview", "waitlisted", "offered", "withdrawn"]


def erase(browser, application, typed=None):
    return browser.post(at(application, "erase/"), {"reference": typed or application.reference})


@pytest.mark.django_db(transaction=True)
def test_everything_goes_and_a_line_without_personal_data_stays(application, by_link, stored_files, letter_files):
    workflow.ask_reviewers(application, "May I begin in May?")
    letters.send_due()

    response = erase(by_link, application)

    assert response.status_code == 200
    assert "Everything is erased" in words(response)
    for model in (Application, Document, Letter, Event, Message):
        assert not model.objects.exists(), model
    assert stored_files() == []
    assert letter_files() == []
    line = Erasure.objects.get()
    assert (line.cause, line.status, line.documents) == ("student", "received", 2)
    assert by_link.get(at(application)).status_code == 404


def test_the_page_afterwards_names_nobody(application, by_link):
    text = erase(by_link, application).content.decode()
    for personal in (application.reference, "Ada", "ada@example.org", application.project.title):
        assert personal not in text


@pytest.mark.parametrize("status", OPEN)
def test_it_is_done_at_once_as_long_as_there_is_no_answer_on_which_others_rely(make_application, open_by_link, status):
    application = make_application(status=status)
    assert "Erase everything" in words(open_by_link(application).get(at(application, "erase/")))
    erase(open_by_link(application), application)
    assert not Application.objects.exists()


@pytest.mark.parametrize("spelling", ["{0}", "{1}", " {0} ", "{2}", "{3}", "{4}"])
def test_the_reference_may_be_typed_as_one_likes(application, by_link, spelling):
    code = application.reference
    typed = spelling.format(
        code.lower(), code.replace("-", ""), code.replace("-", " "), code.replace("-", " – "), " ".join(code)
    )
    erase(by_link, application, typed)
    assert not Application.objects.exists()


@pytest.mark.parametrize("typed", [" ", "yes", "ZZZZ-ZZZZ", "null\x00", "-", "x" * 500])
def test_anything_else_erases_nothing_and_the_form_says_so(application, by_link, typed):
    response = erase(by_link, application, typed)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["reference"]
    assert Application.objects.exists()
    assert not Erasure.objects.exists()


def test_the_page_says_what_goes_and_what_stays(application, by_link):
    text = words(by_link.get(at(application, "erase/")))
    for part in ("This cannot be undone.", "all versions of your documents", "What stays", "mailboxes", "backups"):
        assert part in text, part
    assert f"Type {application.reference} to confirm." in text


def test_a_wish_to_erase_confirms_no_address(application, by_link):
    """Whoever reads the mail of a mistyped address may come here instead of saying “this was not me”."""
    erase(by_link, application, "wrong")
    application.refresh_from_db()
    assert not application.is_confirmed


def test_other_applications_in_the_same_browser_stay_open_to_it(application, by_link, make_application, open_by_link):
    other = make_application(email="bob@example.org")
    open_by_link(other, by_link)
    erase(by_link, application)
    assert by_link.get(at(other)).status_code == 200


@pytest.mark.parametrize("status", ["accepted", "declined"])
def test_with_an_answer_the_supervisor_is_asked(make_application, open_by_link, supervisor, status):
    application = make_application(status=status)
    browser = open_by_link(application)
    assert "So the supervisor erases the application" in words(browser.get(at(application, "erase/")))

    response = browser.post(at(application, "erase/"), {"ask": "1"}, follow=True)

    assert response.redirect_chain == [(at(application), 302)]
    assert "The supervisor knows that you would like" in words(response)
    application.refresh_from_db()
    assert application.erasure_asked_at is not None
    assert [n.recipient for n in Letter.objects.filter(kind=Letter.Kind.NOTICE_ERASURE)] == [supervisor.email]
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("status", ["accepted", "declined"])
def test_with_an_answer_typing_the_reference_erases_and_asks_nothing(make_application, open_by_link, status):
    application = make_application(status=status)
    response = erase(open_by_link(application), application)
    assert response.status_code == 200
    assert "Ask the supervisor to erase it" in words(response)
    application.refresh_from_db()
    assert application.erasure_asked_at is None


def test_afterwards_both_pages_say_that_it_was_asked_for_and_when(make_application, open_by_link):
    application = make_application(status="declined")
    browser = open_by_link(application)
    browser.post(at(application, "erase/"), {"ask": "1"})
    application.refresh_from_db()
    asked = timezone.localtime(application.erasure_asked_at)
    day = f"{asked.day} {asked:%B %Y}"
    assert f"You asked on {day}" in words(browser.get(at(application)))
    asked = words(browser.get(at(application, "erase/")))
    assert f"You asked for it on {day}" in asked
    assert "Ask the supervisor to erase it" not in asked


def test_asking_twice_is_asking_once(make_application, open_by_link):
    application = make_application(status="declined")
    browser = open_by_link(application)
    for _ in range(2):
        browser.post(at(application, "erase/"), {"ask": "1"})
    assert Letter.objects.filter(kind=Letter.Kind.NOTICE_ERASURE).count() == 1
    assert application.events.filter(kind=Event.Kind.ERASURE_ASKED).count() == 1


def test_once_it_was_opened_again_the_student_erases_it_alone(make_application, open_by_link, monkeypatch):
    application = make_application(status="declined")
    browser = open_by_link(application)
    load = grants.application_or_404

    def reopened_just_after(request, reference):
        found = load(request, reference)
        Application.objects.update(status="in_review")
        return found

    monkeypatch.setattr(grants, "application_or_404", reopened_just_after)
    response = browser.post(at(application, "erase/"), {"ask": "1"})
    assert (response.status_code, response["Location"]) == (302, at(application, "erase/"))
    assert not Letter.objects.filter(kind=Letter.Kind.NOTICE_ERASURE).exists()


def test_an_answer_that_comes_in_between_is_not_erased(application, by_link, monkeypatch):
    load = grants.application_or_404

    def declined_just_after(request, reference):
        found = load(request, reference)
        Application.objects.update(status="declined")
        return found

    monkeypatch.setattr(grants, "application_or_404", declined_just_after)
    response = erase(by_link, application)
    assert "So the supervisor erases the application" in words(response)
    assert Application.objects.exists()


def test_nobody_erases_an_application_that_their_browser_may_not_open(application, client, signed_in, supervisor):
    for browser in (client, signed_in(supervisor)):
        assert erase(browser, application).status_code == 404
        assert browser.post(at(application, "erase/"), {"ask": "1"}).status_code == 404
    assert Application.objects.exists()


def test_the_supervisor_hears_that_an_application_that_was_being_read_is_gone_and_not_whose_it_was(
    make_application, open_by_link, supervisor
):
    application = make_application(status="offered")
    browser = open_by_link(application)
    browser.post(f"/applications/{application.reference}/erase/", {"reference": application.reference})
    letter = Letter.objects.get(kind="notice_erased")
    assert (letter.recipient, letter.user, letter.application) == (supervisor.email, supervisor, None)
    assert "It stood at “Offer”." in letter.body
    for word in (application.full_name, application.email, application.reference):
        assert word not in letter.subject + letter.body


def test_nobody_is_told_of_an_application_that_nobody_has_begun_to_read(make_application, open_by_link):
    application = make_application()
    browser = open_by_link(application)
    browser.post(f"/applications/{application.reference}/erase/", {"reference": application.reference})
    assert not Letter.objects.filter(kind="notice_erased").exists()


# “This was not me”, once others rely on it


@pytest.mark.parametrize("status", ["accepted", "declined"])
def test_with_an_answer_this_was_not_me_leads_to_the_page_that_asks_the_supervisor(
    make_application, open_by_link, supervisor, status
):
    application = make_application()
    if status == "accepted":
        workflow.decide(application, "offered", by=supervisor)
        workflow.accept_offer(application)
    else:
        workflow.decide(application, status, by=supervisor)
    browser = open_by_link(application)
    for method in (browser.get, browser.post):
        response = method(at(application, "not-me/"), follow=True)
        assert response.redirect_chain == [(at(application, "erase/"), 302)]
        assert "So the supervisor erases the application" in words(response)
    assert Application.objects.get().status == status
    application.project.refresh_from_db()
    assert application.project.places_taken == (status == "accepted")


def test_an_answer_that_comes_while_somebody_says_this_was_not_me_is_not_erased(application, by_link, monkeypatch):
    load = grants.application_or_404

    def declined_just_after(request, reference):
        found = load(request, reference)
        Application.objects.update(status="declined")
        return found

    monkeypatch.setattr(grants, "application_or_404", declined_just_after)
    response = by_link.post(at(application, "not-me/"))
    assert (response.status_code, response["Location"]) == (302, at(application, "erase/"))
    assert Application.objects.exists()


def test_the_supervisor_hears_of_what_was_being_read_and_was_somebody_else_s(application, by_link, supervisor):
    workflow.note(application, "Reading.", by=supervisor)
    by_link.post(at(application, "not-me/"))
    assert Erasure.objects.get().cause == "not_me"
    assert Letter.objects.get(kind="notice_erased").recipient == supervisor.email


def test_what_the_supervisor_erases_on_request_is_no_news_to_the_supervisor(application, signed_in, supervisor):
    workflow.decide(application, "declined", by=supervisor)
    workflow.ask_for_erasure(application)
    signed_in(supervisor).post(f"/admin/applications/application/{application.pk}/erase/")
    assert Erasure.objects.get().cause == "student"
    assert not Letter.objects.filter(kind="notice_erased").exists()


def test_opened_again_nothing_is_asked_for_any_more_and_after_the_next_answer_one_asks_anew(
    application, by_link, supervisor
):
    workflow.decide(application, "declined", by=supervisor)
    by_link.post(at(application, "erase/"), {"ask": "1"})
    assert "You asked on" in words(by_link.get(at(application)))
    workflow.decide(application, "in_review", by=supervisor, reason="A place is free after all.")
    assert "You asked on" not in words(by_link.get(at(application)))
    workflow.decide(application, "declined", by=supervisor)
    by_link.post(at(application, "erase/"), {"ask": "1"})
    assert Letter.objects.filter(kind=Letter.Kind.NOTICE_ERASURE).count() == 2


def test_what_was_left_behind_in_this_browser_goes_too(application, client, open_by_link):
    client.post(at(application, "withdraw/"), {"reason": "I am ill. Please keep this to yourselves."})
    open_by_link(application, client)
    assert application.reference in str(dict(client.session))
    erase(client, application)
    assert application.reference not in str(dict(client.session))
    assert "ill" not in str(dict(client.session))
