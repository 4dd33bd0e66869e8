"""The page on which one application is decided."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from applications import workflow
from applications.admin import queue
from applications.admin.base import ApplicationPages
from applications.forms import DecisionForm
from applications.models import Application
from applications.statuses import Status, letter_kind, reviewer_needs_reason

# What the button for a move says, by where it leads; and, where that matters, from where.
MOVE_WORDS = {
    Status.IN_REVIEW: gettext_lazy("Start reading"),
    Status.INTERVIEW: gettext_lazy("Invite to an interview"),
    Status.WAITLISTED: gettext_lazy("Put on the waiting list"),
    Status.OFFERED: gettext_lazy("Offer the project"),
    Status.ACCEPTED: gettext_lazy("Record the acceptance"),
    Status.DECLINED: gettext_lazy("Decline"),
    Status.WITHDRAWN: gettext_lazy("Record a withdrawal"),
}
MOVE_WORDS_FROM = {
    (Status.INTERVIEW, Status.IN_REVIEW): gettext_lazy("Back to review"),
    (Status.WAITLISTED, Status.IN_REVIEW): gettext_lazy("Back to review"),
    (Status.DECLINED, Status.IN_REVIEW): gettext_lazy("Reopen"),
    (Status.OFFERED, Status.WAITLISTED): gettext_lazy("Take back, to the waiting list"),
    (Status.OFFERED, Status.DECLINED): gettext_lazy("Take back and decline"),
    (Status.ACCEPTED, Status.DECLINED): gettext_lazy("Take back and decline"),
}


def move_words(from_status: str, to_status: str) -> str:
    return MOVE_WORDS_FROM.get((from_status, to_status), MOVE_WORDS[Status(to_status)])


class DecisionPages(ApplicationPages):
    def get_urls(self):
        return [
            self.page("<int:pk>/decide/<str:status>/", self.decide_view, "decide"),
            *super().get_urls(),
        ]

    def decide_view(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        """GET shows the letter as it would go out; POST decides and goes on to the next open application."""
        return require_http_methods(["GET", "HEAD", "POST"])(self._decide)(request, pk, status)

    def _decide(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        application = self._application(request, pk, to_change=True)
        if status not in Status.values:
            raise Http404
        if status not in workflow.allowed_moves(application):
            return self._refused(request, application, workflow.why_not(application))
        kind = letter_kind(application.status, status)
        form = DecisionForm(application, status, kind, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._decision_page(request, application, status, form)
        if request.POST.get("action") == "preview":
            preview = form.wording_as_shown() if form.standard else None
            return self._decision_page(request, application, status, form, preview=preview)
        if kind and form.cleaned_data["send"] is None:
            form.add_error(None, _("Please choose whether the letter is sent."))
            return self._decision_page(request, application, status, form)
        return self._carry_out_decision(request, application, status, form)

    def _carry_out_decision(
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm
    ) -> HttpResponse:
        following = queue.next_open(application.pk, queue.listed(self, request))  # before this one leaves the list
        sends = bool(form.standard and form.cleaned_data["send"])
        try:
            workflow.decide(
                application,
                status,
                by=request.user,
                reason=form.cleaned_data["reason"],
                letter=form.wording() if sends else workflow.NO_LETTER,
                seen_status=form.cleaned_data["seen_status"] or None,
            )
        except workflow.Refused as refused:
            return self._refused(request, application, refused.message)
        self.log_change(request, application, f"Decided: {status}, {'with' if sends else 'without'} a letter.")
        self._tell_what_was_done(request, application, status, sends)
        if following is None:
            messages.info(request, _("No other application in this list waits for a decision."))
            return HttpResponseRedirect(self._list_url(request))
        return HttpResponseRedirect(self._url(request, "change", following))

    def _tell_what_was_done(self, request: HttpRequest, application: Application, status: str, sends: bool) -> None:
        words = {
            "name": application.full_name,
            "reference": application.reference,
            "status": Status(status).label,
            "address": application.email,
        }
        if sends:
            told = _("%(name)s (%(reference)s): %(status)s. The letter goes to %(address)s.") % words
        else:
            told = _("%(name)s (%(reference)s): %(status)s. No letter is sent.") % words
        messages.success(request, told)

    def _refused(self, request: HttpRequest, application: Application, why: str) -> HttpResponse:
        messages.error(request, why)
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def _decision_page(
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm, preview=None
    ) -> HttpResponse:
        project = application.project
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{move_words(application.status, status)}: {application.full_name}",
            "move": move_words(application.status, status),
            "application": application,
            "project": project,
            "to_status": status,
            "to_status_label": Status(status).label,
            "form": form,
            "preview": preview,
            "needs_reason": reviewer_needs_reason(application.status, status),
            "open_offers": project.applications.filter(status=Status.OFFERED).exclude(pk=application.pk).count(),
            "review_url": self._url(request, "change", application.pk),
            "list_url": self._list_url(request),
        }
        return TemplateResponse(request, "admin/applications/application/decide.html", context)
