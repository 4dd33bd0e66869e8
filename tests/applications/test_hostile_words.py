"""What strangers type is text wherever it is read: in letters, on pages, in the admin; and the admin's own forms."""

import email
import email.policy
import html
import logging
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import letters, renditions, search, workflow
from applications.inspection import FLAG_WORDS
from applications.models import Application, Letter, Message
from applications.statuses import Status
from applications.tokens import manage_token
from projects.models import Project

pytestmark = pytest.mark.django_db

HEADERS = "Ada\r\nBcc: eve@example.org\r\nContent-Type: text/html\r\n\r\n<b>Hello</b>"
TEMPLATES = "{{ 7*7 }} {% include 'x' %} {manage_link} {review_link} {name} {0.__class__} %(name)s ${7*7} #{7*7}"
MARKUP = "</textarea></title>\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
LIST = reverse("admin:applications_application_changelist")


@pytest.fixture(autouse=True)
def no_fault_is_logged(caplog) -> Iterator[None]:
    yield
    faults = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert not [record for record in faults if not record.name.startswith("django.security.")]


@pytest.fixture
def sent(letter_files) -> Callable[[], list[EmailMessage]]:
    """Sends all letters that are due and reads them as mail programs do."""

    def send() -> list[EmailMessage]:
        letters.send_due()
        policy = email.policy.default
        return [email.message_from_bytes(path.read_bytes(), policy=policy) for path in letter_files()]

    return send


@pytest.fixture
def reviewing(signed_in, supervisor) -> Client:
    return signed_in(supervisor)


@pytest.fixture
def hand_in(settings, client, project, answers, cv_file, transcript_file) -> Callable[..., Application]:
    """Hands in by the real form, whatever the answers are."""
    settings.APPLY_LIMITS = False

    def hand_in(**typed: str) -> Application:
        address = f"/projects/{project.slug}/apply/"
        nonce = re.search(r'name="nonce" value="([^"]+)"', client.get(address).content.decode())[1]
        filled = {**answers, "earliest_start": answers["earliest_start"].isoformat(), "consent": "on", "nonce": nonce}
        response = client.post(address, filled | typed | {"cv": cv_file(), "transcripts": [transcript_file()]})
        assert response.status_code == 302, dict(response.context["form"].errors)
        return Application.objects.get()

    return hand_in


def page_of(application: Application, name: str, *more) -> str:
    return reverse(f"admin:applications_application_{name}", args=[application.pk, *more])


def body_of(mail: EmailMessage) -> str:
    return mail.get_content()


# Letters

KNOWN_HEADERS = {
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Language"),
}


def assert_sound(mails: list[EmailMessage]) -> None:
    """Each mail has the headers that we write, in one line each, and goes to one person."""
    assert mails
    for mail in mails:
        assert set(mail.keys()) <= KNOWN_HEADERS
        assert len(mail.keys()) == len(set(mail.keys()))
        assert mail["To"].addresses[0].addr_spec in {"ada@example.org", "sofia@example.org", "carl@example.org"}
        assert len(mail["To"].addresses) == 1
        assert mail.get_content_type() == "text/plain"
        assert "\n" not in mail["Subject"]


def test_lines_in_an_answer_make_no_header_of_any_letter(hand_in, sent):
    hand_in(full_name=HEADERS, university=HEADERS, programme=HEADERS, motivation=HEADERS)
    mails = sent()
    assert len(mails) >= 2
    assert_sound(mails)


@pytest.mark.parametrize("address", ["ada@example.org\r\nBcc: e@example.org", "ada@example.org,e@example.org", "<>"])
def test_lines_and_lists_in_an_address_are_no_address(client, project, address):
    response = client.post(f"/projects/{project.slug}/apply/", {"email": address})
    assert "not a complete e-mail address" in " ".join(response.context["form"].errors["email"])
    client.post("/applications/find/", {"email": address})
    assert not Letter.objects.exists()


def test_lines_in_the_subject_of_a_reviewer_make_no_header(reviewing, application, sent):
    reviewing.post(page_of(application, "write"), {"subject": HEADERS, "body": "Hello"})
    reviewing.post(
        page_of(application, "decide", Status.INTERVIEW),
        {"subject": HEADERS, "body": "Hello {manage_link}", "send": "1", "reason": "", "personal_line": HEADERS},
    )
    assert_sound(sent())


