"""What the malware scanner says of a file once it is kept, and what then becomes of it.

Only the last step of a scan is a transaction: nobody holds a lock while the scanner reads. A file is claimed by the
moment at which it was last asked about (`scanned_at`), so that two workers do not ask about the same one, and one at
which the scanner stumbles keeps nobody else waiting.
"""

import datetime
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone, translation

from applications import letters, renditions, scanning, search
from applications.models import Application, Document, Event, Letter, Upload
from applications.statuses import Status
from applications.workflow.moves import lock, record
from applications.workflow.submitting import may_send_link

logger = logging.getLogger(__name__)

Scan = Document.Scan

MOST_IN_A_PASS = 50
PASS_SECONDS = 5  # then the worker’s other tasks have their turn again
PAUSE = datetime.timedelta(minutes=10)  # before a file is tried again of which the scanner could not say anything
ADOPTED_AT_ONCE = 500


def scan_waiting(stopping: Callable[[], bool] = lambda: False) -> int:
    """Ask the scanner about files that wait for it; returns of how many it could say something.

    Uploads first, because somebody may be about to hand them in; the oldest of each first, and those at which it has
    stumbled after all that are new: a few files that take it long keep nobody waiting. Safe beside other workers.

    The pass ends after PASS_SECONDS, before the next file when `stopping` says so, and when the scanner does not
    answer: then everything waits on.
    """
    if not scanning.is_set_up() or scanning.is_resting():
        return 0
    waiting = _waiting()
    if not waiting:
        _adopt()
        return 0
    if not scanning.answers():
        logger.warning("The malware scanner does not answer; what waits for it is scanned later.")
        return 0
    scanned, began = 0, time.monotonic()
    for file in waiting:
        if stopping() or scanning.is_resting() or time.monotonic() - began > PASS_SECONDS:
            break
        scanned += _claim(file) and _scan(file)
    return scanned


def _waiting(now: datetime.datetime | None = None) -> list[Upload | Document]:
    """Files that nobody has asked about within PAUSE; those that were asked about in vain before come last."""
    rested = Q(scanned_at=None) | Q(scanned_at__lt=(now or timezone.now()) - PAUSE)
    order = (F("scanned_at").asc(nulls_first=True), "created_at")
    found = [
        file
        for model in (Upload, Document)
        for file in model.objects.filter(rested, scan=Scan.WAITING).order_by(*order)[:MOST_IN_A_PASS]
    ]
    return sorted(found, key=lambda file: file.scanned_at is not None)


class _Adoption:
    """When to look again for documents that are older than the scanner, by time.monotonic()."""

    again_at = 0.0
    REST = 3600


def _adopt() -> None:
    """Let documents that are older than the scanner wait for it, some at a time. Uploads are swept anyway."""
    if time.monotonic() < _Adoption.again_at:
        return
    ids = list(Document.objects.filter(scan=Scan.NONE).order_by("pk").values_list("pk", flat=True)[:ADOPTED_AT_ONCE])
    Document.objects.filter(pk__in=ids, scan=Scan.NONE).update(scan=Scan.WAITING)
    if len(ids) < ADOPTED_AT_ONCE:
        _Adoption.again_at = time.monotonic() + _Adoption.REST


def _claim(file: Upload | Document) -> bool:
    """Whether this worker is the one to ask about it now."""
    row = type(file).objects.filter(pk=file.pk, scan=Scan.WAITING, scanned_at=file.scanned_at)
    return bool(row.update(scanned_at=timezone.now()))


def _scan(file: Upload | Document) -> bool:
    """Whether the scanner has said something, and it is noted."""
    try:
        with file.file.open("rb") as content:
            verdict = scanning.scan(content)
    except scanning.NotScanned as why:
        logger.warning("%s %s could not be scanned for malware now: %s", type(file).__name__, file.pk, why)
        return False
    except OSError:  # claimed or swept meanwhile, or the storage is away
        logger.exception("The file of %s %s could not be read for the scanner.", type(file).__name__, file.pk)
        return False
    if verdict == Scan.INFECTED and isinstance(file, Document):
        return _block(file)
    row = type(file).objects.filter(pk=file.pk, scan=Scan.WAITING)
    return bool(row.update(scan=verdict, scanned_at=timezone.now()))


def _block(document: Document) -> bool:
    """Malware was found in a document: nobody opens it any more, and its student is asked for another one.

    Its bytes stay where they are, because nothing that was handed in is lost; what was made from them goes. False when
    it was erased or noted meanwhile.
    """
    with transaction.atomic():
        try:
            application = lock(document.application)
        except Application.DoesNotExist:
            return False
        found = Document.objects.filter(pk=document.pk, scan=Scan.WAITING)
        if not found.update(scan=Scan.INFECTED, scanned_at=timezone.now()):
            return False
        document.refresh_from_db()
        renditions.forget(document.pk)
        search.refresh(application)
        with translation.override(settings.LANGUAGE_CODE):  # stored for reviewers
            record(application, Event.Kind.DOCUMENT_INFECTED, actor=Event.Actor.SYSTEM, text=document.label)
        if _is_missed(application, document):
            letters.infected(application, document)
    logger.warning("Document %s is blocked because of malware.", document.pk)
    return True


def _is_missed(application: Application, document: Document) -> bool:
    """Whether the student has to hear of it: a newer version, or a final answer, makes up for it."""
    is_over = application.status in (Status.DECLINED, Status.WITHDRAWN)
    return document.replaced_at is None and not is_over and may_send_link(application, Letter.Kind.INFECTED)
