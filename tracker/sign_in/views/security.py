"""“Sign-in and security”: what guards one's own account. Every change asks for the password once more."""

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import PasswordChangeView, redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import login as note_device

from applications import letters
from tracker.sign_in import journal, known_browsers, second_factor, sessions
from tracker.sign_in.forms import ChangePasswordForm, CodeForm, PasswordAgainForm
from tracker.sign_in.throttle import Wait
from tracker.sign_in.views.base import address, next_page, page, waiting

SETTING_UP = "app_being_set_up"
RENEWING = "codes_being_renewed"
SETTING_UP_MINUTES = 15  # from the password to the code; then the password is asked again

form_page = require_http_methods(["GET", "HEAD", "POST"])


@require_http_methods(["GET", "HEAD"])
def overview(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """How the account is guarded now, and the way to each change."""
    facts = {
        "app": second_factor.app_of(request.user),
        "codes_left": second_factor.codes_left(request.user),
        "is_required": settings.SECOND_FACTOR_REQUIRED,
        "days": settings.SIGN_IN_DAYS,
        "hours": settings.SIGN_IN_IDLE_HOURS,
    }
    return page(request, site, "admin/security/index.html", title=_("Sign-in and security"), **facts)


# The app


@never_cache
@form_page
@sensitive_post_parameters("password", "code")
def app(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Set an app up: the password, the picture, a code that shows that it has worked.

    Also for somebody who is half signed in, has no second factor and must have one; then the password was just given.
    With an app already, half signed in is not enough: else the password alone would replace the second factor.
    """
    account = request.user if site.has_permission(request) else sessions.held(request)
    if account is None or (not site.has_permission(request) and second_factor.is_set_up(account)):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    begun = second_factor.begun(account, _being_set_up(request))
    if begun is not None and "begin" not in request.POST:
        return _confirm(request, site, account, begun)
    form = None
    if site.has_permission(request):
        form = PasswordAgainForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST" and (form is None or form.is_valid()):
        request.session[SETTING_UP] = {"app": second_factor.begin(account).pk, "at": timezone.now().timestamp()}
        return redirect(address("security_app", next=next_page(request)))
    return _step(request, site, "begin", form, account)


def _being_set_up(request: HttpRequest) -> int | None:
    begun = request.session.get(SETTING_UP)
    is_fresh = begun is not None and timezone.now().timestamp() - begun["at"] < SETTING_UP_MINUTES * 60
    return begun["app"] if is_fresh else None


def _confirm(request: HttpRequest, site: AdminSite, account, begun) -> HttpResponse:
    form = CodeForm(request.POST if request.method == "POST" else None)
    codes = None
    if form.is_valid():
        try:
            codes = second_factor.confirm(request, begun, form.cleaned_data["code"])
        except Wait as wait:
            form.add_error(None, form.has_to_wait(wait))
        else:
            if codes is None:
                form.add_error("code", _("This is not the code that the app shows now. Please enter the newest one."))
    if codes is None:
        picture = {"picture": second_factor.picture_of(begun), "secret": second_factor.secret_of(begun)}
        return _step(request, site, "confirm", form, account, **picture)
    del request.session[SETTING_UP]
    return _now_set_up(request, site, account, begun, codes)


def _now_set_up(request: HttpRequest, site: AdminSite, account, device, codes: list[str]) -> HttpResponse:
    """From here on this browser is signed in with the new app, and no other browser is."""
    is_signing_in = not site.has_permission(request)
    if is_signing_in:
        sessions.end_everywhere(account)
        sessions.begin(request, account, device)
    else:
        note_device(request, device)
        sessions.end_elsewhere(request, account)
    response = _show_codes(request, site, codes, next_page(request) if is_signing_in else reverse("admin:security"))
    known_browsers.remember(request, response, account.get_username())
    return response


def _step(request: HttpRequest, site: AdminSite, step: str, form, account, **more) -> HttpResponse:
    title = _("Set up an app for codes")
    context = {
        "step": step,
        "form": form,
        "next": next_page(request),
        "is_signing_in": not site.has_permission(request),
        "is_replaced": second_factor.is_set_up(account),
        **more,
    }
    wait = form.wait if form is not None else None
    return page(request, site, "admin/security/app.html", title=title, wait=wait, **context)


def _show_codes(request: HttpRequest, site: AdminSite, codes: list[str], onward: str) -> HttpResponse:
    """The only time that they are seen."""
    context = {"codes": codes, "file": second_factor.as_file(codes, request.user), "onward": onward}
    return page(request, site, "admin/security/codes.html", title=_("Your recovery codes"), **context)


# What the password alone decides


@form_page
@sensitive_post_parameters("password")
def codes(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """New recovery codes in place of the former ones. Once for each opened form: loading the codes' page again must not
    void those that were just written down.
    """
    if second_factor.app_of(request.user) is None:
        return redirect("admin:security")
    if request.method != "POST":
        request.session[RENEWING] = True
    elif RENEWING not in request.session:
        messages.info(request, _("Recovery codes are shown only once. Those that you have kept are good."))
        return redirect("admin:security")
    form = PasswordAgainForm(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        del request.session[RENEWING]
        return _show_codes(request, site, second_factor.renew_codes(request, request.user), reverse("admin:security"))
    return page(request, site, "admin/security/renew.html", title=_("New recovery codes"), wait=form.wait, form=form)


@form_page
@sensitive_post_parameters("password")
def remove(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Sign in without a code from now on; not where everybody must have one."""
    if second_factor.app_of(request.user) is None or settings.SECOND_FACTOR_REQUIRED:
        return redirect("admin:security")
    form = PasswordAgainForm(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        second_factor.remove(request.user, "factor_off", request=request)
        sessions.end_elsewhere(request, request.user)
        messages.success(request, _("The second factor is removed. From now on, your password is enough."))
        return redirect("admin:security")
    title = _("Remove the second factor")
    return page(request, site, "admin/security/remove.html", title=title, wait=form.wait, form=form)


@form_page
@sensitive_post_parameters("password")
def elsewhere(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Sign out in every other browser."""
    form = PasswordAgainForm(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        sessions.end_elsewhere(request, request.user)
        messages.success(request, _("You are signed out everywhere else."))
        return redirect("admin:security")
    title = _("Sign out everywhere else")
    return page(request, site, "admin/security/elsewhere.html", title=title, wait=form.wait, form=form)


class ChangePassword(PasswordChangeView):
    """Django's page. A changed password ends every other sign-in, and a letter tells of it."""

    form_class = ChangePasswordForm

    def get_form_kwargs(self) -> dict:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            letters.account_changed(form.user, "password")
        journal.note("Password changed", self.request, account=form.user)
        return response

    def form_invalid(self, form: ChangePasswordForm) -> HttpResponse:
        return waiting(super().form_invalid(form), form.wait)
