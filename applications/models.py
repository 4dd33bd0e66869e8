"""Applications and everything that belongs to one: documents, former answers, decisions, letters, history."""

import datetime
import secrets
import unicodedata
import uuid
from typing import Self

from django.conf import settings
from django.core.files.storage import storages
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.mail import letter_file
from applications.statuses import OPEN_STATUSES, STUDENT_MOVES, STUDENT_WORDS, Status
from projects.models import Project

# Read aloud on the phone without mistakes: neither 0 and O nor 1, I and L.
REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def email_key(address: str) -> str:
    """The form in which two spellings of one address are equal: NFKC, case-folded (SQLite's lower() is ASCII only)."""
    return unicodedata.normalize("NFKC", address).strip().casefold()


def new_reference() -> str:
    """A reference that no application has yet, such as `A7K3-9QF2`."""
    while True:
        letters = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(8))
        reference = f"{letters[:4]}-{letters[4:]}"
        if not Application.objects.filter(reference=reference).exists():
            return reference


def document_storage():
    return storages["documents"]


class ApplicationQuerySet(models.QuerySet):
    def visible_to(self, user) -> Self:
        """The permission: applications to the projects that `user` supervises or co-advises; all for superusers.

        Nobody else sees any, whatever the page: lists, filters, search, documents and actions all start here.
        """
        if not (user.is_active and user.is_staff and user.has_perm("applications.view_application")):
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(project__in=Project.objects.visible_to(user))

    def live(self) -> Self:
        """Applications that keep their student from applying again to the same project."""
        return self.exclude(status=Status.WITHDRAWN)

    def awaiting_decision(self) -> Self:
        return self.filter(status__in=OPEN_STATUSES)


class Application(models.Model):
    """One student's application to one project."""

    reference = models.CharField(_("reference"), max_length=9, unique=True, default=new_reference, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="applications", verbose_name=_("project")
    )
    full_name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("e-mail address"))
    email_key = models.CharField(max_length=320, editable=False)
    university = models.CharField(_("university"), max_length=200)
    programme = models.CharField(_("programme"), max_length=200)
    earliest_start = models.DateField(_("earliest start"))
    motivation = models.TextField(_("motivation"))
    links = models.TextField(_("links"), blank=True)
    answers_version = models.PositiveIntegerField(_("version of the answers"), default=1)

    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.RECEIVED)
    status_changed_at = models.DateTimeField(_("status since"), default=timezone.now)
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    language = models.CharField(_("language"), max_length=10, default="en")
    consent_version = models.CharField(_("version of the consent"), max_length=20)
    link_version = models.PositiveIntegerField(_("version of the manage link"), default=1)
    confirmed_at = models.DateTimeField(_("address confirmed"), null=True, blank=True)
    # A fingerprint of the form that handed this in, so that the same form sent twice finds its application again.
    nonce = models.CharField(max_length=64, blank=True, editable=False)

    objects = ApplicationQuerySet.as_manager()

    ANSWERS = ("full_name", "university", "programme", "earliest_start", "motivation", "links")

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "email_key"],
                condition=~Q(status=Status.WITHDRAWN),
                name="applications_application_one_live_per_project_and_address",
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="applications_application_status_known"),
        ]
        indexes = [
            models.Index(fields=["status", "-received_at"], name="applications_by_status"),
            models.Index(fields=["-received_at", "-id"], name="applications_by_received"),
            models.Index(fields=["email_key"], name="applications_by_email_key"),
        ]

    def __str__(self) -> str:
        # Django writes this into the admin's log, which outlives an erasure: never a name.
        return self.reference

    def save(self, *args, **kwargs) -> None:
        self.email_key = email_key(self.email)
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("applications:page", args=[self.reference])

    def delete(self, *args, **kwargs):
        raise TypeError("Applications are removed by workflow.erase(), which also removes their files.")

    @property
    def status_for_student(self) -> str:
        return str(STUDENT_WORDS[Status(self.status)])

    @property
    def answers(self) -> dict:
        """What the student wrote, by field name."""
        return {name: getattr(self, name) for name in self.ANSWERS}

    @property
    def link_list(self) -> list[str]:
        return self.links.splitlines()

    @property
    def initials(self) -> str:
        words = self.full_name.split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def waiting_since(self):
        """Since when the student waits for the reviewers' next word; None when nobody owes them one."""
        if self.status not in OPEN_STATUSES:
            return None
        return self.received_at if self.status in (Status.RECEIVED, Status.IN_REVIEW) else self.status_changed_at

    @property
    def days_waiting(self) -> int | None:
        since = self.waiting_since
        return None if since is None else (timezone.localdate() - timezone.localdate(since)).days

    @property
    def answer_promised_by(self):
        """The day by which an answer is promised; None once the student has one."""
        if self.status not in (Status.RECEIVED, Status.IN_REVIEW):
            return None
        return timezone.localdate(self.received_at) + datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS)

    def may_be_corrected(self) -> bool:
        """Whether the student may still change answers and documents: until reading begins."""
        return self.status == Status.RECEIVED

    def student_may_move_to(self, status: str) -> bool:
        return status in STUDENT_MOVES[Status(self.status)]

    def current_documents(self) -> list["Document"]:
        """The documents that count, CV first; read from the prefetched rows when there are any."""
        return sorted((d for d in self.documents.all() if d.replaced_at is None), key=Document.reading_order)

    def former_documents(self) -> list["Document"]:
        return sorted((d for d in self.documents.all() if d.replaced_at is not None), key=Document.reading_order)

    def erase(self) -> None:
        """Remove this application with all its rows, documents and letters written to the folder; nothing remains.

        The one way to remove an application. Files go once the rows are gone for certain: a rollback in between must
        not leave an application without its documents.
        """
        with transaction.atomic():
            document_names = list(self.documents.values_list("file", flat=True))
            message_ids = list(self.letters.values_list("message_id", flat=True))
            for related in ("events", "reviews", "letters", "decisions", "documents", "former_answers"):
                getattr(self, related).all().delete()
            Application.objects.filter(pk=self.pk).delete()
            transaction.on_commit(lambda: _remove_files(document_names, message_ids))


