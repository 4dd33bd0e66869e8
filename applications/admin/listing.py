"""The list of applications: its order, its columns, and what narrows it."""

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    OrderBy,
    OuterRef,
    Prefetch,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from applications import search
from applications.admin import cells, filters, queue
from applications.admin.base import ApplicationPages
from applications.models import (
    Application,
    Decision,
    Document,
    Message,
    QuestionAnswer,
    Reading,
    Star,
    ratings_are_readable,
)
from applications.statuses import OPEN_STATUSES, Status
from projects.models import Criterion, Project


class KnownFirst(F):
    """A column to sort by, whose empty cells come last whichever way it is sorted.

    So what one may not read yet stands behind everything else, in an order that says nothing about it.
    """

    def asc(self, **kwargs) -> OrderBy:
        return OrderBy(F(self.name), nulls_last=True)

    def desc(self, **kwargs) -> OrderBy:
        return OrderBy(F(self.name), descending=True, nulls_last=True)


class SinceWhen(KnownFirst):
    """A column that shows how long ago something was: its least is what was last."""

    def asc(self, **kwargs) -> OrderBy:
        return super().desc()

    def desc(self, **kwargs) -> OrderBy:
        return super().asc()


# The orders that one looks for, in words: the column, its sign in the address, and what comes first.
ORDERS = (
    ("mean", "-", gettext_lazy("Best rated")),
    ("disagreement", "-", gettext_lazy("Most disagreed upon")),
    ("count", "", gettext_lazy("Fewest ratings")),
    ("criteria", "-", gettext_lazy("Best by the criteria")),
    ("waiting", "-", gettext_lazy("Waiting longest")),
    ("received", "-", gettext_lazy("Newest")),
    ("applicant", "", gettext_lazy("By name")),
)

IN_ORDER_OF_THE_MOVES = Case(*(When(status=status, then=Value(place)) for place, status in enumerate(Status)))


def with_readable_figures(applications: QuerySet[Application], user) -> QuerySet[Application]:
    """What a list of applications can be sorted by, beside its own columns; ratings only where `user` may read them."""
    readable = ratings_are_readable(user)
    return applications.annotate(
        readable_mean=Case(When(readable, then=F("rating_mean"))),
        readable_spread=Case(When(readable, then=F("rating_spread"))),
        readable_score=Case(When(readable, then=F("score_mean"))),
        waits_since=Case(
            When(status__in=(Status.RECEIVED, Status.IN_REVIEW), then=F("received_at")),
            When(status__in=OPEN_STATUSES, then=F("status_changed_at")),
        ),
    )


def with_own_marks(applications: QuerySet[Application], user) -> QuerySet[Application]:
    """What the cells of a row show, for the rows of one page: their decisions, and what `user` did with them."""
    own_reading = Reading.objects.filter(application=OuterRef("pk"), reviewer=user).values("state")
    decisions = Decision.objects.order_by("pk").defer("reason", "letter_subject", "letter_body", "personal_line")
    return (
        applications.annotate(
            is_starred=Exists(Star.objects.filter(application=OuterRef("pk"), user=user)),
            is_asked=ExpressionWrapper(queue.asked_of(user), output_field=BooleanField()),
            own_reading=Subquery(own_reading),
            has_readable_ratings=ExpressionWrapper(ratings_are_readable(user), output_field=BooleanField()),
            has_criteria=Exists(Criterion.objects.filter(project=OuterRef("project"))),
            has_question=Message.question_waits(),
            has_newer_document=ExpressionWrapper(Document.newer_one_waits(), output_field=BooleanField()),
            has_blocked_document=Document.one_is_blocked(),
            idea_title=QuestionAnswer.idea_title(),
        )
        .defer("motivation", "links")
        .select_related("project")
        .prefetch_related(Prefetch("decisions", decisions, to_attr="decisions_in_order"))
    )


def open_decision(application: Application) -> Decision | None:
    """The decision that its row shows: staged, on its way, or dropped without another in its place."""
    latest = application.decisions_in_order[-1] if application.decisions_in_order else None
    if latest is None or latest.applied_at is not None:
        return None
    return latest if latest.is_pending or application.status in filters.UNSETTLED else None


