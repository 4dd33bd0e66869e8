"""Looks into an uploaded document before it counts: `inspect(path)`.

The looking itself happens in another process (`applications.inspector`), which this module starts at first use, talks
to, replaces when it died, and ends. Nothing here reads a byte of the document.
"""

import atexit
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("inspector.py")
MOST_PAGES = 500
AT_ONCE = 2  # inspections by one web process: each may take 700 MB before it is ended
TURN_SECONDS = 30  # how long a file waits for its turn
ANSWER_SECONDS = 30  # longer than a child may live
LONGEST_ANSWER = 4096
STARTED = b"."  # as in the inspector, which is never imported here: it loads the libraries that read PDFs

# Why a document is refused, in the student's words: what it is, and what to do.
WORDS = {
    "empty": _(
        "This file is empty. If it comes from a cloud folder, wait until it has been downloaded completely. "
        "Open it once to see that everything is there, then choose it again."
    ),
    "photo": _(
        "This is a photo, not a PDF. On a phone, open the photo, choose “Print” and save it as a PDF, or use the scan "
        "function of your files or notes app. On a computer, open it, choose “Print” and then “Save as PDF”. "
        "Then choose the new file."
    ),
    "word_file": _(
        "This is a Word file or a file of another office program, not a PDF. Open it there, choose “Save as” or "
        "“Export as” PDF, and choose the new file."
    ),
    "archive": _(
        "This is a ZIP archive, not a PDF. Unpack it and choose the PDF that is in it. "
        "If it holds several, choose them one by one or combine them into one PDF."
    ),
    "web_page": _(
        "This is a web page, not a PDF. Perhaps you had been signed out when you downloaded it. Sign in and download "
        "the document again, or open the page in your browser, choose “Print” and “Save as PDF”. "
        "Then choose the new file."
    ),
    "not_pdf": _(
        "This is not a PDF, whatever its name says. Open it in the program it was made with, choose “Save as” or "
        "“Export as” PDF (or “Print” and “Save as PDF”), and choose the new file."
    ),
    "locked": _(
        "This PDF needs a password to open. Export it again without one, or print it to PDF, and choose the new file."
    ),
    "no_pages": _("This PDF has no pages. Export or download it again and choose the new file."),
    "broken": _(
        "This PDF is damaged or incomplete. Perhaps a download broke off. Download or export it again, look whether it "
        "opens and shows all its pages, and choose the new file."
    ),
    "too_many_pages": format_lazy(
        _(
            "This PDF has more than {most} pages. Save only the pages that matter for your application as a new PDF, "
            "and choose that one."
        ),
        most=MOST_PAGES,
    ),
    "too_complex": _(
        "This PDF could not be checked because it is built in too complicated a way. Open it, choose “Print” and "
        "“Save as PDF”, and choose the new file."
    ),
}

# What reviewers are told of an accepted document.
FLAG_WORDS = {
    "javascript": _("Contains a script"),
    "launch_action": _("Wants to start a program"),
    "embedded_file": _("Contains attached files"),
    "form": _("Contains a form to fill in"),
    "xfa": _("Contains a form that only some viewers show"),
    "odd_link": _("Contains a link to something other than a web page or an e-mail address"),
    "owner_locked": _("Protected against changes"),
    "signed": _("Carries a digital signature (not verified)"),
    "mended": _("Damaged, and readable only after mending; something may be missing"),
    "not_fully_checked": _("Could be checked only in part"),
}


class InspectionUnavailable(Exception):
    """No inspection could take place, through no fault of the file. Its sentence is for the log, not for students."""


@dataclass(frozen=True)
class Inspection:
    """What is known about a document: `verdict` is "accepted" or "refused", `code` is "ok" or a key of WORDS."""

    verdict: str
    code: str
    reason: str | Promise = ""
    pages: int | None = None
    flags: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return self.verdict == "accepted"


def inspect(path: str | os.PathLike[str]) -> Inspection:
    """Whether the document may come in, and what reviewers should know of it. Never raises for what is in the file.

    Raises InspectionUnavailable when no inspection could take place; the same file may be fine a minute later.
    """
    try:
        with open(path, "rb") as document:
            answer = _server.ask(document.fileno())
    except OSError as error:
        raise InspectionUnavailable(f"The document could not be inspected: {error}.") from error
    return _understood(answer)


