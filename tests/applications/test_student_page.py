"""The student's own pages over HTTP: what they show, and what a browser that came by form or by link may do there."""

import datetime
import re

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from applications import grants, letters, urls, workflow
from applications.models import Application, Document, Event, FormerAnswers, Letter, QuestionAnswer
from projects.models import Project, Topic
from tests import pdfs
from tests.applications.student_pages import at, words

pytestmark = pytest.mark.once


def confirmed(application) -> bool:
    return Application.objects.get(pk=application.pk).is_confirmed


# What it shows


def test_the_page_shows_what_was_handed_in_and_how_it_stands(application, by_link):
    text = words(by_link.get(at(application)))
    for expected in (
        application.reference,
        application.project.title,
        "ada@example.org",
        "I would like to align sequences.",
        "cv.pdf",
        "transcript.pdf",
        "Received",
    ):
        assert expected in text, expected


def test_the_page_never_shows_notes_reasons_or_names_of_reviewers(application, by_link, supervisor, co_advisor):
    workflow.note(application, "SECRET note", by=co_advisor)
    workflow.decide(application, "offered", by=supervisor, reason="SECRET reason")
    workflow.decide(application, "declined", by=co_advisor, reason="SECRET taken back")
    text = by_link.get(at(application)).content.decode()
    assert "SECRET" not in text
    assert "Carl" not in text
    assert "Declined" in text


def test_being_read_is_told_in_the_students_words(application, by_link, supervisor):
    workflow.note(application, "Reading.", by=supervisor)
    assert "Being read" in words(by_link.get(at(application)))


@pytest.mark.parametrize("number", [1, 5])
def test_the_page_asks_the_database_a_fixed_number_of_questions(
    make_application, open_by_link, django_assert_num_queries, supervisor, answers, make_uploads, other_project, number
):
    application = make_application(transcripts=number)
    for count in range(number):
        workflow.correct_answers(application, answers | {"motivation": f"Better, {count}."})
        QuestionAnswer.objects.create(application=application, prompt=f"Question {count}?", kind="short", text="Yes.")
    browser = open_by_link(application)
    workflow.note(application, "Reading.", by=supervisor)
    workflow.offer_documents(application, make_uploads(number))
    for count in range(number):
        workflow.ask_reviewers(application, f"May I, {count}?")
        workflow.write(application, subject="Yes", body=f"You may, {count}.", by=supervisor)
        Project.objects.create(title=f"Another {count}", topic=application.project.topic)
    with django_assert_num_queries(9):
        assert browser.get(at(application)).status_code == 200


def test_the_page_is_kept_by_no_cache_and_shown_to_no_search_engine(application, by_link):
    response = by_link.get(at(application))
    assert "no-store" in response["Cache-Control"]
    assert "noindex" in response.content.decode()
    assert "unsafe" not in response["Content-Security-Policy"]


def test_a_hostile_name_is_only_a_name(make_application, open_by_link):
    application = make_application(full_name="<script>alert(1)</script>", motivation="<img src=x onerror=alert(1)>")
    text = open_by_link(application).get(at(application)).content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_the_answers_to_the_projects_own_questions_are_shown_those_from_before_a_correction_too(
    application, by_link, answers
):
    question = application.project.questions.create(prompt="Which language?", kind="short")
    workflow.correct_answers(application, answers | {"questions": [(question, "Python")]})
    workflow.correct_answers(application, answers | {"questions": [(question, "Rust")]})
    text = words(by_link.get(at(application)))
    assert text.index("Which language? Rust") < text.index("Former answers") < text.index("Which language? Python")


@pytest.mark.parametrize(("days", "says"), [(30, "in 30 days"), (1, "in 1 day "), (0, ", today"), (-2, ", today")])
def test_the_clock_says_in_how_many_days_everything_goes(application, by_link, settings, days, says):
    kept = datetime.timedelta(days=settings.RETENTION_DAYS["undecided"] - days)
    Application.objects.update(status_changed_at=timezone.now() - kept)
    assert says in words(by_link.get(at(application))).split("Erased on")[1][:60]


# How it came to stand so


