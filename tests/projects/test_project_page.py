"""The page of one project: what it says, whether one can apply, and where to go otherwise."""

import datetime
import html
import re

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from applications.workflow.submitting import day_that_counts
from projects.models import CoAdvisor, Project, Question, Topic

pytestmark = [pytest.mark.django_db, pytest.mark.once]

QUERIES = 3  # the project with topic and supervisor, its co-advisors, and its questions or the projects to go on to


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
def noon(monkeypatch) -> datetime.datetime:
    """It is noon on 25 November 2026."""
    noon = datetime.datetime(2026, 11, 25, 11, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr(timezone, "now", lambda: noon)
    return noon


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


# What is asked for


def test_the_questions_of_the_project_are_told_before_one_begins(page, alignment, settings):
    settings.DOCUMENT_MAX_BYTES = 4 * settings.MEGABYTE
    alignment.questions.create(prompt="Which courses in statistics?", hint="Two or three.", position=1)
    alignment.questions.create(prompt="A work sample", kind=Question.Kind.FILE, is_required=False, position=2)
    alignment.questions.create(prompt="No longer asked", is_retired=True)

    text = page()

    assert "Which courses in statistics? Two or three. A work sample One PDF, at most 4 MB. If you like." in text
    assert "No longer asked" not in text


# Until when


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, "Apply until the end of today, 25 November 2026"),
        (1, "Apply until the end of tomorrow, 26 November 2026"),
        (2, "Apply until the end of 27 November 2026"),
    ],
)
def test_the_last_day_and_the_day_before_are_said_to_be_near(page, alignment, noon, days, told):
    change(alignment, deadline=noon.date() + days * DAY)

    assert told in page()


@pytest.mark.parametrize(
    ("minutes", "deadline", "told"),
    [
        (30, datetime.date(2099, 1, 15), "may be sent until 00:30 (CET) on 16 January 2099."),
        (90, datetime.date(2099, 7, 31), "may be sent until 01:30 (CEST) on 1 August 2099."),
    ],
)
def test_the_grace_for_a_form_that_is_open_is_stated(page, alignment, settings, minutes, deadline, told):
    settings.DEADLINE_GRACE_MINUTES = minutes
    change(alignment, deadline=deadline)

    assert f"A form that is open before the deadline {told}" in page()


def test_the_grace_that_is_stated_is_the_one_that_holds(alignment, settings):
    settings.DEADLINE_GRACE_MINUTES = 45
    end = alignment.grace_ends_at()
    opened_at = end - datetime.timedelta(hours=1)

    assert day_that_counts(alignment, opened_at, now=end) == alignment.deadline
    assert day_that_counts(alignment, opened_at, now=end + datetime.timedelta(seconds=1)) > alignment.deadline


def test_without_grace_or_without_a_deadline_none_is_stated(page, alignment, settings):
    settings.DEADLINE_GRACE_MINUTES = 0
    assert "A form that is open" not in page()

    settings.DEADLINE_GRACE_MINUTES = 30
    change(alignment, deadline=None)
    assert "A form that is open" not in page()


# How long an answer takes


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, "An answer usually comes on the same day; we promise it within 28 days."),
        (1, "An answer usually takes 1 day; we promise it within 28."),
        (9, "An answer usually takes 9 days; we promise it within 28."),
    ],
)
def test_it_says_how_long_an_answer_usually_takes(page, alignment, days, told):
    change(alignment, usual_answer_days=days)

    assert told in page()


def test_it_says_when_students_were_last_answered_in_the_time_zone_of_the_site(page, alignment):
    change(alignment, last_answer_at=datetime.datetime(2026, 11, 11, 23, 30, tzinfo=datetime.UTC))

    assert "Students last heard from us on 12 November 2026." in page()


def test_before_the_first_answer_nothing_is_claimed(page):
    text = page()

    assert "usually" not in text
    assert "last heard" not in text


@pytest.mark.parametrize("state", ["closed", "full", "expired"])
def test_who_waits_for_an_answer_reads_it_also_when_the_project_takes_nobody_more(page, alignment, state):
    change(alignment, usual_answer_days=9, **NOT_OPEN[state]())

    text = page()

    assert "You have applied already? Nothing changes for your application. Find my application" in text
    assert "An answer usually takes 9 days" in text


# Ideas of one's own


def test_a_project_for_one_s_own_idea_says_so_and_is_not_said_to_lack_a_description(page, alignment):
    change(alignment, is_own_idea=True, description="", proposal_url="")

    text = page()

    assert "Your own idea" in text
    assert "Here you propose a project of your own. The form asks you for your idea." in text
    assert "no description" not in text


def test_other_projects_are_not_called_one_s_own_idea(page):
    assert "own idea" not in page()


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


def test_a_project_that_offers_no_place_is_not_said_to_have_given_them_away(page, alignment):
    change(alignment, places=0, places_taken=0)

    assert "At the moment this project offers no place." in page()
    assert "taken." not in page()


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


def test_one_s_own_idea_is_the_last_thing_that_a_topic_offers_instead(client, alignment, theory):
    change(alignment, **NOT_OPEN["full"]())
    Project.objects.create(title="An idea", topic=theory, is_own_idea=True)
    Project.objects.create(title="Zeta functions", topic=theory, position=1)

    assert "Zeta functions Theory An idea Theory" in words(client.get(alignment.get_absolute_url()))


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


@pytest.mark.parametrize("state", ["", "closed"])
@pytest.mark.parametrize("number", [1, 12])
def test_the_page_costs_the_same_queries_however_much_there_is(
    client, django_assert_num_queries, alignment, theory, state, number
):
    for count in range(number):
        Project.objects.create(title=f"Project {count}", topic=theory)
        alignment.co_advisors.add(CoAdvisor.objects.create(name=f"Advisor {count}"))
        alignment.questions.create(prompt=f"Question {count}")
    if state:
        change(alignment, **NOT_OPEN[state]())

    with django_assert_num_queries(QUERIES):
        client.get(alignment.get_absolute_url())


def test_it_asks_for_no_session_and_no_token_whoever_looks(client, alignment, grace):
    client.force_login(grace)

    response = client.get(alignment.get_absolute_url())

    assert not response.cookies
    assert not response.wsgi_request.session.accessed
    assert "csrfmiddlewaretoken" not in response.content.decode()


def test_it_answers_304_until_a_place_is_taken(client, alignment):
    first = client.get(alignment.get_absolute_url())

    again = client.get(alignment.get_absolute_url(), headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304

    change(alignment, places_taken=2)
    changed = client.get(alignment.get_absolute_url(), headers={"If-None-Match": first["ETag"]})
    assert "1 of 3 free" in words(changed)
