"""The public list of projects: what stands there, what the filters find, what it costs."""

import datetime
import html
import re

import pytest
from django.utils import timezone

from projects.models import CoAdvisor, HomePage, Project, Topic

pytestmark = pytest.mark.django_db

QUERIES = 3  # the home page's words, the projects with their topics, their co-advisors


@pytest.fixture
def genomics() -> Topic:
    return Topic.objects.create(name="Genomics", position=1)


@pytest.fixture
def theory() -> Topic:
    return Topic.objects.create(name="Neural Network Theory", position=2)


@pytest.fixture
def graphs(genomics) -> Project:
    project = Project.objects.create(
        title="Learning metagenome graphs", topic=genomics, description="Fragments of *genomes*.", tags="GNN, Biology"
    )
    project.co_advisors.add(CoAdvisor.objects.create(name="Hugo Yéche"))
    return project


@pytest.fixture
def alignment(theory) -> Project:
    return Project.objects.create(title="Can a transformer align?", topic=theory, description="Übergänge, Straße.")


def titles(response) -> list[str]:
    """The titles of the projects on the page, in order."""
    found = re.findall(r'class="project-title"><a href="[^"]+">(.*?)</a>', response.content.decode())
    return [html.unescape(title) for title in found]


def words(response) -> str:
    """The text of the page as one reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def not_open_in_each_way(topic: Topic) -> list[Project]:
    today, day = timezone.localdate(), datetime.timedelta(days=1)
    return [
        Project.objects.create(title="Closed one", topic=topic, closed_at=timezone.now()),
        Project.objects.create(title="Full one", topic=topic, places=1, places_taken=1),
        Project.objects.create(title="Expired one", topic=topic, deadline=today - day),
        Project.objects.create(title="Coming one", topic=topic, opens_on=today + day),
    ]


# What stands there


def test_projects_stand_under_their_topics_in_the_order_of_the_topics(client, alignment, graphs):
    response = client.get("/")

    assert titles(response) == ["Learning metagenome graphs", "Can a transformer align?"]
    text = words(response)
    assert text.index("Genomics 1 project Learning") < text.index("Neural Network Theory 1 project Can a transformer")


def test_an_unpublished_project_is_not_listed_and_not_counted(client, graphs, alignment):
    Project.objects.filter(pk=alignment.pk).update(is_published=False)

    response = client.get("/")

    assert titles(response) == ["Learning metagenome graphs"]
    assert "1 project" in words(response)
    assert "Neural Network Theory" not in words(response)


def test_a_row_says_who_advises_and_what_it_is_about(client, graphs):
    assert "Co-advised by Hugo Yéche GNN Biology Open" in words(client.get("/"))


def test_a_row_says_until_when_and_how_many_places_are_free(client, graphs):
    Project.objects.filter(pk=graphs.pk).update(deadline=datetime.date(2099, 1, 15), places=3, places_taken=1)

    assert "Open Until 15 January 2099 2 places free" in words(client.get("/"))


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, "Open Last day: today, until the end of the day"),
        (1, "Open Last day: tomorrow, until the end of the day"),
        (2, "Open Until"),
    ],
)
def test_a_row_says_that_the_last_day_is_near(client, graphs, days, told):
    deadline = timezone.localdate() + datetime.timedelta(days=days)
    Project.objects.filter(pk=graphs.pk).update(deadline=deadline)

    assert told in words(client.get("/"))


def test_the_last_day_of_a_full_project_is_nobody_s_last_day(client, graphs):
    Project.objects.filter(pk=graphs.pk).update(deadline=timezone.localdate(), places=1, places_taken=1)

    assert "Last day" not in words(client.get("/"))


def test_a_row_names_several_co_advisors_as_a_sentence_does(client, graphs):
    for name in ("Ada Example", "Bea Example"):
        graphs.co_advisors.add(CoAdvisor.objects.create(name=name))

    assert "Co-advised by Ada Example, Bea Example and Hugo Yéche" in words(client.get("/"))


def test_one_s_own_idea_is_marked_and_stands_last_in_its_topic(client, graphs, genomics, alignment):
    Project.objects.create(title="A first idea", topic=genomics, is_own_idea=True)

    response = client.get("/")

    assert titles(response) == ["Learning metagenome graphs", "A first idea", "Can a transformer align?"]
    assert "A first idea Open Your own idea No deadline" in words(response)
    assert words(response).count("Your own idea") == 1


def test_a_project_without_deadline_says_so(client, graphs):
    assert "Open No deadline" in words(client.get("/"))


def test_projects_that_take_no_applications_say_why(client, genomics):
    *_, expired, coming = not_open_in_each_way(genomics)
    Project.objects.filter(pk=expired.pk).update(deadline=datetime.date(2020, 1, 15))
    Project.objects.filter(pk=coming.pk).update(opens_on=datetime.date(2099, 3, 1))

    text = words(client.get("/"))

    assert "Closed one Closed" in text
    assert "Full one All places taken" in text
    assert "Expired one Deadline passed On 15 January 2020" in text
    assert "Coming one Opens later From 1 March 2099" in text


def test_the_introduction_is_the_home_page_s_own_as_markdown(client):
    HomePage.objects.create(introduction="We study **why** networks <b>work</b>.", collaboration="Write to *us*.")

    content = client.get("/").content.decode()

    assert "We study <strong>why</strong> networks &lt;b&gt;work&lt;/b&gt;." in content
    assert "Write to <em>us</em>." in content


def test_without_a_home_page_there_are_words_all_the_same(client, graphs):
    text = words(client.get("/"))

    assert "Projects for a master’s thesis" in text
    assert "would like to work together" in text


def test_the_supervisor_can_be_written_to(client, settings):
    settings.SUPERVISOR_NAME, settings.SUPERVISOR_EMAIL = "Grace Example", "grace@example.org"

    response = client.get("/")

    assert 'href="mailto:grace@example.org"' in response.content.decode()
    assert "Write to Grace Example" in words(response)


def test_the_promised_answer_comes_from_the_settings(client, settings, graphs):
    settings.PROMISED_ANSWER_DAYS = 10

    assert "Within 10 days" in words(client.get("/"))


def test_an_empty_catalogue_says_so_and_offers_no_filters(client):
    response = client.get("/")

    assert response.status_code == 200
    assert "No projects at the moment" in words(response)
    assert 'role="search"' not in response.content.decode()


def test_titles_cannot_smuggle_in_markup(client, genomics):
    Project.objects.create(title="<script>alert(1)</script>", topic=genomics)

    assert b"<script" not in client.get("/").content


# Filters


def test_a_topic_s_address_shows_its_projects_only(client, graphs, alignment):
    response = client.get("/?topic=genomics")

    assert titles(response) == ["Learning metagenome graphs"]
    assert "1 of 2 projects" in words(response)
    assert '<option value="genomics" selected>' in response.content.decode()
    assert "<title>Genomics · MSc projects</title>" in response.content.decode()


def test_an_unknown_topic_gets_a_clear_answer_with_a_way_out(client, graphs):
    response = client.get("/?topic=astrology")

    assert response.status_code == 200
    assert titles(response) == []
    assert "No such topic here" in words(response)
    assert "Show the one project" in words(response)


@pytest.mark.parametrize(
    "search",
    ["metagenome", "GRAPHS", "gnn biology", "genomics", "fragments", "yéche", "YÉCHE", "yeche", "Hugo", "hugo graphs"],
)
def test_a_search_looks_at_title_topic_tags_description_and_people(client, graphs, alignment, search):
    assert titles(client.get("/", {"q": search})) == ["Learning metagenome graphs"]


@pytest.mark.parametrize("search", ["ÜBERGÄNGE", "übergänge", "STRASSE", "straße", "Uberga\u0308nge"])
def test_a_search_finds_umlauts_in_either_case_and_either_spelling(client, graphs, alignment, search):
    assert titles(client.get("/", {"q": search})) == ["Can a transformer align?"]


def test_every_word_of_a_search_must_be_found(client, graphs, alignment):
    response = client.get("/", {"q": "graphs transformer"})

    assert titles(response) == []
    assert "Nothing was found for “graphs transformer”." in words(response)
    assert "Show all 2 projects" in words(response)


def test_a_search_that_finds_nothing_stays_in_the_field_and_is_escaped(client, graphs):
    response = client.get("/", {"q": '"><script>'})

    assert 'value="&quot;&gt;&lt;script&gt;"' in response.content.decode()
    assert b"<script" not in response.content


@pytest.mark.parametrize("search", ["x" * 5000, "\x00", "\u0301", "%", "  "])
def test_odd_searches_are_answered(client, graphs, search):
    assert client.get("/", {"q": search}).status_code == 200


def test_open_shows_those_that_take_applications_and_no_others(client, graphs, genomics):
    not_open_in_each_way(genomics)

    response = client.get("/?open=1")

    assert titles(response) == ["Learning metagenome graphs"]
    assert titles(response) == [project.title for project in Project.objects.open()]
    assert "1 of 5 projects" in words(response)


def test_filters_work_together(client, graphs, alignment, theory):
    Project.objects.create(title="Transformers, closed", topic=theory, closed_at=timezone.now())

    response = client.get("/?topic=neural-network-theory&q=transformer&open=1")

    assert titles(response) == ["Can a transformer align?"]


def test_empty_filters_of_a_submitted_form_filter_nothing(client, graphs, alignment):
    response = client.get("/?q=&topic=")

    assert len(titles(response)) == 2
    assert "2 projects" in words(response)
    assert "Show all projects" not in words(response)


# What it costs


@pytest.mark.parametrize("number", [1, 50])
@pytest.mark.parametrize("query", ["", "?q=advisor", "?open=1"])
def test_one_project_and_fifty_cost_the_same_queries(
    client, django_assert_num_queries, genomics, theory, number, query
):
    HomePage.objects.create(introduction="Hello.")
    for count in range(number):
        project = Project.objects.create(title=f"Project {count}", topic=genomics if count % 2 else theory)
        project.co_advisors.add(CoAdvisor.objects.create(name=f"Advisor {count}"))

    with django_assert_num_queries(QUERIES):
        assert len(titles(client.get("/" + query))) == number


def test_it_asks_for_no_session_and_no_token_whoever_looks(client, graphs, supervisor):
    client.force_login(supervisor)

    response = client.get("/")

    assert not response.cookies
    assert not response.wsgi_request.session.accessed
    assert "csrfmiddlewaretoken" not in response.content.decode()


def test_who_comes_again_gets_304_until_something_changes(client, graphs):
    etag = client.get("/")["ETag"]

    again = client.get("/", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.content == b""

    Project.objects.filter(pk=graphs.pk).update(title="Learning other graphs")
    changed = client.get("/", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert titles(changed) == ["Learning other graphs"]


def test_it_is_only_read(client):
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405
