from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils.cache import patch_vary_headers


class LanguageMiddleware(LocaleMiddleware):
    """Each page in the reader's language: the one they chose (a cookie), else the first of ours that the browser names.

    Django tells caches that a page hangs on `Accept-Language`. It hangs on the cookie as well.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        patch_vary_headers(response, ("Cookie",))
        return super().process_response(request, response)
