"""What a student asks the reviewers."""

from crispy_forms.helper import FormHelper
from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.forms.fields import in_figures
from applications.forms.student import LongTextField

LONGEST_QUESTION = 2000  # characters


class StudentQuestionForm(forms.Form):
    text = LongTextField(
        label=_("Your question"),
        max_length=LONGEST_QUESTION,
        help_text=format_lazy(_("At most {number} characters."), number=in_figures(LONGEST_QUESTION)),
        error_messages={"required": _("Please write your question.")},
        widget=forms.Textarea(attrs={"rows": 7}),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
