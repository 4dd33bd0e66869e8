"""Makers of sample documents for all tests: honest PDFs of several makers, what students send by mistake, and attacks.

Every function returns bytes. Most are the same bytes each time; each is made once per test process.
"""

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

# Honest documents


def drawn(pages: list[list[str]]) -> bytes:
    """A PDF as reportlab writes it: one text object per page, classic cross-reference table."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842), invariant=1)
    for lines in pages:
        text = canvas.beginText(72, 760)
        text.setFont("Helvetica", 12)
        text.textLines(lines)
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@cache
def cv(name: str = "Ada Example", pages: int = 1) -> bytes:
    """A plain CV with the name on every page."""
    lines = ["Curriculum vitae", name, "", "2023 BSc Computer Science", "2024 Internship, sequence analysis"]
    return drawn([[*lines, "", f"Page {number} of {pages}"] for number in range(1, pages + 1)])


@cache
def transcript(pages: int = 2) -> bytes:
    """A list of courses with grades."""
    grades = random.Random(3)
    return drawn(
        [
            [f"Transcript of records, page {number}"]
            + [f"Course {number}.{course}    {grades.choice(['4.5', '5.0', '5.5', '6.0'])}" for course in range(30)]
            for number in range(1, pages + 1)
        ]
    )


def many_pages(pages: int = 40) -> bytes:
    return cv("Ada Example", pages)


def resaved(change: Callable[[pikepdf.Pdf], object] | None = None, base: bytes = b"", **options) -> bytes:
    """`base` (a CV unless given) opened, changed and written by another maker's library."""
    with pikepdf.open(io.BytesIO(base or cv())) as pdf:
        if change:
            change(pdf)
        buffer = io.BytesIO()
        pdf.save(buffer, **({"deterministic_id": True} | options))
    return buffer.getvalue()


@cache
def owner_locked() -> bytes:
    """Opens without a password, may not be changed: how universities issue transcripts."""
    lock = pikepdf.Encryption(owner="registrar", user="", R=6, allow=pikepdf.Permissions(modify_other=False))
    return resaved(base=transcript(), encryption=lock, deterministic_id=False)


@cache
def owner_locked_rc4() -> bytes:
    """As above, as older systems still do it."""
    lock = pikepdf.Encryption(owner="registrar", user="", R=3, aes=False, metadata=False)
    return resaved(base=transcript(), encryption=lock, deterministic_id=False)


@cache
def user_locked() -> bytes:
    """Does not open without its password."""
    lock = pikepdf.Encryption(owner="registrar", user="secret", R=6)
    return resaved(base=transcript(), encryption=lock, deterministic_id=False)


@cache
def certificate_locked() -> bytes:
    """Opens only for those whose certificate it was made for."""
    lock = b"<< /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s4 /V 1 /Recipients [<00>] >>"
    return one_page().replace(b"trailer\n<<", b"trailer\n<< /ID [<00> <00>] /Encrypt " + lock)


@cache
def scan() -> bytes:
    """A page that is one picture and holds no text."""
    noise = random.Random(5).randbytes(155 * 220)
    picture = Image.frombytes("L", (155, 220), noise).resize((1240, 1754))
    buffer, jpeg = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", quality=60)
    canvas = Canvas(buffer, pagesize=(595, 842), invariant=1)
    canvas.drawImage(ImageReader(jpeg), 0, 0, 595, 842)
    canvas.save()
    return buffer.getvalue()


@cache
def latex_like() -> bytes:
    """Object streams and a compressed cross-reference, a named destination and a web link, as pdfTeX writes them."""

    def as_tex(pdf: pikepdf.Pdf) -> None:
        pdf.docinfo["/Producer"] = String("pdfTeX-1.40.25")
        pdf.docinfo["/Creator"] = String("LaTeX with hyperref")
        page = pdf.pages[0]
        page.Annots = pdf.make_indirect(Array([link(pdf, Dictionary(S=Name.URI, URI=String("https://example.org")))]))
        there = Array([page.obj, Name.XYZ, 72, 700, None])
        pdf.Root.Names = Dictionary(Dests=Dictionary(Names=Array([String("section.1"), there])))
        pdf.Root.OpenAction = Array([page.obj, Name.Fit])

    return resaved(as_tex, object_stream_mode=pikepdf.ObjectStreamMode.generate, min_version="1.5")


