"""What students and reviewers type in. Forms check shape; rules of the product are in `workflow`."""

from applications.forms.decision import DecisionForm
from applications.forms.review import NoteForm, ReviewForm
from applications.forms.student import AddressForm, AnswersForm, ApplicationForm, ReplaceDocumentsForm, WithdrawForm

__all__ = [
    "AddressForm",
    "AnswersForm",
    "ApplicationForm",
    "DecisionForm",
    "NoteForm",
    "ReplaceDocumentsForm",
    "ReviewForm",
    "WithdrawForm",
]
