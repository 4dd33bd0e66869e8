from django.core.management.base import BaseCommand

from applications import retention


class Command(BaseCommand):
    help = (
        "Erases applications whose time is over: RETENTION_ACCEPTED_DAYS, RETENTION_DECLINED_DAYS and "
        "RETENTION_WITHDRAWN_DAYS after the outcome, RETENTION_UNDECIDED_DAYS after the last change of status where "
        "there is none. What was entered by hand and never consented to goes after RETENTION_WITHDRAWN_DAYS, unless "
        "the student has accepted an offer. Rows, documents and letters go; nothing is kept. The worker does this once "
        "a day."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be erased.")

    def handle(self, *args, dry_run: bool, **options) -> None:
        if dry_run:
            references = list(retention.expired().order_by("pk").values_list("reference", flat=True))
        else:
            references = retention.erase_expired()
        for reference in references:
            self.stdout.write(reference)
        self.stdout.write(f"{'Would be erased' if dry_run else 'Erased'}: {len(references)}")