@cache
def word_like() -> bytes:
    """A tagged PDF 1.7 with structure tree and language, as Word exports it; links with `tel:` and without a scheme."""

    def as_word(pdf: pikepdf.Pdf) -> None:
        page = pdf.pages[0]
        page.contents_add(b"/P <</MCID 0>> BDC", prepend=True)
        page.contents_add(b"EMC")
        page.Tabs, page.StructParents = Name.S, 0
        page.Annots = Array(
            [link(pdf, Dictionary(S=Name.URI, URI=String(u))) for u in ("tel:+41440000000", "www.example.org")]
        )
        tree = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
        paragraph = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.P, P=tree, Pg=page.obj, K=0))
        tree.K, tree.ParentTree = Array([paragraph]), Dictionary(Nums=Array([0, Array([paragraph])]))
        pdf.Root.StructTreeRoot, pdf.Root.MarkInfo = tree, Dictionary(Marked=True)
        pdf.Root.Lang = String("en-GB")
        pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        pdf.docinfo["/Producer"] = pdf.docinfo["/Creator"] = String("Microsoft® Word for Microsoft 365")

    return resaved(as_word, force_version="1.7")


@cache
def linearised() -> bytes:
    """Prepared for the web ("fast web view")."""
    return resaved(base=transcript(), linearize=True)


@cache
def pdf_2_0() -> bytes:
    return resaved(force_version="2.0")


def after_byte_order_mark() -> bytes:
    """A UTF-8 mark and a blank line before the header, as careless mail programs leave it."""
    return b"\xef\xbb\xbf\r\n" + cv()  # readers count offsets from the header


@cache
def signed_like() -> bytes:
    """A CV that a registrar's signing service has signed."""
    return signed(cv())


def signed(base: bytes) -> bytes:
    """`base` with an incremental update that adds a signature over everything but the signature itself."""
    with pikepdf.open(io.BytesIO(base)) as pdf:
        root, size, pages = pdf.Root.objgen[0], int(pdf.trailer.Size), pdf.Root.Pages.objgen[0]
        form = pdf.Root.get("/AcroForm", Dictionary(Fields=Array()))
        fields = b" ".join(b"%d 0 R" % number for number in [*(field.objgen[0] for field in form.Fields), size])
    whole = appended(
        base,
        {
            root: b"<< /Type /Catalog /Pages %d 0 R /AcroForm << /SigFlags 3 /Fields [%s] >> >>" % (pages, fields),
            size: b"<< /Type /Annot /Subtype /Widget /Rect [0 0 0 0] /FT /Sig /T (Registrar %d) /V %d 0 R >>"
            % (size, size + 1),
            size + 1: b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached"
            b" /ByteRange [0 %010d %010d %010d] /Contents <%s> >>" % (0, 0, 0, b"00" * 64),
        },
        root=root,
        size=size + 2,
    )
    start = whole.rindex(b"/Contents <") + len(b"/Contents ")
    end = whole.index(b">", start) + 1
    place = whole.rindex(b"/ByteRange [0 ") + len(b"/ByteRange [0 ")
    ranges = b"%010d %010d %010d" % (start, end, len(whole) - end)
    return whole[:place] + ranges + whole[place + len(ranges) :]


def appended(base: bytes, objects: dict[int, bytes], *, root: int, size: int) -> bytes:
    """`base` untouched, followed by new versions of objects, their cross-reference and a trailer."""
    out, rows = bytearray(base), []
    for number, body in objects.items():
        rows.append(b"%d 1\n%010d 00000 n \n" % (number, len(out)))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    previous = base[base.rindex(b"startxref") + 9 :].split()[0]
    out += b"xref\n" + b"".join(rows)
    out += b"trailer\n<< /Size %d /Root %d 0 R /Prev %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, root, previous, start)
    return bytes(out)


# What reviewers should be told of


def link(pdf: pikepdf.Pdf, action: Dictionary) -> pikepdf.Object:
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Annot, Subtype=Name.Link, Rect=Array([72, 700, 200, 720]), Border=Array([0, 0, 0]), A=action
        )
    )


def with_link(action: Callable[[], Dictionary]) -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Annots = Array([link(pdf, action())])

    return resaved(add)


@cache
def with_javascript() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert('hello')"))

    return resaved(add)


@cache
def with_hidden_javascript() -> bytes:
    """The same inside an object stream, as a stream of text that runs when the page opens."""

    def add(pdf: pikepdf.Pdf) -> None:
        script = Stream(pdf, b"app.alert('hello')")
        pdf.pages[0].AA = pdf.make_indirect(Dictionary(O=pdf.make_indirect(Dictionary(S=Name.JavaScript, JS=script))))

    return resaved(add, object_stream_mode=pikepdf.ObjectStreamMode.generate)


@cache
def with_disguised_javascript() -> bytes:
    """The same under another spelling of its name, in an object that nothing refers to."""
    return one_page(objects={4: b"<< /Parts [ << /S /J#61vaScript >> ] >>"})


@cache
def with_launch() -> bytes:
    return with_link(lambda: Dictionary(S=Name.Launch, F=String("calc.exe")))


