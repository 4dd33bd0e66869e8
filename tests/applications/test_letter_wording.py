"""The words of the letters: every kind has some, with all that it must carry, and no text is taken for a command."""

import datetime
import re

import pytest
from django.utils import timezone

from applications import letters, workflow
from applications.letters import placeholders
from applications.models import Application, Document, Letter
from applications.statuses import REVIEWER_MOVES, Status, letter_kind

pytestmark = pytest.mark.once

TO_STUDENTS = [str(kind) for kind in placeholders.TO_STUDENTS]
TO_REVIEWERS = [str(kind) for kind in placeholders.NOTICES]
ALL = TO_STUDENTS + TO_REVIEWERS  # every letter about one application
# A reviewer may send these with a decision, so there is a place for a line of their own.
OF_DECISIONS = sorted({letter_kind(origin, to) for origin, moves in REVIEWER_MOVES.items() for to in moves} - {None})
WITH_PERSONAL_LINE = [*OF_DECISIONS, "correction", "filled", "message"]
WITH_LINK = [
    *("received", "interview", "waitlisted", "offered", "accepted", "reopened", "applied_again", "link", "renewed"),
    *("correction", "entered", "transferred", "infected"),
]
OF_NO_APPLICATION = {
    *("invitation", "digest_asked", "digest_daily", "digest_weekly", "notice_erased", "test"),
    *("password", "account"),
}


def test_each_kind_of_letter_is_about_one_application_or_none():
    assert set(Letter.Kind.values) == {*ALL, *OF_NO_APPLICATION}


def sent(application: Application, kind: str, personal_line: str = "") -> letters.Wording:
    """The letter as it is stored."""
    return letters.with_personal_line(letters.standard_wording(application, kind), personal_line)


@pytest.mark.parametrize("kind", ALL)
def test_every_letter_names_the_reference_and_the_project(application, kind):
    letter = sent(application, kind)
    assert application.reference in letter.subject
    assert application.reference in letter.body
    assert application.project.title in letter.subject
    assert application.project.title in letter.body


@pytest.mark.parametrize("kind", ALL)
def test_a_long_title_and_name_leave_the_reference_in_the_subject(make_application, project, kind):
    project.title = "A very long title " * 11
    project.save()
    application = make_application(full_name="Ada Maria " * 19)
    subject = letters.standard_wording(application, kind).subject
    assert len(subject) <= 200
    assert application.reference in subject


@pytest.mark.parametrize("kind", TO_STUDENTS)
def test_every_letter_to_a_student_greets_by_name_and_is_signed_by_the_supervisor(application, kind):
    paragraphs = sent(application, kind).body.strip().split("\n\n")
    assert paragraphs[0] == "Dear Ada Example,"
    assert paragraphs[-1] == "Kind regards\nSofia Supervisor"


def test_without_a_supervisor_a_letter_is_signed_for_the_project(application, settings):
    settings.SUPERVISOR_NAME = ""
    application.project.supervisor = None
    body = sent(application, "received").body
    assert body.endswith("Kind regards\nThe supervisor of “Can a transformer learn sequence alignment?”\n")


@pytest.mark.parametrize("kind", ALL)
def test_letters_are_plain_text_whatever_people_are_called(make_application, project, supervisor, kind):
    supervisor.first_name, supervisor.last_name = "Änne", "O'Neill & Söhne"
    supervisor.save()
    project.title = "Graphs <b>\"&\"</b> O'Brien's trees"
    project.save()
    application = make_application(full_name="Ångström <i>O'Brien</i> & Söhne")
    letter = sent(application, kind)
    assert project.title in letter.body
    assert "Ångström <i>O'Brien</i> & Söhne" in letter.body
    for text in (letter.subject, letter.body):
        assert not re.search(r"&(amp|lt|gt|quot|#\w+);", text)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "name", ["{{ 7|add:7 }}", "{% now 'Y' %}", "%(name)s 100%", "{manage_link}", "{personal_line}"]
)
def test_a_name_is_never_executed_nor_filled_in(make_application, kind, name):
    letter = sent(make_application(full_name=name), kind, "Well done.")
    as_written = name.replace("{", "(").replace("}", ")")
    assert as_written in letter.body
    assert letter.body.count("Well done.") == 1


