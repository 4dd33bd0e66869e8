"""Words of one's own for a letter: filled by plain replacement, checked, shown before they go out, taken back."""

import datetime

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from applications import letters
from applications.letters import placeholders
from applications.models import Letter, LetterWording

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/letterwording/"
OFFER = {
    "subject": "An offer: {project} ({reference})",
    "body": "Hello {name}!\n\n{personal_line}\n\nUntil {offer_until}:\n\n{manage_link}\n\n{supervisor}\n",
}


def own(kind: str, subject: str = "{project} ({reference})", body: str = "Hello {name}.\n\n{manage_link}\n") -> None:
    LetterWording.objects.create(kind=kind, subject=subject, body=body)


@pytest.fixture
def browser(signed_in, supervisor):
    return signed_in(supervisor)


# Filling


def test_a_letter_goes_out_in_the_supervisors_own_words(application):
    own("offered", **OFFER)
    wording = letters.standard_wording(application, "offered", lapses_on=datetime.date(2026, 12, 12))
    assert wording.subject == f"An offer: {application.project.title} ({application.reference})"
    assert letters.with_personal_line(wording, "Well done.").body == (
        "Hello Ada Example!\n\nWell done.\n\nUntil 12 December 2026:\n\n{manage_link}\n\nSofia Supervisor\n"
    )


def test_own_words_concern_their_kind_and_language_only(application):
    own("offered", **OFFER)
    assert letters.standard_wording(application, "declined").body.startswith("Dear Ada Example,")
    application.language = "de"
    assert letters.standard_wording(application, "offered").body.startswith("Guten Tag Ada Example,")


@pytest.mark.parametrize(
    "name", ["{manage_link}", "{reference}", "{{ 7|add:7 }}", "{% now 'Y' %}", "%(reference)s", "{personal_line}"]
)
def test_what_a_student_typed_is_never_filled_in_nor_executed(make_application, name):
    own("received", body="Hello {name}.\n\n{documents}\n\n{manage_link}\n")
    application = make_application(full_name=name)
    body = application.letters.get(kind="received").body
    assert body.startswith(f"Hello {name.replace('{', '(').replace('}', ')')}.\n\n- CV: cv.pdf (1 page)\n")
    assert body.count("{manage_link}") == 1


def test_own_words_without_reference_and_title_still_name_them_when_a_decision_is_sent(application):
    own("declined", subject="Our answer", body="No.\n")
    wording = letters.with_reference(application, letters.standard_wording(application, "declined"))
    assert application.reference in wording.body
    assert application.project.title in wording.body


@pytest.mark.parametrize("kind", placeholders.WITH_WORDS)
def test_the_standard_words_can_be_saved_as_they_are_for_every_letter(browser, kind):
    """What an editor begins with has every placeholder that is needed, none that is unknown, and no gap."""
    words = letters.words_to_edit(kind, "en")
    assert "{project}" in words.subject
    assert words.body.strip()
    assert "  " not in words.body
    assert browser.post(f"{LIST}edit/{kind}/en/", {"subject": words.subject, "body": words.body}).status_code == 302
    saved = LetterWording.objects.get()
    assert (saved.kind, saved.subject, saved.body) == (kind, words.subject, words.body)


@pytest.mark.parametrize("kind", [*placeholders.TO_STUDENTS, *placeholders.NOTICES])
def test_the_standard_words_saved_as_they_are_leave_no_placeholder_unfilled(application, kind):
    words = letters.words_to_edit(kind, "en")
    own(kind, words.subject, words.body)
    wording = letters.with_personal_line(letters.standard_wording(application, kind, lapses_on=timezone.localdate()))
    assert "{" not in wording.subject
    assert "{" not in wording.body.replace(letters.MANAGE_LINK, "")


