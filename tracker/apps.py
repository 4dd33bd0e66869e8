from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class TrackerConfig(AppConfig):
    name = "tracker"
    verbose_name = _("Application tracker")

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in
        from django.core.checks import register

        from tracker.data_folder import check_nothing_is_half_restored
        from tracker.sign_in.sessions import note_times

        register(check_nothing_is_half_restored)
        user_logged_in.connect(note_times, dispatch_uid="tracker.sign_in")


class TrackerAdminConfig(AdminConfig):
    default_site = "tracker.admin_site.TrackerAdminSite"
