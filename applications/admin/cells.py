"""What stands in the cells of the list of applications.

They are put together here and not by a template each: fifty rows of twelve cells are six hundred templates.
"""

import functools

from django.template.defaultfilters import floatformat
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, npgettext

from applications.forms.bulk import DECISION_WORDS
from applications.models import Application, Decision, Reading
from applications.statuses import Status

NOTHING = SafeString('<span class="nothing">–</span>')


def star(application: Application) -> SafeString:
    if not application.is_starred:
        return SafeString('<span class="nothing" aria-hidden="true">☆</span>')
    return format_html(
        '<span class="star" title="{0}"><span aria-hidden="true">★</span>'
        '<span class="visually-hidden">{0}</span></span>',
        _("Starred by you"),
    )


def applicant(application: Application) -> SafeString:
    return format_html(
        '<span class="person"><span class="initials" aria-hidden="true">{}</span><span class="person-words">'
        '<span class="person-name">{}</span> <span class="person-address">{}</span>{}</span></span>',
        application.initials,
        application.full_name,
        application.email,
        SafeString("") if application.is_confirmed else _address_mark(_("address not confirmed")),
    )


@functools.cache
def _address_mark(words: str) -> SafeString:
    return format_html(' <span class="person-mark">{}</span>', words)


def status(application: Application, decision: Decision | None) -> SafeString:
    """The status, and beneath it what was decided and not told yet."""
    badge = _badge(application.status, application.get_status_display())
    consent = SafeString("") if application.is_consented else _mark(_("By hand, no consent yet"))
    question = _mark(_("Question waits"), "is-question") if application.has_question else SafeString("")
    newer = _mark(_("Newer document"), "is-question") if application.has_newer_document else SafeString("")
    malware = _mark(_("Malware found")) if application.has_blocked_document else SafeString("")
    erasure = _erasure_mark(application) if application.erasure_asked_at else SafeString("")
    decided = _decision_mark(decision) if decision else SafeString("")
    return format_html(
        '<span class="status-cell">{}{}{}{}{}{}{}</span>', badge, decided, question, newer, malware, consent, erasure
    )


def _erasure_mark(application: Application) -> SafeString:
    day = date_format(timezone.localtime(application.erasure_asked_at), "DATE_FORMAT")
    return _mark(_("To be erased"), title=_("The student asks that this is erased (since %(day)s).") % {"day": day})


@functools.cache
def _badge(status: str, label: str) -> SafeString:
    return render_to_string("includes/status_badge.html", {"status": status, "label": label})


def _decision_mark(decision: Decision) -> SafeString:
    words = {"decision": DECISION_WORDS[Status(decision.to_status)]}
    if decision.is_staged:
        return _mark(_("Staged: %(decision)s") % words, "is-staged")
    if decision.is_on_its_way:
        return _mark(_("On its way: %(decision)s") % words, "is-on-its-way")
    return _mark(_("Dropped: %(decision)s") % words, "is-dropped", decision.dropped_why)


def _mark(words: str, style: str = "", title: str = "") -> SafeString:
    why = format_html(' title="{}"', title) if title else ""
    return format_html(' <span class="{}"{}>{}</span>', f"decision-mark {style}".rstrip(), why, words)


def project(application: Application) -> SafeString:
    """The project, and beneath it what the student calls their own idea, where the project asks for one."""
    if not application.idea_title:
        return conditional_escape(application.project.title)
    return format_html(
        '<span class="two-lines"><span>{}</span> <span class="second-line">{}</span></span>',
        application.project.title,
        _("“%(idea)s”") % {"idea": application.idea_title},
    )


def university(application: Application) -> SafeString:
    return format_html(
        '<span class="two-lines"><span>{}</span> <span class="second-line">{}</span></span>',
        application.university,
        application.programme,
    )


def received(application: Application) -> SafeString:
    moment = timezone.localtime(application.received_at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        date_format(moment, "DATETIME_FORMAT"),
        date_format(moment, "SHORT_DATE_FORMAT"),
    )


def waiting(application: Application) -> SafeString:
    days = application.days_waiting
    if days is None:
        return format_html('<span class="nothing" title="{}">–</span>', _("Nobody waits for an answer"))
    words = ngettext("%(days)d day", "%(days)d days", days) % {"days": days} if days else _("today")
    return format_html('<span class="{}">{}</span>', "overdue" if application.is_overdue else "days", words)


def you(application: Application) -> SafeString:
    """How far one is oneself with it."""
    if application.is_asked:
        return format_html('<span class="you is-asked">{}</span>', _("Asked of you"))
    if application.own_reading == Reading.State.READ:
        return format_html('<span class="you is-done">{}</span>', _("Read"))
    if application.own_reading == Reading.State.ABSTAINED:
        return format_html('<span class="you is-done">{}</span>', _("Abstained"))
    if application.own_reading == Reading.State.SKIPPED:
        return format_html('<span class="you is-skipped">{}</span>', _("Skipped"))
    return format_html('<span class="you is-unread">{}</span>', _("Unread"))


def count(application: Application) -> SafeString:
    number = application.rating_count
    if not number:
        return NOTHING
    words = npgettext("after a number", "rating", "ratings", number)
    return format_html('{}<span class="card-label"> {}</span>', number, words)


def figure(
    application: Application, value: float | None, label: str, *, digits: int = 0, exists: bool = True
) -> SafeString:
    """A figure that colleagues' ratings come to; or that one reads it after one's own; or that there is none.

    On phones, where no heading stands above it, `label` stands before it. With `exists` false there is none for
    reasons that everybody may know.
    """
    if exists and application.rating_count and not application.has_readable_ratings:
        value, style = _("after your rating"), "is-hidden-yet"
    elif exists and value is not None:
        value, style = floatformat(value, digits), "figure"
    else:
        return NOTHING
    return format_html('<span class="card-label">{} </span><span class="{}">{}</span>', label, style, value)
