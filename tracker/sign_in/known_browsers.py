"""A browser that has signed in to an account before is known by a cookie, one per account.

Strangers who guess at the account can make other browsers wait, but not this one. It has a limit of its own, so that
neither a stolen cookie nor a shared computer guesses without end. The cookie opens nothing.
"""

import datetime
import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from applications import limits
from tracker.sign_in.names import fingerprint

PREFIX = "__Secure-known_" if settings.SESSION_COOKIE_SECURE else "known_"
PATH = "/admin/"
KEPT = datetime.timedelta(days=365)
MOST_ACCOUNTS = 8  # of one browser; cookies travel with every request
FAILED = "sign-in, known browser"
MOST_FAILURES = 10  # in an hour; then the browser counts as unknown


def key_of(request: HttpRequest, name: str) -> str:
    """What stands for this browser at the account `name` in counts; nothing when it is unknown there, or was tried out.

    The account need not exist: the cookie does not tell.
    """
    nonce = _nonce(request, name)
    key = limits.fingerprint(f"{fingerprint(name)} {nonce}") if nonce else ""
    return key if key and not limits.is_used_up(FAILED, key, MOST_FAILURES) else ""


def note_failure(key: str) -> None:
    limits.count(FAILED, key)


def remember(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """This browser has proved to be the owner's: it is known to the account `name` for a year from now."""
    who = fingerprint(name)
    nonce = _nonce(request, name) or secrets.token_hex(16)
    response.set_cookie(
        _cookie(who),
        _signer().sign(f"{who}-{nonce}"),
        max_age=KEPT,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    others = [cookie for cookie in request.COOKIES if cookie.startswith(PREFIX) and cookie != _cookie(who)]
    for cookie in others[: max(len(others) + 1 - MOST_ACCOUNTS, 0)]:  # browsers send the oldest first
        response.delete_cookie(cookie, path=PATH, samesite="Lax")


def _nonce(request: HttpRequest, name: str) -> str:
    """The random part of the cookie for the account; nothing when there is none, or a forged or an old one."""
    who = fingerprint(name)
    try:
        signed = _signer().unsign(request.COOKIES.get(_cookie(who), ""), max_age=KEPT)
    except signing.BadSignature:
        return ""
    whose, _dash, nonce = signed.partition("-")
    return nonce if whose == who else ""


def _cookie(who: str) -> str:
    return PREFIX + who[:16]


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="tracker.sign_in.known_browser", sep=".")
