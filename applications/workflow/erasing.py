"""The end of an application."""

import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from applications import exports, ledger, letters, search
from applications.models import Application, Erasure, Event
from applications.statuses import FUNNEL, Status
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

    What remains is a line that something was erased, when and why, without anything about whose it was; and the same in
    the ledger, by which a restored backup is erased again. With `if_still_in`, only while it belongs to those, asked
    under the lock; returns whether it was erased.
    """
    with transaction.atomic():
        application = lock(application)
        if not still_in(application, if_still_in):
            return False
        erasure = _record(application, cause, timezone.now())
        transaction.on_commit(lambda: ledger.note(erasure))  # the first of what follows, and it never fails
        by_student = by is None and cause in (Erasure.Cause.STUDENT, Erasure.Cause.NOT_ME)
        if by_student and application.status not in (Status.RECEIVED, Status.WITHDRAWN):
            letters.notice_erased(application)
        _remove(application)
    return True


def erase_again(application: Application, entry: ledger.Entry) -> None:
    """Remove an application that came back with a backup, as the ledger says that it was before.

    Nobody is told a second time, and its line is written only where the backup is older than that, too.
    """
    with transaction.atomic():
        application = lock(application)
        if not Erasure.objects.filter(fingerprint=entry.fingerprint).exists():
            _record(application, entry.cause, entry.at)
        _remove(application)


def _record(application: Application, cause: str, at: datetime.datetime) -> Erasure:
    """What stays, for the statistics and for whoever asks whether it was done."""
    moved = application.events.filter(kind=Event.Kind.MOVED, to_status__in=FUNNEL)
    reached = set(moved.order_by().values_list("to_status", flat=True))
    return Erasure.objects.create(
        cause=cause,
        project=application.project,
        status=application.status,
        received_on=timezone.localdate(application.received_at),
        documents=application.documents.count(),
        letters=application.letters.count(),
        reached=[step.value for step in FUNNEL if step in reached],
        fingerprint=ledger.fingerprint(application.reference),
        erased_at=at,
    )


def _remove(application: Application) -> None:
    application.erase()
    search.forget_erased()
    transaction.on_commit(exports.forget_after_erasure, robust=True)  # a storage that is away stops nobody's erasure
