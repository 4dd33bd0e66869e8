"""The review side: the list of applications, the page of each, decisions, and the letters."""

from applications.admin.application import ApplicationAdmin
from applications.admin.erasure import ErasureAdmin
from applications.admin.export import ExportAdmin
from applications.admin.letter import LetterAdmin
from applications.admin.project import ReviewedProjectAdmin
from applications.admin.wording import LetterWordingAdmin

__all__ = [
    "ApplicationAdmin",
    "ErasureAdmin",
    "ExportAdmin",
    "LetterAdmin",
    "LetterWordingAdmin",
    "ReviewedProjectAdmin",
]
