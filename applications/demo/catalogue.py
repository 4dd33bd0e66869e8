"""The demo's own projects and reviewers. Nothing of the real catalogue is touched, and no real account gets access."""

import dataclasses
import datetime
import random

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from applications.groups import CO_ADVISORS, SUPERVISORS
from applications.models import Preference
from projects.models import CoAdvisor, Criterion, Project, Topic

SLUG = "demo-"  # by their addresses a second run finds its projects again
CRITERIA = (("Background", 2), ("Motivation", 1), ("Programming", 1), ("Mathematics", 1), ("Availability", 1))
REVIEWERS = (
    "Vera Vorbild", "Carl Coadvisor", "Mira Mitlesen", "Tom Tandem", "Rania Readwell", "Sven Secondview",
    "Lucía Lectora", "Kofi Kritik", "Ida Insight", "Noor Notewise", "Pedro Prüfer", "Hana Handout",
)  # fmt: skip


FORMER = 1.5  # the weight of projects of earlier years


@dataclasses.dataclass(frozen=True)
class Sketch:
    """A project as it is to be: days are counted from today, `weight` says how many apply."""

    slug: str
    title: str
    topic: str
    opened: int
    deadline: int | None = None
    places: int | None = None
    accepts: int = 10_000  # at most so many accept, however many places there are
    criteria: int = 0
    closed: int | None = None
    weight: float = 10

    @property
    def is_former(self) -> bool:
        """Of an earlier year: only those who were accepted are still kept."""
        return self.weight == FORMER


SKETCHES = (
    Sketch("long-sequences", "Learning to align very long sequences", "Genomics", -120, 12, 3, criteria=3, weight=14),
    Sketch("bacteria-graphs", "Graph models of bacterial communities", "Genomics", -150, -24, 2, criteria=4),
    Sketch("small-machines", "Training on small machines", "Neural Network Theory", -165, weight=18),
    Sketch("which-layers", "Which layers forget first?", "Neural Network Theory", -80, 30, 4, 2, weight=9),
    Sketch("bedside", "Forecasts from bedside monitors", "Medical", -160, -50, 4, 2, weight=11),
    Sketch("skin-images", "Fair segmentation of skin images", "Medical", -170, None, 5, criteria=5, weight=10),
    Sketch("compressed-genomes", "Compressing genomes with language models", "Genomics", -168, weight=16),
    Sketch("energy-per-token", "What does a token cost? Energy of inference", "Neural Network Theory", -55, 40, 2),
    Sketch("hospital-questions", "Causal questions in hospital records", "Medical", -140, None, 3, 1, closed=-9),
    Sketch("scanned-reports", "Reading scanned reports robustly", "Medical", -35, 4, 1, 0, weight=6),
    Sketch("variants", "Calling variants with transformers", "Genomics", -420, -320, closed=-300, weight=FORMER),
    Sketch("pruning", "Pruning networks by gradients", "Neural Network Theory", -690, -600, closed=-580, weight=FORMER),
)


@dataclasses.dataclass
class DemoProject:
    """A project with all that is asked of it thousands of times, asked once."""

    row: Project
    sketch: Sketch
    reviewers: list
    addresses: list[str]
    criteria: list[Criterion]
    accepted: int = 0
    offered: int = 0

    @property
    def supervisor(self):
        return self.row.supervisor

    def has_place_for_acceptance(self) -> bool:
        return self.accepted < min(self.sketch.accepts, 10_000 if self.row.places is None else self.row.places)

    def has_place_for_offer(self) -> bool:
        return self.row.places is None or self.accepted + self.offered < min(self.row.places, self.sketch.accepts)


def make_reviewers(number: int, password: str) -> tuple[list, list[str]]:
    """A supervisor and `number` co-advisors, with the user names of those that are new and have this password now."""
    people, new = [], []
    for name in REVIEWERS[: number + 1]:
        first, last = name.split()
        address = f"{first.lower()}.{last.lower()}@example.org".translate(str.maketrans({"í": "i", "ü": "u"}))
        user, is_new = get_user_model().objects.get_or_create(
            username=address, defaults={"email": address, "first_name": first, "last_name": last, "is_staff": True}
        )
        if is_new:
            user.set_password(password)
            user.save(update_fields=["password"])
            user.groups.add(Group.objects.get(name=SUPERVISORS if not people else CO_ADVISORS))
            Preference.objects.create(user=user, notices=Preference.Notices.EACH, told_weekly_at=timezone.now())
            new.append(address)
        people.append(user)
    return people, new


def make_projects(reviewers: list, rng: random.Random) -> list[DemoProject]:
    """The demo's projects with their criteria and co-advisors. The site's superuser has most, the invented supervisor
    the rest."""
    supervisor, *co_advisors = reviewers
    owner = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk").first() or supervisor
    entries = [_entry(user) for user in co_advisors]
    made = []
    for number, sketch in enumerate(SKETCHES):
        row = _project(sketch, owner if number % 4 != 3 else supervisor)
        if not row.co_advisors.exists():
            row.co_advisors.set(rng.sample(entries, min(len(entries), rng.choice((1, 2, 2)))))
        made.append(_with_everything(row, sketch))
    return made


def _entry(user) -> CoAdvisor:
    return CoAdvisor.objects.get_or_create(user=user, defaults={"name": user.get_full_name(), "email": user.email})[0]


def _project(sketch: Sketch, supervisor) -> Project:
    today = timezone.localdate()
    topic, _is_new = Topic.objects.get_or_create(name=sketch.topic)
    row, is_new = Project.objects.get_or_create(
        slug=SLUG + sketch.slug,
        defaults={
            "title": sketch.title,
            "topic": topic,
            "supervisor": supervisor,
            "description": "A project of the demonstration. Whoever applied to it is invented.",
            "tags": "demo",
            "places": sketch.places,
            "opens_on": today + datetime.timedelta(days=sketch.opened),
            "deadline": None if sketch.deadline is None else today + datetime.timedelta(days=sketch.deadline),
            "closed_at": None if sketch.closed is None else timezone.now() + datetime.timedelta(days=sketch.closed),
            "is_published": not sketch.is_former,
        },
    )
    if is_new:
        for position, (name, weight) in enumerate(CRITERIA[: sketch.criteria]):
            Criterion.objects.create(project=row, name=name, weight=weight, position=position)
    return row


def _with_everything(row: Project, sketch: Sketch) -> DemoProject:
    named = [entry.user for entry in row.co_advisors.select_related("user") if entry.user]
    reviewers = list(dict.fromkeys([row.supervisor, *named]))
    addresses = list(dict.fromkeys(user.email for user in reviewers if user.email))
    accepted, offered = (row.applications.filter(status=status).count() for status in ("accepted", "offered"))
    return DemoProject(row, sketch, reviewers, addresses, list(row.criteria.all()), accepted, offered)
