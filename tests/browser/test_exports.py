"""Taking out the list in a browser: the pages are sound, the file arrives, and a long one can be watched."""

import zipfile

import pytest

from applications import exports
from applications.admin.exporting import rows_as_listed
from applications.exports import jobs
from applications.models import Export
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/admin/applications/application/export/"


@pytest.fixture
def long_ones(monkeypatch):
    monkeypatch.setattr(jobs, "SHORT", dict.fromkeys(Export.Format, 0))


def make() -> None:
    assert exports.make_due(rows_as_listed) == 1


@at_each_width
def test_the_pages_of_an_export_are_sound_in_every_state(open_browser, superuser, application, width):
    page = open_browser(width=width)
    sign_in(page, superuser)
    export = Export.objects.create(user=superuser, format="zip", total=10_000)
    addresses = [PAGE, f"{PAGE}?_changelist_filters=q%3Dnobody", "/admin/applications/export/"]
    addresses.append(f"/admin/applications/export/{export.pk}/change/")
    for address in addresses:
        page.goto(address)
        assert_page_is_sound(page)
    for state in Export.State.values:
        Export.objects.update(state=state, done=3_400, finished_at=export.created_at)
        page.goto(f"{PAGE}{export.pk}/")
        assert_page_is_sound(page)


def test_from_the_list_to_the_file_by_keyboard(page, supervisor, application):
    sign_in(page, supervisor)
    page.goto("/admin/applications/application/?status=received")
    page.get_by_role("link", name="Export this list").press("Enter")
    page.get_by_label("Excel (XLSX)").press("ArrowDown")
    page.keyboard.press("ArrowDown")

    with page.expect_download() as download:
        page.get_by_role("button", name="Export").press("Enter")

    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 4


def test_a_long_export_is_watched_and_fetched(page, supervisor, application, long_ones):
    sign_in(page, supervisor)
    page.goto(PAGE)
    page.get_by_role("button", name="Export").click()
    page.get_by_text("It waits for its turn.").wait_for()
    Export.objects.update(state="running", total=10_000, done=3_400)
    page.get_by_text("3,400 of 10,000").wait_for()
    assert page.get_by_role("progressbar").evaluate("bar => bar.position") == 0.34
    Export.objects.update(state="queued")

    make()

    page.get_by_role("link", name="Download").wait_for()
    assert page.get_by_role("status").text_content() == "The file is ready: 1 application."
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".xlsx")


def test_a_long_export_is_watched_without_javascript_and_the_watching_can_be_stopped(
    open_browser, supervisor, application, long_ones
):
    page = open_browser(java_script_enabled=False)
    sign_in(page, supervisor)
    page.goto(PAGE)
    page.get_by_role("button", name="Export").click()
    page.get_by_role("link", name="Do not look again by itself").click()
    page.get_by_text("This page does not change by itself.").wait_for()
    page.go_back()

    make()

    page.get_by_role("link", name="Download").wait_for()
