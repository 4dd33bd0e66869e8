"""The order in which a reviewer reads: the list as it was filtered, searched and sorted when they opened a row."""

import copy
import dataclasses

from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from applications.statuses import OPEN_STATUSES

FILTERS = "_changelist_filters"  # the parameter in which the admin carries a list's filters along


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an application stands in the queue; `position` counts from 1 and is None when it is not in the list."""

    position: int | None
    length: int
    previous: int | None
    next: int | None


def listed(model_admin: ModelAdmin, request: HttpRequest) -> QuerySet:
    """The rows of the list that `request` came from, in its order; the plain list when its filters make no sense."""
    list_request = copy.copy(request)
    list_request.GET = QueryDict(request.GET.get(FILTERS, ""))
    try:
        return model_admin.get_changelist_instance(list_request).queryset
    except IncorrectLookupParameters:
        list_request.GET = QueryDict()
        return model_admin.get_changelist_instance(list_request).queryset


def place_of(pk: int, queryset: QuerySet) -> Place:
    ids = list(queryset.values_list("pk", flat=True))
    if pk not in ids:
        return Place(None, len(ids), None, ids[0] if ids else None)
    index = ids.index(pk)
    return Place(
        position=index + 1,
        length=len(ids),
        previous=ids[index - 1] if index else None,
        next=ids[index + 1] if index + 1 < len(ids) else None,
    )


def next_open(pk: int, queryset: QuerySet) -> int | None:
    """The next application in the list that still waits for a decision: after this one, else from the list's top."""
    rows = list(queryset.values_list("pk", "status"))
    ids = [row_pk for row_pk, _status in rows]
    start = ids.index(pk) + 1 if pk in ids else 0
    for row_pk, status in rows[start:] + rows[:start]:
        if row_pk != pk and status in OPEN_STATUSES:
            return row_pk
    return None
