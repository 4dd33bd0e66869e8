"""The questions that a project asks of its own, and projects to which students bring an idea, in the admin."""

import pytest
from django.urls import reverse

from projects.models import Project, Question

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ADD = reverse("admin:projects_project_add")


def page(project: Project) -> str:
    return reverse("admin:projects_project_change", args=[project.pk])


def new(prompt: str, **more) -> dict:
    """An empty row as a browser sends it, with these things filled in."""
    return {"prompt": prompt, "hint": "", "kind": "short", "options": "", "position": "", "is_required": "on"} | more


def kept(question: Question, **changed) -> dict:
    row = new(question.prompt, id=question.pk, kind=question.kind, options=question.options, hint=question.hint)
    return row | {"position": question.position} | changed


def fields(topic, *rows: dict, **changed) -> dict:
    """What a browser sends from a project's form."""
    sent = {
        "title": "Walks on graphs", "topic": topic.pk, "description": "", "proposal_url": "", "tags": "",
        "opens_on": "", "deadline": "", "places": "", "position": "0", "slug": "", "is_published": "on",
        "supervisor": "", "criteria-TOTAL_FORMS": 0, "criteria-INITIAL_FORMS": 0,
        "questions-TOTAL_FORMS": len(rows), "questions-INITIAL_FORMS": sum("id" in row for row in rows),
    }  # fmt: skip
    for number, row in enumerate(rows):
        sent |= {f"questions-{number}-{name}": value for name, value in row.items()}
    return sent | changed


@pytest.fixture
def save(as_user, ada, project):
    """Save the project's form with these rows of questions."""

    def send(*rows: dict, by=ada, **changed):
        rows = [{"project": project.pk, **row} for row in rows]
        return as_user(by).post(page(project), fields(project.topic, *rows, slug=project.slug, **changed))

    return send


@pytest.fixture
def languages(project) -> Question:
    return Question.objects.create(project=project, prompt="Which languages?", position=1)


def prompts(project: Project) -> list[str]:
    return list(project.questions.values_list("prompt", flat=True))


# Writing them


def test_a_supervisor_asks_questions_of_every_kind(save, project):
    rows = [
        new("Which languages?"),
        new("Tell us about your thesis", kind="long", hint="A few sentences."),
        new("How long?", kind="choice", options="Six months\nA year\n\nA year"),
        {**new("A sample", kind="file"), "is_required": ""},
    ]

    assert save(*rows).status_code == 302
    assert list(project.questions.values_list("prompt", "kind", "is_required", "position")) == [
        ("Which languages?", "short", True, 1),
        ("Tell us about your thesis", "long", True, 2),
        ("How long?", "choice", True, 3),
        ("A sample", "file", False, 4),
    ]
    assert project.questions.get(kind="choice").option_list == ["Six months", "A year"]


def test_rows_that_nobody_has_filled_in_ask_nothing(save, project):
    assert save(new(""), new("Only this"), new("")).status_code == 302
    assert prompts(project) == ["Only this"]


def test_three_empty_rows_stand_ready_without_a_script(as_user, ada, project, languages):
    text = as_user(ada).get(page(project)).content.decode()

    assert [f'id="id_questions-{number}-prompt"' in text for number in range(5)] == [True, True, True, True, False]


def test_their_order_is_that_of_their_numbers_and_new_ones_come_last(save, project, languages):
    assert save(kept(languages, position=5), new("First", position=2), new("Last")).status_code == 302
    assert prompts(project) == ["First", "Which languages?", "Last"]


def test_a_question_that_is_no_longer_asked_stays(save, project, languages):
    assert save(kept(languages, is_retired="on")).status_code == 302
    assert prompts(project) == ["Which languages?"]
    assert not project.questions.asked().exists()


def test_a_question_may_change_its_kind_and_may_be_deleted(save, project, languages):
    assert save(kept(languages, kind="long")).status_code == 302
    languages.refresh_from_db()
    assert languages.kind == "long"

    assert save(kept(languages, DELETE="on")).status_code == 302
    assert prompts(project) == []


# What is refused, in plain words


@pytest.mark.parametrize("options", ["", "Only one", " \n", "Twice\nTwice"])
def test_a_choice_needs_two_options(save, project, options):
    response = save(new("How long?", kind="choice", options=options))

    assert "A choice needs at least two options, one per line." in response.content.decode()
    assert not project.questions.exists()


def test_a_row_without_a_question_says_what_to_do(save, project):
    response = save(new("", hint="A hint without a question"))

    assert "To ask nothing here, empty the row." in response.content.decode()
    assert not project.questions.exists()


def test_the_same_question_twice_is_refused(save, project):
    text = save(new("Which languages?"), new("Which languages?")).content.decode()

    assert "The same question is asked twice. Please change or delete one of the two." in text
    assert not project.questions.exists()


def test_a_question_that_is_there_already_is_refused(save, project, languages):
    text = save(kept(languages), new("Which languages?")).content.decode()

    assert "The same question is asked twice." in text
    assert prompts(project) == ["Which languages?"]


