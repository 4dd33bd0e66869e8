"""Whether every file that a row names is there, as it came, and whether every file is named by a row.

Safe while the product runs: no transaction is held, and whatever looks wrong is asked for once more before it counts,
because a document may have been erased, or a file claimed, in between.
"""

import datetime
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils import timezone

from applications import documents
from applications.models import Chore, Document, Export, IncomingPiece, Rendition, Upload, document_storage

CHORE = "check_documents"
BATCH = 500  # rows and names that are asked for at once
DAYS_TO_READ_ALL = 7  # in which the worker reads every file once, a share each day
A_DAY = datetime.timedelta(hours=23)  # between two checks of the worker; a little less, so that it stays in its hour


class Kind(StrEnum):
    """What a file is. Its remedy depends on it."""

    DOCUMENT = "document"
    UPLOAD = "upload"
    PIECE = "piece"
    PAGE_IMAGES = "page images"
    EXPORT = "export"
    STRAY = "stray"
    FOREIGN = "foreign"


class Fault(StrEnum):
    MISSING = "missing"
    SIZE = "wrong size"
    ALTERED = "altered"
    UNREADABLE = "unreadable"
    NO_ROW = "named by no row"


@dataclass(frozen=True)
class Expected:
    """A file that a row names, and what the row says of it. Without a SHA-256 only its size is compared."""

    kind: Kind
    row: Model
    name: str  # in the storage
    words: str  # which one it is, without anybody's name
    size: int | None = None
    sha256: str = ""

    def is_still_expected(self) -> bool:
        return type(self.row).objects.filter(pk=self.row.pk, file=self.name).exists()


@dataclass(frozen=True)
class Problem:
    kind: Kind
    fault: Fault
    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.words}"


@dataclass
class Receipt:
    """What a check has looked at, and what it found. Not whole when it was stopped."""

    looked_at: Counter = field(default_factory=Counter)  # by kind
    read: Counter = field(default_factory=Counter)  # of these, how many were read and compared by their SHA-256
    in_flight: int = 0
    problems: list[Problem] = field(default_factory=list)
    is_whole: bool = False

    @property
    def has_read_all(self) -> bool:
        return all(self.read[kind] == self.looked_at[kind] for kind in (Kind.DOCUMENT, Kind.UPLOAD))

    @property
    def lacks_everything(self) -> bool:
        """Whether not one document is there: rather a folder that is not mounted than so many accidents."""
        missing = sum(problem.kind == Kind.DOCUMENT and problem.fault == Fault.MISSING for problem in self.problems)
        return 0 < missing == self.looked_at[Kind.DOCUMENT]

    def summary(self) -> str:
        """`2 missing, 1 altered`; for the desk, so without a word about which."""
        counts = Counter(problem.fault for problem in self.problems)
        return ", ".join(f"{counts[fault]} {fault}" for fault in Fault if counts[fault])


def everything(_row: Model) -> bool:
    return True


def nothing(_row: Model) -> bool:
    return False


def check(
    *,
    is_read: Callable[[Model], bool] = everything,
    stopping: Callable[[], bool] = lambda: False,
    now: datetime.datetime | None = None,
) -> Receipt:
    """Compare rows and files both ways: each file's presence and size, and the SHA-256 of those that `is_read` names.

    Page images that are missing are marked to be made again; nothing else is changed. Ends early when `stopping`.
    """
    receipt = Receipt()
    limit = (now or timezone.now()) - datetime.timedelta(hours=settings.UPLOAD_HOURS)
    steps = (_files_of_rows(receipt, is_read), _page_images(receipt), _exports(receipt), _rows_of_files(receipt, limit))
    for step in steps:
        for problem in step:
            if stopping():
                return receipt
            if problem is not None:
                receipt.problems.append(problem)
    receipt.is_whole = True
    return receipt


# From the rows to their files. Each step also yields None, so that whoever waits can be told to stop.


def _files_of_rows(receipt: Receipt, is_read: Callable[[Model], bool]) -> Iterator[Problem | None]:
    for expected in _expected():
        reading = bool(expected.sha256) and is_read(expected.row)
        fault = _fault_of(expected, reading)
        if fault and not expected.is_still_expected():
            continue
        receipt.looked_at[expected.kind] += 1
        receipt.read[expected.kind] += reading and fault in (None, Fault.ALTERED)  # else it was not read to its end
        yield Problem(expected.kind, fault, expected.name, expected.words) if fault else None


def _expected() -> Iterator[Expected]:
    """The files that rows name. Uploads before documents: what is claimed meanwhile is then met at least once."""
    for upload in _in_batches(Upload.objects.only("file", "size", "sha256")):
        yield _stored(Kind.UPLOAD, upload, f"upload {upload.pk}")
    found = Document.objects.select_related("application")
    for document in _in_batches(found.only("file", "size", "sha256", "application__reference")):
        words = f"document {document.pk} of application {document.application.reference}"
        yield _stored(Kind.DOCUMENT, document, words)
    for piece in _in_batches(IncomingPiece.objects.all()):
        words = f"a piece of file {piece.incoming_id}, which is still coming in"
        yield Expected(Kind.PIECE, piece, piece.file, words, piece.size)


def _stored(kind: Kind, row: Upload | Document, words: str) -> Expected:
    return Expected(kind, row, row.file.name, words, row.size, row.sha256)


def _in_batches(rows: QuerySet) -> Iterator[Model]:
    """All rows by their keys, a few at a time: no cursor stays open while files are read."""
    rows = rows.order_by("pk")
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def _fault_of(expected: Expected, reading: bool) -> Fault | None:
    try:
        if document_storage().size(expected.name) != expected.size:
            return Fault.SIZE
        if reading and digest_of(expected.name) != expected.sha256:
            return Fault.ALTERED
    except FileNotFoundError:
        return Fault.MISSING
    except OSError:
        return Fault.UNREADABLE
    return None


