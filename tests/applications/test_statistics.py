"""The figures of the desk: each is what its words say, for each person of what they may see, and costs the same."""

import datetime

import pytest
from django.utils import timezone

from applications import places, statistics, workflow
from applications.admin import queue
from applications.models import Application, Decision
from projects.models import Project

pytestmark = pytest.mark.django_db


def ago(**time) -> datetime.datetime:
    return timezone.now() - datetime.timedelta(**time)


def figures_of(project: Project, user) -> statistics.ProjectFigures:
    return next(one for one in statistics.of_projects(user) if one.project == project)


def received(application: Application, when: datetime.datetime) -> Application:
    Application.objects.filter(pk=application.pk).update(received_at=when)
    application.refresh_from_db()
    return application


# What waits


def test_nothing_waits_for_somebody_without_applications(supervisor):
    waiting = statistics.waiting_for(supervisor)

    assert set(vars(waiting).values()) == {0, None}
    assert statistics.oldest_for(supervisor) == []


def test_it_counts_what_each_word_says(supervisor, co_advisor, make_application):
    late = received(make_application(), ago(days=40))
    by_hand = make_application(email="hand@example.org")
    Application.objects.filter(pk=by_hand.pk).update(consent_version="")
    offered = make_application(email="offered@example.org")
    workflow.decide(offered, "offered", by=supervisor, lapses_on=timezone.localdate() + datetime.timedelta(days=3))
    staged = make_application(email="staged@example.org")
    workflow.stage(staged, "declined", by=supervisor)
    released = make_application(email="released@example.org")
    workflow.release(workflow.stage(released, "interview", by=supervisor), by=supervisor)
    workflow.ask(late, [co_advisor], by=supervisor)

    waiting = statistics.waiting_for(co_advisor)

    assert (waiting.open, waiting.unread, waiting.asked, waiting.overdue) == (4, 4, 1, 1)
    assert (waiting.lapsing, waiting.without_consent, waiting.dropped) == (1, 1, 0)
    assert (waiting.staged, waiting.on_their_way) == (1, 1)
    assert waiting.next_effective_at == waiting.last_effective_at == Decision.objects.on_their_way().get().effective_at
    assert statistics.waiting_for(supervisor).unread == 2  # who decides has read


def test_a_decision_that_could_not_be_carried_out_counts_until_another_is_made(supervisor, application):
    decision = workflow.stage(application, "interview", by=supervisor)
    Decision.objects.filter(pk=decision.pk).update(dropped_at=timezone.now(), dropped_why="full")

    assert statistics.waiting_for(supervisor).dropped == 1
    workflow.stage(application, "declined", by=supervisor)
    assert statistics.waiting_for(supervisor).dropped == 0


def test_an_offer_that_stands_for_long_does_not_lapse_soon(supervisor, application):
    workflow.decide(application, "offered", by=supervisor, lapses_on=timezone.localdate() + datetime.timedelta(days=8))

    assert statistics.waiting_for(supervisor).lapsing == 0


def test_other_peoples_applications_count_nowhere(other_supervisor, staff_without_rights, supervisor, application):
    workflow.stage(application, "declined", by=supervisor)

    for stranger in (other_supervisor, staff_without_rights):
        assert set(vars(statistics.waiting_for(stranger)).values()) == {0, None}
        assert statistics.oldest_for(stranger) == []
        assert all(one.received == 0 for one in statistics.of_projects(stranger))


def test_asked_of_me_is_the_rule_of_the_queue(supervisor, co_advisor, make_application):
    asked = make_application()
    done = make_application(email="done@example.org")
    make_application(email="not-asked@example.org")
    for application in (asked, done):
        workflow.ask(application, [co_advisor], by=supervisor)
    workflow.abstain(done, by=co_advisor)

    ours = Application.objects.filter(statistics.is_asked_of(co_advisor))

    assert set(ours) == set(Application.objects.filter(queue.asked_of(co_advisor))) == {asked}


