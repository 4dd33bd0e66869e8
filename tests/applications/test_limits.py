"""How often the same address may ask for the same thing: machines are slowed down, and a lecture hall is not."""

import datetime
import re
import threading
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from applications import documents, incoming, inspection, left_behind, letters, limits
from applications.client_address import sender
from applications.letters import pacing
from applications.limits import Limit, fingerprint, whose_address
from applications.management.commands.run_worker import other_tasks
from applications.models import Application, Document, IncomingUpload, Letter, RequestCount, Upload, email_key
from applications.tokens import opened_token, upload_token
from tests import pdfs

pytestmark = pytest.mark.django_db

HALL = "198.51.100.7"  # where everybody in the lecture hall comes from
HERE = "127.0.0.1"  # where the test client comes from
FIND = "/applications/find/"
ADA = fingerprint("ada")
NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def twenty_past(monkeypatch) -> None:
    """It is twenty past by the clock that counts: before a full hour, what is counted would fade while a test runs."""
    offset = (20 - timezone.now().minute) * MINUTE
    clock = SimpleNamespace(
        now=lambda: timezone.now() + offset, localtime=lambda: timezone.localtime(timezone.now() + offset)
    )
    monkeypatch.setattr(limits, "timezone", clock)


@pytest.fixture
def at(monkeypatch):
    """Sets the clock of everything that asks for the time."""

    def set_clock(moment: datetime.datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: moment)
        monkeypatch.setattr("time.time", lambda: moment.timestamp())

    return set_clock


def use(limit: Limit, number: int, address: str = HERE) -> None:
    """So much of it was used from there already."""
    limits.count(limit.what, whose_address(address), by=number)


# Counting


def test_what_is_used_is_counted_for_its_bearer_and_its_kind_only():
    for _ in range(3):
        limits.count("letters", ADA, NOON)
    assert limits.used("letters", ADA, NOON) == 3
    assert limits.used("letters", fingerprint("eve"), NOON) == 0
    assert limits.used("files", ADA, NOON) == 0


def test_it_fades_within_the_hour_after_and_there_is_no_second_helping_at_the_full_hour():
    limits.count("letters", ADA, NOON - MINUTE, by=10)
    assert limits.is_used_up("letters", ADA, 10, NOON - MINUTE)
    assert limits.used("letters", ADA, NOON + 15 * MINUTE) == 7.5
    assert limits.is_used_up("letters", ADA, 7, NOON + 15 * MINUTE)
    assert limits.used("letters", ADA, NOON + 60 * MINUTE) == 0


@pytest.mark.parametrize("minutes", [0, 20, 59, 75])
def test_the_wait_that_is_named_is_long_enough_and_no_second_longer(minutes):
    limit = Limit("letters", 8)
    limits.count("letters", ADA, NOON - 5 * MINUTE, by=3)
    limits.count("letters", ADA, NOON + 5 * MINUTE, by=9)
    asked, now = [(limit, ADA)], NOON + minutes * MINUTE
    wait = limits.wait_for(asked, now)
    if minutes == 75:
        assert wait is None
        return
    until = now + datetime.timedelta(seconds=wait.seconds)
    assert limits.wait_for(asked, until) is None
    assert limits.wait_for(asked, until - datetime.timedelta(seconds=1)) is not None


def test_a_limit_for_a_day_remembers_the_day():
    a_day = Limit("letters", 20, hours=24)
    for hour in (0, 8, 16):
        limits.count("letters", ADA, NOON + hour * limits.HOUR, by=7)
    evening = NOON + 16 * limits.HOUR
    assert limits.wait_for([(Limit("letters", 20), ADA)], evening) is None
    wait = limits.wait_for([(a_day, ADA)], evening)
    assert 8 * 3600 < wait.seconds <= 9 * 3600
    assert limits.wait_for([(a_day, ADA)], NOON + 26 * limits.HOUR) is None


