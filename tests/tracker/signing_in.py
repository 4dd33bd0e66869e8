"""How tests of signing in speak of it."""

import datetime
import re
import time

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from applications.models import Document

PASSWORD = "a long enough password"
SIGN_IN = "/admin/login/"
CODE = "/admin/login/code/"


def give_password(*people: User) -> None:
    for person in people:
        person.set_password(PASSWORD)
        person.save()


def try_to_sign_in(browser: Client, name: str, password: str = PASSWORD, *, to: str = "", at: str = ""):
    """One attempt, from the address `at`."""
    more = {"REMOTE_ADDR": at} if at else {}
    return browser.post(SIGN_IN, {"username": name, "password": password, "next": to or "/admin/"}, **more)


def is_signed_in(browser: Client) -> bool:
    return browser.get("/admin/").status_code == 200


def status_of(browser: Client, document: Document) -> int:
    """What the browser gets when it asks for the document."""
    answer = browser.get(reverse("applications:document", args=[document.pk]))
    answer.getvalue()  # which closes the file
    return answer.status_code


def app_for(person: User) -> TOTPDevice:
    """A second factor that is set up."""
    return TOTPDevice.objects.create(user=person, name="app", confirmed=True)


def code_of(app: TOTPDevice, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return f"{totp(app.bin_key, t0=-steps * app.step):06d}"


def wrong_code(app: TOTPDevice) -> str:
    """One that is neither shown now nor within five minutes."""
    shown = {code_of(app, steps) for steps in range(-10, 11)}
    return next(code for code in ("000000", "111111", "222222") if code not in shown)


def words(response) -> str:
    """The page's text, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def later(monkeypatch, **timespan) -> None:
    """Let so much time go by."""
    real, ahead = timezone.now, datetime.timedelta(**timespan)
    clock = time.time
    monkeypatch.setattr(timezone, "now", lambda: real() + ahead)
    monkeypatch.setattr(time, "time", lambda: clock() + ahead.total_seconds())
