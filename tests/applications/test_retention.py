"""How long applications are kept: by outcome, counted from the last change of status, then erased for good."""

import datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from applications import retention, workflow
from applications.models import Application

OUTCOMES = [
    ("accepted", "accepted"),
    ("declined", "declined"),
    ("withdrawn", "withdrawn"),
    ("received", "undecided"),
    ("in_review", "undecided"),
    ("interview", "undecided"),
    ("waitlisted", "undecided"),
    ("offered", "undecided"),
]


@pytest.fixture(autouse=True)
def periods(settings):
    settings.RETENTION_DAYS = {"accepted": 700, "declined": 180, "withdrawn": 30, "undecided": 365}


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES)
def test_each_outcome_has_its_own_time_and_not_a_day_less(make_application, settings, status, outcome):
    application = make_application(status=status)
    end = application.status_changed_at + datetime.timedelta(days=settings.RETENTION_DAYS[outcome])
    minute = datetime.timedelta(minutes=1)
    assert list(retention.expired(end - minute)) == []
    assert list(retention.expired(end + minute)) == [application]
    assert retention.erase_on(application) == timezone.localdate(end)


def test_the_time_begins_anew_with_each_change_of_status(make_application, supervisor):
    application = make_application(status="declined")
    long_ago = timezone.now() - datetime.timedelta(days=200)
    Application.objects.update(status_changed_at=long_ago, received_at=long_ago)
    assert list(retention.expired()) == [application]
    workflow.decide(application, "in_review", by=supervisor, reason="Reopened.")
    assert list(retention.expired()) == []


@pytest.mark.parametrize("status", ["received", "interview", "offered", "declined"])
def test_what_was_never_consented_to_is_kept_as_long_as_what_was_withdrawn(make_application, status):
    application = make_application(status=status)
    Application.objects.update(consent_version="")
    application.refresh_from_db()
    end = application.status_changed_at + datetime.timedelta(days=30)
    minute = datetime.timedelta(minutes=1)
    assert list(retention.expired(end - minute)) == []
    assert list(retention.expired(end + minute)) == [application]
    assert retention.erase_on(application) == timezone.localdate(end)


def test_a_place_that_was_accepted_counts_as_consent_to_being_kept(make_application):
    application = make_application(status="accepted")
    Application.objects.update(consent_version="")
    application.refresh_from_db()
    end = application.status_changed_at + datetime.timedelta(days=700)
    assert list(retention.expired(end - datetime.timedelta(minutes=1))) == []
    assert retention.erase_on(application) == timezone.localdate(end)


@pytest.mark.django_db(transaction=True)
def test_expired_applications_are_erased_with_their_files_and_the_others_stay(make_application, stored_files):
    old = make_application(status="declined")
    Application.objects.update(status_changed_at=timezone.now() - datetime.timedelta(days=181))
    young = make_application(email="bob@example.org", status="declined")

    assert retention.erase_expired() == [old.reference]

    assert Application.objects.get() == young
    assert len(stored_files()) == 2
    assert retention.erase_expired() == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_erasing_at_once_do_not_disturb_each_other(make_application, at_once):
    for number in range(5):
        make_application(status="declined", email=f"student{number}@example.org")
    Application.objects.update(status_changed_at=timezone.now() - datetime.timedelta(days=181))

    one, two = at_once(retention.erase_expired, retention.erase_expired)

    assert len([*one, *two]) == 5
    assert not Application.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_application_that_is_reopened_while_others_are_erased_is_kept(make_application, supervisor, monkeypatch):
    first, second = (make_application(status="declined", email=f"s{number}@example.org") for number in range(2))
    Application.objects.update(status_changed_at=timezone.now() - datetime.timedelta(days=181))
    erase = workflow.erase

    def reopen_the_second_meanwhile(application, *args, **kwargs):
        if application == first:
            workflow.decide(second, "in_review", by=supervisor, reason="They wrote.")
        erase(application, *args, **kwargs)

    monkeypatch.setattr(workflow, "erase", reopen_the_second_meanwhile)
    retention.erase_expired()
    assert Application.objects.get() == second


# The command


def run(*words: str) -> str:
    out = StringIO()
    call_command("erase_expired", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_erases_and_a_dry_run_erases_nothing(make_application):
    application = make_application(status="withdrawn")
    Application.objects.update(status_changed_at=timezone.now() - datetime.timedelta(days=31))

    assert run("--dry-run") == f"{application.reference}\nWould be erased: 1\n"
    assert Application.objects.exists()
    assert run() == f"{application.reference}\nErased: 1\n"
    assert not Application.objects.exists()
    assert run() == "Erased: 0\n"
