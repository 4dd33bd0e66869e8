"""Everything that is kept about one application, as a ZIP for the student whose it is.

Not in `exports`, which is what reviewers take out and which `workflow` knows: this asks `letters` and `retention`,
which stand above. What is about the student and left out (ratings, notes, decisions that are not told) is never read
here, and README.txt says so.
"""

import dataclasses
import datetime
import json
from collections.abc import Iterator
from urllib.parse import quote

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from zipstream import ZIP_STORED, ZipStream

from applications import letters
from applications.consent import consent_text
from applications.exports.archive import content_of, safe_name, size_in_storage
from applications.models import Application, Decision, Document, Event, FormerAnswers, Letter, Message, Opening
from applications.retention import erase_on
from applications.statuses import STUDENT_WORDS, Status

NAME_LENGTH = 80


@dataclasses.dataclass(frozen=True)
class DocumentFile:
    """One document, of whatever version, and where it lies in the archive."""

    document: Document
    path: str
    size: int | None  # None when the file is missing in the storage, or left out because of malware

    @property
    def is_there(self) -> bool:
        return self.size is not None

    @property
    def address(self) -> str:
        """The relative link from index.html."""
        return quote(self.path)

    @property
    def state(self) -> str:
        if self.document.replaced_at is not None:
            return "former"
        return "current" if self.document.counts else "offered"

    @property
    def name(self) -> str:
        return name_of(self.document)


@dataclasses.dataclass(frozen=True)
class LetterFile:
    """One letter to the student, without any link that opens something, and where it lies in the archive."""

    letter: Letter
    path: str

    @property
    def address(self) -> str:
        return quote(self.path)

    @property
    def subject(self) -> str:
        return letters.as_shown(self.letter.subject)

    @property
    def body(self) -> str:
        return letters.as_shown(self.letter.body)


@dataclasses.dataclass(frozen=True)
class Kept:
    """All that is kept about one application and that its student takes away."""

    application: Application
    made_at: datetime.datetime
    agreed_at: datetime.datetime | None
    consent_text: str
    erase_on: datetime.date
    questions: list[tuple[str, str]]
    former_answers: list[FormerAnswers]
    documents: list[DocumentFile]
    letters: list[LetterFile]
    messages: list[Message]
    history: list[Event]
    decisions: list[Decision]
    openings: list[Opening]

    @property
    def missing(self) -> list[DocumentFile]:
        return [file for file in self.documents if not file.is_there and not file.document.is_blocked]

    @property
    def left_out(self) -> list[DocumentFile]:
        return [file for file in self.documents if file.document.is_blocked]

    @property
    def contact_name(self) -> str:
        return letters.supervisor_name(self.application)

    @property
    def contact_email(self) -> str:
        return letters.supervisor_email(self.application)


class Everything:
    """The archive, in the student's language, made while it is sent; `len()` is its exact number of bytes.

    The database and the letters are read when this is made; iterating only reads the documents' files. One that is
    missing in the storage is named in README.txt, and the rest is there.
    """

    def __init__(self, application: Application) -> None:
        self._stream = ZipStream(compress_type=ZIP_STORED, sized=True)
        with translation.override(application.language):
            kept = everything_kept(application)
            context = {"kept": kept, "application": application, "time_zone": settings.TIME_ZONE}
            self._add_text("README.txt", render_to_string("applications/everything/readme.txt", context))
            self._add_text("index.html", render_to_string("applications/everything/index.html", context))
            self._add_text("application.json", json.dumps(as_record(kept), ensure_ascii=False, indent=2) + "\n")
            for letter_file in kept.letters:
                text = render_to_string("applications/everything/letter.txt", {"file": letter_file})
                self._add_text(letter_file.path, text)
        for file in kept.documents:
            if file.is_there:
                self._stream.add(content_of(file.document, file.size), file.path, size=file.size)

    def _add_text(self, path: str, text: str) -> None:
        self._stream.add(text.encode(), path)

    def __len__(self) -> int:
        return len(self._stream)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)


# What is kept


def everything_kept(application: Application) -> Kept:
    """Read it all. Of decisions only those that were told, of letters only those to the student."""
    history = list(application.events.filter(kind__in=Event.FOR_STUDENT))
    return Kept(
        application=application,
        made_at=timezone.now(),
        agreed_at=agreed_at(application, history),
        consent_text=consent_text(application.consent_version),
        erase_on=erase_on(application),
        questions=[(answer.prompt, answer.text) for answer in application.question_answers.all()],
        former_answers=_former_answers_with_dates(application),
        documents=list(_document_files(application)),
        letters=list(_letter_files(application)),
        messages=list(application.messages.all()),
        history=history,
        decisions=list(application.decisions.exclude(applied_at=None).order_by("applied_at", "pk")),
        openings=list(application.openings.select_related("document")),
    )


def agreed_at(application: Application, history: list[Event]) -> datetime.datetime | None:
    """When the student agreed: with handing in, or later, when a reviewer had entered the application by hand."""
    if not application.is_consented:
        return None
    later = [event.created_at for event in history if event.kind == Event.Kind.CONSENTED]
    return later[-1] if later else application.received_at


def _former_answers_with_dates(application: Application) -> list[FormerAnswers]:
    """The former answers, with the earliest start as a date again (JSON knows none)."""
    former = list(application.former_answers.all())
    for answers in former:
        answers.answers["earliest_start"] = parse_date(answers.answers["earliest_start"] or "")
    return former


def _document_files(application: Application) -> Iterator[DocumentFile]:
    documents = sorted(application.documents.all(), key=lambda document: document.reading_order())
    for number, document in enumerate(documents, start=1):
        name = safe_name(f"{number:02d} {name_of(document)}", NAME_LENGTH)
        yield DocumentFile(document, f"documents/{name}.pdf", size_in_storage(document))


