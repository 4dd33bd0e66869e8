"""The malware scanner: ClamAV's clamd, where CLAMD_URL names one.

A file goes to it over its socket (INSTREAM), so it needs no right to read our folders and may run on another host. It
is asked twice: when a file arrives, for as long as a student can be kept waiting (`scan_on_arrival`); and by the worker
for everything that got no answer then (`applications.workflow.scanning`). A scanner that is away refuses nobody.

Nothing here knows of rows but `backlog`. See docs/decisions/0014-malware-scanner.md.
"""

import datetime
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db.models import Count, Min

from applications.models import Document, Upload
from applications.models.document import StoredFile

logger = logging.getLogger(__name__)

Scan = StoredFile.Scan

PORT = 3310  # clamd's own
CHUNK = 1 << 16
LONGEST_ANSWER = 1000  # bytes; "stream: ", the name of what was found, " FOUND"
# A PDF takes milliseconds; the database of ClamAV in full, tens of them. What takes longer than this is scanned later.
WHILE_SOMEBODY_WAITS = 3.0  # seconds
LONGEST_SCAN = 30.0  # seconds, in the worker: as long as page images may take
PING_SECONDS = 2.0
# After it did not answer, it is left alone for so long: a dead scanner costs one student seconds, not a rush of them.
REST_SECONDS = 30.0
# So many files of one process are scanned at the same time while students wait; in a rush the others are scanned later.
MOST_AT_ONCE = 4

_turns = threading.BoundedSemaphore(MOST_AT_ONCE)


class NotScanned(Exception):
    """The scanner has said nothing about this file; it may be too large for it, or have made it stumble."""


class OutOfTime(NotScanned):
    """The scanner did not answer in time: the file may be to blame, or the scanner be away."""


class ScannerAway(NotScanned):
    """The scanner cannot be reached, or answers nothing at all in time: the next file would fare no better."""


class _Rest:
    """Until when the scanner is left alone, by time.monotonic()."""

    until = 0.0


def is_set_up() -> bool:
    return bool(settings.CLAMD_URL)


def is_resting() -> bool:
    """Whether it has failed to answer a moment ago and is not asked now."""
    return time.monotonic() < _Rest.until


def scan_on_arrival(file: BinaryIO) -> Scan:
    """What the scanner says at once about a file that arrives; WAITING when it says nothing soon; NONE without one.

    Raises OSError when `file` cannot be read.
    """
    if not is_set_up():
        return Scan.NONE
    if is_resting() or not _turns.acquire(blocking=False):
        return Scan.WAITING
    try:
        file.seek(0)
        return scan(file, seconds=WHILE_SOMEBODY_WAITS)
    except NotScanned as why:
        logger.warning("A file was kept and not scanned for malware yet: %s", why)
        return Scan.WAITING
    finally:
        _turns.release()


def scan(file: BinaryIO, *, seconds: float = LONGEST_SCAN) -> Scan:
    """CLEAN or INFECTED: what the scanner says about the bytes of `file` from where it stands.

    Raises NotScanned when there is no verdict within `seconds`; ScannerAway when then it does not even answer a PING,
    for which it has PING_SECONDS more, or cannot be reached; and OSError when `file` cannot be read.
    """
    try:
        return _verdict_on(file, seconds)
    except OutOfTime as why:
        if answers():  # so it is this file, and no other has to wait for it
            raise
        _leave_alone()
        raise ScannerAway(str(why)) from why


def _verdict_on(file: BinaryIO, seconds: float) -> Scan:
    with _conversation(seconds) as talk:
        listens = talk.send(b"zINSTREAM\0")
        while listens and (chunk := file.read(CHUNK)):
            listens = talk.send(struct.pack("!L", len(chunk)) + chunk)
        if listens:
            talk.send(struct.pack("!L", 0))
        # Also when it has hung up in the middle: it says “size limit exceeded” and listens to no more.
        return _verdict(talk.answer())


def _verdict(answer: str) -> Scan:
    if answer == "stream: OK":
        return Scan.CLEAN
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        logger.warning("The malware scanner has found %.200r.", answer[len("stream: ") : -len(" FOUND")])
        return Scan.INFECTED
    raise NotScanned(f"the scanner answers {answer[:200]!r}")


def answers() -> bool:
    """Whether a scanner is there at this moment; asked also while it is left alone."""
    try:
        with _conversation(PING_SECONDS) as talk:
            talk.send(b"zPING\0")
            return talk.answer() == "PONG"
    except OutOfTime:
        _leave_alone()
        return False
    except NotScanned:
        return False


@contextmanager
def _conversation(seconds: float) -> Iterator["_Conversation"]:
    """One question to clamd."""
    try:
        talk = _Conversation(seconds)
        try:
            yield talk
        finally:
            talk.end()
    except ScannerAway:
        _leave_alone()
        raise


def _leave_alone() -> None:
    """Note that it is away, so that nobody else waits for it in the next moments."""
    _Rest.until = time.monotonic() + REST_SECONDS


class _Conversation:
    """A connection to clamd that as a whole lasts at most `seconds`; after them, everything raises OutOfTime."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        try:
            self._socket = _connected(seconds)
        except OSError as error:
            raise ScannerAway(f"the scanner cannot be reached ({error})") from error

    def send(self, data: bytes) -> bool:
        """False when it has hung up."""
        try:
            self._limit()
            self._socket.sendall(data)
        except TimeoutError as error:
            raise OutOfTime("the scanner takes no more of the file") from error
        except OSError:
            return False
        return True

    def answer(self) -> str:
        """What it says, up to the null byte that ends it. Raises NotScanned when it hangs up before."""
        said = b""
        while not said.endswith(b"\0"):
            try:
                self._limit()
                part = self._socket.recv(LONGEST_ANSWER)
            except TimeoutError as error:
                raise OutOfTime("the scanner does not answer in time") from error
            except OSError:
                part = b""
            said += part
            if not part or len(said) > LONGEST_ANSWER:
                raise NotScanned("the scanner hung up" if not part else "the scanner answers at length")
        return said[:-1].decode(errors="replace").strip()

    def _limit(self) -> None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def end(self) -> None:
        self._socket.close()


def _connected(seconds: float) -> socket.socket:
    address = urlsplit(settings.CLAMD_URL)
    if address.scheme == "tcp":
        return socket.create_connection((address.hostname, address.port or PORT), timeout=seconds)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(unquote(address.path))
    except BaseException:
        connection.close()
        raise
    return connection


# For whoever runs the site


@dataclass(frozen=True)
class Backlog:
    """Files that wait for the scanner, and since when the oldest of them does."""

    files: int
    since: datetime.datetime | None


def backlog() -> Backlog:
    """How much waits for the scanner now. Cheap: an index holds only those."""
    waiting = [
        model.objects.filter(scan=Scan.WAITING).aggregate(files=Count("pk"), since=Min("created_at"))
        for model in (Upload, Document)
    ]
    since = [each["since"] for each in waiting if each["since"]]
    return Backlog(sum(each["files"] for each in waiting), min(since, default=None))
