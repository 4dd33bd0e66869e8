from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from applications.views.preferences import preferences
from tracker import desk


class TrackerAdminSite(admin.AdminSite):
    """The review side: Django's own admin under this product's name."""

    site_header = _("MSc projects")
    site_title = _("MSc projects")
    index_title = _("Applications and projects")
    enable_nav_sidebar = False

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The front page is a desk: what waits, and how each project does; see `tracker.desk`."""
        context = desk.context_for(request.user)
        return super().index(request, context | (extra_context or {}))

    def get_urls(self):
        """Django's addresses without its "view on site" shortcut, which tells any staff user where any row leads."""
        own = [path("preferences/", self.admin_view(self.preferences), name="preferences")]
        return own + [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def preferences(self, request: HttpRequest) -> HttpResponse:
        """How this reviewer likes to be told and to work."""
        return preferences(request, self.each_context(request))
