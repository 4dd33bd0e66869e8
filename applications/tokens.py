"""Signed words: the manage link and the claim to an upload, which stand in for an account, the invitation to one, and
the way back into it.

Nothing of them is stored.
"""

import datetime
import uuid

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from applications.models import Application, Invitation
from projects.models import Project


def manage_token(application: Application) -> str:
    """The token of the manage link, valid until the link's version is raised or the application is erased."""
    return signing.Signer(salt="applications.manage", sep=".").sign_object(
        [application.reference, application.link_version]
    )


def application_of_manage_token(token: str) -> Application | None:
    """The application that `token` opens; None when it was tampered with, renewed, or its application is erased."""
    try:
        reference, version = signing.Signer(salt="applications.manage", sep=".").unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError, UnicodeError):
        return None
    return Application.objects.filter(reference=reference, link_version=version).first()


def manage_link(application: Application) -> str:
    """The whole address that a letter carries."""
    return settings.SITE_URL + reverse("applications:open", args=[manage_token(application)])


def invitation_token(invitation: Invitation) -> str:
    """The token of an invitation. Whether it still works is asked of the row each time (`invitations.open_one`)."""
    return signing.Signer(salt="applications.invitation", sep=".").sign_object(invitation.pk)


def invitation_of_token(token: str) -> Invitation | None:
    """The invitation that `token` names, dead or alive; None when it was tampered with or the row is gone."""
    try:
        pk = signing.Signer(salt="applications.invitation", sep=".").unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError, UnicodeError):
        return None
    return Invitation.objects.filter(pk=pk).first()


def invitation_link(invitation: Invitation) -> str:
    """The whole address that the letter of an invitation carries."""
    return settings.SITE_URL + reverse("applications:open_invitation", args=[invitation_token(invitation)])


def password_token(user, asked_at: datetime.datetime) -> str:
    """The token with which `user` chooses a new password, within PASSWORD_RESET_TIMEOUT of `asked_at`, once.

    It dies with every new password, every sign-in and every change of the address, because all three are signed.
    """
    signer = signing.Signer(salt="applications.password", sep=".")
    return signer.sign_object([user.pk, int(asked_at.timestamp()), _state_of_account(user)])


def user_of_password_token(token: str):
    """The account for which `token` works now; None for any other token."""
    try:
        pk, asked_at, state = signing.Signer(salt="applications.password", sep=".").unsign_object(token)
        age = timezone.now().timestamp() - asked_at
    except (signing.BadSignature, ValueError, TypeError, UnicodeError):
        return None
    user = get_user_model().objects.filter(pk=pk, is_active=True, is_staff=True).first()
    works = user is not None and constant_time_compare(_state_of_account(user), state)
    return user if works and age <= settings.PASSWORD_RESET_TIMEOUT else None


def _state_of_account(user) -> str:
    """Changes when the account gets another password or address, and when somebody signs in to it."""
    state = f"{user.pk}|{user.password}|{user.last_login and user.last_login.isoformat()}|{user.email}"
    return salted_hmac("applications.password", state, algorithm="sha256").hexdigest()[:32]


def password_link(user, asked_at: datetime.datetime) -> str:
    """The whole address that the letter about a lost password carries."""
    return settings.SITE_URL + reverse("admin:password_reset_open", args=[password_token(user, asked_at)])


def upload_token(upload_id: uuid.UUID) -> str:
    """A claim to an upload, carried by a form that is shown again; it dies with the upload after UPLOAD_HOURS."""
    return signing.TimestampSigner(salt="applications.upload", sep=".").sign(upload_id.hex)


def upload_id_of_token(token: str) -> uuid.UUID | None:
    """The id of the upload that `token` claims; None when it was tampered with or is too old."""
    return _id_of(token, "applications.upload")


def _id_of(token: str, salt: str) -> uuid.UUID | None:
    signer = signing.TimestampSigner(salt=salt, sep=".")
    try:
        return uuid.UUID(signer.unsign(token, max_age=datetime.timedelta(hours=settings.UPLOAD_HOURS)))
    except (signing.BadSignature, ValueError, UnicodeError):
        return None


def document_token(document_id: uuid.UUID) -> str:
    """A claim to the bytes of a document of one's own, for another application; it lives as long as an upload's."""
    return signing.TimestampSigner(salt="applications.document", sep=".").sign(document_id.hex)


def document_id_of_token(token: str) -> uuid.UUID | None:
    """The id of the document that `token` names; None when it was tampered with or is too old."""
    return _id_of(token, "applications.document")


def opened_token(project: Project) -> str:
    """That the project's form was opened now; it comes back and shows that it was open before a deadline."""
    return signing.TimestampSigner(salt=f"applications.opened.{project.pk}", sep=".").sign("form")


def opened_at(project: Project, token: str) -> datetime.datetime | None:
    """When the project's form was opened that carries `token`; None when nobody knows."""
    signer = signing.TimestampSigner(salt=f"applications.opened.{project.pk}", sep=".")
    try:
        signer.unsign(token)
        moment = signing.b62_decode(token.rsplit(".", 2)[1])
        return datetime.datetime.fromtimestamp(moment, tz=datetime.UTC)
    except (signing.BadSignature, ValueError, IndexError, OverflowError, OSError):
        return None


def browser_key(request: HttpRequest) -> str:
    """A fingerprint of the browser by its CSRF cookie, which it gets when it has none.

    The session would not do: applying needs none, and its key changes with the first answer.
    """
    get_token(request)
    return salted_hmac("applications.browser", request.META["CSRF_COOKIE"], algorithm="sha256").hexdigest()


def nonce_of(form_nonce: str, browser_key: str) -> str:
    """What is stored of a form's nonce: bound to the browser, so that nobody else can repeat the form and get in."""
    return salted_hmac("applications.nonce", f"{browser_key}:{form_nonce}", algorithm="sha256").hexdigest()
