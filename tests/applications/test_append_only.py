"""The history only grows: the database refuses whoever wants to change or delete a line, and lets erasures through."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.signals import post_migrate, pre_migrate
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications import workflow
from applications.models import Application, Erasure, Event, append_only
from projects.models import Project

GROWS = "only grows"
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite makes tables anew to change them")
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite knows no TRUNCATE")


def refused(statement: str, *values) -> bool:
    """Whether the database refuses this statement, in the words of the guard."""
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return True


@pytest.fixture
def event(application, supervisor) -> Event:
    workflow.note(application, "Good.", by=supervisor)
    return Event.objects.get(kind="note")


@pytest.fixture
def erasure(make_application) -> Erasure:
    workflow.erase(make_application(email="gone@example.org"))
    return Erasure.objects.get()


# What is refused


@pytest.mark.django_db
def test_nobody_changes_a_line_of_the_history(event):
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(text="Bad.")
    event.text = "Bad."
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic():
        event.save()
    assert Event.objects.get(pk=event.pk).text == "Good."


@pytest.mark.django_db
@pytest.mark.parametrize("column", [field.column for field in Event._meta.concrete_fields if not field.primary_key])
def test_no_column_of_the_history_is_changed_by_a_statement(event, column):
    value = {"created_at": timezone.now(), "application_id": 0, "decision_id": 1, "user_id": event.user_id + 1}
    assert refused(
        f"UPDATE applications_event SET {column} = %s WHERE id = %s",  # noqa: S608
        value.get(column, "changed"),
        event.pk,
    )


@pytest.mark.django_db
def test_nobody_deletes_a_line_of_the_history(event):
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic():
        event.delete()
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic():
        Event.objects.all().delete()
    assert refused("DELETE FROM applications_event WHERE id = %s", event.pk)
    assert Event.objects.filter(pk=event.pk).exists()


@pytest.mark.django_db
def test_the_record_of_erasures_is_neither_changed_nor_deleted(erasure):
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic():
        Erasure.objects.update(cause="expired")
    with pytest.raises(IntegrityError, match=GROWS), transaction.atomic():
        erasure.delete()
    assert refused("UPDATE applications_erasure SET fingerprint = %s", "")
    assert refused("DELETE FROM applications_erasure")
    assert Erasure.objects.get().cause == "reviewer"


@on_sqlite
@pytest.mark.django_db
def test_a_line_is_not_replaced_by_another_of_its_number(event):
    columns = "id, application_id, kind, actor, from_status, to_status, created_at, actor_name"
    assert refused(
        f"REPLACE INTO applications_event ({columns}, text) SELECT {columns}, 'Bad.' "  # noqa: S608
        "FROM applications_event WHERE id = %s",
        event.pk,
    )


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["applications_event", "applications_erasure"])
def test_the_tables_are_not_emptied(event, erasure, table):
    assert refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.django_db(transaction=True)
def test_not_even_flush_empties_them_but_for_the_end_of_a_test(event, monkeypatch):
    monkeypatch.delattr("django.core.mail.outbox")  # by which the command knows that it is called by a test
    with pytest.raises(Exception, match="couldn't be flushed"):
        call_command("flush", interactive=False, verbosity=0)
    assert Event.objects.filter(pk=event.pk).exists()
    monkeypatch.undo()
    call_command("flush", interactive=False, verbosity=0)
    assert not Event.objects.exists()
    assert triggers() == ALL


# What is not


@pytest.mark.django_db(transaction=True)
def test_an_erasure_takes_the_lines_of_its_application_and_of_no_other(event, make_application):
    other = make_application(email="bob@example.org")
    workflow.erase(event.application)
    assert set(Event.objects.values_list("application", flat=True)) == {other.pk}


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_fails_leaves_its_lines_guarded(event, monkeypatch):
    monkeypatch.setattr("applications.search.forget_erased", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        workflow.erase(event.application)
    assert refused("DELETE FROM applications_event WHERE id = %s", event.pk)
    assert not Application.objects.get().is_being_erased


@pytest.mark.django_db
def test_an_account_that_is_deleted_is_forgotten_and_its_name_stays(event, supervisor):
    Project.objects.update(supervisor=None)
    supervisor.delete()
    event.refresh_from_db()
    assert (event.user, event.actor_name, event.text) == (None, "Sofia Supervisor", "Good.")


@pytest.mark.django_db
def test_a_project_that_is_deleted_is_forgotten_by_the_record(erasure, project):
    project.delete()
    erasure.refresh_from_db()
    assert (erasure.project, erasure.cause) == (None, "reviewer")


# The triggers are there


def triggers() -> set[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {name for (name,) in cursor.fetchall() if "search" not in name}


DEEDS = {"sqlite": ("stays", "goes", "replaced"), "postgresql": ("stays", "not_emptied")}[connection.vendor]
ALL = {f"applications_{table}_{deed}" for table in ("event", "erasure") for deed in DEEDS}


@pytest.mark.django_db
def test_both_tables_have_their_triggers_after_migrate():
    assert triggers() == ALL


@pytest.mark.django_db
def test_migrate_brings_back_what_is_missing_and_leaves_what_is_there():
    append_only.lift("default")
    assert triggers() == set()
    append_only.keep("default")
    assert triggers() == ALL
    with CaptureQueriesContext(connection) as asked:
        append_only.keep("default")
    assert asked.captured_queries
    assert [query["sql"] for query in asked if query["sql"].startswith(("CREATE", "DROP"))] == []


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_table_that_a_migration_makes_anew_is_guarded_again_after_it(event):
    remake(Event)
    assert not any(name.startswith("applications_event") for name in triggers())
    post_migrate.send(sender=apps.get_app_config("applications"), using="default", **MIGRATE)
    assert triggers() == ALL
    assert refused("DELETE FROM applications_event WHERE id = %s", event.pk)


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_migration_can_make_the_table_of_applications_anew(event):
    """SQLite renames no table while a trigger names one that is not there, so the triggers make way for it."""
    with pytest.raises(OperationalError, match="error in trigger"), transaction.atomic():
        remake_by_hand("applications_application")
    pre_migrate.send(sender=apps.get_app_config("applications"), using="default", **MIGRATE | {"plan": [("a step", 0)]})
    remake(Application)
    post_migrate.send(sender=apps.get_app_config("applications"), using="default", **MIGRATE)
    assert triggers() == ALL
    assert refused("DELETE FROM applications_event WHERE id = %s", event.pk)


@pytest.mark.django_db
def test_a_migrate_with_nothing_to_do_takes_nothing_away():
    pre_migrate.send(sender=apps.get_app_config("applications"), using="default", **MIGRATE)
    assert triggers() == ALL


MIGRATE = {"app_config": apps.get_app_config("applications"), "verbosity": 0, "interactive": False, "plan": []}


def remake(model) -> None:
    """What Django does on SQLite to change a column."""
    with connection.schema_editor() as editor:
        editor._remake_table(model)


def remake_by_hand(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE new AS SELECT * FROM {table}")  # noqa: S608
        cursor.execute(f"DROP TABLE {table}")
        cursor.execute(f"ALTER TABLE new RENAME TO {table}")
