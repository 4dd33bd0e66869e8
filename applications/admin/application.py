"""Reviewing applications: one admin, put together from groups of pages."""

from django.contrib import admin

from applications.admin.deciding import DecisionPages
from applications.admin.erasing import ErasurePages
from applications.admin.listing import ListPages
from applications.admin.reviewing import ReviewPages
from applications.models import Application


@admin.register(Application)
class ApplicationAdmin(ListPages, ReviewPages, DecisionPages, ErasurePages):
    """Each group adds its addresses and asks for itself who may open them; what they share is `ApplicationPages`."""
