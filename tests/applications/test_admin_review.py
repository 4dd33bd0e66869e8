"""The review page: everything about one application in one place, and the queue around it."""

import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from applications import workflow
from applications.admin import ApplicationAdmin
from applications.inspection import FLAG_WORDS
from applications.models import Application, Decision, Document, Event, Preference
from applications.statuses import REVIEWER_MOVES, Status
from projects.models import Criterion, Project

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"


def review_url(application: Application) -> str:
    return f"{LIST}{application.pk}/change/"


def text_of(browser, application: Application) -> str:
    return browser.get(review_url(application)).content.decode()


@pytest.fixture
def criteria(project) -> list[Criterion]:
    names = ("Mathematics", "Programming", "Motivation")
    return [Criterion.objects.create(project=project, name=name, position=place) for place, name in enumerate(names)]


@pytest.fixture
def reviewing(client, supervisor):
    client.force_login(supervisor)
    return client


def test_it_shows_answers_documents_notes_history_and_letters(reviewing, supervisor, make_application):
    application = make_application(motivation="I like sequences.", links="https://example.org/ada")
    workflow.note(application, "Strong thesis.", by=supervisor)

    page = reviewing.get(review_url(application)).content.decode()

    for document in application.current_documents():
        assert f'data-document="{document.get_absolute_url()}#' in page
    for words in ("I like sequences.", "https://example.org/ada", "Strong thesis.", application.reference, "History"):
        assert words in page
    assert f'src="{application.current_documents()[0].get_absolute_url()}#' in page


def test_the_viewer_shows_the_document_that_was_asked_for(reviewing, make_application):
    application = make_application()
    _cv, transcript = application.current_documents()

    response = reviewing.get(review_url(application), {"document": str(transcript.pk)})

    assert response.context["shown"] == transcript
    assert f'src="{transcript.get_absolute_url()}#' in response.content.decode()


@pytest.mark.parametrize(("flag", "is_advised"), [("javascript", True), ("launch_action", True), ("signed", False)])
def test_what_a_document_holds_stands_above_it_with_advice_where_another_program_might_run_it(
    reviewing, make_application, flag, is_advised
):
    application = make_application()
    cv, _transcript = application.current_documents()
    Document.objects.filter(pk=cv.pk).update(flags=[flag])

    page = reviewing.get(review_url(application), {"document": str(cv.pk)}).content.decode()

    above = page.partition('<p class="viewer-flags"')[2].partition("</p>")[0]
    assert str(FLAG_WORDS[flag]).partition("(")[0] in above
    assert ("do not open a downloaded copy in another program" in above) == is_advised
    assert "hidden" not in above


def test_a_document_that_is_not_of_this_application_is_not_shown(reviewing, make_application, other_project):
    application = make_application()
    foreign = make_application(other_project, email="b@example.org").current_documents()[0]

    response = reviewing.get(review_url(application), {"document": str(foreign.pk)})

    assert response.context["shown"] == application.current_documents()[0]


@pytest.mark.parametrize("status", Status.values)
def test_the_buttons_are_exactly_the_allowed_moves(reviewing, make_application, status):
    application = make_application()
    Application.objects.filter(pk=application.pk).update(status=status)

    page = reviewing.get(review_url(application))

    assert tuple(move["status"] for move in page.context["moves"]) == REVIEWER_MOVES[status]
    for to_status in Status.values:
        address = f"{LIST}{application.pk}/decide/{to_status}/"
        assert (address in page.content.decode()) == (to_status in REVIEWER_MOVES[status])


@pytest.mark.parametrize("status", Status.values)
def test_the_change_form_is_no_way_around(reviewing, make_application, status):
    application = make_application()

    response = reviewing.post(review_url(application), {"status": status, "full_name": "Changed"})

    assert response.status_code == 405
    application.refresh_from_db()
    assert (application.status, application.full_name) == (Status.RECEIVED, "Ada Example")


def test_merely_looking_changes_nothing(reviewing, make_application):
    application = make_application()
    before = application.events.count()

    reviewing.get(review_url(application))

    application.refresh_from_db()
    assert (application.status, application.events.count()) == (Status.RECEIVED, before)