def test_no_more_are_asked_than_a_student_answers_well(save, project):
    too_many = save(*[new(f"Question {number}") for number in range(Question.MOST + 1)])
    assert "You ask 13 questions. Ask at most 12" in too_many.content.decode()
    assert not project.questions.exists()

    most = [new(f"Question {number}") for number in range(Question.MOST)]
    assert save(*most, new("Not any more", is_retired="on")).status_code == 302
    assert project.questions.asked().count() == Question.MOST


def test_an_error_stands_in_a_section_that_is_open(save, project):
    response = save(*[new(f"Question {number}") for number in range(13)])

    faulty = [section for section in response.context["inline_admin_formsets"] if section.formset.non_form_errors()]
    assert [section.is_collapsible for section in faulty] == [False]


# Who may


def test_a_co_advisor_sees_the_questions_and_changes_none(save, as_user, cem, project, languages):
    text = as_user(cem).get(page(project)).content.decode()
    assert "Which languages?" in text
    assert "questions-0-prompt" not in text

    assert save(kept(languages, prompt="Hacked"), by=cem).status_code == 403
    assert prompts(project) == ["Which languages?"]


def test_another_supervisor_changes_none(save, bea, project, languages):
    assert save(kept(languages, prompt="Hacked"), by=bea).status_code == 404
    assert prompts(project) == ["Which languages?"]


def test_questions_of_another_project_are_not_reached_by_their_key(save, bea_project):
    foreign = Question.objects.create(project=bea_project, prompt="Foreign")

    save(kept(foreign, prompt="Hacked"))

    foreign.refresh_from_db()
    assert (foreign.prompt, foreign.project) == ("Foreign", bea_project)


# How the form will look


def test_a_published_project_leads_to_its_form(as_user, ada, project):
    form = reverse("applications:apply", args=[project.slug])
    assert f'href="{form}"' in as_user(ada).get(page(project)).content.decode()

    Project.objects.update(is_published=False)
    assert f'href="{form}"' not in as_user(ada).get(page(project)).content.decode()


# Students' own ideas


IDEA = ["Title of your idea", "Your idea: question, data or method, and why"]


def test_a_project_for_own_ideas_asks_for_the_idea(save, project):
    assert save(is_own_idea="on").status_code == 302

    project.refresh_from_db()
    assert project.is_own_idea
    assert list(project.questions.values_list("prompt", "kind", "is_required")) == [
        (IDEA[0], "short", True),
        (IDEA[1], "long", True),
    ]


def test_a_new_project_for_own_ideas_asks_for_the_idea(as_user, ada, topic):
    assert as_user(ada).post(ADD, fields(topic, is_own_idea="on")).status_code == 302
    assert prompts(Project.objects.get()) == IDEA


def test_questions_of_ones_own_take_the_place_of_ours(save, project):
    assert save(new("What is your idea called?"), is_own_idea="on").status_code == 302
    assert prompts(project) == ["What is your idea called?"]


def test_what_the_supervisor_has_deleted_does_not_come_back(save, project):
    save(is_own_idea="on")
    rows = [kept(question, DELETE="on") for question in project.questions.all()]
    assert save(*rows, is_own_idea="on").status_code == 302
    assert save(is_own_idea="on").status_code == 302
    assert prompts(project) == []


def test_other_projects_ask_nothing_by_themselves(save, project):
    assert save().status_code == 302
    assert prompts(project) == []


def test_a_topic_leads_to_a_project_for_own_ideas(as_user, ada, topic):
    browser = as_user(ada)
    text = browser.get(reverse("admin:projects_topic_change", args=[topic.pk])).content.decode()
    link = f"{ADD}?topic={topic.pk}&amp;is_own_idea=1&amp;title=Your+own+idea"
    assert f'<a href="{link}">Let students propose their own idea under this topic</a>' in text

    form = browser.get(link.replace("&amp;", "&")).context["adminform"].form
    assert (form["title"].value(), form["topic"].value()) == ("Your own idea", str(topic.pk))
    assert "checked" in str(form["is_own_idea"])


def test_a_topic_lists_the_projects_that_allow_it(as_user, ada, bea, topic, project):
    Project.objects.create(title="Ideas of Ada", topic=topic, supervisor=ada, is_own_idea=True)
    Project.objects.create(title="Ideas of Bea", topic=topic, supervisor=bea, is_own_idea=True)
    Project.objects.create(title="Secret of Bea", topic=topic, supervisor=bea, is_own_idea=True, is_published=False)

    text = as_user(ada).get(reverse("admin:projects_topic_change", args=[topic.pk])).content.decode()

    assert ">Ideas of Ada</a>" in text
    assert "Ideas of Bea" in text
    assert ">Ideas of Bea</a>" not in text  # public, and not hers to change
    assert "Secret of Bea" not in text
    assert project.title not in text


def test_who_may_not_add_projects_is_not_asked_to(as_user, cem, topic):
    text = as_user(cem).get(reverse("admin:projects_topic_change", args=[topic.pk])).content.decode()
    assert "Let students propose" not in text
