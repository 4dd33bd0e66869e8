"""Letters: e-mails as rows, and the wording that supervisors have given them."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from applications.models.application import Application
from applications.models.decision import Decision
from applications.models.people import Invitation


class LetterQuerySet(models.QuerySet):
    def visible_to(self, user) -> Self:
        """Letters of the applications that `user` may see, and those about several applications that went to them."""
        if user.is_superuser and user.is_active and user.is_staff:
            return self
        own = Q(application=None, user=user) if user.is_active and user.is_staff else Q(pk=None)
        return self.filter(Q(application__in=Application.objects.visible_to(user)) | own)

    def due(self, now=None) -> Self:
        """Letters that may be sent now: queued, past their pause, and not being sent by a worker at this moment."""
        now = now or timezone.now()
        return self.filter(Q(leased_until=None) | Q(leased_until__lte=now), status="queued", send_after__lte=now)


class Letter(models.Model):
    """An e-mail that the product sends: written in the transaction of what it tells, sent by the worker afterwards."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    class Kind(models.TextChoices):
        RECEIVED = "received", _("Receipt")
        INTERVIEW = "interview", _("Interview")
        WAITLISTED = "waitlisted", _("Waiting list")
        OFFERED = "offered", _("Offer")
        ACCEPTED = "accepted", _("Acceptance")
        DECLINED = "declined", _("Decline")
        WITHDRAWN = "withdrawn", _("Withdrawal")
        REOPENED = "reopened", _("Reopened")
        APPLIED_AGAIN = "applied_again", _("Applied again")
        LINK = "link", _("Manage link")
        RENEWED = "renewed", _("Renewed link")
        FILLED = "filled", _("The project is filled")
        CORRECTION = "correction", _("Correction")
        OFFER_LAPSED = "offer_lapsed", _("Offer lapsed")
        MESSAGE = "message", _("Message")
        ENTERED = "entered", _("Entered by hand: please complete")
        TRANSFERRED = "transferred", _("Moved to another project")
        INFECTED = "infected", _("Malware found in a document")
        NOTICE_RECEIVED = "notice_received", _("Notice: new application")
        NOTICE_ACCEPTED = "notice_accepted", _("Notice: offer accepted")
        NOTICE_WITHDRAWN = "notice_withdrawn", _("Notice: withdrawn")
        NOTICE_LAPSED = "notice_lapsed", _("Notice: offer lapsed")
        NOTICE_QUESTION = "notice_question", _("Notice: question from a student")
        NOTICE_DOCUMENT = "notice_document", _("Notice: newer document offered")
        NOTICE_ERASURE = "notice_erasure", _("Notice: erasure asked for")
        NOTICE_ERASED = "notice_erased", _("Notice: erased by the student")
        INVITATION = "invitation", _("Invitation to review")
        PASSWORD = "password", _("Link for a new password")
        ACCOUNT = "account", _("Notice: sign-in changed")
        DIGEST_ASKED = "digest_asked", _("Asked to review")
        DIGEST_DAILY = "digest_daily", _("Daily letter")
        DIGEST_WEEKLY = "digest_weekly", _("Weekly letter")
        TEST = "test", _("Test letter")

    # Empty for letters about several applications or none. Those name no student, so no erasure concerns them.
    application = models.ForeignKey(
        Application,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="letters",
        verbose_name=_("application"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    invitation = models.ForeignKey(
        Invitation, on_delete=models.CASCADE, null=True, blank=True, related_name="letters", editable=False
    )
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="letters")
    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    to_student = models.BooleanField(_("to the student"), default=True)
    recipient = models.EmailField(pgettext_lazy("whoever gets a letter", "to"))
    reply_to = models.EmailField(_("reply to"))
    sender_name = models.CharField(_("sender"), max_length=200, blank=True)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    language = models.CharField(_("language"), max_length=10, default="en")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    send_after = models.DateTimeField(_("not before"), default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True)
    message_id = models.CharField("Message-ID", max_length=120, unique=True)
    created_at = models.DateTimeField(_("written"), default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now, editable=False)  # the last time somebody wanted it sent
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["send_after"], condition=Q(status="queued"), name="applications_letter_queue"),
            models.Index(fields=["application"], condition=Q(status="failed"), name="applications_letter_failed"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="sent", sent_at__isnull=False) | (~Q(status="sent") & Q(sent_at=None)),
                name="applications_letter_sent_with_date",
            ),
            models.CheckConstraint(
                condition=Q(to_student=False) | Q(application__isnull=False),
                name="applications_letter_to_a_student_has_an_application",
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.get_kind_display()} {self.application.reference}" if self.application else self.get_kind_display()
        )


class LetterWording(models.Model):
    """Words of one's own for one kind of letter in one language, in place of those that come with the product.

    They hold placeholders in braces, which are filled by plain replacement: nothing in them is ever executed.
    """

    kind = models.CharField(_("letter"), max_length=30, choices=Letter.Kind)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default="en")
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )

    class Meta:
        verbose_name = _("letter wording")
        verbose_name_plural = _("letter wordings")
        ordering = ["kind", "language"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "language"], name="applications_letterwording_once_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.language})"