def test_an_offer_that_ran_out_is_not_called_a_refusal(application, by_link, supervisor):
    workflow.decide(application, "offered", by=supervisor)
    Application.objects.update(offer_lapses_on=timezone.localdate() - datetime.timedelta(days=1))
    workflow.lapse_offers()
    text = words(by_link.get(at(application)))
    assert "its day passed without an answer" in text
    assert "We cannot offer you a place" not in text


def test_a_refusal_is_called_one(application, by_link, supervisor):
    workflow.decide(application, "declined", by=supervisor)
    text = words(by_link.get(at(application)))
    assert "We cannot offer you a place in this project." in text
    assert "its day passed" not in text


@pytest.mark.parametrize("letter", [None, workflow.NO_LETTER], ids=["with a letter", "without a letter"])
def test_the_page_speaks_of_a_letter_only_when_there_is_one(application, by_link, supervisor, letter):
    workflow.decide(application, "interview", by=supervisor, letter=letter)
    text = words(by_link.get(at(application)))
    assert ("You have a letter about it." in text) == (letter is None)
    assert ("gets in touch with you about a time" in text) == (letter is not None)


def test_after_a_first_answer_no_day_is_promised_that_has_long_passed(application, by_link, supervisor):
    Application.objects.update(received_at=timezone.now() - datetime.timedelta(days=60))
    assert "You should have had an answer by" in words(by_link.get(at(application)))
    workflow.decide(application, "declined", by=supervisor)
    workflow.decide(application, "in_review", by=supervisor, reason="A place is free after all.")
    assert "You should have had an answer by" not in words(by_link.get(at(application)))


def test_former_answers_name_the_start_as_people_write_it_and_a_missing_one_not_at_all(application, by_link):
    answers = {"full_name": "Ada Before", "motivation": "Before.", "links": ""}
    for version, start in enumerate(("2031-02-15", "None", ""), start=2):
        FormerAnswers.objects.create(
            application=application, version=version, answers=answers | {"earliest_start": start}
        )
    text = words(by_link.get(at(application)))
    assert "15 February 2031" in text
    assert "None" not in text.replace("None yet.", "")


# Another project with the same documents


def again(application, project) -> str:
    return f'href="/projects/{project.slug}/apply/?again={application.reference}"'


def test_open_projects_are_one_step_away_those_of_the_same_topic_first(application, by_link, topic):
    elsewhere = Project.objects.create(title="Nets", topic=Topic.objects.create(name="Another", position=0))
    near = [Project.objects.create(title=f"Graphs {number}", topic=topic) for number in range(2)]
    closed = Project.objects.create(title="Closed", topic=topic, closed_at=timezone.now())
    hidden = Project.objects.create(title="Hidden", topic=topic, is_published=False)
    same = Project.objects.create(title=application.project.title, topic=topic)
    fourth = Project.objects.create(title="Trees", topic=elsewhere.topic, position=9)
    source = by_link.get(at(application)).content.decode()
    places = [source.index(again(application, project)) for project in (*near, elsewhere)]
    assert places == sorted(places)
    for project in (closed, hidden, same, fourth, application.project):
        assert again(application, project) not in source


def test_a_project_to_which_one_has_applied_in_this_browser_is_left_out(
    application, by_link, make_application, open_by_link, other_project
):
    second = make_application(other_project)
    assert again(application, other_project) in by_link.get(at(application)).content.decode()  # it may not know yet
    open_by_link(second, by_link)
    assert again(application, other_project) not in by_link.get(at(application)).content.decode()
    workflow.withdraw(second)
    assert again(application, other_project) in by_link.get(at(application)).content.decode()


def test_what_somebody_else_applied_to_in_this_browser_is_not_left_out(
    application, by_link, make_application, open_by_link, other_project
):
    open_by_link(make_application(other_project, email="bob@example.org"), by_link)
    assert again(application, other_project) in by_link.get(at(application)).content.decode()


@pytest.mark.parametrize("change", [{"consent_version": ""}, {"status": "offered"}, {"status": "accepted"}])
def test_no_other_project_is_shown_before_consent_or_beside_an_offer(application, by_link, other_project, change):
    Application.objects.update(**change)
    assert "?again=" not in by_link.get(at(application)).content.decode()


