"""What all pages about applications share: who may open them, and how they are reached."""

import functools
from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from applications.admin import panels, queue
from applications.models import Application
from projects.admin import RestrictedAdmin


def gone_is_404(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """An application that a colleague erased between the look and the deed is the 404 of one that never was."""

    @functools.wraps(view)
    def with_404(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Application.DoesNotExist as error:
            raise Http404 from error

    return with_404


class ApplicationPages(RestrictedAdmin):
    """The base of every group of pages about applications. `ApplicationAdmin` puts the groups together.

    Everything here reads; what changes an application is a POST to `workflow`.
    """

    BLIND_LOOKUPS = frozenset({"rating_mean", "rating_spread", "score_mean", "reviews", "readings", "stars"})

    # What may be seen, and that nothing changes here

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).visible_to(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False  # erasing has a page of its own, which also removes the files

    def may_erase(self, request: HttpRequest, application: Application) -> bool:
        """Erasing is for the supervisor of the project, not for those who only review for it."""
        may = request.user.has_perm("applications.delete_application")
        return may and panels.supervises(application, request.user)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No filter typed into the address tells how colleagues have rated: Django allows every column of the table."""
        return lookup.split("__")[0] not in self.BLIND_LOOKUPS and super().lookup_allowed(lookup, value, request)

    # How the pages find an application, and each other

    def page(self, route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        """The address of a page, for signed-in staff: `admin:applications_application_<name>`."""
        return path(route, self.admin_site.admin_view(gone_is_404(view)), name=f"applications_application_{name}")

    def _application(self, request: HttpRequest, pk: int | None, *, to_change: bool = False) -> Application:
        """The application, if this reviewer may see it: 403 without the model's permission, 404 without this object."""
        may = self.has_change_permission if to_change else self.has_view_or_change_permission
        if not may(request):
            raise PermissionDenied
        application = (
            self.get_queryset(request)
            .select_related("project__topic", "project__supervisor")
            .prefetch_related("documents__rendition")
            .filter(pk=pk)
            .order_by()  # the list's order is of no use for one
            .first()
        )
        if application is None:
            raise Http404
        return application

    def _url(self, request: HttpRequest, page: str, *args) -> str:
        """The address of a page of an application, carrying the list's filters along."""
        url = reverse(f"admin:applications_application_{page}", args=args)
        filters = request.GET.get(queue.FILTERS)
        return f"{url}?{urlencode({queue.FILTERS: filters})}" if filters else url

    def _list_url(self, request: HttpRequest) -> str:
        filters = request.GET.get(queue.FILTERS)
        return reverse("admin:applications_application_changelist") + (f"?{filters}" if filters else "")
