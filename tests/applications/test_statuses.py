"""The table of moves, pair by pair, through the verbs that reviewers and students have."""

import itertools

import pytest

from applications import workflow
from applications.models import Event, Letter
from applications.statuses import OPEN_STATUSES, REVIEWER_MOVES, STUDENT_MOVES, STUDENT_WORDS, Status, letter_kind

# Written down once more, from the design: a slip in the product's table must not pass by being read from there.
BY_REVIEWERS = {
    "received": {"in_review", "interview", "waitlisted", "offered", "declined", "withdrawn"},
    "in_review": {"interview", "waitlisted", "offered", "declined", "withdrawn"},
    "interview": {"in_review", "waitlisted", "offered", "declined", "withdrawn"},
    "waitlisted": {"in_review", "interview", "offered", "declined", "withdrawn"},
    "offered": {"accepted", "waitlisted", "declined", "withdrawn"},
    "accepted": {"declined", "withdrawn"},
    "declined": {"in_review", "withdrawn"},
    "withdrawn": set(),
}
WITH_REASON = {
    ("offered", "accepted"),
    ("offered", "waitlisted"),
    ("offered", "declined"),
    ("accepted", "declined"),
    ("declined", "in_review"),
    *((status, "withdrawn") for status in BY_REVIEWERS if status != "withdrawn"),
}
BY_STUDENT = {
    "received": {"withdrawn"},
    "in_review": {"withdrawn"},
    "interview": {"withdrawn"},
    "waitlisted": {"withdrawn"},
    "offered": {"accepted", "withdrawn"},
    "accepted": {"withdrawn"},
    "declined": set(),
    "withdrawn": set(),
}
PAIRS = list(itertools.product(Status.values, Status.values))
REVIEWER_PAIRS = [(old, new) for old in BY_REVIEWERS for new in BY_REVIEWERS[old]]
STUDENT_VERBS = {"accepted": workflow.accept_offer, "withdrawn": workflow.withdraw}


def everything_about(application) -> tuple:
    application.refresh_from_db()
    return (
        application.status,
        application.status_changed_at,
        application.events.count(),
        application.letters.count(),
        application.decisions.count(),
        application.project.places_taken,
    )


def refusal_of(verb) -> workflow.Refused | None:
    try:
        verb()
    except workflow.Refused as refused:
        return refused
    return None


def test_the_products_tables_are_those_of_the_design():
    assert {old: set(new) for old, new in REVIEWER_MOVES.items()} == BY_REVIEWERS
    assert {old: set(new) for old, new in STUDENT_MOVES.items()} == BY_STUDENT
    assert set(STUDENT_WORDS) == set(Status)


@pytest.mark.parametrize("with_reason", [True, False], ids=["with reason", "without reason"])
def test_reviewers_can_make_exactly_the_moves_of_the_table(make_application, supervisor, with_reason):
    application = make_application()
    for old, new in PAIRS:
        application.project.places_taken = 1 if old == "accepted" else 0
        application.project.save()
        application.status = old
        application.save()
        before = everything_about(application)
        allowed = new in BY_REVIEWERS[old] and (with_reason or (old, new) not in WITH_REASON)
        code = "reason_missing" if new in BY_REVIEWERS[old] else "not_allowed"
        reason = "Told on the phone." if with_reason else "  "

        refusal = refusal_of(lambda: workflow.decide(application, new, by=supervisor, reason=reason))  # noqa: B023

        after = everything_about(application)
        if allowed:
            assert (refusal, application.status) == (None, new), f"{old} -> {new}"
        else:
            assert refusal, f"{old} -> {new} was not refused"
            assert refusal.code == code, f"{old} -> {new}"
            assert refusal.message
            assert after == before, f"{old} -> {new} was refused but left traces"


def test_the_student_can_make_exactly_the_moves_of_the_table(make_application):
    application = make_application()
    for old, new in itertools.product(Status.values, STUDENT_VERBS):
        application.project.places_taken = 1 if old == "accepted" else 0
        application.project.save()
        application.status = old
        application.save()
        before = everything_about(application)
        allowed = new in BY_STUDENT[old]

        refusal = refusal_of(lambda: STUDENT_VERBS[new](application))  # noqa: B023

        after = everything_about(application)
        if allowed:
            assert (refusal, application.status) == (None, new), f"{old} -> {new}"
        else:
            assert refusal, f"{old} -> {new} was not refused"
            assert refusal.code == "not_allowed"
            assert after == before, f"{old} -> {new} was refused but left traces"


@pytest.mark.parametrize("nonsense", ["", "staged", "Declined", "deleted"])
def test_a_status_that_does_not_exist_is_refused(application, supervisor, nonsense):
    with pytest.raises(workflow.Refused) as refused:
        workflow.decide(application, nonsense, by=supervisor, reason="Because.")
    assert refused.value.code == "not_allowed"


@pytest.mark.parametrize(("old", "new"), sorted(REVIEWER_PAIRS))
def test_the_student_hears_of_each_decision_once_but_not_of_being_read(make_application, supervisor, old, new):
    application = make_application(status=old)
    if old == "accepted":
        type(application.project).objects.update(places_taken=1)
    letters_before = set(application.letters.values_list("pk", flat=True))

    workflow.decide(application, new, by=supervisor, reason="They said so.")

    new_letters = application.letters.exclude(pk__in=letters_before)
    expected = [] if new == "in_review" and old != "declined" else ["reopened" if new == "in_review" else new]
    assert [letter.kind for letter in new_letters] == expected
    assert all(letter.to_student and letter.recipient == "ada@example.org" for letter in new_letters)
    event = application.events.filter(kind=Event.Kind.MOVED).get()
    assert (event.from_status, event.to_status, event.text) == (old, new, "They said so.")
    assert (event.actor, event.user, event.actor_name) == ("reviewer", supervisor, "Sofia Supervisor")


def test_every_letter_of_a_move_is_a_kind_of_letter():
    kinds = {letter_kind(old, new) for old, new in REVIEWER_PAIRS} - {None}
    assert kinds <= set(Letter.Kind.values)


@pytest.mark.parametrize("status", Status.values)
def test_the_student_reads_a_word_of_their_own(make_application, status):
    application = make_application(status=status)
    assert application.status_for_student
    assert (application.status_for_student == "Being read") == (status == "in_review")


@pytest.mark.parametrize("status", Status.values)
def test_waiting_counts_only_while_the_reviewers_owe_the_next_word(make_application, status):
    application = make_application(status=status)
    assert (application.days_waiting == 0) == (status in OPEN_STATUSES)
    assert (application.answer_promised_by is not None) == (status in ("received", "in_review"))
    assert application.may_be_corrected() == (status == "received")
