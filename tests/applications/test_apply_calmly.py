"""What may happen while one applies, with nothing lost: a long night, a new language, a deadline, a second project."""

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from applications import workflow
from applications.models import Application, Document, Upload
from applications.tokens import document_token, opened_at, opened_token
from projects.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def fields(answers, cv_file, transcript_file):
    """The fields of the form, filled in; a new set of files at each call."""

    def make(**changed) -> dict:
        return {
            **answers,
            "earliest_start": answers["earliest_start"].isoformat(),
            "consent": "on",
            "nonce": "one-form",
            "cv": cv_file(),
            "transcripts": [transcript_file()],
        } | changed

    return make


def again(form) -> dict:
    """What the browser sends when somebody presses the button of a form that was shown once more."""
    data = {field.html_name: field.value() or "" for field in form.fields_without_files}
    for name, token, _upload in form.all_kept:
        data.setdefault(f"kept_{name}", []).append(token)
    return data


# A page that lay open through the night


def test_a_form_without_a_valid_token_is_shown_again_with_its_text_and_files_and_one_more_press_sends_it(
    address, fields
):
    browser = Client(enforce_csrf_checks=True)
    browser.get(address)
    response = browser.post(address, fields(csrfmiddlewaretoken="x" * 64))
    assert response.status_code == 403
    page = response.content.decode()
    assert "Nothing is lost" in page
    assert "I would like to align sequences." in page
    assert "cv.pdf" in page
    assert not Application.objects.exists()

    data = again(response.context["form"]) | {"csrfmiddlewaretoken": str(response.context["csrf_token"])}
    assert browser.post(address, data).status_code == 302
    assert Application.objects.get().motivation == "I would like to align sequences."


def test_without_any_cookie_the_text_and_files_are_kept_as_well(address, fields):
    browser = Client(enforce_csrf_checks=True)
    response = browser.post(address, fields())
    assert response.status_code == 403
    assert "I would like to align sequences." in response.content.decode()
    data = again(response.context["form"]) | {"csrfmiddlewaretoken": str(response.context["csrf_token"])}
    assert browser.post(address, data).status_code == 302


def test_a_form_without_a_token_never_hands_in(address, fields):
    browser = Client(enforce_csrf_checks=True)
    for action in ("", "preview", "edit"):
        assert browser.post(address, fields(action=action)).status_code == 403
    assert not Application.objects.exists()


def test_a_closed_project_answers_a_form_without_a_token_as_one_with_it_and_shows_its_text(address, fields):
    Project.objects.update(closed_at=timezone.now())
    without = Client(enforce_csrf_checks=True).post(address, fields())
    assert without.status_code == Client().post(address, fields()).status_code == 409
    assert "This project is closed" in without.content.decode()
    assert "I would like to align sequences." in without.content.decode()
    assert not Application.objects.exists()


# Another language


def test_changing_the_language_keeps_what_was_typed_and_chosen_and_complains_of_nothing(client, address, fields):
    response = client.post(address, fields(language="de", full_name="", motivation="Because of attention."))
    page = response.content.decode()
    assert response.status_code == 200
    assert '<html lang="de">' in page
    assert "Because of attention." in page
    assert [name for name, _token, _upload in response.context["form"].all_kept] == ["cv", "transcripts"]
    assert "error-summary" not in page
    assert not Application.objects.exists()
    assert '<html lang="de">' in client.get(address).content.decode()


def test_a_language_that_is_not_spoken_here_changes_nothing(client, address, fields):
    assert client.post(address, fields(language="xx")).status_code == 302


def test_letters_follow_the_language_in_which_one_applied(client, address, fields):
    client.post(address, fields(), headers={"accept-language": "de"})
    application = Application.objects.get()
    assert application.language == "de"
    receipt = application.letters.get(kind="received")
    assert (receipt.language, application.reference in receipt.subject) == ("de", True)
    notice = application.letters.filter(kind="notice_received").first()
    assert notice.language == "en"
    assert "has applied to the project" in notice.body


# The deadline


