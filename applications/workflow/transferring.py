"""Moving an application to another of one's projects."""

from django.db import transaction
from django.utils.translation import gettext as _

from applications import letters
from applications.models import Application, Event
from applications.workflow.moves import Refused, lock, record, refuse_unless_waiting
from applications.workflow.reviewing import recalculate_scores_of
from applications.workflow.submitting import refuse_unless_open
from projects.models import Project


def transfer(application: Application, project: Project, *, by, consent: str) -> Application:
    """Move an application to `project`, another one that `by` supervises, and tell the student.

    `consent` says how the student agreed (“by phone on 3 May”); it stands in the history. Answers, documents, notes
    and reviews go along; reviews are marked as “changed since”. A staged decision is cleared, because it was about the
    other project. Raises Refused: `consent_missing`, `same_project`, `not_yours`, `not_allowed` once there is an
    answer, `on_its_way`, `duplicate`, and why the project takes no applications (`closed`, `full`, ...).
    """
    if not consent.strip():
        raise Refused("consent_missing", _("Please note how and when the student agreed to this."))
    with transaction.atomic():
        # Both projects in the order of their keys, so that two moves in opposite directions never wait for each other.
        pks = sorted({application.project_id, project.pk})
        locked = {row.pk: row for row in Project.objects.select_for_update().filter(pk__in=pks).order_by("pk")}
        application, project = lock(application), locked[project.pk]
        former = application.project
        _refuse_transfer(application, project, by)
        staged = application.decisions.pending().first()
        if staged is not None:
            staged.delete()
            record(application, Event.Kind.STAGE_CLEARED, by=by, to_status=staged.to_status)
        application.project = project
        application.save(update_fields=["project", "email_key"])
        recalculate_scores_of(application)
        record(application, Event.Kind.TRANSFERRED, by=by, text=f"{former} → {project}. {consent.strip()}")
        letters.transferred(application, former)
        letters.notice_received(application, done_by=by)
    return application


def _refuse_transfer(application: Application, project: Project, by) -> None:
    if project.pk == application.project_id:
        raise Refused("same_project", _("The application is to this project already."))
    own = Project.objects.supervised_by(by).filter(pk__in=[project.pk, application.project_id])
    if own.count() != 2:
        raise Refused("not_yours", _("Applications are moved between your own projects only."))
    refuse_unless_waiting(application)
    if application.decisions.on_their_way().exists():
        raise Refused("on_its_way", _("A decision is on its way to the student. Call it back first."))
    refuse_unless_open(project)
    others = Application.objects.live().filter(project=project, email_key=application.email_key)
    if others.exists():
        raise Refused("duplicate", _("This student has an application to that project already."))
