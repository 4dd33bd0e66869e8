"""How long applications are kept, and their erasure when that time is over."""

import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from applications import workflow
from applications.models import Application, Erasure
from applications.statuses import Status

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


def erase_expired(now: datetime.datetime | None = None) -> list[str]:
    """Erase what `expired` finds, one by one; returns the references. Safe beside other workers and busy reviewers."""
    references = []
    for application in expired(now).order_by("pk"):
        try:
            # Asked once more under the lock: it may have been reopened meanwhile.
            erased = workflow.erase(application, cause=Erasure.Cause.EXPIRED, if_still_in=expired(now))
        except Application.DoesNotExist:  # another worker was faster
            continue
        if erased:
            references.append(application.reference)
    return references
