"""From the review page: ask colleagues, write to the student, add documents that came by e-mail, move it on."""

import pytest
from django.contrib.messages import get_messages

from applications import documents, workflow
from applications.models import Application, Document, Event, Letter, LetterWording, ReviewRequest
from applications.statuses import Status
from projects.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"


def page_url(application: Application, page: str = "change") -> str:
    return f"{LIST}{application.pk}/{page}/"


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


# Ask


def test_the_supervisor_asks_colleagues_by_name(reviewing, supervisor, co_advisor, application):
    answer = reviewing.post(page_url(application, "ask"), {"reviewers": [co_advisor.pk]})

    request = ReviewRequest.objects.get()
    assert (request.reviewer, request.asked_by) == (co_advisor, supervisor)
    assert answer["Location"] == page_url(application) + "#ask"
    assert "1 person is asked." in said(answer)


def test_the_asked_one_reads_who_asked(client, supervisor, co_advisor, application):
    workflow.ask(application, [co_advisor], by=supervisor)
    client.force_login(co_advisor)

    page = client.get(page_url(application)).content.decode()

    assert "Sofia Supervisor asked you to read this" in page
    assert "Ask colleagues for a review" not in page


def test_the_supervisor_reads_whether_they_are_done_and_never_how(reviewing, supervisor, co_advisor, application):
    workflow.ask(application, [co_advisor], by=supervisor)
    assert "not done yet" in reviewing.get(page_url(application)).content.decode()

    workflow.abstain(application, by=co_advisor)
    abstained = reviewing.get(page_url(application)).content.decode()
    workflow.review(application, rating=1, comment="A canary.", by=co_advisor)
    rated = reviewing.get(page_url(application)).content.decode()

    for page in (abstained, rated):
        assert "not done yet" not in page
        assert "✓ done" in page
        assert "A canary." not in page


@pytest.mark.parametrize("who", ["supervisor", "other_supervisor", "staff_without_rights", "nobody"])
def test_only_colleagues_on_the_project_can_be_asked(request, reviewing, application, who):
    chosen = [] if who == "nobody" else [request.getfixturevalue(who).pk]

    answer = reviewing.post(page_url(application, "ask"), {"reviewers": chosen})

    assert answer.status_code == 200
    assert not answer.context["ask_form"].is_valid()
    assert not ReviewRequest.objects.exists()


def test_a_co_advisor_asks_nobody(client, co_advisor, supervisor, application):
    client.force_login(co_advisor)

    assert client.post(page_url(application, "ask"), {"reviewers": [supervisor.pk]}).status_code == 403
    assert not ReviewRequest.objects.exists()


# Write


def test_a_letter_in_ones_own_words_names_the_reference_and_stands_in_the_history(reviewing, supervisor, application):
    answer = reviewing.post(page_url(application, "write"), {"subject": "A question", "body": "When do you finish?"})

    letter = Letter.objects.get(kind=Letter.Kind.MESSAGE)
    assert (letter.recipient, letter.reply_to, letter.subject) == ("ada@example.org", supervisor.email, "A question")
    for words in ("Ada Example", "When do you finish?", application.reference, "Sofia Supervisor"):
        assert words in letter.body
    assert application.events.filter(kind=Event.Kind.WROTE, user=supervisor).count() == 1
    assert answer["Location"] == page_url(application) + "#letters"
    assert "A question" in reviewing.get(page_url(application)).content.decode()


def test_the_preview_shows_the_letter_and_sends_nothing(reviewing, application):
    answer = reviewing.post(
        page_url(application, "write"), {"subject": "A question", "body": "When do you finish?", "action": "preview"}
    )

    assert application.reference in answer.context["write_preview"].body
    assert answer.context["write_preview"].body in answer.content.decode()
    assert not Letter.objects.filter(kind=Letter.Kind.MESSAGE).exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject": "", "body": "Hello there."}, "The letter needs a subject."),
        ({"subject": "A question", "body": " "}, "The letter is empty."),
    ],
)
def test_half_a_letter_comes_back_with_its_words(reviewing, application, fields, words):
    page = reviewing.post(page_url(application, "write"), fields).content.decode()

    assert words in page
    assert fields["body"].strip() in page
    assert not Letter.objects.filter(kind=Letter.Kind.MESSAGE).exists()


def test_a_subject_cannot_hold_a_second_header(reviewing, application):
    reviewing.post(page_url(application, "write"), {"subject": "Hello\r\nBcc: all@example.org", "body": "Hello."})

    assert "\n" not in Letter.objects.get(kind=Letter.Kind.MESSAGE).subject


# Documents that came by e-mail


def test_a_cv_takes_the_place_of_the_former_and_transcripts_stand_beside(
    reviewing, supervisor, application, cv_file, transcript_file
):
    former_cv, transcript = application.current_documents()

    answer = reviewing.post(
        page_url(application, "documents"), {"cv": cv_file("new.pdf"), "transcripts": [transcript_file("more.pdf")]}
    )

    application = Application.objects.get(pk=application.pk)
    assert answer["Location"] == page_url(application)
    assert [(d.original_name, d.version) for d in application.current_documents()] == [
        ("new.pdf", 2),
        (transcript.original_name, 1),
        ("more.pdf", 1),
    ]
    assert application.former_documents() == [former_cv]
    assert application.events.filter(kind=Event.Kind.DOCUMENTS_ADDED, user=supervisor).exists()


