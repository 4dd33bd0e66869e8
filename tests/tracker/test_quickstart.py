"""`manage.py quickstart` as a new user meets it: real processes, real folders, a real port."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.hashers import check_password
from django.core import signing
from django.core.management import CommandError
from django.db import connection
from psycopg import sql

from tests.tracker.visitors import WHO, WRONG_PASSWORD, Person, apply, assert_holds_none, talk_nonsense
from tracker.management.commands.quickstart import default_site_url, port_number

pytestmark = pytest.mark.once

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LOGIN = re.compile(r"^User name: (?P<name>\S+)\nPassword: (?P<password>\S+)$", re.MULTILINE)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a shell on a fresh machine has, and nothing of the test run's own settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "READ_DOTENV": "off", "DATA_DIR": str(folder), **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(CHECKOUT / "manage.py"), "quickstart", *arguments]


def quickstart(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(folder, **more), capture_output=True, text=True, timeout=120
    )


def rows(folder: Path, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(folder / "db.sqlite3")) as database, database:
        return database.execute(query).fetchall()


def change(folder: Path, statement: str) -> None:
    rows(folder, statement)


def accounts(folder: Path) -> list[tuple]:
    return rows(folder, "SELECT username, email, is_superuser, is_staff, password FROM auth_user ORDER BY id")


@pytest.fixture(scope="module")
def first_run(tmp_path_factory) -> tuple[Path, str]:
    """A data folder that one `quickstart --no-serve` has prepared, and what it printed."""
    folder = tmp_path_factory.mktemp("quickstart") / "data"
    run = quickstart(folder, "--no-serve")
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


@pytest.fixture
def prepared(first_run, tmp_path) -> Path:
    """A copy of that folder for one test, so that tests do not meet each other."""
    return Path(shutil.copytree(first_run[0], tmp_path / "prepared"))


@pytest.fixture
def empty(prepared) -> Path:
    """A folder before its first run, but for the static files, which take longest to make."""
    for path in prepared.iterdir():
        if path.is_file():
            path.unlink()
    return prepared


# Preparing


def test_the_first_run_makes_a_superuser_and_shows_the_login_that_works(first_run):
    folder, output = first_run
    login = LOGIN.search(output)
    [(name, email, is_superuser, is_staff, password)] = accounts(folder)
    assert (name, email, is_superuser, is_staff) == ("supervisor@example.org", "supervisor@example.org", 1, 1)
    assert login["name"] == name
    assert check_password(login["password"], password)
    assert len(login["password"]) >= 20


def test_the_first_run_loads_the_catalogue_and_gives_it_to_the_supervisor(first_run):
    folder, _ = first_run
    assert rows(folder, "SELECT count(*) FROM projects_topic") == [(3,)]
    assert rows(folder, "SELECT count(*), count(supervisor_id) FROM projects_project") == [(8, 8)]


def test_the_first_run_says_where_everything_is(first_run):
    folder, output = first_run
    for place in ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/admin/", str(folder), str(folder / "letters")):
        assert re.search(rf"{re.escape(place)}(\s|$)", output), place


def test_what_the_first_run_makes_belongs_to_its_owner_alone(first_run):
    folder, _ = first_run
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "db.sqlite3").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len((folder / "secret_key").read_text()) >= 50


def test_a_second_run_changes_nothing_and_shows_no_password(prepared):
    def state() -> tuple:
        projects = rows(prepared, "SELECT * FROM projects_project ORDER BY id")
        return (prepared / "secret_key").read_text(), accounts(prepared), projects

    before = state()
    run = quickstart(prepared, "--no-serve", SUPERVISOR_PASSWORD="another password than the first")
    assert run.returncode == 0, run.stderr
    assert state() == before
    assert "Password:" not in run.stdout
    assert "manage.py changepassword supervisor@example.org" in run.stdout


def test_a_catalogue_that_was_edited_is_kept(prepared):
    change(prepared, "UPDATE projects_project SET title = 'Edited by hand' WHERE id = 1")
    change(prepared, "DELETE FROM projects_project_co_advisors WHERE project_id = 2")
    change(prepared, "DELETE FROM projects_project WHERE id = 2")
    assert quickstart(prepared, "--no-serve").returncode == 0
    assert rows(prepared, "SELECT title FROM projects_project WHERE id = 1") == [("Edited by hand",)]
    assert rows(prepared, "SELECT count(*) FROM projects_project") == [(7,)]


def test_projects_with_a_supervisor_keep_theirs_and_the_others_get_this_one(prepared):
    change(prepared, "INSERT INTO auth_user SELECT 2, password, NULL, 0, 'grace@example.org', '', 'grace@example.org', "
                     "1, 1, date_joined, first_name FROM auth_user WHERE id = 1")  # fmt: skip
    change(prepared, "UPDATE projects_project SET supervisor_id = CASE id WHEN 1 THEN 2 WHEN 2 THEN NULL ELSE 1 END")
    assert quickstart(prepared, "--no-serve").returncode == 0
    assert rows(prepared, "SELECT supervisor_id FROM projects_project ORDER BY id LIMIT 3") == [(2,), (1,), (1,)]


def test_name_address_and_password_of_the_supervisor_come_from_the_environment(empty):
    person = {
        "SUPERVISOR_NAME": "Ada Maria Example",
        "SUPERVISOR_EMAIL": "ada@example.org",
        "SUPERVISOR_PASSWORD": "a long enough phrase",
    }
    run = quickstart(empty, "--no-serve", **person)
    assert run.returncode == 0, run.stderr
    [(name, email, is_superuser, _, password)] = accounts(empty)
    assert (name, email, is_superuser) == ("ada@example.org", "ada@example.org", 1)
    assert check_password("a long enough phrase", password)
    assert rows(empty, "SELECT first_name, last_name FROM auth_user") == [("Ada Maria", "Example")]
    assert "User name: ada@example.org\nPassword: a long enough phrase\n" in run.stdout
    assert run.stderr == ""


def test_an_account_with_that_name_is_not_made_twice_whatever_the_case(prepared):
    run = quickstart(prepared, "--no-serve", SUPERVISOR_EMAIL="Supervisor@Example.org")
    assert run.returncode == 0, run.stderr
    assert len(accounts(prepared)) == 1


def test_a_supervisor_who_renamed_the_account_gets_no_second_one(prepared):
    change(prepared, "UPDATE auth_user SET username = 'ada', email = 'ada@example.org'")
    run = quickstart(prepared, "--no-serve")
    assert run.returncode == 0, run.stderr
    assert [account[0] for account in accounts(prepared)] == ["ada"]


def test_a_new_supervisor_in_the_settings_gets_an_account_and_the_old_one_stays(prepared):
    before = accounts(prepared)
    run = quickstart(prepared, "--no-serve", SUPERVISOR_EMAIL="grace@example.org")
    assert LOGIN.search(run.stdout)["name"] == "grace@example.org"
    assert accounts(prepared)[:-1] == before


def test_two_first_runs_at_once_make_one_supervisor(empty):
    runs = [
        subprocess.Popen(
            command("--no-serve"), env=environment(empty), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sum("Password:" in output for output, _ in outputs) == 1
    assert len(accounts(empty)) == 1
    assert rows(empty, "SELECT count(*) FROM projects_project") == [(8,)]


@pytest.fixture
def postgresql(django_db_blocker) -> Iterator[str]:
    """The address of an empty PostgreSQL database; only where the tests themselves run on PostgreSQL."""
    if connection.vendor != "postgresql":
        pytest.skip("this run is on SQLite")
    name = f"quickstart_{os.getpid()}"
    own = connection.settings_dict
    with django_db_blocker.unblock(), psycopg.connect(
        dbname="postgres", user=own["USER"], password=own["PASSWORD"], host=own["HOST"], port=own["PORT"] or 5432,
        autocommit=True,
    ) as server:  # fmt: skip
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.postgresql
def test_two_hosts_that_start_at_once_on_one_postgresql_make_one_supervisor(postgresql, empty, tmp_path):
    other = Path(shutil.copytree(empty, tmp_path / "other"))
    runs = [
        subprocess.Popen(
            command("--no-serve"), env=environment(folder, DATABASE_URL=postgresql),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for folder in (empty, other)
    ]  # fmt: skip
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sum("Password:" in output for output, _ in outputs) == 1
    with psycopg.connect(postgresql) as database:
        assert database.execute("SELECT count(*) FROM auth_user").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM projects_project").fetchone() == (8,)


def test_static_files_are_collected_again_only_when_something_is_amiss(prepared):
    manifest = prepared / "static" / "staticfiles.json"
    made = manifest.stat().st_mtime_ns
    quickstart(prepared, "--no-serve")
    assert manifest.stat().st_mtime_ns == made
    (prepared / "static" / "collected.txt").write_text("the fingerprint of an older version")
    quickstart(prepared, "--no-serve")
    assert manifest.stat().st_mtime_ns > made


# Refusing


def assert_refused(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "Password:" not in run.stdout
    assert len(run.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in run.stderr


def test_a_taken_port_gets_a_sentence_before_anything_is_prepared(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(quickstart(tmp_path, "--port", port), port, "taken", "--port")
    assert not (tmp_path / "db.sqlite3").exists()


def test_a_bad_port_gets_a_sentence(tmp_path):
    assert_refused(quickstart(tmp_path, "--port", "http"), "'http' is not a port")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80.5", "٨٠", ""])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(CommandError, match="is not a port"):
        port_number(port)


def test_an_address_of_another_machine_gets_a_sentence(tmp_path):
    assert_refused(quickstart(tmp_path, "--host", "192.0.2.1"), "192.0.2.1", "not an address of this machine")


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(quickstart(tmp_path / "file" / "data", "--no-serve"), "DATA_DIR", str(tmp_path / "file" / "data"))


def test_a_folder_for_documents_that_cannot_be_made_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "documents"
    run = quickstart(tmp_path / "data", "--no-serve", DOCUMENT_STORAGE_URL=folder.as_uri())
    assert_refused(run, "DOCUMENT_STORAGE_URL", str(folder))
    assert not (tmp_path / "data" / "db.sqlite3").exists()  # before the password is shown, once


def test_a_database_file_that_is_none_gets_a_sentence(tmp_path):
    (tmp_path / "db.sqlite3").write_text("this is a letter, not a database" * 100)
    assert_refused(quickstart(tmp_path, "--no-serve"), "database", "DATABASE_URL")


def test_a_database_that_does_not_answer_gets_a_sentence_without_its_password(tmp_path):
    address = f"postgres://tracker:s3cret-word@127.0.0.1:{free_port()}/tracker"
    run = quickstart(tmp_path, "--no-serve", DATABASE_URL=address)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "DATABASE_URL" in run.stderr
    assert "s3cret-word" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("127.0.0.1", 8001, "http://127.0.0.1:8001"),
        ("0.0.0.0", 80, "http://127.0.0.1:80"),  # noqa: S104 - not bound
        ("192.168.1.5", 8000, "http://192.168.1.5:8000"),
        ("::1", 8000, "http://[::1]:8000"),
    ],
)
def test_links_lead_to_where_the_site_answers_when_nothing_else_is_set(host, port, address):
    assert default_site_url(host, port) == address


# Serving


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def parents() -> dict[int, int]:
    """The parent of every process that runs now, zombies left out."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    fields = (line.split() for line in listing.splitlines())
    return {int(pid): int(ppid) for pid, ppid, state in fields if not state.startswith("Z")}


