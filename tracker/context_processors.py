from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """What every page may say about this site: who answers for it. No query, no session."""
    return {
        "supervisor_name": settings.SUPERVISOR_NAME,
        "supervisor_email": settings.SUPERVISOR_EMAIL,
    }
