"""Fixtures of the tests that concern the whole product: signing in, `backup` and `restore`."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from tests.tracker.archives import Place, url_of


@pytest.fixture
def quick_passwords(settings) -> None:
    """How slowly a password is hashed is Django's affair; here people sign in by the hundred."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


# Backup and restore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the archives go."""
    return tmp_path / "archives"


@pytest.fixture
def on_postgresql(transactional_db) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("this run is on SQLite")


@pytest.fixture
def empty_database(tmp_path: Path, transactional_db) -> Iterator[str]:
    """The address of a database without tables, of the same kind as that of this test run."""
    if connection.vendor == "sqlite":
        yield url_of(str(tmp_path / "restored" / "db.sqlite3"))
        return
    name, own = f"restored_{os.getpid()}", connection.settings_dict
    with psycopg.connect(
        dbname="postgres", user=own["USER"], password=own["PASSWORD"], host=own["HOST"], port=own["PORT"] or 5432,
        autocommit=True,
    ) as server:  # fmt: skip
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        server.execute(drop)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield url_of(name)
        finally:
            server.execute(drop)


@pytest.fixture
def place(tmp_path: Path, empty_database: str) -> Place:
    return Place(tmp_path / "restored", empty_database)
