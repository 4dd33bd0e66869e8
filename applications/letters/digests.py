"""Letters about several applications: what one was asked to review, what a day brought, what waits for too long.

They name references and projects, never a student, so that an erasure need not touch them; and never a rating. Each is
written in the transaction that notes that it was, so that several workers write it once.
"""

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from applications.letters.outbox import queue
from applications.letters.reviewers import languages_of
from applications.letters.wording import LONGEST_SUBJECT, Wording
from applications.models import Application, Decision, Event, Letter, Preference, Reading, ReviewRequest
from applications.statuses import Status
from projects.models import Project

QUIET = datetime.timedelta(minutes=10)  # since the last asking, so that one round of asking is one letter
MORNING = 7  # local time; the daily and the weekly letter are written from then on
MOST_LINES = 50  # of a list; the link leads to all
LOOK_BACK = datetime.timedelta(days=7)  # how far a first daily or weekly letter looks back, at most
SETTLED = datetime.timedelta(minutes=1)  # what is younger may not be committed yet; it stands in the next letter


# Asked to review


def asked_to_review(now: datetime.datetime | None = None) -> int:
    """Tell reviewers what they were asked to review since they were last told; returns how many letters.

    One letter each, once nobody has asked them for QUIET. Left out is what they cannot see any more or have done.
    """
    now = now or timezone.now()
    untold = ReviewRequest.objects.filter(told_at=None).values("reviewer").annotate(latest=Max("asked_at"))
    ready = untold.filter(latest__lte=now - QUIET).order_by("reviewer").values_list("reviewer", flat=True)
    return sum(_tell_what_was_asked(reviewer, now) for reviewer in get_user_model().objects.filter(pk__in=ready))


def _tell_what_was_asked(reviewer, now: datetime.datetime) -> bool:
    with transaction.atomic():
        pks = list(ReviewRequest.objects.filter(reviewer=reviewer, told_at=None).values_list("pk", flat=True))
        claimed = ReviewRequest.objects.filter(pk__in=pks, told_at=None).update(told_at=now)
        if not claimed:  # another worker was faster
            return False
        asked = _still_to_review(reviewer, pks)
        if not asked or not reviewer.email:
            return False
        _write(
            Letter.Kind.DIGEST_ASKED,
            reviewer,
            {
                "asked_by": _names_of_those_who_asked(pks),
                "number": len(asked),
                "projects": _by_project(asked),
                "list_link": _list_link(),
            },
        )
    return True


def _still_to_review(reviewer, request_pks: list[int]) -> list[Application]:
    asked = Application.objects.visible_to(reviewer).filter(review_requests__in=request_pks)
    still = asked.awaiting_decision().exclude(Reading.done_by(reviewer))
    return list(still.select_related("project").order_by("received_at", "pk"))


def _names_of_those_who_asked(request_pks: list[int]) -> str:
    people = get_user_model().objects.filter(pk__in=ReviewRequest.objects.filter(pk__in=request_pks).values("asked_by"))
    return ", ".join(person.get_full_name() or person.get_username() for person in people.order_by("username"))


# Once a day


def daily(now: datetime.datetime | None = None) -> int:
    """Write their one letter a day to those who prefer that; returns how many letters. None where nothing happened."""
    now = timezone.localtime(now or timezone.now())
    if now.hour < MORNING:
        return 0
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    # `midnight` and not a day ago: a letter that was late yesterday makes none late today.
    due = Preference.objects.filter(Q(told_daily_at=None) | Q(told_daily_at__lt=midnight))
    due = due.filter(notices=Preference.Notices.DAILY).select_related("user")
    return sum(tell_of_the_day(preference, now - SETTLED) for preference in due)


def tell_of_the_day(preference: Preference, until: datetime.datetime) -> bool:
    """Write the daily letter of one person with everything until then; whether there was something to tell."""
    with transaction.atomic():
        same = Preference.objects.filter(pk=preference.pk, told_daily_at=preference.told_daily_at)
        if not same.update(told_daily_at=until):  # another worker was faster
            return False
        news = _news_for(preference.user, preference.told_daily_at or until - LOOK_BACK, until)
        if not news or not preference.user.email:
            return False
        number = sum(group["number"] for group in news)
        _write(
            Letter.Kind.DIGEST_DAILY,
            preference.user,
            {"number": number, "projects": news, "list_link": _list_link()},
        )
    return True


OF_STUDENTS = {Event.Kind.STUDENT_ASKED: "asked", Event.Kind.DOCUMENT_OFFERED: "offered"}
GROUPS = ("arrived", "accepted", "withdrawn", "lapsed", "asked", "offered")
ARRIVALS = (Event.Kind.SUBMITTED, Event.Kind.ENTERED, Event.Kind.TRANSFERRED)
NEWS = Q(kind__in=(*ARRIVALS, *OF_STUDENTS)) | Q(
    Q(actor=Event.Actor.STUDENT, to_status__in=(Status.ACCEPTED, Status.WITHDRAWN))
    | Q(actor=Event.Actor.SYSTEM, from_status=Status.OFFERED, to_status=Status.DECLINED),
    kind=Event.Kind.MOVED,
)


