"""Deciding in the admin: the letter is shown, edited, staged or sent, or not; then the next open application."""

import datetime

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from applications import letters, workflow
from applications.models import Application, Decision, Event, Letter
from applications.statuses import REVIEWER_MOVES, Status, letter_kind, reviewer_needs_reason

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"


def decide_url(application: Application, status: str) -> str:
    return f"{LIST}{application.pk}/decide/{status}/"


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


ALL_MOVES = [(before, after) for before, moves in REVIEWER_MOVES.items() for after in moves]
OTHER_PAIRS = [
    (before, after) for before in Status.values for after in Status.values if after not in REVIEWER_MOVES[before]
]


@pytest.mark.parametrize(("before", "after"), ALL_MOVES)
def test_each_allowed_move_shows_its_letter_and_is_carried_out(reviewing, make_application, before, after):
    application = make_application()
    Application.objects.filter(pk=application.pk).update(status=before)
    Letter.objects.all().delete()

    shown = reviewing.get(decide_url(application, after))
    reviewing.post(decide_url(application, after), {"send": "1", "reason": "The student wrote so."})

    application.refresh_from_db()
    kind = letter_kind(before, after)
    assert application.status == after
    assert [letter.kind for letter in Letter.objects.filter(to_student=True)] == ([kind] if kind else [])
    assert ('name="body"' in shown.content.decode()) == bool(kind)


@pytest.mark.parametrize(("before", "after"), OTHER_PAIRS)
def test_each_other_pair_is_refused_with_what_happened(reviewing, make_application, before, after):
    application = make_application()
    Application.objects.filter(pk=application.pk).update(status=before)

    shown = reviewing.get(decide_url(application, after))
    posted = reviewing.post(decide_url(application, after), {"send": "1", "reason": "Because."}, follow=True)

    application.refresh_from_db()
    assert application.status == before
    assert shown.status_code == 302
    assert "Nothing was done" in posted.content.decode()
    assert not Decision.objects.exists()


def test_looking_at_a_decision_changes_nothing(reviewing, make_application):
    application = make_application()

    reviewing.get(decide_url(application, Status.DECLINED))

    application.refresh_from_db()
    assert application.status == Status.RECEIVED
    assert not Decision.objects.exists()


def test_the_edited_letter_with_the_personal_line_is_what_is_stored(reviewing, make_application):
    application = make_application()

    reviewing.post(
        decide_url(application, Status.INTERVIEW),
        {
            "subject": "Let us talk",
            "body": "Dear Ada,\n\n[personal line]\n\nYour page: [personal link]\n\nSam",
            "personal_line": "Your thesis is a fine read.",
            "reason": "",
            "send": "1",
        },
    )

    letter = Letter.objects.get(kind="interview")
    assert letter.subject == "Let us talk"
    about = f"Application {application.reference}, “{application.project.title}”"  # an edit does not lose it
    assert letter.body == f"Dear Ada,\n\nYour thesis is a fine read.\n\nYour page: {{manage_link}}\n\nSam\n\n{about}\n"
    assert letter.recipient == application.email
    decision = Decision.objects.get()
    assert (decision.letter_subject, decision.letter_body) == (letter.subject, letter.body)


def test_a_letter_that_names_reference_and_project_gets_no_second_line(reviewing, make_application):
    application = make_application()
    body = f"Dear Ada,\n\nAbout {application.reference}, {application.project.title}: no.\n\nSam\n"

    reviewing.post(decide_url(application, Status.DECLINED), {"subject": "Our answer", "body": body, "send": "1"})

    assert Letter.objects.get(kind="declined").body == body


def test_the_page_shows_words_and_never_the_students_link(reviewing, make_application):
    application = make_application()

    page = reviewing.get(decide_url(application, Status.OFFERED)).content.decode()

    assert "[personal link]" in page
    assert "{manage_link}" not in page
    assert "/applications/open/" not in page


