"""What the search of the review side looks through."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application


class SearchEntry(models.Model):
    """The words of one application and its documents, in the plain form that `applications.search` gives them.

    The database keeps an index over them (full text on both SQLite and PostgreSQL, see `applications.search`). Only
    what the student handed in: never a note or a comment, which not every reviewer may read yet.
    """

    application = models.OneToOneField(
        Application, on_delete=models.PROTECT, primary_key=True, related_name="search_entry"
    )
    words = models.TextField()

    class Meta:
        verbose_name = _("search entry")
        verbose_name_plural = _("search entries")

    def __str__(self) -> str:
        return str(self.application_id)
