"""The receipt: what was handed in, so that it can be proved on paper."""

import pytest
from django.utils import timezone

from applications import workflow
from applications.consent import CONSENT_VERSION, consent_text
from applications.models import Application, QuestionAnswer
from tests.applications.student_pages import at, words

pytestmark = pytest.mark.once


def receipt(browser, application) -> str:
    response = browser.get(at(application, "receipt/"))
    assert response.status_code == 200
    return words(response).replace("\xa0", " ")


def test_it_names_the_application_and_every_document_to_the_byte(application, by_link):
    text = receipt(by_link, application)
    for expected in (application.reference, application.project.title, "Ada Example", "ada@example.org"):
        assert expected in text, expected
    for document in application.current_documents():
        pages = f"{document.pages} page"
        for expected in (document.original_name, document.sha256, f"{document.size} bytes", pages, "Version 1"):
            assert expected in text, expected


def test_it_says_when_the_application_came_and_in_which_time_zone(application, by_link):
    received = timezone.localtime(application.received_at)
    text = receipt(by_link, application)
    assert f"{received.day} {received:%B %Y}" in text
    assert f"({received.tzname()})" in text


def test_it_holds_the_answers_those_to_the_projects_own_questions_too(application, by_link):
    QuestionAnswer.objects.create(application=application, prompt="Which language?", kind="short", text="Mostly Rust.")
    text = receipt(by_link, application)
    for expected in ("I would like to align sequences.", "Which language?", "Mostly Rust."):
        assert expected in text, expected


def test_it_holds_the_words_that_were_agreed_to_with_their_version(application, by_link):
    text = receipt(by_link, application)
    assert consent_text(CONSENT_VERSION) in text
    assert f"version {CONSENT_VERSION} of these words" in text


def test_without_an_agreement_it_says_so(application, by_link):
    Application.objects.update(consent_version="")
    text = receipt(by_link, application)
    assert "Not given yet." in text
    assert "of these words" not in text


def test_it_tells_what_counts_from_what_was_replaced_or_only_offered(application, by_link, make_uploads, supervisor):
    workflow.replace_documents(application, make_uploads()[:1])
    workflow.note(application, "Reading.", by=supervisor)
    workflow.offer_documents(application, make_uploads()[:1])
    text = receipt(by_link, application)
    assert [text.count(f"Version {number}") for number in (1, 2, 3)] == [2, 1, 1]
    assert text.count("(Replaced") == 1
    assert text.count("the reviewers have not taken it yet") == 1


def test_it_prints_without_a_script(application, by_link):
    source = by_link.get(at(application, "receipt/")).content.decode()
    assert "css/receipt.css" in source
    assert "<script" not in source
    assert "Ctrl+P" in source


def test_the_students_page_leads_to_it(application, by_link):
    assert at(application, "receipt/") in by_link.get(at(application)).content.decode()


@pytest.mark.parametrize("transcripts", [1, 5])
def test_it_asks_the_database_a_fixed_number_of_questions(
    make_application, open_by_link, django_assert_num_queries, transcripts
):
    application = make_application(transcripts=transcripts)
    browser = open_by_link(application)
    with django_assert_num_queries(5):
        assert browser.get(at(application, "receipt/")).status_code == 200


def test_it_is_kept_by_no_cache_and_shown_to_nobody_else(application, by_link, client, signed_in, supervisor):
    assert "no-store" in by_link.get(at(application, "receipt/"))["Cache-Control"]
    for browser in (client, signed_in(supervisor)):
        assert browser.get(at(application, "receipt/")).status_code == 404
