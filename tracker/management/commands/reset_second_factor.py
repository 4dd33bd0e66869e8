from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.sign_in import second_factor, sessions


class Command(BaseCommand):
    help = (
        "Takes the second factor of an account away, app and recovery codes, for somebody who has lost both: the "
        "administrator above all, whom nobody else can help. The password stays as it is, every sign-in of the account "
        "ends, and a letter tells its owner. With SECOND_FACTOR_REQUIRED the next sign-in asks to set up a new one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the user name of the account")

    def handle(self, *, username: str, **options) -> None:
        account = get_user_model().objects.filter(username=username).first()
        if account is None:
            raise CommandError(f"There is no account {username!r}. User names are case-sensitive.")
        if not second_factor.remove(account, "factor_reset"):
            self.stdout.write(f"{username} had no second factor. Nothing was changed.")
            return
        sessions.end_everywhere(account)
        told = f"A letter goes to {account.email}." if account.email else "The account has no address for a letter."
        self.stdout.write(f"The second factor of {username} is gone. Its sign-ins are over. {told}")
