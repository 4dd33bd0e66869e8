"""What runs by itself: when each of the worker's tasks, and each of the operator's commands, last went well."""

import datetime
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ChoreQuerySet(models.QuerySet):
    def in_trouble(self) -> Self:
        """Chores whose last run failed."""
        return self.filter(failed_at__isnull=False)


class Chore(models.Model):
    """One row per task or command: the last run that went well, and since when it fails if it does.

    The desk shows what is wrong. Nothing about a person stands here: `words` names a kind of fault or counts.
    """

    # The signs of life of a running worker, once a minute: of the half that sends letters, and of the one for the rest.
    WORKER, WORKERS_OTHER_TASKS = "worker", "worker, other tasks"

    name = models.CharField(max_length=40, primary_key=True)
    ran_at = models.DateTimeField(default=timezone.now)  # the last time it was tried
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)  # since when it fails without a success in between
    words = models.CharField(max_length=500, blank=True)

    objects = ChoreQuerySet.as_manager()

    class Meta:
        verbose_name = _("chore")
        verbose_name_plural = _("chores")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def note_success(cls, name: str, words: str = "", now: datetime.datetime | None = None) -> None:
        now = now or timezone.now()
        done = {"ran_at": now, "succeeded_at": now, "failed_at": None, "words": words[:500]}
        cls.objects.update_or_create(name=name, defaults=done)

    @classmethod
    def note_failure(cls, name: str, words: str, now: datetime.datetime | None = None) -> None:
        """It failed; `words` say how without naming anybody. The first failure after a success keeps its time."""
        now = now or timezone.now()
        chore, _created = cls.objects.get_or_create(name=name, defaults={"ran_at": now})
        chore.ran_at, chore.failed_at, chore.words = now, chore.failed_at or now, words[:500]
        chore.save(update_fields=["ran_at", "failed_at", "words"])
