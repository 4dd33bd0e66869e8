"""Warnings that concern many requests, said once an hour by each process instead of once for each request."""

import logging
import time

SAID_AGAIN_AFTER = 3600  # seconds


class HourlyLog:
    """Says each kind of warning at most once an hour."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.said: dict[str, float] = {}

    def warning(self, kind: str, words: str, *values) -> bool:
        """Say `words` with `values` unless this `kind` was said within the hour; returns whether it was said."""
        now = time.monotonic()
        if kind in self.said and now - self.said[kind] < SAID_AGAIN_AFTER:
            return False
        self.said[kind] = now
        self.logger.warning(words, *values)
        return True
