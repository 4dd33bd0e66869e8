"""Honest documents that are odd in some way: they come in, and reviewers are told where that matters."""

import io
import random
import warnings
import zlib
from functools import cache, partial

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String
from reportlab.pdfgen.canvas import Canvas

from tests import pdfs
from tests.corpus.plain import A4, RULE, painted
from tests.corpus.sample import Sample, collecting

SAMPLES: list[Sample] = []
sample = collecting(SAMPLES)

# Before, after and between


sample("A mark of byte order and a blank line before the header: careless mail programs")(pdfs.after_byte_order_mark)


@sample("White space before the header: careless web servers")
def after_white_space() -> bytes:
    return b"\r\n \t\n" + pdfs.cv()


@sample("Lines of a mail server after the end")
def trailing_lines() -> bytes:
    return pdfs.cv() + b"\r\n-- \r\nThis mail was checked.\r\n" * 40


@sample("Zeros after the end, up to the next block of the disk it was saved from")
def trailing_zeros() -> bytes:
    return pdfs.cv() + bytes(8192 - len(pdfs.cv()) % 4096)


def updated(times: int) -> bytes:
    """A CV that was saved so many times in a program that only appends: each time with another text on its page."""
    data = pdfs.cv()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        contents, root, size = pdf.pages[0].Contents.objgen[0], pdf.Root.objgen[0], int(pdf.trailer.Size)
    for number in range(times):
        text = pdfs.stream(b"BT /F1 12 Tf 72 700 Td (Version %d) Tj ET" % number)
        data = pdfs.appended(data, {contents: text}, root=root, size=size)
    return data


for times in (1, 3, 30):
    sample("Saved by a program that appends its changes", name=f"updated_{times}_times")(partial(updated, times))


@sample("A mail program changed the ends of its lines on the way, so that no offset is right", flags=["mended"])
def changed_line_ends() -> bytes:
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(RULE)}).replace(b"\n", b"\r\n")


sample("An editor for plain text added a line, so that no offset is right", flags=["mended"])(pdfs.wrong_offsets)
sample(
    "The dictionary of its page is cut: qpdf gives it up, pypdf and Chromium read it",
    flags=["mended", "not_fully_checked"],
)(pdfs.hole_in_a_page)


# Locked and signed

LOCKS = {
    "rc4_40": {"R": 2, "aes": False, "metadata": False},
    "rc4_128": {"R": 3, "aes": False, "metadata": False},
    "aes_128": {"R": 4},
    "aes_256_draft": {"R": 5},
    "aes_256": {"R": 6},
}


def locked(owner: str, user: str, lock: dict) -> bytes:
    encryption = pikepdf.Encryption(owner=owner, user=user, **lock)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the draft is not to be used any more; Acrobat 9 did
        return pdfs.resaved(base=pdfs.transcript(), encryption=encryption, deterministic_id=False)


for name, lock in LOCKS.items():
    sample(
        "Locked against changes, opens without a password: how universities issue transcripts",
        name=f"owner_locked_{name}",
        pages=2,
        flags=["owner_locked"],
    )(partial(locked, "registrar", "", lock))


sample("Signed by a registrar's signing service", flags=["signed"])(pdfs.signed_like)


@sample("Signed, and signed again by a second office", flags=["signed"])
def signed_twice() -> bytes:
    return pdfs.signed(pdfs.signed_like())


# Forms and attachments

sample("A form of an enrolment office with a field filled in", flags=["form"])(pdfs.with_form)
sample("A form in XML beside one in PDF (XFA), as Adobe's designer makes it", flags=["form", "xfa"])(pdfs.with_xfa_form)


def field_with(actions: Dictionary) -> bytes:
    """A form whose field has these entries."""

    def add(pdf: pikepdf.Pdf) -> None:
        pdf.Root.AcroForm.Fields[0].update(dict(actions.items()))

    return pdfs.resaved(add, base=pdfs.with_form())


@sample(
    "A form of an office that adds up credits by a script: honest, and a script all the same",
    flags=["form", "form_script", "javascript"],
)
def calculating_form() -> bytes:
    script = Dictionary(S=Name.JavaScript, JS=String('AFSimple_Calculate("SUM", ["a", "b"]);'))
    return field_with(Dictionary(AA=Dictionary(C=script)))


@sample("A transcript with the course list as an attachment", flags=["embedded_file"])
def with_attachment() -> bytes:
    return pdfs.with_attachment()


@sample("A folder of documents in one file (portfolio), of which the page is only the cover", flags=["embedded_file"])
def portfolio() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["a.pdf"] = pikepdf.AttachedFileSpec(pdf, pdfs.cv(), filename="a.pdf")
        pdf.Root.Collection = Dictionary(Type=Name.Collection, View=Name.D)

    return pdfs.resaved(add)


