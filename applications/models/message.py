"""What students ask and reviewers answer, beside the letters that tell of a status."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application
from applications.models.letter import Letter


class MessageQuerySet(models.QuerySet):
    def unanswered(self) -> Self:
        """Questions of students after which no reviewer has written."""
        later = self.model._default_manager.filter(
            application=OuterRef("application"), is_from_student=False, created_at__gte=OuterRef("created_at")
        )
        return self.filter(is_from_student=True, settled_at=None).exclude(Exists(later))


class Message(models.Model):
    """One thing said between a student and the reviewers; both read it, the student on their own page.

    A reviewer's message also goes out as a letter; a student's is told to the reviewers by a notice without its text.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="messages")
    is_from_student = models.BooleanField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    author = models.CharField(max_length=200, blank=True)  # a reviewer's name as it stands under the letter
    text = models.TextField(_("text"))
    letter = models.ForeignKey(Letter, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    # When a reviewer has said that a question needs no (further) answer.
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["created_at", "pk"]
        indexes = [models.Index(fields=["application", "created_at"], name="applications_message_thread")]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.pk}"

    @classmethod
    def question_waits(cls) -> Exists:
        """For a queryset of applications: whether the student waits for the answer to a question."""
        return Exists(cls.objects.unanswered().filter(application=OuterRef("pk")))
