import datetime
import logging
import uuid
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.core import signing
from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret
from django.utils.crypto import get_random_string
from hypothesis import given
from hypothesis import strategies as st

from tracker.logs import LineFormatter, WithoutSilentClients, masked

pytestmark = pytest.mark.once

OURS = ("applications", "projects", "tracker", "django", "axes", "gunicorn")


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    found = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, arguments, found)


def test_a_manage_link_never_stands_in_a_log():
    line = LineFormatter().format(record("Not Found: %s", "/applications/open/eyJ0b2tlbg:1abc/"))
    assert line == "Not Found: /applications/open/[token]/"


def test_an_invitation_never_stands_in_a_log():
    line = LineFormatter().format(record("Not Found: %s", "/invitations/Mg.1abc-x/"))
    assert line == "Not Found: /invitations/[token]/"


def test_a_manage_link_never_stands_in_a_traceback():
    try:
        raise ValueError("http://127.0.0.1:8000/applications/open/eyJ0b2tlbg:1abc/ failed")
    except ValueError as error:
        text = LineFormatter().format(record("Internal Server Error", error=error))
    assert "ValueError: http://127.0.0.1:8000/applications/open/[token]/ failed" in text
    assert "eyJ0b2tlbg" not in text


def test_a_link_to_a_new_password_never_stands_in_a_log():
    line = LineFormatter().format(record("Not Found: %s", "/admin/password-reset/Mg-c8x1v2-0123456789abcdef/"))
    assert line == "Not Found: /admin/password-reset/[token]/"


SIGNED = [
    signing.Signer(salt="a", sep=".").sign_object(["A7K3-9QF2", 1]),
    signing.TimestampSigner(salt="b", sep=".").sign(uuid.uuid4().hex),
    signing.Signer(salt="c", sep=".").sign_object(2),
    signing.dumps({"a": 1}),
]


@pytest.mark.parametrize("token", SIGNED, ids=["a list", "with a time", "a number", "with data"])
def test_whatever_the_product_has_signed_never_stands_in_a_log_wherever_it_comes_from(token):
    line = LineFormatter().format(record("kept_cv=%s could not be read; %r", token, {"token": token}))
    assert line == "kept_cv=[token] could not be read; {'token': '[token]'}"


def test_keys_of_sessions_and_forms_never_stand_in_a_log():
    csrf = _get_new_csrf_string()
    keys = [get_random_string(32, VALID_KEY_CHARS), csrf, _mask_cipher_secret(csrf)]
    line = LineFormatter().format(record("sessionid=%s; csrftoken=%s; csrfmiddlewaretoken=%s", *keys))
    assert line == "sessionid=[key]; csrftoken=[key]; csrfmiddlewaretoken=[key]"


@pytest.mark.parametrize("address", ["ada@example.org", "Ada.M+cv@mail.uni.example.org", "ada@localhost.example"])
def test_an_e_mail_address_never_stands_in_a_log(address):
    line = LineFormatter().format(record("refused: {'%s': (550, b'<%s> unknown')}", address, address))
    assert line == "refused: {'[address]': (550, b'<[address]> unknown')}"


@pytest.mark.parametrize(
    "url", ["postgres://tracker:s3cret@db.example.org:5432/x", "smtp+tls://ada@example.org:p@ss@mail.example.org:587"]
)
def test_passwords_in_addresses_never_stand_in_a_log(url):
    line = LineFormatter().format(record("cannot reach %s now", url))
    assert "[credentials]@" in line
    assert all(word not in line for word in ("s3cret", "p@ss", "tracker", "ada"))


def test_what_somebody_searched_for_never_stands_in_a_log():
    assert LineFormatter().format(record("Error handling request %s", "/admin/?q=Ada")) == (
        "Error handling request /admin/?[query]"
    )


IDENTIFIERS = [
    "A7K3-9QF2",
    "0b8f1c52-90c3-4fd6-8a2b-5a2b9cf1d001",
    "0b/0b8f1c5290c34fd68a2b5a2b9cf1d001.pdf",
    "<0b8f1c52-90c3-4fd6-8a2b-5a2b9cf1d001@apply.example.org>",
    "user 12, application 345",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "applications.models.application.Application",
    "http://127.0.0.1:8000/projects/none/",
]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_what_an_operator_needs_to_find_the_row_stays(identifier):
    assert masked(f"of {identifier}, again") == f"of {identifier}, again"