def refused(code: str) -> Inspection:
    return Inspection("refused", code, WORDS[code])


def _understood(answer: bytes) -> Inspection:
    """The answer of a child, believed only as far as it makes sense: the file may have taken the child over."""
    if not answer:
        logger.warning("The inspection of a document was ended by a limit; the document is refused.")
        return refused("too_complex")
    try:
        said = json.loads(answer)
        code, pages, flags = said["code"], said["pages"], said["flags"]
        if code in WORDS:
            return refused(code)
        if code == "ok" and type(pages) is int and 0 < pages <= MOST_PAGES and set(flags) <= FLAG_WORDS.keys():
            return Inspection("accepted", code, pages=pages, flags=list(flags))
        logger.error("The inspection of a document failed (%.200r); the document is refused.", said.get("error"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        logger.error("The inspection of a document gave no sensible answer; the document is refused.")
    return refused("too_complex")


# What the inspector's process keeps of our environment: enough to run Python, no secrets.
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


class _InspectorProcess:
    """One running `inspector.py` and the socket that reaches it."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(ANSWER_SECONDS)
        try:
            with theirs:
                self.process = subprocess.Popen(
                    [sys.executable, "-I", str(PROGRAM), str(theirs.fileno()), str(MOST_PAGES)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is for the web process, which then ends this one
                )
        except BaseException:
            self.control.close()
            raise

    def close(self) -> None:
        """Ends the process: it goes when its control socket closes, and is not waited for longer than a moment."""
        self.control.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def abandon(self) -> None:
        """Lets go of a process that belongs to the parent of this (forked) process."""
        self.control.close()
        self.process.returncode = 0  # not ours to wait for


class _Server:
    """The inspector of this process: started when first needed, replaced when it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._inspector: _InspectorProcess | None = None

    def ask(self, document: int) -> bytes:
        """The answer of a child about this open file; empty when a limit ended the child."""
        if not self._turns.acquire(timeout=TURN_SECONDS):
            raise InspectionUnavailable("Too many documents are being inspected at the moment.")
        try:
            for _attempt in range(2):
                answer = self._ask_once(document)
                if answer.startswith(STARTED):
                    return answer.removeprefix(STARTED)
            raise InspectionUnavailable("The process that inspects documents cannot be started.")
        finally:
            self._turns.release()

    def close(self) -> None:
        with self._lock:
            if self._inspector:
                self._inspector.close()
                self._inspector = None

    def abandon(self) -> None:
        if self._inspector:
            self._inspector.abandon()

    def _ask_once(self, document: int) -> bytes:
        """STARTED and the child's answer; empty when the inspector was gone and is now removed."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                inspector = self._running()
                sent = self._send(inspector, [document, theirs.fileno()])
            answer = _read_to_end(ours) if sent else b""
        if not answer:
            self._remove(inspector)
        return answer

    def _running(self) -> _InspectorProcess:
        with self._lock:
            if self._inspector is None:
                self._inspector = _InspectorProcess()
            return self._inspector

    def _send(self, inspector: _InspectorProcess, descriptors: list[int]) -> bool:
        with self._lock, contextlib.suppress(OSError):
            socket.send_fds(inspector.control, [b"!"], descriptors)
            return True
        return False

    def _remove(self, inspector: _InspectorProcess) -> None:
        """Another thread may have done so already, and a new one may be running."""
        with self._lock:
            if self._inspector is inspector:
                logger.warning("The process that inspects documents had ended; a new one is started when needed.")
                self._inspector = None
                inspector.close()


def _read_to_end(answers: socket.socket) -> bytes:
    """All that a child says, up to a length that no honest answer has; what came until then if it falls silent."""
    answer = b""
    deadline = time.monotonic() + ANSWER_SECONDS
    while len(answer) <= LONGEST_ANSWER and (left := deadline - time.monotonic()) > 0:
        answers.settimeout(left)
        try:
            chunk = answers.recv(LONGEST_ANSWER)
        except OSError:
            break
        if not chunk:
            break
        answer += chunk
    return answer


_server = _Server()


def _start_afresh() -> None:
    """A forked process (a web server's worker) gets an inspector of its own."""
    global _server
    _server.abandon()
    _server = _Server()


os.register_at_fork(after_in_child=_start_afresh)
atexit.register(lambda: _server.close())
