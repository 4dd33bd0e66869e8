"""Files that a script sends while the student writes: piece after piece, checked on arrival, and taken away again.

Without the script the form itself brings the files; both come through the same door (`documents.receive`). A file
belongs to the browser that sent it (`tokens.browser_key`): to every other one it does not exist.
"""

import logging

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFailure
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from applications import disk_space, documents, incoming
from applications.client_address import sender
from applications.models import Document, IncomingUpload, Upload
from applications.tokens import browser_key, upload_token
from applications.views.document import blocked_page
from projects.models import Project, Question

logger = logging.getLogger(__name__)


def as_number(text: str) -> int | None:
    """A number of bytes as a browser writes it; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


@require_POST
@never_cache
def begin_file(request: HttpRequest, slug: str) -> JsonResponse:
    """Expect a file for the form's field `field`, of `name` and `size` bytes; answers with its id, or why not."""
    project = get_object_or_404(Project.objects.published(), slug=slug)
    kind, question = _wanted(project, request.POST.get("field", ""))
    name, size = request.POST.get("name", ""), as_number(request.POST.get("size", ""))
    if size is None:
        return _refused(_("Please choose the file again."), "size")
    if size > settings.DOCUMENT_MAX_BYTES:
        return _refused(documents.too_large_message(name), "too_large")
    if size == 0:
        return _refused(_("This file is empty. Open it once to see that everything is there."), "empty")
    return _begin(request, kind=kind, question=question, name=documents.clean_name(name), size=size)


def _begin(request: HttpRequest, **file) -> JsonResponse:
    try:
        expected = incoming.begin(**file, browser=browser_key(request), sender=sender(request))
    except ValidationError as error:
        return _refused(error.messages[0], error.code)
    except disk_space.Full as full:
        return _no_room(full)
    except incoming.TooOften as often:
        return _too_often(often)
    return JsonResponse(_progress(expected, 0), status=201)


def _wanted(project: Project, field: str) -> tuple[str, Question | None]:
    """The kind of document that a field takes, and the question it answers. Raises Http404 for an unknown field."""
    if field in documents.KIND_OF_FIELD:
        return documents.KIND_OF_FIELD[field], None
    asked = project.questions.asked().filter(kind=Question.Kind.FILE)
    question = next((question for question in asked if question.field_name == field), None)
    if question is None:
        raise Http404
    return Document.Kind.OTHER, question


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def file_piece(request: HttpRequest, slug: str, pk) -> JsonResponse:
    """How far a file has come (GET), or its next piece (POST, from `?offset=` on); the last one brings the verdict."""
    length = as_number(request.META.get("CONTENT_LENGTH") or "0")
    is_piece = request.method == "POST" and length is not None and length <= settings.PIECE_BYTES
    # Read to its end before the first query: a slow client must hold no connection meanwhile.
    data = request.body if is_piece else b""
    own = IncomingUpload.objects.filter(browser=browser_key(request)).select_related("question")
    expected = get_object_or_404(own, pk=pk)
    if expected.upload_id is not None:
        return _arrived(expected)
    if request.method != "POST":
        return JsonResponse(_progress(expected, incoming.received(expected)))
    if not is_piece:
        return _refused(_("Please choose the file again."), "piece_too_large", status=413)
    return _take_piece(expected, as_number(request.GET.get("offset", "")), data, sender(request))


def _take_piece(expected: IncomingUpload, offset: int | None, data: bytes, whose: str) -> JsonResponse:
    """Keep one piece. When nothing is missing any more the file is checked, also again after a check that failed."""
    try:
        received = incoming.received(expected)
        if received < expected.size:
            received = incoming.add_piece(expected, received + 1 if offset is None else offset, data)
    except incoming.OutOfStep as out:
        return JsonResponse(_progress(expected, out.received), status=409)
    except disk_space.Full as full:
        return _no_room(full)
    except (DatabaseFailure, OSError):
        logger.exception("A piece of a file could not be stored.")
        return _not_now(expected)
    return JsonResponse(_progress(expected, received)) if received < expected.size else _check(expected, whose)


def _check(expected: IncomingUpload, whose: str) -> JsonResponse:
    """Everything has arrived: inspect it, and keep it or say in the student's words why not."""
    meant = {"question": expected.question, "browser": expected.browser}
    try:
        incoming.refuse_after_costly_ones(whose)
        with incoming.whole(expected) as file:
            upload = documents.receive(file, expected.kind, **meant, sender=whose)
        if not incoming.finish(expected, upload):
            documents.forget(upload)
            expected = get_object_or_404(IncomingUpload, pk=expected.pk)
            return _arrived(expected)
    except ValidationError as error:
        incoming.finish(expected, None)
        return _refused(error.messages[0], error.code)
    except incoming.TooOften as often:  # what has arrived stays, and is checked then
        return _too_often(often)
    except (documents.Unavailable, DatabaseFailure, OSError):
        logger.exception("A file could not be checked.")
        return _not_now(expected)
    expected.upload_id = upload.pk
    return _arrived(expected)


def _arrived(expected: IncomingUpload) -> JsonResponse:
    """What the page shows of a file that is fine, and the claim that goes with the form; or what was found since."""
    upload = get_object_or_404(Upload, pk=expected.upload_id)
    if upload.is_blocked:
        return _refused(documents.infected_message(upload.original_name), "infected")
    facts = render_to_string("applications/includes/file_facts.html", {"file": upload})
    return JsonResponse(
        {
            **_progress(expected, upload.size),
            "token": upload_token(upload.pk),
            "name": upload.original_name,
            "pages": upload.pages,
            "facts": " ".join(facts.split()),
            "url": reverse("applications:upload", args=[upload.pk]),
        }
    )


def _progress(expected: IncomingUpload, received: int) -> dict:
    return {"id": str(expected.pk), "received": received, "size": expected.size, "piece_bytes": settings.PIECE_BYTES}


def _refused(words: str, code: str, status: int = 422, wait: int = 0) -> JsonResponse:
    """Why a file is not taken; after `wait` seconds it may be."""
    headers = {"Retry-After": str(wait)} if wait else {}
    return JsonResponse({"error": words, "code": code}, status=status, headers=headers)


def _no_room(full: disk_space.Full) -> JsonResponse:
    return _refused(full.words, "full", status=503, wait=disk_space.TRY_AGAIN_AFTER)


def _too_often(often: incoming.TooOften) -> JsonResponse:
    return _refused(often.words, "too_often", status=429, wait=often.wait.seconds)


def _not_now(expected: IncomingUpload) -> JsonResponse:
    words = _("We could not check “%(name)s” just now. It is tried again in a moment.")
    return _refused(words % {"name": expected.original_name}, "unavailable", status=503)


@require_safe
@never_cache
def upload(request: HttpRequest, pk) -> HttpResponse:
    """An unclaimed file as a PDF, to the browser that sent it, so that one sees what one is about to send."""
    try:
        return documents.response(request, _own_upload(request, pk), as_attachment=request.GET.get("download") == "1")
    except documents.Blocked:
        return blocked_page(request)
    except FileNotFoundError as error:
        logger.error("The file of upload %s is missing in the storage.", pk)
        raise Http404 from error


@require_POST
@never_cache
def remove_upload(request: HttpRequest, pk) -> HttpResponse:
    """Forget a file at once that the student does not want to send after all."""
    documents.forget(_own_upload(request, pk))
    return HttpResponse(status=204)


def _own_upload(request: HttpRequest, pk) -> Upload:
    return get_object_or_404(Upload, pk=pk, browser=browser_key(request))
