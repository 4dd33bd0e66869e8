"""A project's own questions on the apply form: asked, checked, kept with their words, shown before sending."""

import pytest
from django.test import Client

from applications import search, workflow
from applications.models import Application, Upload
from projects.models import Question

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def questions(project) -> dict[str, Question]:
    """One of each kind; the choice and the thesis are needed."""
    make = project.questions.create
    return {
        "short": make(prompt="Which course?", hint="Its number is enough.", is_required=False, position=1),
        "long": make(prompt="What have you built?", kind="long", is_required=False, position=2),
        "choice": make(prompt="Do you know Rust?", kind="choice", options="Yes\nNo\nA little", position=3),
        "file": make(prompt="Your BSc thesis", kind="file", position=4),
    }


@pytest.fixture
def fields(answers, cv_file, transcript_file, questions):
    """The fields of the form, filled in; a new set of files at each call."""

    def make(**changed) -> dict:
        return {
            **answers,
            "earliest_start": answers["earliest_start"].isoformat(),
            "consent": "on",
            "nonce": "one-form",
            "cv": cv_file(),
            "transcripts": [transcript_file()],
            questions["short"].field_name: "CS-101",
            questions["long"].field_name: "A compiler.\r\nTwice.",
            questions["choice"].field_name: "A little",
            questions["file"].field_name: cv_file("thesis.pdf"),
        } | changed

    return make


def test_the_form_asks_what_the_project_asks_and_says_what_is_not_needed(client, address, questions):
    page = client.get(address).content.decode()
    for words in ("Which course?", "Its number is enough.", "What have you built?", "A little", "Your BSc thesis"):
        assert words in page
    assert page.count("If you like.") == 2


def test_a_retired_question_and_those_of_another_project_are_not_asked(client, address, questions, other_project):
    other_project.questions.create(prompt="Something else entirely?")
    Question.objects.filter(pk=questions["short"].pk).update(is_retired=True)
    page = client.get(address).content.decode()
    assert "Which course?" not in page
    assert "Something else entirely?" not in page


def test_answers_are_kept_with_the_words_of_the_question(client, address, fields, questions):
    assert client.post(address, fields()).status_code == 302
    application = Application.objects.get()
    kept = list(application.question_answers.values_list("prompt", "kind", "text"))
    assert kept == [
        ("Which course?", "short", "CS-101"),
        ("What have you built?", "long", "A compiler.\nTwice."),
        ("Do you know Rust?", "choice", "A little"),
    ]
    thesis = application.documents.get(kind="other")
    assert (thesis.label, thesis.original_name, thesis.question) == ("Your BSc thesis", "thesis.pdf", questions["file"])


def test_answers_outlive_a_question_that_is_deleted(client, address, fields, project):
    client.post(address, fields())
    project.questions.all().delete()
    application = Application.objects.get()
    assert application.question_answers.count() == 3
    assert application.documents.get(kind="other").label == "Your BSc thesis"


def test_a_question_that_is_needed_is_asked_again_and_nothing_is_lost(client, address, fields, questions):
    response = client.post(address, fields(**{questions["choice"].field_name: "", questions["file"].field_name: ""}))
    page = response.content.decode()
    assert response.status_code == 200
    assert "Please answer this question." in page
    assert "Please choose a file." in page
    assert "CS-101" in page
    assert not Application.objects.exists()
    assert Upload.objects.count() == 2


def test_questions_that_are_not_needed_may_stay_empty(client, address, fields, questions):
    data = fields(**{questions["short"].field_name: "", questions["long"].field_name: ""})
    assert client.post(address, data).status_code == 302
    assert Application.objects.get().question_answers.count() == 1


def test_a_choice_that_is_not_offered_is_refused(client, address, fields, questions):
    response = client.post(address, fields(**{questions["choice"].field_name: "Perhaps"}))
    assert "Please choose one of the answers in the list." in response.content.decode()


