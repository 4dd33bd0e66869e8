"""What students say beside the form: the pages where reviewers ask, read and answer it, as people see and use them."""

import pytest

from applications import documents, workflow
from applications.models import Application, Document, Message
from applications.models.application import QUESTIONS
from projects.models import Question
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def talkative(project, supervisor, make_application, cv_file) -> Application:
    """An own idea with long answers, two questions, and a better CV; of which reading has begun."""
    project.is_own_idea = True
    project.save()
    project.ask_for_idea()
    title, idea = project.questions.all()
    how_long = Question.objects.create(
        project=project, prompt="How long would you like to work on it?", kind="choice", options="Six months\nA year"
    )
    sample = Question.objects.create(
        project=project, prompt="A sample of your writing, in whatever language", kind="file"
    )
    application = make_application(
        **{
            QUESTIONS: [
                (title, "How small can a translator of patient letters be?"),
                (idea, "I would look for the smallest model that still does it.\n\n" + "unbroken" * 40),
                (how_long, "A year"),
            ]
        }
    )
    workflow.replace_documents(
        application, [documents.receive(cv_file("report.pdf"), Document.Kind.OTHER, question=sample)]
    )
    workflow.ask_reviewers(application, "May I begin two weeks later?")
    workflow.write(application, subject="Your question", body="Yes, that is no problem.", by=supervisor)
    workflow.ask_reviewers(application, "Thank you! And is it possible from abroad?")
    workflow.offer_documents(application, [documents.receive(cv_file("CV_final_final(2).pdf"), Document.Kind.CV)])
    return application


@at_each_width
def test_the_pages_where_questions_are_asked_and_answered_are_sound(open_browser, supervisor, talkative, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)

    for address in (
        "/admin/",
        "/admin/applications/application/",
        f"/admin/applications/application/{talkative.pk}/change/",
        f"/admin/projects/topic/{talkative.project.topic_id}/change/",
        "/admin/preferences/",
        "/admin/applications/letterwording/",
        "/admin/applications/letterwording/edit/notice_question/de/",
    ):
        page.goto(address)
        assert_page_is_sound(page)


@at_each_width
def test_the_questions_of_a_project_are_sound_open_and_with_errors(open_browser, supervisor, talkative, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)

    page.goto(f"/admin/projects/project/{talkative.project_id}/change/")
    page.get_by_text("Questions of your own to students").click()
    assert_page_is_sound(page)
    row = page.locator("#questions-4")
    row.get_by_label("Question:", exact=True).fill("How long?")
    row.get_by_label("Kind of answer").select_option("choice")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("A choice needs at least two options, one per line.").wait_for()
    assert_page_is_sound(page)


def test_a_question_is_answered_by_keyboard(page, supervisor, talkative):
    sign_in(page, supervisor, to=f"/admin/applications/application/{talkative.pk}/change/")

    page.get_by_role("link", name="1 question waits for an answer").press("Enter")
    page.get_by_role("link", name="Answer", exact=True).press("Enter")
    page.keyboard.type("Yes, for the first month.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("The letter goes to").wait_for()

    assert not Message.objects.unanswered().exists()
    assert Message.objects.last().text == "Yes, for the first month."


def test_a_newer_version_is_taken_without_a_script(open_browser, supervisor, talkative):
    page = open_browser(java_script_enabled=False)
    sign_in(page, supervisor, to=f"/admin/applications/application/{talkative.pk}/change/")

    page.get_by_role("button", name="Take the newer version").click()

    page.get_by_text("The newer version counts now").wait_for()
    assert talkative.documents.current().get(kind="cv").version == 2
