"""Reads, rates and stages applications in a real browser with nothing but the keyboard, and says how long each took.

The pages come from the product's own web server over loopback. See README.md.
"""

# ruff: noqa: E402 - Django is set up before its models are imported

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

import django

django.setup()

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Count, Q
from playwright.sync_api import Page, sync_playwright

from applications.models import Decision, Review
from applications.statuses import Status

LIST = "/admin/applications/application/"
WAITING = f"{LIST}?status=open"
MOST_TABS = 150  # presses of Tab from the top of the list to the first application


def main() -> None:
    arguments = parsed()
    user = get_user_model().objects.get(username=arguments.user) if arguments.user else busiest_supervisor()
    if user is None:
        sys.exit("Nobody here has applications to read. Run `manage.py seed_demo --applications 10000` first.")
    ratings = Review.objects.filter(reviewer=user).count()
    staged = Decision.objects.filter(staged_by=user).count()
    port = free_port()
    cookie = session_of(user, port)  # Django's database is not for use inside of Playwright's loop
    server = started_server(port)
    try:
        with sync_playwright() as playwright:
            executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            context = browser.new_context(
                base_url=f"http://127.0.0.1:{port}", viewport={"width": 1440, "height": 900}, locale="en-GB"
            )
            context.add_cookies([cookie])
            times = walk(context.new_page(), arguments.applications)
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=30)
    report(times, Review.objects.filter(reviewer=user).count() - ratings)
    made = Decision.objects.filter(staged_by=user).count() - staged
    if made != arguments.applications:
        sys.exit(f"Only {made} of {arguments.applications} decisions are staged.")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=20, help="how many to read, rate and stage (default: 20)")
    parser.add_argument("--user", help="who reads (default: the supervisor with the most applications that wait)")
    return parser.parse_args()


# The walk


def walk(page: Page, count: int) -> dict[str, list[float]]:
    """Milliseconds of each step: from the key to the page that answers, with the document in sight."""
    times: dict[str, list[float]] = {"open the first from the list": [], "rate, stage, next page interactive": []}
    times["the same, with the document in the viewer"] = []
    page.goto(WAITING)
    tabs = tab_to_the_first_application(page)
    began = time.perf_counter()
    page.keyboard.press("Enter")
    wait_for_another_page(page, None)
    times["open the first from the list"].append(since(began))
    sys.stdout.write(f"The first application is {tabs} presses of Tab from the top of the list.\n")
    for number in range(count):
        here = page.url
        began = time.perf_counter()
        page.keyboard.press("42351"[number % 5])
        page.keyboard.press("dwio"[number % 4])
        wait_for_another_page(page, here)
        times["rate, stage, next page interactive"].append(since(began))
        wait_for_the_document(page)
        times["the same, with the document in the viewer"].append(since(began))
    return times


def tab_to_the_first_application(page: Page) -> int:
    for presses in range(1, MOST_TABS + 1):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#result_list tbody th a')"):
            return presses
    sys.exit(f"No application could be reached by {MOST_TABS} presses of Tab.")


def wait_for_another_page(page: Page, former: str | None) -> None:
    """Until another review page takes keys."""
    page.wait_for_url(lambda url: f"{LIST}" in url and "/change/" in url and url != former, wait_until="commit")
    page.locator("#show-keys:not([hidden])").wait_for()


def wait_for_the_document(page: Page) -> None:
    """Until the document beside the form has arrived; a page without one has nothing to wait for."""
    viewer = page.locator("iframe.viewer")
    if viewer.count():
        frame = viewer.element_handle().content_frame()
        if frame is not None:
            frame.wait_for_load_state("load")


def since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def report(times: dict[str, list[float]], ratings: int) -> None:
    for name, values in times.items():
        sys.stdout.write(
            f"{name:45} n={len(values):3}  median {statistics.median(values):6.0f} ms  worst {max(values):6.0f} ms"
            f"  together {sum(values) / 1000:5.1f} s\n"
        )
    sys.stdout.write(f"New ratings: {ratings} (those that were there already were given anew). The mouse: never.\n")


# The server, and who reads


def busiest_supervisor():
    to_read = Q(
        supervised_projects__applications__status__in=[Status.RECEIVED, Status.IN_REVIEW],
        supervised_projects__applications__decisions=None,
    )
    counted = get_user_model().objects.annotate(to_read=Count("supervised_projects__applications", filter=to_read))
    return counted.filter(to_read__gt=0).order_by("-to_read").first()


def session_of(user, port: int) -> dict:
    """A cookie as signing in gives it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": f"http://127.0.0.1:{port}"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def started_server(port: int) -> subprocess.Popen:
    command = ["gunicorn", "--config", "tracker/gunicorn_conf.py", "--bind", f"127.0.0.1:{port}", "tracker.wsgi"]
    environment = {**os.environ, "SITE_URL": f"http://127.0.0.1:{port}"}
    server = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/", timeout=2):
                return server
        except OSError:
            time.sleep(0.1)  # until it listens
    server.terminate()
    sys.exit("The web server did not start.")


if __name__ == "__main__":
    main()