@sample("A pin with a file on the page itself", flags=["embedded_file"])
def pinned_file() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        specification = pikepdf.AttachedFileSpec(pdf, b"notes", filename="notes.txt").obj
        pin = Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=Array([0, 0, 9, 9]), FS=specification)
        pdf.pages[0].Annots = Array([pdf.make_indirect(pin)])

    return pdfs.resaved(add)


@sample("Saved web page whose links hang on the address of a site: nothing odd")
def base_address() -> bytes:
    return pdfs.one_page(catalog=b"/URI << /Base (https://example.org/) >>")


# Sound and pictures


def annotated(kind: str, **entries) -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        note = Dictionary(Type=Name.Annot, Subtype=Name("/" + kind), Rect=Array([0, 0, 99, 99]), **entries)
        pdf.pages[0].Annots = Array([pdf.make_indirect(note)])

    return pdfs.resaved(add)


@sample("A film of an experiment on the page", flags=["multimedia"])
def film() -> bytes:
    return annotated("Movie", Movie=Dictionary(F=String("film.avi")), A=True)


@sample("A model to turn around, as engineers export it", flags=["multimedia"])
def model_3d() -> bytes:
    return annotated("3D", **{"3DD": Dictionary(Type=Name("/3D"), Subtype=Name.U3D)})


@sample("A greeting that is spoken when the page opens", flags=["multimedia"])
def spoken_greeting() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        sound = Stream(pdf, bytes(8000), Type=Name.Sound, R=8000)
        pdf.pages[0].AA = Dictionary(O=Dictionary(S=Name.Sound, Sound=pdf.make_indirect(sound)))

    return pdfs.resaved(add)


@sample("A presentation with a film that a viewer plays by a plug-in", flags=["multimedia"])
def rich_media() -> bytes:
    return annotated("RichMedia", RichMediaContent=Dictionary(Configurations=Array()))


# Unusual sizes


def sized(width: float, height: float) -> bytes:
    return painted(lambda canvas: canvas.line(0, 0, width, height), (width, height))


@sample("A banner of three metres: a page that no printer takes", flags=["unusual_size"])
def banner() -> bytes:
    return sized(8504, 2000)


@sample("A page of half a centimetre, on which nothing can be read", flags=["unusual_size"])
def stamp() -> bytes:
    return sized(14, 14)


@sample("A page of ordinary numbers in a unit of a hundred inches", flags=["unusual_size"])
def large_unit() -> bytes:
    return pdfs.one_page(b"/UserUnit 7200 /Contents 4 0 R", {4: pdfs.stream(RULE)})


@sample("The drawing of a simulation: 33 megabytes that draw one page", flags=["unusual_size"], is_drawn=False)
@cache
def huge_plot() -> bytes:
    block = b"".join(b"%d %d m %d %d l S\n" % (x, x * 7 % 842, x * 3 % 595, x) for x in range(500))
    contents = block * (33 * (1 << 20) // len(block) + 1)
    return pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(zlib.compress(contents, 9), b"/Filter /FlateDecode")})


@sample("As many small objects as an office program makes of a large table", flags=["not_fully_checked"])
def crowd_of_objects() -> bytes:
    return pdfs.crowd_of_objects()


# Damaged in a way that viewers forgive


@sample("Pages whose resources are missing, which still say something", pages=3)
def without_resources() -> bytes:
    def spoil(pdf: pikepdf.Pdf) -> None:
        for page in pdf.pages:
            del page.Resources

    return pdfs.resaved(spoil, base=pdfs.transcript(3))


@sample("The length of the text is wrong by a few bytes: a program counted characters and not bytes")
def wrong_length() -> bytes:
    good = pdfs.one_page(b"/Contents 4 0 R", {4: pdfs.stream(b"100 100 300 2 re f % Zurich")})
    return good.replace(b"/Length 27", b"/Length 21")


@sample("An annotation that refers to an object which is not there")
def dangling_reference() -> bytes:
    return pdfs.one_page(b"/Annots [99 0 R]")


@sample("Pages in the wrong kind of box: corners the other way round, and cropped beyond the sheet")
def upside_down_boxes() -> bytes:
    return pdfs.one_page(b"/MediaBox [595 842 0 0] /CropBox [-20 -20 700 900]")


@sample("Text of a random document with a comment in every object", pages=1)
def commented() -> bytes:
    words = random.Random(17).randbytes(64).hex().encode()
    return pdfs.one_page(b"/Contents 4 0 R %% %s\n" % words, {4: pdfs.stream(RULE)})


@sample("A thousand bookmarks and a thousand links")
def many_links() -> bytes:
    def paint(canvas: Canvas) -> None:
        for number in range(1000):
            canvas.bookmarkPage(f"mark{number}")
            canvas.addOutlineEntry(f"Course {number}", f"mark{number}")
            canvas.linkURL(f"https://example.org/{number}", (72, number % 800, 200, number % 800 + 10))
        canvas.showPage()

    return painted(paint, A4)
