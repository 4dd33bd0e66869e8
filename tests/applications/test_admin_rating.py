"""Rating on the review page: one's own, and colleagues' only afterwards."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError

from applications import workflow
from applications.models import CriterionScore, Event, Review
from applications.statuses import Status
from applications.tokens import manage_token
from projects.models import Criterion, Project

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"
CANARY = "a canary sings"


def rate(browser, application, **words):
    return browser.post(f"{LIST}{application.pk}/review/", words)


def page_of(browser, application) -> str:
    return browser.get(f"{LIST}{application.pk}/change/").content.decode()


def test_a_reviewer_rates_and_reading_has_begun(signed_in, supervisor, application):
    response = rate(signed_in(supervisor), application, rating="4", comment="Solid grades.")

    review = Review.objects.get()
    application.refresh_from_db()
    assert (review.reviewer, review.rating, review.comment) == (supervisor, 4, "Solid grades.")
    assert application.status == Status.IN_REVIEW
    assert response["Location"].endswith("#ratings")


def test_no_rating_is_chosen_beforehand_and_none_is_refused_with_the_comment_kept(signed_in, supervisor, application):
    browser = signed_in(supervisor)

    assert " checked" not in page_of(browser, application)
    refused = rate(browser, application, comment="I am not sure yet.")

    assert "Please choose a rating." in refused.content.decode()
    assert "I am not sure yet." in refused.content.decode()
    assert not Review.objects.exists()


@pytest.mark.parametrize("rating", ["0", "6", "-1", "five", "3.5", "5\0"])
def test_a_rating_outside_of_1_to_5_is_refused(signed_in, supervisor, application, rating):
    assert rate(signed_in(supervisor), application, rating=rating).status_code == 200
    assert not Review.objects.exists()


def test_the_database_refuses_it_too(supervisor, application):
    with pytest.raises(IntegrityError):
        Review.objects.create(application=application, reviewer=supervisor, rating=6)


def test_rating_again_changes_ones_own_and_is_one_line_of_history(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    rate(browser, application, rating="2")
    rate(browser, application, rating="5", comment="After the talk.")

    review = Review.objects.get()
    assert (review.rating, review.comment) == (5, "After the talk.")
    assert application.events.filter(kind=Event.Kind.RATED).count() == 1


def test_a_colleagues_rating_is_hidden_until_ones_own_is_in(signed_in, supervisor, co_advisor, application):
    workflow.review(application, rating=1, comment=CANARY, by=co_advisor)
    browser = signed_in(supervisor)

    before = page_of(browser, application)
    history = browser.get(f"{LIST}{application.pk}/history/").content.decode()
    rate(browser, application, rating="3")
    after = page_of(browser, application)

    assert "1 colleague has rated" in before
    for words in (CANARY, "1 · Not suitable"):
        assert words not in before + history
        assert words in after


def test_the_log_of_the_admin_does_not_say_how_somebody_rated(signed_in, supervisor, application):
    rate(signed_in(supervisor), application, rating="2", comment=CANARY)

    entry = LogEntry.objects.get()
    assert CANARY not in entry.change_message
    assert "2" not in entry.change_message


def test_the_student_learns_nothing_of_ratings(client, co_advisor, application):
    workflow.review(application, rating=5, comment=CANARY, by=co_advisor)

    page = client.get(f"/applications/open/{manage_token(application)}/", follow=True).content.decode()

    assert application.reference in page
    assert CANARY not in page
    assert "Rating" not in page


@pytest.mark.parametrize(("who", "status"), [("other_supervisor", 404), ("staff_without_rights", 403)])
def test_nobody_else_rates(request, signed_in, application, who, status):
    response = rate(signed_in(request.getfixturevalue(who)), application, rating="3")

    assert response.status_code == status
    assert not Review.objects.exists()


def test_an_erased_application_takes_its_ratings_along(supervisor, application):
    workflow.review(application, rating=3, comment=CANARY, by=supervisor)

    workflow.erase(application)

    assert not Review.objects.exists()


# The whole opinion


@pytest.fixture
def criteria(project) -> list[Criterion]:
    names = ("Mathematics", "Programming", "Motivation")
    return [
        Criterion.objects.create(project=project, name=name, weight=weight, position=weight)
        for weight, name in enumerate(names, start=1)
    ]


def test_recommendation_and_criteria_are_kept_and_come_back_filled_in(signed_in, supervisor, application, criteria):
    maths, programming, motivation = criteria
    browser = signed_in(supervisor)

    rate(
        browser,
        application,
        rating="4",
        recommendation="interview",
        **{f"criterion_{maths.pk}": "5", f"criterion_{programming.pk}": "2", f"criterion_{motivation.pk}": "na"},
    )

    review = Review.objects.get()
    assert review.recommendation == "interview"
    assert {score.criterion: score.score for score in review.scores.all()} == {
        maths: 5,
        programming: 2,
        motivation: None,
    }
    assert review.score == 3.0, "what does not apply does not count"
    page = page_of(browser, application)
    assert page.count(" checked") == 4
    assert '<option value="interview" selected>' in page


def test_criteria_may_be_left_out(signed_in, supervisor, application, criteria):
    rate(signed_in(supervisor), application, rating="4", **{f"criterion_{criteria[0].pk}": "5"})

    assert [score.score for score in Review.objects.get().scores.all()] == [5]


@pytest.mark.parametrize("score", ["0", "6", "five", "-1"])
def test_a_score_outside_of_1_to_5_is_refused_with_the_rest_kept(signed_in, supervisor, application, criteria, score):
    answer = rate(
        signed_in(supervisor), application, rating="4", comment=CANARY, **{f"criterion_{criteria[0].pk}": score}
    )

    assert answer.status_code == 200
    assert CANARY in answer.content.decode()
    assert not Review.objects.exists()


def test_criteria_of_another_project_are_not_accepted(signed_in, supervisor, application, other_project):
    foreign = Criterion.objects.create(project=other_project, name="Foreign")

    rate(signed_in(supervisor), application, rating="4", **{f"criterion_{foreign.pk}": "5"})

    assert not CriterionScore.objects.exists()


def test_an_unknown_recommendation_is_refused(signed_in, supervisor, application):
    rate(signed_in(supervisor), application, rating="4", recommendation="promote")

    assert not Review.objects.exists()


def test_saving_can_lead_to_the_next_unread_of_the_list(signed_in, supervisor, make_application):
    first, second = make_application(), make_application(email="bob@example.org")

    answer = signed_in(supervisor).post(
        f"{LIST}{first.pk}/review/?_changelist_filters=status%3Dopen", {"rating": "4", "then": "next"}
    )

    assert answer["Location"] == f"{LIST}{second.pk}/change/?_changelist_filters=status%3Dopen"


# Two windows


def hidden_fields(browser, application) -> dict[str, str]:
    form = browser.get(f"{LIST}{application.pk}/change/").context["review_form"]
    return {name: form[name].value() for name in form.SEEN}


def test_a_second_window_does_not_overwrite_the_first_and_keeps_its_words(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    as_shown = hidden_fields(browser, application)
    rate(browser, application, rating="5", comment="From the first window.", **as_shown)

    refused = rate(browser, application, rating="1", comment="From the second window.", **as_shown)

    page = refused.content.decode()
    assert (Review.objects.get().rating, refused.status_code) == (5, 200)
    for words in ("You have saved this rating in another window", "From the first window.", "From the second window."):
        assert words in page


def test_saving_once_more_in_the_second_window_means_it(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    as_shown = hidden_fields(browser, application)
    rate(browser, application, rating="5", **as_shown)
    form = rate(browser, application, rating="1", **as_shown).context["review_form"]

    rate(browser, application, rating="1", **{name: form[name].value() for name in form.SEEN})

    assert Review.objects.get().rating == 1


@pytest.mark.parametrize("value", ["yesterday", "2026-13-40T00:00:00", "2026-01-01"])
def test_a_damaged_page_is_not_taken_for_a_fresh_one(signed_in, supervisor, application, value):
    answer = rate(signed_in(supervisor), application, rating="3", comment=CANARY, seen_review=value)

    assert CANARY in answer.content.decode()
    assert not Review.objects.exists()


# Changed since


def test_a_replaced_document_marks_the_ratings_that_were_given_before(
    signed_in, supervisor, co_advisor, application, make_uploads
):
    browser = signed_in(supervisor)
    rate(browser, application, rating="4", **hidden_fields(browser, application))
    workflow.review(application, rating=2, by=co_advisor)
    assert "changed since" not in page_of(browser, application).casefold()

    workflow.add_documents(application, make_uploads()[:1], by=co_advisor)

    page = page_of(browser, application)
    assert "Something has changed since your rating:</strong> CV, version 2 is new." in page
    assert "changed since: CV, version 2 is new" in page


def test_a_document_that_came_while_one_was_reading_counts_as_not_seen(
    signed_in, supervisor, co_advisor, application, make_uploads
):
    browser = signed_in(supervisor)
    as_shown = hidden_fields(browser, application)
    workflow.add_documents(application, make_uploads()[:1], by=co_advisor)

    rate(browser, application, rating="4", **as_shown)

    assert "Something has changed since your rating" in page_of(browser, application)


def test_documents_of_others_are_not_kept_as_seen(signed_in, supervisor, application, make_application, other_project):
    foreign = make_application(other_project, email="b@example.org").current_documents()[0]

    rate(signed_in(supervisor), application, rating="4", seen_documents=str(foreign.pk))

    assert Review.objects.get().seen_documents == []


# Blind before, open after


@pytest.fixture
def colleagues_opinion(application, co_advisor, criteria) -> list[str]:
    """What the page must not hold before one's own rating is in."""
    scores = {criterion.pk: 1 for criterion in criteria}
    workflow.review(application, rating=1, recommendation="decline", comment=CANARY, scores=scores, by=co_advisor)
    return [CANARY, "1 · Not suitable", "opinion", "<dt>Mean</dt>"]


