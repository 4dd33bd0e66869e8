"""Making an account for a co-advisor or a supervisor, as the README describes it."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(db) -> User:
    return User.objects.create_user("carl@example.org", password="a long enough password")


def test_rights_are_given_by_ticking_a_group(client, superuser, person):
    client.force_login(superuser)
    page = reverse("admin:auth_user_change", args=[person.pk])
    group = Group.objects.get(name="Co-advisors")

    answer = client.get(page)
    assert f'<input type="checkbox" name="groups" value="{group.pk}"' in answer.content.decode()
    answer = client.post(
        page,
        {"username": person.username, "email": person.email, "is_active": "on", "is_staff": "on", "groups": group.pk},
    )

    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.is_staff
    assert list(person.groups.all()) == [group]


def test_single_permissions_and_dates_are_not_asked_for(client, superuser, person):
    """Groups say what a person may do; visible_to says with which rows. A single permission would only confuse."""
    client.force_login(superuser)

    fields = client.get(reverse("admin:auth_user_change", args=[person.pk])).context["adminform"].form.fields

    assert "user_permissions" not in fields
    assert not {"last_login", "date_joined"} & set(fields)
