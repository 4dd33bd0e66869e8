"""What is done with many applications at once: staging, clearing, asking, starring.

Each is an action of the list. The page that it leads to names all of them and says what would happen to each; its POST
does it, and tells what was done and what was not. Which applications these are is asked of `visible_to` each time.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_http_methods

from applications import letters, workflow
from applications.admin import queue
from applications.admin.base import ApplicationPages
from applications.forms.bulk import (
    DECISION_WORDS,
    STAGED_TOGETHER,
    AskManyForm,
    ChosenForm,
    Seen,
    StageForm,
    is_key,
    seen_in,
)
from applications.forms.decision import usual_offer_day
from applications.models import Application, Decision
from applications.statuses import REVIEWER_MOVES, Status, letter_kind, reviewer_needs_reason
from projects.models import Project

MOST = 400  # at once: somebody should have looked at the names, and they stand in an address (4 kB at most)
MOST_NAMES = 8  # in one message


@dataclasses.dataclass
class Line:
    """One of the chosen applications: what would happen to it beside the usual, or why nothing would."""

    application: Application
    remark: str = ""
    why_not: str = ""
    has_other_staged: bool = False


class Chosen:
    """The applications that somebody has chosen and may see, by name; and what they saw of each, in a POST."""

    def __init__(self, applications: QuerySet[Application], ids: Iterable[int], seen: dict[int, Seen] | None = None):
        self.ids = list(dict.fromkeys(ids))
        self.seen = seen
        rows = applications.filter(pk__in=self.ids[:MOST]).select_related("project__supervisor")
        self.applications = sorted(rows, key=lambda application: application.full_name.casefold())
        decisions = Decision.objects.pending().filter(application__in=self.applications)
        self.pending = {decision.application_id: decision for decision in decisions}

    @property
    def are_too_many(self) -> bool:
        return len(self.ids) > MOST

    def seen_status(self, application: Application) -> str | None:
        return self.seen[application.pk].status if self.seen and application.pk in self.seen else None

    def was_staged_unseen(self, application: Application) -> bool:
        """Whether a colleague has staged something since the page was looked at."""
        pending = self.pending.get(application.pk)
        if self.seen is None or pending is None:
            return False
        return application.pk not in self.seen or self.seen[application.pk].decision != pending.as_seen


def ids_in(text: str) -> list[int]:
    """The primary keys in `12,13` or `12:received:,13:in_review:`; what is none is left out."""
    heads = (part.partition(":")[0].strip() for part in text.split(","))
    return [int(head) for head in heads if is_key(head)]


# What would happen to each


def plan_staging(chosen: Chosen, to_status: Status, *, replace: bool) -> list[Line]:
    return [_staging_of(each, to_status, chosen, replace) for each in chosen.applications]


def _staging_of(application: Application, to_status: Status, chosen: Chosen, replace: bool) -> Line:
    words = {"status": application.get_status_display()}
    if to_status not in REVIEWER_MOVES[Status(application.status)]:
        return Line(application, why_not=_("Not possible: the status is “%(status)s”.") % words)
    if to_status == Status.OFFERED and application.project.is_full():
        return Line(application, why_not=_("All places of this project are taken."))
    pending = chosen.pending.get(application.pk)
    if pending is None:
        return Line(application)
    words["other"] = DECISION_WORDS[Status(pending.to_status)]
    if pending.is_on_its_way:
        return Line(application, why_not=_("“%(other)s” is on its way to the student; call it back first.") % words)
    if pending.to_status == to_status:
        return Line(application, why_not=_("This is staged already."))
    if not replace or chosen.was_staged_unseen(application):
        return Line(application, why_not=_("“%(other)s” is staged already.") % words, has_other_staged=True)
    return Line(application, _("Takes the place of “%(other)s”, which is staged now.") % words, has_other_staged=True)


def plan_clearing(chosen: Chosen) -> list[Line]:
    return [_clearing_of(each, chosen) for each in chosen.applications]


def _clearing_of(application: Application, chosen: Chosen) -> Line:
    pending = chosen.pending.get(application.pk)
    if pending is None:
        return Line(application, why_not=_("Nothing is staged."))
    words = {"decision": DECISION_WORDS[Status(pending.to_status)]}
    if pending.is_on_its_way:
        return Line(application, why_not=_("“%(decision)s” is on its way to the student; call it back first.") % words)
    if chosen.was_staged_unseen(application):
        return Line(application, why_not=_("“%(decision)s” was staged since you looked.") % words)
    return Line(application, _("“%(decision)s” is cleared, with its letter.") % words)


def plan_asking(chosen: Chosen, user) -> list[Line]:
    supervised = set(Project.objects.supervised_by(user).values_list("pk", flat=True))
    not_theirs = _("Only the supervisor of the project asks others for a review.")
    return [Line(each, why_not="" if each.project_id in supervised else not_theirs) for each in chosen.applications]


def carry_out(lines: list[Line], deed: Callable[[Application], None]) -> tuple[list[Line], list[Line]]:
    """Do `deed` for each that nothing speaks against, one by one; what was done, and what was not with the reason."""
    for line in lines:
        if not line.why_not:
            try:
                deed(line.application)
            except workflow.Refused as refused:
                line.why_not = refused.message
            except Application.DoesNotExist:
                line.why_not = _("It has been erased in the meantime.")
    return [line for line in lines if not line.why_not], [line for line in lines if line.why_not]


def places_that_are_missing(applications: list[Application]) -> Iterable[str]:
    """A sentence for each project in which more would be offered than there are places."""
    offers = Counter(application.project for application in applications)
    told = Application.objects.filter(project__in=offers, status=Status.OFFERED).order_by()
    told = dict(told.values_list("project").annotate(Count("pk")))
    for project, number in offers.items():
        open_offers = told.get(project.pk, 0)
        if project.places_free is not None and number + open_offers > project.places_free:
            yield _(
                "“%(project)s” has %(free)s free places; with these, %(offers)s offers would wait for an answer."
            ) % {"project": project.title, "free": project.places_free, "offers": number + open_offers}


def example_letter(application: Application, to_status: Status) -> letters.Wording:
    """The standard letter as the first of them would get it, for the reviewers' eyes."""
    lapses_on = usual_offer_day() if to_status == Status.OFFERED else None
    wording = letters.standard_wording(application, letter_kind(application.status, to_status), lapses_on=lapses_on)
    return letters.Wording(wording.subject, letters.as_shown(wording.body))


