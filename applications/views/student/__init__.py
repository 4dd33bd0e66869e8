"""The student's own pages, reached by the manage link. Each begins by loading the application, which is the check.

A GET never changes anything, whatever a mail scanner opens: the manage link only lets this browser in.
"""

from applications.views.student.answering import accept, withdraw
from applications.views.student.asking import ask
from applications.views.student.correcting import answers, complete, documents
from applications.views.student.erasing import erase, not_me
from applications.views.student.link import address, confirm, find, open_link, renew
from applications.views.student.overview import page
from applications.views.student.receipt import receipt

__all__ = [
    "accept",
    "address",
    "answers",
    "ask",
    "complete",
    "confirm",
    "documents",
    "erase",
    "find",
    "not_me",
    "open_link",
    "page",
    "receipt",
    "renew",
    "withdraw",
]
