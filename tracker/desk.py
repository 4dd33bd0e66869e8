"""The desk: what stands on the admin's front page, from the figures of `applications.statistics`, and what is wrong.

Every number has the address of the list behind it, which shows exactly as many rows; a test follows each link.
"""

import dataclasses
import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from applications import statistics
from applications.statistics import ProjectFigures, Waiting, Week
from applications.statuses import Status
from projects.models import Project
from tracker import condition

MOST_CARDS = 12  # projects that are drawn; the others are rows of a table
FEWEST_WEEKS = 8  # that are drawn of a project which is younger


@dataclasses.dataclass(frozen=True)
class Tile:
    """One number with the list behind it. `tone` is `trouble`, `soon` or nothing."""

    count: int
    words: str
    url: str
    tone: str = ""
    more: str = ""


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a project's funnel: how many came as far as this, and how many of those that are erased."""

    label: str
    count: int
    url: str
    y: int  # of its bar in the picture
    width: str
    erased: int


@dataclasses.dataclass(frozen=True)
class Bar:
    """The arrivals of one week, in the picture and in its table; upon them those that are erased."""

    week: Week
    url: str
    x: int
    y: str
    height: str
    erased_y: str
    erased_height: str


@dataclasses.dataclass(frozen=True)
class Arrivals:
    """The picture of a project's arrivals by week, with everything that its words say."""

    bars: list[Bar]
    total: int
    erased: int
    busiest: Week
    width: int
    deadline_x: str | None
    words: str


@dataclasses.dataclass(frozen=True)
class Card:
    """One project on the desk."""

    project: Project
    figures: ProjectFigures
    is_theirs: bool
    url: str
    all_url: str
    waiting_url: str
    remaining_url: str
    steps: list[Step]
    arrivals: Arrivals | None


def context_for(user) -> dict:
    """What the template needs; empty for staff who review nothing."""
    if not user.has_perm("applications.view_application"):
        return {}
    now = timezone.now()
    waiting = statistics.waiting_for(user, now)
    figures = statistics.of_projects(user, now)
    drawn = [one for one in figures if one.received and one.is_current][:MOST_CARDS]
    others = [one for one in figures if one not in drawn]
    return {
        "has_desk": True,
        "tiles": tiles(user, waiting, now),
        "open_count": waiting.open,
        "open_url": list_url(status="open"),
        "oldest": statistics.oldest_for(user),
        "cards": [card(one, user, now) for one in drawn],
        "other_projects": [card(one, user, now, with_picture=False) for one in others],
        "has_erased": any(one.erased[Status.RECEIVED] for one in others),
        "applications_count": sum(one.received for one in figures),
        "projects_count": len(figures),
        "answer_days": settings.PROMISED_ANSWER_DAYS,
        "condition": condition.condition_for(user, now),
    }


def list_url(**filters) -> str:
    """The list of applications, with these filters."""
    return f"{reverse('admin:applications_application_changelist')}?{urlencode(filters)}"


# The numbers


def tiles(user, waiting: Waiting, now: datetime.datetime) -> list[Tile]:
    """Reading always, whatever there is of the rest: a zero that nobody acts on is left out."""
    shown = [_unread(waiting), _asked(waiting), _questions(waiting), _newer_documents(waiting), _overdue(waiting)]
    if user.has_perm("applications.change_application"):
        shown += [_staged(waiting), _on_their_way(waiting, now)]
    shown += [_lapsing(waiting, now), _dropped(waiting), _without_consent(waiting)]
    if user.has_perm("applications.view_letter"):
        shown.append(_failed_letters(waiting))
    return [tile for number, tile in enumerate(shown) if tile.count or number == 0]


def _unread(waiting: Waiting) -> Tile:
    words = ngettext("unread by me", "unread by me", waiting.unread)
    return Tile(waiting.unread, words, list_url(status="open", reading="unread"))


def _asked(waiting: Waiting) -> Tile:
    return Tile(waiting.asked, ngettext("asked of me", "asked of me", waiting.asked), list_url(reading="asked"))


def _questions(waiting: Waiting) -> Tile:
    words = ngettext(
        "student waits for the answer to a question", "students wait for the answer to a question", waiting.questions
    )
    return Tile(waiting.questions, words, list_url(from_student="question"), "soon")


def _newer_documents(waiting: Waiting) -> Tile:
    words = ngettext("newer document to take or leave", "newer documents to take or leave", waiting.newer_documents)
    return Tile(waiting.newer_documents, words, list_url(from_student="document"))


def _overdue(waiting: Waiting) -> Tile:
    words = ngettext("waits longer than promised", "wait longer than promised", waiting.overdue)
    return Tile(waiting.overdue, words, list_url(overdue="yes"), "trouble")


def _staged(waiting: Waiting) -> Tile:
    words = ngettext("decision staged, to be released", "decisions staged, to be released", waiting.staged)
    return Tile(waiting.staged, words, reverse("admin:applications_application_release"))


