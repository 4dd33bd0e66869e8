"""The yardstick: Django's stock list and form of applications at `/stock/`, in the frame of the product's pages."""

from django.contrib import admin
from django.urls import path

from applications.models import Application
from tracker.admin_site import TrackerAdminSite
from tracker.urls import urlpatterns as pages


class StockAdmin(admin.ModelAdmin):
    """What Django makes of the table when one writes a few lines."""

    list_display = ["full_name", "status", "project", "university", "received_at"]
    list_filter = ["status", "project"]
    list_select_related = ["project"]
    list_per_page = 50
    search_fields = ["reference", "full_name", "email"]
    view_on_site = False

    def get_urls(self) -> list:
        """The frame leads to the release page, which the stock admin has not."""
        here = self.admin_site.admin_view(self.changelist_view)
        return [path("release/", here, name="applications_application_release"), *super().get_urls()]


site = TrackerAdminSite(name="stock")
for model, own in admin.site._registry.items():  # the frame links to the lists of the others, too
    site.register(model, StockAdmin if model is Application else type(own))
urlpatterns = [path("stock/", site.urls), *pages]
