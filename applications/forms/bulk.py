"""What reviewers type in when they decide about several applications at once."""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.forms.decision import PersonalLineField, usual_offer_day
from applications.forms.review import ReviewerChoices
from applications.models import Application, Decision
from applications.statuses import REVIEWER_MOVES, Status, reviewer_needs_reason

# What can be staged for several at once. Everything else concerns one student at a time.
STAGED_TOGETHER = (Status.INTERVIEW, Status.WAITLISTED, Status.OFFERED, Status.DECLINED)

# What it is called before the student has been told: “Declined” would say that it has happened.
DECISION_WORDS = {
    Status.IN_REVIEW: _("Back to review"),
    Status.INTERVIEW: _("Interview"),
    Status.WAITLISTED: _("Waiting list"),
    Status.OFFERED: _("Offer"),
    Status.ACCEPTED: _("Acceptance"),
    Status.DECLINED: _("Decline"),
    Status.WITHDRAWN: _("Withdrawal"),
}

REASON_MISSING = _("Please give the reason. It is kept in the history.")


class ReasonField(forms.CharField):
    def __init__(self, **kwargs) -> None:
        more = {
            "label": _("Reason"),
            "max_length": 2000,
            "required": False,
            "help_text": _("Stands in the history of each; the students do not see it."),
            "error_messages": {"required": REASON_MISSING},
            "widget": forms.Textarea(attrs={"rows": 2}),
        }
        super().__init__(**more | kwargs)


class LastDayField(forms.DateField):
    """The last day on which an offer can be accepted."""

    def __init__(self, **kwargs) -> None:
        more = {
            "label": _("The offers stand until"),
            "initial": usual_offer_day,
            "input_formats": ["%Y-%m-%d"],
            "error_messages": {"required": _("Please give the last day of the offers.")},
            "widget": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }
        super().__init__(**more | kwargs)

    def validate(self, value: datetime.date | None) -> None:
        super().validate(value)
        if value is not None and value < timezone.localdate():
            raise ValidationError(_("This day is over. Please choose today or a later day."), code="past")


@dataclasses.dataclass(frozen=True)
class Seen:
    """What somebody had before their eyes: the status, and what was staged already."""

    status: str
    decision: str  # `Decision.as_seen`; empty when none was staged


class ChosenForm(forms.Form):
    """The applications that a page is about, in one field: a form may not have a thousand.

    `chosen` holds each primary key with the status and the staged decision that were seen, so that nobody decides
    about another state of things: `12:received:,13:in_review:45:0`.
    """

    chosen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        applications: Iterable[Application],
        data: Mapping | None = None,
        *,
        pending: Mapping[int, Decision] | None = None,
    ) -> None:
        pending = pending or {}
        decisions = {pk: decision.as_seen for pk, decision in pending.items()}
        chosen = ",".join(f"{each.pk}:{each.status}:{decisions.get(each.pk, '')}" for each in applications)
        super().__init__(data, initial={"chosen": chosen})


def is_key(text: str) -> bool:
    """Whether this can be the key of a row: digits, and not more of them than a database takes."""
    return text.isascii() and text.isdecimal() and len(text) < 19


def seen_in(chosen: str) -> dict[int, Seen]:
    """What `chosen` says of each application; nothing of those that the page did not show."""
    seen = {}
    for entry in chosen.split(","):
        pk, _colon, rest = entry.partition(":")
        status, _colon, decision = rest.partition(":")
        if is_key(pk):
            seen[int(pk)] = Seen(status, decision)
    return seen


class StageForm(ChosenForm):
    """One decision about many: the standard letters with a common personal line."""

    lapses_on = LastDayField(help_text=_("The last day on which the students can accept."))
    personal_line = PersonalLineField(
        label=_("Personal line in each letter"),
        help_text=_("Stands in every one of these letters. Each letter can still be edited before it is released."),
    )
    reason = ReasonField()
    replace = forms.BooleanField(
        required=False,
        help_text=_("Otherwise they keep the staged decision that they have, with its letter."),
    )

    def __init__(
        self,
        applications: Iterable[Application],
        to_status: str,
        data: Mapping | None = None,
        *,
        pending: Mapping[int, Decision] | None = None,
        needs_reason: bool = False,
        replaceable: int = 0,
    ) -> None:
        super().__init__(applications, data, pending=pending)
        label = _("Replace what is staged already for %(number)s of them")
        self.fields["replace"].label = label % {"number": replaceable}
        if not replaceable:
            del self.fields["replace"]
        if to_status != Status.OFFERED:
            del self.fields["lapses_on"]
        self.fields["reason"].required = needs_reason


class AskManyForm(ChosenForm):
    reviewers = ReviewerChoices(
        label=_("Whom would you like to ask?"),
        queryset=None,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Please choose at least one person."),
            "invalid_choice": _("One of them is not a reviewer of these projects."),
            "invalid_pk_value": _("One of them is not a reviewer of these projects."),
        },
    )

    def __init__(self, applications: Iterable[Application], possible, data: Mapping | None = None) -> None:
        super().__init__(applications, data)
        self.fields["reviewers"].queryset = possible


class PickForm(ChosenForm):
    """Beside each of the compared applications: what is decided about it, or nothing yet."""

    reason = ReasonField(help_text=_("Asked for when something is taken back. The students do not see it."))

    def __init__(
        self,
        applications: list[Application],
        data: Mapping | None = None,
        *,
        pending: Mapping[int, Decision] | None = None,
    ) -> None:
        super().__init__(applications, data, pending=pending)
        self.applications = applications
        for application in applications:
            self.fields[self.name_of(application)] = forms.ChoiceField(
                label=_("Decision to stage: %(name)s") % {"name": application.full_name},
                choices=self._choices(application),
                required=False,
                error_messages={
                    "invalid_choice": _("This is not possible for %(name)s any more; please look at the status.")
                    % {"name": application.full_name}
                },
            )
        if not any(application.status in (Status.OFFERED, Status.ACCEPTED) for application in applications):
            del self.fields["reason"]

    @staticmethod
    def name_of(application: Application) -> str:
        return f"decision_{application.pk}"

    @staticmethod
    def _choices(application: Application) -> list[tuple[str, str]]:
        allowed = [s for s in STAGED_TOGETHER if s in REVIEWER_MOVES[Status(application.status)]]
        return [("", _("Nothing yet")), *((status.value, DECISION_WORDS[status]) for status in allowed)]

    def picked(self) -> list[tuple[Application, str]]:
        """What a valid form says: which of them are decided, and how."""
        decided = [(each, self.cleaned_data.get(self.name_of(each), "")) for each in self.applications]
        return [(application, status) for application, status in decided if status]

    def clean(self) -> dict:
        cleaned = super().clean()
        needs_reason = any(reviewer_needs_reason(each.status, status) for each, status in self.picked())
        if needs_reason and not cleaned.get("reason", "").strip() and "reason" in self.fields:
            self.add_error("reason", ValidationError(REASON_MISSING, code="required"))
        return cleaned
