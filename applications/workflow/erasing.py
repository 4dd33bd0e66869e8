"""The end of an application."""

from django.db import transaction
from django.db.models import QuerySet

from applications import exports, search
from applications.models import Application
from applications.workflow.moves import lock, still_in


def erase(application: Application, *, if_still_in: QuerySet[Application] | None = None) -> bool:
    """Remove an application with its rows, its documents and its letters. The place of an accepted one stays taken.

    With `if_still_in`, only while it belongs to those, asked under the lock; returns whether it was erased.
    """
    with transaction.atomic():
        application = lock(application)
        if not still_in(application, if_still_in):
            return False
        application.erase()
        search.forget_erased()
        transaction.on_commit(exports.forget_after_erasure)
    return True
