"""Handing in: one unit or nothing, once and not twice, and only while the project is open."""

import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from applications import letters, workflow
from applications.models import (
    REFERENCE_ALPHABET,
    Application,
    Document,
    Event,
    Letter,
    Upload,
    email_key,
    new_reference,
)
from projects.models import Project


def rows_of_an_application() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Application, Document, Event, Letter)}


NOTHING = {"Application": 0, "Document": 0, "Event": 0, "Letter": 0}


def submit(project, answers, uploads, nonce="one"):
    return workflow.submit(project, answers=answers, uploads=uploads, nonce=nonce)


# One unit


def test_an_application_is_kept_with_documents_history_and_letters(project, answers, make_uploads):
    uploads = make_uploads(transcripts=2)

    application = submit(project, answers, uploads)

    application.refresh_from_db()
    assert {name: application.answers[name] for name in Application.ANSWERS} == {
        name: answers[name] for name in Application.ANSWERS
    }
    assert application.status == "received"
    assert application.consent_version == workflow.CONSENT_VERSION
    assert [d.label for d in application.current_documents()] == ["CV", "Transcript 1", "Transcript 2"]
    assert not Upload.objects.exists()
    assert [event.kind for event in application.events.all()] == ["submitted"]
    assert {(letter.kind, letter.recipient) for letter in application.letters.all()} == {
        ("received", "ada@example.org"),
        ("notice_received", "sofia@example.org"),
        ("notice_received", "carl@example.org"),
    }
    assert {letter.status for letter in application.letters.all()} == {"queued"}


def test_the_documents_are_the_uploads_under_the_same_names(project, answers, make_uploads, stored_files):
    uploads = make_uploads()
    before = stored_files()

    application = submit(project, answers, uploads)

    for upload, document in zip(uploads, application.current_documents(), strict=True):
        for field in ("id", "kind", "original_name", "size", "sha256", "pages", "flags", "created_at"):
            assert getattr(document, field) == getattr(upload, field), field
        assert document.file.name == upload.file.name
    assert stored_files() == before


@pytest.mark.parametrize("broken", ["receipt", "notice_received"])
def test_when_a_letter_cannot_be_written_nothing_is_kept_and_the_files_can_be_used_again(
    project, answers, make_uploads, monkeypatch, broken
):
    uploads = make_uploads()
    with monkeypatch.context() as patch:
        patch.setattr(letters, broken, fail_with(RuntimeError("no template")))
        with pytest.raises(RuntimeError):
            submit(project, answers, uploads)

    assert rows_of_an_application() == NOTHING
    assert Upload.objects.count() == 2
    assert submit(project, answers, uploads).current_documents()


@pytest.mark.parametrize("table", ["application", "document", "event", "letter"])
def test_when_the_database_fails_at_any_row_nothing_is_kept_and_the_files_can_be_used_again(
    project, answers, make_uploads, table
):
    uploads = make_uploads()

    def fail_at_table(execute, sql, params, many, context):
        if sql.startswith(f'INSERT INTO "applications_{table}"'):
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_at_table), pytest.raises(DatabaseError):
        submit(project, answers, uploads)

    assert rows_of_an_application() == NOTHING
    assert Upload.objects.count() == 2
    assert submit(project, answers, uploads).current_documents()


def fail_with(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.mark.parametrize("kept", [0, 1], ids=["without transcript", "without CV"])
def test_an_application_without_cv_or_transcript_is_refused(project, answers, make_uploads, kept):
    uploads = make_uploads()
    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers, [uploads[kept]])
    assert refused.value.code == "documents_missing"
    assert rows_of_an_application() == NOTHING
    assert Upload.objects.count() == 2


def test_an_upload_that_was_swept_meanwhile_is_asked_for_again(project, answers, make_uploads):
    uploads = make_uploads()
    Upload.objects.filter(pk=uploads[1].pk).delete()
    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers, uploads)
    assert refused.value.code == "uploads_gone"
    assert "choose it again" in refused.value.message
    assert rows_of_an_application() == NOTHING


def test_an_upload_serves_one_application_only(project, other_project, answers, make_uploads):
    uploads = make_uploads()
    submit(project, answers, uploads)
    with pytest.raises(workflow.Refused) as refused:
        submit(other_project, answers, uploads)
    assert refused.value.code == "uploads_gone"
    assert Application.objects.count() == 1
    assert Document.objects.count() == 2


# Once and not twice


