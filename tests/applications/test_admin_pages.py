"""The review admin is put together from groups of pages: none may silently take another's method away."""

from collections import defaultdict

from applications.admin import ApplicationAdmin
from applications.admin.base import ApplicationPages


def test_no_two_groups_of_pages_use_the_same_name_for_different_things():
    groups = [group for group in ApplicationAdmin.__mro__ if issubclass(group, ApplicationPages)]
    inherited = set(dir(ApplicationPages))  # what Django or the base has is overridden knowingly, with super()
    owners = defaultdict(list)
    for group in groups:
        for name in vars(group):
            if name not in inherited and not name.startswith("__"):
                owners[name].append(group.__name__)

    assert {name: names for name, names in owners.items() if len(names) > 1} == {}
