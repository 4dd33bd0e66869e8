"""What students type in and hand over. Files are received here; rules of the product are in `workflow`."""

import datetime
import functools
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Column, Div, Fieldset, Layout, Row
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import QuerySet
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.functional import Promise, lazy
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications import disk_space, documents, incoming
from applications.consent import CONSENT_VERSION, consent_text
from applications.forms.fields import (
    DIRECTION_CONTROLS,
    AddressField,
    FileFieldWithKept,
    LineField,
    MultipleFileField,
    MultipleFileInput,
    in_figures,
    pdf_input,
    shown,
)
from applications.forms.trap import TRAP, FormWithTrap, trap_layout
from applications.models import Application, Document, QuestionAnswer, Upload
from applications.models.application import QUESTIONS
from applications.tokens import (
    document_id_of_token,
    document_token,
    opened_at,
    opened_token,
    upload_id_of_token,
    upload_token,
)
from applications.uploadhandlers import longest_body
from projects.models import Project, Question

MOTIVATION_MAX = 4000
LINKS_MAX = 5
YEARS_AHEAD_MAX = 5
MINIMUM_TIME = datetime.timedelta(seconds=3)  # in which nobody fills in a form

format_html_lazy = lazy(format_html, str)


def cleaned_text(text: str) -> str:
    """Several lines as a student typed them: composed Unicode, without characters that turn what stands around them."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(DIRECTION_CONTROLS))


class LongTextField(forms.CharField):
    """Several lines of text, cleaned before they are counted: the end of a line is one character, as in the browser."""

    widget = forms.Textarea

    def to_python(self, value) -> str:
        return shown(cleaned_text(super().to_python(value)).strip())

    def widget_attrs(self, widget) -> dict:
        """Without `maxlength`, by which browsers cut off the end of what is pasted and say nothing."""
        return {name: value for name, value in super().widget_attrs(widget).items() if name != "maxlength"} | {
            "data-most": self.max_length
        }


def _hint(sentences: Iterable) -> str | Promise:
    """Sentences below a field, those that are not empty, one after the other."""
    said = [sentence for sentence in sentences if sentence]
    return format_lazy(" ".join(["{}"] * len(said)), *said)


def field_of(question: Question) -> forms.Field:
    """The field that asks `question`, one that is answered in words."""
    options = {
        "label": question.prompt,
        "help_text": _hint([question.hint, "" if question.is_required else _("If you like.")]),
        "required": question.is_required,
        "error_messages": {"required": _("Please answer this question.")},
    }
    if question.kind == Question.Kind.SHORT:
        return LineField(max_length=Question.LONGEST_SHORT, **options)
    if question.kind == Question.Kind.LONG:
        widget = forms.Textarea(attrs={"rows": 5})
        return LongTextField(max_length=Question.LONGEST_LONG, widget=widget, **options)
    choices = [("", _("Please choose") if question.is_required else _("No answer"))]
    choices += [(option, option) for option in question.option_list]
    options["error_messages"]["invalid_choice"] = _("Please choose one of the answers in the list.")
    return forms.ChoiceField(choices=choices, **options)


class AnswersForm(forms.Form):
    """What a student tells about themselves, without address and documents, and what the project asks of its own.

    `questions` are those of the project; `answered` is what was answered to them before.
    """

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
    motivation = LongTextField(
        label=_("Why this project?"),
        max_length=MOTIVATION_MAX,
        help_text=format_lazy(
            _("A few sentences are enough: what draws you to it, and what you bring. At most {number} characters."),
            number=in_figures(MOTIVATION_MAX),
        ),
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

    questions_legend = _("Questions about this project")

    def __init__(
        self, *args, questions: Iterable[Question] = (), answered: Iterable[QuestionAnswer] = (), **kwargs
    ) -> None:
        super().__init__(*args, **kwargs)
        self.questions = [question for question in questions if question.kind != Question.Kind.FILE]
        for question in self.questions:
            self.fields[question.field_name] = field_of(question)
        for answer in answered:
            self._begin_with(answer)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(*self.answers_layout())

    def _begin_with(self, answer: QuestionAnswer) -> None:
        """Show what was answered before; an option that is not offered any more stays possible for who chose it."""
        name = f"question_{answer.question_id}"
        self.initial.setdefault(name, answer.text)
        field = self.fields.get(name)
        if isinstance(field, forms.ChoiceField) and answer.text not in dict(field.choices):
            field.choices = [*field.choices, (answer.text, answer.text)]

    def answers_layout(self) -> list:
        return [self.about_layout(), self.motivation_layout(), *self.questions_layout()]

    @staticmethod
    def about_layout() -> Fieldset:
        return Fieldset(
            _("You and your studies"),
            "full_name",
            Row(Column("university", css_class="col-md-6"), Column("programme", css_class="col-md-6")),
            Row(Column("earliest_start", css_class="col-md-6")),
            css_id="step-1",
            css_class="form-section",
            data_step="1",
        )

    @staticmethod
    def motivation_layout() -> Fieldset:
        return Fieldset(
            _("Your motivation"), "motivation", "links", css_id="step-3", css_class="form-section", data_step="3"
        )

    def questions_layout(self) -> list[Fieldset]:
        """The project's own questions that are answered in words, when there are any."""
        if not self.questions:
            return []
        names = [question.field_name for question in self.questions]
        return [Fieldset(self.questions_legend, *names, css_class="form-section", data_step="3")]

    def answers(self) -> dict:
        """What was answered, as `workflow` takes it."""
        return {
            **{name: self.cleaned_data[name] for name in Application.ANSWERS},
            QUESTIONS: [(question, self.cleaned_data[question.field_name]) for question in self.questions],
        }

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


