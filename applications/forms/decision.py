"""What reviewers type in when they decide: the letter, why, and until when an offer stands."""

import datetime
import re

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from applications import letters
from applications.forms.fields import LineField
from applications.letters import placeholders
from applications.models import Application, Decision, Letter
from applications.statuses import Status, reviewer_needs_reason


def as_stored(text: str) -> str:
    """What a reviewer typed, as it is stored: placeholders again (see `letters.as_shown`), plain line ends."""
    for code, _name in settings.LANGUAGES:  # the page may have been opened in another language than it is sent in
        with translation.override(code):
            for placeholder, words in letters.IN_BRACKETS.items():
                text = text.replace(str(words), placeholder)
    return text.replace("\r\n", "\n").replace("\r", "\n")


class LetterField(forms.CharField):
    """The text of a letter: placeholders inside, words in square brackets for whoever edits it."""

    def to_python(self, value) -> str:
        return as_stored(super().to_python(value))

    def prepare_value(self, value) -> str:
        return letters.as_shown(value or "")


class PersonalLineField(LetterField):
    """What a reviewer adds to one letter. It may hold the link, never the place of a further line."""

    def __init__(self, **kwargs) -> None:
        more = {
            "label": _("Personal line"),
            "max_length": 2000,
            "required": False,
            "widget": forms.Textarea(attrs={"rows": 3}),
        }
        super().__init__(**more | kwargs)

    def to_python(self, value) -> str:
        return super().to_python(value).replace(letters.PERSONAL_LINE, "").strip()


def usual_offer_day() -> datetime.date:
    return timezone.localdate() + datetime.timedelta(days=settings.OFFER_DAYS)


