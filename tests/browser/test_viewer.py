"""The documents on the review page: the browser's viewer where there is one, images of the pages everywhere else."""

import re

import pytest
from playwright.sync_api import Page, expect

from applications import renditions
from tests.browser.pages import accessibility_faults, assert_page_is_sound, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET = {"viewport": {"width": 1180, "height": 820}, "has_touch": True, "is_mobile": True}


@pytest.fixture(autouse=True)
def made(application, transactional_db) -> None:
    assert renditions.make_missing() == 2


@pytest.fixture
def open_review(open_browser, supervisor, application):
    """Opens the review page of Ada's application as its supervisor."""

    def open_(**options) -> Page:
        has_viewer = options.pop("has_viewer", None)
        page = open_browser(**options)
        if has_viewer is not None:
            value = "true" if has_viewer else "false"
            page.add_init_script(f"Object.defineProperty(navigator, 'pdfViewerEnabled', {{get: () => {value}}})")
        sign_in(page, supervisor, f"/admin/applications/application/{application.pk}/change/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Ada Example")
        return page

    return open_


def expect_viewer(page: Page) -> None:
    expect(page.locator("iframe.viewer")).to_be_visible()
    expect(page.get_by_role("link", name="Transcript 1 2 pages")).to_be_visible()
    expect(page.locator(".page-images img").first).to_be_hidden()


def expect_images(page: Page) -> None:
    expect(page.locator("iframe.viewer")).to_be_hidden()
    for name in ("Page 1 of CV of Ada Example", "Page 1 of Transcript 1 of Ada Example"):
        image = page.get_by_role("img", name=name)
        expect(image).to_be_visible()
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        expect(image).to_have_js_property("naturalWidth", 1240)
    expect(page.get_by_role("img", name=re.compile("^Page"))).to_have_count(3)
    expect(page.get_by_role("heading", name=re.compile("^CV"))).to_be_visible()


def test_a_wide_screen_shows_the_viewer(open_review):
    expect_viewer(open_review(**DESKTOP, has_viewer=True))


def test_a_wide_screen_without_scripts_shows_the_viewer(open_review):
    expect_viewer(open_review(**DESKTOP, java_script_enabled=False))


def test_a_wide_screen_loads_no_images_and_a_phone_loads_no_document(open_review):
    for options, wanted, unwanted in ((DESKTOP, "document", "image"), (PHONE, "image", "document")):
        page = open_review(**options, has_viewer=options is DESKTOP)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.resource_type + request.url))
        with page.expect_response(lambda response: "/documents/" in response.url):
            page.reload()
        page.wait_for_load_state("networkidle")
        kinds = {"image" if "/pages/" in line else "document" for line in asked if "/documents/" in line}
        assert (wanted in kinds, unwanted in kinds) == (True, False)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_phone_shows_the_pages_of_every_document_under_one_another(open_review, scripts):
    page = open_review(**PHONE, java_script_enabled=scripts)
    if scripts:
        expect_images(page)
    else:  # nothing can be asked of the page but what is seen
        expect(page.locator("iframe.viewer")).to_be_hidden()
        expect(page.get_by_role("img", name="Page 2 of Transcript 1 of Ada Example")).to_be_visible()


def test_a_browser_without_a_viewer_shows_the_pages(open_review):
    expect_images(open_review(**DESKTOP, has_viewer=False))


def test_a_tablet_shows_the_pages(open_review):
    expect_images(open_review(**TABLET, has_viewer=True))


def test_every_document_can_be_opened_as_a_file_whatever_is_shown(open_review):
    for options in (DESKTOP, PHONE):
        page = open_review(**options)
        for label in ("CV", "Transcript 1"):
            expect(page.get_by_role("link", name=f"Open {label} in a new tab")).to_be_visible()


def test_what_the_inspection_has_flagged_is_seen_before_anything_is_scrolled(open_review, application):
    application.documents.filter(kind="cv").update(flags=["launch_action"])
    tab = open_review(**DESKTOP).get_by_role("link", name="CV 1 page")
    expect(tab).to_contain_text("Wants to start a program")
    expect(open_review(**PHONE).locator(".document-line").get_by_text("Wants to start a program")).to_be_visible()


def test_the_text_of_a_document_is_there_to_be_read_aloud(open_review):
    page = open_review(**PHONE)
    page.get_by_text("Text of this document").first.click()
    expect(page.get_by_role("region", name="Text of CV")).to_contain_text("2024 Internship, sequence analysis")


def test_a_tab_shows_its_document_and_names_it(open_review):
    page = open_review(**DESKTOP, has_viewer=True)
    page.get_by_role("link", name="Transcript 1 2 pages").click()
    expect(page.locator("iframe.viewer")).to_have_attribute("title", "Transcript 1 of Ada Example")
    expect(page.locator(".document-tabs [aria-current]")).to_have_text(re.compile("Transcript 1"))


def test_once_the_viewer_has_taken_the_keys_the_page_offers_them_back(open_review):
    page = open_review(**DESKTOP, has_viewer=True)
    back = page.get_by_role("button", name="Back to the keys of this page")
    page.wait_for_load_state("networkidle")
    expect(back).to_be_hidden()

    page.locator("iframe.viewer").click()
    expect(back).to_be_visible()
    assert accessibility_faults(page) == []
    back.click()

    expect(back).to_be_hidden()
    expect(page.locator(".document-tabs [aria-current]")).to_be_focused()


def test_keys_that_are_taken_back_by_a_click_on_the_page_need_no_button(open_review):
    page = open_review(**DESKTOP, has_viewer=True)
    page.wait_for_load_state("networkidle")
    page.locator("iframe.viewer").click()
    expect(page.locator(".viewer-return")).to_be_visible()
    page.get_by_role("heading", level=1).click()
    expect(page.locator(".viewer-return")).to_be_hidden()


@pytest.mark.parametrize(("options", "has_viewer"), [(DESKTOP, True), (DESKTOP, False), (PHONE, False)])
def test_viewer_and_images_are_accessible_and_keep_the_policy(open_review, options, has_viewer):
    page = open_review(**options, has_viewer=has_viewer)
    page.get_by_text("Text of this document").first.click()
    assert_page_is_sound(page)