def test_several_limits_are_asked_in_one_query_and_the_first_that_is_used_up_is_named(django_assert_num_queries):
    one, two, three = Limit("one", 5), Limit("two", 5, hours=24), Limit("three", 5)
    limits.count_all([(limit.what, ADA, 5) for limit in (two, three)])
    with django_assert_num_queries(1):
        assert limits.wait_for([(one, ADA), (two, ADA), (three, ADA)]).limit == two


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_are_all_counted(at_once):
    both = [("one", ADA, 1), ("two", ADA, 2)]
    assert at_once(*[lambda: limits.count_all(both), lambda: limits.count_all(both[::-1])] * 4) == [None] * 8
    assert [limits.used(what, ADA) for what in ("one", "two")] == [8, 16]


def test_what_cannot_be_counted_is_said_in_the_log_and_stops_nobody(monkeypatch, caplog):
    monkeypatch.setattr(RequestCount._meta, "db_table", "no_such_table")
    limits.count("letters", ADA)
    assert "could not be counted (letters)" in caplog.text
    monkeypatch.undo()
    assert limits.used("letters", ADA) == 0


def test_without_limits_of_the_forms_nothing_is_used_up_but_what_guards_sign_in(settings):
    limits.count("letters", ADA, by=1000)
    settings.APPLY_LIMITS = False
    limits.count("letters", ADA)
    assert limits.wait_for([(Limit("letters", 1), ADA)]) is None
    assert limits.is_used_up("letters", ADA, 1001)
    assert limits.used("letters", ADA) == 1001


def test_the_worker_forgets_after_a_day_and_the_table_names_nobody(client, application):
    client.post(FIND, {"email": application.email})
    rows = str(list(RequestCount.objects.values()))
    assert "links" in rows
    assert application.email not in rows
    assert HERE not in rows
    (task,) = (task for task in other_tasks(threading.Event()) if task.name == "limits")
    assert task.do() == 0
    RequestCount.objects.update(hour=timezone.now() - datetime.timedelta(hours=26))
    assert task.do() == 1


# The apply form


@pytest.fixture
def address(project) -> str:
    return f"/projects/{project.slug}/apply/"


@pytest.fixture
def long_open(project, at) -> str:
    """That the form was opened ten minutes ago, as it comes back with it."""
    at(timezone.now() - 10 * MINUTE)
    token = opened_token(project)
    at(timezone.now() + 10 * MINUTE)
    return token


@pytest.fixture
def fields(answers, make_uploads, long_open):
    """What a browser sends whose files have come before."""

    def make(**changed) -> dict:
        cv, transcript = make_uploads()
        return {
            **answers,
            "earliest_start": answers["earliest_start"].isoformat(),
            "consent": "on",
            "opened": long_open,
            "kept_cv": upload_token(cv.pk),
            "kept_transcripts": upload_token(transcript.pk),
        } | changed

    return make


def again(response) -> dict:
    """What the browser sends when somebody presses the button of the form that was shown again."""
    form = response.context["form"]
    data = {field.html_name: field.value() or "" for field in form.fields_without_files}
    return data | {f"kept_{name}": token for name, token, _upload in form.all_kept}


def test_a_lecture_hall_of_200_behind_one_address_gets_through_within_an_hour_second_tries_included(address, fields):
    hall = whose_address(HALL)
    for student in range(199):  # each sends three files twice, and the form twice
        limits.count_all([("files", hall, 6), ("kilobytes", hall, 6 * 300), ("applications", hall, 2)])
        for number in (1, 2):
            limits.count("applications of one", fingerprint(f"student {student}, {number}"))
    last = Client(REMOTE_ADDR=HALL)
    last.get(address)
    begun = last.post(f"{address}files/", {"field": "cv", "name": "cv.pdf", "size": 300_000})
    assert begun.status_code == 201
    assert last.post(address, fields()).status_code == 302
    links = [last.post(FIND, {"email": "ada@example.org"}).status_code for _ in range(20)]
    assert set(links) == {200}


