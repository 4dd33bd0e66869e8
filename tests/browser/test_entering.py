"""Entering by hand, completing, and who still waits: whole without a script, sound wide and narrow, light and dark."""

import datetime

import pytest
from django.utils import timezone

from applications import documents, workflow
from applications.models import Application, Decision, Document
from applications.tokens import manage_token
from tests import pdfs
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def entered(project, supervisor, cv_file) -> Application:
    answers = {"full_name": "Ada Example", "email": "ada@example.org", "programme": "MSc Computer Science"}
    upload = documents.receive(cv_file(), Document.Kind.CV)
    return workflow.enter_by_hand(project, answers=answers, uploads=[upload], by=supervisor)


@pytest.fixture
def filled(project, make_application, supervisor):
    """Two of three places are taken, an offer is out, and others wait in every way."""
    for number, status in enumerate(["received", "in_review", "interview", "waitlisted", "waitlisted", "offered"]):
        make_application(full_name=f"Student Number-{number}", email=f"s{number}@example.org", status=status)
    Application.objects.filter(status="offered").update(offer_lapses_on=timezone.localdate())
    workflow.stage(Application.objects.get(status="interview"), "declined", by=supervisor)
    project.places, project.places_taken = 4, 2
    project.save()
    return project


def pdf(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/pdf", "buffer": content}


@at_each_width
def test_the_page_for_entering_is_sound_empty_and_with_errors(open_browser, supervisor, application, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)

    page.goto("/admin/applications/application/add/")
    assert_page_is_sound(page)
    page.get_by_label("CV").set_input_files(pdf("cv.pdf", pdfs.cv()))
    page.get_by_label("Transcripts").set_input_files(pdf("photo.pdf", b"no PDF at all"))
    page.get_by_role("button", name="Enter, and write to the student").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Use this file: cv.pdf").is_checked()
    assert_page_is_sound(page)

    page.get_by_label("Name").fill("Ada Example")
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_role("button", name="Enter, and write to the student").click()
    page.get_by_role("link", name=f"Open application {application.reference}").wait_for()
    assert_page_is_sound(page)


@at_each_width
def test_the_page_of_those_who_wait_is_sound_full_and_empty(open_browser, supervisor, filled, other_project, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)
    address = f"/admin/projects/project/{filled.pk}/remaining/"

    page.goto(address)
    page.get_by_role("button", name="Stage an offer").wait_for()
    assert_page_is_sound(page)

    filled.closed_at = timezone.now()
    filled.save()
    page.goto(address)
    assert_page_is_sound(page)

    Decision.objects.all().delete()
    Application.objects.update(status="declined")
    page.goto(address)
    page.get_by_text("Nobody waits for an answer.").wait_for()
    assert_page_is_sound(page)


@at_each_width
def test_the_students_page_and_the_form_for_completing_are_sound(open_browser, entered, width):
    page = open_browser(width=width)

    page.goto(f"/applications/open/{manage_token(entered)}/")
    assert_page_is_sound(page)
    page.get_by_role("link", name="Complete and agree").click()
    assert_page_is_sound(page)
    page.get_by_role("button", name="Complete and agree").click()
    page.get_by_role("alert").wait_for()
    assert_page_is_sound(page)


def test_from_the_email_to_the_students_consent_without_a_script(open_browser, supervisor, project):
    desk = open_browser(java_script_enabled=False)
    sign_in(desk, supervisor)
    desk.goto("/admin/applications/application/")
    desk.get_by_role("link", name="Enter an application").click()
    desk.get_by_label("Name").fill("Ada Example")
    desk.get_by_label("E-mail address").fill("ada@example.org")
    desk.get_by_label("CV").set_input_files(pdf("cv.pdf", pdfs.cv()))
    desk.get_by_role("button", name="Enter, and write to the student").click()
    application = Application.objects.get()
    assert desk.url.endswith(f"/admin/applications/application/{application.pk}/change/")

    student = open_browser(java_script_enabled=False)
    student.goto(f"/applications/open/{manage_token(application)}/")
    student.get_by_role("link", name="Complete and agree").click()
    student.get_by_label("University").fill("University of Examples")
    student.get_by_label("Programme").fill("MSc Computer Science")
    student.get_by_label("Earliest start").fill((timezone.localdate() + datetime.timedelta(days=30)).isoformat())
    student.get_by_label("Why this project?").fill("I would like to align sequences.")
    student.get_by_label("Transcripts").set_input_files(pdf("transcript.pdf", pdfs.transcript()))
    student.get_by_role("button", name="Complete and agree").click()
    student.get_by_label("I agree").check()
    student.get_by_role("button", name="Complete and agree").click()
    student.get_by_text("Thank you. Your application is complete.").wait_for()
    application.refresh_from_db()
    assert application.is_consented


def test_those_who_wait_are_staged_in_one_step_without_a_script(open_browser, supervisor, filled):
    page = open_browser(java_script_enabled=False)
    sign_in(page, supervisor)
    page.goto(f"/admin/projects/project/{filled.pk}/change/")
    page.get_by_role("button", name="Close for applications").click()
    page.get_by_role("link", name="Tick all").click()
    page.get_by_role("button", name="Stage the letter for those ticked").click()
    assert page.url.endswith("/release/")
    assert Decision.objects.staged().filter(letter_kind="filled").count() == 4
