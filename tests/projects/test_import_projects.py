import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.utils import timezone

from projects.models import CoAdvisor, HomePage, Project, Topic
from projects.page_import import FIELDS
from tests.projects.conftest import RESEARCH_PAGE

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LINK = "https://example.org/loops"
PAGE = f"""
##### Graphs:
- [Loops]({LINK}) (Theory), co-advised by Ada Example
- "Knots", co-supervised by Bo Example
##### Medical
- Doctors.
"""


def stored() -> str:
    """Everything in the catalogue, to compare before and after."""
    rows = [row for model in (HomePage, Topic, CoAdvisor, Project) for row in model.objects.order_by("pk")]
    return serialize("json", rows, indent=1)


def summary(receipt: str) -> str:
    return next(line for line in receipt.splitlines() if " added, " in line)


def project(title: str) -> Project:
    return Project.objects.get(title=title)


def names(title: str) -> list[str]:
    return [person.name for person in project(title).co_advisors.order_by("name")]


# The real page


def test_the_real_page_becomes_the_catalogue(import_page):
    receipt = import_page(RESEARCH_PAGE.read_bytes())
    assert summary(receipt) == ("8 added, 0 updated, 0 unchanged, 0 with edits left alone, 0 no longer on the page.")
    assert [topic.name for topic in Topic.objects.all()] == ["Genomics", "Neural Network Theory", "Medical"]
    assert [person.name for person in CoAdvisor.objects.all()] == ["Hugo Yéche", "Manuel Burger", "Stefan Stark"]
    assert Project.objects.published().filter(supervisor=None).count() == 8
    doctor = project("Doctor in the loop")
    assert (doctor.topic.name, doctor.tags, doctor.slug) == (
        "Medical",
        "Active Learning, Medical",
        "doctor-in-the-loop",
    )
    assert names("Doctor in the loop") == ["Hugo Yéche"]


def test_the_fixture_holds_exactly_what_an_import_of_the_page_makes(import_page):
    import_page(RESEARCH_PAGE.read_bytes())
    imported = [
        (
            p.title,
            p.slug,
            p.topic.name,
            p.topic.slug,
            p.topic.position,
            p.position,
            p.proposal_url,
            p.tags,
            p.is_published,
        )
        for p in Project.objects.all()
    ]
    people = [names(p.title) for p in Project.objects.all()]
    Project.objects.all().delete()
    Topic.objects.all().delete()
    CoAdvisor.objects.all().delete()
    call_command("loaddata", "catalogue", verbosity=0)
    assert imported == [
        (
            p.title,
            p.slug,
            p.topic.name,
            p.topic.slug,
            p.topic.position,
            p.position,
            p.proposal_url,
            p.tags,
            p.is_published,
        )
        for p in Project.objects.all()
    ]
    assert people == [names(p.title) for p in Project.objects.all()]
    assert all(p.supervisor is None and p.description == "" for p in Project.objects.all())
    home = HomePage.objects.get()
    assert home.introduction
    assert home.collaboration


def test_after_loading_the_fixture_an_import_of_the_page_changes_nothing(import_page):
    call_command("loaddata", "catalogue", verbosity=0)
    before = stored()
    receipt = import_page(RESEARCH_PAGE.read_bytes())
    assert summary(receipt).startswith("0 added, 0 updated, 8 unchanged, 0 with edits left alone, 0 no longer")
    assert stored() == before
    assert set(Project.objects.first().imported) == set(FIELDS)


# Running again


def test_a_second_run_changes_nothing(import_page):
    import_page(PAGE)
    before = stored()
    assert summary(import_page(PAGE)).startswith("0 added, 0 updated, 3 unchanged, 0 with edits")
    assert stored() == before


def test_a_dry_run_prints_the_same_report_and_writes_nothing(import_page):
    empty = stored()
    rehearsal = import_page(PAGE, "--dry-run")
    assert stored() == empty
    assert rehearsal == import_page(PAGE) + "Dry run: nothing was written.\n"

    before = stored()
    edited = PAGE.replace("Loops", "More loops").replace("Bo", "Cy") + "- New"
    rehearsal = import_page(edited, "--dry-run")
    assert stored() == before
    assert rehearsal == import_page(edited) + "Dry run: nothing was written.\n"
    assert stored() != before


