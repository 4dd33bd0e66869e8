"""The ledger of erasures: which applications were erased, in a file that outlives the database, and names nobody.

A backup still holds whoever was erased after it was made. `restore` reads the ledger and erases them again
(`retention.replay`), so that nobody comes back. A line per erasure: its moment, its cause and the fingerprint of the
reference, keyed with SECRET_KEY, which a backup carries with it. The rows of `Erasure` say the same and are the truth;
the file follows them (`bring_up_to_date`), also when a process was killed between the two.
"""

import dataclasses
import datetime
import errno
import logging
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.crypto import salted_hmac

from applications.models import Erasure

logger = logging.getLogger(__name__)

NAME_AND_VERSION = "erasures 1"
LINE = re.compile(r"(?P<at>\S{20,40}) (?P<cause>[a-z_]{1,10}) (?P<fingerprint>[0-9a-f]{64})")


class NotOurs(Exception):
    """The file is no ledger, or one that was kept with another SECRET_KEY. The message says what to do."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One erasure, as the file tells it."""

    at: datetime.datetime
    cause: str
    fingerprint: str


def fingerprint(reference: str) -> str:
    """What stands for an application in the ledger: 64 hexadecimal digits, from which no reference can be guessed."""
    return salted_hmac("applications.ledger", reference, algorithm="sha256").hexdigest()


# Reading


def entries(path: Path | None = None) -> list[Entry]:
    """What the ledger at `path` (or ERASURE_LEDGER) says, the oldest first.

    A line that was cut off by a power failure is passed over: its row is still in the database, and
    `bring_up_to_date` writes it again. Raises FileNotFoundError, NotOurs, and OSError when it cannot be read.
    """
    with (path or settings.ERASURE_LEDGER).open(encoding="ascii", errors="replace") as file:
        first_line = file.readline()
        if not _is_half_a_header(first_line):
            _refuse_unless_ours(first_line, path or settings.ERASURE_LEDGER)
        return [entry for entry in map(_understood, file) if entry is not None]


def _understood(line: str) -> Entry | None:
    match = LINE.fullmatch(line.rstrip("\n"))
    with suppress(ValueError):
        if match is not None:
            return Entry(datetime.datetime.fromisoformat(match["at"]), match["cause"], match["fingerprint"])
    return None


def _header() -> str:
    """The first line. Its second half tells the key from others, without telling the key."""
    check = salted_hmac("applications.ledger.key", NAME_AND_VERSION, algorithm="sha256").hexdigest()[:16]
    return f"{NAME_AND_VERSION} {check}\n"


def _is_half_a_header(first_line: str) -> bool:
    """Whether a full disk or a power failure has cut the first line off; nothing can follow it then."""
    return 0 < len(first_line) < len(_header()) and _header().startswith(first_line)


def _refuse_unless_ours(first_line: str, path: Path) -> None:
    if first_line == _header():
        return
    if first_line.startswith(NAME_AND_VERSION):
        raise NotOurs(
            f"The ledger of erasures {path} was kept with another SECRET_KEY, so it recognises nobody here. Use the "
            "secret key that belongs to it (a backup has it), or name another file in ERASURE_LEDGER."
        )
    raise NotOurs(
        f"{path} is no ledger of erasures that this version can read. Name another file in ERASURE_LEDGER, and a new "
        "ledger is written there from what the database knows."
    )


# Writing


def note(erasure: Erasure) -> None:
    """Add the line of an erasure that is certain. Never fails: what cannot be written now, the worker writes later."""
    try:
        _append([erasure])
    except (OSError, NotOurs) as error:
        logger.error("An erasure is not in the ledger yet; the worker writes it later. %s", error)


def bring_up_to_date() -> int:
    """Write what the file lacks of the rows, and make the file if it is gone; returns how many lines were written.

    Raises NotOurs, and OSError when the file cannot be read or written.
    """
    _append([])
    written = {entry.fingerprint for entry in entries()}
    known = Erasure.objects.exclude(fingerprint="").order_by("erased_at", "pk")
    missing = [erasure for erasure in known.iterator() if erasure.fingerprint not in written]
    _append(missing)
    return len(missing)


def _append(erasures: Iterable[Erasure]) -> None:
    """One write at the end of the file, so that processes that write at the same moment do not cut each other's lines.

    A new file gets its first line; what follows half a line begins on a new one. Only the file's owner reads it.
    """
    path = settings.ERASURE_LEDGER
    lines = "".join(f"{each.erased_at.isoformat()} {each.cause} {each.fingerprint}\n" for each in erasures)
    with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        content = (_beginning(file, path) + lines).encode("ascii")
        if not content:
            return
        if file.write(content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def _beginning(file: BinaryIO, path: Path) -> str:
    """What goes before the next line.

    Of two processes that find the file empty both write a header; one is enough. Half a header gets its rest, which
    does no harm either when two write it: nothing is ever taken out of the file.
    """
    if file.seek(0, os.SEEK_END) == 0:
        _sync_folder(path.parent)
        return _header()
    file.seek(0)
    first_line = file.readline().decode("ascii", "replace")
    if _is_half_a_header(first_line):
        return _header()[len(first_line) :]
    _refuse_unless_ours(first_line, path)
    file.seek(-1, os.SEEK_END)
    return "" if file.read(1) == b"\n" else "\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
