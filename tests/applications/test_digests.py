"""The letters about several applications: once, to the right people, without students' names and ratings."""

import datetime

import pytest
from django.core.management import call_command
from django.utils import timezone

from applications import workflow
from applications.letters import digests
from applications.models import Application, Letter, Preference, ReviewRequest
from applications.statuses import Status

pytestmark = pytest.mark.django_db

MINUTES = datetime.timedelta(minutes=1)


def at(hour: int, *, weekday: int | None = None, days: int = 0) -> datetime.datetime:
    """A moment of local time from today on: `hour` o'clock, on the next `weekday` (0 is Monday) where one is given."""
    moment = timezone.localtime().replace(hour=hour, minute=0, second=0, microsecond=0) + datetime.timedelta(days=days)
    if weekday is not None:
        moment += datetime.timedelta(days=(weekday - moment.weekday()) % 7)
    return moment


def letters_of(kind: str, user=None) -> list[Letter]:
    found = Letter.objects.filter(kind=kind).order_by("pk")
    return list(found.filter(user=user) if user else found)


def later() -> datetime.datetime:
    return timezone.now() + 11 * MINUTES


# Asked to review


def test_one_letter_tells_of_all_that_one_was_asked_once_it_is_quiet(
    make_application, supervisor, co_advisor, settings
):
    first, second = make_application(), make_application(email="bo@example.org", full_name="Bo Other")
    workflow.ask(first, [co_advisor], by=supervisor)
    assert digests.asked_to_review(timezone.now() + 9 * MINUTES) == 0, "perhaps they are asked for more"
    workflow.ask(second, [co_advisor], by=supervisor)

    assert digests.asked_to_review(later()) == 1

    [letter] = letters_of("digest_asked")
    assert (letter.user, letter.recipient, letter.to_student) == (co_advisor, co_advisor.email, False)
    assert letter.subject == "You are asked to review 2 applications"
    assert "Sofia Supervisor asks for your opinion on 2 applications:" in letter.body
    assert f"“{first.project.title}”\n- {first.reference}\n- {second.reference}\n" in letter.body
    assert f"{settings.SITE_URL}/admin/applications/application/?status=open" in letter.body
    assert "Ada" not in letter.body
    assert "Bo" not in letter.body
    assert digests.asked_to_review(later()) == 0, "again is a no-op"


@pytest.mark.parametrize("done", ["read", "abstained", "not named any more"])
def test_what_one_has_done_or_may_not_see_any_more_is_left_out(application, supervisor, co_advisor, done):
    workflow.ask(application, [co_advisor], by=supervisor)
    if done == "read":
        workflow.review(application, rating=4, by=co_advisor)
    elif done == "abstained":
        workflow.abstain(application, by=co_advisor)
    else:
        application.project.co_advisors.clear()

    assert digests.asked_to_review(later()) == 0

    assert not letters_of("digest_asked")
    assert not ReviewRequest.objects.filter(told_at=None).exists()


