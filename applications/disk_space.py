"""Whether there is room for files: for those that nobody has claimed yet, and on the disk on which documents lie.

Anybody can send files, so what lies there unclaimed has a quota; and a reserve stays free on the disk, so that reading,
deciding and erasing go on when no further file is taken. `early_sweep` makes room before it comes to that.
"""

import dataclasses
import logging
import shutil
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db.models import Sum
from django.utils.translation import gettext as _

from applications.hourly_log import HourlyLog
from applications.models import IncomingPiece, Upload, document_storage

hourly_log = HourlyLog(logging.getLogger(__name__))

TIGHT_AT = 0.8  # of the quota
TIGHT_RESERVES = 2  # less than so many reserves are free
TRY_AGAIN_AFTER = 600  # seconds: as often as the worker makes room


class Full(Exception):
    """No further file is taken now. What is there is not touched by it."""

    @property
    def words(self) -> str:
        """What a student reads."""
        return _(
            "We cannot take files just now, because there is no room for them; those who run this site are told. "
            "Nothing that you have typed or sent before is lost. Please try again in an hour."
        )


@dataclasses.dataclass(frozen=True)
class State:
    """All in bytes. `free` is None where documents do not lie in a folder, or the disk does not say."""

    used: int  # by files that no application has claimed
    quota: int
    free: int | None
    reserve: int

    @property
    def is_quota_tight(self) -> bool:
        return self.used >= TIGHT_AT * self.quota

    @property
    def is_quota_full(self) -> bool:
        return self.used >= self.quota

    @property
    def is_disk_tight(self) -> bool:
        return self.free is not None and self.free < TIGHT_RESERVES * self.reserve

    @property
    def is_disk_full(self) -> bool:
        return self.free is not None and self.free < self.reserve

    @property
    def is_tight(self) -> bool:
        return self.is_quota_tight or self.is_disk_tight

    @property
    def is_full(self) -> bool:
        return self.is_quota_full or self.is_disk_full

    @property
    def excess(self) -> int:
        """How many bytes have to go until it is not tight any more."""
        on_disk = TIGHT_RESERVES * self.reserve - self.free if self.free is not None else 0
        return max(self.used - int(TIGHT_AT * self.quota), on_disk, 0)


def state() -> State:
    """How much room there is; two queries."""
    return State(unclaimed_bytes(), settings.UNCLAIMED_MAX_BYTES, free_bytes(), settings.DISK_RESERVE_BYTES)


def unclaimed_bytes() -> int:
    """What lies there of files that no application has claimed: complete ones, and pieces of those under way."""
    return sum(model.objects.aggregate(sum=Sum("size"))["sum"] or 0 for model in (Upload, IncomingPiece))


def free_bytes() -> int | None:
    storage = document_storage()
    if not isinstance(storage, FileSystemStorage):
        return None
    folder = Path(storage.location)
    while not folder.exists():  # made with the first file
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def refuse_when_disk_full() -> None:
    """Raise Full when less than the reserve is free. Asks nothing of the database."""
    free = free_bytes()
    if free is not None and free < settings.DISK_RESERVE_BYTES:
        say(State(0, settings.UNCLAIMED_MAX_BYTES, free, settings.DISK_RESERVE_BYTES))
        raise Full


def refuse_when_full() -> None:
    """Raise Full when another file that nobody has claimed has no room."""
    now = state()
    if now.is_full:
        say(now)
        raise Full


def say(now: State) -> None:
    """Say in the log what is tight or full and what helps, each once an hour."""
    megabytes = {name: (number or 0) // settings.MEGABYTE for name, number in dataclasses.asdict(now).items()}
    if now.is_disk_tight:
        hourly_log.warning(
            "disk",
            "%(free)s MB are free on the disk of the documents; below %(reserve)s MB (DISK_RESERVE_MB) no files are "
            "taken. Make room, or put the documents on a larger disk.",
            megabytes,
        )
    if now.is_quota_tight:
        hourly_log.warning(
            "quota",
            "Files that no application has claimed take %(used)s of %(quota)s MB (UNCLAIMED_MAX_MB); when these are "
            "full, no files are taken. They are swept after a day, and sooner now; raise the number if these are "
            "students.",
            megabytes,
        )
