"""Putting a letter into the outbox: one row, in the caller's transaction. The worker sends it later (`sending`)."""

import uuid

from django.conf import settings

from applications.letters.wording import Wording, supervisor_email, supervisor_name
from applications.models import Application, Decision, Invitation, Letter


def queue(
    kind: str,
    recipient: str,
    wording: Wording,
    *,
    application: Application | None = None,
    to_student: bool = False,
    decision: Decision | None = None,
    user=None,
    invitation: Invitation | None = None,
    reply_to: str = "",
    sender_name: str = "",
    language: str = "",
) -> Letter:
    """Add the row. Letters without an application (digests, invitations, tests) belong to `user` or `invitation`."""
    if application is not None:
        reply_to = reply_to or supervisor_email(application)
        sender_name = sender_name or (supervisor_name(application) if to_student else "")
    return Letter.objects.create(
        application=application,
        decision=decision,
        user=user,
        invitation=invitation,
        kind=kind,
        to_student=to_student,
        recipient=recipient,
        reply_to=reply_to or settings.SUPERVISOR_EMAIL,
        sender_name=sender_name[:200],
        subject=wording.subject,
        body=wording.body,
        language=language or (application.language if application is not None else settings.LANGUAGE_CODE),
        message_id=f"<{uuid.uuid4()}@{settings.SITE_HOST}>",
    )
