from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class TrackerAdminSite(admin.AdminSite):
    """The review side: Django's own admin under this product's name."""

    site_header = _("MSc projects")
    site_title = _("MSc projects")
    index_title = _("Applications and projects")
    enable_nav_sidebar = False
