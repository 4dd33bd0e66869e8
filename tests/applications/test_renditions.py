"""Page images and text: made once by the worker, in a child that no document leads astray, and gone with the rest."""

import datetime
import io
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from applications import documents, renditions, search, workflow
from applications.limited_server import LimitedServer
from applications.models import Application, Document, Rendition, Upload, document_storage
from applications.renderer import LONGEST_TEXT, MOST_IMAGES, clean
from tests import pdfs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on memory")


def drawn(*lines: str, size: tuple[float, float] = (595, 842), pages: int = 1) -> bytes:
    """A PDF with these lines on each page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, invariant=1)
    for _ in range(pages):
        text = canvas.beginText(10, size[1] - 20)
        text.textLines(lines)
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@pytest.fixture
def cv(application) -> Document:
    """The only document without a rendition: Ada's CV."""
    for document in application.documents.exclude(kind=Document.Kind.CV):
        Rendition.objects.create(document=document, state=Rendition.State.MADE)
    return application.documents.get(kind=Document.Kind.CV)


@pytest.fixture
def rendered(cv) -> Callable[[bytes], Rendition]:
    """Renders a CV of these bytes, whatever they are: nobody has inspected them."""

    def rendered(content: bytes) -> Rendition:
        document_storage().delete(cv.file.name)
        document_storage().save(cv.file.name, ContentFile(content))
        renditions.make_missing()
        return Rendition.objects.get(document=cv)

    return rendered


@pytest.fixture(autouse=True)
def looks_at_all_documents(monkeypatch) -> None:
    monkeypatch.setattr(renditions._Pace, "all_again_at", 0)


def image_files(stored_files) -> list[str]:
    return [path.name for path in stored_files() if path.suffix != ".pdf"]


def later(monkeypatch, **while_) -> None:
    now = timezone.now() + datetime.timedelta(**while_)
    monkeypatch.setattr(timezone, "now", lambda: now)


# What is made


def test_each_page_of_each_document_becomes_an_image_beside_it_and_its_text_is_kept(application, stored_files):
    assert renditions.make_missing() == 2

    for document in application.documents.select_related("rendition"):
        assert document.rendition.state == Rendition.State.MADE
        assert document.rendition.page_sizes == [[1240, 1754]] * document.pages
        for name, size in zip(document.rendition.image_names, document.rendition.page_sizes, strict=True):
            with document_storage().open(name) as file, Image.open(file) as image:
                assert (image.format, list(image.size)) == ("WEBP", size)
                assert image.convert("L").getextrema()[0] < 100  # something is written on it
    cv, transcript = application.current_documents()
    assert cv.rendition.text.startswith("Curriculum vitae\nAda Example\n")
    assert "Course 2.29" in transcript.rendition.text
    assert len(stored_files()) == 2 + 1 + 2


@pytest.mark.parametrize(
    ("points", "pixels"),
    [
        ((595, 842), [1240, 1754]),
        ((842, 595), [1754, 1240]),
        ((612, 792), [1240, 1605]),
        ((2400, 3400), [1238, 1754]),
        ((100, 100), [400, 400]),
        ((10, 7200), [3, 1754]),
    ],
)
def test_an_image_is_as_large_as_one_reads_and_no_larger(rendered, points, pixels):
    assert rendered(drawn("Ada", size=points)).page_sizes == [pytest.approx(pixels, abs=1)]


@pytest.mark.parametrize(
    "make",
    [
        pdfs.scan,
        pdfs.latex_like,
        pdfs.word_like,
        pdfs.linearised,
        pdfs.pdf_2_0,
        pdfs.owner_locked,
        pdfs.owner_locked_rc4,
        pdfs.signed_like,
        pdfs.with_form,
        pdfs.with_javascript,
        pdfs.wrong_offsets,
        pdfs.crowd_of_objects,
    ],
)
def test_what_the_inspection_lets_in_is_rendered(rendered, make):
    rendition = rendered(make())
    assert (rendition.state, len(rendition.page_sizes) > 0) == (Rendition.State.MADE, True)


def test_a_scan_has_images_and_no_text(rendered):
    assert not rendered(pdfs.scan()).has_text


def test_the_first_pages_of_a_long_document_become_images_and_all_of_it_text(rendered):
    rendition = rendered(pdfs.many_pages(MOST_IMAGES + 5))
    assert len(rendition.page_sizes) == MOST_IMAGES
    assert f"Page {MOST_IMAGES + 5} of" in rendition.text