def test_a_new_title_under_the_same_link_updates_the_title_and_keeps_the_address(import_page):
    import_page(PAGE)
    receipt = import_page(PAGE.replace("[Loops]", "[Loops and more]"))
    assert "title: “Loops” -> “Loops and more”" in receipt
    assert summary(receipt).startswith("0 added, 1 updated, 2 unchanged")
    assert project("Loops and more").slug == "loops"


def test_a_project_without_a_link_is_found_by_its_title_in_any_case(import_page):
    import_page(PAGE)
    receipt = import_page(PAGE.replace('"Knots"', "[KNOTS](https://example.org/knots)"))
    assert summary(receipt).startswith("0 added, 1 updated, 2 unchanged")
    assert project("KNOTS").proposal_url == "https://example.org/knots"


def test_every_field_follows_the_page(import_page):
    import_page(PAGE)
    import_page(f"# Trees\n- Doctors\n- [Rings]({LINK}) (Practice), co-advised by Cy Example\n# Graphs\n- Knots")
    rings = project("Rings")
    assert (rings.topic.name, rings.tags, rings.position) == ("Trees", "Practice", 2)
    assert names("Rings") == ["Cy Example"]
    assert names("Knots") == []
    assert project("Doctors").topic.name == "Trees"
    assert Project.objects.count() == 3


def test_a_changed_link_is_updated_when_the_title_is_the_same(import_page):
    import_page(PAGE)
    import_page(PAGE.replace(LINK, "https://example.org/new"))
    assert project("Loops").proposal_url == "https://example.org/new"
    assert Project.objects.count() == 3


def test_an_item_that_took_over_the_old_title_of_another_is_a_project_of_its_own(import_page):
    import_page(PAGE)
    loops = project("Loops")
    receipt = import_page(PAGE.replace("[Loops]", "[Rings]") + "- Loops")
    assert summary(receipt).startswith("1 added, 1 updated, 2 unchanged")
    loops.refresh_from_db()
    assert loops.title == "Rings"
    assert project("Loops").pk != loops.pk


# Edits are respected


@pytest.mark.parametrize(
    ("edits", "page", "left"),
    [
        ({"title": "Mine"}, PAGE.replace("[Loops]", "[Rings]"), "title is “Mine”, the page says “Rings”"),
        ({"proposal_url": ""}, PAGE, f"link to the proposal is empty, the page says “{LINK}”"),
        ({"tags": "Mine"}, PAGE.replace("(Theory)", "(Practice)"), "tags is “Mine”, the page says “Practice”"),
        ({"position": 9}, PAGE, "position is 9, the page says 1"),
    ],
)
def test_a_field_that_somebody_edited_is_left_alone_and_reported(import_page, edits, page, left):
    import_page(PAGE)
    Project.objects.filter(title="Loops").update(**edits)
    receipt = import_page(page)
    assert f"    {left}\n" in receipt
    assert summary(receipt).startswith("0 added, 0 updated, 3 unchanged, 1 with edits left alone")
    assert Project.objects.filter(**edits, slug="loops").exists()
    assert import_page(page) == receipt


def test_an_edited_topic_is_left_alone_and_reported(import_page):
    import_page(PAGE)
    Project.objects.filter(title="Loops").update(topic=Topic.objects.get(name="Medical"))
    assert "topic is “Medical”, the page says “Graphs”" in import_page(PAGE)
    assert project("Loops").topic.name == "Medical"


def test_edited_co_advisors_are_left_alone_and_reported(import_page):
    import_page(PAGE)
    project("Loops").co_advisors.add(CoAdvisor.objects.create(name="Di Example"))
    project("Knots").co_advisors.clear()
    receipt = import_page(PAGE)
    assert "co-advisors is “Ada Example”, “Di Example”, the page says “Ada Example”" in receipt
    assert "co-advisors is nobody, the page says “Bo Example”" in receipt
    assert (names("Loops"), names("Knots")) == (["Ada Example", "Di Example"], [])


def test_an_edited_project_still_gets_the_fields_that_nobody_edited(import_page):
    import_page(PAGE)
    Project.objects.filter(title="Loops").update(tags="Mine")
    receipt = import_page(PAGE.replace("[Loops]", "[Rings]").replace("(Theory)", "(Practice)"))
    assert summary(receipt).startswith("0 added, 1 updated, 2 unchanged, 1 with edits left alone")
    assert project("Rings").tags == "Mine"


