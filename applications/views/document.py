import logging

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from applications import documents, grants, renditions
from applications.models import Application, Document

logger = logging.getLogger(__name__)


def may_read(request: HttpRequest, document: Document) -> bool:
    """Whether the document is shown: to the student whose browser may open the application, and to its reviewers."""
    if grants.holds(request, document.application):
        return True
    return Application.objects.visible_to(request.user).filter(pk=document.application_id).exists()


@require_safe
def document(request: HttpRequest, pk) -> HttpResponse:
    """One document as a PDF; `?download=1` saves it under the name made for the reader."""
    document = Document.objects.select_related("application").filter(pk=pk).first()
    if document is None or not may_read(request, document):
        raise Http404
    try:
        return documents.response(document, as_attachment=request.GET.get("download") == "1")
    except FileNotFoundError as error:
        logger.error("The file of document %s is missing in the storage.", document.pk)
        raise Http404 from error


@require_safe
def page_image(request: HttpRequest, pk, number: int) -> HttpResponse:
    """The image of one page of a document, for those who may read the document; 404 while it is not made yet."""
    document = (
        Document.objects.select_related("application", "rendition").defer("rendition__text").filter(pk=pk).first()
    )
    if document is None or not may_read(request, document) or not hasattr(document, "rendition"):
        raise Http404
    try:
        return renditions.image_response(document.rendition, number)
    except FileNotFoundError as error:
        raise Http404 from error
