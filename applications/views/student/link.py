"""The way in: the manage link, the letter that brings it again, and the address to which it goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from applications import grants, limits, workflow
from applications.client_address import sender
from applications.forms import AddressForm, FindForm
from applications.tokens import application_of_manage_token
from applications.views.student.base import acting_application, form_page, gone_is_404, loaded, show_form

ANSWER_SECONDS = 0.3  # at `find`: longer than writing the letters takes


@require_safe
@never_cache
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Let this browser in and go on to the page itself, so that the token stays neither in the bar nor a referrer."""
    application = application_of_manage_token(token)
    if application is None:
        raise Http404
    grants.give(request, application, via=grants.BY_LINK)
    response = redirect(application)
    response["Referrer-Policy"] = "no-referrer"
    return response


@contextmanager
def no_sooner_than(seconds: float) -> Iterator[None]:
    """Take at least so long, whatever there is to do, so that the time of an answer tells nothing."""
    end = time.monotonic() + seconds
    yield
    time.sleep(max(end - time.monotonic(), 0))


@form_page
@never_cache
def find(request: HttpRequest) -> HttpResponse:
    """Send the manage link again. The answer is the same for every address, known or not."""
    form = FindForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        if form.is_trapped:
            limits.count(limits.TURNED_AWAY, "trap")
        return render(request, "applications/find.html", {"form": form})
    with no_sooner_than(ANSWER_SECONDS):
        wait = _wait_for_link(request)
        if wait is None:
            workflow.send_link(form.cleaned_data["email"])
    if wait is not None:
        return _asked_too_often(request, form, wait)
    return render(request, "applications/find_sent.html", {"address": form.cleaned_data["email"]})


def _wait_for_link(request: HttpRequest) -> limits.Wait | None:
    """How long this network has to wait because it has asked very often; None when it has not, and then it counts.

    Before anybody looks whether the address is known.
    """
    who = sender(request)
    wait = limits.wait_for([(limits.LINKS, who)])
    if wait is None:
        limits.count(limits.LINKS.what, who)
    else:
        limits.count_turned_away(wait.limit)
    return wait


def _asked_too_often(request: HttpRequest, form: FindForm, wait: limits.Wait) -> HttpResponse:
    words = _("Very many links have been asked for from your network within an hour. Please try again after %(time)s.")
    form.wait = wait.seconds
    form.add_error(None, ValidationError(words % {"time": wait.until}, code="too_often"))
    response = render(request, "applications/find.html", {"form": form}, status=429)
    response["Retry-After"] = str(form.wait)
    return response


@require_POST
@never_cache
@gone_is_404
def confirm(request: HttpRequest, reference: str) -> HttpResponse:
    """“Yes, this is my application”: only a browser that came by the link can say so."""
    application = acting_application(request, reference)
    if application.is_confirmed:
        messages.success(request, _("Thank you, your address is confirmed."))
    return redirect(application)


@form_page
@never_cache
@gone_is_404
def address(request: HttpRequest, reference: str) -> HttpResponse:
    """Correct the address while it is unconfirmed; this browser keeps its access under the new link."""
    application = grants.application_or_404(request, reference)
    form = AddressForm(request.POST if request.method == "POST" else None, initial={"email": application.email})
    if form.is_valid():
        try:
            application = workflow.correct_address(application, form.cleaned_data["email"])
        except workflow.Refused as refused:
            form.add_error("email" if refused.code == "duplicate" else None, refused.message)
        else:
            grants.give(request, application, via=grants.BY_FORM)
            messages.success(request, _("Thank you. The receipt is on its way to the corrected address."))
            return redirect(application)
    return show_form(request, application, form, "applications/address.html")


@form_page
@never_cache
@gone_is_404
def renew(request: HttpRequest, reference: str) -> HttpResponse:
    """Let the manage link die in all other browsers; this one keeps its access, of the kind that it had."""
    application = loaded(request, reference)
    if request.method != "POST":
        return show_form(request, application, None, "applications/renew_link.html")
    via = grants.BY_LINK if grants.came_by_link(request, application) else grants.BY_FORM
    try:
        application = workflow.renew_link(application)
    except workflow.Refused as refused:
        messages.error(request, refused.message)
        return show_form(request, application, None, "applications/renew_link.html", status=429)
    grants.give(request, application, via=via)
    messages.success(
        request,
        _("The old link does not work any more. A letter with the new one is on its way to %(address)s.")
        % {"address": application.email},
    )
    return redirect(application)
