"""What somebody sent after their sign-in had ended. It is kept in the session until they are signed in again.

Nothing of it is carried out before they say so. Only the same account gets it, for as long as a sign-in may lie idle,
and for a day at most: then the worker takes it away, and sooner when the application it was about is erased.
"""

import dataclasses

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from applications import traces
from applications.traces import TYPED as SESSION_KEY

MOST_TEXT = 60_000  # characters in all
APPS = ("applications_", "projects_")  # by the names of the admin's addresses: no account, no password
NOT_KEPT = ("csrfmiddlewaretoken",)
SHOWN_FROM = 20  # characters: shorter values are choices and buttons


@dataclasses.dataclass(frozen=True)
class Typed:
    """The address it was sent to, and its fields in the order in which they came."""

    path: str
    fields: list[tuple[str, str]]

    @property
    def texts(self) -> list[str]:
        """What a person would miss."""
        return [value for _name, value in self.fields if len(value) >= SHOWN_FROM or "\n" in value]


def keep(request: HttpRequest, user_id: int) -> bool:
    """Keep what this POST brought for the account; False when it is nothing to keep, or too much. Files are not."""
    match = request.resolver_match
    if request.method != "POST" or match is None or not (match.url_name or "").startswith(APPS):
        return False
    fields = [(name, value) for name, values in request.POST.lists() for value in values if name not in NOT_KEPT]
    if not fields or sum(len(name) + len(value) for name, value in fields) > MOST_TEXT:
        return False
    request.session[SESSION_KEY] = {
        "user": user_id,
        "at": timezone.now().timestamp(),
        "path": request.get_full_path(),
        "fields": fields,
    }
    return True


def of(request: HttpRequest) -> Typed | None:
    """What is kept for whoever is signed in now; None when nothing is, or it is too old or somebody else's."""
    kept = request.session.get(SESSION_KEY)
    if kept is None or kept["user"] != request.user.pk:
        return None
    now = timezone.now()
    if traces.is_old(kept, now) or now.timestamp() - kept["at"] > settings.SIGN_IN_IDLE_HOURS * 3600:
        return None
    return Typed(kept["path"], [(name, value) for name, value in kept["fields"]])


def forget(request: HttpRequest, path: str = "") -> None:
    """It was sent again (to `path`), or is not wanted any more."""
    kept = request.session.get(SESSION_KEY)
    if kept is not None and path in ("", kept["path"]):
        del request.session[SESSION_KEY]


def forget_unless_of(request: HttpRequest, user_id: int) -> None:
    """Another account signs in here: what somebody else typed is none of its business, and is not kept beside it."""
    kept = request.session.get(SESSION_KEY)
    if kept is not None and kept["user"] != user_id:
        del request.session[SESSION_KEY]
