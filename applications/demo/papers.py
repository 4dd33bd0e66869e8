"""A pool of sample PDFs, made by code, with the page images and the text that the product's own renderer makes of them.

Each document of a demo application is a file of its own in the storage, but its bytes are one of these.
"""

import dataclasses
import functools
import hashlib
import io
import random
import zlib

import pikepdf
from pikepdf import Dictionary, Name, Stream
from PIL import Image

from applications import renderer, search
from applications.demo import people
from applications.models import Document

A4 = (595, 842)
SAMPLE = "Sample document of an invented person"


@dataclasses.dataclass(frozen=True)
class Paper:
    """A PDF with everything that the product knows of it."""

    kind: str
    content: bytes
    sha256: str
    pages: int
    images: tuple[bytes, ...]
    page_sizes: list[list[int]]
    text: str
    plain_words: str  # of the text, each once, for the search


@functools.cache
def pool(size: int) -> dict[str, list[Paper]]:
    """About `size` different papers by kind; the same ones each time. Two thirds are transcripts."""
    rng = random.Random(7)  # noqa: S311 - sample documents, no secret
    cvs = max(size // 3, 2)
    transcripts = max(size - cvs - 1, 2)
    return {
        Document.Kind.CV: [paper(Document.Kind.CV, _cv(rng)) for _ in range(cvs)],
        Document.Kind.TRANSCRIPT: [
            paper(Document.Kind.TRANSCRIPT, _transcript(rng, 1 + number % 3)) for number in range(transcripts)
        ],
        Document.Kind.OTHER: [paper(Document.Kind.OTHER, _letter(rng))],
    }


def paper(kind: str, content: bytes) -> Paper:
    """As the worker would render it; but our own samples need no limited child, nor its limits of time."""
    pdf = renderer.opened(content)
    text = "\n\n".join(renderer.clean(page.get_textpage().get_text_range()) for page in pdf)
    pictures = [renderer.image_of(page) for page in pdf]
    words = dict.fromkeys(search.plain_words(text).split())
    return Paper(
        kind=kind,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        pages=len(pdf),
        images=tuple(_as_webp(picture) for picture in pictures),
        page_sizes=[[picture.width, picture.height] for picture in pictures],
        text=text,
        plain_words=" ".join(words),
    )


def _as_webp(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **renderer.WEBP)
    return buffer.getvalue()


# What stands in them


def _cv(rng: random.Random) -> bytes:
    fields = rng.sample(people.FIELDS, 6)
    year = rng.randrange(2018, 2022)
    first = [
        ("Curriculum vitae", 22),
        (SAMPLE, 10),
        ("", 8),
        ("Education", 14),
        *_dated(year, [f"BSc, {_latin(rng.choice(people.UNIVERSITIES))}", f"{rng.choice(people.PROGRAMMES)}, begun"]),
        (f"Thesis: A careful look at {fields[0]}", 11),
        ("", 8),
        ("Experience", 14),
        *_dated(year + 1, [f"Student assistant, {fields[1]}", f"Internship, {fields[2]}", f"Tutor, {fields[3]}"]),
        ("Built a pipeline, wrote its tests, measured it and handed it over with a page of notes.", 11),
        ("Cleaned a data set of 40,000 records and described what is missing in it.", 11),
    ]
    second = [
        ("Projects", 14),
        *[(f"{rng.randrange(2022, 2026)}   A small library for {field}, with documentation", 11) for field in fields],
        ("", 8),
        ("Skills", 14),
        ("Python, PyTorch, SQL, Git, some C++ and R", 11),
        ("Languages: English C1, German B2, French A2", 11),
        ("", 8),
        ("Interests", 14),
        ("Choir, long walks, repairing bicycles, reading proofs", 11),
        ("", 8),
        ("Referees on request", 11),
    ]
    return _pdf([first, second], _portrait(rng))


def _transcript(rng: random.Random, pages: int) -> bytes:
    sheets = []
    for number in range(1, pages + 1):
        lines = [
            ("Transcript of records" if number == 1 else f"Transcript of records, page {number}", 18),
            (SAMPLE, 10),
            (_latin(rng.choice(people.UNIVERSITIES)), 11),
            ("", 8),
        ]
        for _course in range(rng.randrange(20, 28)):
            field = rng.choice(people.FIELDS)
            course = rng.choice(("Introduction to", "Advanced", "Seminar on", "Laboratory:", "Theory of"))
            grade = rng.choice(("4.0", "4.5", "4.75", "5.0", "5.25", "5.5", "5.75", "6.0"))
            lines.append((f"{rng.choice((3, 4, 5, 6, 8))} credits   {course} {field}   {grade}", 11))
        sheets.append(lines)
    return _pdf(sheets, _seal(rng))


def _letter(rng: random.Random) -> bytes:
    lines = [("Letter of recommendation", 18), (SAMPLE, 10), ("", 8)]
    words = ("I have known this person for two years and would work with them again.", "They finish what they begin.")
    return _pdf([[*lines, *((sentence, 11) for sentence in words * 4)]], _seal(rng))


def _dated(year: int, lines: list[str]) -> list[tuple[str, int]]:
    return [(f"{year + number} - {year + number + 1}   {line}", 11) for number, line in enumerate(lines)]


def _latin(text: str) -> str:
    return text.encode("cp1252", errors="replace").decode("cp1252")


# The writing


def _pdf(pages: list[list[tuple[str, int]]], picture: bytes) -> bytes:
    """Lines of text with their sizes, and one picture on the first page; Helvetica needs no font in the file."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(
        Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)
    )
    image = Stream(
        pdf,
        zlib.compress(picture),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=PICTURE[0],
        Height=PICTURE[1],
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.FlateDecode,
    )
    for number, lines in enumerate(pages):
        page = pdf.add_blank_page(page_size=A4)
        page.obj.Resources = Dictionary(Font=Dictionary(F=font), XObject=Dictionary(P=image))
        page.obj.Contents = pdf.make_stream(_drawing(lines, with_picture=number == 0))
    buffer = io.BytesIO()
    pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()


def _drawing(lines: list[tuple[str, int]], *, with_picture: bool) -> bytes:
    parts = [b"q 88 0 0 110 440 690 cm /P Do Q\n"] if with_picture else []
    height = 770
    for text, size in lines:
        escaped = text.encode("cp1252", errors="replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(")
        parts.append(b"BT /F %d Tf 64 %d Td (%b) Tj ET\n" % (size, height, escaped.replace(b")", b"\\)")))
        height -= size + 13
    return b"".join(parts)


PICTURE = (132, 165)


def _portrait(rng: random.Random) -> bytes:
    """Head and shoulders of nobody, before a wall."""
    wall, coat = [rng.randrange(150, 220) for _ in range(3)], [rng.randrange(40, 140) for _ in range(3)]
    skin, noise = rng.choice(((224, 190, 160), (150, 105, 75), (196, 152, 116), (96, 66, 48))), rng.randbytes

    def colour(x: float, y: float):
        if x * x + (y + 0.15) ** 2 * 0.75 < 0.14:
            return skin
        return coat if y > 0.35 and abs(x) < 0.35 + (y - 0.35) * 1.2 else wall

    return _painted(colour, noise)


def _seal(rng: random.Random) -> bytes:
    """A seal, as a registrar puts it on a page."""
    ink, paper_white = [rng.randrange(30, 120) for _ in range(3)], (250, 250, 248)

    def colour(x: float, y: float):
        radius = (x * x + y * y) ** 0.5
        is_drawn = 0.72 < radius < 0.8 or 0.5 < radius < 0.53 or (abs(x * y) < 0.004 and radius < 0.45)
        return ink if is_drawn else paper_white

    return _painted(colour, rng.randbytes)


def _painted(colour, noise) -> bytes:
    """Every pixel of the picture, with the grain of a scan, which also gives the file the size of a real one."""
    width, height = PICTURE
    grain = iter(noise(width * height * 3))
    pixels = bytearray()
    for row in range(height):
        for column in range(width):
            for value in colour(column / width * 2 - 1, (row / height * 2 - 1) * height / width):
                pixels.append(min(max(value + next(grain) % 12 - 6, 0), 255))
    return bytes(pixels)
