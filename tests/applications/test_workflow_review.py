"""Rating, abstaining, skipping, starring, asking, writing: each their own, counted right, blind before one's own."""

import pytest
from django.db import IntegrityError, transaction

from applications import workflow
from applications.models import Application, CriterionScore, Reading, Review, ReviewRequest, Star
from projects.models import Criterion


@pytest.fixture
def criteria(project) -> list[Criterion]:
    weights = {"Mathematics": 1, "Programming": 2, "Motivation": 1}
    return [
        Criterion.objects.create(project=project, name=name, weight=weight, position=position)
        for position, (name, weight) in enumerate(weights.items())
    ]


def figures(application) -> tuple:
    application.refresh_from_db()
    return application.rating_count, application.rating_mean, application.rating_spread


# Rating


def test_count_mean_and_disagreement_follow_every_rating(application, supervisor, co_advisor, superuser):
    assert figures(application) == (0, None, None)
    workflow.review(application, rating=5, by=supervisor)
    assert figures(application) == (1, 5.0, 0)
    workflow.review(application, rating=2, by=co_advisor)
    workflow.review(application, rating=2, by=superuser)
    assert figures(application) == (3, 3.0, 3)
    workflow.review(application, rating=2, by=supervisor)
    assert figures(application) == (3, 2.0, 0)


def test_a_review_keeps_recommendation_and_comment(application, supervisor):
    workflow.review(application, rating=4, recommendation="interview", comment=" Ask about proofs. ", by=supervisor)
    kept = Review.objects.get()
    assert (kept.rating, kept.recommendation, kept.comment) == (4, "interview", "Ask about proofs.")


def test_two_ratings_at_once_are_both_counted(application, supervisor, co_advisor, at_once):
    at_once(
        lambda: workflow.review(application, rating=1, by=supervisor),
        lambda: workflow.review(application, rating=5, by=co_advisor),
    )
    assert figures(application) == (2, 3.0, 4)


def test_a_second_window_does_not_overwrite_what_the_first_has_saved(application, supervisor):
    workflow.review(application, rating=4, comment="Long and dear.", by=supervisor, seen_at_all=True)

    with pytest.raises(workflow.Refused) as refused:
        workflow.review(application, rating=2, by=supervisor, seen_at_all=True)

    assert refused.value.code == "changed"
    kept = Review.objects.get()
    assert (kept.rating, kept.comment) == (4, "Long and dear.")
    workflow.review(application, rating=2, by=supervisor, seen_review=kept.updated_at, seen_at_all=True)
    assert Review.objects.get().rating == 2


def test_not_applicable_never_counts_as_zero(application, supervisor, criteria):
    mathematics, programming, motivation = criteria
    scores = {mathematics.pk: 5, programming.pk: 2, motivation.pk: None}
    kept = workflow.review(application, rating=4, scores=scores, by=supervisor)
    assert kept.score == (5 * 1 + 2 * 2) / 3
    assert [score.score for score in kept.scores.all()] == [5, 2, None]


def test_where_nothing_applies_there_is_no_mean(application, supervisor, criteria):
    kept = workflow.review(application, rating=4, scores={c.pk: None for c in criteria}, by=supervisor)
    application.refresh_from_db()
    assert (kept.score, application.score_mean) == (None, None)


def test_the_mean_of_the_criteria_is_over_those_who_gave_one(application, supervisor, co_advisor, criteria):
    workflow.review(application, rating=4, scores={criteria[0].pk: 5}, by=supervisor)
    workflow.review(application, rating=4, by=co_advisor)
    application.refresh_from_db()
    assert application.score_mean == 5.0


def test_a_criterion_of_another_project_is_left_out(application, supervisor, other_project):
    foreign = Criterion.objects.create(project=other_project, name="Graphs")
    kept = workflow.review(application, rating=4, scores={foreign.pk: 5}, by=supervisor)
    assert kept.score is None
    assert not CriterionScore.objects.exists()


def test_new_weights_change_the_means_of_earlier_reviews(application, supervisor, criteria):
    mathematics, programming, _motivation = criteria
    workflow.review(application, rating=4, scores={mathematics.pk: 5, programming.pk: 2}, by=supervisor)
    Criterion.objects.filter(pk=mathematics.pk).update(weight=4)

    workflow.recalculate_scores(application.project)

    application.refresh_from_db()
    assert Review.objects.get().score == application.score_mean == (5 * 4 + 2 * 2) / 6


@pytest.mark.parametrize("score", [0, 6])
def test_the_database_keeps_out_a_score_beyond_1_to_5(application, supervisor, criteria, score):
    kept = workflow.review(application, rating=4, by=supervisor)
    with pytest.raises(IntegrityError), transaction.atomic():
        CriterionScore.objects.create(review=kept, criterion=criteria[0], score=score)


# What was seen


def test_a_review_knows_that_the_documents_are_others_since(application, supervisor, make_uploads):
    kept = workflow.review(application, rating=4, by=supervisor)
    assert not kept.changed_since(application, application.current_documents())

    workflow.add_documents(application, make_uploads()[:1], by=supervisor)

    application = Application.objects.get()
    assert kept.changed_since(application, application.current_documents())
    assert [document.version for document in application.current_documents()] == [2, 1]


