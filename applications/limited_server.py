"""Our side of the programs that read strangers' files: `LimitedServer` starts one, asks it, replaces it, ends it.

What such a program is, and how its children are limited, is told in `applications.limited_child`, which is never
imported here with its libraries: nothing in this process reads a byte of a document.
"""

import atexit
import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from pathlib import Path

from applications.limited_child import STARTED

logger = logging.getLogger(__name__)

OUR_CODE = Path(__file__).resolve().parent.parent
# The program runs isolated (-I): no folder of ours, no environment decides what it imports, but for this one line.
START = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
# What such a program keeps of our environment: enough to run Python, no secrets.
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


class NotServed(Exception):
    """Nobody looked at the document, through no fault of its own. The sentence is for the log."""


class _Program:
    """One running program and the socket that reaches it."""

    def __init__(self, path: Path, arguments: Iterable[str], patience: float) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(patience)
        try:
            with theirs:
                number = theirs.fileno()
                self.process = subprocess.Popen(
                    [sys.executable, "-I", "-c", START, str(OUR_CODE), str(path), str(number), *arguments],
                    pass_fds=[number],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is for the web process, which then ends this one
                )
        except BaseException:
            self.control.close()
            raise

    def close(self) -> None:
        """Ends the process: it goes when its control socket closes, and is not waited for longer than a moment."""
        self.control.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def abandon(self) -> None:
        """Lets go of a process that belongs to the parent of this (forked) process."""
        self.control.close()
        self.process.returncode = 0  # not ours to wait for


class LimitedServer:
    """One program of this process: started when first needed, replaced when it died. Any thread may ask it.

    `at_once` documents are looked at side by side, further ones wait `turn_seconds`; a child may take
    `answer_seconds` (more than it may live) and say `longest_answer` bytes.
    """

    def __init__(
        self,
        program: Path,
        arguments: Iterable[str] = (),
        *,
        at_once: int,
        turn_seconds: float,
        answer_seconds: float,
        longest_answer: int,
    ) -> None:
        self._path, self._arguments = program, tuple(arguments)
        self._at_once, self._turn_seconds = at_once, turn_seconds
        self._answer_seconds, self._longest_answer = answer_seconds, longest_answer
        self._begin()
        _servers.add(self)

    def ask(self, document: int) -> bytes:
        """The answer of a child about this open file; what it said until then when a limit ended it.

        Raises NotServed when no child could look at the file, and OSError when the program cannot be started.
        """
        if not self._turns.acquire(timeout=self._turn_seconds):
            raise NotServed("Too many documents are waiting at the moment.")
        try:
            for _attempt in range(2):
                answer = self._ask_once(document)
                if answer.startswith(STARTED):
                    return answer.removeprefix(STARTED)
            raise NotServed(f"The program {self._path.name} cannot be started.")
        finally:
            self._turns.release()

    def close(self) -> None:
        with self._lock:
            if self._program:
                self._program.close()
                self._program = None

    def start_afresh(self) -> None:
        """In a forked process: the program and the locks are the parent's."""
        if self._program:
            self._program.abandon()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(self._at_once)
        self._program: _Program | None = None

    def _ask_once(self, document: int) -> bytes:
        """STARTED and the child's answer; empty when the program was gone and is now removed."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                program = self._running()
                sent = self._send(program, [document, theirs.fileno()])
            answer = self._read_to_end(ours) if sent else b""
        if not answer:
            self._remove(program)
        return answer

    def _running(self) -> _Program:
        with self._lock:
            if self._program is None:
                self._program = _Program(self._path, self._arguments, self._answer_seconds)
            return self._program

    def _send(self, program: _Program, descriptors: list[int]) -> bool:
        with self._lock, contextlib.suppress(OSError):
            socket.send_fds(program.control, [b"!"], descriptors)
            return True
        return False

    def _remove(self, program: _Program) -> None:
        """Another thread may have done so already, and a new one may be running."""
        with self._lock:
            if self._program is program:
                logger.warning("The program %s had ended; it is started again when needed.", self._path.name)
                self._program = None
                program.close()

    def _read_to_end(self, answers: socket.socket) -> bytes:
        """All that a child says, up to a length that no honest answer has; what came until then if it falls silent."""
        answer = bytearray()
        deadline = time.monotonic() + self._answer_seconds
        while len(answer) <= self._longest_answer and (left := deadline - time.monotonic()) > 0:
            answers.settimeout(left)
            try:
                chunk = answers.recv(1 << 16)
            except OSError:
                break
            if not chunk:
                break
            answer += chunk
        return bytes(answer)


_servers: weakref.WeakSet[LimitedServer] = weakref.WeakSet()


def _start_all_afresh() -> None:
    """A forked process (a web server's worker) gets programs of its own."""
    for server in list(_servers):
        server.start_afresh()


def _close_all() -> None:
    for server in list(_servers):
        server.close()


os.register_at_fork(after_in_child=_start_all_afresh)
atexit.register(_close_all)