def test_lines_in_the_title_of_a_project_and_in_the_name_of_a_supervisor_make_no_header(
    project, supervisor, make_application, sent
):
    Project.objects.filter(pk=project.pk).update(title=f"Genomes {HEADERS}"[:200])
    supervisor.first_name = "Sofia\r\nBcc: eve@example.org\r\n"
    supervisor.save()
    project.refresh_from_db()
    make_application()
    assert_sound(sent())


def test_what_looks_like_a_template_is_text_in_every_letter(hand_in, reviewing, client, sent):
    application = hand_in(
        full_name=f"Ada {TEMPLATES}"[:200], university=TEMPLATES, programme=TEMPLATES, motivation=TEMPLATES
    )
    client.post(f"{application.get_absolute_url()}ask/", {"text": TEMPLATES})
    workflow.withdraw(application, reason=TEMPLATES)
    mails = sent()

    link = manage_token(application)
    to_student = [mail for mail in mails if mail["To"] == "ada@example.org"]
    to_reviewers = [mail for mail in mails if mail not in to_student]
    assert len(to_student) >= 2
    assert len(to_reviewers) >= 2
    for mail in mails:
        assert "49" not in body_of(mail).replace(link, "")
        assert "49" not in mail["Subject"]
    assert not [mail for mail in to_reviewers if "/applications/open/" in body_of(mail)]
    assert all(body_of(mail).count(link) <= 1 for mail in to_student)


def test_what_looks_like_our_own_placeholder_opens_nothing_for_the_reviewer_who_is_asked(
    client, hand_in, sent, supervisor
):
    application = hand_in()
    client.post(f"{application.get_absolute_url()}ask/", {"text": "Please look: {manage_link}"})
    assert Message.objects.get().text == "Please look: {manage_link}"
    assert not [mail for mail in sent() if mail["To"] != "ada@example.org" and manage_token(application) in str(mail)]


# Pages


def harmless(response) -> bool:
    """No markup of a stranger came through as markup."""
    text = response.content.decode() if not response.streaming else b"".join(response).decode("latin-1")
    return response.status_code == 200 and "<script>alert" not in text and "<img src=x" not in text


@pytest.fixture
def marked_up(hand_in, reviewing, settings) -> Application:
    """An application of which everything that a stranger can type is markup, its file names too."""
    application = hand_in(
        full_name=MARKUP, university=MARKUP, programme=MARKUP, motivation=MARKUP, links="https://example.org/?a=1"
    )
    application.documents.update(original_name=MARKUP)
    renditions.make_missing()
    search.refresh(application)
    reviewing.post(page_of(application, "note"), {"text": MARKUP})
    Message.objects.create(application=application, text=MARKUP, is_from_student=True)
    return application


def test_markup_is_text_on_every_page_of_the_student(client, marked_up):
    here = marked_up.get_absolute_url()
    for page in ("", "receipt/", "documents/", "withdraw/", "ask/", "erase/", "address/"):
        assert harmless(client.get(f"{here}{page}")), page
    assert MARKUP in html.unescape(client.get(here).content.decode())


def test_markup_is_text_on_the_page_before_sending_and_when_something_is_wrong(client, project, answers):
    address = f"/projects/{project.slug}/apply/"
    typed = dict.fromkeys(["full_name", "university", "programme", "motivation", "links", "email", "nonce"], MARKUP)
    for more in ({"action": "preview"}, {"action": "edit"}, {"language": "de"}, {"language": MARKUP}, {}):
        assert harmless(client.post(address, typed | more))


def test_markup_is_text_on_every_page_of_the_reviewer(reviewing, marked_up):
    two = f"{reverse('admin:applications_application_compare')}?ids={marked_up.pk}"
    pages = [
        *(page_of(marked_up, name) for name in ("change", "erase")),
        *(page_of(marked_up, "decide", status) for status in (Status.INTERVIEW, Status.OFFERED, Status.DECLINED)),
        *(LIST, f"{LIST}?q=alert", two, reverse("admin:index"), reverse("admin:applications_letter_changelist")),
    ]
    for page in pages:
        assert harmless(reviewing.get(page, follow=True)), page


def test_markup_is_text_in_every_letter_that_the_admin_shows(superuser, signed_in, marked_up):
    browser = signed_in(superuser)
    for letter in Letter.objects.all():
        assert harmless(browser.get(reverse("admin:applications_letter_change", args=[letter.pk])))


