"""The release page: who gets what, exactly those ticked in exactly the words shown, the way back, what was dropped."""

import datetime

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from applications import letters, workflow
from applications.admin.releasing import ROWS, summary
from applications.models import Application, Decision, Event, Letter

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/application/"
RELEASE = f"{LIST}release/"


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


@pytest.fixture
def minutes_later(monkeypatch):
    """Moves the clock that decides what is due."""

    def move_clock(minutes: float) -> None:
        later = timezone.now() + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr("django.utils.timezone.now", lambda: later)

    return move_clock


@pytest.fixture
def stage(make_application, supervisor):
    """Stage a decision about a new student of this name."""

    def stage_one(name: str, to_status: str = "declined", *, to=None, status: str = "", **more) -> Decision:
        address = f"{name.lower().replace(' ', '.')}@example.org"
        application = make_application(to, full_name=name, email=address, status=status)
        return workflow.stage(application, to_status, by=supervisor, **more)

    return stage_one


def posted(response) -> dict:
    """What the page would post without a tick."""
    rows = [row for group in response.context["groups"] for row in group["rows"]]
    data = {f"revision_{row.decision.pk}": row.decision.revision for row in rows}
    data |= {f"shown_{row.decision.pk}": row.shown_line for row in rows if row.letter}
    return data | {f"personal_{row.decision.pk}": row.line for row in rows if row.letter}


def ticking(response, *decisions, action: str = "release", **more) -> dict:
    return posted(response) | {"decision": [decision.pk for decision in decisions], "action": action} | more


def rows_of(response) -> dict:
    return {row.application.full_name: row for group in response.context["groups"] for row in group["rows"]}


def letters_sent() -> list[tuple[str, str]]:
    told = Letter.objects.filter(decision__isnull=False).order_by("recipient")
    return list(told.values_list("recipient", "kind"))


