"""How the running product does, as plain data: what is wrong, in whose words it concerns, and what to do about it.

Whoever runs the server (a superuser) is told everything with its remedy; other reviewers are told what keeps their
students waiting. The number of questions to the database does not depend on how much there is. Kinds of faults are
named, never their words: those may name a person or hold a secret, and stand in the log only.
"""

import dataclasses
import datetime
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, Max, Min, OuterRef, Q
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_otp.plugins.otp_totp.models import TOTPDevice

from applications import client_address, disk_space, ledger, limits, scanning
from applications.models import Chore, Decision, Letter

WORKER_MISSED_AFTER = datetime.timedelta(minutes=5)
OTHER_TASKS_MISSED_AFTER = datetime.timedelta(hours=1)  # a long export takes minutes
LETTERS_LATE_AFTER = datetime.timedelta(minutes=15)
IN_VAIN_AFTER = datetime.timedelta(hours=1)  # of trying; mail servers make a stranger wait for half an hour on purpose
DECISIONS_LATE_AFTER = datetime.timedelta(minutes=5)
SCAN_LATE_AFTER = datetime.timedelta(minutes=15)
BACKUP_OLD_AFTER = datetime.timedelta(days=8)  # one a week, and a day to notice
BACKUP_EXPECTED_AFTER = datetime.timedelta(days=3)  # from the first account on

MANY_TURNED_AWAY = 20  # within a day; a few are somebody who pressed a button too often

BACKUP, DOCUMENT_CHECK = "backup", "check_documents"  # the names under which these commands note themselves
LEDGER = "ledger"  # the task of the worker
# What the command `backup` notes when it made an archive in which something is missing.
DAMAGED, WITHOUT_LEDGER = "documents damaged", "no ledger"

# What a task of the worker is called where its reader does not know the code.
TASKS = {
    "decisions": gettext_lazy("Letting decisions take effect"),
    "letters": gettext_lazy("Sending letters"),
    "page images": gettext_lazy("Making page images and text of documents"),
    "asked to review": gettext_lazy("Telling reviewers that they are asked"),
    "daily letters": gettext_lazy("Writing the daily letters"),
    "weekly letters": gettext_lazy("Writing the weekly letters"),
    "storage": gettext_lazy("Storing documents"),
    "sweep": gettext_lazy("Removing what nobody sent off"),
    "sweep, exports": gettext_lazy("Removing old exports"),
    "search": gettext_lazy("Keeping the words of the search"),
    "offers": gettext_lazy("Ending offers whose day is over"),
    "erase": gettext_lazy("Erasing applications whose time is over"),
    "old records": gettext_lazy("Removing old records"),
    "ledger": gettext_lazy("Keeping the ledger of erasures"),
    "traces in sessions": gettext_lazy("Removing traces of the erased from sessions"),
    "traces in the database": gettext_lazy("Removing traces of the erased from the database’s files"),
    "sessions": gettext_lazy("Removing sessions that ended"),
    "exports": gettext_lazy("Making long exports"),
    "scan for malware": gettext_lazy("Scanning documents for malware"),
    "check documents": gettext_lazy("Checking the documents"),
    "room for files": gettext_lazy("Making room for files"),
    "limits": gettext_lazy("Removing the counts of requests"),
    "sign-in attempts": gettext_lazy("Removing old attempts to sign in"),
}


@dataclasses.dataclass(frozen=True)
class Trouble:
    """One thing to know. `tone`: `trouble` (something does not work), `soon` (it will not for long) or `hint`."""

    words: str
    remedy: str = ""
    tone: str = "trouble"
    url: str = ""
    link: str = ""


@dataclasses.dataclass(frozen=True)
class Condition:
    """What the desk shows: `troubles` at its top; `hints` and the last times of what runs by itself at its end."""

    troubles: list[Trouble]
    hints: list[Trouble]
    is_operator: bool
    worker_seen: datetime.datetime | None = None
    last_backup: datetime.datetime | None = None
    last_check: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Queue:
    """Letters and decisions, among those that somebody may see, that should be further than they are."""

    late: int  # letters that nobody takes
    in_vain: int  # letters that the mail server does not take
    in_vain_since: datetime.datetime | None
    fault: str  # of one of them: the kind of error
    decisions: int


