"""The record of erasures, for those who run the server: what was erased when and why, and never whose it was."""

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy, ngettext

from applications.models import Erasure
from applications.statuses import Status
from projects.admin import RecordAdmin


@admin.register(Erasure)
class ErasureAdmin(RecordAdmin):
    """Nothing is changed here. No group has the permission to look, so that only superusers do."""

    list_display = ["erased_on", "cause", "project", "status_words", "received_on", "document_count", "letter_count"]
    list_display_links = ["erased_on"]
    list_filter = ["cause"]
    list_select_related = ["project"]
    list_per_page = 50
    fields = list_display

    @admin.display(description=gettext_lazy("erased"), ordering="erased_at")
    def erased_on(self, erasure: Erasure) -> str:
        return date_format(timezone.localtime(erasure.erased_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_words(self, erasure: Erasure) -> str:
        """How it stood when it was erased."""
        return str(Status(erasure.status).label)

    # On phones no heading stands above a figure, so each says what it counts.

    @admin.display(description=gettext_lazy("documents"), ordering="documents")
    def document_count(self, erasure: Erasure) -> str:
        return ngettext("%(number)s document", "%(number)s documents", erasure.documents) % {
            "number": erasure.documents
        }

    @admin.display(description=gettext_lazy("letters"), ordering="letters")
    def letter_count(self, erasure: Erasure) -> str:
        return ngettext("%(number)s letter", "%(number)s letters", erasure.letters) % {"number": erasure.letters}