def test_a_review_remembers_what_the_page_showed_not_what_came_meanwhile(application, supervisor, make_uploads):
    seen = [str(document.pk) for document in application.current_documents()]
    workflow.replace_documents(application, make_uploads())
    kept = workflow.review(application, rating=4, by=supervisor, seen_answers=1, seen_documents=seen)
    application = Application.objects.get()
    assert kept.changed_since(application, application.current_documents())


# Readable by whom


def test_colleagues_ratings_can_be_read_once_ones_own_is_in(application, supervisor, co_advisor):
    workflow.review(application, rating=1, by=supervisor)
    assert not Application.objects.ratings_readable_by(co_advisor).exists()
    assert list(Review.objects.readable_by(co_advisor)) == []

    workflow.review(application, rating=5, by=co_advisor)

    assert Application.objects.ratings_readable_by(co_advisor).get() == application
    assert Review.objects.readable_by(co_advisor).count() == 2


def test_abstaining_opens_no_ratings_and_gives_up_ones_own(application, supervisor, co_advisor):
    workflow.review(application, rating=1, by=supervisor)
    workflow.review(application, rating=5, by=co_advisor)

    workflow.abstain(application, by=co_advisor)

    assert list(Review.objects.readable_by(co_advisor)) == []
    assert figures(application) == (1, 1.0, 0)


def test_by_setting_the_supervisor_of_the_project_reads_before_rating(
    application, supervisor, co_advisor, superuser, settings
):
    workflow.review(application, rating=1, by=co_advisor)
    assert not Application.objects.ratings_readable_by(supervisor).exists()

    settings.SUPERVISOR_READS_RATINGS = True

    assert Application.objects.ratings_readable_by(supervisor).exists()
    assert Review.objects.readable_by(supervisor).count() == 1
    assert not Application.objects.ratings_readable_by(superuser).exists()


# How far one is


def states(application) -> dict:
    return {reading.reviewer.username: reading.state for reading in Reading.objects.filter(application=application)}


def test_looking_leaves_no_trace_and_rating_does(application, supervisor, co_advisor, signed_in):
    signed_in(supervisor).get(f"/admin/applications/application/{application.pk}/change/")
    assert states(application) == {}
    workflow.review(application, rating=3, by=supervisor)
    assert states(application) == {"sofia": "read"}


def test_abstained_is_not_the_same_as_unread(application, supervisor, co_advisor):
    workflow.abstain(application, by=supervisor)
    workflow.skip(application, by=co_advisor)
    assert states(application) == {"sofia": "abstained", "carl": "skipped"}
    done = Application.objects.filter(Reading.done_by(supervisor))
    assert list(done) == [application]
    assert not Application.objects.filter(Reading.done_by(co_advisor)).exists()


@pytest.mark.parametrize("verb", ["review", "abstain"])
def test_skipping_what_is_done_leaves_it_done(application, supervisor, verb):
    if verb == "review":
        workflow.review(application, rating=3, by=supervisor)
    else:
        workflow.abstain(application, by=supervisor)
    before = states(application)
    workflow.skip(application, by=supervisor)
    assert states(application) == before


def test_rating_after_abstaining_counts_as_read(application, supervisor):
    workflow.abstain(application, by=supervisor)
    workflow.review(application, rating=3, by=supervisor)
    assert states(application) == {"sofia": "read"}


def test_a_star_is_ones_own_and_twice_is_one(application, supervisor, co_advisor):
    workflow.set_star(application, True, by=supervisor)
    workflow.set_star(application, True, by=supervisor)
    assert [star.user for star in Star.objects.all()] == [supervisor]
    workflow.set_star(application, False, by=co_advisor)
    assert Star.objects.count() == 1
    workflow.set_star(application, False, by=supervisor)
    assert not Star.objects.exists()


# Asking and writing


def test_a_supervisor_asks_a_named_reviewer_once(application, supervisor, co_advisor):
    assert workflow.ask(application, [co_advisor], by=supervisor) == [co_advisor]
    assert workflow.ask(application, [co_advisor], by=supervisor) == []
    request = ReviewRequest.objects.get()
    assert (request.reviewer, request.asked_by, request.told_at) == (co_advisor, supervisor, None)
    assert application.events.get(kind="asked").text == "Carl Coadvisor"


def test_a_co_advisor_cannot_ask(application, supervisor, co_advisor):
    with pytest.raises(workflow.Refused) as refused:
        workflow.ask(application, [supervisor], by=co_advisor)
    assert refused.value.code == "not_supervisor"


def test_nobody_is_asked_who_could_not_open_the_application(application, supervisor, other_supervisor):
    with pytest.raises(workflow.Refused) as refused:
        workflow.ask(application, [other_supervisor], by=supervisor)
    assert refused.value.code == "not_a_reviewer"
    assert not ReviewRequest.objects.exists()


def test_a_letter_to_the_student_stands_in_the_history_and_begins_reading(application, co_advisor):
    letter = workflow.write(application, subject="A question", body="Which semester are you in?", by=co_advisor)
    application.refresh_from_db()
    assert application.status == "in_review"
    assert (letter.kind, letter.recipient) == ("message", application.email)
    assert "Which semester are you in?" in letter.body
    assert application.reference in letter.subject + letter.body
    event = application.events.get(kind="wrote")
    assert (event.user, event.text) == (co_advisor, "A question")
