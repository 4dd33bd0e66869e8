"""The cast and the props that all tests share.

`supervisor` owns `project`, on which `co_advisor` is named; both see its applications. `other_supervisor` owns another
project and must see nothing here. `superuser` sees everything, `staff_without_rights` nothing.

`make_application()` hands in as the form does: real PDFs, received and inspected, then `workflow.submit`.
"""

import datetime
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client
from django.utils import timezone, translation

from applications import documents, workflow
from applications.groups import CO_ADVISORS, SUPERVISORS
from applications.models import Application, Document, Upload
from projects.models import CoAdvisor, Project, Topic
from tests import pdfs

# The world around a test


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix) -> None:
    """SQLite in a file, as in production: an in-memory database answers two threads with errors instead of waiting."""
    for database in django_settings.DATABASES.values():
        if database["ENGINE"] == "django.db.backends.sqlite3":
            database.setdefault("TEST", {})["NAME"] = str(django_settings.DATA_DIR / "test.sqlite3")


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path: Path, monkeypatch) -> Path:
    """A folder of this test's own. `documents/` and `letters/` do not exist in it yet, as on a fresh machine."""
    folder = tmp_path / "data"
    settings.FILE_UPLOAD_TEMP_DIR = folder / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)
    settings.LETTERS_DIR = folder / "letters"
    settings.ERASURE_LEDGER = tmp_path / "erasures.ledger"  # beside the data, as one should have it
    settings.WHITENOISE_AUTOREFRESH = True  # else each test client reads every style sheet before its first page
    settings.EMAIL_BACKEND = "applications.mail.LetterFolderBackend"
    settings.STORAGES = settings.STORAGES | {
        "documents": settings.STORAGES["documents"] | {"OPTIONS": {"location": str(folder / "documents")}}
    }
    for model in (Document, Upload):  # their fields have looked the storage up when they were imported
        monkeypatch.setattr(model._meta.get_field("file"), "storage", storages["documents"])
    return folder


@pytest.fixture(autouse=True)
def language_of_the_process() -> Iterator[None]:
    """A page leaves its language behind in the thread that made it; the next test begins in that of the site again."""
    before = translation.get_language()
    yield
    translation.activate(before)


@pytest.fixture(autouse=True)
def no_waiting_at_find(monkeypatch) -> None:
    """The page that sends a lost link takes its time over every answer. Tests have none."""
    monkeypatch.setattr("applications.views.student.link.ANSWER_SECONDS", 0)


@pytest.fixture
def stored_files(data_folder: Path) -> Callable[[], list[Path]]:
    """What lies in the documents folder at this moment."""
    return lambda: sorted(path for path in (data_folder / "documents").rglob("*") if path.is_file())


@pytest.fixture
def letter_files(data_folder: Path) -> Callable[[], list[Path]]:
    """What lies in the letters folder at this moment."""
    return lambda: sorted((data_folder / "letters").glob("*"))


