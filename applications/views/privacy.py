from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from applications.consent import CONSENT_VERSION
from applications.statuses import STUDENT_WORDS, Status


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept, why, how long and who sees it: numbers from the settings, so that the page cannot lie."""
    context = {
        "retention": settings.RETENTION_DAYS,
        "words": {status.value: STUDENT_WORDS[status] for status in Status},
        "upload_hours": settings.UPLOAD_HOURS,
        "session_days": settings.SESSION_COOKIE_AGE // (24 * 3600),
        "consent_version": CONSENT_VERSION,
    }
    return render(request, "applications/privacy.html", context)
