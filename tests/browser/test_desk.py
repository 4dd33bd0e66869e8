"""The desk in a real browser: sound wide and narrow, light and dark, empty and full; usable with the keyboard alone."""

import pytest

from applications import demo
from applications.models import Application
from projects.models import Project
from tests.browser.pages import accessibility_faults, assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@at_each_width
def test_a_busy_desk_is_sound(open_browser, superuser, width):
    demo.seed(120)
    page = open_browser(width=width)
    sign_in(page, superuser)

    assert page.locator(".desk-card").count() >= 6
    assert_page_is_sound(page)
    for summary in page.locator("summary").all():
        summary.click()
    assert_page_is_sound(page)


@at_each_width
def test_the_desk_of_a_beginner_is_sound(open_browser, supervisor, topic, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)
    assert page.get_by_role("link", name="Make your first project").is_visible()
    assert_page_is_sound(page)

    Project.objects.create(title="The first one", topic=topic, supervisor=supervisor)
    page.reload()

    assert page.get_by_text("No application has arrived yet").is_visible()
    assert_page_is_sound(page)


def test_from_a_number_to_its_list_and_from_a_name_to_the_review_with_the_keyboard_alone(
    page, supervisor, make_application
):
    make_application()
    sign_in(page, supervisor)

    page.get_by_role("link", name="1 unread by me").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/application/?status=open&reading=unread")
    assert page.get_by_text("Ada Example").first.is_visible()
    page.go_back()
    page.get_by_role("link", name="Ada Example").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/application/{Application.objects.get().pk}/change/**")
    assert accessibility_faults(page) == []


def test_each_picture_says_in_words_what_it_shows_and_has_its_table(page, supervisor, application):
    sign_in(page, supervisor)

    assert page.get_by_role("img", name="Received: 1, Interview: 0, Offered: 0, Accepted: 0").is_visible()
    assert page.get_by_role("img", name="Arrivals by week: 1 in all").is_visible()
    table = page.get_by_role("table").filter(has_text="Week of")
    assert not table.is_visible()
    page.locator("summary", has_text="Arrivals as a table").press("Enter")
    assert table.is_visible()
    assert table.get_by_role("link", name="1", exact=True).is_visible()
