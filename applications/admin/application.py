"""Reviewing applications: one admin, put together from groups of pages."""

from django.contrib import admin

from applications.admin.casework import CaseworkPages
from applications.admin.comparing import ComparisonPages
from applications.admin.deciding import DecisionPages
from applications.admin.entering import EntryPages
from applications.admin.erasing import ErasurePages
from applications.admin.exporting import ExportPages
from applications.admin.listing import ListPages
from applications.admin.releasing import ReleasePages
from applications.admin.undoing import UndoPages
from applications.models import Application


@admin.register(Application)
class ApplicationAdmin(
    ListPages,
    ComparisonPages,
    CaseworkPages,
    ReleasePages,
    UndoPages,
    DecisionPages,
    EntryPages,
    ErasurePages,
    ExportPages,
):
    """Each group adds its addresses and asks for itself who may open them; what they share is `ApplicationPages`."""
