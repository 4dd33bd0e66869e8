"""What the student's pages share: loading the application, carrying a verb out, and showing a form."""

import functools
from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from applications import grants, left_behind, workflow
from applications.forms import DocumentsForm
from applications.models import Application

form_page = require_http_methods(["GET", "HEAD", "POST"])


def gone_is_404(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """An application erased between the look and the deed (a second click) is the 404 of one that never was."""

    @functools.wraps(view)
    def with_404(request: HttpRequest, reference: str) -> HttpResponse:
        try:
            return view(request, reference)
        except Application.DoesNotExist as error:
            raise Http404 from error

    return with_404


def loaded(request: HttpRequest, reference: str) -> Application:
    """The application for a page with a form: a POST confirms the address where that is still to be done."""
    if request.method != "POST":
        return grants.application_or_404(request, reference)
    application = acting_application(request, reference)
    left_behind.forget(request, reference, request.resolver_match.url_name)
    return application


def acting_application(request: HttpRequest, reference: str) -> Application:
    """The application for a POST. The first one from a browser that came by the link confirms the address."""
    application = grants.application_or_404(request, reference)
    if not application.is_confirmed and grants.came_by_link(request, application):
        workflow.confirm_address(application)
    return application


def too_late(request: HttpRequest, application: Application) -> HttpResponse:
    messages.error(request, workflow.not_possible_any_more(application))
    return redirect(application)


def carry_out(request: HttpRequest, application: Application, verb: Callable[[], object], done: str) -> HttpResponse:
    """Carry `verb` out and go back to the page with `done`, or with why it was refused."""
    try:
        verb()
    except workflow.Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, done)
    return redirect(application)


def show_form(
    request: HttpRequest, application: Application, form, template: str, status: int = 200, **more
) -> HttpResponse:
    context = {"application": application, "project": application.project, "form": form, **more}
    if request.method != "POST":
        context["left"] = _put_back(request, application, form)
    response = render(request, template, context, status=status)
    if isinstance(form, DocumentsForm) and form.wait:
        response["Retry-After"] = str(form.wait)
    return response


def _put_back(request: HttpRequest, application: Application, form) -> left_behind.LeftBehind | None:
    """Let the form begin with what was typed and chosen here when the page could not be sent."""
    left = left_behind.of(request, application.reference, request.resolver_match.url_name)
    if left is not None:
        form.initial |= {name: text for name, text in left.text.items() if name in form.fields}
        if isinstance(form, DocumentsForm):
            form.begin_with(left.claims)
    return left
