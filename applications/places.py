"""A project's places: who still waits for one, how many are promised, and whose turn it would be.

Everything here reads, and nobody is told anything: what follows from it is a reviewer's decision.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet

from applications.models import Application, Decision
from applications.statuses import Status
from projects.models import Project


def still_waiting(project: Project) -> QuerySet[Application]:
    """Applications to `project` whose students wait for the reviewers' word, in the order in which they came.

    What a user sees of them is up to the caller: `still_waiting(project).visible_to(user)`.
    """
    return project_applications(project).awaiting_decision().order_by("received_at", "pk")


def waiting_list(project: Project) -> QuerySet[Application]:
    """Those on the waiting list, the longest there first."""
    waitlisted = project_applications(project).filter(status=Status.WAITLISTED)
    return waitlisted.order_by("status_changed_at", "pk")


def open_offers(project: Project) -> QuerySet[Application]:
    """Offers that are out: each may still take a place."""
    return project_applications(project).filter(status=Status.OFFERED)


def promised(project: Project) -> int:
    """How many of the free places are spoken for: by offers that are out, and by those decided and not yet told."""
    offered_soon = Exists(Decision.objects.pending().filter(application=OuterRef("pk"), to_status=Status.OFFERED))
    return project_applications(project).filter(Q(status=Status.OFFERED) | offered_soon).count()


def places_to_give(project: Project) -> int | None:
    """How many places are free and promised to nobody; None when the project has no limit."""
    free = project.places_free
    return None if free is None else max(free - promised(project), 0)


def suggestion(project: Project) -> Application | None:
    """Who is the next to be offered a place: the longest on the waiting list about whom nothing is decided yet.

    None when no place is free that is promised to nobody, when nobody is on the waiting list, and for a project without
    a limit, where nobody waits for a place to become free.
    """
    if not places_to_give(project):
        return None
    undecided = ~Exists(Decision.objects.pending().filter(application=OuterRef("pk")))
    return waiting_list(project).filter(undecided).first()


def nobody_else_fits(project: Project) -> bool:
    """Whether those who still wait wait in vain: every place is taken, or the project was closed by hand."""
    return project.is_full() or project.closed_at is not None


def project_applications(project: Project) -> QuerySet[Application]:
    return Application.objects.filter(project=project)
