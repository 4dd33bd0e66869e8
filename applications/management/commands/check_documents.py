from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure

from applications import document_check
from applications.document_check import Fault, Kind, Receipt

DAMAGED = {
    Fault.UNREADABLE: "Unreadable: the disk, or who owns the folder, is at fault. Mend that first and check again.",
}
REMEDIES = {
    Kind.DOCUMENT: "Documents: put these back from a backup with `manage.py restore --only-documents ARCHIVE`. It "
    "replaces just the files that are missing or altered, and only by bytes whose SHA-256 the database knows.",
    Kind.UPLOAD: "Uploads: no application has claimed them. Their students choose the file again; what is left goes "
    "after a day.",
    Kind.PIECE: "Pieces: the browser sends the file again; they go by themselves after a day.",
    Kind.PAGE_IMAGES: "Page images: the worker makes them again from the documents, within minutes when there are few.",
    Kind.EXPORT: "Exports: whoever asked for it asks once more.",
    Kind.STRAY: "Files that no row names: the worker removes them within ten minutes. Is it running (`run_worker`)?",
    Kind.FOREIGN: "Files or folders that are not the product's: look what they are, and move them elsewhere.",
}
NOT_MOUNTED = "Not one document is there: is the folder mounted, and does DOCUMENT_STORAGE_URL (or DATA_DIR) name it?"


class Command(BaseCommand):
    help = (
        "Compares every row that names a file with its file (presence, size, SHA-256) and every file with the rows: "
        "documents, uploads, pieces of what is still coming in, page images, exports. Changes nothing, but lets the "
        "worker make missing page images again. Safe while the product runs. Files that no row names are in flight "
        "while they are younger than a day; then they are strays, which the worker removes. The worker makes the same "
        "check once a day, and reads a seventh of the files each time. Exit status 0 only when all is well; else the "
        "receipt names each problem by reference and document, and says what to do."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quick", action="store_true", help="presence and size only; read no file")

    def handle(self, *, quick: bool, **options) -> None:
        try:
            is_read = document_check.nothing if quick else document_check.everything
            receipt = document_check.check(is_read=is_read)
            document_check.note(receipt)
        except (OSError, DatabaseFailure) as error:
            raise CommandError(f"The check could not be finished: {str(error).strip()}") from error
        for line in lines(receipt):
            self.stdout.write(line)
        if receipt.problems:
            raise CommandError(f"Not all is well: {receipt.summary()}.")


def lines(receipt: Receipt) -> list[str]:
    """The receipt in words, problems and remedies included; `restore` prints the same."""
    seen, read = receipt.looked_at, receipt.read
    counted = [
        f"Documents: {seen[Kind.DOCUMENT]}, of these read and compared: {read[Kind.DOCUMENT]}",
        f"Uploads that no application has claimed yet: {seen[Kind.UPLOAD]}, of these read: {read[Kind.UPLOAD]}",
        f"Pieces of files that are still coming in: {seen[Kind.PIECE]}",
        f"Page images: {seen[Kind.PAGE_IMAGES]}",
        f"Exports: {seen[Kind.EXPORT]}",
        f"Files in flight, younger than a day and named by no row: {receipt.in_flight}",
        f"Problems: {len(receipt.problems)}",
    ]
    if not receipt.problems:
        return counted
    return [*counted, *(f"  {problem}" for problem in receipt.problems), "What to do:", *_remedies(receipt)]


def _remedies(receipt: Receipt) -> list[str]:
    if receipt.lacks_everything:
        return [f"  {NOT_MOUNTED}", f"  If it is lost: {REMEDIES[Kind.DOCUMENT]}"]
    faults = {problem.fault for problem in receipt.problems}
    kinds = {problem.kind for problem in receipt.problems}
    found = [words for fault, words in DAMAGED.items() if fault in faults]
    found += [words for kind, words in REMEDIES.items() if kind in kinds]
    return [f"  {words}" for words in found]
