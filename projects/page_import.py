"""Brings a research page into the catalogue: first a plan, which only reads, then `apply()`, which writes it.

`Project.imported` holds what the last import wrote, and a field is updated only while it still holds that:

    {"title": "...", "topic": {"id": 1, "name": "Genomics"}, "proposal_url": "...", "tags": "...",
     "co_advisors": [{"id": 1, "name": "Ada Example"}], "position": 1}

Topics and co-advisors stand there with the row's id and the name on the page, so that the page still finds a topic or
a person after somebody gave the row another name. A field that somebody changed to what the page says counts as
imported again. `{}`: the project never stood on an imported page.
"""

from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.translation import gettext as _

from projects.models import CoAdvisor, Project, Topic
from projects.research_page import ListedProject, ListedTopic, ResearchPage, name_key

FIELDS = ("title", "topic", "proposal_url", "tags", "co_advisors", "position")


class ImportRefused(Exception):
    """The page cannot be brought into this catalogue without guessing; the message says what to change."""


@dataclass(frozen=True)
class Difference:
    """A field whose value here is not what the page says."""

    field: str
    here: object
    on_page: object


@dataclass
class ProjectPlan:
    """What happens to the project of one list item. `values` is what the page says, field by field."""

    project: Project
    values: dict[str, object]
    updates: list[Difference] = field(default_factory=list)
    left: list[Difference] = field(default_factory=list)  # edited here, so left alone

    @property
    def is_new(self) -> bool:
        return self.project.pk is None


@dataclass
class Plan:
    projects: list[ProjectPlan]
    vanished: list[Project]  # imported once, no longer on the page; left alone
    names: "Names"

    @property
    def added(self) -> list[ProjectPlan]:
        return [plan for plan in self.projects if plan.is_new]

    @property
    def updated(self) -> list[ProjectPlan]:
        return [plan for plan in self.projects if plan.updates and not plan.is_new]

    @property
    def unchanged(self) -> list[ProjectPlan]:
        return [plan for plan in self.projects if not plan.updates and not plan.is_new]

    @property
    def edited(self) -> list[ProjectPlan]:
        return [plan for plan in self.projects if plan.left]

    @property
    def new_topics(self) -> list[Topic]:
        """Topics that have to be made for what is added and updated."""
        wanted = [value for value in self._written("topic") if value.pk is None]
        return list({id(topic): topic for topic in wanted}.values())

    @property
    def new_co_advisors(self) -> list[CoAdvisor]:
        wanted = [person for people in self._written("co_advisors") for person in people if person.pk is None]
        return list({id(person): person for person in wanted}.values())

    def _written(self, name: str) -> list:
        return [
            plan.values[name]
            for plan in self.projects
            if plan.is_new or any(difference.field == name for difference in plan.updates)
        ]

    def apply(self) -> None:
        """Write the plan. Call it in the transaction in which the plan was made, see `make_plan(for_update=True)`."""
        for row in (*self.new_topics, *self.new_co_advisors):
            row.save()
        for plan in self.projects:
            _write(plan, self.names)


def make_plan(page: ResearchPage, *, for_update: bool = False) -> Plan:
    """Compare a page with the catalogue; `for_update` locks the projects until `apply()` has written them."""
    _refuse_what_does_not_fit(page)
    _refuse_repetitions(page)
    projects = Project.objects.select_related("topic").prefetch_related("co_advisors").order_by("pk")
    if for_update:
        projects = projects.select_for_update(of=("self",))
    projects = list(projects)
    names = Names(projects)
    matches = _match(page.projects, projects)
    plans = [
        _compare(matches[listed], names.values_of(listed, topic, position), names)
        for topic in page.topics
        for position, listed in enumerate(topic.projects, start=1)
    ]
    found = {plan.project.pk for plan in plans}
    return Plan(plans, [project for project in projects if project.imported and project.pk not in found], names)


# Is the page usable?


