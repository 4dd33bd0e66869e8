"""Every setting of the product, read in order from the environment (and `.env` beside manage.py).

`.env.example` lists the variables. A value that cannot work stops the start with a sentence that names the variable
and the remedy; no variable is needed for the embedded default (SQLite and one data folder).
"""

import datetime
import ipaddress
import os
import secrets
import zoneinfo
from email.utils import getaddresses, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if os.environ.get("READ_DOTENV", "on") != "off":  # tests bring their own environment
    env.read_env(BASE_DIR / ".env")


def refuse(name: str, problem: str, remedy: str) -> ImproperlyConfigured:
    """The one sentence in which a bad setting stops the start."""
    return ImproperlyConfigured(f"Setting {name}: {problem}. {remedy}")


def text(name: str, default: str = "") -> str:
    """A setting's value; one that is set but left empty counts as not set."""
    return env.str(name, default="").strip() or default


def switch(name: str, default: bool) -> bool:
    """A yes-or-no setting; anything but the known words is refused rather than read as no."""
    value = text(name, "on" if default else "off").lower()
    if value in ("on", "true", "yes", "1"):
        return True
    if value in ("off", "false", "no", "0", ""):
        return False
    raise refuse(name, f"{value!r} is neither on nor off", f"Write {name}=on or {name}=off.")


def whole_number(name: str, default: int, least: int = 0, most: int = 36_500) -> int:
    """A number of days or minutes. A hundred years are enough, and far beyond them a date cannot be calculated."""
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or len(value) > 9 or not least <= int(value) <= most:
        problem = f"{value!r} is not a whole number from {least} to {most}"
        raise refuse(name, problem, f"Write for example {name}={default}.")
    return int(value)


def words(name: str) -> list[str]:
    return [word.strip() for word in text(name).split(",") if word.strip()]


def is_address(value: str) -> bool:
    """Whether this is one bare e-mail address."""
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True


# The data folder: database, documents, secret key and (without a mail server) letters

DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / "data").expanduser().resolve()
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise refuse(
        "DATA_DIR", f"the folder {DATA_DIR} cannot be made ({error.strerror})", "Name a folder that you may write to."
    ) from error
if not os.access(DATA_DIR, os.W_OK | os.X_OK):
    raise refuse("DATA_DIR", f"the folder {DATA_DIR} cannot be written to", "Change its owner or name another folder.")


def kept_secret_key(path: Path) -> str:
    """The random key in the data folder; made at the first start, readable by its owner only.

    It is written aside and linked into place, so that two processes starting at once agree on one key.
    """
    if not path.exists():
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return path.read_text().strip()


SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY:
    try:
        SECRET_KEY = kept_secret_key(DATA_DIR / "secret_key")
    except OSError as error:
        raise refuse(
            "DATA_DIR", f"the secret key in {DATA_DIR} cannot be read or made ({error.strerror})", "Mend the folder."
        ) from error
if len(SECRET_KEY) < 32:
    raise refuse("SECRET_KEY", "the key is shorter than 32 characters", "Leave it out and a random one is made.")

DEBUG = switch("DEBUG", False)

# Where the site is reached

SITE_URL = text("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
try:
    _site = urlsplit(SITE_URL)
    _is_site = _site.scheme in ("http", "https") and f"{_site.scheme}://{_site.netloc}" == SITE_URL
    _is_site = _is_site and bool(_site.hostname) and not set("@ ") & set(_site.netloc) and _site.port != 0
except ValueError:  # a port that is no number, half an IPv6 address
    _is_site = False
if not _is_site:
    raise refuse(
        "SITE_URL", f"{SITE_URL!r} is not an address of a site", "Write for example https://apply.example.org."
    )
SITE_HOST = f"[{_site.hostname}]" if ":" in _site.hostname else _site.hostname
IS_HTTPS = _site.scheme == "https"
ALLOWED_HOSTS = words("ALLOWED_HOSTS") or sorted({SITE_HOST, "127.0.0.1", "localhost", "[::1]"})
for _host in ALLOWED_HOSTS:
    if any(sign in _host for sign in "/@ ") or (":" in _host and not _host.startswith("[")):
        raise refuse("ALLOWED_HOSTS", f"{_host!r} is not a host name", "Write names only: apply.example.org,10.0.0.2")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# Addresses (never host names) whose X-Forwarded-* headers are believed; handed to the web server by quickstart.
TRUSTED_PROXIES = words("TRUSTED_PROXIES")
for _proxy in TRUSTED_PROXIES:
    try:
        ipaddress.ip_network(_proxy)
    except ValueError as error:
        raise refuse(
            "TRUSTED_PROXIES", f"{_proxy!r} is not an IP address or network", "Write for example 10.0.0.2,10.1.0.0/24."
        ) from error

SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^readyz/$"]  # probes come over plain HTTP from inside
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for sub-domains and
    "security.W021",  # preloading are for the owner of the whole domain to decide, not for one site on it
]
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = IS_HTTPS
# Lax, because Strict would break the manage link in webmail.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# Over https, browsers let no neighbouring site and no plain http set or replace cookies that are called like this.
_host = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = (
    f"{_host}{name}" for name in ("sessionid", "csrftoken", "django_language")
)
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "tracker.views.csrf_failure"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap's stylesheet carries its icons as data: images
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],  # the documents beside the review
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

