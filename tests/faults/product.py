"""The product as `quickstart` runs it: its processes to be killed, its rows and files to be looked at from outside."""

import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SUPERVISOR, PASSWORD = "ada@example.org", "a long enough phrase"

GUNICORN, WORKER, INSPECTION = "gunicorn", "run_worker", "inspector.py"


class Product:
    """One data folder, and the processes that serve it while it runs."""

    def __init__(self, folder: Path, *, wrapper: Iterable[str] = (), **settings: str) -> None:
        """`wrapper` is a command that runs another one, for example without some of its rights."""
        self.folder = folder
        self.wrapper = list(wrapper)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_suffix(".log")  # beside it: its disk may be full
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(CHECKOUT),
            "READ_DOTENV": "off",
            "DATA_DIR": str(folder),
            "SITE_URL": self.address,
            "APPLY_LIMITS": "off",
            "DISK_RESERVE_MB": "0",  # the machine that the tests run on may have little
            **settings,
        }
        self.process: subprocess.Popen | None = None
        self.found_whole: set[str] = set()  # names of documents

    # Starting and ending

    def start(self) -> None:
        """Serve, as `quickstart` does once everything is prepared; returns when a worker lives and the site answers."""
        command = [
            *self.wrapper, sys.executable, "-m", "tracker.serving",
            "--host", "127.0.0.1", "--port", str(self.port), "--site-url", self.address,
        ]  # fmt: skip
        with open(self.log, "a") as output:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=output, start_new_session=True, cwd=CHECKOUT
            )
        self.wait_until_it_answers()

    def stop(self) -> None:
        """Ask it to end, and see that nothing is left of it."""
        if self.process and self.process.poll() is None:
            family = self.family()
            self.process.terminate()
            self.process.wait(60)
            wait_for(lambda: not alive(family), "everything to end")

    def kill(self) -> None:
        """As a power cut does: every process at once, none of which can do a last thing."""
        frozen: set[int] = set()
        while left := self.family() - frozen:  # so that nothing is born while the others die
            kill(left, signal.SIGSTOP)
            frozen |= left
        kill(frozen)
        self.process.wait(60)
        wait_for(lambda: not alive(frozen), "everything to be dead")

    def manage(self, *arguments: str) -> str:
        """What a command of the product prints."""
        command = [*self.wrapper, sys.executable, str(CHECKOUT / "manage.py"), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_until_it_answers(self) -> None:
        wait_for(lambda: self.answers("/healthz/"), "the site to answer", lambda: self.output)

    def answers(self, path: str) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get(path)[0] == 200
        return False

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def readiness(self) -> dict[str, str]:
        return json.loads(self.get("/readyz/")[1])

    @property
    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    # Its processes

    def family(self) -> set[int]:
        """The first process and all that descend from it, whatever session they are in."""
        children: dict[int, list[int]] = {}
        for pid, (parent, _line) in processes().items():
            children.setdefault(parent, []).append(pid)
        found, left = set(), [self.process.pid]
        while left:
            pid = left.pop()
            found.add(pid)
            left += children.get(pid, [])
        return found & processes().keys()

    def pids(self, word: str) -> list[int]:
        """Those of its processes whose command line has this word."""
        running, family = processes(), self.family()
        return sorted(pid for pid in family & running.keys() if word in running[pid][1])

    def web_processes(self) -> list[int]:
        """Those that answer requests; their parent, which only watches them, is a child of the first process."""
        running, family = processes(), self.family()
        return sorted(
            pid
            for pid in family & running.keys()
            if GUNICORN in running[pid][1] and running[pid][0] != self.process.pid
        )

    # Its rows

    def rows(self, query: str) -> list[tuple]:
        """What a query answers, or a statement changes, over a connection of our own."""
        if url := self.environment.get("DATABASE_URL"):
            with psycopg.connect(url) as database:
                cursor = database.execute(query)
                return cursor.fetchall() if cursor.description else []
        with contextlib.closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=30)) as database, database:
            return database.execute(query).fetchall()

    # What must hold

    def applications(self) -> dict[str, str]:
        """The reference of each application by its address. Fails where an address has two."""
        rows = self.rows("SELECT email, reference FROM applications_application")
        twice = {email: times for email, times in Counter(email for email, _reference in rows).items() if times > 1}
        assert not twice
        return dict(rows)

    def assert_whole(self, sent: dict[str, Counter], *, again: bool = True) -> None:
        """Every application there is: its history, its receipt, and its documents, byte for byte what was sent.

        `sent` has the SHA-256 of what each address sends, with their number. Without `again`, documents that were found
        whole before are not read once more.
        """
        stored: dict[str, Counter] = {email: Counter() for email in self.applications()}
        for email, name, size, digest in self.rows(
            "SELECT a.email, d.file, d.size, d.sha256 FROM applications_document d "
            "JOIN applications_application a ON a.id = d.application_id WHERE d.replaced_at IS NULL"
        ):
            if again or name not in self.found_whole:
                content = (self.folder / "documents" / name).read_bytes()
                assert (len(content), hashlib.sha256(content).hexdigest()) == (size, digest), name
                self.found_whole.add(name)
            stored[email][digest] += 1
        assert stored == {email: sent[email] for email in stored}
        for what, table in {"submitted": "event", "received": "letter"}.items():
            numbers = self.rows(
                f"SELECT a.email, count(other.id) FROM applications_application a "  # noqa: S608 - our own words
                f"LEFT JOIN applications_{table} other ON other.application_id = a.id AND other.kind = '{what}' "
                "GROUP BY a.email"
            )
            assert {email: number for email, number in numbers if number != 1} == {}, what

    def let_leases_run_out(self) -> None:
        """As if the ten minutes were over in which nobody else sends a letter that a dead worker had taken."""
        self.rows("UPDATE applications_letter SET leased_until = NULL, send_after = created_at WHERE status = 'queued'")

    def letters_left(self) -> int:
        return self.rows("SELECT count(*) FROM applications_letter WHERE status = 'queued'")[0][0]

    def a_day_later(self) -> None:
        """Let the worker's sweep be done by a clock that is a day and an hour ahead."""
        self.manage(
            "shell", "--no-imports", "-c",
            "import datetime; from django.utils import timezone; from applications import documents, exports; "
            "later = timezone.now() + datetime.timedelta(hours=25); documents.sweep(later); exports.sweep(later)",
        )  # fmt: skip

    def strays(self) -> set[str]:
        """Files that no row names: in the documents' folder, and whatever is left of something received or written."""
        documents = self.folder / "documents"
        there = {str(path.relative_to(documents)) for path in documents.rglob("*") if path.is_file()}
        named = {name for (name,) in self.rows("SELECT file FROM applications_document")}
        for pk, sizes in self.rows("SELECT document_id, page_sizes FROM applications_rendition"):
            pages = json.loads(sizes) if isinstance(sizes, str) else sizes
            key = str(pk).replace("-", "")
            named |= {f"{key[:2]}/{key}-{number:03d}.webp" for number in range(1, len(pages) + 1)}
        halves = {str(path) for path in (self.folder / "incoming").iterdir()}
        halves |= {str(path) for path in (self.folder / "letters").glob("*.part")}
        return (there - named) | halves