def test_a_machine_is_told_to_wait_with_everything_kept_and_its_neighbours_are_not(address, fields):
    use(limits.APPLICATIONS, limits.APPLICATIONS.most, HALL)
    machine, neighbour = Client(REMOTE_ADDR=HALL), Client(REMOTE_ADDR="198.51.100.8")
    response = machine.post(address, fields())
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3600
    page = response.content.decode()
    assert "nothing was sent yet" in page
    assert re.search(r"press the button again after \d\d:\d\d|after \d+ \w+ 20\d\d, \d\d:\d\d", page)
    assert "I would like to align sequences." in page
    assert len(again(response)["kept_cv"]) == len(upload_token(Upload.objects.first().pk))
    assert not Application.objects.exists()
    assert neighbour.post(address, fields()).status_code == 302


def test_after_the_time_that_was_named_the_same_form_goes_through(address, fields, at):
    use(limits.APPLICATIONS, limits.APPLICATIONS.most)
    browser = Client()
    response = browser.post(address, fields())
    assert response.status_code == 429
    at(timezone.now() + datetime.timedelta(seconds=int(response["Retry-After"])))
    assert browser.post(address, again(response)).status_code == 302


def test_what_is_turned_away_does_not_make_the_wait_longer_and_the_desk_knows_of_it(client, address, fields):
    use(limits.APPLICATIONS, limits.APPLICATIONS.most)
    response = client.post(address, fields())
    for _ in range(3):
        response = client.post(address, again(response))
    assert limits.used("applications", whose_address(HERE)) == limits.APPLICATIONS.most
    assert limits.turned_away() == {"applications": 4}


def one_student(email: str = "ada@example.org", address: str = HERE) -> str:
    """Who has applied with this e-mail address from there."""
    return limits.of_student(email_key(email), whose_address(address))


def test_one_e_mail_address_applies_ten_times_in_an_hour_from_one_network(address, fields):
    limits.count("applications of one", one_student(address=HALL), by=9)
    assert Client(REMOTE_ADDR=HALL).post(address, fields()).status_code == 302
    response = Client(REMOTE_ADDR=HALL).post(address, fields(email="ADA@example.org"))
    assert response.status_code == 429
    assert "with this e-mail address" in response.content.decode()
    assert Client(REMOTE_ADDR=HALL).post(address, fields(email="bob@example.org")).status_code == 302
    assert limits.used("applications of one", one_student("bob@example.org", HALL)) == 1


def test_nobody_locks_a_student_out_by_sending_forms_with_her_address_from_elsewhere(
    address, other_project, fields, monkeypatch
):
    monkeypatch.setattr(limits, "OF_ONE_STUDENT", Limit("applications of one", 2))
    rival = Client(REMOTE_ADDR="198.51.100.1")
    answers = [rival.post(address, fields()).status_code for _ in range(3)]
    assert answers == [302, 200, 429]  # an application, the same again, and too often
    hers = fields(opened=opened_token(other_project))
    assert Client().post(f"/projects/{other_project.slug}/apply/", hers).status_code == 302


def test_nor_twenty_times_in_a_day(client, address, fields, at):
    limits.count("applications of one", one_student(), timezone.now() - 5 * limits.HOUR, by=20)
    response = client.post(address, fields())
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 3600
    at(timezone.now() + 20 * limits.HOUR)
    assert limits.wait_for([(limits.OF_ONE_STUDENT_A_DAY, one_student())]) is None


def test_a_form_that_was_handed_in_already_leads_to_its_application_whatever_the_limit(client, address, fields):
    client.get(address)
    sent = fields(nonce="one-form")
    assert client.post(address, sent).status_code == 302
    use(limits.APPLICATIONS, limits.APPLICATIONS.most)
    assert client.post(address, sent).status_code == 302


# Quicker than anybody


