"""What a student says beside the form, as its reviewers see it: answers to the project's own questions, questions to
the reviewers, better versions of documents; on the review page, in the list, and on the way to both.
"""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.utils import timezone

from applications import documents, workflow
from applications.models import Application, Document, Letter, Message, QuestionAnswer
from applications.models.application import QUESTIONS
from projects.models import Project, Question

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"


def url(application: Application, page: str = "change") -> str:
    return f"{LIST}{application.pk}/{page}/"


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def listed(response) -> list[str]:
    return [application.full_name for application in response.context["cl"].result_list]


@pytest.fixture
def reviewing(signed_in, supervisor):
    return signed_in(supervisor)


@pytest.fixture
def text_of(reviewing):
    return lambda application: " ".join(reviewing.get(url(application)).content.decode().split())


@pytest.fixture
def questions(project) -> list[Question]:
    return [
        Question.objects.create(project=project, prompt="Which languages?", position=1),
        Question.objects.create(project=project, prompt="Tell us about your thesis", kind="long", position=2),
    ]


@pytest.fixture
def answered(make_application, questions) -> Application:
    """An application with answers to the project's own questions."""
    short, long = questions
    return make_application(**{QUESTIONS: [(short, "Python <b>"), (long, "First line.\nSecond line.")]})


@pytest.fixture
def read(application, supervisor) -> Application:
    """An application of which reading has begun."""
    workflow.note(application, "Strong thesis.", by=supervisor)
    application.refresh_from_db()
    return application


@pytest.fixture
def offer(cv_file):
    """The student sends a better CV after reading began; its document."""

    def send(application: Application, name: str = "better.pdf") -> Document:
        workflow.offer_documents(application, [documents.receive(cv_file(name), Document.Kind.CV)])
        return application.documents.offered().get()

    return send


# Answers to the project's own questions


def test_the_answers_stand_under_their_questions(answered, text_of):
    text = text_of(answered)

    assert '<dt>Which languages?</dt><dd class="prose"><p>Python &lt;b&gt;</p></dd>' in text
    assert "<dt>Tell us about your thesis</dt>" in text
    assert "First line.<br>Second line." in text


def test_answers_outlive_their_question_in_the_words_in_which_it_was_asked(answered, questions, text_of):
    short, long = questions
    short.delete()
    Question.objects.filter(pk=long.pk).update(prompt="Something else", kind="short")

    text = text_of(answered)

    assert "<dt>Which languages?</dt>" in text
    assert "<dt>Tell us about your thesis</dt>" in text
    assert set(QuestionAnswer.objects.values_list("kind", flat=True)) == {"short", "long"}


def test_former_answers_to_them_are_kept_in_sight(answered, questions, answers, text_of):
    workflow.correct_answers(answered, answers | {QUESTIONS: [(questions[0], "Rust")]})

    text = text_of(answered)

    assert "<p>Rust</p>" in text
    assert "<dt>Which languages?</dt><dd>Python &lt;b&gt;</dd>" in text


def test_a_file_that_answers_a_question_is_called_by_the_question(
    make_application, project, cv_file, text_of, supervisor
):
    question = Question.objects.create(project=project, prompt="A sample of your writing", kind="file")
    application = make_application()
    upload = documents.receive(cv_file("sample.pdf"), Document.Kind.OTHER, question=question)
    workflow.replace_documents(application, [upload])

    assert '<span class="tab-label">A sample of your writing</span>' in text_of(application)


# An idea of the student's own


@pytest.fixture
def idea(project, make_application) -> Application:
    project.is_own_idea = True
    project.save()
    project.ask_for_idea()
    title, description = project.questions.all()
    return make_application(**{QUESTIONS: [(title, "Tiny translators"), (description, "How small can they be?")]})


def test_the_title_of_an_idea_stands_beside_that_of_the_project(reviewing, idea, text_of):
    assert '<strong class="idea-title">“Tiny translators”</strong>' in text_of(idea)
    assert "“Tiny translators”" in reviewing.get(LIST).content.decode()
    assert "“Tiny translators”" in reviewing.get("/admin/").content.decode()


