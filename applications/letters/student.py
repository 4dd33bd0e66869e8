"""Letters to the student, one function each: this file is their table of contents."""

from applications.letters.outbox import queue
from applications.letters.placeholders import PERSONAL_LINE
from applications.letters.wording import Wording, standard_wording, with_personal_line, with_reference
from applications.models import Application, Decision, Document, Letter
from projects.models import Project


def receipt(application: Application) -> Letter:
    return _standard(application, Letter.Kind.RECEIVED)


def entered(application: Application) -> Letter:
    """A reviewer has entered an application that came by e-mail: the student completes it and consents."""
    return _standard(application, Letter.Kind.ENTERED)


def applied_again(application: Application) -> Letter:
    return _standard(application, Letter.Kind.APPLIED_AGAIN)


def link(application: Application) -> Letter:
    return _standard(application, Letter.Kind.LINK)


def renewed(application: Application) -> Letter:
    """Somebody who was let in has renewed the manage link; the former one is dead."""
    return _standard(application, Letter.Kind.RENEWED)


def withdrawn(application: Application) -> Letter:
    return _standard(application, Letter.Kind.WITHDRAWN)


def accepted(application: Application) -> Letter:
    return _standard(application, Letter.Kind.ACCEPTED)


def offer_lapsed(application: Application) -> Letter:
    """The day of the offer is over without an answer. Call it while the application still knows that day."""
    return _standard(application, Letter.Kind.OFFER_LAPSED)


def transferred(application: Application, former_project: Project) -> Letter:
    """The application was moved from `former_project` to the one that it is to now, as the student agreed."""
    wording = standard_wording(application, Letter.Kind.TRANSFERRED, former_project=former_project)
    return _to_student(application, Letter.Kind.TRANSFERRED, with_personal_line(wording))


def infected(application: Application, document: Document) -> Letter:
    """Malware was found in `document`; the student is asked for another one while one may still be sent."""
    wording = standard_wording(application, Letter.Kind.INFECTED, document=document)
    return _to_student(application, Letter.Kind.INFECTED, with_personal_line(wording))


def decision(application: Application, made: Decision, kind: str, wording: Wording) -> Letter:
    """The letter of a reviewers' decision, in the wording that they saw and may have edited."""
    return _to_student(application, kind, wording, decision=made)


def message(application: Application, wording: Wording, *, writer=None) -> Letter:
    """What a reviewer writes to the student, signed by `writer` for the supervisor (by default by the supervisor)."""
    return _to_student(application, Letter.Kind.MESSAGE, message_wording(application, wording, writer=writer))


def message_wording(application: Application, wording: Wording, *, writer=None) -> Wording:
    """How `message` goes out.

    Greeting and signature are put around it, unless `wording` is the edited standard letter and has both already; a
    greeting alone is not said twice. It always names reference and project, whatever subject the reviewer gave it.
    """
    frame = standard_wording(application, Letter.Kind.MESSAGE, writer=writer)
    greeting = frame.body.split(PERSONAL_LINE)[0].strip().partition("\n")[0]
    signature = frame.body.rstrip().rpartition("\n")[2]
    body = wording.body.strip()
    if greeting and body.startswith(greeting) and body.endswith(signature):
        letter = with_personal_line(wording)
    else:
        letter = with_personal_line(frame, body.removeprefix(greeting))
    letter = Wording(wording.subject.strip() or frame.subject, letter.body)
    return with_reference(application, letter)


def _standard(application: Application, kind: str) -> Letter:
    return _to_student(application, kind, with_personal_line(standard_wording(application, kind)))


def _to_student(application: Application, kind: str, wording: Wording, decision: Decision | None = None) -> Letter:
    return queue(kind, application.email, wording, application=application, to_student=True, decision=decision)
