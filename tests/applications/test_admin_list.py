"""The list of applications in the admin: what it shows, to whom, and at what cost."""

import datetime
import html
import re

import pytest
from django.utils import timezone

from applications import workflow
from applications.models import Application, Decision, Event, Reading, Star
from applications.statuses import Status
from projects.models import Criterion

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/application/"


def listed(response) -> list[str]:
    return [application.full_name for application in response.context["cl"].result_list]


def test_a_supervisor_sees_the_applications_to_their_projects_and_no_others(
    client, supervisor, other_supervisor, make_application, other_project
):
    make_application(full_name="Ada Example")
    make_application(other_project, full_name="Berta Beispiel", email="berta@example.org")

    client.force_login(supervisor)
    own = client.get(LIST)
    client.force_login(other_supervisor)
    others = client.get(LIST)

    assert listed(own) == ["Ada Example"]
    assert listed(others) == ["Berta Beispiel"]
    assert "Berta" not in own.content.decode()


def test_search_filters_and_counts_reveal_nothing_of_other_projects(
    client, supervisor, make_application, other_project
):
    make_application(full_name="Ada Example")
    foreign = make_application(other_project, full_name="Berta Beispiel", email="berta@example.org")
    client.force_login(supervisor)

    page = client.get(LIST)

    assert listed(client.get(LIST, {"q": "Berta"})) == []
    assert listed(client.get(LIST, {"q": foreign.reference})) == []
    assert "Berta Beispiel" not in listed(client.get(LIST, {"project__id__exact": other_project.pk}))
    assert other_project.title not in page.content.decode()
    assert [tab["count"] for tab in page.context["status_tabs"]][:3] == [1, 1, 1]


def test_tabs_count_each_status_within_search_and_filters(client, supervisor, make_application):
    statuses = {"Zoe": Status.RECEIVED, "Yan": Status.RECEIVED, "Wim": Status.DECLINED, "Uma": Status.OFFERED}
    for name, status in statuses.items():
        application = make_application(full_name=f"{name} Person", email=f"{name}@example.org")
        Application.objects.filter(pk=application.pk).update(status=status)
    client.force_login(supervisor)

    tabs = {tab["label"]: tab["count"] for tab in client.get(LIST).context["status_tabs"]}
    searched = {tab["label"]: tab["count"] for tab in client.get(LIST, {"q": "Wim Person"}).context["status_tabs"]}

    assert (tabs["All"], tabs["Open"], tabs["Received"], tabs["Declined"], tabs["Offered"]) == (4, 2, 2, 1, 1)
    assert (searched["All"], searched["Declined"], searched["Received"]) == (1, 1, 0)


@pytest.mark.parametrize("status", [*Status.values, "open"])
def test_a_tab_shows_its_status_only(client, supervisor, make_application, status):
    for number, each in enumerate(Status.values):
        application = make_application(full_name=each, email=f"p{number}@example.org")
        Application.objects.filter(pk=application.pk).update(status=each)
    client.force_login(supervisor)

    names = listed(client.get(LIST, {"status": status}))

    expected = ["received", "in_review", "interview", "waitlisted"] if status == "open" else [status]
    assert sorted(names) == sorted(expected)


@pytest.mark.parametrize("said", ["{0}", "{0} ", "lower", "without hyphen"])
def test_a_reference_is_found_as_it_is_said_on_the_phone(client, supervisor, make_application, said):
    application = make_application()
    make_application(full_name="Somebody Else", email="else@example.org")
    words = {
        "lower": application.reference.lower(),
        "without hyphen": application.reference.replace("-", ""),
    }.get(said, said.format(application.reference))
    client.force_login(supervisor)

    assert listed(client.get(LIST, {"q": words})) == [application.full_name]


def test_the_list_says_how_long_a_student_waits(client, supervisor, make_application):
    application = make_application()
    forty_days_ago = timezone.localdate() - datetime.timedelta(days=40)
    noon = datetime.datetime.combine(forty_days_ago, datetime.time(12), timezone.get_current_timezone())
    Application.objects.filter(pk=application.pk).update(received_at=noon)
    client.force_login(supervisor)

    page = client.get(LIST).content.decode()

    assert "40 days" in page
    assert "overdue" in page


def test_the_list_costs_the_same_number_of_queries_for_1_and_for_50_rows(
    client, supervisor, make_application, django_assert_num_queries
):
    make_application()
    client.force_login(supervisor)
    client.get(LIST)  # content types are cached from here on
    queries = 12
    with django_assert_num_queries(queries):
        client.get(LIST)
    for number in range(49):
        make_application(full_name=f"Person {number}", email=f"p{number}@example.org")

    with django_assert_num_queries(queries):
        response = client.get(LIST)

    assert len(listed(response)) == 50


