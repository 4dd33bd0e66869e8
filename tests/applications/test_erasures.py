"""That something was erased, without whose it was; and how the wish to be erased reaches who may fulfil it."""

import datetime

import pytest
from django.urls import reverse

from applications import workflow
from applications.models import Application, Erasure

pytestmark = pytest.mark.django_db

RECORD = reverse("admin:applications_erasure_changelist")
LIST = reverse("admin:applications_application_changelist")
WISH = "The student asks that this is erased (since 14 March 2026)."


def review_page(application) -> str:
    return reverse("admin:applications_application_change", args=[application.pk])


def text_of(browser, address: str) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def asked(make_application) -> Application:
    application = workflow.ask_for_erasure(make_application(status="accepted"))
    Application.objects.filter(pk=application.pk).update(
        erasure_asked_at=datetime.datetime(2026, 3, 14, 12, tzinfo=datetime.UTC)
    )
    application.refresh_from_db()
    return application


# The record


def test_the_record_says_what_was_erased_and_why_and_never_whose_it_was(signed_in, superuser, application):
    workflow.erase(application, cause=Erasure.Cause.STUDENT)
    erasure = Erasure.objects.get()
    browser = signed_in(superuser)

    for page in (text_of(browser, RECORD), text_of(browser, f"{RECORD}{erasure.pk}/change/")):
        for words in ("The student asked for it", application.project.title, "Received"):
            assert words in page
        for words in (application.full_name, application.email, application.reference):
            assert words not in page


def test_nothing_in_the_record_can_be_changed_by_anybody(signed_in, superuser, application):
    workflow.erase(application)
    erasure = Erasure.objects.get()
    browser = signed_in(superuser)

    assert browser.post(f"{RECORD}{erasure.pk}/change/", {"cause": "expired"}).status_code == 403
    assert browser.post(f"{RECORD}{erasure.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Erasure.objects.get().cause == Erasure.Cause.REVIEWER


@pytest.mark.parametrize("who", ["supervisor", "co_advisor", "staff_without_rights"])
def test_the_record_is_for_superusers_only(request, signed_in, who):
    assert signed_in(request.getfixturevalue(who)).get(RECORD).status_code == 403


def test_the_record_costs_the_same_number_of_questions_for_1_and_for_50(
    signed_in, superuser, project, django_assert_num_queries
):
    def erased(number: int) -> None:
        for _each in range(number):
            Erasure.objects.create(
                cause="expired", project=project, status="declined", received_on="2026-01-01", documents=2, letters=3
            )

    browser = signed_in(superuser)
    erased(1)
    browser.get(RECORD)
    with django_assert_num_queries(5):
        browser.get(RECORD)
    erased(49)
    with django_assert_num_queries(5):
        browser.get(RECORD)


# The wish


def test_the_wish_to_be_erased_stands_on_the_review_page_with_the_way_to_it(signed_in, supervisor, asked):
    page = text_of(signed_in(supervisor), review_page(asked))
    head = page.split("review-marks")[1].split("</ul>")[0]
    assert WISH in head
    assert reverse("admin:applications_application_erase", args=[asked.pk]) in head


def test_a_co_advisor_reads_the_wish_without_the_way_to_it(signed_in, co_advisor, asked):
    page = text_of(signed_in(co_advisor), review_page(asked))
    assert WISH in page
    assert reverse("admin:applications_application_erase", args=[asked.pk]) not in page


def test_the_list_marks_whose_student_asks_for_it(signed_in, supervisor, asked, make_application):
    make_application(email="bob@example.org")
    page = text_of(signed_in(supervisor), LIST)
    assert page.count("To be erased") == 1
    assert WISH in page


def test_without_the_wish_nothing_is_said(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    assert "asks that this is erased" not in text_of(browser, review_page(application)) + text_of(browser, LIST)


@pytest.mark.parametrize(("wish", "cause"), [(True, "student"), (False, "reviewer")])
def test_the_record_tells_whether_the_student_had_asked(signed_in, supervisor, make_application, wish, cause):
    application = make_application(status="accepted")
    if wish:
        workflow.ask_for_erasure(application)
    signed_in(supervisor).post(reverse("admin:applications_application_erase", args=[application.pk]))
    assert Erasure.objects.get().cause == cause
