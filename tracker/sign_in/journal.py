"""What happens to accounts, one line each: who (the key of the account, or a fingerprint), what, from where.

Never a typed name, a password or a code. The address is a keyed fingerprint as well, which is enough to see that two
lines belong together; the web server in front knows the address itself.
"""

import logging

from django.http import HttpRequest

from applications.client_address import client_address
from applications.limits import whose_address
from tracker.sign_in.names import fingerprint

logger = logging.getLogger("tracker.sign_in")

SHORT = 12  # digits of a fingerprint, enough to tell a few thousand apart


def note(what: str, request: HttpRequest | None, *, account=None, name: str = "", level: int = logging.INFO) -> None:
    """Log that `what` happened to `account`, or to whatever account `name` meant when it is nobody's."""
    who = f"account {account.pk}" if account is not None else f"unknown name {fingerprint(name)[:SHORT]}"
    where = f"address {whose_address(client_address(request))[:SHORT]}" if request is not None else "the command line"
    logger.log(level, "%s: %s, from %s", what, who, where)
