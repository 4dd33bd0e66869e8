"""The student's side as pages: each is whole, says what is true in its state, and shows nobody else's business."""

import datetime
import re
from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import workflow
from applications.models import Application, Event, Letter
from applications.retention import erase_on
from applications.statuses import OPEN_STATUSES, STUDENT_WORDS, Status

pytestmark = pytest.mark.once

BELOW = (
    *("", "address/", "answers/", "documents/", "withdraw/", "not-me/"),
    *("ask/", "receipt/", "link/", "erase/"),
)


class Page(HTMLParser):
    """What a browser and its reader find: headings, forms, texts, links, robots."""

    def __init__(self, response) -> None:
        super().__init__()
        self.source = response.content.decode()
        self.headings, self.ids, self.robots = [], [], None
        self.links: dict[str, str] = {}
        self.forms: list[list[dict]] = []
        self._open: list[str] = []
        self._in_form = False
        self.feed(self.source)
        self.text = " ".join(re.sub(r"<[^>]+>", " ", self.source.split("<main", 1)[1]).split())
        self.title = " ".join(re.search(r"<title>(.*?)</title>", self.source, re.S)[1].split())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        if tag == "h1":
            self.headings.append(tag)
        if tag == "meta" and found.get("name") == "robots":
            self.robots = found["content"]
        if tag == "form" and found.get("action") != "/language/":  # on every page, see tests/tracker/test_languages.py
            self.forms.append([found | {"tag": tag}])
            self._in_form = True
        elif self._in_form and tag in ("input", "textarea", "button", "select"):
            self.forms[-1].append(found | {"tag": tag})
        if tag == "a":
            self.links[found.get("href", "")] = tag
        assert "style" not in found, f"an inline style in <{tag}>"
        assert not any(name.startswith("on") for name in found), f"an inline script in <{tag}>"

    def handle_endtag(self, tag):
        if tag == "form":
            self._in_form = False

    def leads_to(self, address: str) -> bool:
        return any(href.split("?")[0] == address for href in self.links)


def whole(response, status: int = 200) -> Page:
    """The page, after the claims that every page makes."""
    assert response.status_code == status
    page = Page(response)
    assert len(page.headings) == 1
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    assert re.match(r"\S.* · MSc projects$", page.title)
    assert "{{" not in page.source
    assert "{%" not in page.source
    for form, *fields in page.forms:
        assert form["method"] == "post"
        assert [f["name"] for f in fields if f.get("name") == "csrfmiddlewaretoken"] == ["csrfmiddlewaretoken"]
        assert fields[0]["name"] == "csrfmiddlewaretoken", "the token stands first, before any file"
    return page


@pytest.fixture
def page_of(open_by_link):
    """The student's page, or one below it, as a browser shows it that came by the link."""

    def show(application: Application, below: str = "") -> Page:
        return whole(open_by_link(application).get(application.get_absolute_url() + below))

    return show


# Every page is whole


@pytest.mark.parametrize("below", BELOW)
def test_the_students_pages_are_whole_and_not_for_search_engines(application, page_of, below):
    page = page_of(application, below)
    assert page.robots == "noindex"
    assert application.reference in page.title


@pytest.mark.parametrize("status", Status.values)
def test_the_page_is_whole_in_every_status_and_names_it_in_the_students_words(make_application, page_of, status):
    page = page_of(make_application(status=status))
    assert str(STUDENT_WORDS[Status(status)]) in page.text
    assert '<h2 id="status">' in page.source


@pytest.mark.parametrize("name", ["find", "privacy"])
def test_the_public_pages_are_whole(db, client, name):
    assert whole(client.get(reverse(f"applications:{name}"))).robots is None


def test_pages_without_a_way_to_them_here_are_whole(application, rf):
    """Those that answer a POST: rendered as their views do."""
    context = {"project": application.project, "address": "ada@example.org"}
    for name in ("applied_before", "find_sent", "erased"):
        page = render_to_string(f"applications/{name}.html", context, request=rf.get("/"))
        assert page.count("<h1") == 1
        assert page.count("<form") == page.count('action="/language/"')
        assert 'content="noindex"' in page


def test_what_answers_a_second_application_says_nothing_of_the_first(application, client, project, rf):
    page = render_to_string("applications/applied_before.html", {"project": project}, request=rf.get("/"))
    assert application.reference not in page
    assert application.full_name not in page
    assert application.email not in page


# The form


