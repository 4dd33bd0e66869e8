"""The apply form: from an empty page to the student's page, whatever goes wrong on the way."""

import logging

from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFailure
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods

from applications import grants, workflow
from applications.forms import ApplicationForm
from applications.models import Application
from applications.tokens import nonce_of
from applications.uploadhandlers import what_was_left_out
from projects.models import Project

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, max_age=0)  # kept by the browser's own back button, so that typed words survive it
@ensure_csrf_cookie
def apply(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_object_or_404(
        Project.objects.published().select_related("topic", "supervisor").prefetch_related("co_advisors"), slug=slug
    )
    if request.method == "POST":
        return _receive(request, project)
    if not project.is_open():
        return _not_open(request, project, status=200)
    return _show(request, project, ApplicationForm())


def _receive(request: HttpRequest, project: Project) -> HttpResponse:
    """Answer a POST: the student's page, the form with what is to mend, or why the project takes no application."""
    nonce = _nonce(request)
    repeated = workflow.find_repeated(project, request.POST.get("email", "")[:254], nonce)
    if repeated:
        return _welcome(request, repeated)
    if not project.is_open():
        return _not_open(request, project, status=409)
    form = ApplicationForm(request.POST, request.FILES, **what_was_left_out(request))
    action = request.POST.get("action", "")
    if not form.is_valid():
        return _show(request, project, form, status=form.status_of_errors)
    if action == "preview":
        return render(request, "applications/preview.html", {"project": project, "form": form})
    if action == "edit":
        return _show(request, project, form)
    return _submit(request, project, form, nonce)


def _submit(request: HttpRequest, project: Project, form: ApplicationForm, nonce: str) -> HttpResponse:
    try:
        application = workflow.submit(project, answers=form.answers(), uploads=form.uploads(), nonce=nonce)
    except workflow.Refused as refused:
        if refused.code == "unpublished":
            raise Http404 from refused
        if refused.code == "duplicate":
            return render(request, "applications/applied_before.html", {"project": project})
        if refused.code in Project.Availability.values:
            project.refresh_from_db()
            return _not_open(request, project, status=409)
        form.add_error(None, ValidationError(refused.message, code=refused.code))
        return _show(request, project, form)
    except (DatabaseFailure, OSError):
        logger.exception("An application could not be stored.")
        form.add_error(
            None,
            ValidationError(
                _("Your application could not be stored just now, so nothing was sent. Please try again in a minute."),
                code="unavailable",
            ),
        )
        return _show(request, project, form, status=503)
    return _welcome(request, application)


def too_much(request: HttpRequest, slug: str) -> HttpResponse | None:
    """The answer to a POST of which Django read nothing, because its text or its number of fields is beyond measure.

    An empty form with the reason; None when the project takes no applications.
    """
    project = Project.objects.open().select_related("topic", "supervisor").filter(slug=slug).first()
    if project is None:
        return None
    context = {"project": project, "form": ApplicationForm(), "too_much": True}
    return render(request, "applications/apply.html", context, status=413)


def _welcome(request: HttpRequest, application: Application) -> HttpResponse:
    grants.give(request, application, via=grants.BY_FORM)
    return redirect(application)


def _nonce(request: HttpRequest) -> str:
    """The form's nonce, bound to the browser by its CSRF cookie; empty when the form has none.

    The session would not do: its key changes with the first answer, and when that answer is lost on the way, the
    browser tries again with the old one.
    """
    form_nonce = request.POST.get("nonce", "")[:100]
    get_token(request)
    return nonce_of(form_nonce, request.META["CSRF_COOKIE"]) if form_nonce else ""


def _show(request: HttpRequest, project: Project, form: ApplicationForm, status: int = 200) -> HttpResponse:
    return render(request, "applications/apply.html", {"project": project, "form": form}, status=status)


def _not_open(request: HttpRequest, project: Project, status: int) -> HttpResponse:
    """Why no application can be handed in, where else to look, and the words that were already written."""
    context = {
        "project": project,
        "availability": project.availability(),
        "motivation": request.POST.get("motivation", "")[:4000],
        "open_projects": Project.objects.open().exclude(pk=project.pk).select_related("topic")[:3],
    }
    return render(request, "applications/not_open.html", context, status=status)