def test_mean_recommendation_and_criteria_are_hidden_until_ones_own_is_in(
    signed_in, supervisor, application, colleagues_opinion
):
    browser = signed_in(supervisor)
    before = page_of(browser, application)

    rate(browser, application, rating="5")

    after = page_of(browser, application)
    assert [words for words in colleagues_opinion if words in before] == []
    assert [words for words in colleagues_opinion if words not in after] == []
    assert "<dd>3.0</dd>" in after
    assert "<dt>Disagreement</dt><dd>4</dd>" in after


@pytest.mark.parametrize("deed", ["review", "note", "ask", "write", "documents", "transfer"])
def test_a_form_that_comes_back_shows_no_more_than_the_page(
    signed_in, supervisor, application, colleagues_opinion, deed
):
    page = signed_in(supervisor).post(f"{LIST}{application.pk}/{deed}/", {}).content.decode()

    assert "1 colleague has rated" in page
    assert [words for words in colleagues_opinion if words in page] == []


def test_abstaining_does_not_open_them(signed_in, supervisor, application, colleagues_opinion):
    browser = signed_in(supervisor)

    browser.post(f"{LIST}{application.pk}/abstain/")

    page = page_of(browser, application)
    assert "You abstain" in page
    assert [words for words in colleagues_opinion if words in page] == []


