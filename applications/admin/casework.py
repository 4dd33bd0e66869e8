"""What else reviewers do from the review page: ask colleagues, write to the student, add documents, move it on."""

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
        workflow.write(application, subject=wording.subject, body=wording.body, by=request.user)
        self.log_change(request, application, "Wrote to the student.")
        messages.success(request, _("The letter goes to %(address)s.") % {"address": application.email})
        return self._back(request, application, "letters")

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