# Applications

INSTALLED_APPS = [
    "tracker.apps.TrackerConfig",
    "tracker.apps.TrackerAdminConfig",
    "applications",
    "projects",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "crispy_forms",
    "crispy_bootstrap5",
]

MIDDLEWARE = [
    # The first three are outside of those that answer by themselves: static files and refusals are guarded as well.
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "tracker.middleware.LanguageMiddleware",
    "tracker.middleware.Utf8Middleware",  # before anything reads what was sent
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "tracker.middleware.SignInMiddleware",  # who is signed in, by the rules of tracker.sign_in
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
]

AUTHENTICATION_BACKENDS = ["tracker.sign_in.accounts.ThrottleBackend", "tracker.sign_in.accounts.AccountBackend"]

ROOT_URLCONF = "tracker.urls"
WSGI_APPLICATION = "tracker.wsgi.application"
FIXTURE_DIRS = [BASE_DIR / "fixtures"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tracker.context_processors.site",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"

# Database

SQLITE_BUSY_SECONDS = 60  # a rush of students queues for the one writer instead of seeing an error
_postgres_example = "Write postgres://user:password@host:5432/name."
if text("DATABASE_URL"):
    # Asked before django-environ reads it: that would warn of an unknown kind by printing the password.
    if text("DATABASE_URL").partition("://")[0] not in ("postgres", "postgresql", "sqlite"):
        raise refuse("DATABASE_URL", "only PostgreSQL and SQLite are supported", _postgres_example)
    try:
        DATABASES = {"default": env.db("DATABASE_URL")}
    except (ImproperlyConfigured, ValueError, KeyError) as error:
        raise refuse("DATABASE_URL", "the address of the database cannot be read", _postgres_example) from error
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "db.sqlite3")}}
if DATABASES["default"]["NAME"] in ("", ":memory:"):
    raise refuse("DATABASE_URL", "it names no database that lasts", _postgres_example)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # take the write lock at the start, never in the middle of a transaction
        "timeout": SQLITE_BUSY_SECONDS,
        # FULL: what was acknowledged survives a power cut. secure_delete: what was erased is overwritten.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    }
else:
    DATABASES["default"]["ENGINE"] = "tracker.postgresql"  # its connections outlive a restart of the database
    # A few connections for many threads: most threads wait for a slow upload and need none.
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": 10,
        "pool": {"min_size": 1, "max_size": 20, "timeout": 30},
    }

# Files

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise looks into it at the start
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # so that pages have their style before collectstatic ran, too

DOCUMENT_STORAGE_URL = text("DOCUMENT_STORAGE_URL") or (DATA_DIR / "documents").as_uri()
_documents = urlsplit(DOCUMENT_STORAGE_URL)
if _documents.scheme != "file" or not _documents.path.startswith("/"):
    raise refuse(
        "DOCUMENT_STORAGE_URL", "only a folder is supported so far", "Write file:///srv/tracker/documents or nothing."
    )
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing lands in a public folder
    "documents": {
        "BACKEND": "applications.storage.DocumentFolder",
        "OPTIONS": {"location": unquote(_documents.path)},
    },
    "staticfiles": {"BACKEND": "tracker.staticfiles.HashedStaticFiles"},
}
FILE_UPLOAD_HANDLERS = [
    "applications.uploadhandlers.SizeLimit",
    "applications.uploadhandlers.OnDisk",  # never in memory: twenty uploads at once are 200 MB
]
# Beside the documents and not in /tmp, which may be memory, or keep files after a crash; here the worker sweeps them.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # text of a form, without its files
DATA_UPLOAD_MAX_NUMBER_FILES = 100  # the upload handler skips what is too many long before, and keeps the text
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# Letters

