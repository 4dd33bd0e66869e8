from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_info


def site(request: HttpRequest) -> dict[str, Any]:
    """What every page may say about this site: who answers for it, in which languages. No query, no session."""
    return {
        # Each in its own words, as those who read it look for it: (en, English), (de, Deutsch).
        "languages": [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES],
        "supervisor_name": settings.SUPERVISOR_NAME,
        "supervisor_email": settings.SUPERVISOR_EMAIL,
    }