def test_taking_ones_own_rating_back_closes_them_again(signed_in, supervisor, application, colleagues_opinion):
    browser = signed_in(supervisor)
    rate(browser, application, rating="5")

    browser.post(f"{LIST}{application.pk}/abstain/")

    assert CANARY not in page_of(browser, application)
    assert Review.objects.filter(reviewer=supervisor).count() == 0


def test_a_supervisor_who_is_exempt_reads_them_before_and_everybody_is_told(
    settings, signed_in, supervisor, superuser, application, colleagues_opinion
):
    settings.SUPERVISOR_READS_RATINGS = True

    own = page_of(signed_in(supervisor), application)
    others = page_of(signed_in(superuser), application)

    assert [words for words in colleagues_opinion if words not in own] == []
    assert "As the supervisor of this project you read ratings before giving one" in own
    assert [words for words in colleagues_opinion if words in others] == []
    assert "The supervisor of this project reads ratings before giving one." in others


def test_without_that_setting_nobody_is_said_to_be_exempt(signed_in, supervisor, application):
    assert "reads ratings before" not in page_of(signed_in(supervisor), application)


def test_abstaining_in_an_older_window_does_not_remove_a_rating_that_it_did_not_show(
    signed_in, supervisor, application
):
    browser = signed_in(supervisor)
    assert 'name="seen_review" value=""' in page_of(browser, application)
    workflow.review(application, rating=4, comment="A long comment.", by=supervisor)

    answer = browser.post(f"{LIST}{application.pk}/abstain/", {"seen_review": ""}, follow=True)

    assert Review.objects.get().comment == "A long comment."
    assert "your rating is kept" in answer.content.decode()

    seen = Review.objects.get().updated_at.isoformat()
    browser.post(f"{LIST}{application.pk}/abstain/", {"seen_review": seen})
    assert not Review.objects.exists()


def test_a_rating_of_an_application_that_was_moved_meanwhile_is_asked_for_again(signed_in, supervisor, application):
    browser = signed_in(supervisor)
    form = browser.get(f"{LIST}{application.pk}/change/").context["review_form"]
    seen = {name: form[name].value() for name in form.SEEN}
    second = Project.objects.create(title="Second", topic=application.project.topic, supervisor=supervisor)
    workflow.transfer(application, second, by=supervisor, consent="By phone.")

    again = rate(browser, application, rating="5", **seen)

    assert not Review.objects.exists()
    assert "was moved to “Second” since" in again.content.decode()
    now = {name: again.context["review_form"][name].value() for name in form.SEEN}
    rate(browser, application, rating="5", **now)
    assert Review.objects.get().seen_project == second
