"""The record of who has opened what: one row per person, thing, way and day. Students can ask for it and be shown it.

Keeping it never stands in the way of reading: what cannot be noted is logged, and the page is shown.
"""

import datetime
import logging
from collections.abc import Iterable
from uuid import UUID

from django.db import Error as DatabaseFailure
from django.db import transaction
from django.utils import timezone

from applications.models import Application, Document, Opening

logger = logging.getLogger(__name__)

# A page that is loaded again within this is the same look at it, and costs no write.
SAME_LOOK = datetime.timedelta(minutes=1)
AT_ONCE = 500  # applications of an export whose rows are written together

# An application (its key), or one of its documents.
Thing = tuple[int, UUID | None]


def note_opened(
    application: Application, user, *, document: Document | None = None, way: str = Opening.Way.READ
) -> None:
    """`user` has opened the application, or one of its documents. Nothing is noted of students: they have no account.

    Whoever calls this has asked whether the user may see it.
    """
    if user.is_authenticated:
        _note_or_log(user, [(application.pk, document.pk if document else None)], way)


def note_review_page(application: Application, user) -> None:
    """`user` has opened the page that shows the answers and, below each document, its text: so both are opened."""
    texts = [document for document in application.current_documents() if _has_text(document)]
    _note_or_log(
        user, [(application.pk, None), *((application.pk, document.pk) for document in texts)], Opening.Way.READ
    )


def _has_text(document: Document) -> bool:
    rendition = getattr(document, "rendition", None)
    return rendition is not None and rendition.has_text


def note_opened_by_reviewer(application: Application, user, *, way: str = Opening.Way.READ) -> None:
    """Note it when the browser that opens a student's page is signed in as somebody who reviews the application."""
    if user.is_authenticated and Application.objects.visible_to(user).filter(pk=application.pk).exists():
        note_opened(application, user, way=way)


def note_compared(applications: Iterable[Application], user) -> None:
    """`user` has opened these side by side."""
    _note_or_log(user, [(application.pk, None) for application in applications], Opening.Way.READ)


def note_exported(things: Iterable[Thing], user) -> None:
    """`user` has taken these out. An archive holds documents, a table the answers of applications."""
    things = list(dict.fromkeys(things))
    for start in range(0, len(things), AT_ONCE):
        _note_or_log(user, things[start : start + AT_ONCE], Opening.Way.EXPORTED)


def _note_or_log(user, things: list[Thing], way: str) -> None:
    try:
        _note(user, things, way)
    except DatabaseFailure:
        if len(things) == 1:
            logger.exception("That user %s opened something of application %s is not noted.", user.pk, things[0][0])
            return
        for thing in things:  # one of them may have been erased meanwhile; the others count
            _note_or_log(user, [thing], way)


def _note(user, things: list[Thing], way: str) -> None:
    now = timezone.now()
    day = timezone.localdate(now)
    todays = Opening.objects.filter(
        user=user, way=way, day=day, application__in={application for application, _document in things}
    )
    known = {(row.application_id, row.document_id): row for row in todays}
    again = [known[thing].pk for thing in things if thing in known and known[thing].last_at < now - SAME_LOOK]
    new = [
        Opening(
            application_id=application,
            document_id=document,
            user=user,
            user_name=(user.get_full_name() or user.get_username())[:200],
            way=way,
            day=day,
            first_at=now,
            last_at=now,
        )
        for application, document in things
        if (application, document) not in known
    ]
    if not again and not new:
        return
    with transaction.atomic():
        if again:
            Opening.objects.filter(pk__in=again).update(last_at=now)
        Opening.objects.bulk_create(new, ignore_conflicts=True)  # another tab may have written the same row just now
