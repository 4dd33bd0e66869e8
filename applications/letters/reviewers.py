"""Notices to the supervisor and the co-advisors, one letter for each application: name, project, link; no document.

Whoever prefers one letter a day gets the same news from `digests` instead. No notice ever holds a rating.
"""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.utils import translation

from applications.letters.outbox import queue
from applications.letters.wording import (
    Wording,
    from_templates,
    standard_wording,
    supervisor_email,
    with_personal_line,
)
from applications.models import Application, Letter, Preference
from applications.statuses import STUDENT_WORDS, Status


def notice_received(application: Application, *, done_by=None) -> list[Letter]:
    """Also of one that was entered by hand or moved here; whoever has done that (`done_by`) knows it."""
    return _to_reviewers(application, Letter.Kind.NOTICE_RECEIVED, done_by)


def notice_accepted(application: Application) -> list[Letter]:
    return _to_reviewers(application, Letter.Kind.NOTICE_ACCEPTED)


def notice_withdrawn(application: Application) -> list[Letter]:
    return _to_reviewers(application, Letter.Kind.NOTICE_WITHDRAWN)


def notice_lapsed(application: Application) -> list[Letter]:
    """Call it while the application still knows until when its offer stood."""
    return _to_reviewers(application, Letter.Kind.NOTICE_LAPSED)


def notice_question(application: Application) -> list[Letter]:
    """The student has asked something. The question itself is read on the review page, never in a mailbox."""
    return _to_reviewers(application, Letter.Kind.NOTICE_QUESTION)


def notice_document(application: Application) -> list[Letter]:
    """The student has sent a newer version of a document after reading began."""
    return _to_reviewers(application, Letter.Kind.NOTICE_DOCUMENT)


def notice_erased(application: Application) -> Letter:
    """To the supervisor: an application that somebody has begun to read is gone. It names no student and no reference.

    The letter belongs to no application, because it stays when this one is erased in the same transaction.
    """
    supervisor = application.project.supervisor
    language = _language_of(supervisor)
    with translation.override(language):
        status = STUDENT_WORDS[Status(application.status)]
        wording = from_templates(Letter.Kind.NOTICE_ERASED, {"project": application.project.title, "status": status})
    return queue(Letter.Kind.NOTICE_ERASED, supervisor_email(application), wording, user=supervisor, language=language)


def _language_of(user) -> str:
    return languages_of([user]).get(user.pk, settings.LANGUAGE_CODE) if user else settings.LANGUAGE_CODE


def notice_erasure(application: Application) -> list[Letter]:
    """To the supervisor alone, who erases it; also to one who prefers one letter a day, because it cannot wait."""
    language = _language_of(application.project.supervisor)
    kind = Letter.Kind.NOTICE_ERASURE
    wording = with_personal_line(standard_wording(application, kind, language=language))
    return [queue(kind, supervisor_email(application), wording, application=application, language=language)]


def reviewer_addresses(application: Application) -> list[str]:
    """Supervisor first, then the co-advisors who have an address; each address once."""
    return list({address.casefold(): address for address, _user in _reviewers(application)}.values())


def _reviewers(application: Application) -> Iterator[tuple[str, object]]:
    """Where each reviewer gets letters, with their account (None without one)."""
    yield supervisor_email(application), application.project.supervisor
    for co_advisor in application.project.co_advisors.select_related("user"):
        address = co_advisor.email or (co_advisor.user.email if co_advisor.user else "")
        if address:
            yield address, co_advisor.user


def _to_reviewers(application: Application, kind: str, done_by=None) -> list[Letter]:
    left_out = _told_once_a_day(application)
    reviewers = list(_reviewers(application))
    left_out |= {address.casefold() for address, user in reviewers if user and user == done_by}
    languages = languages_of(user for _address, user in reviewers if user)
    users = {address.casefold(): user for address, user in reversed(reviewers)}
    wordings: dict[str, Wording] = {}
    written = []
    for address in reviewer_addresses(application):
        if address.casefold() in left_out:
            continue
        user = users[address.casefold()]
        language = languages.get(user.pk if user else None, settings.LANGUAGE_CODE)
        if language not in wordings:
            wordings[language] = with_personal_line(standard_wording(application, kind, language=language))
        written.append(queue(kind, address, wordings[language], application=application, language=language))
    return written


def languages_of(users: Iterable) -> dict[int, str]:
    """In which language each of `users` gets letters, by key; those who have chosen none are left out."""
    chosen = Preference.objects.filter(user__in=list(users)).exclude(language="")
    return dict(chosen.values_list("pk", "language"))


def _told_once_a_day(application: Application) -> set[str]:
    """The addresses of those who prefer one letter a day, and can be sent it."""
    people = {user.pk: address for address, user in _reviewers(application) if user and user.is_active and user.email}
    daily = Preference.objects.filter(user__in=people, notices=Preference.Notices.DAILY)
    return {people[pk].casefold() for pk in daily.values_list("pk", flat=True)}
