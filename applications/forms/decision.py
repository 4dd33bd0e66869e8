"""What reviewers type in when they decide."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from applications import letters
from applications.forms.fields import LineField
from applications.models import Application
from applications.statuses import reviewer_needs_reason


class DecisionForm(forms.Form):
    """A decision with the letter that tells of it. `send` is 1 to send the letter, 0 to decide without one.

    In the textarea, the reviewers see words in square brackets where the link and the personal line will stand.
    """

    SHOWN = {letters.MANAGE_LINK: "[personal link]", letters.PERSONAL_LINE: "[personal line]"}

    subject = LineField(label=_("Subject"), max_length=200, required=False)
    personal_line = forms.CharField(
        label=_("Personal line"),
        max_length=2000,
        required=False,
        help_text=_("Stands in the letter in place of [personal line]. Leave it empty and the place disappears."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    body = forms.CharField(
        label=_("Letter"),
        max_length=10000,
        required=False,
        help_text=_("[personal link] becomes the student’s own link while the letter is sent."),
        widget=forms.Textarea(attrs={"rows": 16}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        required=False,
        help_text=_("Stands in the history; the student does not see it."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    send = forms.TypedChoiceField(
        choices=[("1", _("Send")), ("0", _("Do not send"))],
        coerce=lambda value: value == "1",
        required=False,
        empty_value=None,
    )
    seen_status = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, application: Application, to_status: str, kind: str | None, data=None) -> None:
        self.application = application
        self.standard = letters.standard_wording(application, kind) if kind else None
        initial = {"seen_status": application.status}
        if self.standard:
            initial |= {"subject": self.standard.subject, "body": self._shown(self.standard.body)}
        # Whoever leaves the letter's fields out altogether means the standard letter.
        super().__init__(initial | data.dict() if data is not None else None, initial=initial)
        if not self.standard:
            for name in ("subject", "body", "personal_line"):
                del self.fields[name]
        self.fields["reason"].required = reviewer_needs_reason(application.status, to_status)
        self.fields["reason"].error_messages["required"] = _("Please give the reason. It is kept in the history.")

    @classmethod
    def _shown(cls, body: str) -> str:
        for placeholder, words in cls.SHOWN.items():
            body = body.replace(placeholder, words)
        return body

    @classmethod
    def _stored(cls, body: str) -> str:
        for placeholder, words in cls.SHOWN.items():
            body = body.replace(words, placeholder)
        return body.replace("\r\n", "\n")

    def clean(self) -> dict:
        cleaned = super().clean()
        if self.standard and cleaned.get("send"):
            for name, words in (
                ("subject", _("The letter needs a subject.")),
                ("body", _("The letter is empty. Write it, or decide without a letter.")),
            ):
                if not cleaned.get(name, "").strip() and name not in self.errors:
                    self.add_error(name, ValidationError(words, code="required"))
        return cleaned

    def wording(self) -> letters.Wording:
        """The letter as it will be stored and sent."""
        edited = letters.Wording(self.cleaned_data["subject"], self._stored(self.cleaned_data["body"]))
        personal = letters.with_personal_line(edited, self.cleaned_data["personal_line"])
        return letters.with_reference(self.application, personal)

    def wording_as_shown(self) -> letters.Wording:
        """The same letter for the reviewers' eyes, with words in place of the link."""
        wording = self.wording()
        return letters.Wording(wording.subject, self._shown(wording.body))
