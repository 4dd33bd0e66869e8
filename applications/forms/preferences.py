"""What a reviewer prefers."""

from django import forms
from django.utils.translation import gettext_lazy as _

from applications.models import Preference


class PreferencesForm(forms.ModelForm):
    class Meta:
        model = Preference
        fields = ["notices", "shortcuts"]
        labels = {"notices": _("News of applications comes as"), "shortcuts": _("Use keys on the review page")}
        help_texts = {
            "notices": _(
                "What you are asked to review and, on Mondays, what is overdue come as letters of their own either way."
            ),
            "shortcuts": _(
                "j and k for the next and the previous application, 1 to 5 for the rating, n for a note, ? for all of "
                "them. Switch them off if they get in the way of your own tools."
            ),
        }
        widgets = {"notices": forms.RadioSelect}
