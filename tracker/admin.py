"""Accounts and groups: Django's own pages, under the rules of ours."""

import django_otp.plugins.otp_static.admin
import django_otp.plugins.otp_totp.admin  # noqa: F401 - registered first, so that they can be taken away
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import ManyToManyField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from applications import letters
from projects.admin import RestrictedAdmin
from tracker.sign_in import journal, second_factor, sessions
from tracker.sign_in.forms import PasswordAgainForm
from tracker.sign_in.views.base import page

# Pages of second factors would show their secrets; “Security” and `reset_second_factor` are the ways to change one.
admin.site.unregister([User, Group, TOTPDevice, StaticDevice])


class PasswordOfColleagueForm(AdminPasswordChangeForm):
    """A letter tells whose password it is. Their sign-ins end with the old password."""

    def save(self, commit: bool = True) -> User:
        with transaction.atomic():
            user = super().save(commit)
            letters.account_changed(user, "password")
        journal.note("Password set by an administrator", None, account=user)
        return user


@admin.register(User)
class AccountAdmin(RestrictedAdmin, UserAdmin):
    """An account that is not there answers 404; Django would lead to the front page.

    Rights are given by ticking a group: single permissions would only confuse, because `visible_to` has the last word.
    """

    filter_horizontal = ()
    formfield_overrides = {ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Personal info"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Permissions"), {"fields": ["is_active", "is_staff", "groups", "is_superuser"]}),
    ]
    change_password_form = PasswordOfColleagueForm

    def get_urls(self):
        reset = self.admin_site.admin_view(self.reset_second_factor)
        return [path("<int:pk>/second-factor/", reset, name="auth_user_second_factor"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        account = self.get_object(request, object_id)
        has_app = account is not None and second_factor.is_set_up(account)
        return super().change_view(request, object_id, form_url, {"has_app": has_app, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        """A letter tells of a new address, at the former one and the new one."""
        super().save_model(request, obj, form, change)
        former = form.initial.get("email") if change else ""
        if former and former != obj.email:
            letters.account_changed(obj, "address", address=former)
            letters.account_changed(obj, "address")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Of a colleague. One's own password is changed where the old one is asked for."""
        if id == str(request.user.pk) and self.has_change_permission(request):
            return redirect("admin:password_change")
        return super().user_change_password(request, id, form_url)

    def reset_second_factor(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the second factor of a colleague away who has lost it. Asks for one's own password; a letter tells."""
        account = self.visible_object(request, str(pk))
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        if not second_factor.is_set_up(account):
            messages.info(request, _now("%(name)s has no second factor.") % {"name": account})
            return redirect("admin:auth_user_change", account.pk)
        form = PasswordAgainForm(request, request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._reset(request, account)
            return redirect("admin:auth_user_change", account.pk)
        title = _("Reset the second factor")
        context = {"form": form, "account": account, "opts": self.opts}
        return page(
            request, self.admin_site, "admin/auth/user/second_factor.html", title=title, wait=form.wait, **context
        )

    def _reset(self, request: HttpRequest, account: User) -> None:
        with transaction.atomic():
            second_factor.remove(account, "factor_reset", request=request)
            sessions.end_everywhere(account)
            self.log_change(request, account, "The second factor was reset.")
        words = _now("%(name)s has no second factor any more, is signed out everywhere, and is told so by letter.")
        messages.success(request, words % {"name": account})


@admin.register(Group)
class RightsAdmin(RestrictedAdmin, GroupAdmin):
    """The same for groups."""
