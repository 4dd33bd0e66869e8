"""A history that only grows: triggers by which the database itself refuses to change or delete its lines.

They stand behind the code, for the mistake in a later version and the hasty line of SQL; whoever may change the schema
can take them away. Two tables have them. Lines of the history (`Event`) go when their application is erased; then
`Application.erase()` has said so in the row. Nothing of the record of erasures (`Erasure`) ever goes. An account or a
project that is deleted is forgotten by both, which is the one change.

`keep` makes what is missing after every `migrate` (and flush). On SQLite a migration often makes a table anew; the
triggers of the old one are lost then, and it cannot be done at all while a trigger on another table names it. So
`make_way` takes them away before migrations, and there they are made by `keep` alone.
"""

import dataclasses

from django.db import connections, transaction

from applications.models.application import Application
from applications.models.event import Event
from applications.models.opening import Erasure


@dataclasses.dataclass(frozen=True)
class Guard:
    """What holds for one table."""

    model: type
    forgets: str  # the column that may become NULL, when the row it names is deleted
    words: str  # in which the database refuses
    goes_with_application: bool = False

    @property
    def table(self) -> str:
        return self.model._meta.db_table


GUARDS = (
    Guard(
        Event,
        "user_id",
        "The history of an application only grows: no line is changed, and none is deleted before all are erased.",
        goes_with_application=True,
    ),
    Guard(Erasure, "project_id", "The record of erasures only grows: no line is changed or deleted."),
)
APPLICATIONS = Application._meta.db_table


def keep(using: str, **kwargs) -> None:
    """Make the triggers that are missing in the database `using`, or that guard columns of before a migration."""
    database = connections[using]
    make = _keep_on_sqlite if database.vendor == "sqlite" else _keep_on_postgresql
    with transaction.atomic(using=using), database.cursor() as cursor:
        tables = database.introspection.table_names(cursor)
        for guard in GUARDS:
            if guard.table in tables:  # else migrated back to before it
                make(cursor, guard, database)


def lift(using: str) -> None:
    """Take the triggers away. `keep` brings them back."""
    database = connections[using]
    with transaction.atomic(using=using), database.cursor() as cursor:
        tables = database.introspection.table_names(cursor)
        for guard in (guard for guard in GUARDS if guard.table in tables):
            if database.vendor == "sqlite":
                for name in _names_on_sqlite(cursor, guard):
                    cursor.execute(f"DROP TRIGGER {name}")
            else:
                cursor.execute(f"DROP FUNCTION IF EXISTS {_function(guard)} CASCADE")


def make_way(using: str, plan=(), **kwargs) -> None:
    """Before migrations on SQLite, if there are any in Django's `plan` of what is about to be done."""
    if plan and connections[using].vendor == "sqlite":
        lift(using)


# SQLite


def _keep_on_sqlite(cursor, guard: Guard, database) -> None:
    columns = [column.name for column in database.introspection.get_table_description(cursor, guard.table)]
    existing = _names_on_sqlite(cursor, guard)
    for name, statement in _sqlite_triggers(guard, columns).items():
        if existing.get(name) == statement:
            continue
        cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        cursor.execute(statement)


def _names_on_sqlite(cursor, guard: Guard) -> dict[str, str]:
    """The triggers that there are, each with the statement that made it."""
    ours = [f"{guard.table}_{deed}" for deed in ("stays", "goes", "replaced")]
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [guard.table])
    return {name: statement for name, statement in cursor.fetchall() if name in ours}


def _sqlite_triggers(guard: Guard, columns: list[str]) -> dict[str, str]:
    same = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in columns if column != guard.forgets)
    is_being_erased = f"(SELECT is_being_erased FROM {APPLICATIONS} WHERE id = OLD.application_id)"  # noqa: S608
    goes = f"NOT COALESCE({is_being_erased}, 0)" if guard.goes_with_application else "1"
    conditions = {
        ("stays", "UPDATE"): f"NOT (NEW.{guard.forgets} IS NULL AND {same})",
        ("goes", "DELETE"): goes,
        # REPLACE deletes what stands in its way without asking the trigger on DELETE.
        ("replaced", "INSERT"): f"EXISTS (SELECT 1 FROM {guard.table} WHERE id = NEW.id)",  # noqa: S608
    }
    return {
        f"{guard.table}_{name}": f"CREATE TRIGGER {guard.table}_{name} BEFORE {deed} ON {guard.table} "
        f"WHEN {condition} BEGIN SELECT RAISE(ABORT, '{guard.words}'); END"
        for (name, deed), condition in conditions.items()
    }


# PostgreSQL


def _function(guard: Guard) -> str:
    return f"{guard.table}_only_grows()"


def _keep_on_postgresql(cursor, guard: Guard, database) -> None:
    """One function behind two triggers. Looked at first: to make a trigger waits for everybody who uses the table."""
    body = _body(guard)
    cursor.execute(
        "SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
        " WHERE tgrelid = %s::regclass AND tgname = ANY(%s) AND tgenabled = 'O' AND prosrc = %s",
        [guard.table, [f"{guard.table}_stays", f"{guard.table}_not_emptied"], body],
    )
    if cursor.fetchone()[0] == 2:
        return
    cursor.execute(
        f"CREATE OR REPLACE FUNCTION {_function(guard)} RETURNS trigger LANGUAGE plpgsql AS $guard${body}$guard$"
    )
    for name, deeds, each in (("stays", "UPDATE OR DELETE", "ROW"), ("not_emptied", "TRUNCATE", "STATEMENT")):
        cursor.execute(
            f"CREATE OR REPLACE TRIGGER {guard.table}_{name} BEFORE {deeds} ON {guard.table}"
            f" FOR EACH {each} EXECUTE FUNCTION {_function(guard)}"
        )


def _body(guard: Guard) -> str:
    goes = ""
    if guard.goes_with_application:
        goes = f"""
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM {APPLICATIONS} WHERE id = OLD.application_id AND is_being_erased) THEN
            RETURN OLD;
        END IF;
    END IF;"""
    return f"""
BEGIN{goes}
    IF TG_OP = 'UPDATE' THEN
        IF NEW.{guard.forgets} IS NULL AND to_jsonb(NEW) - '{guard.forgets}' = to_jsonb(OLD) - '{guard.forgets}' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = '{guard.words}';
END
"""
