"""`manage.py run_worker`, which keeps a restore away from the data folder while it runs."""

from django.core.management import CommandError

from applications.management.commands import run_worker
from tracker import data_folder


class Command(run_worker.Command):
    """The worker itself is in `applications`, which knows nothing of `restore`. This one is found first."""

    def handle(self, *args, **options) -> None:
        try:
            with data_folder.held_while_working():
                super().handle(*args, **options)
        except data_folder.InUse as error:
            raise CommandError(str(error)) from error
