"""The rows: applications and everything that belongs to one. Split by noun; import them from here."""

from applications.models.answer import QuestionAnswer
from applications.models.application import (
    REFERENCE_ALPHABET,
    Application,
    ApplicationQuerySet,
    FormerAnswers,
    email_key,
    new_reference,
    ratings_are_readable,
)
from applications.models.chore import Chore
from applications.models.decision import Decision, DecisionQuerySet
from applications.models.document import (
    Document,
    DocumentQuerySet,
    IncomingPiece,
    IncomingUpload,
    Rendition,
    StoredFile,
    Upload,
)
from applications.models.event import Event
from applications.models.export import Export
from applications.models.letter import Letter, LetterQuerySet, LetterWording
from applications.models.message import Message, MessageQuerySet
from applications.models.opening import Erasure, Opening
from applications.models.people import Invitation, Preference
from applications.models.request_count import RequestCount
from applications.models.review import CriterionScore, Reading, Review, ReviewQuerySet, ReviewRequest, Star
from applications.models.search import SearchEntry
from applications.storage import document_storage

__all__ = [
    "REFERENCE_ALPHABET",
    "Application",
    "ApplicationQuerySet",
    "Chore",
    "CriterionScore",
    "Decision",
    "DecisionQuerySet",
    "Document",
    "DocumentQuerySet",
    "Erasure",
    "Event",
    "Export",
    "FormerAnswers",
    "IncomingPiece",
    "IncomingUpload",
    "Invitation",
    "Letter",
    "LetterQuerySet",
    "LetterWording",
    "Message",
    "MessageQuerySet",
    "Opening",
    "Preference",
    "QuestionAnswer",
    "Reading",
    "Rendition",
    "RequestCount",
    "Review",
    "ReviewQuerySet",
    "ReviewRequest",
    "SearchEntry",
    "Star",
    "StoredFile",
    "Upload",
    "document_storage",
    "email_key",
    "new_reference",
    "ratings_are_readable",
]
