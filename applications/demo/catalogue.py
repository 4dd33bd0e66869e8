"""The demo's own projects and reviewers. Nothing of the real catalogue is touched, and no real account gets access."""

import dataclasses
import datetime
import random

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from applications.groups import CO_ADVISORS, SUPERVISORS
from applications.models import Preference
from projects.models import CoAdvisor, Criterion, Project, Question, Topic

SLUG = "demo-"  # by their addresses a second run finds its projects again
CRITERIA = (("Background", 2), ("Motivation", 1), ("Programming", 1), ("Mathematics", 1), ("Availability", 1))
REVIEWERS = (
    "Vera Vorbild", "Carl Coadvisor", "Mira Mitlesen", "Tom Tandem", "Rania Readwell", "Sven Secondview",
    "Lucía Lectora", "Kofi Kritik", "Ida Insight", "Noor Notewise", "Pedro Prüfer", "Hana Handout",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question of a project's own, with answers that invented people give."""

    prompt: str
    kind: str
    answers: tuple[str, ...] = ()
    hint: str = ""
    is_required: bool = False


LANGUAGES = Asked(
    "Which programming languages do you know well?",
    Question.Kind.SHORT,
    ("Python, some C++", "Python and Rust", "Python, R", "Julia; Python for the glue", "C++, CUDA, Python"),
    is_required=True,
)
PROUD_OF = Asked(
    "Tell us about a piece of work that you are proud of",
    Question.Kind.LONG,
    (
        "A parser for an old file format of our archive.\n\nNobody had the documentation any more, so I wrote "
        "down what I found out; others use it now.",
        "My bachelor thesis: half a year of measurements, and one figure that holds in every one of them.",
        "I taught the exercises of the first-year course twice. The second time, I threw half of my slides away.",
    ),
    hint="A few sentences are enough.",
)
HOW_LONG = Asked(
    "How long would you like to work on it?", Question.Kind.CHOICE, ("Six months", "Nine months", "A year")
)
SAMPLE = Asked("A sample of your writing", Question.Kind.FILE, hint="A report or a thesis, in any language.")
IDEAS = (
    (
        "How small can a translator be?",
        "I would like to find the smallest model that still translates patient letters.",
    ),
    ("Counting cells without labels", "Microscopes give us films, not pictures. I would use what moves as the label."),
    ("Does sorting the data matter?", "The order of training is random everywhere. I would measure what order costs."),
    (
        "Weather for one field",
        "Sensors on a single farm, and a model that corrects the forecast for it.\n\nData: open.",
    ),
)

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
    asks: tuple[Asked, ...] = ()
    is_own_idea: bool = False

    @property
    def is_former(self) -> bool:
        """Of an earlier year: only those who were accepted are still kept."""
        return self.weight == FORMER


SKETCHES = (
    Sketch(
        "long-sequences",
        "Learning to align very long sequences",
        "Genomics",
        -120,
        12,
        3,
        criteria=3,
        weight=14,
        asks=(LANGUAGES, PROUD_OF, SAMPLE),
    ),
    Sketch("bacteria-graphs", "Graph models of bacterial communities", "Genomics", -150, -24, 2, criteria=4),
    Sketch("small-machines", "Training on small machines", "Neural Network Theory", -165, weight=18),
    Sketch(
        "which-layers",
        "Which layers forget first?",
        "Neural Network Theory",
        -80,
        30,
        4,
        2,
        weight=9,
        asks=(PROUD_OF, HOW_LONG),
    ),
    Sketch("bedside", "Forecasts from bedside monitors", "Medical", -160, -50, 4, 2, weight=11, asks=(LANGUAGES,)),
    Sketch("skin-images", "Fair segmentation of skin images", "Medical", -170, None, 5, criteria=5, weight=10),
    Sketch("compressed-genomes", "Compressing genomes with language models", "Genomics", -168, weight=16),
    Sketch("energy-per-token", "What does a token cost? Energy of inference", "Neural Network Theory", -55, 40, 2),
    Sketch("hospital-questions", "Causal questions in hospital records", "Medical", -140, None, 3, 1, closed=-9),
    Sketch("scanned-reports", "Reading scanned reports robustly", "Medical", -35, 4, 1, 0, weight=6),
    Sketch("variants", "Calling variants with transformers", "Genomics", -420, -320, closed=-300, weight=FORMER),
    Sketch("pruning", "Pruning networks by gradients", "Neural Network Theory", -690, -600, closed=-580, weight=FORMER),
    Sketch("own-idea", "Your own idea", "Neural Network Theory", -140, None, 6, weight=8, is_own_idea=True),
)


@dataclasses.dataclass
class DemoProject:
    """A project with all that is asked of it thousands of times, asked once."""

    row: Project
    sketch: Sketch
    reviewers: list
    addresses: list[str]
    criteria: list[Criterion]
    questions: list[Question]
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
            "is_own_idea": sketch.is_own_idea,
        },
    )
    if is_new:
        for position, (name, weight) in enumerate(CRITERIA[: sketch.criteria]):
            Criterion.objects.create(project=row, name=name, weight=weight, position=position)
        _ask(row, sketch)
    return row


def _ask(row: Project, sketch: Sketch) -> None:
    if sketch.is_own_idea:
        row.ask_for_idea()
    for position, asked in enumerate(sketch.asks, start=1):
        options = "\n".join(asked.answers) if asked.kind == Question.Kind.CHOICE else ""
        row.questions.create(
            prompt=asked.prompt,
            hint=asked.hint,
            kind=asked.kind,
            options=options,
            is_required=asked.is_required,
            position=position,
        )


def _with_everything(row: Project, sketch: Sketch) -> DemoProject:
    named = [entry.user for entry in row.co_advisors.select_related("user") if entry.user]
    reviewers = list(dict.fromkeys([row.supervisor, *named]))
    addresses = list(dict.fromkeys(user.email for user in reviewers if user.email))
    accepted, offered = (row.applications.filter(status=status).count() for status in ("accepted", "offered"))
    criteria, questions = list(row.criteria.all()), list(row.questions.asked())
    return DemoProject(row, sketch, reviewers, addresses, criteria, questions, accepted, offered)
