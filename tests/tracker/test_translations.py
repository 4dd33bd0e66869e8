"""The catalogue of German words holds every word of the product, and no other; pages and letters are German throughout.

`make messages` brings the catalogue up to date. Both files are committed: who runs the product has no msgfmt.
"""

import html
import os
import re
import shutil
from pathlib import Path

import polib
import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone, translation

from applications import letters
from applications.letters import placeholders
from applications.models import Preference
from applications.tokens import manage_token
from projects.models import Project, Question
from tracker.management.commands.makemessages import WITHOUT_WORDS_OF_OURS

pytestmark = pytest.mark.once

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = CHECKOUT / "locale" / "de" / "LC_MESSAGES" / "django.po"
GERMAN = polib.pofile(str(CATALOGUE))
IN_GERMAN = {"Accept-Language": "de"}

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|</?\w[^<>]*>|&\w+;")
MORE_THAN_A_LABEL = 4  # words; shorter English may well stand in a name or in German


def in_words(entry: polib.POEntry) -> str:
    """A message as one finds it in the sources."""
    return f"{entry.msgctxt}: {entry.msgid}" if entry.msgctxt else entry.msgid


def originals(entries: list[polib.POEntry]) -> set[tuple]:
    return {(entry.msgctxt, entry.msgid, entry.msgid_plural or "") for entry in entries}


# The catalogue holds the words of the sources


def extract(folder: Path) -> polib.POFile:
    """What `make messages` finds in the sources, in a folder of its own; a catalogue that is there is brought along."""
    if shutil.which("xgettext") is None:
        if os.environ.get("CI"):
            pytest.fail("No xgettext on this machine. Install Debian's package `gettext`.")
        pytest.skip("No xgettext on this machine (Debian: apt-get install gettext).")
    (folder / "locale").mkdir(exist_ok=True)
    for source in CHECKOUT.iterdir():
        is_ours = source.is_dir() and not source.name.startswith(".") and source.name not in WITHOUT_WORDS_OF_OURS
        if is_ours and source.name != "locale" and not (folder / source.name).exists():
            (folder / source.name).symlink_to(source)
    with pytest.MonkeyPatch.context() as patch, override_settings(LOCALE_PATHS=[folder / "locale"]):
        patch.chdir(folder)
        call_command("makemessages", symlinks=True, verbosity=0)
    return polib.pofile(str(folder / "locale" / "de" / "LC_MESSAGES" / "django.po"))


@pytest.fixture(scope="module")
def in_the_sources(tmp_path_factory) -> set[tuple]:
    return originals(extract(tmp_path_factory.mktemp("messages")))


def test_every_message_of_the_sources_is_in_the_catalogue(in_the_sources):
    assert len(in_the_sources) > 500
    assert sorted(in_the_sources - originals(GERMAN), key=str) == []


def test_nothing_in_the_catalogue_is_gone_from_the_sources(in_the_sources):
    assert sorted(originals(GERMAN) - in_the_sources, key=str) == []


def test_every_message_is_translated_and_none_is_a_guess():
    assert [in_words(entry) for entry in GERMAN.untranslated_entries()] == []
    assert [in_words(entry) for entry in GERMAN.fuzzy_entries()] == []
    assert [in_words(entry) for entry in GERMAN.obsolete_entries()] == []


def test_collecting_the_words_again_changes_nothing(tmp_path):
    extract(tmp_path)
    catalogue = tmp_path / "locale" / "de" / "LC_MESSAGES" / "django.po"
    first = catalogue.read_bytes()

    extract(tmp_path)

    assert catalogue.read_bytes() == first
    assert b"POT-Creation-Date" not in first
    assert not list(tmp_path.rglob("*.pot"))


def test_what_is_compiled_is_what_is_written():
    def translations(entries) -> dict:
        return {(e.msgctxt, e.msgid, e.msgid_plural or ""): (e.msgstr, dict(e.msgstr_plural)) for e in entries}

    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))

    assert translations(compiled) == translations(GERMAN.translated_entries())
    assert compiled.metadata["Plural-Forms"] == GERMAN.metadata["Plural-Forms"]
    assert compiled.metadata["Content-Type"] == GERMAN.metadata["Content-Type"] == "text/plain; charset=UTF-8"


# The translations fit


