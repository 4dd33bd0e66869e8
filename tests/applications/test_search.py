"""Search: every word of it is the beginning of a word that the student handed in, and never anything else."""

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applications import search, workflow
from applications.models import Application, Document, Rendition, SearchEntry, append_only
from projects.models import Project, Topic

pytestmark = pytest.mark.django_db

on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="FTS5 and its triggers are SQLite's")


def found(term: str) -> list[str]:
    """The names of those whom a search for `term` finds, in the order of the alphabet."""
    return sorted(search.matching(Application.objects.all(), term).values_list("full_name", flat=True))


@pytest.fixture
def people(make_application) -> dict[str, Application]:
    names = ["José Müller-Ødegård", "Łucja O’Brien", "王小明"]
    emails = ["jose.mueller@uni-graz.example", "lucja@example.org", "wang@example.org"]
    rows = zip(names, emails, strict=True)
    return {name: make_application(full_name=name, email=email, transcripts=1) for name, email in rows}


@pytest.fixture
def jose(people) -> Application:
    return people["José Müller-Ødegård"]


def give_text(application: Application, text: str, kind: str = Document.Kind.CV) -> Rendition:
    rendition = Rendition.objects.create(
        document=application.documents.get(kind=kind), state=Rendition.State.MADE, text=text
    )
    search.refresh(application)
    return rendition


# Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Müller-Ødegård, José", "muller odegard jose"),
        ("STRASSE Straße", "strasse strasse"),
        ("İstanbul ıssız", "istanbul issiz"),
        ("e\u0301tude", "etude"),
        ("ﬁnal x²", "final x2"),
        ("jose.mueller@uni-graz.example", "jose mueller uni graz example"),
        ("snake_case", "snake case"),
        ("Αθήνα Ωμέγα", "αθηνα ωμεγα"),
        ("王小明", "王小明"),
        ("a\0b\x07c \ud800", "a b c"),
        (" — ?! ", ""),
        ("x" * 100, "x" * 60),
    ],
)
def test_words_are_plain(text, words):
    assert search.plain_words(text) == words


@given(st.text())
def test_plain_words_of_any_text_stay_as_they_are_and_hold_only_letters_digits_and_single_spaces(text):
    words = search.plain_words(text)
    assert search.plain_words(words) == words
    assert words == " ".join(words.split())
    assert all(word.isalnum() for word in words.split())


# What is found


@pytest.mark.parametrize(
    "term",
    [
        "muller",
        "Müller",
        "MÜLLER",
        "mull",
        "odegard",
        "Ødegård José",
        "jose.mueller@uni-graz.example",
        "mueller",
        "graz",
        "mullerodegard",
        " muller\tjose ",
        "“Müller”",
    ],
)
def test_a_person_is_found_however_the_name_or_address_is_typed(jose, term):
    assert found(term) == ["José Müller-Ødegård"]


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("lucja", ["Łucja O’Brien"]),
        ("o'brien", ["Łucja O’Brien"]),
        ("obrien", ["Łucja O’Brien"]),
        ("王小", ["王小明"]),
        ("example", ["José Müller-Ødegård", "Łucja O’Brien", "王小明"]),
        ("ller", []),  # the middle of a word is not looked for
        ("muller brien", []),  # every word must be there
        ("nobody", []),
        ("?!", []),
        ("", ["José Müller-Ødegård", "Łucja O’Brien", "王小明"]),
    ],
)
def test_a_search_finds_those_and_only_those_who_have_every_word(people, term, names):
    assert found(term) == names


@pytest.mark.parametrize("answer", ["university", "programme", "motivation", "links"])
def test_every_answer_is_searched(make_application, answer):
    make_application(**{answer: "https://example.org/Zürichberg"})
    assert found("zurichberg") == ["Ada Example"]


def test_a_reference_is_found_with_and_without_its_hyphen(application):
    for term in (application.reference, application.reference.lower().replace("-", ""), application.reference[:4]):
        assert found(term) == ["Ada Example"]


def test_the_text_of_documents_is_searched_and_that_of_replaced_ones_is_not(application, make_uploads):
    give_text(application, "Internship at the Friedrich Miescher Institute")
    assert found("miesch") == ["Ada Example"]

    workflow.replace_documents(application, make_uploads())

    assert found("miesch") == []
    assert found("ada") == ["Ada Example"]


def test_a_corrected_answer_is_found_and_the_former_one_is_not(application, answers):
    workflow.correct_answers(application, answers | {"university": "Karolinska Institutet"})
    assert found("karolinska") == ["Ada Example"]
    assert found("university") == []


def test_a_search_stays_inside_what_one_may_see(application, make_application, other_project, supervisor):
    make_application(other_project, email="elsewhere@example.org", full_name="Ada Elsewhere")
    visible = Application.objects.visible_to(supervisor)
    assert list(search.matching(visible, "ada")) == [application]


def test_notes_and_comments_are_not_searched(application, co_advisor):
    workflow.note(application, "a canary", by=co_advisor)
    search.refresh(application)
    assert found("canary") == []


# Whatever is typed is words