class ApplicationList(ChangeList):
    """The rows of one page are asked for by their keys: sorting ten thousand then carries no letters and no marks."""

    def get_queryset(self, request: HttpRequest, exclude_parameters=None) -> QuerySet[Application]:
        self.root_queryset = with_readable_figures(self.model_admin.get_queryset(request), request.user)
        return super().get_queryset(request, exclude_parameters)

    def get_filters(self, request: HttpRequest) -> tuple:
        """Asked once: the tabs count the same list without their own filter, and the choices stay what they are."""
        if not hasattr(self, "_filters"):
            self._filters = super().get_filters(request)
        return self._filters

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = list(self.result_list.values_list("pk", flat=True))
        rows = with_own_marks(self.root_queryset, request.user).in_bulk(ids)
        self.result_list = [rows[pk] for pk in ids if pk in rows]

    def get_ordering_field_columns(self) -> dict:
        """No arrow stands on a column before somebody sorts by one; Django would guess from the model's order."""
        return super().get_ordering_field_columns() if ORDER_VAR in self.params else {}


class OrderOnly(ApplicationList):
    """The same list, for those who want to know what comes after what: nothing is counted, no page is cut."""

    def get_results(self, request: HttpRequest) -> None:
        self.result_list = self.queryset.none()


class ListPages(ApplicationPages):
    list_display = [
        "star",
        "applicant",
        "status_badge",
        "project_cell",
        "university_cell",
        "received",
        "waiting",
        "you",
        "mean",
        "count",
        "disagreement",
        "criteria",
    ]
    list_display_links = ["applicant"]
    list_select_related = ["project"]
    list_filter = [
        filters.StatusFilter,
        filters.ReadingFilter,
        filters.OverdueFilter,
        filters.DecisionFilter,
        filters.ReachedFilter,
        filters.FromStudentFilter,
        filters.ByHandFilter,
        filters.AddressFilter,
        filters.ProjectFilter,
        filters.TopicFilter,
        "received_at",
    ]
    list_per_page = 50
    search_fields = ["reference"]  # that there is a search at all; how it looks is `get_search_results`
    search_help_text = gettext_lazy("Name, reference, university, words in CV and transcripts …")
    view_on_site = False  # the student's page opens for the student only

    def get_changelist(self, request: HttpRequest, **kwargs) -> type[ChangeList]:
        return OrderOnly if getattr(request, "wants_only_the_order", False) else ApplicationList

    def get_ordering(self, request: HttpRequest) -> list:
        return queue.order_for(request.user)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """The criteria have a column when any project that this person sees has some."""
        columns = list(super().get_list_display(request))
        if not hasattr(request, "sees_criteria"):  # Django asks twice
            projects = Project.objects.visible_to(request.user)
            request.sees_criteria = Criterion.objects.filter(project__in=projects).exists()
        return columns if request.sees_criteria else [column for column in columns if column != "criteria"]

    def get_search_results(self, request: HttpRequest, queryset, search_term: str):
        """Find words of answers and documents; and a reference as it is heard on the phone, without its hyphen."""
        letters = "".join(search_term.upper().split()).replace("-", "")
        if len(letters) == 8 and letters.isalnum():
            by_reference = queryset.filter(reference=f"{letters[:4]}-{letters[4:]}")
            if by_reference.exists():
                return by_reference, False
        return search.matching(queryset, search_term), False

    # The columns

    @admin.display(description=gettext_lazy("star"))
    def star(self, application: Application) -> str:
        return cells.star(application)

    @admin.display(description=gettext_lazy("applicant"), ordering="full_name")
    def applicant(self, application: Application) -> str:
        return cells.applicant(application)

    @admin.display(description=gettext_lazy("status"), ordering=IN_ORDER_OF_THE_MOVES)
    def status_badge(self, application: Application) -> str:
        return cells.status(application, open_decision(application))

    @admin.display(description=gettext_lazy("project"), ordering="project")
    def project_cell(self, application: Application) -> str:
        return cells.project(application)

    @admin.display(description=gettext_lazy("university"), ordering="university")
    def university_cell(self, application: Application) -> str:
        return cells.university(application)

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, application: Application) -> str:
        return cells.received(application)

    @admin.display(description=gettext_lazy("waiting"), ordering=SinceWhen("waits_since"))
    def waiting(self, application: Application) -> str:
        return cells.waiting(application)

    @admin.display(description=gettext_lazy("you"))
    def you(self, application: Application) -> str:
        return cells.you(application)

    @admin.display(description=gettext_lazy("rating"), ordering=KnownFirst("readable_mean"))
    def mean(self, application: Application) -> str:
        return cells.figure(application, application.readable_mean, _("Rating"), digits=1)

    @admin.display(description=gettext_lazy("ratings"), ordering="rating_count")
    def count(self, application: Application) -> str:
        return cells.count(application)

    @admin.display(description=gettext_lazy("differ by"), ordering=KnownFirst("readable_spread"))
    def disagreement(self, application: Application) -> str:
        """The highest rating less the lowest; a single one differs from nothing."""
        several = application.rating_count > 1
        return cells.figure(application, application.readable_spread, _("Differ by"), exists=several)

    @admin.display(description=gettext_lazy("criteria"), ordering=KnownFirst("readable_score"))
    def criteria(self, application: Application) -> str:
        score, exists = application.readable_score, application.has_criteria
        return cells.figure(application, score, _("Criteria"), digits=1, exists=exists)

    # The page

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        changelist = getattr(response, "context_data", None) and response.context_data.get("cl")
        if changelist:
            response.context_data |= self._list_context(request, changelist)
        return response

    def _list_context(self, request: HttpRequest, changelist: ChangeList) -> dict:
        """What stands above the rows: tabs, search, filters, and the ways out."""
        choices = [
            {"title": spec.title, "choices": list(spec.choices(changelist))}
            for spec in changelist.filter_specs
            if not isinstance(spec, filters.StatusFilter)
        ]
        export_url = reverse("admin:applications_application_export")
        return {
            "status_tabs": self._status_tabs(request, changelist),
            "filters": choices,
            "chosen_filters": list(_chosen_filters(choices)),
            "orders": self._orders(changelist),
            "kept_parameters": [
                (name, value) for name in request.GET if name not in ("q", "p") for value in request.GET.getlist(name)
            ],
            "without_search_url": changelist.get_query_string(remove=["q", "p"]),
            "export_url": f"{export_url}?{urlencode({queue.FILTERS: request.GET.urlencode()})}",
        }

    @staticmethod
    def _orders(changelist: ChangeList) -> list[dict]:
        """The same orders as behind the headings of the table, for screens on which the rows are cards."""
        columns = list(changelist.list_display)
        chosen = changelist.params.get(ORDER_VAR, "")
        offered = [("", "", _("What to read first"))]
        offered += [(name, sign, words) for name, sign, words in ORDERS if name in columns]
        orders = []
        for name, sign, words in offered:
            value = f"{sign}{columns.index(name)}" if name else ""
            url = changelist.get_query_string({ORDER_VAR: value} if value else {}, [ORDER_VAR, "p"])
            orders.append({"display": words, "query_string": url, "selected": value == chosen})
        return orders

    def _status_tabs(self, request: HttpRequest, changelist) -> list[dict]:
        """All, open, and each status, with how many applications of the list (searched, filtered) are in each."""
        rows = changelist.get_queryset(request, exclude_parameters=["status"])
        counts = dict(rows.order_by().values_list("status").annotate(Count("pk")))
        open_count = sum(counts.get(status, 0) for status in OPEN_STATUSES)
        tabs = [("", _("All"), sum(counts.values())), ("open", _("Open"), open_count)]
        tabs += [(status, label, counts.get(status, 0)) for status, label in Status.choices]
        chosen = changelist.params.get("status", request.GET.get("status", ""))
        return [
            {
                "label": label,
                "count": count,
                "is_chosen": value == chosen,
                "url": changelist.get_query_string({"status": value} if value else {}, ["status", "p"]),
            }
            for value, label, count in tabs
        ]


def _chosen_filters(choices_of_filters: list[dict]):
    """What narrows the list now, each with the address of the list without it: its first choice is always “All”."""
    for each in choices_of_filters:
        every, *choices = each["choices"]
        chosen = next((choice for choice in choices if choice["selected"]), None)
        if chosen:
            yield {"title": each["title"], "words": chosen["display"], "without_url": every["query_string"]}