@cache
def with_attachment() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["notes.txt"] = pikepdf.AttachedFileSpec(
            pdf, b"notes", filename="notes.txt", creation_date="D:20260101000000Z", mod_date="D:20260101000000Z"
        )

    return resaved(add)


@cache
def with_form() -> bytes:
    """A form with a text field, as an enrolment office hands it out."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842), invariant=1)
    canvas.drawString(72, 760, "Confirmation of enrolment")
    canvas.acroForm.textfield(name="semester", x=72, y=700, value="5")
    canvas.save()
    return buffer.getvalue()


@cache
def with_xfa_form() -> bytes:
    def add(pdf: pikepdf.Pdf) -> None:
        pdf.Root.AcroForm.XFA = Stream(pdf, b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")

    return resaved(add, base=with_form())


@cache
def with_file_link() -> bytes:
    return with_link(lambda: Dictionary(S=Name.URI, URI=String("file:///C:/Users/ada/transcript.docx")))


@cache
def with_remote_link() -> bytes:
    return with_link(
        lambda: Dictionary(S=Name.GoToR, F=String("//files.example.org/share/other.pdf"), D=Array([0, Name.Fit]))
    )


@cache
def lost_root() -> bytes:
    """Its trailer does not name the catalog: pypdf reads it, but Chromium does not show it."""
    return cv().replace(b"/Root", b"/Lost")


@cache
def hole_in_a_page() -> bytes:
    """Another that qpdf gives up; pypdf reads it, and Chromium shows it."""
    return cv().replace(b"/ImageI ]\n>>", b"/ImageI ")


@cache
def wrong_offsets() -> bytes:
    """A complete document whose cross-reference points past everything, as an editor for plain text leaves it."""
    return cv().replace(b"%PDF-1.3\n", b"%PDF-1.3\n% moved\n")


@cache
def foreign_names() -> bytes:
    """Names that are not UTF-8, as makers in East Asia write them for fonts."""
    return cv().replace(b"/Name /F1 ", b"/S /\xcb\xce\xcc\xe5  ")


# What students send by mistake


def empty() -> bytes:
    return b""


def only_zeros() -> bytes:
    """What a cloud folder leaves where it has not fetched the file yet."""
    return bytes(4096)


@cache
def photo(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 180, 90)).save(buffer, kind)
    return buffer.getvalue()


def renamed_photo() -> bytes:
    return photo("JPEG")


def renamed_png() -> bytes:
    return photo("PNG")


def renamed_webp() -> bytes:
    return photo("WEBP")


def renamed_tiff() -> bytes:
    return photo("TIFF")


def renamed_gif() -> bytes:
    return photo("GIF")


def renamed_heic() -> bytes:
    """The beginning of a photo as phones take it."""
    return b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEmiafheic" + bytes(500)


@cache
def zipped(names: tuple[str, ...], mimetype: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr(zipfile.ZipInfo("mimetype"), mimetype)
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "<xml/>")
    return buffer.getvalue()


def word_file() -> bytes:
    return zipped(("[Content_Types].xml", "_rels/.rels", "word/document.xml"))


def old_word_file() -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2048)


def rtf_file() -> bytes:
    return rb"{\rtf1\ansi Curriculum vitae of Ada Example}"


def opendocument_file() -> bytes:
    return zipped(("content.xml", "styles.xml"), "application/vnd.oasis.opendocument.text")


def spreadsheet() -> bytes:
    return zipped(("[Content_Types].xml", "xl/workbook.xml"))


def pages_file() -> bytes:
    return zipped(("Index/Document.iwa", "Metadata/Properties.plist", "preview.jpg"))


def zip_archive() -> bytes:
    return zipped(("transcript-1.pdf", "transcript-2.pdf"))


def html_disguise() -> bytes:
    """The sign-in page of a student portal, saved under the name of the transcript."""
    return b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Your session has ended.</body></html>"


def plain_text() -> bytes:
    return b"Curriculum vitae\nAda Example\n"


@cache
def truncated() -> bytes:
    """A download that broke off half-way."""
    return transcript()[: len(transcript()) // 2]


@cache
def truncated_latex() -> bytes:
    whole = resaved(base=transcript(5), object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return whole[: len(whole) * 2 // 3]


@cache
def truncated_linearised() -> bytes:
    """Its first page and a first cross-reference arrived, the others did not."""
    whole = resaved(base=transcript(5), linearize=True)
    return whole[: len(whole) * 2 // 3]


@cache
def without_its_end() -> bytes:
    """The last 600 bytes are missing: all pages are there, the cross-reference is not."""
    return cv()[:-600]


def header_only() -> bytes:
    return b"%PDF-1.7\n" + random.Random(7).randbytes(20_000)


@cache
def no_pages() -> bytes:
    buffer = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()


# Attacks and disguises


def zip_polyglot() -> bytes:
    """An archive to one program, a PDF to another."""
    return zip_archive() + cv()


def html_polyglot() -> bytes:
    """A web page with a script to one program, a PDF to another."""
    return b"<html><script>alert(1)</script><!--\n" + cv() + b"-->"


def script_polyglot() -> bytes:
    return b"#!/bin/sh\necho hello\nexit\n" + cv()


def written(objects: dict[int, bytes], version: bytes = b"1.7") -> bytes:
    """A PDF of exactly these objects, number 1 the catalog, however wrong they are."""
    out, offsets = bytearray(b"%PDF-" + version + b"\n"), {}
    for number, body in sorted(objects.items()):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 %s \n" % (offsets.get(number, 0), b"n" if number in offsets else b"f")
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"


def one_page(entries: bytes = b"", objects: dict[int, bytes] | None = None, catalog: bytes = b"") -> bytes:
    """A PDF of one page with these `entries` (4 and above are the numbers of `objects`), and more in its catalog."""
    whole = {1: CATALOG[:-2] + catalog + b" >>", 2: PAGES, 3: PAGE[:-2] + entries + b" >>"}
    return written(whole | (objects or {}))


@cache
def page_bomb() -> bytes:
    """Ten levels whose ten children are all the same node: 10^10 pages in 2 kB."""
    objects = {1: CATALOG, 12: PAGE}
    for level in range(10):
        children = b"%d 0 R " % (level + 3) * 10
        objects[level + 2] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (10 ** (10 - level), children)
    return written(objects)


@cache
def page_loop() -> bytes:
    """A page tree that contains itself."""
    return written({1: CATALOG, 2: b"<< /Type /Pages /Count 2 /Kids [3 0 R 2 0 R] >>", 3: PAGE})


@cache
def page_claim() -> bytes:
    """One page that says it is a million."""
    return written({1: CATALOG, 2: b"<< /Type /Pages /Count 1000000 /Kids [3 0 R] >>", 3: PAGE})


@cache
def zeros_compressed(megabytes: int) -> bytes:
    """A zlib stream of so many megabytes of zeros, made by repeating one block: 1 kB per megabyte, at once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    checksum = ((megabytes << 20) % 65521 << 16) | 1
    return b"\x78\xda" + block * megabytes + end + checksum.to_bytes(4, "big")