def condition_for(user, now: datetime.datetime | None = None) -> Condition:
    """How the product does, as far as it is `user`'s to know."""
    now = now or timezone.now()
    chores = {chore.name: chore for chore in Chore.objects.all()}
    seen = worker_seen(chores)
    queue = queue_of(user, now)
    if not user.is_superuser:
        return Condition(list(for_reviewers(seen, queue, now)), [], is_operator=False)
    found = [*of_worker(chores, seen, now), *of_queue(queue, seen, now), *of_documents(chores, now), *of_disk()]
    found += [*of_backup(chores, now), *of_proxy(now), *of_settings(), *of_turned_away(now)]
    return Condition(
        [trouble for trouble in found if trouble.tone != "hint"],
        [trouble for trouble in found if trouble.tone == "hint"],
        is_operator=True,
        worker_seen=seen,
        last_backup=succeeded(chores, BACKUP),
        last_check=succeeded(chores, DOCUMENT_CHECK),
    )


# The worker


def worker_seen(chores: dict[str, Chore]) -> datetime.datetime | None:
    """When one of the worker's halves has last given a sign of life; None when never."""
    return max(
        (chores[half].ran_at for half in (Chore.WORKER, Chore.WORKERS_OTHER_TASKS) if half in chores), default=None
    )


def is_missed(seen: datetime.datetime | None, now: datetime.datetime) -> bool:
    return seen is None or seen < now - WORKER_MISSED_AFTER


def of_worker(chores: dict[str, Chore], seen: datetime.datetime | None, now: datetime.datetime) -> Iterable[Trouble]:
    if is_missed(seen, now):
        yield _worker_missed(seen)
        return
    other = chores.get(Chore.WORKERS_OTHER_TASKS)
    if other and other.ran_at < now - OTHER_TASKS_MISSED_AFTER:
        words = _(
            "One of the worker’s tasks does not end. Since %(moment)s it has done nothing but letters and decisions."
        )
        yield Trouble(words % {"moment": moment(other.ran_at)}, _("Restart the worker; nothing is lost by that."))
    for name, words in TASKS.items():
        if name in chores and chores[name].failed_at:
            yield _failing(words, chores[name])
    known = {*TASKS, BACKUP, DOCUMENT_CHECK}
    for name in sorted(chores.keys() - known):
        if chores[name].failed_at:
            yield _failing(name, chores[name])


def _worker_missed(seen: datetime.datetime | None) -> Trouble:
    words = _("The worker has not run yet.")
    if seen:
        words = _("The worker was last seen on %(moment)s.") % {"moment": moment(seen)}
    return Trouble(
        words,
        _(
            "Until it runs, letters and decisions wait; none is lost. “quickstart” runs it together with the web "
            "server; by itself it is started by “manage.py run_worker”. Its log says why it ended."
        ),
    )


def _failing(task: str, chore: Chore) -> Trouble:
    words = _("%(task)s: this has been failing since %(moment)s (%(fault)s).")
    facts = {"task": task, "moment": moment(chore.failed_at), "fault": chore.words or _("no further words")}
    if chore.name == LEDGER and chore.words == ledger.NotOurs.__name__:
        return Trouble(words % facts, _remedy_of_ledger())  # trying again does not help
    return Trouble(words % facts, _("It is tried again by itself. The log says more."))


def _remedy_of_ledger() -> str:
    """As docs/recovery.md and `ledger.NotOurs` say it."""
    return _(
        "The ledger of erasures must be readable and belong to the secret key: put back the key that belongs to it (a "
        "backup has it), or name another file in ERASURE_LEDGER; what the database knows is written there."
    )


# Letters and decisions


def queue_of(user, now: datetime.datetime) -> Queue:
    """Two questions, over queued letters and over decisions that are on their way: few of all, and indexed."""
    in_vain = Q(attempts__gt=0, queued_at__lt=now - IN_VAIN_AFTER)
    letters = (
        Letter.objects.visible_to(user)
        .filter(status=Letter.Status.QUEUED)
        .order_by()
        .aggregate(
            late=Count("pk", filter=Q(pk__in=Letter.objects.due(now - LETTERS_LATE_AFTER).values("pk")) & ~in_vain),
            in_vain=Count("pk", filter=in_vain),
            in_vain_since=Min("queued_at", filter=in_vain),
            fault=Max("last_error", filter=in_vain),
        )
    )
    decisions = Decision.objects.visible_to(user).on_their_way().filter(effective_at__lt=now - DECISIONS_LATE_AFTER)
    letters["fault"] = (letters["fault"] or "").partition(":")[0]
    return Queue(**letters, decisions=decisions.count())


