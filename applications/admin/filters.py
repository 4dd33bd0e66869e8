"""The filters of the list of applications. What they look for stands in its address: other pages link to it by that.

`?status=` a status or `open`; `?reading=` unread, read, skipped, abstained, asked, starred (each of one's own);
`?decision=` staged, on_its_way, dropped; `?overdue=yes`; `?reached=` interview, offered, accepted;
`?from_student=` question (that waits for an answer), document (a newer one, to be taken or left);
`?address=` confirmed, not_confirmed; `?by_hand=` waiting (for the student's consent) or yes;
`?project__id__exact=`, `?project__topic__id__exact=`.
"""

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from applications.admin.queue import asked_of
from applications.models import Application, Decision, Document, Event, Message, Reading, Star
from applications.statuses import OPEN_STATUSES, Status
from projects.admin import LONGEST_NUMBER
from projects.models import Project, Topic

# A decision that was dropped concerns its reviewers as long as the student may still get another answer.
UNSETTLED = (*OPEN_STATUSES, Status.OFFERED)


class StatusFilter(admin.SimpleListFilter):
    """The tabs above the list."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("open", _("Open")), *Status.choices]

    def queryset(self, request, queryset):
        if self.value() == "open":
            return queryset.awaiting_decision()
        return queryset.filter(status=self.value()) if self.value() in Status.values else queryset


class ReadingFilter(admin.SimpleListFilter):
    """How far one is oneself. What colleagues have read is theirs."""

    title = gettext_lazy("my reading")
    parameter_name = "reading"

    def lookups(self, request, model_admin):
        return [
            ("unread", _("Unread by me")),
            ("asked", _("Asked of me")),
            ("skipped", _("Skipped for now")),
            ("read", _("Read")),
            ("abstained", _("Abstained")),
            ("starred", _("Starred by me")),
        ]

    def queryset(self, request, queryset):
        user, wanted = request.user, self.value()
        if wanted == "unread":
            return queryset.exclude(Reading.done_by(user))
        if wanted == "asked":
            return queryset.filter(asked_of(user))
        if wanted == "starred":
            return queryset.filter(Exists(Star.objects.filter(application=OuterRef("pk"), user=user)))
        if wanted in Reading.State.values:
            own = Reading.objects.filter(application=OuterRef("pk"), reviewer=user, state=wanted)
            return queryset.filter(Exists(own))
        return queryset


class OverdueFilter(admin.SimpleListFilter):
    title = gettext_lazy("promised time")
    parameter_name = "overdue"

    def lookups(self, request, model_admin):
        return [("yes", _("Waiting longer than promised"))]

    def queryset(self, request, queryset):
        return queryset.overdue() if self.value() == "yes" else queryset


class DecisionFilter(admin.SimpleListFilter):
    """What was decided and not told yet."""

    title = gettext_lazy("decision")
    parameter_name = "decision"

    def lookups(self, request, model_admin):
        return [
            ("staged", _("Staged")),
            ("on_its_way", _("On its way")),
            ("dropped", _("Dropped, because it was not possible")),
        ]

    def queryset(self, request, queryset):
        if self.value() == "staged":
            return queryset.filter(_has(Decision.objects.staged()))
        if self.value() == "on_its_way":
            return queryset.filter(_has(Decision.objects.on_their_way()))
        return queryset.filter(was_dropped()) if self.value() == "dropped" else queryset


def _has(decisions: QuerySet[Decision]) -> Exists:
    return Exists(decisions.filter(application=OuterRef("pk")))


def was_dropped() -> Q:
    """Whether the last that was decided could not be done, and the student still waits for another answer."""
    latest = Decision.objects.filter(application=OuterRef("application")).order_by("-pk").values("pk")[:1]
    return Q(status__in=UNSETTLED) & Q(_has(Decision.objects.filter(dropped_at__isnull=False, pk=Subquery(latest))))


class ReachedFilter(admin.SimpleListFilter):
    """Who has come as far as this at any time, whatever came after: the steps of a project's funnel."""

    title = gettext_lazy("reached")
    parameter_name = "reached"

    STEPS = (Status.INTERVIEW, Status.OFFERED, Status.ACCEPTED)

    def lookups(self, request, model_admin):
        return [(step.value, step.label) for step in self.STEPS]

    def queryset(self, request, queryset):
        if self.value() not in self.STEPS:
            return queryset
        moved = Event.objects.filter(application=OuterRef("pk"), kind=Event.Kind.MOVED, to_status=self.value())
        return queryset.filter(Exists(moved))


class ByHandFilter(admin.SimpleListFilter):
    title = gettext_lazy("entered by hand")
    parameter_name = "by_hand"

    def lookups(self, request, model_admin):
        return [("waiting", _("Waits for the student’s consent")), ("yes", _("All entered by hand"))]

    def queryset(self, request, queryset):
        if self.value() == "waiting":
            return queryset.filter(consent_version="")
        return queryset.filter(entered_by__isnull=False) if self.value() == "yes" else queryset


class FromStudentFilter(admin.SimpleListFilter):
    """What students have said since they applied, and what nobody has answered yet."""

    title = gettext_lazy("from the student")
    parameter_name = "from_student"

    def lookups(self, request, model_admin):
        return [("question", _("Question waits")), ("document", _("Newer document"))]

    def queryset(self, request, queryset):
        if self.value() == "question":
            return queryset.filter(Message.question_waits())
        return queryset.filter(Document.newer_one_waits()) if self.value() == "document" else queryset


class AddressFilter(admin.SimpleListFilter):
    """Whether the student has opened their link and said that the address is theirs."""

    title = gettext_lazy("address")
    parameter_name = "address"

    def lookups(self, request, model_admin):
        return [("confirmed", _("Confirmed")), ("not_confirmed", _("Not confirmed"))]

    def queryset(self, request, queryset):
        if self.value() not in ("confirmed", "not_confirmed"):
            return queryset
        return queryset.filter(confirmed_at__isnull=self.value() == "not_confirmed")


class _RelatedFilter(admin.SimpleListFilter):
    """One row of another table; only those are named to which somebody applied and which one may see."""

    def queryset(self, request, queryset):
        if self.value() is None:
            return queryset
        is_number = self.value().isdecimal() and len(self.value()) <= LONGEST_NUMBER
        return queryset.filter(**{self.parameter_name: self.value()}) if is_number else queryset.none()


class ProjectFilter(_RelatedFilter):
    title = gettext_lazy("project")
    parameter_name = "project__id__exact"

    def lookups(self, request, model_admin):
        return list(_projects_with_applications(request.user).order_by("title").values_list("pk", "title"))


class TopicFilter(_RelatedFilter):
    title = gettext_lazy("topic")
    parameter_name = "project__topic__id__exact"

    def lookups(self, request, model_admin):
        topics = Topic.objects.filter(pk__in=_projects_with_applications(request.user).values("topic"))
        return list(topics.order_by("position", "name").values_list("pk", "name"))


def _projects_with_applications(user) -> QuerySet[Project]:
    return Project.objects.visible_to(user).filter(Exists(Application.objects.filter(project=OuterRef("pk"))))
