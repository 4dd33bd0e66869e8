"""A test letter: what somebody has written for a kind of letter, sent to themselves."""

from django.utils.translation import gettext as _

from applications.letters.outbox import queue
from applications.letters.wording import LONGEST_SUBJECT, Wording
from applications.models import Letter


def test_letter(shown: Wording, *, to) -> Letter:
    """Send `shown`, which holds invented data and no link, to the account `to`."""
    subject = _("[Test] %(subject)s") % {"subject": shown.subject}
    return queue(Letter.Kind.TEST, to.email, Wording(subject[:LONGEST_SUBJECT], shown.body), user=to, reply_to=to.email)
