"""What reviewers think of an application, how far they are with it, and who was asked."""

from collections.abc import Iterable
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application, ratings_are_readable
from applications.models.document import Document
from projects.models import Criterion, Project


class ReviewQuerySet(models.QuerySet):
    def readable_by(self, user) -> Self:
        """Reviews that `user` may read: one's own, and those of colleagues on applications that one has rated oneself.

        A rating that was seen before one's own is no second opinion. With SUPERVISOR_READS_RATINGS the supervisor of
        the project is exempt, and is shown as such.
        """
        return self.filter(Q(reviewer=user) | ratings_are_readable(user, of="application__"))


class Review(models.Model):
    """One reviewer's rating of one application, with a comment. The reviewer may change it."""

    class Rating(models.IntegerChoices):
        NOT_SUITABLE = 1, _("Not suitable")
        DOUBTFUL = 2, _("Doubtful")
        SUITABLE = 3, _("Suitable")
        STRONG = 4, _("Strong")
        OUTSTANDING = 5, _("Outstanding")

    class Recommendation(models.TextChoices):
        OFFER = "offer", _("Offer the project")
        INTERVIEW = "interview", _("Invite to an interview")
        WAITLIST = "waitlist", _("Put on the waiting list")
        DECLINE = "decline", _("Decline")

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    rating = models.PositiveSmallIntegerField(_("rating"), choices=Rating)
    recommendation = models.CharField(_("recommendation"), max_length=10, choices=Recommendation, blank=True)
    comment = models.TextField(_("comment"), blank=True)
    # The weighted mean of the criteria that apply, 1 to 5; None without criteria. "Not applicable" never counts.
    score = models.FloatField(_("criteria"), null=True, editable=False)
    # What the reviewer had before their eyes: the project, the version of the answers, the ids of the documents.
    seen_project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    seen_answers = models.PositiveIntegerField(default=1, editable=False)
    seen_documents = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["application", "reviewer"], name="applications_review_one_per_reviewer"),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="applications_review_rating_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.reviewer_id}"

    def changed_since(self, application: Application, documents: Iterable[Document]) -> bool:
        """Whether answers, documents or project are others now than those that this review was written about."""
        return (
            self.seen_answers != application.answers_version
            or self.seen_project_id != application.project_id
            or set(self.seen_documents) != {str(document.pk) for document in documents}
        )


class CriterionScore(models.Model):
    """What a review says of one criterion of the project: 1 to 5, or None for “not applicable”."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="scores")
    score = models.PositiveSmallIntegerField(_("score"), null=True, choices=Review.Rating)

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        ordering = ["criterion__position", "criterion_id"]
        constraints = [
            models.UniqueConstraint(fields=["review", "criterion"], name="applications_criterionscore_once"),
            models.CheckConstraint(
                condition=Q(score=None) | Q(score__range=(1, 5)), name="applications_criterionscore_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.review_id}: {self.criterion_id}"


class Reading(models.Model):
    """How far one reviewer is with one application. Without a row it is unread by them.

    Looking leaves no trace: a row comes with a rating or a decision (read), with “Skip” (unread, but later), and with
    “Abstain” (done without a rating, which is not the same as unread).
    """

    class State(models.TextChoices):
        READ = "read", _("Read")
        SKIPPED = "skipped", _("Skipped for now")
        ABSTAINED = "abstained", _("Abstained")

    DONE = (State.READ, State.ABSTAINED)

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="readings")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=State)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        constraints = [
            models.UniqueConstraint(fields=["application", "reviewer"], name="applications_reading_one_per_reviewer")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.reviewer_id}"

    @classmethod
    def done_by(cls, user) -> Exists:
        """For a queryset of applications: whether `user` has read this one or abstained."""
        return Exists(cls.objects.filter(application=OuterRef("pk"), reviewer=user, state__in=cls.DONE))


class ReviewRequest(models.Model):
    """A supervisor asks a reviewer to look at an application. One letter tells them of all that they were asked."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="review_requests")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    told_at = models.DateTimeField(_("letter written"), null=True, blank=True)

    class Meta:
        verbose_name = _("review request")
        verbose_name_plural = _("review requests")
        ordering = ["asked_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["application", "reviewer"], name="applications_reviewrequest_once")
        ]
        indexes = [models.Index(fields=["asked_at"], condition=Q(told_at=None), name="applications_reviewrequest_new")]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.reviewer_id}"


class Star(models.Model):
    """One's own mark on an application; nobody else sees it."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="stars")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("star")
        verbose_name_plural = _("stars")
        constraints = [models.UniqueConstraint(fields=["application", "user"], name="applications_star_once")]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.user_id}"
