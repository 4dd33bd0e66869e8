"""Honest documents as the usual programs write them: each must come in without a word to reviewers."""

import io
import random
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pikepdf
import reportlab
from pikepdf import Array, Dictionary, Name, String
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tests import pdfs
from tests.corpus.sample import Sample, collecting

SAMPLES: list[Sample] = []
sample = collecting(SAMPLES)

FONTS = Path(reportlab.__file__).parent / "fonts"
A4, A3 = (595, 842), (842, 1191)
RULE = b"100 100 300 2 re f"  # draws a line


def painted(paint: Callable[[Canvas], object], size: tuple[float, float] = A4, **options) -> bytes:
    """One page of this size, as reportlab writes what `paint` draws."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, invariant=1, **options)
    paint(canvas)
    canvas.save()
    return buffer.getvalue()


sample("The plainest CV: one page, classic cross-reference, PDF 1.3")(pdfs.cv)
sample("Two pages of grades, the usual transcript", pages=2)(pdfs.transcript)
sample("Forty pages: a transcript with a description of every course", pages=40)(pdfs.many_pages)
sample("Object streams, compressed cross-reference, a link: pdfTeX with hyperref")(pdfs.latex_like)
sample("Tagged, with language and links to a telephone and to www.example.org: Word")(pdfs.word_like)
sample("Prepared for the web, so the first cross-reference stands in front", pages=2)(pdfs.linearised)
for version in ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0"):
    sample(f"Each version of the format is still written by something: PDF {version}", name=f"version_{version}")(
        partial(pdfs.resaved, force_version=version)
    )


@sample("As many pages as are taken", pages=500)
def five_hundred_pages() -> bytes:
    return pdfs.cv("Ada Example", 500)


@sample("Every object packed into object streams, as print services write them", pages=5)
def object_streams() -> bytes:
    return pdfs.resaved(base=pdfs.transcript(5), object_stream_mode=pikepdf.ObjectStreamMode.generate)


@sample("Cross-reference in both forms, old and new, for readers of both ages")
def hybrid_cross_reference() -> bytes:
    """A table that names a cross-reference stream (`/XRefStm`), which newer readers ask first."""
    plain = pdfs.one_page()
    start = plain.index(b"xref\n0 ")
    rows = pdfs.stream(b"\1\0\0\0", b"/Type /XRef /Size 6 /Index [5 1] /W [1 2 1] /Root 1 0 R")
    extra = b"5 0 obj\n%s\nendobj\n" % rows
    table = plain[start:].replace(b"/Root 1 0 R", b"/Root 1 0 R /XRefStm %d" % start)
    return plain[:start] + extra + table.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + len(extra)))


# Fonts and scripts of the world


@sample("Chinese and Japanese by the viewer's own fonts, with predefined character maps")
@cache
def cjk_predefined() -> bytes:
    for font in ("STSong-Light", "HeiseiMin-W3", "HYSMyeongJo-Medium"):
        pdfmetrics.registerFont(UnicodeCIDFont(font))

    def paint(canvas: Canvas) -> None:
        lines = {"STSong-Light": "个人简历", "HeiseiMin-W3": "履歴書", "HYSMyeongJo-Medium": "이력서"}
        for line, (font, text) in enumerate(lines.items()):
            canvas.setFont(font, 18)
            canvas.drawString(72, 760 - 30 * line, text)

    return painted(paint)


@sample("Characters beyond the first 256 by an embedded composite font with a map back to Unicode")
@cache
def cjk_embedded() -> bytes:
    font_file = (FONTS / "Vera.ttf").read_bytes()
    to_unicode = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def"
        b" 1 begincodespacerange <0000> <FFFF> endcodespacerange"
        b" 2 beginbfchar <0024> <6F22> <0025> <5B57> endbfchar endcmap end end"
    )
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /Font << /F 5 0 R >> >>",
        {
            4: pdfs.stream(b"BT /F 24 Tf 72 700 Td <00240025> Tj ET"),
            5: b"<< /Type /Font /Subtype /Type0 /BaseFont /ABCDEF+Kanji /Encoding /Identity-H"
            b" /DescendantFonts [6 0 R] /ToUnicode 9 0 R >>",
            6: b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /ABCDEF+Kanji /CIDToGIDMap /Identity /DW 700"
            b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor 7 0 R >>",
            7: b"<< /Type /FontDescriptor /FontName /ABCDEF+Kanji /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0"
            b" /Ascent 900 /Descent -200 /CapHeight 700 /StemV 80 /FontFile2 8 0 R >>",
            8: pdfs.stream(zlib.compress(font_file), b"/Filter /FlateDecode /Length1 %d" % len(font_file)),
            9: pdfs.stream(to_unicode),
        },
    )


@sample("A subset of a TrueType font, as every office program embeds it")
@cache
def truetype_font() -> bytes:
    pdfmetrics.registerFont(TTFont("Vera", FONTS / "Vera.ttf"))

    def paint(canvas: Canvas) -> None:
        canvas.setFont("Vera", 14)
        canvas.drawString(72, 760, "Ada Example, Zürich, Łeba")

    return painted(paint)


@sample("A PostScript font of type 1, as TeX embeds it")
@cache
def type1_font() -> bytes:
    face = pdfmetrics.EmbeddedType1Face(str(FONTS / "DarkGardenMK.afm"), str(FONTS / "DarkGardenMK.pfb"))
    pdfmetrics.registerTypeFace(face)
    pdfmetrics.registerFont(pdfmetrics.Font("DarkGardenMK", "DarkGardenMK", "WinAnsiEncoding"))

    def paint(canvas: Canvas) -> None:
        canvas.setFont("DarkGardenMK", 30)
        canvas.drawString(72, 760, "Ada")

    return painted(paint)


@sample("Letters that are little drawings (type 3), as old TeX embeds bitmaps")
def type3_font() -> bytes:
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /Font << /F 5 0 R >> >>",
        {
            4: pdfs.stream(b"BT /F 24 Tf 72 700 Td (aa) Tj ET"),
            5: b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 750 750] /FontMatrix [0.001 0 0 0.001 0 0]"
            b" /CharProcs << /square 6 0 R >> /Encoding << /Type /Encoding /Differences [97 /square] >>"
            b" /FirstChar 97 /LastChar 97 /Widths [1000] /Resources << >> >>",
            6: pdfs.stream(b"1000 0 0 0 750 750 d1 0 0 750 750 re f"),
        },
    )


@sample("Names of fonts in a national character set, as makers in East Asia write them")
def foreign_names() -> bytes:
    return pdfs.foreign_names()


# Scans


def scanned(picture: Image.Image, kind: str, filter_: bytes, more: bytes = b"", data: bytes = b"") -> bytes:
    """A page that is one picture, compressed as `kind` by Pillow (or `data` as it is)."""
    if not data:
        buffer = io.BytesIO()
        picture.save(buffer, kind)
        data = buffer.getvalue()
    space = {"1": b"/DeviceGray", "L": b"/DeviceGray", "RGB": b"/DeviceRGB", "CMYK": b"/DeviceCMYK"}[picture.mode]
    facts = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %s" % (*picture.size, space)
    facts += b" /BitsPerComponent %d /Filter %s %s" % (1 if picture.mode == "1" else 8, filter_, more)
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >>",
        {4: pdfs.stream(b"q 595 0 0 842 0 0 cm /I Do Q"), 5: pdfs.stream(data, facts)},
    )


def greys(size: tuple[int, int], mode: str = "L") -> Image.Image:
    noise = random.Random(11).randbytes(40 * 56)
    return Image.frombytes("L", (40, 56), noise).resize(size).convert(mode)


sample("A scan by a phone: one JPEG and no text")(pdfs.scan)


@sample("A scan in four printing colours, as copiers make it")
def scan_cmyk() -> bytes:
    return scanned(greys((620, 877), "CMYK"), "JPEG", b"/DCTDecode", b"/Decode [1 0 1 0 1 0 1 0]")


@sample("A scan in black and white by a fax machine or an office copier (CCITT group 4)")
def scan_fax() -> bytes:
    picture = greys((1240, 1754), "1")
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF", compression="group4", tiffinfo={278: 1754})  # in one strip
    with Image.open(buffer) as tiff:
        start, length, is_white_zero = tiff.tag_v2[273][0], tiff.tag_v2[279][0], tiff.tag_v2[262] == 0
    data = buffer.getvalue()[start : start + length]
    parameters = b"/DecodeParms << /K -1 /Columns 1240 /Rows 1754 /BlackIs1 %s >>" % (
        b"false" if is_white_zero else b"true"
    )
    return scanned(picture, "", b"/CCITTFaxDecode", parameters, data)


@sample("A scan by a library's scanner (JPEG 2000)")
def scan_jpeg_2000() -> bytes:
    return scanned(greys((620, 877)), "JPEG2000", b"/JPXDecode")


@sample("A drawing compressed as PNG does it, with predictors")
def picture_with_predictor() -> bytes:
    picture = greys((300, 400), "RGB")
    rows = b"".join(b"\0" + picture.tobytes()[row * 900 : (row + 1) * 900] for row in range(400))
    parameters = b"/DecodeParms << /Predictor 15 /Colors 3 /BitsPerComponent 8 /Columns 300 >>"
    return scanned(picture, "", b"/FlateDecode", parameters, zlib.compress(rows))


@sample("Nine megabytes on three pages, in colour and at full resolution: large, and honest", pages=3)
@cache
def large_scan() -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    picture = Image.frombytes("RGB", (1240, 877), random.Random(13).randbytes(1240 * 877 * 3))
    for turn in (0, 90, 180):
        jpeg = io.BytesIO()
        picture.rotate(turn, expand=True).save(jpeg, "JPEG", quality=94, subsampling=0)
        canvas.drawImage(ImageReader(jpeg), 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


# Paper


@sample("A3, as some registrars print a diploma supplement")
def a3() -> bytes:
    return painted(lambda canvas: canvas.drawString(72, 1100, "Diploma supplement"), A3)


@sample("Landscape by its shape")
def landscape() -> bytes:
    return painted(lambda canvas: canvas.drawString(72, 500, "Transcript of records"), A4[::-1])


@sample("Landscape by a turn of the page, cropped, with its size inherited from the tree")
def turned_and_cropped() -> bytes:
    tree = b"<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 595 842] /Rotate 90 >>"
    page = b"<< /Type /Page /Parent 2 0 R /CropBox [20 20 575 822] /Contents [4 0 R 5 0 R] /Resources << >> >>"
    line = pdfs.stream(RULE)
    return pdfs.written({1: pdfs.CATALOG, 2: tree, 3: page, 4: line, 5: line})


@sample("A poster of A0, as students hand in who have shown one")
def poster_a0() -> bytes:
    return painted(lambda canvas: canvas.drawString(200, 3000, "Poster"), (2384, 3370))


@sample("A visiting card: small, and honest")
def visiting_card() -> bytes:
    return painted(lambda canvas: canvas.drawString(10, 100, "Ada Example"), (241, 156))


# What else honest documents hold


@sample("An outline of two levels, page labels and layers", pages=2)
def outline_and_layers() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        with pdf.open_outline() as outline:
            outline.root.append(pikepdf.OutlineItem("Grades", 0))
            outline.root[0].children.append(pikepdf.OutlineItem("Thesis", 1))
        pdf.Root.PageLabels = Dictionary(Nums=Array([0, Dictionary(S=Name.r)]))
        layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("Stamp")))
        pdf.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(Order=Array([layer])))

    return pdfs.resaved(add, base=pdfs.transcript())


@sample("An archive copy (PDF/A): metadata in XML, output intent with a colour profile")
def archive_copy() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        with pdf.open_metadata() as metadata:
            metadata["pdfaid:part"], metadata["pdfaid:conformance"] = "2", "B"
            metadata["dc:title"] = "Lebenslauf & Zeugnisse"
        profile = pdf.make_stream(bytes(128), N=3)
        pdf.Root.OutputIntents = Array(
            [Dictionary(Type=Name.OutputIntent, S=Name.GTS_PDFA1, OutputConditionIdentifier=String("sRGB"))]
        )
        pdf.Root.OutputIntents[0].DestOutputProfile = profile

    return pdfs.resaved(add)


@sample("Nothing about the document itself: no title, no author, no identifier")
def without_info() -> bytes:
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(RULE)})


@sample("A stream of nothing beside one with something: an empty header of the page")
def empty_stream() -> bytes:
    return pdfs.one_page(b"/Contents [4 0 R 5 0 R]", {4: pdfs.stream(b""), 5: pdfs.stream(RULE)})


@sample("Text compressed by counting repeated letters, as printers of the nineties did")
def run_length() -> bytes:
    data = bytes([len(RULE) - 1]) + RULE + b"\x80"
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(data, b"/Filter /RunLengthDecode")})


@sample("An empty page at the end, as word processors leave it", pages=2)
def empty_last_page() -> bytes:
    return pdfs.resaved(lambda pdf: pdf.add_blank_page(page_size=A4))


@sample("A gradient, a pattern and transparency on one page, as designers like it")
def designed() -> bytes:
    def paint(canvas: Canvas) -> None:
        canvas.linearGradient(0, 700, 595, 842, ("#336699", "#ffffff"), extend=False)
        canvas.setFillAlpha(0.5)
        canvas.circle(300, 400, 100, fill=1)

    return painted(paint)


@sample("An export of a plot with 10,000 points")
@cache
def large_plot() -> bytes:
    places = random.Random(13)
    dots = b"".join(
        b"%d.%03d %d.%03d m %d.%03d %d.%03d l S\n" % tuple(places.randrange(600) for _ in range(8))
        for _ in range(10_000)
    )
    data = zlib.compress(dots)
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(data, b"/Filter /FlateDecode")})


@sample("Ends of lines as old Macintoshes write them, and comments between objects")
def mac_line_ends() -> bytes:
    def line(body: bytes) -> bytes:
        return body.replace(b"\n", b"\r")

    head = line(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    objects = {1: pdfs.CATALOG, 2: pdfs.PAGES, 3: pdfs.PAGE}
    out, offsets = bytearray(head), []
    for number, body in objects.items():
        offsets.append(len(out))
        out += line(b"%d 0 obj %% comment\n%s\nendobj\n" % (number, body))
    start = len(out)
    out += line(b"xref\n0 4\n") + b"0000000000 65535 f\r\n"
    out += b"".join(b"%010d 00000 n\r\n" % offset for offset in offsets)
    return bytes(out + line(b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start))
