"""Students ask on their own page, and read there what the reviewers answer."""

import datetime

import pytest
from django.utils import timezone

from applications import workflow
from applications.models import Application, Letter, Message
from tests.applications.student_pages import at, words

pytestmark = pytest.mark.once

WAITS = "Not answered yet."


def ask(browser, application, text="May I begin in May?", **more):
    return browser.post(at(application, "ask/"), {"text": text}, **more)


def test_a_question_stands_on_the_page_as_not_answered_yet(application, by_link):
    response = ask(by_link, application, follow=True)
    assert response.redirect_chain == [(at(application), 302)]
    text = words(response)
    assert "Your question has arrived." in text
    assert "May I begin in May?" in text
    assert WAITS in text
    assert "You asked a question." in text


def test_the_reviewers_are_told_without_the_text(application, by_link):
    ask(by_link, application, "May I begin in May?")
    notices = Letter.objects.filter(kind=Letter.Kind.NOTICE_QUESTION)
    assert {letter.recipient for letter in notices} == {"sofia@example.org", "carl@example.org"}
    assert not any("May I begin" in letter.body for letter in notices)


def test_the_answer_stands_below_with_its_author(application, by_link, supervisor):
    ask(by_link, application)
    workflow.write(application, subject="Your question", body="Yes, in May.", by=supervisor)
    text = words(by_link.get(at(application)))
    assert text.index("May I begin in May?") < text.index("Sofia Supervisor") < text.index("Yes, in May.")
    assert WAITS not in text


def test_a_question_after_the_answer_waits_again(application, by_link, supervisor):
    ask(by_link, application)
    workflow.write(application, subject="Your question", body="Yes, in May.", by=supervisor)
    ask(by_link, application, "And with a desk?")
    text = words(by_link.get(at(application)))
    assert text.count(WAITS) == 1
    assert text.index(WAITS) > text.index("And with a desk?")


def test_a_question_that_was_settled_otherwise_does_not_wait_for_ever(application, by_link, supervisor):
    ask(by_link, application)
    workflow.settle_question(application, by=supervisor)
    text = words(by_link.get(at(application)))
    assert "Marked as settled by the reviewers" in text
    assert WAITS not in text


def test_what_waits_on_the_page_is_what_waits_for_the_reviewers(application, by_link, supervisor):
    ask(by_link, application, "First?")
    workflow.write(application, subject="First", body="Yes.", by=supervisor)
    ask(by_link, application, "Second?")
    ask(by_link, application, "Third?")
    assert words(by_link.get(at(application))).count(WAITS) == Message.objects.unanswered().count() == 2


def test_the_form_says_where_the_answer_will_be_read(application, by_link):
    text = words(by_link.get(at(application, "ask/")))
    assert "The answer will stand on your page, and a letter brings it to ada@example.org, too." in text


def test_asking_by_link_confirms_the_address_and_by_the_form_does_not(application, by_form, open_by_link):
    ask(by_form, application)
    application.refresh_from_db()
    assert not application.is_confirmed
    ask(open_by_link(application), application, "Another?")
    application.refresh_from_db()
    assert application.is_confirmed


def test_the_same_question_twice_is_one(application, by_link):
    ask(by_link, application)
    ask(by_link, application)
    assert application.messages.count() == 1


def test_a_settled_question_that_is_asked_again_is_a_new_one(application, by_link, supervisor):
    ask(by_link, application)
    workflow.settle_question(application, by=supervisor)
    ask(by_link, application)
    assert application.messages.count() == 2
    assert Message.objects.unanswered().count() == 1


def test_the_same_question_another_time_is_a_reminder_and_counts(application, by_link):
    ask(by_link, application)
    Message.objects.update(created_at=timezone.now() - datetime.timedelta(hours=1))
    ask(by_link, application)
    assert Message.objects.unanswered().count() == 2


@pytest.mark.parametrize("text", ["", "  \r\n ", "\u202e\u2066 ", "null\x00", "x" * 2001])
def test_what_is_no_question_is_refused_with_the_form_and_its_text(application, by_link, text):
    response = ask(by_link, application, text)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["text"]
    assert response.context["form"]["text"].value() == text
    assert not application.messages.exists()


def test_a_line_break_counts_once(application, by_link):
    ask(by_link, application, "\r\n".join(["x" * 19] * 100) + "x")
    assert len(application.messages.get().text) == 2000


def test_characters_that_turn_the_text_around_are_left_out(application, by_link):
    ask(by_link, application, "May I\u202e begin?\r\nYours")
    assert application.messages.get().text == "May I begin?\nYours"


def test_too_many_questions_in_a_day_are_refused_and_the_text_is_kept(application, by_link):
    for number in range(5):
        ask(by_link, application, f"Question {number}?")
    response = ask(by_link, application, "And a sixth?")
    assert response.status_code == 429
    assert "Please wait for the answers first." in words(response)
    assert "And a sixth?</textarea>" in response.content.decode()
    assert application.messages.count() == 5


def test_after_a_withdrawal_one_writes_by_mail(application, by_link):
    ask(by_link, application)
    workflow.withdraw(application)
    for response in (by_link.get(at(application, "ask/"), follow=True), ask(by_link, application, "Hm?", follow=True)):
        assert response.redirect_chain == [(at(application), 302)]
        assert "Please write to the supervisor by e-mail instead." in words(response)
    page = by_link.get(at(application))
    assert "May I begin in May?" in words(page)
    assert at(application, "ask/") not in page.content.decode()
    assert application.messages.count() == 1


def test_words_of_a_question_and_an_answer_are_only_words(application, by_link, supervisor):
    ask(by_link, application, "<script>alert(1)</script>")
    workflow.write(application, subject="Hm", body="<img src=x> and {manage_link}", by=supervisor)
    source = by_link.get(at(application)).content.decode()
    assert "<script>alert" not in source
    assert "<img src=x" not in source
    assert "{manage_link}" not in source


def test_nobody_asks_about_an_application_that_their_browser_may_not_open(application, client):
    assert ask(client, application).status_code == 404
    assert not Message.objects.exists()


def test_nobody_reads_what_is_said_about_another_application(application, by_link, make_application, supervisor):
    other = make_application(email="bob@example.org")
    workflow.ask_reviewers(other, "A secret question?")
    workflow.write(other, subject="Secret", body="A secret answer.", by=supervisor)
    assert "secret" not in words(by_link.get(at(application)))
    assert Application.objects.count() == 2
