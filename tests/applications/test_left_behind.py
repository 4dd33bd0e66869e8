"""A student's page that could not be sent any more: what was typed and chosen is there again once the page is open."""

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from applications import workflow
from applications.models import Application, Upload

pytestmark = [pytest.mark.django_db, pytest.mark.once]

WORDS = "What I wrote long after midnight, and would not like to write again."


@pytest.fixture
def page(application) -> str:
    return f"/applications/{application.reference}/"


def test_after_the_session_is_over_the_typed_answers_are_in_the_form_again(page, application, open_by_link):
    browser = Client()  # its session is over: it may open nothing
    response = browser.post(f"{page}answers/", {"motivation": WORDS, "full_name": "Ada Neu"})
    assert response.status_code == 404
    assert "not lost" in response.content.decode()
    assert WORDS in response.content.decode()

    open_by_link(application, browser)
    assert WORDS not in application.motivation
    form = browser.get(f"{page}answers/")
    assert WORDS in form.content.decode()
    assert form.context["form"]["full_name"].value() == "Ada Neu"
    assert form.context["form"]["university"].value() == application.university


def test_after_the_session_is_over_the_chosen_files_are_kept_and_not_asked_for_again(
    page, application, open_by_link, cv_file
):
    browser = Client()
    assert browser.post(f"{page}documents/", {"cv": cv_file("better.pdf")}).status_code == 404
    open_by_link(application, browser)
    form = browser.get(f"{page}documents/").context["form"]
    token, upload = form.kept_cv[0]
    assert upload.original_name == "better.pdf"
    assert browser.post(f"{page}documents/", {"kept_cv": token}).status_code == 302
    assert application.documents.get(kind="cv", replaced_at=None).original_name == "better.pdf"


def test_a_page_without_a_valid_token_keeps_its_words_and_is_not_sent(page, application, open_by_link):
    browser = open_by_link(application, Client(enforce_csrf_checks=True))
    response = browser.post(f"{page}withdraw/", {"reason": WORDS})
    assert response.status_code == 403
    assert WORDS in response.content.decode()
    application.refresh_from_db()
    assert application.status == "received"
    assert WORDS in browser.get(f"{page}withdraw/").content.decode()


def test_once_it_is_sent_nothing_is_left_behind(page, application, open_by_link):
    browser = Client()
    browser.post(f"{page}ask/", {"text": WORDS})
    open_by_link(application, browser)
    assert WORDS in browser.get(f"{page}ask/").content.decode()
    browser.post(f"{page}ask/", {"text": WORDS})
    assert browser.get(f"{page}ask/").context["form"]["text"].value() in (None, "")
    assert not browser.session["left_behind"]


def test_the_student_s_page_says_where_something_waits(page, application, open_by_link):
    browser = Client()
    browser.post(f"{page}answers/", {"motivation": WORDS})
    open_by_link(application, browser)
    content = browser.get(page).content.decode()
    assert "not sent yet" in content
    assert f"{page}answers/" in content
    assert "not sent yet" not in open_by_link(application).get(page).content.decode()


def test_an_unknown_reference_is_answered_like_a_known_one(page, application):
    known, unknown = (
        Client().post(address, {"motivation": WORDS})
        for address in (f"{page}answers/", "/applications/2222-2222/answers/")
    )
    assert known.status_code == unknown.status_code == 404
    assert known.content.replace(page.encode(), b"") == unknown.content.replace(b"/applications/2222-2222/", b"")
    assert list(known.cookies) == list(unknown.cookies)


def test_what_was_left_behind_is_no_access(page, application):
    browser = Client()
    browser.post(f"{page}answers/", {"motivation": WORDS})
    assert browser.get(f"{page}answers/").status_code == 404


def test_after_a_day_it_is_forgotten(page, application, open_by_link, monkeypatch, settings):
    browser = Client()
    browser.post(f"{page}answers/", {"motivation": WORDS})
    open_by_link(application, browser)
    later = timezone.now() + datetime.timedelta(hours=settings.UPLOAD_HOURS, minutes=1)
    monkeypatch.setattr("applications.left_behind.timezone.now", lambda: later)
    assert WORDS not in browser.get(f"{page}answers/").content.decode()


def test_neither_agreement_nor_secrets_are_kept_and_not_more_than_a_session_can_hold(page, application):
    browser = Client()
    browser.post(
        f"{page}complete/",
        {"motivation": "x" * 50_000, "links": "y" * 50_000, "consent": "on", "csrfmiddlewaretoken": "secret"},
    )
    kept = browser.session["left_behind"][application.reference]["complete"]
    assert set(kept["text"]) == {"motivation", "links"}
    assert sum(len(text) for text in kept["text"].values()) == 60_000
    for number in range(10):
        browser.post(f"/applications/2222-222{number}/answers/", {"motivation": WORDS})
    assert len(browser.session["left_behind"]) == 5


