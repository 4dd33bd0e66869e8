import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.research_page import ListedProject, NotAResearchPage, decode, name_key, parse
from tests.projects.conftest import RESEARCH_PAGE

pytestmark = pytest.mark.once


def listed(markdown: str) -> ListedProject:
    """What is read from a page with this one item."""
    (project,) = parse(f"# Topic\n\n{markdown}").projects
    return project


def test_the_real_page_is_read_whole():
    page = parse(decode(RESEARCH_PAGE.read_bytes()))
    assert [(topic.name, len(topic.projects)) for topic in page.topics] == [
        ("Genomics", 2),
        ("Neural Network Theory", 5),
        ("Medical", 1),
    ]
    assert page.projects[0] == ListedProject(
        title="Learning metagenome graphs by GNNs",
        proposal_url="https://drive.google.com/file/d/1Awqp4zKp2VcOGlz0NvlJ8O9JNL10UGJG/view?usp=sharing",
        co_advisors=("Manuel Burger",),
    )
    assert page.projects[1] == ListedProject(
        title="Foundational sequence representations for single cell sequencing", co_advisors=("Stefan Stark",)
    )
    assert [project.title for project in page.topics[1].projects] == [
        "Can a transformer learn sequence alignment?",
        "Replacing normalization with initialization",
        "Mystery of activation in neural nets",
        "Understanding pretraining speed in transformers",
        "Zero-shot neural architecture search",
    ]
    assert page.projects[-1] == ListedProject(
        title="Doctor in the loop",
        proposal_url="https://docs.google.com/document/d/1s-I7TrJAXPvVP7LQfamZUMm3VpEigVtRyDYrjorfZJU/edit",
        tags="Active Learning, Medical",
        co_advisors=("Hugo Yéche",),
    )
    assert page.not_read == ()


@pytest.mark.parametrize(
    "item",
    [
        "Learning graphs",
        "Learning graphs.",
        '"Learning graphs"',
        '"Learning graphs."',
        '"Learning graphs".',
        "'Learning graphs'",
        "“Learning graphs”",
        "„Learning graphs“",
        "‚Learning graphs‘",
        "«Learning graphs»",
        "« Learning graphs »",
        "»Learning graphs«",
        "*Learning* **graphs**",
        "Learning\n  graphs",
        "Learning `graphs`",
        "Learning \u200bgraphs\u00ad",
        "Learning&nbsp;graphs",
        "<!-- new! --> Learning graphs",
        "Learning graphs <b></b>",
        "![new](new.png) Learning graphs",
        "Learning ~~big~~ graphs",
    ],
)
def test_a_title_is_read_without_quotes_full_stop_and_markup(item):
    assert listed(f"- {item}") == ListedProject(title="Learning graphs")


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ("Can it learn?", "Can it learn?"),
        ("[Can it learn?](https://example.org/a)", "Can it learn?"),
        ("[Can it learn](https://example.org/a)?", "Can it learn?"),
        ("And so on...", "And so on..."),
        ("It learns!", "It learns!"),
        ("'Students' choice'", "Students' choice"),
        ('"Yes" and "no"', '"Yes" and "no"'),
        ("Learning (deep) networks", "Learning (deep) networks"),
        ("[Networks (GNNs)](https://example.org/a)", "Networks (GNNs)"),
        ("Nico advised by graphs", "Nico advised by graphs"),
        ("Self-supervised by contrast", "Self-supervised by contrast"),
    ],
)
def test_what_belongs_to_the_title_stays(item, title):
    assert listed(f"- {item}").title == title
    assert listed(f"- {item}").co_advisors == ()


@pytest.mark.parametrize(
    "item",
    [
        "[Doctor in the loop](https://example.org/a)",
        '[Doctor in the loop](https://example.org/a "the proposal")',
        '[Doctor in the loop](https://example.org/a){:target="_blank"}',
        "[Doctor in the loop](<https://example.org/a>).",
        "**[Doctor in the loop](https://example.org/a)**",
        '"[Doctor in the loop](https://example.org/a)"',
        '["Doctor in the loop"](https://example.org/a)',
        "[Doctor in the loop][ref]\n\n[ref]: https://example.org/a",
        "Doctor in the loop ([pdf](https://example.org/a))",
        "Doctor in the loop [[proposal](https://example.org/a)]",
        "Doctor in the loop: <https://example.org/a>",
        "Doctor in the [loop](https://example.org/a)",
        "Doctor in the loop [→](https://example.org/a)",
    ],
)
def test_the_link_leads_to_the_proposal(item):
    assert listed(f"- {item}") == ListedProject(title="Doctor in the loop", proposal_url="https://example.org/a")


