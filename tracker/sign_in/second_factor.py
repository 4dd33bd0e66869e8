"""The second factor: codes from an app on another device (TOTP), and recovery codes for when that device is lost.

The rows are django-otp's. An account has one app, and one set of recovery codes beside it, never without it.
"""

import base64
import hashlib
import logging
import secrets
from urllib.parse import quote

import segno
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from applications import letters, limits
from tracker.sign_in import journal, known_browsers
from tracker.sign_in.throttle import HOUR, Wait

RECOVERY_CODES = 10
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0 and o, no 1, i and l: codes are typed from paper
CODE_LENGTH = 12  # 59 bits
WRONG, MOST_WRONG = "second factor, account", 10  # within an hour, in browsers that the account does not know
TOLD, TELL_AFTER = "second factor, told", 5  # wrong codes after a right password: the owner gets a letter
# django-otp doubles the pause after each wrong code without an end, so strangers who know the password could lock the
# owner out for days. Here it ends at 32 seconds, and the limits above do the rest.
MOST_PAUSES = 6


def is_set_up(user) -> bool:
    """Whether signing in as `user` asks for a code."""
    return user.has_app if hasattr(user, "has_app") else app_of(user) is not None


def app_of(user) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def codes_left(user) -> int:
    return StaticToken.objects.filter(device__user=user).count()


# Setting up


def begin(user) -> TOTPDevice:
    """A new secret for an app. It counts for nothing until `confirm`; one that was begun before is forgotten."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        return TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def begun(user, pk: int | None) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=user, pk=pk, confirmed=False).first()


def picture_of(app: TOTPDevice) -> str:
    """The QR code that an app reads, as a `data:` address. On white, because apps want dark on light."""
    code = segno.make(app.config_url, error="m", micro=False)
    return code.svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def secret_of(app: TOTPDevice) -> str:
    """What one types into an app that cannot read the picture, in groups of four."""
    secret = base64.b32encode(app.bin_key).decode().rstrip("=")
    return in_groups(secret, " ")


def confirm(request: HttpRequest, app: TOTPDevice, code: str) -> list[str] | None:
    """Make the begun app its account's one and only when `code` is right; returns the recovery codes beside it.

    None when the code is wrong. Raises Wait.
    """
    if not _accepts(app, plain(code)):
        return None
    codes = RecoveryCodes()
    with transaction.atomic():
        TOTPDevice.objects.filter(user=app.user).exclude(pk=app.pk).delete()
        TOTPDevice.objects.filter(pk=app.pk).update(confirmed=True)
        codes.give_to(app.user)
        letters.account_changed(app.user, "factor_on")
    app.confirmed = app.user.has_app = True
    journal.note("Second factor set up", request, account=app.user)
    return codes.readable


def renew_codes(request: HttpRequest, user) -> list[str]:
    """New recovery codes; the former ones do not work any more."""
    codes = RecoveryCodes()
    with transaction.atomic():
        codes.give_to(user)
        letters.account_changed(user, "codes_renewed")
    journal.note("Recovery codes renewed", request, account=user)
    return codes.readable


def remove(user, change: str, *, request: HttpRequest | None = None) -> bool:
    """Take the second factor away: its owner does (`factor_off`), or somebody for them (`factor_reset`).

    False when there was none.
    """
    with transaction.atomic():
        was_set_up = app_of(user) is not None
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        if was_set_up:
            letters.account_changed(user, change)
    if was_set_up:
        journal.note(
            "Second factor removed" if change == "factor_off" else "Second factor reset", request, account=user
        )
    return was_set_up


# Signing in


def verify(request: HttpRequest, user, code: str) -> Device | None:
    """The device of `user` that `code` comes from, and that does not accept it a second time; None for a wrong one.

    Raises Wait after too many wrong ones.
    """
    browser = known_browsers.key_of(request, user.get_username())
    key = limits.fingerprint(f"user {user.pk}")
    if not browser and limits.is_used_up(WRONG, key, MOST_WRONG):
        raise Wait(_too_many(HOUR), HOUR)
    device, secret = _device_for(user, code)
    if device is not None and _accepts(device, secret):
        if isinstance(device, StaticDevice):
            letters.account_changed(user, "code_used")
        return device
    journal.note("Wrong code", request, account=user, level=logging.WARNING)
    limits.count(WRONG, key)
    if browser:
        known_browsers.note_failure(browser)
    _tell_owner(user, key)
    return None


def _device_for(user, code: str) -> tuple[Device | None, str]:
    """The row that knows codes of this form, and what it compares: six digits are the app's."""
    code = plain(code)
    if len(code) == 6 and code.isascii() and code.isdigit():
        return app_of(user), code
    device = StaticDevice.objects.filter(user=user, confirmed=True).first()
    return device, stretched(code, device.name) if device is not None else ""


