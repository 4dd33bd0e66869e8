"""Copies of the whole database at one moment, taken while the product runs, and how one is put in place again.

SQLite by its online backup, PostgreSQL by pg_dump and pg_restore, which have to be on the PATH.
"""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files.move import file_move_safe
from django.db import connection, connections, transaction
from django.db.backends.postgresql.client import DatabaseClient

from tracker import archive

READABLE_COPY = "snapshot"  # the alias under which the rows of a copy are read
PRODUCTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
SIDE_FILES = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database


class NotPossible(Exception):
    """The database can neither be copied nor put in place like this. The words say what to do."""


def size() -> int:
    """About how many bytes a copy takes at most."""
    if connection.vendor == "sqlite":
        return Path(connection.settings_dict["NAME"]).stat().st_size
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return cursor.fetchone()[0]


@contextmanager
def taken(copy: Path) -> Iterator[str]:
    """Write a copy of the database to `copy`; gives the alias under which just the rows that are in it can be read.

    Everybody else goes on reading and writing. Leave the block before anything that takes long: on PostgreSQL it holds
    a transaction. Raises NotPossible, OSError.
    """
    takes = {"sqlite": _taken_from_sqlite, "postgresql": _taken_from_postgresql}[connection.vendor]
    with takes(copy) as alias:
        yield alias


def product_and_version() -> dict[str, str]:
    """What the manifest says of the database."""
    if connection.vendor == "sqlite":
        return {"kind": "sqlite", "version": sqlite3.sqlite_version}
    return {"kind": "postgresql", "version": str(connection.pg_version), "tool": str(_version_of("pg_dump"))}


# SQLite


@contextmanager
def _taken_from_sqlite(copy: Path) -> Iterator[str]:
    """One step for all pages: in WAL mode this keeps no writer waiting (measured, decision 18).

    Several small steps would: each writer between two of them makes SQLite begin the copy anew.
    """
    address = Path(connection.settings_dict["NAME"]).resolve().as_uri() + "?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=settings.SQLITE_BUSY_SECONDS)) as live,
            closing(sqlite3.connect(copy)) as aside,
        ):
            live.backup(aside)
            aside.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
            [verdict] = aside.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise NotPossible(f"SQLite could not copy the database: {error}. Is there room for it?") from error
    if verdict != "ok":
        raise NotPossible(f"SQLite says that the database is damaged ({verdict}). Restore the last good archive.")
    with _readable(copy):
        yield READABLE_COPY


@contextmanager
def _readable(copy: Path) -> Iterator[None]:
    rows = connection.copy(alias=READABLE_COPY)
    rows.settings_dict["NAME"] = str(copy)
    rows.settings_dict["OPTIONS"] = {"init_command": "PRAGMA query_only=ON"}
    connections[READABLE_COPY] = rows
    try:
        yield
    finally:
        rows.close()
        del connections[READABLE_COPY]


# PostgreSQL


@contextmanager
def _taken_from_postgresql(copy: Path) -> Iterator[str]:
    """pg_dump reads under the snapshot of a transaction of ours, and so do we, for as long as the block lasts."""
    _refuse_tool_older_than_server("pg_dump")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # we wait for pg_dump
        cursor.execute("SELECT pg_export_snapshot()")
        [name] = cursor.fetchone()
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}", f"--file={copy}")
        yield connection.alias


def _refuse_tool_older_than_server(tool: str) -> None:
    has, server = _version_of(tool), connection.pg_version // 10_000
    if has < server:
        raise NotPossible(
            f"{tool} on the PATH is of PostgreSQL {has}, the server of {server}. Install the programs of {server} (on "
            f"Debian: postgresql-client-{server}), or put their folder first in PATH."
        )


def _version_of(tool: str) -> int:
    """The major version of one of PostgreSQL's programs."""
    said = subprocess.run([_found(tool), "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    if version is None:
        raise NotPossible(f"{tool} on the PATH does not say its version ({said.strip()[:100]!r}). Install it anew.")
    return int(version[1])


def _found(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise NotPossible(
            f"{tool} is not on the PATH. Install PostgreSQL’s client programs (on Debian: postgresql-client)."
        )
    return path


def _run(tool: str, *words: str) -> None:
    """Run one of PostgreSQL's programs on our database. The password goes by its environment, never by its words."""
    arguments, its_own = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    *where, name = arguments[1:]
    command = [_found(tool), "--no-password", *where, f"--dbname={name}", *words]
    ran = subprocess.run(
        command, env={**os.environ, **(its_own or {})}, capture_output=True, text=True, errors="replace", check=False
    )
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if " error: " in line] or ["it gave no reason"]
        raise NotPossible(f"{tool} failed: {said[0].partition(' error: ')[2] or said[0]}")


# Putting a copy in place


def what_is_there() -> str:
    """What keeps a copy from being put in place: a sentence that names it, or nothing where there is no database."""
    if connection.vendor == "sqlite":
        name = connection.settings_dict["NAME"]
        found = [path for path in (name, *(name + more for more in SIDE_FILES)) if _has_content(Path(path))]
        return f"The file {found[0]} is there." if found else ""
    tables = connection.introspection.table_names()
    return f"The database {connection.settings_dict['NAME']} holds {len(tables)} tables." if tables else ""


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def refuse_unless_it_fits(kind: str, tool: str) -> None:
    """Raises NotPossible for a copy of the other product, or one that our programs are too old for."""
    if kind != connection.vendor:
        theirs, ours = PRODUCTS.get(kind, kind), PRODUCTS[connection.vendor]
        raise NotPossible(
            f"The archive holds a database of {theirs}, and DATABASE_URL names one of {ours}. Name one of {theirs}."
        )
    if kind == "postgresql":
        _refuse_tool_older_than_server("pg_restore")
        if _version_of("pg_restore") < int(tool):
            raise NotPossible(f"The archive was made with PostgreSQL {tool}. Install its programs, or newer ones.")


def put_in_place(copy: Path) -> None:
    """Make `copy`, which is used up, the database; all of it or, after an exception, nothing."""
    connections.close_all()
    if connection.vendor == "sqlite":
        place = Path(connection.settings_dict["NAME"])
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        file_move_safe(copy, place, allow_overwrite=True)  # at most an empty file; it may lie on another disk
        archive.sync_folder(place.parent)
        return
    _run(
        "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-comments",
        str(copy),
    )  # fmt: skip
    copy.unlink()