@pytest.fixture
def at(monkeypatch):
    """Sets the clock of everything that asks for the time."""

    def set_clock(moment: datetime.datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: moment)
        monkeypatch.setattr("time.time", lambda: moment.timestamp())

    return set_clock


@pytest.fixture
def midnight(project, answers) -> datetime.datetime:
    """The end of the project's deadline, some days from now."""
    project.deadline = timezone.localdate() + datetime.timedelta(days=3)
    project.save()
    answers["earliest_start"] = project.deadline + datetime.timedelta(days=30)
    day_after = project.deadline + datetime.timedelta(days=1)
    return timezone.make_aware(datetime.datetime.combine(day_after, datetime.time.min))


MINUTE = datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("opened", "sent", "status"),
    [
        (-10, -1, 302),
        (-10, 29, 302),
        (-10, 30, 302),
        (-10, 31, 409),
        (1, 2, 409),
        (None, 2, 409),
    ],
    ids=["in time", "in the grace", "at its end", "after it", "opened too late", "nobody knows when"],
)
def test_a_form_that_was_open_before_the_deadline_has_half_an_hour_more(
    client, address, fields, at, midnight, project, opened, sent, status
):
    token = ""
    if opened is not None:
        at(midnight + opened * MINUTE)
        token = opened_token(project)
    at(midnight + sent * MINUTE)
    assert client.post(address, fields(opened=token)).status_code == status


def test_the_grace_is_for_the_deadline_only(client, address, fields, at, midnight, project):
    at(midnight - MINUTE)
    token = opened_token(project)
    Project.objects.update(closed_at=timezone.now())
    at(midnight + MINUTE)
    assert client.post(address, fields(opened=token)).status_code == 409


def test_without_grace_the_deadline_is_the_deadline(client, address, fields, at, midnight, project, settings):
    settings.DEADLINE_GRACE_MINUTES = 0
    at(midnight - MINUTE)
    token = opened_token(project)
    at(midnight + MINUTE)
    assert client.post(address, fields(opened=token)).status_code == 409


def test_the_form_states_the_grace_on_the_last_day_and_not_before(client, address, at, midnight):
    assert "00:30" not in client.get(address).content.decode()
    at(midnight - 60 * MINUTE)
    assert "00:30" in client.get(address).content.decode()


@pytest.mark.parametrize("token", ["", "x", "form.1.2", "form..", "a.b.c.d", "form:1abc:" + "x" * 30])
def test_a_made_up_time_of_opening_counts_for_nothing(project, token):
    assert opened_at(project, token) is None


def test_a_form_that_was_opened_for_one_project_proves_nothing_for_another(project, other_project):
    token = opened_token(project)
    assert opened_at(project, token) is not None
    assert opened_at(other_project, token) is None


# Another project with the same documents


@pytest.fixture
def applied(client, address, fields) -> Application:
    """An application handed in with this browser."""
    client.post(address, fields())
    return Application.objects.get()


def test_another_project_begins_with_the_same_answers_and_documents(client, applied, other_project):
    page = client.get(f"/projects/{other_project.slug}/apply/?again={applied.reference}")
    form = page.context["form"]
    assert form.initial["full_name"] == "Ada Example"
    assert form.initial["email"] == "ada@example.org"
    assert form.initial["motivation"] == ""
    assert [upload.original_name for _name, _token, upload in form.all_kept] == ["cv.pdf", "transcript.pdf"]
    assert "I would like to align sequences." in page.content.decode()  # to be read beside it


def test_one_step_hands_in_to_another_project_with_copies_that_are_erased_by_themselves(
    client, applied, other_project, stored_files, django_capture_on_commit_callbacks
):
    url = f"/projects/{other_project.slug}/apply/"
    data = again(client.get(f"{url}?again={applied.reference}").context["form"])
    data |= {"motivation": "Graphs, then.", "consent": "on"}
    assert client.post(url, data).status_code == 302
    second = Application.objects.get(project=other_project)
    first_names = {document.file.name for document in applied.documents.all()}
    assert {document.sha256 for document in second.documents.all()} == {
        document.sha256 for document in applied.documents.all()
    }
    assert first_names.isdisjoint(document.file.name for document in second.documents.all())
    assert len(stored_files()) == 4
    with django_capture_on_commit_callbacks(execute=True):
        workflow.erase(applied)
    assert len(stored_files()) == 2


