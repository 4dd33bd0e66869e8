"""A reviewer's own preferences: a page of the admin, of which everybody has their own and nobody another's."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from applications.forms import PreferencesForm
from applications.letters import digests
from applications.models import Preference


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, site_context: dict) -> HttpResponse:
    """The form, for people who review; `site_context` is what every page of the admin shows."""
    if not request.user.has_perm("applications.view_application"):
        raise PermissionDenied
    kept = Preference.objects.filter(user=request.user).first() or Preference(user=request.user)
    former = kept.notices
    form = PreferencesForm(request.POST if request.method == "POST" else None, instance=kept)
    if form.is_valid():
        _keep(form.save(commit=False), former)
        messages.success(request, _("Your preferences are saved."))
        return redirect("admin:preferences")
    context = {**site_context, "title": _("Preferences"), "form": form}
    return TemplateResponse(request, "admin/preferences.html", context)


def _keep(preference: Preference, former: str) -> None:
    """Save it; between the two ways of being told nothing is told twice, and nothing is left out."""
    now = timezone.now()
    chosen = {name: getattr(preference, name) for name in PreferencesForm.Meta.fields}
    if former != preference.notices == Preference.Notices.DAILY:
        chosen["told_daily_at"] = now  # until now there was a letter for each
    Preference.objects.update_or_create(user=preference.user, defaults=chosen)
    if former == Preference.Notices.DAILY != preference.notices:
        digests.tell_of_the_day(Preference.objects.select_related("user").get(user=preference.user), now)
