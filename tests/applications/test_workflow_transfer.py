"""Moving an application to another of one's projects: with consent, and with everything that belongs to it."""

import pytest

from applications import workflow
from applications.models import Application
from projects.models import Criterion, Project


@pytest.fixture
def second_project(project, supervisor) -> Project:
    return Project.objects.create(title="Long reads, short memory", topic=project.topic, supervisor=supervisor)


def refusal(*args, **kwargs) -> str:
    with pytest.raises(workflow.Refused) as refused:
        workflow.transfer(*args, **kwargs)
    return refused.value.code


def test_everything_goes_along_and_the_student_is_told(application, second_project, supervisor):
    workflow.note(application, "Fits better there.", by=supervisor)
    workflow.review(application, rating=4, by=supervisor)

    workflow.transfer(application, second_project, by=supervisor, consent="By phone today.")

    application.refresh_from_db()
    assert application.project == second_project
    assert (application.rating_count, application.rating_mean) == (1, 4.0)
    assert application.reviews.get().changed_since(application, application.current_documents())
    event = application.events.get(kind="transferred")
    assert event.text == "Can a transformer learn sequence alignment? → Long reads, short memory. By phone today."
    letter = application.letters.get(kind="transferred")
    assert letter.to_student
    assert project_titles_in(letter.body) == 2


def project_titles_in(text: str) -> int:
    return sum(project.title in text for project in Project.objects.all())


def test_the_students_consent_is_noted_or_nothing_happens(application, second_project, supervisor):
    assert refusal(application, second_project, by=supervisor, consent=" ") == "consent_missing"


def test_a_co_advisor_moves_nothing(application, second_project, co_advisor):
    assert refusal(application, second_project, by=co_advisor, consent="Yes.") == "not_yours"


def test_nobody_moves_an_application_into_a_foreign_project(application, other_project, supervisor):
    assert refusal(application, other_project, by=supervisor, consent="Yes.") == "not_yours"


def test_it_is_there_already(application, project, supervisor):
    assert refusal(application, project, by=supervisor, consent="Yes.") == "same_project"


def test_a_closed_project_takes_nobody_over(application, second_project, supervisor):
    second_project.is_published = False
    second_project.save()
    assert refusal(application, second_project, by=supervisor, consent="Yes.") == "unpublished"


def test_a_student_who_has_applied_there_is_not_there_twice(make_application, application, second_project, supervisor):
    make_application(second_project)
    assert refusal(application, second_project, by=supervisor, consent="Yes.") == "duplicate"


@pytest.mark.parametrize("status", ["offered", "accepted", "declined", "withdrawn"])
def test_who_has_an_answer_stays_where_it_was_given(make_application, second_project, supervisor, status):
    application = make_application(status=status)
    assert refusal(application, second_project, by=supervisor, consent="Yes.") == "not_allowed"


def test_a_staged_decision_was_about_the_other_project_and_is_cleared(application, second_project, supervisor):
    workflow.stage(application, "declined", by=supervisor)
    workflow.transfer(application, second_project, by=supervisor, consent="Yes.")
    assert not application.decisions.exists()


def test_a_decision_on_its_way_must_be_called_back_first(application, second_project, supervisor):
    workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)
    assert refusal(application, second_project, by=supervisor, consent="Yes.") == "on_its_way"


def test_moves_in_opposite_directions_never_wait_for_each_other(
    make_application, project, second_project, supervisor, at_once
):
    ada, bob = make_application(), make_application(second_project, email="bob@example.org")
    outcomes = at_once(
        lambda: workflow.transfer(ada, second_project, by=supervisor, consent="Yes."),
        lambda: workflow.transfer(bob, project, by=supervisor, consent="Yes."),
    )
    assert all(isinstance(outcome, Application) for outcome in outcomes), outcomes


def test_marks_by_the_former_projects_criteria_stay_and_do_not_count(application, project, second_project, supervisor):
    old = Criterion.objects.create(project=project, name="Genomes")
    new = Criterion.objects.create(project=second_project, name="Patience")
    workflow.review(application, rating=3, scores={old.pk: 1}, by=supervisor)
    workflow.transfer(application, second_project, by=supervisor, consent="By phone.")
    application.refresh_from_db()
    assert application.score_mean is None

    workflow.review(application, rating=3, scores={new.pk: 5}, by=supervisor)

    application.refresh_from_db()
    assert application.score_mean == 5.0
    assert application.reviews.get().scores.count() == 2


def test_the_reviewers_there_are_told_and_whoever_moved_it_is_not(application, second_project, supervisor, co_advisor):
    second_project.co_advisors.add(co_advisor.co_advisor)
    workflow.transfer(application, second_project, by=supervisor, consent="By phone.")
    told = application.letters.filter(kind="notice_received", subject__contains="Long reads")
    assert [letter.recipient for letter in told] == [co_advisor.email]