def test_an_editor_sees_placeholders_where_values_will_stand():
    words = letters.words_to_edit("declined", "en")
    assert words.subject == "Our answer to your application to “{project}” ({reference})"
    assert words.body.startswith("Dear {name},\n\nThank you for your interest in the project “{project}”")
    assert words.body.endswith("Kind regards\n{supervisor}\n")


# The pages


def test_the_list_offers_every_letter_and_says_which_are_in_own_words(browser, supervisor):
    LetterWording.objects.create(kind="offered", changed_by=supervisor, **OFFER)
    page = browser.get(LIST).content.decode()
    for kind in placeholders.WITH_WORDS:
        assert f"{LIST}edit/{kind}/en/" in page
    assert page.count("own words") == 1
    assert "Sofia Supervisor" in page
    assert "all supervisors share them" in page


def test_saving_keeps_who_changed_it_and_logs_it(browser, supervisor):
    assert browser.post(f"{LIST}edit/offered/en/", OFFER).status_code == 302
    browser.post(f"{LIST}edit/offered/en/", OFFER | {"subject": "Changed: {reference}"})
    saved = LetterWording.objects.get()
    assert (saved.subject, saved.changed_by) == ("Changed: {reference}", supervisor)
    assert list(LogEntry.objects.order_by("pk").values_list("action_flag", flat=True)) == [1, 2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"body": OFFER["body"] + "{nmae}"}, "{nmae} means nothing here. You can use: {name}, {project}"),
        ({"body": OFFER["body"] + "{documents}"}, "{documents} means nothing here"),
        ({"body": OFFER["body"] + "{{ name }}"}, "mean nothing here"),
        ({"body": OFFER["body"] + "{% now %}"}, "{% now %} means nothing here"),
        ({"body": OFFER["body"] + "{name"}, "{ means nothing here"),
        ({"body": OFFER["body"].replace("{manage_link}", "")}, "of no use without {manage_link}"),
        ({"body": OFFER["body"].replace("{offer_until}", "soon")}, "of no use without {offer_until}"),
        ({"body": " "}, "A letter needs a text."),
        ({"subject": ""}, "A letter needs a subject."),
        ({"subject": "{manage_link}"}, "{manage_link} means nothing here"),
        ({"subject": "{nmae}"}, "{nmae} means nothing here"),
    ],
)
@pytest.mark.parametrize("verb", ["edit", "preview", "test"])
def test_words_that_would_not_work_are_refused_with_the_reason(browser, change, says, verb):
    response = browser.post(f"{LIST}{verb}/offered/en/", OFFER | change)
    assert response.status_code == 200
    assert says in response.content.decode().replace("&#x27;", "'")
    assert not LetterWording.objects.exists()
    assert not Letter.objects.exists()


def test_a_subject_is_one_line(browser):
    browser.post(f"{LIST}edit/offered/en/", OFFER | {"subject": "An offer\r\nBcc: everyone@example.org"})
    assert LetterWording.objects.get().subject == "An offer Bcc: everyone@example.org"


def test_the_preview_shows_the_letter_as_it_would_go_out_and_saves_nothing(browser, application):
    page = browser.post(f"{LIST}preview/offered/en/", OFFER | {"try_on": application.pk}).content.decode()
    assert f"An offer: {application.project.title} ({application.reference})" in page
    assert "Hello Ada Example!" in page
    assert "[personal link]" in page
    assert "/applications/open/" not in page
    assert not LetterWording.objects.exists()
    assert set(Letter.objects.values_list("application", flat=True)) == {application.pk}


def test_the_preview_works_without_an_application(browser):
    page = browser.post(f"{LIST}preview/invitation/en/", {
        "subject": "Please review {project}", "body": "Hello {name}\n\n{invitation_link}\n\nuntil {valid_until}",
    }).content.decode()  # fmt: skip
    assert "Please review An example of a project" in page
    assert "[personal link]" in page


