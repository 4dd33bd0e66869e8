"""The letters in the admin: seen, never edited, failed ones sent again."""

import pytest
from django.utils import timezone

from applications.models import Letter

pytestmark = pytest.mark.django_db

LIST = "/admin/applications/letter/"


@pytest.fixture
def failed(make_application) -> Letter:
    letter = make_application().letters.get(kind="received")
    Letter.objects.filter(pk=letter.pk).update(status="failed", attempts=7, last_error="550 no such mailbox")
    letter.refresh_from_db()
    return letter


def test_a_failed_letter_is_visible_with_its_error(client, supervisor, failed):
    client.force_login(supervisor)

    assert failed.subject in client.get(LIST, {"status__exact": "failed"}).content.decode()
    assert "550 no such mailbox" in client.get(f"{LIST}{failed.pk}/change/").content.decode()


def test_a_failed_letter_is_sent_again_from_its_page(client, supervisor, failed):
    client.force_login(supervisor)

    client.post(f"{LIST}{failed.pk}/send-again/")

    failed.refresh_from_db()
    assert (failed.status, failed.attempts) == ("queued", 0)


def test_a_sent_letter_is_not_sent_again(client, supervisor, failed):
    Letter.objects.filter(pk=failed.pk).update(status="sent", sent_at=timezone.now())
    client.force_login(supervisor)

    response = client.post(f"{LIST}{failed.pk}/send-again/", follow=True)

    failed.refresh_from_db()
    assert failed.status == "sent"
    assert "Only a failed letter can be sent again" in response.content.decode()


def test_failed_letters_are_sent_again_in_bulk_and_only_ones_own(
    client, supervisor, failed, make_application, other_project
):
    foreign = make_application(other_project, email="b@example.org").letters.get(kind="received")
    Letter.objects.filter(pk=foreign.pk).update(status="failed")
    client.force_login(supervisor)

    client.post(LIST, {"action": "send_again", "_selected_action": [failed.pk, foreign.pk]})

    assert set(Letter.objects.filter(status="failed")) == {foreign}
    failed.refresh_from_db()
    assert failed.status == "queued"


def test_a_co_advisor_sees_letters_and_cannot_send_again(client, co_advisor, failed):
    client.force_login(co_advisor)

    assert client.get(f"{LIST}{failed.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{failed.pk}/send-again/").status_code == 403
    client.post(LIST, {"action": "send_again", "_selected_action": [failed.pk]})
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_the_page_never_shows_the_students_link(client, supervisor, failed):
    client.force_login(supervisor)

    page = client.get(f"{LIST}{failed.pk}/change/").content.decode()

    assert "[personal link]" in page
    assert "/applications/open/" not in page


def test_a_letter_cannot_be_edited(client, superuser, failed):
    client.force_login(superuser)

    client.post(f"{LIST}{failed.pk}/change/", {"subject": "Changed", "recipient": "thief@example.org"})

    failed.refresh_from_db()
    assert failed.recipient == "ada@example.org"
    assert failed.subject != "Changed"


def test_a_co_advisor_reads_whom_to_ask_about_a_letter_that_failed(signed_in, application, supervisor, co_advisor):
    letter = application.letters.get(kind="received")
    type(letter).objects.filter(pk=letter.pk).update(status="failed")
    page = f"/admin/applications/letter/{letter.pk}/change/"
    ask = "Please ask the supervisor of the project to send it again"

    assert ask in signed_in(co_advisor).get(page).content.decode()
    assert ask not in signed_in(supervisor).get(page).content.decode()
