"""The statuses of an application and the table of moves (design.md section 4). Everything else reads them from here."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    RECEIVED = "received", _("Received")
    IN_REVIEW = "in_review", _("In review")
    INTERVIEW = "interview", _("Interview")
    WAITLISTED = "waitlisted", _("Waiting list")
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


# The steps of which the figures say how many came as far; an erasure keeps them.
FUNNEL = (Status.INTERVIEW, Status.OFFERED, Status.ACCEPTED)

# What the student reads in place of the reviewers' word.
STUDENT_WORDS = {
    Status.RECEIVED: _("Received"),
    Status.IN_REVIEW: _("Being read"),
    Status.INTERVIEW: _("Interview"),
    Status.WAITLISTED: _("Waiting list"),
    Status.OFFERED: _("Offer"),
    Status.ACCEPTED: _("Accepted"),
    Status.DECLINED: _("Declined"),
    Status.WITHDRAWN: _("Withdrawn"),
}

# Where reviewers may move an application, in the order in which the buttons stand.
REVIEWER_MOVES: dict[str, tuple[str, ...]] = {
    Status.RECEIVED: (
        Status.IN_REVIEW,
        Status.INTERVIEW,
        Status.WAITLISTED,
        Status.OFFERED,
        Status.DECLINED,
        Status.WITHDRAWN,
    ),
    Status.IN_REVIEW: (
        Status.INTERVIEW,
        Status.WAITLISTED,
        Status.OFFERED,
        Status.DECLINED,
        Status.WITHDRAWN,
    ),
    Status.INTERVIEW: (
        Status.IN_REVIEW,
        Status.WAITLISTED,
        Status.OFFERED,
        Status.DECLINED,
        Status.WITHDRAWN,
    ),
    Status.WAITLISTED: (
        Status.IN_REVIEW,
        Status.INTERVIEW,
        Status.OFFERED,
        Status.DECLINED,
        Status.WITHDRAWN,
    ),
    Status.OFFERED: (Status.ACCEPTED, Status.WAITLISTED, Status.DECLINED, Status.WITHDRAWN),
    Status.ACCEPTED: (Status.DECLINED, Status.WITHDRAWN),
    Status.DECLINED: (Status.IN_REVIEW, Status.WITHDRAWN),
    Status.WITHDRAWN: (),
}

# What the student may do alone, at once.
STUDENT_MOVES: dict[str, tuple[str, ...]] = {
    Status.RECEIVED: (Status.WITHDRAWN,),
    Status.IN_REVIEW: (Status.WITHDRAWN,),
    Status.INTERVIEW: (Status.WITHDRAWN,),
    Status.WAITLISTED: (Status.WITHDRAWN,),
    Status.OFFERED: (Status.ACCEPTED, Status.WITHDRAWN),
    Status.ACCEPTED: (Status.WITHDRAWN,),
    Status.DECLINED: (),
    Status.WITHDRAWN: (),
}

# Where undoing takes an application: one step back from what the reviewers have told. An offer that was told cannot be
# unsaid; it is taken back to the waiting list.
UNDO = {
    Status.INTERVIEW: Status.IN_REVIEW,
    Status.WAITLISTED: Status.IN_REVIEW,
    Status.DECLINED: Status.IN_REVIEW,
    Status.OFFERED: Status.WAITLISTED,
}

# Statuses in which the student still waits for the reviewers' next word.
OPEN_STATUSES = (Status.RECEIVED, Status.IN_REVIEW, Status.INTERVIEW, Status.WAITLISTED)


def reviewer_needs_reason(from_status: str, to_status: str) -> bool:
    """Whether the table of moves asks reviewers to say why: the student's word, something taken back, or reopened."""
    return to_status == Status.WITHDRAWN or from_status in (Status.OFFERED, Status.ACCEPTED, Status.DECLINED)


def letter_kind(from_status: str, to_status: str) -> str | None:
    """Which letter tells the student of this move; None for `in_review`, of which nobody is told."""
    if from_status == Status.DECLINED and to_status == Status.IN_REVIEW:
        return "reopened"
    return None if to_status == Status.IN_REVIEW else str(to_status)
