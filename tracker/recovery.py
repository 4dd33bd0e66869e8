"""Bringing back what an archive holds: all of it into an empty place, or only the documents that are missing.

In this order: everything is asked that could forbid it; every byte of the archive is read and compared; then documents,
letters, key and database are put in place, and a failure takes all of them away again. From there on a mark in the
data folder keeps servers from starting until the database is of this version and whoever was erased is erased again.
"""

import datetime
import email
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.management import call_command
from django.db import Error as DatabaseFailure
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from applications import document_check, ledger, retention, workflow
from applications.document_check import Fault, Kind, Problem, Receipt
from applications.mail import letter_file
from applications.models import (
    Decision,
    Document,
    Export,
    IncomingUpload,
    Letter,
    Rendition,
    Upload,
    document_storage,
)
from tracker import archive, backups, data_folder, snapshots
from tracker.archive import DATABASE, DOCUMENTS, LEDGER, LETTERS, SECRET_KEY, Archive

HELD = "Held back when a backup was restored: it may have gone out before. Send it again if it is still right."


class Refused(Exception):
    """Nothing was changed. The words say why and what to do."""


class HalfDone(Exception):
    """What was put in place cannot be used as it is. The words say what to do."""


class NotCompared(Exception):
    """All is in place, but files and rows have not been compared. The words say why and what to do."""


class Movable(File):
    """An extracted file, which a folder of documents takes by renaming it instead of copying it."""

    def temporary_file_path(self) -> str:
        return self.name


# All of it, into an empty place


