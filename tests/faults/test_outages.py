"""What the product stands on fails for a while: disk, folder, database, mail server, worker. Nothing that was said is
taken back, nothing is lost, nothing is sent twice without need, and the desk says what is wrong."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection

from tests.faults.desk import Desk
from tests.faults.disk import disk_for
from tests.faults.impatient import SQLITE_SECONDS
from tests.faults.mailbox import Mailbox
from tests.faults.product import CHECKOUT, WORKER, Product, kill, wait_for
from tests.faults.student import Student

pytestmark = pytest.mark.faults

# Root may write wherever it likes; without these two of its rights it may not, like everybody else.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk") / "data"
    with disk_for(folder) as disk:
        disk.folder = folder
        yield disk


@pytest.fixture(scope="module")
def running(make_product, disk) -> Product:
    product = make_product(
        disk.folder, wrapper=AS_ANYBODY, DJANGO_SETTINGS_MODULE="tests.faults.impatient", DISK_RESERVE_MB="1"
    )
    product.start()
    return product


@pytest.fixture(scope="module")
def desk(running) -> Desk:
    return Desk(running)


@pytest.fixture
def site(running, mailbox) -> Iterator[Product]:
    """The running product, with nothing in its way and no letter left."""
    wait_for(lambda: set(running.readiness().values()) == {"ok"}, "all to be well", lambda: str(running.readiness()))
    wait_until_sent(running)
    yield running
    mailbox.slow = mailbox.dies = 0


EVERYBODY: list[Student] = []


@pytest.fixture
def make_student(site) -> Callable[..., Student]:
    """A student whose form is open."""

    def make(**more) -> Student:
        student = Student(len(EVERYBODY) + 1, site.port, **more)
        EVERYBODY.append(student)
        student.open_form()
        return student

    return make


def assert_stored(site: Product, *students: Student) -> None:
    """That these have their applications, and that whatever is stored is whole."""
    assert {student.email: student.reference for student in students}.items() <= site.applications().items()
    site.assert_whole({student.email: student.sends for student in EVERYBODY})


def assert_asked_again(site: Product, student: Student, *words: str) -> None:
    """That the form came back with what was typed and says, in one of these ways, that it did not work just now."""
    assert student.sent() is None
    assert any(word in student.words() for word in words), student.words()
    assert student.fields["motivation"] in student.page
    assert student.email not in site.applications()


def letters_about(site: Product, *students: Student) -> set[tuple[str, str]]:
    """Recipient and Message-ID of everything that was written about these students."""
    rows = site.rows(
        "SELECT a.email, l.recipient, l.message_id FROM applications_letter l "
        "JOIN applications_application a ON a.id = l.application_id"
    )
    emails = {student.email for student in students}
    return {(recipient, message_id) for email, recipient, message_id in rows if email in emails}


def times_arrived(mailbox: Mailbox, letters: set[tuple[str, str]]) -> list[int]:
    return [mailbox.arrived[recipient][message_id] for recipient, message_id in letters]


def wait_until_sent(site: Product) -> None:
    wait_for(lambda: site.letters_left() == 0, "the letters to be sent", lambda: site.output)


# Disk and folder


@pytest.mark.once
def test_a_disk_that_gets_full_while_files_arrive_keeps_what_was_said_and_takes_the_same_form_later(
    site, disk, desk, make_student
):
    before, student, in_pieces = make_student(), make_student(kilobytes=700), make_student(in_pieces=True)
    before.reference = before.sent()
    wait_until_sent(site)
    try:
        disk.fill(site, leave_kilobytes=1300)  # more than the reserve, less than the files
        assert_asked_again(site, student, "could not check", "cannot take files", "could not be stored")
        disk.fill(site)
        assert_asked_again(site, student, "could not check", "cannot take files", "could not be stored")
        assert in_pieces.next_piece(None, None, "cv", "cv.pdf", in_pieces.files[0][2]).get("token") is None
        assert site.get("/")[0] == 200, "the catalogue needs no room"
        assert site.readiness()["storage"] != "ok"
        if disk.tells_free_space:
            assert "Students cannot send files" in desk.troubles()
        assert_stored(site, before)
    finally:
        disk.free(site)
    student.reference = student.insisted(student.sent)
    in_pieces.apply()
    assert_stored(site, before, student, in_pieces)
    wait_until_sent(site)
    assert "Students cannot send files" not in desk.troubles()


@pytest.mark.once
def test_a_folder_that_became_read_only_takes_no_document_and_loses_none(site, make_student):
    before, student = make_student(), make_student()
    before.reference = before.sent()
    wait_for(lambda: not site.strays(), "the page images")
    documents = site.folder / "documents"
    folders = [documents, *(path for path in documents.iterdir() if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert_asked_again(site, student, "could not check")
        assert site.readiness()["storage"] != "ok"
        assert_stored(site, before)
    finally:
        for folder in folders:
            folder.chmod(0o700)
    student.reference = student.sent()
    assert_stored(site, before, student)


# Database


@contextlib.contextmanager
def locked(site: Product) -> Iterator[None]:
    """Nobody else can write to the database meanwhile."""
    with contextlib.closing(sqlite3.connect(site.folder / "db.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA busy_timeout = 30000")
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


@pytest.mark.once
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite is locked as a whole")
def test_whoever_applies_while_the_database_is_busy_waits_and_gets_through(site, make_student):
    student = make_student()
    with locked(site):
        waiting = threading.Thread(target=lambda: setattr(student, "reference", student.sent()))
        waiting.start()
        time.sleep(SQLITE_SECONDS / 2)  # there is no event to wait for: that nothing happens is the point
        assert waiting.is_alive()
    waiting.join()
    assert_stored(site, student)
    assert student.tries == 1


@pytest.mark.once
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite is locked as a whole")
def test_a_database_that_stays_locked_gets_a_clear_answer_and_the_same_form_goes_through_later(site, make_student):
    student = make_student()
    with locked(site):
        assert_asked_again(site, student, "could not check", "could not be stored")
        assert site.get("/")[0] == 200, "reading goes on"
    student.reference = student.insisted(student.sent)
    assert_stored(site, student)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that could be cut")
def test_connections_to_the_database_that_are_cut_while_students_apply_lose_nothing(site, database_url, make_student):
    """What a restart of PostgreSQL does, several times in a row. Some get the page that says: go back and try again."""
    students = [make_student(in_pieces=number % 2 == 0, bears=(500,)) for number in range(6)]
    threads = [threading.Thread(target=student.apply) for student in students]
    for thread in threads:
        thread.start()
    cut = 0
    with psycopg.connect(database_url, autocommit=True) as database:
        while cut < 10 and any(thread.is_alive() for thread in threads):
            ours = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            cut += any(ended for (ended,) in database.execute(f"SELECT pg_terminate_backend(pid) {ours}"))
            time.sleep(0.3)
    for thread in threads:
        thread.join()
    assert cut
    assert_stored(site, *students)
    site.let_leases_run_out()
    wait_until_sent(site)


# Letters


@pytest.mark.once
def test_a_mail_server_that_dies_in_the_middle_of_a_letter_gets_it_again_under_the_same_message_id(
    site, mailbox, make_student
):
    mailbox.dies = 2
    student = make_student()
    student.reference = student.sent()

    def all_sent() -> bool:
        site.let_leases_run_out()
        return site.letters_left() == 0

    wait_for(all_sent, "the letters to be sent", lambda: site.output)
    letters = letters_about(site, student)
    arrived = times_arrived(mailbox, letters)
    assert min(arrived) >= 1
    assert sum(arrived) == len(letters) + 2, "only what was not confirmed came again"
    assert set(mailbox.arrived[student.email]) == {message_id for to, message_id in letters if to == student.email}


@pytest.mark.once
def test_letters_are_sent_once_when_the_mail_server_is_slow_and_a_second_worker_runs(site, mailbox, make_student):
    mailbox.slow = 0.7
    students = [make_student() for _ in range(2)]
    second = subprocess.Popen(
        [*site.wrapper, sys.executable, str(CHECKOUT / "manage.py"), "run_worker"],
        env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for student in students:
            student.reference = student.sent()
        wait_until_sent(site)
    finally:
        second.terminate()
        second.wait(60)
    assert set(times_arrived(mailbox, letters_about(site, *students))) == {1}


@pytest.mark.once
def test_while_the_worker_stands_still_letters_wait_and_the_desk_says_so_and_then_each_goes_out_once(
    site, mailbox, desk, make_student
):
    student = make_student()
    [worker] = site.pids(WORKER)
    kill([worker], signal.SIGSTOP)
    try:
        student.reference = student.sent()
        assert_stored(site, student)
        site.rows("UPDATE applications_chore SET ran_at = '2026-01-01 00:00:00' WHERE name LIKE 'worker%'")
        assert "The worker was last seen on 1 January 2026" in desk.troubles()
        assert site.letters_left() == 2
    finally:
        kill([worker], signal.SIGCONT)
    wait_until_sent(site)
    assert times_arrived(mailbox, letters_about(site, student)) == [1, 1]
    kill([worker])  # another one begins by saying that it lives
    wait_for(lambda: "last seen" not in desk.troubles(), "the desk to be content")


@pytest.mark.once
def test_everything_can_be_restarted_while_students_apply(site, mailbox, make_student):
    mailbox.slow = 0.2
    students = [make_student(in_pieces=number % 2 == 0) for number in range(4)]
    threads = [threading.Thread(target=student.apply) for student in students]
    for thread in threads:
        thread.start()
    site.stop()
    site.start()
    for thread in threads:
        thread.join()
    assert_stored(site, *students)
    wait_until_sent(site)
    assert set(times_arrived(mailbox, letters_about(site, *students))) == {1}, "a letter in hand is finished first"