def test_a_form_is_taken_within_a_second_of_its_opening_but_not_from_a_machine_gun(client, address, fields, project):
    use(limits.QUICK, limits.QUICK.most - 1)
    assert client.post(address, fields(opened=opened_token(project))).status_code == 302
    response = client.post(address, fields(opened=opened_token(project), email="bob@example.org"))
    assert (response.status_code, response["Retry-After"]) == (429, "3")
    page = response.content.decode()
    assert "press the button again in a few seconds" in page
    assert "bob@example.org" in page
    assert Application.objects.count() == 1


@pytest.mark.parametrize("opened", ["", "made up", "form.1.2"])
def test_pressing_the_button_again_three_seconds_later_is_enough_also_where_the_time_was_missing(
    client, address, fields, at, opened
):
    use(limits.QUICK, limits.QUICK.most)
    response = client.post(address, fields(opened=opened))
    assert response.status_code == 429
    assert client.post(address, again(response)).status_code == 429
    at(timezone.now() + datetime.timedelta(seconds=4))
    assert client.post(address, again(response)).status_code == 302


def test_who_took_their_time_is_not_kept_by_those_who_did_not(client, address, fields):
    use(limits.QUICK, limits.QUICK.most)
    assert client.post(address, fields()).status_code == 302
    assert limits.used(limits.QUICK.what, whose_address(HERE)) == limits.QUICK.most


def test_a_quick_form_is_shown_before_sending_as_often_as_one_likes(client, address, fields, project):
    use(limits.QUICK, limits.QUICK.most)
    response = client.post(address, fields(opened=opened_token(project), action="preview"))
    assert response.status_code == 200
    assert "Nothing is sent yet" in response.content.decode()


def test_without_limits_a_machine_gun_gets_through(client, address, fields, settings):
    use(limits.QUICK, limits.QUICK.most)
    use(limits.APPLICATIONS, limits.APPLICATIONS.most)
    settings.APPLY_LIMITS = False
    assert client.post(address, fields(opened="")).status_code == 302


# Files


def test_very_many_files_from_one_address_wait_with_the_time_at_which_to_go_on(client, address):
    use(limits.FILES, limits.FILES.most)
    wanted = {"field": "cv", "name": "cv.pdf", "size": 1000}
    response = client.post(f"{address}files/", wanted)
    assert (response.status_code, response.json()["code"]) == (429, "too_often")
    assert 0 < int(response["Retry-After"]) <= 3600
    assert not IncomingUpload.objects.exists()
    assert Client(REMOTE_ADDR=HALL).post(f"{address}files/", wanted).status_code == 201


def test_the_form_says_the_same_of_files_that_come_with_it_and_keeps_the_rest(client, address, fields, cv_file):
    use(limits.FILES, limits.FILES.most)
    response = client.post(address, fields(cv=cv_file("newer.pdf")))
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    page = response.content.decode()
    assert "Very many files have come from your network" in page
    assert "I would like to align sequences." in page
    assert set(again(response)) >= {"kept_cv", "kept_transcripts"}
    assert not Upload.objects.filter(original_name="newer.pdf").exists()


def test_files_that_came_with_the_form_count_by_number_and_size(client, address, fields, cv_file):
    client.post(address, fields(consent="", cv=cv_file("newer.pdf", pdfs.cv() + b"\n" * 2048)))
    assert limits.used("files", whose_address(HERE)) == 1
    assert 1 < limits.used("kilobytes", whose_address(HERE)) < 5


def test_one_address_alone_cannot_fill_what_all_have_together(client, address, settings):
    settings.UNCLAIMED_MAX_BYTES = 40 * settings.MEGABYTE
    wanted = {"field": "cv", "name": "cv.pdf", "size": 10 * settings.MEGABYTE}
    answers = [client.post(f"{address}files/", wanted).status_code for _ in range(3)]
    assert answers == [201, 201, 429]


