"""The page of one project: what it says, whether one can apply, and where to go otherwise."""

import datetime
import html
import re

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from projects.models import CoAdvisor, Project, Topic

pytestmark = pytest.mark.django_db

QUERIES = 2  # the project with topic and supervisor, its co-advisors
QUERIES_WHEN_NOT_OPEN = QUERIES + 1  # open projects to go on to


@pytest.fixture
def theory() -> Topic:
    return Topic.objects.create(name="Theory", position=1)


@pytest.fixture
def medical() -> Topic:
    return Topic.objects.create(name="Medical", position=0)


@pytest.fixture
def grace() -> User:
    return User.objects.create_user("grace@example.org", "grace@example.org", first_name="Grace", last_name="Example")


@pytest.fixture
def alignment(theory, grace) -> Project:
    project = Project.objects.create(
        title="Can a transformer align?",
        topic=theory,
        supervisor=grace,
        description="## What you would do\n\nAlign **sequences**. <i>Really</i>.",
        proposal_url="https://docs.example.org/proposal?id=1",
        deadline=datetime.date(2099, 1, 15),
        places=3,
        places_taken=1,
        tags="Attention, DNA",
    )
    for name in ("Bea Example", "Cem Example"):
        project.co_advisors.add(CoAdvisor.objects.create(name=name, email=f"{name[:3].lower()}@example.org"))
    return project


@pytest.fixture
def page(client, alignment):
    """The text of the project's page as one reads it."""

    def read() -> str:
        return words(client.get(alignment.get_absolute_url()))

    return read


def words(response) -> str:
    assert response.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def change(project: Project, **values) -> None:
    Project.objects.filter(pk=project.pk).update(**values)


TODAY, DAY = timezone.localdate, datetime.timedelta(days=1)
NOT_OPEN = {
    "closed": lambda: {"closed_at": timezone.now()},
    "full": lambda: {"places_taken": 3},
    "expired": lambda: {"deadline": datetime.date(2020, 1, 15)},
    "not_yet": lambda: {"opens_on": datetime.date(2098, 3, 1)},
}
WHY = {
    "closed": "This project is closed and takes no more applications.",
    "full": "All 3 places are taken.",
    "expired": "Applications were taken until the end of 15 January 2020.",
    "not_yet": "Applications are taken from 1 March 2098.",
}


# What it says


def test_it_shows_the_description_as_markdown_and_never_as_html(client, alignment):
    content = client.get(alignment.get_absolute_url()).content.decode()

    assert "<p>Align <strong>sequences</strong>. &lt;i&gt;Really&lt;/i&gt;.</p>" in content


def test_it_says_until_when_how_many_places_and_who(page):
    text = page()

    assert "Apply until the end of 15 January 2099" in text
    assert "Places 2 of 3 free" in text
    assert "Supervisor Grace Example Co-advisors Bea Example Cem Example" in text
    assert "Attention DNA" in text


def test_it_shows_nobody_s_address_but_the_contact_s(client, alignment, settings):
    settings.SUPERVISOR_EMAIL = "contact@example.org"

    content = client.get(alignment.get_absolute_url()).content.decode()

    assert "contact@example.org" in content
    assert "bea@example.org" not in content
    assert "grace@example.org" not in content


def test_a_supervisor_without_a_name_is_not_shown_by_the_name_for_signing_in(client, alignment, grace):
    grace.first_name = grace.last_name = ""
    grace.save()

    content = client.get(alignment.get_absolute_url()).content.decode()

    assert "grace@example.org" not in content
    assert "<dt>Supervisor</dt>" not in content


def test_a_project_nobody_owns_yet_shows_the_supervisor_of_the_site(page, alignment, settings):
    settings.SUPERVISOR_NAME = "Susan Example"
    change(alignment, supervisor=None)

    assert "Supervisor Susan Example" in page()


def test_no_deadline_and_no_limit_of_places_are_said_in_words(page, alignment):
    change(alignment, deadline=None, places=None)

    assert "Apply at any time, there is no deadline Places no fixed number" in page()


def test_the_link_to_the_proposal_says_that_it_opens_another_site(client, page, alignment):
    content = client.get(alignment.get_absolute_url()).content.decode()

    assert 'href="https://docs.example.org/proposal?id=1" rel="external noopener noreferrer"' in content
    assert "Read the proposal Opens another site: docs.example.org" in page()


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "http://[broken", "ftp://example.org/x"]
)
def test_a_proposal_that_is_no_web_page_is_not_linked(client, alignment, address):
    change(alignment, proposal_url=address)

    response = client.get(alignment.get_absolute_url())

    assert response.status_code == 200
    assert "Read the proposal" not in words(response)
    assert address not in response.content.decode()