def test_enter_in_the_form_sends_nothing_because_the_button_for_checking_stands_first(client, project):
    form = whole(client.get(f"/projects/{project.slug}/apply/")).forms[0]
    buttons = [(b.get("name"), b.get("value")) for b in form if b["tag"] == "button" and b["type"] == "submit"]
    assert buttons == [("action", "preview"), (None, None)]
    assert form[0]["enctype"] == "multipart/form-data"
    assert "novalidate" in form[0]


@pytest.fixture
def preview(client, project, answers, cv_file, transcript_file) -> Page:
    address = f"/projects/{project.slug}/apply/"
    sent = {
        **answers,
        "motivation": "First line.\r\n\r\nSecond “line” & <b>more</b>.",
        "earliest_start": answers["earliest_start"].strftime("%d.%m.%Y"),
        "cv": cv_file(),
        "transcripts": [transcript_file("one.pdf"), transcript_file("two.pdf")],
        "consent": "on",
        "nonce": "form-1",
        "action": "preview",
    }
    return whole(client.post(address, sent))


def carried(page: Page) -> dict[str, list[str]]:
    """What the preview's form sends when its first button is pressed."""
    data: dict[str, list[str]] = {}
    for field in page.forms[0][1:]:
        if field["tag"] == "input" and field["name"] != "csrfmiddlewaretoken":
            data.setdefault(field["name"], []).append(field.get("value", ""))
    return data


def test_the_preview_hands_in_exactly_what_it_shows(preview, client, project):
    assert "Second “line” &amp; &lt;b&gt;more&lt;/b&gt;." in preview.source
    response = client.post(f"/projects/{project.slug}/apply/", carried(preview))
    assert response.status_code == 302
    handed_in = Application.objects.get()
    assert handed_in.motivation == "First line.\n\nSecond “line” & <b>more</b>."
    assert [d.original_name for d in handed_in.current_documents()] == ["cv.pdf", "one.pdf", "two.pdf"]


def test_from_the_preview_one_gets_back_to_the_filled_form(preview, client, project):
    page = whole(client.post(f"/projects/{project.slug}/apply/", carried(preview) | {"action": "edit"}))
    assert Application.objects.count() == 0
    ticked = [f for f in page.forms[0] if f.get("name", "").startswith("kept_")]
    assert [f["name"] for f in ticked] == ["kept_cv", "kept_transcripts", "kept_transcripts"]
    assert all("checked" in f and f["type"] == "checkbox" for f in ticked)
    assert "one.pdf" in page.text


def test_a_kept_file_is_told_with_its_pages_and_its_box_says_which_it_is(preview, client, project):
    page = whole(client.post(f"/projects/{project.slug}/apply/", carried(preview) | {"action": "edit"}))
    facts = re.search(r'kept-file-facts">(.*?)</span>', page.source, re.S)[1].replace("\xa0", " ")
    assert re.fullmatch(r"1 page, [\d.]+ KB, checked", facts)
    assert 'Use this file<span class="visually-hidden">: cv.pdf</span>' in page.source


# Not open


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"closed_at": timezone.now()}, "takes no more applications"),
        ({"places": 1, "places_taken": 1}, "All places of this project are taken"),
        ({"deadline": datetime.date(2020, 1, 31)}, "until the end of 31 January 2020"),
        ({"opens_on": datetime.date(2099, 5, 1)}, "from 1 May 2099"),
    ],
)
def test_a_project_that_is_not_open_says_why_and_leads_on(client, project, other_project, fields, says):
    for name, value in fields.items():
        setattr(project, name, value)
    project.save()
    page = whole(client.get(f"/projects/{project.slug}/apply/"))
    assert says in page.text
    assert other_project.title in page.text
    assert not page.forms
    assert "<textarea" not in page.source

    page = whole(client.post(f"/projects/{project.slug}/apply/", {"motivation": "My </textarea> words"}), status=409)
    assert "Your application was not sent" in page.text
    assert "readonly>My &lt;/textarea&gt; words</textarea>" in page.source


# The student's page


def test_an_answer_is_promised_by_a_day_and_a_broken_promise_is_admitted(application, page_of):
    day = application.answer_promised_by
    assert f"{day.day} {day:%B %Y}" in page_of(application).text
    Application.objects.update(received_at=timezone.now() - datetime.timedelta(days=400))
    assert "We are sorry that it is late" in page_of(application).text


@pytest.mark.parametrize("status", [s for s in Status.values if s not in ("received", "in_review")])
def test_no_day_is_promised_once_there_is_an_answer(make_application, page_of, status):
    assert "answer by" not in page_of(make_application(status=status)).text