@pytest.mark.parametrize(("kind", "most"), [("short", 200), ("long", 4000)])
def test_an_answer_has_a_length_that_people_read(client, address, fields, questions, kind, most):
    response = client.post(address, fields(**{questions[kind].field_name: "x" * (most + 1)}))
    assert f"at most {most}" in response.content.decode()


def test_the_page_before_sending_shows_the_answers_and_every_document(client, address, fields):
    response = client.post(address, fields(action="preview"))
    page = response.content.decode()
    for words in ("Which course?", "CS-101", "A compiler.", "A little", "Your BSc thesis", "thesis.pdf", "cv.pdf"):
        assert words in page
    assert not Application.objects.exists()
    for upload in Upload.objects.all():
        shown = client.get(f"/uploads/{upload.pk}/")
        assert shown.status_code == 200
        assert len(shown.getvalue()) == upload.size
        assert Client().get(f"/uploads/{upload.pk}/").status_code == 404


def test_what_was_previewed_is_what_is_sent(client, address, fields):
    form = client.post(address, fields(action="preview")).context["form"]
    data = {field.html_name: field.value() or "" for field in form.fields_without_files}
    for name, token, _upload in form.all_kept:
        data.setdefault(f"kept_{name}", []).append(token)
    assert client.post(address, data).status_code == 302
    application = Application.objects.get()
    assert application.question_answers.count() == 3
    assert [document.kind for document in application.current_documents()] == ["cv", "transcript", "other"]


def test_a_file_for_one_question_is_no_answer_to_another(client, address, fields, questions, project):
    other = project.questions.create(prompt="Another file", kind="file", position=5)
    form = client.post(address, fields(action="preview")).context["form"]
    token = form.kept_of(questions["file"].field_name)[0][0]
    response = client.post(address, fields(**{other.field_name: "", f"kept_{other.field_name}": token}))
    assert "no longer kept" in response.content.decode()


def test_corrected_answers_keep_the_former_ones(client, address, fields, questions, answers):
    client.post(address, fields())
    application = Application.objects.get()
    changed = answers | {"questions": [(questions["short"], "CS-202"), (questions["choice"], "A little")]}
    workflow.correct_answers(application, changed)
    application.refresh_from_db()
    now = dict(application.question_answers.values_list("prompt", "text"))
    assert now == {
        "Which course?": "CS-202",
        "What have you built?": "A compiler.\nTwice.",
        "Do you know Rust?": "A little",
    }
    former = application.former_answers.get()
    assert ("Which course?", "CS-101") in former.question_answers


def test_the_search_finds_what_was_answered_to_a_question(client, address, fields, questions, supervisor):
    client.post(address, fields(**{questions["short"].field_name: "Zymology"}))
    application = Application.objects.get()
    assert list(search.matching(Application.objects.visible_to(supervisor), "zymolo")) == [application]
    workflow.correct_answers(
        application,
        {name: getattr(application, name) for name in Application.ANSWERS} | {"questions": [(questions["short"], "")]},
    )
    assert not search.matching(Application.objects.all(), "zymolo").exists()


def corrected(browser: Client, application: Application, **changed):
    """The form for corrections, sent as it came but for `changed`."""
    url = f"/applications/{application.reference}/answers/"
    form = browser.get(url).context["form"]
    return browser.post(url, {field.html_name: field.value() or "" for field in form} | changed)


def test_an_option_that_is_not_offered_any_more_stays_for_who_chose_it(client, address, fields, questions):
    client.post(address, fields())
    application = Application.objects.get()
    choice = questions["choice"]
    Question.objects.filter(pk=choice.pk).update(options="Yes\nNo\nVery well")

    assert "A little" not in Client().get(address).content.decode()
    assert corrected(client, application, motivation="A typo is mended.").status_code == 302

    application.refresh_from_db()
    assert application.motivation == "A typo is mended."
    assert application.question_answers.get(kind="choice").text == "A little"
    refused = corrected(client, application, **{choice.field_name: "Perhaps"})
    assert list(refused.context["form"].errors) == [choice.field_name]
    corrected(client, application, **{choice.field_name: "Very well"})
    assert application.question_answers.get(kind="choice").text == "Very well"
