"""The order in which a reviewer reads: the list as it was filtered, searched and sorted when they opened a row."""

import copy
import dataclasses
import hashlib
from typing import Self

from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from applications.models import Application, Decision, Reading, ReviewRequest
from applications.models.application import promised_before
from applications.statuses import OPEN_STATUSES, Status

FILTERS = "_changelist_filters"  # the parameter in which the admin carries a list's filters along


# The order, when no column was chosen


def asked_of(user) -> Q:
    """Whether `user` was asked for a review of an application that still waits, and has not given it nor abstained."""
    asked = Exists(ReviewRequest.objects.filter(application=OuterRef("pk"), reviewer=user))
    return Q(status__in=OPEN_STATUSES) & Q(asked) & ~Q(Reading.done_by(user))


def order_for(user) -> list:
    """What `user` should read first: what they were asked for, what is overdue, what waits, what few have rated.

    Then an order of their own, so that several reviewers do not all begin at the same end. It is the same each day,
    and depends on nothing that colleagues think: only on how many have rated.
    """
    overdue = Q(status__in=(Status.RECEIVED, Status.IN_REVIEW), received_at__lt=promised_before(timezone.now()))
    return [
        _first(asked_of(user)),
        _first(overdue),
        _first(Q(status__in=OPEN_STATUSES)),
        F("rating_count").asc(),
        _shuffled_for(user).asc(),
        F("pk").asc(),
    ]


def _first(condition: Q):
    return Case(When(condition, then=Value(0)), default=Value(1)).asc()


# Multiplying by a number of one's own, modulo a prime, is a shuffle that both databases can do.
_PRIME = 1_000_003


def _shuffled_for(user):
    digest = hashlib.sha256(f"order of reading {user.pk}".encode()).digest()
    multiplier = int.from_bytes(digest[:4], "big") % (_PRIME - 1) + 1
    return (F("pk") * multiplier) % _PRIME


# The list that somebody came from


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an application stands in the queue; `position` counts from 1 and is None when it is not in the list."""

    position: int | None
    length: int
    previous: int | None
    next: int | None


def listed(model_admin: ModelAdmin, request: HttpRequest) -> QuerySet[Application]:
    """The rows of the list that `request` came from, in its order; the plain list when its filters make no sense."""
    list_request = copy.copy(request)
    list_request.wants_only_the_order = True  # neither counted nor cut into pages, see `ListPages.get_changelist`
    list_request.GET = QueryDict(request.GET.get(FILTERS, ""))
    try:
        return model_admin.get_changelist_instance(list_request).queryset
    except IncorrectLookupParameters:
        list_request.GET = QueryDict()
        return model_admin.get_changelist_instance(list_request).queryset


@dataclasses.dataclass(frozen=True)
class Queue:
    """The list that somebody came from as it is now, and how far they are with what they have begun."""

    ids: list[int]
    states: dict[int, str]

    @classmethod
    def read(cls, user, rows: QuerySet[Application]) -> Self:
        """Two questions to the database, whatever is asked of the queue then."""
        readings = Reading.objects.filter(reviewer=user).values_list("application_id", "state")
        return cls(list(rows.values_list("pk", flat=True)), dict(readings))

    def place_of(self, pk: int) -> Place:
        ids = self.ids
        if pk not in ids:
            return Place(None, len(ids), None, ids[0] if ids else None)
        index = ids.index(pk)
        return Place(
            position=index + 1,
            length=len(ids),
            previous=ids[index - 1] if index else None,
            next=ids[index + 1] if index + 1 < len(ids) else None,
        )

    def done(self) -> int:
        """How many of the list the reviewer has read or abstained from."""
        return len({pk for pk, state in self.states.items() if state in Reading.DONE}.intersection(self.ids))

    def next_unread(self, pk: int) -> int | None:
        """The next that the reviewer is not done with: after `pk`, else from the list's top, skipped ones last.

        None when this is the only one left, or none is.
        """
        skipped = None
        for other in _after(pk, self.ids):
            state = self.states.get(other)
            if state is None:
                return other
            if skipped is None and state not in Reading.DONE:
                skipped = other
        return skipped


def next_open(pk: int, rows: QuerySet[Application]) -> int | None:
    """The next application in the list that still waits for a decision: after this one, else from the list's top.

    Those about which something is staged or on its way are decided, whatever their students know.
    """
    statuses = dict(rows.values_list("pk", "status"))
    decided = set(Decision.objects.pending().values_list("application_id", flat=True))
    others = (other for other in _after(pk, list(statuses)) if other not in decided)
    return next((other for other in others if statuses[other] in OPEN_STATUSES), None)


def _after(pk: int, ids: list[int]) -> list[int]:
    """The others in the order in which one comes to them from `pk`, round the end of the list."""
    if pk not in ids:
        return ids
    index = ids.index(pk)
    return ids[index + 1 :] + ids[:index]