def test_where_no_idea_is_asked_for_there_is_no_title(answered, reviewing, text_of):
    assert "idea-title" not in text_of(answered)
    assert "“Python" not in reviewing.get(LIST).content.decode()


def test_the_title_stands_where_ideas_are_compared_and_released(reviewing, supervisor, idea, make_application):
    other = make_application(email="other@example.org")
    compared = reviewing.get(f"{LIST}compare/", {"ids": f"{idea.pk},{other.pk}"})
    workflow.stage(idea, "interview", by=supervisor)
    released = reviewing.get(f"{LIST}release/")

    titles = {each.application.pk: each.application.idea_title for each in compared.context["columns"]}
    assert titles == {idea.pk: "Tiny translators", other.pk: None}
    for response in (compared, released):
        assert "“Tiny translators”" in response.content.decode()


# Questions of the student


def test_a_question_of_the_student_waits_on_the_page_with_the_form_below(application, text_of):
    assert "Questions from the student" not in text_of(application)

    workflow.ask_reviewers(application, "May I begin <later>?")

    text = text_of(application)
    assert '<a href="#questions">1 question waits for an answer</a>' in text
    assert "May I begin &lt;later&gt;?" in text
    assert "not answered yet" in text
    assert text.count(f'action="{url(application, "write")}"') == 1
    assert text.index("not answered yet") < text.index(f'action="{url(application, "write")}"')
    assert 'value="Your question"' in text


def test_an_answer_is_a_letter_and_stands_in_the_thread(reviewing, supervisor, application, text_of):
    workflow.ask_reviewers(application, "May I begin later?")

    response = reviewing.post(url(application, "write"), {"subject": "Your question", "body": "Yes, you may."})

    assert response["Location"] == url(application) + "#questions"
    assert "Yes, you may." in Letter.objects.get(kind="message").body
    text = text_of(application)
    assert "Sofia Supervisor ·" in text
    assert "Yes, you may." in text
    for words in ("not answered yet", "waits for an answer", "No answer needed"):
        assert words not in text


def test_a_second_question_waits_again(application, supervisor, text_of):
    workflow.ask_reviewers(application, "May I begin later?")
    workflow.write(application, subject="Your question", body="Yes.", by=supervisor)
    workflow.ask_reviewers(application, "And how much later?")

    assert "1 question waits for an answer" in text_of(application)


def test_a_letter_that_answers_nothing_is_not_called_an_answer(application, supervisor, text_of):
    workflow.write(application, subject="Hello", body="Good to hear from you.", by=supervisor)

    assert "Questions from the student" not in text_of(application)


def test_a_reviewer_says_that_no_answer_is_needed(reviewing, application, text_of):
    question = workflow.ask_reviewers(application, "May I begin later?")
    assert "No answer needed" in text_of(application)

    response = reviewing.post(url(application, "settle"), {"seen": question.pk}, follow=True)

    assert "The question does not wait any more." in response.content.decode()
    assert not Message.objects.unanswered().exists()
    assert not Letter.objects.filter(kind="message").exists()
    assert "needed no answer" in text_of(application)
    assert LogEntry.objects.filter(change_message="Said that a question needs no answer.").count() == 1


def test_a_question_that_came_since_one_looked_goes_on_waiting(reviewing, application):
    first = workflow.ask_reviewers(application, "May I begin later?")
    workflow.ask_reviewers(application, "And from abroad?")

    response = reviewing.post(url(application, "settle"), {"seen": first.pk})

    assert "asked something else since you opened this page" in said(response)
    assert Message.objects.unanswered().count() == 2


def test_where_nothing_waits_there_is_nothing_to_settle(reviewing, application):
    response = reviewing.post(url(application, "settle"))

    assert response.status_code == 302
    assert said(response) == ""
    assert not LogEntry.objects.exists()


# Better versions of documents


