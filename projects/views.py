"""The public catalogue. These pages touch no session, no messages and no CSRF token, so they set no cookie and are
answered with 304 while nothing changed."""

import unicodedata
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from projects.models import HomePage, Project

SEARCH_MAX = 200
# As everywhere, but a student's own idea stands after the projects of its topic.
ORDER_IN_CATALOGUE = ["topic__position", "topic__name", "is_own_idea", "position", "title"]
ALTERNATIVES = 3


def folded(text: str) -> str:
    """`text` for comparing as people read: “YÉCHE”, “yéche” and “yeche” are one.

    In Python, because SQLite knows upper and lower case of ASCII only.
    """
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


@dataclass(frozen=True)
class Filters:
    """What the address asks for: a topic's slug, words to search for, only projects that take applications."""

    topic: str = ""
    words: str = ""
    only_open: bool = False

    @classmethod
    def from_address(cls, query: QueryDict) -> "Filters":
        return cls(
            topic=query.get("topic", "").strip(),
            words=" ".join(query.get("q", "")[:SEARCH_MAX].split()),
            only_open=query.get("open") == "1",
        )

    def __bool__(self) -> bool:
        return bool(self.topic or self.words or self.only_open)

    def admit(self, project: Project) -> bool:
        return (
            (not self.topic or project.topic.slug == self.topic)
            and (not self.only_open or project.is_open())
            and self._found_in(project)
        )

    def _found_in(self, project: Project) -> bool:
        """Whether every word of the search stands somewhere in what the page says about `project`."""
        if not self.words:
            return True
        people = [person.name for person in project.co_advisors.all()]
        text = folded("\n".join([project.title, project.topic.name, project.tags, project.description, *people]))
        return all(word in text for word in folded(self.words).split())


@require_safe
@conditional_page
@cache_control(no_cache=True)  # a browser may keep the page, but asks each time whether it still holds
def catalogue(request: HttpRequest) -> HttpResponse:
    filters = Filters.from_address(request.GET)
    published = list(
        _published(with_description=bool(filters.words)).prefetch_related("co_advisors").order_by(*ORDER_IN_CATALOGUE)
    )
    shown = [project for project in published if filters.admit(project)]
    topics = [topic for topic, _ in groupby(published, key=lambda project: project.topic)]
    context = {
        "home_page": HomePage.objects.first(),
        "filters": filters,
        "topics": topics,
        "topic": next((topic for topic in topics if topic.slug == filters.topic), None),
        "groups": [(topic, list(rows)) for topic, rows in groupby(shown, key=lambda project: project.topic)],
        "number_shown": len(shown),
        "number_published": len(published),
        "answer_days": settings.PROMISED_ANSWER_DAYS,
    }
    return render(request, "projects/catalogue.html", context)


@require_safe
@conditional_page
@cache_control(no_cache=True)
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_object_or_404(_published().select_related("supervisor").prefetch_related("co_advisors"), slug=slug)
    is_open = project.is_open()
    context = {
        "project": project,
        "is_open": is_open,
        "alternatives": [] if is_open else _alternatives_to(project),
        "questions": project.questions.asked() if is_open else [],
        "grace_ends_at": project.grace_ends_at() if settings.DEADLINE_GRACE_MINUTES else None,
        "project_supervisor": _name_of_supervisor(project),
        "proposal_host": _host_of(project.proposal_url),
        "document_limit": settings.DOCUMENT_MAX_BYTES // settings.MEGABYTE,
        "transcripts_max": settings.TRANSCRIPTS_MAX,
        "answer_days": settings.PROMISED_ANSWER_DAYS,
    }
    return render(request, "projects/detail.html", context)


def _published(with_description: bool = True) -> QuerySet[Project]:
    unread = ["imported"] if with_description else ["imported", "description"]
    return Project.objects.published().select_related("topic").defer(*unread)


def _alternatives_to(project: Project) -> list[Project]:
    """A few projects that take applications, where somebody might look on."""
    return list(Project.objects.open_beside(project).select_related("topic")[:ALTERNATIVES])


def _name_of_supervisor(project: Project) -> str:
    """The name to show, or nothing: an account's user name is for signing in, not for the public."""
    if project.supervisor is None or project.supervisor.email == settings.SUPERVISOR_EMAIL:
        return settings.SUPERVISOR_NAME or (project.supervisor.get_full_name() if project.supervisor else "")
    return project.supervisor.get_full_name()


def _host_of(address: str) -> str:
    """The host that a link leads to; nothing for an address that is no link to a web page."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
