"""What may stand in the logs: what happened, to which reference, id or user number, and when. Never who somebody is.

Names, addresses and answers are kept out by not being logged; what a library or a traceback might say all the same is
masked here: personal links and other tokens, keys of sessions and forms, e-mail addresses, passwords in addresses, what
somebody searched for. Each event is one line, whatever it holds; a traceback follows it indented, so that nothing that
a stranger sends can pass for an event of its own.
"""

import datetime
import logging
import re
import traceback
from collections.abc import Iterator

# Who has one of these addresses has an application or an account.
PERSONAL_ADDRESSES = ("/applications/open/", "/invitations/", "/admin/password-reset/")
PERSONAL_LINK = re.compile(rf"({'|'.join(PERSONAL_ADDRESSES)})[^/\s\"'<>]+")

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MASKS = (
    (PERSONAL_LINK, r"\1[token]"),
    (re.compile(r"://[^\s/\"'<>]+@"), "://[credentials]@"),
    # Anything that django.core.signing has signed: the value, perhaps a time, and 43 characters of signature.
    (re.compile(r"(?<![\w-])[\w-]+(?:[.:][\w-]+)?[.:][A-Za-z0-9_-]{43}(?![\w-])"), "[token]"),
    # Keys of sessions and of forms (CSRF). Hexadecimal ones are ids and hashes.
    (re.compile(r"\b(?=[0-9A-Za-z]*[g-zG-Z])(?:[0-9A-Za-z]{32}|[0-9A-Za-z]{64})\b"), "[key]"),
    # Message-IDs are no addresses of people.
    (re.compile(rf"(?<![\w.%+-])(?!{_UUID}@)[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), "[address]"),
    (re.compile(r"(?<=/)\?[^\s\"'<>]+"), "?[query]"),
)
LONGEST_MESSAGE = 1000  # characters of an exception's own words


class LineFormatter(logging.Formatter):
    """One line per event with its time in UTC and, where a request was refused or failed, the number of the user."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        return moment.isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage() + _by_whom(record)
        if self.usesTime():
            record.asctime = self.formatTime(record)
        lines = [_on_one_line(self.formatMessage(record))]
        if record.exc_info and record.exc_info[1]:
            told = traceback.TracebackException(*record.exc_info)
            lines += [f"    {_on_one_line(line)}" for line in _told(told)]
        return masked("\n".join(lines))


def masked(text: str) -> str:
    """`text` without anything that opens something or says who somebody is."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


def _by_whom(record: logging.LogRecord) -> str:
    """The number of the signed-in user whose request this is about. Only if it is known already: a log asks nothing."""
    user = getattr(getattr(record, "request", None), "_cached_user", None)
    return f" (user {user.pk})" if getattr(user, "pk", None) else ""


def _on_one_line(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _told(told: traceback.TracebackException) -> Iterator[str]:
    """The lines of a traceback. Of what an exception says itself only the first line.

    PostgreSQL adds the row that it refused, with every answer of a student, and others the data they failed on.
    """
    if told.__cause__ is not None:
        yield from _told(told.__cause__)
        yield "The above exception was the direct cause of the following exception:"
    elif told.__context__ is not None and not told.__suppress_context__:
        yield from _told(told.__context__)
        yield "During handling of the above exception, another exception occurred:"
    yield "Traceback (most recent call last):"
    for frame in told.stack.format():
        yield from frame.rstrip("\n").split("\n")
    yield "".join(told.format_exception_only()).partition("\n")[0][:LONGEST_MESSAGE]


class WithoutSilentClients(logging.Filter):
    """Drops the server's complaint about a client that fell silent and was let go: an ordinary end, not a fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
