"""A typed user name is never stored or logged as it is: people type passwords into that field, and addresses."""

import unicodedata

from django.http import HttpRequest
from django.utils.crypto import salted_hmac


def fingerprint(name: str) -> str:
    """What stands for a user name, whoever's or nobody's: 64 hexadecimal digits, keyed with our secret key."""
    usual = unicodedata.normalize("NFKC", name or "").strip().casefold()
    return salted_hmac("tracker.sign_in.name", usual, algorithm="sha256").hexdigest()


def fingerprint_for_axes(request: HttpRequest, credentials: dict | None) -> str:
    """The same for django-axes (AXES_USERNAME_CALLABLE), so that its rows hold no name."""
    return fingerprint((credentials or {}).get("username") or "")