@pytest.mark.parametrize(("opened", "sent"), [("de", "en"), ("en", "de")])
def test_a_page_that_was_opened_in_another_language_still_sends_the_link(reviewing, make_application, opened, sent):
    application = make_application()
    url = decide_url(application, Status.OFFERED)
    form = reviewing.get(url, headers={"accept-language": opened}).context["form"]
    assert "[" in form["body"].value()
    data = {field.html_name: field.value() or "" for field in form}

    reviewing.post(url, data | {"send": "1"}, headers={"accept-language": sent})

    letter = Letter.objects.get(kind="offered")
    assert "{manage_link}" in letter.body
    assert "[" not in letter.body


def test_a_preview_shows_the_letter_and_decides_nothing(reviewing, make_application):
    application = make_application()

    page = reviewing.post(
        decide_url(application, Status.DECLINED),
        {"subject": "About it", "body": "Dear Ada,\n\n[personal line]\n\nSam", "personal_line": "Keep going.",
         "reason": "", "action": "preview"},
    )  # fmt: skip

    assert page.context["preview"].body.startswith("Dear Ada,\n\nKeep going.\n\nSam\n\nApplication ")
    application.refresh_from_db()
    assert application.status == Status.RECEIVED


def test_deciding_without_a_letter_is_possible_and_recorded(reviewing, make_application):
    application = make_application()

    reviewing.post(decide_url(application, Status.DECLINED), {"send": "0", "reason": ""})

    decision = Decision.objects.get()
    assert (decision.letter_subject, decision.letter_body) == (None, None)
    assert not Letter.objects.filter(kind="declined").exists()
    page = reviewing.get(f"{LIST}{application.pk}/change/").content.decode()
    assert "without a letter" in page


def test_a_letter_without_words_is_not_sent(reviewing, make_application):
    application = make_application()

    response = reviewing.post(
        decide_url(application, Status.DECLINED), {"subject": "", "body": " ", "reason": "", "send": "1"}
    )

    assert set(response.context["form"].errors) == {"subject", "body"}
    application.refresh_from_db()
    assert application.status == Status.RECEIVED


NEED_REASON = [pair for pair in ALL_MOVES if reviewer_needs_reason(*pair)]


@pytest.mark.parametrize(("before", "after"), NEED_REASON)
def test_moves_that_need_a_reason_ask_for_it_and_keep_what_was_written(reviewing, make_application, before, after):
    application = make_application()
    Application.objects.filter(pk=application.pk).update(status=before)

    response = reviewing.post(
        decide_url(application, after), {"subject": "My own", "body": "My own words", "reason": " ", "send": "1"}
    )

    assert "reason" in response.context["form"].errors
    assert "My own words" in response.content.decode()
    application.refresh_from_db()
    assert application.status == before


def test_the_second_of_two_reviewers_is_told_and_nothing_is_sent_twice(
    client, supervisor, co_advisor, make_application
):
    application = make_application()
    client.force_login(co_advisor)
    seen = client.get(decide_url(application, Status.DECLINED)).context["form"].initial["seen_status"]
    workflow.decide(application, Status.INTERVIEW, by=supervisor)

    response = client.post(
        decide_url(application, Status.DECLINED), {"send": "1", "reason": "", "seen_status": seen}, follow=True
    )

    assert "Sofia Supervisor has set the status to “Interview”" in response.content.decode()
    application.refresh_from_db()
    assert application.status == Status.INTERVIEW
    assert [letter.kind for letter in Letter.objects.filter(decision__isnull=False)] == ["interview"]


def test_after_a_decision_comes_the_next_open_application_of_the_list(reviewing, make_application):
    ada, ben, cy, dee = (
        make_application(full_name=name, email=f"{name}@example.org") for name in ("Ada", "Ben", "Cy", "Dee")
    )
    Application.objects.filter(pk=cy.pk).update(status=Status.DECLINED)
    filters = "?_changelist_filters=o%3D2"

    after_ben = reviewing.post(decide_url(ben, Status.INTERVIEW) + filters, {"send": "1"})
    after_dee = reviewing.post(decide_url(dee, Status.DECLINED) + filters, {"send": "1"})

    assert after_ben["Location"] == f"{LIST}{dee.pk}/change/{filters}"
    assert after_dee["Location"] == f"{LIST}{ada.pk}/change/{filters}"


