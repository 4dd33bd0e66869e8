"""The page on which an application that came by e-mail is entered."""

import logging

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from applications import workflow
from applications.admin.base import ApplicationPages
from applications.forms import EntryForm
from applications.models import Application, email_key
from applications.tokens import nonce_of
from applications.uploadhandlers import what_was_left_out
from projects.models import Project

logger = logging.getLogger(__name__)


class EntryPages(ApplicationPages):
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever reviews may also enter what came by e-mail; to which projects, the form says."""
        return self.has_change_permission(request)

    def add_view(self, request: HttpRequest, form_url="", extra_context=None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return require_http_methods(["GET", "HEAD", "POST"])(self._enter)(request)

    def _enter(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return self._entry_page(request, EntryForm(user=request.user, initial=self._chosen_project(request)))
        repeated = self._entered_already(request)
        if repeated:
            return self._to_the_entered(request, repeated)
        form = EntryForm(request.POST, request.FILES, user=request.user, **what_was_left_out(request))
        if not form.is_valid():
            return self._entry_page(request, form, status=form.status_of_errors)
        return self._carry_out_entry(request, form)

    def _carry_out_entry(self, request: HttpRequest, form: EntryForm) -> HttpResponse:
        try:
            application = workflow.enter_by_hand(
                form.cleaned_data["project"],
                answers=form.answers(),
                uploads=form.uploads(),
                by=request.user,
                received_on=form.cleaned_data["received_on"],
                nonce=self._entry_nonce(request),
            )
        except workflow.Refused as refused:
            existing = self._in_the_way(request, form) if refused.code == "duplicate" else None
            form.add_refusal(refused.code, refused.message)
            return self._entry_page(request, form, existing=existing)
        except (DatabaseFailure, OSError):
            logger.exception("An application could not be entered.")
            form.add_error(
                None,
                ValidationError(_("This could not be stored just now. Please try again in a minute."), "unavailable"),
            )
            return self._entry_page(request, form, status=503)
        self.log_addition(request, application, "Entered by hand.")
        return self._to_the_entered(request, application)

    def _to_the_entered(self, request: HttpRequest, application: Application) -> HttpResponse:
        messages.success(
            request,
            _(
                "%(name)s (%(reference)s) is entered. A letter with the link goes to %(address)s, so that the student "
                "completes the application and consents."
            )
            % {"name": application.full_name, "reference": application.reference, "address": application.email},
        )
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def _entered_already(self, request: HttpRequest) -> Application | None:
        """What this very form has entered a moment ago, when it comes twice (double click, reload)."""
        project = request.POST.get("project", "")
        if not project.isdecimal():
            return None
        project = Project.objects.visible_to(request.user).filter(pk=project).first()
        address = request.POST.get("email", "")[:254]
        return project and workflow.find_repeated(project, address, self._entry_nonce(request))

    @staticmethod
    def _entry_nonce(request: HttpRequest) -> str:
        """The form's nonce, bound to this user, so that nobody else's form finds what it has entered."""
        nonce = request.POST.get("nonce", "")[:100]
        return nonce_of(nonce, f"user {request.user.pk}") if nonce else ""

    def _in_the_way(self, request: HttpRequest, form: EntryForm) -> Application | None:
        """The application that stands in the way, if this reviewer may see it."""
        same = {"project": form.cleaned_data["project"], "email_key": email_key(form.cleaned_data["email"])}
        return self.get_queryset(request).live().filter(**same).first()

    @staticmethod
    def _chosen_project(request: HttpRequest) -> dict:
        """The project of the list that one comes from, or the only one there is."""
        projects = Project.objects.visible_to(request.user).published()
        asked = request.GET.get("project", "")
        if asked.isdecimal():
            return {"project": projects.filter(pk=asked).first()}
        return {"project": projects.get() if projects.count() == 1 else None}

    def _entry_page(self, request: HttpRequest, form: EntryForm, *, existing=None, status: int = 200) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Enter an application that came by e-mail"),
            "form": form,
            "has_projects": form.fields["project"].queryset.exists(),
            "groups": self._entry_groups(form),
            "existing": existing,
            "list_url": self._list_url(request),
        }
        return TemplateResponse(request, "admin/applications/application/enter.html", context, status=status)

    @staticmethod
    def _entry_groups(form: EntryForm) -> list[tuple[str, list]]:
        """The fields under their headings, in the order of the page."""
        groups = [
            (_("What came, and when"), ("project", "received_on")),
            (_("The student"), ("full_name", "email", "university", "programme", "earliest_start")),
            (_("Documents"), ("cv", "transcripts")),
            (_("What else the e-mail says"), ("motivation", "links")),
        ]
        return [(heading, [form[name] for name in names]) for heading, names in groups]
