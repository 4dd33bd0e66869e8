"""The letters: what was sent, what waits, what failed. Nothing is edited here; failed ones can be sent again."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from applications import letters
from applications.forms.bulk import is_key
from applications.models import Letter
from projects.admin import RestrictedAdmin


@admin.register(Letter)
class LetterAdmin(RestrictedAdmin):
    list_display = ["subject", "state", "recipient", "application", "written", "sent"]
    list_filter = ["status", "kind"]
    list_select_related = ["application"]
    list_per_page = 50
    search_fields = ["recipient", "subject", "application__reference"]
    actions = ["send_again"]
    fields = [
        "subject", "text", "recipient", "reply_to", "kind", "application", "status", "attempts", "last_error",
        "created_at", "send_after", "sent_at", "message_id",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).visible_to(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj=None) -> list[str]:
        return self.fields

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, letter: Letter) -> str:
        return render_to_string("admin/applications/letter/state.html", {"letter": letter})

    @admin.display(description=gettext_lazy("written"), ordering="created_at")
    def written(self, letter: Letter) -> str:
        return date_format(timezone.localtime(letter.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("sent"), ordering="sent_at")
    def sent(self, letter: Letter) -> str:
        return date_format(timezone.localtime(letter.sent_at), "SHORT_DATETIME_FORMAT") if letter.sent_at else "–"

    @admin.display(description=gettext_lazy("text"))
    def text(self, letter: Letter) -> str:
        """The letter without its personal link: whoever holds that link can act with it."""
        return render_to_string("admin/applications/letter/text.html", {"text": letters.as_shown(letter.body)})

    def get_urls(self):
        view = self.admin_site.admin_view(self.send_again_view)
        return [path("<int:pk>/send-again/", view, name="applications_letter_send_again"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        context = {
            "show_save": False,
            "show_save_and_continue": False,
            "send_again_url": reverse("admin:applications_letter_send_again", args=[object_id])
            if is_key(object_id) and self.has_change_permission(request)
            else None,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    @admin.action(description=gettext_lazy("Send failed letters again"), permissions=["change"])
    def send_again(self, request: HttpRequest, queryset) -> None:
        number = letters.send_again(queryset)
        messages.success(
            request,
            ngettext("%(number)s letter is queued again.", "%(number)s letters are queued again.", number)
            % {"number": number},
        )

    def send_again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        letter = self.get_queryset(request).filter(pk=pk).first()
        if letter is None:
            raise Http404
        return require_POST(self._send_again)(request, letter)

    def _send_again(self, request: HttpRequest, letter: Letter) -> HttpResponse:
        if letters.send_again(Letter.objects.filter(pk=letter.pk)):
            self.log_change(request, letter, "Queued to be sent again.")
            messages.success(request, _("The letter is queued again."))
        else:
            messages.error(request, _("Only a failed letter can be sent again; this one has not failed."))
        return HttpResponseRedirect(reverse("admin:applications_letter_change", args=[letter.pk]))
