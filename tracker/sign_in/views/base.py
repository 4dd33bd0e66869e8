"""What these pages share: the frame of the admin, where to go afterwards, and too many attempts."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from tracker.sign_in.throttle import Wait

LONGEST_ADDRESS = 2000


def page(
    request: HttpRequest, site: AdminSite, template: str, *, title: str, wait: Wait | None = None, **context
) -> TemplateResponse:
    """A page in the admin's frame: 429 when `wait` says that something was tried too often."""
    context = {**site.each_context(request), "title": title, "wait": wait, **context}
    response = TemplateResponse(request, template, context, status=429 if wait else 200)
    return waiting(response, wait)


def waiting(response: HttpResponse, wait: Wait | None) -> HttpResponse:
    if wait is not None:
        response.status_code = 429
        response.headers["Retry-After"] = str(wait.seconds)
    return response


def next_page(request: HttpRequest) -> str:
    """Where somebody was going when they were asked to sign in; the front page when that is none of our pages."""
    wanted = (request.POST.get("next") or request.GET.get("next") or "")[:LONGEST_ADDRESS]
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else reverse("admin:index")


def address(name: str, **query: str) -> str:
    return reverse(f"admin:{name}", query=query or None)