class DecisionForm(forms.Form):
    """A decision with the letter that tells of it. `send` is 1 for a decision with this letter, 0 for one without."""

    subject = LineField(label=_("Subject"), max_length=200, required=False)
    lapses_on = forms.DateField(
        label=_("The offer stands until"),
        help_text=_("The last day on which the student can accept. After it the offer ends by itself."),
        input_formats=["%Y-%m-%d"],
        error_messages={"required": _("Please give the last day of the offer.")},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    personal_line = PersonalLineField(
        help_text=_("Stands in the letter in place of [personal line]. Leave it empty and the place disappears."),
    )
    body = LetterField(
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
    # The staged decision that the page spoke of, so that nobody replaces a colleague's without having heard of it.
    seen_decision = forms.CharField(required=False, widget=forms.HiddenInput)
    # The day that the words in `body` were written for.
    day_in_letter = forms.DateField(required=False, input_formats=["%Y-%m-%d"], widget=forms.HiddenInput)

    def __init__(
        self,
        application: Application,
        to_status: str,
        kind: str | None,
        data: QueryDict | dict | None = None,
        *,
        pending: Decision | None = None,
        needs_reason: bool | None = None,
    ) -> None:
        self.application, self.kind, self.pending = application, kind, pending
        self.is_offer = to_status == Status.OFFERED
        initial = self.first_values()
        if isinstance(data, QueryDict):
            data = data.dict()
        # Whoever leaves the letter's fields out altogether means the standard letter.
        super().__init__(None if data is None else self._following_the_day(initial | data), initial=initial)
        self._drop_what_does_not_apply()
        if needs_reason is None:
            needs_reason = reviewer_needs_reason(application.status, to_status)
        self.fields["reason"].required = needs_reason
        self.fields["reason"].error_messages["required"] = _("Please give the reason. It is kept in the history.")

    def first_values(self) -> dict:
        """What the form begins with: the standard letter."""
        day = usual_offer_day() if self.is_offer else None
        seen = self.pending.as_seen if self.pending else ""
        return {**self._standard_values(day), "seen_status": self.application.status, "seen_decision": seen}

    def _standard_values(self, day: datetime.date | None) -> dict:
        iso_day = day.isoformat() if day else ""
        values = {"lapses_on": iso_day, "day_in_letter": iso_day}
        if self.tells:
            standard = letters.standard_wording(self.application, self.kind, lapses_on=day)
            values |= {"subject": standard.subject, "body": letters.as_shown(standard.body)}
        return values

    @property
    def tells(self) -> bool:
        """Whether there is a letter for this move at all."""
        return bool(self.kind)

    def _drop_what_does_not_apply(self) -> None:
        if not self.tells:
            for name in ("subject", "body", "personal_line"):
                del self.fields[name]
        if self.is_offer:
            self.fields["lapses_on"].widget.attrs["min"] = timezone.localdate().isoformat()
        else:
            del self.fields["lapses_on"], self.fields["day_in_letter"]

    # The letter follows the day

    def _following_the_day(self, data: dict) -> dict:
        """Where the letter still is the standard one and another day was chosen, the standard letter for that day."""
        day, written_for = _day(data.get("lapses_on")), _day(data.get("day_in_letter"))
        if not (self.is_offer and self.tells and day and written_for and day != written_for):
            return data
        former, following = self._standard_values(written_for), self._standard_values(day)
        if as_stored(data.get("body", "")).strip() == as_stored(former["body"]).strip():
            data |= {"body": following["body"], "day_in_letter": following["day_in_letter"]}
            if data.get("subject") == former["subject"]:
                data["subject"] = following["subject"]
        return data

    def clean_lapses_on(self) -> datetime.date:
        day = self.cleaned_data["lapses_on"]
        if day < timezone.localdate():
            raise ValidationError(_("This day is over. The offer must stand at least until today."), code="past")
        return day

    def clean(self) -> dict:
        cleaned = super().clean()
        if self.tells and cleaned.get("send"):
            self._refuse_letter_without_words(cleaned)
            self._refuse_braces_that_nothing_fills(cleaned)
            self._refuse_letter_with_another_day(cleaned)
        return cleaned

    def _refuse_letter_without_words(self, cleaned: dict) -> None:
        for name, words in (
            ("subject", _("The letter needs a subject.")),
            ("body", _("The letter is empty. Write it, or decide without a letter.")),
        ):
            if not cleaned.get(name, "").strip() and name not in self.errors:
                self.add_error(name, ValidationError(words, code="required"))

    def _refuse_braces_that_nothing_fills(self, cleaned: dict) -> None:
        """The letter is filled already: what is typed as `{name}` goes out like that. A title may hold braces."""
        stood_there = placeholders.in_braces(f"{self.initial['subject']} {self.initial['body']}")
        kept = {*stood_there, *letters.IN_BRACKETS}
        for name in ("subject", "body", "personal_line"):
            unknown = [found for found in placeholders.in_braces(cleaned.get(name, "")) if found not in kept]
            if unknown and name not in self.errors:
                words = _("Nothing will be filled in for %(unknown)s here: it would go out just like that.")
                self.add_error(name, ValidationError(words, "braces", {"unknown": ", ".join(unknown)}))

    def _refuse_letter_with_another_day(self, cleaned: dict) -> None:
        """An edited letter is left as it is; but it must not promise another day than the one that will hold."""
        day, written_for = cleaned.get("lapses_on"), cleaned.get("day_in_letter")
        if not day or not written_for or day == written_for:
            return
        with translation.override(self.application.language):
            named, meant = date_format(written_for, "DATE_FORMAT"), date_format(day, "DATE_FORMAT")
        body = cleaned.get("body", "")
        if _names(body, named) and not _names(body, meant):
            words = _("The letter says %(named)s, but the offer stands until %(meant)s. Please write the same day.")
            self.add_error("body", ValidationError(words, "other_day", {"named": named, "meant": meant}))

    # What comes of it

    def stored_wording(self) -> letters.Wording:
        """The letter as a staged decision keeps it, with the place of the personal line."""
        edited = letters.Wording(self.cleaned_data["subject"], self.cleaned_data["body"].strip() + "\n")
        return letters.ready_to_stage(self.application, edited)

    def wording(self) -> letters.Wording:
        """The letter as it goes out."""
        return letters.with_personal_line(self.stored_wording(), self.cleaned_data["personal_line"])


class StagedForm(DecisionForm):
    """A decision that is staged already; it begins with its own letter, and knows which revision was read."""

    revision = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(self, decision: Decision, data: dict | None = None) -> None:
        self.decision = decision
        super().__init__(decision.application, decision.to_status, decision.letter_kind or None, data)
        del self.fields["seen_status"], self.fields["seen_decision"]

    def first_values(self) -> dict:
        decision = self.decision
        values = self._standard_values(decision.lapses_on)
        if decision.tells_the_student:
            values |= {"subject": decision.letter_subject, "body": letters.as_shown(decision.letter_body)}
        return {
            **values,
            "personal_line": letters.as_shown(decision.personal_line),
            "reason": decision.reason,
            "revision": decision.revision,
        }


class UndoForm(DecisionForm):
    """Undoing what was told: always with a reason, and with a correcting letter or without."""

    def __init__(self, application: Application, to_status: str, data: dict | None = None) -> None:
        super().__init__(application, to_status, Letter.Kind.CORRECTION, data, needs_reason=True)
        del self.fields["seen_decision"]


def _names(text: str, day: str) -> bool:
    """Whether this day stands in the text: `1 March 2027` does not stand in `21 March 2027`."""
    return re.search(rf"(?<!\d){re.escape(day)}(?!\d)", text) is not None


def _day(value: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value or "")
    except ValueError:
        return None