def test_a_very_long_text_is_cut(rendered):
    text = rendered(drawn(*["words " * 30] * 60, pages=40)).text
    assert LONGEST_TEXT - 1000 < len(text.encode()) <= LONGEST_TEXT


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("exam\x02\r\nple", "example"),
        ("exam\ufffe\nple", "example"),
        ("a\0b\x07c\ud800d\ue000e", "a b c d e"),
        ("one  \r\ntwo\r\n\r\n\r\n\r\nthree", "one\ntwo\n\nthree"),
    ],
)
def test_text_is_cleaned_of_what_nobody_can_read(text, cleaned):
    assert clean(text) == cleaned


def test_text_is_found_by_the_search_once_it_is_there(rendered, application):
    rendered(drawn("Friedrich Miescher Institute"))
    assert list(search.matching(Application.objects.all(), "miescher")) == [application]


# When it is made


def test_the_oldest_document_comes_first_and_each_is_made_once(make_application):
    first = make_application()
    make_application(email="second@example.org")

    assert [renditions.make_missing(limit=2) for _ in range(3)] == [2, 2, 0]
    assert Rendition.objects.count() == 4
    assert set(Rendition.objects.order_by("made_at")[:2].values_list("document__application", flat=True)) == {first.pk}


def test_replaced_documents_are_left_out(application, make_uploads):
    workflow.replace_documents(application, make_uploads())
    assert renditions.make_missing() == 2
    assert not Rendition.objects.exclude(document__replaced_at=None).exists()


def test_a_worker_that_is_told_to_stop_begins_no_further_document(application):
    answers = iter([False, True])
    assert renditions.make_missing(stopping=lambda: next(answers)) == 1


def test_a_pass_ends_after_a_while_so_that_letters_have_their_turn(application, monkeypatch):
    monkeypatch.setattr(renditions, "PASS_SECONDS", 0)
    assert [renditions.make_missing() for _ in range(3)] == [0, 0, 0]
    monkeypatch.setattr(renditions, "PASS_SECONDS", 5)
    assert renditions.make_missing() == 2


@pytest.mark.django_db(transaction=True)
def test_the_worker_makes_them(application, stored_files):
    call_command("run_worker", "--once")
    assert len(image_files(stored_files)) == 3


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_each_rendition_once(make_application, at_once, stored_files):
    for number in range(3):
        make_application(email=f"{number}@example.org")
    outcomes = at_once(renditions.make_missing, renditions.make_missing)
    assert sum(outcomes) == 6
    assert set(Rendition.objects.values_list("state", "attempts")) == {("made", 1)}
    assert len(image_files(stored_files)) == 9


def test_looking_for_work_costs_one_query_and_loads_no_texts(application, django_assert_num_queries):
    renditions.make_missing()
    with django_assert_num_queries(1):
        renditions.make_missing()
    assert "text" not in str(renditions.due().query).partition("FROM")[0]


def test_among_very_many_documents_those_of_new_applications_are_still_seen_at_once(
    application, make_application, monkeypatch
):
    monkeypatch.setattr(renditions._Pace, "all_again_at", time.monotonic() + 3600)
    Application.objects.update(received_at=timezone.now() - datetime.timedelta(days=9))
    make_application(email="new@example.org")

    assert [renditions.make_missing() for _ in range(2)] == [2, 0]

    monkeypatch.setattr(renditions._Pace, "all_again_at", 0)
    assert renditions.make_missing() == 2


# When it cannot be made


@pytest.mark.parametrize("make", [pdfs.lost_root, pdfs.header_only, pdfs.user_locked, pdfs.no_pages, pdfs.empty])
def test_what_cannot_be_opened_is_given_up_at_once(rendered, make, monkeypatch):
    rendition = rendered(make())
    assert (rendition.state, rendition.attempts) == (Rendition.State.FAILED, renditions.MOST_ATTEMPTS)
    later(monkeypatch, days=1)
    assert not renditions.due().exists()


@pytest.mark.parametrize(
    "make",
    [
        pdfs.flate_bomb,
        pdfs.object_stream_bomb,
        pdfs.memory_bomb,
        pdfs.deep_nesting,
        pdfs.deep_page_tree,
        pdfs.page_bomb,
        pdfs.page_loop,
        pdfs.page_claim,
        pdfs.truncated,
    ],
)
def test_a_document_that_is_built_to_do_harm_harms_nobody(rendered, make, make_application):
    rendered(make())
    make_application(email="honest@example.org")
    assert renditions.make_missing() == 2


