"""The two groups of people who review, and what they may do. Which objects they see is `visible_to`, never a group."""

from django.apps import apps as global_apps
from django.contrib.auth.management import create_permissions

SUPERVISORS = "Supervisors"
CO_ADVISORS = "Co-advisors"

REVIEW = [
    "applications.view_application",
    "applications.change_application",  # notes and decisions; the answers themselves are read-only in the admin
    "applications.view_letter",
]
CATALOGUE = [
    f"projects.{action}_{model}" for model in ("project", "coadvisor") for action in ("view", "add", "change", "delete")
]

PERMISSIONS = {
    SUPERVISORS: [
        *REVIEW,
        *CATALOGUE,
        "applications.change_letter",  # send a failed letter again
        "applications.delete_application",  # erase on a student's request
        "projects.view_topic",
        "projects.add_topic",
        *(f"applications.{action}_letterwording" for action in ("view", "add", "change", "delete")),
    ],
    CO_ADVISORS: [*REVIEW, "projects.view_project", "projects.view_topic", "projects.view_coadvisor"],
}


def give_groups_their_permissions(using: str, apps=global_apps, **kwargs) -> None:
    """Make the groups and add what they lack, after every `migrate`; what an administrator added stays."""
    for label in ("applications", "projects"):
        create_permissions(global_apps.get_app_config(label), verbosity=0, using=using)
    group_model = global_apps.get_model("auth", "Group")
    permission_model = global_apps.get_model("auth", "Permission")
    for name, wanted in PERMISSIONS.items():
        group, _ = group_model.objects.using(using).get_or_create(name=name)
        for permission in wanted:
            label, codename = permission.split(".")
            group.permissions.add(
                permission_model.objects.using(using).get(content_type__app_label=label, codename=codename)
            )
