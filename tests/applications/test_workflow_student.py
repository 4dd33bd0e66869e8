"""What students do with an application they handed in: confirm, correct, replace, withdraw, accept, find again."""

import datetime
import email
import email.policy

import pytest
from django.utils import timezone

from applications import documents, letters, workflow
from applications.models import Application, Document, Letter, Upload
from applications.statuses import Status
from applications.tokens import application_of_manage_token, manage_link, manage_token
from projects.models import Project

ONCE_READ = [status for status in Status.values if status != "received"]


def kinds(application) -> list[str]:
    return sorted(application.letters.values_list("kind", flat=True))


def queued(application, kind: str) -> list[str]:
    return list(application.letters.filter(kind=kind, status="queued").values_list("recipient", flat=True))


# Confirming


def test_confirming_again_changes_nothing(application):
    workflow.confirm_address(application)
    confirmed_at = application.confirmed_at
    workflow.confirm_address(application)
    assert application.confirmed_at == confirmed_at is not None
    assert application.events.filter(kind="confirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_confirming_twice_at_once_is_recorded_once(application, at_once):
    at_once(*[lambda: workflow.confirm_address(Application.objects.get(pk=application.pk))] * 3)
    assert application.events.filter(kind="confirmed").count() == 1


# Correcting the address


def test_a_corrected_address_gets_the_receipt_and_a_new_link_and_the_old_link_dies(application):
    letters.send_due()
    old_link = manage_token(application)

    corrected = workflow.correct_address(application, " ada@example.com ")

    assert application_of_manage_token(old_link) is None
    assert application_of_manage_token(manage_token(corrected)) == application
    assert (corrected.email, corrected.email_key) == ("ada@example.com", "ada@example.com")
    assert queued(application, "received") == ["ada@example.com"]
    event = application.events.get(kind="address_corrected")
    assert "ada@example.org" in event.text
    assert "ada@example.com" in event.text


def test_a_receipt_that_has_not_gone_out_goes_to_the_corrected_address_once(application):
    workflow.correct_address(application, "ada@example.com")
    assert queued(application, "received") == ["ada@example.com"]
    assert sorted(application.letters.filter(to_student=False).values_list("recipient", flat=True)) == [
        "carl@example.org",
        "sofia@example.org",
    ]


def test_a_receipt_that_bounced_is_sent_to_the_corrected_address(application):
    application.letters.filter(to_student=True).update(status="failed")
    workflow.correct_address(application, "ada@example.com")
    assert queued(application, "received") == ["ada@example.com"]


def test_no_letter_with_the_new_link_ever_goes_to_the_mistyped_address(application, letter_files):
    """Not even one whose worker was sending, or died while sending, when the address was corrected."""
    letter = application.letters.get(kind="received")
    Letter.objects.filter(pk=letter.pk).update(leased_until=timezone.now() + letters.LEASE)

    corrected = workflow.correct_address(application, "ada@example.com")
    Letter.objects.update(leased_until=timezone.now())  # the lease ran out, so another worker sends it
    letters.send_due()

    messages = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in letter_files()]
    with_new_link = [message for message in messages if manage_link(corrected) in message.get_content()]
    assert {message["To"] for message in with_new_link} == {"ada@example.com"}
    assert {message["To"] for message in messages} == {"ada@example.com", "carl@example.org", "sofia@example.org"}


def test_a_confirmed_address_cannot_be_changed(application):
    workflow.confirm_address(application)
    with pytest.raises(workflow.Refused) as refused:
        workflow.correct_address(application, "eve@example.org")
    assert refused.value.code == "confirmed"
    application.refresh_from_db()
    assert (application.email, application.link_version) == ("ada@example.org", 1)


def test_an_address_that_another_application_has_cannot_be_taken(make_application):
    ada, bob = make_application(), make_application(email="bob@example.org")
    with pytest.raises(workflow.Refused) as refused:
        workflow.correct_address(bob, "ADA@example.org")
    assert refused.value.code == "duplicate"
    bob.refresh_from_db()
    assert (bob.email, bob.link_version) == ("bob@example.org", 1)
    assert application_of_manage_token(manage_token(ada)) == ada


