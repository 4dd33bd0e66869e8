"""What becomes of each file of the corpus (`tests/corpus`): by the inspection, and by whoever draws its pages."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from applications import inspection, renditions
from applications.inspection import FLAG_WORDS, WORDS, inspect
from applications.limited_server import LimitedServer
from applications.renditions import Rendered
from tests import pdfs
from tests.corpus import CORPUS, hostile, mistaken, odd, plain
from tests.corpus.sample import Sample

pytestmark = pytest.mark.once

ACCEPTED = [sample for sample in CORPUS if sample.is_accepted]
MOST_DRAWN_HERE = 10  # pages; longer documents take the time of the tests and tell nothing new


def each(samples: list[Sample]):
    return [pytest.param(sample, id=sample.name) for sample in samples]


@pytest.fixture
def file_of(tmp_path) -> Callable[[Sample], Path]:
    def file_of(sample: Sample) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(sample.make())
        return path

    return file_of


# What comes in, and with which words


@pytest.mark.parametrize("sample", each(CORPUS))
def test_each_file_of_the_corpus_gets_the_verdict_and_the_flags_that_it_should(file_of, caplog, sample):
    result = inspect(file_of(sample))
    assert (result.code, tuple(result.flags)) == (sample.code, sample.flags), sample.why
    assert result.accepted == sample.is_accepted
    assert result.pages == (sample.pages if sample.is_accepted else None)
    assert str(result.reason) == str(WORDS.get(sample.code, ""))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_corpus_is_large_and_each_file_has_a_name_and_a_reason_of_its_own():
    assert len(plain.SAMPLES) >= 40
    assert len(mistaken.SAMPLES) >= 20
    assert len(hostile.SAMPLES) >= 40
    assert len({sample.name for sample in CORPUS}) == len(CORPUS)
    assert all(len(sample.why) > 10 for sample in CORPUS)


def test_plain_documents_come_in_without_a_word_and_mistakes_are_all_refused():
    assert {(sample.code, sample.flags) for sample in plain.SAMPLES} == {("ok", ())}
    assert {sample.code for sample in odd.SAMPLES} == {"ok"}
    assert "ok" not in {sample.code for sample in mistaken.SAMPLES}


def test_every_kind_of_refusal_and_of_flag_stands_in_the_corpus_and_has_its_words():
    assert {sample.code for sample in CORPUS} - {"ok"} == set(WORDS)
    assert {flag for sample in CORPUS for flag in sample.flags} == set(FLAG_WORDS)
    assert all(str(words) for words in FLAG_WORDS.values())


# What is drawn of it


@pytest.fixture(scope="module")
def impatient_renderer(tmp_path_factory):
    """The real renderer, which gives each file three seconds of computing instead of twenty."""
    program = tmp_path_factory.mktemp("program") / "renderer.py"
    program.write_text(
        textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(settings.BASE_DIR)!r})
        from applications import renderer
        renderer.LIMITS = renderer.Limits(memory=700 << 20, cpu=3, wall=30)
        renderer.main()
        """)
    )
    server = LimitedServer(
        program, at_once=1, turn_seconds=60, answer_seconds=60, longest_answer=renditions.LARGEST_ANSWER
    )
    yield server
    server.close()


def drawn(server: LimitedServer, path: Path) -> Rendered:
    with path.open("rb") as file:
        return renditions.understood(server.ask(file.fileno()))


@pytest.mark.parametrize("sample", each([sample for sample in ACCEPTED if sample.pages <= MOST_DRAWN_HERE]))
def test_what_comes_in_is_drawn_or_given_up_and_the_renderer_survives(impatient_renderer, file_of, caplog, sample):
    rendered = drawn(impatient_renderer, file_of(sample))
    assert rendered.is_whole == sample.is_drawn, sample.why
    assert not rendered.cannot_be_opened, "whoever reviews it could not open it either"
    if sample.is_drawn:
        assert len(rendered.images) == sample.pages
    assert not caplog.records


def test_a_document_that_kills_whoever_draws_it_kills_a_child_and_the_program_goes_on(impatient_renderer, tmp_path):
    def draw(make: Callable[[], bytes]) -> Rendered:
        path = tmp_path / "document"
        path.write_bytes(make())
        return drawn(impatient_renderer, path)

    assert draw(pdfs.cv).is_whole
    program = impatient_renderer._program
    assert not draw(hostile.endless_drawing).is_whole
    assert "Ada Example" in draw(pdfs.cv).text
    assert impatient_renderer._program is program


def test_the_text_of_the_worlds_scripts_is_found_as_it_was_written(impatient_renderer, tmp_path):
    for make, words in [
        (plain.cjk_predefined, "履歴書"),
        (plain.cjk_embedded, "漢字"),
        (plain.truetype_font, "Zürich, Łeba"),
    ]:
        path = tmp_path / "document"
        path.write_bytes(make())
        assert words in drawn(impatient_renderer, path).text


def test_the_limits_of_the_corpus_are_those_of_the_product():
    assert inspection.MOST_PAGES == 500
    assert max(len(sample.make()) for sample in CORPUS) <= settings.DOCUMENT_MAX_BYTES