def test_what_an_application_has_claimed_makes_room_for_the_next_student_in_the_hall(
    client, address, fields, cv_file, settings
):
    settings.UNCLAIMED_MAX_BYTES = 20 * 1024
    for student in range(5):  # each brings 4 KB, and half of the 20 is for one network
        sent = fields(email=f"student-{student}@example.org", cv=cv_file("mine.pdf", pdfs.cv() + b"\n" * 4096))
        assert Client().post(address, sent).status_code == 302
    assert limits.used("kilobytes", whose_address(HERE)) == 0
    assert limits.used("files", whose_address(HERE)) == 5


def test_what_came_from_elsewhere_gives_nothing_back_below_nothing(client, address, fields):
    limits.count("kilobytes", whose_address(HERE), by=1)
    big = fields()
    Upload.objects.update(size=50 * 1024)
    assert client.post(address, big).status_code == 302
    assert limits.used("kilobytes", whose_address(HERE)) == 0
    limits.count("kilobytes", whose_address(HERE), by=3)
    assert limits.used("kilobytes", whose_address(HERE)) == 3


def too_complex(monkeypatch) -> None:
    """Every file that arrives has its inspection ended by a limit."""
    monkeypatch.setattr(documents, "inspect", lambda path: inspection.refused("too_complex"))


def test_a_file_that_keeps_an_inspection_busy_to_its_end_counts_as_fifty_more(
    client, address, fields, cv_file, monkeypatch
):
    sent = fields()
    too_complex(monkeypatch)
    response = client.post(address, sent | {"cv": cv_file()})
    assert "built in too complicated a way" in response.content.decode()
    assert limits.used("files", whose_address(HERE)) == 51


def test_also_when_it_comes_in_pieces_and_then_not_even_files_announced_before_are_looked_at(
    client, address, monkeypatch
):
    too_complex(monkeypatch)
    monkeypatch.setattr(limits, "FILES", Limit("files", 100))
    client.get(address)
    begun = [
        client.post(f"{address}files/", {"field": "cv", "name": "cv.pdf", "size": 4}).json()["id"] for _ in range(5)
    ]
    answers = [
        client.post(f"{address}files/{pk}/?offset=0", b"%PDF", content_type="application/octet-stream") for pk in begun
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 429]
    assert answers[-1].json()["code"] == "too_often"
    assert int(answers[-1]["Retry-After"]) > 0
    assert IncomingUpload.objects.count() == 1


def test_also_on_pages_that_are_not_open(client, cv_file, monkeypatch):
    too_complex(monkeypatch)
    client.post("/applications/ZZZZ-ZZZZ/documents/", {"cv": cv_file()})
    assert limits.used("files", whose_address(HERE)) == 51


def test_what_staff_bring_in_is_looked_into_without_being_counted(cv_file, monkeypatch):
    too_complex(monkeypatch)
    with pytest.raises(ValidationError):
        documents.receive(cv_file(), Document.Kind.CV)
    assert not RequestCount.objects.exists()


def test_a_student_s_own_page_counts_its_files_too(by_link, application, cv_file):
    use(limits.FILES, limits.FILES.most)
    response = by_link.post(application.get_absolute_url() + "documents/", {"cv": cv_file()})
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert not Upload.objects.exists()


def test_files_for_a_page_that_is_not_open_count_too(client, cv_file):
    client.post("/applications/ZZZZ-ZZZZ/documents/", {"cv": cv_file()})
    assert Upload.objects.count() == 1
    use(limits.FILES, limits.FILES.most)
    client.post("/applications/ZZZZ-ZZZZ/documents/", {"cv": cv_file()})
    assert Upload.objects.count() == 1


def test_what_staff_bring_in_by_hand_is_not_counted(rf):
    incoming.admit([1000] * 5)
    assert limits.used("files", sender(rf.get("/"))) == 0


