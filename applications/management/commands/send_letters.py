from django.core.management.base import BaseCommand, CommandError

from applications import letters


class Command(BaseCommand):
    help = (
        "Sends the letters that are due, once. The worker (run_worker) does this all the time; use this command where "
        "no worker runs, from cron. A letter that cannot be sent is tried again after a growing pause, for five days; "
        "then it is marked as failed and can be sent again from the admin. Exit status 0 only when nothing was delayed."
    )

    def handle(self, *args, **options) -> None:
        receipt = letters.send_due(limit=10_000)
        self.stdout.write(f"Sent: {receipt.sent}\nDelayed: {receipt.delayed}\nFailed: {receipt.failed}")
        if receipt.delayed or receipt.failed:
            raise CommandError("Not every letter was sent; the admin's list of letters says why.")
