"""Files: uploads that nobody has claimed yet, the documents of applications, and what was made from them to read."""

import uuid

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application
from applications.storage import document_storage


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
