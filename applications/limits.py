"""How often the same address may ask for the same thing within an hour: for forms that need no account, and sign-in.

Counted in the database, so that several processes and hosts count together; hours are hours of the clock, and the one
before counts in part, so that nobody gets twice as much around the full hour. Addresses are kept as keyed fingerprints
and only for a day. Limits are for machines: a campus behind one address has to fit into them.
"""

import datetime
import ipaddress
import logging

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from applications.models import RequestCount

logger = logging.getLogger(__name__)

HOUR = datetime.timedelta(hours=1)
KEPT = datetime.timedelta(days=1)
IPV6_NETWORK = 64  # bits that one customer of a provider has for themselves


def whose_address(address: str) -> str:
    """The fingerprint of a network address; of its network for IPv6, where everybody has more addresses than atoms."""
    try:
        if ipaddress.ip_address(address).version == 6:
            address = str(ipaddress.ip_network(f"{address}/{IPV6_NETWORK}", strict=False))
    except ValueError:
        pass  # an unknown address is one like another
    return fingerprint(address)


def fingerprint(words: str) -> str:
    """What stands for an address in the table: 64 hexadecimal digits."""
    return salted_hmac("applications.limits", words, algorithm="sha256").hexdigest()


def used(what: str, whose: str, now: datetime.datetime | None = None) -> float:
    """How much of `what` the bearer of the fingerprint `whose` has used within the last hour, about."""
    now = now or timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    counts = dict(
        RequestCount.objects.filter(what=what, whose=whose, hour__in=(hour, hour - HOUR)).values_list("hour", "count")
    )
    part_of_former = 1 - (now - hour) / HOUR
    return counts.get(hour, 0) + counts.get(hour - HOUR, 0) * part_of_former


def is_used_up(what: str, whose: str, most: int, now: datetime.datetime | None = None) -> bool:
    """Whether `whose` has had `most` of `what` within an hour. Never with APPLY_LIMITS off."""
    return settings.APPLY_LIMITS and used(what, whose, now) >= most


def count(what: str, whose: str, now: datetime.datetime | None = None) -> None:
    """Count one more. What cannot be counted (a busy database) is logged, and nobody is kept waiting for it."""
    if not settings.APPLY_LIMITS:
        return
    hour = (now or timezone.now()).replace(minute=0, second=0, microsecond=0)
    row = {"what": what, "whose": whose, "hour": hour}
    try:
        with transaction.atomic():
            if not RequestCount.objects.filter(**row).update(count=F("count") + 1):
                RequestCount.objects.bulk_create([RequestCount(**row)], ignore_conflicts=True)
                RequestCount.objects.filter(**row).update(count=F("count") + 1)
    except DatabaseFailure:
        logger.exception("A request of the kind “%s” could not be counted.", what)


def sweep(now: datetime.datetime | None = None) -> int:
    """Forget what is older than a day; returns how many rows went."""
    return RequestCount.objects.filter(hour__lt=(now or timezone.now()) - KEPT).delete()[0]
