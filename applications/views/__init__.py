"""The pages that need no account: applying, and the student's own pages."""

from applications.views.apply import apply, too_much
from applications.views.document import document
from applications.views.privacy import privacy
from applications.views.student import (
    accept,
    address,
    answers,
    confirm,
    documents,
    find,
    not_me,
    open_link,
    page,
    withdraw,
)

__all__ = [
    "accept",
    "address",
    "answers",
    "apply",
    "confirm",
    "document",
    "documents",
    "find",
    "not_me",
    "open_link",
    "page",
    "privacy",
    "too_much",
    "withdraw",
]
