"""A real Chromium for the browser tests. With CI=true a missing one is a failure, never a skip."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

pytest.register_assert_rewrite("tests.browser.pages")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("No Chromium on this machine. Install Debian's package `chromium`.")
        pytest.skip("No Chromium on this machine (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watch:
    """What a page did wrong while it was open: policy violations, script errors, answers of 500."""

    def __init__(self, page: Page) -> None:
        self.faults: list[str] = []
        self.is_paused = False  # while axe is in the page, which adds two styles of its own
        page.on("framenavigated", lambda frame: frame == page.main_frame and self._resume())
        page.on("console", lambda message: self._note_console(message))
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("response", lambda r: r.status >= 500 and self.faults.append(f"{r.status} {r.url}"))

    def _resume(self) -> None:
        self.is_paused = False

    def _note_console(self, message) -> None:
        if not self.is_paused and "Content Security Policy" in message.text:
            self.faults.append(message.text)


@pytest.fixture
def open_browser(browser: Browser, live_server) -> Iterator:
    """Opens a new browser profile; afterwards no page in it may have broken the policy or raised an error."""
    opened: list[tuple[BrowserContext, list[Watch]]] = []

    def open_(width: int = 1440, **options) -> Page:
        options = {"viewport": {"width": width, "height": 900}, "locale": "en-GB"} | options
        context = browser.new_context(base_url=live_server.url, **options)
        watches: list[Watch] = []
        opened.append((context, watches))

        def watch(page: Page) -> None:
            page.watch = Watch(page)
            watches.append(page.watch)

        context.on("page", watch)
        return context.new_page()

    yield open_
    faults = [fault for _context, watches in opened for watch in watches for fault in watch.faults]
    for context, _watches in opened:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_browser) -> Page:
    return open_browser()
