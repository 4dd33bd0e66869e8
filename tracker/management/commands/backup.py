"""`manage.py backup`: one archive of everything, while the product runs."""

import os
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure

from applications.models import Chore
from tracker import archive, backups, snapshots
from tracker.archive import Archive
from tracker.backups import Made
from tracker.condition import DAMAGED, WITHOUT_LEDGER
from tracker.interruption import stopping_as_by_ctrl_c


class Command(BaseCommand):
    help = (
        "Makes one archive (a tar file, mode 600) of the database, the documents, the secret key, the ledger of "
        "erasures and, where there is no mail server, the letters, with a manifest of sizes and SHA-256; consistent as "
        "of one moment, while everybody goes on working. WHOEVER HAS THE ARCHIVE CAN READ EVERYTHING IN IT AND SIGN IN "
        "AS ANYBODY: keep it as safe as the server, and encrypt what leaves it. Not in it: .env; page images and "
        "exports, which are made anew. It is written aside and takes its name when it is complete; nothing half stays "
        "behind. Then archives in the same folder that are older than BACKUP_KEEP_DAYS are removed, unless something "
        "was wrong. PostgreSQL needs pg_dump on the PATH. Exit status 0 only when all is in it. docs/recovery.md says "
        "how often, where to, and how to restore."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", type=Path, metavar="DIR", help="the folder for archives (default: backups/ in the data folder)"
        )
        parser.add_argument(
            "--verify", type=Path, metavar="ARCHIVE", help="make none; compare this one with its manifest, byte by byte"
        )

    def handle(self, *, to: Path | None, verify: Path | None, **options) -> None:
        if verify is not None:
            self.verify(verify)
            return
        os.umask(0o077)
        folder = (to or backups.default_folder()).expanduser()
        made = self.make(folder)
        for line in lines(made):
            self.stdout.write(line)
        if made.is_all_well:
            Chore.note_success(backups.CHORE, f"{made.documents} documents, {_megabytes(made.size)}")
            return
        Chore.note_failure(backups.CHORE, f"{len(made.damaged)} {DAMAGED}" if made.damaged else WITHOUT_LEDGER)
        raise CommandError("The archive is made, but not all is well: see above. No older archive was removed.")

    def make(self, folder: Path) -> Made:
        """Every failure in words for the person at the terminal, and for the desk."""
        try:
            with stopping_as_by_ctrl_c():
                return backups.make(folder)
        except KeyboardInterrupt as error:
            raise CommandError("Stopped. No archive was made, and nothing of it was left behind.") from error
        except OSError as error:
            self.fail(f"{error.strerror or error} ({folder})", error)
        except DatabaseFailure as error:
            self.fail(f"The database cannot be read: {str(error).strip()}", error)
        except (backups.NotMade, snapshots.NotPossible, archive.Damaged) as error:
            self.fail(str(error), error)

    def fail(self, why: str, error: Exception) -> None:
        with suppress(DatabaseFailure):  # the same fault once more
            Chore.note_failure(backups.CHORE, why)
        raise CommandError(f"No archive was made, and nothing of it was left behind. {why}") from error

    def verify(self, path: Path) -> None:
        try:
            with Archive.open(path) as source:
                source.verify()
                facts, members, size = source.facts, len(source.members), source.size
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        except archive.Damaged as error:
            raise CommandError(f"{path} cannot be relied on: {error}. Use another archive.") from error
        self.stdout.write(f"Archive: {path} ({_megabytes(size)}), made at {facts.moment}")
        self.stdout.write(f"Members: {members}, each as the manifest says")
        for name, count in facts.counts.items():
            self.stdout.write(f"{name.capitalize()}: {count}")
        for words in facts.damaged:
            self.stdout.write(f"When it was made, this was already {words}")


def lines(made: Made) -> list[str]:
    """The receipt."""
    counted = ", ".join(f"{count} {name}" for name, count in made.counts.items())
    said = [
        f"Archive: {made.path} ({_megabytes(made.size)}), readable by this user only",
        f"Database: as it was at {made.moment:%Y-%m-%d %H:%M:%S} UTC, {counted}",
        f"Files of documents and uploads: {made.documents}",
        f"Erased or swept while they were copied: {made.gone_meanwhile}",
        *([f"Letters, as files because there is no mail server: {made.letters}"] if made.letters else []),
        "Secret key: inside. Whoever has this archive can read everything in it and sign in as anybody: keep it as "
        "safe as the server, and encrypt what leaves it.",
        "Not inside: .env and other settings; page images and exports, which are made anew.",
    ]
    if made.ledger_problem:
        said.append(f"Ledger of erasures: NOT inside. {made.ledger_problem}")
    said += [f"NOT AS IT SHOULD BE: {words}" for words in made.damaged]
    if made.damaged:
        said.append("  An older archive may still have it: manage.py restore --only-documents ARCHIVE")
    said += [f"Removed, older than {settings.BACKUP_KEEP_DAYS} days: {path.name}" for path in made.removed]
    if backups.is_beside_the_data(made.path.parent):
        said.append(
            "This archive lies on the same disk as the data. It helps against mistakes, not against a lost disk: copy "
            "it to another place."
        )
    return said


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
