"""The groups come with the migrations, with what they need and no more."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from applications.groups import CO_ADVISORS, SUPERVISORS

pytestmark = pytest.mark.django_db


def allowed(group: str) -> set[str]:
    permissions = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{p.content_type.app_label}.{p.codename}" for p in permissions}


def test_supervisors_review_and_edit_the_catalogue():
    assert allowed(SUPERVISORS) >= {
        "applications.view_application",
        "applications.change_application",
        "applications.delete_application",
        "applications.change_letter",
        "projects.add_project",
        "projects.change_project",
    }


def test_co_advisors_review_but_do_not_edit_the_project_or_erase():
    assert allowed(CO_ADVISORS) >= {"applications.view_application", "applications.change_application"}
    assert not {p for p in allowed(CO_ADVISORS) if p.startswith("projects.") and not p.startswith("projects.view_")}
    assert not {p for p in allowed(CO_ADVISORS) if ".delete_" in p or ".add_" in p}


@pytest.mark.parametrize("group", [SUPERVISORS, CO_ADVISORS])
def test_nobody_gets_rights_over_accounts_or_can_write_applications_and_letters_by_hand(group):
    assert not {p for p in allowed(group) if p.split(".")[0] not in ("applications", "projects")}
    assert not allowed(group) & {
        "applications.add_application",
        "applications.add_letter",
        "applications.delete_letter",
    }


def test_migrating_again_mends_a_group_and_keeps_what_an_administrator_added():
    supervisors = Group.objects.get(name=SUPERVISORS)
    before = allowed(SUPERVISORS)
    supervisors.permissions.remove(Permission.objects.get(codename="view_application"))
    supervisors.permissions.add(Permission.objects.get(codename="view_user"))
    Group.objects.get(name=CO_ADVISORS).delete()

    call_command("migrate", verbosity=0)

    assert allowed(SUPERVISORS) == before | {"auth.view_user"}
    assert allowed(CO_ADVISORS)
