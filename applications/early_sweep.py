"""Makes room for files before there is none left: what nobody has claimed goes before its day is over, oldest first.

Nothing goes within an hour of its arrival, so that nobody who fills in a form at this moment loses a file.
"""

import datetime

from django.utils import timezone

from applications import disk_space, documents, incoming
from applications.models import IncomingUpload, Upload

SAFE_FOR = datetime.timedelta(hours=1)


def make_room(now: datetime.datetime | None = None) -> int:
    """When room is tight, say so in the log and forget the oldest unclaimed files until it is not.

    Returns how many went.
    """
    state = disk_space.state()
    if not state.is_tight:
        return 0
    disk_space.say(state)
    swept, excess = 0, state.excess
    for file in _oldest_first((now or timezone.now()) - SAFE_FOR):
        if excess <= 0:
            break
        excess -= _forget(file)
        swept += 1
    return swept


def _oldest_first(limit: datetime.datetime) -> list[Upload | IncomingUpload]:
    """Complete files and those still under way that came before `limit`."""
    complete = Upload.objects.filter(created_at__lt=limit)
    under_way = IncomingUpload.objects.filter(created_at__lt=limit, upload_id=None)
    return sorted([*complete, *under_way], key=lambda file: file.created_at)


def _forget(file: Upload | IncomingUpload) -> int:
    """Remove one file; returns how many bytes that makes free."""
    if isinstance(file, Upload):
        documents.forget(file)
        return file.size
    size = incoming.received(file)
    incoming.finish(file, None)
    return size
