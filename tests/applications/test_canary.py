"""After an erasure nothing of a person is left: a name that stands nowhere else is hunted through every row and byte.

The name is given to everything that can hold one. Then the application is erased, the worker does its round at once and
again a day later, and the name is looked for in every table, in the sessions, in the raw files of SQLite with its log,
in everything that lies below the data folder, in the ledger and in the log of the program.
"""

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import documents, exports, incoming, letters, renditions, workflow
from applications.admin.exporting import rows_as_listed
from applications.letters import digests
from applications.mail import letter_file
from applications.models import Application, Document, Erasure, Export, Letter, Preference, Rendition
from projects.models import Question
from tests import pdfs

pytestmark = pytest.mark.django_db(transaction=True)

# In no other test, nor in a file that another run has left. Its beginning is not looked for: an index leaves out what a
# word has in common with the one before it.
FEATHERS = uuid.uuid4().hex[:10]
CANARY = f"Zq{FEATHERS}"
ADDRESS = f"{CANARY}@example.org"


# The hunt


def found() -> set[str]:
    """Where the name stands: tables, sessions and files, each by its own name."""
    return {*tables(), *sessions(), *files()}


def is_in(content: bytes) -> bool:
    """In any of the usual encodings, whatever the case."""
    content = content.lower()
    return any(FEATHERS.encode(encoding) in content for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def tables() -> Iterator[str]:
    """Every table there is, those behind the index of the search included."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            if any(is_in(as_bytes(value)) for row in cursor.fetchall() for value in row):
                yield table


def as_bytes(value) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def sessions() -> Iterator[str]:
    """What a session holds is compressed, so it is read as the browser's next request would."""
    if any(is_in(str(SessionStore().decode(data)).encode()) for data in sessions_data()):
        yield "a session"


def sessions_data() -> list[str]:
    return list(Session.objects.values_list("session_data", flat=True))


def files() -> Iterator[str]:
    for path in (*database_files(), *everything_below(django_settings.FILE_UPLOAD_TEMP_DIR.parent)):
        if is_in(str(path).encode()) or is_in(path.read_bytes()):
            yield path.name
    if django_settings.ERASURE_LEDGER.exists() and is_in(django_settings.ERASURE_LEDGER.read_bytes()):
        yield "the ledger"


def everything_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def database_files() -> list[Path]:
    """On PostgreSQL they belong to the server: decision 0017 says what its operator has to know of them."""
    if connection.vendor != "sqlite":
        return []
    name = connection.settings_dict["NAME"]
    return [path for path in map(Path, (name, f"{name}-wal", f"{name}-shm")) if path.exists()]


# The prey


@pytest.fixture
def application(make_application, make_uploads, answers, supervisor, cv_file, transcript_file) -> Application:
    """An application to which everything has happened that can."""
    application = make_application(
        full_name=f"{CANARY} Example",
        email=ADDRESS,
        motivation=f"I am {CANARY}.",
        university=f"{CANARY} University",
        links=f"https://example.org/{CANARY}",
    )
    application = workflow.correct_address(application, f"{CANARY}@example.com")
    question = Question.objects.create(project=application.project, prompt="Which course?")
    workflow.correct_answers(application, answers | {"questions": [(question, f"{CANARY} studies")]})
    workflow.correct_answers(application, answers | {"full_name": f"{CANARY} Example"})
    papers = [
        documents.receive(cv_file(f"{CANARY} CV.pdf", pdfs.cv(CANARY)), Document.Kind.CV),
        documents.receive(transcript_file(f"{CANARY}.pdf"), Document.Kind.TRANSCRIPT),
    ]
    workflow.replace_documents(application, papers)
    workflow.confirm_address(application)
    workflow.send_link(application.email)
    workflow.note(application, f"{CANARY} is good.", by=supervisor)
    workflow.ask(application, [supervisor], by=supervisor)
    workflow.review(application, rating=5, comment=f"{CANARY} convinces.", by=supervisor)
    workflow.ask_reviewers(application, f"May {CANARY} come in May?")
    workflow.write(application, subject=f"A question to {CANARY}", body=f"Dear {CANARY}, when?", by=supervisor)
    workflow.decide(application, "offered", by=supervisor, reason=f"{CANARY} shall come.")
    return application


@pytest.fixture
def looked_after(application) -> Application:
    """The same after a round of the worker: page images and text are made, letters written to the folder."""
    assert renditions.make_missing() > 0
    assert letters.send_due().sent > 0
    half = letter_file(Letter.objects.filter(application=application).first().message_id).with_suffix(".part")
    half.write_text(f"To: {ADDRESS}")  # a worker was killed while it wrote the letter once more
    return application


@pytest.fixture
def everywhere(looked_after, by_form, signed_in, supervisor, co_advisor, cv_file) -> Application:
    """The same after people have worked with it: looked, written, searched, taken out, and begun and not ended."""
    browser, page = signed_in(supervisor), f"/admin/applications/application/{looked_after.pk}/"
    assert browser.get(f"{page}change/").status_code == 200
    assert browser.post(f"{page}note/", {"text": f"{CANARY} called."}).status_code == 302
    with pytest.raises(ValidationError):
        documents.receive(cv_file(f"{CANARY}.pdf", b"%PDF-1.7 " + CANARY.encode()), Document.Kind.CV)
    documents.receive(cv_file(f"{CANARY} again.pdf", pdfs.cv(CANARY)), Document.Kind.CV)  # chosen and not sent
    begin_a_file()
    for export_format in ("csv", "xlsx", "zip"):
        exports.ask(supervisor, export_format, "status=all", 1)
        assert exports.make_due(rows_as_listed) == 1
    exports.ask(co_advisor, "csv", f"q={CANARY}", 1)  # waits, with a name among its filters
    digests.tell_of_the_day(Preference.objects.create(user=co_advisor, notices="daily"), timezone.now())
    leave_behind(by_form, looked_after)
    Client().post(reverse("admin:login"), {"username": ADDRESS, "password": "a guess"})  # the wrong door
    return looked_after


def begin_a_file() -> None:
    """Half a file that a browser was sending, and half of one that a killed process was receiving."""
    size = 1000
    expected = incoming.begin(
        kind="cv", question=None, name=f"{CANARY}.pdf", size=size, browser="a browser", sender="somebody"
    )
    incoming.add_piece(expected, 0, CANARY.encode())
    (django_settings.FILE_UPLOAD_TEMP_DIR / "half.upload").write_bytes(CANARY.encode())


def leave_behind(browser: Client, application: Application) -> None:
    """Other browsers' sessions: what was typed on a page that could not be sent, by the student and by a reviewer."""
    session = browser.session
    at = timezone.now().timestamp()
    page = reverse("admin:applications_application_note", args=[application.pk])
    reviewers = SessionStore()
    reviewers["typed"] = {"user": 1, "at": at, "path": page, "fields": [["text", f"{CANARY} is good"]]}
    reviewers.create()
    session["left_behind"] = {
        application.reference: {"ask": {"at": at, "text": {"text": f"{CANARY} asks"}, "claims": {}}}
    }
    session.save()


def worker_goes_round() -> None:
    call_command("run_worker", "--once")


def a_day_later(monkeypatch) -> None:
    now = timezone.now() + datetime.timedelta(hours=26)
    monkeypatch.setattr(timezone, "now", lambda: now)


# The tests


def test_nothing_of_an_erased_person_is_left_anywhere(everywhere, data_folder, monkeypatch, caplog):
    caplog.set_level("INFO")
    before = found()
    assert {f"applications_{name}" for name in (*HOLD_NAMES, *SEARCH)} <= before
    assert "a session" in before
    assert {Path(name).suffix for name in before} >= {".eml", ".part", ".upload"}
    assert before & database_names() or connection.vendor != "sqlite"  # the file or its log
    assert Rendition.objects.filter(text__contains=CANARY).exists()
    assert Export.objects.filter(state="ready").count() == 3

    workflow.erase(everywhere)
    worker_goes_round()

    left = found()
    unsent = {"applications_upload", "applications_incomingupload", "applications_export", "half.upload"}
    assert left <= {*unsent, *pieces(left), *database_names()}  # what no application had claimed has a day

    a_day_later(monkeypatch)
    worker_goes_round()

    assert found() == set()
    assert not is_in(caplog.text.encode())
    assert everything_below(data_folder / "documents") == []
    assert Erasure.objects.get().documents == 4


HOLD_NAMES = (
    *("application", "decision", "document", "event", "formeranswers", "letter", "message", "questionanswer"),
    *("rendition", "review", "searchentry", "upload", "incomingupload", "export"),
)
SEARCH = {"sqlite": ("searchentry", "searchindex_data"), "postgresql": ("searchentry",)}[connection.vendor]


def pieces(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith("-000000000000")}


def database_names() -> set[str]:
    return {path.name for path in database_files()}


def test_what_its_time_ends_is_erased_as_thoroughly(everywhere, monkeypatch):
    long_ago = timezone.now() - datetime.timedelta(days=2000)
    Application.objects.update(status_changed_at=long_ago)
    worker_goes_round()
    a_day_later(monkeypatch)
    worker_goes_round()
    assert found() == set()
    assert Erasure.objects.get().cause == Erasure.Cause.EXPIRED
