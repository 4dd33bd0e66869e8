"""The cast: Ada supervises, Bea supervises other projects, Cem is co-advisor with an account, Dan has no rights."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from projects.models import CoAdvisor, Project, Topic

RESEARCH_PAGE = Path(__file__).with_name("research-page.md")
CATALOGUE_RIGHTS = {
    "Supervisors": ["add_topic", "view_topic"]
    + [f"{action}_{model}" for model in ("project", "coadvisor") for action in ("view", "add", "change", "delete")],
    "Co-advisors": ["view_project", "view_topic", "view_coadvisor"],
}


@pytest.fixture
def groups(db) -> dict[str, Group]:
    """The two groups with exactly the rights to the catalogue that these tests speak of."""
    made = {}
    for name, codenames in CATALOGUE_RIGHTS.items():
        made[name] = Group.objects.get_or_create(name=name)[0]
        rights = Permission.objects.filter(content_type__app_label="projects", codename__in=codenames)
        assert len(rights) == len(codenames)
        made[name].permissions.set(rights)
    return made


def _staff(name: str, *groups: Group) -> User:
    user = User.objects.create_user(f"{name.lower()}@example.org", first_name=name, last_name="Example", is_staff=True)
    user.groups.set(groups)
    return user


@pytest.fixture
def ada(groups) -> User:
    return _staff("Ada", groups["Supervisors"])


@pytest.fixture
def bea(groups) -> User:
    return _staff("Bea", groups["Supervisors"])


@pytest.fixture
def cem(groups) -> User:
    return _staff("Cem", groups["Co-advisors"])


@pytest.fixture
def dan(db) -> User:
    return _staff("Dan")


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root@example.org")


@pytest.fixture
def topic(db) -> Topic:
    return Topic.objects.create(name="Graphs", position=1)


@pytest.fixture
def project(topic, ada, cem) -> Project:
    """Ada's project, which names Cem."""
    project = Project.objects.create(title="Walks on graphs", topic=topic, supervisor=ada, places=2)
    project.co_advisors.add(CoAdvisor.objects.create(name="Cem Example", email="cem@example.org", user=cem))
    return project


@pytest.fixture
def bea_project(topic, bea) -> Project:
    return Project.objects.create(title="Trees of Bea", topic=Topic.objects.create(name="Forests"), supervisor=bea)


@pytest.fixture
def as_user():
    """A browser in which this user is signed in; nobody for None."""

    def browser(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return browser


@pytest.fixture
def import_page(db, tmp_path, capsys):
    """Import a page given as text (or bytes) and return the receipt."""

    def run(content: str | bytes, *options: str) -> str:
        file = tmp_path / "page.md"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        call_command("import_projects", str(file), *options)
        return capsys.readouterr().out

    return run
