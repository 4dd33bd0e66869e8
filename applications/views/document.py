import logging

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from applications import documents, grants, renditions
from applications.models import Application, Document, Opening
from applications.openings import note_opened

logger = logging.getLogger(__name__)


def may_review(request: HttpRequest, document: Document) -> bool:
    """Whether somebody is signed in who reviews the application of the document."""
    return Application.objects.visible_to(request.user).filter(pk=document.application_id).exists()


def is_read_by_reviewer(request: HttpRequest, document: Document) -> bool:
    """Whether a reviewer asks for the document, whose look is noted, and not the student.

    Raises Http404 for everybody else: it is shown to the browsers that may open the application, and to its reviewers.
    """
    if may_review(request, document):
        return True
    if grants.holds(request, document.application):
        return False
    raise Http404


def _ask_who_it_is(request: HttpRequest) -> None:
    """Load session and user before anything else, so that an answer about nothing is made as one about something."""
    _ = request.user.is_authenticated


@require_safe
def document(request: HttpRequest, pk) -> HttpResponse:
    """One document as a PDF; `?download=1` saves it under the name made for the reader."""
    _ask_who_it_is(request)
    document = Document.objects.select_related("application").filter(pk=pk).first()
    if document is None:
        raise Http404
    by_reviewer = is_read_by_reviewer(request, document)
    is_download = request.GET.get("download") == "1"
    try:
        answer = documents.response(document, as_attachment=is_download)
    except FileNotFoundError as error:
        logger.error("The file of document %s is missing in the storage.", document.pk)
        raise Http404 from error
    if by_reviewer and request.method == "GET":
        way = Opening.Way.DOWNLOADED if is_download else Opening.Way.READ
        note_opened(document.application, request.user, document=document, way=way)
    return answer


@require_safe
def page_image(request: HttpRequest, pk, number: int) -> HttpResponse:
    """The image of one page of a document, for those who may read the document; 404 while it is not made yet.

    Whoever looks at a page has opened the document.
    """
    _ask_who_it_is(request)
    document = (
        Document.objects.select_related("application", "rendition").defer("rendition__text").filter(pk=pk).first()
    )
    if document is None:
        raise Http404
    by_reviewer = is_read_by_reviewer(request, document)
    if not hasattr(document, "rendition"):
        raise Http404
    try:
        answer = renditions.image_response(document.rendition, number)
    except FileNotFoundError as error:
        raise Http404 from error
    if by_reviewer and request.method == "GET":
        note_opened(document.application, request.user, document=document)
    return answer