class CorrectionForm(AnswersForm):
    """The answers of `application`, to be corrected; what was changed in another window is not overwritten."""

    seen_answers = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data=None, *, application: Application) -> None:
        super().__init__(
            data,
            initial={**application.answers, "seen_answers": application.answers_version},
            questions=application.project.questions.asked(),
            answered=application.question_answers.all(),
        )
        self.application = application
        self.helper.layout.fields.insert(0, "seen_answers")

    def clean(self) -> dict:
        cleaned = super().clean()
        now = self.application.answers_version
        if cleaned.get("seen_answers") not in (None, now):
            self.data = self.data.copy()
            self.data["seen_answers"] = now  # pressing the button again is meant, then
            raise ValidationError(
                _("Your answers were changed in another window since you opened this page. Please look through these."),
                code="changed",
            )
        return cleaned


class FileField(NamedTuple):
    """What one field for files takes in."""

    kind: str
    at_most: int
    question: Question | None = None


class DocumentsForm(forms.Form):
    """CV, transcripts and the files that the project asks for. Fine ones are kept through an error anywhere else.

    Each field cleans to a list of uploads. `kept` holds them by field, also when the form as a whole has errors;
    `unavailable` says that a file could not be checked or stored just now. `file_questions` are the project's own
    questions for a file; `browser` may look at what it sent; `own` are the documents that this browser may hand in
    once more. `sender` (client_address.sender) is whose files are counted; empty for staff. `wait` says after how many
    seconds it is worth trying again.
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
        file_questions: Iterable[Question] = (),
        browser: str = "",
        sender: str = "",
        own: QuerySet[Document] | None = None,
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
        self.browser = browser
        self.sender = sender
        self.wait = 0
        self.own = Document.objects.none() if own is None else own
        self.kept: dict[str, list[Upload | Document]] = {}
        self.unavailable = self.is_busy = False
        self.file_fields = {
            name: FileField(kind, settings.TRANSCRIPTS_MAX if kind == Document.Kind.TRANSCRIPT else 1)
            for name, kind in documents.KIND_OF_FIELD.items()
        }
        for question in file_questions:
            self._add_file_question(question)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(self.documents_layout())

    def _add_file_question(self, question: Question) -> None:
        name = question.field_name
        one_pdf = format_lazy(_("One PDF, at most {limit} MB."), limit=documents.LIMIT_MB)
        self.fields[name] = forms.FileField(
            label=question.prompt,
            required=False,
            allow_empty_file=True,
            help_text=_hint([question.hint, one_pdf, "" if question.is_required else _("If you like.")]),
            widget=pdf_input(forms.FileInput),
        )
        self.file_fields[name] = FileField(Document.Kind.OTHER, 1, question)
        # Django asks a form for `clean_<name>`; fields that come from the database have theirs here.
        setattr(self, f"clean_{name}", functools.partial(self._clean_one_file, name))

    def documents_layout(self) -> Fieldset:
        fields = [FileFieldWithKept(name, field.at_most) for name, field in self.file_fields.items()]
        return Fieldset(self.documents_legend, *fields, css_id="step-2", css_class="form-section", data_step="2")

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
        if self.unavailable:
            return 503
        return 429 if self.wait else 200

    def clean_cv(self) -> list[Upload]:
        return self._clean_one_file("cv")

    def clean_transcripts(self) -> list[Upload]:
        return self._collect("transcripts", self.cleaned_data["transcripts"])

    def _clean_one_file(self, name: str) -> list[Upload]:
        """Also the files beside it, of which Django would silently take the last: then one is asked for."""
        file = self.cleaned_data[name]
        several = self.files.getlist(name) if file else []
        return self._collect(name, several if len(several) > 1 else [file] if file else [])

    def _collect(self, name: str, files: list) -> list[Upload]:
        """The uploads of a field: those newly chosen, or the kept ones when no newly chosen one was accepted."""
        field = self.file_fields[name]
        errors = [
            ValidationError(documents.too_large_message(file), code="too_large")
            for file in self.oversized.get(name, [])
        ]
        errors += [self._unavailable(file) for file in self.not_received.get(name, [])]
        chosen = len(files) + self.surplus.get(name, 0)
        if chosen > field.at_most:
            errors.append(self._too_many(chosen, field.at_most))
        accepted = self._receive(files[: field.at_most], field, errors)
        self.kept[name] = accepted or self._kept(name, field, errors)
        if errors:
            raise ValidationError(errors)
        if not self.kept[name] and self.is_needed(name):
            words = {"cv": _("Please choose your CV."), "transcripts": _("Please choose at least one transcript.")}
            raise ValidationError(words.get(name, _("Please choose a file.")), code="required")
        return self.kept[name]

    def is_needed(self, name: str) -> bool:
        """Whether the field may not stay empty."""
        question = self.file_fields[name].question
        return self.documents_are_required and (question is None or question.is_required)

    @functools.cached_property
    def _refusal(self) -> ValidationError | None:
        """Why no file of this form is taken now, whatever it is; None when they come in. Asked once for all of them."""
        sizes = [file.size for name in self.file_fields for file in self.files.getlist(name)]
        try:
            incoming.admit(sizes, self.sender)
        except (disk_space.Full, incoming.TooOften) as why:
            return self._not_admitted(why)
        return None

    def _not_admitted(self, why: disk_space.Full | incoming.TooOften) -> ValidationError:
        """The error of files for which there is no room, or that are too many of this sender; and how long to wait."""
        if isinstance(why, disk_space.Full):
            self.unavailable, self.wait = True, disk_space.TRY_AGAIN_AFTER
            return ValidationError(why.words, code="full")
        self.wait = why.wait.seconds
        return ValidationError(why.words, code="too_often")

    def _receive(self, files: list, field: FileField, errors: list[ValidationError]) -> list[Upload]:
        if files and self._refusal:
            errors.append(self._refusal)
            return []
        accepted = []
        for file in files:
            if self.is_busy:  # a student waits once, not once for each file
                errors.append(self._unavailable(file.name))
                continue
            try:
                accepted.append(
                    documents.receive(
                        file, field.kind, question=field.question, browser=self.browser, sender=self.sender
                    )
                )
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

    def _kept(self, name: str, field: FileField, errors: list[ValidationError]) -> list[Upload]:
        """The uploads whose claims came back with the form, in the form's order; documents of one's own are copied."""
        tokens = list(dict.fromkeys(self.data.getlist(f"kept_{name}")))[: field.at_most]
        ids = [upload_id_of_token(token) for token in tokens]
        rows = Upload.objects.filter(kind=field.kind, question=field.question).in_bulk([pk for pk in ids if pk])
        kept, missed = [], 0
        for token, pk in zip(tokens, ids, strict=True):
            file = rows.get(pk) or self._document_of_own(token, field)
            if file is None:
                missed += 1
            elif file.is_blocked:
                errors.append(ValidationError(documents.infected_message(file.original_name), code="infected"))
            elif (upload := self._upload_of(file, errors)) not in kept:
                kept.append(upload)
        if missed and not self.unavailable:
            errors.append(
                ValidationError(
                    _("A file that you chose earlier is no longer kept. Please choose it again."), code="gone"
                )
            )
        return kept

    def _document_of_own(self, token: str, field: FileField) -> Document | None:
        """The document of an application that this browser may open; None if it is none."""
        pk = document_id_of_token(token)
        return self.own.filter(pk=pk, kind=field.kind).first() if pk and field.question is None else None

    def _upload_of(self, file: Upload | Document, errors: list[ValidationError]) -> Upload | Document:
        """An upload as it is; a document as an upload for another application, or as it is when that is not possible
        now: its claim comes back with the form, which says so.
        """
        if isinstance(file, Upload):
            return file
        try:
            return documents.copy(file, browser=self.browser, sender=self.sender)
        except (disk_space.Full, incoming.TooOften) as why:
            error = self._not_admitted(why)
        except documents.Unavailable:
            error = self._unavailable(file.original_name)
        if error not in errors:  # the same of each transcript is said once
            errors.append(error)
        return file

    @staticmethod
    def _too_many(number: int, at_most: int) -> ValidationError:
        if at_most == 1:
            return ValidationError(_("Please choose one file."), code="too_many")
        return ValidationError(
            _("You chose %(number)s files; at most %(at_most)s can be sent. The first %(at_most)s are kept below."),
            code="too_many",
            params={"number": number, "at_most": at_most},
        )

    def hand_in_again(self, own: Iterable[Document]) -> None:
        """Begin with documents that were handed in before; they are copied once the form comes back."""
        for name, field in self.file_fields.items():
            if field.question is None:
                fitting = [file for file in own if file.kind == field.kind and not file.is_blocked]
                self.kept[name] = fitting[: field.at_most]

    def begin_with(self, claims: Mapping[str, list[str]]) -> None:
        """Begin with files that arrived with a form that could not be sent; what is gone is asked for again."""
        for name, field in self.file_fields.items():
            ids = [upload_id_of_token(token) for token in claims.get(name, [])][: field.at_most]
            rows = Upload.objects.filter(kind=field.kind, question=field.question).in_bulk([pk for pk in ids if pk])
            self.kept[name] = [rows[pk] for pk in dict.fromkeys(ids) if pk in rows and not rows[pk].is_blocked]

    @property
    def kept_cv(self) -> list[tuple[str, Upload]]:
        return self.kept_of("cv")

    @property
    def kept_transcripts(self) -> list[tuple[str, Upload]]:
        return self.kept_of("transcripts")

    def kept_of(self, name: str) -> list[tuple[str, Upload]]:
        """What is kept of a field, each with the claim that comes back with the form."""
        return [(_claim(file), file) for file in self.kept.get(name, [])]

    @property
    def all_kept(self) -> list[tuple[str, str, Upload]]:
        """Everything that is kept: the field's name, the claim, and the upload."""
        return [(name, token, file) for name in self.file_fields for token, file in self.kept_of(name)]

    @property
    def labelled_kept(self) -> list[tuple[str, Upload]]:
        """Everything that is kept, each with what it will be called: `CV`, `Transcript 2`, or the question."""
        labelled = []
        for name, field in self.file_fields.items():
            for number, file in enumerate(self.kept.get(name, []), start=1):
                kind = str(Document.Kind(field.kind).label)
                labelled.append((file.title or (kind if field.at_most == 1 else f"{kind} {number}"), file))
        return labelled

    @property
    def fields_without_files(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.file_fields and field.name != TRAP]

    def uploads(self) -> list[Upload]:
        """All uploads of a valid form, in reading order."""
        return [upload for name in self.file_fields for upload in self.cleaned_data[name]]


