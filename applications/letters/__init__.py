"""Letters. Writing one adds a row in the caller's transaction; sending happens later, in the worker, row by row.

`student` and `reviewers` are the tables of contents: one function for each letter. `wording` and `placeholders` have
the words, `digests` the letters about several applications, `outbox` the row, `sending` the worker's side.
"""

from applications.letters.account import account_changed, lost_password
from applications.letters.invitation import invitation
from applications.letters.placeholders import (
    IN_BRACKETS,
    INVITATION_LINK,
    MANAGE_LINK,
    PASSWORD_LINK,
    PERSONAL_LINE,
    as_shown,
)
from applications.letters.reviewers import (
    languages_of,
    notice_accepted,
    notice_document,
    notice_erased,
    notice_erasure,
    notice_lapsed,
    notice_question,
    notice_received,
    notice_withdrawn,
    reviewer_addresses,
)
from applications.letters.sending import GIVE_UP_AFTER, LEASE, PAUSES, Receipt, as_message, send_again, send_due
from applications.letters.student import (
    accepted,
    applied_again,
    decision,
    entered,
    infected,
    link,
    message,
    message_wording,
    offer_lapsed,
    receipt,
    renewed,
    transferred,
    withdrawn,
)
from applications.letters.testing import test_letter
from applications.letters.wording import (
    Wording,
    preview,
    ready_to_stage,
    standard_wording,
    supervisor_email,
    supervisor_name,
    with_personal_line,
    with_reference,
    words_to_edit,
)

__all__ = [
    "GIVE_UP_AFTER",
    "INVITATION_LINK",
    "IN_BRACKETS",
    "LEASE",
    "MANAGE_LINK",
    "PASSWORD_LINK",
    "PAUSES",
    "PERSONAL_LINE",
    "Receipt",
    "Wording",
    "accepted",
    "account_changed",
    "applied_again",
    "as_message",
    "as_shown",
    "decision",
    "entered",
    "infected",
    "invitation",
    "languages_of",
    "link",
    "lost_password",
    "message",
    "message_wording",
    "notice_accepted",
    "notice_document",
    "notice_erased",
    "notice_erasure",
    "notice_lapsed",
    "notice_question",
    "notice_received",
    "notice_withdrawn",
    "offer_lapsed",
    "preview",
    "ready_to_stage",
    "receipt",
    "renewed",
    "reviewer_addresses",
    "send_again",
    "send_due",
    "standard_wording",
    "supervisor_email",
    "supervisor_name",
    "test_letter",
    "transferred",
    "with_personal_line",
    "with_reference",
    "withdrawn",
    "words_to_edit",
]
