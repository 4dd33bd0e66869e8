"""The desk in the browser of whoever runs the server."""

import html
import re
import urllib.parse

from tests.faults.product import PASSWORD, SUPERVISOR, Product
from tests.faults.student import Student


class Desk:
    """Signed in before anything goes wrong."""

    def __init__(self, product: Product) -> None:
        self.browser = Student(0, product.port, kilobytes=1)
        _status, _location, page = self.browser.ask("GET", "/admin/login/")
        fields = {
            "csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1],
            "username": SUPERVISOR,
            "password": PASSWORD,
        }
        body = urllib.parse.urlencode(fields).encode()
        status, _location, _page = self.browser.ask(
            "POST", "/admin/login/?next=/admin/", body, "application/x-www-form-urlencoded"
        )
        assert status == 302

    def troubles(self) -> str:
        """What it says is wrong."""
        status, _location, page = self.browser.ask("GET", "/admin/")
        assert status == 200
        found = re.search(r'<ul class="desk-troubles">.*?</ul>', page, re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split()) if found else ""