@pytest.mark.parametrize(
    ("behind", "names"),
    [
        (", co-advised by Ada Example", ["Ada Example"]),
        (", co-supervised by Ada Example.", ["Ada Example"]),
        (" co-advised with Ada Example", ["Ada Example"]),
        (", Co-Advised By Ada Example", ["Ada Example"]),
        (", coadvised by Ada Example", ["Ada Example"]),
        (", co‑advised by Ada Example", ["Ada Example"]),
        (" (co-advised by Ada Example)", ["Ada Example"]),
        (" (co-advisors: Ada Example, Bo Example)", ["Ada Example", "Bo Example"]),
        (", co-advised by [Ada Example](https://example.org/ada)", ["Ada Example"]),
        (", co-advised by **Ada Example**", ["Ada Example"]),
        (", co-advised by Ada Example and Bo Example", ["Ada Example", "Bo Example"]),
        (", co-advised by Ada Example & Bo Example", ["Ada Example", "Bo Example"]),
        (", co-advised by A. Example, Bo Example and Cy Example", ["A. Example", "Bo Example", "Cy Example"]),
        (", co-advised by Ada Example, Bo Example, and Cy Example", ["Ada Example", "Bo Example", "Cy Example"]),
        (", co-advised by Ada Example, co-supervised by Bo Example", ["Ada Example", "Bo Example"]),
        (", co-advised by Ada Example and ada example", ["Ada Example"]),
        (", co-advised by Dr. Ada Example", ["Dr. Ada Example"]),
        (", co-advised by Ada E.", ["Ada E."]),
        (", co-advised by Alexandra Und-Anders", ["Alexandra Und-Anders"]),
        (", co-advised by", []),
    ],
)
def test_the_names_behind_the_title_are_co_advisors(behind, names):
    for title in ("Loops", "[Loops](https://example.org/a)", "“Loops”"):
        project = listed(f"- {title}{behind}")
        assert (project.title, list(project.co_advisors), project.tags) == ("Loops", names, "")


def test_with_names_counts_behind_a_link_or_quotes_but_not_inside_a_title():
    assert listed("- [Loops](https://example.org/a), with Ada Example and Bo van Example").co_advisors == (
        "Ada Example",
        "Bo van Example",
    )
    assert listed("- “Loops”, jointly supervised with Ada Example").co_advisors == ("Ada Example",)
    assert listed("- Loops, with Applications").title == "Loops, with Applications"


def test_words_that_fit_no_rule_are_reported_and_not_taken_for_a_name():
    page = parse("# Topic\n- [Loops](https://example.org/a), with applications to biology")
    assert page.projects == [ListedProject("Loops", "https://example.org/a")]
    assert page.not_read == ("Beside “Loops”: with applications to biology",)
    page = parse("# Topic\n- Loops, co-advised by Ada Example. Starts in spring.")
    assert page.projects == [ListedProject("Loops", co_advisors=("Ada Example",))]
    assert page.not_read == ("Beside “Loops”: Starts in spring",)


@pytest.mark.parametrize(
    ("behind", "tags"),
    [
        (" (Active Learning + Medical)", "Active Learning, Medical"),
        (" (Active Learning, Medical).", "Active Learning, Medical"),
        (" (Active Learning; Medical), co-advised by Ada Example", "Active Learning, Medical"),
        (", co-advised by Ada Example (Active Learning)", "Active Learning"),
        (" (Active Learning, co-advised by Ada Example)", "Active Learning"),
        (" (Active Learning) (Medical)", "Active Learning, Medical"),
        (" (Medical + medical)", "Medical"),
        (" (C++ + Rust)", "C++, Rust"),
        (" ()", ""),
    ],
)
def test_a_parenthesis_holds_tags(behind, tags):
    for title in ("Loops", "[Loops](https://example.org/a)", "“Loops”"):
        assert (listed(f"- {title}{behind}").title, listed(f"- {title}{behind}").tags) == ("Loops", tags)


@pytest.mark.parametrize("bullet", ["-", "*", "+", "1.", "1)"])
@pytest.mark.parametrize(
    "heading", ["# Medical", "###### Medical:", "Medical\n-------", "## **Medical** :", "### Medical ###"]
)
def test_any_heading_and_any_list_will_do(heading, bullet):
    (topic,) = parse(f"{heading}\n{bullet} Loops\n{bullet} Knots").topics
    assert topic.name == "Medical"
    assert [project.title for project in topic.projects] == ["Loops", "Knots"]


def test_a_heading_without_a_list_is_no_topic_and_a_repeated_one_is_the_same_topic():
    page = parse("# About\n\nWords.\n\n# A\n- One\n\n# B\n- Two\n\n# a:\n- Three\n\n<!--\n- Old\n-->")
    assert [(topic.name, [p.title for p in topic.projects]) for topic in page.topics] == [
        ("A", ["One", "Three"]),
        ("B", ["Two"]),
    ]


