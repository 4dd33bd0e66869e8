"""How long applications are kept, and their erasure when that time is over."""

import datetime
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db.models import Q, QuerySet
from django.utils import timezone

from applications import ledger, workflow
from applications.models import Application, Erasure, Export, Invitation, Letter
from applications.statuses import Status

logger = logging.getLogger(__name__)

FINAL = (Status.ACCEPTED, Status.DECLINED, Status.WITHDRAWN)


def expired(now: datetime.datetime | None = None) -> QuerySet[Application]:
    """Applications whose time is over: RETENTION_DAYS after the last change of status, by outcome.

    What was entered by hand and never consented to is kept as long as what was withdrawn. Only an acceptance counts as
    consent: the student has a place, then.
    """
    now = now or timezone.now()

    def before(outcome: str) -> datetime.datetime:
        return now - datetime.timedelta(days=settings.RETENTION_DAYS[outcome])

    is_over = Q(~Q(status__in=FINAL), status_changed_at__lt=before("undecided"))
    for status in FINAL:
        is_over |= Q(status=status, status_changed_at__lt=before(status))
    never_consented = Q(consent_version="") & ~Q(status=Status.ACCEPTED)
    is_over |= never_consented & Q(status_changed_at__lt=before(Status.WITHDRAWN))
    return Application.objects.filter(is_over)


def erase_on(application: Application) -> datetime.date:
    """The day on which the application will be erased if nothing happens to it any more."""
    days = [settings.RETENTION_DAYS[application.status if application.status in FINAL else "undecided"]]
    if not application.is_consented and application.status != Status.ACCEPTED:
        days.append(settings.RETENTION_DAYS[Status.WITHDRAWN])
    return timezone.localdate(application.status_changed_at + datetime.timedelta(days=min(days)))


class NotAllErased(Exception):
    """Some could not be erased; the others are. The message names their references, and the log says why."""

    def __init__(self, erased: list[str], failed: list[str]) -> None:
        super().__init__(f"Could not be erased: {', '.join(failed)}. They are tried again; the log says why.")
        self.erased, self.failed = erased, failed


def erase_expired(now: datetime.datetime | None = None) -> list[str]:
    """Erase what `expired` finds; returns the references. Safe beside other workers and busy reviewers.

    Raises NotAllErased when all are through and some could not be.
    """
    # Asked once more under the lock: it may have been reopened meanwhile.
    return _each(
        expired(now).order_by("pk"),
        lambda application: workflow.erase(application, cause=Erasure.Cause.EXPIRED, if_still_in=expired(now)),
    )


def _each(applications: Iterable[Application], erase: Callable[[Application], bool]) -> list[str]:
    """Erase each by itself, so that one that fails keeps nobody else waiting; returns the references of the erased."""
    erased, failed = [], []
    for application in applications:
        try:
            if erase(application):
                erased.append(application.reference)
        except Application.DoesNotExist:  # another worker was faster
            continue
        except Exception:  # whatever it was, the time of the others is over, too
            logger.exception("Application %s could not be erased; the others are.", application.reference)
            failed.append(application.reference)
    if failed:
        raise NotAllErased(erased, failed)
    return erased


# After a restore


def replay(path: Path | None = None) -> list[str]:
    """Erase again whoever the ledger at `path` (or ERASURE_LEDGER) names and a backup has brought back.

    Returns the references. Raises what `ledger.entries` raises, and NotAllErased.
    """
    gone = {entry.fingerprint: entry for entry in ledger.entries(path)}

    def erase_again(application: Application) -> bool:
        workflow.erase_again(application, gone[ledger.fingerprint(application.reference)])
        return True

    everybody = Application.objects.only("reference", "received_at", "project").order_by("pk")
    return _each([each for each in everybody.iterator() if _was_erased(each, gone)], erase_again)


def _was_erased(application: Application, gone: dict[str, ledger.Entry]) -> bool:
    """By the reference, which is never given twice as far as chance can be relied on; and who came later is another."""
    entry = gone.get(ledger.fingerprint(application.reference))
    return entry is not None and application.received_at <= entry.at


# What belongs to no application


def sweep_records(now: datetime.datetime | None = None) -> int:
    """Remove what belongs to no one application and yet tells of some, or of reviewers; returns how many rows.

    The admin's log, the record of exports, letters about several applications or none, invitations: once even the
    longest period is over. docs/decisions/0017 lists what has periods of its own.
    """
    now = now or timezone.now()
    limit = now - records_kept()
    old = (
        LogEntry.objects.filter(action_time__lt=limit),
        Export.objects.filter(created_at__lt=limit).exclude(state__in=(Export.State.READY, Export.State.RUNNING)),
        Letter.objects.filter(application=None, created_at__lt=limit).exclude(status=Letter.Status.QUEUED),
        Invitation.objects.filter(expires_at__lt=limit),
    )
    return sum(rows.delete()[0] for rows in old)


def records_kept() -> datetime.timedelta:
    """As long as the longest of the periods, so that a record outlives none of the applications that it tells of."""
    return datetime.timedelta(days=max(settings.RETENTION_DAYS.values()))
