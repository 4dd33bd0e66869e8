"""What people type in to sign in, to set a second factor up, and to choose a password."""

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from tracker.sign_in import sessions, throttle
from tracker.sign_in.throttle import Wait


class WaitingForm(forms.Form):
    """A form that may be tried too often: `wait` then says for how long, and its words stand above the form."""

    wait: Wait | None = None

    def has_to_wait(self, wait: Wait) -> ValidationError:
        self.wait = wait
        return ValidationError(wait.words, code="wait")


class SignInForm(AdminAuthenticationForm):
    """User name and password of a staff account. The error is the same for every reason but having to wait."""

    wait: Wait | None = None

    @sensitive_variables()
    def clean(self) -> dict:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if name is None or not password:
            return self.cleaned_data
        try:
            self.user_cache = throttle.account_with_password(self.request, name, password)
        except Wait as wait:
            self.wait = wait
            raise ValidationError(wait.words, code="wait") from wait
        if self.user_cache is None:
            raise self.get_invalid_login_error()
        return self.cleaned_data


class CodeForm(WaitingForm):
    """A code from the app, or one of the recovery codes, however its parts are written."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false", "autofocus": True}
        ),
        error_messages={"required": _("Please enter the code.")},
    )


class PasswordAgainForm(WaitingForm):
    """The password of whoever is signed in, asked once more before something that guards the account is changed."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Please enter your password.")},
    )

    def __init__(self, request: HttpRequest, data=None) -> None:
        super().__init__(data)
        self.request = request

    @sensitive_variables()
    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        try:
            sign_in = sessions.which(self.request)
            is_right = throttle.is_own_password(self.request, self.request.user, password, sign_in=sign_in)
        except Wait as wait:
            raise self.has_to_wait(wait) from wait
        if not is_right:
            raise ValidationError(_("This is not your password. Please try again."), code="wrong")
        return password


class ChangePasswordForm(AdminPasswordChangeForm):
    """Django's own, but the old password cannot be tried without end."""

    wait: Wait | None = None

    def __init__(self, user, *args, request: HttpRequest, **kwargs) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    @sensitive_variables()
    def clean_old_password(self) -> str:
        old = self.cleaned_data["old_password"]
        try:
            is_right = throttle.is_own_password(self.request, self.user, old, sign_in=sessions.which(self.request))
        except Wait as wait:
            self.wait = wait
            raise ValidationError(wait.words, code="wait") from wait
        if not is_right:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class LostPasswordForm(forms.Form):
    """Who asks for a new password."""

    name = forms.CharField(
        label=_("E-mail address or user name"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "off", "spellcheck": "false"}),
        error_messages={"required": _("Please enter your e-mail address or your user name.")},
    )


class NewPasswordForm(SetPasswordForm):
    """A new password, twice. The rules are length and not being a common one (AUTH_PASSWORD_VALIDATORS)."""

    def __init__(self, user, data=None) -> None:
        super().__init__(user, data)
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password2"].label = _("The same password again")
        self.fields["new_password2"].help_text = ""
