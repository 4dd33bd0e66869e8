"""Commands that tidy up when they are stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM (a service manager, a shutdown) raises KeyboardInterrupt, too, so that nothing half done stays behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
