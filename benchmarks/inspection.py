"""Measures what it costs to look into each file of the corpus, beside a fresh interpreter for each. See README.md."""

# ruff: noqa: E402 - Django is set up before what needs its settings is imported

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

import django

django.setup()

import pikepdf

from applications import inspector
from applications.inspection import MOST_PAGES, inspect
from applications.limited_child import Limits, limit_this_process
from tests.corpus import CORPUS
from tests.corpus.sample import Sample

FRESH = "import pikepdf, sys; pikepdf.open(sys.argv[1])"  # what one would do without a warm program
SLOW = 1000  # milliseconds; what takes longer is measured once in each pass


class Cost(NamedTuple):
    """Milliseconds for one file: of computing by its child, and from the question to the answer."""

    computing: float
    median: float
    worst: float


def main() -> None:
    arguments = parsed()
    samples = [sample for sample in CORPUS if arguments.only in sample.name]
    pikepdf.settings.set_qpdf_limits(**inspector.LIBRARY_LIMITS)
    inspector.warm_up(MOST_PAGES)
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document"
        costs = {sample: cost_of(sample, path, arguments) for sample in samples}
        fresh = yardstick(path, arguments)
    report(costs, fresh)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10, help="how often each file is inspected in one pass (10)")
    parser.add_argument("--passes", type=int, default=3, help="how many passes; the quietest counts (3)")
    parser.add_argument("--only", default="", metavar="WORD", help="files of the corpus whose name holds this word")
    return parser.parse_args()


def cost_of(sample: Sample, path: Path, arguments: argparse.Namespace) -> Cost:
    data = sample.make()
    path.write_bytes(data)
    inspect(path)  # starts the program, and brings the file into memory
    median, worst = quietest(lambda: waited(lambda: inspect(path)), arguments)
    return Cost(quietest(lambda: computed_by_a_child(data), arguments)[0], median, worst)


def quietest(cost: Callable[[], float], arguments: argparse.Namespace) -> tuple[float, float]:
    """Median and worst of the pass with the smallest median: other programs only ever make things slower."""
    outcomes = []
    for _ in range(arguments.passes):
        costs = [cost()]
        while len(costs) < arguments.repeats and costs[-1] < SLOW:
            costs.append(cost())
        outcomes.append((statistics.median(costs), max(costs)))
    return min(outcomes)


def waited(work: Callable) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def computed_by_a_child(data: bytes) -> float:
    """What the examination computes, under the inspector's limits; hardly touched by what else the machine does."""
    if (child := os.fork()) == 0:
        limit_this_process(Limits(inspector.MEMORY_BYTES, inspector.CPU_SECONDS, inspector.WALL_SECONDS * 10))
        inspector.examine(data, MOST_PAGES)
        os._exit(0)
    return computed(child)


def computed(child: int) -> float:
    """Milliseconds that a process computed, which is waited for."""
    usage = os.wait4(child, 0)[2]
    return (usage.ru_utime + usage.ru_stime) * 1000


def yardstick(path: Path, arguments: argparse.Namespace) -> Cost:
    """A fresh interpreter that opens a CV."""
    path.write_bytes(next(sample for sample in CORPUS if sample.name == "cv").make())
    command = [sys.executable, "-I", "-c", FRESH, str(path)]

    def fresh() -> float:
        return computed(os.posix_spawn(sys.executable, command, {}))

    return Cost(quietest(fresh, arguments)[0], *quietest(lambda: waited(fresh), arguments))


def report(costs: dict[Sample, Cost], fresh: Cost) -> None:
    write = sys.stdout.write
    row = "{:<36}{:<16}{:>12}{:>12}{:>12}\n".format
    write(row("file", "answer", "computing ms", "waited ms", "worst ms"))
    for sample, cost in sorted(costs.items(), key=lambda item: item[1], reverse=True):
        write(row(sample.name, sample.code, *(f"{milliseconds:.1f}" for milliseconds in cost)))
    accepted = [cost for sample, cost in costs.items() if sample.is_accepted]
    refused = [cost for sample, cost in costs.items() if not sample.is_accepted]
    for words, chosen in (("accepted", accepted), ("refused", refused), ("in all", [*costs.values()])):
        for said, figure in (("computing", "computing"), ("waited", "median")):
            values = [getattr(cost, figure) for cost in chosen] or [0]
            median, worst = statistics.median(values), max(values)
            write(f"{len(chosen)} {words}, {said}: median {median:.1f} ms, worst {worst:.0f} ms\n")
    write(f"a fresh interpreter that opens a CV, computing: {fresh.computing:.0f} ms, waited {fresh.median:.0f} ms\n")


if __name__ == "__main__":
    main()
