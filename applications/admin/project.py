"""What the review adds to a project's page: its criteria, and accounts for its co-advisors.

The catalogue knows nothing of applications; this module is the higher layer, and puts its admin in the place of that
of `projects`.
"""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from applications import invitations, workflow
from applications.admin.remaining import RemainingPages
from applications.models import CriterionScore, Invitation
from projects.admin import ProjectAdmin, ProjectPartInline
from projects.models import CoAdvisor, Criterion, Project


class CriterionForm(forms.ModelForm):
    weight = forms.IntegerField(
        label=gettext_lazy("Weight"),
        min_value=1,
        max_value=10,
        initial=1,
        help_text=Criterion._meta.get_field("weight").help_text,
    )


class CriteriaFormSet(forms.BaseInlineFormSet):
    """None, or three to five; one that reviewers have used stays."""

    def clean(self) -> None:
        self._refuse_deleting_what_was_scored()  # first: Django would list the rows of scores
        super().clean()
        kept = [form for form in self.forms if self._is_kept(form)]
        for position, form in enumerate(kept):
            form.instance.position = position
        if kept and not Criterion.FEWEST <= len(kept) <= Criterion.MOST:
            raise ValidationError(
                ngettext(
                    "You have %(number)d criterion. Give three to five, or none.",
                    "You have %(number)d criteria. Give three to five, or none.",
                    len(kept),
                )
                % {"number": len(kept)},
                code="number_of_criteria",
            )

    def _is_kept(self, form: forms.ModelForm) -> bool:
        return not self._should_delete_form(form) and (form.instance.pk is not None or form.has_changed())

    def _refuse_deleting_what_was_scored(self) -> None:
        deleted = [form.instance.pk for form in self.forms if form.instance.pk and self._should_delete_form(form)]
        scored = CriterionScore.objects.filter(criterion__in=deleted).values_list("criterion__name", flat=True)
        if scored:
            names = ", ".join(f"“{name}”" for name in sorted(set(scored)))
            raise ValidationError(
                _(
                    "Reviewers have given scores for %(names)s already, so it cannot be deleted. You can change its "
                    "name or weight."
                )
                % {"names": names},
                code="criterion_scored",
            )


class CriterionInline(ProjectPartInline):
    """All five rows at once, so that none needs a script."""

    model = Criterion
    form = CriterionForm
    formset = CriteriaFormSet
    fields = [("name", "weight")]
    max_num = Criterion.MOST
    verbose_name_plural = gettext_lazy("Criteria by which applications are rated (three to five, or none)")

    def get_extra(self, request: HttpRequest, obj: Project | None = None, **kwargs) -> int:
        return Criterion.MOST - (obj.criteria.count() if obj else 0)


admin.site.unregister(Project)


@admin.register(Project)
class ReviewedProjectAdmin(RemainingPages, ProjectAdmin):
    """The project's page of the catalogue, with what concerns its reviewers."""

    inlines = [*ProjectAdmin.inlines, CriterionInline]

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        return [
            path(
                "<path:object_id>/invite/<int:co_advisor_pk>/", view(self.invite_view), name="projects_project_invite"
            ),
            *super().get_urls(),
        ]

    def save_related(self, request: HttpRequest, form, formsets, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        criteria = [formset for formset in formsets if formset.model is Criterion]
        if change and any(formset.has_changed() for formset in criteria):
            workflow.recalculate_scores(form.instance)

    # Accounts for co-advisors

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        context = {"co_advisor_accounts": self._co_advisor_accounts(request, object_id), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _co_advisor_accounts(self, request: HttpRequest, object_id: str) -> list[dict]:
        """Each co-advisor of the project with how far they are; nothing for people who invite nobody here."""
        own = Project.objects.supervised_by(request.user).filter(pk=object_id) if object_id.isdecimal() else ()
        if not (self.has_change_permission(request) and own):
            return []
        newest_first = Prefetch("invitations", queryset=Invitation.objects.order_by("-created_at", "-pk"))
        people = CoAdvisor.objects.filter(projects=object_id).select_related("user").prefetch_related(newest_first)
        editable = set(
            CoAdvisor.objects.editable_by(request.user).filter(projects=object_id).values_list("pk", flat=True)
        )
        return [self._account_of(person, person.pk in editable) for person in people]

    def _account_of(self, person: CoAdvisor, is_editable: bool) -> dict:
        latest = next(iter(person.invitations.all()), None)
        return {
            "person": person,
            "invitation": latest,
            "is_open": latest is not None and latest.accepted_at is None and latest.expires_at > timezone.now(),
            "is_editable": is_editable,
            "may_be_invited": person.user_id is None and bool(person.email) and is_editable,
        }

    def invite_view(self, request: HttpRequest, object_id: str, co_advisor_pk: int) -> HttpResponse:
        project = self._project_to_change(request, object_id)  # 403 and 404 come before 405
        co_advisor = project.co_advisors.filter(pk=co_advisor_pk).first()
        if co_advisor is None:
            raise Http404
        return require_POST(self._invite)(request, project, co_advisor)

    def _invite(self, request: HttpRequest, project: Project, co_advisor: CoAdvisor) -> HttpResponse:
        try:
            invitation = invitations.invite(co_advisor, project, by=request.user)
        except workflow.Refused as refused:
            messages.error(request, refused.message)
        else:
            self.log_change(request, project, f"Invited co-advisor {co_advisor.pk} to review.")
            messages.success(
                request,
                _("The invitation is on its way to %(address)s.") % {"address": invitation.email},
            )
        return self._back_to(request, project)