def test_without_description_and_proposal_one_can_ask(page, alignment):
    change(alignment, description="", proposal_url="")

    assert "This project has no description yet. Ask what it is about" in page()


def test_without_description_the_proposal_speaks(page, alignment):
    change(alignment, description="")

    assert "The proposal says what this project is about. Read the proposal" in page()


def test_it_says_what_is_asked_for_with_the_limits_in_force(page, settings):
    settings.DOCUMENT_MAX_BYTES, settings.TRANSCRIPTS_MAX = 4 * settings.MEGABYTE, 3

    text = page()

    assert "Your CV One PDF, at most 4 MB." in text
    assert "Your transcripts One to 3 PDFs, at most 4 MB each." in text
    assert "your university and programme" in text
    assert "A short motivation" in text


def test_it_promises_an_answer_as_the_settings_do(page, settings):
    settings.PROMISED_ANSWER_DAYS = 10

    assert "You have an answer within 10 days" in page()


# Whether one can apply


def test_an_open_project_leads_to_its_form(client, alignment):
    content = client.get(alignment.get_absolute_url()).content.decode()

    assert content.count(f'href="/projects/{alignment.slug}/apply/"') == 2


@pytest.mark.parametrize("state", NOT_OPEN)
def test_a_project_that_is_not_open_says_why_and_leads_to_no_form(client, alignment, state):
    change(alignment, **NOT_OPEN[state]())

    response = client.get(alignment.get_absolute_url())

    assert WHY[state] in words(response)
    assert "/apply/" not in response.content.decode()
    assert "What you hand in" not in words(response)


def test_every_reason_for_not_being_open_has_its_sentence():
    assert set(WHY) == set(Project.Availability.values) - {"open"}


def test_the_one_place_is_not_called_all_places(page, alignment):
    change(alignment, places=1, places_taken=1)

    assert "The one place is taken." in page()


def test_on_the_day_of_the_deadline_one_can_still_apply(client, alignment):
    change(alignment, deadline=TODAY())
    assert "/apply/" in client.get(alignment.get_absolute_url()).content.decode()

    change(alignment, deadline=TODAY() - DAY)
    assert "/apply/" not in client.get(alignment.get_absolute_url()).content.decode()


def test_who_came_too_late_is_led_to_three_open_projects_of_the_same_topic_first(client, alignment, theory, medical):
    change(alignment, **NOT_OPEN["closed"]())
    for count in range(3):
        Project.objects.create(title=f"Medical {count}", topic=medical)
    Project.objects.create(title="Theory too", topic=theory)
    Project.objects.create(title="Theory, full", topic=theory, places=1, places_taken=1)
    Project.objects.create(title="Theory, hidden", topic=theory, is_published=False)

    text = words(client.get(alignment.get_absolute_url()))

    assert "Theory too Theory Medical 0 Medical Medical 1 Medical All open projects" in text
    assert "Theory, full" not in text
    assert "Theory, hidden" not in text


def test_when_nothing_is_open_the_page_does_not_pretend(page, alignment):
    change(alignment, **NOT_OPEN["closed"]())

    assert "No other project takes applications at the moment." in page()


# Who sees it, and what it costs


def test_an_unpublished_project_is_not_found_not_even_by_its_supervisor(client, alignment, grace):
    change(alignment, is_published=False)
    assert client.get(alignment.get_absolute_url()).status_code == 404

    client.force_login(grace)
    assert client.get(alignment.get_absolute_url()).status_code == 404


def test_an_unknown_project_is_not_found(client):
    assert client.get("/projects/unheard-of/").status_code == 404


@pytest.mark.parametrize(("state", "queries"), [("", QUERIES), ("closed", QUERIES_WHEN_NOT_OPEN)])
@pytest.mark.parametrize("number", [1, 20])
def test_the_page_costs_the_same_queries_however_much_there_is(
    client, django_assert_num_queries, alignment, theory, state, queries, number
):
    for count in range(number):
        Project.objects.create(title=f"Project {count}", topic=theory)
        alignment.co_advisors.add(CoAdvisor.objects.create(name=f"Advisor {count}"))
    if state:
        change(alignment, **NOT_OPEN[state]())

    with django_assert_num_queries(queries):
        client.get(alignment.get_absolute_url())


def test_it_sets_no_cookie_and_answers_304_until_a_place_is_taken(client, alignment):
    first = client.get(alignment.get_absolute_url())
    assert not first.cookies
    assert "Cookie" not in first["Vary"]

    again = client.get(alignment.get_absolute_url(), headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304

    change(alignment, places_taken=2)
    changed = client.get(alignment.get_absolute_url(), headers={"If-None-Match": first["ETag"]})
    assert "1 of 3 free" in words(changed)