def test_after_the_last_decision_comes_the_list_as_it_was_filtered(reviewing, make_application):
    application = make_application()

    response = reviewing.post(
        decide_url(application, Status.DECLINED) + "?_changelist_filters=status%3Dreceived", {"send": "1"}
    )

    assert response["Location"] == f"{LIST}?status=received"
    assert "No other application in this list waits" in reviewing.get(response["Location"]).content.decode()


def test_an_acceptance_takes_a_place_and_the_last_one_closes_the_project(reviewing, project, make_application):
    project.places = 1
    project.save()
    application = make_application()
    other = make_application(full_name="Ben", email="ben@example.org")
    Application.objects.all().update(status=Status.OFFERED)

    reviewing.post(decide_url(application, Status.ACCEPTED), {"send": "1", "reason": "Told me so."})
    refused = reviewing.post(decide_url(other, Status.ACCEPTED), {"send": "1", "reason": "Too."}, follow=True)

    project.refresh_from_db()
    assert (project.places_taken, project.is_open()) == (1, False)
    assert "All places of this project are taken" in refused.content.decode()
    other.refresh_from_db()
    assert other.status == Status.OFFERED


def test_offering_more_than_there_are_places_is_warned_of(reviewing, project, make_application):
    project.places = 1
    project.save()
    application = make_application()
    other = make_application(full_name="Ben", email="ben@example.org")
    Application.objects.filter(pk=other.pk).update(status=Status.OFFERED)

    page = reviewing.get(decide_url(application, Status.OFFERED)).content.decode()

    assert "If all accept, there is no place for this student." in page


def test_the_history_says_who_decided_what_and_why(reviewing, supervisor, make_application):
    application = make_application()

    reviewing.post(decide_url(application, Status.WITHDRAWN), {"send": "1", "reason": "She called me."})

    event = application.events.get(kind=Event.Kind.MOVED)
    assert (event.from_status, event.to_status, event.user, event.text) == (
        Status.RECEIVED,
        Status.WITHDRAWN,
        supervisor,
        "She called me.",
    )


def test_a_co_advisor_with_an_account_decides_too(client, co_advisor, make_application):
    application = make_application()
    client.force_login(co_advisor)

    client.post(decide_url(application, Status.INTERVIEW), {"send": "1"})

    application.refresh_from_db()
    assert application.status == Status.INTERVIEW


def test_a_co_advisor_taken_off_the_project_decides_no_more(client, co_advisor, project, make_application):
    application = make_application()
    project.co_advisors.clear()
    client.force_login(co_advisor)

    assert client.post(decide_url(application, Status.INTERVIEW), {"send": "1"}).status_code == 404
    application.refresh_from_db()
    assert application.status == Status.RECEIVED


# Deciding now, telling later


def test_a_staged_decision_keeps_the_edited_letter_and_the_student_is_told_nothing(reviewing, make_application):
    application = make_application()

    reviewing.post(
        decide_url(application, Status.DECLINED),
        {
            "subject": "Our answer",
            "body": "Dear Ada,\r\n\r\n[personal line]\r\n\r\nYour page: [personal link]\r\n\r\nSam",
            "personal_line": "Do write again:\r\n[personal link]",
            "reason": "Too many good ones.",
            "action": "stage",
        },
    )

    application.refresh_from_db()
    decision = Decision.objects.get()
    about = f"Application {application.reference}, “{application.project.title}”"
    assert (application.status, decision.is_staged, decision.to_status) == ("in_review", True, "declined")
    assert decision.letter_body == (f"Dear Ada,\n\n{{personal_line}}\n\nYour page: {{manage_link}}\n\nSam\n\n{about}\n")
    assert decision.personal_line == "Do write again:\n{manage_link}"
    assert decision.reason == "Too many good ones."
    assert not Letter.objects.filter(kind="declined").exists()


