"""What was entered by hand is the student's to complete and to agree to; until then the page asks for exactly that."""

import datetime
import html
import re

import pytest
from django.test import Client
from django.utils import timezone

from applications import documents, workflow
from applications.forms import ApplicationForm, CompletionForm
from applications.models import Application, Document, FormerAnswers, Upload
from applications.statuses import Status

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def entered(project, supervisor) -> Application:
    """Ada's application as the supervisor has entered it from a short e-mail without documents."""
    answers = {"full_name": "Ada Example", "email": "ada@example.org", "programme": "MSc Computer Science"}
    return workflow.enter_by_hand(project, answers=answers, uploads=[], by=supervisor)


@pytest.fixture
def by_link(entered, open_by_link) -> Client:
    return open_by_link(entered)


@pytest.fixture
def fields(answers, cv_file, transcript_file):
    """What a browser sends after Ada has completed the form."""

    def fill_in(**changed) -> dict:
        filled = {
            **{name: answers[name] for name in Application.ANSWERS},
            "earliest_start": answers["earliest_start"].isoformat(),
            "cv": cv_file(),
            "transcripts": [transcript_file()],
            "consent": "on",
        } | changed
        return {name: value for name, value in filled.items() if value is not None}

    return fill_in


def at(application, page: str = "") -> str:
    return application.get_absolute_url() + page


def words(response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def kept(response, field: str) -> list[str]:
    return re.findall(f'name="kept_{field}" value="([^"]+)"', response.content.decode())


def again(application) -> Application:
    return Application.objects.get(pk=application.pk)


# What the student sees first


def test_the_page_says_first_who_entered_it_and_asks_to_complete_it(entered, by_link):
    response = by_link.get(at(entered))
    text = words(response)
    assert "came to us by e-mail" in text
    assert "was entered here by Sofia Supervisor." in text
    assert f'href="{at(entered, "complete/")}"' in response.content.decode()
    assert "Is this your application?" not in text
    assert "complete with its documents" not in text
    assert "Correct answers" not in text
    assert "Earliest start Not given yet" in text
    assert text.index("Please complete your application") < text.index("Your application has arrived by e-mail.")


def test_looking_changes_nothing(entered, by_link):
    before = Application.objects.values().get()
    assert by_link.get(at(entered)).status_code == by_link.get(at(entered, "complete/")).status_code == 200
    assert Application.objects.values().get() == before
    assert [event.kind for event in entered.events.all()] == ["entered"]


def test_the_form_holds_what_was_entered_and_no_invented_start(entered, by_link):
    page = by_link.get(at(entered, "complete/")).content.decode()
    assert 'value="Ada Example"' in page
    assert 'value="MSc Computer Science"' in page
    assert timezone.localdate().isoformat() not in page


def test_documents_that_came_with_the_email_are_shown(project, supervisor, make_uploads, open_by_link):
    answers = {"full_name": "Ada Example", "email": "ada@example.org"}
    application = workflow.enter_by_hand(project, answers=answers, uploads=make_uploads(), by=supervisor)
    text = words(open_by_link(application).get(at(application, "complete/")))
    assert "cv.pdf" in text
    assert "transcript.pdf" in text


def test_the_agreement_has_the_words_of_the_apply_form():
    assert str(CompletionForm.base_fields["consent"].label) == str(ApplicationForm.base_fields["consent"].label)


# Completing


def test_completing_keeps_answers_documents_and_the_version_agreed_to(entered, by_link, fields, answers):
    response = by_link.post(at(entered, "complete/"), fields(), follow=True)

    application = again(entered)
    assert response.redirect_chain == [(at(entered), 302)]
    assert "Thank you. Your application is complete." in words(response)
    assert "Please complete your application" not in words(response)
    assert application.answers == {name: answers[name] for name in Application.ANSWERS}
    assert application.consent_version == workflow.CONSENT_VERSION
    assert application.is_confirmed
    assert [d.label for d in application.current_documents()] == ["CV", "Transcript 1"]
    assert FormerAnswers.objects.get().answers["programme"] == "MSc Computer Science"
    assert [e.kind for e in application.events.all()] == ["entered", "confirmed", "consented"]
    assert not Upload.objects.exists()


def test_letters_follow_the_language_in_which_it_was_completed(entered, by_link, fields):
    assert entered.language == "en"  # the one who entered it could only guess
    by_link.post(at(entered, "complete/"), fields(), headers={"accept-language": "de"})
    entered.refresh_from_db()
    assert entered.is_consented
    assert entered.language == "de"


def test_only_missing_documents_are_asked_for_and_others_may_be_replaced(
    project, supervisor, cv_file, by_link, open_by_link, fields
):
    upload = documents.receive(cv_file("from-mail.pdf"), Document.Kind.CV)
    answers = {"full_name": "Bob Example", "email": "bob@example.org"}
    application = workflow.enter_by_hand(project, answers=answers, uploads=[upload], by=supervisor)
    browser = open_by_link(application)

    response = browser.post(at(application, "complete/"), fields(cv=None, transcripts=None))
    assert "Please choose at least one transcript." in words(response)
    assert "Please choose your CV." not in words(response)

    browser.post(at(application, "complete/"), fields(cv=cv_file("better.pdf")))
    assert [d.original_name for d in again(application).current_documents()] == ["better.pdf", "transcript.pdf"]
    assert [d.original_name for d in again(application).former_documents()] == ["from-mail.pdf"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"consent": None}, "Without your agreement we may not keep your application."),
        ({"university": ""}, "Please enter the university at which you study."),
        ({"motivation": ""}, "Please write a few sentences"),
        ({"earliest_start": ""}, "Please choose the first day on which you could begin."),
        ({"cv": None}, "Please choose your CV."),
    ],
)
def test_what_is_missing_is_asked_for_and_nothing_is_agreed_yet(entered, by_link, fields, changed, expected):
    response = by_link.post(at(entered, "complete/"), fields(**changed))
    assert response.status_code == 200
    assert expected in words(response)
    assert not again(entered).is_consented
    assert not Document.objects.exists()


