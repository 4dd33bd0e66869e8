"""Reads a research page (Markdown, as academic home pages have it) into topics and the projects listed under them.

The rules, in one place: a heading is a topic when list items stand directly under it; a list item is a project; its
link leads to the proposal; a parenthesis after the title holds tags; the names after "co-advised by" are co-advisors.
Nothing here knows the database.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import ftfy
from django.utils.translation import gettext as _
from frontmatter.default_handlers import YAMLHandler
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode


class NotAResearchPage(Exception):
    """The text cannot be read as a research page; the message says why in a sentence."""


@dataclass(frozen=True)
class ListedProject:
    """One list item of the page."""

    title: str
    proposal_url: str = ""
    tags: str = ""  # "Active Learning, Medical"
    co_advisors: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListedTopic:
    """One heading of the page with the projects under it, in the page's order."""

    name: str
    projects: tuple[ListedProject, ...]


@dataclass(frozen=True)
class ResearchPage:
    topics: tuple[ListedTopic, ...]
    not_read: tuple[str, ...] = ()  # words of the page that fit no rule, for the person who imports it to look at

    @property
    def projects(self) -> list[ListedProject]:
        return [project for topic in self.topics for project in topic.projects]


def name_key(text: str) -> str:
    """The form in which two spellings of one title or name are equal: NFKC, case-folded, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


# Only broken characters are repaired; quotes, ligatures and entities stay as the author wrote them.
REPAIRS = ftfy.TextFixerConfig(
    unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False, explain=False
)


def decode(content: bytes) -> str:
    """The text of a page's bytes, with a byte order mark dropped and mojibake repaired (`YÃ©che` becomes `Yéche`)."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAResearchPage(_("It is not a text in UTF-8; if it is a page, save it in that encoding.")) from error
    if "\0" in text:
        raise NotAResearchPage(_("It is not a text: there are zero bytes in it."))
    return ftfy.fix_text(text, REPAIRS)


def parse(text: str) -> ResearchPage:
    """The topics and projects of a Markdown page; raises NotAResearchPage when there are none."""
    if not text.strip():
        raise NotAResearchPage(_("It is empty."))
    reader = _PageReader()
    for heading, items in _lists_under_headings(_without_front_matter(text)):
        reader.read_list(heading, items)
    return reader.page()


def _without_front_matter(text: str) -> str:
    handler = YAMLHandler()
    if not text.startswith("---") or not handler.detect(text):
        return text
    try:
        front_matter, content = handler.split(text)
    except ValueError:
        return text  # a rule on the first line, not the start of front matter
    try:
        metadata = handler.load(front_matter)
    except Exception as error:  # YAML's constructors raise nearly anything
        raise NotAResearchPage(_("The front matter between the two lines of dashes is not valid YAML.")) from error
    return content if metadata is None or isinstance(metadata, dict) else text


COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)  # what the author took off the page
# HTML on, so that it is recognised and left out.
_markdown = MarkdownIt("js-default", {"html": True})


def _lists_under_headings(text: str) -> Iterator[tuple[str, list[SyntaxTreeNode]]]:
    heading = None
    for node in SyntaxTreeNode(_markdown.parse(COMMENT.sub("", text))).children:
        if node.type == "heading":
            heading = _tidy(_Inline.of(node).text).rstrip(":： ")
        elif node.type in ("bullet_list", "ordered_list") and heading is not None:
            yield heading, node.children