@pytest.fixture
def at_once(transactional_db) -> Callable:
    """Run functions at the same moment, each on a thread and a connection of its own; their results or exceptions."""

    def run(*verbs: Callable) -> list:
        barrier = threading.Barrier(len(verbs))
        outcomes: list = [None] * len(verbs)

        def act(number: int, verb: Callable) -> None:
            try:
                connection.ensure_connection()
                barrier.wait(10)
                outcomes[number] = verb()
            except Exception as error:
                outcomes[number] = error
            finally:
                connections.close_all()

        threads = [threading.Thread(target=act, args=pair) for pair in enumerate(verbs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return outcomes

    return run


# The cast


def _person(user_name: str, full_name: str, **more) -> User:
    first, last = full_name.split()
    return User.objects.create_user(
        user_name, f"{user_name}@example.org", first_name=first, last_name=last, is_staff=True, **more
    )


@pytest.fixture
def supervisor(db) -> User:
    user = _person("sofia", "Sofia Supervisor")
    user.groups.add(Group.objects.get(name=SUPERVISORS))
    return user


@pytest.fixture
def co_advisor(db) -> User:
    """A user in the group Co-advisors who is named on `project`."""
    user = _person("carl", "Carl Coadvisor")
    user.groups.add(Group.objects.get(name=CO_ADVISORS))
    return user


@pytest.fixture
def other_supervisor(db) -> User:
    """Owns `other_project`, and has no business with `project`."""
    user = _person("otto", "Otto Other")
    user.groups.add(Group.objects.get(name=SUPERVISORS))
    return user


@pytest.fixture
def superuser(db) -> User:
    return _person("root", "Rosa Root", is_superuser=True)


@pytest.fixture
def staff_without_rights(db) -> User:
    return _person("nora", "Nora Norights")


@pytest.fixture
def user_without_staff_access(db) -> User:
    return User.objects.create_user("gwen", "gwen@example.org")


# The catalogue


@pytest.fixture
def topic(db) -> Topic:
    return Topic.objects.create(name="Genomics")


@pytest.fixture
def project(topic: Topic, supervisor: User, co_advisor: User) -> Project:
    """An open project with all the people it can have."""
    project = Project.objects.create(
        title="Can a transformer learn sequence alignment?",
        topic=topic,
        supervisor=supervisor,
        description="Align sequences with attention.",
    )
    project.co_advisors.add(CoAdvisor.objects.create(name="Carl Coadvisor", email=co_advisor.email, user=co_advisor))
    return project


@pytest.fixture
def other_project(topic: Topic, other_supervisor: User) -> Project:
    return Project.objects.create(title="Graphs of genomes", topic=topic, supervisor=other_supervisor)


def _pdf_file(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


@pytest.fixture
def cv_file() -> Callable[..., SimpleUploadedFile]:
    """A new CV to upload at each call."""
    return lambda name="cv.pdf", content=None: _pdf_file(name, content or pdfs.cv())


@pytest.fixture
def transcript_file() -> Callable[..., SimpleUploadedFile]:
    """A new transcript to upload at each call."""
    return lambda name="transcript.pdf", content=None: _pdf_file(name, content or pdfs.transcript())


@pytest.fixture
def make_uploads(db, cv_file, transcript_file) -> Callable[..., list[Upload]]:
    """A CV and transcripts, received and inspected, claimed by nobody."""

    def make(transcripts: int = 1) -> list[Upload]:
        cv = documents.receive(cv_file(), Document.Kind.CV)
        return [cv, *(documents.receive(transcript_file(), Document.Kind.TRANSCRIPT) for _ in range(transcripts))]

    return make


@pytest.fixture
def answers() -> dict:
    """What Ada answers, as the form gives it to `workflow.submit`."""
    return {
        "full_name": "Ada Example",
        "email": "ada@example.org",
        "university": "University of Examples",
        "programme": "MSc Computer Science",
        "earliest_start": timezone.localdate() + datetime.timedelta(days=30),
        "motivation": "I would like to align sequences.",
        "links": "https://example.org/ada",
    }


@pytest.fixture
def make_application(answers, make_uploads, request) -> Callable[..., Application]:
    """Hand in an application to `project` (or `to`). Further words replace answers; `status` moves it there unseen."""
    numbers = itertools.count(1)

    def make(to: Project | None = None, *, status: str = "", nonce: str = "", transcripts: int = 1, **changed):
        application = workflow.submit(
            to or request.getfixturevalue("project"),
            answers=answers | changed,
            uploads=make_uploads(transcripts),
            nonce=nonce or f"nonce-{next(numbers)}",
        )
        if status:  # where a test begins; how one gets there is not its subject
            Application.objects.filter(pk=application.pk).update(status=status)
            application.refresh_from_db()
        return application

    return make


@pytest.fixture
def application(make_application) -> Application:
    """Ada's application to `project`."""
    return make_application()


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which this person is signed in."""

    def sign_in(user: User) -> Client:
        browser = Client()
        browser.force_login(user)
        return browser

    return sign_in
