"""Who has opened what, and what has been erased: the two records that students can be shown."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application
from applications.models.document import Document
from projects.models import Project


class Opening(models.Model):
    """A reviewer has opened an application (without `document`) or one of its documents, or taken it out in an export.

    One row per person, thing, way and day, with the first and the last time: who, which, when, without a row for each
    glance.
    """

    class Way(models.TextChoices):
        READ = "read", _("Read here")
        DOWNLOADED = "downloaded", _("Downloaded")
        EXPORTED = "exported", _("Taken out in an export")

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="openings")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, null=True, related_name="openings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=200)
    way = models.CharField(max_length=12, choices=Way, default=Way.READ)
    day = models.DateField()  # in TIME_ZONE
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("opening")
        verbose_name_plural = _("openings")
        ordering = ["first_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "user", "way", "day"],
                condition=Q(document=None),
                name="applications_opening_of_application_once_a_day",
            ),
            models.UniqueConstraint(
                fields=["document", "user", "way", "day"],
                condition=Q(document__isnull=False),
                name="applications_opening_of_document_once_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.way}"


class Erasure(models.Model):
    """That an application was erased, without anything about whose it was: no name, no address, no reference."""

    class Cause(models.TextChoices):
        STUDENT = "student", _("The student asked for it")
        NOT_ME = "not_me", _("The owner of the address had not applied")
        REVIEWER = "reviewer", _("A supervisor erased it")
        EXPIRED = "expired", _("Its time was over")

    cause = models.CharField(_("why"), max_length=10, choices=Cause)
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, verbose_name=_("project"))
    status = models.CharField(_("status"), max_length=20)
    received_on = models.DateField(_("received"))
    documents = models.PositiveIntegerField(_("documents erased"))
    letters = models.PositiveIntegerField(_("letters erased"))
    # The steps that it had ever come to (interview, offered, accepted), for the statistics.
    reached = models.JSONField(default=list, editable=False)
    # Which application it was, for whoever restores a backup in which it still stands: see `applications.ledger`.
    fingerprint = models.CharField(max_length=64, blank=True, editable=False, db_index=True)
    erased_at = models.DateTimeField(_("erased"), default=timezone.now)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-erased_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.erased_at:%Y-%m-%d}: {self.get_cause_display()}"
