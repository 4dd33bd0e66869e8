from argparse import ArgumentTypeError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from applications import demo
from applications.demo.catalogue import REVIEWERS
from applications.statuses import Status


class Command(BaseCommand):
    help = (
        "Makes applications of invented people, to try the product out with and to measure it: projects of their own, "
        "reviewers, PDFs, ratings, notes, decisions and letters over the past months, in every status. Refuses where "
        "there is an application that it did not make itself, and on an https site where there is any at all. Nothing "
        "of the catalogue is changed; no real account gets access to anything; no letter is sent (all stand there as "
        "sent, and all addresses are in example.org, example.com and example.net, which reach nobody). May be run "
        "again and adds to what is there. To be rid of it all, use another DATA_DIR. Files with the same content share "
        "their place on the disk, so that any number of documents takes a few megabytes; the database grows by about "
        "20 MB for each 1,000 applications."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--applications", type=at_least_one, required=True, metavar="N", help="how many to make")
        parser.add_argument("--seed", type=int, default=1, help="another number tells other stories (default: 1)")
        parser.add_argument(
            "--reviewers",
            type=at_least_one,
            default=4,
            metavar="N",
            help=f"how many co-advisors have an account, at most {len(REVIEWERS) - 1} (default: 4)",
        )

    def handle(self, *, applications: int, seed: int, reviewers: int, verbosity: int, **options) -> None:
        say = self.stderr.write if verbosity > 1 else lambda _: None
        try:
            receipt = demo.seed(applications, seed=seed, reviewers=reviewers, say=say)
        except demo.RefusedToSeed as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(
            f"Applications: {receipt.applications}\n"
            f"Documents:    {receipt.documents} ({receipt.bytes_on_disk / 1e6:.1f} MB, page images included)\n"
            f"Reviews:      {receipt.reviews}\n"
            f"Decisions:    {receipt.decisions}\n"
            f"Letters:      {receipt.letters}, none of them to be sent\n"
            f"History:      {receipt.events} lines\n"
            f"Projects:     {receipt.projects}, their addresses begin with “demo-”\n"
            f"Seconds:      {receipt.seconds:.1f}"
        )
        self.stdout.write("In the database now, by status:")
        for status, label in Status.choices:
            self.stdout.write(f"  {label}: {receipt.by_status.get(status, 0)}")
        if receipt.new_accounts:
            self.stdout.write(f"Sign in at {settings.SITE_URL}/admin/ as one of these. Shown only this once:")
            for number, name in enumerate(receipt.new_accounts):
                self.stdout.write(f"User name: {name} ({'supervisor' if number == 0 else 'co-advisor'})")
            self.stdout.write(f"Password of all of them: {receipt.password}")
        else:
            self.stdout.write(
                "The demo's accounts were there already; their passwords are as they were (manage.py changepassword)."
            )


def at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 upwards")
    return int(text)