def test_staging_without_touching_the_letter_keeps_the_standard_one(reviewing, make_application):
    application = make_application()

    reviewing.post(decide_url(application, Status.INTERVIEW), {"action": "stage"})

    decision = Decision.objects.get()
    standard = letters.standard_wording(application, "interview")
    assert (decision.letter_subject, decision.letter_body) == (standard.subject, standard.body)


@pytest.mark.parametrize("data", [{"action": "stage_without"}, {"action": "stage", "send": "0"}])
def test_a_decision_can_be_staged_without_a_letter(reviewing, make_application, data):
    application = make_application()

    page = reviewing.post(decide_url(application, Status.DECLINED), {"subject": "", "body": "", **data}, follow=True)

    assert [decision.tells_the_student for decision in Decision.objects.staged()] == [False]
    assert "Staged without a letter: Ada Example" in page.content.decode()


def test_an_empty_letter_is_not_staged(reviewing, make_application):
    application = make_application()

    response = reviewing.post(
        decide_url(application, Status.DECLINED), {"subject": " ", "body": "", "reason": "", "action": "stage"}
    )

    assert set(response.context["form"].errors) == {"subject", "body"}
    assert not Decision.objects.exists()


def test_after_staging_comes_the_next_application_about_which_nothing_is_staged(
    reviewing, supervisor, make_application
):
    ada, ben, cy, dee = (
        make_application(full_name=name, email=f"{name}@example.org") for name in ("Ada", "Ben", "Cy", "Dee")
    )
    workflow.stage(cy, Status.DECLINED, by=supervisor)
    filters = "?_changelist_filters=o%3D2"

    after_ben = reviewing.post(decide_url(ben, Status.INTERVIEW) + filters, {"action": "stage"})
    after_dee = reviewing.post(decide_url(dee, Status.DECLINED) + filters, {"action": "stage"})
    after_ada = reviewing.post(decide_url(ada, Status.DECLINED) + filters, {"action": "stage"})

    assert after_ben["Location"] == f"{LIST}{dee.pk}/change/{filters}"
    assert after_dee["Location"] == f"{LIST}{ada.pk}/change/{filters}"
    assert after_ada["Location"] == f"{LIST}?o=2"


def test_who_stages_over_a_staged_decision_is_told_first(reviewing, supervisor, make_application):
    application = make_application()
    workflow.stage(application, Status.OFFERED, by=supervisor)

    page = reviewing.get(decide_url(application, Status.DECLINED)).content.decode()
    reviewing.post(decide_url(application, Status.DECLINED), {"action": "stage"})

    assert "“Offered” is staged already" in page
    assert [decision.to_status for decision in Decision.objects.all()] == ["declined"]


@pytest.mark.parametrize("data", [{"action": "stage"}, {"send": "1"}])
def test_a_colleagues_decision_staged_meanwhile_is_not_replaced_unseen(reviewing, co_advisor, make_application, data):
    application = make_application(status="in_review")
    seen = reviewing.get(decide_url(application, Status.DECLINED)).context["form"].initial["seen_decision"]
    workflow.stage(application, Status.OFFERED, by=co_advisor)
    data = data | {"seen_decision": seen, "personal_line": "Sorry, really.", "reason": ""}

    first = reviewing.post(decide_url(application, Status.DECLINED), data)

    assert [decision.to_status for decision in Decision.objects.all()] == ["offered"]
    assert "Carl Coadvisor" in first.content.decode()
    assert "Sorry, really." in first.content.decode()  # nothing typed is lost
    again = data | {"seen_decision": first.context["form"].data["seen_decision"]}
    reviewing.post(decide_url(application, Status.DECLINED), again)
    assert [decision.to_status for decision in Decision.objects.all()] == ["declined"]


def test_while_a_decision_is_on_its_way_the_page_offers_to_call_it_back_and_nothing_else(
    reviewing, supervisor, make_application
):
    application = make_application()
    workflow.release(workflow.stage(application, Status.DECLINED, by=supervisor), by=supervisor)

    page = reviewing.get(decide_url(application, Status.INTERVIEW)).content.decode()
    refused = reviewing.post(decide_url(application, Status.INTERVIEW), {"send": "1"}, follow=True)

    assert f'action="{LIST}{application.pk}/call-back/"' in page
    assert 'name="body"' not in page
    assert "Call it back first" in refused.content.decode()
    assert [decision.to_status for decision in Decision.objects.all()] == ["declined"]


