import logging

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
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


def gives_content(request: HttpRequest, answer: HttpResponseBase) -> bool:
    """Whether the reader has something to read after `answer`: also what the browser says to hold already (304)."""
    return request.method == "GET" and answer.status_code in (200, 206, 304)


def blocked_page(request: HttpRequest, *, by_reviewer: bool = False, address: str = "") -> HttpResponseBase:
    """What whoever may read a document gets in its place when malware was found in it; `address` leads back."""
    context = {"by_reviewer": by_reviewer, "address": address}
    answer = render(request, "applications/blocked.html", context, status=403)
    add_never_cache_headers(answer)
    return answer


def _back_from(document: Document, *, by_reviewer: bool) -> str:
    if by_reviewer:
        return reverse("admin:applications_application_change", args=[document.application_id])
    return document.application.get_absolute_url()


@require_safe
def document(request: HttpRequest, pk) -> HttpResponseBase:
    """One document as a PDF, or the part asked for; `?download=1` saves it under the name made for the reader.

    A viewer that asks for part after part opens it once: `openings` takes what comes within a minute for one look.
    """
    _ask_who_it_is(request)
    document = Document.objects.select_related("application").filter(pk=pk).first()
    if document is None:
        raise Http404
    by_reviewer = is_read_by_reviewer(request, document)
    is_download = request.GET.get("download") == "1"
    try:
        answer = documents.response(request, document, as_attachment=is_download)
    except documents.Blocked:
        return blocked_page(request, by_reviewer=by_reviewer, address=_back_from(document, by_reviewer=by_reviewer))
    except FileNotFoundError as error:
        logger.error("The file of document %s is missing in the storage.", document.pk)
        raise Http404 from error
    if by_reviewer and gives_content(request, answer):
        way = Opening.Way.DOWNLOADED if is_download else Opening.Way.READ
        note_opened(document.application, request.user, document=document, way=way)
    return answer


@require_safe
def page_image(request: HttpRequest, pk, number: int) -> HttpResponseBase:
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
    if document.is_blocked or not hasattr(document, "rendition"):
        raise Http404
    try:
        answer = renditions.image_response(request, document.rendition, number)
    except FileNotFoundError as error:
        raise Http404 from error
    if by_reviewer and gives_content(request, answer):
        note_opened(document.application, request.user, document=document)
    return answer
