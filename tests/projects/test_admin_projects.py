"""Who may do what with a project in the admin: each right with its refusals beside it."""

import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from projects.admin import ProjectAdmin
from projects.models import CoAdvisor, Project, Topic

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = reverse("admin:projects_project_changelist")
ADD = reverse("admin:projects_project_add")
ROLES = ["nobody", "dan", "cem", "ada", "bea", "root"]  # nobody, staff, co-advisor, supervisor, another, superuser


def url(action: str, project: Project) -> str:
    return reverse(f"admin:projects_project_{action}", args=[project.pk])


def fields(project: Project | None = None, **changes) -> dict:
    """What a browser sends from the form."""
    data = {"title": "Sent title", "description": "", "proposal_url": "", "tags": "", "opens_on": "", "deadline": ""}
    data |= {"places": "", "position": "0", "slug": project.slug if project else "", "is_published": "on"}
    data |= {f"{rows}-{number}_FORMS": "0" for rows in ("criteria", "questions") for number in ("TOTAL", "INITIAL")}
    topic = project.topic if project else Topic.objects.first()
    return data | {"topic": topic.pk, "supervisor": ""} | changes


@pytest.fixture
def browser(request, role, as_user):
    return as_user(None if role == "nobody" else request.getfixturevalue(role))


def by_role(**expected: int):
    """One test per role; `cem=403` says what the co-advisor is answered."""
    assert set(expected) == set(ROLES)
    return pytest.mark.parametrize(("role", "status"), list(expected.items()))


def assert_answers(response, status: int, role: str) -> None:
    assert response.status_code == status
    if role == "nobody":
        assert response.url.startswith(reverse("admin:login"))


# Each address, each role


@by_role(nobody=302, dan=403, cem=200, ada=200, bea=200, root=200)
def test_list(browser, role, status, project):
    assert_answers(browser.get(LIST), status, role)


@by_role(nobody=302, dan=403, cem=403, ada=200, bea=200, root=200)
def test_form_for_a_new_project(browser, role, status, project):
    assert_answers(browser.get(ADD), status, role)


@by_role(nobody=302, dan=403, cem=403, ada=302, bea=302, root=302)
def test_adding_a_project(browser, role, status, project):
    assert_answers(browser.post(ADD, fields()), status, role)
    assert Project.objects.filter(title="Sent title").exists() == (role in ("ada", "bea", "root"))


@by_role(nobody=302, dan=403, cem=200, ada=200, bea=404, root=200)
def test_looking_at_a_project(browser, role, status, project):
    assert_answers(browser.get(url("change", project)), status, role)


@by_role(nobody=302, dan=403, cem=403, ada=302, bea=404, root=302)
def test_changing_a_project(browser, role, status, project):
    assert_answers(browser.post(url("change", project), fields(project)), status, role)
    project.refresh_from_db()
    assert (project.title == "Sent title") == (role in ("ada", "root"))


@by_role(nobody=302, dan=403, cem=200, ada=200, bea=404, root=200)
def test_history_of_a_project(browser, role, status, project):
    assert_answers(browser.get(url("history", project)), status, role)


@by_role(nobody=302, dan=403, cem=403, ada=200, bea=404, root=200)
def test_asking_before_a_project_is_deleted(browser, role, status, project):
    assert_answers(browser.get(url("delete", project)), status, role)


@by_role(nobody=302, dan=403, cem=403, ada=302, bea=404, root=302)
def test_deleting_a_project(browser, role, status, project):
    assert_answers(browser.post(url("delete", project), {"post": "yes"}), status, role)
    assert Project.objects.filter(pk=project.pk).exists() == (role not in ("ada", "root"))


@by_role(nobody=302, dan=403, cem=403, ada=302, bea=404, root=302)
def test_closing_a_project(browser, role, status, project):
    assert_answers(browser.post(url("close", project)), status, role)
    project.refresh_from_db()
    assert (project.closed_at is not None) == (role in ("ada", "root"))