@dataclass
class _PageReader:
    """Collects topics in order; the same heading twice is one topic."""

    topics: dict[str, tuple[str, list[ListedProject]]] = field(default_factory=dict)
    not_read: list[str] = field(default_factory=list)

    def read_list(self, heading: str, items: list[SyntaxTreeNode]) -> None:
        projects = [project for item in items if (project := self.read_item(item))]
        if projects and not heading:
            raise NotAResearchPage(_("A list stands under a heading without words, so its topic has no name."))
        if projects:
            self.topics.setdefault(name_key(heading), (heading, []))[1].extend(projects)

    def read_item(self, item: SyntaxTreeNode) -> ListedProject | None:
        first, *others = item.children or [None]
        if first is None:
            return None
        if first.type not in ("paragraph", "heading"):
            self.note(_("A list item that does not begin with a line of text."))
            return None
        project, left_out = _read_project(_Inline.of(first))
        if project is None:
            if left_out:
                self.note(_("A list item without a title: %(words)s") % {"words": left_out})
            return None
        if left_out:
            self.note(_("Beside “%(title)s”: %(words)s") % {"title": project.title, "words": left_out})
        if others:
            self.note(_("The lines below “%(title)s”.") % {"title": project.title})
        return project

    def note(self, sentence: str) -> None:
        self.not_read.append(sentence)

    def page(self) -> ResearchPage:
        if not self.topics:
            raise NotAResearchPage(_("There is no list of projects under any heading."))
        topics = tuple(ListedTopic(name, tuple(projects)) for name, projects in self.topics.values())
        return ResearchPage(topics, tuple(self.not_read))


# One line of text with its links

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"))
KRAMDOWN_ATTRIBUTES = re.compile(r"\{:[^{}]*\}")  # [a](b){:target="_blank"}
# Words of a link that only point at the proposal: "Doctor in the loop ([pdf](...))"
POINTER_WORDS = {
    *("pdf", "link", "here", "see here", "doc", "document", "google doc", "description", "project description"),
    *("proposal", "project proposal", "details", "more details", "more", "read more", "info", "more information"),
}
LONGEST_LINE = 2000  # of a heading or list item; beyond that it is no list of projects


@dataclass
class _Link:
    start: int
    end: int
    address: str


@dataclass
class _Inline:
    """The words of a paragraph without markup, and where its links begin and end in them.

    A link whose words only point ("pdf", "here") adds its address to `pointers` and no words.
    """

    text: str = ""
    links: list[_Link] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, block: SyntaxTreeNode) -> "_Inline":
        tokens = block.children[0].to_tokens() if block.children else []
        pieces = [token for inline in tokens for token in _without_struck(inline.children or [])]
        line = cls._from(pieces, keep_pointers=False)
        return line if _tidy(line.text) else cls._from(pieces, keep_pointers=True)

    @classmethod
    def _from(cls, pieces: list[Token], *, keep_pointers: bool) -> "_Inline":
        line = cls()
        position = 0
        while position < len(pieces):
            token = pieces[position]
            if token.type == "link_open":
                close = next(i for i in range(position, len(pieces)) if pieces[i].type == "link_close")
                line._add_link(token, pieces[position + 1 : close], keep_pointers)
                position = close
            else:
                line._add(_words_of(token))
            position += 1
        line.text = line.text.rstrip()
        if len(line.text) > LONGEST_LINE:
            raise NotAResearchPage(
                _("A heading or list item is longer than %(limit)d characters; it begins “%(words)s”.")
                % {"limit": LONGEST_LINE, "words": line.text[:60]}
            )
        for link in line.links:
            link.end = min(link.end, len(line.text))
        return line

    def _add_link(self, opening: Token, inside: list[Token], keep_pointers: bool) -> None:
        address = str(opening.attrGet("href") or "")
        words = "".join(_words_of(token) for token in inside)
        if _only_points(words) and not keep_pointers:
            self.pointers.append(address)
            return
        self._add(" " if words[:1].isspace() else "")
        start = len(self.text)
        self._add(words)
        self.links.append(_Link(start, len(self.text), address))

    def _add(self, words: str) -> None:
        words = re.sub(r"\s+", " ", words)
        if not self.text or self.text.endswith(" "):
            words = words.lstrip()
        self.text += words