def test_a_nested_list_is_not_taken_for_projects_and_reported():
    page = parse("# Topic\n- Loops\n  - needs Python\n  - needs time\n- Knots\n\n  A second paragraph.")
    assert [project.title for project in page.projects] == ["Loops", "Knots"]
    assert page.not_read == ("The lines below “Loops”.", "The lines below “Knots”.")


@pytest.mark.parametrize("item", ["~~[Loops](https://example.org/a)~~", "", "<!-- Loops -->", "![](x.png)", "()"])
def test_an_item_without_words_and_one_struck_through_is_no_project(item):
    assert [project.title for project in parse(f"# Topic\n- {item}\n- Knots").projects] == ["Knots"]


def test_what_was_struck_through_lends_its_link_to_nobody():
    assert listed("- ~~[Loops](https://example.org/a)~~ Knots") == ListedProject("Knots")


@pytest.mark.parametrize(
    "front_matter", ["", "---\nlayout: page\n---\n", "---\r\nlayout: page\r\n---\r\n", "---\n\n---\n"]
)
def test_front_matter_may_be_there_or_not(front_matter):
    assert [p.title for p in parse(f"{front_matter}# Topic\n- Loops\n").projects] == ["Loops"]


def test_lists_inside_the_front_matter_are_not_projects():
    assert [p.title for p in parse("---\n# Nav\ncategories:\n- work\n---\n# Topic\n- Loops\n").projects] == ["Loops"]


def test_a_rule_on_the_first_line_is_not_front_matter():
    assert [p.title for p in parse("---\n# Topic\n- Loops").projects] == ["Loops"]
    assert [p.title for p in parse("---\n\nWords\n\n---\n# Topic\n- Loops").projects] == ["Loops"]


def test_bytes_with_a_byte_order_mark_and_windows_line_ends_are_read():
    assert parse(decode(b"\xef\xbb\xbf---\r\na: b\r\n---\r\n# Topic:\r\n- Loops\r\n- Knots\r\n")).topics == (
        parse("# Topic\n- Loops\n- Knots").topics
    )


def test_mojibake_is_repaired_and_honest_characters_stay():
    assert decode("Hugo YÃ©che – “Grüße” ﬁ &amp; 数学".encode()) == "Hugo Yéche – “Grüße” ﬁ &amp; 数学"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\n",
        "Only words.",
        "- a list\n- without a heading",
        "# A heading\n\nwithout a list",
        "# Topic\n\n1 < 2\n\n    - code, not a list",
        "#\n- under a heading without words",
        "---\na: [\n---\n# Topic\n- Loops",
        "# Topic\n- " + "very " * 500 + "long",
        "<h1>Topic</h1>\n<ul><li>HTML</li></ul>",
    ],
)
def test_a_text_that_is_no_research_page_is_refused_with_a_sentence(text):
    with pytest.raises(NotAResearchPage, match=r"\.$"):
        parse(text)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe#\x00 \x00T\x00", b"%PDF-1.7\n\xe2\xe3", b"# T\n- a\0b", "# Grün\n- ä".encode("cp1252")]
)
def test_bytes_that_are_no_text_are_refused_with_a_sentence(content):
    with pytest.raises(NotAResearchPage, match="not a text"):
        parse(decode(content))


def read_or_refuse(text: str) -> None:
    try:
        page = parse(text)
    except NotAResearchPage:
        return
    assert page.topics
    for topic in page.topics:
        assert topic.name
        assert topic.projects
    for project in page.projects:
        assert project.title == " ".join(project.title.split())
        assert project.title
        assert all(name.strip() for name in project.co_advisors)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text):
    read_or_refuse(text)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(NotAResearchPage):
        read_or_refuse(decode(content))


PIECES = st.sampled_from(
    [
        *(
            "# ",
            "## Topic:",
            "\n",
            "\n\n",
            "- ",
            "  - ",
            "* ",
            "1. ",
            "[",
            "]",
            "](https://example.org/a)",
            '](<x> "t")',
        ),
        *"()\"“”„«»'‘’*_`.?:+|>\\\t0é—\u200b",
        *("**", "~~", "<!--", "-->", "<b>", "co-advised by ", ", with ", "Ada Example", ", ", "; ", " and ", " – "),
        *("---\n", "a: b", "{:x}", "&amp;", "&#0;", "\r\n", "![i](j)", "    ", "pdf"),
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=40).map(lambda pieces: "# T\n- " + "".join(pieces)))
def test_any_mixture_of_what_pages_are_made_of_is_read_or_refused(text):
    read_or_refuse(text)


def test_names_are_compared_without_regard_to_case_width_and_spaces():
    assert name_key("  HUGO  Yéche ") == name_key("hugo ye\u0301che")
    assert name_key("Straße") == name_key("STRASSE")
    assert name_key("ＧＮＮ") == name_key("gnn")
    assert name_key("Yéche") != name_key("Yeche")
