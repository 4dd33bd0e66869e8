"""Demo applications: invented through and through, as `workflow` would have left them, and never beside real ones."""

import hashlib
import re
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from applications import demo, documents, letters, renderer, renditions, retention, search, workflow
from applications.demo import papers, writing
from applications.models import (
    Application,
    Decision,
    Document,
    Event,
    Letter,
    Message,
    QuestionAnswer,
    Reading,
    Rendition,
    Review,
    ReviewRequest,
    Upload,
)
from applications.statuses import OPEN_STATUSES, REVIEWER_MOVES, STUDENT_MOVES, Status
from applications.workflow import moves
from applications.workflow.reviewing import refresh_figures, weighted_mean
from projects.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.once]

INVENTED = re.compile(r"[^@]+@example\.(org|com|net)")


@pytest.fixture
def seeded(db) -> demo.Receipt:
    return demo.seed(160, seed=3, reviewers=3)


# As the workflow would have left them


def test_the_figures_are_those_that_the_workflow_calculates(seeded):
    scored = 0
    for review in Review.objects.all():
        assert review.score == pytest.approx(weighted_mean(review))
        scored += review.score is not None
    assert scored
    for application in Application.objects.all():
        names = ("rating_count", "rating_mean", "rating_spread", "score_mean")
        seeded_figures = [getattr(application, name) for name in names]
        refresh_figures(application)
        assert seeded_figures == [pytest.approx(getattr(application, name)) for name in names]


def test_places_are_taken_by_those_who_accepted(seeded):
    for project in Project.objects.all():
        assert project.places_taken == project.applications.filter(status=Status.ACCEPTED).count()


def test_every_move_is_in_the_table_and_leads_to_the_status(seeded):
    for application in Application.objects.prefetch_related("events"):
        status, since = Status.RECEIVED, application.received_at
        for event in application.events.all():
            if event.kind != Event.Kind.MOVED:
                continue
            assert event.from_status == status
            table = STUDENT_MOVES if event.actor == Event.Actor.STUDENT else REVIEWER_MOVES
            assert event.to_status in table[status]
            assert event.created_at >= since
            status, since = event.to_status, event.created_at
        assert (application.status, application.status_changed_at) == (status, since)


def test_every_decision_that_took_effect_has_its_move_and_its_letter(seeded):
    applied = Decision.objects.filter(applied_at__isnull=False)
    assert applied.exists()
    for decision in applied:
        move = Event.objects.get(decision=decision)
        assert (move.kind, move.to_status, move.user) == ("moved", decision.to_status, decision.released_by)
        letter = decision.letters.get()
        assert (letter.kind, letter.subject, letter.body) == (
            decision.letter_kind, decision.letter_subject, decision.letter_body,
        )  # fmt: skip
    assert Decision.objects.staged().exists()
    for decision in Decision.objects.pending():
        assert decision.to_status in REVIEWER_MOVES[decision.application.status]
        assert decision.from_status == decision.application.status


def test_nothing_received_has_been_read_and_everybody_who_rated_has_read(seeded):
    received = Application.objects.filter(status=Status.RECEIVED)
    assert received.exists()
    assert not Review.objects.filter(application__in=received).exists()
    assert not Decision.objects.filter(application__in=received).exists()
    assert not Event.objects.filter(application__in=received, kind=Event.Kind.NOTE).exists()
    read = set(Reading.objects.filter(state="read").values_list("application", "reviewer"))
    deciders = set(Decision.objects.values_list("application", "staged_by"))
    assert set(Review.objects.values_list("application", "reviewer")) | deciders <= read


def test_only_reviewers_of_the_project_have_reviewed(seeded):
    for review in Review.objects.select_related("application__project"):
        assert review.reviewer in workflow.possible_reviewers(review.application.project)


def test_offers_stand_and_nothing_waits_to_be_done_by_the_worker(seeded):
    offered = Application.objects.filter(status=Status.OFFERED)
    assert all(application.offer_lapses_on for application in offered)
    assert not Application.objects.exclude(pk__in=offered).exclude(offer_lapses_on=None).exists()

    assert workflow.apply_due() == 0
    assert workflow.lapse_offers() == 0
    assert letters.send_due().sent == 0
    assert list(renditions.due()) == []
    assert search.refresh_missing() == 0
    assert list(retention.expired()) == []
    assert not ReviewRequest.objects.filter(told_at=None).exists()


def test_applications_come_between_opening_and_deadline(seeded):
    for application in Application.objects.select_related("project"):
        day = application.received_at.date()
        assert day >= application.project.opens_on
        assert application.project.deadline is None or day <= application.project.deadline