EMAIL_FROM = DEFAULT_FROM_EMAIL = SERVER_EMAIL = text("EMAIL_FROM", f"MSc projects <noreply@{SITE_HOST}>")
if text("EMAIL_FROM") and (len(getaddresses([EMAIL_FROM])) != 1 or not is_address(parseaddr(EMAIL_FROM)[1])):
    raise refuse("EMAIL_FROM", f"{EMAIL_FROM!r} is not an e-mail address", "Write MSc projects <noreply@example.org>.")
LETTERS_DIR = DATA_DIR / "letters"
if text("EMAIL_URL"):
    try:
        _mail = env.email_url("EMAIL_URL")
        if ".smtp." in _mail["EMAIL_BACKEND"]:
            if not _mail["EMAIL_HOST"]:
                raise ValueError("no mail server is named")
            _usual_port = 587 if _mail.get("EMAIL_USE_TLS") else 465 if _mail.get("EMAIL_USE_SSL") else 25
            _mail["EMAIL_PORT"] = _mail["EMAIL_PORT"] or _usual_port
        globals().update(_mail)
    except (ImproperlyConfigured, ValueError, KeyError) as error:
        raise refuse(
            "EMAIL_URL", "the address of the mail server cannot be read", "Write smtp+tls://user:password@host:587."
        ) from error
else:
    EMAIL_BACKEND = "applications.mail.LetterFolderBackend"
EMAIL_TIMEOUT = 20

# People and time

SUPERVISOR_NAME = text("SUPERVISOR_NAME")
SUPERVISOR_EMAIL = text("SUPERVISOR_EMAIL", "supervisor@example.org")
if not is_address(SUPERVISOR_EMAIL) or len(SUPERVISOR_EMAIL) > 150:  # it is a user name, too
    raise refuse("SUPERVISOR_EMAIL", f"{SUPERVISOR_EMAIL!r} is not an e-mail address", "Write name@example.org.")

LANGUAGES = [("en", _("English")), ("de", _("German"))]
LANGUAGE_CODE = text("LANGUAGE_CODE", "en")  # of letters to reviewers, and of readers who ask for none of ours
if LANGUAGE_CODE not in dict(LANGUAGES):
    raise refuse("LANGUAGE_CODE", f"{LANGUAGE_CODE!r} is not spoken here", f"Write {' or '.join(dict(LANGUAGES))}.")
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["tracker.formats"]
USE_I18N = USE_TZ = True
TIME_ZONE = text("TIME_ZONE", "Europe/Zurich")
try:
    zoneinfo.ZoneInfo(TIME_ZONE)
except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
    raise refuse("TIME_ZONE", f"{TIME_ZONE!r} is not a time zone", "Write for example Europe/Zurich.") from error

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# How staff sign in

# Five failures for one account from one address: this account waits a quarter of an hour at this address, nobody else.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = datetime.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "applications.client_address.client_address"
AXES_USERNAME_CALLABLE = "tracker.sign_in.names.fingerprint_for_axes"  # so that no row holds what was typed
AXES_WHITELIST_CALLABLE = "tracker.sign_in.throttle.is_from_known_browser"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # whoever tries again too early waits no longer for it
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # who signed in when from where is more than anybody needs
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
OTP_TOTP_ISSUER = f"MSc projects {SITE_HOST}"  # how an app for codes names the account
PASSWORD_RESET_TIMEOUT = 2 * 3600  # seconds for which the link in a letter makes a new password
SESSION_COOKIE_AGE = 14 * 24 * 3600  # seconds until a browser forgets its session; no sign-in can outlive it
SIGN_IN_DAYS = whole_number("SIGN_IN_DAYS", 7, least=1, most=14)  # then staff sign in again, whatever they do
SIGN_IN_IDLE_HOURS = whole_number("SIGN_IN_IDLE_HOURS", 12, least=1, most=24 * 14)  # likewise, when they do nothing
SECOND_FACTOR_REQUIRED = switch("SECOND_FACTOR_REQUIRED", False)  # of all staff; else whoever wants one has one

