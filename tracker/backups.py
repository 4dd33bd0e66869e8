"""Making archives of the running product, and removing those that are too old.

First a copy of the database at one moment; then the files that its rows name. So an archive is consistent although
everybody goes on working. What is erased in between is still a row in the copy and has no file any more: the ledger of
erasures, added last, makes `restore` erase it again.
"""

import datetime
import fcntl
import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Sum
from django.utils import timezone

from applications import ledger
from applications.mail import letter_file
from applications.models import Application, Document, Letter, Upload, document_storage
from tracker import archive, snapshots
from tracker.archive import Facts, SourceChanged, Writer

CHORE = "backup"
NAME = re.compile(r"tracker-(?P<moment>\d{8}T\d{6}Z)\.tar", re.ASCII)
MOMENT = "%Y%m%dT%H%M%SZ"
ASIDE = ".tracker-unfinished-"  # of what is being written, and of what a killed backup has left
LOCK = ".tracker-backup.lock"


class NotMade(Exception):
    """No archive was made, and nothing is left of the attempt. The words say why and what to do."""


class NotReadable(Exception):
    """The file of a document cannot be read."""


class Stored(NamedTuple):
    """A file that a row of the copied database names."""

    name: str  # in the storage
    size: int
    sha256: str
    words: str  # which one it is, without anybody's name


@dataclass
class Made:
    """The receipt."""

    path: Path
    moment: datetime.datetime
    size: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    documents: int = 0
    letters: int = 0
    gone_meanwhile: int = 0  # erased, or swept
    damaged: list[str] = field(default_factory=list)
    has_ledger: bool = False
    ledger_problem: str = ""
    removed: list[Path] = field(default_factory=list)

    @property
    def is_all_well(self) -> bool:
        return not self.damaged and not self.ledger_problem


def default_folder() -> Path:
    return settings.DATA_DIR / "backups"


