"""A staged decision in the admin: its letter is edited, taken away and brought back; it is cleared."""

import datetime
import re

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from applications import letters, workflow
from applications.models import Decision, Event
from applications.statuses import Status

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"
RELEASE = f"{LIST}release/"


def staged_url(application) -> str:
    return f"{LIST}{application.pk}/staged/"


def clear_url(application) -> str:
    return f"{LIST}{application.pk}/clear/"


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


def values_of(response) -> dict:
    """What the form would post as it stands."""
    form = response.context["form"]
    return {name: form[name].value() or "" for name in form.fields if name != "send"}


# Editing


def test_the_page_shows_the_letter_as_it_was_staged(reviewing, application, supervisor):
    wording = letters.Wording("About it", f"Dear Ada,\n\n{letters.PERSONAL_LINE}\n\n{letters.MANAGE_LINK}\n")
    workflow.stage(application, "declined", by=supervisor, letter=wording, personal_line="Do try again.")

    values = values_of(reviewing.get(staged_url(application)))

    assert values["subject"] == "About it"
    assert values["body"].startswith("Dear Ada,\n\n[personal line]\n\n[personal link]\n")
    assert values["personal_line"] == "Do try again."


def test_an_edited_letter_is_stored_with_its_line_and_reason(reviewing, application, supervisor):
    workflow.stage(application, "declined", by=supervisor)
    values = values_of(reviewing.get(staged_url(application)))
    body = f"Dear Ada,\n\n[personal line]\n\nNo: {application.reference}, {application.project.title}."

    reviewing.post(
        staged_url(application),
        values | {"subject": "No", "body": body, "personal_line": "Sorry.", "reason": "Full.", "action": "save"},
    )

    decision = Decision.objects.get()
    assert (decision.letter_subject, decision.personal_line, decision.reason) == ("No", "Sorry.", "Full.")
    assert decision.letter_body == body.replace("[personal line]", letters.PERSONAL_LINE) + "\n"
    assert decision.revision == 2
    assert decision.is_staged


def test_a_letter_that_nobody_touched_stays_as_it_was_to_the_letter(reviewing, application, supervisor):
    before = workflow.stage(application, "offered", by=supervisor)

    reviewing.post(staged_url(application), values_of(reviewing.get(staged_url(application))) | {"action": "save"})

    after = Decision.objects.get()
    assert (after.letter_subject, after.letter_body) == (before.letter_subject, before.letter_body)


def test_a_staged_letter_can_be_taken_away_and_brought_back(reviewing, application, supervisor):
    workflow.stage(application, "declined", by=supervisor)

    reviewing.post(
        staged_url(application), values_of(reviewing.get(staged_url(application))) | {"action": "save_without"}
    )
    assert not Decision.objects.get().tells_the_student
    reviewing.post(staged_url(application), values_of(reviewing.get(staged_url(application))) | {"action": "save"})

    standard = letters.standard_wording(application, "declined")
    assert Decision.objects.get().letter_body == standard.body


def test_a_preview_shows_the_real_letter_and_saves_nothing(reviewing, application, supervisor):
    workflow.stage(application, "declined", by=supervisor)
    values = values_of(reviewing.get(staged_url(application))) | {"personal_line": "Do try again."}

    page = reviewing.post(staged_url(application), values | {"action": "preview"})

    assert "\n\nDo try again.\n\n" in page.context["preview"].body
    assert Decision.objects.get().revision == 1


def test_a_letter_that_was_changed_meanwhile_is_not_overwritten_and_what_was_typed_is_kept(
    reviewing, application, supervisor, co_advisor
):
    decision = workflow.stage(application, "declined", by=supervisor)
    values = values_of(reviewing.get(staged_url(application))) | {"personal_line": "Mine.", "action": "save"}
    theirs = letters.Wording("Theirs", decision.letter_body)
    workflow.edit_staged(decision, by=co_advisor, revision=1, letter=theirs, personal_line="Theirs.")

    page = reviewing.post(staged_url(application), values)

    assert Decision.objects.get().personal_line == "Theirs."
    assert values_of(page)["personal_line"] == "Mine."
    assert page.context["stored"].subject == "Theirs"
    reviewing.post(staged_url(application), values | {"revision": values_of(page)["revision"]})  # knowingly, now
    assert Decision.objects.get().personal_line == "Mine."


def test_without_the_revision_that_was_read_nothing_is_saved(reviewing, application, supervisor):
    workflow.stage(application, "declined", by=supervisor)
    values = values_of(reviewing.get(staged_url(application))) | {"revision": "soon", "action": "save"}

    assert reviewing.post(staged_url(application), values).status_code == 200
    assert Decision.objects.get().revision == 1


def test_another_day_of_an_offer_changes_its_standard_letter(reviewing, application, supervisor):
    workflow.stage(application, "offered", by=supervisor)
    day = timezone.localdate() + datetime.timedelta(days=33)
    values = values_of(reviewing.get(staged_url(application))) | {"lapses_on": day.isoformat(), "action": "save"}

    reviewing.post(staged_url(application), values)

    decision = Decision.objects.get()
    assert decision.lapses_on == day
    assert date_format(day, "DATE_FORMAT") in decision.letter_body


