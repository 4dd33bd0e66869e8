"""A better document after reading began is offered to the reviewers, and the student sees what became of it."""

import re

import pytest

from applications import documents, workflow
from applications.models import Application, Document, Letter
from tests import pdfs
from tests.applications.student_pages import at, words

pytestmark = pytest.mark.once


@pytest.fixture
def read(application, supervisor) -> Application:
    """Ada's application once somebody has begun to read it."""
    workflow.note(application, "Reading.", by=supervisor)
    application.refresh_from_db()
    return application


def send(browser, application, file, **more):
    return browser.post(at(application, "documents/"), {"cv": file}, **more)


def test_a_newer_cv_is_shown_as_sent_and_not_taken_yet(read, by_link, cv_file):
    assert "Send a newer version" in words(by_link.get(at(read)))
    response = send(by_link, read, cv_file("better.pdf"), follow=True)
    assert response.redirect_chain == [(at(read), 302)]
    text = words(response)
    assert "decide whether to use the newer version" in text
    assert re.search(r"better\.pdf .* Sent [^;]+; the reviewers have not taken it yet", text)
    assert "You sent a newer version of documents." in text


def test_until_it_is_taken_the_former_one_counts(read, by_link, cv_file):
    send(by_link, read, cv_file("better.pdf"))
    assert [document.original_name for document in read.current_documents()] == ["cv.pdf", "transcript.pdf"]
    assert [document.original_name for document in read.offered_documents()] == ["better.pdf"]
    assert Letter.objects.filter(kind=Letter.Kind.NOTICE_DOCUMENT).exists()


def test_the_form_says_that_the_reviewers_decide(read, by_link):
    text = words(by_link.get(at(read, "documents/")))
    assert "they decide whether to use it instead" in text
    assert "Replace documents" not in text


def test_before_reading_began_it_is_replaced_as_ever(application, by_link, cv_file):
    assert "Replace documents" in words(by_link.get(at(application, "documents/")))
    send(by_link, application, cv_file("better.pdf"))
    assert application.current_documents()[0].original_name == "better.pdf"
    assert not Document.objects.offered().exists()


def test_what_was_chosen_before_reading_began_and_sent_afterwards_is_offered(application, by_link, supervisor, cv_file):
    by_link.get(at(application, "documents/"))
    workflow.note(application, "Reading.", by=supervisor)
    assert "The reviewers know of them" in words(send(by_link, application, cv_file("better.pdf"), follow=True))
    assert Document.objects.offered().get().original_name == "better.pdf"


def test_when_it_is_taken_the_former_one_is_called_replaced(read, by_link, cv_file, supervisor):
    send(by_link, read, cv_file("better.pdf"))
    workflow.take_offered(read, by=supervisor)
    text = words(by_link.get(at(read)))
    assert "1 former document" in text
    assert re.search(r" cv\.pdf .* Replaced \d", text)
    assert "not taken" not in text
    assert "The reviewers took the newer version of your documents." in text


def test_when_it_is_left_it_is_called_not_used(read, by_link, cv_file, supervisor):
    send(by_link, read, cv_file("better.pdf"))
    workflow.leave_offered(read, by=supervisor)
    text = words(by_link.get(at(read)))
    assert re.search(r"better\.pdf .* Sent [^;]*, not used", text)
    assert "Replaced" not in text
    assert "The reviewers stayed with the documents that you had handed in before." in text


def test_a_still_newer_one_takes_the_place_of_what_waits(read, by_link, cv_file):
    send(by_link, read, cv_file("better.pdf"))
    send(by_link, read, cv_file("best.pdf"))
    assert [document.original_name for document in read.offered_documents()] == ["best.pdf"]
    assert [document.original_name for document in read.former_documents()] == ["better.pdf"]


def test_once_the_answer_is_there_what_waited_is_called_not_taken(read, by_link, cv_file, supervisor):
    send(by_link, read, cv_file("better.pdf"))
    workflow.decide(read, "declined", by=supervisor)
    text = words(by_link.get(at(read)))
    assert "the reviewers have not taken it" in text
    assert "not taken it yet" not in text


@pytest.mark.parametrize("status", ["offered", "accepted", "declined", "withdrawn"])
def test_with_an_answer_nothing_can_be_sent_any_more(make_application, open_by_link, cv_file, status):
    application = make_application(status=status)
    browser = open_by_link(application)
    assert at(application, "documents/") not in browser.get(at(application)).content.decode()
    for response in (
        browser.get(at(application, "documents/"), follow=True),
        send(browser, application, cv_file("late.pdf"), follow=True),
    ):
        assert response.redirect_chain == [(at(application), 302)]
        assert "not possible any more" in words(response)
    assert not Document.objects.filter(original_name="late.pdf").exists()


