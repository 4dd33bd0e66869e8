"""Who still waits for a place, and whose turn it would be: only a place that is free and promised to nobody counts."""

import datetime

import pytest
from django.utils import timezone

from applications import places, workflow
from applications.models import Application

pytestmark = pytest.mark.django_db


@pytest.fixture
def on_waiting_list(make_application):
    """Put a student on the waiting list since so many days."""

    def put(name: str, days: int) -> Application:
        application = make_application(full_name=name, email=f"{name}@example.org", status="waitlisted")
        since = timezone.now() - datetime.timedelta(days=days)
        Application.objects.filter(pk=application.pk).update(status_changed_at=since)
        return application

    return put


@pytest.fixture
def one_place(project):
    project.places = 1
    project.save()
    return project


def test_the_longest_on_the_waiting_list_is_suggested(one_place, on_waiting_list):
    on_waiting_list("bob", 3)
    ada = on_waiting_list("ada", 8)
    assert places.suggestion(one_place) == ada
    assert places.places_to_give(one_place) == 1


def test_nobody_is_suggested_when_nobody_is_on_the_waiting_list(one_place, application):
    assert places.suggestion(one_place) is None


def test_nobody_is_suggested_where_places_have_no_limit(project, on_waiting_list):
    on_waiting_list("ada", 8)
    assert places.places_to_give(project) is None
    assert places.suggestion(project) is None


def test_a_place_that_is_taken_is_not_free(one_place, on_waiting_list):
    on_waiting_list("ada", 8)
    one_place.places_taken = 1
    assert places.suggestion(one_place) is None


def test_a_place_that_an_offer_promises_is_not_free(one_place, on_waiting_list, make_application, supervisor):
    ada = on_waiting_list("ada", 8)
    offered = make_application(email="eve@example.org", status="offered")
    assert places.suggestion(one_place) is None

    workflow.withdraw(offered)
    assert places.suggestion(one_place) == ada


def test_a_place_that_a_staged_offer_promises_is_not_free(one_place, on_waiting_list, supervisor):
    ada, bob = on_waiting_list("ada", 8), on_waiting_list("bob", 3)
    staged = workflow.stage(ada, "offered", by=supervisor)
    assert places.suggestion(one_place) is None

    workflow.clear(staged, by=supervisor)
    assert places.suggestion(one_place) == ada

    one_place.places = 2
    workflow.stage(ada, "offered", by=supervisor)
    assert places.suggestion(one_place) == bob


def test_whoever_is_decided_about_is_passed_over(one_place, on_waiting_list, supervisor):
    ada, bob = on_waiting_list("ada", 8), on_waiting_list("bob", 3)
    workflow.stage(ada, "declined", by=supervisor)
    assert places.suggestion(one_place) == bob


def test_a_place_that_becomes_free_again_is_suggested_to_the_waiting_list(
    one_place, on_waiting_list, make_application, supervisor
):
    ada = on_waiting_list("ada", 8)
    eve = make_application(email="eve@example.org", status="offered")
    workflow.accept_offer(eve)
    one_place.refresh_from_db()
    assert places.suggestion(one_place) is None

    workflow.decide(eve, "declined", by=supervisor, reason="Cannot come after all.")
    one_place.refresh_from_db()
    assert places.suggestion(one_place) == ada


def test_an_offer_that_lapses_frees_its_promise_and_no_place(one_place, on_waiting_list, make_application):
    ada = on_waiting_list("ada", 8)
    make_application(email="eve@example.org", status="offered")
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    Application.objects.filter(status="offered").update(offer_lapses_on=yesterday)

    assert workflow.lapse_offers() == 1

    one_place.refresh_from_db()
    assert one_place.places_taken == 0
    assert places.suggestion(one_place) == ada


def test_those_still_wait_whom_nobody_has_answered(project, make_application, other_project):
    for number, status in enumerate(
        ["received", "in_review", "interview", "waitlisted", "offered", "accepted", "declined", "withdrawn"]
    ):
        make_application(email=f"s{number}@example.org", status=status)
    make_application(to=other_project, email="elsewhere@example.org")

    waiting = places.still_waiting(project)

    assert [application.status for application in waiting] == ["received", "in_review", "interview", "waitlisted"]


@pytest.mark.parametrize(
    ("places_", "taken", "is_closed", "expected"),
    [(1, 1, False, True), (1, 0, False, False), (1, 0, True, True), (None, 5, False, False), (None, 0, True, True)],
)
def test_nobody_else_fits_when_it_is_full_or_closed(project, places_, taken, is_closed, expected):
    project.places, project.places_taken = places_, taken
    project.closed_at = timezone.now() if is_closed else None
    assert places.nobody_else_fits(project) == expected
