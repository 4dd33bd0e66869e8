from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ApplicationsConfig(AppConfig):
    name = "applications"
    verbose_name = _("Applications")

    def ready(self) -> None:
        from applications.groups import give_groups_their_permissions

        # Permissions exist only after migrate, so the groups that hold them are completed there (see groups.py).
        post_migrate.connect(give_groups_their_permissions, sender=self, dispatch_uid="applications.groups")
