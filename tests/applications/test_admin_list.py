"""The list of applications in the admin: what it shows, to whom, and at what cost."""

import datetime

import pytest
from django.utils import timezone

from applications.models import Application
from applications.statuses import Status

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
    queries = 11
    with django_assert_num_queries(queries):
        client.get(LIST)
    for number in range(49):
        make_application(full_name=f"Person {number}", email=f"p{number}@example.org")

    with django_assert_num_queries(queries):
        response = client.get(LIST)

    assert len(listed(response)) == 50


def test_nothing_can_be_changed_or_deleted_in_bulk(client, superuser, make_application):
    application = make_application()
    client.force_login(superuser)

    page = client.get(LIST)
    client.post(LIST, {"action": "delete_selected", "_selected_action": [application.pk], "post": "yes"})
    client.post(LIST, {"form-0-id": application.pk, "form-0-status": "accepted", "_save": "Save"})

    assert "action-checkbox" not in page.content.decode()
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
