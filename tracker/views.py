"""Pages that belong to no app: the probes of monitoring, the choice of a language, and the pages for errors."""

import functools
import logging
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from applications import left_behind, storage
from applications import views as student_views
from applications.models import Letter
from applications.uploadhandlers import let_go
from tracker import condition
from tracker.context_processors import site
from tracker.logs import PERSONAL_ADDRESSES

logger = logging.getLogger(__name__)


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
    storage.probe()
    return True


def letters_go_out() -> bool:
    """No letter has been due for long without a worker taking it."""
    return not Letter.objects.due(timezone.now() - condition.LETTERS_LATE_AFTER).exists()


# Languages

LONGEST_ADDRESS = 2000


# Public pages carry no token, so that they set no cookie and can be answered with 304. The worst that a foreign site
# can do here is to change the language of a page, which its reader changes back.
@csrf_exempt
@require_POST
@never_cache
def language(request: HttpRequest) -> HttpResponse:
    """Show pages in the chosen language from now on, and go back to where one was. Unknown languages change nothing."""
    response = HttpResponseRedirect(page_to_return_to(request))
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        student_views.remember_language(response, chosen)
    return response


def page_to_return_to(request: HttpRequest) -> str:
    """The page on which the switch was pressed, as the browser names it (`Referer`); else the catalogue.

    It does not stand in the pages: an error page would repeat the address it was asked for, and no two were alike.
    """
    referer = request.headers.get("Referer", "")
    came_from = urlsplit(referer if len(referer) <= LONGEST_ADDRESS else "")
    address = urlunsplit(("", "", came_from.path, came_from.query, ""))
    is_ours = came_from.netloc == request.get_host() and address.startswith("/")
    is_ours = is_ours and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if is_ours else reverse("projects:catalogue")


# Errors. None of these pages asks for the session, the user or the database, except where a form that could not be sent
# is kept: the apply form after too much, and what a student typed on a page that is not open any more.

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def in_readers_language(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The page in its reader's language, also when the error came before the middleware that finds it out."""

    @functools.wraps(page)
    def speaking(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        code = translation.get_language_from_request(request)
        with translation.override(code):
            response = page(request, *args, **kwargs)
        response.headers.setdefault("Content-Language", code)
        if request.path.startswith(PERSONAL_ADDRESSES):  # what their pages load must not be told them
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return speaking


@in_readers_language
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django reports too much data as a bad request as well; people are told what it was.

    It also takes a session that could not be saved (a full disk) for one that was ended meanwhile. What the request
    was about may be stored by then, so nobody is told that it is not.
    """
    if isinstance(exception, SessionInterrupted):
        return server_error(request)
    let_go(request)
    if isinstance(exception, TOO_MUCH):
        return form_after_too_much(request) or render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def form_after_too_much(request: HttpRequest) -> HttpResponse | None:
    """Students get the apply form again, with the reason; None for every other address."""
    match = request.resolver_match
    if match is None or match.view_name != "applications:apply":
        return None
    return student_views.too_much(request, match.kwargs["slug"])


@in_readers_language
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", {"in_admin": is_in_admin(request)}, status=403)


@in_readers_language
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its secret: no cookies, or the page lay open through a sign-in. `reason` is in the log.

    The apply form is shown once more with everything that is in it; a script that sends files is told in its language.
    """
    if comes_from_elsewhere(request):
        return render(request, "403_csrf.html", status=403)
    request.POST  # noqa: B018 - read to its end before the first query: a slow client must hold no connection meanwhile
    match = request.resolver_match
    if match is not None and match.view_name == "applications:apply":
        return student_views.not_trusted(request, match.kwargs["slug"]) or render(request, "403_csrf.html", status=403)
    if match is not None and match.view_name in ("applications:begin_file", "applications:file_piece"):
        words = _("This page lay open for too long. Please load it again; what you have written is kept.")
        return JsonResponse({"error": words, "code": "csrf"}, status=403)
    left = left_behind.keep(request)
    return render(request, "403_csrf.html", {"left": left}, status=403)


def comes_from_elsewhere(request: HttpRequest) -> bool:
    """Whether another site has sent this form. Its answer must then set no cookie, which would replace those of ours.

    Every browser names the origin of a POST; one of our own pages names ours, however old it is.
    """
    origin = request.headers.get("Origin")
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or (
        origin is not None and origin not in ours
    )


@in_readers_language
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The same page for all that is not there. What was typed on a student's page is kept until that page is open."""
    context = {"in_admin": is_in_admin(request), "left": left_behind.keep(request)}
    return render(request, "404.html", context, status=404)


@in_readers_language
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