def test_the_same_form_sent_again_finds_its_application_and_keeps_nothing_new(project, answers, make_uploads):
    first = submit(project, answers, make_uploads())
    before = rows_of_an_application()
    again = submit(project, answers | {"motivation": "Other words."}, make_uploads())
    assert again == first
    assert again.motivation == answers["motivation"]
    assert rows_of_an_application() == before


def test_the_same_form_sent_again_finds_its_application_even_when_the_project_is_closed_by_then(
    project, answers, make_uploads
):
    first = submit(project, answers, make_uploads())
    Project.objects.update(closed_at=timezone.now())
    assert submit(project, answers, []) == first


def test_a_form_without_nonce_never_finds_somebody_elses_application(project, answers, make_uploads):
    submit(project, answers, make_uploads(), nonce="")
    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers, make_uploads(), nonce="")
    assert refused.value.code == "duplicate"


@pytest.mark.parametrize(
    "spelling",
    ["ada@example.org", "  ADA@Example.ORG ", "ａda@example.org"],
    ids=["same", "other case", "full-width letter"],
)
def test_the_same_address_applying_again_keeps_nothing_new_but_one_letter(project, answers, make_uploads, spelling):
    first = submit(project, answers, make_uploads())
    uploads = make_uploads()
    before = rows_of_an_application()

    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers | {"email": spelling, "full_name": "Eve Example"}, uploads, nonce="two")

    assert refused.value.code == "duplicate"
    assert first.reference not in refused.value.message
    assert rows_of_an_application() == before | {"Event": before["Event"] + 1, "Letter": before["Letter"] + 1}
    letter = Letter.objects.get(kind="applied_again")
    assert letter.recipient == "ada@example.org"
    assert letters.MANAGE_LINK in letter.body
    assert Upload.objects.count() == 2  # they are swept later
    assert "Eve" not in letter.body


def test_one_student_can_apply_to_several_projects(project, other_project, make_application):
    make_application(project)
    make_application(other_project)
    assert Application.objects.count() == 2


def test_someone_who_keeps_applying_again_cannot_flood_the_address_with_letters(project, answers, make_uploads):
    submit(project, answers, make_uploads())
    for number in range(6):
        with pytest.raises(workflow.Refused):
            submit(project, answers, [], nonce=f"again {number}")
    assert Letter.objects.filter(kind="applied_again").count() == 3


def test_a_declined_student_cannot_apply_again_to_that_project(make_application, project, answers, make_uploads):
    make_application(status="declined")
    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers, make_uploads(), nonce="another try")
    assert refused.value.code == "duplicate"


def test_a_student_who_withdrew_can_apply_again(make_application):
    first = make_application(status="withdrawn")
    second = make_application()
    assert second != first
    assert second.reference != first.reference
    assert second.status == "received"


