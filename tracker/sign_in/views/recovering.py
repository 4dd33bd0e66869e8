"""A lost password: asking for the letter, coming with its link, choosing a new one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from applications.tokens import user_of_password_token
from tracker.sign_in import known_browsers, recovery
from tracker.sign_in.forms import LostPasswordForm, NewPasswordForm
from tracker.sign_in.throttle import Wait
from tracker.sign_in.views.base import page

SESSION_KEY = "password_token"
ANSWER_SECONDS = 0.3  # longer than writing the letter takes


@contextmanager
def no_sooner_than(seconds: float) -> Iterator[None]:
    """Take at least so long, whatever there is to do, so that the time of an answer tells nothing."""
    end = time.monotonic() + seconds
    yield
    time.sleep(max(end - time.monotonic(), 0))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for the letter. The answer is the same for every name, known or not."""
    form = LostPasswordForm(request.POST if request.method == "POST" else None)
    wait = None
    if form.is_valid():
        name = form.cleaned_data["name"]
        too_often = _("There were too many requests from your network. Please try again in an hour.")
        try:
            with no_sooner_than(ANSWER_SECONDS):
                recovery.ask(request, name, too_often)
        except Wait as caught:
            wait = caught
            form.add_error(None, wait.words)
        else:
            title = _("Please look into your mail")
            return page(request, site, "admin/password_reset_sent.html", title=title, name=name)
    title = _("Forgot your password?")
    return page(request, site, "admin/password_reset.html", title=title, wait=wait, form=form)


@require_safe
@never_cache
def open_link(request: HttpRequest, token: str, site: AdminSite) -> HttpResponse:
    """Remember the token and go on, so that it stays neither in the bar nor in a referrer. A GET uses nothing up."""
    if user_of_password_token(token) is None:
        response = _gone(request, site)
    else:
        request.session[SESSION_KEY] = token
        request.session.cycle_key()
        response = redirect("admin:password_reset_new")
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("new_password1", "new_password2")
def choose(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Choose the new password. It signs nobody in: that asks for the password, and for the code where there is one."""
    token = request.session.get(SESSION_KEY, "")
    account = user_of_password_token(token)
    if account is None:
        return _gone(request, site)
    form = NewPasswordForm(account, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        title = _("Choose a new password")
        return page(request, site, "admin/password_reset_new.html", title=title, form=form, account=account)
    account = recovery.choose(request, token, form.cleaned_data["new_password1"])
    if account is None:
        return _gone(request, site)
    del request.session[SESSION_KEY]
    messages.success(request, _("Your new password is set. Please sign in with it."))
    response = redirect("admin:login")
    # Whoever reads the owner's mail does not wait because of what strangers have tried.
    known_browsers.remember(request, response, account.get_username())
    return response


def _gone(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Used, too old, tampered with, or of an account that changed since: nobody learns which."""
    request.session.pop(SESSION_KEY, None)
    response = page(request, site, "admin/password_reset_gone.html", title=_("This link does not work any more"))
    response.status_code = 404
    return response
