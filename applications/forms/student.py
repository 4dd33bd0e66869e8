"""What students type in and hand over. Files are received here; rules of the product are in `workflow`."""

import secrets
import unicodedata

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Column, Div, Field, Fieldset, Layout, Row
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications import documents
from applications.forms.fields import (
    DIRECTION_CONTROLS,
    AddressField,
    LineField,
    MultipleFileField,
    MultipleFileInput,
    pdf_input,
)
from applications.models import Application, Document, Upload
from applications.tokens import upload_id_of_token, upload_token
from applications.uploadhandlers import longest_body

MOTIVATION_MAX = 4000
LINKS_MAX = 5
YEARS_AHEAD_MAX = 5

format_html_lazy = lazy(format_html, str)


class AnswersForm(forms.Form):
    """What a student tells about themselves, without address and documents."""

    full_name = LineField(
        label=_("Your name"),
        max_length=200,
        help_text=_("As you would like to be addressed."),
        error_messages={"required": _("Please enter your name.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    university = LineField(
        label=_("University"),
        max_length=200,
        error_messages={"required": _("Please enter the university at which you study.")},
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    programme = LineField(
        label=_("Programme"),
        max_length=200,
        help_text=_("For example: MSc Computer Science, second semester."),
        error_messages={"required": _("Please enter what you study.")},
    )
    earliest_start = forms.DateField(
        label=_("Earliest start"),
        input_formats=["%Y-%m-%d", "%d.%m.%Y"],
        help_text=_("The first day on which you could begin."),
        error_messages={
            "required": _("Please choose the first day on which you could begin."),
            "invalid": _("Please write the date as year-month-day, for example 2027-02-15."),
        },
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    motivation = forms.CharField(
        label=_("Why this project?"),
        max_length=MOTIVATION_MAX,
        help_text=_("A few sentences are enough: what draws you to it, and what you bring. At most 4,000 characters."),
        error_messages={"required": _("Please write a few sentences on why you would like to do this project.")},
        widget=forms.Textarea(attrs={"rows": 9}),
    )
    links = forms.CharField(
        label=_("Links"),
        required=False,
        max_length=1000,
        help_text=_("If you like: your web page, code or papers. One address per line, at most five."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(*self.answers_layout())

    @staticmethod
    def answers_layout() -> list:
        return [
            Fieldset(
                _("You and your studies"),
                "full_name",
                Row(Column("university", css_class="col-md-6"), Column("programme", css_class="col-md-6")),
                Row(Column("earliest_start", css_class="col-md-6")),
                css_class="form-section",
            ),
            Fieldset(_("Your motivation"), "motivation", "links", css_class="form-section"),
        ]

    def clean_full_name(self) -> str:
        """A name goes into letters to an address that anybody may type in; so it must not carry a link there."""
        name = self.cleaned_data["full_name"]
        if "://" in name or "www." in name.casefold():
            raise ValidationError(_("Please enter the name only, without a web address."), code="address")
        return name

    def clean_earliest_start(self):
        date = self.cleaned_data["earliest_start"]
        today = timezone.localdate()
        if date < today:
            raise ValidationError(_("This day has passed. Please choose today or a later day."), code="past")
        if date.year > today.year + YEARS_AHEAD_MAX:
            raise ValidationError(_("This is too far ahead. Please check the year."), code="far_ahead")
        return date

    def clean_motivation(self) -> str:
        text = self.cleaned_data["motivation"].replace("\r\n", "\n").translate(DIRECTION_CONTROLS)
        return unicodedata.normalize("NFC", text)

    def clean_links(self) -> str:
        lines = [line.strip() for line in self.cleaned_data["links"].splitlines() if line.strip()]
        if len(lines) > LINKS_MAX:
            raise ValidationError(_("Please give at most five links."), code="too_many")
        return "\n".join(self._clean_link(line) for line in lines)

    @staticmethod
    def _clean_link(line: str) -> str:
        link = line if "://" in line else f"https://{line}"
        try:
            URLValidator(schemes=["http", "https"])(link)
        except ValidationError as error:
            raise ValidationError(
                _("“%(link)s” is not a web address. Write for example https://example.org/ada."),
                code="invalid",
                params={"link": line[:80]},
            ) from error
        return link


class DocumentsForm(forms.Form):
    """CV and transcripts. Files that are fine are kept as uploads through an error anywhere else in the form.

    Cleans to uploads: `cv` to a list of at most one, `transcripts` to a list. `kept` holds them by field, also when
    the form as a whole has errors; `unavailable` says that a file could not be checked or stored just now.
    """

    cv = forms.FileField(
        label=_("CV"),
        required=False,
        allow_empty_file=True,
        help_text=format_lazy(_("One PDF, at most {limit} MB."), limit=documents.LIMIT_MB),
        widget=pdf_input(forms.FileInput),
    )
    transcripts = MultipleFileField(
        label=_("Transcripts"),
        required=False,
        allow_empty_file=True,
        help_text=format_lazy(
            _("One to {number} PDFs, at most {limit} MB each. You can choose several at once."),
            number=settings.TRANSCRIPTS_MAX,
            limit=documents.LIMIT_MB,
        ),
        widget=pdf_input(MultipleFileInput),
    )

    documents_are_required = True
    documents_legend = _("Your documents")

    def __init__(
        self,
        *args,
        oversized: dict[str, list[str]] | None = None,
        surplus: dict[str, int] | None = None,
        body_was_cut: bool = False,
        not_received: dict[str, list[str]] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.oversized = oversized or {}
        self.surplus = surplus or {}
        self.not_received = not_received or {}
        self.body_was_cut = body_was_cut
        self.kept: dict[str, list[Upload]] = {}
        self.unavailable = self.is_busy = False
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(self.documents_layout())

    def documents_layout(self) -> Fieldset:
        return Fieldset(
            self.documents_legend,
            Field("cv"),
            kept_files("cv"),
            Field("transcripts"),
            kept_files("transcripts"),
            css_class="form-section",
        )

    def clean(self) -> dict:
        if self.body_was_cut:
            raise ValidationError(
                _("You sent more than %(limit)s MB at once, so your files were not read. Please choose smaller ones."),
                code="too_much",
                params={"limit": longest_body() // settings.MEGABYTE},
            )
        return super().clean()

    @property
    def status_of_errors(self) -> int:
        """The HTTP status under which the form is shown again."""
        if self.oversized or self.surplus or self.body_was_cut:
            return 413
        return 503 if self.unavailable else 200

    def clean_cv(self) -> list[Upload]:
        file = self.cleaned_data["cv"]
        return self._collect("cv", "cv", [file] if file else [], at_most=1)

    def clean_transcripts(self) -> list[Upload]:
        return self._collect(
            "transcripts", "transcript", self.cleaned_data["transcripts"], at_most=settings.TRANSCRIPTS_MAX
        )

    def _collect(self, field: str, kind: str, files: list, at_most: int) -> list[Upload]:
        """The uploads of `field`: those newly chosen, or the kept ones when no newly chosen one was accepted."""
        errors = [
            ValidationError(documents.too_large_message(name), code="too_large")
            for name in self.oversized.get(field, [])
        ]
        errors += [self._unavailable(name) for name in self.not_received.get(field, [])]
        chosen = len(files) + self.surplus.get(field, 0)
        if chosen > at_most:
            errors.append(self._too_many(chosen, at_most))
        accepted = self._receive(files[:at_most], kind, errors)
        self.kept[field] = accepted or self._kept(field, kind, errors, at_most)
        if errors:
            raise ValidationError(errors)
        if not self.kept[field] and self.is_needed(field):
            words = {"cv": _("Please choose your CV."), "transcripts": _("Please choose at least one transcript.")}
            raise ValidationError(words[field], code="required")
        return self.kept[field]

    def is_needed(self, field: str) -> bool:
        """Whether `field` may not stay empty."""
        return self.documents_are_required

    def _receive(self, files: list, kind: str, errors: list[ValidationError]) -> list[Upload]:
        accepted = []
        for file in files:
            if self.is_busy:  # a student waits once, not once for each file
                errors.append(self._unavailable(file.name))
                continue
            try:
                accepted.append(documents.receive(file, kind))
            except ValidationError as error:
                errors.append(error)
            except documents.Unavailable as error:
                self.is_busy = isinstance(error, documents.Busy)
                errors.append(self._unavailable(file.name))
        return accepted

    def _unavailable(self, name: str) -> ValidationError:
        """The error of a file that could not be received, checked or stored, through no fault of its own."""
        self.unavailable = True
        return ValidationError(
            _("We could not check “%(name)s” just now. Please choose it again in a minute."),
            code="unavailable",
            params={"name": documents.clean_name(name)},
        )

    def _kept(self, field: str, kind: str, errors: list[ValidationError], at_most: int) -> list[Upload]:
        """The uploads whose claims came back with the form, in the form's order."""
        tokens = self.data.getlist(f"kept_{field}")[:at_most]
        ids = [upload_id_of_token(token) for token in tokens]
        rows = Upload.objects.filter(kind=kind).in_bulk([pk for pk in ids if pk])
        kept = [rows[pk] for pk in dict.fromkeys(ids) if pk in rows]
        if len(kept) < len(set(ids)):
            errors.append(
                ValidationError(
                    _("A file that you chose earlier is no longer kept. Please choose it again."), code="gone"
                )
            )
        return kept

    @staticmethod
    def _too_many(number: int, at_most: int) -> ValidationError:
        if at_most == 1:
            return ValidationError(_("Please choose one file."), code="too_many")
        return ValidationError(
            _("You chose %(number)s files; at most %(at_most)s can be sent. The first %(at_most)s are kept below."),
            code="too_many",
            params={"number": number, "at_most": at_most},
        )

    @property
    def kept_cv(self) -> list[tuple[str, Upload]]:
        return self._with_tokens("cv")

    @property
    def kept_transcripts(self) -> list[tuple[str, Upload]]:
        return self._with_tokens("transcripts")

    def _with_tokens(self, field: str) -> list[tuple[str, Upload]]:
        return [(upload_token(upload.pk), upload) for upload in self.kept.get(field, [])]

    def uploads(self) -> list[Upload]:
        """All uploads of a valid form, in reading order."""
        return [*self.cleaned_data["cv"], *self.cleaned_data["transcripts"]]


def kept_files(field: str) -> HTML:
    return HTML(
        f'{{% include "applications/includes/kept_files.html" with field="{field}" uploads=form.kept_{field} %}}'
    )


class ConsentForm(forms.Form):
    """The agreement, in the words of `workflow.CONSENT_VERSION`."""

    consent = forms.BooleanField(
        label=format_html_lazy(
            '{} <a href="{}">{}</a>',
            _(
                "I agree that my application is kept and read by the supervisor and the co-advisors of this project, "
                "and erased when its time is over."
            ),
            reverse_lazy("applications:privacy"),
            _("What is kept, for how long, and who sees it"),
        ),
        error_messages={"required": _("Without your agreement we may not keep your application.")},
    )

    @staticmethod
    def consent_layout() -> Fieldset:
        return Fieldset(_("Your agreement"), Div("consent"), css_class="form-section")


class ApplicationForm(ConsentForm, DocumentsForm, AnswersForm):
    """The apply form: answers, address, documents, consent."""

    email = AddressField(help_text=_("We write to you there, and only about this application."))
    nonce = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    field_order = ["nonce", "full_name", "email"]  # the summary of errors follows the page

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:
            self.initial["nonce"] = secrets.token_urlsafe(16)
        about, motivation = self.answers_layout()
        about.fields.insert(1, "email")
        self.helper.layout = Layout(
            "nonce",
            about,
            motivation,
            self.documents_layout(),
            self.consent_layout(),
        )

    def answers(self) -> dict:
        return {name: self.cleaned_data[name] for name in (*Application.ANSWERS, "email")}


class CompletionForm(ConsentForm, DocumentsForm, AnswersForm):
    """What was entered by hand from an e-mail, for the student to complete and to agree to.

    Only what is missing of the documents is asked for; a newly chosen one takes the place of those of its kind.
    """

    def __init__(self, *args, application: Application, **kwargs) -> None:
        super().__init__(*args, initial=application.answers, **kwargs)
        kinds = {document.kind for document in application.current_documents()}
        self.missing = {
            field
            for field, kind in (("cv", Document.Kind.CV), ("transcripts", Document.Kind.TRANSCRIPT))
            if kind not in kinds
        }
        self.helper.layout = Layout(*self.answers_layout(), self.documents_layout(), self.consent_layout())

    def documents_layout(self) -> Fieldset:
        layout = super().documents_layout()
        layout.fields.insert(0, HTML('{% include "applications/includes/documents_so_far.html" %}'))
        return layout

    def is_needed(self, field: str) -> bool:
        return field in self.missing

    def answers(self) -> dict:
        return {name: self.cleaned_data[name] for name in Application.ANSWERS}


class ReplaceDocumentsForm(DocumentsForm):
    """New documents in the place of those handed in; what is left empty stays as it is."""

    documents_are_required = False
    documents_legend = _("New documents")

    def clean(self) -> dict:
        cleaned = super().clean()
        if not self.errors and not (self.cleaned_data["cv"] or self.cleaned_data["transcripts"]):
            raise ValidationError(_("Please choose the file that you would like to send instead."), code="nothing")
        return cleaned


class AddressForm(forms.Form):
    """One e-mail address: to correct a typo, or to have the manage link sent again."""

    email = AddressField()

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=1000,
        help_text=_("Only if you like to give one; the reviewers read it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
