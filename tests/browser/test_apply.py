"""What the scripts of the apply page promise: files leave while one writes, nothing is lost, nothing is sent too early.

The same form without scripts is walked by test_journey.
"""

import io
import random
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, expect
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from applications import limits
from applications.models import Application, RequestCount, Upload
from projects.models import Project
from tests import pdfs
from tests.browser.pages import assert_page_is_sound

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PIECE = 262_144
CHECKED = ", checked"  # stands at a file that has arrived and is fine


def pdf(name: str, content: bytes = b"", media_type: str = "application/pdf") -> dict:
    return {"name": name, "mimeType": media_type, "buffer": content or pdfs.cv()}


def scan_of_five_pieces() -> dict:
    """A page that is one picture of noise, which nothing can make smaller."""
    noise = Image.frombytes("L", (1000, 1200), random.Random(7).randbytes(1_200_000))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842), invariant=1, pageCompression=0)
    canvas.drawImage(ImageReader(noise), 0, 0, 595, 714)
    canvas.save()
    content = buffer.getvalue()
    assert len(content) > 4 * PIECE
    return pdf("scan.pdf", content)


@pytest.fixture
def open_form(open_browser, project: Project) -> Callable[..., Page]:
    def open_(**options) -> Page:
        page = open_browser(**options)
        go_to_form(page, project)
        return page

    return open_


@pytest.fixture
def form(open_form) -> Page:
    return open_form()


def go_to_form(page: Page, project: Project) -> None:
    page.goto(f"{project.get_absolute_url()}apply/")
    expect(page.locator(".file-field.takes-over")).to_have_count(2)


def choose(page: Page, field: str, *files: dict) -> None:
    page.locator(f"#id_{field}").set_input_files(list(files))


def lines(page: Page, field: str) -> Locator:
    return page.locator(f"#div_id_{field} .file-line")


def line(page: Page, name: str) -> Locator:
    return page.locator(".file-line", has_text=name)


def fill_in(page: Page) -> None:
    page.get_by_label("Your name").fill("Ada Example")
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("University").fill("Universität Graz")
    page.get_by_label("Programme").fill("MSc Computer Science")
    page.get_by_label("Earliest start").fill("2027-09-01")
    page.get_by_label("Why this project?").fill("Because attention may align sequences.")
    page.get_by_label("I agree").check()


def pieces_sent(page: Page) -> list[int]:
    """The offsets of all pieces that leave from now on, in order; those that are sent again stand there twice."""
    offsets: list[int] = []

    def note(request: Request) -> None:
        if match := re.search(r"\?offset=(\d+)$", request.url):
            offsets.append(int(match[1]))

    page.on("request", note)
    return offsets


