"""The documents of applications as one ZIP, with an index. Made while it is sent, its size known before."""

import dataclasses
import io
import logging
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from django.db import connection
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from zipstream import ZIP_STORED, ZipStream

from applications.exports.columns import chunks
from applications.exports.tables import csv_writer
from applications.models import Application, Document, document_storage
from applications.openings import Thing

logger = logging.getLogger(__name__)

# Names that Windows keeps for devices, whatever stands behind the first dot.
RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"
}
# The three parts of a path together stay below 200 characters, and each below the 255 bytes that Linux allows.
PROJECT_LENGTH, PERSON_LENGTH, DOCUMENT_LENGTH = 80, 70, 44
READ = 256 * 1024


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the index: a document, or an application without any."""

    application: Application
    document: Document | None
    path: str
    size: int | None  # as it lies in the storage; None when it is not there, or not handed out

    @property
    def address(self) -> str:
        """The relative link from the index."""
        return quote(self.path)

    @property
    def is_there(self) -> bool:
        return self.size is not None

    @property
    def remark(self) -> str:
        if self.document is None:
            return _("This application has no documents.")
        if self.document.is_blocked:
            return _("Malware was found in this file, so it is left out.")
        if self.size is None:
            return _("The file is missing in the storage.")
        if self.size != self.document.size:
            return _("The file has another size than when it was received.")
        return ""


class Archive:
    """The current documents of these applications, as `user` may see them at this moment.

    Everything that the database knows is read when this is made; iterating only reads files. Nothing is compressed
    (PDFs are already), so that `len()` is the exact number of bytes that iterating gives. Beyond 4 GB, or 65,535
    files, it is a Zip64 archive, which every present system opens.
    """

    def __init__(self, pks: Iterable[int], user, still_at_it: Callable[[], None] = lambda: None) -> None:
        """`still_at_it` is called now and then while the database and the storage are asked, which may take long."""
        self.entries = list(_entries(pks, user, still_at_it))
        self.project_ids = {entry.application.project_id for entry in self.entries}
        self.applications = len({entry.application.pk for entry in self.entries})
        self.taken_out: list[Thing] = [
            (entry.application.pk, entry.document.pk if entry.is_there else None) for entry in self.entries
        ]
        self._stream = ZipStream(compress_type=ZIP_STORED, sized=True)
        self._stream.add(_index_as_page(self.entries), "index.html")
        self._stream.add(_index_as_table(self.entries), "index.csv")
        for entry in self.entries:
            if entry.is_there:
                self._stream.add(content_of(entry.document, entry.size), entry.path, size=entry.size)
        self._files = self._stream.num_queued()

    def __len__(self) -> int:
        return len(self._stream)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    @property
    def applications_done(self) -> int:
        """About how many applications have been written so far."""
        return self.applications * self._stream.num_streamed() // self._files


def _entries(pks: Iterable[int], user, still_at_it: Callable[[], None]) -> Iterator[Entry]:
    folders = ProjectFolders()
    for chunk in chunks(pks):
        still_at_it()
        applications = (
            Application.objects.visible_to(user)
            .filter(pk__in=chunk)
            .select_related("project")
            .prefetch_related("documents")
            .in_bulk()
        )
        for application in (applications[pk] for pk in chunk if pk in applications):
            folder = f"{folders.of(application)}/{person_folder(application)}"
            documents = application.current_documents()
            if not documents:
                yield Entry(application, None, "", None)
            for number, document in enumerate(documents, start=1):
                name = f"{safe_name(f'{number} {document.label}', DOCUMENT_LENGTH - 4)}.pdf"
                yield Entry(application, document, f"{folder}/{name}", size_in_storage(document))


def size_in_storage(document: Document) -> int | None:
    """How many bytes the document has; None when its file is missing, or blocked, which the archive then says."""
    if document.is_blocked:
        return None
    try:
        return document_storage().size(document.file.name)
    except FileNotFoundError:
        logger.error("The file of document %s is missing in the storage; the archive says so.", document.pk)
        return None


def content_of(document: Document, size: int) -> Iterator[bytes]:
    """The bytes of one document, exactly as many as were promised.

    Also when the file goes away in the middle of a long download, because its application is erased: then a sentence
    stands in its place, filled up with blanks, and the archive stays one that opens.
    """
    try:
        file = document_storage().open(document.file.name)
    except FileNotFoundError:
        logger.error("The file of document %s went away while it was put into an archive.", document.pk)
        words = _("This file was removed while the archive was being made.").encode()
        yield words[:size].ljust(size)
        return
    with file:
        yield from file.chunks(READ)


def without_database(parts: Iterable[bytes]) -> Iterator[bytes]:
    """`parts`, sent without keeping a connection to the database for as long as a slow download takes."""
    if not connection.in_atomic_block:
        connection.close()
    yield from parts


# The index


def _index_as_page(entries: list[Entry]) -> bytes:
    context = {
        "entries": entries,
        "made_at": timezone.now(),
        "missing": sum(entry.document is not None and not entry.is_there for entry in entries),
    }
    return render_to_string("admin/applications/application/export_index.html", context).encode()


def _index_as_table(entries: list[Entry]) -> bytes:
    file = io.BytesIO()
    layer, write_row = csv_writer(file)
    titles = [_("Reference"), _("Name"), _("Project"), _("Document"), _("Name of the file as handed in"), _("Pages")]
    write_row([*titles, _("Bytes"), "SHA-256", _("Path"), _("Remark")])
    for entry in entries:
        document = entry.document
        known = ["", "", None, None, ""]
        if document is not None:
            known = [document.label, document.original_name, document.pages, entry.size, document.sha256]
        application = entry.application
        whose = [application.reference, application.full_name, application.project.title]
        write_row([*whose, *known, entry.path, entry.remark])
    layer.detach()
    return file.getvalue()


# Names that every system can keep


class ProjectFolders:
    """A folder for each project; two with the same title, or titles that begin alike, are told apart by a number."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def of(self, application: Application) -> str:
        project = application.project
        if project.pk not in self.names:
            self.names[project.pk] = self._new(project.title)
        return self.names[project.pk]

    def _new(self, title: str) -> str:
        taken = {name.casefold() for name in self.names.values()} | {"index.html", "index.csv"}
        name, number = safe_name(title, PROJECT_LENGTH), 1
        while name.casefold() in taken:
            number += 1
            name = f"{safe_name(title, PROJECT_LENGTH - 8)} ({number})"
        return name


def person_folder(application: Application) -> str:
    return safe_name(f"{application.reference} {application.full_name}", PERSON_LENGTH)


def safe_name(text: str, most: int) -> str:
    """`text` as one part of a path on Windows, macOS and Linux; never empty, at most `most` characters.

    Without control and direction characters, which can make a name look like another one.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    plain = "".join(char for char in plain.replace("/", "-") if char.isprintable() and char not in '\\:*?"<>|')
    name = _shortened(plain.strip(" ."), most).strip(" .")
    if not name or name.split(".")[0].strip().casefold() in RESERVED:
        name = f"_{name}"[:most]
    return name


def _shortened(text: str, most: int) -> str:
    """The beginning of `text` with at most `most` characters as Windows counts them (an emoji is two)."""
    length = 0
    for position, char in enumerate(text):
        length += 2 if ord(char) > 0xFFFF else 1
        if length > most:
            return text[:position]
    return text
