"""What an invited co-advisor types in."""

from crispy_forms.helper import FormHelper
from django.contrib.auth.forms import SetPasswordForm
from django.utils.translation import gettext_lazy as _


class ChoosePasswordForm(SetPasswordForm):
    """A password, twice, held against the rules for passwords; the account itself is made by `invitations`."""

    def __init__(self, user, data=None) -> None:
        super().__init__(user, data)
        self.fields["new_password1"].label = _("Password")
        self.fields["new_password2"].label = _("The same password again")
        self.fields["new_password2"].help_text = ""
        self.helper = FormHelper()
        self.helper.form_tag = False

    def save(self, commit: bool = True):
        raise TypeError("The account is made by invitations.accept_with_password().")
