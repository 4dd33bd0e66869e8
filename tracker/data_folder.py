"""The data folder as a place that is served, restored into, or empty."""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage, Error

IN_USE = "in_use.lock"
UNFINISHED = "restore.unfinished"
# What stands in a data folder without being anybody's data: locks, what is made anew, archives, a disk's own folder.
NO_DATA = {IN_USE, "quickstart.lock", "static", "backups", "lost+found"}
MADE_BY_A_START = {"secret_key", "static", "incoming", IN_USE}  # all that there is once settings.py was read

RESTORING = "This data folder is being restored from a backup. Wait for its end."
SERVED = (
    "A server (`quickstart`, gunicorn), a worker (`run_worker`) or another restore is running on {folder}. Stop it "
    "first."
)
CUT_OFF = (
    "A restore into {folder} was cut off, so what is there may be only a part, and people who were erased may be in "
    "it. Empty the place ({folder}, the folder of the documents, the database) but for the archives and the ledger of "
    "erasures, and restore again."
)


class InUse(Exception):
    """Somebody serves from the data folder, or restores into it, or has not done so to the end. The words say more."""


def hold_while_serving() -> None:
    """Keep a restore away from the data folder for as long as this process lives, also as another program (exec).

    Servers and workers hold it together. Raises InUse while a restore is going on, and on half of one.
    """
    os.set_inheritable(_held_with_others(), True)


@contextlib.contextmanager
def held_while_working() -> Iterator[None]:
    """The same for as long as the block lasts."""
    lock = _held_with_others()
    try:
        yield
    finally:
        os.close(lock)


def _held_with_others() -> int:
    lock = os.open(settings.DATA_DIR / IN_USE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise InUse(RESTORING) from error
    if is_unfinished():  # asked under the lock: none can begin any more
        os.close(lock)
        raise InUse(CUT_OFF.format(folder=settings.DATA_DIR))
    return lock


@contextlib.contextmanager
def held_for_restoring() -> Iterator[None]:
    """Nobody else serves or restores meanwhile. Raises InUse."""
    with open(settings.DATA_DIR / IN_USE, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(SERVED.format(folder=settings.DATA_DIR)) from error
        yield


# Half a restore


def is_unfinished() -> bool:
    return (settings.DATA_DIR / UNFINISHED).exists()


def mark_unfinished() -> None:
    (settings.DATA_DIR / UNFINISHED).touch()


def mark_finished() -> None:
    (settings.DATA_DIR / UNFINISHED).unlink(missing_ok=True)


def check_nothing_is_half_restored(**_options) -> list[CheckMessage]:
    """A check of Django's, so that no command (a server, a worker) starts on half a restore."""
    if not is_unfinished():
        return []
    return [Error(CUT_OFF.format(folder=settings.DATA_DIR), id="tracker.E001")]


# An empty place


def first_of_its_contents(apart_from: Iterable[Path]) -> Path | None:
    """Something in the data folder that is data, the database included; None when a restore may use the place.

    A key without anything that was signed with it is none; nor are empty folders, archives, or the ledger of erasures.
    """
    allowed = {path.resolve() for path in (*apart_from, settings.ERASURE_LEDGER)}
    for path in sorted(settings.DATA_DIR.iterdir()):
        if path.name in NO_DATA or path.name.startswith("secret_key") or path.resolve() in allowed:
            continue
        if path.is_dir() and (inside := _first_file(path, allowed)) is None:
            continue
        if path.is_file() and path.stat().st_size == 0 and path.name != UNFINISHED:
            continue
        return inside if path.is_dir() else path
    return None


def _first_file(folder: Path, allowed: set[Path]) -> Path | None:
    files = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    return next((path for path in files if path.resolve() not in allowed), None)


def is_as_after_a_first_start() -> bool:
    """Whether there is nothing but what reading the settings has made; so the key in it has signed nothing."""
    return {path.name for path in settings.DATA_DIR.iterdir()} <= MADE_BY_A_START
