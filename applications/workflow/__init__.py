"""What happens to an application, as verbs. Each is one short transaction: rows, history and letters, or nothing.

Locks are taken in one order, project before application, so that two verbs never wait for each other. No mail server
is asked and no document inspected while a lock is held: letters are rows that the worker sends afterwards.
"""

from applications.consent import CONSENT_VERSION
from applications.workflow.deciding import (
    NO_LETTER,
    apply_due,
    call_back,
    clear,
    decide,
    edit_staged,
    lapse_offers,
    letter_of,
    refuse_what_is_not_true_any_more,
    release,
    stage,
    undo,
    undo_target,
)
from applications.workflow.erasing import erase, erase_again
from applications.workflow.moves import Refused, allowed_moves, lock, refuse_unless_place_left, why_not
from applications.workflow.offering import leave_offered, offer_documents, take_offered
from applications.workflow.reviewing import (
    abstain,
    ask,
    note,
    possible_reviewers,
    recalculate_scores,
    review,
    set_star,
    skip,
    write,
)
from applications.workflow.scanning import scan_waiting
from applications.workflow.student import (
    MOST_CORRECTIONS_OF_ADDRESS,
    accept_offer,
    ask_for_erasure,
    complete,
    confirm_address,
    correct_address,
    correct_answers,
    not_possible_any_more,
    renew_link,
    replace_documents,
    send_link,
    withdraw,
)
from applications.workflow.submitting import (
    add_documents,
    day_that_counts,
    deadline_with_grace,
    enter_by_hand,
    find_repeated,
    refuse_unless_open,
    submit,
)
from applications.workflow.talking import ask_reviewers, settle_question
from applications.workflow.transferring import transfer

__all__ = [
    "CONSENT_VERSION",
    "MOST_CORRECTIONS_OF_ADDRESS",
    "NO_LETTER",
    "Refused",
    "abstain",
    "accept_offer",
    "add_documents",
    "allowed_moves",
    "apply_due",
    "ask",
    "ask_for_erasure",
    "ask_reviewers",
    "call_back",
    "clear",
    "complete",
    "confirm_address",
    "correct_address",
    "correct_answers",
    "day_that_counts",
    "deadline_with_grace",
    "decide",
    "edit_staged",
    "enter_by_hand",
    "erase",
    "erase_again",
    "find_repeated",
    "lapse_offers",
    "leave_offered",
    "letter_of",
    "lock",
    "not_possible_any_more",
    "note",
    "offer_documents",
    "possible_reviewers",
    "recalculate_scores",
    "refuse_unless_open",
    "refuse_unless_place_left",
    "refuse_what_is_not_true_any_more",
    "release",
    "renew_link",
    "replace_documents",
    "review",
    "scan_waiting",
    "send_link",
    "set_star",
    "settle_question",
    "skip",
    "stage",
    "submit",
    "take_offered",
    "transfer",
    "undo",
    "undo_target",
    "why_not",
    "withdraw",
    "write",
]
