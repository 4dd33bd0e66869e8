"""Measures the pages of the review side on a seeded database, beside Django's stock admin. See README.md."""

# ruff: noqa: E402 - Django is set up before its models are imported

import argparse
import cProfile
import json
import os
import pstats
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

import django

django.setup()

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.http import urlencode

from applications.models import Application, Decision
from applications.statuses import Status


def main() -> None:
    arguments = parsed()
    if not Application.objects.exists():
        sys.exit("There are no applications here. Run `manage.py seed_demo --applications 10000` first.")
    # Without Django's test environment, which copies the context of each template and so makes many small ones dear.
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ROOT_URLCONF = "stock"
    pages = {**yardsticks(), **pages_of("superuser", superuser()), **pages_of("co-advisor", co_advisor())}
    if arguments.profile:
        profile(pages[arguments.profile])
        return
    results = {name: measured(ask, arguments.repeats) for name, ask in pages.items()}
    if arguments.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
        return
    before = json.loads(Path(arguments.compare).read_text()) if arguments.compare else {}
    report(results, before)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="how often each page is asked for (default: 20)")
    parser.add_argument("--json", action="store_true", help="write the numbers for another run's --compare")
    parser.add_argument("--compare", metavar="FILE", help="divide by the numbers of an earlier run")
    parser.add_argument("--profile", metavar="PAGE", help="where the time of one page goes, by its name in the report")
    return parser.parse_args()


# Who looks, and at what


def superuser():
    return get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk").first()


def co_advisor():
    return get_user_model().objects.filter(co_advisor__projects__isnull=False, is_staff=True).order_by("pk").first()


def yardsticks() -> dict[str, Callable]:
    browser, user = Client(), superuser()
    browser.force_login(user)
    change_list = "/stock/applications/application/"
    return {
        "stock list": asking(browser, change_list),
        "stock list, filtered and searched": asking(browser, f"{change_list}?status__exact=received&q=muster"),
        "stock change form": asking(browser, f"{change_list}{an_open_application(user).pk}/change/"),
    }


def an_open_application(user) -> Application:
    """One with many reviews, so that the page has something to show."""
    visible = Application.objects.visible_to(user).awaiting_decision()
    return visible.order_by("-rating_count", "pk").first()


def pages_of(role: str, user) -> dict[str, Callable]:
    if user is None:
        return {}
    browser = Client()
    browser.force_login(user)
    change_list = reverse("admin:applications_application_changelist")
    application = an_open_application(user)
    change = reverse("admin:applications_application_change", args=[application.pk])
    same_project = Application.objects.visible_to(user).filter(project=application.project)
    to_compare = ",".join(str(pk) for pk in same_project.values_list("pk", flat=True)[:4])
    addresses = {
        "desk": reverse("admin:index"),
        "list": change_list,
        "list, open": f"{change_list}?status=open",
        "list, filtered and searched": f"{change_list}?status={Status.RECEIVED.value}&q=muster",
        "list, a search that hits nothing": f"{change_list}?q=nobodyhasthisname",
        "list, sorted by rating": f"{change_list}?o=-9",
        "list, last page": f"{change_list}?p={max(Application.objects.visible_to(user).count() // 50, 1)}",
        "review": change,
        "review, from the filtered list": f"{change}?{urlencode({'_changelist_filters': 'status=open'})}",
        "compare": f"{reverse('admin:applications_application_compare')}?ids={to_compare}",
        "release": reverse("admin:applications_application_release"),
    }
    if not Decision.objects.visible_to(user).staged().exists():
        sys.stderr.write(f"Nothing is staged for the {role}: the release page is empty.\n")
    return {f"{role}: {name}": asking(browser, address) for name, address in addresses.items()}


def asking(browser: Client, address: str) -> Callable:
    def once():
        response = browser.get(address, follow=True)
        if response.status_code != 200 or response.redirect_chain:
            sys.exit(f"{address} answers {response.status_code} {response.redirect_chain}; mend the benchmark.")
        return response

    return once


# The measuring


def measured(ask: Callable, repeats: int) -> dict:
    for _ in range(2):
        ask()
    with CaptureQueriesContext(connection) as queries:
        response = ask()
    number_of_queries = len(queries)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return {
        "ms": statistics.median(times),
        "worst": max(times),
        "queries": number_of_queries,
        "kB": len(response.content) / 1000,
    }


def yardstick_of(name: str) -> str | None:
    page = name.partition(": ")[2]
    if page.startswith("list"):
        return "stock list, filtered and searched" if "search" in page else "stock list"
    return "stock change form" if page.startswith("review") else None


def report(results: dict[str, dict], before: dict[str, dict]) -> None:
    say = sys.stdout.write
    say(f"{Application.objects.count()} applications, {connection.vendor}\n\n")
    say(f"{'page':48}{'ms':>8}{'worst':>8}{'queries':>9}{'kB':>7}{'to yardstick':>14}{'to before':>11}\n")
    for name, result in results.items():
        yardstick = yardstick_of(name)
        ratio = f"{result['ms'] / results[yardstick]['ms']:.2f}" if yardstick else ""
        growth = f"{result['ms'] / before[name]['ms']:.2f}" if name in before else ""
        say(f"{name:48}{result['ms']:8.1f}{result['worst']:8.1f}{result['queries']:9}{result['kB']:7.0f}")
        say(f"{ratio:>14}{growth:>11}\n")


def profile(ask: Callable) -> None:
    for _ in range(2):
        ask()
    with CaptureQueriesContext(connection) as queries:
        ask()
    slowest = sorted(queries.captured_queries, key=lambda query: -float(query["time"]))[:6]
    for query in slowest:
        sys.stdout.write(f"{float(query['time']) * 1000:7.1f} ms  {query['sql'][:600]}\n\n")
    profiler = cProfile.Profile()
    profiler.runcall(ask)
    pstats.Stats(profiler, stream=sys.stdout).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
