"""Accounts and groups: Django's own pages, under the rules of ours."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField
from django.utils.translation import gettext_lazy as _

from projects.admin import RestrictedAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class AccountAdmin(RestrictedAdmin, UserAdmin):
    """An account that is not there answers 404; Django would lead to the front page.

    Rights are given by ticking a group: single permissions would only confuse, because `visible_to` has the last word.
    """

    filter_horizontal = ()
    formfield_overrides = {ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Personal info"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Permissions"), {"fields": ["is_active", "is_staff", "groups", "is_superuser"]}),
    ]


@admin.register(Group)
class RightsAdmin(RestrictedAdmin, GroupAdmin):
    """The same for groups."""
