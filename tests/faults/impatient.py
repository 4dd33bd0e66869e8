"""The product's own settings, with a patience that a test can outwait. Everything else is as in production."""

from tracker.settings import *  # noqa: F403
from tracker.settings import DATABASES

SQLITE_SECONDS = 2
if "timeout" in DATABASES["default"]["OPTIONS"]:
    DATABASES["default"]["OPTIONS"]["timeout"] = SQLITE_SECONDS
