"""The main job from end to end, in a real browser: find a project, apply, review, offer, accept."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from applications import letters
from applications.models import Application, Letter
from tests import pdfs
from tests.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """PDFs as students have them: made by LaTeX, by a word processor, by a scanner, by an owner-locking university."""
    contents = {
        "CV_final_final(2).pdf": pdfs.latex_like(),
        "Zeugnis Müller.pdf": pdfs.owner_locked(),
        "scan.pdf": pdfs.scan(),
        "word.pdf": pdfs.word_like(),
        "photo.pdf": pdfs.renamed_photo(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


@pytest.fixture(autouse=True)
def site(settings, live_server, project, supervisor: User):
    settings.SITE_URL = live_server.url


def fill_in(page: Page, files: dict[str, Path]) -> None:
    page.get_by_label("Your name").fill("Ada O'Example")
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("University").fill("Universität Graz")
    page.get_by_label("Programme").fill("MSc Computer Science")
    page.get_by_label("Earliest start").fill("2027-09-01")
    page.get_by_label("Why this project?").fill("Because attention may align sequences.")
    page.get_by_label("CV").set_input_files(files["CV_final_final(2).pdf"])
    page.get_by_label("Transcripts").set_input_files([files["Zeugnis Müller.pdf"], files["scan.pdf"]])
    page.get_by_label("I agree").check()


def find_project_and_open_form(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Can a transformer learn sequence alignment?").click()
    page.get_by_role("link", name=re.compile("Apply")).first.click()


def open_manage_link(page: Page, letter_files) -> None:
    """Read the newest letter as the student would, and follow its link."""
    letters.send_due()
    newest = max(
        (f for f in letter_files() if b"/applications/open/" in f.read_bytes()), key=lambda f: f.stat().st_mtime
    )
    page.goto(re.search(rb"(/applications/open/\S+)", newest.read_bytes().replace(b"=\n", b"")).group(1).decode())


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_student_applies_is_offered_the_project_and_accepts(
    open_browser, supervisor, project, files, letter_files, scripts
):
    student = open_browser(java_script_enabled=scripts)
    find_project_and_open_form(student)
    fill_in(student, files)
    student.get_by_role("button", name="Send application").click()

    expect(student).to_have_url(re.compile("/applications/[^/]+/$"))  # with scripts, once the files have arrived
    application = Application.objects.get()
    expect(student).to_have_url(re.compile(f"/applications/{application.reference}/$"))
    for words in (application.reference, "ada@example.org", "CV_final_final(2).pdf", "Zeugnis Müller.pdf", "Received"):
        expect(student.get_by_text(words).first).to_be_visible()

    reviewer = open_browser(java_script_enabled=scripts)
    sign_in(reviewer, supervisor, "/admin/applications/application/?status=open")
    reviewer.get_by_role("link", name=re.compile("Ada O'Example")).click()
    expect(reviewer.locator("iframe.viewer")).to_be_visible()
    reviewer.get_by_label("Add a note").fill("Ask for the thesis.")
    reviewer.get_by_role("button", name="Save note").click()
    expect(reviewer.get_by_text("Ask for the thesis.")).to_be_visible()
    reviewer.get_by_text("Edit the letter or tell now").click()
    reviewer.get_by_role("link", name="Offer the project").click()
    reviewer.get_by_label("Personal line").fill("We enjoyed your letter.")
    reviewer.get_by_role("button", name="Decide and send the letter").click()
    expect(reviewer.get_by_text("The letter goes to ada@example.org")).to_be_visible()

    at_home = open_browser(java_script_enabled=scripts)
    open_manage_link(at_home, letter_files)
    expect(at_home).to_have_url(re.compile(f"/applications/{application.reference}/$"))
    at_home.get_by_role("button", name="Yes, this is my application").click()
    at_home.get_by_role("link", name="Accept the offer").click()
    at_home.get_by_role("button", name=re.compile("Accept")).click()

    application.refresh_from_db()
    project.refresh_from_db()
    assert (application.status, application.is_confirmed, project.places_taken) == ("accepted", True, 1)
    kinds = list(Letter.objects.filter(to_student=True).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["received", "offered", "accepted"]
    assert "We enjoyed your letter." in Letter.objects.get(kind="offered").body


def test_files_that_were_fine_survive_an_error_in_another_field_without_scripts(open_browser, files):
    student = open_browser(java_script_enabled=False)
    find_project_and_open_form(student)
    fill_in(student, files)
    student.get_by_label("E-mail address").fill("ada at example")
    student.get_by_label("Transcripts").set_input_files([files["word.pdf"], files["photo.pdf"]])
    student.get_by_role("button", name="Send application").click()

    expect(student.get_by_role("alert")).to_contain_text("not a complete e-mail address")
    expect(student.get_by_role("alert")).to_contain_text("photo")
    student.get_by_role("alert").get_by_role("link", name=re.compile("e-mail address")).click()
    expect(student.get_by_label("E-mail address")).to_be_focused()
    student.get_by_label("E-mail address").fill("ada@example.org")
    student.get_by_role("button", name="Send application").click()

    expect(student).to_have_url(re.compile("/applications/[^/]+/"))
    application = Application.objects.get()
    assert [d.original_name for d in application.current_documents()] == ["CV_final_final(2).pdf", "word.pdf"]


def test_a_double_click_makes_one_application(page, files):
    find_project_and_open_form(page)
    fill_in(page, files)
    page.get_by_role("button", name="Send application").dblclick()

    expect(page).to_have_url(re.compile("/applications/[^/]+/$"))
    assert Application.objects.count() == 1
    assert Letter.objects.filter(to_student=True).count() == 1


def test_the_viewer_shows_the_pdf_beside_the_answers(open_browser, supervisor, application):
    reviewer = open_browser()
    sign_in(reviewer, supervisor, "/admin/applications/application/?status=open")
    reviewer.get_by_role("link", name=re.compile("Ada Example")).click()

    with reviewer.expect_response(lambda r: "/documents/" in r.url) as answer:
        reviewer.get_by_role("link", name=re.compile("^Transcript")).click()

    assert answer.value.status == 200
    assert answer.value.headers["content-type"] == "application/pdf"
    expect(reviewer.locator('.document-tabs a[aria-current="true"]')).to_contain_text("Transcript")
    expect(reviewer.locator("iframe.viewer")).to_have_count(1)