class BulkPages(ApplicationPages):
    actions = [
        "stage_interview",
        "stage_waitlisted",
        "stage_offered",
        "stage_declined",
        "clear_staged",
        "ask_for_review",
        "compare",
        "export_ticked",  # of ExportPages
        "star_chosen",
        "unstar_chosen",
    ]

    def get_urls(self):
        return [
            self.page("bulk/stage/<str:status>/", self.bulk_stage_view, "bulk_stage"),
            self.page("bulk/clear/", self.bulk_clear_view, "bulk_clear"),
            self.page("bulk/ask/", self.bulk_ask_view, "bulk_ask"),
            *super().get_urls(),
        ]

    # The actions of the list

    def get_actions(self, request: HttpRequest) -> dict:
        """Asking is for supervisors: whoever has no projects of their own does not find it in the menu."""
        actions = super().get_actions(request)
        if not request.user.has_perm("projects.change_project"):
            actions.pop("ask_for_review", None)
        return actions

    @admin.action(description=gettext_lazy("Stage: interview"), permissions=["change"])
    def stage_interview(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("bulk_stage", request, queryset, Status.INTERVIEW)

    @admin.action(description=gettext_lazy("Stage: waiting list"), permissions=["change"])
    def stage_waitlisted(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("bulk_stage", request, queryset, Status.WAITLISTED)

    @admin.action(description=gettext_lazy("Stage: offer"), permissions=["change"])
    def stage_offered(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("bulk_stage", request, queryset, Status.OFFERED)

    @admin.action(description=gettext_lazy("Stage: decline"), permissions=["change"])
    def stage_declined(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("bulk_stage", request, queryset, Status.DECLINED)

    @admin.action(description=gettext_lazy("Clear staged decisions"), permissions=["change"])
    def clear_staged(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("bulk_clear", request, queryset)

    @admin.action(description=gettext_lazy("Ask for a review …"), permissions=["change"])
    def ask_for_review(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("bulk_ask", request, queryset)

    @admin.action(description=gettext_lazy("Compare two to six"), permissions=["view"])
    def compare(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._on_to("compare", request, queryset)

    @admin.action(description=pgettext_lazy("what is done to many", "Star"), permissions=["view"])
    def star_chosen(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._star(request, queryset, True)

    @admin.action(description=gettext_lazy("Take the star off"), permissions=["view"])
    def unstar_chosen(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return self._star(request, queryset, False)

    def _star(self, request: HttpRequest, queryset: QuerySet, on: bool) -> HttpResponse:
        chosen = Chosen(queryset, queryset.values_list("pk", flat=True)[: MOST + 1])
        if chosen.are_too_many:
            return self._too_many(request, request.get_full_path())
        for application in chosen.applications:
            workflow.set_star(application, on, by=request.user)
        number = len(chosen.applications)
        if on:
            told = ngettext("%(number)s application is starred.", "%(number)s applications are starred.", number)
        else:
            told = ngettext("%(number)s star is taken off.", "%(number)s stars are taken off.", number)
        messages.success(request, told % {"number": number})
        return HttpResponseRedirect(request.get_full_path())

    def _on_to(self, page: str, request: HttpRequest, queryset: QuerySet, *args) -> HttpResponse:
        """To the page of the action, which asks again who may be seen; the filters of the list go along."""
        ids = list(queryset.values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            return self._too_many(request, request.get_full_path())
        query = {"ids": ",".join(map(str, ids))}
        if request.GET:
            query[queue.FILTERS] = request.GET.urlencode()
        url = reverse(f"admin:applications_application_{page}", args=args)
        return HttpResponseRedirect(f"{url}?{urlencode(query, safe=',')}")

    def _too_many(self, request: HttpRequest, url: str) -> HttpResponse:
        told = _("At most %(most)s at once. Narrow the list with its search and filters, or choose page by page.")
        messages.error(request, told % {"most": MOST})
        return HttpResponseRedirect(url)

    # Staging

    def bulk_stage_view(self, request: HttpRequest, status: str) -> HttpResponse:
        """GET names who is concerned and shows the letter; POST stages the decision for each of them."""
        if status not in STAGED_TOGETHER:
            self._require_change(request)
            raise Http404
        return self._bulk(request, lambda chosen: self._stage_many(request, chosen, Status(status)))

    def _stage_many(self, request: HttpRequest, chosen: Chosen, status: Status) -> HttpResponse:
        data = request.POST if request.method == "POST" else None
        lines = plan_staging(chosen, status, replace=bool(data and data.get("replace")))
        concerned = [line.application for line in lines if not line.why_not]
        needs_reason = any(reviewer_needs_reason(application.status, status) for application in concerned)
        form = StageForm(
            chosen.applications,
            status,
            data,
            pending=chosen.pending,
            needs_reason=needs_reason,
            replaceable=sum(line.has_other_staged for line in lines),
        )
        if not form.is_valid():
            return self._stage_page(request, status, lines, form)

        def stage(application: Application) -> None:
            workflow.stage(
                application,
                status,
                by=request.user,
                reason=form.cleaned_data["reason"],
                personal_line=form.cleaned_data["personal_line"],
                seen_status=chosen.seen_status(application),
                lapses_on=form.cleaned_data.get("lapses_on"),
            )
            self.log_change(request, application, f"Staged: {status}.")

        done, not_done = carry_out(lines, stage)
        self.tell_what_is_staged(request, len(done))
        self.tell_what_was_not(request, not_done)
        return HttpResponseRedirect(self._list_url(request))

    def _stage_page(self, request: HttpRequest, status: Status, lines: list[Line], form: StageForm) -> HttpResponse:
        concerned = [line.application for line in lines if not line.why_not]
        return self._bulk_page(
            request,
            lines,
            form,
            title=_("Stage: %(decision)s") % {"decision": DECISION_WORDS[status]},
            concerned_heading=_("These will be staged"),
            explained=_("The students see nothing until the decisions are released."),
            button=ngettext("Stage %(number)s decision", "Stage %(number)s decisions", len(concerned)),
            to_status=status,
            to_status_label=status.label,
            warnings=list(places_that_are_missing(concerned)) if status == Status.OFFERED else [],
            example=concerned[0] if concerned else None,
            letter=example_letter(concerned[0], status) if concerned else None,
        )

    def tell_what_is_staged(self, request: HttpRequest, number: int) -> None:
        """With the way to the page on which the letters are read and released."""
        if not number:
            return
        told = ngettext(
            "{number} decision is staged; the student sees nothing yet. {link}",
            "{number} decisions are staged; the students see nothing yet. {link}",
            number,
        )
        url = reverse("admin:applications_application_release")
        link = format_html('<a href="{}">{}</a>', url, _("Read the letters and release them"))
        messages.success(request, format_html(told, number=number, link=link))

    def tell_what_was_not(self, request: HttpRequest, not_done: list[Line]) -> None:
        if not not_done:
            return
        names = [f"{line.application.full_name} ({line.why_not.rstrip('.')})" for line in not_done[:MOST_NAMES]]
        if len(not_done) > MOST_NAMES:
            names.append(_("and %(number)s more") % {"number": len(not_done) - MOST_NAMES})
        told = ngettext(
            "%(number)s was left as it is: %(names)s.", "%(number)s were left as they are: %(names)s.", len(not_done)
        )
        messages.warning(request, told % {"number": len(not_done), "names": "; ".join(names)})

    # Clearing

    def bulk_clear_view(self, request: HttpRequest) -> HttpResponse:
        return self._bulk(request, lambda chosen: self._clear_many(request, chosen))

    def _clear_many(self, request: HttpRequest, chosen: Chosen) -> HttpResponse:
        lines = plan_clearing(chosen)
        data = request.POST if request.method == "POST" else None
        form = ChosenForm(chosen.applications, data, pending=chosen.pending)
        if not form.is_valid():
            concerned = sum(not line.why_not for line in lines)
            return self._bulk_page(
                request,
                lines,
                form,
                title=_("Clear staged decisions"),
                concerned_heading=_("These will be cleared"),
                explained=_("Their letters go with them. The history keeps that something was staged."),
                button=ngettext("Clear %(number)s decision", "Clear %(number)s decisions", concerned),
            )

        def clear(application: Application) -> None:
            pending = chosen.pending[application.pk]
            workflow.clear(pending, by=request.user, revision=pending.revision)
            self.log_change(request, application, "Cleared what was staged.")

        done, not_done = carry_out(lines, clear)
        if done:
            told = ngettext("%(number)s decision is cleared.", "%(number)s decisions are cleared.", len(done))
            messages.success(request, told % {"number": len(done)})
        self.tell_what_was_not(request, not_done)
        return HttpResponseRedirect(self._list_url(request))

    # Asking for a review

    def bulk_ask_view(self, request: HttpRequest) -> HttpResponse:
        return self._bulk(request, lambda chosen: self._ask_many(request, chosen))

    def _ask_many(self, request: HttpRequest, chosen: Chosen) -> HttpResponse:
        lines = plan_asking(chosen, request.user)
        projects = {line.application.project for line in lines if not line.why_not}
        reviewers_of = {project: set(workflow.possible_reviewers(project)) for project in projects}
        possible = {reviewer.pk for those in reviewers_of.values() for reviewer in those} - {request.user.pk}
        form = AskManyForm(
            chosen.applications,
            get_user_model().objects.filter(pk__in=possible).order_by("username"),
            request.POST if request.method == "POST" else None,
        )
        if not form.is_valid():
            return self._ask_page(request, lines, form)
        asked = Counter()

        def ask(application: Application) -> None:
            those = [each for each in form.cleaned_data["reviewers"] if each in reviewers_of[application.project]]
            if not those:
                raise workflow.Refused("not_a_reviewer", _("None of them is named on this project."))
            newly = workflow.ask(application, those, by=request.user)
            asked["newly"] += bool(newly)
            asked["before"] += not newly
            if newly:
                self.log_change(request, application, "Asked for a review.")

        _done, not_done = carry_out(lines, ask)
        self._tell_who_was_asked(request, asked)
        self.tell_what_was_not(request, not_done)
        return HttpResponseRedirect(self._list_url(request))

    def _ask_page(self, request: HttpRequest, lines: list[Line], form: AskManyForm) -> HttpResponse:
        concerned = sum(not line.why_not for line in lines)
        nobody = concerned and not form.fields["reviewers"].queryset.exists()
        return self._bulk_page(
            request,
            lines,
            form,
            title=_("Ask for a review"),
            concerned_heading=_("You ask about these"),
            explained=_("Whoever is asked gets one letter about all of them, and finds them at the top of their list."),
            button="" if nobody else ngettext("Ask about %(number)s", "Ask about %(number)s", concerned),
            warnings=[_("Nobody else with an account is named on these projects.")] if nobody else [],
        )

    def _tell_who_was_asked(self, request: HttpRequest, asked: Counter) -> None:
        if asked["newly"]:
            told = ngettext(
                "Asked about %(number)s application. A letter tells of it in a while.",
                "Asked about %(number)s applications. One letter tells of all of them in a while.",
                asked["newly"],
            )
            messages.success(request, told % {"number": asked["newly"]})
        if asked["before"]:
            told = ngettext(
                "About %(number)s application they had been asked before.",
                "About %(number)s applications they had been asked before.",
                asked["before"],
            )
            messages.info(request, told % {"number": asked["before"]})

    # What these pages share

    def _require_change(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied

    def _bulk(self, request: HttpRequest, deed: Callable[[Chosen], HttpResponse]) -> HttpResponse:
        self._require_change(request)
        return require_http_methods(["GET", "HEAD", "POST"])(self._with_chosen)(request, deed)

    def _with_chosen(self, request: HttpRequest, deed: Callable[[Chosen], HttpResponse]) -> HttpResponse:
        said = request.POST.get("chosen", "") if request.method == "POST" else request.GET.get("ids", "")
        seen = seen_in(said) if request.method == "POST" else None
        chosen = Chosen(self.get_queryset(request), ids_in(said), seen)
        if chosen.are_too_many:
            return self._too_many(request, self._list_url(request))
        if not chosen.applications:
            messages.info(request, _("Choose some applications first."))
            return HttpResponseRedirect(self._list_url(request))
        return deed(chosen)

    def _bulk_page(self, request: HttpRequest, lines: list[Line], form: ChosenForm, **context) -> HttpResponse:
        concerned = [line for line in lines if not line.why_not]
        context["button"] = context["button"] and context["button"] % {"number": len(concerned)}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "concerned": concerned,
            "others": [line for line in lines if line.why_not],
            "list_url": self._list_url(request),
            **context,
        }
        return TemplateResponse(request, "admin/applications/application/bulk.html", context)