def test_the_oldest_come_first_and_before_them_what_one_was_asked(supervisor, co_advisor, make_application):
    young = received(make_application(email="a@example.org"), ago(days=2))
    old = received(make_application(email="b@example.org"), ago(days=20))
    asked = received(make_application(email="c@example.org"), ago(days=1))
    workflow.ask(asked, [co_advisor], by=supervisor)

    assert statistics.oldest_for(co_advisor) == [asked, old, young]
    assert statistics.oldest_for(supervisor) == [old, young, asked]


def test_among_what_one_was_asked_the_days_that_are_shown_decide(supervisor, co_advisor, make_application):
    lately_invited = received(make_application(email="a@example.org"), ago(days=30))
    workflow.decide(lately_invited, "interview", by=supervisor)
    untouched = received(make_application(email="b@example.org"), ago(days=5))
    for application in (lately_invited, untouched):
        workflow.ask(application, [co_advisor], by=supervisor)

    assert statistics.oldest_for(co_advisor) == [untouched, lately_invited]
    assert [one.days_waiting for one in statistics.oldest_for(co_advisor)] == [5, 0]


def test_what_one_has_read_waits_no_more_for_a_co_advisor_but_for_the_supervisor(supervisor, co_advisor, application):
    workflow.review(application, rating=4, by=co_advisor)
    workflow.review(application, rating=4, by=supervisor)

    assert statistics.oldest_for(co_advisor) == []
    assert statistics.oldest_for(supervisor) == [application]


def test_what_is_decided_waits_for_nobody(supervisor, co_advisor, application):
    workflow.stage(application, "declined", by=supervisor)

    assert statistics.oldest_for(supervisor) == statistics.oldest_for(co_advisor) == []


# Projects


def test_the_funnel_keeps_who_has_once_come_as_far(supervisor, project, make_application):
    make_application()
    declined = make_application(email="b@example.org")
    workflow.decide(declined, "interview", by=supervisor)
    workflow.decide(declined, "declined", by=supervisor)
    accepted = make_application(email="c@example.org")
    workflow.decide(accepted, "offered", by=supervisor)
    workflow.accept_offer(accepted)

    figures = figures_of(project, supervisor)

    assert figures.received == 3
    assert figures.reached == {"interview": 1, "offered": 1, "accepted": 1}
    assert figures.waiting == 1


def test_arrivals_are_counted_in_weeks_from_monday_in_local_time(supervisor, project, make_application):
    weeks = statistics.last_weeks(timezone.now())
    assert {timezone.localtime(week.begin).weekday() for week in weeks} == {0}
    assert {timezone.localtime(week.begin).time() for week in weeks} == {datetime.time()}
    received(make_application(), weeks[-2].begin)
    received(make_application(email="b@example.org"), weeks[-1].begin - datetime.timedelta(seconds=1))
    received(make_application(email="c@example.org"), weeks[0].begin - datetime.timedelta(seconds=1))

    arrived = [week.arrived for week in figures_of(project, supervisor).weeks]

    assert arrived == [0] * (statistics.WEEKS - 2) + [2, 0]


# Those that are erased


@pytest.mark.django_db(transaction=True)
def test_what_is_erased_is_counted_apart_by_how_far_it_had_come(supervisor, project, make_application):
    stays = make_application()
    declined = make_application(email="b@example.org")
    workflow.decide(declined, "interview", by=supervisor)
    workflow.decide(declined, "declined", by=supervisor)
    accepted = make_application(email="c@example.org")
    workflow.decide(accepted, "offered", by=supervisor)
    accepted = workflow.accept_offer(accepted)
    weeks = statistics.last_weeks(timezone.now())
    received(accepted, weeks[-2].begin)
    received(stays, weeks[-2].begin)
    for application in (declined, Application.objects.get(pk=accepted.pk)):
        workflow.erase(application)

    figures = figures_of(project, supervisor)

    assert figures.received == 1
    assert figures.reached == {"interview": 0, "offered": 0, "accepted": 0}
    assert figures.erased == {"received": 2, "interview": 1, "offered": 1, "accepted": 1}
    assert [(week.arrived, week.erased) for week in figures.weeks[-2:]] == [(1, 1), (0, 1)]