# Every address: looking changes nothing, and without the link there is nothing


OF_STUDENTS = [
    str(route.pattern).removeprefix("applications/<str:reference>/")
    for route in urls.urlpatterns
    if str(route.pattern).startswith("applications/<str:reference>/")
]


def everything() -> dict:
    """All rows of our tables, and the files."""
    tables = [*apps.get_app_config("applications").get_models(), *apps.get_app_config("projects").get_models()]
    return {table: list(table._default_manager.order_by("pk").values()) for table in tables}


@pytest.mark.parametrize("status", ["received", "in_review", "offered", "accepted", "declined", "withdrawn"])
def test_a_mail_scanner_that_opens_every_address_changes_nothing(make_application, open_by_link, status):
    application = make_application(status=status)
    browser = open_by_link(application)
    before = everything()
    for page in OF_STUDENTS * 2:
        for look in (browser.get, browser.head):
            assert look(at(application, page)).status_code in (200, 302, 405), page
    assert everything() == before


@pytest.mark.parametrize("page", OF_STUDENTS)
def test_without_the_link_every_address_answers_as_for_an_application_that_never_was(application, client, page):
    for method in (client.get, client.post):
        there, nowhere = method(at(application, page)), method(f"/applications/ZZZZ-ZZZZ/{page}")
        if nowhere.status_code == 405:
            assert there.status_code == 405
            continue
        assert there.status_code == nowhere.status_code == 404
        assert there.content.decode().replace(application.reference, "ZZZZ-ZZZZ") == nowhere.content.decode()


def test_all_addresses_of_students_were_looked_at():
    assert {"", "ask/", "receipt/", "link/", "erase/", "documents/", "confirm/", "not-me/"} <= set(OF_STUDENTS)


# Confirming the address


def test_the_first_post_of_a_browser_that_came_by_the_link_confirms_the_address(application, by_link):
    response = by_link.post(at(application, "confirm/"))
    assert (response.status_code, response["Location"]) == (302, at(application))
    assert confirmed(application)
    assert application.events.filter(kind="confirmed").count() == 1


def test_another_post_by_link_confirms_as_well(application, by_link, answers):
    by_link.post(at(application, "answers/"), answers | {"motivation": "Better."})
    assert confirmed(application)


def test_a_browser_that_only_applied_confirms_nothing(application, by_form, answers):
    by_form.post(at(application, "confirm/"))
    by_form.post(at(application, "answers/"), answers | {"motivation": "Better."})
    application.refresh_from_db()
    assert application.motivation == "Better."
    assert not application.is_confirmed


def test_the_browser_that_applied_confirms_once_it_came_by_the_link_too(application, by_form, open_by_link):
    open_by_link(application, by_form).post(at(application, "confirm/"))
    assert confirmed(application)


def test_confirming_by_get_is_not_possible(application, by_link):
    assert by_link.get(at(application, "confirm/")).status_code == 405
    assert not confirmed(application)


def test_only_a_browser_that_came_by_link_is_asked_whether_this_is_its_application(application, by_link, by_form):
    assert "This was not me" in words(by_link.get(at(application)))
    assert "This was not me" not in words(by_form.get(at(application)))
    by_link.post(at(application, "confirm/"))
    assert "This was not me" not in words(by_link.get(at(application)))


def test_every_post_needs_the_token_against_foreign_forms(application, open_by_link):
    browser = open_by_link(application, Client(enforce_csrf_checks=True))
    pages = ("confirm/", "not-me/", "withdraw/", "address/", "answers/", "documents/", "accept/")
    for page in (*pages, "ask/", "link/", "erase/"):
        assert browser.post(at(application, page)).status_code == 403, page
    application.refresh_from_db()
    assert (application.status, application.is_confirmed) == ("received", False)


# This was not me


@pytest.mark.django_db(transaction=True)
def test_this_was_not_me_erases_everything(application, by_link, stored_files, letter_files):
    letters.send_due()
    assert by_link.get(at(application, "not-me/")).status_code == 200
    assert Application.objects.exists()

    response = by_link.post(at(application, "not-me/"))

    assert response.status_code == 200
    assert "ada" not in response.content.decode().lower().replace("data", "")
    assert not Application.objects.exists()
    assert not Document.objects.exists()
    assert not Letter.objects.exists()
    assert stored_files() == []
    assert letter_files() == []
    assert by_link.get(at(application)).status_code == 404


