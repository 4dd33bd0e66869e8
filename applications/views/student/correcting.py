"""Other answers and other documents: corrected until reading begins, offered afterwards, completed when by hand."""

import logging

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from applications import left_behind, workflow
from applications.client_address import sender
from applications.forms import CompletionForm, CorrectionForm, ReplaceDocumentsForm
from applications.models import Application
from applications.retention import erase_on
from applications.statuses import Status
from applications.tokens import browser_key
from applications.uploadhandlers import what_was_left_out
from applications.views.student.asking import may_ask
from applications.views.student.base import form_page, gone_is_404, loaded, show_form, too_late
from projects.models import Question

logger = logging.getLogger(__name__)


@form_page
@never_cache
@gone_is_404
def answers(request: HttpRequest, reference: str) -> HttpResponse:
    """Correct the answers until reading begins."""
    application = loaded(request, reference)
    form = CorrectionForm(request.POST if request.method == "POST" else None, application=application)
    if not application.may_be_corrected():
        return _too_late_for_answers(request, application, form)
    if not form.is_valid():
        return show_form(request, application, form, "applications/answers.html")
    try:
        workflow.correct_answers(application, form.answers())
    except workflow.Refused:  # reading began while the form lay open
        return _too_late_for_answers(request, application, form)
    except DatabaseFailure:
        logger.exception("Answers could not be changed.")
        form.add_error(None, _not_now())
        return show_form(request, application, form, "applications/answers.html", status=503)
    messages.success(request, _("Your answers are changed."))
    return redirect(application)


def _not_now() -> ValidationError:
    return ValidationError(_("This could not be stored just now. Please try again in a minute."), "unavailable")


def _too_late_for_answers(request: HttpRequest, application: Application, form: CorrectionForm) -> HttpResponse:
    """What was typed is not lost: it can be sent to the reviewers as a message."""
    typed = [form[name].label + "\n" + form[name].value() for name in form.fields if _is_changed(form, name)]
    if not typed or not may_ask(application):
        return too_late(request, application)
    left_behind.put_text(request, application.reference, "ask", {"text": "\n\n".join(typed)})
    messages.warning(
        request,
        _(
            "Reading has begun, so your answers cannot be changed any more. "
            "What you changed stands below; you can send it to the reviewers as a message."
        ),
    )
    return redirect("applications:ask", application.reference)


def _is_changed(form: CorrectionForm, name: str) -> bool:
    return form.is_bound and name in form.changed_data and bool(form[name].value())


@form_page
@never_cache
@gone_is_404
def documents(request: HttpRequest, reference: str) -> HttpResponse:
    """Put other documents in the place of those handed in; once reading began, offer them to the reviewers."""
    application = loaded(request, reference)
    if not _takes_documents(application):
        return too_late(request, application)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ReplaceDocumentsForm(
        *posted,
        file_questions=application.project.questions.asked().filter(kind=Question.Kind.FILE),
        browser=browser_key(request),
        sender=sender(request),
        **what_was_left_out(request),
    )
    if posted and form.is_valid():
        try:
            return _send_documents(request, application, form)
        except DatabaseFailure:
            logger.exception("Documents could not be replaced.")
            form.add_error(None, _not_now())
            return show_form(request, application, form, "applications/documents.html", status=503)
        except workflow.Refused as refused:
            application.refresh_from_db()  # reading began, or the answer came, while the files were on their way
            if not _takes_documents(application):
                return too_late(request, application)
            form.add_error(None, ValidationError(refused.message, code=refused.code))
            if refused.code == "too_often":
                return show_form(request, application, form, "applications/documents.html", status=429)
    return show_form(request, application, form, "applications/documents.html", status=form.status_of_errors)


def _takes_documents(application: Application) -> bool:
    return application.may_be_corrected() or application.may_offer_documents()


def _send_documents(request: HttpRequest, application: Application, form: ReplaceDocumentsForm) -> HttpResponse:
    if application.may_be_corrected():
        workflow.replace_documents(application, form.uploads())
        messages.success(request, _("Your documents are replaced."))
    else:
        workflow.offer_documents(application, form.uploads())
        messages.success(
            request,
            _("Your documents have arrived. The reviewers know of them and decide whether to use the newer version."),
        )
    return redirect(application)


@form_page
@never_cache
@gone_is_404
def complete(request: HttpRequest, reference: str) -> HttpResponse:
    """Look through what was entered by hand from an e-mail, add what is missing, and agree."""
    application = loaded(request, reference)
    if application.is_consented:
        messages.success(request, _("Your application is complete already. Thank you."))
        return redirect(application)
    if application.status in (Status.DECLINED, Status.WITHDRAWN):
        return too_late(request, application)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = CompletionForm(
        *posted,
        application=application,
        browser=browser_key(request),
        sender=sender(request),
        **what_was_left_out(request),
    )
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
        form.add_error(None, _not_now())
        return _completion_page(request, application, form, status=503)
    messages.success(request, _("Thank you. Your application is complete."))
    return redirect(application)


def _completion_page(
    request: HttpRequest, application: Application, form: CompletionForm, status: int | None = None
) -> HttpResponse:
    return show_form(
        request,
        application,
        form,
        "applications/complete.html",
        status=status or form.status_of_errors,
        received_on=timezone.localdate(application.received_at),
        erase_on=erase_on(application),
    )