def of_queue(queue: Queue, seen: datetime.datetime | None, now: datetime.datetime) -> Iterable[Trouble]:
    """For whoever runs the server. While no worker runs, that is the whole trouble, and its consequences are clear."""
    if queue.in_vain:
        words = ngettext(
            "%(count)d letter has not gone out since %(moment)s: the mail server does not take it (%(fault)s).",
            "%(count)d letters have not gone out since %(moment)s: the mail server does not take them (%(fault)s).",
            queue.in_vain,
        )
        facts = {"count": queue.in_vain, "moment": moment(queue.in_vain_since), "fault": queue.fault}
        remedy = _("Look at the mail server and at EMAIL_URL. Letters are tried again by themselves, for five days.")
        yield Trouble(words % facts, remedy, **_queued_letters())
    if is_missed(seen, now):
        return
    remedy = _("The worker runs and does not get to them: see its log.")
    if queue.late:
        yield Trouble(_late_letters(queue), remedy, **_queued_letters())
    if queue.decisions:
        yield Trouble(_late_decisions(queue), remedy)


def for_reviewers(seen: datetime.datetime | None, queue: Queue, now: datetime.datetime) -> Iterable[Trouble]:
    """What keeps students waiting, for people who cannot mend it and may have to tell somebody."""
    tell = _("Nothing is lost. Please tell whoever runs this site; their desk says what to do.")
    if disk_space.state().is_full:
        yield Trouble(_("Students cannot send files: there is no room for them on the server."), tell)
    if is_missed(seen, now):
        words = _("Letters and decisions do not go out yet.")
        if seen:
            words = _("Letters and decisions have not gone out since %(moment)s.") % {"moment": moment(seen)}
        yield Trouble(words, tell)
        return
    if queue.late or queue.in_vain:
        count = queue.late + queue.in_vain
        words = ngettext("%(count)d letter is late.", "%(count)d letters are late.", count)
        yield Trouble(words % {"count": count}, tell, **_queued_letters())
    if queue.decisions:
        yield Trouble(_late_decisions(queue), tell)


def _late_letters(queue: Queue) -> str:
    words = ngettext(
        "%(count)d letter has been waiting for longer than 15 minutes.",
        "%(count)d letters have been waiting for longer than 15 minutes.",
        queue.late,
    )
    return words % {"count": queue.late}


def _late_decisions(queue: Queue) -> str:
    words = ngettext(
        "%(count)d released decision should be in force and is not.",
        "%(count)d released decisions should be in force and are not.",
        queue.decisions,
    )
    return words % {"count": queue.decisions}


def _queued_letters() -> dict[str, str]:
    address = f"{reverse('admin:applications_letter_changelist')}?status__exact={Letter.Status.QUEUED}"
    return {"url": address, "link": _("See these letters")}


# Documents and backups


def of_documents(chores: dict[str, Chore], now: datetime.datetime) -> Iterable[Trouble]:
    check = chores.get(DOCUMENT_CHECK)
    if check and check.failed_at:
        words = _("Documents have not agreed with their files since %(moment)s (%(fault)s).")
        facts = {"moment": moment(check.failed_at), "fault": check.words}
        yield Trouble(words % facts, _remedy_of_documents())
    if scanning.is_set_up():
        yield from _of_scanner(now)


def _remedy_of_documents() -> str:
    return _("Run “manage.py check_documents”: it names each and says what to do.")


def _of_scanner(now: datetime.datetime) -> Iterable[Trouble]:
    backlog = scanning.backlog()
    if not backlog.since or backlog.since > now - SCAN_LATE_AFTER:
        return
    words = ngettext(
        "%(count)d document has been waiting for the malware scanner since %(moment)s.",
        "%(count)d documents have been waiting for the malware scanner since %(moment)s.",
        backlog.files,
    )
    facts = {"count": backlog.files, "moment": moment(backlog.since)}
    remedy = _("See that clamd runs and CLAMD_URL leads to it; what waits is scanned then.")
    yield Trouble(words % facts, remedy, "soon")


def of_disk() -> Iterable[Trouble]:
    """Room for files: on the disk, and for those that no application has claimed."""
    room = disk_space.state()
    if room.is_disk_tight:
        words = _("Only %(free)s are left on the disk of the documents; below %(reserve)s no files are taken.")
        if room.is_disk_full:
            words = _(
                "Students cannot send files: %(free)s are left on the disk, and %(reserve)s must stay free "
                "(DISK_RESERVE_MB)."
            )
        facts = {"free": filesizeformat(room.free), "reserve": filesizeformat(room.reserve)}
        remedy = _("Make room, or move the documents to a larger disk (DOCUMENT_STORAGE_URL).")
        yield Trouble(words % facts, remedy, "trouble" if room.is_disk_full else "soon")
    if room.is_quota_tight:
        words = _("Files that nobody has sent off take %(used)s of %(quota)s. When it is full, no more are taken.")
        if room.is_quota_full:
            words = _("Students cannot send files: those that nobody has sent off take %(used)s, all of %(quota)s.")
        facts = {"used": filesizeformat(room.used), "quota": filesizeformat(room.quota)}
        remedy = _("They are removed after a day, and sooner when it gets tight. UNCLAIMED_MAX_MB allows more.")
        yield Trouble(words % facts, remedy, "trouble" if room.is_quota_full else "soon")