class Served:
    """A running quickstart."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "output.txt"
        with open(self.log, "w") as output:
            self.process = subprocess.Popen(
                command("--port", str(self.port)), env=environment(folder, **more), stdout=output, stderr=output
            )
        self.wait_for(lambda: f"Ready: {self.address}/" in self.output, 60)
        self.family = self.descendants()

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=5) as response:
                return response.status, dict(response.headers), response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    def children(self, of: int | None = None) -> list[int]:
        return [pid for pid, parent in parents().items() if parent == (of or self.process.pid)]

    def descendants(self) -> set[int]:
        found, left = set(), [self.process.pid]
        while left:
            left.extend(born := [pid for pid in self.children(left.pop()) if pid not in found])
            found.update(born)
        return found

    def child(self, word: str) -> int | None:
        """The child whose command line has this word, if there is one at this moment."""
        for pid in self.children():
            line = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout
            if word in line:
                return pid
        return None

    def alive(self) -> set[int]:
        return self.family & parents().keys()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@contextlib.contextmanager
def serving(folder: Path, **more: str) -> Iterator[Served]:
    served = Served(folder, **more)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()


@pytest.fixture(scope="module")
def site(first_run, tmp_path_factory) -> Iterator[Served]:
    folder = Path(shutil.copytree(first_run[0], tmp_path_factory.mktemp("served") / "data"))
    with serving(folder) as served:
        yield served


def test_the_site_answers_on_its_port(site):
    assert site.get("/healthz/")[::2] == (200, "ok")
    status, _, page = site.get("/")
    assert status == 200
    assert "Can a transformer learn sequence alignment?" in page
    assert site.get("/admin/login/")[0] == 200


def test_the_site_is_ready_with_database_documents_and_letters(site):
    assert site.get("/readyz/")[2] == '{"database": "ok", "storage": "ok", "letters": "ok"}'


def test_style_sheets_are_named_by_their_content_and_kept_by_browsers_for_years(site):
    styles = re.findall(r'<link[^>]+href="(/static/[^"]+\.css)"', site.get("/")[2])
    assert styles
    for style in styles:
        assert re.search(r"\.[0-9a-f]{12}\.css$", style)
        status, headers, _ = site.get(style)
        assert (status, headers["Cache-Control"]) == (200, "max-age=315360000, public, immutable")


def test_errors_show_no_inner_workings_even_when_debug_is_on_in_the_environment(prepared):
    with serving(prepared, DEBUG="on") as served:
        status, _, page = served.get("/no/such/page/")
    assert status == 404
    assert "URLconf" not in page
    assert "DEBUG" not in page


def test_the_logs_hold_no_manage_link_and_no_search(site):
    token, search = "ThisIsTheTokenOfSomebody", "Somebodys+Name"
    site.get(f"/applications/open/{token}/")
    site.get(f"/?q={search}")
    site.get(f"/nowhere/?q={search}")
    site.wait_for(lambda: "/nowhere/" in site.output, 5)
    assert token not in site.output
    assert search not in site.output


def test_the_logs_of_a_whole_visit_hold_no_secret_and_say_nothing_of_who_it_was(prepared, first_run):
    login = {"username": LOGIN.search(first_run[1])["name"], "password": LOGIN.search(first_run[1])["password"]}
    smtp = f"smtp://mailer:Smtp-Password-1@127.0.0.1:{free_port()}"
    with serving(prepared, EMAIL_URL=smtp, APPLY_LIMITS="off") as served:
        student, visitor, reviewer = (Person(served.address) for _ in range(3))
        reference = apply(student)
        key = (prepared / "secret_key").read_text()
        token = signing.Signer(key=key, salt="applications.manage", sep=".").sign_object([reference, 1])
        assert visitor.ask(f"/applications/open/{token}/")[0] == 200
        assert visitor.ask(f"/applications/open/{token[:-1]}/")[0] == 404
        document = re.search(r"/documents/[\w-]+/", visitor.ask(f"/applications/{reference}/")[1])[0]
        assert visitor.ask(document, Range="bytes=0-9") == (206, "%PDF-1.3\n%")
        assert visitor.ask(document, method="HEAD") == (200, "")
        assert reviewer.submit("/admin/login/", **login | {"password": WRONG_PASSWORD})[0] == 200
        assert reviewer.submit("/admin/login/?next=/admin/", **login)[0] == 200
        assert WHO["full_name"] in reviewer.ask("/admin/applications/application/?q=Quillfeather")[1]
        assert Person(served.address).ask(document)[0] == 404
        talk_nonsense(served.port, student.session_key)
        served.wait_for(lambda: f"Not Found: {document}" in served.output, 10)
        served.wait_for(lambda: "was not sent (ConnectionRefusedError)" in served.output, 30)
    sessions = [key for (key,) in rows(prepared, "SELECT session_key FROM django_session")]
    assert sessions
    assert "/applications/open/[token]/" in served.output
    assert "Traceback" not in served.output
    secrets = {*student.secrets, *visitor.secrets, *reviewer.secrets, *sessions, token, key, login["password"]}
    assert_holds_none(served.output, *secrets, WRONG_PASSWORD, "Smtp-Password-1")


SLOW_UPLOAD = (
    "POST /applications/find/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n{header}"
    "Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
    '--edge\r\nContent-Disposition: form-data; name="cv"; filename="cv.pdf"\r\n\r\n%PDF-1.7\n'
)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"Cookie: csrftoken={'a' * 32}\r\n", id="that are received"),
        pytest.param("", id="that are refused at once"),
    ],
)
def test_the_catalogue_answers_while_fifty_clients_upload_slowly(site, header):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", site.port))) for _ in range(50)]
        for client in clients:
            client.sendall(SLOW_UPLOAD.format(header=header).encode())
        for _ in range(10):
            for client in clients:
                with contextlib.suppress(OSError):  # refused and closed by now
                    client.send(b"x" * 100)
            started = time.monotonic()
            assert site.get("/")[0] == 200
            # As long as nobody calls a page dead. How fast it is says benchmarks/deadline_rush.py, on a quiet machine.
            assert time.monotonic() - started < 5


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_quietly_and_leaves_no_process_behind(prepared, how):
    with serving(prepared) as served:
        assert len(served.family) >= 4  # the web server, its two processes, the worker
        shown = served.output
        assert served.stop(how) == 0
        assert not served.alive()
        assert served.output == shown


def test_a_worker_that_dies_is_started_again_and_the_log_says_so(prepared):
    with serving(prepared) as served:
        worker = served.child("run_worker")
        os.kill(worker, signal.SIGKILL)
        served.wait_for(lambda: served.child("run_worker") not in (None, worker), 10)
        assert "The worker, which sends the letters, stopped (killed by SIGKILL)" in served.output
        assert served.get("/healthz/")[0] == 200


def test_a_web_server_that_dies_ends_everything_with_a_failure(prepared):
    with serving(prepared) as served:
        os.kill(served.child("gunicorn"), signal.SIGKILL)
        assert served.process.wait(30) == 1
        served.wait_for(lambda: not served.alive(), 5)
        assert "The web server stopped (killed by SIGKILL)" in served.output


def test_nothing_outlives_a_quickstart_that_is_killed(prepared):
    with serving(prepared) as served:
        served.stop(signal.SIGKILL)
        served.wait_for(lambda: not served.alive(), 20)