def _claim(file: Upload | Document) -> str:
    return upload_token(file.pk) if isinstance(file, Upload) else document_token(file.pk)


class ConsentForm(forms.Form):
    """The agreement, in the words of the version that is in force."""

    consent = forms.BooleanField(
        label=format_html_lazy(
            '{} <a href="{}">{}</a>',
            lazy(consent_text, str)(CONSENT_VERSION),
            reverse_lazy("applications:privacy"),
            _("What is kept, for how long, and who sees it"),
        ),
        error_messages={"required": _("Without your agreement we may not keep your application.")},
    )

    @staticmethod
    def consent_layout() -> Fieldset:
        return Fieldset(_("Your agreement"), Div("consent"), css_class="form-section", data_step="3")


class ApplicationForm(FormWithTrap, ConsentForm, DocumentsForm, AnswersForm):
    """The apply form of `project`: answers, address, documents, the project's own questions, consent.

    `opened_at` is when it was opened; None for one that does not say, which then says that it was opened now.
    """

    email = AddressField(help_text=_("We write to you there, and only about this application."))
    nonce = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, *args, project: Project, **kwargs) -> None:
        self.project = project
        questions = list(project.questions.asked())
        in_files = [question for question in questions if question.kind == Question.Kind.FILE]
        super().__init__(*args, questions=questions, file_questions=in_files, **kwargs)
        self.opened_at = self._opening()
        in_words = [question.field_name for question in self.questions]
        self.order_fields(  # the summary of errors follows the page
            [
                *("nonce", "opened", "full_name", "email", "university", "programme", "earliest_start"),
                *self.file_fields,
                *(in_words if project.is_own_idea else ()),
                *("motivation", "links"),
                *(() if project.is_own_idea else in_words),
                "consent",
            ]
        )
        about = self.about_layout()
        about.fields.insert(1, "email")
        self.helper.layout = Layout(
            "nonce",
            "opened",
            about,
            self.documents_layout(),
            *self.reasons_layout(),
            trap_layout(),
            self.consent_layout(),
        )

    def _opening(self) -> datetime.datetime | None:
        """When it was opened, as it says itself; one that does not say gets the words for now."""
        if not self.is_bound:
            self.initial |= {"nonce": secrets.token_urlsafe(16), "opened": opened_token(self.project)}
            return None
        moment = opened_at(self.project, self.data.get("opened", ""))
        if moment is None:
            self.data = self.data.copy()
            self.data["opened"] = opened_token(self.project)
        return moment

    def reasons_layout(self) -> list[Fieldset]:
        """Motivation and questions; where students bring their own idea, the idea is what they are asked for first."""
        if not self.project.is_own_idea:
            return [self.motivation_layout(), *self.questions_layout()]
        self.questions_legend = _("Your idea")
        self.fields["motivation"].label = _("Why with us, and why you?")
        return [*self.questions_layout(), self.motivation_layout()]

    @property
    def is_quick(self) -> bool:
        """Whether it came sooner after its opening than anybody fills it in, or does not say when that was."""
        return self.opened_at is None or timezone.now() - self.opened_at < MINIMUM_TIME

    def without_errors(self) -> "ApplicationForm":
        """The form as far as it is filled in, with the files that are fine, but with no word on what is missing yet."""
        self.full_clean()
        self.errors.clear()
        return self

    def shown_answers(self) -> list[tuple[str, str]]:
        """The project's own questions that were answered in words, with their answers, for the page before sending."""
        return [(question.prompt, text) for question, text in self.answers()[QUESTIONS] if text]

    def answers(self) -> dict:
        return {**super().answers(), "email": self.cleaned_data["email"]}


