"""How often something was asked for, within an hour, by whoever asks without an account."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RequestCount(models.Model):
    """`count` requests of the kind `what` by `whose` in the hour that began at `hour`; see `applications.limits`.

    `whose` is a keyed fingerprint of a network address, with an e-mail address or without, never the address itself;
    rows are swept after a day.
    """

    what = models.CharField(max_length=30)
    whose = models.CharField(max_length=64)
    hour = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("request count")
        verbose_name_plural = _("request counts")
        constraints = [
            models.UniqueConstraint(fields=["what", "whose", "hour"], name="applications_requestcount_once_an_hour")
        ]
        indexes = [models.Index(fields=["hour"], name="applications_requestcount_age")]

    def __str__(self) -> str:
        return f"{self.what} {self.hour:%Y-%m-%d %H}: {self.count}"
