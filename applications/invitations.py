"""A co-advisor is invited to make an account: by letter, to the address in their own entry, once, for some days.

An account gives the right to read applications, so an invitation is checked again each time somebody comes with it.
"""

import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from applications import letters
from applications.groups import CO_ADVISORS
from applications.models import Invitation, Letter
from applications.workflow import Refused
from projects.models import CoAdvisor, Project

MOST_IN_AN_HOUR = 3


def invite(co_advisor: CoAdvisor, project: Project, *, by) -> Invitation:
    """Ask `co_advisor` by letter to make an account and review for `project`. Older open invitations of theirs end.

    Raises Refused: `not_yours` when `by` may not change the project or the entry, `not_named` when the entry is not on
    the project, `has_account`, `no_address`, `closed_account`, `too_often`.
    """
    with transaction.atomic():
        co_advisor = CoAdvisor.objects.select_for_update(of=("self",)).get(pk=co_advisor.pk)
        _refuse_invitation(co_advisor, project, by)
        now = timezone.now()
        _end_older(co_advisor, now)
        invitation = Invitation.objects.create(
            co_advisor=co_advisor,
            project=project,
            email=co_advisor.email,
            invited_by=by,
            expires_at=now + datetime.timedelta(days=settings.INVITATION_DAYS),
        )
        letters.invitation(invitation)
    return invitation


def _end_older(co_advisor: CoAdvisor, now: datetime.datetime) -> None:
    """Only the newest link works; a letter with an older one that has not gone out yet never does."""
    older = co_advisor.invitations.filter(accepted_at=None, expires_at__gt=now)
    Letter.objects.filter(invitation__in=older, leased_until=None).exclude(status=Letter.Status.SENT).delete()
    older.update(expires_at=now)


def _refuse_invitation(co_advisor: CoAdvisor, project: Project, by) -> None:
    if not Project.objects.supervised_by(by).filter(pk=project.pk).exists():
        raise Refused("not_yours", _("Only the supervisor of the project invites its co-advisors."))
    if not project.co_advisors.filter(pk=co_advisor.pk).exists():
        raise Refused("not_named", _("%(name)s is not named on this project.") % {"name": co_advisor})
    if co_advisor.user_id is not None:
        raise Refused("has_account", _("%(name)s has an account already.") % {"name": co_advisor})
    # Whoever could put in an address of their own and invite it would hand out access to foreign projects.
    if not CoAdvisor.objects.editable_by(by).filter(pk=co_advisor.pk).exists():
        raise Refused(
            "not_yours",
            _("%(name)s is named on projects of others, too. Please ask the administrator for the account.")
            % {"name": co_advisor},
        )
    if not co_advisor.email:
        raise Refused(
            "no_address", _("%(name)s has no e-mail address. Please add it to the entry first.") % {"name": co_advisor}
        )
    account = account_with_address(co_advisor.email)
    if account is not None and not (account.is_active and account.is_staff):
        raise Refused(
            "closed_account",
            _("%(name)s has an account that may not sign in here. Please ask the administrator to open it.")
            % {"name": co_advisor},
        )
    an_hour_ago = timezone.now() - datetime.timedelta(hours=1)
    if co_advisor.invitations.filter(created_at__gt=an_hour_ago).count() >= MOST_IN_AN_HOUR:
        raise Refused(
            "too_often",
            _("%(name)s has been invited several times within an hour. Please wait a while.") % {"name": co_advisor},
        )


def works(invitation: Invitation) -> bool:
    """Whether the invitation can still be accepted: in time, unused, and its person still named, without an account.

    An entry whose address was changed meanwhile needs a new invitation: the old letter lies in another mailbox.
    """
    co_advisor = invitation.co_advisor
    return (
        invitation.accepted_at is None
        and invitation.expires_at > timezone.now()
        and co_advisor.user_id is None
        and co_advisor.email == invitation.email
        and invitation.project.co_advisors.filter(pk=co_advisor.pk).exists()
    )


def account_with_address(address: str):
    """The account that has this address or user name already; None when there is none."""
    same = Q(username__iexact=address) | Q(email__iexact=address)
    return get_user_model().objects.filter(same).order_by("pk").first()


def belongs_to(invitation: Invitation, user) -> bool:
    """Whether the account is the one that the invitation was sent to, so that it may accept with it."""
    address = invitation.email.casefold()
    return user.is_authenticated and address in (user.get_username().casefold(), user.email.casefold())


def new_account(invitation: Invitation):
    """The account that the invitation leads to, not saved yet: the address is its user name."""
    first, _space, last = invitation.co_advisor.name.strip().rpartition(" ")
    user_model = get_user_model()
    username = invitation.email[: user_model._meta.get_field("username").max_length]
    return user_model(username=username, email=invitation.email, first_name=first, last_name=last, is_staff=True)


def accept_with_password(invitation: Invitation, password: str):
    """Make the account and give the co-advisor's entry to it; returns it.

    Raises Refused: `gone` when the invitation does not work any more, `account_exists` when somebody has the address.
    """
    with transaction.atomic():
        _use(invitation)
        if account_with_address(invitation.email) is not None:
            raise Refused("account_exists", _("There is an account with this address already. Please sign in with it."))
        user = new_account(invitation)
        user.set_password(password)
        user.save()
        _give_entry(invitation, user)
    return user


def accept_as(invitation: Invitation, user):
    """Give the co-advisor's entry to an account that exists already and has the invited address; returns it.

    Raises Refused: `gone`, `other_account` when the account has another address, `named_elsewhere` when it belongs to
    another entry already.
    """
    with transaction.atomic():
        _use(invitation)
        if not belongs_to(invitation, user):
            raise Refused("other_account", _("This invitation was sent to another address than that of your account."))
        if CoAdvisor.objects.filter(user=user).exists():
            raise Refused(
                "named_elsewhere",
                _("Your account belongs to another entry among the co-advisors. Please ask the supervisor to name it."),
            )
        if not user.is_staff:
            user.is_staff = True
            user.save(update_fields=["is_staff"])
        _give_entry(invitation, user)
    return user


def _use(invitation: Invitation) -> None:
    """Use the invitation up; of two at the same moment one gets it. Raises Refused `gone`."""
    now = timezone.now()
    if not works(invitation) or not Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, expires_at__gt=now
    ).update(accepted_at=now):
        raise Refused("gone", _("This invitation does not work any more. Please ask for a new one."))


def _give_entry(invitation: Invitation, user) -> None:
    if not CoAdvisor.objects.filter(pk=invitation.co_advisor_id, user=None).update(user=user):
        raise Refused("gone", _("This invitation does not work any more. Please ask for a new one."))
    user.groups.add(Group.objects.get(name=CO_ADVISORS))
