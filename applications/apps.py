from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class ApplicationsConfig(AppConfig):
    name = "applications"
    verbose_name = _("Applications")

    def ready(self) -> None:
        from applications.groups import give_groups_their_permissions
        from applications.models import append_only
        from applications.search import keep_index

        # Permissions exist only after migrate, so the groups that hold them are completed there (see groups.py).
        post_migrate.connect(give_groups_their_permissions, sender=self, dispatch_uid="applications.groups")
        # The index over the words to search is no model of Django's, and a migration may take its triggers away.
        post_migrate.connect(keep_index, sender=self, dispatch_uid="applications.search")
        # The same holds for the triggers that guard the history, which on SQLite also stand in a migration's way.
        pre_migrate.connect(append_only.make_way, sender=self, dispatch_uid="applications.append_only")
        post_migrate.connect(append_only.keep, sender=self, dispatch_uid="applications.append_only")
