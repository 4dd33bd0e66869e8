"""When places are gone or free again: the supervisor sees who waits and stages in one step; nobody is told by that."""

import datetime
import html
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from applications import workflow
from applications.models import Application, Decision, Letter

pytestmark = [pytest.mark.django_db, pytest.mark.once]

RELEASE = reverse("admin:applications_application_release")


@pytest.fixture
def desk(signed_in, supervisor) -> Client:
    return signed_in(supervisor)


@pytest.fixture
def full(project):
    """One place, taken."""
    project.places = project.places_taken = 1
    project.save()
    return project


@pytest.fixture
def waiting(make_application):
    """Students in each status in which one waits; then the project may be filled."""
    return [
        make_application(full_name=f"Student {status}", email=f"{status}@example.org", status=status)
        for status in ("received", "in_review", "interview", "waitlisted")
    ]


def at(project) -> str:
    return reverse("admin:projects_project_remaining", args=[project.pk])


def words(response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def boxes(response) -> list[tuple[int, bool]]:
    """The boxes on the page: whose, and whether ticked."""
    found = re.findall(r'<input type="checkbox" name="application" value="(\d+)"[^>]*?( checked)?>', markup(response))
    return [(int(pk), bool(checked)) for pk, checked in found]


def markup(response) -> str:
    return response.content.decode()


def seen_on(response) -> dict:
    """What the page posts back of what it showed."""
    return {"chosen": response.context["form"]["chosen"].value()}


# What it shows


def test_it_counts_and_lists_everybody_who_still_waits(desk, waiting, full):
    response = desk.get(at(full))
    text = words(response)
    assert "Places 1 Taken 1 Offers out 0 Still waiting 4" in text
    assert "4 applicants still wait for an answer" in text
    for application in waiting:
        assert application.full_name in text
    assert boxes(response) == [(application.pk, True) for application in waiting]


def test_it_asks_the_same_number_of_questions_for_one_and_for_many(
    desk, make_application, full, django_assert_num_queries, supervisor
):
    full.places_taken = 0
    full.save()
    first = make_application(email="first@example.org")
    workflow.stage(first, "declined", by=supervisor)
    with CaptureQueriesContext(connection) as for_one:
        desk.get(at(full))
    for number in range(8):
        workflow.stage(make_application(email=f"s{number}@example.org"), "declined", by=supervisor)
    with django_assert_num_queries(len(for_one)):
        desk.get(at(full))


def test_when_nobody_waits_it_says_so(desk, full):
    text = words(desk.get(at(full)))
    assert "Nobody waits for an answer." in text
    assert "Stage the letter" not in text


def test_offers_that_are_out_are_a_warning_and_nothing_is_ticked_beforehand(desk, waiting, make_application, project):
    make_application(full_name="Olga Offered", email="olga@example.org", status="offered")
    project.places, project.places_taken = 2, 1
    project.closed_at = timezone.now()
    project.save()
    response = desk.get(at(project))
    assert "1 offer is still out" in words(response)
    assert "Olga Offered" in words(response)
    assert boxes(response) == [(application.pk, False) for application in waiting]


def test_all_can_be_ticked_without_a_script(desk, waiting, project):
    project.closed_at = timezone.now()
    project.save()
    assert not any(checked for _, checked in boxes(desk.get(at(project))))
    assert all(checked for _, checked in boxes(desk.get(at(project) + "?tick=all")))


def test_what_is_decided_already_is_shown_and_not_ticked(desk, waiting, full, supervisor, settings):
    settings.RELEASE_DELAY = 10
    received, in_review, interview, waitlisted = waiting
    workflow.stage(in_review, "declined", by=supervisor)
    workflow.release(workflow.stage(interview, "waitlisted", by=supervisor), by=supervisor)
    response = desk.get(at(full))
    assert "Staged: Declined" in words(response)
    assert "On its way: Waiting list" in words(response)
    assert boxes(response) == [(received.pk, True), (in_review.pk, False), (waitlisted.pk, True)]


def test_ratings_of_colleagues_are_nowhere_on_it(desk, waiting, full, co_advisor):
    workflow.review(waiting[1], by=co_advisor, rating=5, comment="CANARY-REMAINING")
    page = markup(desk.get(at(full)))
    assert "CANARY-REMAINING" not in page
    assert "Outstanding" not in page


# The declines


def test_those_ticked_are_staged_with_the_truthful_letter_and_nobody_is_told(desk, waiting, full):
    received, in_review, *others = waiting
    letters_before = Letter.objects.count()

    response = desk.post(at(full), {"application": [received.pk, in_review.pk]}, follow=True)

    assert response.redirect_chain == [(RELEASE, 302)]
    assert "2 letters “The project is filled” are staged. Nobody is told before you release them." in words(response)
    staged = Decision.objects.staged()
    assert {(d.application_id, d.to_status, d.letter_kind) for d in staged} == {
        (received.pk, "declined", "filled"),
        (in_review.pk, "declined", "filled"),
    }
    assert "This says nothing about the quality of your application." in staged.first().letter_body
    assert Letter.objects.count() == letters_before
    assert {a.status for a in Application.objects.exclude(pk__in=[o.pk for o in others])} == {"in_review"}
    assert LogEntry.objects.filter(change_message="Staged: declined, the project is filled.").count() == 2


def test_with_nothing_ticked_nothing_is_staged(desk, waiting, full):
    response = desk.post(at(full), follow=True)
    assert "Please tick at least one applicant" in words(response)
    assert not Decision.objects.exists()


def test_the_letter_is_refused_while_it_would_not_be_true(desk, waiting, project):
    project.places = 1
    project.save()
    page = desk.get(at(project))
    assert boxes(page) == []
    assert "would not be true" in words(page)

    response = desk.post(at(project), {"application": [waiting[0].pk]}, follow=True)

    assert "Nothing was staged" in words(response)
    assert not Decision.objects.exists()


def test_posted_ids_of_others_are_left_alone(
    desk, waiting, full, make_application, other_project, supervisor, superuser
):
    foreign = make_application(to=other_project, email="foreign@example.org")
    accepted = make_application_as(waiting[3], "accepted")
    desk.post(at(full), {"application": [foreign.pk, accepted.pk, waiting[0].pk, "x", "999999999999999999999"]})
    assert [decision.application for decision in Decision.objects.all()] == [waiting[0]]


def make_application_as(application, status: str) -> Application:
    Application.objects.filter(pk=application.pk).update(status=status)
    return application


def test_a_decision_on_its_way_is_left_alone_and_said_so(desk, waiting, full, supervisor, settings):
    settings.RELEASE_DELAY = 10
    workflow.release(workflow.stage(waiting[1], "interview", by=supervisor), by=supervisor)
    response = desk.post(
        at(full), seen_on(desk.get(at(full))) | {"application": [waiting[0].pk, waiting[1].pk]}, follow=True
    )
    assert f"{waiting[1].full_name} ({waiting[1].reference})" in words(response)
    assert "Call it back first." in words(response)
    assert Decision.objects.staged().get().application == waiting[0]


def test_a_get_stages_nothing(desk, waiting, full):
    desk.get(at(full), {"application": waiting[0].pk, "action": "offer"})
    assert not Decision.objects.exists()


# The suggestion


@pytest.fixture
def ada_waits(make_application, project) -> Application:
    project.places = 1
    project.save()
    ada = make_application(status="waitlisted")
    since = datetime.datetime(2026, 5, 3, 12, tzinfo=datetime.UTC)
    Application.objects.filter(pk=ada.pk).update(status_changed_at=since)
    return ada


def test_when_a_place_is_free_the_first_on_the_waiting_list_is_suggested(desk, ada_waits, project):
    text = words(desk.get(at(project)))
    assert "One place is free First on the waiting list, since 3 May 2026: Ada Example" in text
    assert not Decision.objects.exists()


def test_an_offer_to_them_is_staged_with_one_click_and_told_later(desk, ada_waits, project):
    response = desk.post(at(project), {"action": "offer", "application": ada_waits.pk}, follow=True)
    assert response.redirect_chain == [(RELEASE, 302)]
    assert "An offer to Ada Example is staged." in words(response)
    decision = Decision.objects.staged().get()
    assert (decision.application, decision.to_status) == (ada_waits, "offered")
    ada_waits.refresh_from_db()
    assert ada_waits.status == "waitlisted"


def test_an_offer_is_staged_once_and_to_no_other_than_the_one_suggested(desk, ada_waits, project, make_application):
    bob = make_application(full_name="Bob Example", email="bob@example.org", status="waitlisted")
    desk.post(at(project), {"action": "offer", "application": bob.pk})
    assert not Decision.objects.exists()

    desk.post(at(project), {"action": "offer", "application": ada_waits.pk})
    response = desk.post(at(project), {"action": "offer", "application": ada_waits.pk}, follow=True)
    assert "have changed meanwhile" in words(response)
    assert Decision.objects.count() == 1


# The way there


def test_closing_a_project_leads_there_while_somebody_waits(desk, project, application):
    close = reverse("admin:projects_project_close", args=[project.pk])
    assert desk.post(close).url == at(project)


def test_closing_a_project_for_which_nobody_waits_leads_back_to_it(desk, project):
    close = reverse("admin:projects_project_close", args=[project.pk])
    assert desk.post(close).url == reverse("admin:projects_project_change", args=[project.pk])


def test_reopening_leads_back_to_the_project(desk, project, application):
    project.closed_at = timezone.now()
    project.save()
    reopen = reverse("admin:projects_project_reopen", args=[project.pk])
    assert desk.post(reopen).url == reverse("admin:projects_project_change", args=[project.pk])


def test_the_projects_page_says_how_many_wait_and_leads_there(desk, project, application):
    page = desk.get(reverse("admin:projects_project_change", args=[project.pk]))
    assert "Who still waits: 1" in words(page)
    assert f'href="{at(project)}"' in markup(page)


def test_a_co_advisor_who_does_not_change_the_project_is_not_led_there(signed_in, co_advisor, project, application):
    page = signed_in(co_advisor).get(reverse("admin:projects_project_change", args=[project.pk]))
    assert page.status_code == 200
    assert "Who still waits" not in words(page)


def record_acceptance(browser: Client, application: Application):
    address = reverse("admin:applications_application_decide", args=[application.pk, "accepted"])
    return browser.post(address, {"reason": "Said so by phone.", "send": "0"}, follow=True)


def test_recording_the_last_acceptance_shows_the_supervisor_who_still_waits(desk, project, waiting, make_application):
    project.places = 1
    project.save()
    response = record_acceptance(desk, make_application(status="offered"))
    assert "With this, all places are taken. 4 applicants still wait for an answer. Who still waits" in words(response)
    assert f'href="{at(project)}"' in markup(response)


def test_while_places_are_left_or_for_a_co_advisor_nothing_is_said_of_it(
    desk, signed_in, co_advisor, project, waiting, make_application
):
    project.places = 2
    project.save()
    first, second = make_application(status="offered"), make_application(email="b@example.org", status="offered")
    assert "all places are taken" not in words(record_acceptance(desk, first))
    response = record_acceptance(signed_in(co_advisor), second)
    assert "With this, all places are taken" not in words(response)
    assert Application.objects.filter(status="accepted").count() == 2


# Whoever may not


def test_whoever_may_change_projects_but_not_applications_stages_nothing(signed_in, supervisor, waiting, full):
    supervisor.groups.clear()
    supervisor.user_permissions.add(*Permission.objects.filter(codename__in=["view_project", "change_project"]))
    browser = signed_in(supervisor)
    assert browser.get(at(full)).status_code == 403
    assert browser.post(at(full), {"application": [waiting[0].pk]}).status_code == 403
    assert "Who still waits" not in words(browser.get(reverse("admin:projects_project_change", args=[full.pk])))
    assert not Decision.objects.exists()


def test_others_do_not_get_there(signed_in, other_supervisor, co_advisor, waiting, full):
    for person, answer in ((other_supervisor, 404), (co_advisor, 403)):
        browser = signed_in(person)
        assert browser.get(at(full)).status_code == answer
        assert browser.post(at(full), {"application": [waiting[0].pk]}).status_code == answer
    assert not Decision.objects.exists()


def test_what_a_colleague_has_staged_since_the_page_was_opened_is_left(desk, waiting, full, co_advisor):
    seen = seen_on(desk.get(at(full)))
    theirs = workflow.stage(waiting[0], "interview", by=co_advisor, personal_line="Do come.")

    response = desk.post(at(full), seen | {"application": [waiting[0].pk, waiting[1].pk]}, follow=True)

    assert Decision.objects.get(application=waiting[0]) == theirs
    assert Decision.objects.get(application=waiting[1]).letter_kind == Letter.Kind.FILLED
    assert "A decision was staged since you looked." in words(response)
