"""The record of who opened what, when and how: of reviewers, never of students or of people who were refused."""

import datetime
import logging

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import exports, openings, renditions, workflow
from applications.admin import panels
from applications.admin.exporting import rows_as_listed
from applications.models import Application, Opening

pytestmark = pytest.mark.django_db

EXPORT = "/admin/applications/application/export/"


def review_page(application) -> str:
    return reverse("admin:applications_application_change", args=[application.pk])


def noted() -> list[tuple]:
    """Who opened which thing in which way."""
    return [
        (row.user_name, row.document.label if row.document else "application", row.way)
        for row in Opening.objects.select_related("document").order_by("pk")
    ]


def look(browser, address: str, method: str = "get", **query) -> int:
    """Open it to its end; how it was answered."""
    response = getattr(browser, method)(address, query)
    b"".join(response)
    return response.status_code


def page_image(document, number: int) -> str:
    return reverse("applications:page_image", args=[document.pk, number])


@pytest.fixture
def cv(application):
    return application.current_documents()[0]


@pytest.fixture
def transcript(application):
    return application.current_documents()[1]


# Reviewers


@pytest.mark.parametrize("who", ["supervisor", "co_advisor", "superuser"])
def test_a_reviewer_who_opens_an_application_is_noted_with_name_and_time(request, signed_in, application, who):
    user = request.getfixturevalue(who)
    before = timezone.now()

    look(signed_in(user), review_page(application))

    row = Opening.objects.get()
    assert (row.application, row.document, row.user, row.way) == (application, None, user, "read")
    assert row.user_name == user.get_full_name()
    assert before <= row.first_at == row.last_at <= timezone.now()
    assert row.day == timezone.localdate()


def test_reading_and_downloading_a_document_are_told_apart(signed_in, supervisor, cv):
    browser = signed_in(supervisor)

    look(browser, cv.get_absolute_url())
    look(browser, cv.get_absolute_url(), download="1")

    assert noted() == [("Sofia Supervisor", "CV", "read"), ("Sofia Supervisor", "CV", "downloaded")]


@pytest.mark.parametrize("number", [1, 2])
def test_the_image_of_any_page_counts_as_reading_and_the_others_not_again(signed_in, supervisor, transcript, number):
    renditions.make_missing()
    browser = signed_in(supervisor)

    assert look(browser, page_image(transcript, number)) == 200
    assert noted() == [("Sofia Supervisor", "Transcript 1", "read")]
    assert look(browser, page_image(transcript, 3 - number)) == 200
    look(browser, transcript.get_absolute_url())

    assert noted() == [("Sofia Supervisor", "Transcript 1", "read")]


def test_asking_only_for_the_headers_opens_nothing(signed_in, supervisor, application, cv):
    browser = signed_in(supervisor)
    for address in (review_page(application), cv.get_absolute_url()):
        assert look(browser, address, "head") == 200
    assert noted() == []


def test_what_is_compared_is_opened(signed_in, supervisor, make_application):
    ada, bob, eve = (make_application(email=f"{name}@example.org") for name in ("ada", "bob", "eve"))

    page = reverse("admin:applications_application_compare")
    assert look(signed_in(supervisor), page, ids=f"{ada.pk},{bob.pk}") == 200

    assert set(Opening.objects.values_list("application", "document", "way")) == {
        (ada.pk, None, "read"),
        (bob.pk, None, "read"),
    }
    assert not eve.openings.exists()


def test_posting_a_note_opens_nothing(signed_in, supervisor, application):
    signed_in(supervisor).post(reverse("admin:applications_application_note", args=[application.pk]), {"text": "Hm."})
    assert noted() == []


def test_a_reviewer_is_noted_also_in_a_browser_that_came_by_the_manage_link(
    signed_in, supervisor, application, cv, open_by_link
):
    look(open_by_link(application, signed_in(supervisor)), cv.get_absolute_url())
    assert noted() == [("Sofia Supervisor", "CV", "read")]


