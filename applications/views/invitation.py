"""The page on which an invited co-advisor makes an account. The token stands in the letter only, never in a page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from applications import invitations
from applications.forms import ChoosePasswordForm
from applications.models import Invitation
from applications.tokens import invitation_of_token
from applications.workflow import Refused

SESSION_KEY = "invitation"


@require_safe
@never_cache
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Remember the invitation and go on to the page itself, so that the token stays neither in the bar nor a referrer.

    A GET uses nothing up, whatever a mail scanner opens.
    """
    invitation = invitation_of_token(token)
    if invitation is None or not invitations.works(invitation):
        response = _gone(request)
    else:
        request.session[SESSION_KEY] = invitation.pk
        request.session.cycle_key()
        response = redirect("applications:invitation")
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("new_password1", "new_password2")
def invitation(request: HttpRequest) -> HttpResponse:
    """Who invites to which project; choose a password, or take the invitation with the account that one has."""
    found = (
        Invitation.objects.select_related("project", "co_advisor", "invited_by")
        .filter(pk=request.session.get(SESSION_KEY))
        .first()
    )
    if found is None or not invitations.works(found):
        return _gone(request)
    if invitations.belongs_to(found, request.user):
        return _with_own_account(request, found)
    if invitations.account_with_address(found.email) is not None:
        return _page(request, found, "sign_in")
    return _with_new_account(request, found)


def _with_own_account(request: HttpRequest, found: Invitation) -> HttpResponse:
    if request.method != "POST":
        return _page(request, found, "accept")
    try:
        invitations.accept_as(found, request.user)
    except Refused as refused:
        if refused.code == "gone":
            return _gone(request)
        messages.error(request, refused.message)
        return _page(request, found, "accept")
    del request.session[SESSION_KEY]
    messages.success(request, _("Thank you. You now review the applications to “%s”.") % found.project)
    return redirect("admin:index")


def _with_new_account(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = ChoosePasswordForm(invitations.new_account(found), request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _page(request, found, "choose", form=form)
    try:
        user = invitations.accept_with_password(found, form.cleaned_data["new_password1"])
    except Refused as refused:
        return _gone(request) if refused.code == "gone" else _page(request, found, "sign_in")
    del request.session[SESSION_KEY]
    messages.success(
        request,
        _("Your account is ready. Please sign in with the user name %(name)s and your password.")
        % {"name": user.get_username()},
    )
    return redirect("admin:login")


def _page(request: HttpRequest, found: Invitation, step: str, **more) -> HttpResponse:
    by = found.invited_by
    context = {
        "invitation": found,
        "project": found.project,
        "invited_by": by.get_full_name() or by.get_username(),
        "step": step,
        "sign_in_url": reverse("admin:login", query={"next": reverse("applications:invitation")}),
        **more,
    }
    return render(request, "applications/invitation.html", context)


def _gone(request: HttpRequest) -> HttpResponse:
    """Used, expired, replaced, tampered with, or of somebody who is named no more: nobody learns which."""
    request.session.pop(SESSION_KEY, None)
    return render(request, "applications/invitation_gone.html", status=404)
