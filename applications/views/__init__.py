"""The pages that need no account: applying, and the student's own pages."""

from applications.views.apply import apply, not_trusted, remember_language, too_much
from applications.views.document import document, page_image
from applications.views.invitation import invitation, open_invitation
from applications.views.privacy import privacy
from applications.views.student import (
    accept,
    address,
    answers,
    ask,
    complete,
    confirm,
    documents,
    erase,
    find,
    not_me,
    open_link,
    page,
    receipt,
    renew,
    withdraw,
)
from applications.views.taking_away import everything
from applications.views.upload import begin_file, file_piece, remove_upload, upload

__all__ = [
    "accept",
    "address",
    "answers",
    "apply",
    "ask",
    "begin_file",
    "complete",
    "confirm",
    "document",
    "documents",
    "erase",
    "everything",
    "file_piece",
    "find",
    "invitation",
    "not_me",
    "not_trusted",
    "open_invitation",
    "open_link",
    "page",
    "page_image",
    "privacy",
    "receipt",
    "remember_language",
    "remove_upload",
    "renew",
    "too_much",
    "upload",
    "withdraw",
]
