"""Each reviewer's own preferences."""

import datetime

import pytest
from django.utils import timezone

from applications.models import Letter, Preference

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGE = "/admin/preferences/"


def test_without_a_choice_there_is_a_letter_for_each_application_and_keys_are_on(signed_in, co_advisor):
    form = signed_in(co_advisor).get(PAGE).context["form"]
    assert (form["notices"].value(), form["shortcuts"].value()) == ("each", True)
    assert not Preference.objects.exists(), "looking chooses nothing"


def test_a_reviewer_chooses_for_themselves_only(signed_in, co_advisor, supervisor):
    browser = signed_in(co_advisor)
    assert browser.post(PAGE, {"notices": "daily", "user": supervisor.pk})["Location"] == PAGE
    chosen = Preference.objects.get()
    assert (chosen.user, chosen.notices, chosen.shortcuts) == (co_advisor, "daily", False)


@pytest.mark.parametrize("sent", [{}, {"notices": "hourly"}])
def test_what_cannot_be_chosen_is_refused(signed_in, co_advisor, sent):
    assert signed_in(co_advisor).post(PAGE, sent).status_code == 200
    assert not Preference.objects.exists()


def test_people_who_do_not_review_have_no_preferences(signed_in, staff_without_rights, client):
    assert signed_in(staff_without_rights).get(PAGE).status_code == 403
    assert signed_in(staff_without_rights).post(PAGE, {"notices": "daily"}).status_code == 403
    assert client.get(PAGE).status_code == 302
    assert not Preference.objects.exists()


def test_the_link_stands_beside_that_to_the_password_for_reviewers_only(signed_in, co_advisor, staff_without_rights):
    assert PAGE in signed_in(co_advisor).get("/admin/").content.decode()
    assert PAGE not in signed_in(staff_without_rights).get("/admin/").content.decode()


def test_who_chooses_the_daily_letter_gets_no_single_ones_and_the_others_still_do(
    signed_in, co_advisor, supervisor, make_application
):
    signed_in(co_advisor).post(PAGE, {"notices": "daily"})
    make_application()
    assert list(Letter.objects.filter(kind="notice_received").values_list("recipient", flat=True)) == [supervisor.email]


def test_what_came_before_the_daily_letter_was_chosen_is_not_told_twice(signed_in, co_advisor, make_application):
    make_application()
    signed_in(co_advisor).post(PAGE, {"notices": "daily"})
    assert Preference.objects.get().told_daily_at > timezone.now() - datetime.timedelta(minutes=1)


def test_nothing_is_left_out_when_the_daily_letter_is_given_up(signed_in, co_advisor, make_application):
    browser = signed_in(co_advisor)
    browser.post(PAGE, {"notices": "daily"})
    application = make_application()
    browser.post(PAGE, {"notices": "each"})
    letter = Letter.objects.get(kind="digest_daily")
    assert letter.recipient == co_advisor.email
    assert application.reference in letter.body


# In which language letters come


def test_letters_come_in_the_language_of_the_site_until_somebody_chooses(signed_in, co_advisor):
    form = signed_in(co_advisor).get(PAGE).context["form"]

    assert form["language"].value() == ""
    assert [words for _code, words in form.fields["language"].choices] == [
        "the language of this site (English)",
        "English",
        "Deutsch",
    ]


def test_a_reviewer_chooses_the_language_of_letters(signed_in, co_advisor, make_application):
    browser = signed_in(co_advisor)

    assert browser.post(PAGE, {"notices": "each", "language": "de"}).status_code == 302
    make_application()

    assert Preference.objects.get().language == "de"
    notice = Letter.objects.get(kind="notice_received", recipient=co_advisor.email)
    assert notice.language == "de"
    assert set(Letter.objects.exclude(pk=notice.pk).values_list("language", flat=True)) == {"en"}


def test_a_language_that_we_do_not_speak_is_refused(signed_in, co_advisor):
    response = signed_in(co_advisor).post(PAGE, {"notices": "each", "language": "tlh"})

    assert response.context["form"].errors["language"]
    assert not Preference.objects.exists()