def test_a_field_follows_the_page_again_once_it_says_what_the_page_says(import_page):
    import_page(PAGE)
    Project.objects.filter(title="Loops").update(tags="Practice")
    import_page(PAGE.replace("(Theory)", "(Practice)"))
    import_page(PAGE.replace("(Theory)", "(Poetry)"))
    assert project("Loops").tags == "Poetry"


def test_a_project_is_found_again_although_title_and_link_were_edited_here(import_page):
    import_page(PAGE)
    Project.objects.filter(title="Loops").update(title="Mine", proposal_url="https://example.org/mine")
    assert summary(import_page(PAGE)).startswith("0 added, 0 updated, 3 unchanged, 1 with edits left alone")


def test_a_project_made_by_hand_is_found_by_its_title_and_nothing_of_it_is_overwritten(import_page, topic):
    Project.objects.create(title="LOOPS", topic=topic, tags="Mine", description="Long.")
    receipt = import_page(PAGE)
    assert summary(receipt).startswith("2 added, 0 updated, 1 unchanged, 1 with edits left alone")
    by_hand = project("LOOPS")
    assert (by_hand.tags, by_hand.description, by_hand.proposal_url) == ("Mine", "Long.", "")


def test_what_the_page_does_not_speak_of_is_never_touched(import_page, ada):
    import_page(PAGE)
    kept = {
        "description": "Written here.",
        "supervisor": ada,
        "places": 3,
        "places_taken": 2,
        "is_published": False,
        "closed_at": timezone.now(),
        "slug": "own-address",
    }
    Project.objects.filter(title="Loops").update(**kept)
    import_page(PAGE.replace("[Loops]", "[Rings]"))
    assert Project.objects.filter(title="Rings", **kept).exists()


def test_what_vanished_from_the_page_is_reported_and_left_alone(import_page, topic):
    import_page(PAGE)
    Project.objects.create(title="Made by hand", topic=topic)
    receipt = import_page("# Graphs\n- Knots")
    assert "No longer on the page, left alone (2)\n  “Loops”\n  “Doctors”\n" in receipt
    assert "Made by hand" not in receipt
    assert Project.objects.published().count() == 4


# Topics and people


def test_co_advisors_are_found_by_name_in_any_case_and_keep_their_account(import_page, cem):
    person = CoAdvisor.objects.create(name="ADA Example", email="ada@example.org", user=cem)
    receipt = import_page(PAGE)
    assert "New co-advisors (1)\n  Bo Example\n" in receipt
    assert list(project("Loops").co_advisors.all()) == [person]
    person.refresh_from_db()
    assert (person.name, person.email, person.user) == ("ADA Example", "ada@example.org", cem)


def test_an_imported_name_gives_nobody_an_account(import_page):
    import_page(PAGE)
    assert not CoAdvisor.objects.exclude(user=None).exists()


def test_of_two_people_with_the_same_name_none_is_guessed(import_page):
    CoAdvisor.objects.bulk_create([CoAdvisor(name="Ada Example"), CoAdvisor(name="ada example")])
    with pytest.raises(CommandError, match="2 co-advisors named “Ada Example”"):
        import_page(PAGE)
    assert not Project.objects.exists()


def test_a_topic_and_a_person_renamed_here_are_still_those_of_the_page(import_page):
    import_page(PAGE)
    Topic.objects.filter(name="Graphs").update(name="Graph theory")
    CoAdvisor.objects.filter(name="Ada Example").update(name="Ada B. Example")
    receipt = import_page(PAGE.replace("##### Medical", "- Trees, co-advised by Ada Example\n##### Medical"))
    assert summary(receipt).startswith("1 added, 0 updated, 3 unchanged, 0 with edits left alone")
    assert project("Trees").topic.name == "Graph theory"
    assert names("Trees") == ["Ada B. Example"]
    assert (Topic.objects.count(), CoAdvisor.objects.count()) == (2, 2)


def test_topics_are_found_in_any_case_and_new_ones_come_last(import_page):
    Topic.objects.create(name="GRAPHS", position=7)
    receipt = import_page(PAGE)
    assert "New topics (1)\n  Medical\n" in receipt
    assert [(topic.name, topic.position) for topic in Topic.objects.all()] == [("GRAPHS", 7), ("Medical", 8)]


