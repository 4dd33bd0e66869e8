"""What the reviewers decided, before and after the student is told."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from applications.models.application import Application
from applications.statuses import Status


class DecisionQuerySet(models.QuerySet):
    def pending(self) -> Self:
        """Decisions that have not taken effect: staged, or released and on their way. One at most per application."""
        return self.filter(applied_at=None, dropped_at=None)

    def staged(self) -> Self:
        return self.pending().filter(released_at=None)

    def on_their_way(self) -> Self:
        """Released decisions whose letters can still be called back."""
        return self.pending().filter(released_at__isnull=False)

    def visible_to(self, user) -> Self:
        return self.filter(application__in=Application.objects.visible_to(user))


class Decision(models.Model):
    """What the reviewers decided: staged until released, then in force from `effective_at`.

    A decision ends in one of two ways: *applied* (status, event and letter took effect together), or *dropped*, when
    the move was no longer possible by then. A staged decision that is cleared is deleted; the history keeps the event.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="decisions")
    from_status = models.CharField(_("from"), max_length=20, choices=Status, blank=True)
    to_status = models.CharField(pgettext_lazy("the status that follows", "to"), max_length=20, choices=Status)
    reason = models.TextField(_("reason"), blank=True)
    letter_subject = models.CharField(_("subject"), max_length=200, null=True, blank=True)
    letter_body = models.TextField(_("letter"), null=True, blank=True)
    # Which letter tells of it; empty when the student is not told.
    letter_kind = models.CharField(_("kind of letter"), max_length=30, blank=True)
    personal_line = models.TextField(_("personal line"), blank=True)
    lapses_on = models.DateField(_("offer stands until"), null=True, blank=True)
    # Raised with every edit, so that nobody releases a letter in other words than those they have read.
    revision = models.PositiveIntegerField(default=1, editable=False)
    staged_at = models.DateTimeField(_("staged"), default=timezone.now)
    staged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    effective_at = models.DateTimeField(_("in force from"), null=True, blank=True)
    applied_at = models.DateTimeField(_("took effect"), null=True, blank=True)
    dropped_at = models.DateTimeField(_("dropped"), null=True, blank=True)
    dropped_why = models.CharField(_("why it was dropped"), max_length=300, blank=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [
            models.CheckConstraint(
                condition=Q(released_at=None, released_by=None, effective_at=None)
                | Q(released_at__isnull=False, released_by__isnull=False, effective_at__isnull=False),
                name="applications_decision_released_whole_or_not",
            ),
            models.CheckConstraint(
                condition=Q(letter_subject=None, letter_body=None)
                | Q(letter_subject__isnull=False, letter_body__isnull=False),
                name="applications_decision_letter_whole_or_none",
            ),
            models.CheckConstraint(
                condition=Q(applied_at=None) | Q(effective_at__isnull=False, dropped_at=None),
                name="applications_decision_applied_or_dropped",
            ),
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(applied_at=None, dropped_at=None),
                name="applications_decision_one_pending",
                violation_error_message=_("There is a staged decision already."),
            ),
        ]
        indexes = [
            models.Index(
                fields=["effective_at"],
                condition=Q(applied_at=None, dropped_at=None),
                name="applications_decision_pending",
            )
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.to_status}"

    @property
    def is_pending(self) -> bool:
        return self.applied_at is None and self.dropped_at is None

    @property
    def is_staged(self) -> bool:
        return self.is_pending and self.released_at is None

    @property
    def is_on_its_way(self) -> bool:
        return self.is_pending and self.released_at is not None

    @property
    def as_seen(self) -> str:
        """What a page posts back of the decision that it showed, `12:3`: another or an edited one reads otherwise."""
        return f"{self.pk}:{self.revision}"

    @property
    def tells_the_student(self) -> bool:
        return self.letter_body is not None

    def can_be_called_back(self, now=None) -> bool:
        return self.is_on_its_way and self.effective_at > (now or timezone.now())
