"""Entering by hand what came by e-mail: with the student's checks and words, once, and only to one's own projects."""

import datetime
import html
import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import workflow
from applications.models import Application, Event, Letter, Upload
from projects.models import Project
from tests import pdfs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ADD = reverse("admin:applications_application_add")
LIST = reverse("admin:applications_application_changelist")


@pytest.fixture
def desk(signed_in, supervisor) -> Client:
    return signed_in(supervisor)


@pytest.fixture
def fields(project):
    """What a browser sends after a reviewer has typed in the little that an e-mail says."""

    def fill_in(browser: Client, **changed) -> dict:
        nonce = re.search(r'name="nonce" value="([^"]+)"', browser.get(ADD).content.decode())[1]
        filled = {
            "project": project.pk,
            "received_on": timezone.localdate().isoformat(),
            "full_name": "Ada Example",
            "email": "ada@example.org",
            "nonce": nonce,
        } | changed
        return {name: value for name, value in filled.items() if value is not None}

    return fill_in


def words(response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def kept(response, field: str) -> list[str]:
    return re.findall(f'name="kept_{field}" value="([^"]+)"', response.content.decode())


# What is entered


def test_name_address_and_project_are_enough_and_the_student_gets_the_link(desk, fields, supervisor, project):
    response = desk.post(ADD, fields(desk), follow=True)

    application = Application.objects.get()
    assert response.redirect_chain == [(reverse("admin:applications_application_change", args=[application.pk]), 302)]
    assert "A letter with the link goes to ada@example.org" in words(response)
    assert (application.project, application.entered_by, application.status) == (project, supervisor, "received")
    assert not application.is_consented
    assert not application.is_confirmed
    assert {(letter.kind, letter.recipient) for letter in application.letters.all()} == {
        ("entered", "ada@example.org"),
        ("notice_received", "carl@example.org"),
    }
    assert [(event.kind, event.actor) for event in application.events.all()] == [("entered", "reviewer")]


def test_everything_the_email_says_can_be_entered_with_its_documents(
    desk, fields, answers, cv_file, transcript_file, stored_files
):
    came = timezone.localdate() - datetime.timedelta(days=3)
    sent = fields(
        desk,
        **answers | {"earliest_start": answers["earliest_start"].isoformat(), "links": "example.org/ada"},
        received_on=came.isoformat(),
        cv=cv_file(),
        transcripts=[transcript_file("one.pdf"), transcript_file("two.pdf")],
    )

    desk.post(ADD, sent)

    application = Application.objects.get()
    assert application.answers == {name: answers[name] for name in Application.ANSWERS}
    assert timezone.localdate(application.received_at) == came
    assert [document.original_name for document in application.current_documents()] == ["cv.pdf", "one.pdf", "two.pdf"]
    assert not Upload.objects.exists()
    assert len(stored_files()) == 3


def test_a_co_advisor_enters_applications_too(signed_in, co_advisor, fields):
    browser = signed_in(co_advisor)
    browser.post(ADD, fields(browser))
    assert Application.objects.get().entered_by == co_advisor


def test_looking_at_the_page_enters_nothing(desk, project):
    assert "Enter an application that came by e-mail" in words(desk.get(ADD))
    assert not Application.objects.exists()


def test_the_list_leads_to_the_page(desk):
    assert f'href="{ADD}"' in desk.get(LIST).content.decode()


def test_a_double_click_enters_one_application_and_shows_it(desk, fields, cv_file):
    sent = fields(desk)
    first = desk.post(ADD, sent | {"cv": cv_file()})
    second = desk.post(ADD, sent | {"cv": cv_file()})

    assert second.url == first.url
    assert Application.objects.count() == 1
    assert Letter.objects.filter(to_student=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_form_twice_at_the_same_moment_enters_one_application(at_once, project, supervisor):
    answers = {"full_name": "Ada Example", "email": "ada@example.org"}

    def enter():
        return workflow.enter_by_hand(project, answers=answers, uploads=[], by=supervisor, nonce="one")

    one, two = at_once(enter, enter)

    assert one == two == Application.objects.get()


# What is refused


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"project": ""}, "Please choose the project."),
        ({"project": "9" * 30}, "Please choose one of your projects"),
        ({"project": "²"}, "Please choose one of your projects"),
        ({"full_name": ""}, "Please enter the student’s name."),
        ({"email": ""}, "Please enter the student’s e-mail address."),
        ({"email": "ada"}, "This is not a complete e-mail address."),
        ({"received_on": ""}, "Please enter the day on which the e-mail came."),
        ({"received_on": "last Monday"}, "Please write the date as year-month-day"),
        ({"earliest_start": "2020-02-01"}, "This day has passed."),
    ],
)
def test_what_is_missing_or_wrong_is_asked_for_in_words(desk, fields, changed, expected):
    response = desk.post(ADD, fields(desk, **changed))
    assert response.status_code == 200
    assert expected in words(response)
    assert not Application.objects.exists()