def test_what_one_has_skipped_is_still_asked(application, supervisor, co_advisor):
    workflow.ask(application, [co_advisor], by=supervisor)
    workflow.skip(application, by=co_advisor)
    assert digests.asked_to_review(later()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_one_writes(application, supervisor, co_advisor, at_once):
    workflow.ask(application, [co_advisor], by=supervisor)
    Preference.objects.create(user=supervisor, notices="daily")
    Application.objects.update(received_at=timezone.now() - datetime.timedelta(days=400))
    moment, monday = later(), at(8, weekday=0, days=1)

    def work() -> int:
        return digests.asked_to_review(moment) + digests.daily(monday) + digests.weekly(monday)

    outcomes = at_once(work, work, work)
    assert sorted(letter.kind for letter in Letter.objects.filter(kind__startswith="digest")) == [
        "digest_asked",
        "digest_daily",
        "digest_weekly",
    ], outcomes


# Once a day


@pytest.fixture
def daily_reader(co_advisor):
    Preference.objects.create(user=co_advisor, notices="daily", told_daily_at=timezone.now() - MINUTES)
    return co_advisor


def test_the_daily_letter_tells_by_project_what_arrived_and_what_students_answered(
    daily_reader, make_application, project, settings
):
    arrived = make_application(email="bo@example.org", full_name="Bo Other")
    accepted = make_application(email="cy@example.org", status=Status.OFFERED)
    workflow.accept_offer(accepted)
    withdrawn = make_application(email="di@example.org")
    workflow.withdraw(withdrawn)

    assert digests.daily(at(7, days=1)) == 1

    [letter] = letters_of("digest_daily")
    assert (letter.user, letter.recipient) == (daily_reader, daily_reader.email)
    assert letter.subject == "Applications: 5 pieces of news"
    assert f"“{project.title}”\n3 new applications:\n- {arrived.reference}\n" in letter.body
    assert f"1 offer accepted:\n- {accepted.reference}\n" in letter.body
    assert f"1 withdrawn:\n- {withdrawn.reference}" in letter.body
    assert f"{settings.SITE_URL}/admin/preferences/" in letter.body
    assert "\n\n\n" not in letter.body
    for name in ("Bo", "Ada", "example.org"):
        assert name not in letter.body
    assert digests.daily(at(9, days=1)) == 0, "once a day"
    assert digests.daily(at(9, days=2)) == 0, "nothing when nothing happened"


def test_a_lapsed_offer_stands_in_the_daily_letter(daily_reader, make_application):
    application = make_application(status=Status.OFFERED)
    Application.objects.update(offer_lapses_on=timezone.localdate() - datetime.timedelta(days=1))
    workflow.lapse_offers()
    digests.daily(at(7, days=1))
    assert f"1 offer lapsed without an answer:\n- {application.reference}" in letters_of("digest_daily")[0].body


def test_no_daily_letter_before_seven_in_the_morning(daily_reader, application):
    assert digests.daily(at(6, days=1)) == 0
    assert digests.daily(at(7, days=1)) == 1


def test_what_reviewers_decided_themselves_is_no_news(daily_reader, application, supervisor):
    digests.daily(at(7, days=1))
    workflow.decide(application, Status.DECLINED, by=supervisor)
    workflow.note(application, "Secret.", by=supervisor)
    assert digests.daily(at(7, days=2)) == 0


def test_people_who_prefer_single_letters_get_no_daily_one(application, supervisor):
    Preference.objects.create(user=supervisor, notices="each")
    assert digests.daily(at(7, days=1)) == 0


def test_the_daily_letter_tells_nothing_of_projects_that_do_not_name_one(
    daily_reader, make_application, other_project, superuser, application
):
    Preference.objects.create(user=superuser, notices="daily")
    foreign = make_application(other_project)
    digests.daily(at(7, days=1))
    [letter] = letters_of("digest_daily")
    assert letter.user == daily_reader
    assert foreign.reference not in letter.body
    assert other_project.title not in letter.body


def test_after_a_name_is_taken_off_the_project_nothing_of_it_is_told(daily_reader, application):
    application.project.co_advisors.clear()
    assert digests.daily(at(7, days=1)) == 0


def test_an_erased_application_stays_nameless_in_a_letter_that_told_of_it(daily_reader, application):
    digests.daily(at(7, days=1))
    workflow.erase(application)
    [letter] = letters_of("digest_daily")
    assert "Ada" not in letter.subject + letter.body


# Once a week


@pytest.fixture
def overdue(make_application):
    """Two overdue applications, the second waiting longer, and one that is in time."""

    def long_ago(days: int, **changed) -> Application:
        application = make_application(**changed)
        Application.objects.filter(pk=application.pk).update(received_at=timezone.now() - datetime.timedelta(days=days))
        return application

    return long_ago(50), long_ago(70, email="bo@example.org"), make_application(email="cy@example.org")


def test_on_mondays_supervisors_are_reminded_of_what_is_overdue_longest_waiting_first(
    overdue, supervisor, co_advisor, other_supervisor, settings
):
    shorter, longer, in_time = overdue
    monday = at(7, weekday=0)
    assert digests.weekly(monday) == 1
    [letter] = letters_of("digest_weekly")
    assert letter.user == supervisor
    assert letter.subject == "2 applications wait for longer than promised"
    lines = [line for line in letter.body.splitlines() if line.startswith("- ")]
    assert [line[2:11] for line in lines] == [longer.reference, shorter.reference]
    assert lines[0].endswith(" days")
    assert in_time.reference not in letter.body
    assert f"{settings.SITE_URL}/admin/applications/application/?status=open" in letter.body
    assert "Ada" not in letter.body
    assert digests.weekly(monday + 60 * MINUTES) == 0, "once a week"
    assert digests.weekly(at(7, weekday=0, days=7)) == 1


def test_nobody_is_reminded_before_monday_morning(overdue):
    assert digests.weekly(at(6, weekday=0)) == 0
    assert digests.weekly(at(12, weekday=6)) == 0


def test_a_worker_that_slept_on_monday_reminds_on_tuesday(overdue, supervisor):
    monday = at(7, weekday=0, days=7)
    Preference.objects.create(user=supervisor, told_weekly_at=monday - datetime.timedelta(days=7))
    assert digests.weekly(monday + datetime.timedelta(days=1)) == 1
    assert digests.weekly(monday + datetime.timedelta(days=2)) == 0


def test_dropped_decisions_and_letters_in_trouble_stand_in_the_weekly_letter(application, supervisor):
    monday = at(7, weekday=0)
    staged = workflow.stage(application, Status.OFFERED, by=supervisor)
    type(staged).objects.update(dropped_at=monday - 60 * MINUTES, dropped_why="The student has withdrawn.")
    Letter.objects.update(status="failed")
    assert digests.weekly(monday) == 1
    body = letters_of("digest_weekly")[0].body
    assert "1 decision was dropped last week because it was not possible any more" in body
    assert f"- {application.reference}\n" in body
    assert "3 letters could not be delivered:" in body
    assert "\n\n\n" not in body


def test_nothing_is_written_when_nothing_waits(application, supervisor):
    assert digests.weekly(at(7, weekday=0)) == 0


def test_no_digest_holds_a_colleagues_rating(overdue, daily_reader, supervisor, co_advisor):
    application = overdue[0]
    workflow.review(application, rating=1, recommendation="decline", comment="Canary in the coal mine.", by=supervisor)
    workflow.ask(application, [co_advisor], by=supervisor)
    digests.asked_to_review(later())
    digests.daily(at(7, days=1))
    digests.weekly(at(7, weekday=0))
    written = Letter.objects.filter(kind__startswith="digest")
    assert written.count() == 3
    for letter in written:
        for word in ("Canary", "Not suitable", "decline", "rating"):
            assert word.lower() not in (letter.subject + letter.body).lower()


def test_a_digest_is_seen_by_its_reader_only(daily_reader, application, supervisor, superuser):
    digests.daily(at(7, days=1))
    [letter] = letters_of("digest_daily")
    assert letter in Letter.objects.visible_to(daily_reader)
    assert letter in Letter.objects.visible_to(superuser)
    assert letter not in Letter.objects.visible_to(supervisor)


def test_a_digest_opens_in_the_list_of_letters(daily_reader, application, signed_in):
    digests.daily(at(7, days=1))
    [letter] = letters_of("digest_daily")
    page = signed_in(daily_reader).get(f"/admin/applications/letter/{letter.pk}/change/")
    assert "3 new applications" not in page.content.decode()
    assert application.reference in page.content.decode()
    assert signed_in(daily_reader).get("/admin/applications/letter/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_worker_writes_and_sends_digests(application, supervisor, co_advisor, monkeypatch):
    workflow.ask(application, [co_advisor], by=supervisor)
    ReviewRequest.objects.update(asked_at=timezone.now() - 20 * MINUTES)
    monkeypatch.setattr("applications.renditions.make_missing", lambda **_: 0)
    call_command("run_worker", "--once")
    assert letters_of("digest_asked")


def test_the_weekly_letter_goes_on_where_the_last_one_ended(application, supervisor):
    monday = at(7, weekday=0)
    Preference.objects.create(user=supervisor, told_weekly_at=monday - datetime.timedelta(days=9))
    staged = workflow.stage(application, Status.OFFERED, by=supervisor)
    type(staged).objects.update(dropped_at=monday - datetime.timedelta(days=8), dropped_why="No place.")

    assert digests.weekly(monday) == 1
    assert f"- {application.reference}\n" in letters_of("digest_weekly")[0].body
    assert digests.weekly(monday + datetime.timedelta(days=7)) == 0


def test_nobody_is_asked_to_review_what_does_not_wait_any_more(application, supervisor, co_advisor):
    workflow.ask(application, [co_advisor], by=supervisor)
    workflow.withdraw(application)
    assert digests.asked_to_review(later()) == 0


def test_the_daily_letter_tells_what_a_colleague_has_entered_and_not_what_one_has_entered_oneself(
    daily_reader, project, supervisor
):
    for person in (supervisor, daily_reader):
        answers = {"full_name": person.first_name, "email": f"{person.username}@example.org"}
        workflow.enter_by_hand(project, answers=answers, uploads=[], by=person)
    assert digests.daily(at(7, days=1)) == 1
    assert letters_of("digest_daily")[0].subject == "Applications: 1 piece of news"