# One event, one line


FORGED = "x\n2026-11-25T10:00:00.000+00:00 INFO axes: Successful login\r\n\x1b[2J\u2028\u202e\x85y"


def test_nothing_that_is_sent_becomes_an_event_of_its_own():
    line = LineFormatter("{levelname}: {message}", style="{").format(record("Not Found: %s", FORGED))
    assert line == (
        r"WARNING: Not Found: x\n2026-11-25T10:00:00.000+00:00 INFO axes: Successful login"
        r"\r\n\x1b[2J\u2028\u202e\x85y"
    )


def test_nothing_in_a_traceback_can_pass_for_an_event():
    try:
        try:
            raise KeyError(FORGED)
        except KeyError as error:
            raise ValueError(FORGED) from error
    except ValueError as error:
        lines = LineFormatter().format(record("It failed", error=error)).split("\n")
    assert lines[0] == "It failed"
    assert len(lines) > 8
    assert all(line.startswith("    ") and line.isprintable() for line in lines[1:])
    assert "    ValueError: x" in lines


@given(st.text(), st.text())
def test_whatever_is_logged_is_one_printable_line(message, argument):
    line = LineFormatter().format(record(message.replace("%", "%%") + "%s", argument))
    assert line == "" or line.isprintable()


def test_of_what_a_database_says_of_a_refused_row_only_the_first_line_is_kept():
    told = (
        'new row violates check constraint "places"\nDETAIL:  Failing row contains (1, Ada Example, Why\nbecause).\n'
        "CONTEXT:  Ada again"
    )
    cause = RuntimeError("before\nAda Example")
    try:
        raise ValueError(told) from cause
    except ValueError as error:
        text = LineFormatter().format(record("It failed", error=error))
    for words in ('ValueError: new row violates check constraint "places"', "RuntimeError: before", "direct cause"):
        assert words in text
    assert "Ada" not in text


# When, and by whom


def test_the_time_is_in_utc_and_says_so():
    event = record("Hello")
    event.created = datetime.datetime(
        2026, 7, 1, 14, 5, 6, 789000, datetime.timezone(datetime.timedelta(hours=2))
    ).timestamp()
    assert LineFormatter("{asctime} {message}", style="{").format(event) == "2026-07-01T12:05:06.789+00:00 Hello"


def test_a_refusal_says_which_user_was_refused_by_number():
    event = record("Forbidden: %s", "/admin/projects/")
    event.request = SimpleNamespace(_cached_user=User(pk=7, username="otto", email="otto@example.org"))
    assert LineFormatter().format(event) == "Forbidden: /admin/projects/ (user 7)"


@pytest.mark.parametrize("request_", [None, SimpleNamespace(), SimpleNamespace(_cached_user=User(username="new"))])
def test_a_refusal_of_somebody_unknown_says_no_more(request_):
    event = record("Not Found: %s", "/nowhere/")
    event.request = request_
    assert LineFormatter().format(event) == "Not Found: /nowhere/"


def test_other_addresses_stand_in_the_log_as_they_are():
    assert LineFormatter().format(record("Not Found: %s", "/projects/none/")) == "Not Found: /projects/none/"


def test_there_is_one_place_to_which_everything_is_logged():
    told = logging.root.manager.loggerDict.values()
    ours = [logger for logger in told if isinstance(logger, logging.Logger) and logger.name.split(".")[0] in OURS]
    assert len(ours) > 10
    kinds = {type(handler) for logger in ours for handler in logger.handlers}
    kinds = {kind for kind in kinds if not kind.__module__.startswith("_pytest")}
    assert kinds <= {logging.StreamHandler, logging.NullHandler}
    assert set(settings.LOGGING["handlers"]) == {"console"}
    assert settings.LOGGING["handlers"]["console"]["class"] == "logging.StreamHandler"


def test_a_client_that_fell_silent_is_no_fault_but_other_errors_are():
    silent = WithoutSilentClients()
    assert not silent.filter(record("Socket error processing request.", error=BlockingIOError(11, "unavailable")))
    assert silent.filter(record("Socket error processing request.", error=OSError(5, "input/output error")))
    assert silent.filter(record("Worker was sent SIGKILL!"))
