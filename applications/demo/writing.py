"""Writing many demo applications, quickly: in batches, each one transaction, with the files first."""

import dataclasses
import os
import random
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.db.models import Count, F, Max, Q
from django.utils import timezone

from applications.demo import catalogue, papers, people, story
from applications.models import (
    REFERENCE_ALPHABET,
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
    Upload,
    document_storage,
)
from applications.statuses import Status
from applications.workflow import moves
from projects.models import Project

BATCH = 500


class RefusedToSeed(Exception):
    """There are applications of real people here, or there may be. The message says what to do."""


@dataclasses.dataclass
class Receipt:
    """What was made."""

    applications: int = 0
    documents: int = 0
    reviews: int = 0
    decisions: int = 0
    letters: int = 0
    events: int = 0
    bytes_on_disk: int = 0
    seconds: float = 0.0
    projects: int = 0
    new_accounts: list[str] = dataclasses.field(default_factory=list)
    password: str = ""
    by_status: dict[str, int] = dataclasses.field(default_factory=dict)


def refuse_unless_harmless(*, is_running: bool = False) -> None:
    """Raise RefusedToSeed where real applications are, or may be.

    An application is taken for real unless it carries the demo's mark *and* an address that cannot exist. On a site
    that is served over https, any application at all is taken for real, except those of this very run.
    """
    reserved = Q()
    for domain in people.DOMAINS:
        reserved |= Q(email_key__endswith=f"@{domain}")
    real = Application.objects.exclude(reserved, nonce=story.MARK).count()
    if real:
        raise RefusedToSeed(
            f"This database holds {real} applications that were not made by seed_demo. Invented people never stand "
            "beside real ones: name another DATA_DIR (or DATABASE_URL) and try again."
        )
    if Upload.objects.exists():
        raise RefusedToSeed(
            "Somebody is applying at this moment, or was within the last day: there are files that belong to no "
            "application yet. Invented people never stand beside real ones: name another DATA_DIR (or DATABASE_URL)."
        )
    if settings.IS_HTTPS and not is_running and Application.objects.exists():
        raise RefusedToSeed(
            "This site is served over https and has applications. Invented people are added to an empty site only, "
            "so that nobody mistakes them: name another DATA_DIR (or DATABASE_URL), or use http for a trial."
        )


def seed(number: int, *, seed: int = 1, reviewers: int = 4, say: Callable[[str], object] = lambda _: None) -> Receipt:
    """Make `number` applications to the demo's projects; the same `seed` tells the same stories.

    Raises RefusedToSeed as `refuse_unless_harmless`. May be called again, and adds to what is there.
    """
    began = time.monotonic()
    receipt = Receipt(password="-".join(secrets.token_hex(2) for _ in range(4)))
    story._words_of.cache_clear()
    refuse_unless_harmless()
    pool = papers.pool(24 if number > 50 else 6)  # first: whatever fails there, no account is made without its password
    with transaction.atomic():
        # Neither choice protects anything: who applies where in a demonstration.
        rng = random.Random(seed)  # noqa: S311
        accounts, receipt.new_accounts = catalogue.make_reviewers(reviewers, receipt.password)
        projects = catalogue.make_projects(accounts, random.Random(seed))  # noqa: S311
    cast, shelf = Cast(rng), Shelf(receipt)
    now = timezone.now()
    for start in range(0, number, BATCH):
        rows = story.Rows()
        for _ in range(min(BATCH, number - start)):
            project = rng.choices(projects, [project.sketch.weight for project in projects])[0]
            story.Story(rows, project, cast.somebody_for(project), cast.reference(), pool, rng, now).tell()
        _save(rows, shelf, receipt)
        say(f"{receipt.applications} of {number}")
    _note_answers(projects)
    receipt.projects = len(projects)
    receipt.by_status = dict(Application.objects.order_by().values_list("status").annotate(Count("pk")))
    receipt.seconds = time.monotonic() - began
    return receipt