def name_of(document: Document) -> str:
    """What it is, which version, and whether it counts."""
    words = {"label": document.label, "version": document.version}
    if document.replaced_at is not None:
        return _("%(label)s, version %(version)s (former)") % words
    if not document.counts:
        return _("%(label)s, version %(version)s (offered)") % words
    return _("%(label)s, version %(version)s") % words


def _letter_files(application: Application) -> Iterator[LetterFile]:
    to_student = application.letters.filter(to_student=True).order_by("created_at", "pk")
    for number, letter in enumerate(to_student, start=1):
        day = timezone.localdate(letter.created_at)
        name = safe_name(f"{number:02d} {day:%Y-%m-%d} {letters.as_shown(letter.subject)}", NAME_LENGTH)
        yield LetterFile(letter, f"letters/{name}.txt")


# The same for programs


def as_record(kept: Kept) -> dict:
    """What stands in application.json: English keys that stay, moments with their offset, days as dates."""
    application = kept.application
    return {
        "made_at": _moment(kept.made_at),
        "site": settings.SITE_URL,
        "reference": application.reference,
        "project": {
            "title": application.project.title,
            "topic": application.project.topic.name,
            "address": settings.SITE_URL + application.project.get_absolute_url(),
        },
        "received_at": _moment(application.received_at),
        "entered_by_hand": application.entered_by_id is not None,
        "status": application.status,
        "status_in_words": application.status_for_student,
        "status_since": _moment(application.status_changed_at),
        "offer_stands_until": _day(application.offer_lapses_on),
        "email": application.email,
        "email_confirmed_at": _moment(application.confirmed_at),
        "language": application.language,
        "answers": _answers(application.answers),
        "answers_version": application.answers_version,
        "questions": _questions(kept.questions),
        "former_answers": [_former_answers(former) for former in kept.former_answers],
        "consent": _consent(kept),
        "documents": [_document(file) for file in kept.documents],
        "history": [_event(event) for event in kept.history],
        "decisions": [_decision(decision) for decision in kept.decisions],
        "messages": [_message(message) for message in kept.messages],
        "letters": [_letter(file) for file in kept.letters],
        "opened_by": [_opening(opening) for opening in kept.openings],
        "personal_link_version": application.link_version,
        "erasure_asked_at": _moment(application.erasure_asked_at),
        "will_be_erased_on": _day(kept.erase_on),
    }


def _moment(moment: datetime.datetime | None) -> str | None:
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else None


def _day(day: datetime.date | None) -> str | None:
    return day.isoformat() if day else None


def _answers(answers: dict) -> dict:
    """Answers by the names of the form's fields; the links each by itself."""
    return {
        **{name: answers[name] for name in Application.ANSWERS},
        "earliest_start": _day(answers["earliest_start"]),
        "links": answers["links"].splitlines(),
    }


def _questions(pairs: list[tuple[str, str]]) -> list[dict]:
    return [{"question": prompt, "answer": text} for prompt, text in pairs]


def _former_answers(former: FormerAnswers) -> dict:
    return {
        "version": former.version,
        "replaced_at": _moment(former.replaced_at),
        "answers": _answers(former.answers),
        "questions": _questions(former.question_answers),
    }


def _consent(kept: Kept) -> dict | None:
    if not kept.application.is_consented:
        return None
    version = kept.application.consent_version
    return {"version": version, "text": kept.consent_text, "agreed_at": _moment(kept.agreed_at)}


def _document(file: DocumentFile) -> dict:
    document = file.document
    return {
        "file": file.path if file.is_there else None,
        "is_missing": not file.is_there and not document.is_blocked,
        "is_left_out_because_of_malware": document.is_blocked,
        "kind": document.kind,
        "label": document.label,
        "version": document.version,
        "state": file.state,
        "name_as_handed_in": document.original_name,
        "size": document.size,
        "pages": document.pages,
        "sha256": document.sha256,
        "noticed_when_it_came": document.flags,
        "received_at": _moment(document.created_at),
        "offered_at": _moment(document.offered_at),
        "replaced_at": _moment(document.replaced_at),
    }


def _event(event: Event) -> dict:
    """A line of the history as the student reads it; free text only where the student wrote it."""
    return {
        "at": _moment(event.created_at),
        "kind": event.kind,
        "what": render_to_string("applications/includes/event_words.html", {"event": event}).strip(),
        "by": event.actor,
        "from_status": event.from_status or None,
        "to_status": event.to_status or None,
        "your_words": event.text if event.actor == Event.Actor.STUDENT else "",
    }


def _decision(decision: Decision) -> dict:
    return {
        "status": decision.to_status,
        "status_in_words": str(STUDENT_WORDS[Status(decision.to_status)]),
        "told_at": _moment(decision.applied_at),
        "told_by_letter": decision.tells_the_student,
        "offer_stands_until": _day(decision.lapses_on),
    }


def _message(message: Message) -> dict:
    return {
        "at": _moment(message.created_at),
        "from": "you" if message.is_from_student else "reviewers",
        "name": message.author,
        "text": message.text,
    }


def _letter(file: LetterFile) -> dict:
    letter = file.letter
    return {
        "file": file.path,
        "subject": file.subject,
        "kind": letter.kind,
        "to": letter.recipient,
        "language": letter.language,
        "status": letter.status,
        "written_at": _moment(letter.created_at),
        "sent_at": _moment(letter.sent_at),
    }


def _opening(opening: Opening) -> dict:
    return {
        "who": opening.user_name,
        "what": name_of(opening.document) if opening.document else "application",
        "how": opening.way,
        "first_at": _moment(opening.first_at),
        "last_at": _moment(opening.last_at),
    }
