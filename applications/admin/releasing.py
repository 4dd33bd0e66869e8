"""The release page: what is staged, letter by letter; what is on its way; what was dropped.

Nothing is ticked until somebody ticks it: what is released leaves, so sending is what needs a deed, not sparing. The
letter in the row is the letter that goes out: who has typed a personal line is shown the new letter before it leaves.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from applications import letters, workflow
from applications.admin.deciding import DecisionPages, wording_as_shown
from applications.forms import PersonalLineField
from applications.forms.bulk import is_key
from applications.models import Application, Decision, Letter, QuestionAnswer
from applications.statuses import Status

ROWS = 100  # a page; each posts four fields, and Django takes 500 of them
DROPPED_DAYS = 30

SILENT = "silent"  # the group of those who are told nothing
# What the letters tell, in the order of the page: the heading of a group, and how it is counted.
GROUPS = {
    Letter.Kind.OFFERED: (gettext_lazy("Offer"), ngettext_lazy("%d offer", "%d offers")),
    Letter.Kind.ACCEPTED: (gettext_lazy("Acceptance"), ngettext_lazy("%d acceptance", "%d acceptances")),
    Letter.Kind.INTERVIEW: (gettext_lazy("Interview"), ngettext_lazy("%d interview", "%d interviews")),
    Letter.Kind.WAITLISTED: (
        gettext_lazy("Waiting list"),
        ngettext_lazy("%d for the waiting list", "%d for the waiting list"),
    ),
    Letter.Kind.REOPENED: (gettext_lazy("Reopened"), ngettext_lazy("%d reopened", "%d reopened")),
    Letter.Kind.DECLINED: (gettext_lazy("Decline"), ngettext_lazy("%d decline", "%d declines")),
    Letter.Kind.FILLED: (
        gettext_lazy("The project is filled"),
        ngettext_lazy("%d that the project is filled", "%d that the project is filled"),
    ),
    Letter.Kind.WITHDRAWN: (gettext_lazy("Withdrawal"), ngettext_lazy("%d withdrawal", "%d withdrawals")),
    SILENT: (gettext_lazy("Without a letter"), ngettext_lazy("%d without a letter", "%d without a letter")),
}


def in_groups(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """In the order of the page: by what they tell, within it by project and name. Knows `group` of each."""
    kinds = [kind for kind in GROUPS if kind != SILENT]
    told = [When(letter_kind=kind, letter_body__isnull=False, then=Value(str(kind))) for kind in kinds]
    rank = [When(group=kind, then=Value(number)) for number, kind in enumerate(GROUPS)]
    return (
        decisions.annotate(group=Case(*told, default=Value(SILENT)))
        .annotate(rank=Case(*rank, default=Value(len(GROUPS))), idea_title=QuestionAnswer.idea_title("application"))
        .order_by("rank", "application__project__title", "application__project_id", "application__full_name", "pk")
    )


@dataclasses.dataclass
class Row:
    """A staged decision as the page shows it."""

    decision: Decision
    letter: letters.Wording | None  # exactly as it goes out
    obstacle: str  # why it cannot be released; empty when it can
    warning: str
    is_ticked: bool
    is_open: bool
    shown_line: str  # as it is stored, for people's eyes
    line: str  # in the box: the same, or what somebody typed and cannot be kept
    error: str

    @property
    def application(self) -> Application:
        return self.decision.application


@dataclasses.dataclass
class Typed:
    """What came with a POST of the page: ticks, the revisions that were read, and the personal lines, by decision."""

    decisions: dict[int, Decision]  # those of them that this reviewer may see, whatever has become of them
    ticked: list[int]
    missing: int  # how many ticked ones are not there (any more)
    revisions: dict[int, int]
    lines: dict[int, str]  # only those that are not what stood there: who touched nothing has typed nothing
    errors: dict[int, str] = dataclasses.field(default_factory=dict)

    @property
    def ticked_decisions(self) -> list[Decision]:
        return [self.decisions[pk] for pk in self.ticked]


class ReleasePages(DecisionPages):
    def get_urls(self):
        return [
            self.page("release/", self.release_view, "release"),
            self.page("<int:pk>/call-back/", self.call_back_view, "call_back"),
            *super().get_urls(),
        ]

    def release_view(self, request: HttpRequest) -> HttpResponse:
        """GET lists what is staged, on its way and dropped; POST does with the ticked ones what `action` says."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        return require_http_methods(["GET", "HEAD", "POST"])(self._release)(request)

    def _release(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return self._release_page(request)
        action = request.POST.get("action", "save")
        if action in ("call_back", "call_back_all"):
            return self._call_back_ticked(request, "decision" if action == "call_back" else "on_their_way")
        typed = self._typed(request)
        saved = self._save_lines(request, typed)
        if typed.errors:
            return self._release_page(request, typed)
        if action == "release":
            return self._release_unless_letters_changed(request, typed, saved)
        if action == "clear":
            return self._clear_ticked(request, typed)
        if saved:
            messages.success(
                request,
                ngettext("%d personal line is saved.", "%d personal lines are saved.", len(saved)) % len(saved),
            )
        ticks = action.removeprefix("tick:") if action.startswith("tick:") else joined(typed.ticked)
        return self._release_page_again(request, ticks, opened="all" if action == "open" else "")

    def _release_page_again(self, request: HttpRequest, ticks: str = "", *, opened: str = "") -> HttpResponse:
        """The page again, on the same leaf; `ticks` and `opened` say which rows are ticked and which letters open."""
        query = QueryDict(mutable=True)
        if request.GET.get("page", "").isdecimal():
            query["page"] = request.GET["page"]
        if ticks:
            query["tick"] = ticks
        if opened:
            query["letters"] = opened
        address = reverse("admin:applications_application_release")
        return HttpResponseRedirect(f"{address}?{query.urlencode(safe=',')}" if query else address)

    # What was posted

    def _typed(self, request: HttpRequest) -> Typed:
        lines = dict(_numbered(request.POST, "personal_"))
        shown = dict(_numbered(request.POST, "shown_"))
        ticked = [int(value) for value in request.POST.getlist("decision") if is_key(value)][: ROWS * 2]
        visible = (
            self._visible_decisions(request).filter(pk__in={*ticked, *lines}).select_related("application__project")
        )
        decisions = {decision.pk: decision for decision in in_groups(visible)}
        return Typed(
            decisions=decisions,
            ticked=[pk for pk in decisions if pk in ticked],
            missing=len(set(ticked) - set(decisions)),
            revisions={pk: int(value) for pk, value in _numbered(request.POST, "revision_") if is_key(value)},
            lines={pk: value for pk, value in lines.items() if pk in decisions and value != shown.get(pk)},
        )

    @staticmethod
    def _visible_decisions(request: HttpRequest) -> QuerySet[Decision]:
        return Decision.objects.visible_to(request.user)

    def _save_lines(self, request: HttpRequest, typed: Typed) -> set[int]:
        """Keep the personal lines that differ from the stored ones; returns of which decisions."""
        saved = set()
        for pk, text in typed.lines.items():
            decision = typed.decisions[pk]
            if not (decision.is_staged and decision.tells_the_student):
                continue
            try:
                line = PersonalLineField().clean(text)
                if line != PersonalLineField().clean(letters.as_shown(decision.personal_line)):
                    typed.decisions[pk] = self._save_line(request, decision, line, typed.revisions.get(pk, 0))
                    typed.revisions[pk] = typed.decisions[pk].revision
                    saved.add(pk)
            except ValidationError as error:
                typed.errors[pk] = " ".join(error.messages)
            except workflow.Refused as refused:
                if refused.code == "changed":  # keep what was typed; of the others there is nothing to keep it for
                    typed.errors[pk] = _why_line_is_not_saved(decision)
        return saved

    def _save_line(self, request: HttpRequest, decision: Decision, line: str, revision: int) -> Decision:
        stored = letters.Wording(decision.letter_subject, decision.letter_body)
        edited = workflow.edit_staged(
            decision, by=request.user, revision=revision, letter=stored, personal_line=line, reason=None
        )
        self.log_change(request, decision.application, "Changed the personal line of what is staged.")
        return edited

    # Releasing

    def _release_unless_letters_changed(self, request: HttpRequest, typed: Typed, saved: set[int]) -> HttpResponse:
        changed = saved & set(typed.ticked)
        if changed:
            words = ngettext(
                "Please look once more: %d letter has changed by its personal line. Nothing has left yet.",
                "Please look once more: %d letters have changed by their personal lines. Nothing has left yet.",
                len(changed),
            )
            messages.warning(request, words % len(changed))
            return self._release_page_again(request, joined(typed.ticked), opened=joined(changed))
        if not typed.ticked and not typed.missing:
            messages.warning(request, _("Nothing was released: nothing was ticked."))
            return self._release_page_again(request)
        released, refusals = [], Refusals(typed.missing)
        for decision in typed.ticked_decisions:
            with refusals.collected(decision):
                released.append(
                    workflow.release(decision, by=request.user, revision=typed.revisions.get(decision.pk, 0))
                )
                self.log_change(request, decision.application, f"Released: {decision.to_status}.")
        self._tell_what_leaves(request, released)
        refusals.tell(request, _("Not released"))
        return self._release_page_again(request)

    @staticmethod
    def _tell_what_leaves(request: HttpRequest, released: list[Decision]) -> None:
        telling = sum(decision.tells_the_student for decision in released)
        silent = len(released) - telling
        if not released:
            return
        words = []
        if released[0].applied_at is not None:
            if telling:
                words.append(ngettext("%d letter leaves now.", "%d letters leave now.", telling) % telling)
            if silent:
                told = ngettext("%d decision holds now.", "%d decisions hold now.", silent)
                words.append(told % silent + " " + _("No letter tells of it."))
        else:
            moment = clock(max(decision.effective_at for decision in released))
            if telling:
                told = ngettext("%(n)d letter leaves at %(when)s.", "%(n)d letters leave at %(when)s.", telling)
                words.append(told % {"n": telling, "when": moment})
            if silent:
                told = ngettext(
                    "%(n)d decision without a letter holds from %(when)s.",
                    "%(n)d decisions without a letter hold from %(when)s.",
                    silent,
                )
                words.append(told % {"n": silent, "when": moment})
            words.append(
                ngettext("Until then you can call it back.", "Until then you can call them back.", len(released))
            )
        messages.success(request, " ".join(words))

    # Clearing and calling back

    def _clear_ticked(self, request: HttpRequest, typed: Typed) -> HttpResponse:
        cleared, refusals = [], Refusals(typed.missing)
        for decision in typed.ticked_decisions:
            with refusals.collected(decision):
                if not decision.is_staged:
                    raise workflow.Refused("not_staged", _("It is no longer staged: it was released or dropped."))
                workflow.clear(decision, by=request.user, revision=typed.revisions.get(decision.pk))
                self.log_change(request, decision.application, f"Cleared what was staged: {decision.to_status}.")
                cleared.append(decision)
        if cleared:
            words = _("Cleared: %(names)s. These students were told nothing.")
            messages.success(request, words % {"names": names_of(cleared)})
        elif not typed.ticked and not typed.missing:
            messages.warning(request, _("Nothing was cleared: nothing was ticked."))
        refusals.tell(request, _("Not cleared"))
        return self._release_page_again(request)

    def _call_back_ticked(self, request: HttpRequest, name: str) -> HttpResponse:
        keys = {int(value) for value in request.POST.getlist(name) if is_key(value)}
        decisions = list(
            in_groups(self._visible_decisions(request).filter(pk__in=keys)).select_related("application__project")
        )
        called, refusals = [], Refusals(len(keys) - len(decisions))
        for decision in decisions:
            with refusals.collected(decision):
                workflow.call_back(decision, by=request.user)
                self.log_change(request, decision.application, f"Called back: {decision.to_status}.")
                called.append(decision)
        if called:
            words = _("Called back: %(names)s. Nothing was told; it is staged again.")
            messages.success(request, words % {"names": names_of(called)})
        elif not keys:
            messages.warning(request, _("Nothing was called back: nothing was ticked."))
        refusals.tell(request, _("Not called back"))
        return self._release_page_again(request)

    def call_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        application = self._application(request, pk, to_change=True)  # 403 and 404 come before 405
        return require_POST(self._call_back)(request, application)

    def _call_back(self, request: HttpRequest, application: Application) -> HttpResponse:
        decision = application.decisions.on_their_way().first()
        if decision is None:
            messages.error(request, _("Nothing is on its way to this student that could be called back."))
            return self._return_to(request, application)
        try:
            workflow.call_back(decision, by=request.user)
        except workflow.Refused as refused:
            messages.error(request, refused.message)
            return self._return_to(request, application)
        self.log_change(request, application, f"Called back: {decision.to_status}.")
        words = _("Called back: %(names)s. Nothing was told; it is staged again.")
        messages.success(request, words % {"names": names_of([decision])})
        return self._return_to(request, application)

    # The page

    def _release_page(self, request: HttpRequest, typed: Typed | None = None) -> HttpResponse:
        staged = self._visible_decisions(request).staged()
        page = Paginator(in_groups(staged).select_related("application__project", "staged_by"), ROWS).get_page(
            request.GET.get("page")
        )
        counts = dict(in_groups(staged).order_by().values_list("group").annotate(Count("pk")))
        on_their_way = (
            self._visible_decisions(request).on_their_way().select_related("application__project", "released_by")
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Release"),
            "page": page,
            "groups": list(_grouped(self._release_rows(request, page, typed), counts)),
            "summary": summary(counts),
            "staged_count": page.paginator.count,
            "on_their_way": list(on_their_way.order_by("effective_at", "pk")[:ROWS]),
            "on_their_way_count": on_their_way.count(),
            "dropped": list(self._dropped_lately(request)),
            "dropped_days": DROPPED_DAYS,
            "delay": settings.RELEASE_DELAY,
            "late": timezone.now() - datetime.timedelta(minutes=2),
            "list_url": reverse("admin:applications_application_changelist"),
            "release_url": reverse("admin:applications_application_release"),
        }
        return TemplateResponse(request, "admin/applications/application/release.html", context)

    def _release_rows(self, request: HttpRequest, page: Page, typed: Typed | None) -> Iterator[Row]:
        decisions = list(page)
        ticks = {str(pk) for pk in typed.ticked} if typed else set(request.GET.get("tick", "").split(","))
        opened = set(request.GET.get("letters", "").split(","))
        offers = Offers(decisions)
        for decision in decisions:
            error = typed.errors.get(decision.pk, "") if typed else ""
            obstacle = why_not_released(decision)
            yield Row(
                decision=decision,
                letter=wording_as_shown(workflow.letter_of(decision)),
                obstacle=obstacle,
                warning=offers.warning(decision),
                is_ticked=not obstacle and bool(ticks & {"all", decision.group, str(decision.pk)}),
                is_open=bool(error) or bool(opened & {"all", str(decision.pk)}),
                shown_line=letters.as_shown(decision.personal_line),
                line=typed.lines[decision.pk] if error else letters.as_shown(decision.personal_line),
                error=error,
            )

    def _dropped_lately(self, request: HttpRequest) -> QuerySet[Decision]:
        """Decisions that came to nothing lately, newest first, so that nobody is forgotten."""
        since = timezone.now() - datetime.timedelta(days=DROPPED_DAYS)
        dropped = self._visible_decisions(request).filter(dropped_at__gte=since).select_related("application__project")
        return dropped.order_by("-dropped_at", "-pk")[:ROWS]


def _grouped(rows: Iterable[Row], counts: dict[str, int]) -> Iterator[dict]:
    """The rows of the page under their headings, with how many each group has on all pages together."""
    by_group: dict[str, list[Row]] = {}
    for row in rows:
        by_group.setdefault(row.decision.group, []).append(row)
    for group, members in by_group.items():
        yield {"name": group, "heading": GROUPS[group][0], "count": counts.get(group, len(members)), "rows": members}


def summary(counts: dict[str, int]) -> str:
    """`12 letters: 1 offer, 3 interviews, 8 declines; 2 without a letter`."""
    telling = {group: number for group, number in counts.items() if group != SILENT}
    parts = [GROUPS[group][1] % telling[group] for group in GROUPS if group in telling]
    number = sum(telling.values())
    words = []
    if number:
        words.append(ngettext("%d letter", "%d letters", number) % number + ": " + ", ".join(parts))
    if counts.get(SILENT):
        words.append(GROUPS[SILENT][1] % counts[SILENT])
    return "; ".join(words)


def why_not_released(decision: Decision) -> str:
    """What stands against releasing it now, for its row; `workflow.release` and `apply_due` ask again."""
    application = decision.application
    if application.status != decision.from_status:
        status = application.get_status_display()
        return _("Not possible any more: the status is “%(status)s” by now.") % {"status": status}
    try:
        workflow.refuse_what_is_not_true_any_more(decision)
    except workflow.Refused as refused:
        return refused.message
    return ""


def _why_line_is_not_saved(decision: Decision) -> str:
    """When a colleague has edited the letter in the meantime: with the line that stands there now."""
    why = _("The letter was changed since you looked at it. Your line is not saved yet.")
    if not decision.personal_line:
        return why
    now = _("The line that stands there now, and that yours would replace: “%(line)s”")
    return f"{why} {now % {'line': letters.as_shown(decision.personal_line)}}"


class Offers:
    """Whether there are places for all the offers of a project: those that wait for an answer, and those to come."""

    def __init__(self, decisions: list[Decision]) -> None:
        projects = {decision.application.project_id for decision in decisions}
        waiting = Application.objects.filter(project__in=projects, status=Status.OFFERED)
        to_come = Decision.objects.pending().filter(application__project__in=projects, to_status=Status.OFFERED)
        self.waiting = dict(waiting.order_by().values_list("project").annotate(Count("pk")))
        self.to_come = dict(to_come.order_by().values_list("application__project").annotate(Count("pk")))

    def warning(self, decision: Decision) -> str:
        free = decision.application.project.places_free
        if decision.to_status != Status.OFFERED or free is None:
            return ""
        project = decision.application.project_id
        waiting, to_come = self.waiting.get(project, 0), self.to_come.get(project, 0)
        if waiting + to_come <= free:
            return ""
        words = ngettext(
            "More offers than places: with this one %(offers)d in all, and %(free)d place is free.",
            "More offers than places: with this one %(offers)d in all, and %(free)d places are free.",
            free,
        )
        return words % {"offers": waiting + to_come, "free": free}


class Refusals:
    """Collects what could not be done, and tells it in one sentence for each reason, with names."""

    def __init__(self, missing: int = 0) -> None:
        self.missing = missing
        self.by_reason: dict[str, list[Decision]] = {}
        self.decision: Decision | None = None

    def collected(self, decision: Decision) -> "Refusals":
        self.decision = decision
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, traceback) -> bool:
        if isinstance(error, workflow.Refused):
            self.by_reason.setdefault(error.message, []).append(self.decision)
        elif isinstance(error, Application.DoesNotExist):  # erased between the look and the deed
            self.missing += 1
        return isinstance(error, workflow.Refused | Application.DoesNotExist)

    def tell(self, request: HttpRequest, what: str) -> None:
        for reason, decisions in self.by_reason.items():
            messages.error(request, f"{what}: {names_of(decisions)}. {reason}")
        if self.missing:
            words = ngettext(
                "%d ticked decision is not there any more: it was cleared or replaced in the meantime.",
                "%d ticked decisions are not there any more: they were cleared or replaced in the meantime.",
                self.missing,
            )
            messages.error(request, f"{what}: {words % self.missing}")


def names_of(decisions: Iterable[Decision]) -> str:
    return ", ".join(f"{d.application.full_name} ({d.application.reference})" for d in decisions)


def joined(keys: Iterable[int]) -> str:
    return ",".join(str(key) for key in keys)


def clock(moment: datetime.datetime) -> str:
    """`14:32` today, else with the day."""
    moment = timezone.localtime(moment)
    if moment.date() == timezone.localdate():
        return time_format(moment, "TIME_FORMAT")
    return date_format(moment, "SHORT_DATETIME_FORMAT")


def _numbered(data: QueryDict, prefix: str) -> Iterator[tuple[int, str]]:
    """`personal_12=...` as (12, "...")."""
    for name in data:
        number = name.removeprefix(prefix)
        if number != name and is_key(number):
            yield int(number), data[name]