def test_nothing_can_be_deleted_or_edited_in_the_list(client, superuser, make_application):
    application = make_application()
    client.force_login(superuser)

    actions = [name for name, _words in client.get(LIST).context["action_form"].fields["action"].choices]
    client.post(LIST, {"action": "delete_selected", "_selected_action": [application.pk], "post": "yes"})
    client.post(LIST, {"form-0-id": application.pk, "form-0-status": "accepted", "_save": "Save"})

    assert "delete_selected" not in actions
    application.refresh_from_db()
    assert application.status == Status.RECEIVED


def test_the_empty_list_says_what_will_stand_there(client, supervisor):
    client.force_login(supervisor)

    assert "No application has arrived yet." in client.get(LIST).content.decode()
    assert "No application fits" in client.get(LIST, {"q": "nobody"}).content.decode()


def test_a_name_is_shown_as_text_and_never_as_markup(client, supervisor, make_application):
    make_application(full_name="<script>alert(1)</script> O'Brien")
    client.force_login(supervisor)

    page = client.get(LIST).content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; O&#x27;Brien" in page


# The columns


@pytest.fixture
def ada_bob_eve(make_application) -> list[Application]:
    names = ("Ada", "Bob", "Eve")
    return [make_application(full_name=f"{name} Example", email=f"{name}@example.org") for name in names]


def cell(response, application: Application, column: str) -> str:
    """What stands in a cell, in words; nothing when there is no such column."""
    table = response.content.decode()
    row = next(row for row in table.split("<tr") if f'value="{application.pk}" class="action-select"' in row)
    found = re.search(rf'<t[dh] class="field-{column}[^"]*">(.*?)</t[dh]>', row, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split()) if found else ""


def column_number(response, column: str) -> int:
    return list(response.context["cl"].list_display).index(column)


def test_ratings_stand_in_their_columns_once_ones_own_is_in(client, supervisor, co_advisor, application):
    workflow.review(application, rating=5, by=co_advisor)
    client.force_login(supervisor)
    before = client.get(LIST)
    workflow.review(application, rating=2, by=supervisor)
    after = client.get(LIST)

    shown = ("mean", "count", "disagreement")
    assert [cell(before, application, column) for column in shown] == ["Rating after your rating", "1 rating", "–"]
    assert [cell(after, application, column) for column in shown] == ["Rating 3.5", "2 ratings", "Differ by 3"]


def test_a_reviewer_who_abstains_goes_on_reading_no_ratings(client, supervisor, co_advisor, application):
    workflow.review(application, rating=5, by=co_advisor)
    workflow.abstain(application, by=supervisor)
    client.force_login(supervisor)

    page = client.get(LIST)

    assert cell(page, application, "mean") == "Rating after your rating"
    assert cell(page, application, "you") == "Abstained"


def test_with_the_setting_the_supervisor_reads_ratings_and_a_co_advisor_does_not(
    client, supervisor, co_advisor, superuser, application, settings
):
    settings.SUPERVISOR_READS_RATINGS = True
    workflow.review(application, rating=4, by=superuser)
    client.force_login(supervisor)
    assert cell(client.get(LIST), application, "mean") == "Rating 4.0"

    client.force_login(co_advisor)
    assert cell(client.get(LIST), application, "mean") == "Rating after your rating"


def test_criteria_have_a_column_when_a_project_has_some(client, supervisor, other_supervisor, application):
    client.force_login(supervisor)
    assert "criteria" not in client.get(LIST).context["cl"].list_display

    criterion = Criterion.objects.create(project=application.project, name="Mathematics")
    workflow.review(application, rating=4, scores={criterion.pk: 3}, by=supervisor)

    assert cell(client.get(LIST), application, "criteria") == "Criteria 3.0"
    client.force_login(other_supervisor)
    assert "criteria" not in client.get(LIST).context["cl"].list_display


@pytest.mark.parametrize(("column", "upwards"), [("mean", "Bob Eve Ada"), ("disagreement", "Eve Bob Ada")])
def test_what_cannot_be_read_yet_comes_last_whichever_way_one_sorts(
    client, supervisor, co_advisor, ada_bob_eve, column, upwards
):
    ada, bob, eve = ada_bob_eve
    for application, ratings in ((bob, (1, 4)), (eve, (4, 5))):
        for rating, reviewer in zip(ratings, (supervisor, co_advisor), strict=True):
            workflow.review(application, rating=rating, by=reviewer)
    workflow.review(ada, rating=5, by=co_advisor)
    client.force_login(supervisor)
    number = column_number(client.get(LIST), column)

    up, down = client.get(LIST, {"o": f"{number}"}), client.get(LIST, {"o": f"-{number}"})

    first, second, last = (f"{name} Example" for name in upwards.split())
    assert (listed(up), listed(down)) == ([first, second, last], [second, first, last])