def test_the_email_cannot_have_come_tomorrow_or_years_ago(desk, fields):
    tomorrow = timezone.localdate() + datetime.timedelta(days=1)
    assert "still to come" in words(desk.post(ADD, fields(desk, received_on=tomorrow.isoformat())))
    years_ago = timezone.localdate() - datetime.timedelta(days=800)
    assert "more than a year ago" in words(desk.post(ADD, fields(desk, received_on=years_ago.isoformat())))
    assert not Application.objects.exists()


def test_a_refused_file_keeps_the_good_ones_and_the_next_post_uses_them(desk, fields, cv_file, transcript_file):
    sent = fields(desk, cv=cv_file(), transcripts=[transcript_file("word.pdf", b"PK\x03\x04 a Word file")])

    response = desk.post(ADD, sent)

    assert "“word.pdf”" in words(response)
    assert not Application.objects.exists()
    tokens = kept(response, "cv")
    assert len(tokens) == 1
    desk.post(ADD, fields(desk, kept_cv=tokens))
    assert [d.original_name for d in Application.objects.get().current_documents()] == ["cv.pdf"]


def test_a_file_past_the_limit_is_refused_in_the_students_words(desk, fields, cv_file, settings):
    settings.DOCUMENT_MAX_BYTES = 1000
    response = desk.post(ADD, fields(desk, cv=cv_file(content=pdfs.cv(pages=5))))
    assert response.status_code == 413
    assert "is larger than" in words(response)
    assert not Application.objects.exists()


def test_an_application_that_is_there_already_is_named_with_a_link(desk, fields, application):
    response = desk.post(ADD, fields(desk, email="ADA@example.org"))
    assert f"already: {application.reference}." in words(response)
    assert reverse("admin:applications_application_change", args=[application.pk]) in response.content.decode()
    assert Application.objects.count() == 1
    assert not application.letters.filter(kind="entered").exists()


def test_after_a_withdrawal_it_may_be_entered_again(desk, fields, application):
    workflow.withdraw(application)
    desk.post(ADD, fields(desk))
    assert Application.objects.count() == 2


def test_a_closed_project_takes_no_application_and_the_page_says_so(desk, fields, project):
    Project.objects.update(closed_at=timezone.now())
    response = desk.post(ADD, fields(desk))
    assert "Project: This project is closed" in words(response)
    assert f"{project.title} (Closed)" in words(response)
    assert not Application.objects.exists()


def test_an_email_that_came_before_the_deadline_counts_and_one_after_it_does_not(desk, fields, project):
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    Project.objects.update(deadline=yesterday)

    late = desk.post(ADD, fields(desk))
    assert "On that day the deadline of this project had passed." in words(late)
    assert not Application.objects.exists()

    desk.post(ADD, fields(desk, received_on=yesterday.isoformat()))
    assert Application.objects.count() == 1


def test_nobody_enters_to_a_project_of_others(signed_in, other_supervisor, other_project, fields, project):
    browser = signed_in(other_supervisor)
    response = browser.post(ADD, fields(browser))
    assert "Please choose one of your projects" in words(response)
    assert project.title not in words(response)
    assert not Application.objects.exists()


def test_an_unpublished_project_is_no_choice(desk, fields, project, topic, supervisor):
    Project.objects.create(title="Another", topic=topic, supervisor=supervisor)
    sent = fields(desk)
    Project.objects.filter(pk=project.pk).update(is_published=False)
    assert "Please choose one of your projects" in words(desk.post(ADD, sent))
    assert not Application.objects.exists()


def test_without_a_published_project_the_page_says_so_and_has_no_form(signed_in, other_supervisor):
    response = signed_in(other_supervisor).get(ADD)
    assert "You have no published project" in words(response)
    assert "multipart/form-data" not in response.content.decode()


def test_whoever_may_only_look_enters_nothing_and_sees_no_button(signed_in, supervisor, project):
    supervisor.groups.clear()
    supervisor.user_permissions.add(Permission.objects.get(codename="view_application"))
    browser = signed_in(supervisor)
    assert browser.get(ADD).status_code == browser.post(ADD, {}).status_code == 403
    assert ADD not in browser.get(LIST).content.decode()


def test_a_nonce_of_somebody_else_opens_nothing(signed_in, supervisor, co_advisor, fields):
    first = signed_in(supervisor)
    sent = fields(first)
    first.post(ADD, sent)
    response = signed_in(co_advisor).post(ADD, sent)
    assert response.status_code == 200  # the duplicate is refused in words, as for any other form
    assert Application.objects.count() == 1


def test_a_full_disk_loses_no_word(desk, fields, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    sent = fields(desk, motivation="Aligning things.")
    monkeypatch.setattr(workflow, "enter_by_hand", fail)
    response = desk.post(ADD, sent)
    assert response.status_code == 503
    assert "Aligning things." in words(response)


def test_the_start_that_no_email_named_is_known_to_be_unknown(desk, fields):
    desk.post(ADD, fields(desk, received_on=(timezone.localdate() - datetime.timedelta(days=9)).isoformat()))
    application = Application.objects.get()
    assert application.earliest_start is None
    assert Event.objects.count() == 1
