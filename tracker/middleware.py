import codecs
from collections.abc import Callable
from functools import partial

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from tracker.sign_in import sessions


class LanguageMiddleware(LocaleMiddleware):
    """Each page in the reader's language: the one they chose (a cookie), else the first of ours that the browser names.

    Django tells caches that a page hangs on `Accept-Language`. It hangs on the cookie as well.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        patch_vary_headers(response, ("Cookie",))
        return super().process_response(request, response)


class Utf8Middleware:
    """Answers 400 to a request that is written in anything but UTF-8, as Django does for some of them.

    Browsers send our forms in it. A stranger may name any other encoding that Python knows: some of those are none for
    text and end in a fault, some write half characters, which no database takes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.encoding is not None and codecs.lookup(request.encoding).name != "utf-8":
            raise BadRequest("The request is not written in UTF-8.")
        return self.get_response(request)


class SignInMiddleware:
    """`request.user` is somebody only while their sign-in holds: not too old, not idle, and with the second factor
    where one is needed. The one place that says so, for the admin, the documents and every other page.

    Behind Django's and django-otp's. Nothing is asked before a page asks who its reader is: public pages never do.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(partial(sessions.account_of, request, request.user))
        return self.get_response(request)
