"""The pages on which one application is decided, and on which a staged decision is edited or cleared."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from applications import letters, workflow
from applications.admin import queue
from applications.admin.base import ApplicationPages
from applications.admin.remaining import tell_when_places_are_gone
from applications.forms import DecisionForm, StagedForm
from applications.models import Application, Decision
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


def wording_as_shown(wording: letters.Wording | None) -> letters.Wording | None:
    """A letter for the reviewers' eyes: exactly what goes out, with words in place of the link."""
    return wording and letters.Wording(wording.subject, letters.as_shown(wording.body))


class DecisionPages(ApplicationPages):
    # What the buttons of the forms mean: with this letter (1), without one (0). Only `decide` has buttons named `send`.
    WITH_LETTER = {"stage": "1", "stage_without": "0", "save": "1", "save_without": "0", "preview": ""}

    def get_urls(self):
        return [
            self.page("<int:pk>/decide/<str:status>/", self.decide_view, "decide"),
            self.page("<int:pk>/staged/", self.staged_view, "staged"),
            self.page("<int:pk>/clear/", self.clear_view, "clear"),
            *super().get_urls(),
        ]

    def posted_letter(self, request: HttpRequest) -> dict | None:
        """What a form about a letter has posted; the button that was pressed says whether the letter is meant."""
        if request.method != "POST":
            return None
        data = request.POST.dict()
        send = self.WITH_LETTER.get(data.get("action", ""))
        return data if send is None or (send == "1" and data.get("send") == "0") else data | {"send": send}

    def letter_page(
        self, request: HttpRequest, template: str, title: str, application: Application, **context
    ) -> HttpResponse:
        """A page around the letter of one application; `form` and `preview` are in `context`."""
        form = context["form"]
        if form.is_bound and form.is_valid() and form.tells and request.POST.get("action") == "preview":
            context["preview"] = wording_as_shown(form.wording())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{title}: {application.full_name}",
            "heading": title,
            "application": application,
            "project": application.project,
            "review_url": self._url(request, "change", application.pk),
            "list_url": self._list_url(request),
            "release_url": reverse("admin:applications_application_release"),
            **context,
        }
        return TemplateResponse(request, f"admin/applications/application/{template}.html", context)

    # Deciding

    def decide_view(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        """GET shows the letter as it would go out; POST stages the decision, or decides and tells now.

        Then it goes on to the next open application.
        """
        return require_http_methods(["GET", "HEAD", "POST"])(self._decide)(request, pk, status)

    def _decide(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        application = self._application(request, pk, to_change=True)
        if status not in Status.values:
            raise Http404
        if status not in workflow.allowed_moves(application):
            return self._refused(request, application, workflow.why_not(application))
        kind = letter_kind(application.status, status)
        pending = application.decisions.pending().select_related("staged_by", "released_by").first()
        form = DecisionForm(application, status, kind, self.posted_letter(request), pending=pending)
        action = request.POST.get("action", "")
        if not form.is_valid() or action == "preview":
            return self._decision_page(request, application, status, form)
        if kind and form.cleaned_data["send"] is None:
            form.add_error(None, _("Please choose whether the letter is sent."))
            return self._decision_page(request, application, status, form)
        if self._was_staged_meanwhile(request, pending):
            return self._show_what_was_staged_meanwhile(request, application, status, pending)
        if action in ("stage", "stage_without"):
            return self._stage_decision(request, application, status, form)
        return self._decide_now(request, application, status, form)

    @staticmethod
    def _was_staged_meanwhile(request: HttpRequest, pending: Decision | None) -> bool:
        """Whether a decision is staged now that the page, when it was looked at, did not speak of."""
        seen = request.POST.get("seen_decision")
        return seen is not None and pending is not None and seen != pending.as_seen

    def _show_what_was_staged_meanwhile(
        self, request: HttpRequest, application: Application, status: str, pending: Decision
    ) -> HttpResponse:
        """The page again, with what was typed; who has read that a colleague staged something may go on."""
        data = request.POST.dict() | {"seen_decision": pending.as_seen}
        form = DecisionForm(application, status, letter_kind(application.status, status), data, pending=pending)
        form.add_error(None, _("A decision about this student was staged since you opened this page; see above."))
        return self._decision_page(request, application, status, form)

    def _stage_decision(
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm
    ) -> HttpResponse:
        following = queue.next_open(application.pk, queue.listed(self, request))
        tells = bool(form.tells and form.cleaned_data["send"])
        try:
            workflow.stage(
                application,
                status,
                by=request.user,
                reason=form.cleaned_data["reason"],
                letter=form.stored_wording() if tells else workflow.NO_LETTER,
                personal_line=form.cleaned_data["personal_line"] if tells else "",
                seen_status=form.cleaned_data["seen_status"] or None,
                lapses_on=form.cleaned_data.get("lapses_on"),
            )
        except workflow.Refused as refused:
            return self._refused(request, application, refused.message)
        self.log_change(request, application, f"Staged: {status}, {'with' if tells else 'without'} a letter.")
        told = _("Staged: {name} ({reference}), {status}. The student is told nothing until it is {released}.")
        if not tells:
            told = _("Staged without a letter: {name} ({reference}), {status}. It holds once it is {released}.")
        url = reverse("admin:applications_application_release")
        words = {
            "name": application.full_name,
            "reference": application.reference,
            "status": Status(status).label,
            "released": format_html('<a href="{}">{}</a>', url, _("released")),
        }
        messages.success(request, format_html(told, **words))
        return self._go_on(request, following)

    def _decide_now(
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm
    ) -> HttpResponse:
        following = queue.next_open(application.pk, queue.listed(self, request))  # before this one leaves the list
        sends = bool(form.tells and form.cleaned_data["send"])
        try:
            workflow.decide(
                application,
                status,
                by=request.user,
                reason=form.cleaned_data["reason"],
                letter=form.wording() if sends else workflow.NO_LETTER,
                seen_status=form.cleaned_data["seen_status"] or None,
                lapses_on=form.cleaned_data.get("lapses_on"),
            )
        except workflow.Refused as refused:
            return self._refused(request, application, refused.message)
        self.log_change(request, application, f"Decided: {status}, {'with' if sends else 'without'} a letter.")
        self._tell_what_was_done(request, application, status, sends)
        if status == Status.ACCEPTED:
            tell_when_places_are_gone(request, application.project_id)
        return self._go_on(request, following)

    def _go_on(self, request: HttpRequest, following: int | None) -> HttpResponse:
        """To the next application that waits for a decision, else back to the list."""
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
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm
    ) -> HttpResponse:
        return self.letter_page(
            request,
            "decide",
            str(move_words(application.status, status)),
            application,
            form=form,
            to_status=status,
            to_status_label=Status(status).label,
            pending=form.pending,
            needs_reason=reviewer_needs_reason(application.status, status),
            open_offers=application.project.applications.filter(status=Status.OFFERED)
            .exclude(pk=application.pk)
            .count(),
            may_be_staged=(application.status, status) != (Status.RECEIVED, Status.IN_REVIEW),
            staged_url=self._url(request, "staged", application.pk),
            call_back_url=self._url(request, "call_back", application.pk),
        )

    # A staged decision

    def staged_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET shows the staged decision with its letter, to be edited; POST saves it, with the letter or without."""
        return require_http_methods(["GET", "HEAD", "POST"])(self._staged)(request, pk)

    def _staged(self, request: HttpRequest, pk: int) -> HttpResponse:
        application = self._application(request, pk, to_change=True)
        decision = application.decisions.staged().select_related("staged_by").first()
        if decision is None:
            return self._refused(request, application, _("No decision about this student is staged."))
        decision.application = application
        form = StagedForm(decision, self.posted_letter(request))
        if not form.is_valid() or request.POST.get("action") == "preview":
            return self._staged_page(request, decision, form)
        if form.tells and form.cleaned_data["send"] is None:
            form.add_error(None, _("Please choose whether the letter is sent."))
            return self._staged_page(request, decision, form)
        return self._save_staged(request, decision, form)

    def _save_staged(self, request: HttpRequest, decision: Decision, form: StagedForm) -> HttpResponse:
        application = decision.application
        tells = bool(form.tells and form.cleaned_data["send"])
        try:
            workflow.edit_staged(
                decision,
                by=request.user,
                revision=form.cleaned_data["revision"],
                letter=form.stored_wording() if tells else None,
                personal_line=form.cleaned_data["personal_line"] if tells else "",
                reason=form.cleaned_data["reason"],
                lapses_on=form.cleaned_data.get("lapses_on"),
            )
        except workflow.Refused as refused:
            if refused.code == "changed":
                return self._show_both_versions(request, decision)
            return self._refused(request, application, refused.message)
        self.log_change(request, application, f"Edited what is staged, {'with' if tells else 'without'} a letter.")
        messages.success(request, _("Saved. It goes out when it is released."))
        return self._return_to(request, application)

    def _show_both_versions(self, request: HttpRequest, decision: Decision) -> HttpResponse:
        """What was typed stays in the form; above it the letter as a colleague has left it in the meantime."""
        form = StagedForm(decision, request.POST.dict() | {"revision": decision.revision})
        form.add_error(
            None,
            _("The letter was changed since you opened this page. Yours is kept below; saving it replaces the other."),
        )
        stored = wording_as_shown(workflow.letter_of(decision))
        return self._staged_page(request, decision, form, stored=stored, was_changed=True)

    def _staged_page(self, request: HttpRequest, decision: Decision, form: StagedForm, **context) -> HttpResponse:
        application = decision.application
        title = _("Staged “%(status)s”") % {"status": decision.get_to_status_display()}
        return self.letter_page(
            request,
            "staged",
            title,
            application,
            form=form,
            decision=decision,
            to_status=decision.to_status,
            to_status_label=decision.get_to_status_display(),
            needs_reason=reviewer_needs_reason(application.status, decision.to_status),
            clear_url=self._url(request, "clear", application.pk),
            back=self._where_back(request),
            **context,
        )

    def clear_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        application = self._application(request, pk, to_change=True)  # 403 and 404 come before 405
        return require_POST(self._clear)(request, application)

    def _clear(self, request: HttpRequest, application: Application) -> HttpResponse:
        decision = application.decisions.staged().first()
        if decision is None:
            messages.info(request, _("No decision about this student is staged."))
            return self._return_to(request, application)
        if request.POST.get("seen_decision", decision.as_seen) != decision.as_seen:
            messages.warning(request, _("Nothing was cleared: the decision was replaced or edited since you looked."))
            return self._return_to(request, application)
        try:
            workflow.clear(decision, by=request.user, revision=decision.revision)
        except workflow.Refused as refused:
            messages.error(request, refused.message)
            return self._return_to(request, application)
        self.log_change(request, application, f"Cleared what was staged: {decision.to_status}.")
        words = {"name": application.full_name, "reference": application.reference}
        messages.success(request, _("Cleared: %(name)s (%(reference)s). The student was told nothing.") % words)
        return self._return_to(request, application)

    @staticmethod
    def _where_back(request: HttpRequest) -> str:
        return "release" if "release" in (request.GET.get("back"), request.POST.get("back")) else ""

    def _return_to(self, request: HttpRequest, application: Application) -> HttpResponse:
        """To the release page for whoever came from there (`back=release`), else to the review page."""
        if self._where_back(request):
            return HttpResponseRedirect(reverse("admin:applications_application_release"))
        return HttpResponseRedirect(self._url(request, "change", application.pk))
