"""The page on which what a student was told is undone: with a reason, and with the offer of a correcting letter."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from applications import workflow
from applications.admin.deciding import DecisionPages, wording_as_shown
from applications.forms import UndoForm
from applications.models import Application
from applications.statuses import Status


class UndoPages(DecisionPages):
    def get_urls(self):
        return [self.page("<int:pk>/undo/", self.undo_view, "undo"), *super().get_urls()]

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET shows what was told and the correcting letter; POST takes the status one step back."""
        return require_http_methods(["GET", "HEAD", "POST"])(self._undo)(request, pk)

    def _undo(self, request: HttpRequest, pk: int) -> HttpResponse:
        application = self._application(request, pk, to_change=True)
        target = workflow.undo_target(application)
        if target is None:
            return self._refused(request, application, why_not_undone(application))
        if application.decisions.on_their_way().exists():
            return self._refused(
                request, application, _("A decision is on its way to the student. Call it back first.")
            )
        form = UndoForm(application, target, self.posted_letter(request))
        if not form.is_valid() or request.POST.get("action") == "preview":
            return self._undo_page(request, application, target, form)
        if form.cleaned_data["send"] is None:
            form.add_error(None, _("Please choose whether the correcting letter is sent."))
            return self._undo_page(request, application, target, form)
        return self._carry_out_undo(request, application, target, form)

    def _carry_out_undo(
        self, request: HttpRequest, application: Application, target: str, form: UndoForm
    ) -> HttpResponse:
        sends = form.cleaned_data["send"]
        try:
            workflow.undo(
                application,
                by=request.user,
                reason=form.cleaned_data["reason"],
                letter=form.wording() if sends else workflow.NO_LETTER,
                seen_status=form.cleaned_data["seen_status"] or None,
            )
        except workflow.Refused as refused:
            return self._refused(request, application, refused.message)
        self.log_change(request, application, f"Undone, to {target}, {'with' if sends else 'without'} a letter.")
        words = {
            "name": application.full_name,
            "reference": application.reference,
            "status": Status(target).label,
            "address": application.email,
        }
        told = _(
            "Undone: %(name)s (%(reference)s) is at “%(status)s” again. The correcting letter goes to %(address)s."
        )
        if not sends:
            told = _("Undone: %(name)s (%(reference)s) is at “%(status)s” again. No letter is sent.")
        messages.success(request, told % words)
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def _undo_page(self, request: HttpRequest, application: Application, target: str, form: UndoForm) -> HttpResponse:
        told = application.told_by()
        return self.letter_page(
            request,
            "undo",
            _("Undo “%(status)s”") % {"status": application.get_status_display()},
            application,
            form=form,
            to_status=target,
            to_status_label=Status(target).label,
            told=told,
            told_letter=told and wording_as_shown(workflow.letter_of(told)),
            sent=told and told.letters.filter(to_student=True).order_by("pk").last(),
            staged=application.decisions.staged().first(),
            needs_reason=True,
        )


def why_not_undone(application: Application) -> str:
    status = application.get_status_display()
    if application.status in (Status.ACCEPTED, Status.WITHDRAWN):
        return _("There is nothing to undo: “%(status)s” is the student’s own word.") % {"status": status}
    return _("There is nothing to undo: no decision has led to “%(status)s”.") % {"status": status}
