from collections.abc import Callable
from functools import partial, update_wrapper

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from applications.views.preferences import preferences
from tracker import desk
from tracker.sign_in import typed
from tracker.sign_in.views import recovering, security, signing_in


class TrackerAdminSite(admin.AdminSite):
    """The review side: Django's own admin under this product's name, and the pages of signing in."""

    site_header = _("MSc projects")
    site_title = _("MSc projects")
    index_title = _("Applications and projects")
    enable_nav_sidebar = False

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The front page is a desk: what waits, and how each project does; see `tracker.desk`."""
        context = desk.context_for(request.user)
        return super().index(request, context | (extra_context or {}))

    def get_urls(self):
        """Django's addresses without its "view on site" shortcut, which tells any staff user where any row leads."""
        own = [
            path("preferences/", self.admin_view(self.preferences), name="preferences"),
            *self.ways_in(),
            *self.security_pages(),
        ]
        return own + [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def ways_in(self) -> list:
        """Pages for people who are not signed in, or only half."""
        return [
            path("login/code/", partial(signing_in.code, site=self), name="login_code"),
            path("password-reset/", partial(recovering.ask, site=self), name="password_reset"),
            path("password-reset/new/", partial(recovering.choose, site=self), name="password_reset_new"),
            path("password-reset/<str:token>/", partial(recovering.open_link, site=self), name="password_reset_open"),
            path("security/app/", partial(security.app, site=self), name="security_app"),
        ]

    def security_pages(self) -> list:
        """What guards one's own account: everybody has these pages, and nobody another's."""
        pages = {
            "security/": (security.overview, "security"),
            "security/codes/": (security.codes, "security_codes"),
            "security/remove/": (security.remove, "security_remove"),
            "security/elsewhere/": (security.elsewhere, "security_elsewhere"),
            "typed/": (signing_in.typed_before, "typed"),
        }
        return [
            path(address, self.admin_view(partial(view, site=self)), name=name)
            for address, (view, name) in pages.items()
        ]

    def preferences(self, request: HttpRequest) -> HttpResponse:
        """How this reviewer likes to be told and to work."""
        return preferences(request, self.each_context(request))

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Django's page, under the rules of `tracker.sign_in`."""
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **({} if "next" in request.GET or "next" in request.POST else {"next": reverse("admin:index")}),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return signing_in.SignIn.as_view(extra_context=context)(request)

    def password_change(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        context = {**self.each_context(request), **(extra_context or {})}
        request.current_app = self.name
        done = reverse("admin:password_change_done", current_app=self.name)
        return security.ChangePassword.as_view(extra_context=context, success_url=done)(request)

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        """Django's gate. Whoever comes with a sign-in that is over is told so, and loses nothing of what they sent."""
        guarded = super().admin_view(view, cacheable)

        def look_at_the_end(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if not self.has_permission(request) and hasattr(request, "ended"):
                return self.after_the_end(request)
            if request.method == "POST":
                typed.forget(request, request.get_full_path())
            return guarded(request, *args, **kwargs)

        return update_wrapper(look_at_the_end, guarded)

    def after_the_end(self, request: HttpRequest) -> HttpResponse:
        """Sign in again, and go on where one was; or to what was sent and could not be carried out."""
        messages.warning(request, request.ended.words)
        is_kept = typed.keep(request, request.ended.user_id)
        going = reverse("admin:typed") if is_kept else request.get_full_path()
        return redirect_to_login(going, reverse("admin:login", current_app=self.name))
