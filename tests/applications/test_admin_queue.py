"""The order of reading: what comes first for whom, and what comes after what."""

import datetime

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.utils import timezone
from django.utils.http import urlencode

from applications import workflow
from applications.admin import queue
from applications.models import Application, Reading
from applications.statuses import Status

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/application/"


@pytest.fixture
def several(make_application):
    """As many applications as wanted, without names of their own."""

    def make(number: int) -> list[Application]:
        return [make_application(email=f"p{each}@example.org", full_name=f"Person {each}") for each in range(number)]

    return make


def ids_of(rows) -> list[int]:
    return list(rows.values_list("pk", flat=True))


@pytest.fixture
def rows_for():
    """The rows of the list with these filters, as the review page of this person asks for them."""

    def rows(user, **filters):
        request = RequestFactory().get("/", {queue.FILTERS: urlencode(filters)})
        request.user = user
        return queue.listed(admin.site.get_model_admin(Application), request)

    return rows


def test_the_list_begins_with_what_one_was_asked_then_what_is_overdue_then_what_waits(
    client, supervisor, co_advisor, several, settings
):
    answered, waiting, overdue, asked = several(4)
    Application.objects.filter(pk=answered.pk).update(status=Status.DECLINED)
    long_ago = timezone.now() - datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS + 2)
    Application.objects.filter(pk=overdue.pk).update(received_at=long_ago)
    workflow.ask(asked, [co_advisor], by=supervisor)
    client.force_login(co_advisor)

    def listed():
        return list(client.get(LIST).context["cl"].result_list)

    assert listed() == [asked, overdue, waiting, answered]
    workflow.review(asked, rating=3, by=co_advisor)
    assert listed() == [overdue, waiting, asked, answered]


def test_what_few_have_rated_comes_before_what_many_have_rated(supervisor, co_advisor, superuser, several, rows_for):
    twice, once, never = several(3)
    for reviewer in (co_advisor, superuser):
        workflow.review(twice, rating=5, by=reviewer)
    workflow.review(once, rating=1, by=co_advisor)

    assert list(rows_for(supervisor)) == [never, once, twice]


def test_each_reviewer_has_an_order_of_their_own_that_stays(supervisor, co_advisor, several, rows_for):
    several(12)

    orders = [ids_of(rows_for(person)) for person in (supervisor, co_advisor, supervisor, co_advisor)]

    assert orders[0] == orders[2]
    assert orders[1] == orders[3]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_previous_and_next_follow_the_list_as_sorted_searched_and_filtered(client, supervisor, several, rows_for):
    several(4)
    client.force_login(supervisor)
    for filters in ({}, {"o": "2"}, {"o": "-2"}, {"q": "Person", "o": "-2"}, {"status": "received", "p": "1"}):
        shown = [application.pk for application in client.get(LIST, filters).context["cl"].result_list]
        rows = rows_for(supervisor, **filters)

        line = queue.Queue.read(supervisor, rows)
        assert line.ids == shown
        assert line.place_of(shown[1]) == queue.Place(2, 4, shown[0], shown[2])


def test_filters_that_make_no_sense_leave_the_plain_list(supervisor, several, rows_for):
    several(2)

    assert ids_of(rows_for(supervisor, no_such_column="1")) == ids_of(rows_for(supervisor))


def test_the_queue_is_read_with_two_questions(supervisor, several, django_assert_num_queries):
    several(3)
    rows = Application.objects.visible_to(supervisor).order_by(*queue.order_for(supervisor))

    with django_assert_num_queries(2):
        line = queue.Queue.read(supervisor, rows)
        line.place_of(line.ids[0])
        line.done()
        line.next_unread(line.ids[0])


def test_a_place_outside_of_the_list_leads_to_its_beginning():
    assert queue.Queue([1, 2], {}).place_of(9) == queue.Place(None, 2, None, 1)
    assert queue.Queue([], {}).place_of(9) == queue.Place(None, 0, None, None)


def test_progress_counts_what_one_has_read_or_abstained_from_in_this_list(supervisor, co_advisor, several):
    read, abstained, skipped, untouched, elsewhere = several(5)
    for application, state in ((read, "read"), (abstained, "abstained"), (skipped, "skipped"), (elsewhere, "read")):
        Reading.objects.create(application=application, reviewer=supervisor, state=state)
    Reading.objects.create(application=untouched, reviewer=co_advisor, state="read")

    rows = Application.objects.exclude(pk=elsewhere.pk)
    assert queue.Queue.read(supervisor, rows).done() == 2
    assert queue.Queue.read(supervisor, rows.none()).done() == 0


def test_next_unread_goes_on_from_here_round_the_end_and_takes_skipped_ones_last(supervisor, several):
    ids = [application.pk for application in several(5)]
    first, skipped, here, read, last = ids
    Reading.objects.create(application_id=skipped, reviewer=supervisor, state="skipped")
    Reading.objects.create(application_id=read, reviewer=supervisor, state="read")

    def following(pk):
        return queue.Queue.read(supervisor, Application.objects.order_by("pk")).next_unread(pk)

    assert following(here) == last
    assert following(last) == first
    for pk in (first, here, last):
        Reading.objects.create(application_id=pk, reviewer=supervisor, state="abstained")
    assert following(here) == skipped
    Reading.objects.filter(application_id=skipped).update(state="read")
    assert following(here) is None


def test_the_only_unread_one_is_not_its_own_next(supervisor, application):
    assert queue.Queue.read(supervisor, Application.objects.all()).next_unread(application.pk) is None


def test_next_open_passes_over_what_is_answered(supervisor, several, rows_for):
    several(3)
    ids = ids_of(rows_for(supervisor, o="2"))
    Application.objects.filter(pk=ids[1]).update(status=Status.ACCEPTED)

    assert queue.next_open(ids[0], rows_for(supervisor, o="2")) == ids[2]
    assert queue.next_open(ids[2], rows_for(supervisor, o="2")) == ids[0]