def test_looking_at_the_form_copies_nothing(client, applied, other_project, stored_files):
    client.get(f"/projects/{other_project.slug}/apply/?again={applied.reference}")
    assert len(stored_files()) == 2
    assert not Upload.objects.exists()


def test_sending_the_form_again_and_again_copies_the_documents_once(client, applied, other_project, stored_files):
    url = f"/projects/{other_project.slug}/apply/"
    data = again(client.get(f"{url}?again={applied.reference}").context["form"])
    for _ in range(4):
        assert client.post(url, data | {"motivation": ""}).status_code == 200
    assert Upload.objects.count() == 2
    assert len(stored_files()) == 4


def test_pages_with_somebody_s_data_are_kept_by_no_browser(client, address, applied, other_project, fields):
    url = f"/projects/{other_project.slug}/apply/"
    for page in (client.get(f"{url}?again={applied.reference}"), client.post(url, fields(action="preview"))):
        assert "Ada Example" in page.content.decode()
        assert "no-store" in page["Cache-Control"]
    assert "no-store" not in client.get(url).headers.get("Cache-Control", "")  # Back finds what was typed


def test_another_browser_gets_an_empty_form_and_none_of_the_documents(
    applied, other_project, make_application, stored_files
):
    stranger = Client()
    url = f"/projects/{other_project.slug}/apply/"
    form = stranger.get(f"{url}?again={applied.reference}").context["form"]
    assert "full_name" not in form.initial
    assert form.all_kept == []
    token = document_token(Document.objects.filter(application=applied, kind="cv").get().pk)
    response = stranger.post(url, {"kept_cv": token})
    assert "no longer kept" in response.content.decode()
    assert len(stored_files()) == 2


@pytest.mark.parametrize("reference", ["", "AAAA-BBBB", "../../x", "%00"])
def test_an_unknown_reference_gives_an_empty_form(client, address, reference):
    response = client.get(f"{address}?again={reference}")
    assert response.status_code == 200
    assert response.context["form"].all_kept == []


# A project that closed while one wrote


def test_what_was_meant_for_a_project_that_closed_goes_on_with_another_one(
    client, address, fields, project, other_project
):
    Project.objects.filter(pk=project.pk).update(closed_at=timezone.now())
    response = client.post(address, fields())
    assert response.status_code == 409
    page = response.content.decode()
    assert f"Go on with “{other_project.title}”" in page
    carried = {}
    for name, value in response.context["carried"]:
        carried.setdefault(name, []).append(value)
    other = f"/projects/{other_project.slug}/apply/"
    response = client.post(other, carried | {"action": "begin"})
    form = response.context["form"]
    assert form["full_name"].value() == "Ada Example"
    assert [name for name, _token, _upload in form.all_kept] == ["cv", "transcripts"]
    assert "error-summary" not in response.content.decode()
    assert client.post(other, again(form) | {"consent": "on"}).status_code == 302


def test_who_has_withdrawn_applies_again_with_everything_that_was_handed_in(client, address, applied):
    workflow.withdraw(applied)
    assert f"?again={applied.reference}" in client.get(f"/applications/{applied.reference}/").content.decode()
    form = client.get(f"{address}?again={applied.reference}").context["form"]
    assert form.initial["motivation"] == applied.motivation
    assert client.post(address, again(form) | {"consent": "on"}).status_code == 302


def test_a_text_that_is_too_long_is_said_and_never_cut_by_the_browser(client, address, fields):
    assert "maxlength" not in str(client.get(address).context["form"]["motivation"])
    response = client.post(address, fields(motivation="x" * 4001))
    assert "at most 4000" in response.content.decode()
    assert "x" * 4001 in response.content.decode()


def test_students_with_an_idea_of_their_own_are_asked_for_it_first(client, address, project):
    project.is_own_idea = True
    project.save()
    project.ask_for_idea()
    page = client.get(address).content.decode()
    assert page.index("Title of your idea") < page.index("Why with us, and why you?")
