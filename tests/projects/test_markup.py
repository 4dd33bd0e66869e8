import re

import pytest
from django.template import Context, Template
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.markup import PROSE_TAGS, render

pytestmark = pytest.mark.once


def test_prose_becomes_html():
    assert render("Some *words* and\n\n- a list") == ("<p>Some <em>words</em> and</p>\n<ul>\n<li>a list</li>\n</ul>\n")


@pytest.mark.parametrize(
    ("markdown", "tag"), [("# One", "h2"), ("## Two", "h3"), ("Setext\n===", "h2"), ("###### Six", "h6")]
)
def test_headings_go_one_level_down_because_the_page_has_the_h1(markdown, tag):
    html = render(markdown)
    assert html.startswith(f"<{tag}>")
    assert html.strip().endswith(f"</{tag}>")


def test_links_leave_without_telling_where_they_came_from():
    assert 'href="https://example.org/"' in render("[a](https://example.org/)")
    assert 'rel="noopener noreferrer"' in render("[a](https://example.org/)")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"])
def test_links_that_run_something_are_no_links(address):
    assert "href" not in render(f"[a]({address})")


def test_html_is_shown_as_text():
    html = render('<script>alert(1)</script> <p style="x">')
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_images_are_replaced_by_their_words():
    html = render("before ![a <b> *graph*](https://example.org/x.png) after")
    assert html == "<p>before a &lt;b&gt; graph after</p>\n"


def test_nothing_carries_a_style_or_a_class():
    html = render("|a|b|\n|:-|-:|\n|1|2|\n\n```python\nx = 1\n```")
    assert "style" not in html
    assert "class" not in html
    assert "<td>1</td>" in html


@settings(deadline=None)
@given(st.text())
def test_any_text_is_rendered_with_prose_tags_only(text):
    assert set(re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", render(text))) <= PROSE_TAGS


def test_templates_have_a_filter():
    template = Template("{% load markup %}{{ text|markdown }}{{ none|markdown }}")
    assert template.render(Context({"text": "*a* & b", "none": None})) == "<p><em>a</em> &amp; b</p>\n"
