"""docs/security.md can be relied on: what it names exists, no row is left open, and no requirement is left out."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "security.md"
TEXT = DOCUMENT.read_text()

# The levels of the requirements of ASVS 5.0.0, section by section: V1.2.10 is the tenth figure of 1.2. V10 and V17 are
# left out, because the product uses neither OAuth nor WebRTC.
LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
}  # fmt: skip
WITHOUT_TEST = ("Does not apply: ", "Operator", "Not met: ", "Partly", "None", "[", "Django, ")


def rows(beginning: str) -> list[list[str]]:
    """The cells of the table rows whose first cell matches."""
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line[:1] == "|")
    return [row for row in cells if re.fullmatch(beginning, row[0])]


THREATS = rows(r"\d+")
REQUIREMENTS = rows(r"V\d+\.\d+\.\d+")
FULL_REQUIREMENTS = [row for row in REQUIREMENTS if len(row) == 5]
TESTS = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT)))
PLACES = sorted(set(re.findall(r"`((?:applications|projects|tracker|static|docs|\.ci)/[^`]*|[a-z]+\.txt)`", TEXT)))
LINKS = sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT)))


def is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    file = ROOT / path
    return (
        file.name.startswith("test_")
        and file.is_file()
        and (not name or re.search(rf"^def {name}\(", file.read_text(), re.MULTILINE) is not None)
    )


def leads_somewhere(link: str) -> bool:
    path, _, heading = link.partition("#")
    target = DOCUMENT.parent / path if path else DOCUMENT
    if not target.is_file():
        return False
    headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
    return not heading or heading in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_test_that_it_names_is_there():
    assert len(TESTS) > 100
    assert [test for test in TESTS if not is_there(test)] == []


def test_every_place_in_the_code_that_it_names_is_there():
    assert len(PLACES) > 30
    assert [place for place in PLACES if not (ROOT / place).exists()] == []


def test_every_link_leads_somewhere():
    assert len(LINKS) > 10
    assert [link for link in LINKS if not leads_somewhere(link)] == []


def test_every_threat_names_an_answer_a_place_and_a_test():
    assert len(THREATS) >= 25
    assert [row[0] for row in THREATS] == [str(number) for number in range(1, len(THREATS) + 1)]
    for _number, threat, answer, place, tests in THREATS:
        assert min(len(threat), len(answer)) > 10, threat
        assert "`" in place, threat
        assert "`tests/" in tests, threat


def test_it_speaks_of_every_requirement_of_level_1_and_2_once_and_of_no_other():
    expected = [
        (f"V{section}.{number}", level)
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
        if level != "3"
    ]
    assert [(row[0], row[1]) for row in FULL_REQUIREMENTS] == expected


def test_every_requirement_has_a_test_or_says_why_not():
    for number, _level, words, how, tests in FULL_REQUIREMENTS:
        assert words, number
        assert "`tests/" in tests or how.startswith(WITHOUT_TEST), number


def test_what_is_not_met_is_collected_at_the_end():
    gaps = [row[0] for row in FULL_REQUIREMENTS if re.search(r"Not met|Partly", row[3])]
    assert gaps
    assert [row[0] for row in REQUIREMENTS if len(row) == 2] == gaps


def test_nothing_is_left_to_be_done():
    assert not re.search(r"TODO|FIXME|\?\?\?", TEXT)
