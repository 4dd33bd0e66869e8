import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseFailure
from django.db import close_old_connections, connections

from applications import (
    document_check,
    documents,
    early_sweep,
    exports,
    ledger,
    letters,
    limits,
    renditions,
    retention,
    search,
    sign_in_attempts,
    storage,
    traces,
    workflow,
)
from applications.admin.exporting import rows_as_listed
from applications.letters import digests
from applications.models import Chore

logger = logging.getLogger(__name__)

HOUR = 3600
RETRY_SECONDS = 600  # a daily task that failed does not wait for tomorrow
NOTE_SECONDS = 60  # how often a task notes that it goes as before
LAST_SECONDS = 25  # for a task under way when the worker is to stop; less than what the server grants it (serving.py)


class Command(BaseCommand):
    help = (
        "Does what is not done while somebody waits, in a loop: lets released decisions take effect and sends letters "
        "every two seconds. Beside that, so that no letter waits for it, it makes page images and text of new "
        "documents for the reviewers, has files scanned for malware that could not be scanned when they came, sweeps "
        "unclaimed uploads and stray files every ten minutes, makes long exports and removes them after a day, keeps "
        "the words of the search, ends offers whose day is over every hour, and once a day erases applications whose "
        "time is over, sessions that ended and old records. Every hour it writes what the ledger of erasures lacks, "
        "and removes what sessions and the database's own files still hold of the erased. Several workers may run at "
        "once. A fault in one task is logged and shown on the desk, and the task is tried again next time."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--once", action="store_true", help="Do every task once and stop.")

    def handle(self, *args, once: bool, **options) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        letters_first, others = prompt_tasks(stop), other_tasks(stop)
        if once:
            failed = [task.name for task in (*letters_first, *others) if not task.run_if_due()]
            if failed:
                raise CommandError(f"Failed: {', '.join(failed)}. The log says why.")
            return
        beside = threading.Thread(target=run_beside, args=(others, stop), name="other tasks", daemon=True)
        beside.start()
        run_until(stop, letters_first)
        beside.join(LAST_SECONDS)
        if beside.is_alive():
            logger.error("A task does not end, and is not waited for any longer. It begins again at the next start.")


def prompt_tasks(stop: threading.Event) -> list["Task"]:
    """What somebody waits for. No other task, however long it takes or hangs, may hold these up."""
    return [
        Task("decisions", workflow.apply_due, every=2),
        Task("letters", partial(letters.send_due, stopping=stop.is_set), every=2),
        Task(Chore.WORKER, lambda: None, every=NOTE_SECONDS / 2),
    ]


def other_tasks(stop: threading.Event) -> list["Task"]:
    """Everything else, one after the other."""
    return [
        Task("page images", partial(renditions.make_missing, stopping=stop.is_set), every=2),
        Task("scan for malware", partial(workflow.scan_waiting, stopping=stop.is_set), every=5),
        Task("asked to review", digests.asked_to_review, every=60),
        Task("daily letters", digests.daily, every=300),
        Task("weekly letters", digests.weekly, every=300),
        Task("sweep", documents.sweep, every=HOUR / 6),
        Task("storage", storage.probe, every=60),
        Task("room for files", early_sweep.make_room, every=HOUR / 6),
        Task("limits", limits.sweep, every=HOUR),
        Task("sweep, exports", exports.sweep, every=HOUR / 6),
        Task("search", search.refresh_missing, every=60),
        Task("offers", workflow.lapse_offers, every=HOUR),
        Task("erase", retention.erase_expired, every=24 * HOUR),
        Task("old records", retention.sweep_records, every=24 * HOUR),
        Task("ledger", ledger.bring_up_to_date, every=HOUR),
        Task("traces in sessions", traces.sweep_sessions, every=HOUR),
        Task("traces in the database", traces.overwrite, every=HOUR),
        Task("sessions", SessionStore.clear_expired, every=24 * HOUR),
        Task("check documents", partial(document_check.check_daily, stopping=stop.is_set), every=HOUR),  # once a day
        Task("sign-in attempts", sign_in_attempts.sweep, every=HOUR),
        Task(Chore.WORKERS_OTHER_TASKS, lambda: None, every=NOTE_SECONDS / 2),
        Task("exports", partial(exports.make_due, rows_as_listed, stopping=stop.is_set), every=2),  # may take minutes
    ]


def run_until(stop: threading.Event, tasks: list["Task"]) -> None:
    """Do each of the tasks whenever it is due, until `stop` is set."""
    while not stop.is_set():
        close_old_connections()
        for task in tasks:
            if stop.is_set():
                break
            task.run_if_due()
        stop.wait(1)


def run_beside(tasks: list["Task"], stop: threading.Event) -> None:
    """The same in a thread, which has a connection to the database of its own. When it dies, the worker ends, too."""
    try:
        run_until(stop, tasks)
    finally:
        connections.close_all()
        stop.set()


class Task:
    """One thing that the worker does every so many seconds. How it goes is noted as a chore, at most once a minute."""

    def __init__(self, name: str, do: Callable[[], object], every: float) -> None:
        self.name, self.do, self.every = name, do, every
        self.next_at = 0.0
        self.noted: tuple[bool, float] | None = None  # what was noted last (did it go well?), and when

    def run_if_due(self) -> bool:
        """Whether nothing went wrong."""
        if time.monotonic() < self.next_at:
            return True
        self.next_at = time.monotonic() + self.every
        try:
            self.do()
        except Exception as error:  # a full disk or a busy database today must not stop tomorrow's letters
            logger.exception("The worker's task “%s” failed; it is tried again.", self.name)
            self.next_at = time.monotonic() + min(self.every, RETRY_SECONDS)
            self._note(False, partial(Chore.note_failure, self.name, kind_of_fault(error)))
            return False
        self._note(True, partial(Chore.note_success, self.name))
        return True

    def _note(self, went_well: bool, write: Callable[[], None]) -> None:
        """Write it unless the same was written within the last minute: a task every two seconds costs no write each."""
        now = time.monotonic()
        if self.noted and self.noted[0] == went_well and now < self.noted[1] + NOTE_SECONDS:
            return
        try:
            write()
        except DatabaseFailure as error:  # the next pass tries again; the log has what matters
            logger.error("How the task “%s” went could not be noted (%s).", self.name, type(error).__name__)
        else:
            self.noted = (went_well, now)


def kind_of_fault(error: Exception) -> str:
    """A fault without anything of its message, which may name a person or a file: its class, and the system's words."""
    number = getattr(error, "errno", None)
    return f"{type(error).__name__}: {os.strerror(number)}" if isinstance(number, int) else type(error).__name__
