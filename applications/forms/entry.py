"""What a reviewer types in of an application that came by e-mail."""

import datetime
import secrets

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from applications.forms.fields import AddressField
from applications.forms.student import AnswersForm, DocumentsForm
from applications.models import Application
from projects.models import Project

OLDEST = datetime.timedelta(days=366)  # an older e-mail is a mistyped year, or has been answered long ago


class ProjectField(forms.ModelChoiceField):
    """Projects by title; those that take no applications now say so, because an e-mail may have come before."""

    def label_from_instance(self, project: Project) -> str:
        return str(project) if project.is_open() else f"{project} ({project.availability().label})"


class EntryForm(DocumentsForm, AnswersForm):
    """Name, address and project are needed; the student completes what else is missing.

    Files are received and kept as on the student's own form.
    """

    project = ProjectField(
        label=_("Project"),
        queryset=Project.objects.none(),
        empty_label=_("Please choose"),
        error_messages={
            "required": _("Please choose the project."),
            "invalid_choice": _("Please choose one of your projects that are published."),
        },
    )
    received_on = forms.DateField(
        label=_("Received on"),
        input_formats=["%Y-%m-%d", "%d.%m.%Y"],
        help_text=_("The day on which the e-mail came. The promised answer counts from it."),
        error_messages={
            "required": _("Please enter the day on which the e-mail came."),
            "invalid": _("Please write the date as year-month-day, for example 2027-02-15."),
        },
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    email = AddressField(
        help_text=_("The student gets the link there, to complete the application and to consent."),
        error_messages={"required": _("Please enter the student’s e-mail address.")},
    )
    nonce = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    documents_are_required = False
    field_order = ["nonce", "project", "received_on", "full_name", "email"]
    OPTIONAL = ("university", "programme", "earliest_start", "motivation")

    ABOUT_THE_PROJECT = (*Project.Availability.values, "unpublished", "not_yours")  # codes of refusal

    # The same questions, put to a reviewer about a student.
    LABELS = {"full_name": _("Name"), "motivation": _("Motivation")}
    HELP = {
        "full_name": "",
        "programme": "",
        "earliest_start": "",
        "motivation": _("What the e-mail says of it, in the student’s words."),
        "links": _("One address per line, at most five."),
    }

    def __init__(self, data: QueryDict | None = None, *args, user, **kwargs) -> None:
        super().__init__(data, *args, **kwargs)
        self.fields["project"].queryset = Project.objects.visible_to(user).published()
        for name in self.OPTIONAL:
            self.fields[name].required = False
        for name, label in self.LABELS.items():
            self.fields[name].label = label
        for name, help_text in self.HELP.items():
            self.fields[name].help_text = help_text
        self.fields["full_name"].error_messages["required"] = _("Please enter the student’s name.")
        for name in ("full_name", "university", "email"):  # the browser knows the reviewer's own
            self.fields[name].widget.attrs["autocomplete"] = "off"
        if not self.is_bound:
            self.initial.setdefault("received_on", timezone.localdate())
            self.initial["nonce"] = secrets.token_urlsafe(16)

    def clean_received_on(self) -> datetime.date:
        day, today = self.cleaned_data["received_on"], timezone.localdate()
        if day > today:
            raise ValidationError(_("This day is still to come. Please enter the day of the e-mail."), code="future")
        if day < today - OLDEST:
            raise ValidationError(_("This is more than a year ago. Please check the year."), code="long_ago")
        return day

    def clean_earliest_start(self) -> datetime.date | None:
        return super().clean_earliest_start() if self.cleaned_data["earliest_start"] else None

    def answers(self) -> dict:
        return {name: self.cleaned_data[name] for name in (*Application.ANSWERS, "email")}

    def add_refusal(self, code: str, message: str) -> None:
        """Put the word of `workflow.Refused` at the field that can be changed about it."""
        on_that_day = {
            Project.Availability.EXPIRED: _("On that day the deadline of this project had passed."),
            Project.Availability.NOT_YET: _("On that day this project did not take applications yet."),
        }
        if code in on_that_day:
            self.add_error("received_on", ValidationError(on_that_day[code], code=code))
            return
        field = "email" if code == "duplicate" else "project" if code in self.ABOUT_THE_PROJECT else None
        self.add_error(field, ValidationError(message, code=code))
