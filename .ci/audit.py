"""What is installed, looked at as an attacker would: `make audit`. Exits 1 for anything that has to be dealt with.

1. Every requirement names one version, and nothing is installed that neither requirements*.txt nor constraints.txt name
   at that version.
2. What is installed fits together (`pip check`).
3. No vulnerability of it is known, as far as the service that knows them can be asked. Where it cannot be reached, this
   says so and does not fail: a build does not hang on a service of somebody else.
"""

import datetime
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ("requirements.txt", "requirements-dev.txt", "constraints.txt")
PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,-]+\])?==(?P<version>[\w.!+-]+)")
OWN_TOOLS = {"pip", "setuptools", "wheel"}  # which Python brings along, and which do not run in production
LONGEST_SECONDS = 120

# Findings that were looked at and do not concern us, until when that holds, and why.
# "GHSA-xxxx-xxxx-xxxx": (datetime.date(2027, 1, 31), "we never call the function in question"),
ACCEPTED: dict[str, tuple[datetime.date, str]] = {}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read(lines: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Names and versions of the pinned requirements, and the lines that pin nothing."""
    pins, loose = {}, []
    for line in (line.partition(" #")[0].strip() for line in lines):
        if not line or line.startswith(("#", "-r ", "-c ")):
            continue
        match = PINNED.fullmatch(line)
        if match:
            pins[normal(match["name"])] = match["version"]
        else:
            loose.append(line)
    return pins, loose


def surprises(pins: dict[str, str], installed: dict[str, str]) -> list[str]:
    """What is installed without a pin, or at another version than the one that was tested."""
    found = []
    for name, version in sorted(installed.items()):
        if name in OWN_TOOLS or pins.get(name) == version:
            continue
        found.append(f"{name} {version} is installed, and {pins.get(name, 'no version')} is written down.")
    return found


def findings(report: dict, today: datetime.date) -> list[str]:
    """The known vulnerabilities in pip-audit's report, but for those that are accepted today."""
    found = []
    for package in report["dependencies"]:
        for vulnerability in package.get("vulns", []):
            until, why = ACCEPTED.get(vulnerability["id"], (datetime.date.min, ""))
            if today > until:
                fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
                over = f" It was accepted until {until} ({why})." if why else ""
                found.append(f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {fixed}.{over}")
    return found


def not_looked_up(report: dict) -> list[str]:
    return [package["name"] for package in report["dependencies"] if "skip_reason" in package]


def ask_for_vulnerabilities() -> dict | None:
    """pip-audit's report on what is installed beside this Python; None when the service cannot be asked."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS)
        packages = json.loads(run.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return {"dependencies": [package for package in packages if normal(package["name"]) not in OWN_TOOLS]}


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def is_all_pinned() -> bool:
    pins, loose = read(line for name in FILES for line in (ROOT / name).read_text().splitlines())
    installed = {normal(found.name): found.version for found in importlib.metadata.distributions()}
    wrong = [f"No single version: {line}" for line in loose] + surprises(pins, installed)
    say(*wrong)
    if not wrong:
        say(f"Pinned: all {len(installed)} packages that are installed have the version that is written down.")
    return not wrong


def fits_together() -> bool:
    run = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    say(f"Together: {(run.stdout or run.stderr).strip()}")
    return run.returncode == 0


def has_no_known_vulnerability(report: dict | None, today: datetime.date) -> bool:
    unknown = not_looked_up(report) if report else []
    if report is None or len(unknown) == len(report["dependencies"]):
        say("Vulnerabilities: NOT CHECKED. The service that knows them cannot be reached from here.")
        return True
    found = findings(report, today)
    say(*(f"Vulnerability: {line}" for line in found))
    if unknown:
        say(f"Vulnerabilities: NOT CHECKED of {', '.join(unknown)}, which the service does not know.")
    if not found:
        say(f"Vulnerabilities: none known of {len(report['dependencies']) - len(unknown)} packages.")
    return not found


def main() -> int:
    results = [is_all_pinned(), fits_together()]
    results.append(has_no_known_vulnerability(ask_for_vulnerabilities(), datetime.datetime.now(datetime.UTC).date()))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
