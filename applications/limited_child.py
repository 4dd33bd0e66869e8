"""How a program reads strangers' files without harm: in a child that is forked for one file, with limits.

Everything in an uploaded file is hostile until proved otherwise, and the libraries that read PDFs are written in C++.
The program (`inspector`, `renderer`) is the parent of these children: single-threaded, with its libraries already
loaded, and without Django, settings or secrets. `applications.limited_server` starts it and talks to it.
See docs/decisions/0001-inspection-in-a-limited-child.md.

How they talk: each byte on the control socket comes with two descriptors, the document (open for reading) and the
socket for the answer. The child first writes STARTED, then whatever its program has to say. The end of the control
socket ends the program.
"""

import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

STARTED = b"."

Say = Callable[[bytes], None]
Work = Callable[[bytes, Say], None]  # gets the bytes of the document, and says its answer in one or many parts


@dataclass(frozen=True)
class Limits:
    """What one child may use: memory in bytes, and seconds of computing and by the clock."""

    memory: int
    cpu: int
    wall: int


def become_parent() -> socket.socket:
    """Makes this process what the children need, and returns the control socket whose number is the first argument."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system clears children away
    for ending in (signal.SIGINT, signal.SIGTERM):
        # a web process that shuts down still answers its last students, then ends us by closing the control socket
        signal.signal(ending, signal.SIG_IGN)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # when memory runs out, a child goes before the web process and the database
    logging.disable(logging.CRITICAL)
    return socket.socket(fileno=int(sys.argv[1]))


def serve(control: socket.socket, work: Work, limits: Limits) -> None:
    """Forks a child for each request until the other side closes its end. Call it when all libraries are warm."""
    gc.freeze()  # children share these pages instead of copying them
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return
        if len(descriptors) == 2 and os.fork() == 0:
            status = 1
            try:
                control.close()  # else the other side could still write to a server that is gone
                work_in_this_child(descriptors[0], socket.socket(fileno=descriptors[1]), work, limits)
                status = 0
            finally:
                os._exit(status)
        for descriptor in descriptors:
            os.close(descriptor)


def work_in_this_child(document: int, answer: socket.socket, work: Work, limits: Limits) -> None:
    answer.sendall(STARTED)
    os.dup2(1, 2)  # what a library prints about a student's file is not for the log
    limit_this_process(limits)
    with open(document, "rb") as file:
        work(file.read(), answer.sendall)


def limit_this_process(limits: Limits) -> None:
    for ending in (signal.SIGALRM, signal.SIGXCPU):
        signal.signal(ending, signal.SIG_DFL)  # ends the process even in the middle of C++
    signal.alarm(limits.wall)
    lower(resource.RLIMIT_AS, limits.memory)
    lower(resource.RLIMIT_CPU, limits.cpu)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, 0)  # nothing can be written
    lower(resource.RLIMIT_NPROC, 0)  # nothing can be started
    lower(resource.RLIMIT_NOFILE, 0)  # nothing can be opened and nobody called


def lower(kind: int, value: int) -> None:
    """Sets a limit for good, as far as the system lets us: macOS knows no limit on address space."""
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def place_of(error: Exception) -> str:
    """Where a fault of ours is, for the log; never what was in the file."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.name}:{frame.lineno}"
