"""Decide, then tell: staged, released, called back, in force, dropped, undone, lapsed; nothing is told too early."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from applications import letters, workflow
from applications.models import Decision, Event, Letter, Reading
from applications.statuses import REVIEWER_MOVES, Status, reviewer_needs_reason


@pytest.fixture
def minutes_later(monkeypatch):
    """Moves the clock that decides what is due."""

    def move_clock(minutes: float) -> datetime.datetime:
        later = timezone.now() + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr("django.utils.timezone.now", lambda: later)
        return later

    return move_clock


def kinds(application) -> list[str]:
    return list(application.events.values_list("kind", flat=True))


def letters_to(application) -> list[str]:
    return list(application.letters.filter(to_student=True).order_by("pk").values_list("kind", flat=True))


# Staging


def test_a_staged_decision_tells_the_student_nothing(application, supervisor):
    decision = workflow.stage(application, "declined", by=supervisor)

    application.refresh_from_db()
    assert application.status == "in_review"  # reading has begun, no more
    assert decision.is_staged
    assert letters_to(application) == ["received"]
    assert kinds(application) == ["submitted", "moved", "staged"]


def test_staging_keeps_the_standard_letter_with_room_for_a_personal_line(application, supervisor):
    decision = workflow.stage(application, "declined", by=supervisor, personal_line="Do try again.")

    assert letters.PERSONAL_LINE in decision.letter_body
    assert decision.personal_line == "Do try again."
    assert decision.letter_kind == "declined"


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("to_status", Status.values)
def test_exactly_the_moves_of_the_table_can_be_staged(make_application, supervisor, status, to_status):
    application = make_application(status=status)
    begins_reading = status == to_status == "received" or (status, to_status) == ("received", "in_review")
    reason = "Because." if reviewer_needs_reason(status, to_status) else ""

    if to_status in REVIEWER_MOVES[Status(status)] and not begins_reading:
        workflow.stage(application, to_status, by=supervisor, reason=reason)
        assert application.decisions.staged().get().to_status == to_status
    else:
        with pytest.raises(workflow.Refused) as refused:
            workflow.stage(application, to_status, by=supervisor, reason="Because.")
        assert refused.value.code == "not_allowed"
        assert not application.decisions.exists()
        application.refresh_from_db()
        assert application.status == status


def test_what_needs_a_reason_is_not_staged_without_one(make_application, supervisor):
    application = make_application(status="offered")
    with pytest.raises(workflow.Refused) as refused:
        workflow.stage(application, "declined", by=supervisor)
    assert refused.value.code == "reason_missing"


def test_staging_again_takes_the_place_of_what_was_staged(application, supervisor, co_advisor):
    workflow.stage(application, "declined", by=supervisor)
    workflow.stage(application, "interview", by=co_advisor)

    assert [decision.to_status for decision in application.decisions.all()] == ["interview"]
    assert kinds(application)[-2:] == ["stage_cleared", "staged"]


def test_the_database_keeps_out_a_second_pending_decision(application, supervisor):
    workflow.stage(application, "declined", by=supervisor)
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(application=application, to_status="offered", staged_by=supervisor)


def test_two_reviewers_staging_at_once_leave_one_decision(application, supervisor, co_advisor, at_once):
    outcomes = at_once(
        lambda: workflow.stage(application, "declined", by=supervisor),
        lambda: workflow.stage(application, "interview", by=co_advisor),
    )
    assert all(isinstance(outcome, Decision) for outcome in outcomes)
    assert application.decisions.count() == 1


def test_a_staged_decision_can_be_cleared_and_twice_is_no_fault(application, supervisor):
    decision = workflow.stage(application, "declined", by=supervisor)

    workflow.clear(decision, by=supervisor)
    workflow.clear(decision, by=supervisor)

    assert not application.decisions.exists()
    assert kinds(application).count("stage_cleared") == 1


def test_whoever_stages_has_read_the_application(application, supervisor, co_advisor):
    workflow.stage(application, "declined", by=supervisor)
    assert [(r.reviewer, r.state) for r in Reading.objects.all()] == [(supervisor, "read")]


# Editing


def test_an_edited_letter_is_the_one_that_goes_out(application, supervisor, settings):
    settings.RELEASE_DELAY = 0
    decision = workflow.stage(application, "declined", by=supervisor)
    wording = letters.Wording("No", f"Dear Ada,\n\nno: {application.reference}, {application.project.title}.\n")

    edited = workflow.edit_staged(decision, by=supervisor, revision=1, letter=wording)
    workflow.release(edited, by=supervisor, revision=2)

    letter = application.letters.get(kind="declined")
    assert (letter.subject, letter.body) == (wording.subject, wording.body)


def test_who_edits_an_older_version_is_told_and_changes_nothing(application, supervisor, co_advisor):
    decision = workflow.stage(application, "declined", by=supervisor)
    workflow.edit_staged(decision, by=supervisor, revision=1, letter=None)

    with pytest.raises(workflow.Refused) as refused:
        workflow.edit_staged(decision, by=co_advisor, revision=1, letter=letters.Wording("x", "y"))

    assert refused.value.code == "changed"
    assert application.decisions.get().letter_body is None


def test_nobody_releases_other_words_than_those_they_have_read(application, supervisor, co_advisor):
    decision = workflow.stage(application, "declined", by=supervisor)
    workflow.edit_staged(decision, by=co_advisor, revision=1, letter=None)

    with pytest.raises(workflow.Refused) as refused:
        workflow.release(decision, by=supervisor, revision=1)

    assert refused.value.code == "changed"
    assert application.decisions.get().is_staged


# Releasing


def test_a_release_takes_effect_only_when_its_time_has_come(application, supervisor, minutes_later):
    workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)

    assert workflow.apply_due() == 0
    application.refresh_from_db()
    assert (application.status, letters_to(application)) == ("in_review", ["received"])

    minutes_later(10.1)
    assert workflow.apply_due() == 1
    application.refresh_from_db()
    assert (application.status, letters_to(application)) == ("declined", ["received", "declined"])
    assert application.events.get(to_status="declined", kind="moved").user == supervisor


def test_without_a_delay_a_release_takes_effect_at_once(application, supervisor, settings):
    settings.RELEASE_DELAY = 0
    decision = workflow.release(workflow.stage(application, "interview", by=supervisor), by=supervisor)
    application.refresh_from_db()
    assert application.status == "interview"
    assert decision.applied_at is not None


def test_the_personal_line_stands_in_the_letter_and_its_place_is_gone_without_one(
    make_application, supervisor, settings
):
    settings.RELEASE_DELAY = 0
    ada, bob = make_application(), make_application(email="bob@example.org")
    workflow.release(workflow.stage(ada, "declined", by=supervisor), by=supervisor, personal_line=" Ask me in May. ")
    workflow.release(workflow.stage(bob, "declined", by=supervisor), by=supervisor)

    to_ada, to_bob = ada.letters.get(kind="declined").body, bob.letters.get(kind="declined").body
    assert "\n\nAsk me in May.\n\n" in to_ada
    assert to_ada.replace("Ask me in May.\n\n", "").replace(ada.reference, bob.reference) == to_bob
    assert letters.PERSONAL_LINE not in to_bob


def test_a_decision_without_a_letter_is_released_without_one(application, supervisor, settings):
    settings.RELEASE_DELAY = 0
    decision = workflow.stage(application, "declined", by=supervisor, letter=workflow.NO_LETTER)
    workflow.release(decision, by=supervisor)
    application.refresh_from_db()
    assert (application.status, letters_to(application)) == ("declined", ["received"])


def test_released_by_two_at_once_is_released_once(application, supervisor, co_advisor, at_once):
    decision = workflow.stage(application, "declined", by=supervisor)
    outcomes = at_once(
        lambda: workflow.release(decision, by=supervisor), lambda: workflow.release(decision, by=co_advisor)
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Decision", "Refused"]
    assert kinds(application).count("released") == 1


def test_two_workers_at_once_let_it_take_effect_once(application, supervisor, at_once):
    workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    later = timezone.now() + datetime.timedelta(minutes=11)

    outcomes = at_once(lambda: workflow.apply_due(later), lambda: workflow.apply_due(later))

    assert sorted(outcomes) == [0, 1]
    assert letters_to(application) == ["received", "declined"]


def test_an_application_erased_before_its_letter_leaves_nothing_to_do(application, supervisor, minutes_later):
    workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    workflow.erase(application)
    minutes_later(11)
    assert workflow.apply_due() == 0
    assert not Letter.objects.exists()


# Calling back


def test_within_the_window_a_letter_can_be_called_back_and_is_staged_again(application, supervisor, minutes_later):
    decision = workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)

    minutes_later(9.9)
    assert workflow.call_back(decision, by=supervisor).is_staged
    minutes_later(60)
    assert workflow.apply_due() == 0

    application.refresh_from_db()
    assert (application.status, letters_to(application)) == ("in_review", ["received"])
    assert kinds(application)[-1] == "called_back"


def test_after_the_window_nothing_can_be_called_back(application, supervisor, minutes_later):
    decision = workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    minutes_later(10.1)
    with pytest.raises(workflow.Refused) as refused:
        workflow.call_back(decision, by=supervisor)
    assert refused.value.code == "too_late"


def test_what_is_on_its_way_stops_every_other_decision_until_it_is_called_back(application, supervisor):
    decision = workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    for verb in (workflow.decide, workflow.stage):
        with pytest.raises(workflow.Refused) as refused:
            verb(application, "offered", by=supervisor)
        assert refused.value.code == "on_its_way"
    workflow.call_back(decision, by=supervisor)
    workflow.decide(application, "offered", by=supervisor)
    application.refresh_from_db()
    assert application.status == "offered"


# Dropped


def test_a_student_who_withdraws_first_gets_no_decision_and_the_reviewers_see_why(
    application, supervisor, minutes_later
):
    decision = workflow.release(workflow.stage(application, "offered", by=supervisor), by=supervisor)
    workflow.withdraw(application)
    minutes_later(11)

    assert workflow.apply_due() == 0
    decision.refresh_from_db()
    assert decision.dropped_at is not None
    assert "the student has set the status to “Withdrawn”" in decision.dropped_why
    assert letters_to(application) == ["received", "withdrawn"]
    assert "dropped" in kinds(application)


def test_why_it_was_dropped_is_said_in_the_language_of_the_site_whoever_withdraws(application, supervisor):
    decision = workflow.stage(application, "declined", by=supervisor)
    with translation.override("de"):
        workflow.withdraw(application)
    decision.refresh_from_db()
    assert "the student has set the status to “Withdrawn”" in decision.dropped_why
    assert application.events.get(kind="dropped").text == decision.dropped_why


def test_an_acceptance_that_comes_first_is_never_declined_by_an_older_decision(make_application, supervisor, settings):
    """From `accepted` to `declined` is a legal move, too; but it is not what was decided about an open offer."""
    application = make_application(status="offered")
    decision = workflow.stage(application, "declined", by=supervisor, reason="No answer.")
    workflow.accept_offer(application)

    with pytest.raises(workflow.Refused) as refused:
        workflow.release(decision, by=supervisor)

    assert refused.value.code == "not_staged"
    application.refresh_from_db()
    assert application.status == "accepted"


def test_an_acceptance_for_which_no_place_is_left_by_then_is_dropped(
    make_application, project, supervisor, minutes_later
):
    project.places = 1
    project.save()
    late, first = make_application(status="offered"), make_application(email="bob@example.org", status="offered")
    decision = workflow.release(workflow.stage(late, "accepted", by=supervisor, reason="By phone."), by=supervisor)
    workflow.accept_offer(first)
    minutes_later(11)

    assert workflow.apply_due() == 0
    decision.refresh_from_db()
    assert decision.dropped_why == "All places of this project are taken, so this offer cannot be accepted any more."
    project.refresh_from_db()
    assert project.places_taken == 1


def test_deciding_at_once_takes_the_place_of_what_was_staged(application, supervisor):
    workflow.stage(application, "declined", by=supervisor)
    workflow.decide(application, "interview", by=supervisor)
    assert [decision.to_status for decision in application.decisions.all()] == ["interview"]
    assert letters_to(application) == ["received", "interview"]


# Undoing


@pytest.mark.parametrize(
    ("told", "goes_back_to"),
    [("interview", "in_review"), ("waitlisted", "in_review"), ("declined", "in_review"), ("offered", "waitlisted")],
)
def test_what_was_told_is_undone_with_a_reason_and_a_correcting_letter(application, supervisor, told, goes_back_to):
    workflow.decide(application, told, by=supervisor)

    workflow.undo(application, by=supervisor, reason="The wrong student.")

    application.refresh_from_db()
    assert application.status == goes_back_to
    assert letters_to(application) == ["received", told, "correction"]
    assert application.events.last().text == "The wrong student."


def test_undoing_needs_a_reason(application, supervisor):
    workflow.decide(application, "declined", by=supervisor)
    with pytest.raises(workflow.Refused) as refused:
        workflow.undo(application, by=supervisor, reason="  ")
    assert refused.value.code == "reason_missing"


@pytest.mark.parametrize("status", ["received", "in_review", "accepted", "withdrawn"])
def test_what_the_reviewers_have_not_told_cannot_be_undone(make_application, supervisor, status):
    application = make_application(status=status)
    assert workflow.undo_target(application) is None
    with pytest.raises(workflow.Refused) as refused:
        workflow.undo(application, by=supervisor, reason="A mistake.")
    assert refused.value.code == "not_allowed"


def test_an_undo_can_keep_silent(application, supervisor):
    workflow.decide(application, "waitlisted", by=supervisor, letter=workflow.NO_LETTER)
    workflow.undo(application, by=supervisor, reason="Nobody was told.", letter=workflow.NO_LETTER)
    assert letters_to(application) == ["received"]


# Offers


def test_an_offer_stands_for_the_usual_time_unless_it_says_otherwise(make_application, supervisor, settings):
    settings.OFFER_DAYS = 5
    ada, bob = make_application(), make_application(email="bob@example.org")
    day = timezone.localdate() + datetime.timedelta(days=40)

    workflow.decide(ada, "offered", by=supervisor)
    workflow.decide(bob, "offered", by=supervisor, lapses_on=day)

    ada.refresh_from_db()
    bob.refresh_from_db()
    assert ada.offer_lapses_on == timezone.localdate() + datetime.timedelta(days=5)
    assert bob.offer_lapses_on == day
    assert "40" not in str(ada.offer_lapses_on)


def test_on_its_last_day_an_offer_can_be_accepted_and_on_the_next_it_cannot(make_application, supervisor, monkeypatch):
    today = timezone.localdate()
    ada, bob = make_application(), make_application(email="bob@example.org")
    for application in (ada, bob):
        workflow.decide(application, "offered", by=supervisor, lapses_on=today)

    assert workflow.lapse_offers(today) == 0
    workflow.accept_offer(ada)
    monkeypatch.setattr("django.utils.timezone.localdate", lambda *args: today + datetime.timedelta(days=1))
    with pytest.raises(workflow.Refused) as refused:
        workflow.accept_offer(bob)

    assert refused.value.code == "lapsed"


def test_a_lapsed_offer_ends_by_itself_and_everybody_is_told_the_truth(make_application, supervisor):
    application = make_application()
    today = timezone.localdate()
    workflow.decide(application, "offered", by=supervisor, lapses_on=today)

    assert workflow.lapse_offers(today + datetime.timedelta(days=1)) == 1
    assert workflow.lapse_offers(today + datetime.timedelta(days=1)) == 0

    application.refresh_from_db()
    assert (application.status, application.offer_lapses_on) == ("declined", None)
    event = application.events.filter(kind="moved").last()
    assert (event.actor, event.user) == (Event.Actor.SYSTEM, None)
    assert letters_to(application) == ["received", "offered", "offer_lapsed"]
    assert application.letters.filter(kind="notice_lapsed").count() == 2


def test_an_offer_that_was_taken_back_does_not_lapse_any_more(make_application, supervisor):
    application = make_application()
    workflow.decide(application, "offered", by=supervisor)
    workflow.decide(application, "waitlisted", by=supervisor, reason="A mistake.")
    application.refresh_from_db()
    assert application.offer_lapses_on is None
    assert workflow.lapse_offers(timezone.localdate() + datetime.timedelta(days=400)) == 0


# What was true when it was staged, and is not any more


def test_clearing_an_old_decision_leaves_the_one_in_its_place(application, supervisor, co_advisor):
    old = workflow.stage(application, "declined", by=supervisor)
    new = workflow.stage(application, "offered", by=co_advisor)

    workflow.clear(old, by=supervisor)

    assert application.decisions.get() == new


def test_an_offer_whose_last_day_is_over_when_it_would_be_told_is_dropped(application, supervisor):
    decision = workflow.release(workflow.stage(application, "offered", by=supervisor), by=supervisor)
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    Decision.objects.update(effective_at=timezone.now(), lapses_on=yesterday)

    assert workflow.apply_due() == 0

    decision.refresh_from_db()
    assert decision.dropped_at is not None
    assert letters_to(application) == ["received"]


def test_an_offer_is_dropped_when_the_last_place_went_in_the_meantime(make_application, project, supervisor):
    project.places = 1
    project.save()
    ada = make_application(email="ada@example.org", status=Status.OFFERED)
    bob = make_application(email="bob@example.org")
    decision = workflow.release(workflow.stage(bob, "offered", by=supervisor), by=supervisor)
    workflow.accept_offer(ada)
    Decision.objects.filter(pk=decision.pk).update(effective_at=timezone.now())

    assert workflow.apply_due() == 0

    decision.refresh_from_db()
    assert "All places of this project are taken" in decision.dropped_why
    assert letters_to(bob) == ["received"]


def test_the_letter_that_the_project_is_filled_is_dropped_when_a_place_is_free_again(application, project, supervisor):
    project.places = project.places_taken = 1
    project.save()
    decision = workflow.stage(application, "declined", by=supervisor, kind=Letter.Kind.FILLED)
    workflow.release(decision, by=supervisor)
    type(project).objects.update(places_taken=0)
    Decision.objects.update(effective_at=timezone.now())

    assert workflow.apply_due() == 0

    decision.refresh_from_db()
    assert "a place is free again" in decision.dropped_why


def test_one_decision_that_fails_keeps_nobody_else_waiting(make_application, supervisor, monkeypatch):
    for name in ("ada", "bob"):
        application = make_application(email=f"{name}@example.org")
        workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    Decision.objects.update(effective_at=timezone.now())
    write = letters.decision

    def fail_for_ada(application, *rest):
        if application.email == "ada@example.org":
            raise RuntimeError("a fault of ours")
        return write(application, *rest)

    monkeypatch.setattr(letters, "decision", fail_for_ada)
    with pytest.raises(RuntimeError):
        workflow.apply_due()

    assert Decision.objects.get(applied_at__isnull=False).application.email == "bob@example.org"
    assert Decision.objects.get(applied_at=None).is_on_its_way


def test_what_came_about_without_a_decision_is_not_undone(make_application, supervisor):
    application = make_application()
    workflow.decide(application, "declined", by=supervisor)
    workflow.decide(application, "in_review", by=supervisor, reason="A mistake.")
    workflow.decide(application, "offered", by=supervisor)
    application.refresh_from_db()
    workflow.lapse_offers(application.offer_lapses_on + datetime.timedelta(days=1))
    application.refresh_from_db()

    assert application.status == Status.DECLINED
    assert workflow.undo_target(application) is None


def test_the_correcting_letter_speaks_of_the_letter_about_this_status_only(application, supervisor):
    workflow.decide(application, "interview", by=supervisor)
    workflow.decide(application, "declined", by=supervisor, letter=workflow.NO_LETTER)
    application.refresh_from_db()

    body = letters.standard_wording(application, Letter.Kind.CORRECTION).body

    assert "we wrote to you" not in body
    assert "What we told you about your application" in body
