"""How often the same address may ask for the same thing within an hour: for forms that need no account, and sign-in.

Counted in the database, so that several processes and hosts count together; hours are hours of the clock, and the one
before counts in part, so that nobody gets twice as much around the full hour. Addresses are kept as keyed fingerprints
and only for a day. Limits are for machines: a campus behind one address has to fit into them. What is turned away does
not count, so that pressing a button again and again makes no wait longer.
"""

import bisect
import datetime
import ipaddress
import logging
import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format

from applications.models import RequestCount

logger = logging.getLogger(__name__)

HOUR = datetime.timedelta(hours=1)
KEPT = datetime.timedelta(hours=25)  # a day, and the hour of the clock in which it began
IPV6_NETWORK = 64  # bits that one customer of a provider has for themselves


class Limit(NamedTuple):
    """At most so many of `what` within so many hours. `docs/decisions/0016` has the reasons for each number."""

    what: str
    most: int
    hours: int = 1


# Of one network address, which may be a campus: 200 students in a lecture hall, three times over.
APPLICATIONS = Limit("applications", 600)
FILES = Limit("files", 3000)
LINKS = Limit("links", 60)  # asked for at `find`
LEFT_BEHIND = Limit("left behind", 120)  # forms of student's pages that are kept until the page is open
QUICK = Limit("quick forms", 10)  # sent sooner than anybody fills one in, or without saying when they were opened
# Of one e-mail address from one network address (`of_student`), which is one person.
OF_ONE_STUDENT = Limit("applications of one", 10)
OF_ONE_STUDENT_A_DAY = Limit("applications of one", 20, hours=24)

TURNED_AWAY = "turned away"  # what is counted by `count_turned_away`, with the kind of limit as its bearer


class Wait(NamedTuple):
    """The limit that is used up, and after how many seconds it is not any more."""

    limit: Limit
    seconds: int

    @property
    def until(self) -> str:
        """The moment in the reader's words: its time, and its day when that is not today."""
        return moment_after(self.seconds)


