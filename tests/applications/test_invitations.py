"""A co-advisor is invited, makes an account, and loses access the moment the name is taken off the project."""

import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import invitations, letters, workflow
from applications.models import Application, Invitation, Letter
from applications.tokens import invitation_token
from projects.models import CoAdvisor

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGE = "/invitations/"
PASSWORD = "a-long-and-unusual-phrase"
CHOSEN = {"new_password1": PASSWORD, "new_password2": PASSWORD}
GONE = "This invitation does not work any more"


@pytest.fixture
def cora(project) -> CoAdvisor:
    """Named on `project`, without an account."""
    entry = CoAdvisor.objects.create(name="Cora Maria Newcomer", email="cora@example.org")
    project.co_advisors.add(entry)
    return entry


@pytest.fixture
def invitation(cora, project, supervisor) -> Invitation:
    return invitations.invite(cora, project, by=supervisor)


def opened(invitation: Invitation, browser: Client | None = None) -> Client:
    """A browser that has followed the link in the letter."""
    browser = browser or Client()
    response = browser.get(link(invitation))
    assert (response.status_code, response["Location"]) == (302, PAGE)
    return browser


def link(invitation: Invitation) -> str:
    return reverse("applications:open_invitation", args=[invitation_token(invitation)])


def is_gone(response) -> bool:
    return response.status_code == 404 and GONE in response.content.decode()


# Inviting


def test_the_letter_goes_to_the_entrys_own_address_with_the_link_only_in_the_mail(
    invitation, project, supervisor, letter_files
):
    letter = Letter.objects.get(kind="invitation")
    assert (letter.recipient, letter.reply_to, letter.sender_name) == (
        "cora@example.org",
        supervisor.email,
        "Sofia Supervisor",
    )
    assert letter.subject == f"Sofia Supervisor asks you to review applications to “{project.title}”"
    assert letter.body.startswith("Dear Cora Maria Newcomer,")
    assert letters.INVITATION_LINK in letter.body.splitlines()
    assert invitation_token(invitation) not in letter.body
    letters.send_due()
    assert invitation_token(invitation) in letter_files()[0].read_text().replace("=\n", "").replace("=3D", "=")


def test_the_page_of_the_letter_never_shows_the_link(invitation, superuser, supervisor, signed_in):
    letter = Letter.objects.get(kind="invitation")
    for person in (superuser, supervisor):
        page = signed_in(person).get(f"/admin/applications/letter/{letter.pk}/change/").content.decode()
        assert "[personal link]" in page
        assert "/invitations/" not in page


def test_an_invitation_is_valid_for_the_days_that_the_setting_says(cora, project, supervisor, settings):
    settings.INVITATION_DAYS = 3
    invitation = invitations.invite(cora, project, by=supervisor)
    assert invitation.expires_at - invitation.created_at > datetime.timedelta(days=2, hours=23)
    day = timezone.localdate(invitation.expires_at)
    assert f"until {day.day} {day:%B %Y}" in Letter.objects.get(kind="invitation").body


@pytest.mark.parametrize("code", ["no_address", "has_account", "not_named"])
def test_who_cannot_be_invited_is_refused_with_the_reason(cora, project, supervisor, user_without_staff_access, code):
    if code == "no_address":
        cora.email = ""
    if code == "has_account":
        cora.user = user_without_staff_access
    cora.save()
    if code == "not_named":
        project.co_advisors.remove(cora)
    with pytest.raises(workflow.Refused) as refused:
        invitations.invite(cora, project, by=supervisor)
    assert refused.value.code == code
    assert not Invitation.objects.exists()
    assert not Letter.objects.exists()


@pytest.mark.parametrize("who", ["co_advisor", "other_supervisor", "staff_without_rights"])
def test_only_the_supervisor_of_the_project_invites(cora, project, request, who):
    with pytest.raises(workflow.Refused) as refused:
        invitations.invite(cora, project, by=request.getfixturevalue(who))
    assert refused.value.code == "not_yours"


def test_an_entry_on_foreign_projects_is_not_invited_because_its_account_would_see_those(
    cora, project, other_project, supervisor, superuser
):
    other_project.co_advisors.add(cora)
    with pytest.raises(workflow.Refused) as refused:
        invitations.invite(cora, project, by=supervisor)
    assert refused.value.code == "not_yours"
    assert invitations.invite(cora, project, by=superuser).email == cora.email