def messages_of(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


# What it shows


def test_the_page_counts_what_is_staged_and_groups_it_by_what_it_tells(reviewing, stage):
    for name in ("Ada", "Ben", "Cy"):
        stage(name)
    stage("Dee", "offered")
    stage("Eve", "interview")
    stage("Fay", letter=workflow.NO_LETTER)

    page = reviewing.get(RELEASE)

    assert page.context["summary"] == "5 letters: 1 offer, 1 interview, 3 declines; 1 without a letter"
    assert [(group["heading"], group["count"]) for group in page.context["groups"]] == [
        ("Offer", 1),
        ("Interview", 1),
        ("Decline", 3),
        ("Without a letter", 1),
    ]
    assert page.context["summary"] in page.content.decode()


def test_the_summary_says_only_what_there_is():
    assert summary({"silent": 2}) == "2 without a letter"
    assert summary({"declined": 1}) == "1 letter: 1 decline"
    assert summary({}) == ""


def test_within_a_group_students_stand_by_project_and_name(reviewing, stage, other_project, superuser):
    reviewing.force_login(superuser)
    stage("Zoe")
    stage("Ada", to=other_project)
    stage("Ben")

    assert list(rows_of(reviewing.get(RELEASE))) == ["Ben", "Zoe", "Ada"]  # “Can a …” before “Graphs …”


def test_a_letter_for_a_filled_project_is_a_group_of_its_own(reviewing, stage):
    stage("Ada", kind="filled")

    assert reviewing.get(RELEASE).context["summary"] == "1 letter: 1 that the project is filled"


def test_one_sees_what_is_staged_in_ones_own_projects_only(
    signed_in, stage, supervisor, co_advisor, other_supervisor, superuser, other_project
):
    stage("Ada")
    stage("Ben", to=other_project)

    seen = {u.username: set(rows_of(signed_in(u).get(RELEASE))) for u in (supervisor, co_advisor, other_supervisor)}

    assert seen == {"sofia": {"Ada"}, "carl": {"Ada"}, "otto": {"Ben"}}
    assert set(rows_of(signed_in(superuser).get(RELEASE))) == {"Ada", "Ben"}


def test_nothing_is_ticked_until_somebody_ticks_it(reviewing, stage):
    ada, ben, dee = stage("Ada"), stage("Ben"), stage("Dee", "offered")

    def ticked(query: str) -> list[str]:
        return [name for name, row in rows_of(reviewing.get(RELEASE + query)).items() if row.is_ticked]

    assert ticked("") == []
    assert ticked("?tick=all") == ["Dee", "Ada", "Ben"]
    assert ticked("?tick=declined") == ["Ada", "Ben"]
    assert ticked(f"?tick={ben.pk},{dee.pk}") == ["Dee", "Ben"]
    assert ticked("?tick=none") == []
    assert ada.is_staged


def test_ticking_by_a_button_loses_no_line_that_was_typed(reviewing, stage):
    decision = stage("Ada")
    data = posted(reviewing.get(RELEASE)) | {f"personal_{decision.pk}": "Do try again.", "action": "tick:all"}

    response = reviewing.post(RELEASE, data)

    assert response["Location"] == f"{RELEASE}?tick=all"
    assert Decision.objects.get().personal_line == "Do try again."


def test_an_empty_page_says_what_would_stand_there(reviewing, project):
    assert "Nothing is staged." in reviewing.get(RELEASE).content.decode()


def test_the_page_shows_the_letters_never_a_students_link(reviewing, stage):
    stage("Ada", "offered")

    page = reviewing.get(RELEASE).content.decode()

    assert "[personal link]" in page
    assert "{manage_link}" not in page
    assert "{personal_line}" not in page
    assert "/applications/open/" not in page


def test_colleagues_ratings_do_not_show_here(reviewing, stage, co_advisor):
    decision = stage("Ada")
    workflow.review(decision.application, rating=1, comment="canary-comment", by=co_advisor)

    assert "canary" not in reviewing.get(RELEASE).content.decode()


# Session, user, permissions (2); count, rows, counts by group, offers (2); on their way and how many, dropped.
QUERIES = 12


def test_one_row_and_twenty_cost_the_same(reviewing, stage, django_assert_num_queries):
    stage("Student 0", "offered")
    reviewing.get(RELEASE)
    with django_assert_num_queries(QUERIES):
        reviewing.get(RELEASE)
    for number in range(1, 20):
        stage(f"Student {number}", "offered")
    with django_assert_num_queries(QUERIES):
        reviewing.get(RELEASE)


def test_what_is_on_its_way_and_dropped_costs_the_same_for_many(
    reviewing, stage, supervisor, django_assert_max_num_queries
):
    for number in range(6):
        workflow.release(stage(f"Student {number}"), by=supervisor)
    for number in range(6, 12):
        decision = stage(f"Student {number}")
        workflow.withdraw(decision.application)
    with django_assert_max_num_queries(QUERIES):
        page = reviewing.get(RELEASE)
    assert (len(page.context["on_their_way"]), len(page.context["dropped"])) == (6, 6)


def test_a_hundred_stand_on_a_page_and_the_counts_are_of_all(reviewing, stage, supervisor, monkeypatch):
    monkeypatch.setattr("applications.admin.releasing.ROWS", 2)
    for name in ("Ada", "Ben", "Cy"):
        stage(name)

    first, second = reviewing.get(RELEASE), reviewing.get(f"{RELEASE}?page=2")

    assert (list(rows_of(first)), list(rows_of(second))) == (["Ada", "Ben"], ["Cy"])
    assert first.context["summary"] == second.context["summary"] == "3 letters: 3 declines"
    decision = rows_of(second)["Cy"].decision
    response = reviewing.post(f"{RELEASE}?page=2", ticking(second, decision, action="save"))
    assert response["Location"] == f"{RELEASE}?page=2&tick={decision.pk}"


def test_a_full_page_posts_fewer_fields_than_django_takes(settings):
    assert ROWS * 3 + 10 < settings.DATA_UPLOAD_MAX_NUMBER_FIELDS


# Exactly the ticked ones, exactly the shown words


def test_exactly_the_ticked_ones_leave(reviewing, stage, minutes_later):
    ada, ben, cy = stage("Ada"), stage("Ben", "interview"), stage("Cy")
    page = reviewing.get(RELEASE)

    reviewing.post(RELEASE, ticking(page, ada, ben))
    minutes_later(11)
    workflow.apply_due()

    assert letters_sent() == [("ada@example.org", "declined"), ("ben@example.org", "interview")]
    cy.refresh_from_db()
    assert cy.is_staged


def test_the_letter_that_leaves_is_the_letter_that_was_shown(reviewing, stage, settings):
    settings.RELEASE_DELAY = 0
    decision = stage("Ada O'Example", "offered", personal_line="Your thesis is a fine read.\n\nSee {manage_link}")
    page = reviewing.get(RELEASE)
    shown = rows_of(page)["Ada O'Example"].letter

    reviewing.post(RELEASE, ticking(page, decision))

    letter = Letter.objects.get(kind="offered")
    assert letter.subject == shown.subject
    assert letter.body.replace("{manage_link}", "[personal link]") == shown.body
    assert "Your thesis is a fine read." in letter.body
    sent = letters.as_message(letter).body
    before = shown.body.split("[personal link]")[0]
    assert sent.startswith(before)
    assert "/applications/open/" in sent.removeprefix(before)[:60]


def test_the_message_says_when_they_leave(reviewing, stage):
    decisions = [stage("Ada"), stage("Ben"), stage("Cy", letter=workflow.NO_LETTER)]

    page = reviewing.post(RELEASE, ticking(reviewing.get(RELEASE), *decisions), follow=True)

    when = timezone.localtime(Decision.objects.first().effective_at)
    assert f"2 letters leave at {when:%H:%M}." in messages_of(page)
    assert f"1 decision without a letter holds from {when:%H:%M}." in messages_of(page)
    assert "Until then you can call them back." in messages_of(page)


def test_without_a_delay_a_release_acts_at_once_and_the_page_says_so(reviewing, stage, settings):
    settings.RELEASE_DELAY = 0
    decision = stage("Ada")
    before = reviewing.get(RELEASE)

    page = reviewing.post(RELEASE, ticking(before, decision), follow=True)

    assert "cannot be called back" in before.content.decode()
    assert "1 letter leaves now." in messages_of(page)
    assert Application.objects.get().status == "declined"
    assert letters_sent() == [("ada@example.org", "declined")]


def test_the_worker_lets_released_decisions_take_effect_and_sends_their_letters(
    transactional_db, reviewing, stage, minutes_later, letter_files
):
    decision = stage("Ada")
    reviewing.post(RELEASE, ticking(reviewing.get(RELEASE), decision))
    call_command("run_worker", "--once")
    assert Application.objects.get().status == "in_review"

    minutes_later(11)
    call_command("run_worker", "--once")

    assert Application.objects.get().status == "declined"
    assert Letter.objects.get(kind="declined").status == "sent"


def test_nothing_ticked_means_nothing_leaves(reviewing, stage):
    stage("Ada")

    page = reviewing.post(RELEASE, ticking(reviewing.get(RELEASE)), follow=True)

    assert "nothing was ticked" in messages_of(page)
    assert Decision.objects.get().is_staged


def test_a_post_without_a_word_releases_nothing(reviewing, stage):
    decision = stage("Ada")

    reviewing.post(RELEASE, {"decision": decision.pk})

    assert Decision.objects.get().is_staged


@pytest.mark.parametrize("revision", [None, "", "soon", "0", "9" * 30, "-1"])
def test_without_the_revision_that_was_read_nothing_leaves(reviewing, stage, revision):
    decision = stage("Ada")
    data = {"decision": decision.pk, "action": "release"}
    if revision is not None:
        data[f"revision_{decision.pk}"] = revision

    page = reviewing.post(RELEASE, data, follow=True)

    assert Decision.objects.get().is_staged
    assert "Not released: Ada" in messages_of(page)


@pytest.mark.parametrize("key", ["", "x", "-1", "9" * 40, "٣", "1 or 1", "1\0"])
def test_ticks_that_mean_nothing_do_nothing(reviewing, stage, key):
    stage("Ada")

    response = reviewing.post(RELEASE, {"decision": key, "action": "release", f"personal_{key}": "x"})

    assert response.status_code == 302
    assert Decision.objects.get().is_staged


# The personal line


def test_with_a_new_line_the_letter_is_shown_once_more_before_it_leaves(reviewing, stage, settings):
    settings.RELEASE_DELAY = 0
    ada, ben = stage("Ada"), stage("Ben")
    data = ticking(reviewing.get(RELEASE), ada, ben) | {f"personal_{ada.pk}": "Do try\r\nagain."}

    again = reviewing.post(RELEASE, data, follow=True)

    assert letters_sent() == []
    assert "Please look once more" in messages_of(again)
    row = rows_of(again)["Ada"]
    assert (row.is_ticked, row.is_open, rows_of(again)["Ben"].is_ticked) == (True, True, True)
    assert "\n\nDo try\nagain.\n\n" in row.letter.body
    reviewing.post(RELEASE, ticking(again, ada, ben))
    assert letters_sent() == [("ada@example.org", "declined"), ("ben@example.org", "declined")]
    assert "Do try\nagain." in Letter.objects.get(recipient="ada@example.org", kind="declined").body


def test_posting_the_first_look_again_releases_nothing_unread(reviewing, stage, settings):
    """Reload, double click: the line is stored by then, but the letter with it has not been read."""
    settings.RELEASE_DELAY = 0
    ada = stage("Ada")
    data = ticking(reviewing.get(RELEASE), ada) | {f"personal_{ada.pk}": "Do try again."}

    reviewing.post(RELEASE, data)
    page = reviewing.post(RELEASE, data, follow=True)

    assert letters_sent() == []
    assert "The letter was changed since you looked at it" in messages_of(page)


def test_a_line_of_somebody_who_is_not_ticked_is_saved_and_holds_nobody_up(reviewing, stage, settings):
    settings.RELEASE_DELAY = 0
    ada, ben = stage("Ada"), stage("Ben")
    data = ticking(reviewing.get(RELEASE), ada) | {f"personal_{ben.pk}": "Do try again."}

    reviewing.post(RELEASE, data)

    assert letters_sent() == [("ada@example.org", "declined")]
    ben.refresh_from_db()
    assert (ben.personal_line, ben.is_staged) == ("Do try again.", True)


def test_saving_lines_releases_nothing_and_keeps_the_ticks(reviewing, stage):
    ada, ben = stage("Ada"), stage("Ben", personal_line="Old.")
    data = ticking(reviewing.get(RELEASE), ada, action="save") | {f"personal_{ben.pk}": ""}

    page = reviewing.post(RELEASE, data, follow=True)

    assert Decision.objects.staged().count() == 2
    ben.refresh_from_db()
    assert ben.personal_line == ""
    assert [name for name, row in rows_of(page).items() if row.is_ticked] == ["Ada"]
    assert "1 personal line is saved." in messages_of(page)


def test_lines_that_nobody_touched_change_no_letter(reviewing, stage):
    stage("Ada", personal_line="One.\r\n\r\nTwo: [personal link]")

    reviewing.post(RELEASE, posted(reviewing.get(RELEASE)) | {"action": "save"})

    assert Decision.objects.get().revision == 1


def test_the_link_may_stand_in_the_line(reviewing, stage):
    decision = stage("Ada")
    data = posted(reviewing.get(RELEASE)) | {f"personal_{decision.pk}": "Look: [personal link]", "action": "save"}

    page = reviewing.post(RELEASE, data, follow=True)

    assert Decision.objects.get().personal_line == "Look: {manage_link}"
    assert rows_of(page)["Ada"].line == "Look: [personal link]"


@pytest.mark.parametrize("line", ["x" * 2001, "null\0character"])
def test_a_line_that_cannot_be_stored_is_kept_on_the_page(reviewing, stage, line):
    ada, ben = stage("Ada"), stage("Ben")
    data = ticking(reviewing.get(RELEASE), ben) | {f"personal_{ada.pk}": line}

    page = reviewing.post(RELEASE, data)

    row = rows_of(page)["Ada"]
    assert (page.status_code, row.line, bool(row.error), row.is_open) == (200, line, True, True)
    assert rows_of(page)["Ben"].is_ticked
    assert Decision.objects.staged().count() == 2


def test_a_line_is_not_written_over_a_colleagues_change_and_is_kept(reviewing, stage, co_advisor):
    ada = stage("Ada")
    data = ticking(reviewing.get(RELEASE), ada) | {f"personal_{ada.pk}": "Mine."}
    theirs = letters.Wording("Theirs", ada.letter_body)
    workflow.edit_staged(ada, by=co_advisor, revision=1, letter=theirs, personal_line="Theirs.")

    page = reviewing.post(RELEASE, data)

    row = rows_of(page)["Ada"]
    assert (row.line, row.letter.subject, row.is_ticked) == ("Mine.", "Theirs", True)
    assert "Your line is not saved yet" in page.content.decode()
    again = reviewing.post(RELEASE, ticking(page, ada), follow=True)  # saved now, and shown once more
    assert "Please look once more" in messages_of(again)
    assert Decision.objects.get().personal_line == "Mine."


# Others are faster


def test_an_edit_between_look_and_release_is_reported_and_the_others_leave(reviewing, stage, co_advisor, settings):
    settings.RELEASE_DELAY = 0
    ada, ben = stage("Ada"), stage("Ben")
    page = reviewing.get(RELEASE)
    workflow.edit_staged(ada, by=co_advisor, revision=1, letter=letters.Wording("Other", "Other words."))

    after = reviewing.post(RELEASE, ticking(page, ada, ben) | {f"personal_{ada.pk}": ""}, follow=True)

    assert letters_sent() == [("ben@example.org", "declined")]
    told = messages_of(after)
    assert f"Not released: Ada ({ada.application.reference}). The letter was changed since you looked at it." in told
    assert list(rows_of(after)) == ["Ada"]


def test_two_people_releasing_the_same_send_each_letter_once(signed_in, stage, supervisor, co_advisor, settings):
    settings.RELEASE_DELAY = 0
    ada, ben = stage("Ada"), stage("Ben")
    first, second = signed_in(supervisor), signed_in(co_advisor)
    seen_by_first, seen_by_second = first.get(RELEASE), second.get(RELEASE)

    first.post(RELEASE, ticking(seen_by_first, ada, ben))
    page = second.post(RELEASE, ticking(seen_by_second, ada, ben), follow=True)

    assert letters_sent() == [("ada@example.org", "declined"), ("ben@example.org", "declined")]
    assert "Not released: Ada" in messages_of(page)
    assert "no longer staged" in messages_of(page)


def test_two_people_releasing_at_the_same_moment_send_each_letter_once(
    at_once, signed_in, stage, supervisor, co_advisor, settings
):
    settings.RELEASE_DELAY = 0
    ada, ben = stage("Ada"), stage("Ben")
    browsers = signed_in(supervisor), signed_in(co_advisor)
    data = ticking(browsers[0].get(RELEASE), ada, ben)

    outcomes = at_once(*(lambda browser=browser: browser.post(RELEASE, data).status_code for browser in browsers))

    assert outcomes == [302, 302]
    assert letters_sent() == [("ada@example.org", "declined"), ("ben@example.org", "declined")]


def test_a_student_who_withdrew_meanwhile_gets_nothing_and_is_reported(reviewing, stage):
    ada = stage("Ada", "offered")
    page = reviewing.get(RELEASE)
    workflow.withdraw(ada.application)

    after = reviewing.post(RELEASE, ticking(page, ada), follow=True)

    assert letters_sent() == []
    assert "Not released: Ada" in messages_of(after)
    assert [decision.pk for decision in after.context["dropped"]] == [ada.pk]
    assert "the student has set the status to “Withdrawn”" in after.content.decode()


def test_a_decision_cleared_or_erased_meanwhile_is_counted_as_gone(reviewing, stage, supervisor):
    ada, ben = stage("Ada"), stage("Ben")
    page = reviewing.get(RELEASE)
    workflow.clear(ada, by=supervisor)
    workflow.erase(ben.application)

    after = reviewing.post(RELEASE, ticking(page, ada, ben), follow=True)

    assert "2 ticked decisions are not there any more" in messages_of(after)


# What cannot be released


def test_an_acceptance_without_a_place_cannot_be_ticked_nor_released(reviewing, stage, project):
    decision = stage("Ada", "accepted", status="offered", reason="By phone.")
    project.places, project.places_taken = 1, 1
    project.save()

    page = reviewing.get(f"{RELEASE}?tick=all")
    after = reviewing.post(RELEASE, ticking(page, decision), follow=True)

    row = rows_of(page)["Ada"]
    assert not row.is_ticked
    assert row.obstacle.startswith("All places of this project are taken")
    assert "All places of this project are taken" in messages_of(after)
    assert Decision.objects.get().is_staged


def test_an_offer_whose_day_is_over_is_not_released_until_it_has_another(reviewing, stage, monkeypatch):
    today = timezone.localdate()
    decision = stage("Ada", "offered", lapses_on=today)
    monkeypatch.setattr("django.utils.timezone.localdate", lambda *args: today + datetime.timedelta(days=1))

    page = reviewing.get(f"{RELEASE}?tick=all")
    after = reviewing.post(RELEASE, ticking(page, decision), follow=True)

    assert (rows_of(page)["Ada"].is_ticked, "which is over" in rows_of(page)["Ada"].obstacle) == (False, True)
    assert "which is over" in messages_of(after)
    assert Decision.objects.get().is_staged


def test_more_offers_than_places_are_warned_of(reviewing, stage, project, make_application):
    project.places = 2
    project.save()
    make_application(email="waits@example.org", status="offered")
    stage("Ada", "offered")
    assert rows_of(reviewing.get(RELEASE))["Ada"].warning == ""

    stage("Ben", "offered")
    page = reviewing.get(RELEASE)

    assert {row.warning for row in rows_of(page).values()} == {
        "More offers than places: with this one 3 in all, and 2 places are free."
    }


# Clearing


def test_the_ticked_ones_are_cleared_and_no_others(reviewing, stage):
    ada, ben = stage("Ada"), stage("Ben")
    page = reviewing.get(RELEASE)

    after = reviewing.post(RELEASE, ticking(page, ada, action="clear"), follow=True)

    assert list(Decision.objects.all()) == [ben]
    assert f"Cleared: Ada ({ada.application.reference})" in messages_of(after)
    assert ada.application.events.last().kind == Event.Kind.STAGE_CLEARED


def test_what_was_released_meanwhile_is_not_cleared(reviewing, stage, co_advisor):
    ada = stage("Ada")
    page = reviewing.get(RELEASE)
    workflow.release(ada, by=co_advisor)

    after = reviewing.post(RELEASE, ticking(page, ada, action="clear"), follow=True)

    assert Decision.objects.get().is_on_its_way
    assert "Not cleared: Ada" in messages_of(after)


def test_clearing_nothing_says_so(reviewing, stage):
    stage("Ada")

    page = reviewing.post(RELEASE, ticking(reviewing.get(RELEASE), action="clear"), follow=True)

    assert "nothing was ticked" in messages_of(page)
    assert Decision.objects.get().is_staged


# Calling back


def call_back_url(decision) -> str:
    return f"{LIST}{decision.application_id}/call-back/"


@pytest.fixture
def release(stage, supervisor):
    return lambda name, **more: workflow.release(stage(name, **more), by=supervisor)


def test_until_they_leave_all_or_the_ticked_ones_can_be_called_back(reviewing, release, minutes_later):
    ada, ben, cy = release("Ada"), release("Ben"), release("Cy")
    minutes_later(9)

    page = reviewing.post(RELEASE, {"action": "call_back", "decision": [ada.pk]}, follow=True)
    assert set(Decision.objects.staged()) == {ada}
    assert "Called back: Ada" in messages_of(page)
    assert list(rows_of(page)) == ["Ada"]

    reviewing.post(RELEASE, {"action": "call_back_all", "on_their_way": [ben.pk, cy.pk]})
    assert set(Decision.objects.staged()) == {ada, ben, cy}
    minutes_later(60)
    assert workflow.apply_due() == 0


def test_one_can_be_called_back_from_its_own_button(reviewing, release):
    ada = release("Ada")

    page = reviewing.get(RELEASE).content.decode()
    response = reviewing.post(call_back_url(ada), {"back": "release"})
    again = reviewing.post(call_back_url(ada))

    assert f'formaction="{call_back_url(ada)}"' in page
    assert response["Location"] == RELEASE
    assert again["Location"] == f"{LIST}{ada.application_id}/change/"
    assert Decision.objects.get().is_staged
    assert [event.kind for event in ada.application.events.all()].count(Event.Kind.CALLED_BACK) == 1


def test_after_the_window_nothing_is_called_back(reviewing, release, minutes_later):
    ada, ben = release("Ada"), release("Ben")
    minutes_later(10.1)

    one = reviewing.post(call_back_url(ada), {"back": "release"}, follow=True)
    many = reviewing.post(RELEASE, {"action": "call_back_all", "on_their_way": [ada.pk, ben.pk]}, follow=True)

    assert "It is too late" in messages_of(one)
    assert "Not called back: Ada" in messages_of(many)
    assert "Call back<" not in many.content.decode()
    assert Decision.objects.on_their_way().count() == 2


def test_a_worker_that_does_not_run_is_noticed(reviewing, release, minutes_later):
    release("Ada")
    minutes_later(11)
    assert "leaving now" in reviewing.get(RELEASE).content.decode()
    minutes_later(3)
    assert "the worker does not seem to run" in reviewing.get(RELEASE).content.decode()


def test_the_page_shows_when_each_leaves(reviewing, release):
    ada = release("Ada")

    page = reviewing.get(RELEASE).content.decode()

    assert f"{timezone.localtime(ada.effective_at):%H:%M}, in 9\xa0minutes" in page
    assert "released by Sofia Supervisor" in page


def test_calling_back_nothing_says_so(reviewing, release):
    release("Ada")

    page = reviewing.post(RELEASE, {"action": "call_back"}, follow=True)

    assert "nothing was ticked" in messages_of(page)


# Dropped


def test_what_came_to_nothing_is_shown_for_thirty_days(reviewing, stage):
    ada = stage("Ada")
    workflow.withdraw(ada.application)

    page = reviewing.get(RELEASE)
    assert [decision.pk for decision in page.context["dropped"]] == [ada.pk]
    assert f'href="{LIST}{ada.application_id}/change/"' in page.content.decode()
    Decision.objects.update(dropped_at=timezone.now() - datetime.timedelta(days=31))
    assert reviewing.get(RELEASE).context["dropped"] == []


# Who may


def test_strangers_release_clear_and_call_back_nothing(signed_in, stage, release, other_supervisor):
    ada, ben = stage("Ada"), release("Ben")
    browser = signed_in(other_supervisor)
    data = {"decision": [ada.pk, ben.pk], "on_their_way": [ben.pk], f"revision_{ada.pk}": 1}

    for action in ("release", "clear", "call_back", "call_back_all", "save"):
        page = browser.post(RELEASE, data | {"action": action, f"personal_{ada.pk}": "Mine."}, follow=True)
        assert page.status_code == 200
        assert "Ada" not in page.content.decode()
        assert ada.application.reference not in page.content.decode()
    assert browser.post(call_back_url(ben)).status_code == 404

    ada.refresh_from_db()
    ben.refresh_from_db()
    assert (ada.is_staged, ada.personal_line, ben.is_on_its_way) == (True, "", True)


def test_a_co_advisor_releases_until_the_name_is_taken_off_the_project(signed_in, stage, co_advisor, project):
    ada, ben = stage("Ada"), stage("Ben")
    browser = signed_in(co_advisor)
    page = browser.get(RELEASE)

    browser.post(RELEASE, ticking(page, ada))
    project.co_advisors.clear()
    browser.post(RELEASE, ticking(page, ben))

    assert [decision.pk for decision in Decision.objects.on_their_way()] == [ada.pk]


def test_who_may_only_look_releases_nothing(signed_in, stage, co_advisor):
    stage("Ada")
    group = co_advisor.groups.get()
    group.permissions.remove(*group.permissions.filter(codename="change_application"))
    browser = signed_in(co_advisor)

    assert browser.get(RELEASE).status_code == 403
    assert browser.post(RELEASE, {"action": "release"}).status_code == 403


def test_a_form_from_another_site_releases_nothing(supervisor, stage):
    decision = stage("Ada")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(supervisor)

    assert browser.post(RELEASE, {"decision": decision.pk, "action": "release"}).status_code == 403
    assert Decision.objects.get().is_staged


def rewrite(decision, by, line: str) -> None:
    wording = letters.Wording(decision.letter_subject, decision.letter_body)
    workflow.edit_staged(decision, by=by, revision=decision.revision, letter=wording, personal_line=line)


def test_a_box_that_nobody_touched_takes_no_line_of_a_colleague_away(reviewing, stage, co_advisor):
    ada, ben = stage("Ada"), stage("Ben")
    page = reviewing.get(RELEASE)
    rewrite(ada, co_advisor, "Carl writes warmly.")

    reviewing.post(RELEASE, ticking(page, ben))

    ada.refresh_from_db()
    ben.refresh_from_db()
    assert (ada.personal_line, ada.is_staged) == ("Carl writes warmly.", True)
    assert ben.is_on_its_way


def test_who_has_typed_a_line_beside_a_colleague_is_shown_theirs_before_it_is_replaced(reviewing, stage, co_advisor):
    ada = stage("Ada")
    page = reviewing.get(RELEASE)
    rewrite(ada, co_advisor, "Carl writes warmly.")

    again = reviewing.post(RELEASE, ticking(page, ada, **{f"personal_{ada.pk}": "Mine."}))

    ada.refresh_from_db()
    assert ada.personal_line == "Carl writes warmly."
    row = rows_of(again)["Ada"]
    assert "that yours would replace: “Carl writes warmly.”" in row.error
    assert row.line == "Mine."


def test_a_letter_that_was_rewritten_since_one_looked_is_not_cleared(reviewing, stage, co_advisor):
    ada = stage("Ada")
    page = reviewing.get(RELEASE)
    rewrite(ada, co_advisor, "Carl writes warmly.")

    told = messages_of(reviewing.post(RELEASE, ticking(page, ada, action="clear"), follow=True))

    assert Decision.objects.get() == ada
    assert "Not cleared: Ada" in told


def test_an_untrue_letter_that_the_project_is_filled_cannot_be_released(reviewing, stage, project):
    ada = stage("Ada", kind=Letter.Kind.FILLED)
    project.places = project.places_taken = 1
    project.save()
    assert rows_of(reviewing.get(RELEASE))["Ada"].obstacle == ""
    type(project).objects.update(places_taken=0)

    page = reviewing.get(RELEASE)
    reviewing.post(RELEASE, ticking(page, ada))

    assert "but a place is free again" in rows_of(page)["Ada"].obstacle
    ada.refresh_from_db()
    assert ada.is_staged