def test_only_fields_of_these_pages_are_kept(page, application):
    browser = Client()
    known = {"motivation": WORDS, "question_12": "Rust.", "text": "May I?", "reason": "Ill."}
    junk = {"photo": WORDS, "question_x": WORDS, "question_²": WORDS, "question_" + "1" * 30: WORDS, "x" * 60: WORDS}
    claims = {"kept_cv": "claim", "kept_photo": "claim", "kept_question_²": "claim"}
    browser.post(f"{page}answers/", known | junk | claims)
    kept = browser.session["left_behind"][application.reference]["answers"]
    assert kept["text"] == known
    assert kept["claims"] == {"cv": ["claim"]}


@pytest.mark.parametrize("field", ["question_²", "question_" + "9" * 40, "question_-1", "photo"])
def test_a_file_in_a_field_that_is_not_there_is_no_fault_and_not_kept(page, cv_file, field):
    browser = Client()
    assert browser.post(f"{page}documents/", {field: cv_file()}).status_code == 404
    assert not Upload.objects.exists()
    assert "left_behind" not in browser.session


def test_a_dozen_long_answers_are_kept_to_their_end(page, application, project, open_by_link):
    questions = [project.questions.create(prompt=f"Question {n}?", kind="long", is_required=False) for n in range(12)]
    browser = Client()
    browser.post(f"{page}answers/", {each.field_name: "y" * 3990 + f"END{n}." for n, each in enumerate(questions)})
    open_by_link(application, browser)
    form = browser.get(f"{page}answers/").content.decode()
    assert all(f"END{n}." in form for n in range(12))


def test_what_is_older_than_a_day_goes_when_something_is_put_beside_it(page, application, monkeypatch, settings):
    browser = Client()
    browser.post("/applications/2222-2222/ask/", {"text": WORDS})
    later = timezone.now() + datetime.timedelta(hours=settings.UPLOAD_HOURS - 1)
    monkeypatch.setattr("applications.left_behind.timezone.now", lambda: later)
    browser.post(f"{page}ask/", {"text": WORDS})
    assert set(browser.session["left_behind"]) == {"2222-2222", application.reference}
    later += datetime.timedelta(hours=2)
    browser.post(f"{page}answers/", {"motivation": WORDS})
    assert set(browser.session["left_behind"]) == {application.reference}
    assert set(browser.session["left_behind"][application.reference]) == {"ask", "answers"}


def test_the_session_of_a_stranger_ends_after_a_day_and_that_of_others_as_ever(
    page, application, open_by_link, signed_in, supervisor, settings
):
    stranger, reviewer = Client(), signed_in(supervisor)
    for browser in (stranger, reviewer):
        browser.post(f"{page}ask/", {"text": WORDS})
        browser.post(f"{page}answers/", {"motivation": WORDS})
    assert stranger.session.get_expiry_age() == settings.UPLOAD_HOURS * 3600
    assert reviewer.session.get_expiry_age() == settings.SESSION_COOKIE_AGE
    open_by_link(application, stranger)
    assert stranger.session.get_expiry_age() == settings.SESSION_COOKIE_AGE


def test_a_file_that_is_not_fine_is_not_kept(page, application, cv_file):
    browser = Client()
    browser.post(f"{page}documents/", {"cv": cv_file("photo.pdf", b"no PDF")})
    assert not Upload.objects.exists()
    assert "left_behind" not in browser.session


def test_other_pages_keep_nothing(page, application):
    browser = Client()
    for below in ("accept/", "confirm/", "erase/"):
        browser.post(f"{page}{below}", {"text": WORDS})
    browser.post("/no/such/page/", {"text": WORDS})
    assert "left_behind" not in browser.session
    assert Application.objects.count() == 1


def test_answers_that_come_after_reading_began_can_be_sent_as_a_message(
    page, application, open_by_link, supervisor, answers
):
    browser = open_by_link(application)
    workflow.note(application, "Begun.", by=supervisor)
    fields = {name: str(value) for name, value in answers.items() if name != "email"}
    response = browser.post(f"{page}answers/", fields | {"motivation": WORDS}, follow=True)
    assert response.redirect_chain == [(f"{page}ask/", 302)]
    assert "cannot be changed any more" in response.content.decode()
    assert WORDS in response.context["form"]["text"].value()
    assert "Ada Example" not in response.context["form"]["text"].value()
    application.refresh_from_db()
    assert application.motivation != WORDS


def test_unchanged_answers_after_reading_began_lead_back_with_the_reason(
    page, application, open_by_link, supervisor, answers
):
    browser = open_by_link(application)
    workflow.note(application, "Begun.", by=supervisor)
    fields = {name: str(value) for name, value in answers.items() if name != "email"}
    response = browser.post(f"{page}answers/", fields, follow=True)
    assert response.redirect_chain == [(page, 302)]
    assert "not possible any more" in response.content.decode()


def test_long_answers_that_come_after_reading_began_are_shown_to_their_end(
    page, application, open_by_link, supervisor, answers
):
    browser = open_by_link(application)
    workflow.note(application, "Begun.", by=supervisor)
    fields = {name: str(value) for name, value in answers.items() if name != "email"}
    browser.post(f"{page}answers/", fields | {"motivation": "M" * 3900 + "END"})
    assert "MEND" in browser.get(f"{page}ask/").context["form"]["text"].value()
