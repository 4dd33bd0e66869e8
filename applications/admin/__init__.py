"""The review side: the list of applications, the page of each, decisions, and the letters."""

from applications.admin.application import ApplicationAdmin
from applications.admin.letter import LetterAdmin

__all__ = ["ApplicationAdmin", "LetterAdmin"]
