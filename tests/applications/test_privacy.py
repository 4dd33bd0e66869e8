"""The privacy page cannot lie: it is built from the settings, the catalogue and the consent, and they change it."""

import datetime
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from applications import consent, limits, sign_in_attempts
from applications.models import Erasure
from applications.tokens import manage_token
from projects.models import CoAdvisor

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = 24 * 3600


def page() -> str:
    """What one reads on the page, without the frame around it."""
    source = Client().get(reverse("applications:privacy")).content.decode()
    main = source.split("<main", 1)[1].split("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main.split(">", 1)[1]).split())


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("UPLOAD_HOURS", 7, "erased after 7 hours"),
        ("SESSION_COOKIE_AGE", 9 * DAY, "open your application again Kept: 9 days"),
        ("SESSION_COOKIE_NAME", "my-session", "my-session"),
        ("CSRF_COOKIE_AGE", 11 * DAY, "11 days"),
        ("CSRF_COOKIE_NAME", "my-csrf", "my-csrf"),
        ("LANGUAGE_COOKIE_AGE", 13 * DAY, "remembers the language, when you have chosen one Kept: 13 days"),
        ("LANGUAGE_COOKIE_AGE", None, "when you have chosen one Kept: until you close the browser"),
        ("LANGUAGE_COOKIE_NAME", "my-language", "my-language"),
        ("SUPERVISOR_NAME", "Grace Sample", "Grace Sample"),
        ("SUPERVISOR_EMAIL", "grace@example.org", "grace@example.org"),
        ("RETENTION_DAYS", {"accepted": 1, "declined": 222, "withdrawn": 33, "undecided": 444}, "Declined 222 days"),
        ("RETENTION_DAYS", {"accepted": 1, "declined": 222, "withdrawn": 33, "undecided": 444}, "Accepted 1 day "),
        ("RETENTION_DAYS", {"accepted": 1, "declined": 222, "withdrawn": 33, "undecided": 444}, "Offer 444 days"),
        ("RETENTION_DAYS", {"accepted": 1, "declined": 222, "withdrawn": 33, "undecided": 444}, "erased 33 days later"),
        ("RETENTION_DAYS", {"accepted": 1, "declined": 222, "withdrawn": 33, "undecided": 444}, "at most 444 days"),
        ("BACKUP_KEEP_DAYS", 44, "Backups hold copies. We keep each for at most 44 days."),
        ("BACKUP_KEEP_DAYS", 1, "We keep each for at most 1 day."),
    ],
)
def test_each_setting_changes_the_page(settings, name, value, words):
    before = page()
    assert words not in before

    setattr(settings, name, value)

    assert words in page()


def test_what_is_kept_against_abuse_is_kept_no_longer_than_the_page_says(monkeypatch):
    monkeypatch.setattr(limits, "KEPT", datetime.timedelta(hours=5))
    monkeypatch.setattr(sign_in_attempts, "KEPT", datetime.timedelta(hours=3))
    text = page()
    assert "so that nobody floods this site. Kept for at most 5 hours." in text
    assert "leaves the network address for 3 hours." in text


def test_every_number_on_it_comes_from_a_setting_or_is_counted(settings, project, monkeypatch):
    settings.RETENTION_DAYS = {"accepted": 101, "declined": 103, "withdrawn": 107, "undecided": 109}
    settings.UPLOAD_HOURS, settings.BACKUP_KEEP_DAYS = 113, 139
    monkeypatch.setattr(limits, "KEPT", datetime.timedelta(hours=149))
    monkeypatch.setattr(sign_in_attempts, "KEPT", datetime.timedelta(hours=151))
    settings.SESSION_COOKIE_AGE, settings.CSRF_COOKIE_AGE, settings.LANGUAGE_COOKIE_AGE = (
        127 * DAY,
        131 * DAY,
        137 * DAY,
    )
    settings.SUPERVISOR_EMAIL = "grace@example.org"

    from_settings = {"101", "103", "107", "109", "113", "127", "131", "137", "139", "149", "151"}
    counted = {"0", "2"}  # nobody runs the site here; two people read for the project
    of_words = {"256"} | numbers(consent.CONSENT_VERSION)  # SHA-256, and the version of the consent
    assert numbers(page()) == from_settings | counted | of_words