def test_a_confirmed_application_cannot_be_erased_this_way(application, by_link):
    by_link.post(at(application, "confirm/"))
    assert by_link.get(at(application, "not-me/")).status_code == 404
    assert by_link.post(at(application, "not-me/")).status_code == 404
    assert Application.objects.exists()


def test_the_browser_that_applied_cannot_erase_this_way(application, by_form):
    assert by_form.get(at(application, "not-me/")).status_code == 404
    assert by_form.post(at(application, "not-me/")).status_code == 404
    assert Application.objects.exists()


# Correcting the address


def test_the_browser_that_applied_corrects_the_address_and_stays_let_in_under_the_new_link(application, by_form):
    response = by_form.post(at(application, "address/"), {"email": "ada@example.com"})
    assert (response.status_code, response["Location"]) == (302, at(application))
    assert "ada@example.com" in words(by_form.get(at(application)))
    assert Letter.objects.get(kind="received").recipient == "ada@example.com"


def test_after_a_correction_the_new_address_has_to_be_confirmed_by_its_own_link(application, by_link, open_by_link):
    """Whoever read the mail of the mistyped address keeps no right to confirm the new one."""
    by_link.post(at(application, "address/"), {"email": "ada@example.com"})
    by_link.post(at(application, "confirm/"))
    assert not confirmed(application)
    application.refresh_from_db()
    open_by_link(application).post(at(application, "confirm/"))
    assert confirmed(application)


@pytest.mark.parametrize(
    "address",
    ["", "ada@", "ada\x00@example.org", f"ada@{'ﷺ' * 60}.example", "ada@example.org\r\nBcc: x@example.org"],
)
def test_something_that_is_no_address_is_refused_with_the_form(application, by_form, address):
    response = by_form.post(at(application, "address/"), {"email": address})
    assert response.status_code == 200
    assert response.context["form"].errors["email"]
    application.refresh_from_db()
    assert application.email == "ada@example.org"


def test_an_address_that_another_application_has_is_refused_with_the_form(make_application, application, by_form):
    make_application(email="bob@example.org")
    response = by_form.post(at(application, "address/"), {"email": "BOB@example.org"})
    assert response.status_code == 200
    assert response.context["form"].errors["email"]


def test_a_confirmed_address_is_refused_with_words(application, by_link):
    by_link.post(at(application, "confirm/"))
    response = by_link.post(at(application, "address/"), {"email": "eve@example.org"})
    assert "confirmed" in words(response)
    application.refresh_from_db()
    assert application.email == "ada@example.org"


# Correcting answers and documents


def test_answers_are_corrected_from_a_form_that_holds_them(application, by_link, answers):
    form = by_link.get(at(application, "answers/"))
    assert "I would like to align sequences." in words(form)
    response = by_link.post(at(application, "answers/"), answers | {"motivation": "Better words."})
    assert (response.status_code, response["Location"]) == (302, at(application))
    assert "Better words." in words(by_link.get(at(application)))


def test_a_correction_with_errors_changes_nothing(application, by_link, answers):
    response = by_link.post(at(application, "answers/"), answers | {"motivation": ""})
    assert response.status_code == 200
    assert response.context["form"].errors["motivation"]
    application.refresh_from_db()
    assert application.answers_version == 1


def test_the_address_is_not_changed_by_the_answers_form(application, by_link, answers):
    by_link.post(at(application, "answers/"), answers | {"email": "eve@example.org", "status": "accepted"})
    application.refresh_from_db()
    assert (application.email, application.status) == ("ada@example.org", "received")


def as_opened(browser, application) -> dict:
    """What the form for corrections sends when nothing in it is changed."""
    form = browser.get(at(application, "answers/")).context["form"]
    return {field.html_name: field.value() or "" for field in form}


