"""Page images and text of documents, made once by the worker after a document arrived; and how they are served.

The making itself happens in another process (`applications.renderer`). Here are the order of things and the storing.

A document is claimed by a `Rendition` row that says FAILED until it is made. So a process that dies in between, or a
page that kills whoever draws it, counts as an attempt, and no second worker begins the same document. The row names
the images before they are stored; what is stored is therefore always named by a row, or swept.
"""

import datetime
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from applications import search, serving
from applications.limited_server import LimitedServer, NotServed
from applications.models import Application, Document, Rendition, document_storage

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
PAUSE = datetime.timedelta(minutes=10)  # after a failed attempt; longer than any attempt takes
PASS_SECONDS = 5  # then letters have their turn again

LARGEST_SIDE = 2000  # pixels that are believed of an image
LARGEST_IMAGE = 4 << 20
LARGEST_ANSWER = 64 << 20
LONGEST_TEXT = 200_000  # bytes

_server = LimitedServer(
    Path(__file__).with_name("renderer.py"),
    at_once=1,
    turn_seconds=60,
    answer_seconds=30,  # longer than a child may live
    longest_answer=LARGEST_ANSWER,
)


@dataclass
class Rendered:
    """What a child has said of a document. `is_whole` unless it was ended in the middle."""

    text: str = ""
    images: list[bytes] = field(default_factory=list)
    sizes: list[list[int]] = field(default_factory=list)
    is_whole: bool = False
    cannot_be_opened: bool = False


def make_missing(limit: int = 20, stopping: Callable[[], bool] = lambda: False) -> int:
    """Make up to `limit` renditions that are missing, oldest document first; returns how many were made.

    Safe beside other workers doing the same. The pass also ends after PASS_SECONDS, and before the next document when
    `stopping` says so: nobody's letter waits for a pile of documents.
    """
    made = 0
    began = time.monotonic()
    for document in _next(limit):
        if stopping() or time.monotonic() - began > PASS_SECONDS:
            break
        if _claim(document):
            made += _make(document)
    return made


class _Pace:
    """How often this worker looks through all documents: among 300,000 that takes a second, among 300 a millisecond."""

    all_again_at = 0.0  # by time.monotonic()
    REST = 50  # times as long as the look took, when it found nothing
    RECENT = datetime.timedelta(days=1)


def _next(limit: int) -> list[Document]:
    """Up to `limit` documents that are due; those of new applications at once, others when all are looked at."""
    began = time.monotonic()
    if began < _Pace.all_again_at:
        recent = timezone.now() - _Pace.RECENT
        return list(due().filter(application__received_at__gt=recent)[:limit])
    found = list(due()[:limit])
    if not found:
        _Pace.all_again_at = time.monotonic() + _Pace.REST * (time.monotonic() - began)
    return found


def due(now: datetime.datetime | None = None) -> QuerySet[Document]:
    """Documents without a rendition, and those whose last attempt failed a while ago and was not the last."""
    again = Q(
        rendition__state=Rendition.State.FAILED,
        rendition__attempts__lt=MOST_ATTEMPTS,
        rendition__made_at__lt=(now or timezone.now()) - PAUSE,
    )
    waiting = Document.objects.openable().filter(Q(rendition=None) | again, replaced_at=None)
    return waiting.select_related("rendition").defer("rendition__text").order_by("created_at", "pk")


def state_of(document: Document) -> str:
    """`made`, `failed` when nobody tries again, else `waiting`."""
    rendition = getattr(document, "rendition", None)
    if rendition is None:
        return "waiting"
    if rendition.state == Rendition.State.MADE:
        return "made"
    return "failed" if rendition.attempts >= MOST_ATTEMPTS else "waiting"


def _claim(document: Document) -> bool:
    """Whether this worker got the document: it wrote the row, or was the one to count the next attempt."""
    former = getattr(document, "rendition", None)
    if former is not None:
        again = Rendition.objects.filter(pk=document.pk, state=former.state, made_at=former.made_at)
        return bool(again.update(attempts=former.attempts + 1, made_at=timezone.now()))
    try:
        with transaction.atomic():
            Application.objects.select_for_update().get(pk=document.application_id)
            if not Document.objects.openable().filter(pk=document.pk).exists():
                return False
            Rendition.objects.create(document_id=document.pk, state=Rendition.State.FAILED)
    except (Application.DoesNotExist, IntegrityError):  # erased, or another worker was faster
        return False
    return True


def _make(document: Document) -> bool:
    """Render and store; the row then says how it went. Whether the rendition is made."""
    try:
        rendered = _render(document)
        return _keep(document, rendered)
    except FileNotFoundError:
        logger.error("The file of document %s is missing in the storage; it has no page images.", document.pk)
    except (OSError, NotServed):  # a full disk, no memory for another process: not the document's fault
        logger.exception("The page images of document %s could not be made now; later again.", document.pk)
        Rendition.objects.filter(pk=document.pk).update(attempts=_attempts_before(document))
    return False


