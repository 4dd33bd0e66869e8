from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class TrackerAdminSite(admin.AdminSite):
    """The review side: Django's own admin under this product's name."""

    site_header = _("MSc projects")
    site_title = _("MSc projects")
    index_title = _("Applications and projects")
    enable_nav_sidebar = False

    def get_urls(self):
        """Django's addresses without its "view on site" shortcut, which tells any staff user where any row leads."""
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]
