"""The story of one application from its arrival to today, as the rows that `workflow` would have written.

`tests/applications/test_seed_demo.py` holds the two against each other: a rule that changes there must change here.
"""

import dataclasses
import datetime
import functools
import random
import uuid

from django.conf import settings
from django.utils import timezone

from applications import letters
from applications.demo import people
from applications.demo.catalogue import IDEAS, DemoProject
from applications.demo.papers import Paper
from applications.letters import wording
from applications.models import (
    Application,
    CriterionScore,
    Decision,
    Document,
    Event,
    FormerAnswers,
    Letter,
    Message,
    QuestionAnswer,
    Reading,
    Rendition,
    Review,
    ReviewRequest,
    SearchEntry,
    Star,
    email_key,
)
from applications.models.application import QUESTIONS
from applications.search import entry_words
from applications.statuses import OPEN_STATUSES, Status, letter_kind
from applications.workflow import CONSENT_VERSION
from projects.models import Question

MARK = "demo-seed"  # in `nonce`: by this, and by its reserved address, a demo application is known
REVIEW_LINK = "{review_link}"  # filled once the application has its primary key
DAY = datetime.timedelta(days=1)
# How old an application is at most (days), and how often it stands where then.
CHANCES = (
    (2, {"received": 88, "in_review": 9, "withdrawn": 3}),
    (12, {"received": 42, "in_review": 38, "interview": 6, "waitlisted": 2, "declined": 9, "withdrawn": 3}),
    (30, dict(zip(Status.values, (14, 34, 10, 8, 6, 3, 22, 3), strict=True))),
    (70, dict(zip(Status.values, (2, 9, 6, 9, 4, 10, 54, 6), strict=True))),
    (10_000, dict(zip(Status.values, (0, 1, 1, 5, 1, 12, 76, 4), strict=True))),
)


@dataclasses.dataclass
class Rows:
    """What a batch of stories comes to, by table, in the order in which it is saved."""

    applications: list[Application] = dataclasses.field(default_factory=list)
    documents: list[Document] = dataclasses.field(default_factory=list)
    renditions: list[Rendition] = dataclasses.field(default_factory=list)
    entries: list[SearchEntry] = dataclasses.field(default_factory=list)
    question_answers: list[QuestionAnswer] = dataclasses.field(default_factory=list)
    former_answers: list[FormerAnswers] = dataclasses.field(default_factory=list)
    decisions: list[Decision] = dataclasses.field(default_factory=list)
    reviews: list[Review] = dataclasses.field(default_factory=list)
    scores: list[CriterionScore] = dataclasses.field(default_factory=list)
    readings: list[Reading] = dataclasses.field(default_factory=list)
    requests: list[ReviewRequest] = dataclasses.field(default_factory=list)
    stars: list[Star] = dataclasses.field(default_factory=list)
    letters: list[Letter] = dataclasses.field(default_factory=list)
    messages: list[Message] = dataclasses.field(default_factory=list)
    events: list[Event] = dataclasses.field(default_factory=list)
    files: list[tuple[str, bytes]] = dataclasses.field(default_factory=list)  # name in the storage, content