def test_a_correction_in_a_second_window_does_not_undo_the_first(application, by_link, open_by_link):
    phone = open_by_link(application)
    at_the_desk, on_the_phone = as_opened(by_link, application), as_opened(phone, application)
    phone.post(at(application, "answers/"), on_the_phone | {"motivation": "From the phone."})

    response = by_link.post(at(application, "answers/"), at_the_desk | {"university": "University of Trams"})

    assert response.status_code == 200
    assert "changed in another window" in words(response)
    assert "University of Trams" in response.content.decode()
    application.refresh_from_db()
    assert (application.motivation, application.university) == ("From the phone.", "University of Examples")

    shown = {field.html_name: field.value() or "" for field in response.context["form"]}
    assert by_link.post(at(application, "answers/"), shown).status_code == 302
    application.refresh_from_db()
    assert application.university == "University of Trams"


@pytest.mark.parametrize("seen", ["", "x", "1"])
def test_a_correction_that_says_nothing_of_another_window_is_taken(application, by_link, answers, seen):
    data = answers | {"motivation": "Better.", "seen_answers": seen}
    response = by_link.post(at(application, "answers/"), data)
    application.refresh_from_db()
    assert (response.status_code, application.motivation == "Better.") == ((200, False) if seen == "x" else (302, True))


@pytest.mark.django_db(transaction=True)
def test_a_question_that_is_deleted_while_it_is_answered_loses_no_word(
    project, application, by_link, answers, monkeypatch
):
    question = project.questions.create(prompt="Which course?", kind="short")
    correct = workflow.correct_answers

    def deleted_just_before(*args):
        project.questions.all().delete()
        return correct(*args)

    monkeypatch.setattr(workflow, "correct_answers", deleted_just_before)
    data = answers | {"motivation": "Better words.", question.field_name: "CS-101"}
    response = by_link.post(at(application, "answers/"), data)
    assert response.status_code == 503
    assert "Please try again in a minute." in words(response)
    assert "Better words." in response.content.decode()


def test_documents_are_replaced_twenty_times_a_day_and_the_next_file_is_kept(application, by_link, cv_file, settings):
    Event.objects.bulk_create(
        Event(application=application, kind=Event.Kind.DOCUMENTS_REPLACED, actor="student") for _ in range(19)
    )
    assert by_link.post(at(application, "documents/"), {"cv": cv_file("twentieth.pdf")}).status_code == 302
    refused = by_link.post(at(application, "documents/"), {"cv": cv_file("another.pdf")})
    assert refused.status_code == 429
    assert "Please wait until tomorrow." in words(refused)
    claims = re.findall(r'name="kept_cv" value="([^"]+)"', refused.content.decode())
    assert Application.objects.get().current_documents()[0].original_name == "twentieth.pdf"

    settings.APPLY_LIMITS = False
    assert by_link.post(at(application, "documents/"), {"kept_cv": claims}).status_code == 302

    assert Application.objects.get().current_documents()[0].original_name == "another.pdf"


def test_a_new_cv_is_sent_and_the_transcripts_stay(application, by_link, cv_file):
    response = by_link.post(at(application, "documents/"), {"cv": cv_file("better.pdf")})
    assert response.status_code == 302
    text = words(by_link.get(at(application)))
    assert "better.pdf" in text
    assert [d.version for d in Application.objects.get().current_documents()] == [2, 1]


def test_choosing_no_file_changes_nothing_and_says_so(application, by_link):
    response = by_link.post(at(application, "documents/"))
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()
    assert not application.events.filter(kind="documents_replaced").exists()


def test_a_bad_file_is_refused_and_a_good_one_beside_it_is_kept_for_the_next_try(
    application, by_link, cv_file, transcript_file
):
    refused = by_link.post(
        at(application, "documents/"),
        {"cv": cv_file("photo.pdf", pdfs.renamed_photo()), "transcripts": [transcript_file("new.pdf")]},
    )
    assert refused.status_code == 200
    assert list(refused.context["form"].errors) == ["cv"]
    claims = re.findall(r'name="kept_transcripts" value="([^"]+)"', refused.content.decode())

    by_link.post(at(application, "documents/"), {"kept_transcripts": claims})

    assert [d.original_name for d in Application.objects.get().current_documents()] == ["cv.pdf", "new.pdf"]