@by_role(nobody=302, dan=403, cem=403, ada=302, bea=404, root=302)
def test_reopening_a_project(browser, role, status, project):
    Project.objects.update(closed_at=timezone.now())
    assert_answers(browser.post(url("reopen", project)), status, role)
    project.refresh_from_db()
    assert (project.closed_at is None) == (role in ("ada", "root"))


@pytest.mark.parametrize("action", ["change", "history", "delete"])
@by_role(nobody=302, dan=403, cem=404, ada=404, bea=404, root=404)
def test_a_project_that_does_not_exist_is_answered_like_one_that_is_not_yours(browser, role, status, action, project):
    if role == "cem" and action == "delete":
        status = 403  # co-advisors delete nothing, so they learn nothing
    assert_answers(browser.get(reverse(f"admin:projects_project_{action}", args=["987654321"])), status, role)


@pytest.mark.parametrize("pk", ["0", "x", "_", "99999999999999999999999999"])
@pytest.mark.parametrize("action", ["change", "close"])
def test_an_odd_number_in_the_address_is_simply_not_found(as_user, ada, action, pk):
    assert as_user(ada).post(reverse(f"admin:projects_project_{action}", args=[pk])).status_code == 404


@pytest.mark.parametrize("action", ["close", "reopen"])
@by_role(nobody=302, dan=403, cem=403, ada=405, bea=404, root=405)
def test_closing_and_reopening_take_a_post(browser, role, status, project, action):
    assert_answers(browser.get(url(action, project)), status, role)


def test_a_former_member_of_staff_is_sent_to_sign_in(as_user, ada, project):
    browser = as_user(ada)
    ada.is_staff = False
    ada.save()
    assert browser.get(url("change", project)).status_code == 302
    assert browser.post(url("close", project)).url.startswith(reverse("admin:login"))


# A supervisor who is co-advisor elsewhere


@pytest.fixture
def ada_on_bea_project(ada, bea_project) -> Project:
    bea_project.co_advisors.add(CoAdvisor.objects.create(name="Ada Example", user=ada))
    return bea_project


@pytest.mark.parametrize("action", ["change", "delete", "close", "reopen"])
def test_a_co_advisor_who_supervises_elsewhere_looks_and_changes_nothing(as_user, ada, ada_on_bea_project, action):
    browser = as_user(ada)
    page = browser.get(url("change", ada_on_bea_project))
    assert page.status_code == 200
    assert "Close for applications" not in page.text
    assert browser.post(url(action, ada_on_bea_project), {"post": "yes"}).status_code == 403
    assert Project.objects.get(pk=ada_on_bea_project.pk).closed_at is None


def test_deleting_in_bulk_stops_at_a_project_of_somebody_else(as_user, ada, project, ada_on_bea_project):
    chosen = {"action": "delete_selected", "_selected_action": [project.pk, ada_on_bea_project.pk], "post": "yes"}
    assert as_user(ada).post(LIST, chosen).status_code == 403
    assert Project.objects.count() == 2


def test_deleting_in_bulk_does_not_reach_what_one_cannot_see(as_user, ada, project, bea_project):
    chosen = {"action": "delete_selected", "_selected_action": [project.pk, bea_project.pk], "post": "yes"}
    assert as_user(ada).post(LIST, chosen).status_code == 302
    assert list(Project.objects.all()) == [bea_project]


# What each person sees


@pytest.mark.parametrize(
    ("role", "titles"),
    [
        ("cem", ["Walks on graphs"]),
        ("ada", ["Walks on graphs"]),
        ("bea", ["Trees of Bea"]),
        ("root", ["Nobody's", "Trees of Bea", "Walks on graphs"]),
    ],
)
def test_the_list_its_search_and_its_filters_know_only_ones_own_projects(browser, role, titles, project, bea_project):
    Project.objects.create(title="Nobody's", topic=bea_project.topic)
    page = browser.get(LIST)
    assert sorted(row.title for row in page.context["cl"].result_list) == titles
    assert ("Graphs" in page.text) == ("Walks on graphs" in titles)
    assert ("Forests" in page.text) == ("Trees of Bea" in titles)
    found = browser.get(LIST, {"q": "trees"}).context["cl"].result_list
    assert [row.title for row in found] == [title for title in titles if title == "Trees of Bea"]
    filtered = browser.get(LIST, {"topic__id__exact": bea_project.topic.pk}).context["cl"].result_list
    assert {row.title for row in filtered} <= set(titles)


