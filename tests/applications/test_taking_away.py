"""“Download everything you hold about me”: what is in it, what is not, and who gets it."""

import datetime
import hashlib
import io
import json
import re
import zipfile

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import letters, openings, taking_away, workflow
from applications.consent import CONSENT_VERSION, consent_text
from applications.models import Application, Document, Event, Opening, document_storage
from applications.retention import erase_on
from applications.statuses import Status
from applications.tokens import manage_token
from projects.models import Question

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SECRET = "Kanarienvogel"


def address(application) -> str:
    return reverse("applications:everything", args=[application.reference])


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def unpacked(content: bytes) -> dict[str, bytes]:
    """The files by name; a damaged archive fails."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist()}


def taken(application) -> dict[str, bytes]:
    return unpacked(b"".join(taking_away.Everything(Application.objects.get(pk=application.pk))))


def record(files: dict[str, bytes]) -> dict:
    return json.loads(files["application.json"])


@pytest.fixture
def question(project) -> Question:
    return Question.objects.create(project=project, prompt="Which course did you like?")


@pytest.fixture
def full(application, answers, make_uploads, question, supervisor, co_advisor) -> Application:
    """An application to which everything has happened; what the student may not read has SECRET in it."""
    workflow.confirm_address(application)
    workflow.correct_answers(application, answers | {"motivation": "I have changed my mind."})
    workflow.correct_answers(application, answers | {"questions": [(question, "Algebra")]})
    workflow.replace_documents(application, make_uploads()[:1])
    workflow.note(application, f"{SECRET} note", by=co_advisor)
    workflow.offer_documents(application, make_uploads()[:1])
    workflow.ask(application, [co_advisor], by=supervisor)
    workflow.review(application, rating=2, comment=f"{SECRET} comment", by=supervisor)
    workflow.ask_reviewers(application, "May I begin in May?")
    workflow.write(application, subject="Your question", body="Yes, in May.", by=supervisor)
    workflow.decide(application, Status.INTERVIEW, by=supervisor, reason=f"{SECRET} reason")
    workflow.stage(application, Status.OFFERED, by=co_advisor, reason=f"{SECRET} staged reason")
    openings.note_opened(application, co_advisor, document=application.current_documents()[0])
    letters.send_due()
    return Application.objects.get(pk=application.pk)


# Who gets it


def test_the_student_gets_it_as_a_file_that_no_cache_keeps(application, open_by_link):
    response = open_by_link(application).get(address(application))
    content = body(response)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == f'attachment; filename="{application.reference} everything.zip"'
    assert int(response["Content-Length"]) == len(content)
    assert "no-store" in response["Cache-Control"]
    assert {"README.txt", "index.html", "application.json"} < set(unpacked(content))


@pytest.mark.parametrize("who", ["supervisor", "superuser", "other_supervisor", None])
def test_nobody_else_gets_it(request, signed_in, application, who):
    browser = signed_in(request.getfixturevalue(who)) if who else Client()
    assert browser.get(address(application)).status_code == 404


def test_one_students_link_does_not_open_anothers_archive(application, make_application, open_by_link):
    other = make_application(email="bob@example.org")
    assert open_by_link(application).get(address(other)).status_code == 404


def test_it_is_gone_with_the_link_that_was_renewed(application, open_by_link):
    browser = open_by_link(application)
    workflow.renew_link(application)
    assert browser.get(address(application)).status_code == 404


def test_downloading_changes_nothing(full, open_by_link):
    browser = open_by_link(full)

    def world() -> tuple:
        row = Application.objects.filter(pk=full.pk).values().get()
        return row, full.events.count(), full.letters.count(), full.openings.count()

    before = world()
    body(browser.get(address(full)))
    assert world() == before
    assert browser.post(address(full)).status_code == 405


# What is in it


def test_the_record_holds_what_is_about_the_student(full, supervisor, co_advisor):
    files = taken(full)
    kept = record(files)

    assert kept["reference"] == full.reference
    assert kept["project"]["title"] == full.project.title
    assert (kept["status"], kept["status_in_words"]) == ("interview", "Interview")
    assert kept["email"] == "ada@example.org"
    assert kept["answers"] == {
        "full_name": "Ada Example",
        "university": "University of Examples",
        "programme": "MSc Computer Science",
        "earliest_start": full.earliest_start.isoformat(),
        "motivation": "I would like to align sequences.",
        "links": ["https://example.org/ada"],
    }
    assert kept["questions"] == [{"question": "Which course did you like?", "answer": "Algebra"}]
    assert [former["answers"]["motivation"] for former in kept["former_answers"]] == [
        "I have changed my mind.",
        "I would like to align sequences.",
    ]
    assert kept["consent"] == {
        "version": CONSENT_VERSION,
        "text": consent_text(CONSENT_VERSION),
        "agreed_at": timezone.localtime(full.received_at).isoformat(timespec="seconds"),
    }
    assert kept["will_be_erased_on"] == erase_on(full).isoformat()
    assert [(each["status"], each["told_by_letter"]) for each in kept["decisions"]] == [("interview", True)]
    assert [(m["from"], m["name"], m["text"]) for m in kept["messages"]] == [
        ("you", "", "May I begin in May?"),
        ("reviewers", "Sofia Supervisor", "Yes, in May."),
    ]
    (opened,) = kept["opened_by"]
    assert (opened["who"], opened["what"], opened["how"]) == ("Carl Coadvisor", "CV, version 2", "read")


def test_the_history_is_the_one_that_the_student_reads(full):
    history = record(taken(full))["history"]

    assert {event["kind"] for event in history} <= {str(kind) for kind in Event.FOR_STUDENT}
    assert history[0]["what"] == "Your application arrived."
    assert datetime.datetime.fromisoformat(history[0]["at"]).utcoffset() is not None
    assert [event["to_status"] for event in history if event["kind"] == "moved"] == ["in_review", "interview"]


def test_the_students_own_words_stand_in_the_history(application):
    workflow.withdraw(application, "I found a place elsewhere.")
    assert record(taken(application))["history"][-1]["your_words"] == "I found a place elsewhere."


def test_every_version_of_every_document_is_there_as_it_came(full):
    files = taken(full)
    documents = {name: content for name, content in files.items() if name.startswith("documents/")}

    assert sorted(documents) == [
        "documents/01 CV, version 1 (former).pdf",
        "documents/02 CV, version 2.pdf",
        "documents/03 CV, version 3 (offered).pdf",
        "documents/04 Transcript 1, version 1.pdf",
    ]
    listed = {each["file"]: each for each in record(files)["documents"]}
    assert {name: each["sha256"] for name, each in listed.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in documents.items()
    }
    assert [each["state"] for each in listed.values()] == ["former", "current", "offered", "current"]


def test_every_letter_to_the_student_is_there_and_none_to_the_reviewers(full):
    files = taken(full)
    texts = {name: content.decode() for name, content in files.items() if name.startswith("letters/")}
    to_student = full.letters.filter(to_student=True)

    assert len(texts) == to_student.count() == len(record(files)["letters"])
    assert full.letters.filter(to_student=False).exists()
    assert all("To: ada@example.org" in text for text in texts.values())
    (message,) = (text for name, text in texts.items() if "Your question" in name)
    assert "Yes, in May." in message
    assert re.search(r"Sent: \d+ \w+ \d{4}, \d\d:\d\d", message)


@pytest.mark.parametrize(("status", "words"), [("queued", "has not been sent yet"), ("failed", "not be delivered")])
def test_a_letter_says_when_it_did_not_arrive(application, status, words):
    application.letters.update(status=status)
    letter = next(content for name, content in taken(application).items() if name.startswith("letters/"))
    assert words in letter.decode()


def test_no_file_in_it_opens_anything(full):
    files = taken(full)
    texts = b"".join(content for name, content in files.items() if not name.endswith(".pdf")).decode()

    assert "[personal link]" in texts
    assert "/applications/open/" not in texts
    assert manage_token(full) not in texts
    assert "{manage_link}" not in texts


def test_what_was_entered_by_hand_has_no_agreement_until_the_student_gave_it(application):
    Application.objects.filter(pk=application.pk).update(consent_version="")
    files = taken(application)
    assert record(files)["consent"] is None
    assert b"You have not agreed yet" in files["index.html"]

    later = timezone.now() + datetime.timedelta(days=1)
    Application.objects.filter(pk=application.pk).update(consent_version=CONSENT_VERSION)
    Event.objects.create(application=application, kind="consented", actor="student", created_at=later)
    agreed = record(taken(application))["consent"]["agreed_at"]
    assert agreed == timezone.localtime(later).isoformat(timespec="seconds")


# What is not in it


def test_the_reviewers_notes_ratings_and_untold_decisions_are_not_in_it_and_that_is_said(full):
    files = taken(full)

    assert [name for name, content in files.items() if SECRET.encode() in content] == []
    kept = record(files)
    assert kept["status"] == "interview"
    assert [event["kind"] for event in kept["history"] if event["to_status"] == "offered"] == []
    for name in ("rating_mean", "rating_count", "rating", "nonce"):
        assert name not in kept
    readme = files["README.txt"].decode()
    assert "notes, ratings and comments, and decisions that you have not been told yet" in readme
    assert "Please write to Sofia Supervisor <sofia@example.org>." in readme


def test_a_decision_that_can_still_be_called_back_is_not_in_it(application, supervisor, settings):
    settings.RELEASE_DELAY = 10
    workflow.review(application, rating=3, by=supervisor)
    decision = workflow.stage(application, Status.DECLINED, by=supervisor)
    workflow.release(decision, by=supervisor)
    decision.refresh_from_db()
    assert decision.is_on_its_way

    kept = record(taken(application))
    assert (kept["decisions"], kept["status"]) == ([], "in_review")
    assert "declined" not in json.dumps(kept)


def test_other_applications_are_not_in_it_not_even_those_of_the_same_person(
    application, make_application, other_project, supervisor
):
    same = make_application(other_project, motivation=f"{SECRET} elsewhere")
    other = make_application(email="bob@example.org", full_name=f"Bob {SECRET}")
    openings.note_opened(other, supervisor)

    files = taken(application)

    assert [name for name, content in files.items() if SECRET.encode() in content] == []
    assert record(files)["opened_by"] == []
    for foreign in (same, other):
        assert not any(foreign.reference.encode() in content for content in files.values())


# Read by people


def test_the_readme_explains_every_file(full):
    files = taken(full)
    readme = files["README.txt"].decode()

    for name in {path.split("/")[0] + ("/" if "/" in path else "") for path in files} - {"README.txt"}:
        assert f"\n{name}\n  " in readme
    assert "&" not in readme


def test_the_page_stands_alone_and_leads_to_every_file(full):
    files = taken(full)
    page = files["index.html"].decode()

    assert re.findall(r'(?:src|action)="', page) == []
    assert "<script" not in page
    assert "<link" not in page
    links = {link for link in re.findall(r'href="([^"]+)"', page) if not link.startswith("mailto:")}
    quoted = {name.replace(" ", "%20").replace(",", "%2C").replace("(", "%28").replace(")", "%29") for name in files}
    assert {link for link in links if not link.startswith("letters/")} <= quoted
    assert len([link for link in links if link.startswith("letters/")]) == full.letters.filter(to_student=True).count()
    for words in ("Ada Example", "Algebra", "I have changed my mind.", "Yes, in May.", "Carl Coadvisor"):
        assert words in page


def test_what_a_student_typed_is_only_text(make_application):
    application = make_application(full_name="<script>alert(1)</script>", motivation='"><img src=x onerror=alert(1)>')
    page = taken(application)["index.html"].decode()
    assert "<script" not in page
    assert "<img" not in page


def test_former_answers_name_the_start_as_people_write_it(application, answers):
    Application.objects.update(earliest_start=datetime.date(2031, 2, 15))
    workflow.correct_answers(application, answers | {"earliest_start": datetime.date(2031, 3, 1)})
    page = taken(application)["index.html"].decode()
    assert "15 February 2031" in page
    assert "1 March 2031" in page


def test_it_speaks_the_students_language(application, open_by_link):
    Application.objects.filter(pk=application.pk).update(language="de")
    browser = open_by_link(application)
    files = unpacked(body(browser.get(address(application), headers={"accept-language": "en"})))
    assert '<html lang="de">' in files["index.html"].decode()


def test_a_missing_file_is_named_and_the_rest_is_there(application):
    cv, _transcript = application.current_documents()
    document_storage().delete(cv.file.name)

    files = taken(application)

    assert [name for name in files if name.startswith("documents/")] == ["documents/02 Transcript 1, version 1.pdf"]
    assert "CV, version 1 (you called it “cv.pdf”): its file is missing in our storage." in files["README.txt"].decode()
    assert "The file is missing in our storage." in files["index.html"].decode()
    missing = record(files)["documents"][0]
    assert (missing["is_missing"], missing["file"]) == (True, None)


def test_names_that_a_system_cannot_keep_are_made_safe(application):
    Document.objects.filter(kind="cv").update(title=("../../etc/passwd: <CV>? " + "x" * 200)[:200])
    application.letters.filter(to_student=True).update(subject='a/b\\c: "d"?')

    names = list(taken(application))

    assert all(len(name) < 110 for name in names)
    assert not any(re.search(r'[\\:*?"<>|]|\.\./|^/', name) for name in names), names
    assert all(name.count("/") <= 1 for name in names)


def test_it_costs_the_same_number_of_questions_for_little_and_for_much(
    make_application, full, supervisor, django_assert_max_num_queries
):
    for application in (make_application(email="bob@example.org"), full):
        application = Application.objects.select_related("project__topic", "project__supervisor").get(pk=application.pk)
        with django_assert_max_num_queries(8):
            taking_away.Everything(application)


def test_the_record_of_openings_names_each_way(application, supervisor):
    cv = application.current_documents()[0]
    for way in Opening.Way.values:
        openings.note_opened(application, supervisor, document=cv, way=way)

    assert [each["how"] for each in record(taken(application))["opened_by"]] == ["read", "downloaded", "exported"]