def test_a_new_invitation_ends_the_older_one_and_its_unsent_letter(invitation, cora, project, supervisor):
    newer = invitations.invite(cora, project, by=supervisor)
    assert is_gone(Client().get(link(invitation)))
    assert list(Letter.objects.filter(kind="invitation").values_list("invitation", flat=True)) == [newer.pk]
    opened(newer)


def test_three_invitations_within_an_hour_are_enough(cora, project, supervisor):
    for _ in range(3):
        invitations.invite(cora, project, by=supervisor)
    with pytest.raises(workflow.Refused) as refused:
        invitations.invite(cora, project, by=supervisor)
    assert refused.value.code == "too_often"
    Invitation.objects.update(created_at=timezone.now() - datetime.timedelta(minutes=61))
    invitations.invite(cora, project, by=supervisor)


# Accepting


def test_the_page_names_project_and_inviter_and_asks_for_a_password(invitation, project):
    response = opened(invitation).get(PAGE)
    page = response.content.decode()
    assert response.status_code == 200
    assert project.title in page
    assert "Sofia Supervisor asks you to read the applications" in page
    assert "cora@example.org" in page
    assert invitation_token(invitation) not in page
    assert not User.objects.filter(email="cora@example.org").exists(), "looking makes nothing"


def test_the_token_is_in_no_referrer_and_the_page_is_not_cached(invitation):
    response = Client().get(link(invitation))
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_choosing_a_password_makes_an_account_that_reviews_this_project_only(
    invitation, cora, application, make_application, other_project
):
    foreign = make_application(other_project)
    browser = opened(invitation)

    response = browser.post(PAGE, CHOSEN)

    assert response["Location"] == "/admin/login/"
    assert browser.get("/admin/").status_code == 302, "nobody is signed in by it"
    user = User.objects.get(username="cora@example.org")
    assert (user.email, user.first_name, user.last_name) == ("cora@example.org", "Cora Maria", "Newcomer")
    assert (user.is_staff, user.is_superuser, user.is_active) == (True, False, True)
    assert [group.name for group in user.groups.all()] == ["Co-advisors"]
    cora.refresh_from_db()
    assert cora.user == user
    assert list(Application.objects.visible_to(user)) == [application]
    assert foreign not in Application.objects.visible_to(user)
    page = browser.post("/admin/login/", {"username": user.username, "password": PASSWORD}, follow=True)
    assert page.context["user"] == user


def test_an_invitation_works_once(invitation):
    browser = opened(invitation)
    browser.post(PAGE, CHOSEN)
    assert is_gone(browser.post(PAGE, CHOSEN))
    assert is_gone(Client().get(link(invitation)))
    assert User.objects.filter(email="cora@example.org").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_gets_the_account(invitation, at_once):
    outcomes = at_once(*[lambda: invitations.accept_with_password(invitation, PASSWORD)] * 3)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "Refused", "User"]
    assert User.objects.filter(email="cora@example.org").count() == 1


@pytest.mark.parametrize(
    ("first", "second"), [("short", "short"), ("12345678901", "12345678901"), (PASSWORD, "other-phrase"), ("", "")]
)
def test_a_password_that_is_weak_or_mistyped_is_refused_and_the_invitation_stays(invitation, first, second):
    browser = opened(invitation)
    response = browser.post(PAGE, {"new_password1": first, "new_password2": second})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not User.objects.filter(email="cora@example.org").exists()
    assert browser.post(PAGE, CHOSEN).status_code == 302


def test_a_password_like_the_persons_own_name_is_refused(invitation):
    response = opened(invitation).post(PAGE, {"new_password1": "Newcomer1", "new_password2": "Newcomer1"})
    assert "too similar" in response.content.decode()