def test_an_address_whose_application_was_withdrawn_can_be_taken(make_application):
    make_application(status="withdrawn")
    bob = make_application(email="bob@example.org")
    assert workflow.correct_address(bob, "ada@example.org").email == "ada@example.org"


def test_nobody_can_have_letters_sent_to_one_address_after_another(application):
    for number in range(workflow.MOST_CORRECTIONS_OF_ADDRESS):
        letters.send_due()
        workflow.correct_address(application, f"victim{number}@example.org")
    letters.send_due()

    with pytest.raises(workflow.Refused) as refused:
        workflow.correct_address(application, "victim@example.org")

    assert refused.value.code == "too_often"
    assert "supervisor" in refused.value.message
    assert application.letters.filter(recipient__startswith="victim").count() == 3


# Correcting answers


def test_corrected_answers_are_a_new_version_and_the_former_ones_are_kept(application, answers):
    workflow.correct_answers(application, answers | {"motivation": "Better words.", "full_name": "Ada B. Example"})

    application.refresh_from_db()
    assert (application.motivation, application.full_name) == ("Better words.", "Ada B. Example")
    assert application.answers_version == 2
    former = application.former_answers.get()
    assert former.version == 1
    assert former.answers["motivation"] == answers["motivation"]
    assert former.answers["earliest_start"] == answers["earliest_start"].isoformat()
    assert application.events.filter(kind="answers_corrected").count() == 1


def test_saving_the_same_answers_again_makes_no_version(application, answers):
    workflow.correct_answers(application, answers)
    application.refresh_from_db()
    assert application.answers_version == 1
    assert not application.former_answers.exists()


@pytest.mark.parametrize("status", ONCE_READ)
def test_once_reading_has_begun_answers_and_documents_stay_as_they_are(make_application, make_uploads, answers, status):
    application = make_application(status=status)
    for change in (
        lambda: workflow.correct_answers(application, answers | {"motivation": "Other."}),
        lambda: workflow.replace_documents(application, make_uploads()),
    ):
        with pytest.raises(workflow.Refused) as refused:
            change()
        assert refused.value.code == "being_read"
    application.refresh_from_db()
    assert application.motivation == answers["motivation"]
    assert not application.documents.filter(version__gt=1).exists()
    assert Upload.objects.count() == 2


def test_a_reviewers_note_that_was_faster_ends_the_time_for_corrections(application, answers, supervisor):
    stale = Application.objects.get(pk=application.pk)
    workflow.note(application, "I am reading this.", by=supervisor)
    with pytest.raises(workflow.Refused) as refused:
        workflow.correct_answers(stale, answers | {"motivation": "Other."})
    assert refused.value.code == "being_read"


# Replacing documents


def test_a_new_cv_replaces_the_cv_and_leaves_the_transcripts(application, cv_file, stored_files):
    old_cv, transcript = application.current_documents()
    upload = documents.receive(cv_file("better.pdf"), Document.Kind.CV)

    workflow.replace_documents(application, [upload])

    application = Application.objects.get(pk=application.pk)
    new_cv, same_transcript = application.current_documents()
    assert same_transcript == transcript
    assert (new_cv.original_name, new_cv.version) == ("better.pdf", 2)
    assert [d.pk for d in application.former_documents()] == [old_cv.pk]
    assert len(stored_files()) == 3  # the former file is kept, too
    assert application.events.filter(kind="documents_replaced").count() == 1


def test_new_transcripts_replace_all_the_former_ones(make_application, make_uploads):
    application = make_application(transcripts=3)
    workflow.replace_documents(application, make_uploads(transcripts=2)[1:])
    application = Application.objects.get(pk=application.pk)
    assert [(d.label, d.version) for d in application.current_documents()] == [
        ("CV", 1),
        ("Transcript 1", 2),
        ("Transcript 2", 2),
    ]
    assert len(application.former_documents()) == 3