def test_a_person_named_twice_in_a_search_is_one_row(as_user, ada, project):
    project.co_advisors.add(CoAdvisor.objects.create(name="Cemal Example"))
    assert len(as_user(ada).get(LIST, {"q": "cem"}).context["cl"].result_list) == 1


@pytest.mark.parametrize("lookup", ["supervisor__password__startswith", "co_advisors__email__startswith"])
def test_the_address_of_the_list_cannot_be_used_to_guess_at_accounts(as_user, ada, project, lookup):
    assert as_user(ada).get(LIST, {lookup: "a"}).status_code == 400


def test_the_list_costs_the_same_for_one_project_and_for_fifty(as_user, ada, topic):
    browser = as_user(ada)

    def queries(count: int) -> int:
        for number in range(Project.objects.count(), count):
            Project.objects.create(title=f"Project {number}", topic=topic, supervisor=ada, places=number % 3 or None)
        with CaptureQueriesContext(connection) as captured:
            assert len(browser.get(LIST).context["cl"].result_list) == count
        return len(captured)

    assert (queries(1), queries(50)) == (7, 7)


def test_the_list_says_places_availability_and_supervisor(as_user, root, project, bea_project):
    Project.objects.filter(pk=project.pk).update(places_taken=2)
    Project.objects.filter(pk=bea_project.pk).update(closed_at=timezone.now())
    text = as_user(root).get(LIST).text
    assert "2 of 2" in text
    assert "All places taken" in text
    assert "0, no limit" in text
    assert "Closed" in text
    assert "Ada Example" in text


# The form


def test_a_supervisor_owns_what_they_add_whatever_the_browser_sends(as_user, ada, bea, topic):
    browser = as_user(ada)
    assert "supervisor" not in browser.get(ADD).context["adminform"].form.fields
    browser.post(ADD, fields(supervisor=bea.pk))
    assert Project.objects.get().supervisor == ada


def test_a_supervisor_cannot_hand_a_project_on(as_user, ada, bea, project):
    as_user(ada).post(url("change", project), fields(project, supervisor=bea.pk))
    project.refresh_from_db()
    assert (project.title, project.supervisor) == ("Sent title", ada)


def test_a_superuser_chooses_the_supervisor_among_active_staff(
    as_user, root, ada, bea, dan, project, django_user_model
):
    django_user_model.objects.create_user("student@example.org")
    dan.is_active = False
    dan.save()
    browser = as_user(root)
    choices = browser.get(url("change", project)).context["adminform"].form.fields["supervisor"].queryset
    assert set(choices) == {ada, bea, root} | set(django_user_model.objects.filter(co_advisor__isnull=False))
    browser.post(url("change", project), fields(project, supervisor=bea.pk))
    project.refresh_from_db()
    assert project.supervisor == bea


def test_a_superuser_may_save_a_project_whose_supervisor_has_left(as_user, root, ada, project):
    ada.is_active = False
    ada.save()
    assert as_user(root).post(url("change", project), fields(project, supervisor=ada.pk)).status_code == 302


def test_a_superuser_is_proposed_as_supervisor_of_what_they_add(as_user, root, topic):
    assert as_user(root).get(ADD).context["adminform"].form.initial["supervisor"] == root.pk


def test_the_address_stays_when_the_title_changes(as_user, ada, project):
    as_user(ada).post(url("change", project), fields(project))
    project.refresh_from_db()
    assert (project.title, project.slug) == ("Sent title", "walks-on-graphs")


def test_fewer_places_than_are_taken_are_refused_in_words(as_user, ada, project):
    Project.objects.update(places_taken=2)
    page = as_user(ada).post(url("change", project), fields(project, places="1"))
    assert page.status_code == 200
    assert "Already taken: 2." in page.text
    assert as_user(ada).post(url("change", project), fields(project, places="2")).status_code == 302
    assert as_user(ada).post(url("change", project), fields(project, places="")).status_code == 302


