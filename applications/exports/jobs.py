"""The record of every export, and the long ones, which the worker makes. Both ask what their reader may see then.

An export that is being made is claimed like a letter: by a conditional UPDATE with a lease that is renewed as long as
it goes on. A killed worker leaves the lease to run out, and another one begins again.
"""

import dataclasses
import datetime
import logging
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from django.conf import settings
from django.core.files import File
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from applications.documents import EXPORTS
from applications.exports.archive import Archive
from applications.exports.columns import Row
from applications.exports.tables import write_table
from applications.models import Application, Export, document_storage
from applications.openings import Thing, note_exported
from projects.models import Project

logger = logging.getLogger(__name__)

Rows = Callable[[object, str], QuerySet[Application]]

# Up to so many applications an export is made while its reader waits.
SHORT = {Export.Format.CSV: 1000, Export.Format.XLSX: 1000, Export.Format.ZIP: 200}
ZIP_MOST = 20_000  # the index of an archive is kept in memory
KEPT = datetime.timedelta(hours=24)
LEASE = datetime.timedelta(minutes=2)  # renewed about once a second
TELL_EVERY = 1.0  # second
LEASE_TO_STORE = datetime.timedelta(hours=1)  # a large file goes to an object store in one piece
UNFINISHED = (Export.State.QUEUED, Export.State.RUNNING)


class Lost(Exception):
    """The claim is another worker's now, or the export has to begin again because an application was erased."""


class Stopped(Exception):
    """The worker was asked to stop; another one begins again."""


# Asking, and the record


def is_short(export_format: str, count: int) -> bool:
    return count <= SHORT[Export.Format(export_format)]


def record_sent(user, export_format: str, count: int, taken_out: list[Thing]) -> Export:
    """The record of an export that is sent at once, and of what is in it."""
    export = Export.objects.create(
        user=user,
        format=export_format,
        state=Export.State.STREAMED,
        total=count,
        done=count,
        finished_at=timezone.now(),
    )
    note_exported(taken_out, user)
    logger.info("User %s took out %s applications as %s (export %s).", user.pk, count, export_format, export.pk)
    return export


def ask(user, export_format: str, query: str, count: int) -> Export:
    """Leave an export to the worker. The same one asked for twice, by a double click, is one."""
    same = Export.objects.filter(user=user, format=export_format, query=query, state__in=UNFINISHED).first()
    if same is not None:
        return same
    export = Export.objects.create(user=user, format=export_format, query=query, total=count)
    logger.info("User %s asked for %s applications as %s (export %s).", user.pk, count, export_format, export.pk)
    return export


def may_be_fetched(export: Export) -> bool:
    """Whether the file is there and its owner may still see every project that is in it."""
    if export.state != Export.State.READY:
        return False
    ids = {int(pk) for pk in QueryDict(export.query).get("project__id__in", "").split(",") if pk}
    return Project.objects.visible_to(export.user).filter(pk__in=ids).count() == len(ids)


# Making


def make_due(
    rows_of: Rows,
    *,
    stopping: Callable[[], bool] = lambda: False,
    meanwhile: Callable[[], object] = lambda: None,
) -> int:
    """Make the export that waits longest, if any; returns how many were made.

    A large one takes minutes: `meanwhile` is called about once a second, for what must not wait for it.

    `rows_of(user, query)` tells what the list shows: the rows, for `user`, with the filters of `query`.
    """
    for pk in Export.objects.filter(_is_due()).order_by("created_at").values_list("pk", flat=True)[:10]:
        claim = Claim.of(pk)
        if claim is not None:
            return _make(claim, rows_of, Breaks(stopping, meanwhile))
    return 0


def _is_due() -> Q:
    return Q(state=Export.State.QUEUED) | Q(state=Export.State.RUNNING, leased_until__lt=timezone.now())


@dataclasses.dataclass(frozen=True)
class Breaks:
    """What an export asks and does on the way, because it may take minutes."""

    stopping: Callable[[], bool]
    meanwhile: Callable[[], object]


class Claim:
    """This worker's right to make an export, for as long as nobody else has taken it."""

    def __init__(self, export: Export) -> None:
        self.export = export

    @classmethod
    def of(cls, pk) -> "Claim | None":
        """The claim, if this worker got it; None when another was faster."""
        lease = timezone.now() + LEASE
        claimed = Export.objects.filter(_is_due(), pk=pk).update(state=Export.State.RUNNING, leased_until=lease, done=0)
        if not claimed:
            return None
        export = Export.objects.select_related("user").get(pk=pk)
        return cls(export) if export.leased_until == lease else None

    def update(self, **changes) -> None:
        """Change the export under this claim. Raises Lost when it is not ours any more."""
        mine = Export.objects.filter(
            pk=self.export.pk, state=Export.State.RUNNING, leased_until=self.export.leased_until
        )
        if not mine.update(**changes):
            raise Lost
        for name, value in changes.items():
            setattr(self.export, name, value)

    def renew(self, lease: datetime.timedelta = LEASE, **changes) -> None:
        self.update(leased_until=timezone.now() + lease, **changes)


def _make(claim: Claim, rows_of: Rows, breaks: Breaks) -> int:
    export = claim.export
    try:
        _make_and_store(claim, rows_of, breaks)
    except Lost:
        logger.info("Export %s begins again: it was taken over, or an application was erased.", export.pk)
        return 0
    except Stopped:
        with suppress(Lost):
            claim.update(state=Export.State.QUEUED, leased_until=None, done=0)
        return 0
    except Exception:
        logger.exception("Export %s could not be made.", export.pk)
        with suppress(Lost):
            claim.update(state=Export.State.FAILED, leased_until=None, query="", finished_at=timezone.now())
        return 0
    logger.info("Export %s is ready: %s applications as %s.", export.pk, export.total, export.format)
    return 1