@pytest.fixture
def rigged(tmp_path, monkeypatch, rendered):
    """Renders a CV by the real renderer, of which some lines have been replaced."""
    servers = []

    def rigged(lines: str) -> Rendition:
        program = tmp_path / "rigged.py"
        start = "import ctypes, os, socket, subprocess, sys, time\nfrom applications import renderer\n"
        program.write_text(start + textwrap.dedent(lines) + "\nrenderer.main()\n")
        server = LimitedServer(program, at_once=1, turn_seconds=5, answer_seconds=30, longest_answer=1 << 20)
        servers.append(server)
        monkeypatch.setattr(renditions, "_server", server)
        return rendered(pdfs.cv())

    yield rigged
    for server in servers:
        server.close()


def drawing(statement: str) -> str:
    """Lines that let the drawing of a page run this statement."""
    return f"""
    real = renderer.image_of
    def image_of(page):
        if renderer.serving:
            {statement}
        return real(page)
    def serve(*args, serve=renderer.serve):
        renderer.serving = True
        serve(*args)
    renderer.serving, renderer.image_of, renderer.serve = False, image_of, serve
    """


SMALL = "renderer.LIMITS = renderer.Limits(memory=700 << 20, cpu=1, wall=2)\n"


def test_an_unchanged_renderer_makes_the_image_that_the_next_tests_miss(rigged):
    assert rigged(drawing("pass")).state == Rendition.State.MADE


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param("os.kill(os.getpid(), 6)", id="abort"),
        pytest.param("ctypes.string_at(0)", id="read memory that is not its own"),
        pytest.param("os._exit(0)", id="leave without a word"),
        pytest.param(f"open({str(settings.BASE_DIR / 'manage.py')!r})", id="read our files"),
        pytest.param("socket.socket()", id="call somebody"),
        pytest.param("subprocess.run(['true'])", id="start a program"),
        pytest.param("while True: pass", id="compute for ever"),
        pytest.param("time.sleep(60)", id="sleep for ever"),
        pytest.param("bytearray(800 << 20)", id="take all memory", marks=on_linux),
    ],
)
def test_a_page_that_makes_the_child_misbehave_has_no_image_but_the_text_stays(rigged, stored_files, attempt):
    rendition = rigged(SMALL + textwrap.dedent(drawing(attempt)))
    assert (rendition.state, rendition.attempts, rendition.page_sizes) == (Rendition.State.FAILED, 1, [])
    assert "Curriculum vitae" in rendition.text
    assert image_files(stored_files) == []


def test_a_failed_attempt_is_repeated_after_a_pause_and_not_for_ever(rigged, monkeypatch):
    rigged(drawing("os.kill(os.getpid(), 6)"))
    attempts = []
    for _ in range(renditions.MOST_ATTEMPTS + 1):
        renditions.make_missing()  # within the pause: nothing happens
        attempts.append(Rendition.objects.get(state=Rendition.State.FAILED).attempts)
        later(monkeypatch, minutes=11)
        renditions.make_missing()
    assert attempts == [1, 2, 3, 3]


def test_a_second_attempt_that_succeeds_is_as_good_as_the_first(rigged, rendered, monkeypatch):
    sound = renditions._server
    rigged(drawing("os.kill(os.getpid(), 6)"))
    monkeypatch.setattr(renditions, "_server", sound)
    later(monkeypatch, minutes=11)
    assert rendered(pdfs.cv()).state == Rendition.State.MADE


@pytest.mark.parametrize(
    "lines",
    [
        "raise SystemExit(1)",
        "renderer.serve = lambda *args: None",
    ],
)
def test_a_renderer_that_does_not_run_is_no_fault_of_the_document(rigged, lines, caplog):
    assert (rigged(lines).attempts, "cannot be started" in caplog.text) == (0, True)


def test_a_full_disk_is_no_fault_of_the_document_and_leaves_nothing_that_an_erasure_would_miss(
    cv, monkeypatch, stored_files, caplog
):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(document_storage()), "save", full)
    assert renditions.make_missing() == 0
    assert (cv.rendition.state, cv.rendition.attempts) == (Rendition.State.FAILED, 0)
    assert "No space left" in caplog.text
    monkeypatch.undo()


