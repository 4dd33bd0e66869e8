"""The review page by keyboard alone, and as a whole: full of everything, wide and narrow, light and dark."""

import datetime
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from applications import workflow
from applications.models import Application, Decision, Event, Preference, Reading, Review
from projects.models import Criterion, Project
from tests.browser.pages import accessibility_faults, assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/applications/application/"


def open_page(page: Page, application: Application, filters: str = "") -> None:
    page.goto(f"{LIST}{application.pk}/change/" + (f"?_changelist_filters={filters}" if filters else ""))
    expect(page.locator("#show-keys")).to_be_visible()  # the script is there


def is_at(page: Page, application: Application) -> None:
    expect(page).to_have_url(re.compile(f"{LIST}{application.pk}/change/"))
    expect(page.locator("#show-keys")).to_be_visible()


@pytest.fixture
def in_order(client, supervisor, make_application) -> list[Application]:
    """Three applications in the order in which this reviewer reads them."""
    for name in ("Ada", "Bob", "Cy"):
        make_application(email=f"{name}@example.org", full_name=f"{name} Example")
    client.force_login(supervisor)
    return list(client.get(LIST).context["cl"].result_list)


@pytest.fixture
def reader(page, supervisor, in_order) -> Page:
    sign_in(page, supervisor)
    open_page(page, in_order[0])
    return page


def test_keys_lead_through_the_list(reader, in_order):
    first, second, third = in_order

    for key, place in (("j", second), ("j", third), ("k", second), ("u", third)):
        reader.keyboard.press(key)
        is_at(reader, place)
    reader.keyboard.press("s")
    is_at(reader, first)
    assert Reading.objects.get().application == third


def test_rating_and_deciding_by_keys_alone(reader, supervisor, in_order):
    for number, application in enumerate(in_order):
        is_at(reader, application)
        reader.keyboard.press("4")
        expect(reader.get_by_role("radio", name="4 Strong")).to_be_checked()
        reader.keyboard.press("d")
        expect(reader.get_by_text("“Declined” is staged.")).to_be_visible()
        assert Decision.objects.count() == number + 1

    assert set(Review.objects.values_list("reviewer", "rating")) == {(supervisor.pk, 4)}
    expect(reader.get_by_text("You have read everything in this list.")).to_be_visible()


def test_ctrl_enter_saves_the_form_one_is_in_or_else_the_rating(reader, in_order):
    reader.keyboard.press("n")
    reader.keyboard.type("j4d? is what I typed")
    reader.keyboard.press("Control+Enter")
    expect(reader.get_by_text("The note is saved.")).to_be_visible()
    assert Event.objects.get(kind=Event.Kind.NOTE).text == "j4d? is what I typed"

    reader.keyboard.press("5")
    reader.keyboard.press("Control+Enter")
    expect(reader.get_by_text(re.compile("Your rating of .* is saved"))).to_be_visible()
    assert Review.objects.get().rating == 5
    assert not Decision.objects.exists()


def test_keys_are_letters_while_one_types(reader, in_order):
    for field in (reader.get_by_label("Comment"), reader.get_by_label("Recommendation")):
        field.focus()
        for key in "jud4":
            reader.keyboard.press(key)
    is_at(reader, in_order[0])
    expect(reader.get_by_label("Comment")).to_have_value("jud4")
    expect(reader.get_by_role("radio", name="4 Strong")).not_to_be_checked()
    assert not Decision.objects.exists()


def test_keys_with_modifiers_are_left_to_the_browser(reader, in_order):
    for modifier in ("Control", "Alt", "Meta"):
        reader.keyboard.press(f"{modifier}+i")
    is_at(reader, in_order[0])
    assert not Decision.objects.exists()


def test_slash_leads_to_the_search_of_the_list(reader):
    reader.keyboard.press("/")

    expect(reader).to_have_url(re.compile(f"{LIST}#searchbar"))
    expect(reader.locator("#searchbar")).to_be_focused()


def test_the_keys_are_listed_and_lead_to_where_they_are_switched_off(reader, in_order):
    reader.keyboard.press("?")
    dialog = reader.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    reader.keyboard.press("d")  # nothing happens behind it
    assert accessibility_faults(reader) == []
    reader.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    reader.get_by_role("button", name="Keys").click()
    dialog.get_by_role("link", name="Switch them off").click()
    expect(reader).to_have_url(re.compile("/admin/preferences/"))
    assert not Decision.objects.exists()


def test_switched_off_no_key_does_anything(reader, supervisor, in_order):
    Preference.objects.create(user=supervisor, shortcuts=False)
    open_page(reader, in_order[0])

    for key in ("j", "u", "4", "d", "n", "/", "?"):
        reader.keyboard.press(key)

    is_at(reader, in_order[0])
    expect(reader.get_by_role("dialog")).to_be_hidden()
    expect(reader.get_by_role("radio", name="4 Strong")).not_to_be_checked()
    reader.get_by_role("button", name="Keys").click()
    expect(reader.get_by_text("You have switched the keys off.")).to_be_visible()


