"""The page that erases an application."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from applications import workflow
from applications.admin.base import ApplicationPages
from applications.models import Erasure


class ErasurePages(ApplicationPages):
    def get_urls(self):
        return [self.page("<int:pk>/erase/", self.erase_view, "erase"), *super().get_urls()]

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_http_methods(["GET", "HEAD", "POST"])(self._erase)(request, pk)

    def _erase(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm("applications.delete_application"):
            raise PermissionDenied
        application = self._application(request, pk)
        if not self.may_erase(request, application):
            raise PermissionDenied
        if request.method == "POST":
            has_asked = application.erasure_asked_at is not None
            cause = Erasure.Cause.STUDENT if has_asked else Erasure.Cause.REVIEWER
            workflow.erase(application, cause=cause, by=request.user)
            self.log_deletions(request, [application])
            messages.success(
                request,
                _("Application %(reference)s is erased: its rows, documents and letters are gone.")
                % {"reference": application.reference},
            )
            return HttpResponseRedirect(self._list_url(request))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Erase %(reference)s") % {"reference": application.reference},
            "application": application,
            "review_url": self._url(request, "change", application.pk),
            "list_url": self._list_url(request),
        }
        return TemplateResponse(request, "admin/applications/application/erase.html", context)
