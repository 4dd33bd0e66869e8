"""Decide, then tell: decisions are staged, released, can be called back, and take effect as one.

stage ─► release ─► (until `effective_at`: call_back) ─► apply_due: status, event and letter together
  │         ▲                     │                                └─► dropped, when it is not possible any more
  └─ clear  └─────────────────────┘
decide: all of it at once          undo: afterwards, with a reason and the offer of a correcting letter
"""

import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from applications import letters
from applications.models import Application, Decision, Event, Letter, Reading
from applications.places import nobody_else_fits
from applications.statuses import UNDO, Status, letter_kind, reviewer_needs_reason
from applications.workflow.moves import (
    Refused,
    allowed_moves,
    begin_reading,
    drop,
    lock,
    move,
    one_by_one,
    record,
    refuse_unless_place_left,
    why_not,
)
from applications.workflow.reviewing import mark

NO_LETTER = False  # `decide(..., letter=NO_LETTER)`: decided without telling the student, and recorded so

Letters = letters.Wording | bool | None  # the wording to send, NO_LETTER, or None for the standard wording


# At once


def decide(
    application: Application,
    to_status: str,
    *,
    by,
    reason: str = "",
    letter: Letters = None,
    seen_status: str | None = None,
    lapses_on: datetime.date | None = None,
) -> Decision:
    """Decide and tell now: the decision, the move, the history and the letter take effect together.

    In order: lock the project and the application; refuse when somebody else was faster (`changed`: the status is no
    longer `seen_status`; `on_its_way`: a released decision can still be called back), when the table of moves does not
    allow it (`not_allowed`), when a reason is asked for and missing (`reason_missing`), when no place is left
    (`full`); write the decision, in the place of a staged one; change status and places; write the event; queue the
    letter. `letter` is the wording to send, None for the standard wording, NO_LETTER for none. An offer stands until
    `lapses_on`, by default for OFFER_DAYS days.
    """
    with transaction.atomic():
        application = lock(application)
        _refuse_move(application, to_status, reason, seen_status)
        _clear_staged(application, by)
        kind = letter_kind(application.status, to_status)
        lapses_on = _lapse_day(to_status, lapses_on)
        decision = _new_decision(application, to_status, by, reason, kind, letter, lapses_on)
        _set_released(decision, by, decision.staged_at)
        _take_effect(application, decision)
        mark(application, by, Reading.State.READ)
    return decision


# Staged


def stage(
    application: Application,
    to_status: str,
    *,
    by,
    reason: str = "",
    letter: Letters = None,
    personal_line: str = "",
    kind: str | None = None,
    seen_status: str | None = None,
    lapses_on: datetime.date | None = None,
) -> Decision:
    """Decide and tell later: the student sees nothing until the decision is released. It shows that reading has begun.

    Takes the place of a decision that was staged before. `letter` may hold PERSONAL_LINE, where `personal_line` will
    stand; `kind` chooses another letter than the usual one for this move (FILLED, say). Raises Refused as `decide`.
    """
    with transaction.atomic():
        application = lock(application)
        _refuse_move(application, to_status, reason, seen_status)
        begin_reading(application, by)
        _refuse_move(application, to_status, reason, None)  # nobody can be moved to where reading has just begun
        _clear_staged(application, by)
        kind = kind or letter_kind(application.status, to_status)
        lapses_on = _lapse_day(to_status, lapses_on)
        decision = _new_decision(application, to_status, by, reason, kind, letter, lapses_on, personal_line)
        record(application, Event.Kind.STAGED, by=by, to_status=to_status, text=reason.strip())
        mark(application, by, Reading.State.READ)
    return decision


