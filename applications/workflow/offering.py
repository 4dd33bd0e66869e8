"""Better versions of documents that come after reading began: offered by the student, taken or left by a reviewer."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from applications import letters, search
from applications.models import Application, Document, Event, Upload
from applications.workflow.moves import Refused, lock, record, refuse_unless_waiting
from applications.workflow.submitting import claim

MOST_OFFERED = 10  # documents that wait at once: a reviewer can still look at them, and nobody fills the disk


def offer_documents(application: Application, uploads: Iterable[Upload]) -> Application:
    """The student sends newer versions after reading began. They count once a reviewer takes them.

    What was offered before of the same kind and not taken yet gives way. Raises Refused: `not_allowed` unless an answer
    is awaited, `too_many`, `uploads_gone`.
    """
    uploads = list(uploads)
    with transaction.atomic():
        application = lock(application)
        if not application.may_offer_documents():
            raise Refused(
                "not_allowed", _("New documents cannot be sent here any more. Please write to the supervisor.")
            )
        if len(uploads) > MOST_OFFERED:
            raise Refused("too_many", _("Please choose fewer files."))
        now = timezone.now()
        for kind, question in {(upload.kind, upload.question_id) for upload in uploads}:
            of_kind = application.documents.filter(kind=kind, question=question)
            of_kind.offered().update(replaced_at=now)
            newest = max(of_kind.values_list("version", flat=True), default=0)
            of_these = [upload for upload in uploads if (upload.kind, upload.question_id) == (kind, question)]
            claim(application, of_these, version=newest + 1, offered_at=now)
        record(application, Event.Kind.DOCUMENT_OFFERED)
        letters.notice_document(application)
    return application


def take_offered(application: Application, *, by) -> Application:
    """Let all that is offered count, in the place of the documents of its kind. Raises Refused `none_offered`."""
    with transaction.atomic():
        application = lock(application)
        refuse_unless_waiting(application)
        offered = _offered_or_refused(application)
        for kind, question in {(document.kind, document.question_id) for document in offered}:
            of_kind = application.documents.filter(kind=kind, question=question)
            of_kind.current().update(replaced_at=timezone.now())
            of_kind.offered().update(offered_at=None)
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
