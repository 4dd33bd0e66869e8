"""Keeps the web server and the worker of one `quickstart` running, and stops both together.

It knows nothing of Django: `quickstart` prepares everything and then becomes this small process, so that a 1-GB machine
pays for the product's code in the web server and the worker only.

Three promises: a worker that dies is started again; a web server that dies ends everything with a failure that a
service manager notices; neither outlives this process, however it ends. The last one rests on the *lifeline*, a pipe
whose writing end only this process holds: when it is gone, even by kill -9, the children read end-of-file and stop.
"""

import argparse
import contextlib
import errno
import http.client
import logging
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tracker.logs import LineFormatter

BASE_DIR = Path(__file__).resolve().parent.parent
LIFELINE = "TRACKER_LIFELINE"  # the number of the lifeline's reading end, in the environment of the children

GRACE_SECONDS = 30  # what a request under way, or a letter being sent, gets to finish when the product stops
LONGEST_PAUSE = 60  # seconds between two starts of a worker that keeps dying
STEADY_SECONDS = 60  # a worker that lived this long starts again at once

log = logging.getLogger("tracker.serving")


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def why_not_listen(host: str, port: int) -> str | None:
    """A sentence that says why nobody can serve on this address now; None when it is free."""
    try:
        family = family_of(host)
        socket.getaddrinfo(host, port, family)  # create_server() would not tell an unknown name from other failures
        socket.create_server((host, port), family=family).close()
    except socket.gaierror:
        return f"{host!r} is not an address of this machine. Leave --host out to serve on this machine only."
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} on {host} is taken by another program. Stop it, or choose another with --port."
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"Port {port} may not be used by this user. Choose one from 1024 with --port."
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{host!r} is not an address of this machine. Leave --host out to serve on this machine only."
        return f"Port {port} on {host} cannot be used ({error.strerror})."
    return None


# In the children


def stop_with_parent(stop: Callable[[], None]) -> None:
    """Calls `stop` once the process at the other end of the lifeline is gone; without a lifeline, does nothing."""
    # Taken out of the environment: a process that this one starts has no such file, or another one under the number.
    descriptor = os.environ.pop(LIFELINE, "")
    if not descriptor:
        return

    def wait_for_the_end() -> None:
        while os.read(int(descriptor), 1):
            pass
        stop()

    threading.Thread(target=wait_for_the_end, name="lifeline", daemon=True).start()


def stop_myself() -> None:
    """Asks this process to stop, and insists when it has not done so in time."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def run_tied(arguments: list[str]) -> None:
    """Runs a Python program in this process, tied to the lifeline."""
    stop_with_parent(stop_myself)
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


# In the parent


class Child:
    """One program beside this process, in a session of its own: Ctrl-C reaches only the parent, which decides."""

    def __init__(self, name: str, command: list[str], lifeline: int) -> None:
        self.name = name
        self.command = command
        self.lifeline = lifeline
        self.process: subprocess.Popen | None = None
        self.started_at = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, LIFELINE: str(self.lifeline)},
            pass_fds=[self.lifeline],
            start_new_session=True,
        )

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ending(self) -> str:
        code = self.process.returncode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def ask_to_stop(self) -> None:
        if self.is_running():
            self.process.terminate()

    def end(self) -> None:
        """Kills what is left of it, its own children included, and forgets it."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