def test_the_list_is_sorted_by_the_number_of_ratings(client, supervisor, co_advisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    workflow.review(ada, rating=3, by=co_advisor)
    workflow.review(ada, rating=3, by=supervisor)
    workflow.review(bob, rating=3, by=co_advisor)
    client.force_login(supervisor)
    number = column_number(client.get(LIST), "count")

    assert listed(client.get(LIST, {"o": f"-{number}"})) == ["Ada Example", "Bob Example", "Eve Example"]


def test_statuses_are_sorted_as_they_follow_each_other(client, supervisor, make_application):
    for number, status in enumerate(reversed(Status.values)):
        make_application(full_name=status, email=f"p{number}@example.org", status=status)
    client.force_login(supervisor)
    number = column_number(client.get(LIST), "status_badge")

    assert listed(client.get(LIST, {"o": f"{number}"})) == Status.values


def test_who_has_waited_longest_comes_first_when_one_sorts_downwards_by_waiting(client, supervisor, ada_bob_eve):
    ada, bob, eve = ada_bob_eve
    days_ago = lambda days: timezone.now() - datetime.timedelta(days=days)  # noqa: E731
    Application.objects.filter(pk=ada.pk).update(received_at=days_ago(3))
    Application.objects.filter(pk=bob.pk).update(received_at=days_ago(9))
    Application.objects.filter(pk=eve.pk).update(received_at=days_ago(20), status="declined")
    client.force_login(supervisor)
    number = column_number(client.get(LIST), "waiting")

    up, down = client.get(LIST, {"o": f"{number}"}), client.get(LIST, {"o": f"-{number}"})

    assert listed(down) == ["Bob Example", "Ada Example", "Eve Example"]
    assert listed(up) == ["Ada Example", "Bob Example", "Eve Example"]


def test_a_row_says_what_is_staged_on_its_way_and_dropped(client, supervisor, application, settings):
    settings.RELEASE_DELAY = 10
    client.force_login(supervisor)

    decision = workflow.stage(application, Status.DECLINED, by=supervisor)
    staged = cell(client.get(LIST), application, "status_badge")
    workflow.release(decision, by=supervisor)
    released = cell(client.get(LIST), application, "status_badge")
    Decision.objects.filter(pk=decision.pk).update(dropped_at=timezone.now(), dropped_why="Not any more.")
    dropped = cell(client.get(LIST), application, "status_badge")
    workflow.decide(application, Status.INTERVIEW, by=supervisor)
    settled = cell(client.get(LIST), application, "status_badge")

    assert staged == "In review Staged: Decline"
    assert released == "In review On its way: Decline"
    assert dropped == "In review Dropped: Decline"
    assert settled == "Interview"


def test_a_star_is_ones_own(client, supervisor, co_advisor, application):
    workflow.set_star(application, True, by=supervisor)
    client.force_login(supervisor)
    assert "Starred by you" in cell(client.get(LIST), application, "star")

    client.force_login(co_advisor)
    assert cell(client.get(LIST), application, "star") == "☆"


@pytest.mark.parametrize(("state", "words"), [("read", "Read"), ("skipped", "Skipped"), ("abstained", "Abstained")])
def test_how_far_one_is_stands_in_the_row_and_is_ones_own(client, supervisor, co_advisor, application, state, words):
    Reading.objects.create(application=application, reviewer=supervisor, state=state)
    client.force_login(supervisor)
    assert cell(client.get(LIST), application, "you") == words

    client.force_login(co_advisor)
    assert cell(client.get(LIST), application, "you") == "Unread"


# The filters


def test_the_filter_of_my_reading_knows_only_mine(client, supervisor, co_advisor, make_application):
    states = ("read", "skipped", "abstained", "untouched")
    for number, state in enumerate(states):
        made = make_application(full_name=state, email=f"p{number}@example.org")
        if state != "untouched":
            Reading.objects.create(application=made, reviewer=supervisor, state=state)
        Star.objects.create(application=made, user=supervisor if state == "read" else co_advisor)
    client.force_login(supervisor)

    found = {value: sorted(listed(client.get(LIST, {"reading": value}))) for value in (
        "unread", "read", "skipped", "abstained", "starred", "asked", "nonsense")}  # fmt: skip

    assert found == {
        "unread": ["skipped", "untouched"],
        "read": ["read"],
        "skipped": ["skipped"],
        "abstained": ["abstained"],
        "starred": ["read"],
        "asked": [],
        "nonsense": sorted(states),
    }


def test_asked_of_me_are_those_i_was_asked_for_and_have_not_done(client, supervisor, co_advisor, ada_bob_eve):
    ada, bob, eve = ada_bob_eve
    for application in ada_bob_eve:
        workflow.ask(application, [co_advisor], by=supervisor)
    workflow.review(ada, rating=3, by=co_advisor)
    workflow.decide(eve, Status.DECLINED, by=supervisor)

    client.force_login(co_advisor)
    assert listed(client.get(LIST, {"reading": "asked"})) == [bob.full_name]
    client.force_login(supervisor)
    assert listed(client.get(LIST, {"reading": "asked"})) == []


def test_the_list_is_narrowed_to_what_is_staged_on_its_way_or_dropped(client, supervisor, ada_bob_eve, settings):
    settings.RELEASE_DELAY = 10
    ada, bob, eve = ada_bob_eve
    workflow.stage(ada, Status.DECLINED, by=supervisor)
    workflow.release(workflow.stage(bob, Status.DECLINED, by=supervisor), by=supervisor)
    dropped = workflow.stage(eve, Status.DECLINED, by=supervisor)
    Decision.objects.filter(pk=dropped.pk).update(dropped_at=timezone.now(), dropped_why="Not any more.")
    client.force_login(supervisor)

    found = [listed(client.get(LIST, {"decision": value})) for value in ("staged", "on_its_way", "dropped")]

    assert found == [[ada.full_name], [bob.full_name], [eve.full_name]]
    workflow.withdraw(eve)
    assert listed(client.get(LIST, {"decision": "dropped"})) == []


def test_reached_finds_whoever_has_come_as_far_whatever_came_after(client, supervisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    for status in (Status.INTERVIEW, Status.DECLINED):
        workflow.decide(ada, status, by=supervisor)
    workflow.decide(bob, Status.OFFERED, by=supervisor)
    client.force_login(supervisor)

    found = [listed(client.get(LIST, {"reached": value})) for value in ("interview", "offered", "accepted")]

    assert found == [[ada.full_name], [bob.full_name], []]
    assert Event.objects.filter(to_status="interview").count() == 1


def test_only_those_who_wait_longer_than_promised_are_overdue(client, supervisor, ada_bob_eve, settings):
    ada, bob, _eve = ada_bob_eve
    long_ago = timezone.now() - datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS + 2)
    Application.objects.filter(pk__in=[ada.pk, bob.pk]).update(received_at=long_ago)
    Application.objects.filter(pk=bob.pk).update(status="declined")
    client.force_login(supervisor)

    assert listed(client.get(LIST, {"overdue": "yes"})) == [ada.full_name]


def test_what_was_entered_by_hand_and_waits_for_consent_is_found(client, supervisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    Application.objects.filter(pk__in=[ada.pk, bob.pk]).update(entered_by=supervisor)
    Application.objects.filter(pk=bob.pk).update(consent_version="")
    client.force_login(supervisor)

    assert listed(client.get(LIST, {"by_hand": "waiting"})) == [bob.full_name]
    assert sorted(listed(client.get(LIST, {"by_hand": "yes"}))) == [ada.full_name, bob.full_name]


def test_chosen_filters_stay_in_sight_and_can_be_taken_off(client, supervisor, application):
    client.force_login(supervisor)

    page = client.get(LIST, {"reading": "unread", "overdue": "yes", "status": "open"})

    chosen = [(filter_["words"], filter_["without_url"]) for filter_ in page.context["chosen_filters"]]
    assert chosen == [
        ("Unread by me", "?overdue=yes&status=open"),
        ("Waiting longer than promised", "?reading=unread&status=open"),
    ]


def test_filters_that_make_no_sense_lead_back_to_the_list(client, supervisor, application):
    client.force_login(supervisor)

    assert listed(client.get(LIST, {"project__id__exact": "x"})) == []
    assert client.get(LIST, {"no_such_column": "x"}).status_code == 302
    assert client.get(LIST, {"o": "99.-77.x"}).status_code == 200


def test_the_orders_behind_the_headings_stand_in_words_too(signed_in, make_application, supervisor):
    desk = signed_in(supervisor)
    ada = make_application(full_name="Ada", email="ada@example.org")
    bob = make_application(full_name="Bob", email="bob@example.org")
    workflow.review(ada, rating=2, by=supervisor)
    workflow.review(bob, rating=5, by=supervisor)
    orders = {order["display"]: order["query_string"] for order in desk.get(LIST).context["orders"]}

    best_first = desk.get(LIST + orders["Best rated"])

    assert list(best_first.context["cl"].result_list) == [bob, ada]
    assert [o["display"] for o in best_first.context["orders"] if o["selected"]] == ["Best rated"]
    assert list(desk.get(LIST + orders["By name"]).context["cl"].result_list) == [ada, bob]
    assert "Best by the criteria" not in orders
