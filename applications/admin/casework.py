"""What else reviewers do from the review page: ask colleagues, write to the student, take documents, move it on."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from applications import letters, workflow
from applications.admin import panels
from applications.admin.reviewing import ReviewPages
from applications.forms import AddDocumentsForm, AskForm, TransferForm, WriteForm
from applications.models import Application
from applications.uploadhandlers import what_was_left_out


class CaseworkPages(ReviewPages):
    def get_urls(self):
        return [
            self.page("<int:pk>/ask/", self.ask_view, "ask"),
            self.page("<int:pk>/write/", self.write_view, "write"),
            self.page("<int:pk>/settle/", self.settle_view, "settle"),
            self.page("<int:pk>/take/", self.take_view, "take"),
            self.page("<int:pk>/leave/", self.leave_view, "leave"),
            self.page("<int:pk>/documents/", self.documents_view, "documents"),
            self.page("<int:pk>/transfer/", self.transfer_view, "transfer"),
            *super().get_urls(),
        ]

    def _supervised(self, request: HttpRequest, pk: int) -> Application:
        """The application, if it is to a project of this supervisor: 403 for those who only review it."""
        application = self._application(request, pk, to_change=True)
        if not panels.supervises(application, request.user):
            raise PermissionDenied
        return application

    def _back(self, request: HttpRequest, application: Application, panel: str) -> HttpResponse:
        return HttpResponseRedirect(self._url(request, "change", application.pk) + f"#{panel}")

    def ask_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._ask)(request, self._supervised(request, pk))

    def _ask(self, request: HttpRequest, application: Application) -> HttpResponse:
        form = AskForm(panels.askable(application, request.user), request.POST)
        if not form.is_valid():
            return self._review_page(request, application, ask_form=form)
        try:
            newly = workflow.ask(application, form.cleaned_data["reviewers"], by=request.user)
        except workflow.Refused as refused:
            form.add_error(None, refused.message)
            return self._review_page(request, application, ask_form=form)
        if newly:
            self.log_change(request, application, "Asked for a review.")
        told = ngettext(
            "%(number)s person is asked. A letter goes to them in a while, with all that they were asked until then.",
            "%(number)s people are asked. A letter goes to each in a while, with all that they were asked until then.",
            len(newly),
        )
        messages.success(request, told % {"number": len(newly)})
        return self._back(request, application, "ask")

    def write_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._write)(request, self._application(request, pk, to_change=True))

    def _write(self, request: HttpRequest, application: Application) -> HttpResponse:
        form = WriteForm(request.POST)
        if not form.is_valid():
            return self._review_page(request, application, write_form=form)
        wording = letters.Wording(form.cleaned_data["subject"], form.cleaned_data["body"])
        if request.POST.get("action") == "preview":
            preview = letters.message_wording(application, wording, writer=request.user)
            preview = letters.Wording(preview.subject, letters.as_shown(preview.body))
            return self._review_page(request, application, write_form=form, write_preview=preview)
        is_answer = application.messages.unanswered().exists()
        workflow.write(application, subject=wording.subject, body=wording.body, by=request.user)
        self.log_change(request, application, "Wrote to the student.")
        messages.success(request, _("The letter goes to %(address)s.") % {"address": application.email})
        return self._back(request, application, "questions" if is_answer else "letters")

    # What the student has asked and sent since

    def settle_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._settle)(request, self._application(request, pk, to_change=True))

    def _settle(self, request: HttpRequest, application: Application) -> HttpResponse:
        """What was asked needs no answer, as far as the page had it: a question that came since goes on waiting."""
        waiting = [str(pk) for pk in application.messages.unanswered().values_list("pk", flat=True)]
        if not set(waiting) <= set(request.POST.getlist("seen", waiting)):
            messages.warning(request, _("The student has asked something else since you opened this page."))
        elif waiting:
            workflow.settle_question(application, by=request.user)
            self.log_change(request, application, "Said that a question needs no answer.")
            messages.success(request, _("The question does not wait any more. The student gets no letter about it."))
        return self._back(request, application, "questions")

    def take_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._take)(request, self._application(request, pk, to_change=True))

    def _take(self, request: HttpRequest, application: Application) -> HttpResponse:
        taken = _("The newer version counts now; the former one is kept.")
        return self._about_offered(request, application, workflow.take_offered, "Took a newer document.", taken)

    def leave_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._leave)(request, self._application(request, pk, to_change=True))

    def _leave(self, request: HttpRequest, application: Application) -> HttpResponse:
        left = _("The newer version is left aside. It stays among the former ones.")
        return self._about_offered(request, application, workflow.leave_offered, "Left a newer document aside.", left)

    def _about_offered(
        self, request: HttpRequest, application: Application, deed: Callable, log: str, done: str
    ) -> HttpResponse:
        """Do it with what the page has shown, and with nothing that the student has sent since."""
        offered = [str(document.pk) for document in application.offered_documents()]
        if not set(offered) <= set(request.POST.getlist("seen", offered)):
            messages.warning(request, _("The student has sent another version since you opened this page."))
            return self._back(request, application, "documents-heading")
        try:
            deed(application, by=request.user)
        except workflow.Refused as refused:
            messages.error(request, refused.message)
        else:
            self.log_change(request, application, log)
            messages.success(request, done)
        return self._back(request, application, "documents-heading")

    def documents_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._documents)(request, self._application(request, pk, to_change=True))

    def _documents(self, request: HttpRequest, application: Application) -> HttpResponse:
        form = AddDocumentsForm(request.POST, request.FILES, **what_was_left_out(request))
        if not form.is_valid():
            return self._review_page(request, application, status=form.status_of_errors, documents_form=form)
        try:
            workflow.add_documents(application, form.uploads(), by=request.user)
        except workflow.Refused as refused:
            messages.error(request, refused.message)
            return self._back(request, application, "add-documents")
        self.log_change(request, application, "Added documents.")
        messages.success(request, _("The documents are added."))
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def transfer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._transfer)(request, self._supervised(request, pk))

    def _transfer(self, request: HttpRequest, application: Application) -> HttpResponse:
        form = TransferForm(panels.transfer_targets(application, request.user), request.POST)
        if not form.is_valid():
            return self._review_page(request, application, transfer_form=form)
        project = form.cleaned_data["project"]
        try:
            workflow.transfer(application, project, by=request.user, consent=form.cleaned_data["consent"])
        except workflow.Refused as refused:
            form.add_error(None, refused.message)
            return self._review_page(request, application, transfer_form=form)
        self.log_change(request, application, "Moved to another project.")
        messages.success(
            request,
            _("%(name)s’s application is to “%(project)s” now. The student is told by letter.")
            % {"name": application.full_name, "project": project.title},
        )
        return HttpResponseRedirect(self._url(request, "change", application.pk))
