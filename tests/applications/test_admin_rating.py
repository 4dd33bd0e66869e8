"""Rating on the review page: one's own, and colleagues' only afterwards."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError

from applications import workflow
from applications.models import Event, Review
from applications.statuses import Status
from applications.tokens import manage_token

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/application/"
CANARY = "a canary sings"


def rate(browser, application, **words):
    return browser.post(f"{LIST}{application.pk}/review/", words)


def page_of(browser, application) -> str:
    return browser.get(f"{LIST}{application.pk}/change/").content.decode()


def test_a_reviewer_rates_and_reading_has_begun(signed_in, supervisor, application):
    response = rate(signed_in(supervisor), application, rating="4", comment="Solid grades.")

    review = Review.objects.get()
    application.refresh_from_db()
    assert (review.reviewer, review.rating, review.comment) == (supervisor, 4, "Solid grades.")
    assert application.status == Status.IN_REVIEW
    assert response["Location"].endswith("#ratings")


def test_no_rating_is_chosen_beforehand_and_none_is_refused_with_the_comment_kept(signed_in, supervisor, application):
    browser = signed_in(supervisor)

    assert " checked" not in page_of(browser, application)
    refused = rate(browser, application, comment="I am not sure yet.")

    assert "Please choose a rating." in refused.content.decode()
    assert "I am not sure yet." in refused.content.decode()
    assert not Review.objects.exists()


@pytest.mark.parametrize("rating", ["0", "6", "-1", "five", "3.5", "5\0"])
def test_a_rating_outside_of_1_to_5_is_refused(signed_in, supervisor, application, rating):
    assert rate(signed_in(supervisor), application, rating=rating).status_code == 200
    assert not Review.objects.exists()


def test_the_database_refuses_it_too(supervisor, application):
    with pytest.raises(IntegrityError):
        Review.objects.create(application=application, reviewer=supervisor, rating=6)


def test_rating_again_changes_ones_own_and_is_one_line_of_history(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    rate(browser, application, rating="2")
    rate(browser, application, rating="5", comment="After the talk.")

    review = Review.objects.get()
    assert (review.rating, review.comment) == (5, "After the talk.")
    assert application.events.filter(kind=Event.Kind.RATED).count() == 1


def test_a_colleagues_rating_is_hidden_until_ones_own_is_in(signed_in, supervisor, co_advisor, application):
    workflow.review(application, rating=1, comment=CANARY, by=co_advisor)
    browser = signed_in(supervisor)

    before = page_of(browser, application)
    history = browser.get(f"{LIST}{application.pk}/history/").content.decode()
    rate(browser, application, rating="3")
    after = page_of(browser, application)

    assert "1 colleague has rated" in before
    for words in (CANARY, "1 · Not suitable"):
        assert words not in before + history
        assert words in after


def test_the_log_of_the_admin_does_not_say_how_somebody_rated(signed_in, supervisor, application):
    rate(signed_in(supervisor), application, rating="2", comment=CANARY)

    entry = LogEntry.objects.get()
    assert CANARY not in entry.change_message
    assert "2" not in entry.change_message


def test_the_student_learns_nothing_of_ratings(client, co_advisor, application):
    workflow.review(application, rating=5, comment=CANARY, by=co_advisor)

    page = client.get(f"/applications/open/{manage_token(application)}/", follow=True).content.decode()

    assert application.reference in page
    assert CANARY not in page
    assert "Rating" not in page


@pytest.mark.parametrize(("who", "status"), [("other_supervisor", 404), ("staff_without_rights", 403)])
def test_nobody_else_rates(request, signed_in, application, who, status):
    response = rate(signed_in(request.getfixturevalue(who)), application, rating="3")

    assert response.status_code == status
    assert not Review.objects.exists()


def test_an_erased_application_takes_its_ratings_along(supervisor, application):
    workflow.review(application, rating=3, comment=CANARY, by=supervisor)

    workflow.erase(application)

    assert not Review.objects.exists()
