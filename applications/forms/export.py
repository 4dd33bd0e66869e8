"""What a reviewer chooses when taking out the list."""

from django import forms
from django.utils.translation import gettext_lazy as _

from applications.models import Export


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("Format"),
        choices=Export.Format,
        initial=Export.Format.XLSX,
        error_messages={
            "required": _("Please choose a format."),
            "invalid_choice": _("Please choose one of the three formats."),
        },
    )
