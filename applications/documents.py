"""Receiving, keeping, serving and sweeping documents. Their inspection is `applications.inspection`."""

import datetime
import hashlib
import logging
import re
import shutil
import tempfile
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import Error as DatabaseFailure
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from applications import incoming, scanning, serving
from applications.inspection import Inspection, InspectionUnavailable, inspect
from applications.models import Document, IncomingPiece, IncomingUpload, Letter, Rendition, Upload, document_storage
from projects.models import Question

__all__ = [
    "Blocked",
    "Busy",
    "Inspection",
    "InspectionUnavailable",
    "Unavailable",
    "copy",
    "forget",
    "inspect",
    "receive",
    "response",
    "sweep",
]

logger = logging.getLogger(__name__)

EXPORTS = "exports"  # the folder in the storage of what reviewers take out, see models/export.py
PAGE_IMAGE = re.compile(r"[0-9a-f]{2}/(?P<id>[0-9a-f]{32})-\d+\.webp")
# The fields of the forms that everybody is asked for files, and what kind of document each takes.
KIND_OF_FIELD = {"cv": Document.Kind.CV, "transcripts": Document.Kind.TRANSCRIPT}
FACTS = ("kind", "original_name", "size", "sha256", "pages", "flags")  # that a copy has in common with its original
LIMIT_MB = settings.DOCUMENT_MAX_BYTES // settings.MEGABYTE


class Unavailable(Exception):
    """A document cannot be checked or stored just now; the same file may well be accepted in a minute."""


class Blocked(Exception):
    """Malware was found in a document, so nobody is given what is in it any more."""


class Busy(Unavailable):
    """It has been waited for in vain (a locked database, no turn at the inspection); the next file would wait, too."""


def too_large_message(name: str) -> str:
    """What a student reads about a file past the limit: the limit, and how to get below it."""
    return _(
        "“%(name)s” is larger than %(limit)s MB. Make it smaller and choose it again: export it with “reduced size” or "
        "“for screen”, scan in grey at 150 to 200 dpi, or leave out pages that nobody needs."
    ) % {"name": clean_name(name), "limit": LIMIT_MB}


def infected_message(name: str) -> str:
    """What a student reads about a file in which the scanner has found something: no blame, and what to do."""
    return _(
        "“%(name)s”: our malware scanner has found something harmful in this file, so we cannot take it. It may have "
        "got there without your knowing. Please make the PDF anew from the original, best on another computer, and "
        "choose the new one."
    ) % {"name": clean_name(name)}


def clean_name(name: str) -> str:
    """The client's file name, fit to be shown: its last part, without control and direction characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(char for char in last if char.isprintable()).strip(" .")[-200:] or "document.pdf"


def receive(
    file: UploadedFile, kind: str, *, question: Question | None = None, browser: str = "", sender: str = ""
) -> Upload:
    """Inspect `file` and keep it as a committed upload of `kind`; the one door through which documents come in.

    The malware scanner is asked, too. When it is away, busy or slow, the file is kept and scanned later.

    It may answer a `question` of the project; `browser` (tokens.browser_key) may look at it until it is claimed. When
    its inspection is ended by a limit, it counts as many for `sender` (client_address.sender; empty for staff).

    Raises ValidationError with the student's words (`code` says which) when the file is refused, and Unavailable
    when it cannot be checked or stored just now.
    """
    if file.size > settings.DOCUMENT_MAX_BYTES:
        raise ValidationError(too_large_message(file.name), code="too_large")
    try:
        with _path_of(file) as path:
            _let_connection_go()
            inspection = inspect(path)
        if inspection.code == "too_complex":
            incoming.count_costly(sender)
        if inspection.verdict != "accepted":
            words = _("“%(name)s”: %(reason)s") % {"name": clean_name(file.name), "reason": inspection.reason}
            raise ValidationError(words, code=inspection.code)
        scan = scanning.scan_on_arrival(file)
        if scan == Upload.Scan.INFECTED:
            raise ValidationError(infected_message(file.name), code="infected")
        return _keep(file, kind, inspection, scan, question=question, browser=browser)
    except OSError as error:
        logger.exception("A document could not be stored.")
        raise Unavailable from error
    except (DatabaseFailure, InspectionUnavailable) as error:
        logger.exception("A document could not be checked or stored.")
        raise Busy from error


def _let_connection_go() -> None:
    """Back into the pool with it, while this request waits for its turn at the inspection; the next query takes one.

    Else a rush of students holds all of them, waiting, and the catalogue waits with it.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()


