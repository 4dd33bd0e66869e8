"""The catalogue: topics, projects and the people named on them. It knows nothing of applications."""

import datetime
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, F, Q, When
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _


def free_slug(model: type[models.Model], words: str) -> str:
    """A slug made of `words` that no row of `model` has yet: `graphs`, then `graphs-2`, ... At most 80 characters."""
    stem = slugify(words)[:70].strip("-") or model._meta.model_name
    taken = set(model._default_manager.filter(slug__startswith=stem).values_list("slug", flat=True))
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    return slug


class HomePage(models.Model):
    """The words on top of the catalogue. There is one row; the page has fallback words without it."""

    introduction = models.TextField(
        _("introduction"), help_text=_("Two or three sentences about the research. Markdown; HTML is not allowed.")
    )
    collaboration = models.TextField(
        _("collaboration"), blank=True, help_text=_("Who to contact for collaboration. Markdown; HTML is not allowed.")
    )

    class Meta:
        verbose_name = _("home page")
        verbose_name_plural = _("home page")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="projects_homepage_one_row")]

    def __str__(self) -> str:
        return str(_("Home page"))

    def save(self, *args, **kwargs) -> None:
        self.pk = 1
        super().save(*args, **kwargs)


class Topic(models.Model):
    """A heading of the catalogue."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("address"), max_length=80, unique=True, blank=True)
    position = models.PositiveIntegerField(_("position"), default=0, help_text=_("Lower numbers stand first."))

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs) -> None:
        self.slug = self.slug or free_slug(Topic, self.name)
        super().save(*args, **kwargs)


class CoAdvisorQuerySet(models.QuerySet):
    def editable_by(self, user) -> Self:
        """Co-advisors whose entry `user` may change: those on their own projects only, and those without any.

        An entry's address receives notices and its account gives access, so a change must not reach foreign projects;
        nor may anybody but a superuser change the entry of an account that stands on no project.
        """
        if user.is_superuser:
            return self
        on_own_project = Project.co_advisors.through.objects.filter(
            coadvisor=models.OuterRef("pk"), project__supervisor=user
        )
        return self.exclude(projects__in=Project.objects.exclude(supervisor=user)).filter(
            Q(user=None) | models.Exists(on_own_project)
        )


class CoAdvisor(models.Model):
    """A person named on a project beside the supervisor; with an account they review, else they are only named."""

    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail address"), blank=True, help_text=_("Notices of new applications go there."))
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="co_advisor",
        verbose_name=_("account"),
        help_text=_("With an account, this person reviews the applications to the projects that name them."),
    )

    objects = CoAdvisorQuerySet.as_manager()

    class Meta:
        verbose_name = _("co-advisor")
        verbose_name_plural = _("co-advisors")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ProjectQuerySet(models.QuerySet):
    def published(self) -> Self:
        return self.filter(is_published=True)

    def open(self, today: datetime.date | None = None) -> Self:
        """Projects that take applications on `today` (in TIME_ZONE): the same rule as `Project.is_open`, as a query."""
        today = today or timezone.localdate()
        return self.published().filter(
            Q(closed_at=None),
            Q(opens_on=None) | Q(opens_on__lte=today),
            Q(deadline=None) | Q(deadline__gte=today),
            Q(places=None) | Q(places__gt=F("places_taken")),
        )

    def open_beside(self, project: "Project") -> Self:
        """Other projects that take applications, those of the same topic first, one's own idea last.

        One of the same title is no other project: it is the same one, offered again.
        """
        same_topic_first = Case(When(topic=project.topic_id, then=0), default=1)
        others = self.open().exclude(pk=project.pk).exclude(title=project.title)
        return others.order_by(same_topic_first, "is_own_idea", *self.model._meta.ordering)

    def supervised_by(self, user) -> Self:
        """Projects that `user` may change: their own; every project for a superuser; none for people without access."""
        if not (user.is_active and user.is_staff):
            return self.none()
        return self if user.is_superuser else self.filter(supervisor=user)

    def visible_to(self, user) -> Self:
        """Projects whose applications `user` may see: those they supervise and those that name them as co-advisor."""
        if not (user.is_active and user.is_staff):
            return self.none()
        if user.is_superuser:
            return self
        named = Project.co_advisors.through.objects.filter(project=models.OuterRef("pk"), coadvisor__user=user)
        return self.filter(Q(supervisor=user) | models.Exists(named))


class Project(models.Model):
    """One advertised MSc project."""

    class Availability(models.TextChoices):
        OPEN = "open", _("Open")
        NOT_YET = "not_yet", _("Opens later")
        EXPIRED = "expired", _("Deadline passed")
        FULL = "full", _("All places taken")
        CLOSED = "closed", _("Closed")

    title = models.CharField(_("title"), max_length=200)
    slug = models.SlugField(
        _("address"),
        max_length=80,
        unique=True,
        blank=True,
        help_text=_("Part of the page's address. It stays when the title changes, so that links keep working."),
    )
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="projects", verbose_name=_("topic"))
    supervisor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="supervised_projects",
        verbose_name=_("supervisor"),
    )
    co_advisors = models.ManyToManyField(CoAdvisor, blank=True, related_name="projects", verbose_name=_("co-advisors"))
    description = models.TextField(
        _("description"), blank=True, help_text=_("What the project is about. Markdown; HTML is not allowed.")
    )
    proposal_url = models.URLField(_("link to the proposal"), max_length=500, blank=True)
    tags = models.CharField(_("tags"), max_length=200, blank=True, help_text=_("Separated by commas."))
    places = models.PositiveSmallIntegerField(
        _("places"), null=True, blank=True, help_text=_("How many students can do this project. Empty: no limit.")
    )
    places_taken = models.PositiveSmallIntegerField(_("places taken"), default=0, editable=False)
    opens_on = models.DateField(_("opens on"), null=True, blank=True)
    deadline = models.DateField(
        _("deadline"), null=True, blank=True, help_text=_("Applications are taken until the end of this day.")
    )
    is_published = models.BooleanField(_("published"), default=True, help_text=_("Shown in the catalogue."))
    closed_at = models.DateTimeField(_("closed since"), null=True, blank=True, editable=False)
    is_own_idea = models.BooleanField(
        _("students bring their own idea"),
        default=False,
        help_text=_(
            "Under this topic students may propose a project of their own. They are asked for a title and a "
            "description of their idea; you can change these questions below."
        ),
    )
    position = models.PositiveIntegerField(_("position"), default=0, help_text=_("Lower numbers stand first."))
    # Kept by `applications.workflow` under the project's lock, like `places_taken`, so that the catalogue never asks
    # applications: when a student was last told something, and after how many days students usually are (a median).
    last_answer_at = models.DateTimeField(_("last answer"), null=True, blank=True, editable=False)
    usual_answer_days = models.PositiveSmallIntegerField(_("usual days to an answer"), null=True, editable=False)
    # What the last import wrote, field by field: a field is updated only while it still holds this.
    imported = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["topic__position", "topic__name", "position", "title"]
        constraints = [
            models.CheckConstraint(
                condition=Q(places=None) | Q(places_taken__lte=F("places")),
                name="projects_project_places_taken_within_places",
                violation_error_message=_("More places are already taken than that. Take an acceptance back first."),
            ),
            models.CheckConstraint(
                condition=Q(opens_on=None) | Q(deadline=None) | Q(opens_on__lte=F("deadline")),
                name="projects_project_opens_before_deadline",
                violation_error_message=_("The deadline is before the day on which the project opens."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args, **kwargs) -> None:
        self.slug = self.slug or free_slug(Project, self.title)
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("projects:detail", args=[self.slug])

    @property
    def tag_list(self) -> list[str]:
        return [tag.strip() for tag in self.tags.split(",") if tag.strip()]

    @property
    def places_free(self) -> int | None:
        """How many places are left; None when there is no limit."""
        return None if self.places is None else max(self.places - self.places_taken, 0)

    def is_full(self) -> bool:
        return self.places_free == 0

    def days_left(self, today: datetime.date | None = None) -> int | None:
        """How many days after `today` (in TIME_ZONE) the deadline is: 0 on its last day; None without a deadline."""
        return None if self.deadline is None else (self.deadline - (today or timezone.localdate())).days

    def grace_ends_at(self) -> datetime.datetime | None:
        """Until when a form that was opened before the deadline may be sent; None without a deadline."""
        if self.deadline is None:
            return None
        end_of_deadline = datetime.datetime.combine(self.deadline + datetime.timedelta(days=1), datetime.time.min)
        return timezone.make_aware(end_of_deadline) + datetime.timedelta(minutes=settings.DEADLINE_GRACE_MINUTES)

    def availability(self, today: datetime.date | None = None) -> Availability:
        """Why the project takes applications on `today` (in TIME_ZONE), or why not. Publication is asked apart."""
        today = today or timezone.localdate()
        if self.closed_at is not None:
            return self.Availability.CLOSED
        if self.is_full():
            return self.Availability.FULL
        if self.deadline is not None and self.deadline < today:
            return self.Availability.EXPIRED
        if self.opens_on is not None and today < self.opens_on:
            return self.Availability.NOT_YET
        return self.Availability.OPEN

    def is_open(self, today: datetime.date | None = None) -> bool:
        """Whether an application may be handed in on `today`: published, and nothing speaks against it."""
        return self.is_published and self.availability(today) == self.Availability.OPEN

    def ask_for_idea(self) -> None:
        """Ask students for their own idea and its title, unless the project has questions of its own already."""
        if self.questions.exists():
            return
        title = _("Title of your idea")
        idea = _("Your idea: question, data or method, and why")
        self.questions.create(prompt=str(title), kind=Question.Kind.SHORT, position=1)
        self.questions.create(prompt=str(idea), kind=Question.Kind.LONG, position=2)


class Criterion(models.Model):
    """One of the three to five questions by which applications to a project are rated, with its weight."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="criteria", verbose_name=_("project"))
    name = models.CharField(_("criterion"), max_length=80)
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, help_text=_("How much it counts in the mean: 2 counts twice as much as 1.")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    FEWEST, MOST = 3, 5

    class Meta:
        verbose_name = _("criterion")
        verbose_name_plural = _("criteria")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(weight__range=(1, 10)), name="projects_criterion_weight_1_to_10"),
            models.UniqueConstraint(fields=["project", "name"], name="projects_criterion_name_once_per_project"),
        ]

    def __str__(self) -> str:
        return self.name


