"""What students ask and reviewers answer. A reviewer's answer is a letter, too: `reviewing.write`."""

import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from applications import letters
from applications.models import Application, Event, Message
from applications.workflow.moves import Refused, lock, record
from applications.workflow.reviewing import SAME_AGAIN

MOST_QUESTIONS_A_DAY = 5  # each is a letter to every reviewer


def ask_reviewers(application: Application, text: str) -> Message:
    """The student asks something; the reviewers get a notice without the text. The same text again is one question.

    Raises Refused: `too_often` after MOST_QUESTIONS_A_DAY in a day.
    """
    text = text.strip()
    with transaction.atomic():
        application = lock(application)
        latest = application.messages.last()
        if latest is not None and _is_same_again(latest, text):
            return latest
        a_day_ago = timezone.now() - datetime.timedelta(days=1)
        asked = application.messages.filter(is_from_student=True, created_at__gt=a_day_ago).count()
        if settings.APPLY_LIMITS and asked >= MOST_QUESTIONS_A_DAY:
            raise Refused(
                "too_often", _("You have asked several questions today already. Please wait for the answers first.")
            )
        message = Message.objects.create(application=application, is_from_student=True, text=text)
        record(application, Event.Kind.STUDENT_ASKED)
        letters.notice_question(application)
    return message


def _is_same_again(latest: Message, text: str) -> bool:
    """Whether the last thing said is this very question, a moment ago and unanswered: a double click or a reload."""
    is_recent = latest.created_at > timezone.now() - SAME_AGAIN
    return latest.is_from_student and latest.text == text and latest.settled_at is None and is_recent


def settle_question(application: Application, *, by) -> None:
    """A reviewer says that what was asked needs no answer here (it was answered by phone, say)."""
    with transaction.atomic():
        application = lock(application)
        application.messages.unanswered().update(settled_at=timezone.now())
