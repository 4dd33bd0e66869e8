"""The student's page itself: how it stands, what was said, what was handed in, what happened."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from applications import grants, left_behind, letters
from applications.models import Application, Event, FormerAnswers, Letter
from applications.openings import note_opened_by_reviewer
from applications.retention import erase_on
from applications.statuses import Status
from applications.views.student.asking import may_ask, thread_with
from projects.models import Project

OTHER_PROJECTS = 3
OVER = (Status.DECLINED, Status.WITHDRAWN)  # nobody needs to know any more whether letters arrive


@require_safe
@never_cache
def page(request: HttpRequest, reference: str) -> HttpResponse:
    application = grants.application_or_404(request, reference)
    note_opened_by_reviewer(application, request.user)
    history = list(application.events.filter(kind__in=Event.FOR_STUDENT).select_related("decision"))
    came_by_link = grants.came_by_link(request, application)
    came_by = next((event for event in reversed(history) if event.kind == Event.Kind.MOVED), None)
    context = {
        "application": application,
        "project": application.project,
        "came_by_link": came_by_link,
        "may_confirm": came_by_link and not application.is_confirmed and application.status not in OVER,
        "entered_by": _who_entered(application),
        "receipt": application.letters.filter(kind=Letter.Kind.RECEIVED).first(),
        "contact_name": letters.supervisor_name(application),
        "contact_email": letters.supervisor_email(application),
        "question_answers": application.question_answers.values_list("prompt", "text"),
        "former_answers": _former_answers(application),
        "thread": thread_with(application),
        "history": history,
        "other_projects": _other_projects(request, application),
        "left_behind": left_behind.pages(request, application.reference),
        **_what_can_be_done(application),
        **_dates(application, came_by),
        **_how_it_came(application, came_by),
    }
    return render(request, "applications/page.html", context)


def _what_can_be_done(application: Application) -> dict[str, bool]:
    return {
        "can_ask": may_ask(application),
        "can_withdraw": application.student_may_move_to(Status.WITHDRAWN),
        "can_accept": application.student_may_move_to(Status.ACCEPTED),
        "can_offer_documents": application.may_offer_documents(),
        "can_correct": application.is_consented and application.may_be_corrected(),
    }


def _how_it_came(application: Application, came_by: Event | None) -> dict[str, bool]:
    """What the words about the status must not pass over: an offer that only ran out, a move without a letter."""
    return {
        "offer_ran_out": application.status == Status.DECLINED and came_by is not None and came_by.actor == "system",
        "has_letter_about_it": came_by is None or came_by.decision is None or came_by.decision.tells_the_student,
    }


def _dates(application: Application, came_by: Event | None) -> dict:
    """Until when an answer is promised, and when everything goes. After a first answer no day is promised any more."""
    is_reopened = came_by is not None and came_by.from_status == Status.DECLINED
    today, last_day = timezone.localdate(), erase_on(application)
    answer_by = None if is_reopened else application.answer_promised_by
    return {
        "answer_by": answer_by,
        "answer_is_late": answer_by is not None and answer_by < today,
        "erase_on": last_day,
        "days_left": (last_day - today).days,
    }


def _who_entered(application: Application) -> str:
    """Who has entered it from an e-mail, by name where there still is one."""
    person = application.entered_by
    return (person.get_full_name() if person else "") or letters.supervisor_name(application)


def _former_answers(application: Application) -> list[FormerAnswers]:
    """The answers that were corrected, newest first, with the date as a date again (JSON knows none)."""
    former = list(application.former_answers.all())
    for answers in former:
        answers.answers["earliest_start"] = parse_date(answers.answers["earliest_start"] or "")
    return former


def _other_projects(request: HttpRequest, application: Application) -> list[Project]:
    """A few projects to which the student might apply with the same documents.

    Not those to which this address has applied already, as far as this browser may know; and none to somebody who has
    an offer or a place, who is asked for an answer instead.
    """
    if not application.is_consented or application.status in (Status.OFFERED, Status.ACCEPTED):
        return []
    taken = grants.held(request).live().filter(email_key=application.email_key).values("project")
    others = Project.objects.open_beside(application.project).exclude(pk__in=taken)
    return list(others.select_related("topic")[:OTHER_PROJECTS])