def files_kept_on_the_device(page: Page) -> int:
    return page.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open("apply").onsuccess = ({ target: { result } }) => {
                const count = result.transaction("files").objectStore("files").count();
                count.onsuccess = () => resolve(count.result);
            };
        })"""
    )


# Files leave while one writes


def test_a_file_is_sent_and_checked_as_soon_as_it_is_chosen_and_goes_with_the_form(form):
    choose(form, "cv", pdf("CV_final_final(2).pdf"))

    expect(line(form, "CV_final")).to_contain_text("1 page, 1.4 KB, checked")
    assert Upload.objects.get().original_name == "CV_final_final(2).pdf"
    assert form.locator("#id_cv").evaluate("field => field.files.length") == 0  # it does not go a second time

    choose(form, "transcripts", pdf("one.pdf"), pdf("two.pdf", pdfs.transcript()))
    fill_in(form)
    form.get_by_label("E-mail address").fill("ada at example")
    form.get_by_role("button", name="Check before sending").click()
    expect(form.get_by_role("alert")).to_contain_text("not a complete e-mail address")
    expect(lines(form, "transcripts")).to_have_count(2)  # kept through an error in another field
    form.get_by_label("E-mail address").fill("ada@example.org")
    form.get_by_role("button", name="Check before sending").click()
    form.get_by_role("button", name="Send application").click()

    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))
    documents = [document.original_name for document in Application.objects.get().current_documents()]
    assert documents == ["CV_final_final(2).pdf", "one.pdf", "two.pdf"]
    assert form.evaluate("Object.keys(localStorage)") == []  # the draft has done its work
    assert Upload.objects.count() == 0


def test_what_is_no_pdf_or_too_large_is_refused_in_words_before_anything_leaves(open_form, settings):
    settings.DOCUMENT_MAX_BYTES = settings.MEGABYTE
    form = open_form()
    asked: list[str] = []
    form.on("request", lambda request: asked.append(request.url))

    choose(form, "cv", pdf("photo.jpg", b"JFIF", "image/jpeg"))
    expect(line(form, "photo.jpg")).to_contain_text("“photo.jpg” is a photo, not a PDF. On a phone, open it")
    choose(form, "cv", pdf("scan.pdf", b"\x89PNG\r\n\x1a\n"))
    expect(line(form, "scan.pdf")).to_contain_text("“scan.pdf” is a photo, not a PDF")
    choose(form, "cv", pdf("renamed.pdf", b"PK\x03\x04 a word document"))
    expect(lines(form, "cv")).to_have_count(1)
    expect(lines(form, "cv")).to_contain_text("“renamed.pdf” is not a PDF. Export or print it as a PDF")
    choose(form, "cv", pdf("huge.pdf", b"%PDF-1.7" + bytes(settings.DOCUMENT_MAX_BYTES)))
    expect(lines(form, "cv")).to_contain_text("“huge.pdf” is larger than 1 MB")
    choose(form, "cv", pdf("empty.pdf") | {"buffer": b""})
    expect(lines(form, "cv")).to_contain_text("“empty.pdf” is empty")

    assert asked == []


def test_the_verdict_on_a_locked_file_stands_at_it_in_words_and_the_others_stay(form):
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    choose(form, "transcripts", pdf("locked.pdf", pdfs.user_locked()), pdf("fine.pdf"))

    expect(line(form, "locked.pdf")).to_contain_text("needs a password to open")
    expect(line(form, "fine.pdf")).to_contain_text(CHECKED)
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)
    form.get_by_role("button", name="Send application").click()
    remove = form.get_by_role("button", name="Remove locked.pdf")
    expect(remove).to_be_focused()
    expect(remove).to_have_accessible_description(re.compile("needs a password"))
    words = form.locator("#div_id_transcripts .file-notice")
    expect(words).to_have_text("Nothing was sent yet: one file cannot be used. Please remove it or choose another one.")
    assert not Application.objects.exists()

    remove.press("Enter")
    expect(words).to_be_hidden()
    form.get_by_role("button", name="Send application").click()
    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))


def test_a_new_cv_takes_the_place_of_the_one_before_only_once_it_is_fine(form):
    choose(form, "cv", pdf("first.pdf"))
    expect(line(form, "first.pdf")).to_contain_text(CHECKED)

    choose(form, "cv", pdf("locked.pdf", pdfs.user_locked()))
    expect(line(form, "locked.pdf")).to_contain_text("needs a password")
    expect(line(form, "first.pdf")).to_contain_text(CHECKED)
    with form.expect_response("**/remove/"):
        choose(form, "cv", pdf("second.pdf"))
    expect(line(form, "second.pdf")).to_contain_text(CHECKED)

    expect(lines(form, "cv")).to_have_count(1)
    assert [upload.original_name for upload in Upload.objects.all()] == ["second.pdf"]


def test_files_are_dropped_onto_the_field_and_what_is_too_many_is_named(form):
    content = pdfs.cv().decode("latin1")
    dropped = form.evaluate_handle(
        """([content, names]) => {
            const files = new DataTransfer();
            const bytes = Uint8Array.from(content, (char) => char.charCodeAt(0));
            names.forEach((name) => files.items.add(new File([bytes], name, { type: "application/pdf" })));
            return files;
        }""",
        [content, ["a.pdf", "b.pdf", "c.pdf", "d.pdf", "e.pdf", "f.pdf"]],
    )
    field = form.locator("#div_id_transcripts")

    field.dispatch_event("dragover", {"dataTransfer": dropped})
    expect(field).to_have_class(re.compile("is-under-drop"))
    field.dispatch_event("drop", {"dataTransfer": dropped})

    expect(field).not_to_have_class(re.compile("is-under-drop"))
    expect(lines(form, "transcripts").filter(has_text=CHECKED)).to_have_count(5)
    expect(field.get_by_role("status")).to_have_text("Only 5 files can be sent here. Left out: f.pdf.")


def test_what_cannot_be_sent_takes_no_place_and_has_none_in_the_order(form):
    five = [pdf(f"{number}.pdf") for number in range(1, 6)]

    choose(form, "transcripts", pdf("photo.jpg", b"JFIF", "image/jpeg"), *five)

    expect(lines(form, "transcripts").filter(has_text=CHECKED)).to_have_count(5)
    expect(form.locator("#div_id_transcripts .file-notice")).to_be_hidden()
    expect(line(form, "photo.jpg").get_by_role("button", name="Move up")).to_have_count(0)
    expect(form.get_by_role("button", name="Move up 1.pdf")).to_be_disabled()
    form.get_by_role("button", name="Move up 2.pdf").click()
    expect(form.locator("#apply-said")).to_have_text("2.pdf is now number 1 of 5.")


def test_transcripts_are_put_in_order_and_removed_by_keyboard(form):
    choose(form, "transcripts", pdf("first.pdf"), pdf("second.pdf"), pdf("third.pdf"))
    expect(lines(form, "transcripts").filter(has_text=CHECKED)).to_have_count(3)

    form.get_by_role("button", name="Move up third.pdf").press("Enter")
    expect(form.get_by_role("button", name="Move up third.pdf")).to_be_focused()
    expect(form.locator("#apply-said")).to_have_text("third.pdf is now number 2 of 3.")
    form.keyboard.press("Enter")
    expect(form.get_by_role("button", name="Move down third.pdf")).to_be_focused()  # it cannot go up any more
    with form.expect_response("**/remove/"):
        form.get_by_role("button", name="Remove first.pdf").press("Space")
    expect(form.locator("#apply-said")).to_have_text("first.pdf was removed.")
    expect(form.get_by_role("button", name="Remove second.pdf")).to_be_focused()

    assert [shown.split("\n")[0] for shown in lines(form, "transcripts").all_inner_texts()] == [
        "third.pdf",
        "second.pdf",
    ]
    assert set(Upload.objects.values_list("original_name", flat=True)) == {"second.pdf", "third.pdf"}


# Bad connections


def test_a_cut_connection_costs_one_piece_and_never_the_file(form):
    sent = pieces_sent(form)
    network = form.context.new_cdp_session(form)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 20, "downloadThroughput": 2_000_000, "uploadThroughput": 400_000}
    network.send("Network.emulateNetworkConditions", slow)

    choose(form, "transcripts", scan_of_five_pieces())
    expect(line(form, "scan.pdf")).to_contain_text(re.compile("On its way, [5-9]. %"))
    network.send("Network.emulateNetworkConditions", slow | {"offline": True})
    expect(line(form, "scan.pdf")).to_contain_text("Connection lost, trying again…")
    network.send("Network.emulateNetworkConditions", slow)

    expect(line(form, "scan.pdf")).to_contain_text(CHECKED, timeout=20_000)
    assert Upload.objects.get().size == len(scan_of_five_pieces()["buffer"])
    assert sent[:2] == [0, PIECE]
    assert sent.count(0) == 1
    assert len(sent) - len(set(sent)) <= 1  # the piece that was cut
    assert form.locator("#id_transcripts").evaluate("field => field.files.length") == 0


def test_text_and_files_survive_a_reload_also_those_still_on_their_way(form, project):
    form.route("**/?offset=524288", lambda route: None, times=1)  # the connection hangs
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)
    choose(form, "transcripts", scan_of_five_pieces(), pdf("after.pdf"))
    expect(line(form, "scan.pdf")).to_contain_text(re.compile("On its way, [3-9]. %"))

    form.on("dialog", lambda dialog: dialog.accept())  # a word of warning, because files are on their way
    sent = pieces_sent(form)
    go_to_form(form, project)

    expect(line(form, "scan.pdf")).to_contain_text(CHECKED, timeout=20_000)
    expect(line(form, "after.pdf")).to_contain_text(CHECKED)
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)
    assert sent[0] == 2 * PIECE
    expect(form.get_by_label("Why this project?")).to_have_value("Because attention may align sequences.")
    expect(form.get_by_text("This is your draft of")).to_be_visible()
    expect(form.get_by_label("I agree")).not_to_be_checked()  # one agrees to what is sent, not to what was once begun


def test_where_no_piece_gets_through_the_file_goes_with_the_form_and_no_foreign_page_shows(form):
    proxy = {"status": 413, "content_type": "text/html", "body": "<h1>Request Entity Too Large</h1>"}
    form.route("**/?offset=*", lambda route: route.fulfill(**proxy))
    form.clock.install()
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text("The site is busy, trying again…")
    for _attempt in range(40):
        form.clock.fast_forward(31_000)
        form.wait_for_timeout(50)
        if lines(form, "cv").count() == 0:
            break

    expect(form.get_by_text("They go together with the form instead")).to_be_visible()
    assert form.locator("#id_cv").evaluate("field => field.files[0].name") == "cv.pdf"
    form.unroute_all()
    choose(form, "transcripts", pdf("transcript.pdf"))
    form.get_by_role("button", name="Send application").click()
    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))
    assert Application.objects.get().current_documents()[0].original_name == "cv.pdf"


def test_a_page_that_lay_open_too_long_says_so_and_keeps_text_and_file_for_the_reload(form, project):
    fill_in(form)
    form.context.clear_cookies()

    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text("This page lay open for too long. Please load it again")
    go_to_form(form, project)

    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)
    expect(form.get_by_label("Your name")).to_have_value("Ada Example")


def test_where_very_many_files_come_from_one_network_a_file_waits_and_goes_on_by_itself(form):
    limits.count(limits.FILES.what, limits.whose_address("127.0.0.1"), by=2 * limits.FILES.most)
    form.clock.install()
    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text(re.compile(r"This one goes on by itself, within \d+ min"))
    form.get_by_role("button", name="Send application").click()
    expect(form.get_by_text("One file is still on its way")).to_be_visible()
    form.get_by_role("button", name="Do not send yet").click()
    RequestCount.objects.all().delete()
    form.clock.fast_forward(301_000)
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)


def test_where_there_is_no_room_the_file_says_so_and_is_kept_for_the_reload(form, project, settings):
    Upload.objects.create(kind="cv", file="nobody-s.pdf", original_name="x.pdf", size=settings.UNCLAIMED_MAX_BYTES)
    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text("We cannot take files just now")
    (answer,) = form.watch.faults
    assert answer.startswith("503")
    form.watch.faults.clear()
    Upload.objects.all().delete()
    go_to_form(form, project)
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)


def test_a_form_that_lay_open_too_long_keeps_its_files_and_goes_when_it_is_sent_once_more(form):
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    choose(form, "transcripts", pdf("transcript.pdf"))
    expect(form.locator(".file-line", has_text=CHECKED)).to_have_count(2)
    form.context.clear_cookies()

    with form.expect_navigation() as refused:
        form.get_by_role("button", name="Send application").click()
    assert refused.value.status == 403
    form.wait_for_load_state("networkidle")
    expect(form.locator(".file-line", has_text=CHECKED)).to_have_count(2)
    expect(form.locator(".file-line")).to_have_count(2)
    form.get_by_label("I agree").check()
    form.get_by_role("button", name="Send application").click()

    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))
    assert len(Application.objects.get().current_documents()) == 2


def test_what_is_added_to_a_form_that_came_back_with_errors_survives_a_reload(form):
    form.get_by_label("Your name").fill("Ada Example")
    form.get_by_role("button", name="Check before sending").click()
    expect(form.get_by_role("alert")).to_contain_text("Please enter what you study")
    form.get_by_label("Programme").fill("MSc Computer Science")
    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)

    form.reload()  # the browser sends the former, emptier form once more
    expect(form.get_by_role("alert")).to_be_visible()
    expect(form.get_by_label("Programme")).to_have_value("MSc Computer Science")
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)
    expect(form.locator(".file-line")).to_have_count(1)
    form.get_by_label("University").fill("Universität Graz")
    form.reload()

    expect(form.get_by_label("University")).to_have_value("Universität Graz")
    expect(form.get_by_label("Programme")).to_have_value("MSc Computer Science")
    expect(form.get_by_label("Your name")).to_have_value("Ada Example")


def test_the_draft_for_a_second_project_survives_a_reload(form, other_project):
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    choose(form, "transcripts", pdf("transcript.pdf"))
    form.get_by_role("button", name="Send application").click()
    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))
    form.goto(f"{other_project.get_absolute_url()}apply/?again={Application.objects.get().reference}")
    expect(form.locator(".file-line", has_text=CHECKED)).to_have_count(2)
    form.get_by_label("Why this project?").fill("Because of the second one.")
    choose(form, "cv", pdf("newer.pdf"))
    expect(line(form, "newer.pdf")).to_contain_text(CHECKED)

    form.reload()

    expect(form.get_by_label("Why this project?")).to_have_value("Because of the second one.")
    expect(form.get_by_label("Your name")).to_have_value("Ada Example")
    expect(lines(form, "transcripts")).to_contain_text("transcript.pdf")
    expect(lines(form, "cv")).to_contain_text("newer.pdf")  # and not once more the one whose place it took
    expect(form.locator(".file-line", has_text=CHECKED)).to_have_count(2)


# Sending


def test_sending_waits_for_the_files_and_can_be_called_off(form):
    held = []
    form.route("**/?offset=0", lambda route: held.append(route))
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    choose(form, "transcripts", pdf("transcript.pdf"))

    form.locator("#apply-form").get_by_role("button", name="Check before sending").click()
    to_check = "2 files are still on their way; when they have arrived, you see everything once more before it is sent."
    expect(form.get_by_text(to_check)).to_be_visible()
    form.get_by_role("button", name="Do not send yet").click()
    form.get_by_role("button", name="Send application").click()
    words = "2 files are still on their way; the form is sent when they have arrived."
    expect(form.get_by_text(words)).to_be_visible()
    form.get_by_role("button", name="Do not send yet").click()
    expect(form.get_by_text(words)).to_be_hidden()
    expect(form.get_by_role("button", name="Send application")).to_be_focused()
    form.get_by_role("button", name="Send application").click()
    assert not Application.objects.exists()

    held[0].continue_()
    form.unroute_all()
    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))
    assert Application.objects.get().current_documents()[1].original_name == "transcript.pdf"


# The draft


def test_clearing_the_draft_leaves_nothing_on_the_device_and_on_the_server(form, project):
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    expect(line(form, "cv.pdf")).to_contain_text(CHECKED)
    go_to_form(form, project)
    form.on("dialog", lambda dialog: dialog.accept())
    form.route("**/?offset=262144", lambda route: None)
    choose(form, "transcripts", pdf("scan.pdf", pdfs.scan()))
    expect(line(form, "scan.pdf")).to_contain_text("On its way, 73 %")
    assert files_kept_on_the_device(form) == 1

    note = form.locator("#draft-note")
    with form.expect_response("**/remove/"):
        note.get_by_role("button", name="Clear the draft").click()

    expect(note).to_contain_text("The draft is cleared")
    expect(note).to_be_focused()
    expect(form.get_by_label("Your name")).to_have_value("")
    expect(form.locator(".file-line")).to_have_count(0)
    assert not Upload.objects.exists()
    assert form.evaluate("Object.keys(localStorage)") == []
    assert files_kept_on_the_device(form) == 0
    go_to_form(form, project)
    expect(form.get_by_label("Your name")).to_have_value("")
    expect(note).to_be_hidden()


def test_a_draft_is_forgotten_after_a_week_and_never_put_over_what_the_server_sends_back(form, project):
    fill_in(form)
    form.get_by_label("Your name").fill("Ada Former")
    form.get_by_label("Programme").fill("")
    go_to_form(form, project)
    expect(form.get_by_label("Your name")).to_have_value("Ada Former")

    form.get_by_label("Your name").fill("www.example.org")
    form.get_by_role("button", name="Check before sending").click()
    expect(form.get_by_role("alert")).to_contain_text("Please enter what you study")
    expect(form.get_by_label("Your name")).to_have_value("www.example.org")

    form.evaluate(
        """key => {
            const draft = JSON.parse(localStorage.getItem(key));
            localStorage.setItem(key, JSON.stringify({ ...draft, at: draft.at - 8 * 24 * 60 * 60 * 1000 }));
        }""",
        f"apply-text:{project.slug}",
    )
    go_to_form(form, project)
    expect(form.get_by_label("Your name")).to_have_value("")


def test_a_long_motivation_is_counted_and_never_cut_off(form):
    motivation = form.get_by_label("Why this project?")

    motivation.fill("a" * 4_012)

    assert len(motivation.input_value()) == 4_012
    expect(form.get_by_text("4,012 of 4,000 characters, that is 12 too many")).to_be_visible()


def test_the_steps_say_which_are_complete(form):
    steps = form.get_by_role("navigation", name="Steps")
    expect(steps.get_by_role("link", name="complete")).to_have_count(0)

    fill_in(form)
    expect(steps.get_by_role("link", name="You and your studies (complete)")).to_be_visible()
    expect(steps.get_by_role("link", name="Your documents (complete)")).to_have_count(0)
    choose(form, "cv", pdf("cv.pdf"))
    choose(form, "transcripts", pdf("transcript.pdf"))
    expect(steps.get_by_role("link", name="Your documents (complete)")).to_be_visible()
    steps.get_by_role("link", name="Your documents").click()
    expect(steps.locator('[aria-current="step"]')).to_contain_text("Your documents")

    form.get_by_label("E-mail address").fill("ada at example")
    form.locator("#apply-form").get_by_role("button", name="Check before sending").click()
    expect(form.get_by_role("alert")).to_contain_text("not a complete e-mail address")
    expect(steps.get_by_role("link", name="You and your studies (complete)")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_enter_in_a_field_sends_nothing(open_browser, project, scripts):
    page = open_browser(java_script_enabled=scripts)
    page.goto(f"{project.get_absolute_url()}apply/")
    fill_in(page)
    choose(page, "cv", pdf("cv.pdf"))
    choose(page, "transcripts", pdf("transcript.pdf"))

    page.get_by_label("University").press("Enter")

    expect(page.get_by_text("Nothing is sent yet.")).to_be_visible()
    assert not Application.objects.exists()


def test_nobody_comes_across_the_field_for_programs_and_who_has_it_filled_in_presses_the_button_again(form, project):
    trap = form.locator('[name="homepage"]')
    expect(trap).to_be_hidden()
    fill_in(form)
    choose(form, "cv", pdf("cv.pdf"))
    choose(form, "transcripts", pdf("transcript.pdf"))
    expect(form.locator(".file-line", has_text=CHECKED)).to_have_count(2)
    trap.evaluate("field => { field.value = 'x'; field.dispatchEvent(new Event('input', { bubbles: true })); }")
    form.get_by_role("button", name="Send application").click()

    expect(form.get_by_role("alert")).to_contain_text("A field that people do not see was filled in")
    expect(form.locator(".file-line", has_text=CHECKED)).to_have_count(2)
    expect(trap).to_have_value("")
    assert_page_is_sound(form)
    form.get_by_role("button", name="Send application").click()
    expect(form).to_have_url(re.compile("/applications/[^/]+/$"))


@pytest.mark.looks
@pytest.mark.parametrize("width", [1440, 390, 360])
def test_the_form_is_sound_while_files_are_on_their_way_refused_and_there(open_form, width):
    page = open_form(width=width)
    page.route("**/?offset=262144", lambda route: route.abort())
    fill_in(page)
    choose(page, "cv", pdf("a name without a space " + "x" * 60 + ".pdf"))
    choose(page, "transcripts", pdf("locked.pdf", pdfs.user_locked()), pdf("scan.pdf", pdfs.scan()), pdf("last.pdf"))

    expect(line(page, "locked.pdf")).to_contain_text("needs a password")
    expect(line(page, "scan.pdf")).to_contain_text("Connection lost")
    assert_page_is_sound(page)
    page.get_by_role("button", name="Remove locked.pdf").click()
    page.get_by_role("button", name="Send application").click()
    expect(page.get_by_role("button", name="Send the files together with the form")).to_be_visible()
    assert_page_is_sound(page)
    page.get_by_role("button", name="Do not send yet").click()
    page.unroute_all()
    page.evaluate("window.dispatchEvent(new Event('online'))")  # tried again at once, not after the pause
    expect(line(page, "last.pdf")).to_contain_text(CHECKED)
    assert_page_is_sound(page)