class Restoration:
    """The restoring of one archive. `run` does it all; `say` is told, line by line, what was done."""

    def __init__(self, path: Path, *, ledgers: list[Path], hold_letters: bool, say: Callable[[str], object]) -> None:
        self.path, self.ledgers, self.hold_letters, self.say = path, ledgers, hold_letters, say
        # Then the key that lies there was made by reading the settings, and has signed nothing.
        self.has_fresh_key = data_folder.is_as_after_a_first_start()
        self.replaced_key: Path | None = None

    def run(self) -> Receipt:
        """Restore; returns how rows and files compare afterwards.

        Raises Refused, archive.Damaged, snapshots.NotPossible, data_folder.InUse and OSError, all of which leave the
        place as it was; and HalfDone and NotCompared.
        """
        with data_folder.held_for_restoring(), Archive.open(self.path) as self.source:
            self.facts = self.source.facts
            self._refuse_unless_empty()
            self._refuse_unless_it_fits()
            self.source.verify()
            self.say(f"Archive: made at {self.facts.moment}, {len(self.source.members)} members, all as written")
            with ExitStack() as undoing:
                self._put_in_place(undoing)
            try:
                self._finish()
            except Exception as error:
                raise HalfDone(f"{str(error).strip()} {_cut_off()}") from error
        return compared()

    # What forbids it

    def _refuse_unless_empty(self) -> None:
        if data_folder.is_unfinished():
            raise Refused(_cut_off())
        if what := self._what_is_there():
            raise Refused(
                f"An archive is restored into an empty place only, so that nothing is overwritten. {what} Move what is "
                "there elsewhere, or name another place (DATA_DIR, DATABASE_URL); docs/recovery.md says how."
            )

    def _what_is_there(self) -> str:
        found = data_folder.first_of_its_contents([self.path, *self.ledgers])
        if found is not None:
            return f"{found} is there."
        document = document_check.any_file()
        return snapshots.what_is_there() or (f"The documents hold a file {document}." if document else "")

    def _refuse_unless_it_fits(self) -> None:
        """Whether this version, this database and this key can take the archive, and the ledger is of the same key."""
        if missing := {DATABASE, SECRET_KEY} - set(self.source.members):
            raise archive.Damaged(f"it holds no {' and no '.join(sorted(missing))}")
        snapshots.refuse_unless_it_fits(self.facts.database["kind"], self.facts.database.get("tool", "0"))
        known = MigrationLoader(None).disk_migrations
        newer = sorted(f"{app}.{name}" for app, name in self.facts.migrations if (app, name) not in known)
        if newer:
            raise Refused(
                f"A newer version of the product has made the archive (it knows {newer[-1]}). Install that first."
            )
        self._take_key()
        for path in self.ledgers:
            refuse_foreign_ledger(path)

    def _take_key(self) -> None:
        """From now on this process signs with the archive's key; by it the ledger recognises people, too."""
        key = self.source.read(SECRET_KEY).decode(errors="replace")
        if is_key_given() and key != settings.SECRET_KEY:
            raise Refused(
                "SECRET_KEY is set to another key than the archive’s, so every link in students’ mailboxes would stop "
                "working. Leave SECRET_KEY out (the archive brings its own), or set it to the archive’s."
            )
        settings.SECRET_KEY = key

    # Putting in place

    def _put_in_place(self, undoing: ExitStack) -> None:
        """The database last: until then nothing that starts here would find anybody's data."""
        data_folder.mark_unfinished()
        undoing.callback(data_folder.mark_finished)
        self.say(f"Documents and uploads: {self._put_each(DOCUMENTS, self._put_document, undoing)} files")
        letters = self._put_each(LETTERS, self._put_letter, undoing)
        if letters:
            self.say(f"Letters, as files because there was no mail server: {letters}")
        self.say(f"Secret key: {self._put_key(undoing)}")
        with extracted(self.source, DATABASE) as copy:
            snapshots.put_in_place(copy)
        undoing.pop_all()  # from here on nothing is taken away again
        counted = ", ".join(f"{count} {name}" for name, count in self.facts.counts.items())
        self.say(f"Database: {snapshots.PRODUCTS[connection.vendor]}, {counted}")

    def _put_each(self, folder: str, put: Callable[[str, ExitStack], None], undoing: ExitStack) -> int:
        names = [name for name in self.source.members if name.startswith(folder)]
        for name in names:
            put(name, undoing)
        return len(names)

    def _put_document(self, member: str, undoing: ExitStack) -> None:
        name = member.removeprefix(DOCUMENTS)
        saved = store(self.source, member, name)
        undoing.callback(document_storage().delete, saved)
        if saved != name:
            raise Refused(f"The documents hold a file {name} already. Something else writes to this place; stop it.")

    def _put_letter(self, member: str, undoing: ExitStack) -> None:
        content = self.source.read(member)
        message_id = (email.message_from_bytes(content)["Message-ID"] or "").strip()
        path = letter_file(message_id)
        if path.parent != Path(settings.LETTERS_DIR) or path.name.startswith("."):
            raise archive.Damaged(f"{member} is no letter")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "xb", opener=archive.for_the_owner_only) as file:
            undoing.callback(path.unlink, missing_ok=True)
            file.write(content)

    def _put_key(self, undoing: ExitStack) -> str:
        """The archive's key becomes the one of the data folder; returns what is said of it."""
        path = settings.DATA_DIR / "secret_key"
        if is_key_given():
            return "the one that SECRET_KEY names, which is the archive’s"
        if path.exists() and path.read_text().strip() == settings.SECRET_KEY:
            return "the one that was here, which is the archive’s"
        if path.exists():
            self.replaced_key = path.rename(path.with_name(f"secret_key.replaced-{timezone.now():%Y%m%dT%H%M%SZ}"))
            undoing.callback(self.replaced_key.replace, path)
        with open(path, "x", opener=archive.for_the_owner_only) as file:
            undoing.callback(path.unlink)
            file.write(settings.SECRET_KEY)
        if self.replaced_key is None or self.has_fresh_key:
            return "the archive’s"
        return f"the archive’s; the one that was here is kept as {self.replaced_key.name}"

    # Making it fit to be served

    def _finish(self) -> None:
        if self.has_fresh_key and self.replaced_key is not None:
            self.replaced_key.unlink()
        call_command("migrate", interactive=False, verbosity=0)
        self._compare_counts()
        self._let_go_of_what_no_archive_holds()
        self._hold_letters() if self.hold_letters else self._tell_of_letters()
        self._replay_ledgers()
        data_folder.mark_finished()

    def _compare_counts(self) -> None:
        found = backups.counts()
        if found != self.facts.counts:
            raise archive.Damaged(f"The restored database holds {found}, and the manifest says {self.facts.counts}.")

    def _let_go_of_what_no_archive_holds(self) -> None:
        """Page images are made anew; exports and files that were just coming in are asked for anew."""
        again = document_check.mark_to_be_made_again(Rendition.objects.exclude(page_sizes=[]))
        Export.objects.filter(state=Export.State.READY).update(state=Export.State.REMOVED)
        IncomingUpload.objects.all().delete()
        self.say(f"Page images: of {again} documents; the worker makes them again")

    def _hold_letters(self) -> None:
        """Nothing leaves by itself: letters wait as failed ones, and released decisions are called back."""
        waiting = Letter.objects.filter(status=Letter.Status.QUEUED)
        held = waiting.update(status=Letter.Status.FAILED, leased_until=None, last_error=HELD)
        on_their_way = Decision.objects.on_their_way()
        on_their_way.update(effective_at=timezone.now() + datetime.timedelta(hours=1))  # else it were too late
        called_back = [workflow.call_back(decision, by=None) for decision in on_their_way.select_related("application")]
        self.say(f"Letters held back: {held} (the admin’s list of letters sends them again)")
        self.say(f"Released decisions called back: {len(called_back)} (they are staged again)")

    def _tell_of_letters(self) -> None:
        waiting = Letter.objects.filter(status=Letter.Status.QUEUED).count()
        decisions = Decision.objects.on_their_way().count()
        self.say(f"Letters waiting to be sent: {waiting}, and released decisions on their way: {decisions}")
        if waiting or decisions:
            self.say(
                "  They go out when the worker starts, so that none is lost. Those that had gone out after the archive "
                "was made arrive a second time. To read them first, empty the place and restore with --hold-letters."
            )

    def _replay_ledgers(self) -> None:
        """Whoever was erased since the archive's database was copied is erased again, as far as any ledger knows."""
        if LEDGER in self.source.members:
            with extracted(self.source, LEDGER) as path:
                self.say(replayed(path, "the archive’s own"))
        for path in self.ledgers:
            self.say(replayed(path, str(path)))
        ledger.bring_up_to_date()
        if not self.ledgers:
            self.say(
                f"No ledger of erasures but the archive’s own was at hand: whoever was erased after {self.facts.moment}"
                " is back. When you find the ledger (ERASURE_LEDGER), run `manage.py restore --only-ledger FILE`."
            )