@pytest.mark.parametrize("status", Status.values)
def test_the_page_offers_exactly_what_can_be_done(make_application, page_of, status):
    application = make_application(status=status)
    page = page_of(application)
    at = application.get_absolute_url()
    assert page.leads_to(at + "answers/") == (status == "received")
    assert page.leads_to(at + "documents/") == (status in OPEN_STATUSES)  # replaced, or offered once reading began
    assert page.leads_to(at + "ask/") == (status != "withdrawn")
    assert page.leads_to(at + "receipt/")
    assert page.leads_to(at + "link/")
    assert page.leads_to(at + "erase/")
    assert page.leads_to(at + "accept/") == (status == "offered")
    assert page.leads_to(at + "withdraw/") == (status not in ("declined", "withdrawn"))


def test_an_offer_whose_place_is_gone_cannot_be_accepted_but_turned_down(make_application, page_of, project):
    application = make_application(status=Status.OFFERED)
    project.places = project.places_taken = 1
    project.save()
    page = page_of(application)
    assert not page.leads_to(application.get_absolute_url() + "accept/")
    assert page.leads_to(application.get_absolute_url() + "withdraw/")
    assert "all places are taken" in page.text


def test_an_offer_says_until_when_it_stands_and_afterwards_cannot_be_accepted(make_application, page_of, open_by_link):
    application = make_application(status=Status.OFFERED)
    day = timezone.localdate()
    Application.objects.update(offer_lapses_on=day)
    assert f"The offer stands until {day.day} {day:%B %Y} ." in page_of(application).text
    assert f"The offer stands until {day.day} {day:%B %Y}." in page_of(application, "accept/").text

    day -= datetime.timedelta(days=1)
    Application.objects.update(offer_lapses_on=day)
    page = page_of(application)
    assert f"The offer stood until {day.day} {day:%B %Y}, so it cannot be accepted any more." in page.text
    at = application.get_absolute_url()
    assert not page.leads_to(at + "accept/")
    assert page.leads_to(at + "withdraw/")
    browser = open_by_link(application)
    assert browser.get(at + "accept/")["Location"] == at
    browser.post(at + "accept/")
    application.refresh_from_db()
    assert application.status == Status.OFFERED


def test_documents_are_shown_with_their_size_pages_and_fingerprint(application, page_of):
    page = page_of(application)
    for document in application.current_documents():
        assert page.leads_to(document.get_absolute_url())
        assert f"<code>{document.sha256}</code>" in page.source
        assert f"SHA-256 {document.sha256[:8]}…" in page.text
    assert "2 pages" in page.text


def test_what_was_corrected_or_replaced_stays_to_be_seen(application, page_of, answers, make_uploads):
    former = application.current_documents()[0]
    workflow.correct_answers(application, answers | {"programme": "MSc Physics"})
    workflow.replace_documents(application, make_uploads()[:1])
    page = page_of(application)
    assert "MSc Physics" in page.text
    assert "MSc Computer Science" in page.text
    assert "Former answers" in page.text
    assert page.text.count(f"{answers['earliest_start'].day} {answers['earliest_start']:%B %Y}") == 2
    assert "1 former document" in page.text
    assert page.leads_to(former.get_absolute_url())


def test_the_page_says_when_it_will_be_erased(application, page_of):
    day = erase_on(application)
    assert f"Erased on {day.day} {day:%B %Y}" in page_of(application).text


@pytest.mark.parametrize(
    ("status", "says"),
    [("queued", "is on its way to"), ("sent", "The receipt went to"), ("failed", "could not be delivered to")],
)
def test_the_browser_that_applied_reads_what_became_of_the_receipt(
    client, project, answers, page_of, status, says, cv_file, transcript_file
):
    sent = answers | {"cv": cv_file(), "transcripts": transcript_file(), "consent": "on", "nonce": "n"}
    address = client.post(f"/projects/{project.slug}/apply/", sent)["Location"]
    sent_at = timezone.now() if status == "sent" else None
    Letter.objects.filter(kind="received").update(status=status, sent_at=sent_at)
    page = whole(client.get(address))
    assert says in page.text
    assert page.leads_to(address + "address/")
    assert "Is this your application?" not in page.text


def test_by_the_link_the_question_is_asked_until_it_is_answered(application, page_of):
    page = page_of(application)
    at = application.get_absolute_url()
    assert [form[0]["action"] for form in page.forms] == [at + "confirm/"]
    assert page.leads_to(at + "not-me/")
    workflow.confirm_address(application)
    page = page_of(application)
    assert not page.forms
    assert not page.leads_to(at + "not-me/")
    assert not page.leads_to(at + "address/")