def digest_of(name: str) -> str:
    """The SHA-256 of a file in the storage, read in pieces. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with document_storage().open(name) as file:
        for chunk in file.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def _page_images(receipt: Receipt) -> Iterator[Problem | None]:
    """Renditions without all their images. They are made again from the document, so nothing is lost."""
    made = Rendition.objects.filter(state=Rendition.State.MADE)
    for rendition in _in_batches(made.only("state", "page_sizes", "made_at")):
        missing = [name for name in rendition.image_names if not document_storage().exists(name)]
        receipt.looked_at[Kind.PAGE_IMAGES] += len(rendition.page_sizes)
        # Only while it is still what it was when it was read: another worker may be at it, or it may be erased.
        same = made.filter(pk=rendition.pk, made_at=rendition.made_at)
        if missing and mark_to_be_made_again(same):
            words = f"{len(missing)} page images of document {rendition.pk}"
            yield Problem(Kind.PAGE_IMAGES, Fault.MISSING, missing[0], words)
        yield None


def mark_to_be_made_again(renditions: QuerySet[Rendition]) -> int:
    """Let the worker make these page images anew; returns how many renditions that were. The text stays as it is."""
    long_ago = timezone.now() - datetime.timedelta(days=1)
    return renditions.update(state=Rendition.State.FAILED, attempts=0, page_sizes=[], made_at=long_ago)


def _exports(receipt: Receipt) -> Iterator[Problem | None]:
    ready = Export.objects.filter(state=Export.State.READY)
    for export in _in_batches(ready):
        receipt.looked_at[Kind.EXPORT] += 1
        is_there = document_storage().exists(export.file_name)
        if not is_there and ready.filter(pk=export.pk).exists():
            yield Problem(Kind.EXPORT, Fault.MISSING, export.file_name, f"export {export.pk}")
        yield None


# From the files to their rows


def _rows_of_files(receipt: Receipt, limit: datetime.datetime) -> Iterator[Problem | None]:
    names = _names_in("", receipt.problems)
    while batch := set(islice(names, BATCH)):
        for name in sorted(batch - _named_by_rows(batch)):
            yield _without_row(receipt, name, limit)
        yield None


def any_file() -> str | None:
    """The name of some file in the storage; None when there is none at all."""
    return next(_names_in("", []), None)


def _names_in(folder: str, problems: list[Problem]) -> Iterator[str]:
    """The names of all files below a folder of the storage, however deep."""
    try:
        folders, names = document_storage().listdir(folder)
    except FileNotFoundError:  # nothing has ever been stored
        return
    except OSError:
        words = f"folder {folder or '.'} of the documents"
        problems.append(Problem(Kind.FOREIGN, Fault.UNREADABLE, folder, words))
        return
    prefix = f"{folder}/" if folder else ""
    yield from (f"{prefix}{name}" for name in names)
    for deeper in folders:
        yield from _names_in(f"{prefix}{deeper}", problems)


def _named_by_rows(names: set[str]) -> set[str]:
    in_use = Export.objects.filter(state__in=(Export.State.READY, Export.State.RUNNING))
    exports = {export.file_name for export in in_use.only("format")} if _are_exports(names) else set()
    return documents.named_by_rows(names) | (names & exports)


def _are_exports(names: set[str]) -> bool:
    return any(name.startswith(f"{documents.EXPORTS}/") for name in names)


def _without_row(receipt: Receipt, name: str, limit: datetime.datetime) -> Problem | None:
    """A file that no row named: one that is just coming in or going, one to be swept, or one that is not ours."""
    try:
        is_young = document_storage().get_modified_time(name) >= limit
    except OSError:  # gone meanwhile
        return None
    if is_young:
        receipt.in_flight += 1
        return None
    if _named_by_rows({name}):  # claimed meanwhile
        return None
    is_swept = name.count("/") == 1  # so deep does the worker sweep: documents._sweep_strays
    return Problem(Kind.STRAY if is_swept else Kind.FOREIGN, Fault.NO_ROW, name, f"file {name}")


# The worker's check, and what the desk is told


def check_daily(stopping: Callable[[], bool] = lambda: False, now: datetime.datetime | None = None) -> Receipt | None:
    """The worker's check, once a day among all workers; None when it is not due. A share of the files is read.

    Each file is read once in DAYS_TO_READ_ALL, so that a large storage is not read through in one go. While something
    is wrong all of them are, so that only a mended storage counts as mended.
    """
    now = now or timezone.now()
    if Chore.objects.filter(name=CHORE, ran_at__gt=now - A_DAY).exists():
        return None
    documents.sweep(now)  # what goes anyway is no problem
    turn = timezone.localdate(now).toordinal() % DAYS_TO_READ_ALL
    is_read = everything if _is_in_trouble() else lambda row: row.pk.int % DAYS_TO_READ_ALL == turn
    receipt = check(is_read=is_read, stopping=stopping, now=now)
    note(receipt, now)
    return receipt


def _is_in_trouble() -> bool:
    return Chore.objects.in_trouble().filter(name=CHORE).exists()


def note(receipt: Receipt, now: datetime.datetime | None = None) -> None:
    """Tell the desk how it went. A check that did not read everything does not take back what another one found."""
    if not receipt.is_whole:
        return
    if receipt.problems:
        Chore.note_failure(CHORE, receipt.summary(), now)
    elif receipt.has_read_all or not _is_in_trouble():
        Chore.note_success(CHORE, f"{receipt.looked_at.total()} files", now)