def test_the_name_of_a_file_is_never_executed_nor_filled_in(application):
    Document.objects.filter(kind="cv").update(original_name="{manage_link} {{ 7|add:7 }} <b>.pdf")
    body = sent(application, "received").body
    assert "- CV: (manage_link) (( 7|add:7 )) <b>.pdf (1 page)" in body
    assert body.count(letters.MANAGE_LINK) == 1


@pytest.mark.parametrize("kind", ALL)
def test_no_stored_letter_holds_a_brace_but_that_of_the_link(application, kind):
    body = sent(application, kind).body.replace(letters.MANAGE_LINK, "")
    assert not set("{}") & set(body)


@pytest.mark.parametrize("kind", ALL)
def test_paragraphs_are_one_line_each_with_one_empty_line_between(application, kind):
    """So that every mail program wraps them to its own width."""
    body = letters.standard_wording(application, kind).body
    assert "\n\n\n" not in body
    assert body == body.strip() + "\n"
    assert all(line == line.strip() for line in body.splitlines())
    *paragraphs, _signature = body.strip().split("\n\n")
    for paragraph in paragraphs:
        assert len([line for line in paragraph.splitlines() if not line.startswith("- ")]) == 1, paragraph


@pytest.mark.parametrize("kind", WITH_PERSONAL_LINE)
def test_the_personal_line_is_a_paragraph_of_its_own_before_the_signature(application, kind):
    paragraphs = sent(application, kind, "Your aligner impressed us.\nTruly.").body.strip().split("\n\n")
    assert "Your aligner impressed us.\nTruly." in paragraphs[1:-1]


@pytest.mark.parametrize("kind", ALL)
def test_without_a_personal_line_its_place_disappears(application, kind):
    with_place, without = letters.standard_wording(application, kind).body, sent(application, kind).body
    assert without == with_place.replace(letters.PERSONAL_LINE + "\n\n", "")
    assert (letters.PERSONAL_LINE in with_place) == (kind in WITH_PERSONAL_LINE)


@pytest.mark.parametrize("kind", WITH_LINK)
def test_the_link_stands_on_a_line_of_its_own(application, kind):
    assert sent(application, kind).body.splitlines().count(letters.MANAGE_LINK) == 1


@pytest.mark.parametrize("kind", sorted(set(ALL) - set(WITH_LINK)))
def test_letters_that_need_no_link_carry_none(application, kind):
    assert letters.MANAGE_LINK not in sent(application, kind).body


# What each says


def test_the_receipt_says_what_arrived_what_comes_next_and_what_to_do(make_application):
    application = make_application(transcripts=2)
    body = sent(application, "received").body
    assert "- CV: cv.pdf (1 page)\n- Transcript 1: transcript.pdf (2 pages)\n- Transcript 2: " in body
    day = application.answer_promised_by
    assert f"an answer by {day.day} {day:%B %Y}" in body
    assert "“Yes, this is my application”" in body
    assert "“This was not me”" in body


def test_a_receipt_sent_anew_after_reading_began_promises_no_day_and_no_correction(make_application):
    body = sent(make_application(status=Status.INTERVIEW), "received").body
    assert "an answer by" not in body
    assert "“Interview”" in body


def test_the_offer_says_how_to_answer_and_how_long_it_stands(application):
    body = sent(application, "offered").body
    assert "accept the offer or turn it down" in body
    assert "The offer stands until" in body
    assert "places is limited" not in body


def test_the_offer_says_until_when_it_stands_when_that_is_known(application):
    wording = letters.standard_wording(application, "offered", lapses_on=datetime.date(2026, 12, 12))
    assert "The offer stands until 12 December 2026; after that day it ends by itself." in wording.body
    assert "until we write" not in wording.body


def test_the_offer_of_a_limited_place_says_that_it_is_limited(make_application, project):
    project.places = 1
    project.save()
    assert "places is limited" in sent(make_application(), "offered").body


@pytest.mark.parametrize("kind", ALL)
def test_no_letter_claims_what_nobody_can_know(application, kind):
    body = sent(application, kind).body.lower()
    for claim in ("careful", "thorough", "many excellent", "large number of applications", "regret to inform"):
        assert claim not in body


