"""An offer stands until the end of its last day, where the server is; then it ends, and everybody is told the truth."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone
from django.utils.formats import date_format

from applications import workflow
from applications.models import Application

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Pacific/Kiritimati")  # where a day ends ten to fourteen hours before it ends elsewhere
LAST_DAY = datetime.datetime.now(ZONE).date() + datetime.timedelta(days=2)
LAST_MINUTE = datetime.datetime.combine(LAST_DAY, datetime.time(23, 59), ZONE).astimezone(datetime.UTC)
NEXT_DAY = LAST_MINUTE + datetime.timedelta(minutes=2)
SAID = f"The offer stood until {date_format(LAST_DAY, 'DATE_FORMAT')}"


@pytest.fixture
def offered(make_application, settings) -> Application:
    settings.TIME_ZONE = str(ZONE)
    application = make_application(status="offered")
    Application.objects.update(offer_lapses_on=LAST_DAY)
    application.refresh_from_db()
    return application


@pytest.fixture
def browser(offered, open_by_link):
    return open_by_link(offered)


def at_time(monkeypatch, moment: datetime.datetime) -> None:
    monkeypatch.setattr(timezone, "now", lambda: moment)


def status(application) -> str:
    return Application.objects.get(pk=application.pk).status


def test_on_its_last_day_it_can_still_be_accepted(offered, browser, monkeypatch):
    at_time(monkeypatch, LAST_MINUTE)
    assert workflow.lapse_offers() == 0
    assert browser.get(offered.get_absolute_url() + "accept/").status_code == 200
    browser.post(offered.get_absolute_url() + "accept/")
    assert status(offered) == "accepted"


def test_on_the_next_day_it_cannot_be_accepted_even_before_the_worker_ran(offered, browser, monkeypatch):
    at_time(monkeypatch, NEXT_DAY)
    page = browser.get(offered.get_absolute_url()).content.decode()
    assert f"{SAID}, so it cannot be accepted any more." in page
    assert "/accept/" not in page
    assert browser.get(offered.get_absolute_url() + "accept/").url == offered.get_absolute_url()

    response = browser.post(offered.get_absolute_url() + "accept/", follow=True)

    assert SAID in response.content.decode()
    assert "Please write to the supervisor." in response.content.decode()
    assert status(offered) == "offered"
    offered.project.refresh_from_db()
    assert offered.project.places_taken == 0


def test_lapsing_tells_the_student_and_the_reviewers_and_keeps_why(offered, monkeypatch):
    at_time(monkeypatch, NEXT_DAY)

    assert workflow.lapse_offers() == 1
    assert workflow.lapse_offers() == 0

    told = offered.letters.filter(kind__in=["offer_lapsed", "notice_lapsed"])
    assert {(letter.kind, letter.recipient) for letter in told} == {
        ("offer_lapsed", "ada@example.org"),
        ("notice_lapsed", "sofia@example.org"),
        ("notice_lapsed", "carl@example.org"),
    }
    assert "carefully" not in told.get(kind="offer_lapsed").body
    last = offered.events.last()
    assert (last.actor, last.from_status, last.to_status) == ("system", "offered", "declined")
    assert last.text == f"{SAID} and was not answered."
    assert last.actor_name == ""
    offered.project.refresh_from_db()
    assert offered.project.places_taken == 0


def test_an_offer_without_a_day_stands(make_application):
    make_application(status="offered")
    assert workflow.lapse_offers() == 0


@pytest.mark.django_db(transaction=True)
def test_the_worker_ends_offers(make_application):
    application = make_application(status="offered")
    Application.objects.update(offer_lapses_on=timezone.localdate() - datetime.timedelta(days=1))
    call_command("run_worker", "--once")
    assert status(application) == "declined"


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_of_it_once(make_application, at_once):
    application = make_application(status="offered")
    Application.objects.update(offer_lapses_on=timezone.localdate() - datetime.timedelta(days=1))
    assert sorted(at_once(workflow.lapse_offers, workflow.lapse_offers)) == [0, 1]
    assert application.letters.filter(kind="offer_lapsed").count() == 1