def test_a_deadline_before_the_opening_day_is_refused_in_words(as_user, ada, project):
    page = as_user(ada).post(url("change", project), fields(project, opens_on="2026-12-02", deadline="2026-12-01"))
    assert "The deadline is before the day on which the project opens." in page.text


def test_saving_the_form_leaves_alone_what_it_does_not_show(as_user, ada, project):
    kept = {"places_taken": 1, "closed_at": timezone.now(), "imported": {"title": "Walks on graphs"}}
    Project.objects.update(**kept)
    sent = fields(project, places="3", places_taken="0", closed_at_0="", closed_at_1="", imported="{}")
    assert as_user(ada).post(url("change", project), sent).status_code == 302
    assert Project.objects.filter(title="Sent title", places=3, **kept).exists()


def test_a_place_taken_while_the_form_is_saved_is_not_lost(as_user, ada, project, monkeypatch):
    saved = ProjectAdmin.save_model

    def in_between(self, request, obj, form, change):
        Project.objects.filter(pk=obj.pk).update(places_taken=1)
        saved(self, request, obj, form, change)

    monkeypatch.setattr(ProjectAdmin, "save_model", in_between)
    as_user(ada).post(url("change", project), fields(project, places="2"))
    project.refresh_from_db()
    assert (project.title, project.places_taken) == ("Sent title", 1)


def test_places_taken_are_shown_and_not_asked_for(as_user, ada, project):
    page = as_user(ada).get(url("change", project))
    assert {"places_taken", "closed_at", "imported", "supervisor"}.isdisjoint(page.context["adminform"].form.fields)
    assert "Places taken:" in page.text
    assert "Ada Example" in page.text
    assert "/admin/auth/" not in page.text


def test_a_published_project_can_be_seen_on_the_site_and_no_other(as_user, ada, project):
    browser = as_user(ada)
    assert f'href="{project.get_absolute_url()}"' in browser.get(url("change", project)).text
    Project.objects.update(is_published=False)
    assert project.get_absolute_url() not in browser.get(url("change", project)).text


# Closing and reopening


def test_closing_shows_in_the_form_the_messages_and_the_history(as_user, ada, project):
    browser = as_user(ada)
    assert "Close for applications" in browser.get(url("change", project)).text
    page = browser.post(url("close", project), follow=True)
    assert page.redirect_chain == [(url("change", project), 302)]
    assert "“Walks on graphs” is closed for applications." in page.text
    assert "Reopen for applications" in page.text
    assert LogEntry.objects.get().get_change_message() == "Closed for applications."

    page = browser.post(url("reopen", project), follow=True)
    assert "“Walks on graphs” is open for applications." in page.text
    assert LogEntry.objects.latest("pk").get_change_message() == "Reopened."
    project.refresh_from_db()
    assert project.is_open()


def test_closing_twice_keeps_the_first_time_and_is_logged_once(as_user, ada, project):
    browser = as_user(ada)
    browser.post(url("close", project))
    first = Project.objects.get().closed_at
    browser.post(url("close", project))
    assert Project.objects.get().closed_at == first
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("state", "obstacle"),
    [
        ({"places_taken": 2}, "All places taken"),
        ({"deadline": datetime.date(2020, 1, 1)}, "Deadline passed"),
        ({"is_published": False}, "Not published"),
    ],
)
def test_reopening_says_when_something_else_still_keeps_applications_out(as_user, ada, project, state, obstacle):
    Project.objects.update(closed_at=timezone.now(), **state)
    page = as_user(ada).post(url("reopen", project), follow=True)
    assert f"takes no applications yet: {obstacle}." in page.text


def test_closing_returns_to_the_form_with_the_filters_of_the_list(as_user, ada, project):
    query = "?_changelist_filters=is_published__exact%3D1"
    assert query in as_user(ada).get(url("change", project) + query).text
    response = as_user(ada).post(url("close", project) + query)
    assert response.url == url("change", project) + query
