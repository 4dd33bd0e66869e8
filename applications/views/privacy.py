"""The privacy page: what it says comes from the settings and the catalogue, so that it cannot lie."""

import dataclasses
import datetime
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.files.storage import FileSystemStorage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from applications import limits, sign_in_attempts
from applications.consent import CONSENT_TEXTS, CONSENT_VERSION, consent_text
from applications.models import Application, document_storage
from applications.retention import records_kept
from applications.statuses import STUDENT_WORDS, Status
from projects.models import Project

DAY = 24 * 3600
HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class Cookie:
    name: str
    purpose: str
    kept: str


@dataclasses.dataclass(frozen=True)
class Readers:
    """How many people can read applications to one project."""

    project: Project
    number: int


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept, why, how long, where and who sees it, and what one can do about it."""
    context = {
        "retention": settings.RETENTION_DAYS,
        "words": {status.value: STUDENT_WORDS[status] for status in Status},
        "upload_hours": settings.UPLOAD_HOURS,
        "backup_days": settings.BACKUP_KEEP_DAYS,
        "record_days": records_kept().days,
        "limit_hours": limits.KEPT // HOUR,
        "attempt_hours": sign_in_attempts.KEPT // HOUR,
        "consent_version": CONSENT_VERSION,
        "consent_text": consent_text(CONSENT_VERSION),
        "former_consents": {version: CONSENT_TEXTS[version] for version in sorted(CONSENT_TEXTS)[:-1]},
        "readers": list(readers_by_project()),
        "runners": get_user_model().objects.filter(is_superuser=True, is_staff=True, is_active=True).count(),
        "cookies": cookies(),
        "mail_server": mail_server(),
        "has_mail_server": settings.EMAIL_BACKEND != "applications.mail.LetterFolderBackend",
        "is_in_folder": isinstance(document_storage(), FileSystemStorage),
        "erased_on_request": erased_on_request(),
    }
    return render(request, "applications/privacy.html", context)


def readers_by_project() -> Iterator[Readers]:
    """For each published project, how many people may read what is handed in: those of `visible_to`, by the project."""
    projects = Project.objects.published().select_related("supervisor").prefetch_related("co_advisors__user")
    for project in projects.order_by("title"):
        people = {project.supervisor, *(co_advisor.user for co_advisor in project.co_advisors.all())}
        yield Readers(project, sum(user is not None and user.is_active and user.is_staff for user in people))


def cookies() -> list[Cookie]:
    """Every cookie that the public pages set."""
    return [
        Cookie(
            settings.SESSION_COOKIE_NAME,
            _("lets this browser open your application again"),
            in_days(settings.SESSION_COOKIE_AGE),
        ),
        Cookie(
            settings.CSRF_COOKIE_NAME,
            _("protects the forms against being sent by other sites, and knows the files again that you have chosen"),
            in_days(settings.CSRF_COOKIE_AGE),
        ),
        Cookie(
            settings.LANGUAGE_COOKIE_NAME,
            _("remembers the language, when you have chosen one"),
            in_days(settings.LANGUAGE_COOKIE_AGE),
        ),
        Cookie(
            CookieStorage.cookie_name,
            _("carries a message such as “Your answers are changed.” to the next page"),
            _("until it is read"),
        ),
    ]


def in_days(seconds: int | None) -> str:
    """How long a cookie is kept, in words."""
    if seconds is None:
        return _("until you close the browser")
    days = seconds // DAY
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


def mail_server() -> str:
    """The name of the mail server that letters go through; empty when they do not leave by one that has a name."""
    return settings.EMAIL_HOST if ".smtp." in settings.EMAIL_BACKEND else ""


def erased_on_request() -> str:
    """The statuses in which the student asks for the erasure instead of doing it, in words."""
    statuses = [status for status in Status if not Application(reference="", status=status).may_be_erased_by_student()]
    return get_text_list([_("“%(word)s”") % {"word": STUDENT_WORDS[status]} for status in statuses], _("or"))