def _accepts(device: Device, secret: str) -> bool:
    """Whether the device accepts `secret`, which it then never does again. Raises Wait."""
    with transaction.atomic():
        device = type(device).objects.select_for_update().filter(pk=device.pk).first()
        if device is None:
            return False
        device.throttling_failure_count = min(device.throttling_failure_count, MOST_PAUSES)
        allowed, why = device.verify_is_allowed()
        if not allowed:
            seconds = int((why["locked_until"] - timezone.now()).total_seconds()) + 1
            raise Wait(_too_many(seconds), seconds)
        return device.verify_token(secret)


def _too_many(seconds: int) -> str:
    if seconds < 60:
        words = ngettext(
            "The last code was wrong. Please wait %(number)s second and enter a new one.",
            "The last code was wrong. Please wait %(number)s seconds and enter a new one.",
            seconds,
        )
        return words % {"number": seconds}
    minutes = -(-seconds // 60)
    words = ngettext(
        "There were too many wrong codes for this account. Please try again in %(number)s minute.",
        "There were too many wrong codes for this account. Please try again in %(number)s minutes.",
        minutes,
    )
    return words % {"number": minutes}


def _tell_owner(user, key: str) -> None:
    """Whoever types wrong codes knows the password. One letter an hour says so."""
    if limits.used(WRONG, key) >= TELL_AFTER and limits.used(TOLD, key) < 1:
        limits.count(TOLD, key)
        letters.account_changed(user, "wrong_codes")


# Recovery codes


class RecoveryCodes:
    """New codes and what is stored of them. Made before the database is locked, because stretching takes a second."""

    def __init__(self) -> None:
        self.salt = secrets.token_hex(16)
        codes = ["".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
        self.readable = [in_groups(code, "-") for code in codes]
        self.stored = [stretched(code, self.salt) for code in codes]

    def give_to(self, user) -> None:
        """In place of the former ones. The row stays, so that whoever came by an old code stays signed in."""
        device, _created = StaticDevice.objects.update_or_create(
            user=user, defaults={"name": self.salt, "confirmed": True}
        )
        device.token_set.all().delete()
        StaticToken.objects.bulk_create(StaticToken(device=device, token=token) for token in self.stored)


@sensitive_variables("code")
def stretched(code: str, salt: str) -> str:
    """What is stored of a recovery code: 16 characters (django-otp's column) of scrypt over it.

    ASVS 5.0, 6.5.2: codes so short are kept like passwords. The salt is the name of the row, with our secret key.
    """
    salt_and_key = f"{salt} {settings.SECRET_KEY}".encode()
    digest = hashlib.scrypt(code.encode()[:100], salt=salt_and_key, n=2**14, r=8, p=1, dklen=12)
    return base64.urlsafe_b64encode(digest).decode()


def plain(code: str) -> str:
    """A code without the spaces and dashes that make it readable."""
    return "".join(code.split()).replace("-", "").casefold()


def in_groups(code: str, between: str) -> str:
    return between.join(code[start : start + 4] for start in range(0, len(code), 4))


def as_file(codes: list[str], user) -> str:
    """The codes as a `data:` address to be downloaded as plain text."""
    lines = [f"{settings.SITE_URL}/admin/", user.get_username(), "", *codes, ""]
    return "data:text/plain;charset=utf-8," + quote("\r\n".join(lines))
