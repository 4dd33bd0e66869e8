"""What the browser tests share: the widths, signing in, and what every page must keep."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
PASSWORD = "a long enough password"

SCHEMES = ("light", "dark")


def at_each_width(test: Callable) -> Callable:
    """The test gets `width`: of a screen on a desk, and of a phone. It looks at pages; the database is no matter."""
    return pytest.mark.looks(pytest.mark.parametrize("width", [1440, 390])(test))


def sign_in(page: Page, user, to: str = "/admin/") -> None:
    """Opens `to`, is led to the form for signing in, and comes back."""
    user.set_password(PASSWORD)
    user.save()
    page.goto(to)
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)


def assert_page_is_sound(page: Page) -> None:
    """One main heading, nothing wider than the screen, and no fault that axe finds in light or in dark."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator("h1").count() == 1
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # colours that fade have no contrast yet
        faults = [f"{scheme}: {fault}" for fault in accessibility_faults(page)]
        assert faults == []


def accessibility_faults(page: Page) -> list[str]:
    """What axe finds on the page as it is now, one line each."""
    page.watch.is_paused = True
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text() + "; undefined")
    result = page.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false})")
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