def edit_staged(
    decision: Decision,
    *,
    by,
    revision: int,
    letter: letters.Wording | None,
    personal_line: str = "",
    reason: str | None = None,
    lapses_on: datetime.date | None = None,
) -> Decision:
    """Give a staged decision another letter (None: no letter), personal line, reason or day.

    Raises Refused: `not_staged` when it was released or cleared meanwhile, `changed` when somebody has edited it since
    `revision`.
    """
    with transaction.atomic():
        application = lock(decision.application)
        decision = _staged_or_refuse(application, decision, revision)
        if reason is not None:
            _refuse_without_reason(application.status, decision.to_status, reason)
            decision.reason = reason.strip()
        decision.letter_subject = letter and letter.subject
        decision.letter_body = letter and letters.ready_to_stage(application, letter).body
        decision.personal_line = personal_line.strip()
        decision.lapses_on = _lapse_day(decision.to_status, lapses_on or decision.lapses_on)
        decision.staged_by = by
        decision.revision += 1
        decision.save()
    return decision


def clear(decision: Decision, *, by, revision: int | None = None) -> None:
    """Take a staged decision away as if it had never been made; the history keeps that it was. Again is a no-op.

    One that was staged in its place stays. Raises Refused: `on_its_way` when it is released already, `changed` when
    somebody has edited it since `revision`.
    """
    with transaction.atomic():
        application = lock(decision.application)
        kept = application.decisions.pending().select_for_update().filter(pk=decision.pk).first()
        if kept is None:
            return
        if revision is not None and revision != kept.revision:
            raise Refused("changed", _("The letter was changed since you looked at it. Please read it again."))
        _clear_staged(application, by)


def release(decision: Decision, *, by, revision: int | None = None, personal_line: str | None = None) -> Decision:
    """Send a staged decision on its way: it takes effect RELEASE_DELAY minutes from now, and until then can be called
    back. Without a delay it takes effect at once.

    Raises Refused: `not_staged`, `changed` when it is not the `revision` that was read, and as
    `refuse_what_is_not_true_any_more`.
    """
    with transaction.atomic():
        application = lock(decision.application)
        decision = _staged_or_refuse(application, decision, revision)
        refuse_what_is_not_true_any_more(decision)
        if personal_line is not None and personal_line.strip() != decision.personal_line:
            decision.personal_line = personal_line.strip()
            decision.revision += 1
        now = timezone.now()
        _set_released(decision, by, now, now + datetime.timedelta(minutes=settings.RELEASE_DELAY))
        record(application, Event.Kind.RELEASED, by=by, to_status=decision.to_status)
        if not settings.RELEASE_DELAY:
            _take_effect(application, decision)
    return decision


def letter_of(decision: Decision) -> letters.Wording | None:
    """The letter of a decision as it goes out or went out, the personal line in its place; None when it has none."""
    if decision.letter_body is None:
        return None
    wording = letters.Wording(decision.letter_subject, decision.letter_body)
    if decision.applied_at is not None:
        return wording  # as it was told, with the line in it
    return letters.with_personal_line(wording, decision.personal_line)


def call_back(decision: Decision, *, by) -> Decision:
    """Stop a released decision before it takes effect: it is staged again, and its letter does not go out.

    Raises Refused `too_late` when the window is over; what was told is undone with a reason, then.
    """
    with transaction.atomic():
        application = lock(decision.application)
        decision = Decision.objects.select_for_update().filter(pk=decision.pk).first()
        if decision is None or not decision.can_be_called_back():
            raise Refused("too_late", _("It is too late to call this back: the student has been told."))
        decision.released_at = decision.released_by = decision.effective_at = None
        decision.save(update_fields=["released_at", "released_by", "effective_at"])
        record(application, Event.Kind.CALLED_BACK, by=by, to_status=decision.to_status)
    return decision


def apply_due(now: datetime.datetime | None = None) -> int:
    """Let released decisions take effect whose time has come; returns how many did. Safe beside other workers.

    A decision that is not possible any more (no place left, say) is dropped and shown to its reviewers.
    """
    now = now or timezone.now()
    due = Decision.objects.on_their_way().filter(effective_at__lte=now).order_by("effective_at", "pk")
    return one_by_one(due.select_related("application"), lambda decision: _apply_one(decision, now))