def test_a_reviewer_who_has_got_hold_of_the_link_is_noted_on_the_student_s_pages(
    signed_in, supervisor, application, open_by_link
):
    browser = open_by_link(application, signed_in(supervisor))
    assert look(browser, application.get_absolute_url()) == 200
    assert look(browser, reverse("applications:everything", args=[application.reference])) == 200
    assert noted() == [("Sofia Supervisor", "application", "read"), ("Sofia Supervisor", "application", "exported")]


@pytest.mark.parametrize("who", ["other_supervisor", "staff_without_rights"])
def test_somebody_with_an_account_who_applied_is_a_student_there(request, signed_in, application, open_by_link, who):
    browser = open_by_link(application, signed_in(request.getfixturevalue(who)))
    assert look(browser, application.get_absolute_url()) == 200
    assert look(browser, reverse("applications:everything", args=[application.reference])) == 200
    assert noted() == []


def test_a_very_long_name_is_noted_as_far_as_there_is_room(supervisor, application):
    supervisor.first_name, supervisor.last_name = "F" * 150, "L" * 150
    supervisor.save()
    openings.note_opened(application, supervisor)
    workflow.write(application, subject="Hello", body="Welcome.", by=supervisor)
    names = [Opening.objects.get().user_name, application.messages.get().author]
    names += application.events.filter(user=supervisor).values_list("actor_name", flat=True)
    assert len(names) > 2
    assert set(names) == {("F" * 150 + " " + "L" * 150)[:200]}


# One row a day


