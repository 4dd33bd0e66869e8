"""Applications, their former answers, and who may see them."""

import datetime
import logging
import secrets
import unicodedata
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from applications.mail import letter_file
from applications.statuses import OPEN_STATUSES, STUDENT_MOVES, STUDENT_WORDS, Status
from applications.storage import document_storage
from projects.models import Project

if TYPE_CHECKING:
    from applications.models.decision import Decision
    from applications.models.document import Document

logger = logging.getLogger(__name__)

# Where former answers keep those to the project's own questions: [[question, answer], ...].
QUESTIONS = "questions"

# After these others rely on what was agreed, so that erasing is asked for; the same for a row and for a query.
ANSWERED_FOR_GOOD = (Status.ACCEPTED, Status.DECLINED)

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


def promised_before(now: datetime.datetime) -> datetime.datetime:
    """Students whose applications came before this have been promised an answer for a day that is over by `now`."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS)


def ratings_are_readable(user, of: str = "") -> Q:
    """The condition of `ratings_readable_by`, also for annotations: colleagues' ratings count once one's own is in.

    `of` leads to the application where the rows are something else: `application__` for reviews.
    """
    rated = Q(Exists(Application.objects.filter(pk=OuterRef(f"{of}pk"), reviews__reviewer=user)))
    return rated | Q((f"{of}project__supervisor", user)) if settings.SUPERVISOR_READS_RATINGS else rated


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

    def ratings_readable_by(self, user) -> Self:
        """Applications whose colleagues' ratings `user` may read: those they have rated themselves.

        Also, with SUPERVISOR_READS_RATINGS, those to the projects that they supervise. Every surface that shows,
        sorts or filters by ratings starts here: columns, exports, comparison, letters.
        """
        return self.filter(ratings_are_readable(user))

    def live(self) -> Self:
        """Applications that keep their student from applying again to the same project."""
        return self.exclude(status=Status.WITHDRAWN)

    def erasable_by_student(self) -> Self:
        """Applications that their students erase alone: those to which nobody has said yes or no."""
        return self.exclude(status__in=ANSWERED_FOR_GOOD)

    def awaiting_decision(self) -> Self:
        return self.filter(status__in=OPEN_STATUSES)

    def overdue(self, now: datetime.datetime | None = None) -> Self:
        """Applications whose students have waited for a first answer for longer than they were promised."""
        return self.filter(
            status__in=(Status.RECEIVED, Status.IN_REVIEW), received_at__lt=promised_before(now or timezone.now())
        )


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
    # Unknown only while an application that was entered by hand waits for its student.
    earliest_start = models.DateField(_("earliest start"), null=True, blank=True)
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
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("entered by"),
        help_text=_("Who entered it by hand, when it came by e-mail."),
    )
    # When the student asked to have it erased after the reviewers had answered; until then they erase it themselves.
    erasure_asked_at = models.DateTimeField(_("erasure asked for"), null=True, blank=True, editable=False)
    offer_lapses_on = models.DateField(_("offer stands until"), null=True, blank=True)
    # What the reviews come to, kept by `workflow` under the application's lock so that lists can be sorted by them.
    # Nobody reads them past `ratings_readable_by` before their own rating is in.
    rating_count = models.PositiveIntegerField(_("ratings"), default=0, editable=False)
    rating_mean = models.FloatField(_("mean rating"), null=True, editable=False)
    rating_spread = models.PositiveSmallIntegerField(_("disagreement"), null=True, editable=False)
    score_mean = models.FloatField(_("mean of the criteria"), null=True, editable=False)
    # Set and undone by nothing but `erase()`, within its transaction: the history lets go of its lines only then (see
    # `models/append_only.py`).
    is_being_erased = models.BooleanField(default=False, editable=False)
    # A fingerprint of the form that handed this in, so that the same form sent twice finds its application again.
    nonce = models.CharField(max_length=64, blank=True, editable=False)

    objects = ApplicationQuerySet.as_manager()

    # Everything that an erasure removes, in an order that the database allows.
    BELONGINGS = (
        "openings",
        "messages",
        "question_answers",
        "events",
        "reviews",
        "readings",
        "stars",
        "review_requests",
        "letters",
        "decisions",
        "documents",
        "former_answers",
        "search_entry",
    )

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

    @property
    def is_overdue(self) -> bool:
        """Whether the student has waited for a first answer for longer than promised; the same rule as `overdue()`."""
        return self.answer_promised_by is not None and self.received_at < promised_before(timezone.now())

    @property
    def is_consented(self) -> bool:
        """False while an application that was entered by hand waits for its student's consent."""
        return bool(self.consent_version)

    @property
    def offer_has_lapsed(self) -> bool:
        """Whether the day until which the offer stood is over; the worker then ends it."""
        return self.offer_lapses_on is not None and self.offer_lapses_on < timezone.localdate()

    def may_be_corrected(self) -> bool:
        """Whether the student may still change answers and documents: until reading begins.

        What was entered by hand is the student's to complete until they have consented, whoever has read it.
        """
        return self.status == Status.RECEIVED or (not self.is_consented and self.status in OPEN_STATUSES)

    def may_offer_documents(self) -> bool:
        """Whether the student may still send a better version of a document: while an answer is awaited."""
        return self.is_consented and self.status in OPEN_STATUSES and self.status != Status.RECEIVED

    def may_be_erased_by_student(self) -> bool:
        """Whether “erase me” is done at once; afterwards it is asked for, because others rely on what was agreed."""
        return self.status not in ANSWERED_FOR_GOOD

    def student_may_move_to(self, status: str) -> bool:
        return status in STUDENT_MOVES[Status(self.status)]

    def told_by(self) -> "Decision | None":
        """The reviewers' decision by which it got to its status; None when it came there in another way."""
        latest = self.events.filter(kind="moved").select_related("decision__released_by").last()
        return latest.decision if latest and latest.to_status == self.status else None

    def current_documents(self) -> list["Document"]:
        """The documents that count, CV first; read from the prefetched rows when there are any."""
        return sorted(
            (document for document in self.documents.all() if document.counts),
            key=lambda document: document.reading_order(),
        )

    def offered_documents(self) -> list["Document"]:
        """Better versions that came after reading began and wait for a reviewer to take them."""
        return sorted(
            (d for d in self.documents.all() if d.replaced_at is None and d.offered_at is not None),
            key=lambda document: document.reading_order(),
        )

    def blocked_documents(self) -> list["Document"]:
        """Documents that count or are offered, and that nobody opens because malware was found in them."""
        return [each for each in (*self.current_documents(), *self.offered_documents()) if each.is_blocked]

    def former_documents(self) -> list["Document"]:
        return sorted(
            (d for d in self.documents.all() if d.replaced_at is not None),
            key=lambda document: document.reading_order(),
        )

    def erase(self) -> None:
        """Remove this application with all its rows, documents and letters written to the folder; nothing remains.

        The one way to remove an application. Files go once the rows are gone for certain: a rollback in between must
        not leave an application without its documents.
        """
        with transaction.atomic():
            names = [name for document in self.documents.select_related("rendition") for name in document.file_names]
            message_ids = list(self.letters.values_list("message_id", flat=True))
            Application.objects.filter(pk=self.pk).update(is_being_erased=True)
            for belongings in self.BELONGINGS:
                relation = self._meta.get_field(belongings)
                relation.related_model.objects.filter(**{relation.field.name: self}).delete()
            Application.objects.filter(pk=self.pk).delete()
            transaction.on_commit(lambda: _remove_files(names, message_ids))