def test_the_buttons_stand_in_the_order_of_their_consequences(reviewing, make_application):
    page = reviewing.get(decide_url(make_application(), Status.DECLINED)).content.decode()

    words = ["Preview", "Stage with this letter", "Stage without a letter", "Decide and send the letter now",
             "Decide without a letter"]  # fmt: skip
    places = [page.index(f">{word}</button>") for word in words]
    assert places == sorted(places)  # the first is what Enter presses: it only shows


# Until when an offer stands


def in_days(days: int) -> datetime.date:
    return timezone.localdate() + datetime.timedelta(days=days)


def test_an_offer_begins_with_the_usual_day_and_its_letter_names_it(reviewing, make_application, settings):
    settings.OFFER_DAYS = 9

    page = reviewing.get(decide_url(make_application(), Status.OFFERED))

    assert page.context["form"]["lapses_on"].value() == in_days(9).isoformat()
    assert date_format(in_days(9), "DATE_FORMAT") in page.context["form"]["body"].value()


def test_only_an_offer_has_a_day(reviewing, make_application):
    assert 'name="lapses_on"' not in reviewing.get(decide_url(make_application(), Status.DECLINED)).content.decode()


@pytest.mark.parametrize("data", [{"action": "stage"}, {"send": "1"}])
def test_the_standard_letter_follows_another_day(reviewing, make_application, data):
    application = make_application()
    values = reviewing.get(decide_url(application, Status.OFFERED)).context["form"].initial

    reviewing.post(decide_url(application, Status.OFFERED), values | data | {"lapses_on": in_days(40).isoformat()})

    decision = Decision.objects.get()
    assert decision.lapses_on == in_days(40)
    assert date_format(in_days(40), "DATE_FORMAT") in decision.letter_body
    assert date_format(in_days(14), "DATE_FORMAT") not in decision.letter_body


def test_the_preview_shows_the_letter_with_the_day_that_was_chosen(reviewing, make_application):
    application = make_application()
    values = reviewing.get(decide_url(application, Status.OFFERED)).context["form"].initial
    chosen = {"lapses_on": in_days(40).isoformat(), "action": "preview"}

    page = reviewing.post(decide_url(application, Status.OFFERED), values | chosen)

    assert date_format(in_days(40), "DATE_FORMAT") in page.context["preview"].body
    assert date_format(in_days(40), "DATE_FORMAT") in page.context["form"]["body"].value()


def test_an_edited_letter_is_not_rewritten_but_may_not_promise_another_day(reviewing, make_application):
    application = make_application()
    values = reviewing.get(decide_url(application, Status.OFFERED)).context["form"].initial
    edited = values | {"body": values["body"] + "P.S. Bring cake.", "lapses_on": in_days(40).isoformat()}

    response = reviewing.post(decide_url(application, Status.OFFERED), edited | {"action": "stage"})

    assert date_format(in_days(40), "DATE_FORMAT") in response.context["form"].errors["body"][0]
    assert "Bring cake." in response.content.decode()
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("day", "words"),
    [(lambda: in_days(-1), "This day is over"), (lambda: "", "last day of the offer"), (lambda: "soon", "valid date")],
)
def test_an_offer_until_yesterday_or_no_day_is_not_made(reviewing, make_application, day, words):
    application = make_application()

    response = reviewing.post(decide_url(application, Status.OFFERED), {"action": "stage", "lapses_on": str(day())})

    assert words in response.context["form"].errors["lapses_on"][0]
    assert not Decision.objects.exists()


def test_an_offer_may_end_today(reviewing, make_application):
    reviewing.post(
        decide_url(make_application(), Status.OFFERED), {"action": "stage", "lapses_on": in_days(0).isoformat()}
    )

    assert Decision.objects.get().lapses_on == in_days(0)
