"""What may stand in the logs: never a personal link, because who has the link has the application or the account."""

import logging
import re

PERSONAL_LINK = re.compile(r"(/applications/open/|/invitations/)[^/\s\"'<>]+")


class LineFormatter(logging.Formatter):
    """One line per event, without the token of any personal link, in messages of libraries and tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        return PERSONAL_LINK.sub(r"\1[token]", super().format(record))


class WithoutSilentClients(logging.Filter):
    """Drops the server's complaint about a client that fell silent and was let go: an ordinary end, not a fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