class QuestionQuerySet(models.QuerySet):
    def asked(self) -> Self:
        """Questions that students are asked now; retired ones stay for the answers that were given to them."""
        return self.filter(is_retired=False)


class Question(models.Model):
    """One of the questions that students are asked when they apply to a project, beside those that everybody is asked.

    What a student answers is kept with the words of the question as they were then, so a question may be changed or
    deleted at any time.
    """

    class Kind(models.TextChoices):
        SHORT = "short", _("One line")
        LONG = "long", _("Several lines")
        CHOICE = "choice", _("Choice")
        FILE = "file", _("PDF file")

    MOST = 12
    LONGEST_SHORT = 200  # characters
    LONGEST_LONG = 4000  # characters, as for the motivation

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="questions", verbose_name=_("project"))
    prompt = models.CharField(_("question"), max_length=200)
    hint = models.CharField(_("hint"), max_length=300, blank=True, help_text=_("Stands below the question, if needed."))
    kind = models.CharField(_("kind of answer"), max_length=10, choices=Kind, default=Kind.SHORT)
    options = models.TextField(_("options"), blank=True, help_text=_("For a choice: one option per line."))
    is_required = models.BooleanField(_("required"), default=True)
    is_retired = models.BooleanField(_("no longer asked"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "prompt"], name="projects_question_once_per_project"),
        ]

    def __str__(self) -> str:
        return self.prompt

    @property
    def option_list(self) -> list[str]:
        """The options of a choice, each once, in order."""
        return list(dict.fromkeys(line.strip() for line in self.options.splitlines() if line.strip()))

    @property
    def field_name(self) -> str:
        """The name of its field in the apply form."""
        return f"question_{self.pk}"

    def clean(self) -> None:
        if self.kind == self.Kind.CHOICE and len(self.option_list) < 2:
            raise ValidationError(
                {"options": _("A choice needs at least two options, one per line.")}, code="too_few_options"
            )
