"""Commands that tidy up when they are stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping_as_by_ctrl_c() -> Iterator[None]:
    """What else stops a program raises KeyboardInterrupt, too, so that nothing half done stays behind.

    SIGTERM comes from a service manager or a shutdown, SIGHUP when the terminal or its connection is gone. With nohup
    a program is to survive that: then SIGHUP is ignored already, and stays so.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    if former[signal.SIGHUP] == signal.SIG_IGN:
        del former[signal.SIGHUP]
    for number in former:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
