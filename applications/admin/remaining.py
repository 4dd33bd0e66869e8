"""A project's page of those who still wait, for when its places are gone or one has become free."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from applications import places, workflow
from applications.admin.bulk import MOST, Chosen, ids_in
from applications.forms.bulk import ChosenForm, seen_in
from applications.models import Application, Decision, Letter
from applications.statuses import Status
from projects.admin import ProjectAdmin
from projects.models import Project


def tell_when_places_are_gone(request: HttpRequest, project_pk: int) -> None:
    """After an acceptance that a reviewer has recorded: the way to those who now wait in vain, for the supervisor."""
    project = Project.objects.supervised_by(request.user).filter(pk=project_pk).first()
    if project is None or not project.is_full() or not request.user.has_perm("projects.change_project"):
        return
    number = places.still_waiting(project).visible_to(request.user).count()
    if number:
        words = ngettext(
            "With this, all places are taken. %(number)d applicant still waits for an answer.",
            "With this, all places are taken. %(number)d applicants still wait for an answer.",
            number,
        ) % {"number": number}
        address = reverse("admin:projects_project_remaining", args=[project.pk])
        messages.info(request, format_html('{} <a href="{}">{}</a>', words, address, _("Who still waits")))


class RemainingPages(ProjectAdmin):
    """Nobody is told anything here: what is decided is staged, and told from the release page."""

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(self.remaining_view)
        return [path("<path:object_id>/remaining/", view, name="projects_project_remaining"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        context = {"still_waiting": self._number_waiting(request, object_id), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _back_to(self, request: HttpRequest, project: Project) -> HttpResponseRedirect:
        """After closing: to those who still wait, when there are some."""
        if project.closed_at is not None and self._may_decide(request) and self._waiting(request, project).exists():
            return HttpResponseRedirect(reverse("admin:projects_project_remaining", args=[project.pk]))
        return super()._back_to(request, project)

    def remaining_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        project = self._project_to_change(request, object_id)
        if not self._may_decide(request):
            raise PermissionDenied
        return require_http_methods(["GET", "HEAD", "POST"])(self._remaining)(request, project)

    # Who waits

    @staticmethod
    def _may_decide(request: HttpRequest) -> bool:
        return request.user.has_perm("applications.change_application")

    @staticmethod
    def _waiting(request: HttpRequest, project: Project) -> QuerySet[Application]:
        return places.still_waiting(project).visible_to(request.user)

    def _number_waiting(self, request: HttpRequest, object_id: str) -> int:
        """For the project's own page: how many still wait, to whoever may do something about it."""
        own = Project.objects.supervised_by(request.user).filter(pk=object_id) if object_id.isdecimal() else ()
        if not (own and self.has_change_permission(request) and self._may_decide(request)):
            return 0
        return self._waiting(request, own[0]).count()

    # The page

    def _remaining(self, request: HttpRequest, project: Project) -> HttpResponse:
        if request.method != "POST":
            return self._remaining_page(request, project)
        act = self._stage_offer if request.POST.get("action") == "offer" else self._stage_declines
        return act(request, project)

    def _remaining_page(self, request: HttpRequest, project: Project) -> HttpResponse:
        pending = Prefetch(
            "decisions", queryset=Decision.objects.pending().select_related("staged_by"), to_attr="pending_decisions"
        )
        rows = list(self._waiting(request, project).prefetch_related(pending)[: MOST + 1])
        offers = places.open_offers(project).visible_to(request.user).order_by("offer_lapses_on", "pk")
        shown, offers = rows[:MOST], list(offers)
        nobody_else_fits = places.nobody_else_fits(project)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Who still waits"),
            "subtitle": str(project),
            "project": project,
            "rows": [self._waiting_row(application) for application in shown],
            "form": ChosenForm(shown, pending={a.pk: a.pending_decisions[0] for a in shown if a.pending_decisions}),
            "is_cut": len(rows) > len(shown),
            "most": MOST,
            "waiting": self._waiting(request, project).count(),
            "offers": offers,
            "pending": sum(1 for application in shown if application.pending_decisions),
            "suggestion": self._suggestion(request, project),
            "places_to_give": places.places_to_give(project),
            "nobody_else_fits": nobody_else_fits,
            "are_ticked": self._are_ticked(request, project, bool(offers)),
            "project_url": reverse("admin:projects_project_change", args=[project.pk]),
            "release_url": reverse("admin:applications_application_release"),
        }
        return TemplateResponse(request, "admin/projects/project/remaining.html", context)

    @staticmethod
    def _waiting_row(application: Application) -> dict:
        decision = next(iter(application.pending_decisions), None)
        return {
            "application": application,
            "decision": decision,
            "may_be_chosen": decision is None or decision.is_staged,
        }

    @staticmethod
    def _are_ticked(request: HttpRequest, project: Project, offers_are_out: bool) -> bool:
        """All boxes are ticked when it is plain that nobody gets a place any more, or when asked for by the link."""
        asked = request.GET.get("tick")
        if asked in ("all", "none"):
            return asked == "all"
        return project.is_full() and not offers_are_out

    @staticmethod
    def _suggestion(request: HttpRequest, project: Project) -> Application | None:
        first = places.suggestion(project)
        return first if first and Application.objects.visible_to(request.user).filter(pk=first.pk).exists() else None

    # What is staged

    def _stage_offer(self, request: HttpRequest, project: Project) -> HttpResponse:
        first = self._suggestion(request, project)
        if first is None or str(first.pk) != request.POST.get("application"):
            messages.error(request, _("Nothing was staged: the places or the waiting list have changed meanwhile."))
            return self._to_this_page(project)
        try:
            workflow.stage(first, Status.OFFERED, by=request.user)
        except (workflow.Refused, Application.DoesNotExist) as refused:
            messages.error(request, getattr(refused, "message", _("This application was erased meanwhile.")))
            return self._to_this_page(project)
        self.log_change(request, first, "Staged: offered.")
        messages.success(
            request,
            _("An offer to %(name)s is staged. The student is told when you release it.") % {"name": first.full_name},
        )
        return self._to_release_page()

    def _stage_declines(self, request: HttpRequest, project: Project) -> HttpResponse:
        """Stage the letter “The project is filled” for those who are ticked, as far as they still wait here."""
        if not places.nobody_else_fits(project):
            messages.error(
                request,
                _("Nothing was staged: places are free and the project is open, so the letter would not be true."),
            )
            return self._to_this_page(project)
        ticked = ids_in(",".join(request.POST.getlist("application")))
        chosen = Chosen(self._waiting(request, project), ticked, seen_in(request.POST.get("chosen", "")))
        if not chosen.applications:
            messages.error(request, _("Please tick at least one applicant who still waits."))
            return self._to_this_page(project)
        staged = [
            application for application in chosen.applications if self._stage_decline(request, application, chosen)
        ]
        if not staged:
            return self._to_this_page(project)
        messages.success(
            request,
            ngettext(
                "%(number)d letter “The project is filled” is staged. Nobody is told before you release it.",
                "%(number)d letters “The project is filled” are staged. Nobody is told before you release them.",
                len(staged),
            )
            % {"number": len(staged)},
        )
        return self._to_release_page()

    def _stage_decline(self, request: HttpRequest, application: Application, chosen: Chosen) -> bool:
        seen_status = chosen.seen_status(application)
        try:
            if chosen.was_staged_unseen(application):
                raise workflow.Refused("changed", _("A decision was staged since you looked."))
            workflow.stage(
                application, Status.DECLINED, by=request.user, kind=Letter.Kind.FILLED, seen_status=seen_status
            )
        except Application.DoesNotExist:
            return False
        except workflow.Refused as refused:
            messages.warning(request, f"{application.full_name} ({application.reference}): {refused.message}")
            return False
        self.log_change(request, application, "Staged: declined, the project is filled.")
        return True

    @staticmethod
    def _to_this_page(project: Project) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:projects_project_remaining", args=[project.pk]))

    @staticmethod
    def _to_release_page() -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:applications_application_release"))
