"""The words of a letter: those that come with the product, or the supervisors' own in their place."""

import dataclasses
import datetime
from collections.abc import Iterator

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from applications.letters.placeholders import (
    MANAGE_LINK,
    PERSONAL_LINE,
    PLACEHOLDERS,
    as_shown,
    as_words,
    fill,
    of_kind,
    without_braces,
)
from applications.models import Application, Document, Event, Letter, LetterWording
from applications.statuses import STUDENT_WORDS, UNDO, Status
from projects.models import Project

LONGEST_SUBJECT = 200


@dataclasses.dataclass(frozen=True)
class Wording:
    """The subject and body of a letter, ready to be stored; the body may hold MANAGE_LINK and PERSONAL_LINE."""

    subject: str
    body: str


def standard_wording(
    application: Application,
    kind: str,
    *,
    lapses_on: datetime.date | None = None,
    writer=None,
    former_project: Project | None = None,
    document: Document | None = None,
    language: str = "",
) -> Wording:
    """The letter of `kind` as it goes out unless somebody edits it, in `language` (by default the student's).

    The supervisors' own words where there are some, else those of the product. Holds PERSONAL_LINE where a reviewer
    may add one. An offer stands until `lapses_on`; `writer` is the reviewer who signs for the supervisor; `document` is
    the one that the letter is about.
    """
    language = language or application.language
    with translation.override(language):
        values = _values(application, kind, lapses_on, writer, former_project, document)
        own = own_words(kind, language)
        if own is not None:
            return filled(own, values)
        return from_templates(kind, {**values, **_circumstances(application, kind)})


def own_words(kind: str, language: str) -> LetterWording | None:
    """What supervisors have written in place of the product's words."""
    return LetterWording.objects.filter(kind=kind, language=language).first()


def filled(own: LetterWording | Wording, values: dict[str, str]) -> Wording:
    """Words of one's own with their placeholders filled; a long title never pushes the reference out of the subject."""
    short = {**values, "project": _cut(values["project"], 100), "name": _cut(values["name"], 60)}
    return _tidy(fill(own.subject, short), fill(own.body.replace("\r\n", "\n"), values))


def from_templates(kind: str, context: dict) -> Wording:
    """The product's words, from `templates/applications/letters/`."""
    return _tidy(
        render_to_string(f"applications/letters/{kind}.subject.txt", context),
        render_to_string(f"applications/letters/{kind}.body.txt", context),
    )


def words_to_edit(kind: str, language: str) -> Wording:
    """What an editor begins with: the product's words with their placeholders unfilled, as in the usual case."""
    with translation.override(language):
        return from_templates(kind, {**as_words(placeholder.name for placeholder in of_kind(kind)), "is_usual": True})


def preview(kind: str, words: Wording, application: Application | None) -> Wording:
    """`words` as they would go out for `application`, or with invented values without one; links as words in brackets.

    The application is one that the reader may see; what is kept or sent anywhere is made from invented values only.
    """
    if application is None:
        letter = filled(words, example_values())
    else:
        lapses_on = timezone.localdate() + datetime.timedelta(days=settings.OFFER_DAYS)
        letter = with_reference(application, filled(words, _values(application, kind, lapses_on)))
    return Wording(as_shown(letter.subject), as_shown(letter.body))


def example_values() -> dict[str, str]:
    """Invented values for every placeholder."""
    today = timezone.localdate()
    return {
        **as_words(placeholder.name for placeholder in PLACEHOLDERS),
        "name": "Ada Example",
        "project": _("An example of a project"),
        "reference": "A7K3-9QF2",
        "supervisor": settings.SUPERVISOR_NAME or _("The supervisor"),
        "supervisor_email": settings.SUPERVISOR_EMAIL,
        "site_url": settings.SITE_URL,
        "date_received": in_words(today),
        "answer_by": in_words(today + datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS)),
        "earliest_start": in_words(today + datetime.timedelta(days=90)),
        "offer_until": in_words(today + datetime.timedelta(days=settings.OFFER_DAYS)),
        "documents": "\n".join(f"- {kind.label}: {kind}.pdf" for kind in (Document.Kind.CV, Document.Kind.TRANSCRIPT)),
        "document": f"- {Document.Kind.CV.label}: cv.pdf",
        "status": str(STUDENT_WORDS[Status.IN_REVIEW]),
        "letter_date": in_words(today - datetime.timedelta(days=1)),
        "former_project": _("Another example of a project"),
        "review_link": _("[link to the application]"),
        "invited_by": settings.SUPERVISOR_NAME or _("The supervisor"),
        "valid_until": in_words(today + datetime.timedelta(days=settings.INVITATION_DAYS)),
    }