def test_files_are_kept_through_an_error_and_used_by_the_next_post(entered, by_link, fields):
    response = by_link.post(at(entered, "complete/"), fields(consent=None))
    cv, transcripts = kept(response, "cv"), kept(response, "transcripts")
    assert (len(cv), len(transcripts)) == (1, 1)

    sent = fields(cv=None, transcripts=None) | {"kept_cv": cv, "kept_transcripts": transcripts}
    by_link.post(at(entered, "complete/"), sent)

    assert again(entered).is_consented
    assert Document.objects.count() == 2


def test_a_second_click_is_thanked_and_changes_nothing(entered, by_link, fields):
    by_link.post(at(entered, "complete/"), fields())
    response = by_link.post(at(entered, "complete/"), fields(university="Elsewhere"), follow=True)
    assert "complete already" in words(response)
    assert again(entered).university == "University of Examples"
    assert again(entered).events.filter(kind="consented").count() == 1


def test_a_full_disk_loses_no_word_and_no_file(entered, by_link, fields, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(workflow, "complete", fail)
    response = by_link.post(at(entered, "complete/"), fields())
    assert response.status_code == 503
    assert "could not be stored just now" in words(response)
    assert len(kept(response, "cv")) == 1


# Who may, and when


def test_nobody_without_the_link_completes_it(entered, client, fields):
    assert client.get(at(entered, "complete/")).status_code == 404
    assert client.post(at(entered, "complete/"), fields()).status_code == 404
    assert not again(entered).is_consented


def test_what_came_by_the_form_needs_no_completion(application, open_by_link):
    browser = open_by_link(application)
    assert "Please complete" not in words(browser.get(at(application)))
    assert browser.get(at(application, "complete/")).url == at(application)


@pytest.mark.parametrize("status", ["in_review", "interview", "waitlisted", "offered", "accepted"])
def test_it_can_be_completed_as_long_as_it_is_not_over(entered, by_link, fields, status):
    Application.objects.update(status=status)
    by_link.post(at(entered, "complete/"), fields())
    assert again(entered).is_consented


@pytest.mark.parametrize("status", [Status.DECLINED, Status.WITHDRAWN])
def test_once_it_is_over_nothing_is_asked_any_more(entered, by_link, fields, status):
    Application.objects.update(status=status)
    assert "Please complete your application" not in words(by_link.get(at(entered)))
    response = by_link.post(at(entered, "complete/"), fields(), follow=True)
    assert "not possible any more" in words(response)
    assert not again(entered).is_consented


def test_an_offer_is_accepted_after_consent_only(entered, by_link, fields, supervisor):
    workflow.decide(entered, "offered", by=supervisor)

    response = by_link.post(at(entered, "accept/"), follow=True)
    assert response.redirect_chain[-1][0] == at(entered, "complete/")
    assert "complete your application and agree first" in words(response)
    with pytest.raises(workflow.Refused, match="complete your application and agree first"):
        workflow.accept_offer(entered)
    assert again(entered).status == "offered"

    by_link.post(at(entered, "complete/"), fields())
    by_link.post(at(entered, "accept/"))
    assert again(entered).status == "accepted"


@pytest.mark.django_db(transaction=True)
def test_this_was_not_me_erases_what_was_entered(entered, by_link):
    assert at(entered, "not-me/") in by_link.get(at(entered)).content.decode()
    by_link.post(at(entered, "not-me/"))
    assert not Application.objects.exists()


def test_a_corrected_address_gets_the_letter_about_completing_again(entered):
    entered.letters.update(status="sent", sent_at=timezone.now())
    workflow.correct_address(entered, "ada.example@example.org")
    assert [(letter.kind, letter.recipient) for letter in entered.letters.filter(to_student=True).order_by("pk")] == [
        ("entered", "ada@example.org"),
        ("entered", "ada.example@example.org"),
    ]


def test_a_start_that_was_given_is_not_taken_for_an_unknown_one(project, supervisor, by_link, entered):
    assert entered.earliest_start is None
    start = timezone.localdate() + datetime.timedelta(days=5)
    answers = {"full_name": "Bob Example", "email": "bob@example.org", "earliest_start": start}
    bob = workflow.enter_by_hand(project, answers=answers, uploads=[], by=supervisor)
    assert bob.earliest_start == start
