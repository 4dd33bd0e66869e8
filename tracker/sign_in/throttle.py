"""A name and a password, and how often they may be tried.

| who waits                                  | after                        | who counts               |
|--------------------------------------------|------------------------------|--------------------------|
| this account at this address               | 5 failures, a quarter hour   | django-axes              |
| this account from browsers it does not know| 30 attempts within an hour   | applications.limits      |
| this address in browsers nobody knows      | 100 failures within an hour  | applications.limits      |

A browser that has signed in to the account before passes all three and has a limit of its own (`known_browsers`).
Accounts that do not exist are counted, and answered, like those that do.
"""

import logging
import math

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from applications import limits
from applications.client_address import client_address
from tracker.sign_in import journal, known_browsers
from tracker.sign_in.names import fingerprint

HOUR = 3600
OF_ACCOUNT, MOST_OF_ACCOUNT = "sign-in, account", 30
OF_ADDRESS, MOST_OF_ADDRESS = "sign-in, address", 100  # a campus behind one address has to fit in
ASKED_AGAIN, MOST_ASKED_AGAIN = "password asked again", 10


class Wait(Exception):
    """It was tried too often. `words` say so to whoever tries, `seconds` for how long at most."""

    def __init__(self, words: str, seconds: int) -> None:
        super().__init__(words)
        self.words, self.seconds = words, seconds


@sensitive_variables("password")
def account_with_password(request: HttpRequest, name: str, password: str):
    """The staff account with this user name and password; None when there is none. Raises Wait.

    While one has to wait, the right password is refused, too: else waiting would tell nobody anything.
    """
    browser = known_browsers.key_of(request, name)
    seen = _as_axes_may_see_it(request, bool(browser))
    if not browser:
        _refuse_too_many(request, seen, name)
        limits.count(OF_ACCOUNT, fingerprint(name))  # before it is tried, so that many at once are not free
    user = authenticate(seen, username=name, password=password)
    if user is not None and user.is_staff:
        return user
    _note_failure(request, browser, name)
    if getattr(seen, "axes_locked_out", False):
        raise _wait_at_address(seen, name)
    return None


@sensitive_variables("password")
def is_own_password(request: HttpRequest, user, password: str, *, sign_in: str) -> bool:
    """Whether whoever is signed in as `user` knows its password, too. Raises Wait.

    Counted for each `sign_in` (`sessions.which`): who sits at somebody else's browser must not keep the owner from
    changing the password in another one.
    """
    key = limits.fingerprint(f"sign-in {sign_in}")
    if limits.is_used_up(ASKED_AGAIN, key, MOST_ASKED_AGAIN):
        raise Wait(_("The password was wrong too often. Please try again in an hour, or sign out and in again."), HOUR)
    if user.check_password(password):
        return True
    limits.count(ASKED_AGAIN, key)
    journal.note("Wrong password when asked again", request, account=user, level=logging.WARNING)
    return False


def is_from_known_browser(request: HttpRequest, credentials: dict | None) -> bool:
    """For django-axes (AXES_WHITELIST_CALLABLE): such a browser neither waits nor counts there."""
    return getattr(request, "is_from_known_browser", False)


def _as_axes_may_see_it(request: HttpRequest, is_from_known_browser: bool) -> HttpRequest:
    """A request with nothing in it but the address, because axes keeps what was posted, and the browser's name."""
    seen = HttpRequest()
    seen.META = {"REMOTE_ADDR": client_address(request), "PATH_INFO": "/admin/login/"}
    seen.is_from_known_browser = is_from_known_browser
    return seen


def _refuse_too_many(request: HttpRequest, seen: HttpRequest, name: str) -> None:
    wait = None
    if not AxesProxyHandler.is_allowed(seen, {"username": name}):
        wait = _wait_at_address(seen, name)
    elif limits.is_used_up(OF_ACCOUNT, fingerprint(name), MOST_OF_ACCOUNT):
        words = _(
            "There were too many attempts to sign in to this account. Please try again in an hour, or in a browser in "
            "which you have signed in to it before."
        )
        wait = Wait(words, HOUR)
    elif limits.is_used_up(OF_ADDRESS, limits.whose_address(client_address(request)), MOST_OF_ADDRESS):
        words = _(
            "There were too many failed attempts to sign in from your network. Please try again in an hour, or in a "
            "browser in which you have signed in before."
        )
        wait = Wait(words, HOUR)
    if wait is not None:
        journal.note("Sign-in has to wait", request, account=_account(name), name=name, level=logging.WARNING)
        raise wait


def _wait_at_address(seen: HttpRequest, name: str) -> Wait:
    """How long this account still waits at this address."""
    here = AccessAttempt.objects.filter(username=fingerprint(name), ip_address=seen.axes_ip_address)
    latest = here.aggregate(latest=Max("attempt_time"))["latest"] or timezone.now()
    seconds = max((latest + settings.AXES_COOLOFF_TIME - timezone.now()).total_seconds(), 1)
    minutes = math.ceil(seconds / 60)
    words = ngettext(
        "There were too many failed attempts to sign in to this account. Please try again in %(number)s minute.",
        "There were too many failed attempts to sign in to this account. Please try again in %(number)s minutes.",
        minutes,
    )
    return Wait(words % {"number": minutes}, math.ceil(seconds))


def _note_failure(request: HttpRequest, browser: str, name: str) -> None:
    if browser:
        known_browsers.note_failure(browser)
    else:
        limits.count(OF_ADDRESS, limits.whose_address(client_address(request)))
    journal.note("Sign-in failed", request, account=_account(name), name=name, level=logging.WARNING)


def _account(name: str):
    """Asked whether or not there is one, so that both take the same time."""
    return get_user_model().objects.filter(username=name).only("pk").first()
