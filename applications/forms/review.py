"""What reviewers type in on the review page."""

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from applications.forms.fields import LineField
from applications.forms.student import DocumentsForm
from applications.models import Application, Review
from projects.models import Project


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Add a note (the student does not see it)"),
        max_length=5000,
        error_messages={"required": _("Please write the note first.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReviewForm(forms.Form):
    """One's own rating of an application; none is chosen beforehand.

    Its hidden fields say what stood on the page: the version of the answers, the documents, the project, and when one's
    own review was last saved, so that two windows never overwrite each other. Whoever leaves `seen_review` out does not
    ask.
    """

    NOT_APPLICABLE = "na"

    rating = forms.TypedChoiceField(
        label=_("Your rating"),
        choices=Review.Rating.choices,
        coerce=int,
        error_messages={"required": _("Please choose a rating.")},
        widget=forms.RadioSelect,
    )
    recommendation = forms.ChoiceField(
        label=_("Recommendation"),
        choices=[("", pgettext_lazy("recommendation", "None")), *Review.Recommendation.choices],
        required=False,
    )
    comment = forms.CharField(
        label=_("Comment"), required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )
    seen_answers = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    seen_documents = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)
    seen_review = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    seen_project = forms.IntegerField(required=False, widget=forms.HiddenInput)

    SEEN = ("seen_answers", "seen_documents", "seen_review", "seen_project")

    def __init__(self, application: Application, own: Review | None, data=None) -> None:
        self.application = application
        self.criteria = list(application.project.criteria.all())
        super().__init__(data, initial=self._saved(own) | self._seen(own))
        for criterion in self.criteria:
            self.fields[self.name_of(criterion)] = forms.ChoiceField(
                label=criterion.name,
                choices=[*((str(score), str(score)) for score in range(1, 6)), (self.NOT_APPLICABLE, _("n/a"))],
                required=False,
                widget=forms.RadioSelect,
            )

    @staticmethod
    def name_of(criterion) -> str:
        return f"criterion_{criterion.pk}"

    def _saved(self, own: Review | None) -> dict:
        if own is None:
            return {}
        scores = {
            f"criterion_{score.criterion_id}": self.NOT_APPLICABLE if score.score is None else str(score.score)
            for score in own.scores.all()
        }
        return {"rating": own.rating, "recommendation": own.recommendation, "comment": own.comment, **scores}

    def _seen(self, own: Review | None) -> dict:
        return {
            "seen_answers": self.application.answers_version,
            "seen_documents": " ".join(str(document.pk) for document in self.application.current_documents()),
            "seen_review": own.updated_at.isoformat() if own else "",
            "seen_project": self.application.project_id,
        }

    def clean_seen_documents(self) -> list[str] | None:
        if "seen_documents" not in self.data:
            return None
        own = {str(document.pk) for document in self.application.documents.all()}
        return [pk for pk in self.cleaned_data["seen_documents"].split() if pk in own]

    def clean_seen_review(self):
        value = self.cleaned_data["seen_review"]
        try:
            moment = parse_datetime(value) if value else None
        except ValueError:
            moment = None
        if value and (moment is None or moment.tzinfo is None):
            raise ValidationError(_("This page is damaged. Please load it again."), code="unreadable")
        return moment

    @property
    def criterion_fields(self) -> list[forms.BoundField]:
        return [self[self.name_of(criterion)] for criterion in self.criteria]

    def says_something_new(self) -> bool:
        """Whether it holds an opinion that is not saved yet; an empty form, or one left as it was, has none."""
        opinion = [name for name in self.fields if name not in self.SEEN]
        is_empty = not any(self[name].data for name in opinion)
        return not is_empty and any(name in self.changed_data for name in opinion)

    def opinion(self) -> dict:
        """What a valid form says, in the words of `workflow.review`."""
        words = self.cleaned_data
        scores = {criterion.pk: words.get(self.name_of(criterion)) for criterion in self.criteria}
        return {
            "rating": words["rating"],
            "recommendation": words["recommendation"],
            "comment": words["comment"],
            "scores": {
                pk: None if score == self.NOT_APPLICABLE else int(score) for pk, score in scores.items() if score
            },
            "seen_answers": words["seen_answers"],
            "seen_documents": words["seen_documents"],
            "seen_review": words["seen_review"],
            "seen_project": words["seen_project"],
            "seen_at_all": "seen_review" in self.data,
        }

    def ask_again(self, own: Review | None, why: str) -> None:
        """Keep what was typed and say why it is not saved; saving once more means it in the face of what there is."""
        self.add_error(None, ValidationError(why, code="changed"))
        self.data = self.data.copy()
        seen = self._seen(own)
        self.data.update({"seen_review": seen["seen_review"], "seen_project": seen["seen_project"]})


class ReviewerChoices(forms.ModelMultipleChoiceField):
    def label_from_instance(self, user) -> str:
        return user.get_full_name() or user.get_username()


class AskForm(forms.Form):
    """Which reviewers of the project are asked for their opinion."""

    reviewers = ReviewerChoices(
        label=_("Whom would you like to ask?"),
        queryset=None,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Please choose at least one person."),
            "invalid_choice": _("One of them is not a reviewer of this project."),
            "invalid_pk_value": _("One of them is not a reviewer of this project."),
        },
    )

    def __init__(self, possible: QuerySet, data=None) -> None:
        super().__init__(data)
        self.fields["reviewers"].queryset = possible


class WriteForm(forms.Form):
    """A letter in a reviewer's own words. Greeting and signature are put around it."""

    subject = LineField(
        label=_("Subject"), max_length=150, error_messages={"required": _("The letter needs a subject.")}
    )
    body = forms.CharField(
        label=_("What you would like to say"),
        max_length=8000,
        help_text=_("Greeting, signature and the application’s reference are added."),
        error_messages={"required": _("The letter is empty.")},
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class AddDocumentsForm(DocumentsForm):
    """Documents that the student has sent by e-mail."""

    documents_are_required = False

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cv"].label = _("New CV")
        self.fields["transcripts"].label = _("More transcripts")

    def clean(self) -> dict:
        cleaned = super().clean()
        if not self.errors and not (self.cleaned_data["cv"] or self.cleaned_data["transcripts"]):
            raise ValidationError(_("Please choose the file that came by e-mail."), code="nothing")
        return cleaned


class TransferForm(forms.Form):
    """To which other project, and how the student agreed."""

    project = forms.ModelChoiceField(
        label=_("To the project"),
        queryset=None,
        empty_label=_("Choose a project"),
        error_messages={
            "required": _("Please choose a project."),
            "invalid_choice": _("This project is not open, or not yours."),
        },
    )
    consent = forms.CharField(
        label=_("How and when did the student agree?"),
        max_length=500,
        help_text=_("For example: by phone on 3 May. It stands in the history."),
        error_messages={"required": _("Please note how and when the student agreed to this.")},
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, targets: QuerySet[Project], data=None) -> None:
        super().__init__(data)
        self.fields["project"].queryset = targets
