"""Undoing what was told: the letter that was sent, a reason, the correcting letter; one step and never further."""

import pytest

from applications import workflow
from applications.models import Application, Decision, Letter
from applications.statuses import Status

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"


def undo_url(application) -> str:
    return f"{LIST}{application.pk}/undo/"


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


def letters_to(application) -> list[str]:
    return list(application.letters.filter(to_student=True).order_by("pk").values_list("kind", flat=True))


def test_the_page_shows_what_was_told_and_a_correcting_letter(reviewing, application, supervisor):
    workflow.decide(application, "declined", by=supervisor)

    response = reviewing.get(undo_url(application))

    page = response.content.decode()
    assert "Sofia Supervisor decided “Declined”" in page
    assert response.context["told_letter"].body == application.letters.get(kind="declined").body.replace(
        "{manage_link}", "[personal link]"
    )
    assert "does not hold any more" in response.context["form"]["body"].value()
    application.refresh_from_db()
    assert application.status == "declined"


@pytest.mark.parametrize(
    ("told", "goes_back_to"),
    [("interview", "in_review"), ("waitlisted", "in_review"), ("declined", "in_review"), ("offered", "waitlisted")],
)
def test_what_was_told_is_undone_and_the_correcting_letter_goes_out(
    reviewing, application, supervisor, told, goes_back_to
):
    workflow.decide(application, told, by=supervisor)

    page = reviewing.post(undo_url(application), {"reason": "The wrong student.", "send": "1"}, follow=True)

    application.refresh_from_db()
    assert application.status == goes_back_to
    assert letters_to(application) == ["received", told, "correction"]
    assert application.events.last().text == "The wrong student."
    assert "The correcting letter goes to ada@example.org." in page.content.decode()


def test_the_correcting_letter_goes_out_as_it_was_edited(reviewing, application, supervisor):
    workflow.decide(application, "declined", by=supervisor)
    body = f"Dear Ada,\n\n[personal line]\n\nWe were wrong about {application.reference}, {application.project.title}."

    reviewing.post(
        undo_url(application),
        {"subject": "Sorry", "body": body, "personal_line": "It was my mistake.", "reason": "Mine.", "send": "1"},
    )

    letter = Letter.objects.get(kind="correction")
    assert (letter.subject, letter.body) == ("Sorry", body.replace("[personal line]", "It was my mistake.") + "\n")


def test_undoing_can_keep_silent(reviewing, application, supervisor):
    workflow.decide(application, "declined", by=supervisor, letter=workflow.NO_LETTER)

    page = reviewing.get(undo_url(application)).content.decode()
    reviewing.post(undo_url(application), {"reason": "Nobody was told.", "send": "0"})

    assert "No letter told of it" in page
    assert letters_to(application) == ["received"]
    application.refresh_from_db()
    assert application.status == "in_review"


@pytest.mark.parametrize(
    "data",
    [{"reason": " ", "send": "1"}, {"reason": "", "send": "0"}, {"reason": "A mistake."}, {"reason": "x" * 2001}],
)
def test_without_a_reason_and_a_word_about_the_letter_nothing_is_undone(reviewing, application, supervisor, data):
    workflow.decide(application, "declined", by=supervisor)

    response = reviewing.post(undo_url(application), data | {"personal_line": "Kept words."})

    assert response.status_code == 200
    assert "Kept words." in response.content.decode()
    application.refresh_from_db()
    assert application.status == "declined"


def test_a_preview_undoes_nothing(reviewing, application, supervisor):
    workflow.decide(application, "declined", by=supervisor)

    page = reviewing.post(
        undo_url(application), {"reason": "A mistake.", "personal_line": "Mine.", "action": "preview"}
    )

    assert "\n\nMine.\n\n" in page.context["preview"].body
    application.refresh_from_db()
    assert application.status == "declined"


@pytest.mark.parametrize("status", Status.values)
def test_what_the_reviewers_have_not_told_is_not_undone(reviewing, make_application, status):
    application = make_application(status=status)

    shown = reviewing.get(undo_url(application), follow=True)
    reviewing.post(undo_url(application), {"reason": "A mistake.", "send": "1"})

    assert "There is nothing to undo" in shown.content.decode()
    application.refresh_from_db()
    assert application.status == status


def test_an_answer_of_the_student_is_not_undone(reviewing, application, supervisor):
    workflow.decide(application, "offered", by=supervisor)
    workflow.accept_offer(application)

    page = reviewing.post(undo_url(application), {"reason": "A mistake.", "send": "1"}, follow=True)

    assert "the student’s own word" in page.content.decode()
    application.refresh_from_db()
    assert application.status == "accepted"


def test_two_people_undo_one_step_and_not_two(reviewing, application, supervisor, co_advisor):
    """An offer that was taken back stands at the waiting list, which could be undone, too: but nobody meant that."""
    workflow.decide(application, "offered", by=supervisor)
    seen = reviewing.get(undo_url(application)).context["form"]["seen_status"].value()
    workflow.undo(application, by=co_advisor, reason="The wrong student.")

    page = reviewing.post(
        undo_url(application), {"reason": "Wrong one.", "send": "1", "seen_status": seen}, follow=True
    )

    assert "Carl Coadvisor has set the status to “Waiting list”" in page.content.decode()
    assert letters_to(application) == ["received", "offered", "correction"]


def test_undoing_clears_what_is_staged_and_says_so(reviewing, application, supervisor):
    workflow.decide(application, "waitlisted", by=supervisor)
    workflow.stage(application, "declined", by=supervisor)

    page = reviewing.get(undo_url(application)).content.decode()
    reviewing.post(undo_url(application), {"reason": "A mistake.", "send": "1"})

    assert "“Declined” is staged; undoing clears it." in page
    assert not Decision.objects.pending().exists()


def test_what_is_on_its_way_is_called_back_first(reviewing, application, supervisor):
    workflow.decide(application, "waitlisted", by=supervisor)
    workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)

    page = reviewing.post(undo_url(application), {"reason": "A mistake.", "send": "1"}, follow=True)

    assert "Call it back first" in page.content.decode()
    assert Application.objects.get().status == "waitlisted"


def test_every_reviewer_of_the_project_undoes_and_nobody_else(
    signed_in, application, supervisor, co_advisor, other_supervisor, staff_without_rights
):
    workflow.decide(application, "declined", by=supervisor)
    for user, answer in ((other_supervisor, 404), (staff_without_rights, 403)):
        browser = signed_in(user)
        assert browser.get(undo_url(application)).status_code == answer
        assert browser.post(undo_url(application), {"reason": "A mistake.", "send": "1"}).status_code == answer
    application.refresh_from_db()
    assert application.status == "declined"

    signed_in(co_advisor).post(undo_url(application), {"reason": "A mistake.", "send": "1"})
    application.refresh_from_db()
    assert application.status == "in_review"


def test_the_page_shows_the_personal_line_once_as_it_was_sent(reviewing, application, supervisor, settings):
    settings.RELEASE_DELAY = 0
    decision = workflow.stage(application, "declined", by=supervisor, personal_line="We enjoyed your thesis.")
    without_place = decision.letter_body.replace("{personal_line}", "")
    Decision.objects.update(letter_body=without_place)
    workflow.release(decision, by=supervisor)

    told = reviewing.get(undo_url(application)).context["told_letter"]

    assert told.body.count("We enjoyed your thesis.") == 1
