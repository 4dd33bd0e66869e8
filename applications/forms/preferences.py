"""What a reviewer prefers."""

from django import forms
from django.conf import settings
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from applications.models import Preference


class PreferencesForm(forms.ModelForm):
    class Meta:
        model = Preference
        fields = ["notices", "language", "shortcuts"]
        labels = {
            "notices": _("News of applications comes as"),
            "language": _("Letters to me come in"),
            "shortcuts": _("Use keys on the review page"),
        }
        help_texts = {
            "notices": _(
                "What you are asked to review and, on Mondays, what is overdue come as letters of their own either way."
            ),
            "language": _(
                "Students get letters in the language in which they applied. These pages follow your browser, or the "
                "switch at the top."
            ),
            "shortcuts": _(
                "j and k for the next and the previous application, 1 to 5 for the rating, n for a note, ? for all of "
                "them. Switch them off if they get in the way of your own tools."
            ),
        }
        widgets = {"notices": forms.RadioSelect, "language": forms.RadioSelect}

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [
            ("", _("the language of this site (%(language)s)") % {"language": own_name(settings.LANGUAGE_CODE)}),
            *((code, own_name(code)) for code, _name in settings.LANGUAGES),
        ]


def own_name(language: str) -> str:
    """What a language is called by those who speak it: `Deutsch`."""
    return get_language_info(language)["name_local"].capitalize()
