"""Fields that several forms share."""

import unicodedata

from crispy_forms.layout import LayoutObject
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from applications.models import Application, email_key

# Characters that reorder what is shown around them; a name needs none of them.
DIRECTION_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


# Letters and symbols of which nothing is seen: the fillers of Korean, and the empty pattern of Braille.
EMPTY_LETTERS = set("\u115f\u1160\u3164\uffa0\u2800")


def shown(text: str) -> str:
    """`text`, or nothing when it holds nothing that can be seen: an invisible name is no name."""
    is_seen = any(unicodedata.category(c)[0] not in "CZ" and c not in EMPTY_LETTERS for c in text)
    return text if is_seen else ""


class LineField(forms.CharField):
    """One line of text: composed Unicode, single spaces, no control or direction characters."""

    def to_python(self, value) -> str:
        text = unicodedata.normalize("NFC", super().to_python(value)).translate(DIRECTION_CONTROLS)
        return shown(" ".join("".join(c if unicodedata.category(c) != "Cc" else " " for c in text).split()))


class AddressField(forms.EmailField):
    """A student's e-mail address, also one with umlauts in its domain."""

    default_error_messages = {
        "required": _("Please enter your e-mail address."),
        "invalid": _("This is not a complete e-mail address. Write for example ada@example.org."),
    }

    def __init__(self, **kwargs) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "email"})
        super().__init__(**{"label": _("E-mail address"), "max_length": 254, "widget": widget} | kwargs)

    def clean(self, value) -> str:
        address = super().clean(value)
        if len(email_key(address)) > Application._meta.get_field("email_key").max_length:  # ligatures grow in NFKC
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return address


class MultipleFileInput(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class MultipleFileField(forms.FileField):
    """Several files under one name; cleans to a list of uploaded files."""

    widget = MultipleFileInput

    def clean(self, data, initial=None) -> list:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(MultipleFileField, self).clean(file, initial) for file in files if file]


class FileFieldWithKept(LayoutObject):
    """A field for files in the layout of a form, with what has arrived and is kept for it."""

    template = "applications/includes/file_field.html"

    def __init__(self, name: str, at_most: int) -> None:
        self.name = name
        self.at_most = at_most

    def render(self, form, context, template_pack=None, **kwargs) -> str:
        form.rendered_fields.add(self.name)
        words = {
            "field": form[self.name],
            "name": self.name,
            "uploads": form.kept_of(self.name),
            "most": self.at_most,
            "limit_bytes": settings.DOCUMENT_MAX_BYTES,
            "needed": form.is_needed(self.name),
        }
        with context.push(**words):
            return render_to_string(self.template, context.flatten())


def _in_figures(number: int) -> str:
    return number_format(number, force_grouping=True)


in_figures = lazy(_in_figures, str)  # 4,000 or 4.000, as the reader's language writes it


def pdf_input(widget: type[forms.FileInput]) -> forms.FileInput:
    return widget(attrs={"accept": "application/pdf,.pdf"})