def test_previous_and_next_follow_the_list_one_came_from(reviewing, make_application):
    people = [make_application(full_name=name, email=f"{name}@example.org") for name in ("Cy", "Ada", "Ben", "Dee")]
    by_name = sorted(people, key=lambda application: application.full_name)
    Application.objects.filter(full_name="Ben").update(status=Status.DECLINED)

    column = reviewing.get(LIST).context["cl"].list_display.index("applicant")
    filters = {"_changelist_filters": f"o={column}"}
    sorted_by_name = reviewing.get(review_url(by_name[2]), filters)
    only_open = reviewing.get(review_url(by_name[2]), {"_changelist_filters": f"o={column}&status=received"})

    assert sorted_by_name.context["place"].position == 3
    assert f"/{by_name[1].pk}/change/" in sorted_by_name.context["previous_url"]
    assert f"/{by_name[3].pk}/change/" in sorted_by_name.context["next_url"]
    assert (only_open.context["place"].position, only_open.context["place"].length) == (2, 3)
    assert f"/{by_name[0].pk}/change/" in only_open.context["previous_url"]
    assert f"_changelist_filters=o%3D{column}%26status%3Dreceived" in only_open.context["previous_url"]


def test_the_queue_never_leads_to_an_application_of_somebody_else(reviewing, make_application, other_project):
    application = make_application()
    make_application(other_project, email="b@example.org")

    place = reviewing.get(review_url(application)).context["place"]

    assert (place.length, place.previous, place.next) == (1, None, None)


def test_nonsense_filters_fall_back_to_the_whole_list(reviewing, make_application):
    application = make_application()

    response = reviewing.get(review_url(application), {"_changelist_filters": "no_such_field=1&p=9999"})

    assert response.status_code == 200
    assert response.context["place"].length == 1


def test_a_note_keeps_author_and_time_and_begins_the_reading(reviewing, supervisor, make_application):
    application = make_application()

    response = reviewing.post(f"{LIST}{application.pk}/note/", {"text": "Call the tutor.\nThen decide."})

    note = application.events.get(kind=Event.Kind.NOTE)
    application.refresh_from_db()
    assert response["Location"] == review_url(application) + "#notes"
    assert (note.text, note.user, note.actor_name) == ("Call the tutor.\nThen decide.", supervisor, "Sofia Supervisor")
    assert application.status == Status.IN_REVIEW
    assert "Call the tutor." not in LogEntry.objects.get().get_change_message()


def test_a_note_that_is_too_long_comes_back_with_its_words(reviewing, make_application):
    application = make_application()
    words = "many words " * 600

    response = reviewing.post(f"{LIST}{application.pk}/note/", {"text": words})

    assert response.status_code == 200
    assert words.strip() in response.content.decode()
    assert not application.events.filter(kind=Event.Kind.NOTE).exists()


def test_a_later_note_leaves_the_status_alone(reviewing, supervisor, make_application):
    application = make_application()
    workflow.decide(application, Status.INTERVIEW, by=supervisor)

    reviewing.post(f"{LIST}{application.pk}/note/", {"text": "It went well."})

    application.refresh_from_db()
    assert application.status == Status.INTERVIEW


def test_an_unconfirmed_address_is_marked(reviewing, make_application):
    application = make_application()
    assert "not confirmed yet" in reviewing.get(review_url(application)).content.decode()

    workflow.confirm_address(application)

    assert "not confirmed yet" not in reviewing.get(review_url(application)).content.decode()


def test_replaced_documents_and_answers_stay_readable(reviewing, make_application, make_uploads):
    application = make_application(motivation="First words.")
    workflow.correct_answers(application, {**application.answers, "motivation": "Better words."})
    former = application.current_documents()[0]
    workflow.replace_documents(application, make_uploads()[:1])

    page = reviewing.get(review_url(application)).content.decode()

    assert "First words." in page
    assert "Better words." in page
    assert former.get_absolute_url() in page


