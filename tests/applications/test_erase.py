"""Erasing: nothing of a person remains, in no table and no folder; and no other way to remove an application exists."""

import datetime
from unittest import mock

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, connection, transaction
from django.db.models import PROTECT, ProtectedError
from django.utils import timezone

from applications import documents, letters, models, storage, workflow
from applications.models import Application, Decision, Document, Event, Export, FormerAnswers, Letter, Upload
from projects.models import CoAdvisor, Question

CANARY = "Canaria"


@pytest.fixture
def full_application(make_application, make_uploads, answers, supervisor) -> Application:
    """An application to which everything has happened that can, with a name that stands nowhere else."""
    application = make_application(
        full_name=f"{CANARY} Example",
        email=f"{CANARY}@example.org",
        motivation=f"I am {CANARY}.",
        university=f"{CANARY} University",
        links=f"https://example.org/{CANARY}",
    )
    application = workflow.correct_address(application, f"{CANARY}@example.com")
    workflow.correct_answers(application, answers | {"full_name": f"{CANARY} B. Example"})
    workflow.replace_documents(application, make_uploads())
    question = Question.objects.create(project=application.project, prompt="Which course?")
    workflow.correct_answers(application, answers | {"questions": [(question, f"{CANARY} studies")]})
    workflow.send_link(application.email)
    workflow.confirm_address(application)
    letters.send_due()
    workflow.note(application, f"{CANARY} is good.", by=supervisor)
    workflow.ask(application, [supervisor], by=supervisor)
    workflow.set_star(application, True, by=supervisor)
    workflow.review(application, rating=5, comment=f"{CANARY} convinces.", by=supervisor)
    workflow.ask_reviewers(application, f"May {CANARY} come in May?")
    workflow.write(application, subject=f"A question to {CANARY}", body=f"Dear {CANARY}, when?", by=supervisor)
    workflow.decide(application, "offered", by=supervisor, reason=f"{CANARY} shall come.")
    workflow.withdraw(application, f"{CANARY} goes elsewhere.")
    LogEntry.objects.create(user=supervisor, action_flag=2, object_id=application.pk, object_repr=str(application))
    return application


