"""What a student types to have an application erased."""

import unicodedata

from crispy_forms.helper import FormHelper
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from applications.models import Application


def bare_reference(text: str) -> str:
    """A reference as it is compared: upper case, without spaces, dashes and whatever else stands between."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).upper() if char.isalnum())


class EraseForm(forms.Form):
    """The reference typed once more, so that nobody erases by a slip of the finger."""

    reference = forms.CharField(
        label=_("Reference"),
        max_length=50,
        error_messages={"required": _("Please type the reference of this application.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def __init__(self, *args, application: Application, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.application = application
        self.fields["reference"].help_text = _("Type %(reference)s to confirm.") % {"reference": application.reference}
        self.helper = FormHelper()
        self.helper.form_tag = False

    def clean_reference(self) -> str:
        typed = self.cleaned_data["reference"]
        if bare_reference(typed) != bare_reference(self.application.reference):
            raise ValidationError(
                _("This is not the reference of this application, which is %(reference)s."),
                code="other",
                params={"reference": self.application.reference},
            )
        return typed
