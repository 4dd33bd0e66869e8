"""Letters about the account of somebody who signs in: the way back when the password is lost, and what was changed.

They go to the account's own address, in its owner's language, and hold no secret: the link is filled in while sending.
"""

import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from applications.letters.outbox import queue
from applications.letters.placeholders import PASSWORD_LINK
from applications.letters.reviewers import languages_of
from applications.letters.wording import Wording, from_templates, in_words, without_braces
from applications.models import Letter

# What can change about the way in; each has its words in `account.subject.txt` and `account.body.txt`.
CHANGES = (
    "password",
    "address",
    "factor_on",
    "factor_off",
    "factor_reset",
    "codes_renewed",
    "code_used",
    "wrong_codes",
)


def lost_password(user) -> Letter:
    """The link with which `user` chooses a new password, good for PASSWORD_RESET_TIMEOUT from now, once."""
    until = timezone.now() + datetime.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    return _queue(Letter.Kind.PASSWORD, user, user.email, {"password_link": PASSWORD_LINK}, until)


def account_changed(user, change: str, *, address: str = "") -> Letter | None:
    """Tell `user` of one of CHANGES, at `address` in place of the account's; None when there is no address.

    Raises ValueError for a change that has no words.
    """
    if change not in CHANGES:
        raise ValueError(f"There are no words for the change {change!r}.")
    address = address or user.email
    if not address:
        return None
    way_back = settings.SITE_URL + reverse("admin:password_reset")
    return _queue(Letter.Kind.ACCOUNT, user, address, {"change": change, "way_back": way_back}, timezone.now())


def _queue(kind: str, user, address: str, values: dict, moment: datetime.datetime) -> Letter:
    language = languages_of([user]).get(user.pk, settings.LANGUAGE_CODE)
    with translation.override(language):
        values = {**values, **_whom_to_ask(address)}
        wording = _wording(kind, user, values, timezone.localtime(moment))
    return queue(kind, address, wording, user=user, language=language)


def _wording(kind: str, user, values: dict, moment: datetime.datetime) -> Wording:
    # A name in braces would be filled like our own placeholder.
    names = {
        "name": without_braces(user.get_full_name() or user.get_username()),
        "user_name": without_braces(user.get_username()),
    }
    when = _("%(day)s at %(time)s") % {"day": in_words(moment.date()), "time": time_format(moment, "TIME_FORMAT")}
    return from_templates(
        kind,
        {
            **names,
            "when": when,
            "time_zone": settings.TIME_ZONE,
            "site_url": settings.SITE_URL,
            **values,
        },
    )


def _whom_to_ask(address: str) -> dict[str, str]:
    """Who signs, and whom to tell; nobody where the letter goes to just that address."""
    is_their_own = address.casefold() == settings.SUPERVISOR_EMAIL.casefold()
    return {
        "supervisor": settings.SUPERVISOR_NAME or _("The supervisor"),
        "supervisor_email": "" if is_their_own else settings.SUPERVISOR_EMAIL,
    }