def test_an_oversized_replacement_answers_413(application, by_link, cv_file, settings):
    settings.DOCUMENT_MAX_BYTES = 5000
    response = by_link.post(at(application, "documents/"), {"cv": cv_file("large.pdf", b"x" * 6000)})
    assert response.status_code == 413
    assert "large.pdf" in str(response.context["form"].errors)
    flood = [cv_file(f"{number}.pdf", b"x" * 30_000) for number in range(4)]
    assert by_link.post(at(application, "documents/"), {"transcripts": flood}).status_code == 413


def test_too_many_replacements_answer_413_with_the_form(application, by_link, transcript_file):
    files = [transcript_file(f"{number}.pdf") for number in range(40)]
    response = by_link.post(at(application, "documents/"), {"transcripts": files})
    assert response.status_code == 413
    assert list(response.context["form"].errors) == ["transcripts"]


def test_once_reading_has_begun_the_answers_stay_and_the_page_says_so(application, by_link, supervisor, answers):
    workflow.note(application, "Reading.", by=supervisor)
    response = by_link.get(at(application, "answers/"), follow=True)
    assert response.redirect_chain == [(at(application), 302)]
    assert "not possible any more" in words(response)
    by_link.post(at(application, "answers/"), answers | {"motivation": "Late."})
    application.refresh_from_db()
    assert application.motivation != "Late."


# Withdrawing and answering an offer


def test_withdrawing_is_asked_once_more_and_then_done(application, by_link):
    assert by_link.get(at(application, "withdraw/")).status_code == 200
    response = by_link.post(at(application, "withdraw/"), {"reason": "Another project."}, follow=True)
    assert "Withdrawn" in words(response)
    assert application.events.get(kind="moved").text == "Another project."


def test_an_offer_is_accepted_with_one_post(application, by_link, supervisor):
    workflow.decide(application, "offered", by=supervisor)
    assert by_link.get(at(application, "accept/")).status_code == 200
    response = by_link.post(at(application, "accept/"), follow=True)
    assert "Accepted" in words(response)
    application.project.refresh_from_db()
    assert application.project.places_taken == 1


def test_without_an_offer_there_is_nothing_to_accept(application, by_link):
    for method in (by_link.get, by_link.post):
        response = method(at(application, "accept/"), follow=True)
        assert "not possible any more" in words(response)
    application.refresh_from_db()
    assert application.status == "received"


def test_an_offer_whose_place_is_gone_cannot_be_accepted_and_the_page_says_why(application, by_link, supervisor):
    workflow.decide(application, "offered", by=supervisor)
    Project.objects.filter(pk=application.project_id).update(places=1, places_taken=1)
    response = by_link.post(at(application, "accept/"), follow=True)
    assert "All places" in words(response)
    application.refresh_from_db()
    assert application.status == "offered"


def test_a_second_click_on_withdraw_is_told_that_it_is_done(application, by_link):
    by_link.post(at(application, "withdraw/"))
    response = by_link.post(at(application, "withdraw/"), follow=True)
    assert response.status_code == 200
    assert Letter.objects.filter(kind="withdrawn").count() == 1


@pytest.mark.parametrize("page", ["withdraw/", "answers/", "address/", "not-me/", "ask/", "link/", "erase/"])
def test_an_application_erased_a_moment_ago_is_404(application, by_link, answers, page, monkeypatch):
    """Erased between the look and the deed, as by a second click."""
    load = grants.application_or_404

    def erased_just_after(request, reference):
        found = load(request, reference)
        Application.objects.get(pk=found.pk).erase()
        return found

    monkeypatch.setattr(grants, "application_or_404", erased_just_after)
    typed = {"text": "When?", "reference": application.reference}
    response = by_link.post(at(application, page), answers | {"motivation": "New.", "email": "new@example.org"} | typed)
    assert response.status_code == 404


def test_an_offer_whose_place_is_gone_is_not_promised_any_more(project, make_application, open_by_link):
    application = make_application(status="offered")
    project.places = project.places_taken = 1
    project.save()
    browser = open_by_link(application)

    page = browser.get(f"/applications/{application.reference}/accept/", follow=True)

    assert page.redirect_chain == [(application.get_absolute_url(), 302)]
    assert "All places of this project are taken" in page.content.decode()