def _apply_one(decision: Decision, now: datetime.datetime) -> bool:
    with transaction.atomic():
        try:
            application = lock(decision.application)
        except Application.DoesNotExist:  # erased in the meantime
            return False
        decision = Decision.objects.on_their_way().select_for_update().filter(pk=decision.pk).first()
        if decision is None or decision.effective_at > now:  # another worker was faster, or it was called back
            return False
        try:
            _refuse_move(application, decision.to_status, decision.reason, decision.from_status)
            decision.application = application
            refuse_what_is_not_true_any_more(decision)
        except Refused as refused:
            drop(application, decision, refused.message)
            return False
        _take_effect(application, decision)
    return True


# Afterwards


def undo_target(application: Application) -> str | None:
    """Where `undo` takes the application: one step back from what the reviewers have told; None where it cannot."""
    return UNDO.get(application.status) if application.told_by() else None


def undo(
    application: Application, *, by, reason: str, letter: Letters = None, seen_status: str | None = None
) -> Decision:
    """Undo what was told: the status goes one step back, the history keeps the reason, a correcting letter goes out.

    `letter` as in `decide`; the standard wording is the one of CORRECTION. Raises Refused: `reason_missing`,
    `not_allowed` where there is nothing to undo, `changed` when the status is no longer `seen_status`, `on_its_way`.
    """
    with transaction.atomic():
        application = lock(application)
        target = undo_target(application)
        if target is None:
            raise Refused("not_allowed", why_not(application))
        if not reason.strip():
            raise Refused("reason_missing", _("Please give the reason. It is kept in the history."))
        _refuse_move(application, target, reason, seen_status)
        _clear_staged(application, by)
        decision = _new_decision(application, target, by, reason, Letter.Kind.CORRECTION, letter, None)
        _set_released(decision, by, decision.staged_at)
        _take_effect(application, decision)
    return decision


def lapse_offers(today: datetime.date | None = None) -> int:
    """End the offers whose day is over without an answer, and tell the student and the reviewers; returns how many.

    The letter says only what happened: nobody has read anything again.
    """
    today = today or timezone.localdate()
    lapsed = Application.objects.filter(status=Status.OFFERED, offer_lapses_on__lt=today).order_by("pk")
    return one_by_one(lapsed, lambda application: _lapse(application, today))


def _lapse(application: Application, today: datetime.date) -> bool:
    with transaction.atomic():
        try:
            application = lock(application)
        except Application.DoesNotExist:
            return False
        day = application.offer_lapses_on
        if application.status != Status.OFFERED or day is None or day >= today:
            return False
        letters.offer_lapsed(application)
        letters.notice_lapsed(application)
        reason = _("The offer stood until %(day)s and was not answered.") % {"day": date_format(day, "DATE_FORMAT")}
        move(application, Status.DECLINED, actor=Event.Actor.SYSTEM, reason=reason)
    return True


# What these share


def _refuse_move(application: Application, to_status: str, reason: str, seen_status: str | None) -> None:
    if seen_status is not None and seen_status != application.status:
        raise Refused("changed", why_not(application))
    if to_status not in allowed_moves(application):
        raise Refused("not_allowed", why_not(application))
    _refuse_without_reason(application.status, to_status, reason)


def _refuse_without_reason(from_status: str, to_status: str, reason: str) -> None:
    if reviewer_needs_reason(from_status, to_status) and not reason.strip():
        raise Refused("reason_missing", _("Please give the reason. It is kept in the history."))