class Cast:
    """Who applies, each once to a project; and references that nobody has."""

    RETURNING = 0.15  # this share of applications is from people who have applied somewhere else before

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.known: list[tuple[people.Person, set[int]]] = []
        self.references = set(Application.objects.values_list("reference", flat=True))
        self.number = len(self.references)

    def somebody_for(self, project: catalogue.DemoProject) -> people.Person:
        if self.known and self.rng.random() < self.RETURNING:
            person, applied_to = self.rng.choice(self.known)
            if project.row.pk not in applied_to:
                applied_to.add(project.row.pk)
                return person
        self.number += 1
        person = people.invent(self.rng, self.number)
        self.known.append((person, {project.row.pk}))
        return person

    def reference(self) -> str:
        while True:
            letters = "".join(self.rng.choices(REFERENCE_ALPHABET, k=8))
            reference = f"{letters[:4]}-{letters[4:]}"
            if reference not in self.references:
                self.references.add(reference)
                return reference


class Shelf:
    """Puts files into the storage. In a folder, the same bytes are stored once and each file is a name for them.

    Each document is still a file of its own: erasing it removes its name and nobody else's, and nothing in the product
    ever writes into a stored file.
    """

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.storage = document_storage()
        self.first: dict[bytes, str] = {}  # content -> the name under which it was stored first

    def put(self, name: str, content: bytes) -> None:
        first = self.first.get(content)
        if first is None or not self._link(first, name):
            if self.storage.save(name, ContentFile(content)) != name:
                raise FileExistsError(name)
            self.first[content] = name
            self.receipt.bytes_on_disk += len(content)

    def _link(self, first: str, name: str) -> bool:
        """Whether the file system took another name; a storage that is no folder, or a full link count, does not."""
        if not isinstance(self.storage, FileSystemStorage):
            return False
        path = self.storage.path(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with suppress(OSError):
            os.link(self.storage.path(first), path)
            return True
        return False


def _save(rows: story.Rows, shelf: Shelf, receipt: Receipt) -> None:
    """One batch: its files, then its rows in one transaction. When it fails, nothing of it stays."""
    try:
        for name, content in rows.files:
            shelf.put(name, content)
        with transaction.atomic():
            refuse_unless_harmless(is_running=True)  # somebody may have applied since
            _save_rows(rows)
    except BaseException:
        for name, _content in rows.files:
            shelf.storage.delete(name)
        raise
    receipt.applications += len(rows.applications)
    receipt.documents += len(rows.documents)
    receipt.reviews += len(rows.reviews)
    receipt.decisions += len(rows.decisions)
    receipt.letters += len(rows.letters)
    receipt.events += len(rows.events)


def _save_rows(rows: story.Rows) -> None:
    Application.objects.bulk_create(rows.applications)
    for letter in rows.letters:
        if story.REVIEW_LINK in letter.body:
            link = f"{settings.SITE_URL}/admin/applications/application/{letter.application.pk}/change/"
            letter.body = letter.body.replace(story.REVIEW_LINK, link)
    for model, objects in (
        (Document, rows.documents),
        (Rendition, rows.renditions),
        (SearchEntry, rows.entries),
        (QuestionAnswer, rows.question_answers),
        (FormerAnswers, rows.former_answers),
        (Decision, rows.decisions),
        (Review, rows.reviews),
        (CriterionScore, rows.scores),
        (Reading, rows.readings),
        (ReviewRequest, rows.requests),
        (Star, rows.stars),
        (Letter, rows.letters),
        (Message, rows.messages),
        (Event, rows.events),
    ):
        model.objects.bulk_create(objects, batch_size=1000)
    accepted: dict[int, int] = {}
    for application in rows.applications:
        if application.status == Status.ACCEPTED:
            accepted[application.project_id] = accepted.get(application.project_id, 0) + 1
    for pk, number in accepted.items():
        Project.objects.filter(pk=pk).update(places_taken=F("places_taken") + number)


def _note_answers(projects: list[catalogue.DemoProject]) -> None:
    """What the catalogue says of answers, as it would stand there had each been given at its time."""
    for project in projects:
        answers = Event.objects.filter(
            application__project=project.row,
            kind=Event.Kind.MOVED,
            actor=Event.Actor.REVIEWER,
            to_status__in=moves.ANSWERS,
        )
        last = answers.aggregate(last=Max("created_at"))["last"]
        if last is None:
            continue
        with transaction.atomic():
            row = Project.objects.select_for_update().get(pk=project.row.pk)
            moves.note_answer(row)  # of just now
            row.last_answer_at = last
            row.save(update_fields=["last_answer_at"])
