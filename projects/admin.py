"""The catalogue in the admin. Groups say what a person may do, `visible_to` and `supervised_by` say with which rows."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Exists, ManyToManyField, Max, Model, OuterRef, Q, QuerySet, URLField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_POST

from projects.models import CoAdvisor, HomePage, Project, Question, Topic

LONGEST_NUMBER = 18  # digits of what each database can count to


class RestrictedAdmin(admin.ModelAdmin):
    """An admin in which people have some of the rows: `get_queryset` says which.

    Without the model's permission every address answers 403, with it a row that is missing or not theirs answers 404.
    Django asks the permissions of the row itself in its own views; `visible_object` does it for added ones.
    """

    show_full_result_count = False  # a second count of the whole table on every filtered page
    show_facets = admin.ShowFacets.NEVER  # counts on request would be one more control that nobody asked for

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)  # in place of "Select ... to change"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What is typed into the address does not reach a database that it would be a fault for."""
        is_too_long = value.isdecimal() and len(value) > LONGEST_NUMBER
        return not is_too_long and "\0" not in value and super().lookup_allowed(lookup, value, request)

    def visible_object(self, request: HttpRequest, object_id: str) -> Model:
        """The row of an added view, when this person may see it. Ask for more than seeing with `has_*_permission`."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        return obj

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):  # Django looks for the row first, and so tells if it exists
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts, object_id: str):
        raise Http404


class RecordAdmin(RestrictedAdmin):
    """A record of what has happened, to be looked at: nobody adds, changes or removes a line of it here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


def active_staff(*, or_user: int | None) -> QuerySet:
    """Users who may be given work here, and the one who has it already, so that the form can be saved unchanged."""
    return get_user_model().objects.filter(Q(is_active=True, is_staff=True) | Q(pk=or_user)).order_by("username")


