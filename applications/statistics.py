"""The figures of the desk, as plain data: what waits for one person, and how each of their projects does.

Everything starts from what the person may see. Ratings are not among the figures at all. The number of questions to the
database does not depend on how many applications or projects there are.
"""

import dataclasses
import datetime
import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Self

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    FloatField,
    Func,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils import timezone

from applications.models import (
    Application,
    Decision,
    Document,
    Erasure,
    Event,
    Letter,
    Message,
    QuestionAnswer,
    Reading,
    ReviewRequest,
)
from applications.models.application import promised_before
from applications.statuses import FUNNEL, OPEN_STATUSES, Status
from projects.models import Project

LAPSING_DAYS = 7
WEEKS = 26  # of arrivals that are drawn, up to this one
WEEKS_AHEAD = 8  # in which a deadline is still drawn
ANSWERS = (Status.INTERVIEW, Status.WAITLISTED, Status.OFFERED, Status.ACCEPTED, Status.DECLINED)
FIRST_ANSWER_DUE = (Status.RECEIVED, Status.IN_REVIEW)


# What waits for one person


@dataclasses.dataclass(frozen=True)
class Waiting:
    """How many of each there are, among what one person may see."""

    open: int
    unread: int
    asked: int
    overdue: int
    lapsing: int
    without_consent: int
    questions: int  # applications whose students wait for the answer to a question
    newer_documents: int  # applications with a newer document to be taken or left
    dropped: int
    staged: int
    on_their_way: int
    next_effective_at: datetime.datetime | None
    last_effective_at: datetime.datetime | None
    failed_letters: int


def waiting_for(user, now: datetime.datetime | None = None) -> Waiting:
    """Three questions: over applications, pending decisions, letters."""
    now = now or timezone.now()
    visible = Application.objects.visible_to(user)
    is_open = Q(status__in=OPEN_STATUSES)
    counts = visible.order_by().aggregate(
        open=Count("pk", filter=is_open),
        unread=Count("pk", filter=is_open & ~Q(Reading.done_by(user))),
        asked=Count("pk", filter=is_asked_of(user)),
        overdue=Count("pk", filter=Q(status__in=FIRST_ANSWER_DUE, received_at__lt=promised_before(now))),
        lapsing=Count("pk", filter=Q(status=Status.OFFERED, offer_lapses_on__lte=lapsing_until(now))),
        without_consent=Count("pk", filter=Q(consent_version="")),
        questions=Count("pk", filter=Q(Message.question_waits())),
        newer_documents=Count("pk", filter=Document.newer_one_waits()),
        dropped=Count("pk", filter=Q(status__in=(*OPEN_STATUSES, Status.OFFERED)) & Q(_was_dropped())),
    )
    on_its_way = Q(released_at__isnull=False)
    pending = Decision.objects.visible_to(user).pending()
    decisions = pending.order_by().aggregate(
        staged=Count("pk", filter=~on_its_way),
        on_their_way=Count("pk", filter=on_its_way),
        next_effective_at=Min("effective_at"),
        last_effective_at=Max("effective_at"),
    )
    failed = Letter.objects.visible_to(user).filter(status=Letter.Status.FAILED).count()
    return Waiting(**counts, **decisions, failed_letters=failed)


def is_asked_of(user) -> Q:
    """Whether `user` was asked for a review of an application that still waits, and is not done with it.

    The same rule as `applications.admin.queue.asked_of`, which is above this layer; a test compares them.
    """
    asked = Exists(ReviewRequest.objects.filter(application=OuterRef("pk"), reviewer=user))
    return Q(status__in=OPEN_STATUSES) & Q(asked) & ~Q(Reading.done_by(user))


def lapsing_until(now: datetime.datetime) -> datetime.date:
    """Offers that stand until this day or an earlier one are about to lapse."""
    return timezone.localdate(now) + datetime.timedelta(days=LAPSING_DAYS)


def _was_dropped() -> Exists:
    """Whether the last that was decided could not be done: dropped, and no later decision."""
    later = Decision.objects.filter(application=OuterRef("application"), pk__gt=OuterRef("pk"))
    return Exists(Decision.objects.filter(~Exists(later), application=OuterRef("pk"), dropped_at__isnull=False))