def test_some_people_have_applied_more_than_once(seeded):
    addresses = Application.objects.values_list("email_key", flat=True)

    assert len(set(addresses)) < len(addresses)


# Files


def test_each_document_has_a_file_of_its_own_with_the_bytes_that_its_row_says(seeded, stored_files, data_folder):
    names = set()
    for document in Document.objects.select_related("rendition"):
        content = document.file.read()
        document.file.close()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (document.size, document.sha256)
        assert document.rendition.state == Rendition.State.MADE
        assert len(document.rendition.page_sizes) == document.pages
        names.update(document.file_names)

    assert {str(path.relative_to(data_folder / "documents")) for path in stored_files()} == names


def test_a_sample_passes_the_door_through_which_documents_come(seeded, data_folder):
    for kind in ("cv", "transcript"):
        path = storages["documents"].path(Document.objects.filter(kind=kind).first().file.name)
        inspection = documents.inspect(path)
        assert (inspection.verdict, inspection.flags) == ("accepted", [])


def test_the_samples_are_what_the_worker_would_make_of_them():
    sample = papers.pool(6)["transcript"][2]
    parts: list[bytes] = []

    with mock.patch("time.process_time", return_value=0.0):  # the worker's child has used none of its time yet
        renderer.render(sample.content, parts.append)

    rendered = renditions.understood(b"".join(parts))
    assert (sample.text, list(sample.images)) == (rendered.text, rendered.images)
    assert sample.page_sizes == rendered.sizes
    assert len(sample.images) == sample.pages == 3


def test_erasing_one_leaves_the_files_of_all_others(seeded, stored_files, django_capture_on_commit_callbacks):
    application = Application.objects.first()
    names = {name for document in application.documents.all() for name in document.file_names}
    before = len(stored_files())

    with django_capture_on_commit_callbacks(execute=True):
        workflow.erase(application)

    assert len(stored_files()) == before - len(names)
    for document in Document.objects.all():
        assert storages["documents"].exists(document.file.name)


def test_a_storage_that_knows_no_second_names_gets_copies(db, monkeypatch, stored_files):
    monkeypatch.setattr(writing.Shelf, "_link", lambda self, first, name: False)

    receipt = demo.seed(3)

    assert {path.stat().st_nlink for path in stored_files()} == {1}
    assert receipt.bytes_on_disk == sum(path.stat().st_size for path in stored_files())


def test_when_it_fails_nothing_of_the_batch_stays(db, monkeypatch, stored_files):
    def fail(rows):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(writing, "_save_rows", fail)

    with pytest.raises(RuntimeError):
        demo.seed(3)

    assert stored_files() == []
    assert not Application.objects.exists()


# Invented people


def test_no_address_reaches_anybody_and_no_letter_is_to_be_sent(seeded):
    assert all(INVENTED.fullmatch(address) for address in Application.objects.values_list("email", flat=True))
    assert all(INVENTED.fullmatch(address) for address in Letter.objects.values_list("recipient", flat=True))
    assert not Letter.objects.filter(status=Letter.Status.QUEUED).exists()
    assert not Letter.objects.filter(body__contains="{review_link}").exists()


def test_the_manage_link_stands_in_no_letter(seeded):
    assert not Letter.objects.filter(body__contains="/applications/open/").exists()


def test_the_search_finds_them_by_name_and_by_the_words_of_their_documents(seeded):
    application = Application.objects.filter(consent_version__gt="").first()

    assert application in search.matching(Application.objects.all(), application.full_name)
    assert search.matching(Application.objects.all(), "transcript of records").exists()


def test_the_same_seed_tells_the_same_stories(seeded):
    def told():
        return list(
            Application.objects.order_by("pk").values_list("full_name", "status", "project__slug", "rating_count")
        )

    first = told()
    for application in Application.objects.all():
        workflow.erase(application)
    Project.objects.update(places_taken=0)
    demo.seed(160, seed=3, reviewers=3)

    assert told() == first


# Where it is refused


def refusal(**options) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("seed_demo", applications=2, **options)
    return str(refused.value)


def test_it_refuses_beside_a_real_application_even_with_an_invented_address(application, stored_files):
    before = stored_files()

    assert "holds 1 applications that were not made by seed_demo" in refusal()
    assert Application.objects.get() == application
    assert stored_files() == before
    assert not Project.objects.filter(slug__startswith="demo-").exists()
    assert not User.objects.filter(username__contains="vorbild").exists()


def test_it_refuses_when_a_demo_application_has_got_a_real_address(seeded):
    application = Application.objects.first()
    application.email = "somebody@university.edu"
    application.save()

    assert "were not made by seed_demo" in refusal()


