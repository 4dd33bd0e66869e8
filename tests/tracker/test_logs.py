import logging

from tracker.logs import LineFormatter, WithoutSilentClients


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


def test_other_addresses_stand_in_the_log_as_they_are():
    assert LineFormatter().format(record("Not Found: %s", "/projects/none/")) == "Not Found: /projects/none/"


def test_a_client_that_fell_silent_is_no_fault_but_other_errors_are():
    silent = WithoutSilentClients()
    assert not silent.filter(record("Socket error processing request.", error=BlockingIOError(11, "unavailable")))
    assert silent.filter(record("Socket error processing request.", error=OSError(5, "input/output error")))
    assert silent.filter(record("Worker was sent SIGKILL!"))
