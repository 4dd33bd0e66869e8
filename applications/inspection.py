"""Looks into an uploaded document before it counts: `inspect(path)`.

The looking itself happens in another process (`applications.inspector`), which `applications.limited_server` starts at
first use, talks to, replaces when it died, and ends. Nothing here reads a byte of the document.
"""

import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.limited_server import LimitedServer, NotServed

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("inspector.py")
MOST_PAGES = 500
AT_ONCE = 2  # inspections by one web process: each may take 700 MB before it is ended
TURN_SECONDS = 30  # how long a file waits for its turn
ANSWER_SECONDS = 30  # longer than a child may live
LONGEST_ANSWER = 4096

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
    "form_script": _("Contains form fields that run a script"),
    "launch_action": _("Wants to start a program"),
    "embedded_file": _("Contains attached files"),
    "form": _("Contains a form to fill in"),
    "xfa": _("Contains a form that only some viewers show"),
    "odd_link": _("Contains a link to something other than a web page or an e-mail address"),
    "multimedia": _("Contains sound, video or a 3D model"),
    "unusual_size": _("Has a page or a picture of unusual size; may open slowly"),
    "polyglot": _("Is a file of another kind as well: an archive, or a web page"),
    "owner_locked": _("Protected against changes"),
    "signed": _("Carries a digital signature (not verified)"),
    "mended": _("Damaged, and readable only after mending; something may be missing"),
    "not_fully_checked": _("Could be checked only in part"),
}
# Of these: what does nothing in a browser's viewer, and may do something in another program.
ACTIVE_FLAGS = frozenset({"javascript", "form_script", "launch_action", "embedded_file"})


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
    except (OSError, NotServed) as error:
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


def _new_server() -> LimitedServer:
    return LimitedServer(
        PROGRAM,
        [str(MOST_PAGES)],
        at_once=AT_ONCE,
        turn_seconds=TURN_SECONDS,
        answer_seconds=ANSWER_SECONDS,
        longest_answer=LONGEST_ANSWER,
    )


_server = _new_server()
