"""The letter that asks a co-advisor to make an account."""

from django.conf import settings
from django.utils import timezone, translation

from applications.letters.outbox import queue
from applications.letters.placeholders import INVITATION_LINK
from applications.letters.wording import Wording, filled, from_templates, in_words, own_words
from applications.models import Invitation, Letter


def invitation(invited: Invitation) -> Letter:
    """To the address in the co-advisor's entry, signed by and answered to the person who invites."""
    by = invited.invited_by
    return queue(
        Letter.Kind.INVITATION,
        invited.email,
        invitation_wording(invited),
        invitation=invited,
        user=by,  # who sees it in the list of letters
        reply_to=by.email,
        sender_name=by.get_full_name(),
    )


def invitation_wording(invited: Invitation) -> Wording:
    language = settings.LANGUAGE_CODE
    with translation.override(language):
        values = invitation_values(invited)
        own = own_words(Letter.Kind.INVITATION, language)
        return from_templates(Letter.Kind.INVITATION, values) if own is None else filled(own, values)


def invitation_values(invited: Invitation) -> dict[str, str]:
    """What the placeholders of the invitation become."""
    by, supervisor = invited.invited_by, invited.project.supervisor
    return {
        "name": invited.co_advisor.name,
        "project": invited.project.title,
        "supervisor": (supervisor and supervisor.get_full_name()) or settings.SUPERVISOR_NAME,
        "supervisor_email": (supervisor and supervisor.email) or settings.SUPERVISOR_EMAIL,
        "site_url": settings.SITE_URL,
        "invited_by": by.get_full_name() or by.get_username(),
        "invitation_link": INVITATION_LINK,
        "valid_until": in_words(timezone.localdate(invited.expires_at)),
    }