class Supervisor:
    def __init__(self, host: str, port: int, site_url: str) -> None:
        self.host, self.port, self.site_url = host, port, site_url
        # The writing end stays with this process (it is closed in every child), and so does the lifeline.
        lifeline, self.held_end = os.pipe()
        shown_host = f"[{host}]" if ":" in host else host
        python = sys.executable
        self.web = Child(
            "web server",
            [python, "-m", "gunicorn", "--config", str(BASE_DIR / "tracker" / "gunicorn_conf.py"),
             "--bind", f"{shown_host}:{port}", "tracker.wsgi:application"],
            lifeline,
        )  # fmt: skip
        self.worker = Child(
            "worker",
            [python, "-m", "tracker.serving", "--tied", str(BASE_DIR / "manage.py"), "run_worker"],
            lifeline,
        )
        self.worker_deaths = 0
        self.worker_due_at = 0.0  # when the worker starts again (monotonic clock)
        self.is_ready = False
        self.stops_asked = 0

    def run(self) -> int:
        """Serves until a signal asks to stop (0) or the web server dies (1)."""
        waker = self.listen_to_signals()
        try:
            self.web.start()
            while not self.stops_asked:
                if not self.web.is_running():
                    log.error("The web server stopped (%s). Everything stops.", self.web.ending())
                    return 1
                self.look_after_worker()
                self.say_when_ready()
                self.sleep(waker, self.pause())
            self.stop_gently(waker)
            return 0
        finally:
            self.web.end()
            self.worker.end()

    def listen_to_signals(self) -> int:
        """Every signal wakes the loop through a pipe, so nothing is polled or missed; returns its reading end."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started with nohup: it is to survive the terminal
            signal.signal(number, self.note_stop)
        return reading

    def note_stop(self, *_) -> None:
        self.stops_asked += 1

    @staticmethod
    def sleep(waker: int, seconds: float | None) -> None:
        select.select([waker], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(waker, 1024)

    def pause(self) -> float | None:
        """How long the loop may sleep when no signal comes."""
        if not self.is_ready:
            return 0.2
        if not self.worker.is_running():
            return max(0.0, self.worker_due_at - time.monotonic())
        return None

    def look_after_worker(self) -> None:
        if self.worker.is_running():
            return
        now = time.monotonic()
        if self.worker.process is not None:
            self.worker_deaths = 0 if now - self.worker.started_at > STEADY_SECONDS else self.worker_deaths + 1
            pause = min(2**self.worker_deaths, LONGEST_PAUSE)
            log.error(
                "The worker, which sends the letters, stopped (%s). It starts again in %d s; no letter is lost.",
                self.worker.ending(), pause,
            )  # fmt: skip
            self.worker.end()
            self.worker_due_at = now + pause
        if now >= self.worker_due_at:
            self.worker.start()

    def say_when_ready(self) -> None:
        if not self.is_ready and self.answers():
            self.is_ready = True
            print(f"Ready: {self.site_url}/ (Ctrl-C stops it)", flush=True)  # noqa: T201 - this is what the user waits for

    def answers(self) -> bool:
        """Whether the web server answers at all; what it says is the monitoring's business."""
        site = urlsplit(self.site_url)
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        connection = http.client.HTTPConnection(reachable, self.port, timeout=1)
        try:
            connection.request("GET", "/healthz/", headers={"Host": site.netloc})
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def stop_gently(self, waker: int) -> None:
        """Gives requests under way and letters being sent their time; a second Ctrl-C does not wait for them."""
        asked, deadline = self.stops_asked, time.monotonic() + GRACE_SECONDS + 5
        children = [self.web, self.worker]
        for child in children:
            child.ask_to_stop()
        told = False
        while any(child.is_running() for child in children):
            left = deadline - time.monotonic()
            if left <= 0 or self.stops_asked > asked:
                return
            self.sleep(waker, left if told else min(left, 2))
            if not told and time.monotonic() > deadline - GRACE_SECONDS - 3:
                told = True
                log.info("Finishing what is under way, at most %d s. Ctrl-C again stops at once.", GRACE_SECONDS)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--tied"]:
        run_tied(arguments[1:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--site-url", required=True)
    options = parser.parse_args(arguments)
    console = logging.StreamHandler()
    console.setFormatter(LineFormatter("{asctime} {levelname} {name}: {message}", style="{"))
    logging.basicConfig(handlers=[console], level=logging.INFO)
    return Supervisor(options.host, options.port, options.site_url).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