def _make_and_store(claim: Claim, rows_of: Rows, breaks: Breaks) -> None:
    export = claim.export
    pks = list(rows_of(export.user, export.query).values_list("pk", flat=True))
    claim.renew(total=len(pks))
    with tempfile.NamedTemporaryFile(prefix="export-", dir=settings.FILE_UPLOAD_TEMP_DIR, delete=False) as file:
        try:
            written = Written(claim, breaks)
            _write(export, file, pks, written)
            file.flush()
            claim.renew(LEASE_TO_STORE, done=written.count, total=written.count)
            _store(export.file_name, file)
            _finish(claim, written.project_ids)
            note_exported(written.taken_out, export.user)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)


class Written:
    """What has been written so far. Asks whether to go on, and tells the page how far it is, about once a second."""

    def __init__(self, claim: Claim, breaks: Breaks) -> None:
        self.claim, self.breaks = claim, breaks
        self.count = 0
        self.project_ids: set[int] = set()
        self.taken_out: list[Thing] = []
        self.tell_at = 0.0

    def note_row(self, row: Row, count: int) -> None:
        self.project_ids.add(row.application.project_id)
        self.taken_out.append((row.application.pk, None))
        self.note(count)

    def note(self, count: int) -> None:
        self.count = count
        if self.breaks.stopping():
            raise Stopped
        if time.monotonic() >= self.tell_at:
            self.claim.renew(done=count)
            self.breaks.meanwhile()
            self.tell_at = time.monotonic() + TELL_EVERY


def _write(export: Export, file: BinaryIO, pks: list[int], written: Written) -> None:
    if export.format != Export.Format.ZIP:
        write_table(export.format, file, pks, export.user, written.note_row)
        return
    archive = Archive(pks, export.user, still_at_it=lambda: written.note(0))
    written.project_ids = archive.project_ids
    written.taken_out = archive.taken_out
    for part in archive:
        file.write(part)
        written.note(archive.applications_done)
    written.count = archive.applications


class Movable(File):
    """A finished file that a folder of documents takes by renaming it, instead of copying gigabytes."""

    def temporary_file_path(self) -> str:
        return self.name


def _store(name: str, file) -> None:
    storage = document_storage()
    storage.delete(name)  # what a killed worker left
    with open(file.name, "rb") as finished:
        saved = storage.save(name, Movable(finished, name=file.name))
    if saved != name:
        storage.delete(saved)
        raise Lost  # another worker stored the same export at this moment


def _finish(claim: Claim, project_ids: set[int]) -> None:
    """Ready. A search may hold a name: of the filters only the projects stay, by which the download is asked for."""
    try:
        claim.update(
            state=Export.State.READY,
            query="project__id__in=" + ",".join(str(pk) for pk in sorted(project_ids)),
            leased_until=None,
            finished_at=timezone.now(),
        )
    except Lost:
        others = Export.objects.filter(pk=claim.export.pk, state__in=(Export.State.RUNNING, Export.State.READY))
        if not others.exists():  # else the file is the one of the worker that has taken over
            document_storage().delete(claim.export.file_name)
        raise


# Removing


def forget_after_erasure() -> None:
    """No file made earlier may hold an application that is erased now: ready ones go, those being made begin again.

    Called when the erasure is certain (on commit), so that whoever begins after this does not find it any more. First
    all the rows, so that nothing can be fetched any more when the storage is away; `sweep` removes its file then.
    """
    Export.objects.filter(state=Export.State.RUNNING).update(state=Export.State.QUEUED, leased_until=None, done=0)
    ready = list(Export.objects.filter(state=Export.State.READY))
    Export.objects.filter(pk__in=[export.pk for export in ready]).update(state=Export.State.REMOVED)
    for export in ready:
        document_storage().delete(export.file_name)


def sweep(now: datetime.datetime | None = None) -> int:
    """Remove files that are older than a day or that no export names; returns how many. The rows stay as the log.

    What could not be made within a day is given up, so that its filters do not stay either.
    """
    now = now or timezone.now()
    swept = sum(
        _remove(export) for export in Export.objects.filter(state=Export.State.READY, finished_at__lt=now - KEPT)
    )
    over = Export.objects.filter(state__in=UNFINISHED, created_at__lt=now - KEPT)
    over.filter(Q(leased_until=None) | Q(leased_until__lt=now)).update(
        state=Export.State.FAILED, leased_until=None, query="", finished_at=now
    )
    return swept + _sweep_strays()


def _remove(export: Export) -> bool:
    """Whether this call removed it. First the row: what a killed process leaves of the file is a stray then."""
    removed = Export.objects.filter(pk=export.pk, state=Export.State.READY).update(state=Export.State.REMOVED)
    if removed:
        document_storage().delete(export.file_name)
    return bool(removed)


def _sweep_strays() -> int:
    storage = document_storage()
    try:
        names = {f"{EXPORTS}/{name}" for name in storage.listdir(EXPORTS)[1]}
    except FileNotFoundError:
        return 0  # no long export has ever been made
    kept = Export.objects.filter(state__in=(Export.State.READY, Export.State.RUNNING)).only("id", "format")
    strays = names - {export.file_name for export in kept}
    for name in strays:
        storage.delete(name)
    return len(strays)
