from django.core import mail
from django.core.management.commands import flush

from applications.models import append_only


class Command(flush.Command):
    """Django's own, which the triggers of the history refuse, except in tests.

    After each test with real transactions Django empties all tables by this command, in whatever tests somebody writes
    against the product. Outside of tests the answer stays no: history is not emptied by a word on the command line.
    """

    def handle(self, *, database: str, **options) -> None:
        if not _is_within_tests():
            super().handle(database=database, **options)
            return
        append_only.lift(database)
        try:
            super().handle(database=database, **options)
        finally:
            append_only.keep(database)


def _is_within_tests() -> bool:
    """Django's `setup_test_environment` has run, and letters go into this list."""
    return hasattr(mail, "outbox")
