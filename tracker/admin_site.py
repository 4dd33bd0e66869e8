from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from applications.models import Application, Letter


class TrackerAdminSite(admin.AdminSite):
    """The review side: Django's own admin under this product's name."""

    site_header = _("MSc projects")
    site_title = _("MSc projects")
    index_title = _("Applications and projects")
    enable_nav_sidebar = False

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The front page says first what waits: applications without an answer, and letters that did not go out."""
        waiting = Application.objects.visible_to(request.user).awaiting_decision()
        context = {
            "waiting_count": waiting.count(),
            "longest_waiting": waiting.order_by("received_at").first(),
            "failed_letters": Letter.objects.visible_to(request.user).filter(status=Letter.Status.FAILED).count(),
        }
        return super().index(request, context | (extra_context or {}))

    def get_urls(self):
        """Django's addresses without its "view on site" shortcut, which tells any staff user where any row leads."""
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]