class CompletionForm(ConsentForm, DocumentsForm, AnswersForm):
    """What was entered by hand from an e-mail, for the student to complete and to agree to.

    Only what is missing of the documents is asked for; a newly chosen one takes the place of those of its kind.
    """

    def __init__(self, *args, application: Application, **kwargs) -> None:
        questions = list(application.project.questions.asked())
        super().__init__(
            *args,
            initial=application.answers,
            questions=questions,
            answered=application.question_answers.all(),
            file_questions=[question for question in questions if question.kind == Question.Kind.FILE],
            **kwargs,
        )
        usable = [document for document in application.current_documents() if not document.is_blocked]
        there = {(document.kind, document.question_id) for document in usable}
        self.missing = {
            name
            for name, field in self.file_fields.items()
            if (field.kind, field.question.pk if field.question else None) not in there
        }
        self.helper.layout = Layout(
            self.about_layout(),
            self.documents_layout(),
            self.motivation_layout(),
            *self.questions_layout(),
            self.consent_layout(),
        )

    def documents_layout(self) -> Fieldset:
        layout = super().documents_layout()
        layout.fields.insert(0, HTML('{% include "applications/includes/documents_so_far.html" %}'))
        return layout

    def is_needed(self, name: str) -> bool:
        return super().is_needed(name) and name in self.missing


class ReplaceDocumentsForm(DocumentsForm):
    """New documents in the place of those handed in; what is left empty stays as it is."""

    documents_are_required = False
    documents_legend = _("New documents")

    def clean(self) -> dict:
        cleaned = super().clean()
        if not self.errors and not self.uploads():
            raise ValidationError(_("Please choose the file that you would like to send instead."), code="nothing")
        return cleaned


class AddressForm(forms.Form):
    """One e-mail address: to correct a typo, or to have the manage link sent again."""

    email = AddressField()

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False


class FindForm(FormWithTrap, AddressForm):
    """The address to which the manage link is sent again."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout("email", trap_layout())


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
