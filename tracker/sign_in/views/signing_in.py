"""The way in: user name and password, then the code where the account has a second factor."""

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp.plugins.otp_static.models import StaticDevice

from tracker.sign_in import known_browsers, second_factor, sessions, typed
from tracker.sign_in.forms import CodeForm, SignInForm
from tracker.sign_in.throttle import Wait
from tracker.sign_in.views.base import address, next_page, page, waiting


@method_decorator([never_cache, csrf_protect, sensitive_post_parameters()], name="dispatch")
class SignIn(LoginView):
    """Django's page under our rules: having to wait answers 429 with the form, a second factor is asked afterwards."""

    authentication_form = SignInForm
    template_name = "admin/login.html"

    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        account = sessions.held(request)
        return super().get(request, *args, **kwargs) if account is None else _next_step(request, account)

    def form_valid(self, form: SignInForm) -> HttpResponse:
        account = form.get_user()
        if sessions.needs_second_factor(account):
            sessions.hold(self.request, account)
            return _next_step(self.request, account)
        return signed_in(self.request, account)

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        return waiting(super().form_invalid(form), form.wait)


def _next_step(request: HttpRequest, account) -> HttpResponse:
    """The code; or, where everybody must have a second factor and this account has none, setting one up."""
    step = "login_code" if second_factor.is_set_up(account) else "security_app"
    return redirect(address(step, next=next_page(request)))


def signed_in(request: HttpRequest, account, device=None) -> HttpResponse:
    """Sign in for good, let the browser be known from now on, and go where one was going."""
    sessions.begin(request, account, device)
    response = redirect(next_page(request))
    known_browsers.remember(request, response, account.get_username())
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
def code(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The second step. A POST of `again` begins anew, for instance as somebody else."""
    if "again" in request.POST:
        sessions.release(request)
        return redirect(address("login", next=next_page(request)))
    account = sessions.held(request)
    if account is None or not second_factor.is_set_up(account):
        return redirect(address("login", next=next_page(request)))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        device = _device(request, account, form)
        if device is not None:
            _say_how_many_are_left(request, account, device)
            return signed_in(request, account, device)
    title = _("Enter the code")
    return page(request, site, "admin/code.html", title=title, wait=form.wait, form=form, next=next_page(request))


def _device(request: HttpRequest, account, form: CodeForm):
    try:
        device = second_factor.verify(request, account, form.cleaned_data["code"])
    except Wait as wait:
        form.add_error(None, form.has_to_wait(wait))
        return None
    if device is None:
        form.add_error("code", _("This code is not right, or it was used already. Please enter a new one."))
    return device


def _say_how_many_are_left(request: HttpRequest, account, device) -> None:
    if not isinstance(device, StaticDevice):
        return
    left = second_factor.codes_left(account)
    words = ngettext(
        "You have used a recovery code. %(number)s is left; you get new ones under “Security”.",
        "You have used a recovery code. %(number)s are left; you get new ones under “Security”.",
        left,
    )
    messages.warning(request, words % {"number": left})


@require_http_methods(["GET", "HEAD", "POST"])
def typed_before(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What was sent after the sign-in had ended, to be sent again or to be forgotten (POST)."""
    kept = typed.of(request)
    if request.method == "POST":
        typed.forget(request)
    if request.method == "POST" or kept is None:
        return redirect("admin:index")
    return page(request, site, "admin/typed.html", title=_("Not sent yet"), typed=kept)
