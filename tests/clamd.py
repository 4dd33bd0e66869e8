"""Malware scanners for tests: a real clamd with a signature of one line, and one that misbehaves as told.

The test file that all scanners know (EICAR) is harmless. It stands here backwards, so that no scanner on a developer's
machine takes this file for malware.
"""

import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pikepdf
import pytest

from tests import pdfs

EICAR = "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"[::-1].encode()


def infected_pdf() -> bytes:
    """A CV that opens like any other, with the test file inside."""

    def infect(pdf: pikepdf.Pdf) -> None:
        pdf.Root.Attached = pdf.make_stream(EICAR)

    return pdfs.resaved(infect, compress_streams=False)


class FakeClamd:
    """Speaks clamd's zPING and zINSTREAM on a port of this machine. `mood` says how it answers the next files.

    `honest`: by whether EICAR is in them. `closing`: hangs up when a file comes. `closing late`: takes it and hangs up.
    `garbage`: answers what is no answer. `cut`: hangs up before “OK” ends. `error`, `too large`: says so, the latter
    before it has read everything. `silent`: takes the file and never answers. `dead`: answers not even a PING.
    """

    def __init__(self) -> None:
        self.mood = "honest"
        self.conversations = 0
        self.is_stopped = threading.Event()
        self._server: socketserver.ThreadingTCPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; the second time on the same port as before."""
        fake = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                fake.conversations += 1
                fake.converse(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.is_stopped.clear()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more; who waits for an answer is hung up on."""
        self.is_stopped.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as heard:
            command = b""
            while not command.endswith(b"\0"):
                command += heard.read(1) or b"\0"
            if self.mood == "dead":
                self.is_stopped.wait()
                return
            if command == b"zPING\0":
                connection.sendall(b"PONG\0")
            elif command == b"zINSTREAM\0" and self.mood != "closing":
                self._take_file(connection, heard)

    def _take_file(self, connection: socket.socket, heard) -> None:
        if self.mood == "too large":
            connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
            return
        content = b""
        while size := int.from_bytes(heard.read(4), "big"):
            content += heard.read(size)
        if self.mood == "silent":
            self.is_stopped.wait()
        answers = {
            "honest": b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0",
            "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n\0",
            "cut": b"stream: OK",
            "error": b"stream: Can't allocate memory ERROR\0",
        }
        connection.sendall(answers.get(self.mood, b""))


class RealClamd:
    """Debian's clamd, with the one signature that matters here, over a Unix socket in a folder of its own."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self.program = folder, program
        self.socket = folder / "clamd.ctl"
        self.url = f"unix://{self.socket}"
        (folder / "signatures").mkdir()
        (folder / "signatures" / "test.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        lines = [
            f"LocalSocket {self.socket}",
            f"DatabaseDirectory {folder / 'signatures'}",
            f"TemporaryDirectory {folder}",
            "Foreground yes",
            "StreamMaxLength 1M",
            "MaxThreads 2",
        ]
        (folder / "clamd.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns once it listens."""
        command = [self.program, f"--config-file={self.folder / 'clamd.conf'}"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 60
        while not self._listens():
            assert self._process.poll() is None, "clamd has ended instead of listening"
            assert time.monotonic() < give_up_at, "clamd does not listen"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(str(self.socket)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def real_clamd() -> RealClamd:
    """With CI=true a missing one is a failure, never a skip. A Unix socket's path has to be short: not in tmp_path."""
    program = os.environ.get("CLAMD") or shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("No clamd on this machine. Install Debian's package `clamav-daemon`.")
        pytest.skip("No clamd on this machine (Debian: apt-get install clamav-daemon).")
    return RealClamd(Path(tempfile.mkdtemp(prefix="clamd-")), program)
