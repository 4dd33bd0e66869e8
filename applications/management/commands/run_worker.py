import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from applications import documents, exports, letters, renditions, retention, search, workflow
from applications.admin.exporting import rows_as_listed
from applications.letters import digests

logger = logging.getLogger(__name__)

HOUR = 3600
RETRY_SECONDS = 600  # a daily task that failed does not wait for tomorrow


class Command(BaseCommand):
    help = (
        "Does what is not done while somebody waits, in a loop: lets released decisions take effect and sends letters "
        "every two seconds, makes page images and text of new documents for the reviewers, sweeps unclaimed uploads "
        "and stray files every ten minutes, makes long exports and removes them after a day, keeps the words of "
        "the search, ends offers whose day is over every hour, and once a day erases applications whose time is over "
        "and sessions that ended. Several workers may run at once. A fault in one task is logged and the task is tried "
        "again next time."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--once", action="store_true", help="Do every task once and stop.")

    def handle(self, *args, once: bool, **options) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        prompt = [
            Task("decisions", workflow.apply_due, every=2),
            Task("letters", partial(letters.send_due, stopping=stop.is_set), every=2),
        ]
        make_exports = partial(
            exports.make_due,
            rows_as_listed,
            stopping=stop.is_set,
            meanwhile=lambda: [task.run_if_due() for task in prompt],
        )
        tasks = [
            *prompt,
            Task("page images", partial(renditions.make_missing, stopping=stop.is_set), every=2),
            Task("asked to review", digests.asked_to_review, every=60),
            Task("daily letters", digests.daily, every=300),
            Task("weekly letters", digests.weekly, every=300),
            Task("sweep", documents.sweep, every=HOUR / 6),
            Task("sweep, exports", exports.sweep, every=HOUR / 6),
            Task("search", search.refresh_missing, every=60),
            Task("offers", workflow.lapse_offers, every=HOUR),
            Task("erase", retention.erase_expired, every=24 * HOUR),
            Task("sessions", SessionStore.clear_expired, every=24 * HOUR),
            Task("exports", make_exports, every=2),  # last: it may take minutes
        ]
        while not stop.is_set():
            close_old_connections()
            failed = [task.name for task in tasks if not task.run_if_due()]
            if once and failed:
                raise CommandError(f"Failed: {', '.join(failed)}. The log says why.")
            if once:
                break
            stop.wait(1)


class Task:
    """One thing that the worker does every so many seconds."""

    def __init__(self, name: str, do: Callable[[], object], every: float) -> None:
        self.name, self.do, self.every = name, do, every
        self.next_at = 0.0

    def run_if_due(self) -> bool:
        """Whether nothing went wrong."""
        if time.monotonic() < self.next_at:
            return True
        self.next_at = time.monotonic() + self.every
        try:
            self.do()
        except Exception:  # a full disk or a busy database today must not stop tomorrow's letters
            logger.exception("The worker's task “%s” failed; it is tried again.", self.name)
            self.next_at = time.monotonic() + min(self.every, RETRY_SECONDS)
            return False
        return True
