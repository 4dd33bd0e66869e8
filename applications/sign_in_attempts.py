"""Failed sign-ins, as django-axes keeps them: a fingerprint of the name that was typed, and a network address."""

import datetime

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.utils import timezone

KEPT = datetime.timedelta(days=1)


def sweep(now: datetime.datetime | None = None) -> int:
    """Forget what is older than a day, of accounts and of names that are nobody's; returns how many rows went.

    A wait lasts a quarter of an hour, so nothing that is still needed goes. The two logs are switched off in the
    settings; should anybody switch them on, they are kept no longer.
    """
    oldest = (now or timezone.now()) - KEPT
    return sum(
        model.objects.filter(attempt_time__lt=oldest).delete()[0]
        for model in (AccessAttempt, AccessFailureLog, AccessLog)
    )