# Processes


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of every process that runs now, zombies left out."""
    listing = subprocess.run(
        ["ps", "-wwaxo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    fields = (line.split(None, 3) for line in listing.splitlines())
    return {int(pid): (int(parent), args[0]) for pid, parent, state, *args in fields if state[0] != "Z" and args}


def alive(pids: Iterable[int]) -> set[int]:
    return set(pids) & processes().keys()


def kill(pids: Iterable[int], how: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


def wait_for(condition: Callable[[], object], what: str, more: Callable[[], str] = str, seconds: float = 120) -> None:
    """Fails when `condition` has not come true; `seconds` are for a machine under load, not for the product."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"Waited in vain for {what}. {more()[-4000:]}"
        time.sleep(0.02)


# Blows


def one_web_process(product: Product, dice: random.Random) -> None:
    kill(dice.sample(there := product.web_processes(), k=min(len(there), 1)))


def all_web_processes(product: Product, dice: random.Random) -> None:
    kill(product.web_processes())


def the_worker(product: Product, dice: random.Random) -> None:
    kill(product.pids(WORKER))


def the_inspection(product: Product, dice: random.Random) -> None:
    kill(product.pids(INSPECTION))


def everything(product: Product, dice: random.Random) -> None:
    product.kill()


BLOWS = (one_web_process, all_web_processes, the_worker, the_inspection, everything)