# History

LINES = [
    ("received", "in_review", "reviewer", "Reading began."),
    ("interview", "in_review", "reviewer", "Your application is being read again."),
    ("declined", "in_review", "reviewer", "Your application was opened again."),
    ("in_review", "interview", "reviewer", "You were asked for a talk."),
    ("in_review", "waitlisted", "reviewer", "You were put on the waiting list."),
    ("offered", "waitlisted", "reviewer", "The offer ended, and you were put on the waiting list."),
    ("in_review", "offered", "reviewer", "The project was offered to you."),
    ("offered", "accepted", "student", "You accepted the offer."),
    ("offered", "accepted", "reviewer", "Your word that you accept the offer was noted."),
    ("in_review", "declined", "reviewer", "Your application was declined."),
    ("accepted", "declined", "reviewer", "The offer ended."),
    ("offered", "declined", "system", "The offer ended, because its day had passed."),
    ("received", "withdrawn", "student", "You withdrew your application."),
    ("offered", "withdrawn", "student", "You turned down the offer."),
    ("received", "withdrawn", "reviewer", "Your word that you withdraw was noted."),
]


@pytest.mark.parametrize(("from_status", "to_status", "actor", "says"), LINES)
def test_the_history_speaks_to_the_student_without_names_and_reasons(
    application, page_of, from_status, to_status, actor, says
):
    Event.objects.create(
        application=application,
        kind=Event.Kind.MOVED,
        actor=actor,
        from_status=from_status,
        to_status=to_status,
        actor_name="Sofia Secretive",
        text="too weak in statistics",
    )
    page = page_of(application)
    assert says in page.text
    assert "Secretive" not in page.source
    assert "statistics" not in page.source


@pytest.mark.parametrize("kind", sorted(set(Event.FOR_STUDENT) - {"moved"}))
def test_every_kind_of_event_that_a_student_sees_has_words(kind):
    line = render_to_string("applications/includes/event_words.html", {"event": Event(kind=kind)})
    assert line.strip().endswith(".")


@pytest.mark.parametrize("to_status", [s for s in Status.values if s != "received"])
def test_every_move_has_words(to_status):
    event = Event(kind="moved", from_status="in_review", to_status=to_status)
    assert render_to_string("applications/includes/event_words.html", {"event": event}).strip().endswith(".")


def test_tries_to_apply_again_are_not_in_the_students_history(application, page_of):
    before = page_of(application).source.count("<time")
    Event.objects.create(application=application, kind=Event.Kind.APPLIED_AGAIN, actor="student")
    Event.objects.create(application=application, kind=Event.Kind.NOTE, actor="reviewer", text="hidden")
    assert page_of(application).source.count("<time") == before


# Withdrawing, finding, privacy


@pytest.mark.parametrize(
    ("status", "verb"),
    [("received", "Withdraw the application"), ("offered", "Turn down the offer"), ("accepted", "Give back the place")],
)
def test_withdrawing_is_named_as_what_it_is(make_application, page_of, settings, status, verb):
    page = page_of(make_application(status=status), "withdraw/")
    assert page.title.startswith(verb)
    assert page.source.count(verb) >= 3  # title, heading, button
    assert f"{settings.RETENTION_DAYS['withdrawn']} days later" in page.text


def test_the_answer_to_find_has_the_same_words_for_every_address(application):
    def answer(address: str) -> str:
        response = Client().post(reverse("applications:find"), {"email": address})
        return whole(response).source.replace(address, "ADDRESS")

    assert answer(application.email) == answer("nobody@example.net")


def test_the_privacy_page_takes_its_numbers_from_the_settings(db, client, settings):
    settings.RETENTION_DAYS = {"accepted": 111, "declined": 222, "withdrawn": 33, "undecided": 444}
    settings.UPLOAD_HOURS, settings.SESSION_COOKIE_AGE = 7, 9 * 24 * 3600
    settings.SUPERVISOR_NAME, settings.SUPERVISOR_EMAIL = "Grace Sample", "grace@example.org"
    page = whole(client.get(reverse("applications:privacy")))
    for expected in (
        "Accepted 111 days",
        "Declined 222 days",
        "Withdrawn 33 days",
        "444 days",
        "after 7 hours",
        "Kept: 9 days",
        workflow.CONSENT_VERSION,
        "Grace Sample",
        "grace@example.org",
    ):
        assert expected in page.text, expected
