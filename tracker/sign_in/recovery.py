"""A lost password: a letter with a link, and what the link does. Nobody learns here whether an account exists."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest

from applications import letters, limits
from applications.client_address import client_address
from applications.tokens import user_of_password_token
from tracker.sign_in import journal, sessions
from tracker.sign_in.throttle import HOUR, Wait

OF_ACCOUNT, MOST_OF_ACCOUNT = "lost password, account", 3
OF_ADDRESS, MOST_OF_ADDRESS = "lost password, address", 30
MOST_ACCOUNTS = 5  # that share one e-mail address


def ask(request: HttpRequest, name: str, too_often: str) -> None:
    """Write a letter to each account that `name` means, by its user name or its e-mail address.

    It goes to the address in the account, never to the one that was typed. An account that nobody can sign in to, or
    without an address, gets none; one that never had a password gets one, because this is how it comes by its first.
    Raises Wait with the words `too_often` when this network has asked too often.
    """
    where = limits.whose_address(client_address(request))
    if limits.is_used_up(OF_ADDRESS, where, MOST_OF_ADDRESS):
        raise Wait(too_often, HOUR)
    limits.count(OF_ADDRESS, where)
    same = Q(username__iexact=name) | Q(email__iexact=name)
    accounts = get_user_model().objects.filter(same, is_active=True, is_staff=True).exclude(email="")
    for account in accounts.order_by("pk")[:MOST_ACCOUNTS]:
        key = limits.fingerprint(f"user {account.pk}")
        if limits.is_used_up(OF_ACCOUNT, key, MOST_OF_ACCOUNT):
            continue
        limits.count(OF_ACCOUNT, key)
        letters.lost_password(account)
        journal.note("A letter for a new password", request, account=account)


def choose(request: HttpRequest, token: str, password: str) -> AbstractBaseUser | None:
    """Give the account of `token` the new password and end all its sign-ins; None when the token works no more.

    Of two at the same moment one gets it: the token is looked at again under the account's lock.
    """
    with transaction.atomic():
        account = user_of_password_token(token)
        if account is None:
            return None
        get_user_model().objects.select_for_update().get(pk=account.pk)
        account = user_of_password_token(token)
        if account is None:
            return None
        account.set_password(password)
        account.save(update_fields=["password"])
        sessions.end_everywhere(account)
        letters.account_changed(account, "password")
    journal.note("New password by letter", request, account=account)
    return account
