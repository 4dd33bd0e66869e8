"""From the sign-in to its end. What a session of staff must be is asked here, once for each request.

Between the password and the code a session is half signed in: it knows for ten minutes whose password was right, and
is nobody's for everything but the pages that ask for the code or set the second factor up.
"""

import dataclasses
import datetime

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, login
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp import login as note_device
from django_otp.models import Device

from applications.models import Preference
from tracker.sign_in import journal, second_factor, typed

TIMES = "signed_in"  # of this sign-in: `began`, `seen`, and `holds_from`, which stands against `signed_out_before`
HALF = "half_signed_in"
HALF_MINUTES = 10
SEEN_EVERY = 300  # seconds between two notes that somebody is still there: a write each


@dataclasses.dataclass(frozen=True)
class Ended:
    """A sign-in that was over when this request came with it."""

    user_id: int
    words: str  # why, to whoever comes


def needs_second_factor(user) -> bool:
    return second_factor.is_set_up(user) or (settings.SECOND_FACTOR_REQUIRED and user.is_staff)


# Half signed in


def hold(request: HttpRequest, user) -> None:
    """The password of `user` was right; the code is still to come. The password itself is kept nowhere."""
    now = timezone.now().timestamp()
    request.session[HALF] = {"user": user.pk, "hash": user.get_session_auth_hash(), "at": now}
    request.session.cycle_key()


def held(request: HttpRequest):
    """Whose password was right in this session, not long ago; None when nobody's."""
    half = request.session.get(HALF)
    if half is None or timezone.now().timestamp() - half["at"] > HALF_MINUTES * 60:
        return None
    user = get_user_model().objects.filter(pk=half["user"], is_active=True, is_staff=True).first()
    # A new password ends it, as it ends a session.
    is_same = user is not None and constant_time_compare(half["hash"], user.get_session_auth_hash())
    return user if is_same else None


def release(request: HttpRequest) -> None:
    request.session.pop(HALF, None)


# Signed in


def begin(request: HttpRequest, user, device: Device | None = None) -> None:
    """Sign `user` in, verified by `device` where there is one. The session gets a new key."""
    release(request)
    typed.forget_unless_of(request, user.pk)
    login(request, user, backend="tracker.sign_in.accounts.AccountBackend")
    if device is not None:
        note_device(request, device)
    request.session.cycle_key()
    journal.note("Signed in with a second factor" if device else "Signed in", request, account=user)


def note_times(sender: type, request: HttpRequest, user, **kwargs) -> None:
    """For Django's signal `user_logged_in`, through which every sign-in goes, whoever calls `login`."""
    now = timezone.now().timestamp()
    request.session[TIMES] = {"began": now, "seen": now, "holds_from": now}


def which(request: HttpRequest) -> str:
    """What tells this sign-in from every other, also when the session gets another key meanwhile."""
    return f"user {request.user.pk} since {request.session[TIMES]['began']}"


def account_of(request: HttpRequest, account):
    """`account` as long as its sign-in holds, else nobody; an end takes the sign-in out of the session.

    What else is in the session stays: a student's pages that are open in the same browser.
    """
    if not account.is_authenticated:
        return account
    why = why_over(request, account)
    if why:
        request.ended = Ended(account.pk, why)
        journal.note("Sign-in is over", request, account=account)
        for key in (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, DEVICE_ID_SESSION_KEY, TIMES):
            request.session.pop(key, None)
        request.session.cycle_key()
        return AnonymousUser()
    _note_seen(request)
    return account


def why_over(request: HttpRequest, account) -> str:
    """Why the sign-in does not hold any more, in words for whoever comes with it; nothing when it does."""
    times, now = request.session.get(TIMES), timezone.now().timestamp()
    if times is None or now - times["began"] > settings.SIGN_IN_DAYS * 24 * 3600:
        days = settings.SIGN_IN_DAYS
        return ngettext(
            "A sign-in lasts for %(number)s day. Please sign in again.",
            "A sign-in lasts for %(number)s days. Please sign in again.",
            days,
        ) % {"number": days}
    if now - times["seen"] > settings.SIGN_IN_IDLE_HOURS * 3600:
        hours = settings.SIGN_IN_IDLE_HOURS
        return ngettext(
            "You have not been here for more than %(number)s hour. Please sign in again.",
            "You have not been here for more than %(number)s hours. Please sign in again.",
            hours,
        ) % {"number": hours}
    if times["holds_from"] < signed_out_before(account):
        return _("You were signed out from another browser. Please sign in again.")
    if needs_second_factor(account) and account.otp_device is None:
        return _("Your account asks for a second factor now. Please sign in again.")
    return ""


def signed_out_before(account) -> float:
    """Sign-ins from before this moment are over; the beginning of time when nobody has said so."""
    preference = getattr(account, "review_preference", None)
    moment = preference.signed_out_before if preference is not None else None
    return moment.timestamp() if moment is not None else 0.0


def end_elsewhere(request: HttpRequest, user) -> None:
    """End every sign-in of `user` but this one, which gets a new key."""
    now = end_everywhere(user)
    times = request.session.get(TIMES)
    if times is not None:
        request.session[TIMES] = times | {"holds_from": now.timestamp()}
    request.session.cycle_key()
    journal.note("Signed out everywhere else", request, account=user)


def end_everywhere(user) -> datetime.datetime:
    """End every sign-in of `user`; returns the moment from which they count again."""
    now = timezone.now()
    Preference.objects.update_or_create(user=user, defaults={"signed_out_before": now})
    return now


def _note_seen(request: HttpRequest) -> None:
    now = timezone.now().timestamp()
    times = request.session[TIMES]
    if now - times["seen"] > SEEN_EVERY:
        request.session[TIMES] = times | {"seen": now}