@contextmanager
def _path_of(file: UploadedFile):
    """The path of the received bytes: the upload handler's own file, or a temporary one (tests, small uploads)."""
    if hasattr(file, "temporary_file_path"):
        file.file.flush()
        yield file.temporary_file_path()
        return
    with tempfile.NamedTemporaryFile(suffix=".pdf", dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def _keep(
    file: UploadedFile, kind: str, inspection: Inspection, scan: str, *, question: Question | None, browser: str
) -> Upload:
    upload_id = uuid.uuid4()
    file.seek(0)
    digest = hashlib.file_digest(file.file, "sha256").hexdigest()
    file.seek(0)
    name = document_storage().save(f"{upload_id.hex[:2]}/{upload_id.hex}.pdf", file)
    try:
        return Upload.objects.create(
            id=upload_id,
            kind=kind,
            file=name,
            original_name=clean_name(file.name),
            size=file.size,
            sha256=digest,
            pages=inspection.pages,
            flags=inspection.flags,
            scan=scan,
            scanned_at=timezone.now() if scan == Upload.Scan.CLEAN else None,
            question=question,
            title=question.prompt if question else "",
            browser=browser,
        )
    except BaseException:
        document_storage().delete(name)
        raise


def copy(document: Document, *, browser: str = "", sender: str = "") -> Upload:
    """An upload with the bytes of `document`, for another application of its student; both can be erased by themselves.

    It was inspected when it came; the question that it answered stays behind. A copy that this browser has already made
    and not used is taken again; every other one needs room and counts for `sender` like a file that was sent. What the
    malware scanner says of the document holds for the copy, or is waited for as well.

    Raises Blocked when that is malware, `disk_space.Full` and TooOften as `incoming.admit`, and Unavailable when the
    file cannot be read or stored just now.
    """
    if document.is_blocked:
        raise Blocked
    same = {"kind": document.kind, "sha256": document.sha256, "question": None, "browser": browser}
    made = Upload.objects.filter(**same).exclude(browser="").exclude(scan=Upload.Scan.INFECTED).first()
    if made is not None:
        return made
    incoming.admit([document.size], sender)
    upload_id = uuid.uuid4()
    try:
        with document.file.open("rb") as file:
            name = document_storage().save(f"{upload_id.hex[:2]}/{upload_id.hex}.pdf", file)
    except OSError as error:
        logger.exception("A document could not be copied.")
        raise Unavailable from error
    facts = {fact: getattr(document, fact) for fact in FACTS}
    try:
        return Upload.objects.create(id=upload_id, file=name, browser=browser, **facts, **scan_of(document))
    except BaseException:
        document_storage().delete(name)
        raise


def scan_of(file: Document | Upload) -> dict:
    """What is known of its scan, for another row with the same bytes; that it is being asked about is not passed on."""
    is_known = file.scan in (Upload.Scan.CLEAN, Upload.Scan.INFECTED)
    return {"scan": file.scan, "scanned_at": file.scanned_at if is_known else None}


def forget(upload: Upload) -> None:
    """Remove an upload that its student does not want to send after all. A claimed one is a document, and stays."""
    IncomingUpload.objects.filter(upload_id=upload.pk).delete()
    if Upload.objects.filter(pk=upload.pk).delete()[0]:
        document_storage().delete(upload.file.name)


def response(request: HttpRequest, document: Document | Upload, *, as_attachment: bool = False) -> HttpResponseBase:
    """The bytes of a document (or of an upload, to the browser that sent it) as a PDF that the browser shows in place.

    In whole or in the part that `request` asks for. No other site can frame it, and nothing caches it; the review page
    shows it beside the answers. The tag is the SHA-256: another version of a document is another document.

    Whoever calls this has asked whether the reader may see the document. Raises FileNotFoundError when it is missing,
    and Blocked when malware was found in it.
    """
    if document.is_blocked:
        raise Blocked
    return serving.file_answer(
        request,
        document.file.storage,
        document.file.name,
        content_type="application/pdf",
        etag=f'"{document.sha256}"',
        filename=document.name_for_reader if isinstance(document, Document) else document.original_name,
        as_attachment=as_attachment,
        framed_by="'self'",
    )


def sweep(now: datetime.datetime | None = None) -> int:
    """Remove uploads that nobody claimed within UPLOAD_HOURS, and files that no row names; returns how many went."""
    limit = (now or timezone.now()) - datetime.timedelta(hours=settings.UPLOAD_HOURS)
    swept = 0
    for upload in Upload.objects.filter(created_at__lt=limit):
        # The row decides: when an application claims the upload at this moment, one of the two finds it gone.
        if Upload.objects.filter(pk=upload.pk).delete()[0]:
            document_storage().delete(upload.file.name)
            swept += 1
    swept += incoming.sweep(limit)
    return swept + _sweep_strays(limit) + _sweep_incoming(limit) + _sweep_letter_files(limit)


def _sweep_letter_files(limit: datetime.datetime) -> int:
    """Letters in the folder that stands in for a mail server, whose application was erased at that very moment."""
    folder = Path(settings.LETTERS_DIR)
    letters = (*folder.glob("*.eml"), *folder.glob("*.part"))  # also half a letter, which a killed worker left behind
    old = [path for path in letters if path.stat().st_mtime < limit.timestamp()]
    swept = 0
    for batch in (old[start : start + 500] for start in range(0, len(old), 500)):
        ids = {path: f"<{path.stem}>" for path in batch}
        known = set(Letter.objects.filter(message_id__in=ids.values()).values_list("message_id", flat=True))
        for path in (path for path, message_id in ids.items() if message_id not in known):
            path.unlink(missing_ok=True)
            swept += 1
    return swept


def _sweep_incoming(limit: datetime.datetime) -> int:
    """What an upload handler had begun to receive when its process was killed."""
    swept = 0
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir():
        with suppress(FileNotFoundError):  # received to its end, and so gone, since the folder was listed
            if path.stat().st_mtime < limit.timestamp() and not path.is_dir():  # a folder is none of ours
                path.unlink()
                swept += 1
    return swept


def _sweep_strays(limit: datetime.datetime) -> int:
    """Files whose row was never written or is already erased: what a killed process may leave behind."""
    storage = document_storage()
    swept = 0
    try:
        folders = storage.listdir("")[0]
    except FileNotFoundError:
        return 0  # nothing has ever been stored
    for folder in folders:
        if folder == EXPORTS:
            continue  # whoever makes them sweeps them
        names = {f"{folder}/{name}" for name in storage.listdir(folder)[1]}
        for name in names - named_by_rows(names):
            if storage.get_modified_time(name) < limit:
                storage.delete(name)
                swept += 1
    return swept


def named_by_rows(names: set[str]) -> set[str]:
    """Those of `names` in the storage that belong to an upload, a document, a piece of one, or its page images."""
    # Uploads first: one that is claimed between the two questions is then found by the second.
    known = set(Upload.objects.filter(file__in=names).values_list("file", flat=True))
    known |= set(Document.objects.filter(file__in=names).values_list("file", flat=True))
    known |= set(IncomingPiece.objects.filter(file__in=names).values_list("file", flat=True))
    return known | _page_images(names)


def _page_images(names: set[str]) -> set[str]:
    """Those of `names` that are images of pages which a rendition counts."""
    ids = {match["id"] for match in map(PAGE_IMAGE.fullmatch, names) if match}
    renditions = Rendition.objects.filter(document_id__in=ids).only("page_sizes")
    return names.intersection(name for rendition in renditions for name in rendition.image_names)
