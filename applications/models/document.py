"""Files: what is still coming in, uploads that nobody has claimed yet, documents, and what was made from them."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application
from applications.statuses import OPEN_STATUSES
from applications.storage import document_storage
from projects.models import Question


class StoredFile(models.Model):
    """What is known of a PDF that was received and inspected. Its bytes are kept exactly as they came."""

    class Kind(models.TextChoices):
        CV = "cv", _("CV")
        TRANSCRIPT = "transcript", _("Transcript")
        OTHER = "other", _("Other document")

    class Scan(models.TextChoices):
        """What the malware scanner says (`applications.scanning`); nothing where no scanner is set up."""

        NONE = "", _("Not scanned for malware")
        WAITING = "waiting", _("Not scanned for malware yet")
        CLEAN = "clean", _("Scanned: no malware found")
        INFECTED = "infected", _("Malware found")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    file = models.FileField(_("file"), storage=document_storage, max_length=100, unique=True)
    original_name = models.CharField(_("original name"), max_length=255)
    size = models.PositiveBigIntegerField(_("size"), help_text=_("In bytes."))
    sha256 = models.CharField("SHA-256", max_length=64)
    pages = models.PositiveIntegerField(_("pages"), null=True)
    flags = models.JSONField(_("flags"), default=list)
    # What it answers, when the project asks for a file: the question (until somebody deletes it) and its words.
    question = models.ForeignKey(
        Question, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("question")
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("received"), default=timezone.now)
    scan = models.CharField(_("malware"), max_length=10, choices=Scan, blank=True, default=Scan.NONE)
    # When the scanner said so; of one that waits, when it was last asked in vain.
    scanned_at = models.DateTimeField(_("scanned"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_blocked(self) -> bool:
        """Whether nobody may open, download or take along what is in it: the scanner has found malware."""
        return self.scan == self.Scan.INFECTED

    @property
    def waits_for_scan(self) -> bool:
        """Whether there is a scanner, and it has said nothing about this yet."""
        return bool(settings.CLAMD_URL) and self.scan in (self.Scan.NONE, self.Scan.WAITING)

    @property
    def group(self) -> tuple:
        """What it takes the place of when it is newer: files of the same kind for the same question.

        The question's words count, because several questions may have been deleted.
        """
        return (self.kind, self.question_id, self.title)


class Upload(StoredFile):
    """A file that no application has claimed yet; swept after UPLOAD_HOURS."""

    # A fingerprint of the browser that sent it, which may look at it before it is sent; see `tokens.browser_key`.
    browser = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        indexes = [models.Index(fields=["created_at"], name="applications_upload_by_age")]


class IncomingUpload(models.Model):
    """A file of which a browser sends piece after piece, so that a dropped connection costs one piece and not the file.

    Pieces lie in the storage, so that any web process can take the next one. Complete, it is inspected and becomes an
    `Upload`; what is not complete after UPLOAD_HOURS is swept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=StoredFile.Kind)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    original_name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField(help_text=_("In bytes, as the browser announced it."))
    browser = models.CharField(max_length=64, editable=False)
    # What became of it, once it is complete: asking again for the last piece gives the same answer.
    upload_id = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("incoming file")
        verbose_name_plural = _("incoming files")
        indexes = [models.Index(fields=["created_at"], name="applications_incoming_by_age")]

    def __str__(self) -> str:
        return str(self.id)


class IncomingPiece(models.Model):
    """One piece of an incoming file: `size` bytes from `offset` on, stored under `file`."""

    incoming = models.ForeignKey(IncomingUpload, on_delete=models.CASCADE, related_name="pieces")
    offset = models.PositiveBigIntegerField()
    size = models.PositiveIntegerField()
    file = models.CharField(max_length=100)

    class Meta:
        verbose_name = _("piece")
        verbose_name_plural = _("pieces")
        ordering = ["offset"]
        constraints = [
            models.UniqueConstraint(fields=["incoming", "offset"], name="applications_incomingpiece_offset_once")
        ]

    def __str__(self) -> str:
        return f"{self.incoming_id}: {self.offset}"


