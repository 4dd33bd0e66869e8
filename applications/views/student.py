"""The student's own pages, reached by the manage link. Each begins by loading the application, which is the check.

A GET never changes anything, whatever a mail scanner opens: the manage link only lets this browser in.
"""

import functools
import logging
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFailure
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from applications import grants, letters, workflow
from applications.forms import AddressForm, AnswersForm, CompletionForm, ReplaceDocumentsForm, WithdrawForm
from applications.models import Application, Erasure, Event, FormerAnswers, Letter
from applications.retention import erase_on
from applications.statuses import Status
from applications.tokens import application_of_manage_token
from applications.uploadhandlers import what_was_left_out

logger = logging.getLogger(__name__)


def gone_is_404(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """An application erased between the look and the deed (a second click) is the 404 of one that never was."""

    @functools.wraps(view)
    def with_404(request: HttpRequest, reference: str) -> HttpResponse:
        try:
            return view(request, reference)
        except Application.DoesNotExist as error:
            raise Http404 from error

    return with_404


form_page = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@never_cache
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Let this browser in and go on to the page itself, so that the token stays neither in the bar nor a referrer."""
    application = application_of_manage_token(token)
    if application is None:
        raise Http404
    grants.give(request, application, via=grants.BY_LINK)
    response = redirect(application)
    response["Referrer-Policy"] = "no-referrer"
    return response


@form_page
@never_cache
def find(request: HttpRequest) -> HttpResponse:
    """Send the manage link again. The answer is the same for every address, known or not."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        workflow.send_link(form.cleaned_data["email"])
        return render(request, "applications/find_sent.html", {"address": form.cleaned_data["email"]})
    return render(request, "applications/find.html", {"form": form})


@require_safe
@never_cache
def page(request: HttpRequest, reference: str) -> HttpResponse:
    application = grants.application_or_404(request, reference)
    answer_by = application.answer_promised_by
    context = {
        "application": application,
        "project": application.project,
        "history": application.events.filter(kind__in=Event.FOR_STUDENT),
        "former_answers": _former_answers(application),
        "receipt": application.letters.filter(kind=Letter.Kind.RECEIVED).first(),
        "contact_name": letters.supervisor_name(application),
        "contact_email": letters.supervisor_email(application),
        "erase_on": erase_on(application),
        "came_by_link": grants.came_by_link(request, application),
        "entered_by": _who_entered(application),
        "can_withdraw": application.student_may_move_to(Status.WITHDRAWN),
        "can_accept": application.student_may_move_to(Status.ACCEPTED),
        "answer_by": answer_by,
        "answer_is_late": answer_by is not None and answer_by < timezone.localdate(),
    }
    return render(request, "applications/page.html", context)


def _who_entered(application: Application) -> str:
    """Who has entered it from an e-mail, by name where there still is one."""
    person = application.entered_by
    return (person.get_full_name() if person else "") or letters.supervisor_name(application)


def _former_answers(application: Application) -> list[FormerAnswers]:
    """The answers that were corrected, newest first, with the date as a date again (JSON knows none)."""
    former = list(application.former_answers.all())
    for answers in former:
        answers.answers["earliest_start"] = parse_date(answers.answers["earliest_start"])
    return former


@require_POST
@never_cache
@gone_is_404
def confirm(request: HttpRequest, reference: str) -> HttpResponse:
    """“Yes, this is my application”: only a browser that came by the link can say so."""
    application = _acting_application(request, reference)
    if application.is_confirmed:
        messages.success(request, _("Thank you, your address is confirmed."))
    return redirect(application)


@form_page
@never_cache
@gone_is_404
def not_me(request: HttpRequest, reference: str) -> HttpResponse:
    """“This was not me” erases, for whoever reads the mail of an address that was never confirmed."""
    application = grants.application_or_404(request, reference)
    if application.is_confirmed or not grants.came_by_link(request, application):
        raise Http404
    if request.method == "POST":
        workflow.erase(application, cause=Erasure.Cause.NOT_ME)
        grants.take(request, reference)
        return render(request, "applications/erased.html")
    return render(request, "applications/not_me.html", {"application": application, "project": application.project})


@form_page
@never_cache
@gone_is_404
def address(request: HttpRequest, reference: str) -> HttpResponse:
    """Correct the address while it is unconfirmed; this browser keeps its access under the new link."""
    application = grants.application_or_404(request, reference)
    form = AddressForm(request.POST if request.method == "POST" else None, initial={"email": application.email})
    if form.is_valid():
        try:
            application = workflow.correct_address(application, form.cleaned_data["email"])
        except workflow.Refused as refused:
            form.add_error("email" if refused.code == "duplicate" else None, refused.message)
        else:
            grants.give(request, application, via=grants.BY_FORM)
            messages.success(request, _("Thank you. The receipt is on its way to the corrected address."))
            return redirect(application)
    return _form(request, application, form, "applications/address.html")


@form_page
@never_cache
@gone_is_404
def answers(request: HttpRequest, reference: str) -> HttpResponse:
    """Correct the answers until reading begins."""
    application = _loaded(request, reference)
    if not application.may_be_corrected():
        return _too_late(request, application)
    form = AnswersForm(request.POST if request.method == "POST" else None, initial=application.answers)
    if form.is_valid():
        return _carry_out(
            request,
            application,
            lambda: workflow.correct_answers(application, form.cleaned_data),
            _("Your answers are changed."),
        )
    return _form(request, application, form, "applications/answers.html")


@form_page
@never_cache
@gone_is_404
def documents(request: HttpRequest, reference: str) -> HttpResponse:
    """Put another CV or other transcripts in the place of those handed in, until reading begins."""
    application = _loaded(request, reference)
    if not application.may_be_corrected():
        return _too_late(request, application)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ReplaceDocumentsForm(*posted, **what_was_left_out(request))
    if posted and form.is_valid():
        return _carry_out(
            request,
            application,
            lambda: workflow.replace_documents(application, form.uploads()),
            _("Your documents are replaced."),
        )
    return _form(request, application, form, "applications/documents.html", status=form.status_of_errors)


@form_page
@never_cache
@gone_is_404
def complete(request: HttpRequest, reference: str) -> HttpResponse:
    """Look through what was entered by hand from an e-mail, add what is missing, and agree."""
    application = _loaded(request, reference)
    if application.is_consented:
        messages.success(request, _("Your application is complete already. Thank you."))
        return redirect(application)
    if application.status in (Status.DECLINED, Status.WITHDRAWN):
        return _too_late(request, application)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = CompletionForm(*posted, application=application, **what_was_left_out(request))
    if posted and form.is_valid():
        return _complete(request, application, form)
    return _completion_page(request, application, form)


def _complete(request: HttpRequest, application: Application, form: CompletionForm) -> HttpResponse:
    try:
        workflow.complete(application, answers=form.answers(), uploads=form.uploads())
    except workflow.Refused as refused:
        if refused.code in ("consented", "not_allowed"):  # a second click, or the reviewers were faster
            messages.info(request, refused.message)
            return redirect(application)
        form.add_error(None, ValidationError(refused.message, code=refused.code))
        return _completion_page(request, application, form)
    except (DatabaseFailure, OSError):
        logger.exception("An application could not be completed.")
        form.add_error(
            None, ValidationError(_("This could not be stored just now. Please try again in a minute."), "unavailable")
        )
        return _completion_page(request, application, form, status=503)
    messages.success(request, _("Thank you. Your application is complete."))
    return redirect(application)


def _completion_page(
    request: HttpRequest, application: Application, form: CompletionForm, status: int | None = None
) -> HttpResponse:
    return _form(
        request,
        application,
        form,
        "applications/complete.html",
        status=status or form.status_of_errors,
        received_on=timezone.localdate(application.received_at),
        erase_on=erase_on(application),
    )


@form_page
@never_cache
@gone_is_404
def withdraw(request: HttpRequest, reference: str) -> HttpResponse:
    application = _loaded(request, reference)
    if not application.student_may_move_to(Status.WITHDRAWN):
        return _too_late(request, application)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _carry_out(
            request,
            application,
            lambda: workflow.withdraw(application, form.cleaned_data["reason"]),
            _("Your application is withdrawn."),
        )
    return _form(
        request,
        application,
        form,
        "applications/withdraw.html",
        withdrawn_days=settings.RETENTION_DAYS[Status.WITHDRAWN],
    )


@form_page
@never_cache
@gone_is_404
def accept(request: HttpRequest, reference: str) -> HttpResponse:
    application = _loaded(request, reference)
    if not application.student_may_move_to(Status.ACCEPTED):
        return _too_late(request, application)
    if not application.is_consented:
        messages.info(request, _("Please complete your application and agree first; then you can accept the offer."))
        return redirect("applications:complete", reference)
    if application.offer_has_lapsed and request.method != "POST":
        return redirect(application)  # which says that the day is over
    if request.method == "POST":
        return _carry_out(
            request, application, lambda: workflow.accept_offer(application), _("You have accepted the offer.")
        )
    try:
        workflow.refuse_unless_place_left(application.project)
    except workflow.Refused as refused:
        messages.error(request, refused.message)
        return redirect(application)
    context = {"application": application, "project": application.project}
    return render(request, "applications/accept.html", context)


def _loaded(request: HttpRequest, reference: str) -> Application:
    return (_acting_application if request.method == "POST" else grants.application_or_404)(request, reference)


def _acting_application(request: HttpRequest, reference: str) -> Application:
    """The application for a POST. The first one from a browser that came by the link confirms the address."""
    application = grants.application_or_404(request, reference)
    if not application.is_confirmed and grants.came_by_link(request, application):
        workflow.confirm_address(application)
    return application


def _too_late(request: HttpRequest, application: Application) -> HttpResponse:
    messages.error(request, workflow.not_possible_any_more(application))
    return redirect(application)


def _carry_out(request: HttpRequest, application: Application, verb, done: str) -> HttpResponse:
    """Carry `verb` out and go back to the page with `done`, or with why it was refused."""
    try:
        verb()
    except workflow.Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, done)
    return redirect(application)


def _form(
    request: HttpRequest, application: Application, form, template: str, status: int = 200, **more
) -> HttpResponse:
    context = {"application": application, "project": application.project, "form": form, **more}
    return render(request, template, context, status=status)
