"""A receipt to print: what was handed in when, so that it can be proved later without this site."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from applications import grants, letters
from applications.consent import consent_text
from applications.models import Application, Event


@require_safe
@never_cache
def receipt(request: HttpRequest, reference: str) -> HttpResponse:
    application = grants.application_or_404(request, reference)
    context = {
        "application": application,
        "project": application.project,
        "supervisor": letters.supervisor_name(application),
        "question_answers": application.question_answers.values_list("prompt", "text"),
        "consent_text": consent_text(application.consent_version),
        "consented_at": _consented_at(application),
        "printed_at": timezone.now(),
    }
    return render(request, "applications/receipt.html", context)


def _consented_at(application: Application):
    """When the student agreed: with the form, or later when the application was entered by hand; None if not yet."""
    if not application.is_consented:
        return None
    later = application.events.filter(kind=Event.Kind.CONSENTED).last()
    return later.created_at if later else application.received_at
