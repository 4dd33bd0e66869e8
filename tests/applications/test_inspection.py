"""The inspection of uploaded documents: its words, its limits, and that no file can hurt the web process."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings

from applications import inspection
from applications.inspection import WORDS, Inspection, InspectionUnavailable, inspect
from tests import pdfs

pytestmark = pytest.mark.once

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc or needs a limit on memory")

WHAT_TO_DO = {
    "empty": "choose it again",
    "photo": "save it as a PDF",
    "word_file": "“Export as” PDF",
    "archive": "Unpack it",
    "web_page": "download the document again",
    "not_pdf": "“Save as PDF”",
    "locked": "Export it again without one, or print it to PDF",
    "no_pages": "Export or download it again",
    "broken": "Download or export it again",
    "too_many_pages": "Save only the pages that matter",
    "too_complex": "“Save as PDF”",
}


@pytest.fixture
def inspected(tmp_path):
    """Inspects these bytes as a file of the disk."""

    def inspected(data: bytes) -> Inspection:
        path = tmp_path / "upload"
        path.write_bytes(data)
        return inspect(path)

    return inspected


# What comes in and what is refused is told by `tests/corpus`, file by file, and held by test_corpus.py


@pytest.mark.parametrize(
    "make", [pdfs.owner_locked, pdfs.signed_like, pdfs.hole_in_a_page, pdfs.truncated, pdfs.memory_bomb]
)
def test_the_inspected_file_keeps_every_byte(tmp_path, make):
    path = tmp_path / "upload"
    path.write_bytes(make())
    path.chmod(0o400)
    inspect(path)
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(make()).digest()


def test_a_pdf_of_as_many_pages_as_allowed_is_accepted_and_one_more_is_refused(inspected):
    assert inspected(pdfs.many_pages(inspection.MOST_PAGES)).pages == inspection.MOST_PAGES
    assert inspected(pdfs.many_pages(inspection.MOST_PAGES + 1)).code == "too_many_pages"


@pytest.mark.parametrize("code", WORDS)
def test_the_words_of_a_refusal_say_what_to_do(code):
    assert WHAT_TO_DO[code] in str(WORDS[code])


def test_the_words_of_too_many_pages_name_the_limit():
    assert str(inspection.MOST_PAGES) in str(WORDS["too_many_pages"])


def test_every_kind_of_refusal_says_what_to_do():
    assert set(WHAT_TO_DO) == set(WORDS)


def test_no_shortened_copy_of_a_transcript_is_accepted_with_a_page_missing(inspected):
    """Wherever the download broke off: refused, or every page is there with what stands on it."""
    whole = pdfs.transcript(5)
    for length in range(20, len(whole), len(whole) // 40):
        result = inspected(whole[:length])
        assert result.code == "broken" or (result.pages == 5 and "mended" in result.flags)
        assert result.code == "broken" or length > whole.rindex(b"endstream")


# Many at once, and after trouble


def test_eight_threads_get_the_answers_that_belong_to_their_own_files(tmp_path):
    makers = [pdfs.cv, pdfs.transcript, pdfs.renamed_photo, pdfs.user_locked, pdfs.with_launch, pdfs.word_file] * 8
    paths = [tmp_path / str(number) for number in range(len(makers))]
    for make, path in zip(makers, paths, strict=True):
        path.write_bytes(make())
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(inspect, paths))
    expected = ["ok", "ok", "photo", "locked", "ok", "word_file"] * 8
    assert [result.code for result in results] == expected
    assert [result.flags for result in results[4::6]] == [["launch_action"]] * 8


@pytest.mark.parametrize("bomb", [pdfs.memory_bomb, pdfs.flate_bomb])
def test_an_honest_file_is_accepted_while_a_bomb_goes_off_beside_it(tmp_path, inspected, bomb):
    path = tmp_path / "bomb"
    path.write_bytes(bomb())
    with ThreadPoolExecutor(1) as thread:
        exploding = thread.submit(inspect, path)
        assert inspected(pdfs.cv()).accepted
        assert exploding.result().code == "too_complex"
    assert inspected(pdfs.cv()).accepted


def test_one_warm_program_looks_at_all_files_and_is_not_started_for_each(inspected):
    inspected(pdfs.cv())
    program = inspection._server._program
    for make in (pdfs.transcript, pdfs.renamed_photo, pdfs.object_stream_bomb, pdfs.cv):
        inspected(make())
    assert inspection._server._program is program


def test_an_inspector_that_was_killed_is_started_again(inspected):
    inspected(pdfs.cv())
    killed = inspection._server._program.process
    killed.kill()
    killed.wait()
    assert inspected(pdfs.cv()).accepted
    assert inspection._server._program.process.pid != killed.pid


def test_files_under_way_when_the_inspector_is_killed_are_still_judged_by_what_they_are(tmp_path):
    """None of them is refused for it: what was not begun is asked again, what was begun is answered."""
    path = tmp_path / "upload"
    path.write_bytes(pdfs.transcript())
    inspect(path)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(inspect, path) for _ in range(60)]
        waiting[5].result()
        inspection._server._program.process.kill()
        assert [result.result().code for result in waiting] == ["ok"] * 60


def test_a_file_that_cannot_be_read_is_nobodys_fault(tmp_path):
    with pytest.raises(InspectionUnavailable, match="No such file"):
        inspect(tmp_path / "gone")


# The limits of the child, and what it may answer: here the inspector runs with some of its lines replaced


@pytest.fixture
def rigged(tmp_path, monkeypatch, inspected):
    """Inspects a CV by the real inspector, of which some lines have been replaced."""

    def rigged(lines: str) -> Inspection:
        program = tmp_path / "rigged.py"
        start = f"import sys\nsys.path.insert(0, {str(settings.BASE_DIR)!r})\nfrom applications import inspector\n"
        program.write_text(start + textwrap.dedent(lines) + "\ninspector.main()\n")
        monkeypatch.setattr(inspection, "PROGRAM", program)
        monkeypatch.setattr(inspection, "_server", server := inspection._new_server())
        try:
            return inspected(pdfs.cv())
        finally:
            server.close()

    return rigged


def ask_for(statement: str) -> str:
    """Lines that let the examination of a file run this statement; when the statement ends, the file is accepted."""
    return f"""
    import ctypes, os, socket, subprocess, time
    real = inspector.examine
    def examine(data, most_pages):
        if inspector.serving:
            {statement}
        return real(data, most_pages)
    def serve(*args, serve=inspector.serve):
        inspector.serving = True
        serve(*args)
    inspector.serving, inspector.examine, inspector.serve = False, examine, serve
    """


def test_an_unchanged_inspector_accepts_the_file_that_the_next_tests_use(rigged):
    assert rigged(ask_for("pass")).accepted


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param("inspector.CPU_SECONDS", id="as much computing as it likes"),
        pytest.param("inspector.WALL_SECONDS", id="as much time as it likes"),
    ],
)
def test_a_file_that_takes_too_long_is_refused(rigged, attempt):
    endless = "while True: pass" if "CPU" in attempt else "time.sleep(60)"
    assert rigged(f"{attempt} = 1\n" + textwrap.dedent(ask_for(endless))).code == "too_complex"


LIMITS_OF_A_CHILD = """
import resource as r, signal
limits = {name: r.getrlimit(getattr(r, "RLIMIT_" + name)) for name in ("AS", "CPU", "CORE", "FSIZE", "NPROC", "NOFILE")}
expected = {"AS": 700 << 20, "CPU": 8, "CORE": 0, "FSIZE": 0, "NPROC": 0, "NOFILE": 0}
assert limits == {name: (most, most) for name, most in expected.items()}, limits
assert 0 < signal.alarm(0) <= 20
"""


@on_linux
def test_the_child_is_under_each_of_its_limits(rigged):
    """Soft and hard limits are the same, so that an ordinary user's process cannot raise them again."""
    assert rigged(ask_for(f"exec({LIMITS_OF_A_CHILD!r}, {{}})")).accepted