def test_a_lapsed_offer_says_plainly_what_happened_and_whom_to_write_to(make_application, supervisor):
    application = make_application(status=Status.OFFERED)
    application.offer_lapses_on = datetime.date(2026, 12, 12)
    body = sent(application, "offer_lapsed").body
    assert "stood until 12 December 2026. That day is over, and we have had no answer from you" in body
    assert f"please write to Sofia Supervisor ({supervisor.email})" in body
    assert "stood until 12 December 2026 and was not answered" in sent(application, "notice_lapsed").body


def test_the_letter_that_the_project_is_filled_is_true_and_leads_to_the_others(application, settings):
    body = sent(application, "filled").body
    assert "The project is filled" in body
    assert "says nothing about the quality" in body
    assert "read your application" not in body
    assert f"{settings.SITE_URL}/" in body.splitlines()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("declined", "your application is being read, and you will get another letter"),
        ("interview", "your application is being read, and you will get another letter"),
        ("waitlisted", "your application is being read, and you will get another letter"),
        ("offered", "our offer does not stand any more, and your application is on the waiting list"),
    ],
)
def test_a_correction_names_the_day_of_the_wrong_letter_and_says_how_it_stands_now(application, supervisor, told, says):
    workflow.decide(application, told, by=supervisor)
    application.refresh_from_db()
    body = sent(application, "correction").body
    today = timezone.localdate()
    assert f"On {today.day} {today:%B %Y} we wrote to you" in body
    assert "does not hold any more. We are sorry for the confusion." in body
    assert says in body


def test_a_correction_of_what_was_never_told_names_no_day(application, supervisor):
    workflow.decide(application, "declined", by=supervisor, letter=workflow.NO_LETTER)
    application.refresh_from_db()
    assert "What we told you about" in sent(application, "correction").body


def test_a_student_whose_application_was_moved_reads_from_where_to_where(application, other_project):
    letter = letters.transferred(application, other_project)
    assert f"from the project “{other_project.title}” to the project “{application.project.title}”" in letter.body
    assert letter.to_student


def test_a_student_whose_mail_was_entered_by_hand_is_asked_to_complete_and_to_consent(application):
    letter = letters.entered(application)
    assert letters.MANAGE_LINK in letter.body.splitlines()
    assert "came by e-mail" in letter.body
    assert "agree to how it is kept" in letter.body


def test_a_message_is_what_the_reviewer_wrote_with_greeting_signature_and_reference(application, co_advisor):
    letter = letters.message(application, letters.Wording("A question", "Which aligner was it?\n\nAnd when?"))
    assert letter.subject == "A question"
    assert letter.body.startswith("Dear Ada Example,\n\nWhich aligner was it?\n\nAnd when?\n\n")
    assert letter.body.endswith("Kind regards\nSofia Supervisor\n")
    assert application.reference in letter.body
    by_another = letters.message(application, letters.Wording("", "Which?"), writer=co_advisor)
    assert by_another.body.endswith("Kind regards\nCarl Coadvisor, for Sofia Supervisor\n")
    assert application.reference in by_another.subject


def test_a_message_that_has_its_greeting_already_is_not_greeted_twice(application):
    standard = letters.standard_wording(application, "message")
    edited = letters.with_personal_line(standard, "Which aligner was it?")
    assert letters.message(application, edited).body == edited.body


def test_a_decline_leads_to_the_other_projects(application, settings):
    assert f"{settings.SITE_URL}/" in sent(application, "declined").body.splitlines()


@pytest.mark.parametrize("status", [Status.OFFERED, Status.ACCEPTED])
def test_a_place_taken_back_is_named_as_such_and_not_as_a_decline(make_application, status):
    body = sent(make_application(status=status), "declined").body
    assert "which we offered you" in body
    assert "cannot offer you" not in body


def test_an_offer_that_became_a_place_on_the_waiting_list_is_named_as_such(make_application):
    assert "does not stand any more" in sent(make_application(status=Status.OFFERED), "waitlisted").body
    assert "does not stand any more" not in sent(make_application(email="bo@example.org"), "waitlisted").body