def test_a_document_whose_file_is_missing_is_noted_and_others_are_made(application, caplog):
    first = application.documents.earliest("created_at")
    document_storage().delete(first.file.name)
    assert renditions.make_missing() == 1
    assert f"document {first.pk} is missing" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense",
        b"T\0\0\0\2a",
        b"T\xff\xff\xff\xffa",
        b"P\0\0\0\0E\0\0\0\0",
        b"P\0\0\0\x10\0\1\0\1RIFF\0\0\0\0HTMLE\0\0\0\0",
        b"P\0\0\0\x10\xff\xff\xff\xffRIFF\0\0\0\0WEBPE\0\0\0\0",
        b"?\0\0\0\0E\0\0\0\0",
    ],
)
def test_an_answer_that_no_honest_child_gives_is_not_believed(answer):
    assert renditions.understood(answer).images == []
    assert not renditions.understood(answer).is_whole


@given(st.binary())
def test_no_answer_of_a_child_does_any_harm(answer):
    rendered = renditions.understood(answer)
    assert "\0" not in rendered.text
    assert len(rendered.images) == len(rendered.sizes)


# Dying in between


def test_what_a_killed_worker_left_is_overwritten_and_nothing_stays_astray(cv, monkeypatch, stored_files):
    document_storage().save(Rendition.image_name(cv.pk, 1), ContentFile(b"half an image"))
    document_storage().save(Rendition.image_name(cv.pk, 2), ContentFile(b"a page that is not there"))
    Rendition.objects.create(document=cv, state=Rendition.State.FAILED, page_sizes=[[1240, 1754], [1240, 1754]])
    later(monkeypatch, minutes=11)

    assert renditions.make_missing() == 1

    assert image_files(stored_files) == [Path(Rendition.image_name(cv.pk, 1)).name]
    with document_storage().open(Rendition.image_name(cv.pk, 1)) as file:
        assert file.read(4) == b"RIFF"
    assert Rendition.objects.get(document=cv).attempts == 2


@pytest.mark.parametrize("moment", ["_render", "_store", "_write_row"])
@pytest.mark.django_db(transaction=True)
def test_a_document_that_is_erased_while_its_images_are_made_leaves_no_file(
    application, monkeypatch, stored_files, moment
):
    real = getattr(renditions, moment)

    def erased_meanwhile(*args, **kwargs):
        if Application.objects.exists():
            workflow.erase(application)
        return real(*args, **kwargs)

    monkeypatch.setattr(renditions, moment, erased_meanwhile)
    monkeypatch.setattr(renditions, "_render", lambda document: renditions_of_a_cv) if moment != "_render" else None
    renditions_of_a_cv = renditions.Rendered(images=[b"RIFF"], sizes=[[1240, 1754]], is_whole=True)

    assert renditions.make_missing() == 0

    assert stored_files() == []
    assert not Rendition.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_erasing_an_application_removes_its_page_images_from_the_disk(application, make_application, stored_files):
    other = make_application(email="stays@example.org")
    renditions.make_missing()
    assert len(image_files(stored_files)) == 6

    workflow.erase(application)

    kept = [name for d in other.documents.select_related("rendition") for name in d.file_names]
    root = Path(document_storage().location)
    assert sorted(str(path.relative_to(root)) for path in stored_files()) == sorted(kept)
    assert Rendition.objects.count() == 2


# Sweeping


def test_the_sweep_keeps_page_images_and_removes_those_that_no_document_has(application, stored_files, monkeypatch):
    renditions.make_missing()
    Upload.objects.all().delete()
    kept = stored_files()
    cv = application.current_documents()[0]
    strays = [
        Rendition.image_name(cv.pk, 2),  # the CV has one page
        Rendition.image_name(type(cv.pk)(int=7), 1),
        "ab/notes.webp",
    ]
    for name in strays:
        document_storage().save(name, ContentFile(b"stray"))

    assert documents.sweep() == 0  # they may be somebody's who is storing them now
    assert documents.sweep(timezone.now() + datetime.timedelta(hours=settings.UPLOAD_HOURS, minutes=1)) == len(strays)

    assert stored_files() == kept


def test_the_sweep_leaves_exports_to_those_who_make_them(stored_files):
    document_storage().save("exports/list.csv", ContentFile(b"rows"))
    assert documents.sweep(timezone.now() + datetime.timedelta(days=2)) == 0
    assert [path.name for path in stored_files()] == ["list.csv"]


# Who reads a page


@pytest.fixture
def page_of_cv(application) -> str:
    renditions.make_missing()
    return reverse("applications:page_image", args=[application.current_documents()[0].pk, 1])