def _remove_files(document_names: list[str], message_ids: list[str]) -> None:
    """What cannot be removed just now (a storage that is away) belongs to no row any more and is swept within a day."""
    try:
        for message_id in message_ids:
            letter = letter_file(message_id)
            letter.unlink(missing_ok=True)
            letter.with_suffix(".part").unlink(missing_ok=True)  # half a letter, which a killed worker left
        for name in document_names:
            document_storage().delete(name)
    except Exception:  # whatever a storage throws: the rows are gone, and the erasure was done
        logger.exception("Files of an erased application could not be removed; they are swept within a day.")


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
        usual = [
            (str(Application._meta.get_field(name).verbose_name), self._shown(name))
            for name in Application.ANSWERS
            if name in self.answers
        ]
        return [*usual, *self.question_answers]

    def _shown(self, name: str) -> str:
        """A former answer for people's eyes: JSON knows no dates, and older rows say None for one that was missing."""
        value = self.answers[name]
        if name != "earliest_start":
            return value
        day = parse_date(value) if isinstance(value, str) else value  # the student's page and ZIP make it a date first
        return date_format(day, "DATE_FORMAT") if day else ""

    @property
    def question_answers(self) -> list[tuple[str, str]]:
        """The former answers to the project's own questions: question and answer."""
        return [(prompt, text) for prompt, text in self.answers.get(QUESTIONS, [])]
