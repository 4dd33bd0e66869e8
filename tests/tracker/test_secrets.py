"""The logs never hold what opens something, nor who somebody is: the main ways are walked, and then the log is read.

What may stand in a log: references, ids of documents, uploads and letters, numbers of users and applications, paths.
"""

import contextlib
import http.client
import io
import logging
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.core.mail import EmailMessage
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.urls import reverse

from applications import invitations, letters, workflow
from applications.models import Application
from applications.tokens import invitation_token, manage_token
from projects.models import CoAdvisor
from tests import pdfs
from tests.tracker.test_quickstart import CHECKOUT, environment, free_port
from tests.tracker.visitors import FILE_NAME, PASSWORD, WHO, WRONG_PASSWORD, assert_holds_none, hidden, keys_of
from tracker.logs import LineFormatter

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def log(settings) -> Iterator[io.StringIO]:
    """What is logged from here on, ours at any level, in the form in which the configured handler writes it."""
    form = settings.LOGGING["formatters"]["line"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LineFormatter(form["format"], style=form["style"]))
    levels = {logging.getLogger(name): "DEBUG" for name in ("applications", "projects", "tracker")}
    levels[logging.getLogger()] = settings.LOGGING["root"]["level"]
    before = {logger: logger.level for logger in levels}
    for logger, level in levels.items():
        logger.setLevel(level)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)
    for logger, level in before.items():
        logger.setLevel(level)


# The ways


def test_from_the_form_to_the_students_page(log, project, answers, cv_file, transcript_file, settings):
    settings.APPLY_LIMITS = False
    browser = Client(enforce_csrf_checks=True)
    address = f"/projects/{project.slug}/apply/"
    page = browser.get(address).content.decode()
    form = {
        **answers,
        **WHO,
        "earliest_start": answers["earliest_start"].isoformat(),
        "consent": "on",
        "nonce": hidden(page, "nonce"),
        "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken"),
    }
    secrets = [form["nonce"], form["csrfmiddlewaretoken"], *keys_of(browser)]

    token = {"X-CSRFToken": form["csrfmiddlewaretoken"]}
    sent = {"field": "cv", "name": FILE_NAME, "size": len(pdfs.cv())}
    begun = browser.post(f"{address}files/", sent, headers=token).json()
    piece = f"{address}files/{begun['id']}/?offset=0"
    kept = browser.post(piece, pdfs.cv(), content_type="application/octet-stream", headers=token).json()["token"]
    faulty = browser.post(address, form | {"kept_cv": kept, "email": "zanzibara", "action": "preview"})
    secrets += [kept, hidden(faulty.content.decode(), "kept_cv")]
    forged = browser.post(address, form | {"kept_cv": kept[:-1] + "_", "csrfmiddlewaretoken": "x" * 64})
    assert forged.status_code == 403
    refused = browser.post(address, form | {"kept_cv": kept, "transcripts": cv_file(FILE_NAME, pdfs.truncated())})
    assert refused.status_code == 200
    done = browser.post(address, form | {"kept_cv": kept, "transcripts": transcript_file(FILE_NAME)})
    assert done.status_code == 302

    application = Application.objects.get()
    secrets += [*keys_of(browser), manage_token(application)]
    assert browser.get(done["Location"]).status_code == 200
    follow_links(application)
    assert "/applications/open/[token]" in log.getvalue()
    assert_holds_none(log.getvalue(), *secrets)


def follow_links(application) -> None:
    """The manage link as it was sent, and as mail programs and people break it."""
    link = reverse("applications:open", args=[manage_token(application)])
    assert Client().get(link).status_code == 302
    for broken in (link[:-4] + "/", link[:-1] + ").", link.replace("/open/", "/open/%20"), f"{link}x/"):
        assert Client().get(broken).status_code in (301, 404)


def test_an_invitation(log, project, supervisor):
    cora = CoAdvisor.objects.create(name=WHO["full_name"], email=WHO["email"])
    project.co_advisors.add(cora)
    token = invitation_token(invitations.invite(cora, project, by=supervisor))
    browser = Client()
    for end in ("", "x"):
        browser.get(reverse("applications:open_invitation", args=[token + end]))
    for second in (WRONG_PASSWORD, PASSWORD):
        browser.post("/invitations/", {"new_password1": PASSWORD, "new_password2": second})
    letters.send_due()
    assert "/invitations/[token]" in log.getvalue()
    assert_holds_none(log.getvalue(), token, PASSWORD, WRONG_PASSWORD, *keys_of(browser))


def test_signing_in(log, supervisor):
    supervisor.username = supervisor.email = WHO["email"]
    supervisor.set_password(PASSWORD)
    supervisor.save()
    browser = Client()
    for password in (WRONG_PASSWORD, PASSWORD):
        browser.post("/admin/login/", {"username": WHO["email"], "password": password})
    assert browser.get("/admin/").status_code == 200
    keys = keys_of(browser)
    browser.get("/admin/auth/group/")  # not theirs
    browser.post("/admin/logout/")
    assert f"Forbidden (Permission denied): /admin/auth/group/ (user {supervisor.pk})" in log.getvalue()
    assert_holds_none(log.getvalue(), PASSWORD, WRONG_PASSWORD, *keys)


def test_a_refusal_in_the_log_says_who_by_number(log, signed_in, other_supervisor, application):
    address = application.current_documents()[0].get_absolute_url()
    signed_in(other_supervisor).get(address)
    Client().get(address)
    refusals = [line for line in log.getvalue().splitlines() if "Not Found" in line]
    assert refusals[0].endswith(f"Not Found: {address} (user {other_supervisor.pk})")
    assert refusals[1].endswith(f"Not Found: {address}")
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 WARNING django.request: ", line) for line in refusals
    )