def test_a_newer_version_is_shown_beside_the_present_one(read, offer, text_of):
    assert "newer version" not in text_of(read)
    (present,) = read.documents.current().filter(kind="cv")

    newer = offer(read)

    text = text_of(read)
    assert '<a href="#offered">a newer document waits</a>' in text
    assert "after reading began." in text
    notice = text[text.index('id="offered"') : text.index("review-facts")]
    for document in (present, newer):
        assert f'href="{document.get_absolute_url()}"' in notice
    assert "Take the newer version" in notice
    assert f'data-document="{newer.get_absolute_url()}' not in text  # it does not count yet


def test_the_newer_version_counts_once_it_is_taken(reviewing, supervisor, read, offer, text_of):
    newer = offer(read)

    response = reviewing.post(url(read, "take"), {"seen": newer.pk})

    assert "counts now" in said(response)
    assert list(read.documents.current().filter(kind="cv")) == [newer]
    assert f'data-document="{newer.get_absolute_url()}' in text_of(read)
    assert "Take the newer version" not in text_of(read)
    assert LogEntry.objects.filter(change_message="Took a newer document.", user=supervisor).count() == 1


def test_a_newer_version_can_be_left_aside(reviewing, read, offer, text_of):
    (present,) = read.documents.current().filter(kind="cv")
    newer = offer(read)

    response = reviewing.post(url(read, "leave"), {"seen": newer.pk})

    assert "left aside" in said(response)
    assert list(read.documents.current().filter(kind="cv")) == [present]
    assert "Leave it" not in text_of(read)
    assert LogEntry.objects.filter(change_message="Left a newer document aside.").count() == 1


@pytest.mark.parametrize("deed", ["take", "leave"])
def test_a_version_that_came_since_one_looked_is_looked_at_first(reviewing, read, offer, deed):
    seen = offer(read)
    latest = offer(read, "best.pdf")

    response = reviewing.post(url(read, deed), {"seen": seen.pk})

    assert "sent another version since you opened this page" in said(response)
    assert list(read.documents.offered()) == [latest]


@pytest.mark.parametrize("deed", ["take", "leave"])
def test_what_a_colleague_has_dealt_with_is_refused_in_words(reviewing, read, co_advisor, offer, deed):
    newer = offer(read)
    workflow.leave_offered(read, by=co_advisor)

    response = reviewing.post(url(read, deed), {"seen": newer.pk})

    assert "a colleague may have been faster" in said(response)
    assert not LogEntry.objects.exists()


def test_once_the_student_has_an_answer_nothing_can_be_taken_any_more(reviewing, supervisor, read, offer, text_of):
    newer = offer(read)
    workflow.decide(read, "declined", by=supervisor)

    text = text_of(read)
    response = reviewing.post(url(read, "take"), {"seen": newer.pk})

    assert "Take the newer version" not in text
    assert "Leave it" in text
    assert "Nothing was done" in said(response)
    assert list(read.documents.offered()) == [newer]


# Only who may change the application


@pytest.mark.parametrize("deed", ["settle", "take", "leave"])
def test_who_may_only_look_answers_and_takes_nothing(signed_in, co_advisor, read, offer, deed):
    workflow.ask_reviewers(read, "May I begin later?")
    offer(read)
    co_advisor.groups.clear()
    co_advisor.user_permissions.set(Permission.objects.filter(codename="view_application"))
    browser = signed_in(co_advisor)

    text = browser.get(url(read)).content.decode()

    assert "May I begin later?" in text
    for words in ("No answer needed", "Take the newer version", "Leave it"):
        assert words not in text
    assert browser.post(url(read, deed)).status_code == 403
    assert Message.objects.unanswered().exists()
    assert Document.objects.offered().exists()


@pytest.mark.parametrize("deed", ["settle", "take", "leave"])
def test_another_supervisor_answers_and_takes_nothing(signed_in, other_supervisor, read, offer, deed):
    workflow.ask_reviewers(read, "May I begin later?")
    offer(read)

    assert signed_in(other_supervisor).post(url(read, deed)).status_code == 404
    assert Message.objects.unanswered().exists()
    assert Document.objects.offered().exists()


# The list