def test_what_needs_a_reason_keeps_one(reviewing, make_application, supervisor):
    application = make_application(status="offered")
    workflow.stage(application, "declined", by=supervisor, reason="No answer.")
    values = values_of(reviewing.get(staged_url(application)))

    page = reviewing.post(staged_url(application), values | {"reason": " ", "action": "save"})

    assert "reason" in page.context["form"].errors
    assert Decision.objects.get().reason == "No answer."


def test_a_step_of_which_nobody_is_told_has_no_letter_to_edit(reviewing, make_application, supervisor):
    application = make_application(status="interview")
    workflow.stage(application, "in_review", by=supervisor)

    page = reviewing.get(staged_url(application))
    reviewing.post(staged_url(application), values_of(page) | {"reason": "Once more.", "action": "save"})

    assert 'name="body"' not in page.content.decode()
    assert (Decision.objects.get().reason, Decision.objects.get().letter_body) == ("Once more.", None)


def test_after_saving_one_is_where_one_came_from(reviewing, application, supervisor):
    workflow.stage(application, "declined", by=supervisor)

    def save(query: str):
        page = reviewing.get(staged_url(application) + query)
        return reviewing.post(staged_url(application) + query, values_of(page) | {"action": "save"})

    assert save("?back=release")["Location"] == RELEASE
    assert save("")["Location"] == f"{LIST}{application.pk}/change/"
    assert save("?back=//evil.example/")["Location"] == f"{LIST}{application.pk}/change/"


@pytest.mark.parametrize("happens", ["released", "cleared", "withdrawn"])
def test_what_is_no_longer_staged_is_not_edited(reviewing, application, supervisor, happens):
    decision = workflow.stage(application, "declined", by=supervisor)
    values = values_of(reviewing.get(staged_url(application)))
    if happens == "released":
        workflow.release(decision, by=supervisor)
    elif happens == "cleared":
        workflow.clear(decision, by=supervisor)
    else:
        workflow.withdraw(application)

    page = reviewing.post(staged_url(application), values | {"subject": "Other", "action": "save"}, follow=True)

    assert "No decision about this student is staged." in page.content.decode()
    assert not Decision.objects.filter(letter_subject="Other").exists()


def test_every_reviewer_of_the_project_edits_it_and_nobody_else(
    signed_in, application, supervisor, co_advisor, other_supervisor, staff_without_rights
):
    workflow.stage(application, "declined", by=supervisor)
    answers = [
        signed_in(user).get(staged_url(application)).status_code
        for user in (supervisor, co_advisor, other_supervisor, staff_without_rights)
    ]
    assert answers == [200, 200, 404, 403]


# Clearing


def test_a_cleared_decision_is_gone_and_the_history_keeps_that_it_was(reviewing, application, supervisor):
    decision = workflow.stage(application, "declined", by=supervisor)

    page = reviewing.post(clear_url(application), {"seen_decision": decision.as_seen}, follow=True)

    assert not Decision.objects.exists()
    assert application.events.last().kind == Event.Kind.STAGE_CLEARED
    assert "The student was told nothing." in page.content.decode()


def test_what_was_staged_in_the_meantime_is_not_cleared_with_it(reviewing, application, supervisor, co_advisor):
    seen = workflow.stage(application, "declined", by=supervisor)
    workflow.stage(application, "offered", by=co_advisor)

    page = reviewing.post(clear_url(application), {"seen_decision": seen.as_seen, "back": "release"}, follow=True)

    assert [decision.to_status for decision in Decision.objects.all()] == [Status.OFFERED]
    assert "was replaced or edited since you looked" in page.content.decode()


def test_what_is_on_its_way_is_not_cleared(reviewing, application, supervisor):
    workflow.release(workflow.stage(application, "declined", by=supervisor), by=supervisor)

    reviewing.post(clear_url(application))

    assert Decision.objects.get().is_on_its_way


def test_strangers_clear_nothing(signed_in, application, supervisor, other_supervisor, staff_without_rights):
    workflow.stage(application, "declined", by=supervisor)

    assert signed_in(other_supervisor).post(clear_url(application)).status_code == 404
    assert signed_in(staff_without_rights).post(clear_url(application)).status_code == 403
    assert Decision.objects.get().is_staged


@pytest.mark.parametrize("where", ["review page", "message"])
def test_no_button_clears_what_a_colleague_has_staged_since(
    reviewing, make_application, application, supervisor, co_advisor, where
):
    make_application(full_name="The Next", email="next@example.org")
    stage_url = f"{LIST}{application.pk}/stage/declined/"
    page = reviewing.post(stage_url, follow=True)
    if where == "review page":
        page = reviewing.get(f"{LIST}{application.pk}/change/")
    [form] = re.findall(
        rf'<form method="post" action="{clear_url(application)}.*?</form>', page.content.decode(), re.DOTALL
    )
    posted = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    workflow.stage(application, "offered", by=co_advisor)

    reviewing.post(clear_url(application), posted)

    assert Decision.objects.get().to_status == Status.OFFERED