def test_no_topic_and_no_person_is_made_that_no_project_needs(import_page):
    import_page(PAGE)
    Project.objects.filter(title="Doctors").update(topic=Topic.objects.get(name="Graphs"))
    project("Loops").co_advisors.clear()
    import_page(PAGE.replace("Medical", "Surgery").replace("Ada Example", "Zoe Example"))
    assert not Topic.objects.filter(name="Surgery").exists()
    assert not CoAdvisor.objects.filter(name="Zoe Example").exists()


# What is refused changes nothing


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (b"", "It is empty."),
        (b"\xff\xfe\x00", "It is not a text in UTF-8"),
        (b"# T\n- a\0", "zero bytes"),
        (b"Only words.", "no list of projects under any heading"),
        (b"# T\n- x" + b" " * 1024 * 1024, "larger than 1 MB"),
        (f"# T\n- Loops\n- {'long ' * 50}", "The item “long long .* at most 200"),
        (f"# T\n- Loops\n- [a](https://example.org/{'a' * 500})", "The item “a” .* at most 500"),
        (f"# T\n- Loops\n- a ({'tag ' * 60})", "The item “a” .* at most 200"),
        (f"# T\n- Loops\n- a, co-advised by {'Ada ' * 40}", "The item “a” .* at most 120"),
        (f"# T\n- Loops\n# {'T' * 121}\n- a", "The heading “TTT.* at most 120"),
        ("# T\n- Loops\n- [a](/local.pdf)", "The item “a”.*valid URL"),
        ("# T\n- Loops\n- [a](mailto:ada@example.org)", "The item “a”.*valid URL"),
        ("# T\n- Loops\n- [a](ftp://example.org/a)", "The item “a”.*not a web address"),
        ("# T\n- Loops\n# U\n- LOOPS", "same title or link: “Loops” and “LOOPS”"),
        (f"# T\n- [a]({LINK})\n- [b]({LINK})", "same title or link: “a” and “b”"),
    ],
)
def test_a_page_that_cannot_be_imported_gets_a_sentence_and_changes_nothing(import_page, page, sentence):
    import_page(PAGE)
    before = stored()
    for options in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=f"page.md was not imported and nothing was changed. .*{sentence}"):
            import_page(page, *options)
        assert stored() == before


def test_a_page_that_fits_two_projects_here_is_not_guessed_at(import_page, topic):
    Project.objects.bulk_create([Project(title="Loops", slug=slug, topic=topic) for slug in ("one", "two")])
    with pytest.raises(CommandError, match="“Loops” could be any of 2 projects"):
        import_page(PAGE)


def test_of_two_projects_with_one_link_the_title_decides(import_page, topic):
    for title in ("Loops", "Rings"):
        Project.objects.create(title=title, slug=title.lower(), topic=topic, proposal_url=LINK)
    import_page(PAGE)
    assert project("Loops").imported
    assert not project("Rings").imported


def test_a_failure_in_the_middle_leaves_nothing_behind(import_page, monkeypatch):
    before = stored()
    saved = Project.save

    def fails_at_the_last(self, *args, **kwargs):
        if self.title == "Doctors":
            raise RuntimeError("the disk is full")
        saved(self, *args, **kwargs)

    monkeypatch.setattr(Project, "save", fails_at_the_last)
    with pytest.raises(RuntimeError):
        import_page(PAGE)
    assert stored() == before


@pytest.mark.parametrize("file", ["missing.md", ".", "/dev/null"])
def test_a_file_that_is_none_gets_a_sentence(file):
    with pytest.raises(CommandError, match="was not imported and nothing was changed"):
        call_command("import_projects", file)


def test_on_the_command_line_failure_is_a_line_and_an_exit_status(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        root = Path(__file__).parents[2]
        environment = os.environ | {"DATA_DIR": str(tmp_path), "READ_DOTENV": "off"}
        command = [sys.executable, str(root / "manage.py"), "import_projects", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    failed = run("missing.md")
    assert failed.returncode == 1
    assert failed.stderr.startswith("CommandError: missing.md was not imported and nothing was changed.")
    assert "Traceback" not in failed.stderr
    told = run("--help")
    assert told.returncode == 0
    assert "updated only" in told.stdout
    assert "left alone" in told.stdout