def kilobytes() -> Limit:
    """How much of one network may lie unclaimed of what came within an hour: half of what all together may have."""
    return Limit("kilobytes", settings.UNCLAIMED_MAX_BYTES // 2 // 1024)


# Who asks


def whose_address(address: str) -> str:
    """The fingerprint of a network address; of its network for IPv6, where everybody has more addresses than atoms."""
    try:
        if ipaddress.ip_address(address).version == 6:
            address = str(ipaddress.ip_network(f"{address}/{IPV6_NETWORK}", strict=False))
    except ValueError:
        pass  # an unknown address is one like another
    return fingerprint(address)


def of_student(email_key: str, sender: str) -> str:
    """Who applies with this e-mail address from this network (its fingerprint).

    Never the e-mail address alone: whoever knows it could use up from elsewhere what its owner may send.
    """
    return fingerprint(f"{email_key} {sender}")


def fingerprint(words: str) -> str:
    """What stands for an address in the table: 64 hexadecimal digits."""
    return salted_hmac("applications.limits", words, algorithm="sha256").hexdigest()


# Asking


def used(what: str, whose: str, now: datetime.datetime | None = None) -> float:
    """How much of `what` the bearer of the fingerprint `whose` has used within the last hour, about."""
    now = now or timezone.now()
    return _within(_counts([(what, whose)], 1, now)[what, whose], 1, now)


def is_used_up(what: str, whose: str, most: int, now: datetime.datetime | None = None) -> bool:
    """Whether `whose` has had `most` of `what` within an hour. For sign-in, which APPLY_LIMITS=off does not open."""
    return used(what, whose, now) >= most


def wait_for(asked: Iterable[tuple[Limit, str]], now: datetime.datetime | None = None) -> Wait | None:
    """The first of the pairs (limit, whose) that is used up; None when there is room in all of them, or no limits.

    One query, whatever is asked.
    """
    if not settings.APPLY_LIMITS:
        return None
    now, asked = now or timezone.now(), list(asked)
    longest = max(limit.hours for limit, _whose in asked)
    counts = _counts([(limit.what, whose) for limit, whose in asked], longest, now)
    for limit, whose in asked:
        seconds = _seconds_until_room(limit, counts[limit.what, whose], now)
        if seconds:
            return Wait(limit, seconds)
    return None


Counts = dict[datetime.datetime, int]  # by the hour of the clock


def _counts(asked: list[tuple[str, str]], hours: int, now: datetime.datetime) -> dict[tuple[str, str], Counts]:
    found: dict[tuple[str, str], Counts] = {pair: {} for pair in asked}
    rows = RequestCount.objects.filter(
        what__in={what for what, _whose in asked},
        whose__in={whose for _what, whose in asked},
        hour__gte=_hour_of(now) - hours * HOUR,
    )
    for what, whose, hour, number in rows.values_list("what", "whose", "hour", "count"):
        found.get((what, whose), {})[hour] = number
    return found


def _hour_of(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _within(counts: Counts, hours: int, now: datetime.datetime) -> float:
    """What was used within the last `hours`, as if it had come evenly within each hour of the clock."""
    hour = _hour_of(now)
    oldest = counts.get(hour - hours * HOUR, 0) * (1 - (now - hour) / HOUR)
    return sum(counts.get(hour - ago * HOUR, 0) for ago in range(hours)) + oldest


def _seconds_until_room(limit: Limit, counts: Counts, now: datetime.datetime) -> int:
    """0 when there is room. What was used only gets older, so the moment is found by halving the span."""

    def has_room(seconds: int) -> bool:
        then = now + datetime.timedelta(seconds=seconds)
        return _within(counts, limit.hours, then) < limit.most

    return 0 if has_room(0) else bisect.bisect_left(range((limit.hours + 1) * 3600), True, key=has_room)


def moment_after(seconds: int) -> str:
    """The moment in so many seconds, rounded up to a minute, as a reader writes it: 14:05, or with its day."""
    now = timezone.localtime()
    minutes = math.ceil((now.second + seconds) / 60)
    then = now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=minutes)
    return date_format(then, "TIME_FORMAT" if then.date() == now.date() else "DATETIME_FORMAT")


# Counting


def count(what: str, whose: str, now: datetime.datetime | None = None, by: int = 1) -> None:
    """Count one more, or `by`. What cannot be counted (a busy database) is logged, and nobody is refused for it."""
    count_all([(what, whose, by)], now)


def give_back(what: str, whose: str, uses: Iterable[tuple[datetime.datetime, int]]) -> None:
    """Count less of what was used at these moments, by so much each, and never below nothing. Fails as `count`."""
    sums: Counter[datetime.datetime] = Counter()
    for moment, by in uses:
        sums[_hour_of(moment)] += by
    try:
        for hour, by in sums.items():
            rows = RequestCount.objects.filter(what=what, whose=whose, hour=hour)
            rows.update(count=Greatest(F("count") - by, 0))
    except DatabaseFailure:
        logger.exception("What a request has given back could not be counted (%s).", what)


def count_turned_away(limit: Limit) -> None:
    """Note that somebody was turned away, so that the desk can say so."""
    count(TURNED_AWAY, limit.what)


def turned_away(now: datetime.datetime | None = None) -> dict[str, int]:
    """How often within a day somebody was turned away, by the kind of limit, as far as there is anything to say."""
    since = (now or timezone.now()) - 24 * HOUR
    found: Counter[str] = Counter()
    rows = RequestCount.objects.filter(what=TURNED_AWAY, hour__gte=since)
    for kind, number in rows.values_list("whose", "count"):
        found[kind] += number
    return dict(found)


def count_all(uses: Iterable[tuple[str, str, int]], now: datetime.datetime | None = None) -> None:
    """Count several things at once: what, whose, and by how much. As `count`, in one statement."""
    sums: Counter[tuple[str, str]] = Counter()
    for what, whose, by in uses:
        sums[what, whose] += by
    try:
        with transaction.atomic():
            _add(sums, _hour_of(now or timezone.now()))
    except DatabaseFailure:
        kinds = ", ".join(sorted(what for what, _whose in sums))
        logger.exception("A request could not be counted (%s).", kinds)


def _add(sums: Counter[tuple[str, str]], hour: datetime.datetime) -> None:
    """Both databases add to a row and make it when it is missing in one statement; Django's ORM can only replace it."""
    table = connection.ops.quote_name(RequestCount._meta.db_table)
    moment = connection.ops.adapt_datetimefield_value(hour)
    rows = [(what, whose, moment, by) for (what, whose), by in sorted(sums.items())]  # in order: no two wait in a ring
    places = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    statement = (
        f"INSERT INTO {table} (what, whose, hour, count) VALUES {places} "  # noqa: S608 - our own names only
        f"ON CONFLICT (what, whose, hour) DO UPDATE SET count = {table}.count + excluded.count"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row])


def sweep(now: datetime.datetime | None = None) -> int:
    """Forget what is older than a day; returns how many rows went."""
    return RequestCount.objects.filter(hour__lt=(now or timezone.now()) - KEPT).delete()[0]