ROW = "Failing row contains (1, Zanzibara Quillfeather, zanzibara.q@example.org, Since my\naccident in Timbuktu)."


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError(f'new row violates check constraint "places"\nDETAIL:  {ROW}\n'),
        OperationalError("could not connect to postgres://tracker:PgPassword-1@db.example.org:5432/tracker"),
        RuntimeError(f"no answer for {WHO['email']}"),
    ],
)
def test_a_failure_while_a_form_is_handled(log, project, answers, monkeypatch, make_application, error, settings):
    settings.APPLY_LIMITS = False

    def fail(*arguments, **words):
        raise error

    monkeypatch.setattr(workflow, "submit", fail)
    browser = Client(raise_request_exception=False)
    address = f"/projects/{project.slug}/apply/"
    page = browser.get(address).content.decode()
    form = answers | WHO | {"earliest_start": "2027-01-01", "consent": "on", "nonce": hidden(page, "nonce")}
    with io.BytesIO(pdfs.cv()) as cv, io.BytesIO(pdfs.transcript()) as transcript:
        cv.name = transcript.name = FILE_NAME
        response = browser.post(address, form | {"cv": cv, "transcripts": transcript})
    assert response.status_code in (500, 503)
    assert type(error).__name__ in log.getvalue()
    assert "Traceback" in log.getvalue()
    assert_holds_none(log.getvalue(), form["nonce"], "PgPassword-1", *keys_of(browser))


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPRecipientsRefused({WHO["email"]: (550, b"5.1.1 <zanzibara.q@example.org> unknown")}),
        smtplib.SMTPAuthenticationError(535, b"mailer / Smtp-Password-1 is wrong"),
        smtplib.SMTPDataError(554, b"Quillfeather is refused"),
        ValueError("Quillfeather\n is no header"),
        ConnectionRefusedError(111, "Connection refused"),
    ],
)
def test_letters_that_cannot_be_sent(log, make_application, monkeypatch, settings, error):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mailer", "Smtp-Password-1"

    def fail(message):
        raise error

    monkeypatch.setattr(EmailMessage, "send", fail)
    application = make_application(**WHO)
    letters.send_due()
    assert f"was not sent ({type(error).__name__})" in log.getvalue()
    assert_holds_none(log.getvalue(), "Smtp-Password-1", manage_token(application))


FORGED = "x\n2026-11-25T10:00:00.000+00:00 INFO tracker: Everything is fine"


def test_nobody_writes_lines_of_their_own_into_the_log(log, project):
    browser = Client()
    browser.get("/nowhere/" + FORGED.replace("\n", "%0a").replace(" ", "%20"))
    browser.get("/applications/open/" + FORGED.replace("\n", "%0d%0a").replace(" ", "%20") + "/")
    browser.post("/admin/login/", {"username": FORGED, "password": FORGED})
    browser.get("/", headers={"Host": FORGED.replace("\n", "\r\n"), "Referer": FORGED, "User-Agent": FORGED})
    lines = log.getvalue().splitlines()
    assert any("/nowhere/x\\n2026-11-25T10" in line for line in lines)
    assert all(line.startswith("    ") or re.match(r"20\d\d-\S+\+00:00 [A-Z]+ [\w.]+: ", line) for line in lines)
    assert not any(line.startswith("2026-11-25T10:00:00.000+00:00 INFO tracker") for line in lines)


# The real server. A whole visit to it is in test_quickstart.py.


def test_the_output_of_the_real_server_without_its_database(tmp_path):
    port, password = free_port(), "PgPassword-1"
    database = f"postgres://tracker:{password}@127.0.0.1:{free_port()}/tracker"
    server = [sys.executable, "-m", "gunicorn", "--config", "tracker/gunicorn_conf.py", "--workers", "1"]
    with open(tmp_path / "output.txt", "w+") as output:
        process = subprocess.Popen(
            [*server, "--bind", f"127.0.0.1:{port}", "tracker.wsgi:application"],
            env=environment(tmp_path, DATABASE_URL=database), cwd=CHECKOUT, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            assert answer_of(port, process) == 500
        finally:
            process.terminate()
            process.wait(30)
    text = (tmp_path / "output.txt").read_text()
    assert "Internal Server Error: /" in text
    assert "Traceback" in text
    assert_holds_none(text, password, (tmp_path / "secret_key").read_text())


def answer_of(port: int, process: subprocess.Popen) -> int:
    """The status of the front page, once the server listens."""
    while process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/")
            return connection.getresponse().status
        except ConnectionRefusedError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        finally:
            connection.close()
    raise AssertionError("The server ended.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://tracker:Pg/Password-1@127.0.0.1:5432/tracker"),
        ("EMAIL_URL", "smtp+tls://mailer:Smtp/Password-1@127.0.0.1:587"),
        ("EMAIL_URL", "Smtp-Password-1"),
        ("SECRET_KEY", "Too-Short-Password-1"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named_and_not_shown(tmp_path, name, value):
    command = [sys.executable, str(CHECKOUT / "manage.py"), "check"]
    run = subprocess.run(command, env=environment(tmp_path, **{name: value}), capture_output=True, text=True)
    assert run.returncode == 1
    assert name in run.stderr
    assert "Password-1" not in run.stdout + run.stderr
