"""Through the queue from the review page: next unread, skip, abstain, star, and deciding with one press."""

import pytest
from django.contrib.messages import get_messages

from applications import letters, workflow
from applications.models import Application, Decision, Letter, Reading, Review, Star
from applications.statuses import Status, reviewer_needs_reason

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"
FILTERS = "_changelist_filters=status%3Dopen"


def page_url(application: Application, page: str = "change") -> str:
    return f"{LIST}{application.pk}/{page}/"


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


@pytest.fixture
def three(make_application) -> list[Application]:
    return [make_application(email=f"{name}@example.org", full_name=f"{name} Example") for name in ("Ada", "Bob", "Cy")]


@pytest.fixture
def in_order(reviewing, three) -> list[Application]:
    """The three in the order of this reviewer's list."""
    return list(reviewing.get(LIST).context["cl"].result_list)


def test_the_page_says_how_much_of_the_list_one_has_read(reviewing, supervisor, in_order):
    workflow.review(in_order[0], rating=3, by=supervisor)
    workflow.abstain(in_order[1], by=supervisor)

    response = reviewing.get(page_url(in_order[2]))

    page = response.content.decode()
    assert (response.context["done"], response.context["length"]) == (2, 3)
    assert "2 of 3 read by you" in page
    assert 'max="3" value="2"' in page


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (None, "Unread by you"),
        (lambda application, by: workflow.skip(application, by=by), "Skipped by you"),
        (lambda application, by: workflow.abstain(application, by=by), "You abstain"),
        (lambda application, by: workflow.review(application, rating=3, by=by), "Read by you"),
    ],
)
def test_ones_own_state_stands_there(reviewing, supervisor, co_advisor, application, deed, words):
    workflow.abstain(application, by=co_advisor)  # how far others are changes nothing
    if deed:
        deed(application, supervisor)

    page = reviewing.get(page_url(application)).content.decode()

    states = ("Unread by you", "Skipped by you", "You abstain", "✓ Read by you")
    assert [state for state in states if state in page.replace("“", "")] == [s for s in states if s.endswith(words)]


def test_next_unread_passes_over_what_one_has_read_and_keeps_the_filters(reviewing, supervisor, in_order):
    workflow.review(in_order[1], rating=3, by=supervisor)

    response = reviewing.get(f"{page_url(in_order[0])}?{FILTERS}")

    assert response.context["next_unread_url"] == f"{page_url(in_order[2])}?{FILTERS}"


def test_skipping_leads_on_and_leaves_it_unread_at_the_end(reviewing, in_order, supervisor):
    first, second, third = in_order

    answers = [reviewing.post(f"{page_url(one, 'skip')}?{FILTERS}") for one in in_order]

    assert answers[0]["Location"] == f"{page_url(second)}?{FILTERS}"
    assert answers[1]["Location"] == f"{page_url(third)}?{FILTERS}"
    assert answers[2]["Location"] == f"{page_url(first)}?{FILTERS}", "skipped ones come again"
    assert set(Reading.objects.values_list("state", flat=True)) == {"skipped"}


def test_abstaining_is_not_the_same_as_unread(reviewing, in_order):
    for one in in_order:
        answer = reviewing.post(f"{page_url(one, 'abstain')}?{FILTERS}")

    assert answer["Location"] == f"{LIST}?status=open"
    assert "You have read everything in this list." in said(answer)
    assert reviewing.get(page_url(in_order[0])).context["done"] == 3


def test_a_star_goes_on_and_off_and_is_ones_own(reviewing, signed_in, co_advisor, application):
    reviewing.post(page_url(application, "star"), {"on": "1"})
    mine = reviewing.get(page_url(application)).content.decode()
    theirs = signed_in(co_advisor).get(page_url(application)).content.decode()

    assert 'aria-pressed="true"' in mine
    assert 'aria-pressed="true"' not in theirs

    reviewing.post(page_url(application, "star"), {"on": "0"})
    assert not Star.objects.exists()


# Deciding with one press


def test_one_press_stages_the_standard_letter_tells_nobody_and_goes_on(reviewing, supervisor, in_order):
    first, second, _third = in_order
    letters = Letter.objects.count()

    answer = reviewing.post(f"{page_url(first, 'stage/declined')}?{FILTERS}", {"seen_status": first.status})

    decision = Decision.objects.get()
    first.refresh_from_db()
    assert answer["Location"] == f"{page_url(second)}?{FILTERS}"
    assert (decision.to_status, decision.staged_by, decision.is_staged) == (Status.DECLINED, supervisor, True)
    assert first.reference in decision.letter_body + decision.letter_subject
    assert (first.status, Letter.objects.count()) == (Status.IN_REVIEW, letters)


def test_the_message_has_the_way_back(reviewing, in_order):
    answer = reviewing.post(f"{page_url(in_order[0], 'stage/declined')}?{FILTERS}", follow=True)

    page = answer.content.decode()
    assert f'action="{page_url(in_order[0], "clear")}?{FILTERS}"' in page
    reviewing.post(page_url(in_order[0], "clear"))
    assert not Decision.objects.exists()


def test_a_name_in_that_message_is_never_markup(reviewing, make_application):
    application = make_application(full_name="<b>Ada</b>")

    page = reviewing.post(page_url(application, "stage/declined"), follow=True).content.decode()

    assert "&lt;b&gt;Ada&lt;/b&gt;: “Declined” is staged." in page
    assert "<b>Ada</b>" not in page