def test_documents_replaced_twice_keep_all_three_versions(application, make_uploads):
    for _ in range(2):
        workflow.replace_documents(application, make_uploads())
    application = Application.objects.get(pk=application.pk)
    assert [d.version for d in application.current_documents()] == [3, 3]
    assert [d.version for d in application.former_documents()] == [1, 2, 1, 2]


def test_when_a_new_document_is_gone_the_former_one_stays_current(application, make_uploads):
    uploads = make_uploads()
    Upload.objects.all().delete()
    before = [d.pk for d in application.current_documents()]
    with pytest.raises(workflow.Refused) as refused:
        workflow.replace_documents(application, uploads)
    assert refused.value.code == "uploads_gone"
    assert [d.pk for d in Application.objects.get(pk=application.pk).current_documents()] == before


# Withdrawing and accepting


def test_withdrawing_writes_to_the_student_and_to_the_reviewers(application):
    workflow.withdraw(application, " I found another project. ")
    application.refresh_from_db()
    assert application.status == "withdrawn"
    assert queued(application, "withdrawn") == ["ada@example.org"]
    assert sorted(queued(application, "notice_withdrawn")) == ["carl@example.org", "sofia@example.org"]
    event = application.events.get(kind="moved")
    assert (event.actor, event.text, event.user) == ("student", "I found another project.", None)


def test_accepting_writes_to_the_student_and_to_the_reviewers(make_application):
    application = make_application(status="offered")
    workflow.accept_offer(application)
    application.refresh_from_db()
    assert application.status == "accepted"
    assert queued(application, "accepted") == ["ada@example.org"]
    assert sorted(queued(application, "notice_accepted")) == ["carl@example.org", "sofia@example.org"]


def test_an_offer_can_be_accepted_after_the_project_has_closed(make_application):
    application = make_application(status="offered")
    Project.objects.update(closed_at=timezone.now(), deadline=timezone.localdate() - datetime.timedelta(days=3))
    assert workflow.accept_offer(application).status == "accepted"


# Finding the link again


def test_the_link_is_sent_for_every_application_of_the_address_and_for_no_other(
    make_application, project, other_project
):
    ada_one, ada_two = make_application(project), make_application(other_project)
    bob = make_application(project, email="bob@example.org")

    workflow.send_link(" ADA@example.org")

    assert queued(ada_one, "link") == queued(ada_two, "link") == ["ada@example.org"]
    assert queued(bob, "link") == []


def test_the_link_that_is_sent_again_is_the_current_one(application):
    before = manage_token(application)
    workflow.send_link(application.email)
    application.refresh_from_db()
    assert manage_token(application) == before
    assert letters.MANAGE_LINK in application.letters.get(kind="link").body


def test_asking_for_an_unknown_address_writes_nothing(application):
    before = Letter.objects.count()
    workflow.send_link("unknown@example.org")
    assert Letter.objects.count() == before


def test_the_link_is_sent_three_times_an_hour_at_most(application, monkeypatch):
    for _ in range(5):
        workflow.send_link(application.email)
    assert len(queued(application, "link")) == 3

    an_hour_later = timezone.now() + datetime.timedelta(minutes=61)
    monkeypatch.setattr(timezone, "now", lambda: an_hour_later)
    workflow.send_link(application.email)
    assert len(queued(application, "link")) == 4


def test_load_tests_can_lift_the_limit(application, settings):
    settings.APPLY_LIMITS = False
    for _ in range(5):
        workflow.send_link(application.email)
    assert len(queued(application, "link")) == 5


# Verbs on an application that is gone


@pytest.mark.parametrize(
    "verb",
    [workflow.withdraw, workflow.accept_offer, workflow.erase, lambda a: workflow.correct_address(a, "x@example.org")],
    ids=["withdraw", "accept", "erase", "correct the address"],
)
def test_an_erased_application_is_gone_for_every_verb(application, verb):
    stale = Application.objects.get(pk=application.pk)
    workflow.erase(application)
    with pytest.raises(Application.DoesNotExist):
        verb(stale)
    assert not Letter.objects.exists()