@cache
def flate_bomb() -> bytes:
    """A 2-MB file whose page expands to 2 GB."""
    return one_page(b"/Contents 4 0 R", {4: stream(zeros_compressed(2000), b"/Filter /FlateDecode")})


def with_object_stream(packed: bytes) -> bytes:
    """A PDF whose page (object 4) is kept in a compressed object stream with these packed contents."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = [0]
    bodies = [
        CATALOG,
        b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
        stream(packed, b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode"),
    ]
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    rows = b"\0\0\0\0\0" + b"".join(b"\1" + offset.to_bytes(3, "big") + b"\0" for offset in offsets[1:])
    rows += b"\2" + (3).to_bytes(3, "big") + b"\0"  # object 4 is the first one in stream 3
    rows += b"\1" + start.to_bytes(3, "big") + b"\0"
    out += b"5 0 obj\n%s\nendobj\n" % stream(rows, b"/Type /XRef /Size 6 /W [1 3 1] /Root 1 0 R")
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


@cache
def object_stream_bomb() -> bytes:
    """The same hidden where the objects themselves are kept, so that merely opening the file meets it."""
    return with_object_stream(zeros_compressed(2000))


@cache
def memory_bomb() -> bytes:
    """170 kB with a page that becomes twenty million small objects, each container within the library's limits."""
    packer = zlib.compressobj(1)
    packed = packer.compress(b"4 0 " + PAGE[:-2] + b"/Many [")
    branch = b"[" + b"[]" * 90_000 + b"]"
    packed += b"".join(packer.compress(branch) for _ in range(220))
    return with_object_stream(packed + packer.compress(b"] >>") + packer.flush())


@cache
def deep_nesting() -> bytes:
    """A hundred thousand arrays inside one another, beside an honest page."""
    nested = b"[" * 100_000 + b"]" * 100_000
    return one_page(objects={4: nested}, catalog=b"/Deep 4 0 R")


@cache
def deep_page_tree() -> bytes:
    """A page five thousand levels down."""
    depth = 5000
    objects = {1: CATALOG, depth + 2: PAGE}
    for level in range(depth):
        objects[level + 2] = b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % (level + 3)
    return written(objects)


@cache
def crowd_of_objects(count: int = 200_000) -> bytes:
    """An honest page beside more objects than anybody will look at."""
    return one_page(objects=dict.fromkeys(range(4, count), b"<< /A 1 >>"))
