"""The end of an application."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from applications import exports, letters, search
from applications.models import Application, Erasure
from applications.statuses import Status
from applications.workflow.moves import lock, still_in


def erase(
    application: Application,
    *,
    cause: str = Erasure.Cause.REVIEWER,
    by=None,
    if_still_in: QuerySet[Application] | None = None,
) -> bool:
    """Remove an application with its rows, its documents and its letters. The place of an accepted one stays taken.

    `by` is the reviewer who does it; the supervisor is told of what a student erases that somebody has begun to read.

    What remains is a line that something was erased, when and why, without anything about whose it was. With
    `if_still_in`, only while it belongs to those, asked under the lock; returns whether it was erased.
    """
    with transaction.atomic():
        application = lock(application)
        if not still_in(application, if_still_in):
            return False
        Erasure.objects.create(
            cause=cause,
            project=application.project,
            status=application.status,
            received_on=timezone.localdate(application.received_at),
            documents=application.documents.count(),
            letters=application.letters.count(),
        )
        by_student = by is None and cause in (Erasure.Cause.STUDENT, Erasure.Cause.NOT_ME)
        if by_student and application.status not in (Status.RECEIVED, Status.WITHDRAWN):
            letters.notice_erased(application)
        application.erase()
        search.forget_erased()
        transaction.on_commit(exports.forget_after_erasure)
    return True