def _on_their_way(waiting: Waiting, now: datetime.datetime) -> Tile:
    words = ngettext("decision on its way", "decisions on their way", waiting.on_their_way)
    more = ""
    if waiting.next_effective_at:
        minutes = max(int((waiting.next_effective_at - now).total_seconds() // 60), 0)
        more = ngettext(
            "can be called back for %(minutes)d minute", "can be called back for %(minutes)d minutes", minutes
        ) % {"minutes": minutes}
        if waiting.last_effective_at != waiting.next_effective_at:
            last = time_format(timezone.localtime(waiting.last_effective_at), "TIME_FORMAT")
            more = _("the last can be called back until %(time)s") % {"time": last}
    return Tile(
        waiting.on_their_way, words, reverse("admin:applications_application_release"), "soon" if more else "", more
    )


def _lapsing(waiting: Waiting, now: datetime.datetime) -> Tile:
    words = ngettext("offer lapses within a week", "offers lapse within a week", waiting.lapsing)
    day = statistics.lapsing_until(now).isoformat()
    return Tile(waiting.lapsing, words, list_url(status=Status.OFFERED.value, offer_lapses_on__lte=day), "soon")


def _dropped(waiting: Waiting) -> Tile:
    words = ngettext("decision could not be carried out", "decisions could not be carried out", waiting.dropped)
    return Tile(waiting.dropped, words, list_url(decision="dropped"), "trouble")


def _without_consent(waiting: Waiting) -> Tile:
    words = ngettext(
        "entered by hand, waits for the student’s consent",
        "entered by hand, wait for the student’s consent",
        waiting.without_consent,
    )
    return Tile(waiting.without_consent, words, list_url(by_hand="waiting"))


def _failed_letters(waiting: Waiting) -> Tile:
    words = ngettext("letter did not go out", "letters did not go out", waiting.failed_letters)
    url = f"{reverse('admin:applications_letter_changelist')}?status__exact=failed"
    return Tile(waiting.failed_letters, words, url, "trouble")


# A project

ROW = 28  # height of a step: the rows of the table beside it are as high, see css/admin-desk.css


def card(figures: ProjectFigures, user, now: datetime.datetime, *, with_picture: bool = True) -> Card:
    project = figures.project
    is_theirs = user.is_superuser or project.supervisor_id == user.pk
    return Card(
        project=project,
        figures=figures,
        is_theirs=is_theirs,
        url=reverse("admin:projects_project_change", args=[project.pk]),
        all_url=_of(project),
        waiting_url=_of(project, status="open"),
        remaining_url=reverse("admin:projects_project_remaining", args=[project.pk]) if is_theirs else "",
        steps=funnel(figures),
        arrivals=arrivals(figures, now) if with_picture else None,
    )


def _of(project: Project, **filters) -> str:
    return list_url(project__id__exact=project.pk, **filters)


def funnel(figures: ProjectFigures) -> list[Step]:
    """Received, and how many of these have ever come to an interview, an offer, an acceptance."""
    counts = [(_("Received"), figures.received, _of(figures.project), figures.erased[Status.RECEIVED])]
    counts += [
        (str(step.label), figures.reached[step], _of(figures.project, reached=step.value), figures.erased[step])
        for step in statistics.FUNNEL
    ]
    most = max(count for _label, count, _url, _erased in counts) or 1
    return [
        Step(label, count, url, number * ROW + 5, f"{count / most * 100:.1f}", erased)
        for number, (label, count, url, erased) in enumerate(counts)
    ]


WEEK, TALL = 10, 60  # of a bar, in the units of the picture


def arrivals(figures: ProjectFigures, now: datetime.datetime) -> Arrivals | None:
    """None when nothing has arrived in the weeks that are drawn."""
    first = next((number for number, week in enumerate(figures.weeks) if week.all), None)
    if first is None:
        return None
    weeks = figures.weeks[min(first, len(figures.weeks) - FEWEST_WEEKS) :]
    busiest = max(weeks, key=lambda week: week.all)
    deadline = _weeks_until_deadline(figures.project, weeks[0].begin)
    end = len(weeks) + statistics.WEEKS_AHEAD
    is_drawn = deadline is not None and 0 <= deadline <= end
    return Arrivals(
        bars=[_bar(figures.project, week, number, busiest.all) for number, week in enumerate(weeks)],
        total=sum(week.all for week in weeks),
        erased=sum(week.erased for week in weeks),
        busiest=busiest,
        width=max(len(weeks), int(deadline) + 1 if is_drawn else 0) * WEEK,
        deadline_x=f"{deadline * WEEK:.1f}" if is_drawn else None,
        words=_in_words(figures.project, weeks, busiest),
    )


def _weeks_until_deadline(project: Project, begin: datetime.datetime) -> float | None:
    """Where the end of the last day stands on the time line, in weeks."""
    if project.deadline is None:
        return None
    return (project.deadline - timezone.localdate(begin) + datetime.timedelta(days=1)).days / 7


def _bar(project: Project, week: Week, number: int, most: int) -> Bar:
    height, erased = week.arrived / most * TALL, week.erased / most * TALL
    span = {
        "received_at__gte": str(timezone.localtime(week.begin)),
        "received_at__lt": str(timezone.localtime(week.end)),
    }
    return Bar(
        week,
        _of(project, **span),
        x=number * WEEK + 1,
        y=f"{TALL - height:.1f}",
        height=f"{height:.1f}",
        erased_y=f"{TALL - height - erased:.1f}",
        erased_height=f"{erased:.1f}",
    )


def _in_words(project: Project, weeks: list[Week], busiest: Week) -> str:
    """The picture, for those who do not see it."""
    words = _("Arrivals by week: %(total)d in all, most of them (%(most)d) in the week of %(day)s.") % {
        "total": sum(week.all for week in weeks),
        "most": busiest.all,
        "day": date_format(timezone.localdate(busiest.begin), "DATE_FORMAT"),
    }
    if project.deadline is None:
        return words
    return f"{words} " + _("The deadline is %(day)s.") % {"day": date_format(project.deadline, "DATE_FORMAT")}
