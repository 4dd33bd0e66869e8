"""The supervisors' own words for a letter, and the application to try them on."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from applications.forms.fields import LineField
from applications.letters import Wording
from applications.letters import placeholders as in_letters
from applications.models import Application, LetterWording

MOST_TO_CHOOSE = 30


class ApplicationChoice(forms.ModelChoiceField):
    def label_from_instance(self, application: Application) -> str:
        return f"{application.reference}, {application.full_name}, {application.project.title}"


class WordingForm(forms.ModelForm):
    """Subject and text, held against the table of placeholders: nothing in braces goes out that means nothing."""

    subject = LineField(label=_("Subject"), max_length=200, error_messages={"required": _("A letter needs a subject.")})
    body = forms.CharField(
        label=_("Text"),
        max_length=10000,
        strip=True,
        error_messages={"required": _("A letter needs a text.")},
        widget=forms.Textarea(attrs={"rows": 22}),
    )
    try_on = ApplicationChoice(
        label=_("Preview with"),
        queryset=Application.objects.none(),
        required=False,
        empty_label=_("invented data"),
        error_messages={"invalid_choice": _("Please choose one of the applications in the list.")},
    )

    class Meta:
        model = LetterWording
        fields = ["subject", "body"]

    def __init__(self, user, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.kind = self.instance.kind
        if self.kind in (*in_letters.TO_STUDENTS, *in_letters.NOTICES):
            self.fields["try_on"].queryset = self._to_try_on(user)

    def _to_try_on(self, user):
        newest = Application.objects.visible_to(user).order_by("-received_at", "-pk").values("pk")[:MOST_TO_CHOOSE]
        return Application.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).select_related(
            "project__supervisor"
        )

    def clean_subject(self) -> str:
        subject = self.cleaned_data["subject"]
        self._refuse_unknown(subject, but=in_letters.NOT_IN_SUBJECT)
        return subject

    def clean_body(self) -> str:
        body = self.cleaned_data["body"].replace("\r\n", "\n") + "\n"
        self._refuse_unknown(body)
        missing = in_letters.missing_in(body, self.kind)
        if missing:
            raise ValidationError(
                _("This letter is of no use without %(missing)s. Please put it back."),
                code="placeholder_missing",
                params={"missing": ", ".join(missing)},
            )
        return body

    def _refuse_unknown(self, text: str, but: tuple[str, ...] = ()) -> None:
        known = [p.in_braces for p in in_letters.of_kind(self.kind) if p.name not in but]
        unknown = [found for found in in_letters.in_braces(text) if found not in known]
        if unknown:
            raise ValidationError(
                ngettext_lazy(
                    "%(unknown)s means nothing here. You can use: %(known)s.",
                    "%(unknown)s mean nothing here. You can use: %(known)s.",
                    len(unknown),
                ),
                code="placeholder_unknown",
                params={"unknown": ", ".join(unknown), "known": ", ".join(known)},
            )

    def wording(self) -> Wording:
        return Wording(self.cleaned_data["subject"], self.cleaned_data["body"])
