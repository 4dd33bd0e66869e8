"""What concerns the people who review: invitations and their own preferences."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.models import CoAdvisor, Project


class Invitation(models.Model):
    """A co-advisor is asked by letter to make an account. The link in it works once, until `expires_at`."""

    co_advisor = models.ForeignKey(CoAdvisor, on_delete=models.CASCADE, related_name="invitations")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("invited"), default=timezone.now)
    expires_at = models.DateTimeField(_("valid until"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.co_advisor_id} {self.created_at:%Y-%m-%d}"


class Preference(models.Model):
    """How one reviewer likes to be told and to work. Without a row: a letter for each application, and keys on."""

    class Notices(models.TextChoices):
        EACH = "each", _("A letter for each application")
        DAILY = "daily", _("One letter a day")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="review_preference"
    )
    notices = models.CharField(_("letters"), max_length=10, choices=Notices, default=Notices.EACH)
    # Empty: the language of the site.
    language = models.CharField(
        _("language of letters"), max_length=10, choices=settings.LANGUAGES, blank=True, default=""
    )
    shortcuts = models.BooleanField(_("keys on the review page"), default=True)
    # Whoever signed in before this is signed out: “sign out everywhere else”, and a changed second factor.
    signed_out_before = models.DateTimeField(null=True, blank=True, editable=False)
    # Up to when the daily and the weekly letter have told this person everything.
    told_daily_at = models.DateTimeField(null=True, blank=True, editable=False)
    told_weekly_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return str(self.user_id)
