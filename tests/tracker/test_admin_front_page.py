"""The admin's front page is a desk: what waits, and how each project does; to each only of what is theirs."""

import datetime
import re
from html import unescape

import pytest
from django.utils import timezone

from applications import documents, workflow
from applications.models import Application, Decision, Document, Letter
from projects.models import Project

pytestmark = pytest.mark.django_db


def front_page(browser) -> str:
    """The page without the token of its sign-out button, which is another each time."""
    page = " ".join(browser.get("/admin/").content.decode().split())
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def numbers(page: str) -> list[tuple[str, int]]:
    """Every number on the desk that is a link, with where it leads."""
    tiles = re.findall(r'<a class="desk-tile[^"]*" href="([^"]+)"><strong class="desk-number">(\d+)', page)
    cells = re.findall(r'<td class="is-number"><a href="([^"]+)">(\d+)</a>', page)
    words = re.findall(
        r'<a href="([^"]+)">(?:<strong>)?(\d+)(?:</strong>)? (?:waits?|students? still|applications?)', page
    )
    return [(unescape(url), int(number)) for url, number in tiles + cells + words]


def shown_behind(browser, url: str) -> int:
    """How many rows the page behind a number has."""
    response = browser.get(url)
    assert response.status_code == 200, url
    context = response.context_data
    if url.endswith("/release/"):
        return context["staged_count"] + context["on_their_way_count"]
    if url.endswith("/remaining/"):
        project = url.split("/")[-3]
        return Application.objects.filter(project=project).awaiting_decision().count()
    return context["cl"].result_count


@pytest.fixture
def busy(supervisor, co_advisor, project, make_application, cv_file) -> Project:
    """A project to which something of everything has happened."""
    late = make_application(email="late@example.org")
    Application.objects.filter(pk=late.pk).update(received_at=timezone.now() - datetime.timedelta(days=40))
    workflow.ask(late, [co_advisor], by=supervisor)
    by_hand = make_application(email="hand@example.org")
    Application.objects.filter(pk=by_hand.pk).update(consent_version="")
    lapsing = make_application(email="lapsing@example.org")
    workflow.decide(lapsing, "offered", by=supervisor, lapses_on=timezone.localdate() + datetime.timedelta(days=2))
    accepted = make_application(email="accepted@example.org")
    workflow.decide(accepted, "interview", by=supervisor)
    workflow.decide(accepted, "offered", by=supervisor)
    workflow.accept_offer(accepted)
    workflow.stage(make_application(email="staged@example.org"), "declined", by=supervisor)
    dropped = workflow.stage(make_application(email="dropped@example.org"), "interview", by=supervisor)
    Decision.objects.filter(pk=dropped.pk).update(dropped_at=timezone.now(), dropped_why="full")
    waitlisted = make_application(email="waitlisted@example.org", status="waitlisted")
    workflow.ask_reviewers(waitlisted, "May I begin later?")
    workflow.ask_reviewers(waitlisted, "And from abroad?")
    workflow.offer_documents(waitlisted, [documents.receive(cv_file(), Document.Kind.CV)])
    Letter.objects.filter(pk=late.letters.first().pk).update(status="failed")
    Project.objects.filter(pk=project.pk).update(deadline=timezone.localdate() + datetime.timedelta(days=9))
    return project


# The numbers


@pytest.mark.parametrize("role", ["supervisor", "co_advisor", "superuser"])
def test_every_number_is_what_the_list_behind_it_shows(request, signed_in, busy, role):
    browser = signed_in(request.getfixturevalue(role))

    found = numbers(front_page(browser))

    assert len(found) >= 12
    assert [(url, shown_behind(browser, url)) for url, _number in found] == found


def test_what_students_have_asked_and_sent_is_counted(signed_in, supervisor, busy):
    found = dict(numbers(front_page(signed_in(supervisor))))

    the_list = "/admin/applications/application/"
    assert found[f"{the_list}?from_student=question"] == 1  # two questions of one student
    assert found[f"{the_list}?from_student=document"] == 1


def test_a_week_is_a_number_with_its_list_too(signed_in, supervisor, busy):
    weeks = [url for url, _number in numbers(front_page(signed_in(supervisor))) if "received_at__gte" in url]

    assert len(weeks) == 2  # this week, and the one forty days ago


@pytest.mark.django_db(transaction=True)
def test_those_that_are_erased_are_told_apart_from_the_numbers_with_a_list(signed_in, supervisor, busy):
    browser = signed_in(supervisor)
    assert "Erased since" not in front_page(browser)
    workflow.erase(Application.objects.get(status="accepted"))

    page = front_page(browser)

    told = re.sub(r"<[^>]+>", "|", page.split("Erased since, and not counted above:")[1].split("</p>")[0])
    assert [words for words in map(str.strip, told.split("|")) if words] == [
        "Received 1", "Interview 1", "Offered 1", "Accepted 1",
    ]  # fmt: skip
    found = numbers(page)
    assert [(url, shown_behind(browser, url)) for url, _number in found] == found


@pytest.mark.django_db(transaction=True)
def test_a_project_of_which_all_is_erased_keeps_its_figures(signed_in, supervisor, application):
    workflow.erase(application)
    page = front_page(signed_in(supervisor))
    assert '<th scope="col">Erased since</th>' in page
    assert '<td class="desk-erased"> <span>Received 1</span> </td>' in page


