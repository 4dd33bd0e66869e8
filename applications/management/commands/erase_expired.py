from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from applications import retention
from applications.models import Application


class Command(BaseCommand):
    @property
    def help(self) -> str:
        days = settings.RETENTION_DAYS
        return (
            f"Erases applications whose time is over: {days['accepted']} days after they were accepted, "
            f"{days['declined']} days after they were declined, {days['withdrawn']} days after they were withdrawn, "
            f"and where there is no outcome {days['undecided']} days after the last change of status "
            "(RETENTION_ACCEPTED_DAYS, RETENTION_DECLINED_DAYS, RETENTION_WITHDRAWN_DAYS, RETENTION_UNDECIDED_DAYS). "
            f"What was entered by hand and never consented to goes after {days['withdrawn']} days, unless the student "
            "has accepted an offer. Rows, documents, page images, text, letters and history go; what stays is a line "
            "that something was erased, and the same in the ledger of erasures. Each is erased by itself: one that "
            "fails stops no other, is named, and makes the exit status 1. The worker does this once a day."
        )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be erased.")

    def handle(self, *args, dry_run: bool, **options) -> None:
        if dry_run:
            due = list(retention.expired().order_by("pk"))
            for application in due:
                self.stdout.write(_line(application))
            self.stdout.write(f"Would be erased: {len(due)}")
            return
        try:
            references, failure = retention.erase_expired(), None
        except retention.NotAllErased as error:
            references, failure = error.erased, error
        for reference in references:
            self.stdout.write(reference)
        self.stdout.write(f"Erased: {len(references)}")
        if failure:
            raise CommandError(str(failure))


def _line(application: Application) -> str:
    """For whoever looks before: `A7K3-9QF2 declined, due since 2026-03-14`."""
    return f"{application.reference} {application.status}, due since {retention.erase_on(application).isoformat()}"