def of_backup(chores: dict[str, Chore], now: datetime.datetime) -> Iterable[Trouble]:
    chore, last = chores.get(BACKUP), succeeded(chores, BACKUP)
    remedy = _("“manage.py backup --help” says how; best run it daily by cron or a timer.")
    if chore and chore.failed_at:
        words = _("The backup has been failing since %(moment)s (%(fault)s).")
        yield Trouble(
            words % {"moment": moment(chore.failed_at), "fault": chore.words}, _remedy_of_backup(chore) or remedy
        )
    elif last and last < now - BACKUP_OLD_AFTER:
        yield Trouble(_("The last backup was made on %(moment)s.") % {"moment": moment(last)}, remedy, "soon")
    elif last is None and _is_in_use(now):
        yield Trouble(_("There is no backup of this site yet."), remedy, "soon")


def _remedy_of_backup(chore: Chore) -> str:
    """What helps where the archive was made and what it should hold is not well; empty for other failures."""
    if chore.words.endswith(DAMAGED):
        return _remedy_of_documents()
    return _remedy_of_ledger() if chore.words == WITHOUT_LEDGER else ""


def _is_in_use(now: datetime.datetime) -> bool:
    """Whether the site is past its first days, in which nobody expects a backup."""
    first = get_user_model().objects.aggregate(first=Min("date_joined"))["first"]
    return first is not None and first < now - BACKUP_EXPECTED_AFTER


def succeeded(chores: dict[str, Chore], name: str) -> datetime.datetime | None:
    return chores[name].succeeded_at if name in chores else None


# Settings and surroundings


def of_proxy(now: datetime.datetime) -> Iterable[Trouble]:
    """Limits that take everybody for one would soon refuse honest people."""
    found = client_address.trouble(now)
    if client_address.UNNAMED in found:
        words = _("Requests come through a proxy that TRUSTED_PROXIES does not name: all its visitors count as one.")
        yield Trouble(words, _("Add its address, which is in the log, to TRUSTED_PROXIES."), "soon")
    if client_address.SILENT in found:
        words = _("The proxy in front does not say for whom it asks: all its visitors count as one.")
        yield Trouble(words, _("Let it send X-Forwarded-For; docs/deployment.md has the line for nginx."), "soon")


def of_turned_away(now: datetime.datetime) -> Iterable[Trouble]:
    """Robots that were kept out; or honest people, if a limit is too low for them."""
    count = sum(limits.turned_away(now).values())
    if count > MANY_TURNED_AWAY:
        words = _("%(count)d requests were turned away within a day, because too many came from one place or too fast.")
        remedy = _("Robots mostly. If students complain, see that TRUSTED_PROXIES is right: else all count as one.")
        yield Trouble(words % {"count": count}, remedy, "hint")


def of_settings() -> Iterable[Trouble]:
    if settings.DEBUG:
        words = _("DEBUG is on: whoever meets an error is shown the inside of this site.")
        yield Trouble(words, _("Take DEBUG out of the environment and of .env, and restart."))
    if not is_public():
        return
    if settings.EMAIL_BACKEND == "applications.mail.LetterFolderBackend":
        words = _("Letters reach nobody: they are only written to a folder on the server.")
        yield Trouble(words, _("Set EMAIL_URL to your mail server, for example smtp+tls://user:password@host:587."))
    if without := superusers_without_second_factor():
        words = ngettext(
            "%(count)d superuser signs in with a password alone.",
            "%(count)d superusers sign in with a password alone.",
            without,
        )
        remedy = _(
            "A second factor keeps out whoever has guessed or stolen it. SECOND_FACTOR_REQUIRED=on asks it of all."
        )
        yield Trouble(words % {"count": without}, remedy, "hint")


def is_public() -> bool:
    """Whether other machines reach this site, as SITE_URL tells it."""
    host = urlsplit(settings.SITE_URL).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def superusers_without_second_factor() -> int:
    confirmed = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    return get_user_model().objects.filter(~Exists(confirmed), is_superuser=True, is_active=True).count()


def moment(when: datetime.datetime) -> str:
    """A day and a time in the words of the reader."""
    return date_format(timezone.localtime(when), "DATETIME_FORMAT")
