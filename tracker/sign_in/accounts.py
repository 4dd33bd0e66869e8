"""The account of a session, with all that decides whether the session still holds: one query for each request."""

from axes.backends import AxesStandaloneBackend
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db.models import Exists, OuterRef
from django_otp.plugins.otp_totp.models import TOTPDevice


class ThrottleBackend(AxesStandaloneBackend):
    """django-axes, which says nothing without a request. Where there is none, nobody guesses over the network: a
    command or a test asks, and the next backend answers.
    """

    def authenticate(self, request, **credentials):
        return None if request is None else super().authenticate(request, **credentials)


class AccountBackend(ModelBackend):
    """Django's accounts. Those of a session come with `has_app` and their preferences."""

    def get_user(self, user_id: int):
        app = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        accounts = get_user_model()._default_manager.select_related("review_preference").annotate(has_app=Exists(app))
        user = accounts.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