@on_linux
def test_a_file_that_takes_too_much_memory_is_refused(rigged):
    assert rigged(ask_for("bytearray(800 << 20)")).code == "too_complex"
    assert rigged(ask_for("bytearray(200 << 20)")).accepted


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param("os.kill(os.getpid(), 11)", id="crash"),
        pytest.param("ctypes.string_at(0)", id="read memory that is not its own"),
        pytest.param("os._exit(0)", id="leave without a word"),
        pytest.param(f"open({os.devnull!r})", id="open a file"),
        pytest.param(f"open({str(settings.BASE_DIR / 'manage.py')!r})", id="read our files"),
        pytest.param("socket.socket()", id="call somebody"),
        pytest.param("subprocess.run(['true'])", id="start a program"),
        pytest.param("os.fork()", id="go on in another process"),
        pytest.param("os.write(os.memfd_create('x'), b'x')", id="write a file in memory", marks=on_linux),
        pytest.param("raise ValueError('a fault of ours')", id="meet a fault of ours"),
    ],
)
def test_a_file_that_makes_the_child_misbehave_is_refused(rigged, attempt):
    assert rigged(ask_for(attempt)).code == "too_complex"


def test_a_fault_of_ours_is_logged_with_its_place_and_without_what_was_in_the_file(rigged, caplog):
    rigged(ask_for("raise ValueError(data[:20])"))
    assert "ValueError at examine:" in caplog.text
    assert "%PDF" not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        "nonsense",
        "[]",
        "null",
        '{"code": "ok"}',
        '{"code": ["ok"], "pages": 1, "flags": []}',
        '{"code": "ok", "pages": 0, "flags": []}',
        '{"code": "ok", "pages": true, "flags": []}',
        '{"code": "ok", "pages": 1000000, "flags": []}',
        '{"code": "ok", "pages": 1, "flags": ["harmless"]}',
        '{"code": "ok", "pages": 1, "flags": [[]]}',
        '{"code": "splendid", "pages": 1, "flags": []}',
        "[" * 4000,
    ],
)
def test_an_answer_that_no_honest_child_gives_is_not_believed(answer):
    assert inspection._understood(answer.encode()).code == "too_complex"