def _tidy(subject: str, body: str) -> Wording:
    return Wording(" ".join(subject.split())[:LONGEST_SUBJECT], body.strip() + "\n")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


# What the placeholders become


def _values(
    application: Application, kind: str, lapses_on=None, writer=None, former_project=None, document=None
) -> dict[str, str]:
    """Each placeholder that a letter of this kind knows, with what it becomes for this application."""
    return dict(_each_value(application, kind, lapses_on, writer, former_project, document))


def _each_value(
    application: Application, kind: str, lapses_on, writer, former_project, document
) -> Iterator[tuple[str, str]]:
    known = {placeholder.name for placeholder in of_kind(kind)}
    yield "name", without_braces(application.full_name)
    yield "project", application.project.title
    yield "reference", application.reference
    yield "supervisor", _signature(application, writer)
    yield "supervisor_email", supervisor_email(application)
    yield "site_url", settings.SITE_URL
    yield "date_received", in_words(timezone.localdate(application.received_at))
    yield "answer_by", in_words(_promised_day(application))
    yield "earliest_start", in_words(application.earliest_start)
    yield "offer_until", in_words(lapses_on or application.offer_lapses_on)
    yield "status", str(STUDENT_WORDS[Status(_status_told(application, kind))])
    yield "review_link", settings.SITE_URL + reverse("admin:applications_application_change", args=[application.pk])
    if "manage_link" in known:
        yield "manage_link", MANAGE_LINK
    if "personal_line" in known:
        yield "personal_line", PERSONAL_LINE
    if "documents" in known:
        yield "documents", _documents_in_lines(application)
    if "document" in known:
        yield "document", _document_concerned(application, document)
    if "letter_date" in known:
        yield "letter_date", in_words(_day_of_the_earlier_letter(application))
    if "former_project" in known:
        yield "former_project", (former_project or application.project).title


def _circumstances(application: Application, kind: str) -> dict:
    """What decides between the branches of the product's words; words of one's own have no branches."""
    project = application.project
    circumstances = {
        "from_status": application.status,
        "promises_answer": application.answer_promised_by is not None,
        "may_be_corrected": application.may_be_corrected(),
        "takes_documents": application.may_be_corrected() or application.may_offer_documents(),
        "has_limited_places": bool(project.places),
        "is_full": project.is_full(),
        "places_free": project.places_free,
        "status_after_undoing": _status_told(application, Letter.Kind.CORRECTION),
    }
    if kind == Letter.Kind.NOTICE_WITHDRAWN:
        latest = application.events.filter(kind=Event.Kind.MOVED).last()
        circumstances["from_status"] = latest and latest.from_status
    if kind in (Letter.Kind.NOTICE_ACCEPTED, Letter.Kind.NOTICE_LAPSED):
        circumstances["still_waiting"] = (
            Application.objects.filter(project=project).awaiting_decision().exclude(pk=application.pk).count()
        )
        circumstances["remaining_link"] = f"{settings.SITE_URL}/admin/projects/project/{project.pk}/remaining/"
    return circumstances


def in_words(day: datetime.date | None) -> str:
    """`12 December 2026`; nothing for no day."""
    return date_format(day, "DATE_FORMAT") if day else ""


def _promised_day(application: Application) -> datetime.date:
    return timezone.localdate(application.received_at) + datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS)


