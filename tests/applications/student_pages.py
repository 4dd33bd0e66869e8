"""How tests of the student's pages speak of them."""

import re

from applications.models import Application


def at(application: Application, page: str = "") -> str:
    return application.get_absolute_url() + page


def words(response) -> str:
    """The page's text, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
