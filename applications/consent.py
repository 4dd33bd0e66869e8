"""The words to which a student agrees, by version. A version's words never change: a change is a new version.

The version is stored with the application, so that it can be shown afterwards to what somebody agreed. Versions whose
applications are all erased may go.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CONSENT_TEXTS: dict[str, Promise] = {
    "2026-11": _(
        "I agree that my application is kept and read by the supervisor and the co-advisors of this project, "
        "and erased when its time is over."
    ),
}

CONSENT_VERSION = max(CONSENT_TEXTS)  # the newest: what is asked for today


def consent_text(version: str) -> str:
    """The words of `version`, in the reader's language; nothing for a version that is not known any more."""
    return str(CONSENT_TEXTS.get(version, ""))
