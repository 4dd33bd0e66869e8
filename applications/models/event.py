"""The history of applications."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application
from applications.models.decision import Decision
from applications.statuses import Status


class Event(models.Model):
    """One line of an application's history. Facts stand apart from the personal parts (`actor_name`, `text`)."""

    class Kind(models.TextChoices):
        SUBMITTED = "submitted", _("Application received")
        MOVED = "moved", _("Status changed")
        NOTE = "note", _("Note")
        RATED = "rated", _("Rating given")
        CONFIRMED = "confirmed", _("Address confirmed")
        ADDRESS_CORRECTED = "address_corrected", _("Address corrected")
        ANSWERS_CORRECTED = "answers_corrected", _("Answers corrected")
        DOCUMENTS_REPLACED = "documents_replaced", _("Documents replaced")
        APPLIED_AGAIN = "applied_again", _("Tried to apply again")
        ABSTAINED = "abstained", _("Abstained")
        ASKED = "asked", _("Asked for a review")
        STAGED = "staged", _("Decision staged")
        STAGE_CLEARED = "stage_cleared", _("Staged decision cleared")
        RELEASED = "released", _("Decision released")
        CALLED_BACK = "called_back", _("Released decision called back")
        DROPPED = "dropped", _("Decision dropped, because it was not possible any more")
        WROTE = "wrote", _("Letter to the student")
        ENTERED = "entered", _("Entered by hand")
        CONSENTED = "consented", _("Completed and consented")
        DOCUMENTS_ADDED = "documents_added", _("Documents added by hand")
        TRANSFERRED = "transferred", _("Moved to another project")
        STUDENT_ASKED = "student_asked", _("Question from the student")
        DOCUMENT_OFFERED = "document_offered", _("Newer document offered")
        DOCUMENT_TAKEN = "document_taken", _("Newer document taken")
        DOCUMENT_LEFT = "document_left", _("Newer document left aside")
        DOCUMENT_INFECTED = "document_infected", _("Malware found in a document")
        LINK_RENEWED = "link_renewed", _("Personal link renewed")
        ERASURE_ASKED = "erasure_asked", _("Erasure asked for")

    # What the student reads of the history; everything else is between the reviewers.
    FOR_STUDENT = (
        Kind.SUBMITTED,
        Kind.MOVED,
        Kind.CONFIRMED,
        Kind.ADDRESS_CORRECTED,
        Kind.ANSWERS_CORRECTED,
        Kind.DOCUMENTS_REPLACED,
        Kind.WROTE,
        Kind.ENTERED,
        Kind.CONSENTED,
        Kind.DOCUMENTS_ADDED,
        Kind.TRANSFERRED,
        Kind.STUDENT_ASKED,
        Kind.DOCUMENT_OFFERED,
        Kind.DOCUMENT_TAKEN,
        Kind.DOCUMENT_LEFT,
        Kind.DOCUMENT_INFECTED,
        Kind.LINK_RENEWED,
        Kind.ERASURE_ASKED,
    )

    class Actor(models.TextChoices):
        STUDENT = "student", _("Student")
        REVIEWER = "reviewer", _("Reviewer")
        SYSTEM = "system", _("System")

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=30, choices=Kind)
    actor = models.CharField(max_length=10, choices=Actor)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    from_status = models.CharField(max_length=20, choices=Status, blank=True)
    to_status = models.CharField(max_length=20, choices=Status, blank=True)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    # The personal parts, which an erasure blanks.
    actor_name = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("history")
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(
                fields=["to_status", "application"], condition=models.Q(kind="moved"), name="applications_event_reached"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.kind}"