def test_only_pdfs_are_taken_and_what_was_fine_is_kept(reviewing, application, cv_file, transcript_file):
    answer = reviewing.post(
        page_url(application, "documents"),
        {"cv": cv_file("photo.pdf", b"\xff\xd8\xff no pdf"), "transcripts": [transcript_file("fine.pdf")]},
    )

    page = answer.content.decode()
    assert "“photo.pdf”" in page
    assert "“fine.pdf” is kept." in page
    assert application.documents.count() == 2

    kept = answer.context["documents_form"].kept_transcripts[0][0]
    reviewing.post(page_url(application, "documents"), {"kept_transcripts": kept})
    assert application.documents.filter(original_name="fine.pdf").exists()


def test_a_document_that_cannot_be_checked_just_now_is_asked_for_again(reviewing, application, cv_file, monkeypatch):
    def unavailable(*args, **more):
        raise documents.Busy

    monkeypatch.setattr(documents, "receive", unavailable)

    answer = reviewing.post(page_url(application, "documents"), {"cv": cv_file()})

    assert answer.status_code == 503
    assert "Please choose it again in a minute." in answer.content.decode()
    assert application.documents.count() == 2


def test_a_document_that_is_too_large_is_413(reviewing, application, cv_file, settings):
    settings.DOCUMENT_MAX_BYTES = 100

    answer = reviewing.post(page_url(application, "documents"), {"cv": cv_file()})

    assert answer.status_code == 413
    assert application.documents.count() == 2


def test_once_there_is_an_answer_no_document_is_added(reviewing, make_application, cv_file):
    application = make_application(status=Status.ACCEPTED)

    assert "Add documents" not in reviewing.get(page_url(application)).content.decode()
    answer = reviewing.post(page_url(application, "documents"), {"cv": cv_file()})

    assert "the application’s status is “Accepted”" in said(answer)
    assert Document.objects.count() == 2


# Move to another project


@pytest.fixture
def second_project(topic, supervisor) -> Project:
    return Project.objects.create(title="Second project", topic=topic, supervisor=supervisor)


def test_an_application_moves_to_another_project_of_ones_own(reviewing, application, second_project):
    answer = reviewing.post(
        page_url(application, "transfer"), {"project": second_project.pk, "consent": "By phone on 3 May."}
    )

    application.refresh_from_db()
    assert application.project == second_project
    assert "By phone on 3 May." in application.events.get(kind=Event.Kind.TRANSFERRED).text
    assert answer["Location"] == page_url(application)


def test_without_the_students_consent_nothing_moves(reviewing, application, second_project):
    answer = reviewing.post(page_url(application, "transfer"), {"project": second_project.pk, "consent": " "})

    application.refresh_from_db()
    assert "Please note how and when the student agreed" in answer.content.decode()
    assert application.project != second_project


def test_foreign_and_closed_projects_cannot_be_chosen(reviewing, application, other_project, second_project):
    second_project.is_published = False
    second_project.save()

    for project in (other_project, second_project, application.project):
        answer = reviewing.post(page_url(application, "transfer"), {"project": project.pk, "consent": "By phone."})
        assert "This project is not open, or not yours." in answer.content.decode()

    assert other_project.title not in reviewing.get(page_url(application)).content.decode()
    assert Application.objects.get(pk=application.pk).project == application.project


def test_what_the_rules_refuse_comes_back_with_the_reason_and_the_words(
    reviewing, application, make_application, second_project
):
    make_application(second_project)  # the same student

    answer = reviewing.post(page_url(application, "transfer"), {"project": second_project.pk, "consent": "By phone."})

    page = answer.content.decode()
    assert "This student has an application to that project already." in page
    assert "By phone." in page


def test_a_co_advisor_moves_nothing(client, co_advisor, application, second_project):
    client.force_login(co_advisor)

    answer = client.post(page_url(application, "transfer"), {"project": second_project.pk, "consent": "By phone."})

    assert answer.status_code == 403
    assert "Move to another project" not in client.get(page_url(application)).content.decode()


@pytest.mark.parametrize("deed", ["ask", "write", "documents", "transfer"])
@pytest.mark.parametrize(("who", "status"), [("other_supervisor", 404), ("staff_without_rights", 403)])
def test_nobody_else_does_any_of_this(request, signed_in, application, deed, who, status):
    events = application.events.count()

    answer = signed_in(request.getfixturevalue(who)).post(
        page_url(application, deed), {"subject": "Hello", "body": "Hello."}
    )

    assert answer.status_code == status
    assert application.events.count() == events


def test_a_double_click_sends_one_letter_and_keeps_one_note(reviewing, application):
    for _ in range(2):
        reviewing.post(page_url(application, "write"), {"subject": "Hello", "body": "When?", "action": "send"})
        reviewing.post(page_url(application, "note"), {"text": "A good one."})

    assert application.letters.filter(kind=Letter.Kind.MESSAGE).count() == 1
    assert application.events.filter(kind=Event.Kind.NOTE).count() == 1
    assert application.events.filter(kind=Event.Kind.WROTE).count() == 1


def test_the_same_note_by_a_colleague_is_a_note_of_its_own(application, supervisor, co_advisor):
    for person in (supervisor, co_advisor):
        workflow.note(application, "A good one.", by=person)
    assert application.events.filter(kind=Event.Kind.NOTE).count() == 2


def test_a_letter_in_the_supervisors_own_words_is_framed_once(application, supervisor):
    words = "Hello {name},\n\n{personal_line}\n\nYours\n{supervisor}\n"
    LetterWording.objects.create(kind="message", language="en", subject="About it", body=words, changed_by=supervisor)

    letter = workflow.write(application, subject="A question", body="When?", by=supervisor)

    assert letter.body.count("Hello Ada Example,") == 1
    assert letter.body.count("Yours\nSofia Supervisor") == 1
    assert workflow.write(application, subject="A question", body="When?", by=supervisor) == letter
