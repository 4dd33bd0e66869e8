"""A field that people do not see. Programs that fill in every field of a form fill it in, too."""

from crispy_forms.layout import Div
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Likely enough for a program, and nothing that browsers fill in by themselves, as they do with names and addresses.
TRAP = "homepage"


class FormWithTrap(forms.Form):
    """A form with the field TRAP, which is to stay empty; put `trap_layout()` into its layout.

    Filled in, it is an error of the whole form, so that everything else is kept and its reader gets an honest word; and
    it is emptied, so that whoever did not know of it just presses the button again. `is_trapped` says so.
    """

    homepage = forms.CharField(
        label=_("Please leave this field empty"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )

    is_trapped = False
    wait = 0  # after how many seconds it is worth trying again, where it is one form too many

    def clean_homepage(self) -> str:
        if not self.cleaned_data[TRAP] or not settings.APPLY_LIMITS:
            return ""
        self.is_trapped = True
        self.data = self.data.copy()
        self.data[TRAP] = ""
        words = _(
            "A field that people do not see was filled in, as programs do that fill in forms by themselves. It is "
            "empty again. Nothing is lost, and nothing was sent yet: please look through the form and press the button "
            "again."
        )
        self.add_error(None, ValidationError(words, code="trap"))
        return ""


def trap_layout() -> Div:
    """The field, out of sight by the class `stays-empty` (css/form.css), and out of the way of screen readers."""
    return Div(TRAP, css_class="stays-empty", aria_hidden="true")