def refuse_what_is_not_true_any_more(decision: Decision) -> None:
    """A decision may wait long until it is released and takes effect; its letter must still be true then.

    Raises Refused: `full` when no place is left to accept or to offer, `lapsed` when the day until which the offer
    would stand is over, `not_filled` when it says that the project is filled, and a place is free again.
    """
    project = decision.application.project
    if decision.to_status == Status.ACCEPTED:
        refuse_unless_place_left(project)
    if decision.to_status == Status.OFFERED and project.is_full():
        raise Refused("full", _("All places of this project are taken, so none can be offered any more."))
    if decision.letter_kind == Letter.Kind.FILLED and decision.tells_the_student and not nobody_else_fits(project):
        raise Refused(
            "not_filled",
            _("The letter says that the project takes no more students, but a place is free again. Clear it."),
        )
    if decision.lapses_on is not None and decision.lapses_on < timezone.localdate():
        raise Refused(
            "lapsed",
            _("The offer would stand until %(day)s, which is over. Edit the letter and give it another day.")
            % {"day": date_format(decision.lapses_on, "DATE_FORMAT")},
        )


def _clear_staged(application: Application, by) -> None:
    """Remove the staged decision, if there is one. Raises Refused `on_its_way` when it is released already."""
    pending = application.decisions.pending().select_for_update().first()
    if pending is None:
        return
    if pending.released_at is not None:
        raise Refused("on_its_way", _("A decision is on its way to the student. Call it back first."))
    pending.delete()
    record(application, Event.Kind.STAGE_CLEARED, by=by, to_status=pending.to_status)


def _staged_or_refuse(application: Application, decision: Decision, revision: int | None) -> Decision:
    decision = Decision.objects.select_for_update().filter(pk=decision.pk).first()
    if decision is None or not decision.is_staged:
        raise Refused("not_staged", _("This decision is no longer staged: it was released, cleared or dropped."))
    if revision is not None and revision != decision.revision:
        raise Refused("changed", _("The letter was changed since you looked at it. Please read it again."))
    decision.application = application
    return decision


def _lapse_day(to_status: str, lapses_on: datetime.date | None) -> datetime.date | None:
    """The last day on which an offer can be accepted; None for everything that is not an offer."""
    if to_status != Status.OFFERED:
        return None
    return lapses_on or timezone.localdate() + datetime.timedelta(days=settings.OFFER_DAYS)


def _new_decision(
    application: Application,
    to_status: str,
    by,
    reason: str,
    kind: str | None,
    letter: Letters,
    lapses_on: datetime.date | None,
    personal_line: str = "",
) -> Decision:
    wording = _wording(application, kind, letter, lapses_on)
    return Decision.objects.create(
        application=application,
        from_status=application.status,
        to_status=to_status,
        reason=reason.strip(),
        letter_kind=kind or "",
        letter_subject=wording and wording.subject,
        letter_body=wording and wording.body,
        personal_line=personal_line.strip(),
        lapses_on=lapses_on,
        staged_by=by,
    )


def _wording(
    application: Application, kind: str | None, letter: Letters, lapses_on: datetime.date | None
) -> letters.Wording | None:
    if kind is None or letter is NO_LETTER:
        return None
    wording = letter or letters.standard_wording(application, kind, lapses_on=lapses_on)
    return letters.ready_to_stage(application, wording)


def _set_released(
    decision: Decision, by, now: datetime.datetime, effective_at: datetime.datetime | None = None
) -> None:
    """Note who has released it, and from when it holds: at once, unless it can be called back for a while."""
    decision.released_at = now
    decision.released_by = by
    decision.effective_at = effective_at or now
    decision.save()


def _take_effect(application: Application, decision: Decision) -> None:
    """Status, event and letter together. The caller holds the locks and has asked the table of moves."""
    wording = letter_of(decision)
    decision.applied_at = timezone.now()
    if wording is not None:
        decision.letter_subject, decision.letter_body = wording.subject, wording.body
    decision.save()
    move(application, decision.to_status, by=decision.released_by, reason=decision.reason, decision=decision)
    if wording is not None:
        letters.decision(application, decision, decision.letter_kind, wording)