@pytest.mark.parametrize("who", ["supervisor", "co_advisor", "superuser"])
def test_reviewers_of_the_application_get_the_image_of_a_page(page_of_cv, signed_in, request, who):
    response = signed_in(request.getfixturevalue(who)).get(page_of_cv)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert b"".join(response.streaming_content)[8:12] == b"WEBP"


def test_the_student_gets_it_with_the_manage_link(page_of_cv, open_by_link, application):
    response = open_by_link(application).get(page_of_cv)
    assert response.status_code == 200
    response.close()


@pytest.mark.parametrize("who", ["other_supervisor", "staff_without_rights", "user_without_staff_access"])
def test_nobody_else_does(page_of_cv, signed_in, request, who):
    assert signed_in(request.getfixturevalue(who)).get(page_of_cv).status_code == 404


def test_a_stranger_does_not(page_of_cv, client):
    assert client.get(page_of_cv).status_code == 404


def test_the_link_to_another_application_opens_no_page(page_of_cv, open_by_link, make_application):
    other = make_application(email="other@example.org")
    assert open_by_link(other).get(page_of_cv).status_code == 404


@pytest.mark.parametrize("number", [0, 2, 99999999999])
def test_a_page_that_is_not_there_is_404(page_of_cv, signed_in, supervisor, number):
    assert signed_in(supervisor).get(page_of_cv.replace("/1/", f"/{number}/")).status_code == 404


def test_a_page_that_is_not_made_yet_is_404(application, signed_in, supervisor):
    address = reverse("applications:page_image", args=[application.current_documents()[0].pk, 1])
    assert signed_in(supervisor).get(address).status_code == 404


def test_an_image_that_is_missing_in_the_storage_is_404(page_of_cv, application, signed_in, supervisor):
    renditions.remove_images(application.current_documents()[0].pk, 1)
    assert signed_in(supervisor).get(page_of_cv).status_code == 404


def test_a_page_is_only_ever_read(page_of_cv, signed_in, supervisor):
    assert signed_in(supervisor).post(page_of_cv).status_code == 405


# On the review page


@pytest.fixture
def review_page(application, signed_in, supervisor) -> Callable[[], str]:
    address = reverse("admin:applications_application_change", args=[application.pk])
    return lambda: signed_in(supervisor).get(address).content.decode()


def test_the_review_page_holds_the_images_and_the_text_of_each_document(review_page, application):
    renditions.make_missing()
    page = review_page()
    assert page.count("<img") == 3
    assert 'alt="Page 1 of CV of Ada Example"' in page
    assert 'alt="Page 2 of Transcript 1 of Ada Example"' in page
    assert page.count("Text of this document") == 2
    assert "2024 Internship, sequence analysis" in page


def test_what_a_document_says_is_text_and_never_part_of_the_page(review_page, rendered):
    rendered(drawn("<script>alert(1)</script>"))
    assert "&lt;script&gt;alert(1)" in review_page()


def test_a_scan_is_said_to_hold_no_text(review_page, rendered):
    rendered(pdfs.scan())
    assert "This document is a scan; it holds no text." in review_page()


def test_images_that_are_not_made_yet_are_announced(review_page):
    assert review_page().count("The page images are being made.") == 2


def test_images_that_could_not_be_made_are_explained(review_page, rendered):
    rendered(pdfs.lost_root())
    page = review_page()
    assert "No images could be made of this document." in page
    assert "The page images are being made." not in page


def test_a_long_document_says_how_many_of_its_pages_are_shown(review_page, rendered, cv):
    Document.objects.filter(pk=cv.pk).update(pages=MOST_IMAGES + 5)
    rendered(pdfs.many_pages(MOST_IMAGES + 5))
    assert f"Only the first {MOST_IMAGES} of {MOST_IMAGES + 5} pages are shown here." in review_page()


def test_the_review_page_costs_the_same_for_few_documents_and_for_many(
    make_application, signed_in, supervisor, django_assert_num_queries
):
    few, many = make_application(), make_application(email="many@example.org", transcripts=5)
    renditions.make_missing()
    browser = signed_in(supervisor)
    addresses = [reverse("admin:applications_application_change", args=[a.pk]) for a in (few, many)]
    for address in addresses:  # the first look at each is noted
        browser.get(address)
    with django_assert_num_queries(queries_of(browser, addresses[0])):
        browser.get(addresses[1])


def queries_of(browser, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        browser.get(address)
    return len(queries)
