"""Gives the tests an environment of their own before Django reads its settings.

Loaded as an early pytest plugin (`-p tests.environment`), so neither a developer's `.env` nor the real data folder
is ever touched by a test run. DATABASE_URL is respected: CI runs the same suite on SQLite and on PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile

KEPT_FROM_OUTSIDE = {"DATABASE_URL"}
OURS = {
    "ALLOWED_HOSTS", "APPLY_LIMITS", "BACKUP_KEEP_DAYS", "CLAMD_URL", "DATABASE_URL",
    "DEADLINE_GRACE_MINUTES", "DEBUG", "DISK_RESERVE_MB", "DOCUMENT_STORAGE_URL", "EMAIL_FROM", "ERASURE_LEDGER",
    "EMAIL_URL", "INVITATION_DAYS", "LANGUAGE_CODE", "OFFER_DAYS",
    "PROMISED_ANSWER_DAYS", "RELEASE_DELAY", "SECOND_FACTOR_REQUIRED", "SECRET_KEY",
    "SIGN_IN_DAYS", "SIGN_IN_IDLE_HOURS", "SITE_URL", "SUPERVISOR_EMAIL", "SUPERVISOR_NAME",
    "SUPERVISOR_PASSWORD", "SUPERVISOR_READS_RATINGS", "TIME_ZONE", "TRUSTED_PROXIES",
    "UNCLAIMED_MAX_MB",
}  # fmt: skip

for name in {*OURS, *(name for name in os.environ if name.startswith("RETENTION_"))} - KEPT_FROM_OUTSIDE:
    os.environ.pop(name, None)

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="tracker-tests-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
os.environ["READ_DOTENV"] = "off"
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # live_server beside Playwright's loop, see shared findings