def test_typed_text_is_not_left_behind_without_a_word(reader, in_order):
    asked = []
    reader.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    reader.get_by_label("Add a note").fill("Half a note")

    reader.get_by_role("link", name="Next", exact=True).click()

    expect(reader.get_by_label("Add a note")).to_have_value("Half a note")
    assert asked == ["beforeunload"]
    is_at(reader, in_order[0])


def test_everything_works_without_scripts(open_browser, supervisor, in_order):
    page = open_browser(java_script_enabled=False)
    sign_in(page, supervisor)
    page.goto(f"{LIST}{in_order[0].pk}/change/")

    expect(page.locator("#show-keys")).to_be_hidden()
    page.get_by_role("radio", name="4 Strong").check()
    page.get_by_role("button", name="Stage: Decline").click()
    expect(page.get_by_text("“Declined” is staged.")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    assert not Decision.objects.exists()
    assert Review.objects.get().rating == 4


# The page as a whole


@pytest.fixture
def full(settings, project, supervisor, co_advisor, superuser, topic, make_application, make_uploads) -> Application:
    """Long names, six documents, twenty notes, all marks, a staged decision, and this person elsewhere."""
    name = "Maximilian-Alexander Papadopoulos-Wolfeschlegelsteinhausenbergerdorff"
    for place, criterion in enumerate(("Mathematics", "Programming", "Motivation and fit to the group")):
        Criterion.objects.create(project=project, name=criterion, position=place)
    application = make_application(full_name=name, transcripts=5, motivation="A long reason. " * 150)
    elsewhere = Project.objects.create(title="Graphs " * 20, topic=topic, supervisor=supervisor)
    make_application(elsewhere, full_name=name)
    Application.objects.filter(pk=application.pk).update(received_at=timezone.now() - datetime.timedelta(days=99))
    scores = {criterion.pk: 3 for criterion in project.criteria.all()}
    for rating, reviewer in ((1, co_advisor), (5, superuser), (4, supervisor)):
        workflow.review(
            application, rating=rating, recommendation="offer", comment="Good. " * 30, scores=scores, by=reviewer
        )
    workflow.ask(application, [co_advisor], by=supervisor)
    for number in range(20):
        workflow.note(application, f"Note {number}: " + "words " * 20, by=co_advisor)
    workflow.add_documents(application, make_uploads()[:1], by=co_advisor)
    workflow.stage(application, "interview", by=co_advisor)
    return application


@at_each_width
def test_a_full_page_is_sound(open_browser, supervisor, full, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)
    open_page(page, full)
    for summary in page.locator("#content details:not([open]) > summary").all():
        if summary.is_visible():
            summary.click()

    assert_page_is_sound(page)


@pytest.mark.parametrize("width", [360, 1440])
def test_errors_come_back_where_one_can_see_them(open_browser, supervisor, application, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)
    open_page(page, application)
    page.locator("#write > summary").click()
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.get_by_text("The letter needs a subject.")).to_be_visible()
    assert accessibility_faults(page) == []
    page.get_by_role("button", name="Save rating").click()
    expect(page.get_by_text("Please choose a rating.")).to_be_in_viewport()
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_what_has_the_focus_is_never_hidden_behind_the_bars(page, supervisor, application):
    sign_in(page, supervisor)
    open_page(page, application)
    page.locator("h1").click()

    hidden = []
    for _ in range(45):
        page.keyboard.press("Tab")
        hidden += page.evaluate(
            """() => {
                const element = document.activeElement;
                if (element === document.body || element.tagName === "IFRAME" || element.closest("#header")) return [];
                const box = element.getBoundingClientRect();
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
                const seen = top && (element.contains(top) || top.contains(element) || top.closest("label"));
                return seen ? [] : [element.outerHTML.slice(0, 100)];
            }"""
        )
    assert hidden == []


def test_a_key_that_bounces_does_not_decide_about_the_next_student(reader, in_order):
    first, second, third = in_order
    reader.keyboard.press("w")
    is_at(reader, second)

    reader.keyboard.press("w")
    is_at(reader, second)
    assert [decision.application for decision in Decision.objects.all()] == [first]

    reader.wait_for_timeout(1100)
    reader.keyboard.press("w")
    is_at(reader, third)
    assert Decision.objects.count() == 2


def test_one_comes_back_to_what_one_has_just_done(reader, co_advisor):
    reader.locator("#ask > summary").click()
    reader.get_by_label("Carl Coadvisor").check()
    reader.get_by_role("button", name="Ask", exact=True).click()

    expect(reader.get_by_text("1 person is asked.")).to_be_visible()
    expect(reader.locator("#ask")).to_have_attribute("open", "")
    expect(reader.get_by_text("not done yet")).to_be_visible()


def test_an_edited_letter_is_not_left_behind_without_a_word(page, supervisor, application):
    workflow.stage(application, "declined", by=supervisor)
    sign_in(page, supervisor, f"{LIST}{application.pk}/staged/")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("Letter", exact=True).fill("Mine.")

    page.get_by_role("link", name="Applications").first.click()

    expect(page.get_by_label("Letter", exact=True)).to_have_value("Mine.")
    assert asked == ["beforeunload"]