class DocumentQuerySet(models.QuerySet):
    def current(self) -> Self:
        """Documents that count: neither replaced nor merely offered. `Application.current_documents` is the same."""
        return self.filter(replaced_at=None, offered_at=None)

    def of_group(self, group: tuple) -> Self:
        """Documents that are versions of each other; `group` as `StoredFile.group` says it."""
        kind, question, title = group
        return self.filter(kind=kind, question=question, title=title)

    def openable(self) -> Self:
        """Documents that `StoredFile.is_blocked` does not keep from everybody."""
        return self.exclude(scan=StoredFile.Scan.INFECTED)

    def offered(self) -> Self:
        """Better versions that came after reading began, and that no reviewer has taken or left yet."""
        return self.filter(replaced_at=None, offered_at__isnull=False)


class Document(StoredFile):
    """One file of an application, frozen as handed in. A replacement is a new row with a higher version.

    What a student sends after reading began is only offered (`offered_at`): a reviewer takes it, which makes it
    current, or leaves it, which makes it a former version that never counted.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="documents")
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(_("version"), default=1)
    replaced_at = models.DateTimeField(_("replaced"), null=True, blank=True)
    offered_at = models.DateTimeField(_("offered"), null=True, blank=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        indexes = [models.Index(fields=["created_at"], condition=Q(scan="waiting"), name="applications_doc_unscanned")]

    def get_absolute_url(self) -> str:
        return reverse("applications:document", args=[self.id])

    @classmethod
    def newer_one_waits(cls) -> Q:
        """For a queryset of applications: whether a reviewer has a newer version to take or to leave.

        Where the student has an answer already, nothing can be taken any more, so nothing waits.
        """
        offered = cls.objects.offered().filter(application=OuterRef("pk"))
        return Q(status__in=OPEN_STATUSES) & Q(Exists(offered))

    @classmethod
    def one_is_blocked(cls) -> Exists:
        """For a queryset of applications: whether malware was found in a document that counts or is offered."""
        return Exists(cls.objects.filter(application=OuterRef("pk"), replaced_at=None, scan=cls.Scan.INFECTED))

    @property
    def counts(self) -> bool:
        return self.replaced_at is None and self.offered_at is None

    def reading_order(self) -> tuple:
        return (list(self.Kind.values).index(self.kind), self.version, self.position)

    @property
    def label(self) -> str:
        """`CV`, `Transcript 2` where there may be several, or the question that asked for it."""
        if self.title:
            return self.title
        kind = self.get_kind_display()
        return kind if self.kind == self.Kind.CV else f"{kind} {self.position + 1}"

    @property
    def file_names(self) -> list[str]:
        """The names in the storage of all that goes when this document is erased: the PDF and its page images."""
        rendition = getattr(self, "rendition", None)
        return [self.file.name, *(rendition.image_names if rendition else [])]

    @property
    def name_for_reader(self) -> str:
        """The name under which it is downloaded: `A7K3-9QF2 Ada Example CV.pdf`."""
        words = f"{self.application.reference} {self.application.full_name} {self.label}"
        safe = "".join(char for char in words if char not in '/\\:*?"<>|' and char.isprintable())
        return f"{safe[:150]}.pdf"


class Rendition(models.Model):
    """What the worker made from a document, once, after it arrived: an image of each page, and its text.

    The images lie beside the document under names that follow from its own, so that no row is needed for each.
    """

    class State(models.TextChoices):
        MADE = "made", _("Made")
        FAILED = "failed", _("Could not be made")

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="rendition", verbose_name=_("document")
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    # [[width, height], ...] in pixels, one pair for each page image, first page first.
    page_sizes = models.JSONField(_("page images"), default=list)
    text = models.TextField(_("text"), blank=True, help_text=_("Empty when the document is a scan without text."))
    attempts = models.PositiveSmallIntegerField(default=1)
    made_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")

    def __str__(self) -> str:
        return str(self.document_id)

    @staticmethod
    def image_name(document_id: uuid.UUID, number: int) -> str:
        """The name in the storage of the image of page `number`, counted from 1."""
        return f"{document_id.hex[:2]}/{document_id.hex}-{number:03d}.webp"

    @property
    def image_names(self) -> list[str]:
        return [self.image_name(self.document_id, number) for number in range(1, len(self.page_sizes) + 1)]

    @property
    def has_text(self) -> bool:
        return bool(self.text.strip())
