"""Markdown that staff write, as HTML that is safe on a public page."""

from collections.abc import Sequence

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

PROSE_TAGS = {
    *("p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"),
    *("em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
PROSE_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
LINK_SCHEMES = {"http", "https", "mailto"}


def _demote_headings(state: StateCore) -> None:
    """One level down, because the page around the text has the one h1."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"


def _words_of_image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options, env) -> str:
    """An image's words instead of the image: nothing is loaded from another host."""
    return escapeHtml(renderer.renderInlineAsText(tokens[index].children or [], options, env))


_markdown = MarkdownIt("js-default", {"html": False})
_markdown.core.ruler.push("demote_headings", _demote_headings)
_markdown.add_render_rule("image", lambda self, *args: _words_of_image(self, *args))


def render(markdown_text: str) -> SafeString:
    """HTML of a Markdown text. HTML in the text is shown as text, never obeyed."""
    html = nh3.clean(
        _markdown.render(markdown_text),
        tags=PROSE_TAGS,
        attributes=PROSE_ATTRIBUTES,
        url_schemes=LINK_SCHEMES,
        link_rel="noopener noreferrer",
    )
    return mark_safe(html)  # noqa: S308 - this is the place that makes it safe
