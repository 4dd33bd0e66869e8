"""How long applications are kept: by outcome, counted from the last change of status, then erased for good."""

import datetime
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.utils import timezone

from applications import retention, workflow
from applications.management.commands.erase_expired import Command
from applications.models import Application, Erasure, Export, Invitation, Letter

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


@pytest.mark.django_db(transaction=True)
def test_one_that_fails_keeps_nobody_else_waiting(expired, monkeypatch, caplog):
    first, second, third = expired
    fail_at(monkeypatch, second)

    with pytest.raises(retention.NotAllErased, match=second.reference) as failure:
        retention.erase_expired()

    assert failure.value.erased == [first.reference, third.reference]
    assert Application.objects.get() == second
    assert f"Application {second.reference} could not be erased" in caplog.text
    monkeypatch.undo()
    assert retention.erase_expired() == [second.reference]


@pytest.fixture
def expired(make_application) -> list[Application]:
    """Three whose time is over."""
    applications = [make_application(status="withdrawn", email=f"s{number}@example.org") for number in range(3)]
    Application.objects.update(status_changed_at=timezone.now() - datetime.timedelta(days=31))
    return applications


def fail_at(monkeypatch, application: Application) -> None:
    erase = Application.erase

    def fail(self):
        if self == application:
            raise OSError("disk full")
        erase(self)

    monkeypatch.setattr(Application, "erase", fail)


# The command


def run(*words: str) -> str:
    out = StringIO()
    call_command("erase_expired", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_erases_and_a_dry_run_erases_nothing(make_application):
    application = make_application(status="withdrawn")
    Application.objects.update(status_changed_at=timezone.now() - datetime.timedelta(days=31))
    day = timezone.localdate() - datetime.timedelta(days=1)

    assert run("--dry-run") == f"{application.reference} withdrawn, due since {day}\nWould be erased: 1\n"
    assert Application.objects.exists()
    assert not Erasure.objects.exists()
    assert run() == f"{application.reference}\nErased: 1\n"
    assert not Application.objects.exists()
    assert run() == "Erased: 0\n"


@pytest.mark.django_db(transaction=True)
def test_the_command_fails_when_one_is_left_and_names_it_without_a_name(expired, monkeypatch):
    first, second, third = expired
    fail_at(monkeypatch, second)
    out = StringIO()

    with pytest.raises(CommandError) as failure:
        call_command("erase_expired", stdout=out)

    assert out.getvalue() == f"{first.reference}\n{third.reference}\nErased: 2\n"
    assert str(failure.value).startswith(f"Could not be erased: {second.reference}.")
    assert second.full_name not in out.getvalue() + str(failure.value)


def test_its_help_states_the_policy_with_the_numbers_of_this_site():
    words = " ".join(Command().create_parser("manage.py", "erase_expired").format_help().split())
    assert "700 days after they were accepted, 180 days after they were declined, 30 days after" in words
    assert "where there is no outcome 365 days after the last change of status" in words


# What belongs to no application


@pytest.fixture
def records(supervisor, co_advisor, project) -> list:
    """One of each that tells of applications or of reviewers, made now."""
    log = LogEntry.objects.create(user=supervisor, action_flag=2, object_id="1", object_repr="A7K3-9QF2")
    export = Export.objects.create(user=supervisor, format="csv", state="streamed")
    digest = Letter.objects.create(
        user=co_advisor, kind="digest_weekly", to_student=False, status="sent", sent_at=timezone.now(),
        message_id="<1@example.org>", recipient="carl@example.org",
    )  # fmt: skip
    invitation = Invitation.objects.create(
        co_advisor=project.co_advisors.get(),
        project=project,
        email="carl@example.org",
        invited_by=supervisor,
        expires_at=timezone.now(),
    )
    return [log, export, digest, invitation]


def remaining(records: list) -> list[str]:
    return [type(row).__name__ for row in records if type(row).objects.filter(pk=row.pk).exists()]


@pytest.mark.django_db
def test_records_go_when_the_longest_period_is_over_and_not_a_day_sooner(records):
    now = timezone.now()
    assert retention.sweep_records(now + datetime.timedelta(days=699)) == 0
    assert len(remaining(records)) == 4
    assert retention.sweep_records(now + datetime.timedelta(days=701)) == 4
    assert remaining(records) == []


@pytest.mark.django_db
def test_what_still_has_to_be_done_is_no_old_record(records, application):
    Letter.objects.filter(application=None).update(status="queued", sent_at=None)
    Export.objects.update(state="ready")
    letters = Letter.objects.count()

    retention.sweep_records(timezone.now() + datetime.timedelta(days=701))

    assert Letter.objects.count() == letters  # those of the application go with it
    assert remaining(records) == ["Export", "Letter"]