def oldest_for(user, limit: int = 8) -> list[Application]:
    """What waits for `user` in person, the oldest first, and before that what they were asked.

    That is: a first answer is due, nothing is decided yet, and either they have not read it, or it is their project.
    Each knows `was_asked`, and `is_done` when they have read it or abstained.
    """
    decided = Exists(Decision.objects.pending().filter(application=OuterRef("pk")))
    is_theirs = ~Q(Reading.done_by(user)) | Q(project__supervisor=user)
    due = Q(status__in=FIRST_ANSWER_DUE) & ~Q(decided) & is_theirs
    asked = Exists(ReviewRequest.objects.filter(application=OuterRef("pk"), reviewer=user))
    # As `Application.waiting_since` says it.
    waits_since = Case(When(status__in=FIRST_ANSWER_DUE, then=F("received_at")), default=F("status_changed_at"))
    return list(
        Application.objects.visible_to(user)
        .filter(due | is_asked_of(user))
        .annotate(
            was_asked=asked,
            is_done=Reading.done_by(user),
            waits_since=waits_since,
            idea_title=QuestionAnswer.idea_title(),
        )
        .order_by(F("is_done").asc(), F("was_asked").desc(), "waits_since", "pk")
        .select_related("project")
        .defer("motivation", "links", "project__description", "project__imported")[:limit]
    )


# How projects do


@dataclasses.dataclass(frozen=True)
class Week:
    """Seven days from a Monday on, in local time; how many applications arrived in them, and how many now erased."""

    begin: datetime.datetime
    end: datetime.datetime
    arrived: int = 0
    erased: int = 0

    @property
    def all(self) -> int:
        return self.arrived + self.erased


@dataclasses.dataclass
class ProjectFigures:
    """One project: its applications by status, how far they came, when they arrived, how long an answer took.

    What is erased since is counted apart, because no list shows it: `erased` says how many had come (`received`) and
    to which steps.
    """

    project: Project
    by_status: dict[str, int]
    reached: dict[str, int]
    weeks: list[Week]
    erased: dict[str, int]
    median_days: float | None = None
    suggested: Application | None = None  # whose turn it would be for the free place

    @property
    def received(self) -> int:
        return sum(self.by_status.values())

    @property
    def waiting(self) -> int:
        return sum(self.by_status.get(status, 0) for status in OPEN_STATUSES)

    @property
    def wait_in_vain(self) -> int:
        """How many still wait although nobody else fits: all places are taken, or it was closed by hand."""
        return self.waiting if self.project.is_full() or self.project.closed_at is not None else 0

    @property
    def is_current(self) -> bool:
        """Whether something can still happen: it takes applications, or somebody waits or has an offer."""
        return bool(self.waiting or self.by_status.get(Status.OFFERED) or self.project.is_open())


def of_projects(user, now: datetime.datetime | None = None) -> list[ProjectFigures]:
    """The figures of every project that `user` sees, with most waiting first; at most seven questions."""
    now = now or timezone.now()
    visible = Application.objects.visible_to(user)
    weeks = last_weeks(now)
    projects = Project.objects.visible_to(user).select_related("topic").defer("description", "imported")
    counts = _counts(visible, weeks)
    reached = _reached(visible)
    medians = _median_days(visible)
    erased = _erased(user, weeks)
    figures = [
        ProjectFigures(
            project=project,
            by_status={status: counts[project.pk][status] for status in Status if counts[project.pk][status]},
            reached={step: reached.get((project.pk, step), 0) for step in FUNNEL},
            weeks=[
                dataclasses.replace(week, arrived=counts[project.pk][number], erased=erased[project.pk][number])
                for number, week in enumerate(weeks)
            ],
            erased={step: erased[project.pk][step] for step in (Status.RECEIVED, *FUNNEL)},
            median_days=medians.get(project.pk),
        )
        for project in projects
    ]
    _suggest(figures, visible)
    return sorted(figures, key=lambda one: (-one.waiting, -one.received, one.project.title))


def last_weeks(now: datetime.datetime) -> list[Week]:
    """This week and those before it, the oldest first."""
    today = timezone.localdate(now)
    monday = today - datetime.timedelta(days=today.weekday())
    days = [monday - datetime.timedelta(weeks=number) for number in range(WEEKS - 1, -2, -1)]
    midnights = [timezone.make_aware(datetime.datetime.combine(day, datetime.time())) for day in days]
    return [Week(begin, end) for begin, end in itertools.pairwise(midnights)]