def test_a_link_of_a_stranger_is_a_web_address_and_opens_without_telling_where_from(reviewing, hand_in):
    application = hand_in(links="https://example.org/?q=<b>")
    page = reviewing.get(page_of(application, "change")).content.decode()
    assert "<b>" not in re.findall(r"example\.org[^ ]*", page)[0]


def test_every_flag_that_a_document_can_carry_is_said_in_words_where_it_is_reviewed(reviewing, application):
    application.documents.update(flags=list(FLAG_WORDS))
    page = html.unescape(reviewing.get(page_of(application, "change")).content.decode())
    assert [flag for flag, words in FLAG_WORDS.items() if str(words) not in page] == []


# The admin's own forms

STRANGE = {
    "NUL": "a\0b",
    "lines": HEADERS,
    "everything": f"a\x01\x1b[31m\x7f\x85\u202e\u2066👩‍💻\U0010ffff\ufffe {MARKUP} {TEMPLATES}",
    "long": "x" * 20_000,
}
FIELDS = (
    *("text", "subject", "body", "personal_line", "reason", "comment", "rating", "seen_status", "seen_decision"),
    *("full_name", "email", "university", "programme", "motivation", "links", "earliest_start", "received_on"),
    *("project", "opened", "nonce", "send", "on", "seen", "offer_lapses_on", "revision", "confirm", "send_after"),
)
PAGES = ("note", "review", "write", "ask", "documents", "transfer", "undo")


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_text_in_any_form_of_the_review_gets_a_clear_answer(reviewing, application, text):
    typed = dict.fromkeys(FIELDS, text)
    decisions = [("decide", Status.INTERVIEW), ("decide", Status.DECLINED), ("stage", Status.WAITLISTED)]
    for name, *more in [*((page,) for page in PAGES), *decisions]:
        response = reviewing.post(page_of(application, name, *more), typed)
        assert response.status_code in (200, 302, 403, 404, 409), name
    assert reviewing.get(page_of(application, "change")).status_code == 200


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_text_in_what_is_entered_by_hand_is_taken_tidied_or_asked_for_again(reviewing, project, text):
    typed = dict.fromkeys(FIELDS, text) | {
        "project": project.pk,
        "email": "ada@example.org",
        "received_on": timezone.localdate().isoformat(),
    }
    response = reviewing.post(reverse("admin:applications_application_add"), typed)
    assert response.status_code in (200, 302)
    assert Application.objects.count() == (response.status_code == 302)
    assert not [application for application in Application.objects.all() if "\0" in application.full_name]


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_text_in_the_catalogue_is_taken_or_asked_for_again(reviewing, project, text):
    for page in (
        reverse("admin:projects_project_change", args=[project.pk]),
        reverse("admin:projects_project_add"),
        reverse("admin:projects_topic_add"),
    ):
        names = ("title", "description", "proposal_url", "name", "criteria", "slug", "topic", "places", "deadline")
        assert reviewing.post(page, dict.fromkeys(names, text)).status_code in (200, 302, 403), page
    assert reviewing.get("/").status_code == 200


QUERIES = {"NUL": "%00", "surrogate": "%ED%A0%80", "long": "x" * 3000, "huge": "9" * 40, "signs": "%27%22%25_%5C(("}


@pytest.mark.parametrize("text", QUERIES.values(), ids=QUERIES)
def test_strange_words_in_the_address_of_a_list_are_no_fault(reviewing, application, text):
    for name in ("q", "p", "o", "status", "project", "project__id__exact", "status__exact"):
        assert reviewing.get(f"{LIST}?{name}={text}").status_code in (200, 302, 400), name
    for page in (
        f"{page_of(application, 'change')}?document={text}",
        f"{reverse('admin:applications_application_compare')}?ids={text}",
        f"{LIST}{text}/change/",
        f"{LIST}{text}/note/",
        f"{LIST}{application.pk}/decide/{text}/",
    ):
        assert reviewing.get(page).status_code in (200, 302, 404, 405), page


def test_strange_words_at_the_sign_in_are_no_fault(client):
    for text in ("\0", STRANGE["everything"]):
        assert client.post("/admin/login/", {"username": text, "password": text}).status_code in (200, 403, 429)