def test_a_preview_never_opens_an_application_of_others(browser, make_application, other_project):
    foreign = make_application(other_project, full_name="Fay Foreign")
    response = browser.post(f"{LIST}preview/offered/en/", OFFER | {"try_on": foreign.pk})
    assert "Fay Foreign" not in response.content.decode()
    assert "Please choose one of the applications in the list." in response.content.decode()
    assert "Fay Foreign" not in browser.get(f"{LIST}edit/offered/en/").content.decode()


def test_a_test_letter_goes_to_oneself_with_invented_data_and_no_working_link(
    browser, supervisor, application, letter_files
):
    Letter.objects.all().delete()
    browser.post(f"{LIST}test/offered/en/", OFFER | {"try_on": application.pk})
    letter = Letter.objects.get()
    assert (letter.kind, letter.recipient, letter.user) == ("test", supervisor.email, supervisor)
    assert (letter.application, letter.to_student) == (None, False)
    assert letter.subject == "[Test] An offer: An example of a project (A7K3-9QF2)"
    assert "[personal link]" in letter.body
    assert letters.send_due().sent == 1
    assert b"/applications/open/" not in letter_files()[0].read_bytes()


def test_without_an_address_of_ones_own_no_test_letter_is_written(browser, supervisor):
    type(supervisor).objects.filter(pk=supervisor.pk).update(email="")
    page = browser.post(f"{LIST}test/offered/en/", OFFER).content.decode()
    assert "Your account has no e-mail address" in page
    assert not Letter.objects.exists()


def test_own_words_are_taken_back_by_deleting_them(browser, application):
    own("declined", body="No, {name}.\n")
    row = LetterWording.objects.get()
    assert "Back to the standard words" in browser.get(f"{LIST}edit/declined/en/").content.decode()
    assert browser.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})["Location"] == LIST
    assert not LetterWording.objects.exists()
    assert letters.standard_wording(application, "declined").body.startswith("Dear Ada Example,")


@pytest.mark.parametrize("verb", ["edit", "preview", "test"])
@pytest.mark.parametrize("letter", ["digest_daily/en", "test/en", "offered/xx", "nothing/en"])
def test_letters_without_words_of_their_own_have_no_page(browser, verb, letter):
    assert browser.post(f"{LIST}{verb}/{letter}/", OFFER).status_code == 404


@pytest.mark.parametrize("verb", ["edit", "preview", "test"])
def test_a_co_advisor_changes_no_words(signed_in, co_advisor, verb):
    assert signed_in(co_advisor).post(f"{LIST}{verb}/offered/en/", OFFER).status_code == 403
    assert not LetterWording.objects.exists()
    assert not Letter.objects.exists()


# In each language


def test_the_list_names_each_letter_once_with_its_words_in_each_language(browser):
    LetterWording.objects.create(kind="offered", language="de", subject="{reference}", body="Hallo")

    response = browser.get(LIST)

    for _heading, letters_of_group in response.context["groups"]:
        assert len({letter["label"] for letter in letters_of_group}) == len(letters_of_group)
        for letter in letters_of_group:
            assert [row["language"] for row in letter["languages"]] == [name for _code, name in settings.LANGUAGES]
    text = response.content.decode()
    assert text.count("own words</strong>") == 1
    for kind in ("notice_question", "notice_document", "notice_erasure"):
        for language in ("en", "de"):
            assert f"{LIST}edit/{kind}/{language}/" in text


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", placeholders.WITH_WORDS)
def test_the_standard_words_of_every_letter_can_be_saved_and_read_in_each_language(browser, kind, language):
    address = f"{LIST}edit/{kind}/{language}/"
    form = browser.get(address).context["form"]
    words = {"subject": form["subject"].value(), "body": form["body"].value()}

    shown = browser.post(address.replace("/edit/", "/preview/"), words).context["shown"]

    assert shown is not None
    assert not set("{}") & set(shown.subject + shown.body)
    assert browser.post(address, words).status_code == 302