def _remove_files(document_names: list[str], message_ids: list[str]) -> None:
    for name in document_names:
        document_storage().delete(name)
    for message_id in message_ids:
        letter_file(message_id).unlink(missing_ok=True)


class StoredFile(models.Model):
    """What is known of a PDF that was received and inspected. Its bytes are kept exactly as they came."""

    class Kind(models.TextChoices):
        CV = "cv", _("CV")
        TRANSCRIPT = "transcript", _("Transcript")
        OTHER = "other", _("Other document")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    file = models.FileField(_("file"), storage=document_storage, max_length=100, unique=True)
    original_name = models.CharField(_("original name"), max_length=255)
    size = models.PositiveBigIntegerField(_("size"), help_text=_("In bytes."))
    sha256 = models.CharField("SHA-256", max_length=64)
    pages = models.PositiveIntegerField(_("pages"), null=True)
    flags = models.JSONField(_("flags"), default=list)
    created_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.id)


class Upload(StoredFile):
    """A file that no application has claimed yet; swept after UPLOAD_HOURS."""

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        indexes = [models.Index(fields=["created_at"], name="applications_upload_by_age")]


class Document(StoredFile):
    """One file of an application, frozen as handed in. A replacement is a new row with a higher version."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="documents")
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(_("version"), default=1)
    replaced_at = models.DateTimeField(_("replaced"), null=True, blank=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def get_absolute_url(self) -> str:
        return reverse("applications:document", args=[self.id])

    def reading_order(self) -> tuple:
        return (list(self.Kind.values).index(self.kind), self.version, self.position)

    @property
    def label(self) -> str:
        """`CV`, or `Transcript 2` where there may be several."""
        kind = self.get_kind_display()
        return kind if self.kind == self.Kind.CV else f"{kind} {self.position + 1}"

    @property
    def name_for_reader(self) -> str:
        """The name under which it is downloaded: `A7K3-9QF2 Ada Example CV.pdf`."""
        words = f"{self.application.reference} {self.application.full_name} {self.label}"
        safe = "".join(char for char in words if char not in '/\\:*?"<>|' and char.isprintable())
        return f"{safe[:150]}.pdf"


class FormerAnswers(models.Model):
    """Answers that the student has corrected since, kept as they were handed in."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="former_answers")
    version = models.PositiveIntegerField(_("version"))
    answers = models.JSONField(_("answers"))
    replaced_at = models.DateTimeField(_("replaced"), default=timezone.now)

    class Meta:
        verbose_name = _("former answers")
        verbose_name_plural = _("former answers")
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["application", "version"], name="applications_formeranswers_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.application_id} v{self.version}"

    @property
    def labelled_answers(self) -> list[tuple[str, str]]:
        return [(str(Application._meta.get_field(name).verbose_name), value) for name, value in self.answers.items()]


