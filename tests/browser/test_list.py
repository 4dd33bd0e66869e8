"""The list, its bulk pages and the comparison: sound at each width and in each light, and usable by keyboard."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from applications import workflow
from applications.models import Application, Rendition
from applications.statuses import Status
from projects.models import Criterion
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/applications/application/"


@pytest.fixture
def several(make_application, supervisor, co_advisor, project) -> list[Application]:
    """Applications in many states, with a long name, ratings that may and may not be read, and staged decisions."""
    criterion = Criterion.objects.create(project=project, name="Mathematics")
    names = ("Ada Example", "Bartholomäus von und zu Müller-Lüdenscheidt-Hohenstaufen", "Eve Example", "Zoë O’Brien")
    ada, bob, eve, zoe = (
        make_application(full_name=name, email=f"a.rather.long.address.{number}@students.example.org")
        for number, name in enumerate(names)
    )
    for application, reviewer, rating in ((ada, supervisor, 4), (ada, co_advisor, 2), (bob, co_advisor, 5)):
        workflow.review(
            application, rating=rating, comment="Clear and honest.", scores={criterion.pk: rating}, by=reviewer
        )
    workflow.stage(eve, Status.OFFERED, by=supervisor)
    workflow.set_star(eve, True, by=supervisor)
    workflow.ask(zoe, [supervisor], by=supervisor)
    workflow.abstain(eve, by=supervisor)
    Application.objects.filter(pk=zoe.pk).update(received_at=timezone.now() - datetime.timedelta(days=60))
    Rendition.objects.create(document=ada.documents.get(kind="cv"), state="made", page_sizes=[[1240, 1754]])
    return [ada, bob, eve, zoe]


def ids(applications) -> str:
    return ",".join(str(application.pk) for application in applications)


@at_each_width
def test_the_list_and_what_it_leads_to_are_sound(open_browser, supervisor, several, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)

    page.goto(LIST)
    assert_page_is_sound(page)
    assert page.evaluate(
        "(() => { const box = document.querySelector('.results'); return box.scrollWidth <= box.clientWidth; })()"
    )
    page.goto(f"{LIST}?decision=staged&reading=abstained")
    page.locator(".list-filters summary").click()
    assert_page_is_sound(page)
    for below in ("bulk/stage/offered/", "bulk/stage/declined/", "bulk/clear/", "bulk/ask/", "compare/"):
        page.goto(f"{LIST}{below}?ids={ids(several)}")
        assert_page_is_sound(page)


def test_many_are_staged_from_the_list_with_the_keyboard_alone(page: Page, supervisor, several):
    sign_in(page, supervisor)
    page.goto(LIST)

    for box in page.locator(".action-select").all():
        box.focus()
        page.keyboard.press("Space")
    expect(page.locator(".action-counter")).to_have_text("4 of 4 selected")
    page.get_by_label("Action:").focus()
    page.keyboard.type("Stage: decline")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stage: Decline")).to_be_visible()
    page.get_by_role("button", name="Stage 3 decisions").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("3 decisions are staged")).to_be_visible()
    expect(page.get_by_text("“Offer” is staged already")).to_be_visible()


def test_the_list_narrows_without_scripts(open_browser, supervisor, several):
    page = open_browser(java_script_enabled=False)
    sign_in(page, supervisor)
    page.goto(LIST)

    page.locator(".list-filters summary").click()
    page.get_by_role("link", name="Starred by me").click()

    expect(page.locator(".action-select")).to_have_count(1)
    page.get_by_role("link", name="Without the filter “my reading”").click()
    expect(page.locator(".action-select")).to_have_count(4)
