"""From a fresh checkout to the running product: `manage.py quickstart`."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.core.management import CommandParser, call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseFailure
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from projects.models import Project, Topic
from tracker import data_folder, serving

CATALOGUE = settings.BASE_DIR / "fixtures" / "catalogue.json"
ADVISORY_LOCK = 20260421  # any number, as long as every quickstart on one PostgreSQL database uses the same
UNMISTAKABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0 and o, no 1, i and l: it may be typed from paper
EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound


class Command(BaseCommand):
    help = (
        "Prepares everything and serves: makes the data folder and its secret key, migrates the database, loads the "
        "catalogue when there is none, makes the supervisor's account and runs the web server and the worker until "
        "Ctrl-C. It may be run again at any time and after every upgrade: what exists is kept, a password is never "
        "changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", default="8000", help="the port to serve on (default: 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="the address to serve on (default: this machine only)")
        parser.add_argument("--no-serve", action="store_true", help="prepare everything and stop")

    def handle(self, *, port: str, host: str, no_serve: bool, **options) -> None:
        os.umask(0o077)  # whatever is made from here on belongs to this user alone: database, documents, letters
        number = port_number(port)
        if not no_serve:
            refuse_taken_address(host, number)
        try:
            data_folder.hold_while_serving()
            with one_at_a_time(self.stdout.write):
                self.prepare()
        except data_folder.InUse as error:
            raise CommandError(str(error)) from error
        except DatabaseFailure as error:
            raise CommandError(f"The database cannot be used: {str(error).strip()} (DATABASE_URL)") from error
        except OSError as error:
            raise CommandError(f"The data folder {settings.DATA_DIR} cannot be used: {error} (DATA_DIR)") from error
        site_url = settings.SITE_URL if is_set("SITE_URL") else default_site_url(host, number)
        self.say_where_things_are(site_url)
        if host in EVERY_ADDRESS and not is_set("SITE_URL") and not is_set("ALLOWED_HOSTS"):
            self.stdout.write("Other machines are refused until SITE_URL says under which name they reach this one.")
        if not no_serve:
            refuse_taken_address(host, number)
            self.stdout.flush()
            become_the_server(host, number, site_url)

    def prepare(self) -> None:
        self.stdout.write(f"Data folder: {settings.DATA_DIR}")
        make_documents_folder()
        self.stdout.write(f"Database: {migrate()}")
        self.stdout.write(f"Catalogue: {load_catalogue()}")
        with transaction.atomic():
            supervisor = self.make_supervisor()
            taken = Project.objects.filter(supervisor=None).update(supervisor=supervisor)
        if taken:
            self.stdout.write(f"Projects that had no supervisor and now belong to {supervisor.get_username()}: {taken}")
        self.stdout.write(f"Style sheets and scripts: {collect_static_files()}")

    def make_supervisor(self) -> AbstractBaseUser:
        supervisor = existing_supervisor()
        if supervisor is not None:
            name = supervisor.get_username()
            self.stdout.write(
                f"Supervisor: {name} (the password is as it was; set a new one with "
                f"`{python_as_typed()} manage.py changepassword {name}`)"
            )
            return supervisor
        password = settings_password() or random_password()
        first_name, _, last_name = settings.SUPERVISOR_NAME.rpartition(" ")
        supervisor = get_user_model().objects.create_superuser(
            settings.SUPERVISOR_EMAIL, settings.SUPERVISOR_EMAIL, password, first_name=first_name, last_name=last_name
        )
        self.stdout.write("Supervisor: the account is made. These two lines are shown only this once:")
        self.stdout.write(f"User name: {supervisor.get_username()}")
        self.stdout.write(f"Password: {password}")
        with contextlib.suppress(ValidationError):
            validate_password(password, supervisor)
            return supervisor
        self.stderr.write("SUPERVISOR_PASSWORD is easy to guess. Change it before others can reach this site.")
        return supervisor

    def say_where_things_are(self, site_url: str) -> None:
        self.stdout.write("")
        self.stdout.write(f"Catalogue for students:   {site_url}/")
        self.stdout.write(f"Review for supervisors:   {site_url}/admin/")
        self.stdout.write(f"Data, to be backed up:    {settings.DATA_DIR}")
        if settings.EMAIL_BACKEND == "applications.mail.LetterFolderBackend":
            self.stdout.write(f"Letters are written to:   {settings.LETTERS_DIR} (no mail server yet, see EMAIL_URL)")
        else:
            self.stdout.write(f"Letters are sent through: {settings.EMAIL_HOST}:{settings.EMAIL_PORT}")


def is_set(name: str) -> bool:
    """Whether the environment or .env (which settings.py has read into it) says something about this setting."""
    return bool(os.environ.get(name, "").strip())


# Where to serve


def port_number(port: str) -> int:
    if not str(port).isascii() or not str(port).isdigit() or not 1 <= int(port) <= 65535:
        raise CommandError(f"{port!r} is not a port. Write a number from 1 to 65535, for example --port 8001.")
    return int(port)


def refuse_taken_address(host: str, port: int) -> None:
    """Asked before anything is prepared, so that a refusal leaves nothing behind, and again just before serving."""
    if reason := serving.why_not_listen(host, port):
        raise CommandError(reason)


def default_site_url(host: str, port: int) -> str:
    """The address for links and letters when SITE_URL does not say: one at which the site does answer."""
    if host in EVERY_ADDRESS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def become_the_server(host: str, port: int, site_url: str) -> None:
    """Replaces this process by the small one that runs the web server and the worker (it keeps the process number)."""
    connections.close_all()
    paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "DATA_DIR": str(settings.DATA_DIR),
        "SITE_URL": site_url,
        "DEBUG": "off",
    }
    # The web server and the worker have no use for it, and an environment can be read by more eyes than a process.
    environment.pop("SUPERVISOR_PASSWORD", None)
    command = [sys.executable, "-m", "tracker.serving", "--host", host, "--port", str(port), "--site-url", site_url]
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own program and words, no shell


def python_as_typed() -> str:
    """How to call this Python from the checkout's folder."""
    python = Path(sys.executable)
    return str(python.relative_to(settings.BASE_DIR)) if python.is_relative_to(settings.BASE_DIR) else str(python)


