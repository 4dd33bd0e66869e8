"""What students and reviewers type in. Forms check shape; rules of the product are in `workflow`."""

from applications.forms.decision import (
    DecisionForm,
    PersonalLineField,
    StagedForm,
    UndoForm,
)
from applications.forms.entry import EntryForm
from applications.forms.invitation import ChoosePasswordForm
from applications.forms.preferences import PreferencesForm
from applications.forms.review import AddDocumentsForm, AskForm, NoteForm, ReviewForm, TransferForm, WriteForm
from applications.forms.student import (
    AddressForm,
    AnswersForm,
    ApplicationForm,
    CompletionForm,
    ReplaceDocumentsForm,
    WithdrawForm,
)
from applications.forms.wording import WordingForm

__all__ = [
    "AddDocumentsForm",
    "AddressForm",
    "AnswersForm",
    "ApplicationForm",
    "AskForm",
    "ChoosePasswordForm",
    "CompletionForm",
    "DecisionForm",
    "EntryForm",
    "NoteForm",
    "PersonalLineField",
    "PreferencesForm",
    "ReplaceDocumentsForm",
    "ReviewForm",
    "StagedForm",
    "TransferForm",
    "UndoForm",
    "WithdrawForm",
    "WordingForm",
    "WriteForm",
]