class Decision(models.Model):
    """What the reviewers decided: staged until released, then in force from `effective_at`."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="decisions")
    to_status = models.CharField(_("to"), max_length=20, choices=Status)
    reason = models.TextField(_("reason"), blank=True)
    letter_subject = models.CharField(_("subject"), max_length=200, null=True, blank=True)
    letter_body = models.TextField(_("letter"), null=True, blank=True)
    staged_at = models.DateTimeField(_("staged"), default=timezone.now)
    staged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    effective_at = models.DateTimeField(_("in force from"), null=True, blank=True)

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
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.to_status}"


class ReviewQuerySet(models.QuerySet):
    def readable_by(self, user) -> Self:
        """Reviews that `user` may read: one's own, and those of colleagues on applications that one has rated oneself.

        A rating that was seen before one's own is no second opinion.
        """
        rated = Review.objects.filter(reviewer=user).values("application")
        return self.filter(Q(reviewer=user) | Q(application__in=rated))


class Review(models.Model):
    """One reviewer's rating of one application, with a comment. The reviewer may change it."""

    class Rating(models.IntegerChoices):
        NOT_SUITABLE = 1, _("Not suitable")
        DOUBTFUL = 2, _("Doubtful")
        SUITABLE = 3, _("Suitable")
        STRONG = 4, _("Strong")
        OUTSTANDING = 5, _("Outstanding")

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    rating = models.PositiveSmallIntegerField(_("rating"), choices=Rating)
    comment = models.TextField(_("comment"), blank=True)
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

    # What the student reads of the history; everything else is between the reviewers.
    FOR_STUDENT = (
        Kind.SUBMITTED,
        Kind.MOVED,
        Kind.CONFIRMED,
        Kind.ADDRESS_CORRECTED,
        Kind.ANSWERS_CORRECTED,
        Kind.DOCUMENTS_REPLACED,
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

    def __str__(self) -> str:
        return f"{self.application_id}: {self.kind}"


class LetterQuerySet(models.QuerySet):
    def visible_to(self, user) -> Self:
        """Letters of the applications that `user` may see."""
        if user.is_superuser and user.is_active and user.is_staff:
            return self
        return self.filter(application__in=Application.objects.visible_to(user))

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
        NOTICE_RECEIVED = "notice_received", _("Notice: new application")
        NOTICE_ACCEPTED = "notice_accepted", _("Notice: offer accepted")
        NOTICE_WITHDRAWN = "notice_withdrawn", _("Notice: withdrawn")

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="letters")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="letters")
    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    to_student = models.BooleanField(_("to the student"), default=True)
    recipient = models.EmailField(_("to"))
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
        indexes = [models.Index(fields=["send_after"], condition=Q(status="queued"), name="applications_letter_queue")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="sent", sent_at__isnull=False) | (~Q(status="sent") & Q(sent_at=None)),
                name="applications_letter_sent_with_date",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.application.reference}"
