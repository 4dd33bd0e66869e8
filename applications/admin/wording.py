"""The words of every letter, per language: those of the product, or the supervisors' own in their place.

Rows exist for changed letters only, so pages go by kind and language. Words are shared by all supervisors.
"""

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from applications import letters
from applications.forms import WordingForm
from applications.letters import placeholders
from applications.models import Letter, LetterWording
from projects.admin import RestrictedAdmin


@admin.register(LetterWording)
class LetterWordingAdmin(RestrictedAdmin):
    """Django's add and change pages lead to `edit_view`; its delete page takes own words back."""

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        one = "<str:kind>/<str:language>/"
        return [
            path(f"edit/{one}", view(self.edit_view), name="applications_letterwording_edit"),
            path(f"preview/{one}", view(self.preview_view), name="applications_letterwording_preview"),
            path(f"test/{one}", view(self.test_view), name="applications_letterwording_test"),
            *super().get_urls(),
        ]

    # The list: every letter, changed or not

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        own = {(row.kind, row.language): row for row in LetterWording.objects.select_related("changed_by")}
        groups = [
            (_("To students"), placeholders.TO_STUDENTS),
            (_("To reviewers"), (*placeholders.NOTICES, Letter.Kind.INVITATION)),
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Words of the letters"),
            "opts": self.opts,
            "may_edit": self.has_change_permission(request),
            "groups": [(heading, [self._letter(kind, own) for kind in kinds]) for heading, kinds in groups],
        }
        return TemplateResponse(request, "admin/applications/letterwording/change_list.html", context)

    @staticmethod
    def _letter(kind: str, own: dict) -> dict:
        """One letter with its words in each language."""
        languages = [
            {
                "language": name,
                "own": own.get((kind, code)),
                "edit_url": reverse("admin:applications_letterwording_edit", args=[kind, code]),
            }
            for code, name in settings.LANGUAGES
        ]
        return {"label": Letter.Kind(kind).label, "languages": languages}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:applications_letterwording_changelist"))

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        own = self.visible_object(request, object_id)
        return HttpResponseRedirect(self._edit_url(own))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        context = {"title": _("Back to the standard words"), **(extra_context or {})}
        return super().delete_view(request, object_id, context)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.success(request, _("The standard words are back: %(letter)s.") % {"letter": obj_display})
        return HttpResponseRedirect(reverse("admin:applications_letterwording_changelist"))

    # One letter: edit, preview, try

    def edit_view(self, request: HttpRequest, kind: str, language: str) -> HttpResponse:
        own = self._wording_to_edit(request, kind, language)
        return require_http_methods(["GET", "HEAD", "POST"])(self._edit)(request, own)

    def preview_view(self, request: HttpRequest, kind: str, language: str) -> HttpResponse:
        own = self._wording_to_edit(request, kind, language)
        return require_POST(self._preview)(request, own)

    def test_view(self, request: HttpRequest, kind: str, language: str) -> HttpResponse:
        own = self._wording_to_edit(request, kind, language)
        return require_POST(self._test)(request, own)

    def _wording_to_edit(self, request: HttpRequest, kind: str, language: str) -> LetterWording:
        """The own words of this letter, or a new row that begins with those of the product."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        if kind not in placeholders.WITH_WORDS or language not in dict(settings.LANGUAGES):
            raise Http404
        own = LetterWording.objects.select_related("changed_by").filter(kind=kind, language=language).first()
        if own is not None:
            return own
        standard = letters.words_to_edit(kind, language)
        return LetterWording(kind=kind, language=language, subject=standard.subject, body=standard.body)

    def _edit(self, request: HttpRequest, own: LetterWording) -> HttpResponse:
        if request.method != "POST":
            return self._page(request, own, WordingForm(request.user, instance=own))
        form = WordingForm(request.user, request.POST, instance=own)
        if not form.is_valid():
            return self._page(request, own, form)
        is_new = own.pk is None
        saved, _is_new = LetterWording.objects.update_or_create(  # two supervisors may begin at the same moment
            kind=own.kind,
            language=own.language,
            defaults={"subject": own.subject, "body": own.body, "changed_by": request.user},
        )
        if is_new:
            self.log_addition(request, saved, [{"added": {}}])
        else:
            self.log_change(request, saved, [{"changed": {"fields": form.changed_data}}])
        messages.success(request, _("Saved. From now on this letter goes out in these words."))
        return HttpResponseRedirect(self._edit_url(saved))

    def _preview(self, request: HttpRequest, own: LetterWording) -> HttpResponse:
        form = WordingForm(request.user, request.POST, instance=own)
        return self._page(
            request, own, form, self._shown(form, form.cleaned_data["try_on"]) if form.is_valid() else None
        )

    def _test(self, request: HttpRequest, own: LetterWording) -> HttpResponse:
        """To one's own address, with invented data: a test letter outlives the erasure of a student."""
        form = WordingForm(request.user, request.POST, instance=own)
        shown = self._shown(form, None) if form.is_valid() else None
        if shown is not None and not request.user.email:
            messages.error(request, _("Your account has no e-mail address to send it to."))
        elif shown is not None:
            letters.test_letter(shown, to=request.user)
            messages.success(
                request, _("A test letter is on its way to %(address)s.") % {"address": request.user.email}
            )
        return self._page(request, own, form, shown)

    def _shown(self, form: WordingForm, application) -> letters.Wording:
        with translation.override(form.instance.language):
            return letters.preview(form.kind, form.wording(), application)

    def _edit_url(self, own: LetterWording) -> str:
        return reverse("admin:applications_letterwording_edit", args=[own.kind, own.language])

    def _page(self, request: HttpRequest, own: LetterWording, form: WordingForm, shown=None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Words of the letter “%(letter)s”") % {"letter": Letter.Kind(own.kind).label},
            "opts": self.opts,
            "own": own if own.pk else None,
            "form": form,
            "shown": shown,
            "language": dict(settings.LANGUAGES)[own.language],
            "placeholders": [
                {"placeholder": placeholder, "is_required": own.kind in placeholder.required_in}
                for placeholder in placeholders.of_kind(own.kind)
            ],
            "edit_url": self._edit_url(own),
            "preview_url": reverse("admin:applications_letterwording_preview", args=[own.kind, own.language]),
            "test_url": reverse("admin:applications_letterwording_test", args=[own.kind, own.language]),
        }
        return TemplateResponse(request, "admin/applications/letterwording/edit.html", context)
