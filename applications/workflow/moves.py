"""What every verb uses: the locks, the one function that changes a status, the history, and the word of refusal."""

import datetime
import logging
from collections.abc import Callable, Iterable
from statistics import median

from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from applications.models import Application, Decision, Event
from applications.statuses import OPEN_STATUSES, REVIEWER_MOVES, Status
from projects.models import Project

logger = logging.getLogger(__name__)

# What a student calls an answer; and of how many, the newest ones, the usual time is the median.
ANSWERS = (Status.INTERVIEW, Status.WAITLISTED, Status.OFFERED, Status.DECLINED)
MOST_RECENT_ANSWERS = 20


class Refused(Exception):
    """A rule speaks against it. `code` names the rule, `message` tells the person what is the matter and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def lock(application: Application) -> Application:
    """The application as it is now, with its project, both locked until the end of the transaction.

    Raises Application.DoesNotExist when it has been erased.
    """
    project = Project.objects.select_for_update().get(pk=application.project_id)
    locked = Application.objects.select_for_update().get(pk=application.pk)
    if locked.project_id != project.pk:  # it was moved to another project between the two questions
        return lock(locked)
    locked.project = project
    return locked


def move(
    application: Application,
    to_status: str,
    *,
    by=None,
    actor: str | None = None,
    reason: str = "",
    decision: Decision | None = None,
) -> None:
    """The one function that changes a status. The caller holds the locks and has asked the table of moves.

    In order: take or free a place; change the status; write the event; drop what was decided about the former status
    and has not taken effect (an offer that was staged for a student who has withdrawn, say).
    """
    from_status = application.status
    _take_or_free_place(application.project, from_status, to_status)
    application.status = to_status
    application.status_changed_at = timezone.now()
    if from_status == Status.DECLINED:
        application.erasure_asked_at = None  # it is open again, and the student can erase it alone
    application.offer_lapses_on = decision.lapses_on if decision and to_status == Status.OFFERED else None
    application.save(update_fields=["status", "status_changed_at", "offer_lapses_on", "erasure_asked_at", "email_key"])
    record(
        application,
        Event.Kind.MOVED,
        by=by,
        actor=actor,
        text=reason.strip(),
        from_status=from_status,
        to_status=to_status,
        decision=decision,
    )
    if to_status in ANSWERS and by is not None and (decision is None or decision.tells_the_student):
        note_answer(application.project)
    overtaken = application.decisions.pending()
    with translation.override(settings.LANGUAGE_CODE):  # stored for reviewers, whoever has moved it
        why = why_not(application)
    for pending in overtaken.exclude(pk=decision.pk) if decision else overtaken:
        drop(application, pending, why)


def note_answer(project: Project) -> None:
    """Keep on the locked project's row when a student was last answered, and how long first answers usually take."""
    answered = (
        Application.objects.filter(project=project)
        .annotate(
            first_answer=Min(
                "events__created_at",
                filter=Q(
                    events__kind=Event.Kind.MOVED,
                    events__actor=Event.Actor.REVIEWER,
                    events__to_status__in=ANSWERS,
                ),
            )
        )
        .exclude(first_answer=None)
        .order_by("-first_answer")
        .values_list("received_at", "first_answer")[:MOST_RECENT_ANSWERS]
    )
    days = [(timezone.localdate(first) - timezone.localdate(received)).days for received, first in answered]
    project.last_answer_at = timezone.now()
    project.usual_answer_days = max(round(median(days)), 0) if days else None
    project.save(update_fields=["last_answer_at", "usual_answer_days"])


def drop(application: Application, decision: Decision, why: str) -> None:
    """Let go of a decision that is not possible any more; its reviewers are shown it with the reason."""
    decision.dropped_at = timezone.now()
    decision.dropped_why = why[:300]
    decision.save(update_fields=["dropped_at", "dropped_why"])
    record(application, Event.Kind.DROPPED, actor=Event.Actor.SYSTEM, text=why, to_status=decision.to_status)


