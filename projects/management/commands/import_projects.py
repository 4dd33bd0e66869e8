"""`import_projects FILE`: bring a research page into the catalogue."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from projects.models import CoAdvisor, Project, Topic
from projects.page_import import Difference, ImportRefused, Plan, ProjectPlan, make_plan
from projects.research_page import NotAResearchPage, ResearchPage, decode, parse

LARGEST_PAGE = 1024 * 1024


class Command(BaseCommand):
    @property
    def help(self) -> str:
        return _(
            "Reads a research page (Markdown) into the catalogue. Headings with a list under them are topics, list "
            "items are projects: the link is the proposal, a parenthesis holds tags, names after “co-advised by” are "
            "co-advisors. A project is found again by its link, else by its title. A field is updated only while it "
            "still holds what the last import wrote; what was edited here is left alone and reported, and so is what "
            "is no longer on the page. Nothing is ever removed, a second run changes nothing, and either the whole "
            "page is imported or none of it. New projects are published and have no supervisor until somebody gives "
            "them one (quickstart does)."
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help=_("the Markdown file of the page"))
        parser.add_argument("--dry-run", action="store_true", help=_("print the same report and write nothing"))

    def handle(self, *, file: str, dry_run: bool, **options) -> None:
        try:
            page = parse(decode(_content(Path(file))))
            with transaction.atomic():
                plan = make_plan(page, for_update=not dry_run)
                report = _report(page, plan)  # before writing, because writing makes new rows into old ones
                if not dry_run:
                    plan.apply()
        except (NotAResearchPage, ImportRefused, OSError) as error:
            problem = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            raise CommandError(
                _("%(file)s was not imported and nothing was changed. %(problem)s") % {"file": file, "problem": problem}
            ) from error
        self.stdout.write(report)
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written."))


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST_PAGE + 1)
    if len(content) > LARGEST_PAGE:
        raise NotAResearchPage(_("It is larger than 1 MB."))
    return content


# The receipt


def _report(page: ResearchPage, plan: Plan) -> str:
    sections = [
        (_("Added"), [_described(project) for project in plan.added]),
        (_("Updated"), [_with_differences(project, project.updates, _change) for project in plan.updated]),
        (_("Unchanged"), [f"“{project.project}”" for project in plan.unchanged]),
        (
            _("Left alone, because edited here"),
            [_with_differences(project, project.left, _disagreement) for project in plan.edited],
        ),
        (_("No longer on the page, left alone"), [f"“{project}”" for project in plan.vanished]),
        (_("New topics"), [str(topic) for topic in plan.new_topics]),
        (_("New co-advisors"), [str(person) for person in plan.new_co_advisors]),
        (_("Not read"), list(page.not_read)),
    ]
    lines = []
    for heading, entries in sections:
        if entries:
            lines += [f"{heading} ({len(entries)})", *(f"  {entry}" for entry in entries)]
    return "\n".join([*lines, _summary(plan)])


def _summary(plan: Plan) -> str:
    return _(
        "%(added)d added, %(updated)d updated, %(unchanged)d unchanged, "
        "%(edited)d with edits left alone, %(vanished)d no longer on the page."
    ) % {
        "added": len(plan.added),
        "updated": len(plan.updated),
        "unchanged": len(plan.unchanged),
        "edited": len(plan.edited),
        "vanished": len(plan.vanished),
    }


def _described(plan: ProjectPlan) -> str:
    values = plan.values
    details = [
        f"{_name(field)}: {_shown(values[field])}" for field in ("proposal_url", "tags", "co_advisors") if values[field]
    ]
    return "; ".join([f"{values['topic']}: “{values['title']}”", *details])


def _with_differences(plan: ProjectPlan, differences: list[Difference], line) -> str:
    return "\n    ".join([f"“{plan.project}”", *(line(difference) for difference in differences)])


def _change(difference: Difference) -> str:
    return f"{_name(difference.field)}: {_shown(difference.here)} -> {_shown(difference.on_page)}"


def _disagreement(difference: Difference) -> str:
    return _("%(field)s is %(here)s, the page says %(page)s") % {
        "field": _name(difference.field),
        "here": _shown(difference.here),
        "page": _shown(difference.on_page),
    }


def _name(field: str) -> str:
    return str(Project._meta.get_field(field).verbose_name)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"“{person}”" for person in value) or _("nobody")
    if isinstance(value, (str, Topic, CoAdvisor)):
        return f"“{value}”" if str(value) else _("empty")
    return str(value)
