"""What could still tell of the erased beside their rows and files: browsers' sessions, and the database's own pages.

The worker looks after both every hour. docs/decisions/0017 has what was measured, and what stays with whoever runs
PostgreSQL.
"""

import datetime
import logging
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from applications import grants, ledger, left_behind
from applications.models import Application, Chore, Erasure

logger = logging.getLogger(__name__)

# Sessions

BATCH = 200  # sessions that are read at once
TYPED = "typed"  # what staff sent after their sign-in had ended; tracker.sign_in.typed says what is in it
TYPED_KEPT = datetime.timedelta(days=1)  # at most
PAGE_OF_APPLICATION = re.compile(r"/applications/application/(\d{1,18})/", re.ASCII)


def sweep_sessions(now: datetime.datetime | None = None) -> int:
    """Take out of every browser's session what belongs to erased applications, and what was typed too long ago.

    Returns how many sessions were changed. A request that is under way writes its session back as it was; the next
    sweep finds it. Sessions that ended go as a whole (`clear_expired`).
    """
    now = now or timezone.now()
    keys = list(Session.objects.filter(expire_date__gt=now).values_list("pk", flat=True))
    return sum(_sweep(keys[start : start + BATCH], now) for start in range(0, len(keys), BATCH))


def _sweep(keys: list[str], now: datetime.datetime) -> int:
    store, changed = SessionStore(), 0
    stored = dict(Session.objects.filter(pk__in=keys).values_list("pk", "session_data"))
    read = {key: store.decode(data) for key, data in stored.items()}
    gone = _erased({reference for data in read.values() for reference in _references(data)})
    lost = _that_are_no_more({pk for data in read.values() if (pk := _typed_about(data)) is not None})
    for key, data in read.items():
        kept = _without(data, gone, now)
        if TYPED in kept and (is_old(kept[TYPED], now) or _typed_about(kept) in lost):
            del kept[TYPED]
        if kept != data:
            same = Session.objects.filter(pk=key, session_data=stored[key])
            changed += same.update(session_data=store.encode(kept))
    return changed


def _references(data: dict) -> Iterable[str]:
    return {*data.get(grants.SESSION_KEY, {}), *data.get(left_behind.SESSION_KEY, {})}


def _erased(references: set[str]) -> set[str]:
    by_fingerprint = {ledger.fingerprint(reference): reference for reference in references}
    found = Erasure.objects.filter(fingerprint__in=by_fingerprint).values_list("fingerprint", flat=True)
    return {by_fingerprint[fingerprint] for fingerprint in found}


def _typed_about(data: dict) -> int | None:
    """The application to whose page was sent what is kept in this session; None when there is no such thing."""
    match = PAGE_OF_APPLICATION.search(data[TYPED]["path"]) if TYPED in data else None
    return int(match[1]) if match else None


def _that_are_no_more(pks: set[int]) -> set[int]:
    return pks - set(Application.objects.filter(pk__in=pks).values_list("pk", flat=True))


def is_old(typed: dict, now: datetime.datetime) -> bool:
    """Whether what was typed is kept for too long already."""
    return now.timestamp() - typed["at"] > TYPED_KEPT.total_seconds()


def _without(data: dict, gone: set[str], now: datetime.datetime) -> dict:
    kept = dict(data)
    if left_behind.SESSION_KEY in kept:
        kept[left_behind.SESSION_KEY] = left_behind.without_old(kept[left_behind.SESSION_KEY], now)
    for name in {grants.SESSION_KEY, left_behind.SESSION_KEY} & kept.keys():
        kept[name] = {reference: value for reference, value in kept[name].items() if reference not in gone}
    return kept


# The database's file

MEGABYTE = settings.MEGABYTE
CHECKPOINT_SECONDS = 2  # for which writers may have to wait until all readers let go
CHECKPOINT_TRIES = 5
VACUUM_EVERY = datetime.timedelta(hours=20)  # at most: a day, and not an hour later each day
VACUUM_AT_ONCE = 200 * MEGABYTE  # about four seconds in which nothing can be written
VACUUM_AT_NIGHT = 1000 * MEGABYTE  # half a minute
NIGHT = range(2, 5)  # hours of local time
VACUUM_CHORE = "vacuum"


def overwrite(now: datetime.datetime | None = None) -> None:
    """Let go of what SQLite's own files hold of rows that are deleted. Other connections go on reading and writing.

    What is deleted is overwritten in its page (`secure_delete`). Two places remain: the log of recent changes (WAL),
    which is emptied here each time; and, rarely, gaps in pages whose rows were moved elsewhere when they became full.
    Only VACUUM, which writes the whole file anew, clears those: once a day. Meanwhile nobody can write, so a larger
    file waits for the night, and one that is too large for that is left to its operator.
    """
    if connection.vendor != "sqlite":
        return
    now = now or timezone.now()
    if not _was_vacuumed_lately(now) and _may_vacuum(now):
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
        Chore.note_success(VACUUM_CHORE, now=now)
    _empty_the_log()


def _was_vacuumed_lately(now: datetime.datetime) -> bool:
    return Chore.objects.filter(name=VACUUM_CHORE, succeeded_at__gte=now - VACUUM_EVERY).exists()


def _may_vacuum(now: datetime.datetime) -> bool:
    file = Path(connection.settings_dict["NAME"])
    size, is_night = file.stat().st_size, timezone.localtime(now).hour in NIGHT
    if size > VACUUM_AT_ONCE and not is_night:
        return False
    is_small_enough = size <= VACUUM_AT_NIGHT and shutil.disk_usage(file.parent).free > 3 * size
    if not is_small_enough:
        logger.warning("The database is too large, or the disk too full, for VACUUM: docs/decisions/0017.")
    return is_small_enough


def _empty_the_log() -> None:
    """Tried a few times: it cannot be done while another connection does it, or while one reads for long."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {CHECKPOINT_SECONDS * 1000}")
        try:
            for _attempt in range(CHECKPOINT_TRIES):
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                is_busy = cursor.fetchone()[0]
                if not is_busy:
                    return
                time.sleep(1)  # in the worker only, and in no transaction
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {settings.SQLITE_BUSY_SECONDS * 1000}")
    logger.info("The log of the database is in use and could not be emptied; in an hour it is tried again.")