def rows_with(word: str) -> list[str]:
    """Every row of every table in which the word stands."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            found += [f"{table}: {row}" for row in cursor.fetchall() if word.casefold() in str(row).casefold()]
    return found


@pytest.mark.django_db(transaction=True)
def test_nothing_remains_of_an_erased_application_in_any_table_or_folder(
    full_application, stored_files, letter_files, data_folder
):
    tables = {row.split(":")[0] for row in rows_with(CANARY)}
    assert "applications_searchentry" in tables
    assert {table for table in tables if "search" not in table} == {
        f"applications_{name}"
        for name in (
            "application",
            "decision",
            "event",
            "formeranswers",
            "letter",
            "message",
            "questionanswer",
            "review",
        )
    }
    assert len(stored_files()) == 4
    assert letter_files()

    workflow.erase(full_application)

    assert rows_with(CANARY) == []
    assert stored_files() == []
    assert letter_files() == []
    assert [path for path in data_folder.rglob("*") if path.is_file()] == []
    for model in (Application, Decision, Document, Event, FormerAnswers, Letter, Upload):
        assert not model.objects.exists(), model


@pytest.mark.django_db(transaction=True)
def test_erasing_one_leaves_the_others_whole(make_application, stored_files):
    ada, bob = make_application(), make_application(email="bob@example.org")
    workflow.erase(ada)
    assert Application.objects.get() == bob
    assert len(stored_files()) == 2
    assert all(document.file.storage.exists(document.file.name) for document in bob.documents.all())
    assert (bob.letters.count(), bob.events.count()) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_the_student_may_apply_again_after_erasure(application, make_application):
    workflow.erase(application)
    assert make_application().status == "received"


@pytest.mark.django_db(transaction=True)
def test_the_place_of_an_accepted_student_stays_taken(make_application, project):
    project.places = 1
    project.save()
    workflow.erase(workflow.accept_offer(make_application(status="offered")))
    project.refresh_from_db()
    assert (project.places_taken, project.is_open()) == (1, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Document, Letter, Event, Application])
def test_when_the_database_fails_in_the_middle_everything_is_still_there(
    full_application, stored_files, letter_files, model
):
    before = (rows_with(CANARY), stored_files(), letter_files())

    def fail(execute, sql, params, many, context):
        if sql.startswith("DELETE") and model._meta.db_table in sql:
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(DatabaseError):
        workflow.erase(full_application)

    assert (rows_with(CANARY), stored_files(), letter_files()) == before


@pytest.mark.django_db(transaction=True)
def test_files_go_only_when_the_erasure_is_certain(application, stored_files):
    with transaction.atomic():
        workflow.erase(application)
        assert len(stored_files()) == 2
        transaction.set_rollback(True)
    assert len(stored_files()) == 2
    assert Application.objects.get().documents.count() == 2


@pytest.mark.django_db(transaction=True)
def test_files_a_killed_process_left_behind_after_the_rows_were_gone_are_swept(application, stored_files, monkeypatch):
    monkeypatch.setattr(models.application, "_remove_files", lambda *names: None)
    workflow.erase(application)
    assert len(stored_files()) == 2
    assert documents.sweep(timezone.now() + datetime.timedelta(hours=25)) == 2
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_is_away_stops_nobodys_erasure(application, stored_files, supervisor, monkeypatch, caplog):
    export = Export.objects.create(user=supervisor, format="csv", state=Export.State.READY)
    away = OSError("the storage does not answer")
    monkeypatch.setattr(storage.DocumentFolder, "delete", mock.Mock(side_effect=away))

    assert workflow.erase(application) is True

    assert not Application.objects.exists()
    export.refresh_from_db()
    assert export.state == Export.State.REMOVED  # whoever has its address gets nothing when the storage is back
    assert "are swept within a day" in caplog.text
    monkeypatch.undo()
    assert documents.sweep(timezone.now() + datetime.timedelta(hours=25)) == 2
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_erasing_twice_at_once_erases_once(application, stored_files, at_once):
    outcomes = at_once(*[lambda: workflow.erase(Application.objects.get(pk=application.pk))] * 2)
    assert sum(outcome is True for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Application.DoesNotExist) for outcome in outcomes) == 1
    assert stored_files() == []


# No other way


def test_deleting_a_row_is_refused(application):
    with pytest.raises(TypeError):
        application.delete()
    assert Application.objects.exists()


def test_deleting_a_list_is_refused(application):
    with pytest.raises(ProtectedError):
        Application.objects.all().delete()
    with pytest.raises(ProtectedError):
        Application.objects.filter(pk=application.pk).delete()
    assert application.documents.count() == 2


def test_deleting_the_project_or_a_person_who_decided_is_refused(application, project, supervisor):
    workflow.decide(application, "declined", by=supervisor)
    with pytest.raises(ProtectedError):
        project.delete()
    project.supervisor = None
    project.save()
    with pytest.raises(ProtectedError):
        supervisor.delete()


def test_everything_that_points_to_an_application_protects_it():
    relations = Application._meta.related_objects
    assert relations
    assert {relation.on_delete for relation in relations} == {PROTECT}


def test_every_table_with_personal_words_is_known_to_the_erasure():
    """A new model that points to an application must be removed by `erase()`; this list is the reminder."""
    pointing = {model.__name__ for model in apps.get_models() if points_to_application(model)}
    assert pointing == {
        *("Decision", "Document", "Event", "FormerAnswers", "Letter", "Reading", "Review", "ReviewRequest"),
        *("SearchEntry", "Star", "QuestionAnswer", "Message", "Opening"),
    }


def points_to_application(model) -> bool:
    return any(field.related_model is Application for field in model._meta.concrete_fields)


def test_a_supervisor_who_only_co_advises_a_project_erases_nothing_of_it(
    signed_in, application, project, other_supervisor, supervisor
):
    project.co_advisors.add(CoAdvisor.objects.create(name="Otto", user=other_supervisor))
    page = f"/admin/applications/application/{application.pk}/"
    browser = signed_in(other_supervisor)

    assert "Erase this application" not in browser.get(f"{page}change/").content.decode()
    assert browser.post(f"{page}erase/").status_code == 403
    assert Application.objects.filter(pk=application.pk).exists()
    assert "Erase this application" in signed_in(supervisor).get(f"{page}change/").content.decode()
