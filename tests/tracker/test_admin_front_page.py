"""The admin's front page says first what waits, to each only of what is theirs."""

import pytest

from applications.models import Letter

pytestmark = pytest.mark.django_db


def front_page(browser) -> str:
    return " ".join(browser.get("/admin/").content.decode().split())


def test_it_counts_what_waits_and_leads_there(signed_in, supervisor, make_application):
    make_application(full_name="Ada Example")
    make_application(full_name="Ben Example", email="ben@example.org", status="declined")

    page = front_page(signed_in(supervisor))

    assert "<strong>1</strong> application waits for an answer" in page
    assert 'href="/admin/applications/application/?status=open"' in page
    assert "did not go out" not in page


def test_it_tells_of_letters_that_did_not_go_out(signed_in, supervisor, application):
    Letter.objects.filter(kind="received").update(status="failed")

    assert "<strong>1</strong> letter did not go out" in front_page(signed_in(supervisor))


def test_other_peoples_applications_and_letters_are_not_counted(
    signed_in, other_supervisor, staff_without_rights, application
):
    Letter.objects.update(status="failed")

    others = front_page(signed_in(other_supervisor))
    without_rights = front_page(signed_in(staff_without_rights))

    assert "No application waits for an answer." in others
    assert "wait" not in without_rights
    assert "Ada Example" not in others + without_rights
    assert "did not go out" not in others + without_rights
