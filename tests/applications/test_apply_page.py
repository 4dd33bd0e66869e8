"""The apply form over HTTP: as its contract says, whatever goes wrong on the way."""

import datetime
import html
import re
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import signing
from django.core.files import uploadhandler
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from applications import workflow
from applications.models import Application, Document, Letter, Upload
from applications.tokens import upload_token
from projects.models import Project
from tests import pdfs

pytestmark = pytest.mark.once


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def fields(client, address, answers, cv_file, transcript_file):
    """What a browser sends after Ada has filled in the form: text, files, and the form's own nonce."""

    def fill_in(browser: Client = client, **changed) -> dict:
        nonce = re.search(r'name="nonce" value="([^"]+)"', browser.get(address).content.decode())[1]
        filled = {
            **answers,
            "earliest_start": answers["earliest_start"].isoformat(),
            "cv": cv_file(),
            "transcripts": [transcript_file("one.pdf"), transcript_file("two.pdf")],
            "consent": "on",
            "nonce": nonce,
        } | changed
        return {name: value for name, value in filled.items() if value is not None}

    return fill_in


@pytest.fixture
def without_files(fields):
    """The same, without any file chosen."""
    return lambda **changed: fields(**{"cv": None, "transcripts": None} | changed)


def words(response) -> str:
    """What stands on the page, without markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def kept(response, field: str) -> list[str]:
    """The claims to files that came back with the form."""
    return re.findall(rf'name="kept_{field}" value="([^"]+)"', response.content.decode())


def errors(response) -> dict[str, list[str]]:
    return {name: list(messages) for name, messages in response.context["form"].errors.items()}


# Success


def test_an_application_leads_to_the_students_own_page_in_the_same_browser(client, address, fields):
    response = client.post(address, fields())

    application = Application.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/applications/{application.reference}/")
    page = client.get(response["Location"])
    assert page.status_code == 200
    assert application.reference in words(page)
    assert "ada@example.org" in words(page)
    assert [d.original_name for d in application.current_documents()] == ["cv.pdf", "one.pdf", "two.pdf"]
    assert application.consent_version == workflow.CONSENT_VERSION
    assert not application.is_confirmed


def test_the_stored_bytes_are_those_that_were_sent(client, address, fields, stored_files):
    client.post(address, fields())
    assert sorted(path.read_bytes() for path in stored_files()) == sorted(
        [pdfs.cv(), pdfs.transcript(), pdfs.transcript()]
    )


def test_what_was_typed_is_kept_as_typed_but_tidied(client, address, fields):
    client.post(
        address,
        fields(
            full_name="  Zoe\u0308   O'Brien\r\nBcc: x@example.org \u202e",
            links="example.org/zoe\r\n\r\nhttps://code.example.org/zoe",
            motivation="First.\r\n\r\n<b>Second</b> & last.",
        ),
    )
    application = Application.objects.get()
    assert application.full_name == "Zoë O'Brien Bcc: x@example.org"
    assert application.links == "https://example.org/zoe\nhttps://code.example.org/zoe"
    assert application.motivation == "First.\n\n<b>Second</b> & last."


def test_links_are_optional_and_five_transcripts_are_welcome(client, address, fields, transcript_file):
    client.post(address, fields(links="", transcripts=[transcript_file() for _ in range(5)]))
    assert Application.objects.get().documents.filter(kind="transcript").count() == 5


def test_looking_at_the_form_keeps_nothing_and_asks_little_of_the_database(
    client, address, project, django_assert_max_num_queries
):
    with django_assert_max_num_queries(3):
        response = client.get(address)
    assert response.status_code == 200
    assert not Session.objects.exists()
    assert "csrftoken" in response.cookies


def test_sending_the_form_asks_for_no_more_with_more_transcripts(client, address, fields, transcript_file):
    def queries(number: int, email: str) -> int:
        filled = fields(email=email, transcripts=[transcript_file() for _ in range(number)])
        with connection.execute_wrapper(count):
            seen.clear()
            assert client.post(address, filled).status_code == 302
        return len(seen)

    seen: list[str] = []

    def count(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    one, five = queries(1, "one@example.org"), queries(5, "five@example.org")
    assert one <= 53
    assert five - one <= 4 * 4, "an upload row with its savepoint, and a document row, for each further file"


def test_the_form_needs_the_token_against_foreign_forms(address, fields, project):
    browser = Client(enforce_csrf_checks=True)
    filled = fields(browser)
    assert browser.post(address, filled).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(address).content.decode())[1]
    assert browser.post(address, fields(browser) | {"csrfmiddlewaretoken": token}).status_code == 302


def test_the_policy_of_the_form_is_strict_and_it_carries_nothing_inline(client, address, without_files):
    for response in (client.get(address), client.post(address, without_files())):
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        text = response.content.decode()
        assert " style=" not in text
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=", text)


# The same form again


def test_a_repeated_form_leads_to_the_same_application(client, address, fields, cv_file, transcript_file):
    filled = fields()
    first = client.post(address, filled)
    again = client.post(address, filled | {"cv": cv_file(), "transcripts": [transcript_file()]})
    assert (again.status_code, again["Location"]) == (302, first["Location"])
    assert Application.objects.count() == 1
    assert Letter.objects.filter(kind="applied_again").count() == 0
    assert not Upload.objects.exists(), "the repeated files are not even received"


def test_a_retry_whose_first_answer_was_lost_on_the_way_leads_to_the_same_application(client, address, fields, cv_file):
    client.get(address)
    filled = fields()
    cookies_before = client.cookies.output()
    first = client.post(address, filled)
    client.cookies.clear()  # the browser never saw the new session of the first answer
    client.cookies.load(cookies_before.replace("Set-Cookie: ", ""))

    again = client.post(address, filled | {"cv": cv_file(), "transcripts": None} | {"transcripts": []})

    assert (again.status_code, again["Location"]) == (302, first["Location"])
    assert client.get(again["Location"]).status_code == 200


def test_a_repeated_form_leads_there_even_when_the_project_has_closed_meanwhile(client, address, fields, without_files):
    filled = fields()
    first = client.post(address, filled)
    Project.objects.update(closed_at=timezone.now())
    again = client.post(address, {name: value for name, value in filled.items() if name not in ("cv", "transcripts")})
    assert (again.status_code, again["Location"]) == (302, first["Location"])


def test_whoever_copies_the_form_into_another_browser_is_not_let_in(client, address, fields, cv_file, transcript_file):
    filled = fields()
    client.post(address, filled)
    stranger = Client()
    stranger.get(address)

    response = stranger.post(address, filled | {"cv": cv_file(), "transcripts": [transcript_file()]})

    application = Application.objects.get()
    assert response.status_code == 200
    assert application.reference not in response.content.decode()
    assert stranger.get(application.get_absolute_url()).status_code == 404


def test_the_same_address_again_gets_a_page_without_form_and_a_letter_with_the_link(client, address, fields):
    client.post(address, fields())
    stranger = Client()

    response = stranger.post(address, fields(stranger, email="ADA@example.org"))

    assert response.status_code == 200
    assert 'name="cv"' not in response.content.decode()
    assert Application.objects.count() == 1
    assert Document.objects.count() == 3
    assert Letter.objects.filter(kind="applied_again", recipient="ada@example.org").count() == 1
    application = Application.objects.get()
    assert application.reference not in response.content.decode()
    assert stranger.get(application.get_absolute_url()).status_code == 404


# Shut projects

SHUT = {
    "closed": {"closed_at": timezone.now()},
    "full": {"places": 1, "places_taken": 1},
    "expired": {"deadline": timezone.localdate() - datetime.timedelta(days=1)},
    "not_yet": {"opens_on": timezone.localdate() + datetime.timedelta(days=1)},
}


@pytest.mark.parametrize("why", SHUT)
def test_a_shut_project_shows_why_instead_of_the_form(client, address, why):
    Project.objects.update(**SHUT[why])
    response = client.get(address)
    assert response.status_code == 200
    assert 'name="cv"' not in response.content.decode()
    assert response.context["availability"] == why


@pytest.mark.parametrize("why", SHUT)
def test_a_project_shut_while_the_form_was_filled_in_refuses_and_gives_the_words_back(client, address, fields, why):
    filled = fields(motivation="My carefully written words.")
    Project.objects.update(**SHUT[why])
    response = client.post(address, filled)
    assert response.status_code == 409
    assert "My carefully written words." in words(response)
    assert not Application.objects.exists()
    assert not Upload.objects.exists()


def test_a_project_shut_while_the_files_were_being_checked_refuses_too(client, address, fields, monkeypatch):
    submit = workflow.submit

    def shut_first(*args, **kwargs):
        Project.objects.update(closed_at=timezone.now())
        return submit(*args, **kwargs)

    monkeypatch.setattr(workflow, "submit", shut_first)
    response = client.post(address, fields())
    assert response.status_code == 409
    assert not Application.objects.exists()


def test_an_unpublished_or_unknown_project_is_404(client, address, fields):
    filled = fields()
    Project.objects.update(is_published=False)
    for where in (address, "/projects/unknown/apply/"):
        assert client.get(where).status_code == 404
        assert client.post(where, filled).status_code == 404
    assert not Application.objects.exists()


# Errors in the text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("full_name", "", "enter your name"),
        ("full_name", " \u202e ", "enter your name"),
        ("email", "", "enter your e-mail address"),
        ("email", "ada@", "not a complete e-mail address"),
        ("email", "ada@example.org\r\nBcc: x@example.org", "not a complete e-mail address"),
        ("university", "", "university"),
        ("programme", "", "what you study"),
        ("earliest_start", "soon", "year-month-day"),
        ("earliest_start", "2020-01-01", "has passed"),
        ("earliest_start", "2099-01-01", "too far ahead"),
        ("motivation", "   ", "a few sentences"),
        ("motivation", "x" * 4001, "4000"),
        ("links", "javascript:alert(1)", "not a web address"),
        ("links", "ftp://example.org", "not a web address"),
        ("links", "\n".join(["https://example.org"] * 6), "at most five"),
        ("consent", None, "agreement"),
        ("motivation", "x\x00y", "Null"),
        ("email", "ada\x00@example.org", "address"),
        ("email", "ada@" + "ﷺ" * 60 + ".example", "not a complete e-mail address"),
    ],
)
def test_an_error_says_what_to_do_links_to_the_field_and_keeps_all_files(client, address, fields, field, value, says):
    response = client.post(address, fields(**{field: value}))

    assert response.status_code == 200
    assert list(errors(response)) == [field]
    assert says.lower() in " ".join(errors(response)[field]).lower()
    assert f'href="#id_{field}"' in response.content.decode()
    assert len(kept(response, "cv")) == 1
    assert len(kept(response, "transcripts")) == 2
    assert not Application.objects.exists()
    assert not Letter.objects.exists()


def test_everything_missing_is_listed_at_once_and_nothing_is_kept(client, address, without_files, project):
    response = client.post(address, {"nonce": "x"})
    assert set(errors(response)) == {
        *("full_name", "email", "university", "programme", "earliest_start", "motivation"),
        *("cv", "transcripts", "consent"),
    }
    assert "novalidate" in response.content.decode()
    assert not Upload.objects.exists()


def test_typed_words_come_back_escaped(client, address, without_files):
    response = client.post(address, without_files(full_name='"><script>alert(1)</script>', motivation="</textarea>x"))
    text = response.content.decode()
    assert "<script>alert" not in text
    assert "</textarea>x" not in text
    assert response.context["form"]["full_name"].value() == '"><script>alert(1)</script>'


# Files kept through an error


def test_kept_files_are_sent_without_choosing_them_again(client, address, fields, without_files, stored_files):
    refused = client.post(address, fields(email=""))
    before = stored_files()

    response = client.post(
        address,
        without_files(
            kept_cv=kept(refused, "cv"),
            kept_transcripts=kept(refused, "transcripts"),
            nonce=refused.context["form"]["nonce"].value(),
        ),
    )

    assert response.status_code == 302
    documents = Application.objects.get().current_documents()
    assert [d.original_name for d in documents] == ["cv.pdf", "one.pdf", "two.pdf"]
    assert stored_files() == before
    assert not Upload.objects.exists()


def test_kept_files_survive_several_errors(client, address, fields, without_files):
    response = client.post(address, fields(email=""))
    for _ in range(3):
        response = client.post(
            address,
            without_files(email="", kept_cv=kept(response, "cv"), kept_transcripts=kept(response, "transcripts")),
        )
        assert list(errors(response)) == ["email"]
    assert Upload.objects.count() == 3


def test_newly_chosen_files_replace_the_kept_ones_of_that_field_only(
    client, address, fields, without_files, transcript_file
):
    refused = client.post(address, fields(email=""))
    client.post(
        address,
        without_files(
            kept_cv=kept(refused, "cv"),
            kept_transcripts=kept(refused, "transcripts"),
            transcripts=[transcript_file("newer.pdf")],
        ),
    )
    assert [d.original_name for d in Application.objects.get().current_documents()] == ["cv.pdf", "newer.pdf"]


def test_a_new_file_that_is_refused_leaves_the_kept_one_in_place(client, address, fields, without_files, cv_file):
    refused = client.post(address, fields(email=""))
    response = client.post(
        address,
        without_files(
            kept_cv=kept(refused, "cv"),
            kept_transcripts=kept(refused, "transcripts"),
            cv=cv_file("photo.pdf", pdfs.renamed_photo()),
        ),
    )
    assert list(errors(response)) == ["cv"]
    assert len(kept(response, "cv")) == 1


def test_a_kept_file_that_is_no_longer_ticked_is_dropped(client, address, fields, without_files):
    refused = client.post(address, fields(email=""))
    response = client.post(
        address, without_files(kept_cv=kept(refused, "cv"), kept_transcripts=kept(refused, "transcripts")[1:])
    )
    assert response.status_code == 302
    assert [d.original_name for d in Application.objects.get().current_documents()] == ["cv.pdf", "two.pdf"]


def test_dropping_the_only_cv_asks_for_one(client, address, fields, without_files):
    refused = client.post(address, fields(email=""))
    response = client.post(address, without_files(kept_transcripts=kept(refused, "transcripts")))
    assert errors(response) == {"cv": ["Please choose your CV."]}


def test_two_kept_cvs_do_not_make_two(client, address, fields, without_files, make_uploads):
    one, two = (upload_token(make_uploads()[0].pk) for _ in range(2))
    transcript = upload_token(Upload.objects.filter(kind="transcript").first().pk)
    client.post(address, without_files(kept_cv=[one, two], kept_transcripts=[transcript]))
    assert [d.label for d in Application.objects.get().current_documents()] == ["CV", "Transcript 1"]


def bad_claims(make_uploads, make_application) -> dict[str, str]:
    """Claims to a CV that must not count."""
    cv, transcript = make_uploads()
    claimed = make_application(email="bob@example.org").current_documents()[0]
    token = upload_token(cv.pk)
    return {
        "tampered": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "made up": "nonsense",
        "empty": "",
        "null character": "\x00.\x00.\x00",
        "another's signature": signing.TimestampSigner(salt="something.else", sep=".").sign(cv.pk.hex),
        "of another kind of document": upload_token(transcript.pk),
        "already handed in by another student": upload_token(claimed.pk),
    }


CLAIMS = [
    *("tampered", "made up", "empty", "null character", "another's signature"),
    *("of another kind of document", "already handed in by another student"),
]


@pytest.mark.parametrize("which", CLAIMS)
def test_a_claim_to_a_file_that_is_not_ours_to_give_is_refused_with_words(
    client, address, fields, make_uploads, make_application, which
):
    claim = bad_claims(make_uploads, make_application)[which]
    before = Application.objects.count()
    response = client.post(address, fields(cv=None, kept_cv=[claim]))
    assert response.status_code == 200
    assert "choose it again" in errors(response)["cv"][0]
    assert Application.objects.count() == before
    assert len(kept(response, "transcripts")) == 2


def test_a_claim_is_worth_nothing_after_a_day(client, address, fields, make_uploads, monkeypatch):
    claim = upload_token(make_uploads()[0].pk)
    filled = fields(cv=None, kept_cv=[claim])
    tomorrow = signing.time.time() + 24 * 3600 + 60
    monkeypatch.setattr(signing.time, "time", lambda: tomorrow)
    response = client.post(address, filled)
    assert "choose it again" in errors(response)["cv"][0]


def test_a_kept_file_that_was_swept_meanwhile_is_asked_for_again(client, address, fields, without_files):
    refused = client.post(address, fields(email=""))
    Upload.objects.filter(kind="cv").delete()
    response = client.post(
        address, without_files(kept_cv=kept(refused, "cv"), kept_transcripts=kept(refused, "transcripts"))
    )
    assert "choose it again" in errors(response)["cv"][0]
    assert len(kept(response, "transcripts")) == 2


# Files that cannot be taken


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (pdfs.renamed_photo, "photo"),
        (pdfs.word_file, "Export as"),
        (pdfs.user_locked, "password"),
        (pdfs.truncated, "damaged"),
        (pdfs.empty, "empty"),
        (pdfs.html_disguise, "web page"),
    ],
)
def test_a_file_that_is_no_readable_pdf_is_refused_in_plain_words_and_the_others_are_kept(
    client, address, fields, cv_file, make, says
):
    file = cv_file("my cv.pdf")
    file.file.seek(0)
    file.file.truncate()
    file.file.write(make())
    file.file.seek(0)
    file.size = len(make())
    response = client.post(address, fields(cv=file))
    assert response.status_code == 200
    assert list(errors(response)) == ["cv"]
    assert "my cv.pdf" in errors(response)["cv"][0]
    assert says in errors(response)["cv"][0]
    assert len(kept(response, "transcripts")) == 2
    assert not kept(response, "cv")


def test_one_bad_transcript_among_good_ones_names_itself_and_the_good_are_kept(
    client, address, fields, transcript_file
):
    response = client.post(
        address,
        fields(transcripts=[transcript_file("fine.pdf"), transcript_file("word.pdf", pdfs.word_file())]),
    )
    assert list(errors(response)) == ["transcripts"]
    assert "word.pdf" in errors(response)["transcripts"][0]
    assert len(kept(response, "transcripts")) == 1


def test_more_than_five_transcripts_are_too_many(client, address, fields, transcript_file):
    response = client.post(address, fields(transcripts=[transcript_file(f"{n}.pdf") for n in range(6)]))
    assert list(errors(response)) == ["transcripts"]
    assert "at most 5" in errors(response)["transcripts"][0]
    assert len(kept(response, "transcripts")) == 5


def test_two_cvs_in_one_field_are_not_silently_made_one(client, address, fields, cv_file):
    response = client.post(address, fields(cv=[cv_file("one.pdf"), cv_file("two.pdf")]))
    assert errors(response) == {"cv": ["Please choose one file."]}
    assert len(kept(response, "cv")) == 1
    assert not Application.objects.exists()


def test_a_file_past_the_limit_answers_413_with_the_form_text_and_the_other_files(
    client, address, fields, cv_file, settings
):
    settings.DOCUMENT_MAX_BYTES = len(pdfs.transcript())
    large = cv_file("large.pdf", pdfs.cv() + b"\n" * settings.DOCUMENT_MAX_BYTES)

    response = client.post(address, fields(cv=large))

    assert response.status_code == 413
    assert list(errors(response)) == ["cv"]
    assert "large.pdf" in errors(response)["cv"][0]
    assert "Make it smaller" in errors(response)["cv"][0]
    assert response.context["form"]["motivation"].value() == "I would like to align sequences."
    assert len(kept(response, "transcripts")) == 2
    assert not Application.objects.exists()


def test_far_too_much_data_is_cut_and_answers_413_with_the_form_and_the_text(
    client, address, fields, transcript_file, settings
):
    settings.DOCUMENT_MAX_BYTES, settings.TRANSCRIPTS_MAX = 5000, 2
    flood = [transcript_file(f"{n}.pdf", b"x" * 20_000) for n in range(4)]

    response = client.post(address, fields(transcripts=flood))

    assert response.status_code == 413
    assert "at once" in words(response)
    assert "cv.pdf" not in str(errors(response)), "it was small enough"
    assert response.context["form"]["motivation"].value() == "I would like to align sequences."
    assert not Application.objects.exists()


def test_a_whole_folder_of_files_answers_413_with_the_form_the_text_and_the_first_of_them(
    client, address, fields, transcript_file
):
    response = client.post(address, fields(transcripts=[transcript_file(f"{n}.pdf") for n in range(40)]))

    assert response.status_code == 413
    assert list(errors(response)) == ["transcripts"]
    assert "You chose 40 files; at most 5" in errors(response)["transcripts"][0]
    assert response.context["form"]["motivation"].value() == "I would like to align sequences."
    assert (len(kept(response, "cv")), len(kept(response, "transcripts"))) == (1, 5)
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "too_much",
    [{"motivation": "x" * (1024 * 1024 + 1)}, {f"more{number}": "x" for number in range(600)}],
    ids=["text", "fields"],
)
def test_more_than_can_be_read_at_all_answers_413_with_an_empty_form(client, address, fields, too_much):
    response = client.post(address, fields() | too_much)

    assert response.status_code == 413
    assert "more than this site takes" in words(response)
    assert 'name="motivation"' in response.text
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "change", [{"is_published": False}, {"closed_at": timezone.now()}], ids=["unpublished", "closed"]
)
def test_too_much_for_a_project_that_takes_no_applications_gets_no_form(project, address, fields, change):
    browser = Client(enforce_csrf_checks=True)  # as in real life, where the form's secret is looked for first
    filled = fields(browser, motivation="x" * (1024 * 1024 + 1))
    Project.objects.update(**change)

    response = browser.post(address, filled)

    assert response.status_code == 413
    assert "<textarea" not in response.text


def test_too_much_text_answers_413_with_the_form_also_before_the_secret_was_found(address, fields):
    browser = Client(enforce_csrf_checks=True)
    filled = fields(browser, motivation="x" * (1024 * 1024 + 1), cv="", transcripts="")
    for content in ({"data": filled}, {"data": urlencode(filled), "content_type": "application/x-www-form-urlencoded"}):
        response = browser.post(address, **content)
        assert response.status_code == 413
        assert 'name="motivation"' in response.text


def test_a_flood_in_a_field_nobody_knows_hands_nothing_in(client, address, fields, transcript_file, settings):
    settings.DOCUMENT_MAX_BYTES, settings.TRANSCRIPTS_MAX = 5000, 2
    response = client.post(address, fields() | {"zzz": transcript_file("flood.pdf", b"x" * 80_000)})
    assert response.status_code == 413
    assert not Application.objects.exists()


# Trouble on our side


def test_when_files_cannot_be_stored_the_form_asks_for_another_try(client, address, fields, data_folder):
    (data_folder / "documents").write_text("in the way of the folder")
    response = client.post(address, fields())
    assert response.status_code == 503
    assert "again in a minute" in errors(response)["cv"][0]
    assert not Application.objects.exists()
    (data_folder / "documents").unlink()
    assert client.post(address, fields()).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_when_the_database_is_locked_while_files_come_in_the_words_stay_and_a_student_waits_once(
    client, address, fields, stored_files
):
    attempts = []

    def fail(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "applications_upload"'):
            attempts.append(sql)
            raise OperationalError("database is locked")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        response = client.post(address, fields(motivation="I would like to align sequences."))

    assert response.status_code == 503
    assert "I would like to align sequences." in words(response)
    assert "again in a minute" in errors(response)["cv"][0]
    assert len(errors(response)["transcripts"]) == 2, "each file that was not received is named"
    assert len(attempts) == 1
    assert stored_files() == []
    assert client.post(address, fields()).status_code == 302


def test_when_a_file_finds_no_room_while_it_arrives_the_form_asks_for_it_and_keeps_the_rest(
    client, address, fields, without_files, cv_file, monkeypatch
):
    def fail(handler, data, start):
        if handler.field_name == "cv":
            raise OSError(28, "No space left on device")
        handler.file.write(data)

    with monkeypatch.context() as full_disk:
        full_disk.setattr(uploadhandler.TemporaryFileUploadHandler, "receive_data_chunk", fail)
        response = client.post(address, fields())

    assert response.status_code == 503
    assert "again in a minute" in errors(response)["cv"][0]
    assert list(errors(response)) == ["cv"]
    again = client.post(address, without_files(cv=cv_file(), kept_transcripts=kept(response, "transcripts")))
    assert again.status_code == 302


@pytest.mark.parametrize("table", ["application", "document", "letter"])
def test_when_the_application_cannot_be_stored_the_form_says_so_and_keeps_the_files(
    client, address, fields, without_files, table
):
    def fail(execute, sql, params, many, context):
        if sql.startswith(f'INSERT INTO "applications_{table}"'):
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    filled = fields()
    with connection.execute_wrapper(fail):
        response = client.post(address, filled)

    assert response.status_code == 503
    assert "try again in a minute" in words(response)
    assert not Application.objects.exists()
    assert not Letter.objects.exists()
    again = client.post(
        address, without_files(kept_cv=kept(response, "cv"), kept_transcripts=kept(response, "transcripts"))
    )
    assert again.status_code == 302


def test_when_only_the_session_cannot_be_stored_nobody_is_told_that_nothing_was(address, project, fields, monkeypatch):
    """The application is there by then; the same form again leads to it."""
    browser = Client(raise_request_exception=False)
    filled = fields(browser)

    def disk_full(session, must_create=False):
        if not must_create:
            raise UpdateError  # what Django makes of any fault of the database at the end of a request

    with monkeypatch.context() as full_disk:
        full_disk.setattr(SessionStore, "save", disk_full)
        response = browser.post(address, filled)

    assert response.status_code == 500
    assert "try again" in words(response)
    assert "Nothing was stored" not in words(response)
    again = browser.post(address, fields(browser, nonce=filled["nonce"]))
    assert again["Location"] == Application.objects.get().get_absolute_url()


@pytest.mark.django_db(transaction=True)
def test_a_double_click_over_http_makes_one_application_and_both_answers_lead_to_it(
    client, address, fields, at_once, cv_file, transcript_file
):
    client.get(address)
    filled = fields()
    cookies = client.cookies.output().replace("Set-Cookie: ", "")

    def send():
        browser = Client()
        browser.cookies.load(cookies)
        return browser.post(address, filled | {"cv": cv_file(), "transcripts": [transcript_file()]})

    answers = at_once(send, send)

    application = Application.objects.get()
    assert [(a.status_code, a["Location"]) for a in answers] == [(302, application.get_absolute_url())] * 2
    assert Letter.objects.filter(kind="received").count() == 1
    assert not Letter.objects.filter(kind="applied_again").exists()


# Looking before sending


def test_a_preview_shows_everything_and_hands_nothing_in(client, address, fields, without_files):
    preview = client.post(address, fields(action="preview"))
    assert preview.status_code == 200
    for expected in ("Ada Example", "University of Examples", "I would like to align sequences.", "cv.pdf", "two.pdf"):
        assert expected in words(preview)
    assert not Application.objects.exists()

    claims = {"kept_cv": kept(preview, "cv"), "kept_transcripts": kept(preview, "transcripts")}
    edited = client.post(address, without_files(action="edit", **claims))
    assert edited.status_code == 200
    assert 'name="cv"' in edited.content.decode()
    assert not Application.objects.exists()

    claims = {"kept_cv": kept(edited, "cv"), "kept_transcripts": kept(edited, "transcripts")}
    assert client.post(address, without_files(**claims)).status_code == 302


def test_a_preview_with_errors_shows_the_form_again(client, address, fields):
    response = client.post(address, fields(action="preview", email=""))
    assert list(errors(response)) == ["email"]