def _news_for(user, since: datetime.datetime, until: datetime.datetime) -> list[dict]:
    """By project: which applications arrived, which offers were accepted, turned down or lapsed, and what students
    have asked or sent since.
    """
    events = (
        Event.objects.filter(NEWS, created_at__gt=since, created_at__lte=until)
        .exclude(kind__in=ARRIVALS, user=user)  # what one has entered or moved oneself is no news
        .filter(application__in=_told_of(user))
        .select_related("application__project")
        .order_by("application__project__title", "application__project_id", "created_at", "pk")
    )
    projects: dict[int, dict] = {}
    for event in events:
        project = event.application.project
        group = projects.setdefault(
            project.pk,
            {"title": project.title, "number": 0, **{name: [] for name in GROUPS}},
        )
        references = group[_what_it_was(event)]
        if event.application.reference not in references:  # several questions of one student are one line
            references.append(event.application.reference)
            group["number"] += 1
    for group in projects.values():
        for kind in GROUPS:
            group[kind] = _as_references(group[kind])
    return list(projects.values())


def _told_of(user) -> QuerySet[Application]:
    """Applications whose notices go to `user`: to the projects that name them, also when they may see every one."""
    named = Project.objects.filter(Q(supervisor=user) | Q(co_advisors__user=user))
    return Application.objects.visible_to(user).filter(project__in=named)


def _what_it_was(event: Event) -> str:
    if event.kind in ARRIVALS:
        return "arrived"
    if event.kind in OF_STUDENTS:
        return OF_STUDENTS[event.kind]
    return {Status.ACCEPTED: "accepted", Status.WITHDRAWN: "withdrawn", Status.DECLINED: "lapsed"}[event.to_status]


# Once a week


def weekly(now: datetime.datetime | None = None) -> int:
    """On Mondays, remind each supervisor of what is overdue; returns how many letters. None where nothing is.

    A worker that slept on Monday writes on the first day of the week on which it runs; somebody who was never
    reminded waits for a Monday.
    """
    now = timezone.localtime(now or timezone.now())
    monday = (now - datetime.timedelta(days=now.weekday())).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if now < monday:
        return 0
    supervisors = get_user_model().objects.filter(
        is_active=True, is_staff=True, pk__in=Project.objects.exclude(supervisor=None).values("supervisor")
    )
    told = Q(review_preference__told_weekly_at__gte=monday)
    return sum(_remind(supervisor, monday, now) for supervisor in supervisors.exclude(told).order_by("pk"))


def _remind(supervisor, monday: datetime.datetime, now: datetime.datetime) -> bool:
    with transaction.atomic():
        last_told = Preference.objects.get_or_create(user=supervisor)[0].told_weekly_at
        not_told = Q(told_weekly_at__lt=monday)
        if now.weekday() == 0:
            not_told |= Q(told_weekly_at=None)
        if not Preference.objects.filter(not_told, user=supervisor).update(told_weekly_at=now):
            return False
        context = _what_waits(supervisor, last_told or now - LOOK_BACK, now)
        if not (context["overdue_number"] or context["dropped"] or context["letters_in_trouble"]):
            return False
        if not supervisor.email:
            return False
        _write(Letter.Kind.DIGEST_WEEKLY, supervisor, context)
    return True


def _what_waits(supervisor, since: datetime.datetime, now: datetime.datetime) -> dict:
    own = Application.objects.visible_to(supervisor).filter(project__supervisor=supervisor)
    overdue = own.overdue(now).select_related("project").order_by("received_at", "pk")
    dropped = Decision.objects.filter(application__in=own, dropped_at__gt=since, dropped_at__lte=now).select_related(
        "application__project"
    )
    failed = Letter.objects.filter(application__in=own, status=Letter.Status.FAILED)
    return {
        "overdue_number": overdue.count(),
        "overdue": [_waiting_line(application, now) for application in overdue[:MOST_LINES]],
        "dropped": [decision.application.reference for decision in dropped.order_by("dropped_at")[:MOST_LINES]],
        "letters_in_trouble": failed.aggregate(number=Count("pk"))["number"],
        "list_link": _list_link(),
        "letters_link": settings.SITE_URL + reverse("admin:applications_letter_changelist") + "?status__exact=failed",
    }


def _waiting_line(application: Application, now: datetime.datetime) -> dict:
    days = (timezone.localdate(now) - timezone.localdate(application.received_at)).days
    return {"reference": application.reference, "title": application.project.title, "days": days}


# What these share


def _by_project(applications: Iterable[Application]) -> list[dict]:
    """References by project, in the order in which the projects come first."""
    projects: dict[int, dict] = {}
    for application in applications:
        group = projects.setdefault(application.project_id, {"title": application.project.title, "references": []})
        group["references"].append(application.reference)
    return [
        {"title": group["title"], "number": len(group["references"]), "references": _as_references(group["references"])}
        for group in projects.values()
    ]


def _as_references(references: list[str]) -> dict | None:
    """The count and the references themselves, as far as a letter should list them; None for none."""
    if not references:
        return None
    return {"number": len(references), "listed": references[:MOST_LINES], "more": max(len(references) - MOST_LINES, 0)}


def _list_link() -> str:
    return settings.SITE_URL + reverse("admin:applications_application_changelist") + "?status=open"


def _write(kind: str, user, context: dict) -> None:
    language = languages_of([user]).get(user.pk, settings.LANGUAGE_CODE)
    with translation.override(language):
        name = user.get_full_name() or user.get_username()
        words = {"name": name, "site_url": settings.SITE_URL, **context}
        subject = render_to_string(f"applications/letters/{kind}.subject.txt", words)
        body = render_to_string(f"applications/letters/{kind}.body.txt", words)
    wording = Wording(" ".join(subject.split())[:LONGEST_SUBJECT], _without_wide_gaps(body))
    queue(kind, user.email, wording, user=user, reply_to=settings.SUPERVISOR_EMAIL, language=language)


def _without_wide_gaps(body: str) -> str:
    """One empty line between paragraphs, where a template left out what there is none of."""
    paragraphs = [paragraph.strip("\n") for paragraph in body.split("\n\n")]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph.strip()) + "\n"
