"""Deciding first and telling later, in a real browser: sound pages, keyboard only, and without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from applications import workflow
from applications.models import Decision
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/applications/application/"
RELEASE = f"{LIST}release/"


@pytest.fixture
def signed_in_page(open_browser, supervisor):
    def open_(**options) -> Page:
        page = open_browser(**options)
        sign_in(page, supervisor)
        return page

    return open_


@pytest.fixture
def staged(make_application, supervisor, project):
    """One of everything that the release page can show."""
    project.places = 1
    project.save()
    people = {
        name: make_application(full_name=name, email=f"{name.lower()}@example.org")
        for name in ("Ada", "Ben", "Cy", "Dee", "Eve", "Fay")
    }
    workflow.stage(people["Ada"], "offered", by=supervisor, personal_line="We enjoyed your thesis.")
    workflow.stage(people["Ben"], "offered", by=supervisor)
    workflow.stage(people["Cy"], "declined", by=supervisor)
    workflow.stage(people["Dee"], "declined", by=supervisor, letter=workflow.NO_LETTER)
    workflow.release(workflow.stage(people["Eve"], "interview", by=supervisor), by=supervisor)
    workflow.stage(people["Fay"], "interview", by=supervisor)
    workflow.withdraw(people["Fay"])
    return people


@at_each_width
def test_the_pages_of_deciding_and_telling_are_sound(signed_in_page, staged, supervisor, make_application, width):
    told = make_application(full_name="Gus", email="gus@example.org")
    workflow.decide(told, "declined", by=supervisor)
    page = signed_in_page(width=width)

    for address in (
        f"{RELEASE}?tick=all&letters=all",
        f"{LIST}{staged['Ada'].pk}/staged/",
        f"{LIST}{staged['Ada'].pk}/decide/declined/",
        f"{LIST}{staged['Ada'].pk}/decide/offered/",
        f"{LIST}{staged['Eve'].pk}/decide/declined/",
        f"{LIST}{told.pk}/undo/",
    ):
        page.goto(address)
        assert_page_is_sound(page)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_staged_letters_are_read_completed_released_and_called_back(signed_in_page, application, scripts):
    page = signed_in_page(java_script_enabled=scripts)
    page.goto(f"{LIST}{application.pk}/decide/declined/")
    page.get_by_role("button", name="Stage with this letter").click()
    page.get_by_role("link", name="released").click()

    page.get_by_role("button", name="Open all letters").click()
    page.get_by_label("Personal line").fill("Do try again.")
    page.get_by_role("button", name="Tick all").click()
    if not scripts:
        page.get_by_role("button", name="Open all letters").click()
    else:
        expect(page.locator("[data-count]")).to_have_text("1 ticked")
    page.get_by_role("button", name="Release the ticked ones").click()
    if scripts:  # without them the line was saved, and the new letter read, by ticking
        expect(page.get_by_text("Please look once more")).to_be_visible()
        expect(page.locator(".letter-words")).to_contain_text("Do try again.")
        page.get_by_role("button", name="Release the ticked ones").click()

    expect(page.get_by_text("Until then you can call it back.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Call back ?:")).click()
    expect(page.get_by_text("it is staged again")).to_be_visible()
    assert Decision.objects.get().is_staged


def test_the_keyboard_alone_ticks_and_releases_and_enter_never_does(signed_in_page, application, supervisor):
    decision = workflow.stage(application, "declined", by=supervisor)
    page = signed_in_page()
    page.goto(RELEASE)

    box = page.get_by_role("checkbox", name="Ada Example")
    box.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    decision.refresh_from_db()
    assert decision.is_staged

    box = page.get_by_role("checkbox", name="Ada Example")
    expect(box).to_be_checked()
    page.get_by_role("button", name="Release the ticked ones").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="On their way")).to_be_visible()
    decision.refresh_from_db()
    assert decision.is_on_its_way