def _words_of(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "code_inline":
        return token.content
    if token.type != "text":
        return ""  # markup, HTML, and images, which in such a list are icons
    words = KRAMDOWN_ATTRIBUTES.sub("", token.content).translate(INVISIBLE)
    return "".join(char for char in words if char.isspace() or unicodedata.category(char) not in ("Cc", "Cs"))


def _without_struck(tokens: list[Token]) -> Iterator[Token]:
    """What is ~~struck through~~ is no longer offered."""
    depth = 0
    for token in tokens:
        if token.type in ("s_open", "s_close"):
            depth += token.nesting
        elif depth == 0:
            yield token


def _only_points(words: str) -> bool:
    bare = name_key(re.sub(r"[\W_]+", " ", words))
    return bare in POINTER_WORDS or not bare or words.strip().lower().startswith(("http://", "https://", "www."))


# One list item

_NAMED = r"(?:advised|supervised|mentored)\s+(?:by|with)(?:\s+|$)"
CO_ADVISED = re.compile(
    rf"\bco[-‐‑–\s]?(?:{_NAMED}|(?:advis[eo]rs?|supervisors?|mentors?)\s*:\s*)",
    re.IGNORECASE,
)
# Weaker words count only directly behind a title that a link or quotes delimit; "with" moreover only before names.
ADVISED = re.compile(rf"(?:jointly\s+)?{_NAMED}", re.IGNORECASE)
WITH = re.compile(r"(?:together\s+|jointly\s+|joint\s+)?with\s+", re.IGNORECASE)
NAME = re.compile(
    r"[^\W\d_a-z][\w.'’‐-]*(?:\s(?:[^\W\d_a-z][\w.'’‐-]*|van|von|de|der|den|di|da|del|della|la|le|el|al|bin|zu))+"
)
BETWEEN_NAMES = re.compile(r"\s*(?:[,;]|\s&\s|\band\b|\bund\b)\s*")
# Where the names are over: a new sentence (but not after an initial, "Dr." or "Prof."), or a dash.
AFTER_NAMES = re.compile(r"(?<=[^\W\d_]{3})(?<!Prof)\.\s+(?=\S)|\s[–—-]\s|:\s")
BETWEEN_TAGS = re.compile(r"\s*(?:[,;|·•]|(?<!\+)\+(?!\+))\s*")  # "C++" is one tag
QUOTES = {
    '"': '"',
    "'": "'",
    "“": "”“",
    "”": "”",
    "„": "“”",
    "‘": "’",
    "‚": "‘’",
    "«": "»",
    "»": "«",
    "‹": "›",
    "›": "‹",
}
SEPARATOR = re.compile(r"$|[,;:.|(]|\s+[(–—|/-]")


def _read_project(line: _Inline) -> tuple[ListedProject | None, str]:
    """The project of a list item, and those of its words that fit no rule."""
    text, people = _split_at_people(line.text)
    title, rest = _title_and_rest(text, line.links)
    tags, rest = _take_parentheses(rest)
    names, names_tags, left_out = _names_and_rest(people)
    more_names, rest = _people_behind_title(rest)
    title = _tidy(title)
    left_out = "; ".join(part for part in (_tidy(rest), left_out) if part)
    if not tags:
        tags = names_tags
    elif names_tags:
        left_out = "; ".join(part for part in (left_out, ", ".join(names_tags)) if part)
    if not title:
        return None, _tidy(line.text)
    addresses = [link.address for link in line.links if link.start < len(text)] + line.pointers
    return (
        ListedProject(
            title=title,
            proposal_url=addresses[0] if addresses else "",
            tags=", ".join(_unique(tags)),
            co_advisors=tuple(_unique(names + more_names)),
        ),
        left_out,
    )


def _split_at_people(text: str) -> tuple[str, str]:
    """What stands before "co-advised by", and the names after it; also when both are in a parenthesis."""
    marker = CO_ADVISED.search(text)
    if marker is None:
        return text, ""
    before, people = text[: marker.start()], text[marker.end() :]
    opening = _open_parenthesis(before)
    if opening is None:
        return before, people
    names, closing, behind = people.partition(")")
    inside = before[opening + 1 :].strip(" ,;")
    before = before[:opening] + (f"({inside})" if inside else "")
    return before + (behind if closing else ""), names


def _open_parenthesis(text: str) -> int | None:
    """Where the parenthesis begins that is still open at the end of the text."""
    open_at: list[int] = []
    for position, char in enumerate(text):
        if char == "(":
            open_at.append(position)
        elif char == ")" and open_at:
            open_at.pop()
    return open_at[0] if open_at else None


def _title_and_rest(text: str, links: list[_Link]) -> tuple[str, str]:
    """The title, delimited by the link or by quotes if there are any, and what stands behind it."""
    link = next((link for link in links if link.start < len(text)), None)
    if link is not None and not text[: link.start].strip(" \"“”„‘‚«»‹›'*"):
        title, rest = text[link.start : link.end], text[link.end :].lstrip("\"”“’'»«›‹")
        if SEPARATOR.match(rest):
            return title, rest
    if text[:1] in QUOTES:
        closings = [i for i, char in enumerate(text) if i and char in QUOTES[text[0]]]
        if text[0] not in "'‘":
            closings = closings[:1]  # while ’ may be an apostrophe, so that a later one closes
        for closing in closings:
            if SEPARATOR.match(text, closing + 1):
                return text[1:closing], text[closing + 1 :]
    return _split_trailing_parentheses(text)


def _split_trailing_parentheses(text: str) -> tuple[str, str]:
    end = len(text)
    while (stripped := text[:end].rstrip(" .,;:")).endswith(")"):
        depth = 0
        for position in range(len(stripped) - 1, -1, -1):
            depth += (stripped[position] == ")") - (stripped[position] == "(")
            if depth == 0:
                break
        else:
            break  # never opened
        if position == 0:
            break  # the whole title stands in parentheses
        end = position
    return text[:end], text[end:]


def _take_parentheses(text: str) -> tuple[list[str], str]:
    """The tags in the parentheses of a text, and the text without them."""
    inside, outside, depth = "", "", 0
    for char in text:
        if char == "(":
            depth += 1
            inside += ","
        elif char == ")" and depth:
            depth -= 1
            inside += ","
        elif depth:
            inside += char
        else:
            outside += char
    outside = re.sub(r"\s+(?=[.,;:]|$)", "", outside)
    return [tag for piece in BETWEEN_TAGS.split(inside) if (tag := _tidy(piece))], outside


def _names_and_rest(people: str) -> tuple[list[str], list[str], str]:
    """The names, the tags in a parenthesis behind them, and what fits no rule."""
    tags, text = _take_parentheses(CO_ADVISED.sub(", ", people))
    end = AFTER_NAMES.search(text)
    rest = text[end.end() :] if end else ""
    text = text[: end.start()] if end else text
    return [name for piece in BETWEEN_NAMES.split(text) if (name := _tidy_name(piece))], tags, _tidy(rest)


def _people_behind_title(rest: str) -> tuple[list[str], str]:
    """Names in ", with Ada Example" behind a delimited title, and the rest without them."""
    words = rest.strip(" ,;.")
    if marker := ADVISED.match(words):
        names, _tags, left_out = _names_and_rest(words[marker.end() :])
        return names, left_out
    if marker := WITH.match(words):
        names = [_tidy_name(piece) for piece in BETWEEN_NAMES.split(words[marker.end() :]) if piece]
        if names and all(NAME.fullmatch(name) for name in names):
            return names, ""
    return [], rest


def _tidy_name(text: str) -> str:
    name = text.strip(' ,;:"“”„«»*')
    ends_with_initial = re.search(r"\b\w\.$", name)
    return name if ends_with_initial else name.rstrip(" .")


def _tidy(text: str) -> str:
    """Without surrounding spaces, separators, empty brackets and quotes, and without one full stop at the end."""
    before = None
    while text != before:
        before = text
        text = re.sub(r"\(\s*\)|\[\s*\]|\{\s*\}", "", text).strip(" ,;:|")
        text = re.sub(r"(?:\s[–—-]|^[–—-])$", "", text)
        text = re.sub(r"(?<!\.)\.$", "", text)
        if len(text) > 1 and text[-1] in QUOTES.get(text[0], "") and not set(text[1:-1]) & set(QUOTES[text[0]]):
            text = text[1:-1]
    return " ".join(text.split())


def _unique(names: list[str]) -> list[str]:
    return list({name_key(name): name for name in reversed(names)}.values())[::-1]