@admin.register(HomePage)
class HomePageAdmin(RestrictedAdmin):
    """One row: the list leads straight to it, or to adding it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not HomePage.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: HomePage | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        page = HomePage.objects.first()
        if page is not None:
            return HttpResponseRedirect(reverse("admin:projects_homepage_change", args=[page.pk]))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:projects_homepage_add"))
        return super().changelist_view(request, extra_context)

    def view_on_site(self, obj: HomePage) -> str:
        return reverse("projects:catalogue")


@admin.register(Topic)
class TopicAdmin(RestrictedAdmin):
    list_display = ["name", "position", "published_projects"]
    ordering = ["position", "name"]  # said here, too, because counting drops the model's
    search_fields = ["name"]
    fields = ["name", "slug", "position"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        published = Count("projects", filter=Q(projects__is_published=True))
        return super().get_queryset(request).annotate(published_count=published)

    @admin.display(description=gettext_lazy("published projects"), ordering="published_count")
    def published_projects(self, topic: Topic) -> int:
        return topic.published_count

    def get_changeform_initial_data(self, request: HttpRequest) -> dict:
        """A new topic stands last until somebody says otherwise."""
        last = Topic.objects.aggregate(last=Max("position"))["last"]
        return {"position": 0 if last is None else last + 1, **super().get_changeform_initial_data(request)}

    def view_on_site(self, obj: Topic) -> str:
        return reverse("projects:catalogue", query={"topic": obj.slug})

    # Students' own ideas

    def render_change_form(self, request: HttpRequest, context: dict, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            context |= self._own_ideas(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    @staticmethod
    def _own_ideas(request: HttpRequest, topic: Topic) -> dict:
        """The projects under this topic to which students bring an idea of their own, and the way to one more."""
        own = Project.objects.visible_to(request.user)
        ideas = topic.projects.filter(is_own_idea=True).annotate(is_seen=Exists(own.filter(pk=OuterRef("pk"))))
        new_idea_url = ""
        if request.user.has_perm("projects.add_project"):
            beginning = {"topic": topic.pk, "is_own_idea": "1", "title": _("Your own idea")}
            new_idea_url = reverse("admin:projects_project_add", query=beginning)
        return {"ideas": ideas.filter(Q(is_seen=True) | Q(is_published=True)), "new_idea_url": new_idea_url}


class CoAdvisorForm(forms.ModelForm):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            self.fields["user"].queryset = active_staff(or_user=self.instance.user_id)


@admin.register(CoAdvisor)
class CoAdvisorAdmin(RestrictedAdmin):
    """Everybody may look a person up, to name them; who may change an entry is `CoAdvisor.objects.editable_by`."""

    form = CoAdvisorForm
    list_display = ["name", "email", "user"]
    list_select_related = ["user"]
    search_fields = ["name", "email"]
    readonly_fields = ["account"]

    def has_change_permission(self, request: HttpRequest, obj: CoAdvisor | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_editable(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: CoAdvisor | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_editable(request, obj)

    def _is_editable(self, request: HttpRequest, obj: CoAdvisor | None) -> bool:
        return obj is None or CoAdvisor.objects.editable_by(request.user).filter(pk=obj.pk).exists()

    def get_fields(self, request: HttpRequest, obj: CoAdvisor | None = None) -> list[str]:
        # The account gives the right to read applications, so no supervisor hands it out.
        if request.user.is_superuser:
            return ["name", "email", "user"]
        return ["name", "email"] if obj is None else ["name", "email", "account"]

    @admin.display(description=gettext_lazy("account"))
    def account(self, person: CoAdvisor) -> str:
        return person.user.get_username() if person.user else pgettext("account", "None")


class ProjectForm(forms.ModelForm):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if "supervisor" in self.fields:
            self.fields["supervisor"].queryset = active_staff(or_user=self.instance.supervisor_id)

    def clean_places(self) -> int | None:
        places = self.cleaned_data["places"]
        # The database's own check never reaches a form in which places_taken is no field.
        if places is not None and places < self.instance.places_taken:
            raise ValidationError(
                _("Already taken: %(taken)d. Take an acceptance back first, or offer at least as many places.")
                % {"taken": self.instance.places_taken},
                code="fewer_places_than_taken",
            )
        return places


class ProjectPartInline(admin.StackedInline):
    """Rows that belong to a project: whoever may change the project may change them, whoever sees it sees them.

    Stacked, because the rows of a table have no labels; with a few empty rows, so that no script is needed.
    """

    classes = ["collapse"]

    def has_view_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return request.user.has_perm("projects.view_project")

    def has_add_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return self._may_change(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return self._may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return self._may_change(request, obj)

    def _may_change(self, request: HttpRequest, obj: Project | None) -> bool:
        if obj is None:
            return request.user.has_perm("projects.add_project")
        is_theirs = Project.objects.supervised_by(request.user).filter(pk=obj.pk).exists()
        return request.user.has_perm("projects.change_project") and is_theirs


class QuestionForm(forms.ModelForm):
    position = forms.IntegerField(
        label=gettext_lazy("Order"),
        min_value=0,
        max_value=999,
        required=False,
        help_text=gettext_lazy("Lower numbers are asked first. Empty: last."),
    )

    class Meta:
        model = Question
        fields = ["prompt", "hint", "kind", "options", "is_required", "position", "is_retired"]
        help_texts = {"is_retired": gettext_lazy("It leaves the form; the answers that were given to it stay.")}
        error_messages = {
            "prompt": {"required": gettext_lazy("What would you like to ask? To ask nothing here, empty the row.")},
            NON_FIELD_ERRORS: {"unique_together": gettext_lazy("This project asks that already.")},
        }
        widgets = {
            "prompt": forms.TextInput(attrs={"class": "vTextField"}),
            "options": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        }


class QuestionFormSet(forms.BaseInlineFormSet):
    """At most so many that a student is not worn out; each once; in the order of their numbers."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if self._is_kept(form)]
        self._put_those_without_number_last(kept)
        asked = sum(not form.cleaned_data.get("is_retired") for form in kept)
        if asked > Question.MOST:
            raise ValidationError(
                ngettext(
                    "You ask %(number)d question. Ask at most %(most)d, so that students answer them well.",
                    "You ask %(number)d questions. Ask at most %(most)d, so that students answer them well.",
                    asked,
                )
                % {"number": asked, "most": Question.MOST},
                code="too_many_questions",
            )

    def _is_kept(self, form: forms.ModelForm) -> bool:
        is_there = form.instance.pk is not None or form.has_changed()
        return is_there and form.is_valid() and not self._should_delete_form(form)

    @staticmethod
    def _put_those_without_number_last(kept: list[forms.ModelForm]) -> None:
        last = max((form.cleaned_data["position"] or 0 for form in kept), default=0)
        for form in kept:
            if form.cleaned_data["position"] is None:
                last += 1
                form.instance.position = last

    def get_unique_error_message(self, unique_check) -> str:
        return _("The same question is asked twice. Please change or delete one of the two.")

    def get_form_error(self) -> str:
        return _("This question stands here already.")