# The rules of this product

APPLY_LIMITS = switch("APPLY_LIMITS", True)
# How long after a deadline a form may still be sent that was opened before it.
DEADLINE_GRACE_MINUTES = whole_number("DEADLINE_GRACE_MINUTES", 30, most=24 * 60)
RELEASE_DELAY = whole_number("RELEASE_DELAY", 10, most=7 * 24 * 60)  # minutes in which a release can be called back
OFFER_DAYS = whole_number(
    "OFFER_DAYS", 14, least=1, most=365
)  # how long an offer stands unless its reviewer says otherwise
INVITATION_DAYS = whole_number("INVITATION_DAYS", 14, least=1, most=365)  # how long a co-advisor's invitation works
# Whether the supervisor of a project reads colleagues' ratings before giving one.
SUPERVISOR_READS_RATINGS = switch("SUPERVISOR_READS_RATINGS", False)

# The malware scanner (clamd), where there is one.
CLAMD_URL = text("CLAMD_URL")
_clamd_example = "Write tcp://127.0.0.1:3310 or unix:///run/clamav/clamd.ctl, or leave it out."
try:
    _clamd = urlsplit(CLAMD_URL)
    _is_clamd = {
        "tcp": bool(_clamd.hostname) and _clamd.path in ("", "/") and _clamd.port != 0,
        "unix": not _clamd.netloc and _clamd.path.startswith("/"),
    }.get(_clamd.scheme, False)
except ValueError:  # a port that is no number
    _is_clamd = False
if CLAMD_URL and not _is_clamd:
    raise refuse("CLAMD_URL", "this is not the address of a malware scanner", _clamd_example)

MEGABYTE = 1024 * 1024
DOCUMENT_MAX_BYTES = 10 * MEGABYTE  # one PDF
TRANSCRIPTS_MAX = 5
PIECE_BYTES = 256 * 1024  # of one piece of a file that a script sends: below every proxy's limit, seconds on bad Wi-Fi
UPLOAD_HOURS = 24  # an upload that no application has claimed is swept after this
# All files together that no application has claimed yet, and what stays free on the disk of the documents.
UNCLAIMED_MAX_BYTES = whole_number("UNCLAIMED_MAX_MB", 2048, least=100, most=10_000_000) * MEGABYTE
DISK_RESERVE_BYTES = whole_number("DISK_RESERVE_MB", 500, most=10_000_000) * MEGABYTE
PROMISED_ANSWER_DAYS = whole_number("PROMISED_ANSWER_DAYS", 28, least=1)

# How many days an application is kept after its last change of status, by outcome; then it is erased.
RETENTION_DAYS = {
    "accepted": whole_number("RETENTION_ACCEPTED_DAYS", 730, least=1),
    "declined": whole_number("RETENTION_DECLINED_DAYS", 180, least=1),
    "withdrawn": whole_number("RETENTION_WITHDRAWN_DAYS", 30, least=1),
    "undecided": whole_number("RETENTION_UNDECIDED_DAYS", 365, least=1),
}
BACKUP_KEEP_DAYS = whole_number("BACKUP_KEEP_DAYS", 30, least=1)  # what `backup` leaves of older archives
# What was erased, without whose it was, so that a restored backup brings nobody back. Best on another disk.
ERASURE_LEDGER = Path(text("ERASURE_LEDGER") or DATA_DIR / "erasures.ledger").expanduser()
if not ERASURE_LEDGER.is_absolute() or not ERASURE_LEDGER.parent.is_dir():
    raise refuse(
        "ERASURE_LEDGER",
        f"{str(ERASURE_LEDGER)!r} does not lie in a folder that is there",
        "Write for example /var/tracker-erasures.ledger, or leave it out.",
    )
if ERASURE_LEDGER.exists() and not (ERASURE_LEDGER.is_file() and os.access(ERASURE_LEDGER, os.R_OK | os.W_OK)):
    raise refuse(
        "ERASURE_LEDGER",
        f"{str(ERASURE_LEDGER)!r} is no file that can be read and written",
        "Change its owner, or name a file (it is made when it is not there).",
    )

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "tracker.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {
            "handlers": [],
            "level": "INFO",
        },  # all through the one above: no second format, no mail of a request
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "axes": {"level": "ERROR"},  # tracker.sign_in says the same in one line
        "pikepdf": {"level": "WARNING"},  # greets at every start
    },
}