def test_an_answer_that_comes_while_the_file_is_on_its_way_is_told(read, by_link, cv_file, supervisor, monkeypatch):
    offer = workflow.offer_documents

    def answered_just_before(application, uploads):
        workflow.decide(read, "declined", by=supervisor)
        return offer(application, uploads)

    monkeypatch.setattr(workflow, "offer_documents", answered_just_before)
    assert "not possible any more" in words(send(by_link, read, cv_file("late.pdf"), follow=True))
    assert not Document.objects.offered().exists()


def test_reading_that_begins_while_the_file_is_on_its_way_loses_no_file(
    application, by_link, cv_file, supervisor, monkeypatch
):
    replace = workflow.replace_documents

    def read_just_before(loaded, uploads):
        workflow.note(loaded, "Reading.", by=supervisor)
        return replace(loaded, uploads)

    monkeypatch.setattr(workflow, "replace_documents", read_just_before)
    response = send(by_link, application, cv_file("better.pdf"))
    assert response.status_code == 200
    assert "Reading has begun" in words(response)
    claims = re.findall(r'name="kept_cv" value="([^"]+)"', response.content.decode())

    by_link.post(at(application, "documents/"), {"kept_cv": claims})

    assert Document.objects.offered().get().original_name == "better.pdf"


def test_a_bad_file_is_refused_with_the_form_and_a_good_one_beside_it_is_kept(read, by_link, cv_file, transcript_file):
    files = {"cv": cv_file("photo.pdf", pdfs.renamed_photo()), "transcripts": [transcript_file("new.pdf")]}
    response = by_link.post(at(read, "documents/"), files)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["cv"]
    assert 'name="kept_transcripts"' in response.content.decode()
    assert not Document.objects.offered().exists()


def test_the_student_opens_what_was_offered_and_a_stranger_does_not(read, by_link, client, cv_file):
    send(by_link, read, cv_file("better.pdf"))
    address = read.offered_documents()[0].get_absolute_url()
    assert b"".join(by_link.get(address).streaming_content).startswith(b"%PDF")
    assert client.get(address).status_code == 404


def test_nobody_sends_documents_to_an_application_that_their_browser_may_not_open(read, client, cv_file):
    assert send(client, read, cv_file("foreign.pdf")).status_code == 404
    assert not Document.objects.offered().exists()


def test_newer_versions_are_sent_five_times_a_day_and_the_sixth_file_is_kept(read, by_link, cv_file, settings):
    for number in range(5):
        assert send(by_link, read, cv_file(f"{number}.pdf")).status_code == 302
    refused = send(by_link, read, cv_file("sixth.pdf"))
    assert refused.status_code == 429
    assert "Please wait until tomorrow." in words(refused)
    assert read.offered_documents()[0].original_name == "4.pdf"
    claims = re.findall(r'name="kept_cv" value="([^"]+)"', refused.content.decode())

    settings.APPLY_LIMITS = False
    assert by_link.post(at(read, "documents/"), {"kept_cv": claims}).status_code == 302

    assert [document.original_name for document in read.offered_documents()] == ["sixth.pdf"]


def names(application) -> list[str]:
    return [document.original_name for document in Application.objects.get(pk=application.pk).current_documents()]


def test_a_transcript_that_a_reviewer_added_since_stays_when_what_was_sent_is_taken(
    read, by_link, transcript_file, supervisor
):
    by_link.post(at(read, "documents/"), {"transcripts": [transcript_file("better.pdf")]})
    by_mail = documents.receive(transcript_file("last-term-by-mail.pdf"), "transcript")
    workflow.add_documents(read, [by_mail], by=supervisor)
    workflow.take_offered(read, by=supervisor)
    assert sorted(names(read)) == ["better.pdf", "cv.pdf", "last-term-by-mail.pdf"]


def test_a_cv_that_a_reviewer_added_since_is_the_newest_and_nothing_waits_any_more(read, by_link, cv_file, supervisor):
    send(by_link, read, cv_file("second.pdf"))
    workflow.add_documents(read, [documents.receive(cv_file("third-by-mail.pdf"), "cv")], by=supervisor)
    assert names(read) == ["third-by-mail.pdf", "transcript.pdf"]
    with pytest.raises(workflow.Refused) as refused:
        workflow.take_offered(read, by=supervisor)
    assert refused.value.code == "none_offered"


def test_documents_for_two_questions_that_are_deleted_since_do_not_take_each_other_s_place(
    project, supervisor, answers, make_uploads, cv_file
):
    questions = [project.questions.create(prompt=prompt, kind="file") for prompt in ("Thesis", "Portfolio")]
    theirs = [documents.receive(cv_file(f"{each.prompt}.pdf"), "other", question=each) for each in questions]
    application = workflow.submit(project, answers=answers, uploads=[*make_uploads(), *theirs], nonce="n")
    workflow.note(application, "Reading.", by=supervisor)
    workflow.offer_documents(application, [documents.receive(cv_file("better.pdf"), "other", question=questions[0])])
    project.questions.all().delete()

    workflow.take_offered(application, by=supervisor)

    assert sorted(names(application)) == ["Portfolio.pdf", "better.pdf", "cv.pdf", "transcript.pdf"]
