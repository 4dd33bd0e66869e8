"""Many at once: staged, cleared, asked about, starred. Who is concerned is shown before, and told afterwards."""

import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.utils import timezone

from applications import workflow
from applications.admin import bulk
from applications.models import Application, Decision, Letter, ReviewRequest, Star
from applications.statuses import Status

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/application/"


@pytest.fixture
def ada_bob_eve(make_application) -> list[Application]:
    names = ("Ada", "Bob", "Eve")
    return [make_application(full_name=f"{name} Example", email=f"{name}@example.org") for name in names]


@pytest.fixture
def desk(client, supervisor):
    client.force_login(supervisor)
    return client


def act(client, action: str, applications, **more):
    data = {"action": action, "_selected_action": [application.pk for application in applications], **more}
    return client.post(LIST, data)


def page(client, address: str, applications):
    return client.get(f"{LIST}bulk/{address}/", {"ids": ",".join(str(each.pk) for each in applications)})


def press(client, response, address: str, **fields):
    """Send the form of the page as it was shown, with what was typed into it."""
    form = response.context["form"]
    return client.post(f"{LIST}bulk/{address}/", {"chosen": form["chosen"].value(), **fields})


def told(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def staged() -> dict[str, str]:
    return {each.application.full_name.split()[0]: each.to_status for each in Decision.objects.staged()}


# From the list to the page


@pytest.mark.parametrize("status", ["interview", "waitlisted", "offered", "declined"])
def test_an_action_leads_to_a_page_that_names_everybody_and_changes_nothing(desk, ada_bob_eve, status):
    response = act(desk, f"stage_{status}", ada_bob_eve[:2])
    shown = desk.get(response["Location"])

    assert response["Location"].startswith(f"{LIST}bulk/stage/{status}/?ids=")
    assert [line.application.full_name for line in shown.context["concerned"]] == ["Ada Example", "Bob Example"]
    assert "Eve Example" not in shown.content.decode()
    assert "Dear Ada Example" in shown.content.decode()
    assert staged() == {}


def test_the_filters_of_the_list_go_along_and_back(desk, ada_bob_eve):
    response = desk.post(f"{LIST}?status=open", {"action": "stage_declined", "_selected_action": [ada_bob_eve[0].pk]})
    shown = desk.get(response["Location"])

    assert shown.context["list_url"] == f"{LIST}?status=open"


def test_all_pages_of_the_list_can_be_chosen_together(desk, ada_bob_eve):
    response = act(desk, "stage_declined", ada_bob_eve[:1], select_across="1")

    assert len(desk.get(response["Location"]).context["concerned"]) == 3


def test_more_than_can_be_looked_through_are_refused(desk, ada_bob_eve, monkeypatch):
    monkeypatch.setattr(bulk, "MOST", 2)

    response = act(desk, "stage_declined", ada_bob_eve)
    by_address = page(desk, "stage/declined", ada_bob_eve)

    assert (response.status_code, by_address.status_code) == (302, 302)
    assert "At most 2 at once." in told(response)[0]


@pytest.mark.parametrize("address", ["stage/declined", "clear", "ask"])
def test_applications_of_others_are_silently_not_there(
    desk, application, make_application, other_project, other_supervisor, address
):
    foreign = make_application(other_project, full_name="Berta Beispiel", email="berta@example.org")
    workflow.stage(foreign, Status.INTERVIEW, by=other_supervisor)

    both, alone = page(desk, address, [application, foreign]), page(desk, address, [foreign])
    posted = desk.post(f"{LIST}bulk/{address}/", {"chosen": f"{foreign.pk}:in_review:"})

    assert "Berta" not in both.content.decode()
    assert (alone.status_code, posted.status_code) == (302, 302)
    assert staged() == {"Berta": "interview"}
    assert not ReviewRequest.objects.exists()


def test_what_is_no_number_is_left_out():
    assert bulk.ids_in("1, 2,x,,-3,4:received:,²,9" + "9" * 30) == [1, 2, 4]


# Staging


def test_staging_many_stages_each_with_its_own_standard_letter_and_the_common_line(desk, supervisor, ada_bob_eve):
    shown = page(desk, "stage/declined", ada_bob_eve)
    response = press(desk, shown, "stage/declined", personal_line="It was a close choice.")

    assert staged() == {"Ada": "declined", "Bob": "declined", "Eve": "declined"}
    decisions = {each.application.full_name: each for each in Decision.objects.all()}
    assert "Dear Bob Example" in decisions["Bob Example"].letter_body
    assert {each.personal_line for each in decisions.values()} == {"It was a close choice."}
    assert {each.staged_by for each in decisions.values()} == {supervisor}
    assert "3 decisions are staged" in told(response)[0]
    assert f'href="{LIST}release/"' in told(response)[0]
    assert LogEntry.objects.filter(change_message__startswith="Staged").count() == 3
    assert not Letter.objects.filter(kind=Letter.Kind.DECLINED).exists()


def test_what_cannot_be_staged_says_why_and_is_left(desk, supervisor, make_application, settings):
    settings.RELEASE_DELAY = 10
    people = {}
    for name, status in (("Ada", "received"), ("Bob", "accepted"), ("Cid", "received"), ("Dan", "received"),
                         ("Eve", "received")):  # fmt: skip
        people[name] = make_application(full_name=f"{name} X", email=f"{name}@example.org", status=status)
    workflow.stage(people["Cid"], Status.OFFERED, by=supervisor)
    workflow.stage(people["Dan"], Status.INTERVIEW, by=supervisor)
    workflow.release(workflow.stage(people["Eve"], Status.DECLINED, by=supervisor), by=supervisor)

    shown = page(desk, "stage/interview", people.values())
    reasons = {line.application.full_name[:3]: line.why_not for line in shown.context["others"]}
    response = press(desk, shown, "stage/interview")

    assert reasons == {
        "Bob": "Not possible: the status is “Accepted”.",
        "Cid": "“Offer” is staged already.",
        "Dan": "This is staged already.",
        "Eve": "“Decline” is on its way to the student; call it back first.",
    }
    assert staged() == {"Ada": "interview", "Cid": "offered", "Dan": "interview"}
    assert "1 decision is staged" in told(response)[0]
    assert told(response)[1].startswith("4 were left as they are: Bob X (Not possible")


def test_what_is_staged_already_is_replaced_when_one_says_so(desk, supervisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    workflow.stage(ada, Status.OFFERED, by=supervisor)
    shown = page(desk, "stage/declined", [ada, bob])

    press(desk, shown, "stage/declined", replace="on")

    assert "Replace what is staged already for 1 of them" in shown.content.decode()
    assert staged() == {"Ada": "declined", "Bob": "declined"}


def test_what_a_colleague_has_staged_since_one_looked_is_not_replaced(desk, supervisor, co_advisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    workflow.stage(bob, Status.INTERVIEW, by=supervisor)
    shown = page(desk, "stage/declined", [ada, bob])
    workflow.stage(bob, Status.OFFERED, by=co_advisor)

    press(desk, shown, "stage/declined", replace="on")

    assert staged() == {"Ada": "declined", "Bob": "offered"}


def test_whose_status_has_changed_since_one_looked_is_left(desk, supervisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    shown = page(desk, "stage/declined", [ada, bob])
    workflow.decide(bob, Status.INTERVIEW, by=supervisor)

    response = press(desk, shown, "stage/declined")

    assert staged() == {"Ada": "declined"}
    assert "1 was left as it is: Bob Example" in told(response)[1]


def test_taking_offers_back_asks_for_the_reason(desk, make_application):
    offered = make_application(status=Status.OFFERED)
    shown = page(desk, "stage/declined", [offered])

    without = press(desk, shown, "stage/declined", reason=" ")
    assert without.status_code == 200
    assert "Please give the reason." in without.content.decode()
    assert staged() == {}
    press(desk, shown, "stage/declined", reason="No grant.")
    assert Decision.objects.get().reason == "No grant."


def test_offers_stand_until_the_day_that_was_chosen(desk, ada_bob_eve):
    day = timezone.localdate() + datetime.timedelta(days=5)
    shown = page(desk, "stage/offered", ada_bob_eve)

    past = press(desk, shown, "stage/offered", lapses_on=(day - datetime.timedelta(days=9)).isoformat())
    assert "This day is over." in past.content.decode()
    assert staged() == {}
    press(desk, shown, "stage/offered", lapses_on=day.isoformat())

    assert set(Decision.objects.values_list("lapses_on", flat=True)) == {day}


def test_more_offers_than_places_are_warned_of_and_a_full_project_offers_nothing(desk, project, ada_bob_eve):
    project.places = 2
    project.save()
    assert "with these, 3 offers would wait" in page(desk, "stage/offered", ada_bob_eve).context["warnings"][0]
    assert page(desk, "stage/offered", ada_bob_eve[:2]).context["warnings"] == []

    project.places_taken = 2
    project.save()
    shown = page(desk, "stage/offered", ada_bob_eve)
    assert {line.why_not for line in shown.context["others"]} == {"All places of this project are taken."}


# Clearing


def test_clearing_takes_staged_decisions_away_and_leaves_what_is_on_its_way(desk, supervisor, ada_bob_eve, settings):
    settings.RELEASE_DELAY = 10
    ada, bob, eve = ada_bob_eve
    workflow.stage(ada, Status.DECLINED, by=supervisor)
    workflow.release(workflow.stage(bob, Status.DECLINED, by=supervisor), by=supervisor)
    shown = page(desk, "clear", ada_bob_eve)

    response = press(desk, shown, "clear")

    assert {line.application: line.why_not for line in shown.context["others"]} == {
        bob: "“Decline” is on its way to the student; call it back first.",
        eve: "Nothing is staged.",
    }
    assert [each.application for each in Decision.objects.pending()] == [bob]
    assert told(response)[0] == "1 decision is cleared."


def test_what_was_staged_since_one_looked_is_not_cleared(desk, supervisor, co_advisor, application):
    workflow.stage(application, Status.DECLINED, by=supervisor)
    shown = page(desk, "clear", [application])
    workflow.stage(application, Status.OFFERED, by=co_advisor)

    press(desk, shown, "clear")

    assert staged() == {"Ada": "offered"}


# Asking for a review


def test_a_supervisor_asks_colleagues_about_many(desk, co_advisor, ada_bob_eve):
    shown = page(desk, "ask", ada_bob_eve)
    response = press(desk, shown, "ask", reviewers=[co_advisor.pk])
    again = press(desk, shown, "ask", reviewers=[co_advisor.pk])

    assert list(shown.context["form"].fields["reviewers"].queryset) == [co_advisor]
    assert {each.application for each in ReviewRequest.objects.filter(reviewer=co_advisor)} == set(ada_bob_eve)
    assert "Asked about 3 applications." in told(response)[0]
    assert "3 applications they had been asked before." in told(again)[-1]


def test_nobody_is_asked_who_could_not_open_the_application(desk, other_supervisor, application):
    shown = page(desk, "ask", [application])

    refused = press(desk, shown, "ask", reviewers=[other_supervisor.pk])
    nobody = press(desk, shown, "ask")

    assert "One of them is not a reviewer of these projects." in refused.content.decode()
    assert "Please choose at least one person." in nobody.content.decode()
    assert not ReviewRequest.objects.exists()


def test_a_co_advisor_asks_nobody(client, supervisor, co_advisor, application):
    client.force_login(co_advisor)

    actions = [name for name, _words in client.get(LIST).context["action_form"].fields["action"].choices]
    shown = page(client, "ask", [application])
    press(client, shown, "ask", reviewers=[supervisor.pk])

    assert "ask_for_review" not in actions
    assert [line.why_not for line in shown.context["others"]] == [
        "Only the supervisor of the project asks others for a review."
    ]
    assert not ReviewRequest.objects.exists()


# Stars, and who may


def test_stars_are_put_on_and_taken_off_for_oneself_only(desk, supervisor, co_advisor, ada_bob_eve):
    Star.objects.create(application=ada_bob_eve[0], user=co_advisor)

    act(desk, "star_chosen", ada_bob_eve[:2])
    assert Star.objects.filter(user=supervisor).count() == 2
    act(desk, "unstar_chosen", ada_bob_eve)

    assert [star.user for star in Star.objects.all()] == [co_advisor]


def test_without_the_right_to_change_there_is_nothing_to_stage(client, co_advisor, application):
    co_advisor.groups.clear()
    co_advisor.user_permissions.add(Permission.objects.get(codename="view_application"))
    client.force_login(co_advisor)

    actions = [name for name, _words in client.get(LIST).context["action_form"].fields["action"].choices]

    assert not [name for name in actions if name.startswith(("stage", "clear", "ask"))]
    for address in ("stage/declined", "clear", "ask"):
        assert page(client, address, [application]).status_code == 403
        assert client.post(f"{LIST}bulk/{address}/", {"chosen": f"{application.pk}:received:"}).status_code == 403
    assert staged() == {}


def test_the_page_costs_the_same_number_of_queries_for_one_and_for_many(desk, ada_bob_eve, django_assert_num_queries):
    page(desk, "stage/declined", ada_bob_eve)
    with django_assert_num_queries(7):
        page(desk, "stage/declined", ada_bob_eve[:1])
    with django_assert_num_queries(7):
        page(desk, "stage/declined", ada_bob_eve)


def test_a_number_that_no_database_knows_is_passed_over(desk):
    assert desk.post(f"{LIST}bulk/clear/", {"chosen": "9" * 5000 + ":x:"}).status_code == 302
    assert desk.get("/admin/applications/letter/٣/change/").status_code == 404