DEATHS = {
    "expired": lambda invitation: Invitation.objects.update(expires_at=timezone.now()),
    "used": lambda invitation: Invitation.objects.update(accepted_at=timezone.now()),
    "name taken off": lambda invitation: invitation.project.co_advisors.clear(),
    "has an account": lambda invitation: CoAdvisor.objects.filter(pk=invitation.co_advisor_id).update(
        user=User.objects.create_user("somebody")
    ),
    "address changed": lambda invitation: CoAdvisor.objects.filter(pk=invitation.co_advisor_id).update(
        email="new@example.org"
    ),
    "entry deleted": lambda invitation: invitation.co_advisor.delete(),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_invitation_opens_nothing_and_all_deaths_look_alike(invitation, death):
    address, browser = link(invitation), opened(invitation)
    accounts = User.objects.count() + (death == "has an account")
    DEATHS[death](invitation)
    answers = [Client().get(address), Client().get("/invitations/tampered/"), browser.get(PAGE)]
    again = Client()
    answers += [again.post(PAGE, CHOSEN), browser.post(PAGE, CHOSEN)]
    assert all(is_gone(answer) for answer in answers)
    assert len({answer.content for answer in answers}) == 1
    assert User.objects.count() == accounts


def test_a_dead_invitation_is_refused_also_in_the_moment_of_accepting(invitation):
    browser = opened(invitation)
    invitation.project.co_advisors.clear()
    assert is_gone(browser.post(PAGE, CHOSEN))
    assert not User.objects.filter(email="cora@example.org").exists()


def test_a_token_of_something_else_is_no_invitation(application):
    from applications.tokens import manage_token

    assert is_gone(Client().get(f"/invitations/{manage_token(application)}/"))


# Somebody who has an account already


@pytest.fixture
def account(db) -> User:
    return User.objects.create_user("cora", "Cora@Example.org", PASSWORD)


def test_with_an_account_of_that_address_one_signs_in_and_accepts_with_it(invitation, account, cora, application):
    browser = opened(invitation)
    page = browser.get(PAGE).content.decode()
    assert "There is an account with the address" in page
    assert "new_password1" not in page
    assert browser.post(PAGE, CHOSEN).status_code == 200
    cora.refresh_from_db()
    assert cora.user is None, "knowing the link is not enough"

    browser.force_login(account)
    opened(invitation, browser)
    assert "Accept the invitation" in browser.get(PAGE).content.decode()
    assert browser.post(PAGE)["Location"] == "/admin/"

    cora.refresh_from_db()
    assert cora.user == account
    account.refresh_from_db()
    assert account.is_staff
    assert list(Application.objects.visible_to(User.objects.get(pk=account.pk))) == [application]


def test_the_invitation_survives_signing_in(invitation, account):
    User.objects.filter(pk=account.pk).update(is_staff=True)
    browser = opened(invitation)
    assert "/admin/login/?next=/invitations/" in browser.get(PAGE).content.decode().replace("%2F", "/")
    browser.post("/admin/login/?next=/invitations/", {"username": "cora", "password": PASSWORD, "next": PAGE})
    assert "Accept the invitation" in browser.get(PAGE).content.decode()


def test_somebody_else_who_is_signed_in_cannot_take_the_invitation(invitation, account, cora, other_supervisor):
    browser = Client()
    browser.force_login(other_supervisor)
    opened(invitation, browser)
    assert "which is another account" in browser.get(PAGE).content.decode()
    browser.post(PAGE, CHOSEN)
    with pytest.raises(workflow.Refused):
        invitations.accept_as(invitation, other_supervisor)
    cora.refresh_from_db()
    assert cora.user is None
    assert Invitation.objects.get().accepted_at is None


def test_an_account_with_another_entry_is_told_so(invitation, account, cora):
    CoAdvisor.objects.create(name="Cora N.", user=account)
    browser = Client()
    browser.force_login(account)
    opened(invitation, browser)
    response = browser.post(PAGE)
    assert "belongs to another entry" in response.content.decode()
    cora.refresh_from_db()
    assert cora.user is None


# The end of access


def test_access_ends_the_moment_the_name_is_taken_off_also_for_who_is_signed_in(invitation, cora, application):
    opened(invitation).post(PAGE, CHOSEN)
    browser = Client()
    browser.force_login(User.objects.get(username="cora@example.org"))
    address = f"/admin/applications/application/{application.pk}/change/"
    document = application.current_documents()[0].get_absolute_url()
    assert browser.get(address).status_code == 200
    assert b"".join(browser.get(document).streaming_content).startswith(b"%PDF-")

    application.project.co_advisors.remove(cora)

    assert browser.get(address).status_code == 404
    assert browser.get(document).status_code == 404
    assert application.reference not in browser.get("/admin/applications/application/").content.decode()


@pytest.mark.parametrize("flags", [{"is_staff": False}, {"is_staff": True, "is_active": False}])
def test_whoever_has_an_account_that_may_not_sign_in_is_not_led_to_a_closed_door(cora, project, supervisor, flags):
    User.objects.create_user("cora", cora.email, PASSWORD, **flags)
    with pytest.raises(workflow.Refused) as refused:
        invitations.invite(cora, project, by=supervisor)
    assert refused.value.code == "closed_account"