def test_the_letter_after_a_second_application_says_that_nothing_new_was_stored(application):
    body = sent(application, "applied_again").body
    assert "Nothing new was stored" in body
    received = timezone.localdate(application.received_at)
    assert f"received on {received.day} {received:%B %Y}" in body


@pytest.mark.parametrize("kind", TO_REVIEWERS)
def test_notices_lead_to_the_review_page_and_bring_no_document(application, settings, kind):
    body = sent(application, kind).body
    assert "Ada Example" in body
    assert f"{settings.SITE_URL}/admin/applications/application/{application.pk}/change/" in body.splitlines()
    for document in application.current_documents():
        assert document.original_name not in body
        assert str(document.pk) not in body
    assert application.email not in body


@pytest.mark.parametrize(
    ("before", "says"),
    [(Status.RECEIVED, "has withdrawn"), (Status.OFFERED, "has turned down"), (Status.ACCEPTED, "place is free again")],
)
def test_the_notice_of_a_withdrawal_says_what_it_means(make_application, before, says):
    application = make_application(status=before)
    workflow.withdraw(application)
    assert says in application.letters.filter(kind="notice_withdrawn").first().body


@pytest.mark.parametrize(
    ("places", "says"),
    [(1, "all places of the project"), (2, "1 free place left"), (3, "2 free places left")],
)
def test_the_notice_of_an_acceptance_says_how_many_places_are_left(make_application, project, places, says):
    project.places = places
    project.save()
    application = make_application(status=Status.OFFERED)
    workflow.accept_offer(application)
    assert says in application.letters.filter(kind="notice_accepted").first().body


def test_the_notice_that_the_last_place_is_taken_says_who_still_waits(make_application, project, settings):
    project.places = 1
    project.save()
    application = make_application(status=Status.OFFERED)
    make_application(email="bo@example.org")
    make_application(email="cy@example.org", status=Status.WAITLISTED)
    make_application(email="di@example.org", status=Status.DECLINED)
    workflow.accept_offer(application)
    body = application.letters.filter(kind="notice_accepted").first().body
    assert "2 other applicants still wait for an answer." in body
    assert f"{settings.SITE_URL}/admin/projects/project/{project.pk}/remaining/" in body.splitlines()


def test_the_notice_of_the_last_place_is_silent_about_others_when_nobody_waits(make_application, project):
    project.places = 1
    project.save()
    application = make_application(status=Status.OFFERED)
    workflow.accept_offer(application)
    assert "remaining" not in application.letters.filter(kind="notice_accepted").first().body


def test_dates_are_written_out(make_application):
    application = make_application(earliest_start=datetime.date(timezone.localdate().year + 1, 3, 1))
    assert f"1 March {application.earliest_start.year}" in sent(application, "accepted").body


def test_a_message_that_begins_with_the_greeting_is_signed_all_the_same(application):
    letter = letters.message(application, letters.Wording("A question", "Dear Ada Example,\n\nwhich aligner was it?"))
    assert letter.body.count("Dear Ada Example,") == 1
    assert letter.body.endswith("Kind regards\nSofia Supervisor\n")


@pytest.mark.parametrize(("status", "words"), [("offered", "turned down your offer"), ("accepted", "is free again")])
def test_the_notice_says_from_where_a_student_withdrew_also_when_a_decision_was_pending(
    make_application, supervisor, project, status, words
):
    project.places = 3
    project.save()
    application = make_application(status="offered")
    if status == "accepted":
        workflow.accept_offer(application)
    workflow.stage(application, "declined", by=supervisor, reason="Taken back.")
    workflow.withdraw(application)
    notice = application.letters.filter(kind="notice_withdrawn").first()
    assert words in notice.body


@pytest.mark.parametrize(("places_taken", "word"), [(1, "filled"), (0, "closed")])
def test_a_project_that_was_closed_with_free_places_is_not_called_filled(application, project, places_taken, word):
    project.places, project.places_taken, project.closed_at = 1, places_taken, timezone.now()
    project.save()
    application.refresh_from_db()
    wording = letters.standard_wording(application, "filled")
    assert f"is {word} (" in wording.subject
    assert f"The project is {word} and takes no more students" in wording.body