def begin_reading(application: Application, by) -> None:
    """The first note, rating or staged decision shows that reading has begun, so a received application moves on."""
    if application.status == Status.RECEIVED:
        move(application, Status.IN_REVIEW, by=by)


def allowed_moves(application: Application) -> tuple[str, ...]:
    """Where reviewers may move the application now, in the order of the buttons."""
    return REVIEWER_MOVES[Status(application.status)]


def why_not(application: Application) -> str:
    """What stands against a move: the status, and who has set it when, for the reviewer who comes second."""
    latest = application.events.filter(kind=Event.Kind.MOVED).last()
    status = application.get_status_display()
    if latest is None or latest.to_status != application.status:
        return _("Nothing was done: the application’s status is “%(status)s”.") % {"status": status}
    return _("Nothing was done: %(who)s has set the status to “%(status)s” on %(when)s.") % {
        "who": latest.actor_name or (_("the student") if latest.actor == Event.Actor.STUDENT else _("the system")),
        "status": status,
        "when": date_format(timezone.localtime(latest.created_at), "SHORT_DATETIME_FORMAT"),
    }


def refuse_unless_place_left(project: Project) -> None:
    """Raise Refused `full` when nobody can be accepted to `project` any more."""
    if project.is_full():
        raise Refused("full", _("All places of this project are taken, so this offer cannot be accepted any more."))


def refuse_unless_waiting(application: Application) -> None:
    """Raise Refused `not_allowed` unless the student still waits for the reviewers' word."""
    if application.status not in OPEN_STATUSES:
        raise Refused("not_allowed", why_not(application))


def _take_or_free_place(project: Project, from_status: str, to_status: str) -> None:
    change = (to_status == Status.ACCEPTED) - (from_status == Status.ACCEPTED)
    if change > 0:
        refuse_unless_place_left(project)
    if change:
        project.places_taken = max(project.places_taken + change, 0)
        project.save(update_fields=["places_taken"])


def record(
    application: Application,
    kind: str,
    *,
    by=None,
    actor: str | None = None,
    text: str = "",
    from_status: str = "",
    to_status: str = "",
    decision: Decision | None = None,
) -> Event:
    """Write a line of the history. Without `by` it was the student, unless `actor` says otherwise."""
    return Event.objects.create(
        application=application,
        kind=kind,
        actor=actor or (Event.Actor.REVIEWER if by else Event.Actor.STUDENT),
        user=by,
        actor_name=(by.get_full_name() or by.get_username())[:200] if by else "",
        text=text,
        from_status=from_status,
        to_status=to_status,
        decision=decision,
    )


def refuse_if_too_often(application: Application, kind: str, most: int, words: str, *, hours: int = 24) -> None:
    """Raise Refused `too_often`, with `words`, when this has happened to the application `most` times in `hours`."""
    since = timezone.now() - datetime.timedelta(hours=hours)
    if settings.APPLY_LIMITS and application.events.filter(kind=kind, created_at__gt=since).count() >= most:
        raise Refused("too_often", words)


def one_by_one(rows: Iterable, deed: Callable[..., object]) -> int:
    """Do `deed` for each row by itself, so that one that fails keeps nobody else waiting; returns for how many it did
    something. The first failure is raised when all are through, so that it is not passed over in silence.
    """
    done, failure = 0, None
    for row in rows:
        try:
            done += bool(deed(row))
        except Exception as error:  # whatever it was, the students behind this one wait for their letters
            logger.exception("%s %s could not be dealt with; the others are.", type(row).__name__, row.pk)
            failure = failure or error
    if failure is not None:
        raise failure
    return done


def still_in(application: Application, those: QuerySet[Application] | None) -> bool:
    """Whether the locked application belongs to `those`, asked now; True when nobody asks."""
    return those is None or those.filter(pk=application.pk).exists()