class QuestionInline(ProjectPartInline):
    """What students are asked beside the questions of every form. Three empty rows at a time."""

    model = Question
    form = QuestionForm
    formset = QuestionFormSet
    fields = ["prompt", "hint", ("kind", "position"), "options", ("is_required", "is_retired")]
    verbose_name_plural = gettext_lazy("Questions of your own to students (beside those that everybody is asked)")

    EMPTY_ROWS = 3

    def get_extra(self, request: HttpRequest, obj: Project | None = None, **kwargs) -> int:
        return max(min(self.EMPTY_ROWS, Question.MOST - self._number(obj, is_retired=False)), 0)

    def get_max_num(self, request: HttpRequest, obj: Project | None = None, **kwargs) -> int:
        """Those that are no longer asked do not count; only clean() knows which these will be."""
        return Question.MOST + self._number(obj, is_retired=True)

    @staticmethod
    def _number(obj: Project | None, *, is_retired: bool) -> int:
        return obj.questions.filter(is_retired=is_retired).count() if obj else 0


@admin.register(Project)
class ProjectAdmin(RestrictedAdmin):
    """Seen by those whom the project names, changed by its supervisor, closed and reopened by buttons."""

    form = ProjectForm
    list_display = ["title", "topic", "supervised_by", "availability", "places_shown", "deadline", "is_published"]
    list_select_related = ["topic", "supervisor"]
    list_filter = [("topic", admin.RelatedOnlyFieldListFilter), "is_published"]
    search_fields = ["title", "tags", "co_advisors__name"]
    formfield_overrides = {
        URLField: {"assume_scheme": "https"},
        ManyToManyField: {"widget": forms.CheckboxSelectMultiple},  # no Control key to hold, no name lost by one click
    }
    readonly_fields = ["supervised_by", "places_taken", "availability"]
    inlines = [QuestionInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    *("title", "topic", "supervisor", "supervised_by", "co_advisors"),
                    *("description", "proposal_url", "tags"),
                ]
            },
        ),
        (
            gettext_lazy("Applications"),
            {
                "fields": [
                    *("is_published", "opens_on", "deadline", "places", "places_taken", "availability"),
                    "is_own_idea",
                ]
            },
        ),
        (gettext_lazy("Address and order"), {"fields": ["slug", "position"], "classes": ["collapse"]}),
    ]

    # Who may do what with which project

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        return super().get_queryset(request).visible_to(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_supervised(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_supervised(request, obj)

    def _is_supervised(self, request: HttpRequest, obj: Project | None) -> bool:
        return obj is None or Project.objects.supervised_by(request.user).filter(pk=obj.pk).exists()

    # The form

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Project | None:
        """While a form is saved, nobody else takes a place of this project or closes it in between."""
        project = super().get_object(request, object_id, from_field)
        if project is not None and request.method == "POST" and transaction.get_connection().in_atomic_block:
            project = self.get_queryset(request).select_for_update(of=("self",)).filter(pk=project.pk).first()
        return project

    def get_fieldsets(self, request: HttpRequest, obj: Project | None = None) -> list:
        """A new project has nothing calculated yet; only superusers choose who supervises."""
        hidden = {"supervised_by"} if request.user.is_superuser else {"supervisor"}
        if obj is None:
            hidden |= set(self.readonly_fields)
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in self.fieldsets
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict:
        return {"supervisor": request.user.pk, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Project, form: forms.ModelForm, change: bool) -> None:
        if not change:
            if not request.user.is_superuser:
                obj.supervisor = request.user
            obj.save()
            return
        # Only what the form shows: places_taken and closed_at are kept by others.
        columns = {field.name for field in Project._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.cleaned_data if name in columns])

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: list, change: bool) -> None:
        """After the questions of the form, so that those that the supervisor wrote take the place of ours."""
        super().save_related(request, form, formsets, change)
        if form.instance.is_own_idea and "is_own_idea" in form.changed_data:
            form.instance.ask_for_idea()

    def get_inline_formsets(self, request: HttpRequest, formsets, inline_instances, obj=None, **kwargs):
        """A section with an error stands open: Django looks at the rows, not at what concerns them all."""
        shown = super().get_inline_formsets(request, formsets, inline_instances, obj, **kwargs)
        for section in shown:
            if section.formset.is_bound and section.formset.non_form_errors():
                section.classes = ""
        return shown

    def view_on_site(self, obj: Project) -> str | None:
        return obj.get_absolute_url() if obj.is_published else None

    # The list

    @admin.display(description=gettext_lazy("supervisor"), ordering="supervisor__username")
    def supervised_by(self, project: Project) -> str:
        if project.supervisor is None:
            return _("Nobody yet")
        return project.supervisor.get_full_name() or project.supervisor.get_username()

    @admin.display(description=gettext_lazy("availability"))
    def availability(self, project: Project) -> str:
        return project.availability().label

    @admin.display(description=gettext_lazy("places taken"), ordering="places")
    def places_shown(self, project: Project) -> str:
        if project.places is None:
            return _("%(taken)d, no limit") % {"taken": project.places_taken}
        return _("%(taken)d of %(places)d") % {"taken": project.places_taken, "places": project.places}

    # Closing and reopening

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/close/", view(self.close_view), name="projects_project_close"),
            path("<path:object_id>/reopen/", view(self.reopen_view), name="projects_project_reopen"),
            *super().get_urls(),
        ]

    def close_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self._project_to_change(request, object_id)  # 403 and 404 come before 405
        return require_POST(self._close)(request, object_id)

    def _close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        with transaction.atomic():
            project = self._project_to_change(request, object_id)
            if project.closed_at is None:
                project.closed_at = timezone.now()
                project.save(update_fields=["closed_at"])
                self.log_change(request, project, _("Closed for applications."))
        messages.success(request, _("“%(project)s” is closed for applications.") % {"project": project})
        return self._back_to(request, project)

    def reopen_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self._project_to_change(request, object_id)
        return require_POST(self._reopen)(request, object_id)

    def _reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        with transaction.atomic():
            project = self._project_to_change(request, object_id)
            if project.closed_at is not None:
                project.closed_at = None
                project.save(update_fields=["closed_at"])
                self.log_change(request, project, _("Reopened."))
        if project.is_open():
            messages.success(request, _("“%(project)s” is open for applications.") % {"project": project})
        else:
            obstacle = project.availability().label if project.is_published else _("Not published")
            messages.warning(
                request,
                _("“%(project)s” is no longer closed, but takes no applications yet: %(obstacle)s.")
                % {"project": project, "obstacle": obstacle},
            )
        return self._back_to(request, project)

    def _project_to_change(self, request: HttpRequest, object_id: str) -> Project:
        project = self.visible_object(request, object_id)
        if not self.has_change_permission(request, project):
            raise PermissionDenied
        return project

    def _back_to(self, request: HttpRequest, project: Project) -> HttpResponseRedirect:
        url = reverse("admin:projects_project_change", args=[project.pk])
        filters = {"opts": self.opts, "preserved_filters": self.get_preserved_filters(request)}
        return HttpResponseRedirect(add_preserved_filters(filters, url))
