"""The last half minute before a deadline: 200 students with three documents each, and clients that trickle their bytes.

The product runs as `quickstart` runs it, worker included, from a data folder that is made for this and removed again;
over SQLite, or over the empty database that DATABASE_URL names. See README.md.
"""

# ruff: noqa: T201 - it prints what it measured

import argparse
import dataclasses
import http.client
import io
import os
import random
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name

ROOT = Path(__file__).resolve().parent.parent
MEDIAN_GOAL, CATALOGUE_GOAL = 5.0, 1.0  # seconds
DOCUMENT_BYTES = 300_000
PATIENCE = 120  # seconds that a student waits for an answer
TRICKLE_BYTES, TRICKLE_PAUSE = 5_000, 1.0  # of a slow client: so many bytes, then so many seconds of nothing
PROBE_PAUSE = 0.25  # seconds between two looks at the catalogue
FORM_VALUE = re.compile(r'name="(csrfmiddlewaretoken|nonce|opened_at|opened)" value="([^"]*)"')


@dataclasses.dataclass
class Figures:
    """What the clients saw: seconds until an answer, and what was no answer."""

    submissions: list[float] = dataclasses.field(default_factory=list)
    forms: list[float] = dataclasses.field(default_factory=list)
    catalogue: list[float] = dataclasses.field(default_factory=list)
    references: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)


def main() -> None:
    arguments = parsed()
    with product(arguments.port) as (data, log):
        figures = rush(arguments)
        own, began_checking = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        lost = what_was_lost(figures, data)
        checked_in = time.monotonic() - began_checking
        faults = [line for line in log.read_text().splitlines() if "Traceback" in line or " ERROR " in line]
    served = resource.getrusage(resource.RUSAGE_CHILDREN)
    load, server = own.ru_utime + own.ru_stime, served.ru_utime + served.ru_stime
    report(figures, lost, load=load, server=server, checked_in=checked_in)
    print(f"Faults in the log                 {len(faults)}")
    median = statistics.median(figures.submissions or [PATIENCE])
    slowest_look = max(figures.catalogue or [PATIENCE])
    if figures.errors or lost or faults or median > MEDIAN_GOAL or slowest_look > CATALOGUE_GOAL:
        print(*figures.errors[:5], *lost[:5], *faults[:5], sep="\n")
        sys.exit("A goal is missed.")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30, help="within which they come (default: 30)")
    parser.add_argument("--slow", type=int, default=50, help="clients that trickle an upload (default: 50)")
    parser.add_argument("--port", type=int, default=8931)
    return parser.parse_args()


# The product


@contextmanager
def product(port: int) -> Iterator[tuple[Path, Path]]:
    """The running product with its data folder and its log; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rush-") as folder:
        data, log = Path(folder) / "data", Path(folder) / "log"
        environment = os.environ | {"DATA_DIR": str(data), "APPLY_LIMITS": "off", "READ_DOTENV": "off"}
        command = [sys.executable, str(ROOT / "manage.py"), "quickstart", "--port", str(port)]
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(process, log)
            open_a_project(environment)
            yield data, log
        finally:
            process.terminate()
            process.wait(60)


def wait_until_ready(process: subprocess.Popen, log: Path) -> None:
    while "Ready:" not in log.read_text():
        if process.poll() is not None:
            sys.exit(f"The product did not start:\n{log.read_text()}")
        time.sleep(0.2)


def open_a_project(environment: dict[str, str]) -> None:
    """The first project takes applications today, and without end."""
    words = (
        "from projects.models import Project; p = Project.objects.order_by('pk').first(); p.slug = 'rush'; "
        "p.is_published = True; p.closed_at = p.deadline = p.opens_on = p.places = None; p.save()"
    )
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", words], env=environment, check=True
    )


# The clients


def rush(arguments: argparse.Namespace) -> Figures:
    figures, is_over = Figures(), threading.Event()
    documents = [document(number) for number in range(3)]
    others = [threading.Thread(target=trickle, args=(arguments.port, is_over)) for _ in range(arguments.slow)]
    others.append(threading.Thread(target=look_at_catalogue, args=(arguments.port, figures, is_over)))
    chance = random.Random(20261125)  # noqa: S311 - the same rush each time
    students = [
        threading.Timer(chance.uniform(0, arguments.seconds), apply, args=(arguments.port, number, documents, figures))
        for number in range(arguments.students)
    ]
    for thread in [*others, *students]:
        thread.start()
    for student in students:
        student.join()
    is_over.set()
    for other in others:
        other.join()
    return figures


def document(number: int) -> bytes:
    """An honest PDF of DOCUMENT_BYTES: a page with a picture that does not shrink, as a scan has it."""
    side = int((DOCUMENT_BYTES / 3) ** 0.5)
    noise = random.Random(number).randbytes(side * side * 3)  # noqa: S311 - a picture, not a secret
    saved = io.BytesIO()
    with pikepdf.new() as pdf:
        picture = pdf.make_stream(noise, Type=Name.XObject, Subtype=Name.Image, Width=side, Height=side)
        picture.ColorSpace, picture.BitsPerComponent = Name.DeviceRGB, 8
        page = pdf.add_blank_page(page_size=(595, 842))
        page.obj.Resources = Dictionary(XObject=Dictionary(Picture=picture))
        page.obj.Contents = pdf.make_stream(b"q 500 0 0 500 40 200 cm /Picture Do Q")
        pdf.save(saved, compress_streams=False)
    return saved.getvalue()


def apply(port: int, number: int, documents: list[bytes], figures: Figures) -> None:
    """One student: opens the form, sends it with three documents, and reads the page that says that it has arrived."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        began = time.monotonic()
        page, cookies = ask(connection, "GET", "/projects/rush/apply/")
        figures.forms.append(time.monotonic() - began)
        values = dict(FORM_VALUE.findall(page.decode()))
        body, kind = multipart(fields(number) | values, documents)
        headers = {"Content-Type": kind, "Cookie": cookies}
        began = time.monotonic()
        connection.request("POST", "/projects/rush/apply/", body, headers)
        answer = connection.getresponse()
        answer.read()
        figures.submissions.append(time.monotonic() - began)
        if answer.status != 302:
            figures.errors.append(f"student {number}: {answer.status}")
            return
        figures.references.append(answer.headers["Location"].strip("/").split("/")[-1])
        session = "; ".join(cookie.split(";")[0] for cookie in answer.headers.get_all("Set-Cookie", []))
        ask(connection, "GET", answer.headers["Location"], f"{cookies}; {session}")
    except Exception as error:  # whatever a client meets is what is counted
        figures.errors.append(f"student {number}: {type(error).__name__} {error}")


