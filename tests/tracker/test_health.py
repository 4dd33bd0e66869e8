import datetime
import os
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from model_bakery import baker

from applications.models import Letter

ALL_WELL = {"database": "ok", "storage": "ok", "letters": "ok"}


def due_since(minutes: int, **more) -> Letter:
    return baker.make(
        Letter,
        to_student=False,
        send_after=timezone.now() - datetime.timedelta(minutes=minutes),
        **{"status": "queued"} | more,
    )


def test_healthz_says_ok_without_asking_the_database(client):
    response = client.get("/healthz/")  # without the db fixture, a query would be an error
    assert (response.status_code, response.content) == (200, b"ok")
    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/"])
def test_the_probes_change_nothing_and_answer_no_post(client, path):
    assert client.post(path).status_code == 405


def test_readyz_says_that_all_is_well_and_leaves_no_file_behind(db, client, stored_files):
    response = client.get("/readyz/")
    assert (response.status_code, response.json()) == (200, ALL_WELL)
    assert stored_files() == []


def test_readyz_fails_when_documents_cannot_be_stored(db, client, settings, tmp_path: Path):
    (tmp_path / "file").write_text("")
    settings.STORAGES = settings.STORAGES | {
        "documents": settings.STORAGES["documents"] | {"OPTIONS": {"location": str(tmp_path / "file" / "below")}}
    }
    response = client.get("/readyz/")
    assert response.status_code == 503
    assert response.json() == ALL_WELL | {"storage": "documents cannot be stored and read back"}
    assert str(tmp_path) not in response.content.decode()


def test_readyz_fails_when_the_database_does_not_answer(client):
    response = client.get("/readyz/")  # without the db fixture, the database refuses every query
    assert response.status_code == 503
    assert response.json()["database"] == "the database does not answer"
    assert response.json()["storage"] == "ok"


@pytest.mark.parametrize(
    "letter",
    [
        pytest.param({"minutes": 16}, id="never tried"),
        pytest.param({"minutes": 16, "attempts": 3}, id="tried before, due again, left alone since"),
        pytest.param(
            {"minutes": 60, "leased_until": timezone.now() - datetime.timedelta(minutes=30)},
            id="taken by a worker that died",
        ),
    ],
)
def test_readyz_fails_when_nobody_takes_the_letters(db, client, letter):
    due_since(**letter)
    response = client.get("/readyz/")
    assert response.status_code == 503
    assert response.json() == ALL_WELL | {"letters": "letters wait longer than 15 minutes: is the worker running?"}


@pytest.mark.parametrize(
    "letter",
    [
        pytest.param({"minutes": 14}, id="due, but not for long"),
        pytest.param({"minutes": -60, "attempts": 5}, id="tried, and tried again later: the mail server is down"),
        pytest.param({"minutes": 60, "status": "failed"}, id="given up, to be seen in the admin"),
        pytest.param({"minutes": 60, "status": "sent", "sent_at": timezone.now()}, id="sent"),
        pytest.param(
            {"minutes": 16, "leased_until": timezone.now() + datetime.timedelta(hours=1)},
            id="being sent just now",
        ),
    ],
)
def test_readyz_is_content_while_the_worker_does_its_work(db, client, letter):
    due_since(**letter)
    assert client.get("/readyz/").json() == ALL_WELL


def test_a_web_server_is_ready_before_any_worker_was_seen(db, client):
    assert client.get("/readyz/").json() == ALL_WELL


def test_the_probes_need_no_https_when_the_site_has_it(db, client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz/").status_code == 200
    assert client.get("/readyz/").status_code == 200
    assert client.get("/").status_code == 301


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that could be cut")
def test_a_restart_of_the_database_costs_nobody_an_error_page(transactional_db, client):
    """Pooled connections that were cut meanwhile are replaced before somebody gets one."""
    connection.ensure_connection()
    connection.close()  # back into the pool
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        ours = [connection.settings_dict["NAME"]]
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", ours)
    assert client.get("/").status_code == 200