def test_it_refuses_beside_the_files_of_somebody_who_is_applying_at_this_moment(make_uploads):
    uploads = make_uploads()

    assert "is applying at this moment" in refusal()
    assert Upload.objects.count() == len(uploads)


def test_a_site_on_https_gets_invented_people_only_while_it_is_empty(db, settings):
    settings.IS_HTTPS = True
    call_command("seed_demo", applications=2)

    assert "served over https" in refusal()


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_a_number_that_makes_no_sense_is_refused(db, number):
    with pytest.raises(CommandError):
        call_command("seed_demo", "--applications", number)


# The receipt


def test_the_receipt_counts_and_the_accounts_work(db, capsys, client):
    call_command("seed_demo", applications=5, reviewers=2)

    told = capsys.readouterr().out
    assert "Applications: 5" in told
    assert f"Documents:    {Document.objects.count()} " in told
    assert f"Letters:      {Letter.objects.count()}, none of them to be sent" in told
    names = re.findall(r"User name: (\S+)", told)
    password = re.search(r"Password of all of them: (\S+)", told)[1]
    assert len(names) == 3
    for name in names:
        assert client.login(username=name, password=password)
        assert client.get(reverse("admin:index")).status_code == 200


def test_a_second_run_adds_and_leaves_passwords_as_they_are(db, capsys):
    call_command("seed_demo", applications=3)
    passwords = list(User.objects.order_by("pk").values_list("password", flat=True))
    call_command("seed_demo", applications=4, seed=2)

    assert "their passwords are as they were" in capsys.readouterr().out
    assert Application.objects.count() == 7
    assert list(User.objects.order_by("pk").values_list("password", flat=True)) == passwords


def test_the_catalogue_and_its_people_stay_as_they_are(project, co_advisor):
    before = Project.objects.filter(pk=project.pk).values().get()

    demo.seed(5)

    assert Project.objects.filter(pk=project.pk).values().get() == before
    assert list(project.co_advisors.values_list("user", flat=True)) == [co_advisor.pk]
    invented = User.objects.filter(username__endswith="@example.org")
    assert all(not Application.objects.visible_to(user).filter(project=project).exists() for user in invented)


def test_some_of_everything_is_there(seeded):
    assert set(Application.objects.values_list("status", flat=True)) == set(Status.values)
    assert Application.objects.filter(status__in=OPEN_STATUSES).overdue().exists()
    assert set(Document.objects.values_list("kind", flat=True)) >= {"cv", "transcript"}


# What students say beside the form


def test_students_have_answered_the_questions_of_their_projects(seeded):
    assert QuestionAnswer.objects.exists()
    for answer in QuestionAnswer.objects.select_related("application", "question"):
        assert answer.question.project_id == answer.application.project_id
        assert answer.prompt == answer.question.prompt
        assert answer.text in (answer.question.option_list or [answer.text])
    for application in Application.objects.exclude(consent_version=""):
        required = set(application.project.questions.filter(is_required=True).exclude(kind="file"))
        assert required <= {answer.question for answer in application.question_answers.all()}


def test_an_own_idea_has_a_title(seeded):
    ideas = Application.objects.filter(project__is_own_idea=True).exclude(consent_version="")
    assert ideas.exists()
    assert all(ideas.annotate(title=QuestionAnswer.idea_title()).values_list("title", flat=True))


def test_some_questions_of_students_wait_and_others_are_answered_by_a_letter(seeded):
    assert Message.objects.unanswered().exists()
    answers = Message.objects.filter(is_from_student=False).select_related("letter")
    assert answers.exists()
    for answer in answers:
        assert answer.text in answer.letter.body
        assert answer.application.reference in answer.letter.subject + answer.letter.body
        assert answer.user in workflow.possible_reviewers(answer.application.project)


def test_some_newer_documents_wait_and_reading_had_begun_when_they_came(seeded):
    offered = Document.objects.offered().select_related("application")
    assert offered.exists()
    for document in offered:
        assert document.application.may_offer_documents()
        begun = document.application.events.filter(kind=Event.Kind.MOVED, to_status=Status.IN_REVIEW).first()
        assert document.offered_at >= begun.created_at


def test_the_catalogue_knows_when_students_were_last_answered(seeded):
    answered = Event.objects.filter(kind="moved", actor="reviewer", to_status__in=moves.ANSWERS)
    for project in Project.objects.all():
        last = answered.filter(application__project=project).order_by("created_at").last()
        assert project.last_answer_at == (last.created_at if last else None)
        assert (project.usual_answer_days is not None) == (last is not None)