def _refuse_what_does_not_fit(page: ResearchPage) -> None:
    for topic in page.topics:
        _check(Topic, "name", topic.name, _("The heading “%(name)s”") % {"name": _short(topic.name)})
        for listed in topic.projects:
            item = _("The item “%(title)s”") % {"title": _short(listed.title)}
            _check(Project, "title", listed.title, item)
            _check(Project, "tags", listed.tags, item)
            for name in listed.co_advisors:
                _check(CoAdvisor, "name", name, item)
            _check(Project, "proposal_url", listed.proposal_url, item)
            if listed.proposal_url and not listed.proposal_url.lower().startswith(("http://", "https://")):
                raise ImportRefused(
                    _("%(item)s: its link “%(link)s” is not a web address. Write it in full, with https://.")
                    % {"item": item, "link": _short(listed.proposal_url)}
                )


def _check(model: type, name: str, value: str, item: str) -> None:
    model_field = model._meta.get_field(name)
    try:
        model_field.clean(value, None)
    except ValidationError as error:
        raise ImportRefused(
            _("%(item)s cannot be imported, because of the %(field)s “%(value)s”: %(problem)s")
            % {
                "item": item,
                "field": f"{model._meta.verbose_name}: {model_field.verbose_name}",
                "value": _short(value),
                "problem": " ".join(error.messages),
            }
        ) from error


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _refuse_repetitions(page: ResearchPage) -> None:
    """Each title and each link may stand on the page once: otherwise nobody could tell which project is meant."""
    seen: dict[str, ListedProject] = {}
    for listed in page.projects:
        for key in filter(None, (name_key(listed.title), listed.proposal_url)):
            if key in seen:
                raise ImportRefused(
                    _("Two items have the same title or link: “%(one)s” and “%(other)s”. Change one on the page.")
                    % {"one": _short(seen[key].title), "other": _short(listed.title)}
                )
        seen |= {name_key(listed.title): listed}
        if listed.proposal_url:
            seen |= {listed.proposal_url: listed}


# Which project is it?


def _match(listed: list[ListedProject], projects: list[Project]) -> dict[ListedProject, Project]:
    """The project of each item, by link or else by title; a new one for an item that has none.

    What the last import read counts before what stands in the catalogue now, so that a project is found again although
    both its title and its link were edited here.
    """
    ways = [
        (lambda item: item.proposal_url, lambda project: project.imported.get("proposal_url")),
        (lambda item: item.proposal_url, lambda project: project.proposal_url),
        (lambda item: name_key(item.title), lambda project: name_key(project.imported.get("title", ""))),
        (lambda item: name_key(item.title), lambda project: name_key(project.title)),
    ]
    matches: dict[ListedProject, Project] = {}
    for key_of_item, key_of_project in ways:
        taken = {project.pk for project in matches.values()}
        by_key: dict[str, list[Project]] = {}
        for project in projects:
            if project.pk not in taken:
                by_key.setdefault(key_of_project(project) or "", []).append(project)
        for item in listed:
            if item not in matches and (key := key_of_item(item)) and (candidates := by_key.get(key)):
                matches[item] = _the_one(item, candidates)
    return {item: matches.get(item) or Project() for item in listed}


def _the_one(item: ListedProject, candidates: list[Project]) -> Project:
    """The only candidate, or the only one with both the title and the link; never a guess."""
    if len(candidates) > 1:
        both = (name_key(item.title), item.proposal_url)
        candidates = [p for p in candidates if (name_key(p.title), p.proposal_url) == both] or candidates
    if len(candidates) > 1:
        raise ImportRefused(
            _("“%(title)s” could be any of %(count)d projects here with the same link or title. Change those first.")
            % {"title": _short(item.title), "count": len(candidates)}
        )
    return candidates[0]


# Whom and what do the names on the page mean?


