"""What reviewers type in."""

from django import forms
from django.utils.translation import gettext_lazy as _

from applications.models import Review


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Add a note (the student does not see it)"),
        max_length=5000,
        error_messages={"required": _("Please write the note first.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReviewForm(forms.Form):
    """One's own rating of an application; none is chosen beforehand."""

    rating = forms.TypedChoiceField(
        label=_("Your rating"),
        choices=Review.Rating.choices,
        coerce=int,
        error_messages={"required": _("Please choose a rating.")},
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=_("Comment"), required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 2})
    )