@pytest.mark.parametrize(
    "term",
    [
        '"',
        "'",
        "muller*",
        "muller OR lucja",
        "NOT muller",
        "NEAR(muller jose)",
        "words:muller",
        "^muller",
        "muller'); DROP TABLE applications_application; --",
        "muller:*",
        "muller & !jose",
        "muller <-> jose",
        "\\",
        "%",
        "\0",
        "\ud800",
        "a " * 5000,
        "x" * 5000,
    ],
)
def test_nothing_that_is_typed_is_a_command(jose, term):
    assert set(found(term)) <= {"José Müller-Ødegård", "Łucja O’Brien", "王小明"}
    assert Application.objects.count() == 3


@given(term=st.one_of(st.text(), st.text(alphabet="\"'*:&|!()<->^\\%_- \0abcNOTRnearAD")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_a_harmless_term(application, term):
    names = found(term)
    assert names in ([], ["Ada Example"])
    assert (
        names == [] or set(term) & set(SearchEntry.objects.get().words) or not term.strip() or search.plain_words(term)
    )


@given(text=st.text(max_size=300), other=st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_any_text_that_a_document_holds_is_found_by_each_of_its_words(application, text, other):
    SearchEntry.objects.update(words=search.entry_words(application, [text, other]))
    for word in search.plain_words(f"{text} {other}").split():
        assert found(word) == ["Ada Example"]


def test_an_entry_is_never_longer_than_the_database_takes(application):
    endless = " ".join(f"{number:x}" + "é" * 50 for number in range(40_000))
    give_text(application, endless)
    assert len(SearchEntry.objects.get().words) <= search.MOST_CHARACTERS
    assert found("ada") == ["Ada Example"]


# Keeping up


def test_applications_that_are_older_than_the_search_get_their_entries_bit_by_bit(people):
    SearchEntry.objects.all().delete()
    assert found("muller") == []

    assert [search.refresh_missing(2), search.refresh_missing(2), search.refresh_missing(2)] == [2, 1, 0]

    assert found("muller") == ["José Müller-Ødegård"]


def test_refreshing_costs_the_same_for_one_document_and_for_many(make_application, django_assert_num_queries):
    few, many = make_application(), make_application(email="many@example.org", transcripts=5)
    for application in (few, many):
        with django_assert_num_queries(3):
            search.refresh(application)


def test_a_transaction_that_is_rolled_back_leaves_nothing_in_the_index(application):
    def change_and_fail():
        with transaction.atomic():
            SearchEntry.objects.update(words="rolled back")
            assert found("rolled") == ["Ada Example"]
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own, above
        change_and_fail()
    assert found("rolled") == []
    assert found("ada") == ["Ada Example"]


def test_the_index_is_made_once_and_making_it_again_changes_nothing(application):
    search.keep_index(using="default")
    search.keep_index(using="default")
    assert found("ada") == ["Ada Example"]


@pytest.mark.django_db(transaction=True)
def test_the_index_survives_a_flush(make_application):
    make_application(full_name="Before Flush")
    append_only.lift("default")  # the history refuses to be emptied
    call_command("flush", "--no-input", verbosity=0)
    assert found("before") == []

    make_application(
        Project.objects.create(title="Afterwards", topic=Topic.objects.create(name="New")), full_name="After Flush"
    )

    assert found("after") == ["After Flush"]


@on_sqlite
def test_a_table_that_a_migration_remade_gets_its_triggers_back_and_all_its_words(application):
    with connection.cursor() as cursor:
        for name in search.SQLITE_TRIGGERS:
            cursor.execute(f"DROP TRIGGER {name}")
        SearchEntry.objects.update(words="written meanwhile")
        assert found("written") == []

        search.keep_index(using="default")

        assert found("written") == ["Ada Example"]
        assert found("ada") == []
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'applications_search%'")
        assert {name for (name,) in cursor.fetchall()} == set(search.SQLITE_TRIGGERS)


def plan_of(term: str) -> str:
    return search.matching(Application.objects.all(), term).values("pk").explain()


@on_sqlite
def test_a_search_reads_the_index_and_not_every_row(application):
    assert "SCAN applications_searchindex VIRTUAL TABLE INDEX" in plan_of("ada")
    assert "SCAN applications_application" not in plan_of("ada")


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="speaks of PostgreSQL's plans")
def test_a_search_can_use_the_index_on_postgresql(application):
    asked = search._found_on_postgresql(["ada"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # for one row the planner would rather read the row
        cursor.execute(f"EXPLAIN {asked.sql}", asked.params)
        plan = "".join(line for (line,) in cursor.fetchall())
    assert "Bitmap Index Scan on applications_searchindex" in plan


# The end


def all_words_in_index() -> bytes:
    """Every byte of the index's own tables on SQLite."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT block FROM applications_searchindex_data")
        return b"".join(bytes(block) for (block,) in cursor.fetchall())


def test_erasing_an_application_takes_its_words_out_of_the_search(jose, people):
    workflow.erase(jose)
    assert found("muller") == []
    assert found("lucja") == ["Łucja O’Brien"]
    assert not SearchEntry.objects.filter(words__contains="muller").exists()


@on_sqlite
def test_nothing_of_the_erased_words_remains_in_the_index(jose, people):
    give_text(jose, "unmistakablyjose")
    assert b"mistakablyjose" in all_words_in_index()

    workflow.erase(jose)

    assert b"mistakablyjose" not in all_words_in_index()
    assert b"odegard" not in all_words_in_index()
    assert found("lucja") == ["Łucja O’Brien"]