class Names:
    """Finds the topics and co-advisors that the page names; for a name that nobody has, a row not saved yet."""

    def __init__(self, projects: list[Project]) -> None:
        self._topics = _rows_by_name(Topic.objects.order_by("pk"))
        self._people = _rows_by_name(CoAdvisor.objects.order_by("pk"))
        self._name_on_page: dict[int, str] = {}
        self._former_topics = _former(Topic, [p.imported.get("topic") for p in projects])
        self._former_people = _former(CoAdvisor, [n for p in projects for n in p.imported.get("co_advisors", [])])
        self._last_position = Topic.objects.aggregate(last=Max("position"))["last"] or 0

    def values_of(self, listed: ListedProject, topic: ListedTopic, position: int) -> dict[str, object]:
        return {
            "title": listed.title,
            "topic": self._topic(topic.name),
            "proposal_url": listed.proposal_url,
            "tags": listed.tags,
            "co_advisors": [self._person(name) for name in listed.co_advisors],
            "position": position,
        }

    def as_imported(self, name: str, value) -> object:
        """A field's value as `Project.imported` holds it."""
        if name == "topic":
            return self._reference(value)
        if name == "co_advisors":
            return [self._reference(person) for person in value]
        return value

    def _reference(self, row: Topic | CoAdvisor) -> dict[str, object]:
        return {"id": row.pk, "name": self._name_on_page.get(id(row), row.name)}

    def _topic(self, name: str) -> Topic:
        rows = self._topics.get(name_key(name)) or self._former_topics.get(name_key(name))
        if not rows:
            self._last_position += 1
            rows = self._topics[name_key(name)] = [Topic(name=name, position=self._last_position)]
        # Two topics may differ in upper and lower case only; then the page's spelling decides.
        row = next((row for row in rows if row.name == name), rows[0])
        self._name_on_page[id(row)] = name
        return row

    def _person(self, name: str) -> CoAdvisor:
        rows = self._people.get(name_key(name)) or self._former_people.get(name_key(name))
        if not rows:
            rows = self._people[name_key(name)] = [CoAdvisor(name=name)]
        if len(rows) > 1:
            # An account comes with the name, and with it the right to read applications: no guessing.
            raise ImportRefused(
                _("There are %(count)d co-advisors named “%(name)s” here. Give each a name of their own first.")
                % {"count": len(rows), "name": _short(name)}
            )
        self._name_on_page[id(rows[0])] = name
        return rows[0]


def _rows_by_name(rows) -> dict[str, list]:
    by_name: dict[str, list] = {}
    for row in rows:
        by_name.setdefault(name_key(row.name), []).append(row)
    return by_name


def _former(model: type, references: list[dict | None]) -> dict[str, list]:
    """Rows that an import once found or made for a name, by that name, though they may be called otherwise now."""
    ids = {reference["id"]: reference["name"] for reference in references if reference}
    former: dict[str, list] = {}
    for pk, row in model._default_manager.in_bulk(list(ids)).items():
        former.setdefault(name_key(ids[pk]), []).append(row)
    return former


# What changes?


def _compare(project: Project, values: dict[str, object], names: Names) -> ProjectPlan:
    plan = ProjectPlan(project, values)
    if plan.is_new:
        return plan
    for name in FIELDS:
        here, on_page = _value_here(project, name), values[name]
        if _same(here, on_page):
            continue
        difference = Difference(name, here, on_page)
        (plan.updates if _still_as_imported(project, name, here) else plan.left).append(difference)
    return plan


def _value_here(project: Project, name: str) -> object:
    return list(project.co_advisors.all()) if name == "co_advisors" else getattr(project, name)


def _same(here, on_page) -> bool:
    if isinstance(here, list):
        return {person.pk for person in here} == {person.pk for person in on_page}
    return here == on_page


def _still_as_imported(project: Project, name: str, here) -> bool:
    if name not in project.imported:
        return False
    imported = project.imported[name]
    if name == "topic":
        return imported["id"] == here.pk
    if name == "co_advisors":
        return {reference["id"] for reference in imported} == {person.pk for person in here}
    return imported == here


def _write(plan: ProjectPlan, names: Names) -> None:
    """Save one project: only the fields that change, because places and closing are kept by others."""
    project = plan.project
    left = {difference.field for difference in plan.left}
    changed = set(FIELDS) if plan.is_new else {difference.field for difference in plan.updates}
    imported = project.imported | {
        name: names.as_imported(name, value) for name, value in plan.values.items() if name not in left
    }
    if not changed and imported == project.imported:
        return
    for name in changed - {"co_advisors"}:
        setattr(project, name, plan.values[name])
    project.imported = imported
    if plan.is_new:
        project.save()
    else:
        project.save(update_fields=["imported", *sorted(changed - {"co_advisors"})])
    if "co_advisors" in changed:
        project.co_advisors.set(plan.values["co_advisors"])