def make(folder: Path) -> Made:
    """Make an archive in `folder`, then remove there what is older than BACKUP_KEEP_DAYS.

    Written aside and renamed when it is complete and on the disk. Raises NotMade, snapshots.NotPossible, OSError.
    """
    _refuse_unsafe(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_at_a_time(folder), _tidied(folder):
        _refuse_without_room(folder)
        made = _make(folder)
    if made.is_all_well:
        made.removed = remove_old(folder, keep=made.path)
    return made


def _make(folder: Path) -> Made:
    made, copy = _begun(folder), folder / f"{ASIDE}database"
    with snapshots.taken(copy) as using:
        facts, files, letters = _facts(using, made), list(_stored(using)), list(_sent_letters(using))
    made.counts = facts.counts
    aside = folder / f"{ASIDE}archive"
    with open(aside, "xb", opener=archive.for_the_owner_only) as file:
        writer = Writer(file, int(made.moment.timestamp()))
        writer.add_file(archive.DATABASE, copy)
        copy.unlink()
        _add_documents(writer, files, made)
        _add_letters(writer, letters, made)
        writer.add_bytes(archive.SECRET_KEY, settings.SECRET_KEY.encode())
        _add_ledger(writer, made)
        writer.finish(facts)
        archive.sync(file)
        made.size = file.tell()
    aside.rename(made.path)
    archive.sync_folder(folder)
    return made


def _begun(folder: Path) -> Made:
    moment = timezone.now().astimezone(datetime.UTC)
    path = folder / f"tracker-{moment.strftime(MOMENT)}.tar"
    if path.exists():
        raise NotMade(f"{path.name} was made in this very second. Nothing has changed since.")
    return Made(path, moment)


# Where


def _refuse_unsafe(folder: Path) -> None:
    """Not among what is served to everybody, nor where the worker sweeps: documents, letters, what just comes in."""
    public = (settings.STATIC_ROOT, *settings.STATICFILES_DIRS)
    location = getattr(document_storage(), "location", None)
    swept = (settings.LETTERS_DIR, settings.FILE_UPLOAD_TEMP_DIR, *([location] if location else []))
    for place in (*public, *swept):
        if folder.resolve().is_relative_to(Path(place).resolve()):
            raise NotMade(f"{folder} lies in {place}, which is no place for archives. Name another folder with --to.")


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    with open(folder / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotMade(f"Another backup is being made in {folder}. Wait for its end.") from error
        yield


@contextmanager
def _tidied(folder: Path) -> Iterator[None]:
    """Nothing half remains: neither of this backup, however it ends, nor of one that was killed."""
    _remove_unfinished(folder)
    try:
        yield
    finally:
        _remove_unfinished(folder)


def _remove_unfinished(folder: Path) -> None:
    for path in folder.glob(f"{ASIDE}*"):
        path.unlink(missing_ok=True)


def _refuse_without_room(folder: Path) -> None:
    """Asked first, because a full disk would stop the product, too: beside the data, its reserve stays free."""
    files = sum(rows.aggregate(sum=Sum("size"))["sum"] or 0 for rows in (Upload.objects, Document.objects))
    wanted = 2 * snapshots.size() + files  # the copy of the database lies aside until it is in the archive
    wanted += settings.DISK_RESERVE_BYTES if is_beside_the_data(folder) else 0
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise NotMade(
            f"{folder} has {free / 1e6:.0f} MB free, and the archive may need {wanted / 1e6:.0f} MB (beside the data, "
            "with DISK_RESERVE_MB). Make room, or name a folder on another disk with --to."
        )


def is_beside_the_data(folder: Path) -> bool:
    """Whether the archive goes when the disk with the data goes."""
    return folder.stat().st_dev == settings.DATA_DIR.stat().st_dev


# What


def _facts(using: str, made: Made) -> Facts:
    """What the manifest says; of what is damaged, as much as turns out later."""
    applied = MigrationRecorder(connections[using]).applied_migrations()
    return Facts(
        made_at=made.moment.isoformat(timespec="seconds"),
        product=tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"],
        site=settings.SITE_URL,
        database=snapshots.product_and_version(),
        migrations=sorted(list(migration) for migration in applied),
        counts=counts(using),
        damaged=made.damaged,
    )


def counts(using: str | None = None) -> dict[str, int]:
    """By which a restored database is compared with the one that was copied."""
    counted = {"applications": Application, "documents": Document, "uploads": Upload, "letters": Letter}
    return {name: model.objects.using(using).count() for name, model in counted.items()}


def _stored(using: str) -> Iterator[Stored]:
    """The files of the copy's documents and uploads. Page images are made anew, and exports are asked for anew."""
    documents = Document.objects.using(using).order_by("pk")
    for pk, reference, *file in documents.values_list("pk", "application__reference", "file", "size", "sha256"):
        yield Stored(*file, f"document {pk} of application {reference}")
    for pk, *file in Upload.objects.using(using).order_by("pk").values_list("pk", "file", "size", "sha256"):
        yield Stored(*file, f"upload {pk}")


def _sent_letters(using: str) -> Iterator[str]:
    """The Message-IDs of letters that may lie in the folder which stands in for a mail server."""
    if not Path(settings.LETTERS_DIR).is_dir():
        return
    sent = Letter.objects.using(using).filter(status=Letter.Status.SENT).order_by("pk")
    yield from sent.values_list("message_id", flat=True)


def _add_documents(writer: Writer, files: list[Stored], made: Made) -> None:
    for stored in files:
        try:
            member = writer.add(archive.DOCUMENTS + stored.name, _size_of(stored.name), _content_of(stored.name))
        except (NotReadable, SourceChanged):
            _note_unreadable(stored, made)
            continue
        made.documents += 1
        if (member.size, member.sha256) != (stored.size, stored.sha256):
            made.damaged.append(f"altered: {stored.words}")


def _size_of(name: str) -> int:
    try:
        return document_storage().size(name)
    except OSError as error:
        raise NotReadable(name) from error


def _content_of(name: str) -> Iterator[bytes]:
    """The bytes of a file in the storage. Raises NotReadable, which cannot be mistaken for a full disk."""
    try:
        with document_storage().open(name) as file:
            yield from file.chunks()
    except OSError as error:
        raise NotReadable(name) from error


def _note_unreadable(stored: Stored, made: Made) -> None:
    """Gone with its row since the database was copied; or missing, which is told and keeps older archives."""
    # Uploads first: one that is claimed between the two questions is then found by the second.
    named = [model.objects.filter(file=stored.name).exists() for model in (Upload, Document)]
    if any(named):
        made.damaged.append(f"missing: {stored.words}")
    else:
        made.gone_meanwhile += 1


def _add_letters(writer: Writer, message_ids: list[str], made: Made) -> None:
    """Under the first half of their Message-IDs: with the host, a name might be too long for a header."""
    for message_id in message_ids:
        try:
            content = letter_file(message_id).read_bytes()
        except FileNotFoundError:  # sent through a mail server, or erased
            continue
        writer.add_bytes(f"{archive.LETTERS}{message_id.strip('<').partition('@')[0]}.eml", content)
        made.letters += 1


def _add_ledger(writer: Writer, made: Made) -> None:
    """As late as can be, so that it knows who was erased while the documents were copied."""
    try:
        ledger.bring_up_to_date()
        content = Path(settings.ERASURE_LEDGER).read_bytes()
    except (OSError, ledger.NotOurs) as error:
        made.ledger_problem = str(error)
        return
    writer.add_bytes(archive.LEDGER, content)
    made.has_ledger = True


# Old ones


def moment_of(path: Path) -> datetime.datetime | None:
    """When the archive was made, by its name; None for whatever is not named as one of ours."""
    match = NAME.fullmatch(path.name)
    with suppress(ValueError):  # digits, but no moment
        return match and datetime.datetime.strptime(match["moment"], MOMENT).replace(tzinfo=datetime.UTC)
    return None


def remove_old(folder: Path, *, keep: Path) -> list[Path]:
    """Remove archives made before the last BACKUP_KEEP_DAYS, never `keep`; returns which."""
    limit = timezone.now() - datetime.timedelta(days=settings.BACKUP_KEEP_DAYS)
    removed = []
    for path in sorted(folder.glob("tracker-*.tar")):
        moment = moment_of(path)
        if path != keep and moment is not None and moment < limit:
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed
