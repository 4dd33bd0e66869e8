"""The record of exports, for those who run the server: who took out what, and when. Nothing is changed here."""

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy

from applications.models import Export
from projects.admin import RecordAdmin


@admin.register(Export)
class ExportAdmin(RecordAdmin):
    list_display = ["asked_for", "user", "format", "total", "state"]
    list_filter = ["state", "format"]
    list_select_related = ["user"]
    list_per_page = 50
    fields = ["user", "format", "state", "total", "done", "created_at", "finished_at"]

    @admin.display(description=gettext_lazy("asked for"), ordering="created_at")
    def asked_for(self, export: Export) -> str:
        return date_format(timezone.localtime(export.created_at), "SHORT_DATETIME_FORMAT")
