"""Measures what it costs to look into each file of the corpus, beside a fresh interpreter for each. See README.md."""

# ruff: noqa: E402 - Django is set up before what needs its settings is imported

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

import django

django.setup()

from applications.inspection import inspect
from tests.corpus import CORPUS
from tests.corpus.sample import Sample

FRESH = "import pikepdf, sys; pikepdf.open(sys.argv[1])"  # what one would do without a warm program


def main() -> None:
    arguments = parsed()
    samples = [sample for sample in CORPUS if arguments.only in sample.name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document"
        costs = {sample: measured(sample, path, arguments) for sample in samples}
        fresh = yardstick(path, arguments.passes)
    report(costs, fresh)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10, help="how often each file is inspected in one pass (10)")
    parser.add_argument("--passes", type=int, default=3, help="how many passes; the quietest counts (3)")
    parser.add_argument("--only", default="", metavar="WORD", help="files of the corpus whose name holds this word")
    return parser.parse_args()


def measured(sample: Sample, path: Path, arguments: argparse.Namespace) -> tuple[float, float]:
    """Median and worst of the quietest pass, in milliseconds."""
    path.write_bytes(sample.make())
    inspect(path)  # starts the program, and brings the file into memory
    return quietest(lambda: inspect(path), arguments.repeats, arguments.passes)


def quietest(work: Callable, repeats: int, passes: int) -> tuple[float, float]:
    """The pass with the smallest median: another program on the machine only ever makes things slower."""
    outcomes = []
    for _ in range(passes):
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            work()
            times.append((time.perf_counter() - began) * 1000)
            if times[-1] > 1000:  # a bomb costs what its limit allows, each time
                break
        outcomes.append((statistics.median(times), max(times)))
    return min(outcomes)


def yardstick(path: Path, passes: int) -> float:
    """The median of a fresh interpreter that opens a CV, in milliseconds."""
    path.write_bytes(next(sample for sample in CORPUS if sample.name == "cv").make())
    command = [sys.executable, "-I", "-c", FRESH, str(path)]
    return quietest(lambda: subprocess.run(command, check=True), 10, passes)[0]


def report(costs: dict[Sample, tuple[float, float]], fresh: float) -> None:
    write = sys.stdout.write
    write(f"{'file':<36}{'answer':<16}{'median ms':>10}{'worst ms':>10}\n")
    for sample, (median, worst) in sorted(costs.items(), key=lambda item: item[1], reverse=True):
        write(f"{sample.name:<36}{sample.code:<16}{median:>10.1f}{worst:>10.1f}\n")
    for words, chosen in (("accepted", True), ("refused", False)):
        medians = [median for sample, (median, _) in costs.items() if sample.is_accepted == chosen]
        if medians:
            write(f"\n{len(medians)} {words}: median {statistics.median(medians):.1f} ms, worst {max(medians):.0f} ms")
    medians = [median for median, _ in costs.values()]
    write(f"\nall {len(medians)}: median {statistics.median(medians):.1f} ms, worst {max(medians):.0f} ms\n")
    write(f"yardstick, a fresh interpreter that opens a CV: {fresh:.0f} ms\n")


if __name__ == "__main__":
    main()