def test_a_rating_that_was_chosen_is_saved_with_the_decision(reviewing, supervisor, application):
    reviewing.post(
        page_url(application, "stage/declined"),
        {"rating": "2", "comment": "Not this year.", "seen_review": "", "seen_status": "received"},
    )

    review = Review.objects.get()
    assert (review.rating, review.comment, review.reviewer) == (2, "Not this year.", supervisor)
    assert Decision.objects.get().to_status == Status.DECLINED


def test_a_comment_without_a_rating_is_not_lost_and_nothing_is_staged(reviewing, application):
    answer = reviewing.post(page_url(application, "stage/declined"), {"comment": "I am not sure yet."})

    assert "Please choose a rating." in answer.content.decode()
    assert "I am not sure yet." in answer.content.decode()
    assert not Decision.objects.exists()


def test_a_rating_that_was_left_as_it_was_keeps_what_it_has_seen(reviewing, supervisor, application, make_uploads):
    review = workflow.review(application, rating=4, comment="Good.", by=supervisor)
    workflow.add_documents(application, make_uploads()[:1], by=supervisor)

    reviewing.post(page_url(application, "stage/interview"), {"rating": "4", "comment": "Good."})

    assert Review.objects.get().seen_documents == review.seen_documents
    assert Decision.objects.exists()


@pytest.mark.parametrize("status", Status.values)
def test_the_moves_with_one_press_are_those_that_need_no_reason(reviewing, make_application, status):
    application = make_application(status=status)

    moves = reviewing.get(page_url(application)).context["moves"]

    for move in moves:
        may = not reviewer_needs_reason(status, move["status"]) and (status, move["status"]) != (
            Status.RECEIVED,
            Status.IN_REVIEW,
        )
        assert bool(move["stage_url"]) == may
        if may:
            answer = reviewing.post(move["stage_url"])
            assert Decision.objects.get(dropped_at=None).to_status == move["status"], said(answer)


def test_a_move_that_needs_a_reason_leads_to_the_page_where_it_is_written(reviewing, make_application):
    application = make_application(status=Status.OFFERED)

    answer = reviewing.post(f"{page_url(application, 'stage/declined')}?{FILTERS}")

    assert answer["Location"] == f"{page_url(application, 'decide/declined')}?{FILTERS}"
    assert not Decision.objects.exists()


def test_who_comes_second_is_told_who_was_faster(reviewing, co_advisor, application):
    workflow.decide(application, Status.INTERVIEW, by=co_advisor)

    answer = reviewing.post(page_url(application, "stage/declined"), {"seen_status": "received"})

    assert answer["Location"] == page_url(application)
    assert "Carl Coadvisor has set the status to “Interview”" in said(answer)
    assert not Decision.objects.filter(applied_at=None).exists()


def test_a_colleagues_staged_decision_is_not_replaced_by_who_has_not_seen_it(reviewing, co_advisor, application):
    workflow.note(application, "Read.", by=co_advisor)
    shown = reviewing.get(page_url(application)).content.decode()
    assert 'name="seen_decision" value=""' in shown
    theirs = workflow.stage(application, Status.OFFERED, by=co_advisor)

    refused = reviewing.post(page_url(application, "stage/declined"), {"seen_decision": ""})
    assert "a decision was staged since you opened this page" in said(refused)
    assert Decision.objects.get() == theirs

    reviewing.post(page_url(application, "stage/declined"), {"seen_decision": theirs.as_seen})
    assert Decision.objects.get().to_status == Status.DECLINED


def test_nothing_is_staged_over_a_decision_that_is_on_its_way(reviewing, settings, supervisor, application):
    settings.RELEASE_DELAY = 10
    workflow.release(workflow.stage(application, Status.DECLINED, by=supervisor), by=supervisor)

    answer = reviewing.post(page_url(application, "stage/interview"))

    assert "Call it back first." in said(answer)
    assert Decision.objects.get().to_status == Status.DECLINED


@pytest.mark.parametrize("deed", ["star", "skip", "abstain", "stage/declined"])
@pytest.mark.parametrize(("who", "status"), [("other_supervisor", 404), ("staff_without_rights", 403)])
def test_nobody_else_does_any_of_this(request, signed_in, application, deed, who, status):
    answer = signed_in(request.getfixturevalue(who)).post(page_url(application, deed), {"on": "1", "rating": "3"})

    assert answer.status_code == status
    for model in (Star, Reading, Decision, Review):
        assert not model.objects.exists()


def test_a_letter_that_a_colleague_has_rewritten_is_not_thrown_away_unseen(
    reviewing, supervisor, co_advisor, application
):
    staged = workflow.stage(application, Status.DECLINED, by=supervisor)
    seen = {"seen_decision": staged.as_seen}
    words = letters.Wording(staged.letter_subject, f"Carl's words. {staged.letter_body}")
    workflow.edit_staged(staged, by=co_advisor, revision=staged.revision, letter=words)

    refused = reviewing.post(page_url(application, "stage/offered"), seen)

    assert "a decision was staged since you opened this page" in said(refused)
    assert Decision.objects.get().letter_body.startswith("Carl's words.")