class Story:
    """Told by `tell`; everything it brings about is added to `rows`."""

    def __init__(
        self,
        rows: Rows,
        project: DemoProject,
        person: people.Person,
        reference: str,
        papers: dict[str, list[Paper]],
        rng: random.Random,
        now: datetime.datetime,
    ) -> None:
        self.rows, self.project, self.papers, self.rng, self.now = rows, project, papers, rng, now
        self.events: list[Event] = []
        self.documents: list[Document] = []
        self.texts: dict[uuid.UUID, str] = {}
        self.question_answers: list[QuestionAnswer] = []
        self.reviews: list[Review] = []
        self.readings: dict[int, Reading] = {}
        self.application = self._application(person, reference)

    def tell(self) -> None:
        target = self._target()
        age = (self.now - self.application.received_at) / DAY
        keeps = settings.RETENTION_DAYS[Status.WITHDRAWN]  # so long, what was entered by hand waits for consent
        by_hand = target in OPEN_STATUSES and age < keeps * 0.9 and self.rng.random() < 0.03
        self._arrive(by_hand)
        moments = self._plan(target)
        for number, (step, at) in enumerate(moments, 1):
            following = moments[number][1] if number < len(moments) else self.now
            self._step(step, at, following)
        self._asides()
        self._finish()

    # Where it leads

    def _target(self) -> str:
        if self.project.sketch.is_former:
            return Status.ACCEPTED
        age = (self.now - self.application.received_at) / DAY
        chances = next(chances for most, chances in CHANCES if age <= most)
        target = self.rng.choices(list(chances), list(chances.values()))[0]
        if target == Status.ACCEPTED and not self.project.has_place_for_acceptance():
            target = Status.DECLINED
        if target == Status.OFFERED and not self.project.has_place_for_offer():
            target = Status.WAITLISTED
        return target

    def _plan(self, target: str) -> list[tuple[str, datetime.datetime]]:
        """The steps to `target` with their moments, early enough to be over and late enough not to be erased yet."""
        steps = self._steps(target)
        if not steps:
            return []
        begin, end = self.application.received_at, self._end(target)
        if steps[-1] == "lapsed":
            end = max(end, begin + datetime.timedelta(days=settings.OFFER_DAYS + 6))
        moments = [*sorted(begin + (end - begin) * self.rng.random() for _ in steps[1:]), end]
        answer_time = datetime.timedelta(days=settings.OFFER_DAYS - 1)
        if "offered" in steps[:-1]:
            offered = steps.index("offered")
            if steps[-1] == "lapsed":
                moments[offered] = end - answer_time - 2 * DAY
                moments[:offered] = sorted(
                    begin + (moments[offered] - begin) * self.rng.random() for _ in steps[:offered]
                )
            else:
                moments[offered] = max(moments[offered], end - answer_time)
        return list(zip(steps, moments, strict=True))

    def _steps(self, target: str) -> list[str]:
        chance = self.rng.random
        read = ["in_review"]
        interview = ["interview"] if chance() < 0.7 else []
        offer = [*read, *interview, *(["waitlisted"] if chance() < 0.1 else []), "offered"]
        age = (self.now - self.application.received_at) / DAY
        if target == Status.DECLINED and age > settings.OFFER_DAYS + 12 and chance() < 0.03:
            return [*offer, "lapsed"]
        return {
            Status.RECEIVED: [],
            Status.IN_REVIEW: read,
            Status.INTERVIEW: [*read, "interview"],
            Status.WAITLISTED: [*read, *(interview if chance() < 0.5 else []), "waitlisted"],
            Status.OFFERED: offer,
            Status.ACCEPTED: [*offer, "accepted"],
            Status.DECLINED: [*read, *(interview if chance() < 0.2 else []), "declined"],
            Status.WITHDRAWN: [*(read if chance() < 0.7 else []), "withdrawn"],
        }[target]

    def _end(self, target: str) -> datetime.datetime:
        """When it got where it is."""
        begin, latest = self.application.received_at, self.now - datetime.timedelta(minutes=30)
        if target == Status.OFFERED:
            earliest = self.now - datetime.timedelta(days=settings.OFFER_DAYS - 1)
            return max(begin, earliest) + (latest - max(begin, earliest)) * self.rng.random()
        natural = begin + datetime.timedelta(days=self.rng.gammavariate(4, 5) + (target == Status.ACCEPTED) * 12)
        kept = settings.RETENTION_DAYS.get(target, settings.RETENTION_DAYS["undecided"])
        earliest = self.now - datetime.timedelta(days=kept * self.rng.uniform(0.3, 0.95))
        return min(max(natural, earliest), latest)

    # It arrives

    def _application(self, person: people.Person, reference: str) -> Application:
        rng, received_at = self.rng, self._arrival()
        return Application(
            reference=reference,
            project=self.project.row,
            full_name=person.full_name,
            email=person.email,
            email_key=email_key(person.email),
            university=person.university,
            programme=person.programme,
            earliest_start=timezone.localdate(received_at) + datetime.timedelta(days=rng.randrange(20, 200)),
            motivation=people.motivation(rng),
            links=rng.choice(people.LINKS),
            status=Status.RECEIVED,
            status_changed_at=received_at,
            received_at=received_at,
            language="en",
            consent_version=CONSENT_VERSION,
            confirmed_at=None,
            nonce=MARK,
        )

    def _arrival(self) -> datetime.datetime:
        """Between the opening and the deadline (or today); most students apply when the deadline comes near."""
        sketch, rng = self.project.sketch, self.rng
        last = min(sketch.deadline or 0, sketch.closed or 0, 0)
        share = rng.betavariate(2.2, 1.1) if sketch.deadline else rng.random()
        days = sketch.opened + 1 + (last - sketch.opened - 1) * share
        return min(self.now + datetime.timedelta(days=days), self.now - datetime.timedelta(hours=1 + 3 * rng.random()))

    def _arrive(self, by_hand: bool) -> None:
        application, at = self.application, self.application.received_at
        if by_hand:
            application.entered_by, application.consent_version = self.project.reviewers[0], ""
        self._hand_in(with_transcripts=not by_hand)
        if by_hand:
            self._event(Event.Kind.ENTERED, at, by=application.entered_by, to_status=Status.RECEIVED)
            self._to_student(Letter.Kind.ENTERED, at)
            return
        self._event(Event.Kind.SUBMITTED, at, to_status=Status.RECEIVED)
        self._to_student(Letter.Kind.RECEIVED, at)
        self._to_reviewers(Letter.Kind.NOTICE_RECEIVED, at)
        if self.rng.random() < 0.7:
            application.confirmed_at = min(at + datetime.timedelta(minutes=self.rng.randrange(2, 900)), self.now)
            self._event(Event.Kind.CONFIRMED, application.confirmed_at)

    def _answer_questions(self) -> None:
        """The project's own questions; what is not asked for is left out by some."""
        title, idea = self.rng.choice(IDEAS)
        answers = {asked.prompt: asked.answers for asked in self.project.sketch.asks}
        for question in self.project.questions:
            if not question.is_required and self.rng.random() < 0.4:
                continue
            if question.kind == Question.Kind.FILE:
                self._document(Document.Kind.OTHER, 0, "report_final.pdf", question=question)
                continue
            own_idea = title if question.kind == Question.Kind.SHORT else idea
            answer = QuestionAnswer(
                application=self.application,
                question=question,
                prompt=question.prompt,
                kind=question.kind,
                position=question.position,
                text=self.rng.choice(answers.get(question.prompt) or (own_idea,)),
            )
            self.question_answers.append(answer)

    def _hand_in(self, *, with_transcripts: bool) -> None:
        name = people.plain(self.application.full_name.split()[-1]).title()
        self._document(Document.Kind.CV, 0, f"CV {name}.pdf")
        if with_transcripts:
            for position in range(self.rng.choice((1, 1, 2))):
                self._document(Document.Kind.TRANSCRIPT, position, f"transcript_{name}_{position + 1}.pdf")
            if self.rng.random() < 0.06:
                self._document(Document.Kind.OTHER, 0, "recommendation.pdf")
            self._answer_questions()

    def _document(
        self, kind: str, position: int, original_name: str, version: int = 1, at=None, question: Question | None = None
    ) -> Document:
        paper, document_id = self.rng.choice(self.papers[kind]), uuid.uuid4()
        document = Document(
            id=document_id,
            application=self.application,
            kind=kind,
            file=f"{document_id.hex[:2]}/{document_id.hex}.pdf",
            original_name=original_name,
            size=len(paper.content),
            sha256=paper.sha256,
            pages=paper.pages,
            created_at=at or self.application.received_at,
            position=position,
            version=version,
            question=question,
            title=question.prompt if question else "",
        )
        rendition = Rendition(
            document=document,
            state=Rendition.State.MADE,
            page_sizes=paper.page_sizes,
            text=paper.text,
            made_at=document.created_at,
        )
        self.rows.documents.append(document)
        self.rows.renditions.append(rendition)
        self.rows.files.append((document.file.name, paper.content))
        self.rows.files += zip(rendition.image_names, paper.images, strict=True)
        self.documents.append(document)
        self.texts[document_id] = paper.plain_words
        return document

    # What happens to it

    def _step(self, step: str, at: datetime.datetime, following: datetime.datetime) -> None:
        if step == "in_review":
            self._read(at, following)
        elif step == "accepted":
            self._student_moves(Status.ACCEPTED, at, Letter.Kind.ACCEPTED, Letter.Kind.NOTICE_ACCEPTED)
            self.project.accepted += 1
        elif step == "withdrawn":
            dropped = self.rng.random() < 0.1 and self.application.status == Status.IN_REVIEW
            staged = self._stage(Status.OFFERED, at - (at - self.application.received_at) * 0.01) if dropped else None
            self._student_moves(Status.WITHDRAWN, at, Letter.Kind.WITHDRAWN, Letter.Kind.NOTICE_WITHDRAWN)
            if staged:
                self._drop(staged, at)
        elif step == "lapsed":
            self._lapse(at)
        else:
            self._decide(step, at)

    def _read(self, at: datetime.datetime, until: datetime.datetime) -> None:
        """Reviewers rate, in an order of their own; the first of them begins."""
        readers = self.rng.sample(self.project.reviewers, len(self.project.reviewers))
        for number, reader in enumerate(readers):
            if number and self.rng.random() < 0.45:
                continue
            moment = at if number == 0 else at + (until - at) * self.rng.random() * 0.9
            kind = self.rng.random()
            if number == 0 and kind < 0.2:
                self._event(Event.Kind.NOTE, moment, by=reader, text=self.rng.choice(people.NOTES))
            elif number and kind < 0.06:
                self._mark(reader, Reading.State.ABSTAINED, moment)
                self._event(Event.Kind.ABSTAINED, moment, by=reader)
            else:
                self._rate(reader, moment)
            if number == 0:
                self._move(Status.IN_REVIEW, at, by=reader)

    def _rate(self, reader, at: datetime.datetime) -> None:
        rating = self.rng.choices((1, 2, 3, 4, 5), (8, 20, 34, 27, 11))[0]
        review = Review(
            application=self.application,
            reviewer=reader,
            rating=rating,
            recommendation=self.rng.choice(("", *_RECOMMENDED[rating])),
            comment=self.rng.choice(people.COMMENTS),
            seen_project=self.project.row,
            seen_answers=self.application.answers_version,
            seen_documents=[str(document.pk) for document in self._current_documents()],
            created_at=at,
            updated_at=at,
        )
        scores = [self._score(review, criterion) for criterion in self.project.criteria]
        counted = [(score.score, score.criterion.weight) for score in scores if score.score is not None]
        weights = sum(weight for _score, weight in counted)
        review.score = sum(score * weight for score, weight in counted) / weights if weights else None
        self.reviews.append(review)
        self.rows.reviews.append(review)
        self.rows.scores += scores
        self._mark(reader, Reading.State.READ, at)
        self._event(Event.Kind.RATED, at, by=reader)

    def _score(self, review: Review, criterion) -> CriterionScore:
        score = min(max(review.rating + self.rng.choice((-1, 0, 0, 1)), 1), 5)
        return CriterionScore(review=review, criterion=criterion, score=None if self.rng.random() < 0.08 else score)

    def _decide(self, to_status: str, at: datetime.datetime) -> None:
        """At once, or staged and released some days later; the student is told in both cases."""
        by = self.rng.choice(self.project.reviewers)
        decision = self._decision(to_status, at, by)
        if self.rng.random() < 0.5:
            since = min(self._latest_event(), at)
            decision.staged_at = since + (at - since) * self.rng.random()
            self._event(Event.Kind.STAGED, decision.staged_at, by=by, to_status=to_status)
            self._event(Event.Kind.RELEASED, at, by=by, to_status=to_status)
        decision.released_at = decision.effective_at = decision.applied_at = at
        decision.released_by = by
        words = letters.with_personal_line(
            letters.Wording(decision.letter_subject, decision.letter_body), decision.personal_line
        )
        decision.letter_subject, decision.letter_body = words.subject, words.body
        self._mark(by, Reading.State.READ, at)
        self._move(to_status, at, by=by, decision=decision)
        self._letter(decision.letter_kind, at, words, decision=decision)
        if to_status == Status.OFFERED:
            self.application.offer_lapses_on = decision.lapses_on
            self.project.offered += 1

    def _decision(self, to_status: str, at: datetime.datetime, by) -> Decision:
        kind = letter_kind(self.application.status, to_status)
        lapses_on = None
        if to_status == Status.OFFERED:
            lapses_on = timezone.localdate(at) + datetime.timedelta(days=settings.OFFER_DAYS)
        words = self._words(kind, lapses_on)
        decision = Decision(
            application=self.application,
            from_status=self.application.status,
            to_status=to_status,
            letter_kind=kind,
            letter_subject=words.subject,
            letter_body=words.body,
            personal_line=self.rng.choice(people.PERSONAL_LINES),
            lapses_on=lapses_on,
            staged_at=at,
            staged_by=by,
        )
        self.rows.decisions.append(decision)
        return decision

    def _stage(self, to_status: str, at: datetime.datetime) -> Decision:
        at = max(at, self._latest_event())
        by = self.rng.choice(self.project.reviewers)
        decision = self._decision(to_status, at, by)
        self._event(Event.Kind.STAGED, at, by=by, to_status=to_status)
        self._mark(by, Reading.State.READ, at)
        return decision

    def _drop(self, decision: Decision, at: datetime.datetime) -> None:
        why = f"Nothing was done: the student has set the status to “{self.application.get_status_display()}”."
        decision.dropped_at, decision.dropped_why = at, why
        self._event(Event.Kind.DROPPED, at, actor=Event.Actor.SYSTEM, text=why, to_status=decision.to_status)

    def _lapse(self, at: datetime.datetime) -> None:
        day = _in_words(self.application.offer_lapses_on)
        reason = f"The offer stood until {day} and was not answered."
        self._to_student(Letter.Kind.OFFER_LAPSED, at)
        self._to_reviewers(Letter.Kind.NOTICE_LAPSED, at)
        self._move(Status.DECLINED, at, actor=Event.Actor.SYSTEM, text=reason)

    def _student_moves(self, to_status: str, at: datetime.datetime, letter: str, notice: str) -> None:
        self._move(to_status, at)
        self._to_student(letter, at)
        self._to_reviewers(notice, at)

    def _move(self, to_status: str, at: datetime.datetime, **more) -> None:
        application = self.application
        if application.status == Status.OFFERED:
            self.project.offered -= 1
        self._event(Event.Kind.MOVED, at, from_status=application.status, to_status=to_status, **more)
        application.status, application.status_changed_at = to_status, at
        application.offer_lapses_on = None

    # And beside

    def _asides(self) -> None:
        """Requests, stars, questions, notes, staged decisions, corrected answers, later and better documents."""
        application, rng = self.application, self.rng
        is_open = application.status in OPEN_STATUSES
        if rng.random() < 0.08:
            self.rows.stars.append(
                Star(application=application, user=rng.choice(self.project.reviewers), created_at=self._latest_event())
            )
        if is_open and rng.random() < 0.12:
            self._ask()
        if application.is_consented and application.status != Status.WITHDRAWN and rng.random() < 0.05:
            self._student_asks()
        if application.status == Status.RECEIVED:
            if rng.random() < 0.04 and application.is_consented:
                self._correct()
            return
        if rng.random() < 0.25:
            self._event(
                Event.Kind.NOTE, self._moment(), by=rng.choice(self.project.reviewers), text=rng.choice(people.NOTES)
            )
        if is_open and rng.random() < 0.03:
            self._add_transcript()
        if application.may_offer_documents() and rng.random() < 0.05:
            self._offer_better_cv()
        if is_open and rng.random() < 0.16:
            to_status = rng.choice(_STAGED_FROM[application.status])
            if to_status != Status.OFFERED or self.project.has_place_for_offer():
                self._stage(to_status, self._moment())

    def _ask(self) -> None:
        reviewer, at = self.rng.choice(self.project.reviewers), self._moment()
        supervisor = self.project.supervisor
        if reviewer == supervisor:
            return
        self.rows.requests.append(
            ReviewRequest(application=self.application, reviewer=reviewer, asked_by=supervisor, asked_at=at, told_at=at)
        )
        self._event(Event.Kind.ASKED, at, by=supervisor, text=reviewer.get_full_name())

    def _correct(self) -> None:
        application, at = self.application, self._moment()
        former = {name: str(value) for name, value in application.answers.items()}
        former[QUESTIONS] = [[answer.prompt, answer.text] for answer in self.question_answers]
        self.rows.former_answers.append(
            FormerAnswers(application=application, version=1, answers=former, replaced_at=at)
        )
        application.motivation = people.motivation(self.rng)
        application.answers_version = 2
        self._event(Event.Kind.ANSWERS_CORRECTED, at)

    def _add_transcript(self) -> None:
        """A transcript came later by e-mail: reviews that were written before have not seen it."""
        at = self._moment()
        position = sum(document.kind == Document.Kind.TRANSCRIPT for document in self.documents)
        self._document(Document.Kind.TRANSCRIPT, position, "last term.pdf", at=at)
        self._event(Event.Kind.DOCUMENTS_ADDED, at, by=self.project.reviewers[0])

    def _student_asks(self) -> None:
        """A question; half of those whose students still wait are not answered yet, all others are."""
        question, answer = self.rng.choice(people.QUESTIONS)
        at = self._moment()
        asked = Message(application=self.application, is_from_student=True, text=question, created_at=at)
        self.rows.messages.append(asked)
        self._event(Event.Kind.STUDENT_ASKED, at)
        self._to_reviewers(Letter.Kind.NOTICE_QUESTION, at)
        if self.application.status in OPEN_STATUSES and self.rng.random() < 0.5:
            return
        if self.application.status == Status.RECEIVED or self.rng.random() < 0.2:
            asked.settled_at = self._moment()  # an answer by letter would be the beginning of reading
            return
        self._answer(answer, self._moment())

    def _answer(self, text: str, at: datetime.datetime) -> None:
        by = self.rng.choice(self.project.reviewers)
        body = letters.with_personal_line(self._words(Letter.Kind.MESSAGE), text).body
        words = letters.with_reference(self.application, letters.Wording("Your question", body))
        letter = self._letter(Letter.Kind.MESSAGE, at, words)
        self.rows.messages.append(
            Message(
                application=self.application,
                is_from_student=False,
                user=by,
                author=by.get_full_name() or by.get_username(),
                text=text,
                letter=letter,
                created_at=at,
            )
        )
        self._event(Event.Kind.WROTE, at, by=by, text="Your question")

    def _offer_better_cv(self) -> None:
        """A newer CV came after reading began: it waits for a reviewer, or one has taken it already."""
        at = self._moment()
        former = next(document for document in self.documents if document.kind == Document.Kind.CV)
        newer = self._document(Document.Kind.CV, 0, "CV_final_final(2).pdf", version=2, at=at)
        newer.offered_at = at
        self._event(Event.Kind.DOCUMENT_OFFERED, at)
        self._to_reviewers(Letter.Kind.NOTICE_DOCUMENT, at)
        if self.rng.random() < 0.4:
            taken_at = self._moment()
            former.replaced_at, newer.offered_at = taken_at, None
            self._event(Event.Kind.DOCUMENT_TAKEN, taken_at, by=self.rng.choice(self.project.reviewers))

    def _finish(self) -> None:
        application = self.application
        ratings = [review.rating for review in self.reviews]
        scores = [review.score for review in self.reviews if review.score is not None]
        application.rating_count = len(ratings)
        application.rating_mean = sum(ratings) / len(ratings) if ratings else None
        application.rating_spread = max(ratings) - min(ratings) if ratings else None
        application.score_mean = sum(scores) / len(scores) if scores else None
        self.rows.applications.append(application)
        self.rows.readings += self.readings.values()
        self.rows.events += sorted(self.events, key=lambda event: event.created_at)
        self.rows.question_answers += self.question_answers
        texts = [self.texts[document.pk] for document in self._current_documents()]
        self.rows.entries.append(SearchEntry(application=application, words=entry_words(application, texts)))

    # What these share

    def _moment(self) -> datetime.datetime:
        """Some time since the last thing that happened."""
        latest = self._latest_event()
        return latest + (self.now - latest) * self.rng.random() * 0.9

    def _latest_event(self) -> datetime.datetime:
        return max(event.created_at for event in self.events)

    def _current_documents(self) -> list[Document]:
        return [document for document in self.documents if document.counts]

    def _mark(self, reader, state: str, at: datetime.datetime) -> None:
        self.readings[reader.pk] = Reading(application=self.application, reviewer=reader, state=state, at=at)

    def _event(self, kind: str, at: datetime.datetime, *, by=None, actor: str | None = None, **more) -> None:
        self.events.append(
            Event(
                application=self.application,
                kind=kind,
                actor=actor or (Event.Actor.REVIEWER if by else Event.Actor.STUDENT),
                user=by,
                actor_name=(by.get_full_name() or by.get_username()) if by else "",
                created_at=at,
                **more,
            )
        )

    # Letters: in the words of the product or the supervisors, and all of them sent already

    def _to_student(self, kind: str, at: datetime.datetime) -> None:
        self._letter(kind, at, letters.with_personal_line(self._words(kind)))

    def _to_reviewers(self, kind: str, at: datetime.datetime) -> None:
        words = letters.with_personal_line(self._words(kind))
        for address in self.project.addresses:
            self._letter(kind, at, words, recipient=address)

    def _letter(
        self, kind: str, at: datetime.datetime, words: letters.Wording, *, recipient: str = "", decision=None
    ) -> Letter:
        failed = not recipient and self.rng.random() < 0.002
        supervisor = self.project.supervisor
        letter = Letter(
            application=self.application,
            decision=decision,
            kind=kind,
            to_student=not recipient,
            recipient=recipient or self.application.email,
            reply_to=supervisor.email or settings.SUPERVISOR_EMAIL,
            sender_name="" if recipient else (supervisor.get_full_name() or settings.SUPERVISOR_NAME),
            subject=words.subject,
            body=words.body,
            status=Letter.Status.FAILED if failed else Letter.Status.SENT,
            attempts=1,
            last_error="SMTPRecipientsRefused: 550 No such mailbox (demo)" if failed else "",
            message_id=f"<{uuid.uuid4()}@{settings.SITE_HOST}>",
            created_at=at,
            queued_at=at,
            send_after=at,
            sent_at=None if failed else min(at + datetime.timedelta(seconds=self.rng.randrange(1, 9)), self.now),
        )
        self.rows.letters.append(letter)
        return letter

    def _words(self, kind: str, lapses_on: datetime.date | None = None) -> letters.Wording:
        application = self.application
        supervisor = self.project.supervisor
        return wording.filled(
            _words_of(kind),
            {
                "name": application.full_name,
                "project": self.project.row.title,
                "reference": application.reference,
                "supervisor": supervisor.get_full_name() or settings.SUPERVISOR_NAME or "The supervisor",
                "supervisor_email": supervisor.email or settings.SUPERVISOR_EMAIL,
                "site_url": settings.SITE_URL,
                "date_received": _in_words(timezone.localdate(application.received_at)),
                "answer_by": _in_words(
                    timezone.localdate(application.received_at) + datetime.timedelta(days=settings.PROMISED_ANSWER_DAYS)
                ),
                "earliest_start": _in_words(application.earliest_start),
                "offer_until": _in_words(lapses_on or application.offer_lapses_on),
                "status": application.status_for_student,
                "documents": "\n".join(f"- {d.label}: {d.original_name}" for d in self.documents),
            },
        )


_RECOMMENDED = {
    1: ("decline",),
    2: ("decline", "waitlist"),
    3: ("waitlist", "interview"),
    4: ("interview", "offer"),
    5: ("offer", "interview"),
}
_STAGED_FROM = {
    Status.IN_REVIEW: (Status.DECLINED, Status.DECLINED, Status.INTERVIEW, Status.WAITLISTED),
    Status.INTERVIEW: (Status.OFFERED, Status.WAITLISTED, Status.DECLINED),
    Status.WAITLISTED: (Status.DECLINED, Status.OFFERED),
}
_in_words = functools.cache(wording.in_words)


@functools.cache
def _words_of(kind: str) -> letters.Wording:
    """Subject and text with their placeholders, rendered once for thousands of letters."""
    own = wording.own_words(kind, "en")
    return wording.words_to_edit(kind, "en") if own is None else letters.Wording(own.subject, own.body)
