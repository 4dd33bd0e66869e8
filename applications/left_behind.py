"""What a student typed and chose on a page of theirs that could not be sent: the session was over, or the form too old.

It is kept in the browser's session for as long as an upload, and stands in the form again once the page is open. It is
kept for every reference alike, whether such an application exists or not, so that nobody learns that from it.
"""

import dataclasses
import datetime
import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from applications import disk_space, documents, incoming, limits
from applications.client_address import sender
from applications.models import Application, Document, Upload
from applications.tokens import browser_key, upload_token
from projects.models import Question

SESSION_KEY = "left_behind"
PAGES = ("answers", "documents", "complete", "ask", "withdraw")  # by the name of their address
MOST_TEXT = 60_000  # characters in all: a motivation and a dozen long answers
MOST_APPLICATIONS = 5  # of one browser; the oldest goes
TEXT_FIELDS = (*Application.ANSWERS, "text", "reason")
FIELD_OF_QUESTION = re.compile(r"question_[0-9]{1,18}", re.ASCII)


@dataclasses.dataclass(frozen=True)
class LeftBehind:
    """The text by field, and the claims to files by field."""

    text: dict[str, str]
    claims: dict[str, list[str]]

    def __bool__(self) -> bool:
        return bool(any(self.text.values()) or self.claims)


def keep(request: HttpRequest) -> LeftBehind | None:
    """Keep what this POST to a student's page brought; None when it was to no such page or brought nothing.

    None as well when very many have come from this network within an hour: anybody can send them.
    """
    match = request.resolver_match
    if request.method != "POST" or match is None or match.app_name != "applications" or match.url_name not in PAGES:
        return None
    wait = limits.wait_for([(limits.LEFT_BEHIND, sender(request))])
    left = LeftBehind(_text(request), _claims(request)) if wait is None else None
    if wait:
        limits.count_turned_away(wait.limit)
    if not left:
        return None
    limits.count(limits.LEFT_BEHIND.what, sender(request))
    _put(request, match.kwargs["reference"][:20], match.url_name, left)
    return left


def put_text(request: HttpRequest, reference: str, page: str, text: dict[str, str]) -> None:
    """Let a page begin with text that was typed on another one, which does not take it any more."""
    _put(request, reference, page, LeftBehind(text, {}))


def _put(request: HttpRequest, reference: str, page: str, left: LeftBehind) -> None:
    kept = _still_kept(request)
    of_this = kept.pop(reference, {})  # put back at the end, as the newest
    of_this[page] = {"at": timezone.now().timestamp(), "text": left.text, "claims": left.claims}
    kept[reference] = of_this
    request.session[SESSION_KEY] = dict(list(kept.items())[-MOST_APPLICATIONS:])
    if set(request.session.keys()) == {SESSION_KEY}:  # nothing else needs it; `grants.give` gives it its usual time
        request.session.set_expiry(settings.UPLOAD_HOURS * 3600)


def _still_kept(request: HttpRequest) -> dict[str, dict[str, dict]]:
    """By reference and page, without what is too old."""
    return without_old(request.session.get(SESSION_KEY, {}), timezone.now())


def without_old(left: dict[str, dict[str, dict]], now: datetime.datetime) -> dict[str, dict[str, dict]]:
    """What a session holds of this, by reference and page, as far as it is still to be kept at `now`."""
    oldest = now.timestamp() - settings.UPLOAD_HOURS * 3600
    kept = {
        reference: {page: entry for page, entry in pages.items() if entry["at"] > oldest}
        for reference, pages in left.items()
    }
    return {reference: pages for reference, pages in kept.items() if pages}


def of(request: HttpRequest, reference: str, page: str) -> LeftBehind | None:
    """What was left behind on a page of the application, when this browser may open it; None when nothing was."""
    entry = _still_kept(request).get(reference, {}).get(page)
    return LeftBehind(entry["text"], entry["claims"]) if entry else None


def pages(request: HttpRequest, reference: str) -> list[str]:
    """On which pages of the application something was left behind."""
    return [page for page in PAGES if of(request, reference, page)]


def forget(request: HttpRequest, reference: str, page: str = "") -> None:
    """The page was sent after all, and brought everything along; or, without a page, the application is erased."""
    kept = request.session.get(SESSION_KEY, {})
    if reference not in kept:
        return
    left = {key: entry for key, entry in kept.pop(reference).items() if page and key != page}
    request.session[SESSION_KEY] = kept | ({reference: left} if left else {})


def _text(request: HttpRequest) -> dict[str, str]:
    text, room = {}, MOST_TEXT
    for name, value in request.POST.items():
        if name in TEXT_FIELDS or FIELD_OF_QUESTION.fullmatch(name):
            text[name] = value[:room]
            room -= len(text[name])
    return text


def _claims(request: HttpRequest) -> dict[str, list[str]]:
    """Claims to files that came with this POST and are fine, or else to those that had come before it."""
    claims = {
        name.removeprefix("kept_"): [token[:200] for token in tokens[: settings.TRANSCRIPTS_MAX]]
        for name, tokens in request.POST.lists()
        if name.startswith("kept_") and _meant(name.removeprefix("kept_"))[0]
    }
    for name in request.FILES:
        kind, question = _meant(name)
        if kind is None:
            continue
        files = request.FILES.getlist(name)[: settings.TRANSCRIPTS_MAX]
        arrived = _received(request, files, kind, question) if _may_come_in(request, files) else []
        if arrived:
            claims[name] = [upload_token(upload.pk) for upload in arrived]
    return claims


def _meant(name: str) -> tuple[str | None, Question | None]:
    """The kind of document that a field takes, and the question that it answers."""
    if name in documents.KIND_OF_FIELD:
        return documents.KIND_OF_FIELD[name], None
    if not FIELD_OF_QUESTION.fullmatch(name):
        return None, None
    question = Question.objects.filter(pk=name.removeprefix("question_"), kind=Question.Kind.FILE).first()
    return (Document.Kind.OTHER, question) if question else (None, None)


def _may_come_in(request: HttpRequest, files: list) -> bool:
    try:
        incoming.admit([file.size for file in files], sender(request))
    except (disk_space.Full, incoming.TooOften):
        return False
    return True


def _received(request: HttpRequest, files: list, kind: str, question: Question | None) -> list[Upload]:
    whose = {"browser": browser_key(request), "sender": sender(request)}
    arrived = []
    for file in files:
        try:
            arrived.append(documents.receive(file, kind, question=question, **whose))
        except (ValidationError, documents.Unavailable):
            continue  # it is asked for again when the form is open
    return arrived
