"""The review page: everything about one application in one place, and the queue around it."""

import pytest
from django.contrib.admin.models import LogEntry

from applications import workflow
from applications.admin import ApplicationAdmin
from applications.models import Application, Event
from applications.statuses import REVIEWER_MOVES, Status

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/application/"


def review_url(application: Application) -> str:
    return f"{LIST}{application.pk}/change/"


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

    sorted_by_name = reviewing.get(review_url(by_name[2]), {"_changelist_filters": "o=0"})
    only_open = reviewing.get(review_url(by_name[2]), {"_changelist_filters": "o=0&status=received"})

    assert sorted_by_name.context["place"].position == 3
    assert f"/{by_name[1].pk}/change/" in sorted_by_name.context["previous_url"]
    assert f"/{by_name[3].pk}/change/" in sorted_by_name.context["next_url"]
    assert (only_open.context["place"].position, only_open.context["place"].length) == (2, 3)
    assert f"/{by_name[0].pk}/change/" in only_open.context["previous_url"]
    assert "_changelist_filters=o%3D0%26status%3Dreceived" in only_open.context["previous_url"]


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
    queries = 15
    with django_assert_num_queries(queries):
        reviewing.get(review_url(application))
    for number in range(20):
        make_application(full_name=f"Person {number}", email=f"p{number}@example.org")

    with django_assert_num_queries(queries):
        reviewing.get(review_url(application))
