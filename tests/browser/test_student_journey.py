"""The student's whole way from the catalogue to the end, with the keyboard alone, or without scripts on a phone.

In English and in German. Elements are found by what they are and do, never by their words.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from applications import letters, workflow
from applications.models import Application, Letter
from projects.models import Question
from tests import pdfs
from tests.browser.pages import assert_page_is_sound

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

MOST_TABS = 90
LOCALES = {"en": "en-GB", "de": "de-CH"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {"cv.pdf": pdfs.cv(), "Zeugnis Müller.pdf": pdfs.transcript(), "photo.pdf": pdfs.renamed_photo()}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


@pytest.fixture(autouse=True)
def site(settings, live_server, project, supervisor):
    settings.SITE_URL = live_server.url
    Question.objects.create(project=project, prompt="Do you know Rust?", kind="choice", options="Yes\nNo")


def newest_link(letter_files) -> str:
    """The manage link in the newest letter, as the student would follow it."""
    letters.send_due()
    newest = max(
        (file for file in letter_files() if b"/applications/open/" in file.read_bytes()),
        key=lambda file: file.stat().st_mtime,
    )
    return re.search(rb"(/applications/open/\S+)", newest.read_bytes().replace(b"=\n", b"")).group(1).decode()


# Two ways of using a page


class ByKeyboard:
    """Tab, keys and Enter; the mouse is never touched."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, selector: str) -> None:
        """Press Tab until the element has the focus, and see that one sees that it has."""
        expect(self.page.locator(selector).first).to_be_attached(timeout=30_000)  # the page may be on its way
        self.page.wait_for_load_state()
        for _ in range(MOST_TABS):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"{selector} is not reached by Tab on {self.page.url}")

    def press(self, selector: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("Enter")

    def write(self, selector: str, text: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.type(text)

    def date(self, selector: str, day: str) -> None:
        self.reach(selector)
        self.page.locator(selector).fill(day)  # the order of the keys depends on the browser's own language

    def choose(self, selector: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("ArrowDown")

    def tick(self, selector: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("Space")

    def files(self, selector: str, *paths: Path) -> None:
        for _ in range(5):  # a key is lost when the script takes the field over at that very moment
            self.reach(selector)
            try:
                with self.page.expect_file_chooser(timeout=3_000) as chooser:
                    self.page.keyboard.press("Space")
            except TimeoutError:
                continue
            chooser.value.set_files(list(paths))
            return
        pytest.fail(f"{selector} does not open by its key")


class ByTouch(ByKeyboard):
    """Fingers on a phone whose browser runs no scripts."""

    def press(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def write(self, selector: str, text: str) -> None:
        self.page.locator(selector).fill(text)

    def date(self, selector: str, day: str) -> None:
        self.page.locator(selector).fill(day)

    def choose(self, selector: str) -> None:
        self.page.locator(selector).select_option(index=1)

    def tick(self, selector: str) -> None:
        self.page.locator(selector).check()

    def files(self, selector: str, *paths: Path) -> None:
        self.page.locator(selector).set_input_files(list(paths))


WAYS: dict[str, tuple[Callable, dict]] = {
    "keyboard": (ByKeyboard, {"width": 1440}),
    "no scripts at 360 px": (ByTouch, {"width": 360, "java_script_enabled": False}),
}


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("way", WAYS)
def test_a_student_goes_the_whole_way(open_browser, project, supervisor, files, letter_files, way, language):
    how, options = WAYS[way]
    page = open_browser(locale=LOCALES[language], **options)
    hands = how(page)

    def is_sound() -> None:
        expect(page.locator("html")).to_have_attribute("lang", language)
        if way == "keyboard" and language == "en":
            assert_page_is_sound(page)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url
        assert page.locator("h1").count() == 1

    # Find the project and apply
    page.goto("/")
    is_sound()
    hands.press(f'a[href="{project.get_absolute_url()}"]')
    expect(page).to_have_url(re.compile(project.get_absolute_url()))
    is_sound()
    hands.press('a[href$="/apply/"]')
    expect(page.locator("#id_full_name")).to_be_visible()
    hands.write("#id_full_name", "Ada O'Example")
    hands.write("#id_email", "ada@example.org")
    hands.write("#id_university", "Universität Graz")
    hands.write("#id_programme", "MSc Computer Science")
    hands.date("#id_earliest_start", "2027-09-01")
    hands.files("#id_cv", files["photo.pdf"])
    hands.files("#id_transcripts", files["Zeugnis Müller.pdf"])
    hands.write("#id_motivation", "Because attention may align sequences.")
    hands.choose('select[name^="question_"]')

    # Something is wrong: the summary says what, and nothing is lost
    hands.press('.apply-form button[value="preview"]')
    expect(page.locator("#error-summary, .file-fault:not([hidden])").first).to_be_visible()
    assert page.locator("#id_motivation").input_value() == "Because attention may align sequences."
    is_sound()
    if page.locator('[data-verb="remove"]').count() and way == "keyboard":
        page.locator('[data-name="cv"] [data-verb="remove"]').focus()
        page.keyboard.press("Enter")
    hands.files("#id_cv", files["cv.pdf"])
    hands.tick("#id_consent")
    hands.press('.apply-form button[value="preview"]')

    # What will be sent, and sending it
    expect(page.locator(".preview-page")).to_be_visible()
    expect(page.get_by_text("cv.pdf")).to_be_visible()
    expect(page.get_by_text("Zeugnis Müller.pdf")).to_be_visible()
    is_sound()
    hands.press(".preview-page button.btn-primary")
    page.wait_for_url(re.compile(r"/applications/[2-9A-Z]{4}-[2-9A-Z]{4}/$"))
    application = Application.objects.get()
    assert application.language == language
    assert application.question_answers.get().text == "Yes"
    is_sound()

    # Back by the link in the letter, which is in the student's language; confirm, and ask something
    page.context.clear_cookies()
    page.goto(newest_link(letter_files))
    is_sound()
    hands.press(f'form[action$="/{application.reference}/confirm/"] button')
    expect(page.locator(".ask-panel")).to_have_count(0)
    hands.press(f'a[href$="/{application.reference}/ask/"]')
    hands.write("#id_text", "May I begin in May?")
    is_sound()
    hands.press(".form-page button.btn-primary")
    expect(page.get_by_text("May I begin in May?")).to_be_visible()
    hands.press(f'a[href$="/{application.reference}/receipt/"]')
    expect(page.get_by_text(application.documents.get(kind="cv").sha256)).to_be_visible()
    is_sound()
    page.go_back()

    # An answer, an offer, and yes
    workflow.write(application, subject="May", body="May is fine.", by=supervisor)
    workflow.decide(application, "offered", by=supervisor)
    page.reload()
    expect(page.get_by_text("May is fine.")).to_be_visible()
    hands.press(f'a[href$="/{application.reference}/accept/"]')
    is_sound()
    hands.press(".form-page button.btn-primary")
    page.wait_for_url(re.compile(rf"/applications/{application.reference}/$"))
    application.refresh_from_db()
    assert (application.status, application.is_confirmed) == ("accepted", True)
    is_sound()
    told = Letter.objects.filter(to_student=True)
    assert {letter.language for letter in told} == {language}

    # Everything to take away, and asking for the end
    with page.expect_download() as download:
        hands.press(f'a[href$="/{application.reference}/everything/"]')
    assert application.reference in download.value.suggested_filename
    hands.press(f'a[href$="/{application.reference}/erase/"]')
    is_sound()
    hands.press(".form-page form button[type=submit]")
    page.wait_for_url(re.compile(rf"/applications/{application.reference}/$"))
    application.refresh_from_db()
    assert application.erasure_asked_at is not None