def test_an_answer_without_end_is_not_read_to_its_end(rigged):
    assert rigged("inspector.json.dumps = lambda result: '[' * (100 << 20)").code == "too_complex"


@on_linux
def test_an_inspector_gets_no_secrets_from_the_environment(inspected, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "a-secret-of-this-test")
    monkeypatch.setattr(inspection, "_server", server := inspection._new_server())
    try:
        inspected(pdfs.cv())
        environment = Path(f"/proc/{server._program.process.pid}/environ").read_bytes()
    finally:
        server.close()
    assert b"PATH=" in environment
    assert b"a-secret-of-this-test" not in environment
    assert b"DATA_DIR" not in environment


def test_an_inspector_that_cannot_start_is_no_fault_of_the_file(rigged):
    with pytest.raises(InspectionUnavailable, match="cannot be started"):
        rigged("raise SystemExit(1)")


def test_a_python_that_is_gone_is_no_fault_of_the_file(rigged, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(InspectionUnavailable, match="/nonexistent/python"):
        rigged("")


def test_a_crowd_that_waits_too_long_for_its_turn_is_asked_to_come_again(inspected, monkeypatch):
    monkeypatch.setattr(inspection, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(inspection, "_server", server := inspection._new_server())
    for _ in range(inspection.AT_ONCE):
        server._turns.acquire()
    with pytest.raises(InspectionUnavailable, match="Too many"):
        inspected(pdfs.cv())


# Nothing is left behind


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@on_linux
def test_inspections_leave_no_descriptor_and_no_process_behind(inspected):
    inspected(pdfs.cv())
    inspector = inspection._server._program.process.pid
    here, there = len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{inspector}/fd"))
    for make in [pdfs.cv, pdfs.user_locked, pdfs.renamed_photo, pdfs.flate_bomb] * 5:
        inspected(make())
    assert len(os.listdir("/proc/self/fd")) == here
    assert len(os.listdir(f"/proc/{inspector}/fd")) == there
    assert eventually(lambda: children_of(inspector) == [])


@on_linux
def test_restarts_leave_no_descriptor_and_no_process_behind(inspected):
    inspected(pdfs.cv())
    here, processes = len(os.listdir("/proc/self/fd")), len(children_of(os.getpid()))
    for _ in range(3):
        inspection._server._program.process.kill()
        inspected(pdfs.cv())
    assert len(os.listdir("/proc/self/fd")) == here
    assert len(children_of(os.getpid())) == processes


def web_process(tmp_path, lines: str) -> subprocess.Popen:
    """A process that inspects a CV as a web process does, prints its inspector's number, and goes on with `lines`."""
    path = tmp_path / "upload"
    path.write_bytes(pdfs.cv())
    program = f"""
    import os, signal, sys, time
    from applications import inspection
    def inspect():
        assert inspection.inspect({str(path)!r}).accepted
        print(inspection._server._program.process.pid, flush=True)
    inspect()
    """
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program) + textwrap.dedent(lines)],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def eventually(claim: Callable[[], bool]) -> bool:
    return any(claim() or time.sleep(0.02) for _ in range(500))


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return (
            state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"
        )  # only its parent has not looked
    except (ProcessLookupError, FileNotFoundError):
        return True


@pytest.mark.parametrize("ending", ["sys.exit()", "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_inspector_ends_with_the_web_process_however_that_ends(tmp_path, ending):
    with web_process(tmp_path, ending) as process:
        output, errors = process.communicate(timeout=30)
    assert eventually(lambda: has_ended(int(output)))
    assert errors == ""


def test_a_forked_worker_gets_an_inspector_of_its_own_and_leaves_its_parents_alone(tmp_path):
    lines = """
    if (worker := os.fork()) == 0:
        inspect()
        sys.exit()
    assert os.waitpid(worker, 0)[1] == 0
    inspect()
    """
    with web_process(tmp_path, lines) as process:
        output, errors = process.communicate(timeout=30)
    first, workers, again = map(int, output.split())
    assert (first == again, first == workers) == (True, False)
    assert eventually(lambda: has_ended(first) and has_ended(workers))
    assert errors == ""


def test_a_worker_that_outlives_its_parent_does_not_keep_the_parents_inspector(tmp_path):
    lines = """
    if (worker := os.fork()) == 0:
        time.sleep(20)
        os._exit(0)
    print(worker, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    with web_process(tmp_path, lines) as process:
        inspector, worker = (int(process.stdout.readline()) for _ in range(2))
        process.wait(timeout=30)
        try:
            assert not has_ended(worker)
            assert eventually(lambda: has_ended(inspector))
        finally:
            os.kill(worker, signal.SIGKILL)


def test_an_interrupt_from_the_keyboard_does_not_end_the_inspector_before_the_web_process(tmp_path):
    lines = """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)
    before = inspection._server._program
    inspect()
    assert inspection._server._program is before
    """
    with web_process(tmp_path, lines) as process:
        output, errors = process.communicate(timeout=30)
    assert len(set(output.split())) == 1
    assert errors == ""