def test_not_everything_that_is_sent_to_pages_that_are_not_open_is_kept(client, monkeypatch):
    monkeypatch.setattr(limits, "LEFT_BEHIND", Limit("left behind", 2))
    page = "/applications/ZZZZ-ZZZZ/ask/"
    kept = [b"is not lost" in Client().post(page, {"text": "A question"}).content for _ in range(3)]
    assert kept == [True, True, False]
    assert left_behind.SESSION_KEY not in client.session


# Finding the link again


def test_who_asks_for_very_many_links_waits_and_learns_nothing_of_any_address(application):
    use(limits.LINKS, limits.LINKS.most)
    known, unknown = (Client().post(FIND, {"email": email}) for email in ("ada@example.org", "eve@example.org"))
    assert known.status_code == unknown.status_code == 429
    tidy = [re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", page.content) for page in (known, unknown)]
    assert tidy[0].replace(b"ada@", b"eve@") == tidy[1]
    assert b"Please try again after" in tidy[0]
    assert b"Please wait a little" in tidy[0]
    assert all(0 < int(page["Retry-After"]) <= 7200 for page in (known, unknown))
    assert not Letter.objects.filter(kind="link").exists()
    assert Client(REMOTE_ADDR=HALL).post(FIND, {"email": "ada@example.org"}).status_code == 200
    assert Letter.objects.filter(kind="link").count() == 1


def test_one_address_gets_a_bounded_number_of_letters_that_strangers_ask_for(
    make_application, project, other_project, monkeypatch
):
    monkeypatch.setattr("applications.workflow.submitting.MOST_LETTERS_ASKED_FOR", 3)
    older, newer = make_application(project), make_application(other_project)
    pages = {Client().post(FIND, {"email": "ada@example.org"}).content for _ in range(3)}
    assert len(pages) == 1
    sent = Letter.objects.filter(kind="link").order_by("pk").values_list("application_id", flat=True)
    assert list(sent) == [newer.pk, older.pk, newer.pk]


# Letters to addresses that nobody has confirmed


@pytest.fixture
def two_an_hour(monkeypatch) -> None:
    monkeypatch.setattr(pacing, "TO_STRANGERS", Limit("letters to strangers", 2))


@pytest.fixture
def applied(make_application) -> list[Application]:
    Letter.objects.all().delete()
    return [make_application(email=f"{name}@example.org") for name in ("ada", "bob", "cleo", "dan")]


def receipts(status: str) -> set[str]:
    return set(Letter.objects.filter(kind="received", status=status).values_list("recipient", flat=True))


def test_receipts_over_the_limit_wait_and_none_is_lost(two_an_hour, applied, at, caplog):
    letters.send_due(limit=4)  # two receipts and two notices
    assert receipts("sent") == {"ada@example.org", "bob@example.org"}
    letters.send_due()
    assert receipts("queued") == {"cleo@example.org", "dan@example.org"}
    assert pacing.held_back() == 2
    assert "2 letters to addresses that nobody has confirmed wait" in caplog.text
    at(timezone.now() + 2 * limits.HOUR)
    letters.send_due()
    assert receipts("queued") == set()
    assert pacing.held_back() == 0


def test_letters_that_wait_are_not_late_and_keep_nobody_else_waiting(two_an_hour, applied):
    limits.count("letters to strangers", pacing.SITE, by=2)
    Application.objects.filter(email="dan@example.org").update(confirmed_at=timezone.now())
    letters.send_due()
    assert receipts("sent") == {"dan@example.org"}
    assert Letter.objects.filter(kind="notice_received", status="sent").count() == 8
    assert not Letter.objects.due(timezone.now() + 5 * MINUTE).exists()


def test_without_limits_all_receipts_leave_at_once(two_an_hour, applied, settings):
    limits.count("letters to strangers", pacing.SITE, by=2)
    settings.APPLY_LIMITS = False
    letters.send_due()
    assert len(receipts("sent")) == 4
