"""What students and reviewers type in. Forms check shape; rules of the product are in `workflow`."""

from applications.forms.asking import LONGEST_QUESTION, StudentQuestionForm
from applications.forms.decision import (
    DecisionForm,
    PersonalLineField,
    StagedForm,
    UndoForm,
)
from applications.forms.entry import EntryForm
from applications.forms.erasing import EraseForm
from applications.forms.invitation import ChoosePasswordForm
from applications.forms.preferences import PreferencesForm
from applications.forms.review import AddDocumentsForm, AskForm, NoteForm, ReviewForm, TransferForm, WriteForm
from applications.forms.student import (
    MINIMUM_TIME,
    AddressForm,
    AnswersForm,
    ApplicationForm,
    CompletionForm,
    CorrectionForm,
    DocumentsForm,
    FindForm,
    ReplaceDocumentsForm,
    WithdrawForm,
)
from applications.forms.wording import WordingForm

__all__ = [
    "LONGEST_QUESTION",
    "MINIMUM_TIME",
    "AddDocumentsForm",
    "AddressForm",
    "AnswersForm",
    "ApplicationForm",
    "AskForm",
    "ChoosePasswordForm",
    "CompletionForm",
    "CorrectionForm",
    "DecisionForm",
    "DocumentsForm",
    "EntryForm",
    "EraseForm",
    "FindForm",
    "NoteForm",
    "PersonalLineField",
    "PreferencesForm",
    "ReplaceDocumentsForm",
    "ReviewForm",
    "StagedForm",
    "StudentQuestionForm",
    "TransferForm",
    "UndoForm",
    "WithdrawForm",
    "WordingForm",
    "WriteForm",
]