def test_the_page_says_through_what_letters_go(settings):
    assert "There is no mail server: letters lie in a folder" in page()

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "mail.example.org"
    assert "Letters go out through the mail server mail.example.org" in page()

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert "Letters go out through a mail server, and" in page()


def test_the_page_says_where_documents_lie(settings):
    assert "Your documents lie in a folder on the server" in page()

    settings.STORAGES = settings.STORAGES | {
        "documents": {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {}}
    }

    assert "Your documents lie in an object store" in page()


def test_the_page_counts_who_can_read(project, other_project, superuser, user_without_staff_access):
    text = page()
    assert f"{project.title} 2 people" in text
    assert f"{other_project.title} 1 person" in text
    assert "at present 1 person, as far as running it requires" in text

    no_account, no_reviewer = (
        CoAdvisor.objects.create(name="Nan"),
        CoAdvisor.objects.create(name="Gwen", user=user_without_staff_access),
    )
    other_project.co_advisors.add(no_account, no_reviewer)
    assert f"{other_project.title} 1 person" in page()


def test_unpublished_projects_are_not_told(project):
    project.is_published = False
    project.save()
    assert project.title not in page()


def test_counting_costs_the_same_number_of_questions_for_one_project_and_for_many(
    project, other_project, topic, supervisor, django_assert_num_queries
):
    with django_assert_num_queries(4):
        page()
    for number in range(20):
        added = type(project).objects.create(title=f"Project {number}", topic=topic, supervisor=supervisor)
        added.co_advisors.add(CoAdvisor.objects.create(name=f"Co {number}"))
    with django_assert_num_queries(4):
        page()


# The consent


def test_the_words_that_are_asked_for_stand_on_it_with_their_version():
    text = page()
    assert consent.consent_text(consent.CONSENT_VERSION) in text
    assert f"(version {consent.CONSENT_VERSION})" in text
    assert "Earlier versions" not in text


def test_earlier_versions_stand_on_it_for_those_who_agreed_to_them(monkeypatch):
    monkeypatch.setitem(consent.CONSENT_TEXTS, "2025-01", "I agreed to other words.")
    text = page()
    assert "Version 2025-01: I agreed to other words." in text
    assert consent.consent_text(consent.CONSENT_VERSION) in text


# What it says about the browser is true


def test_every_cookie_that_a_student_gets_is_named(project, application, settings):
    browser = Client()
    browser.get(reverse("applications:apply", args=[project.slug]))
    browser.post(reverse("language"), {"language": "de", "next": "/"})
    browser.get(reverse("applications:open", args=[manage_token(application)]))
    browser.post(reverse("applications:confirm", args=[application.reference]))

    got = set(browser.cookies)

    assert got == {
        settings.CSRF_COOKIE_NAME,
        settings.LANGUAGE_COOKIE_NAME,
        settings.SESSION_COOKIE_NAME,
        "messages",
    }
    text = page()
    assert [name for name in got if f" {name} " not in text] == []


def test_the_page_itself_sets_no_cookie():
    assert dict(Client().get(reverse("applications:privacy")).cookies) == {}


def test_what_the_device_keeps_is_kept_no_longer_than_the_page_says():
    script = (Path(django_settings.BASE_DIR) / "static/js/device.js").read_text()
    text = page()
    assert '"apply-text:": 7 * DAY' in script
    assert "what is older than a week is dropped" in text
    assert '"apply-files:": DAY' in script
    assert "keeps it, for at most a day" in text


# What it says about erasing is true


def test_what_remains_after_an_erasure_is_what_the_page_names():
    assert {field.name for field in Erasure._meta.get_fields()} == {
        "id",
        "cause",
        "project",
        "status",
        "received_on",
        "documents",
        "letters",
        "erased_at",
        "reached",
        "fingerprint",
    }
    text = page()
    assert "when and why, when it had come, how it stood and how far it had ever come, and how many documents" in text
    assert "A fingerprint of the reference, from which nobody can read it" in text


def test_the_page_names_the_statuses_in_which_one_asks_for_the_erasure():
    assert "Only when its status is “Accepted” or “Declined” do you ask for it there" in page()


def test_the_page_leads_to_what_one_can_do():
    source = Client().get(reverse("applications:privacy")).content.decode()
    for words in ("See", "Correct", "Take it away:", "Withdraw", "Have it erased", "Complain"):
        assert f"<strong>{words}</strong>" in source
    assert f'href="{reverse("applications:find")}"' in source
