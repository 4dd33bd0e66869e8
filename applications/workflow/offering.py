"""Better versions of documents that come after reading began: offered by the student, taken or left by a reviewer."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from applications import letters, search
from applications.models import Application, Document, Event, Upload
from applications.workflow.moves import Refused, lock, record, refuse_if_too_often, refuse_unless_waiting
from applications.workflow.submitting import claim

MOST_OFFERS_A_DAY = 5  # each is a letter to every reviewer


def offer_documents(application: Application, uploads: Iterable[Upload]) -> Application:
    """The student sends newer versions after reading began. They count once a reviewer takes them.

    What was offered before of the same kind and not taken yet gives way. Raises Refused: `not_allowed` unless an answer
    is awaited, `too_often` after MOST_OFFERS_A_DAY in a day, `uploads_gone`, `infected`.
    """
    uploads = list(uploads)
    with transaction.atomic():
        application = lock(application)
        if not application.may_offer_documents():
            raise Refused(
                "not_allowed", _("New documents cannot be sent here any more. Please write to the supervisor.")
            )
        words = _("You have sent newer documents several times today. Please wait until tomorrow.")
        refuse_if_too_often(application, Event.Kind.DOCUMENT_OFFERED, MOST_OFFERS_A_DAY, words)
        now = timezone.now()
        for group in {upload.group for upload in uploads}:
            same = application.documents.of_group(group)
            same.offered().update(replaced_at=now)
            newest = max(same.values_list("version", flat=True), default=0)
            of_these = [upload for upload in uploads if upload.group == group]
            claim(application, of_these, version=newest + 1, offered_at=now)
        record(application, Event.Kind.DOCUMENT_OFFERED)
        letters.notice_document(application)
    return application


def take_offered(application: Application, *, by) -> Application:
    """Let all that is offered count, in the place of the documents of its kind that were there when it came.

    Raises Refused: `not_allowed` unless an answer is awaited, `none_offered`, `infected` when malware was found in one.
    """
    with transaction.atomic():
        application = lock(application)
        refuse_unless_waiting(application)
        offered = _offered_or_refused(application)
        if any(document.is_blocked for document in offered):
            raise Refused(
                "infected",
                _("Malware was found in what the student has sent, so it cannot be taken. Please leave it aside."),
            )
        for group in {document.group for document in offered}:
            same = application.documents.of_group(group)
            came = min(document.offered_at for document in offered if document.group == group)
            # What a reviewer has added by hand since is newer still, and stays.
            same.current().filter(created_at__lte=came).update(replaced_at=timezone.now())
            same.offered().update(offered_at=None)
        search.refresh(application)
        record(application, Event.Kind.DOCUMENT_TAKEN, by=by)
    return application


def leave_offered(application: Application, *, by) -> Application:
    """Leave what is offered aside: it stays among the former versions. Raises Refused `none_offered`."""
    with transaction.atomic():
        application = lock(application)
        offered = _offered_or_refused(application)
        Document.objects.filter(pk__in=[document.pk for document in offered]).update(replaced_at=timezone.now())
        record(application, Event.Kind.DOCUMENT_LEFT, by=by)
    return application


def _offered_or_refused(application: Application) -> list[Document]:
    offered = list(application.documents.offered())
    if not offered:
        raise Refused("none_offered", _("Nothing is offered any more; a colleague may have been faster."))
    return offered