# The steps of the preparation, each of which may find its work done


@contextlib.contextmanager
def one_at_a_time(say) -> Iterator[None]:
    """Two quickstarts at once (two terminals, two hosts on one database) prepare one after the other."""
    with open(settings.DATA_DIR / "quickstart.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another quickstart is preparing this data folder; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        lock_holder = connection.copy()  # a connection of its own: loaddata closes the usual one, and locks go with it
        try:
            with lock_holder.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
            yield
        finally:
            lock_holder.close()


def make_documents_folder() -> None:
    """It may lie elsewhere (DOCUMENT_STORAGE_URL); a bad one is told now, not to the first student who applies."""
    folder = Path(storages["documents"].location)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"The folder {folder} for documents cannot be made: {error.strerror} (DOCUMENT_STORAGE_URL)"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"The folder {folder} for documents cannot be written to (DOCUMENT_STORAGE_URL)")


def migrate() -> str:
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    call_command("migrate", interactive=False, verbosity=0)
    product = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]
    return f"{product}, {waiting} migrations applied" if waiting else f"{product}, up to date"


def load_catalogue() -> str:
    if Topic.objects.exists() or Project.objects.exists():
        return "kept as it is"
    call_command("loaddata", str(CATALOGUE), verbosity=0)
    return f"{Topic.objects.count()} topics and {Project.objects.count()} projects loaded"


def existing_supervisor() -> AbstractBaseUser | None:
    """The account that SUPERVISOR_EMAIL names, however it is written.

    Without that setting any superuser will do: somebody who renamed the first account gets no second one.
    """
    users = get_user_model().objects.order_by("pk")
    named = users.filter(username__iexact=settings.SUPERVISOR_EMAIL).first()
    if named is not None or is_set("SUPERVISOR_EMAIL"):
        return named
    return users.filter(is_superuser=True, is_active=True).first()


def settings_password() -> str:
    return os.environ.get("SUPERVISOR_PASSWORD", "")


def random_password() -> str:
    """Four groups of five: nearly 100 bits, and readable."""
    return "-".join("".join(secrets.choice(UNMISTAKABLE) for _ in range(5)) for _ in range(4))


def collect_static_files() -> str:
    """Collects, names by content and compresses the static files, unless those of this very version already are."""
    fingerprint, stamp = fingerprint_of_sources(), settings.STATIC_ROOT / "collected.txt"
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if manifest.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return "up to date"
    stamp.unlink(missing_ok=True)  # an interrupted run must not look complete
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint)
    return "collected"


def fingerprint_of_sources() -> str:
    """A digest over the names and bytes of all static files and over what processes them."""
    digest = hashlib.sha256(repr((settings.STORAGES["staticfiles"], settings.STATIC_URL)).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            digest.update(name.encode() + b"\0")
            with storage.open(name) as file:
                digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
