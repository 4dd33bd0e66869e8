"""Props of the tests of `backup` and `restore`: archives, commands, and other places to restore into."""

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tracker.archive import Archive, Facts, Writer

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SHORT_FACTS = Facts("2026-11-25T22:18:52+00:00", "0.1.0", "http://127.0.0.1:8000", {"kind": "sqlite"}, [], {}, [])


def written(members: dict[str, bytes], facts: Facts = SHORT_FACTS) -> bytes:
    file = BytesIO()
    writer = Writer(file, 1_790_000_000)
    for name, content in members.items():
        writer.add_bytes(name, content)
    writer.finish(facts)
    return file.getvalue()


def backup(folder: Path) -> tuple[str, Path]:
    """What `backup` says, and the archive that it made."""
    before, output = set(folder.glob("*.tar")), StringIO()
    call_command("backup", "--to", str(folder), stdout=output)
    [made] = set(folder.glob("*.tar")) - before
    return output.getvalue(), made


def refused_backup(folder: Path) -> tuple[str, str]:
    """What `backup` says, and the sentence with which it failed."""
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("backup", "--to", str(folder), stdout=output)
    return output.getvalue(), words_of(error)


def in_it(path: Path) -> list[str]:
    with Archive.open(path) as opened:
        return list(opened.members)


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to a file, with the same outcome: an OSError in the middle of writing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def words_of(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


# Other processes


KILLED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from tracker import {module}
{module}.{function} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
call_command(*sys.argv[1:])
"""


def killed(at: str, *arguments: str, **environment: str) -> int:
    module, function = at.split(".")
    script = KILLED.format(module=module, function=function)
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=own_environment(**environment), cwd=CHECKOUT, timeout=300).returncode


def own_environment(**more: str) -> dict[str, str]:
    """What a shell on another machine has, and nothing of the test run's own settings."""
    plain = {"PATH": os.environ["PATH"], "READ_DOTENV": "off", "DJANGO_SETTINGS_MODULE": "tracker.settings"}
    return plain | more


def url_of(database: str) -> str:
    """DATABASE_URL for a database beside the one of this test run."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{database}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()


LOOK = """
import hashlib, json, sys
import django
django.setup()
from django.test import Client
from applications.models import Application, Decision, Letter, Rendition
links = json.load(sys.stdin)
print(json.dumps({
    "documents": {
        application.reference: [hashlib.sha256(document.file.read()).hexdigest()
                                for document in application.documents.order_by("pk")]
        for application in Application.objects.all()
    },
    "links": {reference: Client(HTTP_HOST="127.0.0.1").get(f"/applications/open/{token}/").status_code
              for reference, token in links.items()},
    "letters": sorted(Letter.objects.values_list("message_id", "status")),
    "on their way": Decision.objects.on_their_way().count(),
    "staged": Decision.objects.staged().count(),
    "images": Rendition.objects.exclude(page_sizes=[]).count(),
}))
"""


class Place:
    """Another data folder with another database, as on another machine."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.environment = own_environment(DATA_DIR=str(folder), DATABASE_URL=database)

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment | more, capture_output=True, text=True, timeout=300)

    def look(self, links: dict[str, str]) -> dict:
        """What is there now, and which manage links open a page."""
        command = [sys.executable, "-c", LOOK]
        ran = subprocess.run(
            command, env=self.environment, cwd=CHECKOUT, input=json.dumps(links), capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)
