"""Another site sends a form to ours, from a real browser: whoever is signed in here stays so."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOREIGN_PAGE = """
<form method="post" action="{action}"><input name="text" value="Planted words."><button>Win a prize</button></form>
"""


@pytest.mark.parametrize("path", ["/applications/AAAA-AAAA/ask/", "/projects/{slug}/apply/"])
def test_a_page_elsewhere_can_sign_nobody_out(open_browser, live_server, supervisor, project, path):
    page = open_browser()
    sign_in(page, supervisor)
    before = page.context.cookies(live_server.url)
    action = live_server.url + path.format(slug=project.slug)
    foreign = FOREIGN_PAGE.format(action=action)
    page.route("http://elsewhere.example/", lambda route: route.fulfill(body=foreign, content_type="text/html"))

    page.goto("http://elsewhere.example/")
    page.get_by_role("button", name="Win a prize").click()

    expect(page.locator("main")).to_contain_text("could not be accepted")
    expect(page.locator("body")).not_to_contain_text("Planted words.")
    assert page.context.cookies(live_server.url) == before
    page.goto("/admin/")
    assert page.url == f"{live_server.url}/admin/"