@pytest.mark.django_db(transaction=True)
def test_what_is_erased_is_counted_for_those_only_who_could_see_it(
    supervisor, co_advisor, other_supervisor, staff_without_rights, project, application
):
    Project.objects.filter(pk=project.pk).update(supervisor=staff_without_rights)
    workflow.erase(application)

    assert figures_of(project, co_advisor).erased["received"] == 1
    assert not any(one.project == project for one in statistics.of_projects(other_supervisor))
    assert all(one.erased["received"] == 0 for one in statistics.of_projects(staff_without_rights))


def test_the_median_counts_the_first_answer_of_those_who_have_one(supervisor, project, make_application):
    for days, address in ((2, "a"), (4, "b"), (30, "c")):
        application = received(make_application(email=f"{address}@example.org"), ago(days=days))
        workflow.decide(application, "waitlisted", by=supervisor)
    workflow.decide(application, "declined", by=supervisor)
    make_application(email="d@example.org")

    assert figures_of(project, supervisor).median_days == pytest.approx(4, abs=0.01)


def test_a_project_without_answers_has_no_median(supervisor, project, application):
    assert figures_of(project, supervisor).median_days is None


@pytest.mark.parametrize("places_free", [None, 0, 1, 2])
def test_the_suggestion_is_that_of_the_places(supervisor, project, make_application, places_free):
    waitlisted = [make_application(email=f"{n}@example.org", status="waitlisted") for n in range(3)]
    for days, application in enumerate(waitlisted, 2):
        Application.objects.filter(pk=application.pk).update(status_changed_at=ago(days=days))
    workflow.stage(waitlisted[2], "declined", by=supervisor)  # the longest there, about whom something is decided
    make_application(email="offered@example.org", status="offered")
    Project.objects.filter(pk=project.pk).update(places=places_free)
    project.refresh_from_db()

    suggested = figures_of(project, supervisor).suggested

    assert suggested == places.suggestion(project)
    assert suggested == (waitlisted[1] if places_free == 2 else None)


def test_an_offer_that_is_staged_keeps_its_place(supervisor, project, make_application):
    workflow.stage(make_application(status="waitlisted"), "offered", by=supervisor)
    make_application(email="b@example.org", status="waitlisted")
    Project.objects.filter(pk=project.pk).update(places=1)
    project.refresh_from_db()

    assert figures_of(project, supervisor).suggested is places.suggestion(project) is None


def test_those_who_wait_in_vain_are_counted_when_the_project_is_full_or_closed(supervisor, project, application):
    assert figures_of(project, supervisor).wait_in_vain == 0
    Project.objects.filter(pk=project.pk).update(closed_at=timezone.now())
    assert figures_of(project, supervisor).wait_in_vain == 1
    Project.objects.filter(pk=project.pk).update(closed_at=None, places=1, places_taken=1)
    assert figures_of(project, supervisor).wait_in_vain == 1


def test_the_figures_cost_the_same_for_one_project_and_for_ten(
    supervisor, topic, project, make_application, django_assert_num_queries
):
    workflow.erase(make_application())
    make_application(status="waitlisted")
    Project.objects.filter(pk=project.pk).update(places=1)
    assert supervisor.has_perm("applications.view_application")  # asked once for a page, whatever stands on it
    with django_assert_num_queries(7):
        statistics.of_projects(supervisor)

    for number in range(9):
        more = Project.objects.create(title=f"More {number}", topic=topic, supervisor=supervisor, places=1)
        for place in range(3):
            make_application(more, email=f"{place}@example.org", status="waitlisted")
        workflow.erase(make_application(more, email="gone@example.org"))

    with django_assert_num_queries(7):
        statistics.of_projects(supervisor)
    with django_assert_num_queries(3):
        statistics.waiting_for(supervisor)
    with django_assert_num_queries(1):
        statistics.oldest_for(supervisor)
