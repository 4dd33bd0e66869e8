"""Pages that belong to no app: the probes of monitoring, and the pages for errors."""

import datetime
import logging
import secrets
from collections.abc import Callable

from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from applications import views as student_views
from applications.models import Letter
from tracker.context_processors import site

logger = logging.getLogger(__name__)

LETTERS_LATE_AFTER = datetime.timedelta(minutes=15)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process is up. It asks nothing of the database, so that a slow database restarts no web server."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Everything that an application needs works: 200, or 503 with the words for what does not."""
    checks = {
        "database": passed(database_answers, "the database does not answer"),
        "storage": passed(storage_keeps_files, "documents cannot be stored and read back"),
        "letters": passed(letters_go_out, "letters wait longer than 15 minutes: is the worker running?"),
    }
    return JsonResponse(checks, status=200 if set(checks.values()) == {"ok"} else 503)


def passed(check: Callable[[], bool], otherwise: str) -> str:
    """`ok` or the given words. What exactly failed stands in the log only: this page is public."""
    try:
        return "ok" if check() else otherwise
    except Exception as error:  # whatever a driver or an object store throws, the answer is that it does not work
        logger.error("readyz: %s (%s)", otherwise, type(error).__name__)
        return otherwise


def database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def storage_keeps_files() -> bool:
    """Writes a tiny file where the documents are, reads it back and deletes it."""
    documents, content = storages["documents"], secrets.token_bytes(16)
    name = documents.save(f"readyz-{secrets.token_hex(8)}", ContentFile(content))
    try:
        with documents.open(name) as file:
            return file.read() == content
    finally:
        documents.delete(name)


def letters_go_out() -> bool:
    """No letter has been due for long without a worker taking it."""
    return not Letter.objects.due(timezone.now() - LETTERS_LATE_AFTER).exists()


# Errors. None of these pages asks for the session, the user or the database, except the apply form after too much.

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django reports too much data as a bad request as well; people are told what it was.

    It also takes a session that could not be saved (a full disk) for one that was ended meanwhile. What the request
    was about may be stored by then, so nobody is told that it is not.
    """
    if isinstance(exception, SessionInterrupted):
        return server_error(request)
    if isinstance(exception, TOO_MUCH):
        return form_after_too_much(request) or render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def form_after_too_much(request: HttpRequest) -> HttpResponse | None:
    """Students get the apply form again, with the reason; None for every other address."""
    match = request.resolver_match
    if match is None or match.view_name != "applications:apply":
        return None
    return student_views.too_much(request, match.kwargs["slug"])


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", {"in_admin": is_in_admin(request)}, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its secret: no cookies, or the page lay open through a sign-in. `reason` is in the log."""
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", {"in_admin": is_in_admin(request)}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Shown when anything may be broken, so it leans on nothing; if even its template fails, plain words remain."""
    try:
        return HttpResponse(render_to_string("500.html", site(request)), status=500)
    except Exception:
        logger.exception("The page for server errors could not be rendered.")
        words = _("Something went wrong on our side. Please try again in a few minutes.")
        return HttpResponse(words, status=500, content_type="text/plain; charset=utf-8")


def is_in_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")
