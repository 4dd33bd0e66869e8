"""How many letters an hour go to addresses that nobody has confirmed: to whatever strangers type into our forms.

None is dropped: a receipt is all that a student has in hand. What is over the limit waits, and leaves later.
"""

import datetime
import logging

from django.db.models import QuerySet
from django.utils import timezone

from applications import limits
from applications.hourly_log import HourlyLog
from applications.models import Letter

hourly_log = HourlyLog(logging.getLogger(__name__))

# Of the whole site: five times a lecture hall in an hour, and few enough for a mail server to keep its good name.
TO_STRANGERS = limits.Limit("letters to strangers", 1000)
SITE = limits.fingerprint("site")
PAUSE = datetime.timedelta(minutes=10)
KINDS = (Letter.Kind.RECEIVED, Letter.Kind.APPLIED_AGAIN, Letter.Kind.LINK)  # that a stranger can cause


def to_strangers() -> QuerySet[Letter]:
    return Letter.objects.filter(kind__in=KINDS, to_student=True, application__confirmed_at=None)


def hold_back(now: datetime.datetime | None = None) -> int:
    """When the hour has had its letters, let all others to strangers wait for PAUSE; returns how many wait now."""
    now = now or timezone.now()
    if limits.wait_for([(TO_STRANGERS, SITE)], now) is None:
        return 0
    due = Letter.objects.due(now).filter(pk__in=to_strangers().values("pk"))
    held = due.update(send_after=now + PAUSE)
    if held:
        hourly_log.warning(
            "held back",
            "%s letters to addresses that nobody has confirmed wait: more than %s were to go within an hour. Either "
            "very many students apply, or somebody fills in forms with other people’s addresses.",
            held,
            TO_STRANGERS.most,
        )
    return held


def note_sent(letter: Letter) -> None:
    """Count a letter that has left, when it went to a stranger."""
    if letter.kind in KINDS and letter.to_student and letter.application.confirmed_at is None:
        limits.count(TO_STRANGERS.what, SITE)


def held_back(now: datetime.datetime | None = None) -> int:
    """How many letters wait because of this, for the desk."""
    now = now or timezone.now()
    return to_strangers().filter(status=Letter.Status.QUEUED, attempts=0, send_after__gt=now).count()