def used_in(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def uses_what_it_should(entry: polib.POEntry) -> bool:
    """Whether a translation has the placeholders and the tags of its original; a singular may do without the number."""
    if not entry.msgid_plural:
        return used_in(entry.msgstr) == used_in(entry.msgid)
    one, many = entry.msgstr_plural[0], entry.msgstr_plural[1]
    return used_in(many) == used_in(entry.msgid_plural) and used_in(one) in (
        used_in(entry.msgid),
        used_in(entry.msgid_plural),
    )


def test_every_translation_uses_the_placeholders_and_tags_of_its_original():
    assert [in_words(entry) for entry in GERMAN.translated_entries() if not uses_what_it_should(entry)] == []


def edges(text: str) -> tuple[str, str]:
    """The white space before and after the words."""
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def test_every_translation_begins_and_ends_with_the_white_space_of_its_original():
    wrong = [
        in_words(entry)
        for entry in GERMAN.translated_entries()
        if any(edges(form) != edges(entry.msgid) for form in [entry.msgstr, *entry.msgstr_plural.values()] if form)
    ]
    assert wrong == []


# Nobody who reads German meets English


def plain(text: str) -> str:
    return " ".join(html.unescape(text).split())


def parts_of_sentences(text: str) -> set[str]:
    """What stands between the placeholders of a message, as far as it is more than a label."""
    parts = [plain(part) for part in PLACEHOLDER.split(text)]
    return {part for part in parts if len(re.findall(r"\w{2,}", part)) >= MORE_THAN_A_LABEL}


def english_sentences() -> list[str]:
    known: set[str] = set()
    for entry in GERMAN:
        known |= parts_of_sentences(entry.msgid) | parts_of_sentences(entry.msgid_plural or "")
    in_german = " ".join(plain(" ".join([entry.msgstr, *entry.msgstr_plural.values()])) for entry in GERMAN)
    return sorted(part for part in known if part not in in_german)


ENGLISH = english_sentences()


def english_in(text: str) -> list[str]:
    """The English sentences of ours that stand in `text`, a page or a letter."""
    read = plain(re.sub(r"<[^>]+>", " ", text)) + plain(" ".join(re.findall(r'="([^"]*)"', text)))
    return [sentence for sentence in ENGLISH if sentence in read]


def test_english_would_be_found(client, project):
    text = client.get(project.get_absolute_url()).content.decode()

    assert len(english_in(text)) > 5


@pytest.fixture
def reader() -> Client:
    """A browser that asks for German."""
    return Client(headers=IN_GERMAN)


@pytest.fixture
def catalogue(project: Project, topic) -> dict[str, Project]:
    """A project in each state that a page tells of."""
    today = timezone.localdate()
    project.questions.create(prompt="Probe", kind=Question.Kind.FILE, is_required=False)
    Project.objects.filter(pk=project.pk).update(
        places=3, deadline=today, usual_answer_days=9, last_answer_at=timezone.now()
    )
    states = {
        "closed": {"closed_at": timezone.now()},
        "full": {"places": 1, "places_taken": 1},
        "none": {"places": 0},
        "expired": {"deadline": today.replace(year=today.year - 1, day=1), "usual_answer_days": 0},
        "not-yet": {"opens_on": today.replace(year=today.year + 1, day=1)},
        "idea": {"is_own_idea": True, "usual_answer_days": 1},
    }
    return {"open": project} | {
        slug: Project.objects.create(title="Projekt", slug=slug, topic=topic, **state) for slug, state in states.items()
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["/", "/?q=nichts", "/?topic=nichts", "/?open=1", "/applications/find/", "/privacy/", "/no/page/", "/admin/login/"],
)
def test_public_pages_are_german_throughout(reader, catalogue, address):
    assert english_in(reader.get(address).content.decode()) == []


@pytest.mark.parametrize("state", ["open", "closed", "full", "none", "expired", "not-yet", "idea"])
def test_the_pages_of_a_project_are_german_throughout(reader, catalogue, state):
    project = catalogue[state]

    assert english_in(reader.get(project.get_absolute_url()).content.decode()) == []
    assert english_in(reader.get(f"{project.get_absolute_url()}apply/").content.decode()) == []


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {
            "full_name": "Ada",
            "email": "ada@",
            "earliest_start": "gestern",
            "motivation": "x" * 5000,
            "links": "y" * 999,
        },
        {"email": "a" * 400 + "@example.org", "earliest_start": "1999-01-01", "consent": "on"},
    ],
    ids=["nothing", "much that is wrong", "other things that are wrong"],
)
def test_what_is_wrong_with_a_form_is_said_in_german(reader, project, sent, cv_file, transcript_file):
    files = {"cv": cv_file(content=b"no PDF"), "transcripts": [transcript_file(content=b""), cv_file()]} if sent else {}

    response = reader.post(f"{project.get_absolute_url()}apply/", sent | files)

    assert response.status_code == 200
    assert english_in(response.content.decode()) == []


@pytest.mark.parametrize(
    "status", ["received", "in_review", "interview", "waitlisted", "offered", "accepted", "declined"]
)
@pytest.mark.parametrize("below", ["", "documents/", "answers/", "withdraw/", "address/", "not-me/", "accept/"])
def test_the_students_pages_are_german_throughout(reader, make_application, status, below):
    application = make_application(status=status)
    reader.get(f"/applications/open/{manage_token(application)}/")

    page = reader.get(f"{application.get_absolute_url()}{below}", follow=True)

    assert page.status_code == 200
    assert english_in(page.content.decode()) == []


@pytest.mark.parametrize(
    "below",
    [
        "",
        "applications/application/",
        "applications/application/release/",
        "applications/application/{pk}/change/",
        "applications/application/{pk}/decide/offered/",
        "applications/letter/",
        "applications/letterwording/",
        "preferences/",
        "projects/project/",
        "projects/project/{project}/change/",
    ],
)
def test_the_review_side_is_german_throughout(reader, supervisor, make_application, below):
    Preference.objects.create(user=supervisor, language="de")  # notices to a reviewer have the reviewer's language
    with translation.override("de"):  # and letters to a student that in which they applied
        application = make_application()
    reader.force_login(supervisor)

    page = reader.get("/admin/" + below.format(pk=application.pk, project=application.project_id))

    assert page.status_code == 200
    assert english_in(page.content.decode()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(placeholders.WITH_WORDS))
def test_letters_are_german_throughout(kind):
    words = letters.words_to_edit(kind, "de")

    assert english_in(f"{words.subject}\n{words.body}") == []
    assert words.body != letters.words_to_edit(kind, "en").body
