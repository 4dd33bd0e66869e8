"""What stands in braces in the words of a letter: the one table, and the filling.

Filling is plain replacement in one pass: nothing is executed, and what a student typed is never looked at again.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from applications.models import Letter

Kind = Letter.Kind

MANAGE_LINK = "{manage_link}"  # stands in stored letters; the link itself exists only in the mail that is sent
PERSONAL_LINE = "{personal_line}"  # where a reviewer's own words go
INVITATION_LINK = "{invitation_link}"  # like MANAGE_LINK, for somebody who is asked to make an account
PASSWORD_LINK = "{password_link}"  # noqa: S105 - like MANAGE_LINK, for somebody who has lost the password

# What people read in place of what is filled only while the letter is sent: whoever has a link can act with it.
IN_BRACKETS = {
    MANAGE_LINK: _("[personal link]"),
    INVITATION_LINK: _("[personal link]"),
    PASSWORD_LINK: _("[personal link]"),
    PERSONAL_LINE: _("[personal line]"),
}

OF_DECISIONS = (
    Kind.INTERVIEW,
    Kind.WAITLISTED,
    Kind.OFFERED,
    Kind.ACCEPTED,
    Kind.DECLINED,
    Kind.WITHDRAWN,
    Kind.REOPENED,
    Kind.FILLED,
    Kind.CORRECTION,
)
TO_STUDENTS = (
    Kind.RECEIVED,
    *OF_DECISIONS,
    Kind.APPLIED_AGAIN,
    Kind.LINK,
    Kind.RENEWED,
    Kind.OFFER_LAPSED,
    Kind.MESSAGE,
    Kind.ENTERED,
    Kind.TRANSFERRED,
    Kind.INFECTED,
)
NOTICES = (
    Kind.NOTICE_RECEIVED,
    Kind.NOTICE_ACCEPTED,
    Kind.NOTICE_WITHDRAWN,
    Kind.NOTICE_LAPSED,
    Kind.NOTICE_QUESTION,
    Kind.NOTICE_DOCUMENT,
    Kind.NOTICE_ERASURE,
)
# Letters whose words can be edited. A digest is a list and has none of its own; a test letter has those of another.
WITH_WORDS = (*TO_STUDENTS, *NOTICES, Kind.INVITATION)


@dataclasses.dataclass(frozen=True)
class Placeholder:
    """One of the words in braces: what it becomes, in which letters it is known, and which are nothing without it."""

    name: str
    description: str | Promise
    kinds: tuple[str, ...]
    required_in: tuple[str, ...] = ()

    @property
    def in_braces(self) -> str:
        return "{" + self.name + "}"


PLACEHOLDERS = (
    Placeholder("name", _("the name of the student (in the invitation: of the co-advisor)"), WITH_WORDS),
    Placeholder("project", _("the title of the project"), WITH_WORDS),
    Placeholder("reference", _("the reference of the application, such as A7K3-9QF2"), (*TO_STUDENTS, *NOTICES)),
    Placeholder("supervisor", _("the name of the supervisor"), WITH_WORDS),
    Placeholder("supervisor_email", _("the supervisor’s e-mail address"), WITH_WORDS),
    Placeholder("site_url", _("the address of this site, with the list of projects"), WITH_WORDS),
    Placeholder(
        "manage_link",
        _("the student’s personal link; put it on a line of its own"),
        TO_STUDENTS,
        required_in=(
            Kind.RECEIVED,
            Kind.OFFERED,
            Kind.APPLIED_AGAIN,
            Kind.LINK,
            Kind.RENEWED,
            Kind.ENTERED,
            Kind.INFECTED,
        ),
    ),
    Placeholder(
        "personal_line",
        _("what a reviewer adds to this one letter; put it on a line of its own"),
        (*OF_DECISIONS, Kind.MESSAGE),
        required_in=(Kind.MESSAGE,),
    ),
    Placeholder("date_received", _("the day on which the application came"), (*TO_STUDENTS, *NOTICES)),
    Placeholder(
        "answer_by",
        _("the day by which an answer is promised"),
        (Kind.RECEIVED, Kind.ENTERED, Kind.TRANSFERRED, Kind.NOTICE_RECEIVED),
    ),
    Placeholder("earliest_start", _("the earliest start, as the student gave it"), (*TO_STUDENTS, *NOTICES)),
    Placeholder(
        "offer_until",
        _("the last day on which the offer can be accepted"),
        (Kind.OFFERED, Kind.OFFER_LAPSED, Kind.NOTICE_LAPSED),
        required_in=(Kind.OFFERED,),
    ),
    Placeholder("documents", _("the list of the documents that arrived, one a line"), (Kind.RECEIVED,)),
    Placeholder("status", _("how the application stands, in the student’s words"), TO_STUDENTS),
    Placeholder("letter_date", _("the day of the earlier letter that does not hold any more"), (Kind.CORRECTION,)),
    Placeholder("former_project", _("the title of the project it was moved from"), (Kind.TRANSFERRED,)),
    Placeholder(
        "document",
        _("the document in which malware was found, with its file name"),
        (Kind.INFECTED,),
        required_in=(Kind.INFECTED,),
    ),
    Placeholder(
        "review_link",
        _("the address of the application in the review pages"),
        NOTICES,
        required_in=NOTICES,
    ),
    Placeholder(
        "invitation_link",
        _("the personal link of the invitation; put it on a line of its own"),
        (Kind.INVITATION,),
        required_in=(Kind.INVITATION,),
    ),
    Placeholder("invited_by", _("the name of the person who invites"), (Kind.INVITATION,)),
    Placeholder("valid_until", _("the last day on which the invitation works"), (Kind.INVITATION,)),
)

# These are paragraphs or links: in a subject they would be useless, and a link there is never filled.
NOT_IN_SUBJECT = ("manage_link", "personal_line", "documents", "document", "review_link", "invitation_link")

_IN_BRACES = re.compile(r"\{([a-z_]+)\}")
_ANY_BRACES = re.compile(r"\{[^{}\n]*\}")


def of_kind(kind: str) -> list[Placeholder]:
    """The placeholders that a letter of this kind may hold."""
    return [placeholder for placeholder in PLACEHOLDERS if kind in placeholder.kinds]


def in_braces(text: str) -> list[str]:
    """Everything that stands in braces in `text`, each once, in the order in which it stands; also a lone brace."""
    found = _ANY_BRACES.findall(text)
    lone = set(_ANY_BRACES.sub("", text)) & set("{}")
    return [*dict.fromkeys(found), *sorted(lone)]


def missing_in(text: str, kind: str) -> list[str]:
    """The placeholders without which a letter of this kind is of no use, and that `text` has not."""
    needed = [placeholder.in_braces for placeholder in PLACEHOLDERS if kind in placeholder.required_in]
    return [in_braces for in_braces in needed if in_braces not in text]


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with the placeholders that `values` knows replaced by them; everything else stays as it stands."""
    return _IN_BRACES.sub(lambda found: values.get(found[1], found[0]), text)


def as_shown(text: str) -> str:
    """A letter for people's eyes: no link that opens anything, and words where something will stand."""
    for in_braces, words in IN_BRACKETS.items():
        text = text.replace(in_braces, str(words))
    return text


def as_words(names: Iterable[str]) -> dict[str, str]:
    """Values that fill each placeholder with itself, so that an editor sees `Dear {name},`."""
    return {name: "{" + name + "}" for name in names}


def without_braces(text: str) -> str:
    """What a student typed, so that it is never taken for one of our placeholders."""
    return text.translate({ord("{"): "(", ord("}"): ")"})