def _attempts_before(document: Document) -> int:
    former = getattr(document, "rendition", None)
    return former.attempts if former else 0


def _render(document: Document) -> Rendered:
    """What the renderer makes of the document, from a copy without a name: the storage may be on another host."""
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        with document.file.open("rb") as original:
            shutil.copyfileobj(original, copy)
        copy.seek(0)
        return understood(_server.ask(copy.fileno()))


def understood(answer: bytes) -> Rendered:
    """The answer of a child, believed only as far as it makes sense: the file may have taken the child over."""
    rendered = Rendered()
    for kind, content in _parts(answer):
        if kind == b"T":
            rendered.text = content[:LONGEST_TEXT].decode(errors="replace").replace("\0", " ")
        elif kind == b"P" and (size := _size_of(content)):
            rendered.sizes.append(size)
            rendered.images.append(content[4:])
        elif kind == b"B":
            rendered.cannot_be_opened = True
        elif kind == b"E":
            rendered.is_whole = True
        else:
            logger.error("A document could not be rendered: %.100r", content[:100])
            break
    return rendered


def _parts(answer: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Kind and content of each part that has arrived whole."""
    view, start = memoryview(answer), 0
    while start + 5 <= len(answer):
        end = start + 5 + int.from_bytes(view[start + 1 : start + 5], "big")
        if end > len(answer):
            return
        yield bytes(view[start : start + 1]), bytes(view[start + 5 : end])
        start = end


def _size_of(content: bytes) -> list[int] | None:
    """Width and height of an image; None for what is none."""
    width, height = int.from_bytes(content[:2], "big"), int.from_bytes(content[2:4], "big")
    is_webp = content[4:8] == b"RIFF" and content[12:16] == b"WEBP" and len(content) <= LARGEST_IMAGE
    return [width, height] if is_webp and 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE else None


def _keep(document: Document, rendered: Rendered) -> bool:
    """Store images and text. Nothing stays when the document was erased meanwhile."""
    is_made = rendered.is_whole and bool(rendered.images)
    images = rendered.images if is_made else []
    sizes = rendered.sizes if is_made else []
    if not _write_row(document, page_sizes=sizes, text=rendered.text):
        return False
    _store(document.pk, images)
    if is_made:
        words = {"state": Rendition.State.MADE, "made_at": timezone.now()}
    elif rendered.cannot_be_opened:
        words = {"attempts": MOST_ATTEMPTS}  # it will not be different next time
    else:
        logger.warning("The page images of document %s could not be made: a limit was met.", document.pk)
        return False
    if Rendition.objects.filter(pk=document.pk).update(**words):
        return is_made
    remove_images(document.pk, len(images))
    return False


def _write_row(document: Document, *, page_sizes: list[list[int]], text: str) -> bool:
    """Name the images and keep the text, which is found by the search from now on. False when it was erased."""
    with transaction.atomic():
        application = Application.objects.select_for_update().filter(pk=document.application_id).first()
        row = Rendition.objects.filter(pk=document.pk)
        former = row.values_list("page_sizes", flat=True).first()
        if application is None or former is None:
            return False
        row.update(page_sizes=page_sizes, text=text)
        search.refresh(application)
    remove_images(document.pk, len(former), first=len(page_sizes) + 1)  # of an attempt that got further
    return True


def _store(document_id: uuid.UUID, images: list[bytes]) -> None:
    """Write the images under their own names; what a killed process has left there goes first."""
    storage = document_storage()
    for number, image in enumerate(images, 1):
        name = Rendition.image_name(document_id, number)
        storage.delete(name)
        stored_as = storage.save(name, ContentFile(image))
        if stored_as != name:  # another process wrote it at this very moment
            storage.delete(stored_as)
            raise FileExistsError(name)


def remove_images(document_id: uuid.UUID, last: int, *, first: int = 1) -> None:
    for number in range(first, last + 1):
        document_storage().delete(Rendition.image_name(document_id, number))


def forget(document_id: uuid.UUID) -> None:
    """Remove what was made from a document: its text, and the images once the caller's transaction has held.

    The caller holds the application's lock, so that no attempt that is under way writes them again.
    """
    made = Rendition.objects.filter(pk=document_id).only("page_sizes").first()
    if made is not None:
        made.delete()
        transaction.on_commit(lambda: remove_images(document_id, len(made.page_sizes)))


def image_response(request: HttpRequest, rendition: Rendition, number: int) -> HttpResponseBase:
    """The image of page `number`. Whoever calls this has asked whether the reader may see the document.

    Raises FileNotFoundError when there is none.
    """
    if not 1 <= number <= len(rendition.page_sizes):
        raise FileNotFoundError(number)
    name = Rendition.image_name(rendition.document_id, number)
    return serving.file_answer(request, document_storage(), name, content_type="image/webp")