def test_erasing_asks_first_and_then_leads_back_to_the_list(reviewing, make_application):
    application = make_application()
    url = f"{LIST}{application.pk}/erase/"

    asked = reviewing.get(url)
    assert Application.objects.filter(pk=application.pk).exists()
    done = reviewing.post(url)

    assert "cannot be undone" in asked.content.decode()
    assert done["Location"] == LIST
    assert not Application.objects.filter(pk=application.pk).exists()
    assert LogEntry.objects.get().object_repr == application.reference


@pytest.mark.parametrize(("page", "fields"), [("erase", {}), ("note", {"text": "Good."}), ("review", {"rating": "4"})])
def test_what_a_colleague_erases_at_that_very_moment_is_404(reviewing, make_application, monkeypatch, page, fields):
    application = make_application()
    looked_up = ApplicationAdmin._application

    def erased_after_the_look(self, *args, **kwargs):
        found = looked_up(self, *args, **kwargs)
        workflow.erase(found)
        return found

    monkeypatch.setattr(ApplicationAdmin, "_application", erased_after_the_look)
    assert reviewing.post(f"{LIST}{application.pk}/{page}/", fields).status_code == 404
    assert not LogEntry.objects.exists(), "nobody is said to have done what did not happen"


def test_a_co_advisor_cannot_erase(client, co_advisor, make_application):
    application = make_application()
    client.force_login(co_advisor)

    assert client.post(f"{LIST}{application.pk}/erase/").status_code == 403
    assert "Erase this application" not in client.get(review_url(application)).content.decode()
    assert Application.objects.filter(pk=application.pk).exists()


def test_the_review_page_costs_the_same_whatever_the_list_holds(reviewing, make_application, django_assert_num_queries):
    application = make_application()
    reviewing.get(review_url(application))
    queries = 29
    with django_assert_num_queries(queries):
        reviewing.get(review_url(application))
    for number in range(20):
        make_application(full_name=f"Person {number}", email=f"p{number}@example.org")

    with django_assert_num_queries(queries):
        reviewing.get(review_url(application))


def test_the_review_page_costs_the_same_whatever_the_application_holds(
    reviewing, supervisor, co_advisor, superuser, make_application, make_uploads, criteria, django_assert_num_queries
):
    application = make_application()
    scores = {criterion.pk: 3 for criterion in criteria}
    workflow.review(application, rating=4, scores=scores, by=supervisor)
    workflow.review(application, rating=2, scores=scores, by=co_advisor)
    workflow.note(application, "Note.", by=co_advisor)
    workflow.ask(application, [co_advisor], by=supervisor)
    workflow.stage(application, Status.INTERVIEW, by=co_advisor)
    reviewing.get(review_url(application))
    queries = 30
    with django_assert_num_queries(queries):
        reviewing.get(review_url(application))

    workflow.review(application, rating=5, scores=scores, by=superuser)
    workflow.add_documents(application, make_uploads(3)[1:], by=supervisor)
    for number in range(20):
        workflow.note(application, f"Note {number}.", by=co_advisor)
        workflow.write(application, subject=f"Letter {number}", body="Hello.", by=supervisor)

    with django_assert_num_queries(queries):
        reviewing.get(review_url(application))


# What stands there about the application


def test_it_says_whether_and_by_whom_it_was_entered_without_consent(reviewing, supervisor, make_application):
    application = make_application()
    Application.objects.filter(pk=application.pk).update(entered_by=supervisor, consent_version="")

    page = reviewing.get(review_url(application)).content.decode()

    assert "entered by hand by Sofia Supervisor; the student has not consented yet" in page
    assert "address not confirmed yet" not in page


def test_it_says_how_late_the_promised_answer_is(reviewing, settings, make_application):
    settings.PROMISED_ANSWER_DAYS = 10
    application = make_application()
    assert "late" not in text_of(reviewing, application)
    Application.objects.filter(pk=application.pk).update(received_at=timezone.now() - datetime.timedelta(days=13))

    assert ", 3 days late" in text_of(reviewing, application)


