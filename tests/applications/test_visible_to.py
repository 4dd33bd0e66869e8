"""Who sees an application: `visible_to` is the permission, for every role and every kind of account."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission

from applications.groups import CO_ADVISORS, SUPERVISORS
from applications.models import Application, Letter
from projects.models import CoAdvisor, Project


@pytest.fixture
def two_applications(make_application, project, other_project) -> tuple[Application, Application]:
    """One to `project`, one to `other_project`."""
    return make_application(project), make_application(other_project, email="bob@example.org")


def seen_by(user) -> set[int]:
    """Asked anew, because Django remembers a user's permissions."""
    user = type(user).objects.get(pk=user.pk) if user.pk else user
    applications = set(Application.objects.visible_to(user).values_list("pk", flat=True))
    letters_of = set(Letter.objects.visible_to(user).values_list("application", flat=True))
    assert letters_of == applications, "letters are seen exactly with their applications"
    return applications


def test_a_supervisor_sees_the_applications_to_the_own_projects_only(two_applications, supervisor, other_supervisor):
    mine, foreign = two_applications
    assert seen_by(supervisor) == {mine.pk}
    assert seen_by(other_supervisor) == {foreign.pk}


def test_a_co_advisor_sees_the_applications_to_the_projects_that_name_them(two_applications, co_advisor):
    assert seen_by(co_advisor) == {two_applications[0].pk}


def test_a_superuser_sees_all(two_applications, superuser):
    assert seen_by(superuser) == {application.pk for application in two_applications}


def test_anonymous_people_and_staff_without_the_permission_see_nothing(two_applications, staff_without_rights):
    assert seen_by(staff_without_rights) == set()
    assert seen_by(AnonymousUser()) == set()


def test_owning_a_project_is_not_enough_without_the_permission(two_applications, supervisor, staff_without_rights):
    Project.objects.update(supervisor=staff_without_rights)
    assert seen_by(staff_without_rights) == set()
    assert seen_by(supervisor) == set()


@pytest.mark.parametrize("who", ["supervisor", "co_advisor", "superuser"])
@pytest.mark.parametrize("switched_off", ["is_active", "is_staff"])
def test_an_account_that_is_switched_off_or_no_longer_staff_sees_nothing(two_applications, request, who, switched_off):
    user = request.getfixturevalue(who)
    setattr(user, switched_off, False)
    user.save()
    assert seen_by(user) == set()


def test_whoever_is_no_longer_named_or_in_the_group_sees_nothing(two_applications, project, co_advisor, supervisor):
    project.co_advisors.clear()
    supervisor.groups.clear()
    assert seen_by(co_advisor) == set()
    assert seen_by(supervisor) == set()


def test_a_new_supervisor_takes_the_applications_over(two_applications, project, supervisor, other_supervisor):
    project.supervisor = other_supervisor
    project.save()
    assert seen_by(supervisor) == set()
    assert seen_by(other_supervisor) == {application.pk for application in two_applications}


def test_an_entry_without_account_gives_nobody_a_view(two_applications, project, staff_without_rights):
    staff_without_rights.groups.add(Group.objects.get(name=CO_ADVISORS))
    project.co_advisors.add(CoAdvisor.objects.create(name="Nora Norights", email=staff_without_rights.email))
    assert seen_by(staff_without_rights) == set()


def test_who_is_supervisor_and_co_advisor_sees_each_application_once(two_applications, other_project, supervisor):
    other_project.co_advisors.add(CoAdvisor.objects.create(name="Sofia", user=supervisor))
    other_project.co_advisors.add(CoAdvisor.objects.create(name="Another"))
    assert Application.objects.visible_to(supervisor).count() == 2
    assert seen_by(supervisor) == {application.pk for application in two_applications}


def test_the_permission_may_come_without_a_group(two_applications, project, staff_without_rights):
    staff_without_rights.user_permissions.add(Permission.objects.get(codename="view_application"))
    assert seen_by(staff_without_rights) == set()
    Project.objects.filter(pk=project.pk).update(supervisor=staff_without_rights)
    assert seen_by(staff_without_rights) == {two_applications[0].pk}


def test_applications_to_a_project_without_supervisor_are_seen_by_superusers_only(
    two_applications, superuser, supervisor, other_supervisor
):
    Project.objects.update(supervisor=None)
    assert seen_by(superuser) == {application.pk for application in two_applications}
    assert seen_by(supervisor) == seen_by(other_supervisor) == set()
    assert SUPERVISORS in {group.name for group in supervisor.groups.all()}