def is_key_given() -> bool:
    """Whether the key comes from the environment rather than from the data folder."""
    return bool(os.environ.get("SECRET_KEY", "").strip())


def refuse_foreign_ledger(path: Path) -> None:
    try:
        ledger.entries(path)
    except (ledger.NotOurs, OSError) as error:
        raise Refused(f"The ledger of erasures cannot be used: {error}") from error


def _cut_off() -> str:
    return data_folder.CUT_OFF.format(folder=settings.DATA_DIR)


def replayed(path: Path, name: str) -> str:
    """Erase again whoever a ledger names; returns what is said of it."""
    erased, entries = retention.replay(path), ledger.entries(path)
    last = f", the last of {entries[-1].at:%Y-%m-%d %H:%M}" if entries else ""
    return f"Ledger of erasures, {name}: {len(entries)} entries{last}; erased again: {len(erased)} applications"


@contextmanager
def extracted(source: Archive, member: str) -> Iterator[Path]:
    """A member as a file of its own in the data folder; whoever gets it may move it away."""
    path = Path(settings.FILE_UPLOAD_TEMP_DIR) / f"restore-{secrets.token_hex(8)}"
    try:
        source.extract(member, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def store(source: Archive, member: str, name: str) -> str:
    """Put a member into the storage of the documents; returns the name that it got."""
    with extracted(source, member) as path, path.open("rb") as file:
        return document_storage().save(name, Movable(file, name=str(path)))


def compared() -> Receipt:
    """How rows and files compare now that all is in place. Raises NotCompared, so that nobody thinks it is not."""
    try:
        receipt = document_check.check()
        document_check.note(receipt)
    except (OSError, DatabaseFailure, KeyboardInterrupt) as error:
        why = str(error).strip() or "it was stopped"
        raise NotCompared(f"{why}. Run `manage.py check_documents`.") from error
    return receipt


# Only the documents


def put_documents_back(path: Path, say: Callable[[str], object]) -> Receipt:
    """Put back documents and uploads that are missing or altered, from the archive at `path`, while the product runs.

    Only bytes whose SHA-256 their row knows are put anywhere. Returns how rows and files compare afterwards. Raises
    archive.Damaged, OSError, NotCompared.
    """
    with Archive.open(path) as source:
        found = document_check.check().problems
        put_back = sum(_put_back(source, problem) for problem in found if _is_lost(problem))
    say(f"Put back from the archive: {put_back} files")
    return compared()


def _is_lost(problem: Problem) -> bool:
    return problem.kind in (Kind.DOCUMENT, Kind.UPLOAD) and problem.fault is not Fault.NO_ROW


def _put_back(source: Archive, problem: Problem) -> bool:
    """Whether the archive had it. Nothing stays when its row has gone meanwhile."""
    model = Document if problem.kind == Kind.DOCUMENT else Upload
    row = model.objects.filter(file=problem.name).first()
    member = source.members.get(DOCUMENTS + problem.name)
    if row is None or member is None or (member.size, member.sha256) != (row.size, row.sha256):
        return False
    storage = document_storage()
    storage.delete(problem.name)
    saved = store(source, member.name, problem.name)
    if saved != problem.name or not model.objects.filter(pk=row.pk).exists():
        storage.delete(saved)
        return False
    return True