def test_other_applications_of_the_same_person_are_shown_with_project_status_and_link(
    reviewing, supervisor, topic, make_application
):
    earlier = make_application(Project.objects.create(title="Old graphs", topic=topic, supervisor=supervisor))
    Application.objects.filter(pk=earlier.pk).update(
        email="Ada@Example.org", status=Status.DECLINED, received_at=timezone.now() - datetime.timedelta(days=400)
    )
    application = make_application()
    make_application(email="bob@example.org")

    response = reviewing.get(review_url(application))

    assert response.context["same_person"] == [earlier]
    for words in ("1 other application of this person", "Old graphs", "Declined", review_url(earlier)):
        assert words in response.content.decode()


def test_applications_of_the_same_person_to_foreign_projects_are_not_shown(reviewing, make_application, other_project):
    foreign = make_application(other_project)
    application = make_application()

    response = reviewing.get(review_url(application))

    assert response.context["same_person"] == []
    assert foreign.reference not in response.content.decode()
    assert other_project.title not in response.content.decode()


def test_a_staged_decision_stands_there_with_its_ways_on(reviewing, co_advisor, make_application):
    application = make_application()
    workflow.stage(application, Status.DECLINED, by=co_advisor)

    page = text_of(reviewing, application)

    addresses = [f"{LIST}{application.pk}/staged/", f"{LIST}{application.pk}/clear/", f"{LIST}release/"]
    for words in ("Staged:", "By Carl Coadvisor on", *addresses):
        assert words in page


def test_a_decision_on_its_way_can_be_called_back_and_nothing_else_be_decided(
    reviewing, settings, supervisor, make_application
):
    settings.RELEASE_DELAY = 10
    application = make_application()
    workflow.release(workflow.stage(application, Status.DECLINED, by=supervisor), by=supervisor)

    response = reviewing.get(review_url(application))

    assert "On its way:" in response.content.decode()
    assert f"{LIST}{application.pk}/call-back/" in response.content.decode()
    assert response.context["moves"] == []
    assert "/decide/" not in response.content.decode()


def test_the_last_dropped_decision_stands_there_with_its_reason(reviewing, supervisor, make_application):
    application = make_application()
    workflow.stage(application, Status.OFFERED, by=supervisor)
    workflow.withdraw(application, "")

    page = text_of(reviewing, application)

    assert "Dropped:" in page
    assert Decision.objects.get().dropped_why in page


def test_what_the_reviewers_have_told_can_be_undone_and_nothing_else(reviewing, supervisor, make_application):
    application = make_application()
    assert f"{LIST}{application.pk}/undo/" not in text_of(reviewing, application)

    workflow.decide(application, Status.DECLINED, by=supervisor)

    assert f"{LIST}{application.pk}/undo/" in text_of(reviewing, application)


def test_the_history_says_in_plain_words_what_happened(reviewing, supervisor, co_advisor, make_application):
    application = make_application()
    workflow.ask(application, [co_advisor], by=supervisor)
    workflow.abstain(application, by=co_advisor)
    workflow.clear(workflow.stage(application, Status.DECLINED, by=supervisor), by=supervisor)
    workflow.write(application, subject="A question", body="When?", by=supervisor)

    page = " ".join(text_of(reviewing, application).replace("<strong>", "").replace("</strong>", "").split())

    for words in ("Asked for a review: Carl Coadvisor", "Abstained", "Decision staged: Declined",
                  "Staged decision cleared: Declined", "Letter to the student: A question"):  # fmt: skip
        assert words in page


def test_the_page_hands_on_whether_its_keys_are_on(reviewing, supervisor, make_application):
    application = make_application()
    assert 'data-shortcuts="on"' in text_of(reviewing, application)

    Preference.objects.create(user=supervisor, shortcuts=False)

    assert 'data-shortcuts="off"' in text_of(reviewing, application)


def test_the_places_that_are_promised_are_not_called_free_without_a_word(
    reviewing, project, make_application, supervisor
):
    project.places = 3
    project.save()
    workflow.stage(make_application(email="out@example.org"), "offered", by=supervisor)
    application = make_application(email="here@example.org")

    assert "3 of 3 places free, 1 of them promised" in reviewing.get(review_url(application)).content.decode()
