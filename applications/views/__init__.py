"""The pages that need no account: applying, and the student's own pages."""

from applications.views.apply import apply, too_much
from applications.views.document import document, page_image
from applications.views.invitation import invitation, open_invitation
from applications.views.privacy import privacy
from applications.views.student import (
    accept,
    address,
    answers,
    complete,
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
    "complete",
    "confirm",
    "document",
    "documents",
    "find",
    "invitation",
    "not_me",
    "open_invitation",
    "open_link",
    "page",
    "page_image",
    "privacy",
    "too_much",
    "withdraw",
]
