"""Topics, co-advisors and the home page in the admin."""

import pytest
from django.urls import reverse

from projects.models import CoAdvisor, HomePage, Project, Topic

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def url(model: str, action: str, *args) -> str:
    return reverse(f"admin:projects_{model}_{action}", args=args)


@pytest.fixture
def person(db) -> CoAdvisor:
    return CoAdvisor.objects.create(name="Eli Example", email="eli@example.org")


@pytest.fixture
def browser(request, role, as_user):
    return as_user(None if role == "nobody" else request.getfixturevalue(role))


EVERYBODY = ["nobody", "dan", "cem", "ada", "root"]


def answers(*statuses: int):
    return pytest.mark.parametrize(("role", "status"), list(zip(EVERYBODY, statuses, strict=True)))


# Co-advisors


@answers(302, 403, 200, 200, 200)
def test_reading_the_list_of_co_advisors(browser, status, person):
    assert browser.get(url("coadvisor", "changelist")).status_code == status


@answers(302, 403, 403, 302, 302)
def test_adding_a_co_advisor(browser, role, status, db):
    assert browser.post(url("coadvisor", "add"), {"name": "Fay Example", "email": ""}).status_code == status
    assert CoAdvisor.objects.filter(name="Fay Example").exists() == (role in ("ada", "root"))


@answers(302, 403, 403, 302, 302)
def test_changing_a_co_advisor_of_ones_own_projects(browser, role, status, project, person):
    project.co_advisors.set([person])
    sent = {"name": "Eli E. Example", "email": ""}
    assert browser.post(url("coadvisor", "change", person.pk), sent).status_code == status
    person.refresh_from_db()
    assert (person.name == "Eli E. Example") == (role in ("ada", "root"))


@answers(302, 403, 403, 403, 302)
def test_changing_a_co_advisor_who_stands_on_a_project_of_somebody_else(browser, role, status, bea_project, person):
    bea_project.co_advisors.set([person])
    sent = {"name": person.name, "email": "elsewhere@example.org"}
    assert browser.post(url("coadvisor", "change", person.pk), sent).status_code == status
    person.refresh_from_db()
    assert (person.email == "elsewhere@example.org") == (role == "root")


@answers(302, 403, 403, 403, 302)
def test_deleting_a_co_advisor_who_stands_on_a_project_of_somebody_else(browser, role, status, bea_project, person):
    bea_project.co_advisors.set([person])
    assert browser.post(url("coadvisor", "delete", person.pk), {"post": "yes"}).status_code == status
    assert CoAdvisor.objects.filter(pk=person.pk).exists() == (role != "root")


def test_deleting_in_bulk_stops_at_a_co_advisor_of_somebody_else(as_user, ada, bea_project, person):
    bea_project.co_advisors.set([person])
    chosen = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
    assert as_user(ada).post(url("coadvisor", "changelist"), chosen).status_code == 403
    assert CoAdvisor.objects.filter(pk=person.pk).exists()


def test_only_a_superuser_gives_a_co_advisor_an_account(as_user, ada, root, bea, project, person):
    project.co_advisors.set([person])
    sent = {"name": person.name, "email": "", "user": bea.pk}
    as_user(ada).post(url("coadvisor", "change", person.pk), sent)
    as_user(ada).post(url("coadvisor", "add"), {**sent, "name": "Gil Example"})
    assert not CoAdvisor.objects.filter(user=bea).exists()
    as_user(root).post(url("coadvisor", "change", person.pk), sent)
    assert CoAdvisor.objects.get(user=bea) == person


def test_an_account_is_chosen_among_active_staff(as_user, root, dan, person, django_user_model):
    student = django_user_model.objects.create_user("student@example.org")
    form = as_user(root).get(url("coadvisor", "change", person.pk)).context["adminform"].form
    assert dan in form.fields["user"].queryset
    assert student not in form.fields["user"].queryset


# Topics


@answers(302, 403, 200, 200, 200)
def test_reading_the_list_of_topics(browser, status, topic):
    assert browser.get(url("topic", "changelist")).status_code == status


@answers(302, 403, 403, 302, 302)
def test_adding_a_topic(browser, role, status, db):
    sent = {"name": "Knots", "position": "1", "slug": ""}
    assert browser.post(url("topic", "add"), sent).status_code == status
    assert Topic.objects.filter(slug="knots").exists() == (role in ("ada", "root"))


@answers(302, 403, 403, 403, 302)
def test_changing_a_topic_which_all_share(browser, role, status, topic):
    sent = {"name": "Renamed", "position": "1", "slug": topic.slug}
    assert browser.post(url("topic", "change", topic.pk), sent).status_code == status
    assert Topic.objects.filter(name="Renamed").exists() == (role == "root")


def test_a_topic_with_projects_is_not_deleted(as_user, root, project):
    page = as_user(root).post(url("topic", "delete", project.topic.pk), {"post": "yes"})
    assert page.status_code == 200
    assert "Cannot delete topic" in page.text
    assert Project.objects.filter(pk=project.pk).exists()


def test_the_list_of_topics_counts_published_projects(as_user, root, project, topic):
    Project.objects.create(title="Hidden", topic=topic, is_published=False)
    (row,) = as_user(root).get(url("topic", "changelist")).context["cl"].result_list
    assert row.published_count == 1


def test_a_topic_is_seen_on_the_site_as_the_filtered_catalogue(as_user, root, topic):
    assert 'href="/?topic=graphs"' in as_user(root).get(url("topic", "change", topic.pk)).text


# Looking up while typing


def lookup(browser, model: str, field: str, term: str = ""):
    query = {"app_label": "projects", "model_name": model, "field_name": field, "term": term}
    return browser.get(reverse("admin:autocomplete"), query)


@answers(302, 403, 200, 200, 200)
def test_looking_up_topics(browser, status, topic):
    assert lookup(browser, "project", "topic", "gra").status_code == status


def test_looking_up_users_is_not_possible_here(as_user, ada, project):
    assert lookup(as_user(ada), "project", "supervisor").status_code == 403


# The home page


@answers(302, 403, 403, 403, 302)
def test_the_words_of_the_home_page_are_for_superusers(browser, role, status, db):
    sent = {"introduction": "Graphs.", "collaboration": ""}
    assert browser.post(url("homepage", "add"), sent).status_code == status
    assert HomePage.objects.exists() == (role == "root")


@answers(302, 403, 403, 403, 302)
def test_the_list_of_home_pages_is_for_superusers(browser, status, db):
    assert browser.get(url("homepage", "changelist")).status_code == status


def test_the_list_leads_straight_to_the_one_home_page_or_to_making_it(as_user, root):
    browser = as_user(root)
    assert browser.get(url("homepage", "changelist")).url == url("homepage", "add")
    browser.post(url("homepage", "add"), {"introduction": "Graphs.", "collaboration": ""})
    assert browser.get(url("homepage", "changelist")).url == url("homepage", "change", 1)
    page = browser.get(url("homepage", "change", 1))
    assert page.status_code == 200
    assert 'href="/"' in page.text


def test_there_is_one_home_page_and_it_stays(as_user, root):
    HomePage.objects.create(introduction="Graphs.")
    browser = as_user(root)
    assert browser.get(url("homepage", "add")).status_code == 403
    assert browser.post(url("homepage", "delete", 1), {"post": "yes"}).status_code == 403
    assert HomePage.objects.count() == 1


def test_a_new_topic_is_offered_the_last_place(as_user, root, topic):
    topic.position = 7
    topic.save()

    form = as_user(root).get(url("topic", "add")).context["adminform"].form

    assert form.initial["position"] == 8