def test_the_database_itself_keeps_a_second_live_application_out(application):
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.create(
            project=application.project,
            email="ADA@example.org",
            earliest_start=timezone.localdate(),
            consent_version="1",
        )


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_application(project, answers, make_uploads, at_once):
    pairs = [make_uploads(), make_uploads(), make_uploads()]

    outcomes = at_once(*(lambda uploads=uploads: submit(project, answers, uploads) for uploads in pairs))

    assert {outcome.pk for outcome in outcomes} == {Application.objects.get().pk}
    assert Document.objects.count() == 2
    assert Letter.objects.count() == 3
    assert Upload.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_two_forms_sent_at_once_with_one_address_the_second_is_a_duplicate_with_one_letter(
    project, answers, make_uploads, at_once
):
    one, two = make_uploads(), make_uploads()

    outcomes = at_once(
        lambda: submit(project, answers, one, nonce="one"),
        lambda: submit(project, answers | {"email": "Ada@Example.org"}, two, nonce="two"),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Application", "Refused"]
    assert next(o for o in outcomes if isinstance(o, workflow.Refused)).code == "duplicate"
    assert Application.objects.count() == 1
    assert Letter.objects.filter(kind="applied_again").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_applications_cannot_claim_the_same_files_at_once(project, other_project, answers, make_uploads, at_once):
    uploads = make_uploads()
    outcomes = at_once(
        lambda: submit(project, answers, uploads), lambda: submit(other_project, answers, uploads, nonce="two")
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Application", "Refused"]
    assert next(o for o in outcomes if isinstance(o, workflow.Refused)).code == "uploads_gone"
    assert Document.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_rush_of_students_loses_nobody(project, answers, make_uploads, at_once):
    students = [(f"student{number}@example.org", make_uploads()) for number in range(8)]
    outcomes = at_once(
        *(
            lambda address=address, uploads=uploads: submit(
                project, answers | {"email": address}, uploads, nonce=address
            )
            for address, uploads in students
        )
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Application"] * 8
    assert Application.objects.count() == 8
    assert Document.objects.count() == 16


# Only while the project is open

TODAY = datetime.date(2027, 3, 14)
SHUT = {
    "unpublished": {"is_published": False},
    "closed": {"closed_at": timezone.now()},
    "full": {"places": 2, "places_taken": 2},
    "expired": {"deadline": timezone.localdate() - datetime.timedelta(days=1)},
    "not_yet": {"opens_on": timezone.localdate() + datetime.timedelta(days=1)},
}


@pytest.mark.parametrize("code", SHUT)
def test_a_project_that_takes_no_applications_refuses_with_its_reason(project, answers, make_uploads, code):
    stale = Project.objects.get(pk=project.pk)  # as loaded by a page just before the project was shut
    uploads = make_uploads()
    Project.objects.update(**SHUT[code])

    with pytest.raises(workflow.Refused) as refused:
        submit(stale, answers, uploads)

    assert refused.value.code == code
    assert refused.value.message
    assert rows_of_an_application() == NOTHING
    assert Upload.objects.count() == 2


def test_a_shut_project_does_not_write_to_those_who_applied_before(project, application, answers):
    Project.objects.update(closed_at=timezone.now())
    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers, [], nonce="another")
    assert refused.value.code == "closed"
    assert not Letter.objects.filter(kind="applied_again").exists()


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [
        ("2027-03-14 23:59:59", True),
        ("2027-03-15 00:00:01", False),
        ("2027-03-13 00:00:01", True),
        ("2027-03-12 23:59:59", False),
    ],
)
def test_the_opening_day_and_the_deadline_count_whole_in_the_projects_time_zone(
    project, answers, make_uploads, monkeypatch, settings, clock, is_open
):
    settings.TIME_ZONE = "America/New_York"  # the same moment is already another day in UTC
    Project.objects.update(opens_on="2027-03-13", deadline="2027-03-14")
    moment = datetime.datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo("America/New_York"))
    uploads = make_uploads()
    monkeypatch.setattr(timezone, "now", lambda: moment.astimezone(datetime.UTC))

    if is_open:
        assert submit(project, answers, uploads).status == "received"
    else:
        with pytest.raises(workflow.Refused):
            submit(project, answers, uploads)
    assert Project.objects.open().exists() == is_open


@pytest.mark.django_db(transaction=True)
def test_a_project_that_closes_at_the_same_moment_has_either_taken_the_application_or_not(
    project, answers, make_uploads, at_once
):
    uploads = make_uploads()
    outcome, _closed = at_once(
        lambda: submit(project, answers, uploads),
        lambda: Project.objects.update(closed_at=timezone.now()),
    )
    taken = isinstance(outcome, Application)
    assert taken or outcome.code == "closed"
    assert Application.objects.count() == taken
    assert Upload.objects.count() == (0 if taken else 2)


# Addresses and references


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("ada@müller.example", "ADA@MÜLLER.example"),
        ("ada@mu\u0308ller.example", "ada@m\u00fcller.example"),
        ("ada@straße.example", "ADA@STRASSE.example"),
        ("ａｄａ@example.org", "ada@example.org"),
        (" ada@example.org\t", "ada@example.org"),
    ],
)
def test_two_spellings_of_one_address_are_the_same_applicant(one, two):
    assert email_key(one) == email_key(two)


@pytest.mark.parametrize("other", ["ada@example.com", "ada+msc@example.org", "a.da@example.org"])
def test_two_addresses_stay_two_applicants(other):
    assert email_key(other) != email_key("ada@example.org")


def test_two_spellings_with_umlauts_cannot_apply_twice(project, answers, make_uploads):
    submit(project, answers | {"email": "ada@müller.example"}, make_uploads())
    with pytest.raises(workflow.Refused) as refused:
        submit(project, answers | {"email": "Ada@MU\u0308LLER.example"}, [], nonce="two")
    assert refused.value.code == "duplicate"


def test_a_reference_can_be_read_on_the_phone_without_mistakes(db):
    references = {new_reference() for _ in range(200)}
    assert len(references) == 200
    assert all(re.fullmatch(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}", reference) for reference in references)
    assert not set("01OIL") & set(REFERENCE_ALPHABET)
