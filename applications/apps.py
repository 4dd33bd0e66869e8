from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ApplicationsConfig(AppConfig):
    name = "applications"
    verbose_name = _("Applications")

    def ready(self) -> None:
        from applications.groups import give_groups_their_permissions
        from applications.search import keep_index

        # Permissions exist only after migrate, so the groups that hold them are completed there (see groups.py).
        post_migrate.connect(give_groups_their_permissions, sender=self, dispatch_uid="applications.groups")
        # The index over the words to search is no model of Django's, and a migration may take its triggers away.
        post_migrate.connect(keep_index, sender=self, dispatch_uid="applications.search")
