"""The list of applications."""

from django.conf import settings
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from applications.admin.base import ApplicationPages
from applications.models import Application
from applications.statuses import OPEN_STATUSES, Status


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


class ListPages(ApplicationPages):
    list_display = ["applicant", "status_badge", "project", "university", "received", "waiting"]
    list_display_links = ["applicant"]
    list_select_related = ["project"]
    list_filter = [
        StatusFilter,
        ("project", admin.RelatedOnlyFieldListFilter),
        ("project__topic", admin.RelatedOnlyFieldListFilter),
        "received_at",
    ]
    list_per_page = 50
    search_fields = ["reference", "full_name", "email", "university", "programme", "project__title"]
    search_help_text = gettext_lazy("Name, address, reference, university, project …")
    view_on_site = False  # the student's page opens for the student only
    actions = None  # nothing about an application changes in bulk or around its own page

    def get_search_results(self, request: HttpRequest, queryset, search_term: str):
        """Find a reference also as it is heard on the phone: in small letters, without its hyphen."""
        letters = "".join(search_term.upper().split()).replace("-", "")
        if len(letters) == 8 and letters.isalnum():
            by_reference = queryset.filter(reference=f"{letters[:4]}-{letters[4:]}")
            if by_reference.exists():
                return by_reference, False
        return super().get_search_results(request, queryset, search_term)

    # The list

    @admin.display(description=gettext_lazy("applicant"), ordering="full_name")
    def applicant(self, application: Application) -> str:
        return render_to_string("admin/applications/application/cells/applicant.html", {"application": application})

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_badge(self, application: Application) -> str:
        return render_to_string(
            "includes/status_badge.html", {"status": application.status, "label": application.get_status_display()}
        )

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, application: Application) -> str:
        return render_to_string("admin/applications/application/cells/received.html", {"application": application})

    @admin.display(description=gettext_lazy("waiting"), ordering="received_at")
    def waiting(self, application: Application) -> str:
        return render_to_string(
            "admin/applications/application/cells/waiting.html",
            {"application": application, "answer_days": settings.PROMISED_ANSWER_DAYS},
        )

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        changelist = getattr(response, "context_data", {}).get("cl")
        if changelist is not None:
            response.context_data["status_tabs"] = self._status_tabs(request, changelist)
            response.context_data["kept_parameters"] = [
                (name, value) for name in request.GET if name not in ("q", "p") for value in request.GET.getlist(name)
            ]
            changelist.filter_specs = [s for s in changelist.filter_specs if not isinstance(s, StatusFilter)]
        return response

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
