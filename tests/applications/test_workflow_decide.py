"""Deciding: one decision, one event, one letter, whoever else decides at the same moment; places are never oversold."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import QueryDict

from applications import letters, workflow
from applications.forms import DecisionForm
from applications.models import Application, Decision, Event, Letter
from projects.models import Project


def traces(application) -> tuple[int, int, int]:
    return application.decisions.count(), application.events.count(), application.letters.count()


def moves(application) -> list[tuple[str, str]]:
    return list(application.events.filter(kind="moved").values_list("from_status", "to_status"))


# What a decision leaves behind


def test_a_decision_is_kept_with_who_when_why_and_the_letter_as_it_went_out(application, supervisor):
    about = f"{application.reference}, {application.project.title}"
    wording = letters.Wording(f"Your application {about}", "Dear Ada,\n\nyes.\n\n{manage_link}\n")

    decision = workflow.decide(application, "offered", by=supervisor, reason=" Strong in biology. ", letter=wording)

    decision.refresh_from_db()
    assert (decision.to_status, decision.reason) == ("offered", "Strong in biology.")
    assert (decision.letter_subject, decision.letter_body) == (wording.subject, wording.body)
    assert decision.staged_by == decision.released_by == supervisor
    assert decision.staged_at == decision.released_at == decision.effective_at
    letter = application.letters.get(kind="offered")
    assert (letter.subject, letter.body, letter.decision) == (wording.subject, wording.body, decision)
    assert application.events.get(kind="moved").decision == decision
    application.refresh_from_db()
    assert application.status == "offered"
    assert application.status_changed_at >= decision.staged_at


def test_without_own_wording_the_standard_letter_goes_out_with_nothing_left_to_fill_in(application, supervisor):
    workflow.decide(application, "interview", by=supervisor)
    letter = application.letters.get(kind="interview")
    assert "Ada Example" in letter.body
    assert letters.PERSONAL_LINE not in letter.body
    assert application.project.title in letter.body
    assert application.reference in letter.subject + letter.body


def test_a_decision_without_a_letter_tells_nobody_and_is_recorded_so(application, supervisor):
    decision = workflow.decide(application, "declined", by=supervisor, letter=workflow.NO_LETTER)
    assert decision.letter_subject is None
    assert decision.letter_body is None
    assert not application.letters.filter(kind="declined").exists()
    application.refresh_from_db()
    assert application.status == "declined"


def test_a_co_advisor_decides_like_a_supervisor(application, co_advisor):
    workflow.decide(application, "declined", by=co_advisor)
    assert application.events.get(kind="moved").user == co_advisor


def test_the_database_keeps_out_a_decision_that_is_half_released(application, supervisor):
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            application=application, to_status="offered", staged_by=supervisor, released_by=supervisor
        )


def test_the_database_keeps_out_a_status_that_nobody_knows(application):
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=application.pk).update(status="maybe")


@pytest.mark.parametrize("table", ["decision", "event", "letter"])
def test_when_the_database_fails_in_the_middle_nothing_is_decided(application, supervisor, table):
    before = traces(application)

    def fail_at_table(execute, sql, params, many, context):
        if sql.startswith(f'INSERT INTO "applications_{table}"'):
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_at_table), pytest.raises(DatabaseError):
        workflow.decide(application, "declined", by=supervisor)

    application.refresh_from_db()
    assert application.status == "received"
    assert traces(application) == before


# Two reviewers


def test_the_second_reviewer_is_told_who_did_what_and_no_second_letter_goes(application, supervisor, co_advisor):
    workflow.decide(application, "declined", by=supervisor, seen_status="received")
    before = traces(application)

    with pytest.raises(workflow.Refused) as refused:
        workflow.decide(application, "offered", by=co_advisor, seen_status="received")

    assert refused.value.code == "changed"
    assert "Sofia Supervisor" in refused.value.message
    assert "Declined" in refused.value.message
    assert traces(application) == before


def test_the_second_reviewer_is_told_even_when_both_decided_the_same(application, supervisor, co_advisor):
    workflow.decide(application, "declined", by=supervisor, seen_status="received")
    with pytest.raises(workflow.Refused) as refused:
        workflow.decide(application, "declined", by=co_advisor, seen_status="received")
    assert refused.value.code == "changed"
    assert application.letters.filter(kind="declined").count() == 1


def test_a_reviewer_who_decides_after_the_student_withdrew_is_told_so(application, supervisor):
    workflow.withdraw(application)
    with pytest.raises(workflow.Refused) as refused:
        workflow.decide(application, "offered", by=supervisor)
    assert refused.value.code == "not_allowed"
    assert "the student" in refused.value.message
    assert "Withdrawn" in refused.value.message


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("one", "two"), [("declined", "declined"), ("declined", "offered"), ("interview", "offered")])
def test_of_two_reviewers_deciding_at_once_one_decides_and_the_other_is_told(
    application, supervisor, co_advisor, at_once, one, two
):
    outcomes = at_once(
        lambda: workflow.decide(application, one, by=supervisor, seen_status="received"),
        lambda: workflow.decide(application, two, by=co_advisor, seen_status="received"),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Decision", "Refused"]
    application.refresh_from_db()
    made = application.decisions.get()
    assert application.status == made.to_status
    assert moves(application) == [("received", made.to_status)]
    assert application.letters.exclude(decision=None).count() == 1
    refused = next(outcome for outcome in outcomes if isinstance(outcome, workflow.Refused))
    assert refused.code == "changed"
    assert made.staged_by.get_full_name() in refused.message


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_a_withdrawal_at_once_follow_one_another_and_lose_no_letter(application, supervisor, at_once):
    outcomes = at_once(
        lambda: workflow.decide(application, "declined", by=supervisor, seen_status="received"),
        lambda: workflow.withdraw(application),
    )
    application.refresh_from_db()
    assert sorted(type(outcome).__name__ for outcome in outcomes) in (
        ["Application", "Refused"],
        ["Decision", "Refused"],
    )
    assert len(moves(application)) == 1
    assert application.letters.filter(kind__in=["declined", "withdrawn"]).count() == 1


# Places


def test_an_accepted_offer_takes_a_place_and_the_last_one_fills_the_project(make_application, project):
    Project.objects.update(places=2)
    workflow.accept_offer(make_application(status="offered"))
    project.refresh_from_db()
    assert (project.places_taken, project.is_open()) == (1, True)

    workflow.accept_offer(make_application(status="offered", email="bob@example.org"))

    project.refresh_from_db()
    assert (project.places_taken, project.is_open()) == (2, False)
    with pytest.raises(workflow.Refused) as refused:
        make_application(email="cleo@example.org")
    assert refused.value.code == "full"


def test_an_acceptance_noted_by_a_reviewer_takes_a_place_too(make_application, project, supervisor):
    workflow.decide(make_application(status="offered"), "accepted", by=supervisor, reason="Told me on the phone.")
    project.refresh_from_db()
    assert project.places_taken == 1


@pytest.mark.parametrize("way", ["student withdraws", "reviewers decline"])
def test_an_acceptance_taken_back_frees_the_place(make_application, project, supervisor, way):
    Project.objects.update(places=1)
    application = workflow.accept_offer(make_application(status="offered"))
    if way == "student withdraws":
        workflow.withdraw(application)
    else:
        workflow.decide(application, "declined", by=supervisor, reason="Exams failed.")
    project.refresh_from_db()
    assert (project.places_taken, project.is_open()) == (0, True)


def test_when_all_places_are_taken_an_offer_cannot_be_accepted_any_more(make_application, project, supervisor):
    Project.objects.update(places=1, places_taken=1)
    application = make_application_to_full_project(make_application, project)
    before = traces(application)
    for accept in (
        lambda: workflow.accept_offer(application),
        lambda: workflow.decide(application, "accepted", by=supervisor, reason="On the phone."),
    ):
        with pytest.raises(workflow.Refused) as refused:
            accept()
        assert refused.value.code == "full"
    application.refresh_from_db()
    assert application.status == "offered"
    assert traces(application) == before


def make_application_to_full_project(make_application, project):
    """Applied while there was a place."""
    Project.objects.filter(pk=project.pk).update(places_taken=0)
    application = make_application(status="offered")
    Project.objects.filter(pk=project.pk).update(places_taken=1)
    return application


def test_a_project_without_a_number_of_places_takes_any_number(make_application, project):
    for number in range(3):
        workflow.accept_offer(make_application(status="offered", email=f"student{number}@example.org"))
    project.refresh_from_db()
    assert (project.places_taken, project.is_open()) == (3, True)


@pytest.mark.django_db(transaction=True)
def test_of_two_students_accepting_the_last_place_at_once_one_gets_it(make_application, project, at_once):
    Project.objects.update(places=1)
    ada = make_application(status="offered")
    bob = make_application(status="offered", email="bob@example.org")

    outcomes = at_once(lambda: workflow.accept_offer(ada), lambda: workflow.accept_offer(bob))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Application", "Refused"]
    assert next(o for o in outcomes if isinstance(o, workflow.Refused)).code == "full"
    project.refresh_from_db()
    assert project.places_taken == 1
    assert sorted(Application.objects.values_list("status", flat=True)) == ["accepted", "offered"]
    assert Letter.objects.filter(kind="accepted").count() == 1
    assert Letter.objects.filter(kind="notice_accepted").count() == 2  # supervisor and co-advisor, once


@pytest.mark.django_db(transaction=True)
def test_a_double_click_on_accept_takes_one_place_and_sends_one_letter(make_application, project, at_once):
    application = make_application(status="offered")
    outcomes = at_once(*[lambda: workflow.accept_offer(application)] * 3)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Application", "Refused", "Refused"]
    project.refresh_from_db()
    assert project.places_taken == 1
    assert Letter.objects.filter(kind="accepted").count() == 1


# Notes


def test_the_first_note_shows_that_reading_has_begun(application, supervisor, co_advisor):
    workflow.note(application, " Good grades. ", by=supervisor)
    workflow.note(application, "Agreed.", by=co_advisor)

    application.refresh_from_db()
    assert application.status == "in_review"
    assert moves(application) == [("received", "in_review")]
    notes = application.events.filter(kind="note")
    assert [(note.text, note.actor_name) for note in notes] == [
        ("Good grades.", "Sofia Supervisor"),
        ("Agreed.", "Carl Coadvisor"),
    ]
    assert not application.letters.filter(kind="in_review").exists()


@pytest.mark.parametrize("status", ["interview", "waitlisted", "offered", "declined", "withdrawn"])
def test_a_note_leaves_a_later_status_alone(make_application, supervisor, status):
    application = make_application(status=status)
    workflow.note(application, "Called them.", by=supervisor)
    application.refresh_from_db()
    assert application.status == status


@pytest.mark.django_db(transaction=True)
def test_two_first_notes_at_once_are_both_kept_and_reading_begins_once(application, supervisor, co_advisor, at_once):
    outcomes = at_once(
        lambda: workflow.note(application, "One.", by=supervisor),
        lambda: workflow.note(application, "Two.", by=co_advisor),
    )
    assert all(isinstance(outcome, Event) for outcome in outcomes)
    assert set(application.events.filter(kind="note").values_list("text", flat=True)) == {"One.", "Two."}
    assert moves(application) == [("received", "in_review")]


# The form in which reviewers edit the letter


def decision_form(application, to_status, **typed) -> DecisionForm:
    data = QueryDict(mutable=True)
    data.update(typed)
    return DecisionForm(application, to_status, to_status, data)


def test_the_reviewer_sees_words_where_the_link_will_stand_and_the_letter_keeps_the_place(application):
    form = decision_form(application, "offered", personal_line="Your thesis is impressive.", send="1")
    assert letters.MANAGE_LINK not in form.initial["body"]
    assert "[personal link]" in form.initial["body"]
    assert form.is_valid(), form.errors
    wording = form.wording()
    assert letters.MANAGE_LINK in wording.body
    assert "Your thesis is impressive." in wording.body
    assert "[personal" not in wording.body


def test_a_personal_line_is_sent_even_when_its_place_was_edited_away(application):
    form = decision_form(
        application, "declined", subject="No", body="Dear Ada,\r\n\r\nno.", personal_line="Sorry.", send="1"
    )
    assert form.is_valid(), form.errors
    about = f"Application {application.reference}, “{application.project.title}”"
    assert form.wording().body == f"Dear Ada,\n\nno.\n\nSorry.\n\n{about}\n"


@pytest.mark.parametrize("missing", ["subject", "body"])
def test_a_letter_without_subject_or_text_is_not_sent(application, missing):
    form = decision_form(application, "declined", **{"subject": "No", "body": "No.", "send": "1"} | {missing: "  "})
    assert not form.is_valid()
    assert missing in form.errors


def test_deciding_without_a_letter_asks_for_no_letter(application):
    form = decision_form(application, "declined", subject="", body="", send="0")
    assert form.is_valid(), form.errors
    assert form.cleaned_data["send"] is False


def test_taking_something_back_asks_for_the_reason(make_application):
    form = decision_form(make_application(status="offered"), "declined", send="1")
    assert not form.is_valid()
    assert isinstance(form.errors.as_data()["reason"][0], ValidationError)


@pytest.mark.parametrize(("written", "meant", "is_right"), [(21, 1, False), (1, 21, False), (1, 1, True)])
def test_an_edited_offer_names_the_very_day_until_which_it_stands(application, written, meant, is_right):
    form = decision_form(
        application,
        "offered",
        subject="Yes",
        body=f"You are in. Answer until {written} March 2099.",
        lapses_on=f"2099-03-{meant:02}",
        day_in_letter=f"2099-03-{written:02}",
        send="1",
    )
    assert form.is_valid() is is_right


def test_a_personal_line_without_a_place_stands_before_the_signature(application):
    standard = letters.standard_wording(application, "declined")
    without = standard.body.replace(f"{letters.PERSONAL_LINE}\n\n", "")
    assert letters.PERSONAL_LINE not in without
    form = decision_form(application, "declined", subject="No", body=without, personal_line="Sorry.", send="1")
    assert form.is_valid(), form.errors
    assert form.wording().body.endswith("Sorry.\n\nKind regards\nSofia Supervisor\n")


@pytest.mark.parametrize("field", ["subject", "body", "personal_line"])
def test_braces_that_nothing_fills_do_not_go_out(application, field):
    typed = {"subject": "No", "body": "No.", "personal_line": "Sorry.", "send": "1"}
    form = decision_form(application, "declined", **typed | {field: "Dear {name},"})
    assert "{name} here: it would go out just like that" in form.errors[field][0]


def test_braces_in_the_title_of_a_project_are_no_fault(application, project):
    type(project).objects.update(title="Sets {a, b} and graphs")
    application.refresh_from_db()
    form = DecisionForm(application, "declined", "declined", {"send": "1"})
    assert form.is_valid(), form.errors
