"""`manage.py restore`: what an archive of `backup` holds comes back."""

import os
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure

from applications import retention
from applications.document_check import Receipt
from applications.management.commands import check_documents
from tracker import archive, data_folder, recovery, snapshots
from tracker.interruption import stopping_as_by_ctrl_c
from tracker.recovery import Restoration


class Command(BaseCommand):
    help = (
        "Restores an archive of `backup` into an empty place: a data folder without data, and a database without "
        "tables. Anything else is refused, so nothing is ever overwritten; so is an archive in which one byte differs "
        "from its manifest, one of a newer version, and one of another kind of database. Everything is compared before "
        "the first file is put in place, and a failure takes everything away again. Then the database is brought to "
        "this version, whoever was erased since is erased again by the ledger of erasures (ERASURE_LEDGER, and "
        "--ledger), and every file is compared with its row. Letters that waited when the archive was made are sent "
        "when the worker starts, perhaps for a second time, unless --hold-letters. Servers must not run meanwhile. "
        "PostgreSQL needs pg_restore on the PATH. Exit status 0 only when all is well. docs/recovery.md goes through "
        "it step by step."
    )
    requires_system_checks = []  # they refuse whatever runs on half a restore

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("archive", type=Path, nargs="?", metavar="ARCHIVE", help="a file that `backup` has made")
        parser.add_argument(
            "--ledger",
            type=Path,
            metavar="FILE",
            help="the newest ledger of erasures; the one that ERASURE_LEDGER names is asked as well, where it is there",
        )
        parser.add_argument(
            "--hold-letters",
            action="store_true",
            help="nothing leaves by itself: letters that waited are held back, released decisions are staged again",
        )
        only = parser.add_mutually_exclusive_group()
        only.add_argument(
            "--only-documents",
            action="store_true",
            help="into a place that is in use: put back just the documents that are missing or altered",
        )
        only.add_argument(
            "--only-ledger",
            type=Path,
            metavar="FILE",
            help="without an archive, into a place that is in use: erase again whoever this ledger names",
        )

    def handle(self, *, archive: Path | None, only_ledger: Path | None, **options) -> None:
        os.umask(0o077)
        if (archive is None) == (only_ledger is None):
            raise CommandError("Name an archive, or a ledger with --only-ledger FILE.")
        with stopping_as_by_ctrl_c():
            self.in_words(lambda: self.replay(only_ledger) if only_ledger else self.restore(archive, **options))

    def in_words(self, do) -> None:
        """Every failure in words for the person at the terminal."""
        try:
            do()
        except (recovery.Refused, snapshots.NotPossible, data_folder.InUse) as error:
            raise CommandError(f"Nothing was restored. {error}") from error
        except archive.Damaged as error:
            raise CommandError(f"Nothing was restored. The archive cannot be relied on: {error}.") from error
        except recovery.HalfDone as error:
            raise CommandError(f"The restore could not be finished. {error}") from error
        except recovery.NotCompared as error:
            raise CommandError(f"Restored, but files and rows could not be compared: {error}") from error
        except OSError as error:
            raise CommandError(self.failed(f"{error.filename or ''}: {error.strerror or error}")) from error
        except DatabaseFailure as error:
            raise CommandError(f"The database cannot be used: {str(error).strip()} (DATABASE_URL)") from error
        except KeyboardInterrupt as error:
            raise CommandError(self.stopped()) from error

    def failed(self, why: str) -> str:
        if data_folder.is_unfinished():
            return f"The restore could not be finished. {why} {data_folder.CUT_OFF.format(folder=settings.DATA_DIR)}"
        return f"Nothing was restored. {why}"

    def stopped(self) -> str:
        if data_folder.is_unfinished():
            return data_folder.CUT_OFF.format(folder=settings.DATA_DIR)
        return "Stopped. Nothing was restored, and nothing of it was left behind."

    def restore(self, path: Path, *, ledger: Path | None, hold_letters: bool, only_documents: bool, **options) -> None:
        if only_documents:
            self.tell(recovery.put_documents_back(path, self.stdout.write))
            return
        restoration = Restoration(path, ledgers=ledgers(ledger), hold_letters=hold_letters, say=self.stdout.write)
        self.tell(restoration.run())
        self.stdout.write("Restored. Start the server: manage.py quickstart")

    def replay(self, path: Path) -> None:
        recovery.refuse_foreign_ledger(path)
        try:
            self.stdout.write(recovery.replayed(path, str(path)))
        except retention.NotAllErased as error:
            raise CommandError(str(error)) from error

    def tell(self, receipt: Receipt) -> None:
        for line in check_documents.lines(receipt):
            self.stdout.write(line)
        if receipt.problems:
            raise CommandError(f"Restored, but not all is well: {receipt.summary()}.")


def ledgers(named: Path | None) -> list[Path]:
    """The ledger that was named, and the one that ERASURE_LEDGER names where it is there and has been begun."""
    kept = settings.ERASURE_LEDGER
    is_begun = kept.exists() and kept.stat().st_size > 0
    return [*([named] if named else []), *([kept] if is_begun else [])]
