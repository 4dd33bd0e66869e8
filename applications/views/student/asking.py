"""What the student asks, and what the reviewers have answered."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from applications import letters, workflow
from applications.forms import StudentQuestionForm
from applications.models import Application, Message
from applications.statuses import Status
from applications.views.student.base import form_page, gone_is_404, loaded, show_form


@form_page
@never_cache
@gone_is_404
def ask(request: HttpRequest, reference: str) -> HttpResponse:
    """Ask the reviewers something. The answer stands on the student's page and comes by letter."""
    application = loaded(request, reference)
    if not may_ask(application):
        messages.error(request, _("Your application is withdrawn. Please write to the supervisor by e-mail instead."))
        return redirect(application)
    form = StudentQuestionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            workflow.ask_reviewers(application, form.cleaned_data["text"])
        except workflow.Refused as refused:
            form.add_error(None, ValidationError(refused.message, code=refused.code))
            return show_form(request, application, form, "applications/ask.html", status=429)
        messages.success(request, _("Your question has arrived. The answer will stand here and come by letter."))
        return redirect(application)
    return show_form(request, application, form, "applications/ask.html")


def may_ask(application: Application) -> bool:
    """Whether questions are still read here: nobody looks after a withdrawn application any more."""
    return application.status != Status.WITHDRAWN


def thread_with(application: Application) -> list[Message]:
    """All that was asked and answered, oldest first; each message knows whether it `waits` for an answer.

    The same rule as `Message.objects.unanswered()`, without a question to the database for each row.
    """
    thread = list(application.messages.all())
    last_answer = max((message.created_at for message in thread if not message.is_from_student), default=None)
    for message in thread:
        message.text = letters.as_shown(message.text) if not message.is_from_student else message.text
        is_answered = last_answer is not None and last_answer >= message.created_at
        message.waits = message.is_from_student and message.settled_at is None and not is_answered
    return thread
