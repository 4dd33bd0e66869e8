"""Files that a browser sends piece after piece, so that a dropped connection costs one piece and not the file.

Each piece is an object of its own in the storage, and a row that says where it belongs; so any web process on any host
can take the next one. What to do with a complete file is not decided here.
"""

import datetime
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from applications import disk_space, limits
from applications.models import IncomingPiece, IncomingUpload, Upload, document_storage

FOLDER = "pieces"
# Files of one browser that no application has claimed. Far above what anybody needs to apply; it stops a page gone mad.
MOST_OF_ONE_BROWSER = 60
# A file whose inspection is ended by a limit has held one of two places for up to 8 s: it counts as so many more files.
COSTS_AS_MANY = 50


class OutOfStep(Exception):
    """A piece that does not follow what was received: sent twice, or after one that got lost. Go on from `received`."""

    def __init__(self, received: int) -> None:
        super().__init__(received)
        self.received = received


class TooOften(Exception):
    """More files than a whole campus sends have come from one network address; `wait` says when there is room again."""

    def __init__(self, wait: limits.Wait) -> None:
        super().__init__(wait)
        self.wait = wait

    @property
    def words(self) -> str:
        """What a student reads."""
        return _(
            "Very many files have come from your network within an hour, so we take no more from there until %(time)s. "
            "Nothing that you have typed or sent before is lost. Please choose the file again then."
        ) % {"time": self.wait.until}


def admit(sizes: list[int], sender: str = "") -> None:
    """Let files of these sizes come in from `sender` (`client_address.sender`; empty for staff), and count them.

    Raises `disk_space.Full` when there is no room for them, and TooOften when `sender` has sent too many or too much.
    What staff bring is claimed at once, so only the disk counts for it.
    """
    if not sender:
        return disk_space.refuse_when_disk_full()
    disk_space.refuse_when_full()
    kilobytes = limits.kilobytes()
    wait = limits.wait_for([(limits.FILES, sender), (kilobytes, sender)])
    if wait:
        limits.count_turned_away(wait.limit)
        raise TooOften(wait)
    if sizes:
        limits.count_all([(limits.FILES.what, sender, len(sizes)), (kilobytes.what, sender, sum(sizes) // 1024)])


def count_costly(sender: str) -> None:
    """Let a file that has kept its inspection busy to the end count as many; what staff bring is not counted."""
    if sender:
        limits.count(limits.FILES.what, sender, by=COSTS_AS_MANY)


def refuse_after_costly_ones(sender: str) -> None:
    """Raise TooOften when `sender` has sent so many costly files that not even what was admitted before is looked into.

    Honest files never come to twice the limit, because no further one is admitted above it.
    """
    wait = limits.wait_for([(limits.FILES._replace(most=2 * limits.FILES.most), sender)])
    if wait:
        limits.count_turned_away(wait.limit)
        raise TooOften(wait)


def give_back(uploads: Iterable[Upload], sender: str) -> None:
    """`sender` has handed these in, so they lie around unclaimed no more: it may send as many bytes again."""
    sizes = [(upload.created_at, upload.size // 1024) for upload in uploads]
    limits.give_back(limits.kilobytes().what, sender, sizes)


def begin(*, kind: str, question, name: str, size: int, browser: str, sender: str) -> IncomingUpload:
    """Expect a file of `size` bytes. Raises ValidationError `too_many` for a browser that has sent too many already.

    Raises Full and TooOften as `admit`.
    """
    unclaimed = Upload.objects.filter(browser=browser).count() + IncomingUpload.objects.filter(browser=browser).count()
    if settings.APPLY_LIMITS and unclaimed >= MOST_OF_ONE_BROWSER:
        raise ValidationError(
            _("You have chosen very many files today. Please send what you have, or try again tomorrow."),
            code="too_many",
        )
    admit([size], sender)
    return IncomingUpload.objects.create(kind=kind, question=question, original_name=name, size=size, browser=browser)


def received(expected: IncomingUpload) -> int:
    """How many bytes have arrived. Pieces are taken in order only, so these are the first ones."""
    return expected.pieces.aggregate(sum=Sum("size"))["sum"] or 0


def add_piece(expected: IncomingUpload, offset: int, data: bytes) -> int:
    """Keep the bytes from `offset` on; returns how many have arrived in all.

    Raises OutOfStep when they do not follow what is there, OSError when they cannot be stored just now, and
    `disk_space.Full` when there is no room for them.
    """
    disk_space.refuse_when_disk_full()
    so_far = received(expected)
    if offset != so_far or not data or so_far + len(data) > expected.size:
        raise OutOfStep(so_far)
    name = document_storage().save(f"{FOLDER}/{expected.pk.hex}-{offset:012d}", ContentFile(data))
    try:
        with transaction.atomic():
            IncomingPiece.objects.create(incoming=expected, offset=offset, size=len(data), file=name)
    except IntegrityError as error:  # the same piece came twice at the same moment, or the file was taken away
        document_storage().delete(name)
        raise OutOfStep(received(expected)) from error
    except BaseException:
        document_storage().delete(name)
        raise
    return so_far + len(data)


@contextmanager
def whole(expected: IncomingUpload) -> Iterator[TemporaryUploadedFile]:
    """The complete file as a form would have received it. Raises OSError when it cannot be put together just now."""
    file = TemporaryUploadedFile(expected.original_name, "application/pdf", expected.size, None)
    with file:
        for name in expected.pieces.values_list("file", flat=True):
            with document_storage().open(name) as piece:
                for chunk in piece.chunks():
                    file.write(chunk)
        file.flush()
        if file.tell() != expected.size:  # another request has finished it meanwhile, and taken the pieces away
            raise OSError("The pieces of an incoming file are not all there.")
        file.seek(0)
        yield file


def finish(expected: IncomingUpload, upload: Upload | None) -> bool:
    """The file has become `upload`, or (None) was refused. Its pieces go; after a refusal nothing is known of it.

    False when another request has finished it before: then its upload counts, and this one is nobody's.
    """
    names = list(expected.pieces.values_list("file", flat=True))
    with transaction.atomic():
        unfinished = IncomingUpload.objects.filter(pk=expected.pk, upload_id=None)
        expected.pieces.all().delete()
        finished = unfinished.update(upload_id=upload.pk) if upload else unfinished.delete()[0]
    for name in names:
        document_storage().delete(name)
    return bool(finished)


def sweep(limit: datetime.datetime) -> int:
    """Remove what began to arrive before `limit`; returns how many files went."""
    swept = 0
    for expected in IncomingUpload.objects.filter(created_at__lt=limit):
        finish(expected, None)
        expected.delete()
        swept += 1
    return swept