def ask(connection: http.client.HTTPConnection, method: str, path: str, cookies: str = "") -> tuple[bytes, str]:
    """The page and the cookies that came with it. Raises RuntimeError for anything but 200."""
    connection.request(method, path, headers={"Cookie": cookies} if cookies else {})
    answer = connection.getresponse()
    page = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status}")
    return page, "; ".join(cookie.split(";")[0] for cookie in answer.headers.get_all("Set-Cookie", []))


def fields(number: int) -> dict[str, str]:
    return {
        "full_name": f"Ada Example {number}",
        "email": f"ada.{number}@example.org",
        "university": "Example University",
        "programme": "MSc Examples",
        "earliest_start": "2027-02-01",
        "motivation": "I want to find out. " * 30,
        "links": "",
        "consent": "on",
    }


def multipart(values: dict[str, str], documents: list[bytes]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in values.items()]
    body = "".join(parts).encode()
    for number, content in enumerate(documents):
        name = "transcripts" if number else "cv"
        head = f'Content-Disposition: form-data; name="{name}"; filename="{name}{number}.pdf"'
        body += f"--{boundary}\r\n{head}\r\nContent-Type: application/pdf\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def trickle(port: int, is_over: threading.Event) -> None:
    """A slow client: an upload of 10 MB that comes in a few bytes at a time, for as long as the others are there."""
    head = (
        "POST /projects/rush/apply/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000\r\n"
        "Content-Type: multipart/form-data; boundary=slow\r\n\r\n--slow\r\n"
        'Content-Disposition: form-data; name="cv"; filename="cv.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n%PDF-1.7\n"
    )
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode())
        while not is_over.wait(TRICKLE_PAUSE):
            connection.sendall(b" " * TRICKLE_BYTES)


def look_at_catalogue(port: int, figures: Figures, is_over: threading.Event) -> None:
    while not is_over.wait(PROBE_PAUSE):
        began = time.monotonic()
        try:
            ask(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), "GET", "/")
            figures.catalogue.append(time.monotonic() - began)
        except Exception as error:  # as above
            figures.errors.append(f"catalogue: {type(error).__name__} {error}")


# Afterwards


def what_was_lost(figures: Figures, data: Path) -> list[str]:
    """Every application that a student was told of, with three documents whose bytes are what the row says."""
    environment = os.environ | {"DATA_DIR": str(data), "READ_DOTENV": "off"}
    words = (
        "from applications.models import Application as A; "
        "print(*[f'{a.reference} {a.documents.count()} {a.letters.count()}' for a in A.objects.all()], sep='\\n')"
    )
    manage = [sys.executable, str(ROOT / "manage.py")]
    said = subprocess.run(
        [*manage, "shell", "--no-imports", "-c", words], env=environment, check=True, capture_output=True, text=True
    )
    kept = dict(line.split(" ", 1) for line in said.stdout.split("\n") if line.strip())
    lost = [f"{reference}: {kept.get(reference, 'gone')}" for reference in figures.references if reference not in kept]
    lost += [f"{reference}: {what} (documents, letters)" for reference, what in kept.items() if what[:2] != "3 "]
    checked = subprocess.run([*manage, "check_documents"], env=environment, capture_output=True, text=True)
    if checked.returncode:
        lost.append(f"check_documents: {checked.stdout}{checked.stderr}")
    return lost


def report(figures: Figures, lost: list[str], *, load: float, server: float, checked_in: float) -> None:
    for name, times in [
        ("Form until it is there", figures.forms),
        ("Submission until the answer", figures.submissions),
        ("Catalogue meanwhile", figures.catalogue),
    ]:
        ordered = sorted(times) or [float("nan")]
        later = ordered[int(len(ordered) * 0.95)]
        print(
            f"{name:33} median {statistics.median(ordered):6.2f} s, 95 of 100 within {later:6.2f} s, "
            f"slowest {ordered[-1]:6.2f} s, {len(times)} times"
        )
    print(f"Answers that were none            {len(figures.errors)}")
    print(f"Lost or incomplete afterwards     {len(lost)} of {len(figures.references)} (checked in {checked_in:.0f} s)")
    print(f"Processor                         {server:.0f} s the product, {load:.0f} s the load generator")


if __name__ == "__main__":
    main()
