"""What could still tell of the erased beside their rows: browsers' sessions, and the database's own file."""

import datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from applications import left_behind, traces, workflow
from applications.grants import SESSION_KEY as GRANTS
from applications.models import Application, Chore

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="these files are SQLite's")

# Sessions


def session_with(**data) -> SessionStore:
    session = SessionStore()
    session.update(data)
    session.create()
    return session


def left(text: str, *, at: datetime.datetime | None = None) -> dict:
    return {"answers": {"at": (at or timezone.now()).timestamp(), "text": {"motivation": text}, "claims": {}}}


def read(session: SessionStore) -> dict:
    return SessionStore(session.session_key).load()


@pytest.mark.django_db(transaction=True)
def test_what_other_browsers_hold_of_the_erased_goes_and_the_rest_stays(make_application):
    gone, stays = make_application(), make_application(email="bob@example.org")
    grant = {"version": 1, "via": "link"}
    session = session_with(
        **{
            GRANTS: {gone.reference: grant, stays.reference: grant},
            left_behind.SESSION_KEY: {gone.reference: left("I am Ada"), "A7K3-9QF2": left("I am nobody")},
            "_auth_user_id": "1",
        }
    )
    untouched = session_with(**{GRANTS: {stays.reference: grant}})
    before = Session.objects.get(pk=untouched.session_key).session_data
    workflow.erase(gone)

    assert traces.sweep_sessions() == 1

    data = read(session)
    assert data[GRANTS] == {stays.reference: grant}
    assert list(data[left_behind.SESSION_KEY]) == ["A7K3-9QF2"]  # kept for every reference alike, until its day is over
    assert data["_auth_user_id"] == "1"
    assert Session.objects.get(pk=untouched.session_key).session_data == before
    assert traces.sweep_sessions() == 0


@pytest.mark.django_db
def test_what_was_left_behind_goes_after_a_day_also_when_its_browser_never_comes_back():
    session = session_with(**{left_behind.SESSION_KEY: {"A7K3-9QF2": left("I am Ada")}})
    later = timezone.now() + datetime.timedelta(hours=django_settings.UPLOAD_HOURS)

    assert traces.sweep_sessions(later - datetime.timedelta(minutes=1)) == 0
    assert traces.sweep_sessions(later + datetime.timedelta(minutes=1)) == 1
    assert read(session)[left_behind.SESSION_KEY] == {}


def typed(path: str, at: datetime.datetime) -> dict:
    return {"user": 1, "at": at.timestamp(), "path": path, "fields": [["text", "Ada convinces."]]}


@pytest.mark.django_db(transaction=True)
def test_what_was_typed_about_somebody_after_a_sign_in_ended_goes_with_their_application(make_application):
    gone, stays = make_application(), make_application(email="bob@example.org")
    page, now = "/admin/applications/application/{}/note/?a=1", timezone.now()
    about_gone, about_stays, about_a_project = (
        session_with(**{traces.TYPED: typed(path, now), "chosen": "x"})
        for path in (page.format(gone.pk), page.format(stays.pk), "/admin/projects/project/1/change/")
    )
    assert traces.sweep_sessions() == 0
    workflow.erase(gone)

    assert traces.sweep_sessions() == 1

    assert read(about_gone) == {"chosen": "x"}
    assert traces.TYPED in read(about_stays)
    assert traces.TYPED in read(about_a_project)


@pytest.mark.django_db
def test_what_was_typed_after_a_sign_in_ended_goes_after_a_day():
    now = timezone.now()
    session = session_with(**{traces.TYPED: typed("/admin/applications/application/", now)})
    assert traces.sweep_sessions(now + datetime.timedelta(hours=23)) == 0
    assert traces.sweep_sessions(now + datetime.timedelta(hours=25)) == 1
    assert read(session) == {}


@pytest.mark.django_db
def test_a_session_that_its_browser_changes_meanwhile_is_not_overwritten(monkeypatch):
    old = timezone.now() - datetime.timedelta(days=2)
    session = session_with(**{left_behind.SESSION_KEY: {"A7K3-9QF2": left("I am Ada", at=old)}})
    without = traces._without

    def meanwhile(data, gone, now):
        mine = SessionStore(session.session_key)
        mine["chosen"] = "now"
        mine.save()
        return without(data, gone, now)

    monkeypatch.setattr(traces, "_without", meanwhile)
    assert traces.sweep_sessions() == 0
    monkeypatch.undo()
    assert traces.sweep_sessions() == 1
    assert read(session)["chosen"] == "now"


@pytest.mark.django_db
def test_sweeping_costs_the_same_number_of_questions_for_1_and_for_50_sessions(django_assert_num_queries):
    session_with(**{GRANTS: {"A7K3-9QF2": {"version": 1, "via": "link"}}})
    with django_assert_num_queries(3):
        traces.sweep_sessions()
    for _each in range(49):
        session_with(**{GRANTS: {"A7K3-9QF2": {"version": 1, "via": "link"}}})
    with django_assert_num_queries(3):
        traces.sweep_sessions()


# The database's file


def vacuums(now: datetime.datetime) -> bool:
    """Whether looking after the file at `now` writes it anew."""
    before = Chore.objects.filter(name=traces.VACUUM_CHORE).values_list("succeeded_at", flat=True).first()
    traces.overwrite(now)
    return Chore.objects.filter(name=traces.VACUUM_CHORE).values_list("succeeded_at", flat=True).first() != before


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_log_of_recent_changes_is_emptied(application):
    log = Path(f"{connection.settings_dict['NAME']}-wal")
    assert log.stat().st_size > 0
    traces.overwrite()
    assert log.stat().st_size == 0
    with connection.cursor() as cursor:  # and everything else waits for the writer as long as before
        assert cursor.execute("PRAGMA busy_timeout").fetchone()[0] == django_settings.SQLITE_BUSY_SECONDS * 1000


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_file_is_written_anew_once_a_day():
    now = timezone.now()
    assert vacuums(now)
    assert not vacuums(now + datetime.timedelta(hours=1))
    assert vacuums(now + datetime.timedelta(hours=21))
    assert not vacuums(now + datetime.timedelta(hours=22))


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_large_file_waits_for_the_night_and_a_very_large_one_for_its_operator(monkeypatch, caplog):
    noon = timezone.localtime().replace(hour=12, minute=0)
    night = noon + datetime.timedelta(hours=15)
    monkeypatch.setattr(traces, "VACUUM_AT_ONCE", 0)
    monkeypatch.setattr(traces, "VACUUM_AT_NIGHT", 0)
    assert not vacuums(night)
    assert "too large" in caplog.text

    monkeypatch.setattr(traces, "VACUUM_AT_NIGHT", 1000 * traces.MEGABYTE)
    assert not vacuums(noon)
    assert vacuums(night)


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_log_that_is_being_read_is_left_for_the_next_time(application, monkeypatch, caplog):
    """A reader holds it for longer than a writer should wait for us."""
    caplog.set_level("INFO")
    monkeypatch.setattr(traces, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(traces.time, "sleep", lambda seconds: None)
    reader = connection.copy()
    try:
        with reader.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM applications_application")
            Application.objects.update(links="")
            traces.overwrite()
            cursor.execute("ROLLBACK")
    finally:
        reader.close()
    assert "could not be emptied" in caplog.text
    traces.overwrite()
    assert Path(f"{connection.settings_dict['NAME']}-wal").stat().st_size == 0
