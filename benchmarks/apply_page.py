"""What the apply form costs a student on a slow phone, and how an upload fares over a connection that is cut.

Chromium slowed down by its own means; the pages come from the product's own web server over loopback, from a data
folder that is made for this and removed again. See README.md.
"""

# ruff: noqa: E402 - the checkout is put on the path before its tests are imported

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import pdfs

KILOBIT = 1000 / 8  # bytes
# A cheap phone on a slow mobile network: what Lighthouse calls mobile (150 ms, 1.6 Mbit/s, a processor slowed 4 times).
LATENCY, DOWN, UP, SLOWDOWN = 150, 1600 * KILOBIT, 750 * KILOBIT, 4
SIZE_GOAL = 60_000  # bytes transferred before the documents
LONG_TASK = 50  # milliseconds in which the page answers nothing

# Notes what keeps the page busy, from its first moment on.
WATCH = """
window.watched = {tasks: [], paint: 0};
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.watched.tasks.push([task.startTime, task.duration]);
}).observe({type: "longtask", buffered: true});
new PerformanceObserver((list) => {
  for (const paint of list.getEntries()) {
    if (paint.name === "first-contentful-paint") window.watched.paint = paint.startTime;
  }
}).observe({type: "paint", buffered: true});
"""

READ = f"""
(() => {{
  const load = performance.getEntriesByType("navigation")[0];
  const ends = window.watched.tasks.map(([start, length]) => start + length);
  return {{
    paint: window.watched.paint,
    interactive: Math.max(load.domContentLoadedEventEnd, window.watched.paint, ...ends),
    busy: window.watched.tasks.reduce((sum, [, length]) => sum + length - {LONG_TASK}, 0),
  }};
}})()
"""


def main() -> None:
    arguments = parsed()
    with product() as site, sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        form = address_of_a_form(browser, site)
        figures = [first_visit(browser, form, scripts=True) for _ in range(arguments.repeats)]
        report_visit("with scripts", figures)
        report_visit("without scripts", [first_visit(browser, form, scripts=False)])
        cut = cut_upload(browser, form, arguments.megabytes)
        browser.close()
    transferred = max(figure["bytes"] for figure in figures)
    if transferred > SIZE_GOAL or not cut:
        sys.exit("A goal is missed.")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="how often the form is opened (default: 5)")
    parser.add_argument("--megabytes", type=float, default=3, help="size of the file that is sent (default: 3)")
    return parser.parse_args()


# The form on a slow phone


def first_visit(browser: Browser, form: str, *, scripts: bool) -> dict[str, float]:
    """One visit with an empty cache: bytes and requests, and milliseconds until there is something, and it answers."""
    context = phone(browser, java_script_enabled=scripts)
    if scripts:
        context.add_init_script(WATCH)
    page = context.new_page()
    session = slow(context, page)
    sizes: dict[str, int] = {}
    session.on("Network.loadingFinished", lambda done: sizes.update({done["requestId"]: done["encodedDataLength"]}))
    page.goto(form, wait_until="load")
    page.wait_for_timeout(1500)  # until nothing that began late can still come
    figures = {"bytes": sum(sizes.values()), "requests": len(sizes)}
    if scripts:
        figures |= page.evaluate(READ)
    context.close()
    return figures


def report_visit(name: str, figures: list[dict[str, float]]) -> None:
    middle = {key: sorted(figure[key] for figure in figures)[len(figures) // 2] for key in figures[0]}
    line = f"The form, {name:16} {middle['bytes'] / 1000:6.1f} kB in {middle['requests']:2.0f} requests"
    if "paint" in middle:
        line += (
            f"; first words after {middle['paint']:5.0f} ms, interactive after {middle['interactive']:5.0f} ms, "
            f"busy for {middle['busy']:4.0f} ms beyond what one notices"
        )
    sys.stdout.write(f"{line} (goal: {SIZE_GOAL / 1000:.0f} kB)\n")


# An upload that is cut


def cut_upload(browser: Browser, form: str, megabytes: float) -> bool:
    """Send a file, cut the connection in the middle for five seconds; whether it arrives without being sent anew."""
    content = padded_pdf(int(megabytes * 1024 * 1024))
    context = phone(browser)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    throttle(session)
    sent: list[int] = []
    page.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")) if is_piece(request) else None)
    page.goto(form)
    began = time.perf_counter()
    page.get_by_label("CV", exact=True).set_input_files(
        {"name": "cv.pdf", "mimeType": "application/pdf", "buffer": content}
    )
    while sum(sent) < len(content) / 2:
        page.wait_for_timeout(50)
    throttle(session, offline=True)
    page.wait_for_timeout(5000)
    throttle(session)
    arrived = page.locator('input[name="kept_cv"]')
    arrived.wait_for(state="attached", timeout=180_000)
    seconds = time.perf_counter() - began
    again = sum(sent) - len(content)
    context.close()
    sys.stdout.write(
        f"A file of {len(content) / 1e6:.1f} MB at {UP * 8 / 1e6:.2f} Mbit/s, cut for 5 s in the middle: "
        f"arrived after {seconds:.0f} s; {again / 1000:.0f} kB were sent twice; it was chosen once.\n"
    )
    return again < len(content) / 2


def is_piece(request) -> bool:
    return request.method == "POST" and "/apply/files/" in request.url and "offset=" in request.url


def padded_pdf(size: int) -> bytes:
    """A CV of about `size` bytes: what stands behind a PDF's end is allowed, and means nothing."""
    content = pdfs.cv()
    return content + b"\n%" + b" " * max(size - len(content) - 2, 0)


# Chromium, slowed down


def phone(browser: Browser, **options) -> BrowserContext:
    return browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, **options)


def slow(context: BrowserContext, page: Page) -> CDPSession:
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    throttle(session)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    return session


def throttle(session: CDPSession, *, offline: bool = False) -> None:
    conditions = {"latency": LATENCY, "downloadThroughput": DOWN, "uploadThroughput": UP, "offline": offline}
    session.send("Network.emulateNetworkConditions", conditions)


# The product


@contextmanager
def product() -> Iterator[str]:
    """The address of the product, freshly set up in a folder of its own and served by its own web server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DATA_DIR": folder, "READ_DOTENV": "off"}
        command = [sys.executable, "manage.py", "quickstart", "--port", str(port)]
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_until_it_answers(site: str) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"{site}/healthz/", timeout=2):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("The web server did not start.")


def address_of_a_form(browser: Browser, site: str) -> str:
    """The form of the first project that takes applications."""
    page = browser.new_page()
    page.goto(f"{site}/?open=1")
    page.locator(".project-title a").first.click()
    page.locator('a[href$="/apply/"]').first.click()
    form = site + urlsplit(page.url).path
    page.close()
    return form


if __name__ == "__main__":
    main()