def test_a_page_that_is_loaded_again_costs_no_write(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    look(browser, review_page(application))
    first = Opening.objects.get()

    with connection.execute_wrapper(_refuse_writing_openings):
        assert look(browser, review_page(application)) == 200

    assert Opening.objects.get().last_at == first.last_at


def _refuse_writing_openings(execute, sql, params, many, context):
    assert not (sql.startswith(("INSERT", "UPDATE")) and Opening._meta.db_table in sql)
    return execute(sql, params, many, context)


def test_opened_again_later_on_the_same_day_only_the_last_time_changes(supervisor, application):
    openings.note_opened(application, supervisor)
    earlier = timezone.now() - datetime.timedelta(minutes=2)
    Opening.objects.update(first_at=earlier, last_at=earlier)

    openings.note_opened(application, supervisor)

    row = Opening.objects.get()
    assert row.first_at == earlier
    assert row.last_at > earlier


def test_opened_on_another_day_there_is_another_row(supervisor, application):
    openings.note_opened(application, supervisor)
    Opening.objects.update(day=timezone.localdate() - datetime.timedelta(days=1))

    openings.note_opened(application, supervisor)

    assert Opening.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_leave_one_row(supervisor, application, cv, at_once):
    outcomes = at_once(*[lambda: openings.note_opened(application, supervisor, document=cv)] * 4)

    assert outcomes == [None] * 4
    assert noted() == [("Sofia Supervisor", "CV", "read")]


# Reading goes on


def test_a_page_is_shown_also_when_the_opening_cannot_be_noted(signed_in, supervisor, application, cv, caplog):
    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT") and Opening._meta.db_table in sql:
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    browser = signed_in(supervisor)
    with connection.execute_wrapper(fail), caplog.at_level(logging.ERROR):
        assert look(browser, review_page(application)) == 200
        assert look(browser, cv.get_absolute_url()) == 200

    assert caplog.text.count("is not noted") == 2
    assert noted() == []


@pytest.mark.django_db(transaction=True)
def test_an_application_that_was_erased_meanwhile_keeps_the_others_from_nothing(supervisor, make_application, caplog):
    ada, bob = make_application(), make_application(email="bob@example.org")
    gone = ada.pk
    workflow.erase(ada)

    openings.note_exported([(gone, None), (bob.pk, None)], supervisor)

    assert list(Opening.objects.values_list("application", flat=True)) == [bob.pk]


# Nobody else


def test_students_are_not_noted(application, cv, open_by_link):
    renditions.make_missing()
    browser = open_by_link(application)

    for address in (application.get_absolute_url(), cv.get_absolute_url(), page_image(cv, 1)):
        assert look(browser, address) == 200
    assert look(browser, reverse("applications:everything", args=[application.reference])) == 200

    assert noted() == []


@pytest.mark.parametrize("who", ["other_supervisor", "staff_without_rights", "user_without_staff_access", None])
def test_who_is_refused_is_not_noted(request, signed_in, application, cv, who):
    renditions.make_missing()
    browser = signed_in(request.getfixturevalue(who)) if who else Client()

    for address in (review_page(application), cv.get_absolute_url(), page_image(cv, 1)):
        assert look(browser, address) in (302, 403, 404)

    assert noted() == []


# Exports


def exported() -> set[tuple]:
    return set(Opening.objects.filter(way="exported").values_list("application", "document", "user_name"))


def test_an_archive_takes_out_documents_and_a_table_takes_out_applications(signed_in, supervisor, make_application):
    ada, bob = make_application(), make_application(email="bob@example.org")
    browser = signed_in(supervisor)
    name = supervisor.get_full_name()

    look(browser, EXPORT)
    assert exported() == set()
    b"".join(browser.post(EXPORT, {"format": "zip"}).streaming_content)
    assert exported() == {(each.pk, doc.pk, name) for each in (ada, bob) for doc in each.current_documents()}

    Opening.objects.all().delete()
    b"".join(browser.post(EXPORT, {"format": "csv"}).streaming_content)
    assert exported() == {(each.pk, None, name) for each in (ada, bob)}


def test_an_export_costs_the_same_number_of_questions_for_one_and_for_many(
    supervisor, make_application, django_assert_num_queries
):
    few = [(make_application().pk, None)]
    many = [(make_application(email=f"p{number}@example.org").pk, None) for number in range(10)]
    for things in (few, many):
        with django_assert_num_queries(4):  # what is there, the rows, and a savepoint around them
            openings.note_exported(things, supervisor)


@pytest.mark.parametrize("export_format", ["zip", "csv"])
def test_what_the_worker_makes_is_noted_when_it_is_made(supervisor, application, export_format):
    exports.ask(supervisor, export_format, "", 1)
    assert exported() == set()

    assert exports.make_due(rows_as_listed) == 1

    documents = application.current_documents() if export_format == "zip" else [None]
    name = supervisor.get_full_name()
    assert exported() == {(application.pk, document and document.pk, name) for document in documents}


def test_applications_of_others_in_the_request_are_not_noted(signed_in, other_supervisor, application):
    signed_in(other_supervisor).post(f"{EXPORT}?_changelist_filters=id__in%3D{application.pk}", {"format": "zip"})
    assert exported() == set()


# Shown to reviewers, gone with the application


def test_the_review_page_says_who_opened_what_on_which_day(signed_in, supervisor, co_advisor, application, cv):
    openings.note_opened(application, co_advisor, document=cv, way=Opening.Way.DOWNLOADED)
    openings.note_opened(application, co_advisor)
    day = datetime.date(2026, 3, 14)
    Opening.objects.update(day=day)

    assert panels.opened_by(application) == [
        panels.OpenedBy("Carl Coadvisor", {day: ["CV (downloaded)", "the application"]})
    ]
    page = signed_in(supervisor).get(review_page(application)).content.decode()
    section = page.split('<details id="openings">')[1].split("</details>")[0]
    for words in ("Carl Coadvisor", "14 March 2026", "CV (downloaded), the application", "Sofia Supervisor"):
        assert words in section


@pytest.mark.django_db(transaction=True)
def test_the_record_goes_with_the_application(signed_in, supervisor, make_application):
    ada, bob = make_application(), make_application(email="bob@example.org")
    browser = signed_in(supervisor)
    for application in (ada, bob):
        look(browser, review_page(application))
        look(browser, application.current_documents()[0].get_absolute_url())

    workflow.erase(ada)

    assert set(Opening.objects.values_list("application", flat=True)) == {bob.pk}
    assert Application.objects.get() == bob