def _counts(visible: QuerySet[Application], weeks: list[Week]) -> dict[int, Counter]:
    """By project: how many applications are in each status, and by the week's number how many arrived in it."""
    # The latest week first: the database stops at the first that fits.
    latest_first = [When(received_at__gte=week.begin, then=Value(n)) for n, week in reversed(list(enumerate(weeks)))]
    which_week = Case(*latest_first, default=Value(-1))
    rows = visible.order_by().annotate(week=which_week).values_list("project_id", "status", "week")
    counts: dict[int, Counter] = defaultdict(Counter)
    for project, status, week, number in rows.annotate(number=Count("pk")):
        counts[project][status] += number
        counts[project][week] += number
    return counts


def _reached(visible: QuerySet[Application]) -> dict[tuple[int, str], int]:
    """By project and step: how many applications have ever come there, whatever came after."""
    moves = Event.objects.filter(kind=Event.Kind.MOVED, to_status__in=FUNNEL, application__in=visible)
    rows = (
        moves.order_by()
        .values_list("application__project_id", "to_status")
        .annotate(number=Count("application_id", distinct=True))
    )
    return {(project, step): number for project, step, number in rows}


def _erased(user, weeks: list[Week]) -> dict[int, Counter]:
    """By project: how many erased applications had come, and to each step, and by the week's number when they came."""
    counts: dict[int, Counter] = defaultdict(Counter)
    if not user.has_perm("applications.view_application"):
        return counts
    days = [timezone.localdate(week.begin) for week in weeks]
    latest_first = [When(received_on__gte=day, then=Value(number)) for number, day in reversed(list(enumerate(days)))]
    rows = Erasure.objects.filter(project__in=Project.objects.visible_to(user)).order_by()
    rows = rows.annotate(week=Case(*latest_first, default=Value(-1))).values_list("project_id", "week", "reached")
    for project, week, reached, number in rows.annotate(number=Count("pk")):
        for what in (Status.RECEIVED, week, *reached):
            counts[project][what] += number
    return counts


def _median_days(visible: QuerySet[Application]) -> dict[int, float]:
    """By project: within how many days half of the students had their first answer from the reviewers."""
    told = Decision.objects.filter(applied_at__isnull=False, to_status__in=ANSWERS, application__in=visible)
    rows = (
        told.order_by()
        .values_list("application_id", "application__project_id")
        .annotate(days=DaysBetween(F("application__received_at"), Min("applied_at")))
        .values_list("application__project_id", "days")
    )
    by_project: dict[int, list[float]] = defaultdict(list)
    for project, days in rows:
        by_project[project].append(days)
    return {project: statistics.median(days) for project, days in by_project.items()}


class DaysBetween(Func):
    """From one moment to a later one, by the database itself: Django's way on SQLite calls Python for each row."""

    output_field = FloatField()

    def as_sqlite(self, compiler, connection, **context):
        later_first = self._turned_round()
        template, joiner = "(JULIANDAY(%(expressions)s))", ") - JULIANDAY("
        return later_first.as_sql(compiler, connection, template=template, arg_joiner=joiner, **context)

    def as_postgresql(self, compiler, connection, **context):
        later_first = self._turned_round()
        template = "EXTRACT(EPOCH FROM %(expressions)s)::float8 / 86400"
        return later_first.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)

    def _turned_round(self) -> Self:
        turned = self.copy()
        turned.set_source_expressions(self.get_source_expressions()[::-1])
        return turned


def _suggest(figures: Iterable[ProjectFigures], visible: QuerySet[Application]) -> None:
    """Whose turn it would be where a place is free that is promised to nobody: `places.suggestion` for many at once."""
    with_place = {one.project.pk: one for one in figures if one.project.places_free and _might_suggest(one)}
    if not with_place:
        return
    undecided_offers = Q(to_status=Status.OFFERED) & ~Q(application__status=Status.OFFERED)
    promised = dict(
        Decision.objects.pending()
        .filter(undecided_offers, application__project__in=with_place)
        .order_by()
        .values_list("application__project_id")
        .annotate(number=Count("pk"))
    )
    decided = Exists(Decision.objects.pending().filter(application=OuterRef("pk")))
    longest_first = (
        visible.filter(~decided, project__in=with_place, status=Status.WAITLISTED)
        .order_by("-status_changed_at", "-pk")
        .only("full_name", "reference", "project_id", "status_changed_at")
    )
    for application in longest_first:
        one = with_place[application.project_id]
        if one.project.places_free > one.by_status.get(Status.OFFERED, 0) + promised.get(one.project.pk, 0):
            one.suggested = application  # the last one written is the longest there


def _might_suggest(one: ProjectFigures) -> bool:
    return bool(one.by_status.get(Status.WAITLISTED))
