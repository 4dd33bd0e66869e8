"""What may stand in the logs: never a manage link, because who has the link has the application."""

import logging
import re

MANAGE_LINK = re.compile(r"(/applications/open/)[^/\s\"'<>]+")


class LineFormatter(logging.Formatter):
    """One line per event, with the token of every manage link left out, in messages of libraries and tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        return MANAGE_LINK.sub(r"\1[token]", super().format(record))


class WithoutSilentClients(logging.Filter):
    """Drops the server's complaint about a client that fell silent and was let go: an ordinary end, not a fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