def test_those_who_wait_in_vain_lead_to_the_page_where_something_can_be_done(
    signed_in, supervisor, co_advisor, busy, client
):
    Project.objects.filter(pk=busy.pk).update(closed_at=timezone.now())

    remaining = f"/admin/projects/project/{busy.pk}/remaining/"
    theirs, others = front_page(signed_in(supervisor)), front_page(signed_in(co_advisor))

    assert f'<a href="{remaining}">5 students still wait</a>' in theirs
    assert "5 students still wait" in others  # who sees it on the list, because that page is the supervisor's
    assert remaining not in others
    for url, number in numbers(theirs):
        assert shown_behind(signed_in(supervisor), url) == number


def test_the_first_on_the_waiting_list_is_named_where_a_place_is_free(signed_in, supervisor, busy):
    Project.objects.filter(pk=busy.pk).update(places=4)

    page = front_page(signed_in(supervisor))

    waitlisted = Application.objects.get(status="waitlisted")
    assert f'First on the waiting list: <a href="/admin/applications/application/{waitlisted.pk}/change/">' in page


def test_released_decisions_say_how_long_they_can_be_called_back(signed_in, supervisor, application, settings):
    settings.RELEASE_DELAY = 10
    decision = workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)

    assert "can be called back for 9 minutes" in front_page(signed_in(supervisor))
    Decision.objects.filter(pk=decision.pk).update(effective_at=timezone.now() - datetime.timedelta(minutes=1))
    assert "can be called back for 0 minutes" in front_page(signed_in(supervisor))


def test_an_answer_that_is_late_is_marked(signed_in, supervisor, make_application):
    application = make_application()
    assert "Overdue" not in front_page(signed_in(supervisor))

    Application.objects.filter(pk=application.pk).update(received_at=timezone.now() - datetime.timedelta(days=29))

    page = front_page(signed_in(supervisor))
    assert "Overdue" in page
    assert "29 days" in page


# To each what is theirs


def test_other_peoples_applications_and_letters_are_not_counted(
    signed_in, other_supervisor, staff_without_rights, busy
):
    others = front_page(signed_in(other_supervisor))
    without_rights = front_page(signed_in(staff_without_rights))

    for page in (others, without_rights):
        assert "Ada Example" not in page
        assert busy.title not in page
        assert numbers(page) == []


def test_a_co_advisor_sees_only_the_projects_that_name_them(
    signed_in, co_advisor, other_project, make_application, application
):
    make_application(other_project, full_name="Ben Example", email="ben@example.org")

    page = front_page(signed_in(co_advisor))

    assert "Ada Example" in page
    assert "Ben Example" not in page
    assert other_project.title not in page


def test_no_rating_stands_on_the_desk(signed_in, supervisor, co_advisor, application):
    before = front_page(signed_in(supervisor))
    workflow.review(application, rating=5, comment="CANARY", recommendation="offer", by=co_advisor)
    five = front_page(signed_in(supervisor))
    workflow.review(application, rating=1, comment="CANARY", recommendation="decline", by=co_advisor)

    assert front_page(signed_in(supervisor)) == five
    assert "CANARY" not in before + five


# A beginning


def test_a_new_supervisor_is_told_what_to_do_first(signed_in, supervisor):
    page = front_page(signed_in(supervisor))

    assert 'href="/admin/projects/project/add/">Make your first project' in page
    assert "desk-tile" not in page


def test_a_co_advisor_whom_no_project_names_is_not_asked_to_make_one(signed_in, co_advisor):
    page = front_page(signed_in(co_advisor))

    assert "No project names you yet." in page
    assert "/admin/projects/project/add/" not in page


def test_before_the_first_application_the_desk_says_what_can_be_prepared(signed_in, supervisor, project):
    page = front_page(signed_in(supervisor))

    assert "No application has arrived yet" in page
    assert 'href="/admin/preferences/"' in page


def test_when_all_is_read_and_answered_it_says_so(signed_in, supervisor, application):
    workflow.decide(application, "declined", by=supervisor)

    assert "Nothing waits for you." in front_page(signed_in(supervisor))


def test_all_pages_of_the_admin_are_still_reached_from_here(signed_in, supervisor, staff_without_rights, project):
    page = front_page(signed_in(supervisor))

    assert '<details class="all-pages">' in page
    assert 'href="/admin/applications/application/"' in page
    assert "desk" not in front_page(signed_in(staff_without_rights)).replace("admin-desk", "")


# What it costs


def test_the_desk_costs_the_same_for_one_project_and_for_ten(
    signed_in, supervisor, topic, project, make_application, django_assert_num_queries
):
    """Two for the session and the person, two for the groups' permissions, and sixteen for everything on the desk:
    five of them ask whether something is wrong."""
    make_application(status="waitlisted")
    Project.objects.filter(pk=project.pk).update(places=1)
    browser = signed_in(supervisor)
    with django_assert_num_queries(20):
        browser.get("/admin/")

    for number in range(9):
        more = Project.objects.create(title=f"More {number}", topic=topic, supervisor=supervisor, places=1)
        for place in range(3):
            make_application(more, email=f"{place}@example.org", status="waitlisted")

    with django_assert_num_queries(20):
        browser.get("/admin/")