def _status_told(application: Application, kind: str) -> str:
    """The status that the letter tells of: a correction is written before the decision is undone."""
    return UNDO.get(application.status, application.status) if kind == Letter.Kind.CORRECTION else application.status


def _day_of_the_earlier_letter(application: Application) -> datetime.date | None:
    """When the student was written to about the status; None when no letter has told of it."""
    decision = application.told_by()
    told = decision and decision.letters.filter(to_student=True).order_by("created_at", "pk").last()
    return timezone.localdate(told.sent_at or told.created_at) if told else None


def _documents_in_lines(application: Application) -> str:
    return "\n".join(_document_line(document) for document in application.current_documents())


def _document_line(document) -> str:
    facts = {"label": document.label, "file": without_braces(document.original_name), "pages": document.pages}
    if not document.pages:
        return f"- {facts['label']}: {facts['file']}"
    return (
        ngettext("- %(label)s: %(file)s (%(pages)d page)", "- %(label)s: %(file)s (%(pages)d pages)", document.pages)
        % facts
    )


def _document_concerned(application: Application, document: Document | None) -> str:
    """One document as in the list of all; in a preview, where no letter is about one, the first."""
    document = document or next(iter(application.current_documents()), None)
    return _document_line(document) if document else f"- {Document.Kind.CV.label}: cv.pdf"


def _signature(application: Application, writer) -> str:
    """Letters are signed with the supervisor's name; whoever else has written one stands before it."""
    title = application.project.title
    supervisor = supervisor_name(application) or _("The supervisor of “%(title)s”") % {"title": title}
    if writer is None or writer.pk == application.project.supervisor_id:
        return supervisor
    name = writer.get_full_name() or writer.get_username()
    return _("%(writer)s, for %(supervisor)s") % {"writer": name, "supervisor": supervisor}


def supervisor_name(application: Application) -> str:
    supervisor = application.project.supervisor
    return (supervisor and supervisor.get_full_name()) or settings.SUPERVISOR_NAME


def supervisor_email(application: Application) -> str:
    supervisor = application.project.supervisor
    return (supervisor and supervisor.email) or settings.SUPERVISOR_EMAIL


# What a reviewer adds, and what an edit must not take away


def with_personal_line(wording: Wording, personal_line: str = "") -> Wording:
    """`wording` with the reviewer's own words in their place (at the end when the place was edited away)."""
    line = personal_line.strip()
    body = wording.body
    if PERSONAL_LINE in body:
        body = body.replace(PERSONAL_LINE, line)
    elif line:
        body = f"{body.rstrip()}\n\n{line}\n"
    paragraphs = [part.strip("\n") for part in body.replace("\r\n", "\n").split("\n\n")]
    return Wording(wording.subject, "\n\n".join(part for part in paragraphs if part.strip()).rstrip() + "\n")


def ready_to_stage(application: Application, wording: Wording) -> Wording:
    """`wording` as a decision keeps it: a personal line that comes later has its place, before the signature."""
    if PERSONAL_LINE not in wording.body:
        body = wording.body.rstrip()
        usual = standard_wording(application, Letter.Kind.MESSAGE).body
        signature = usual.rstrip().rpartition("\n\n")[2]
        text = body.removesuffix(signature).rstrip()
        end = f"\n\n{signature}" if body.endswith(signature) else ""
        wording = Wording(wording.subject, f"{text}\n\n{PERSONAL_LINE}{end}\n")
    return with_reference(application, wording)


def with_reference(application: Application, wording: Wording) -> Wording:
    """`wording` with a last line that names reference and project, where an edit has taken them out.

    A student with several applications must know which one a letter is about, and so must whoever answers it.
    """
    words = f"{wording.subject}\n{wording.body}"
    if application.reference in words and application.project.title in words:
        return wording
    with translation.override(application.language):
        line = _("Application %(reference)s, “%(title)s”") % {
            "reference": application.reference,
            "title": application.project.title,
        }
    return Wording(wording.subject, f"{wording.body.rstrip()}\n\n{line}\n")