def test_the_list_marks_what_waits_and_is_narrowed_to_it(reviewing, supervisor, make_application, offer):
    names = ("Asks", "Answered", "Offers", "Declined", "Silent")
    made = {name: make_application(full_name=name, email=f"{name}@example.org") for name in names}
    for name in ("Asks", "Answered"):
        workflow.ask_reviewers(made[name], "May I begin later?")
    workflow.write(made["Answered"], subject="Your question", body="Yes.", by=supervisor)
    for name in ("Offers", "Declined"):
        workflow.note(made[name], "Read.", by=supervisor)
        offer(made[name])
    workflow.decide(made["Declined"], "declined", by=supervisor)

    page = reviewing.get(LIST).content.decode()

    assert page.count('is-question">Question waits</span>') == 1
    assert page.count('is-question">Newer document</span>') == 1
    assert listed(reviewing.get(LIST, {"from_student": "question"})) == ["Asks"]
    assert listed(reviewing.get(LIST, {"from_student": "document"})) == ["Offers"]
    assert len(listed(reviewing.get(LIST, {"from_student": "nonsense"}))) == 5


def test_other_peoples_questions_are_found_by_nobody(signed_in, other_supervisor, application):
    workflow.ask_reviewers(application, "May I begin later?")

    assert listed(signed_in(other_supervisor).get(LIST, {"from_student": "question"})) == []


def test_an_unconfirmed_address_is_said_and_not_hidden(reviewing, make_application, text_of):
    make_application(full_name="Ada")
    confirmed = make_application(full_name="Ben", email="ben@example.org")
    Application.objects.filter(pk=confirmed.pk).update(confirmed_at=timezone.now())

    assert reviewing.get(LIST).content.decode().count("address not confirmed") == 1
    assert listed(reviewing.get(LIST, {"address": "not_confirmed"})) == ["Ada"]
    assert listed(reviewing.get(LIST, {"address": "confirmed"})) == ["Ben"]
    assert len(listed(reviewing.get(LIST, {"address": "nonsense"}))) == 2


def test_the_facts_say_that_an_address_is_not_confirmed(application, text_of):
    mark = '<span class="mark">address not confirmed</span>'
    assert mark in text_of(application)

    Application.objects.filter(pk=application.pk).update(confirmed_at=timezone.now())
    assert mark not in text_of(application)


# What it costs


def test_what_students_say_costs_the_list_no_query_per_row(
    reviewing, supervisor, project, make_application, offer, django_assert_num_queries
):
    Project.objects.filter(pk=project.pk).update(is_own_idea=True)
    title = Question.objects.create(project=project, prompt="Title of your idea")

    def someone(number: int) -> None:
        made = make_application(email=f"p{number}@example.org", **{QUESTIONS: [(title, f"Idea {number}")]})
        workflow.note(made, "Read.", by=supervisor)
        workflow.ask_reviewers(made, "May I begin later?")
        offer(made)

    someone(0)
    reviewing.get(LIST)
    with django_assert_num_queries(12):
        reviewing.get(LIST)
    for number in range(1, 6):
        someone(number)
    with django_assert_num_queries(12):
        page = reviewing.get(LIST).content.decode()
    assert [page.count(words) for words in ("“Idea ", 'is-question">Question', 'is-question">Newer')] == [6, 6, 6]


def test_a_long_thread_and_many_answers_cost_the_review_page_no_query(
    reviewing, supervisor, project, make_application, django_assert_num_queries
):
    def answers_to(number: int) -> list:
        asked = [Question.objects.create(project=project, prompt=f"Question {n} of {number}") for n in range(number)]
        return [(question, "Answer") for question in asked]

    few = make_application(**{QUESTIONS: answers_to(1)})
    many = make_application(email="many@example.org", **{QUESTIONS: answers_to(9)})
    for number in range(4):
        workflow.ask_reviewers(many, f"Question {number}?")
        workflow.write(many, subject="Your question", body=f"Answer {number}.", by=supervisor)
    Application.objects.filter(pk=many.pk).update(status="received")
    for application in (few, many):
        workflow.ask_reviewers(application, "May I begin later?")
        reviewing.get(url(application))  # that one has opened it is noted once a day

    for application in (few, many):
        with django_assert_num_queries(29):
            reviewing.get(url(application))
