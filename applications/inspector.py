"""The program that looks into uploaded documents, in a process of its own. `applications.inspection` starts it.

What it looks at, it reads in a child with limits, as told in `applications.limited_child`. The child answers with one
JSON object: `code`, `pages`, `flags`. The end of the answer without an object means that a limit ended the child.
"""

import contextlib
import io
import json
import re
import sys
import time
import zipfile
from collections.abc import Iterator
from functools import partial

import pikepdf
import pypdf
import pypdfium2
from pypdf.errors import LimitReachedError

from applications.limited_child import Limits, Say, become_parent, place_of, serve

MEMORY_BYTES = 700 << 20
CPU_SECONDS = 8
WALL_SECONDS = 20

SMALLEST_SIDE, LARGEST_SIDE = 28, 5670  # points: a page between 1 cm and 2 m is nothing unusual
MOST_PIXELS = 200_000_000  # of one picture: A3 at 600 dpi has 70 million
MUCH_DRAWN = 32 << 20  # bytes that draw one page; a map of a whole country has 10 million
MOST_DRAWN = 256 << 20  # of all pages together; beyond it the file is refused

MOST_OBJECTS = 150_000  # looked at for flags; beyond it the rest is left and said so
FLAGS_END_AT_CPU_SECOND = 5  # likewise, so that CPU_SECONDS do not end a large honest file
MOST_LEVELS = 100  # of a page tree
LIBRARY_LIMITS = {
    "flate_max_memory": 64 << 20,
    "run_length_max_memory": 64 << 20,
    "dct_max_memory": 64 << 20,
    "parser_max_container_size": 100_000,
    "max_stream_filters": 4,
    "parser_max_nesting": 200,
}


class Refusal(Exception):
    """Why this file cannot be taken, as one of the codes of `applications.inspection.WORDS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


# What is it?

PDF_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?[\0\t\n\f\r ]*%PDF-")
WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|\?xml|!--)", re.IGNORECASE)
PHOTO_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
PHOTO_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
OLD_OFFICE_FILE = bytes.fromhex("d0cf11e0a1b11ae1")
OFFICE_FOLDERS = ("word/", "xl/", "ppt/", "Index/Document.iwa", "Index.zip", "index.xml")


def check_type(data: bytes) -> None:
    """Lets only what begins as a PDF pass; refuses the rest by what it really is, because each needs other advice."""
    if not data.strip(b"\0\t\n\f\r "):
        raise Refusal("empty")
    beginning = data[:1024]
    if PDF_HEADER.match(beginning):
        return
    if is_photo(beginning):
        raise Refusal("photo")
    if beginning.startswith((OLD_OFFICE_FILE, rb"{\rtf")):
        raise Refusal("word_file")
    if beginning.startswith(b"PK\x03\x04"):
        raise Refusal("word_file" if is_office_archive(data) else "archive")
    if WEB_PAGE.match(beginning):
        raise Refusal("web_page")
    raise Refusal("not_pdf")


def is_photo(beginning: bytes) -> bool:
    if beginning.startswith(b"RIFF"):
        return beginning[8:12] == b"WEBP"
    return beginning.startswith(PHOTO_BEGINNINGS) or (beginning[4:8] == b"ftyp" and beginning[8:12] in PHOTO_BRANDS)


def is_office_archive(data: bytes) -> bool:
    """Whether the ZIP archive is what Word, Excel, PowerPoint, LibreOffice or Pages writes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.startswith(OFFICE_FOLDERS) or name == "mimetype" for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return b"[Content_Types].xml" in data or b"mimetypeapplication/vnd." in data[:100]


# What else could another program take it for? Archives are told by their end, or by words far from the beginning.
HIDDEN_WEB_PAGE = re.compile(rb"<(?:!doctype html|html|head|body|script|svg)\b", re.IGNORECASE)
WORDS_FAR_IN = ((257, b"ustar"), (32_769, b"CD001"))  # a tape archive, the image of a CD


def is_something_else_too(data: bytes) -> bool:
    """Whether what begins as a PDF also opens as an archive, or holds a web page before or after the document."""
    if zipfile.is_zipfile(io.BytesIO(data)) or any(data.startswith(word, place) for place, word in WORDS_FAR_IN):
        return True
    after_the_end = max(data.rfind(b"%%EOF"), 0)
    return bool(HIDDEN_WEB_PAGE.search(data, 0, 1024) or HIDDEN_WEB_PAGE.search(data, after_the_end))


# Does it open, and does it hold pages?


def examine(data: bytes, most_pages: int) -> dict:
    """The answer for one file: `code` ("ok" or why not), `pages` and `flags`."""
    try:
        check_type(data)
        document = without_what_follows(data)
        try:
            pages, flags = examine_pdf(document, most_pages)
        except (Refusal, MemoryError):
            raise
        except Exception as error:  # pikepdf raises errors of many kinds on a damaged file
            # "encrypt": locked with a certificate, or by a method of the maker's own
            if isinstance(error, pikepdf.PasswordError) or "encrypt" in str(error).lower():
                raise Refusal("locked") from None
            pages, flags = second_opinion(document, most_pages)
        if "mended" in flags and pages_in_viewers(document) < pages:
            raise Refusal("broken")
        if is_something_else_too(data):
            flags.add("polyglot")
    except Refusal as refusal:
        return {"code": refusal.code, "pages": None, "flags": []}
    except MemoryError:
        return {"code": "too_complex", "pages": None, "flags": []}
    return {"code": "ok", "pages": pages, "flags": sorted(flags)}


def without_what_follows(data: bytes) -> bytes:
    """The document up to its end: readers look for that in the last kilobyte, and mail programs put theirs after it."""
    end = data.rfind(b"%%EOF") + len(b"%%EOF")
    return data if end < len(b"%PDF-%%EOF") or b" obj" in data[end:] else data[:end]


def pages_in_viewers(data: bytes) -> int:
    """How many pages pdfium finds, which draws our page images and is Chromium's viewer; it mends less than qpdf."""
    try:
        return len(pypdfium2.PdfDocument(data))
    except pypdfium2.PdfiumError:
        return 0


def examine_pdf(data: bytes, most_pages: int) -> tuple[int, set[str]]:
    """Pages and flags by pikepdf (qpdf), which mends small damage in memory. The file itself is never written."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pages = len(pdf.pages)  # qpdf walks the tree for this and refuses one that loops
        warnings = warnings_of(pdf)
        was_mended = "reconstruct" in warnings
        if pages == 0:
            raise Refusal("too_complex" if speaks_of_a_limit(warnings) else "broken" if was_mended else "no_pages")
        if pages > most_pages:
            raise Refusal("too_many_pages")
        if claimed_pages(pdf) > most_pages:  # a viewer would believe it and show a million empty pages
            raise Refusal("broken")
        drawn = check_contents(pdf, was_mended=was_mended)
        flags = {"owner_locked"} if pdf.is_encrypted else set()
        if drawn > MUCH_DRAWN or any(has_unusual_size(page) for page in pdf.pages):
            flags.add("unusual_size")
        try:
            fully_checked = collect_flags(pdf, flags)
        except (pikepdf.PikepdfError, TypeError, ValueError):  # a quirk somewhere beside the pages, which are fine
            fully_checked = False
        if was_mended:
            flags.add("mended")
        if not fully_checked or speaks_of_a_limit(warnings + warnings_of(pdf)):
            flags.add("not_fully_checked")
        return pages, flags


def warnings_of(pdf: pikepdf.Pdf) -> str:
    """What qpdf had to say since it was last asked."""
    return "\n".join(str(warning) for warning in pdf.get_warnings())


def speaks_of_a_limit(words: str) -> bool:
    """Whether qpdf left something out because it met one of LIBRARY_LIMITS or the end of memory."""
    return "limit" in words or "bad_alloc" in words


def claimed_pages(pdf: pikepdf.Pdf) -> int:
    count = pdf.Root.Pages.get("/Count")
    return count if isinstance(count, int) else 0


def check_contents(pdf: pikepdf.Pdf, *, was_mended: bool) -> int:
    """Refuses pages that expand beyond reason, and files of which a part is missing; returns the bytes of the largest.

    The pages of a download that broke off are often still listed, only what stood on them is gone. So in a file
    whose cross-reference had to be rebuilt every page must be readable; in others an unreadable one may be a quirk.
    """
    lengths: dict[tuple[int, int], int | None] = {}
    in_all = 0
    answers = []
    for page in pdf.pages:
        for part in contents_of(page):
            if not isinstance(part, pikepdf.Stream):
                answers.append(not was_mended)  # an empty page is nothing unusual otherwise
                continue
            if part.objgen not in lengths:
                lengths[part.objgen] = length_of(part)
                in_all += lengths[part.objgen] or 0
            if in_all > MOST_DRAWN:
                raise Refusal("too_complex")
            answers.append(lengths[part.objgen] is not None)
    if answers and (not all(answers) if was_mended else not any(answers)):
        raise Refusal("too_complex" if speaks_of_a_limit(warnings_of(pdf)) else "broken")
    return max((length or 0 for length in lengths.values()), default=0)


def contents_of(page: pikepdf.Page) -> list:
    """What draws the page: one stream or several, or None."""
    contents = page.obj.get("/Contents")
    return list(contents) if isinstance(contents, pikepdf.Array) else [contents]


def length_of(stream: pikepdf.Object) -> int | None:
    """How many bytes the stream decodes to; None when it cannot be read."""
    try:
        return len(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized))
    except pikepdf.PdfError as error:
        if speaks_of_a_limit(str(error)):
            raise Refusal("too_complex") from None
        return None


def has_unusual_size(page: pikepdf.Page) -> bool:
    """Whether a side of the page, or of the part of it that is shown, is shorter than 1 cm or longer than 2 m."""
    try:
        unit = float(page.obj.get("/UserUnit", 1))
        for box in (page.mediabox, page.cropbox):
            left, bottom, right, top = (float(side) * unit for side in box)
            if not all(SMALLEST_SIDE <= abs(side) <= LARGEST_SIDE for side in (right - left, top - bottom)):
                return True
    except (pikepdf.PikepdfError, TypeError, ValueError, OverflowError, KeyError, AttributeError):
        return False  # no size is given, or none that one can read: viewers take that of a sheet of paper
    return False


def second_opinion(data: bytes, most_pages: int) -> tuple[int, set[str]]:
    """Pages by pypdf, for the few honest files that qpdf cannot open. They are damaged: each page must be readable."""
    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refusal("locked")
        pages = 0
        for page in pages_by_pypdf(reader):
            pages += 1
            if pages > most_pages:
                raise Refusal("too_many_pages")
            if not page_text_of(page):
                raise Refusal("broken")
    except (Refusal, MemoryError):
        raise
    except LimitReachedError:
        raise Refusal("too_complex") from None
    except Exception:  # pypdf raises nearly anything on a damaged file
        raise Refusal("broken") from None
    if not pages:
        raise Refusal("broken")
    return pages, {"mended", "not_fully_checked"} | ({"owner_locked"} if reader.is_encrypted else set())


def pages_by_pypdf(reader: pypdf.PdfReader) -> Iterator[pypdf.generic.DictionaryObject]:
    """The pages of the tree, each branch entered once; pypdf's own list believes the tree's claims and repetitions."""
    branches = [iter([reader.root_object["/Pages"]])]
    entered: set[int] = set()
    while branches:
        node = next(branches[-1], None)
        if node is None:
            branches.pop()
            continue
        node = node.get_object()
        if not isinstance(node, pypdf.generic.DictionaryObject):
            continue
        if "/Kids" not in node:
            yield node
        elif id(node) in entered or len(branches) > MOST_LEVELS:
            raise Refusal("broken")
        else:
            entered.add(id(node))
            branches.append(iter(node["/Kids"]))


def page_text_of(page: pypdf.generic.DictionaryObject) -> bytes:
    """What is drawn on the page, decoded; empty when that is missing."""
    contents = page.get("/Contents")
    contents = contents.get_object() if contents is not None else None
    parts = contents if isinstance(contents, pypdf.generic.ArrayObject) else [contents]
    return b"\n".join(part.get_object().get_data() for part in parts if part is not None)


# What should reviewers be told of?

# No scheme is harmless, too: viewers take "www.example.org", as CVs often have it, for an address of the web.
HARMLESS_SCHEMES = {"", "http", "https", "mailto", "tel"}
SCHEME = re.compile(rb"[\0-\x20\xfe\xff\xef\xbb\xbf]*([a-z][a-z0-9+.-]*:|[\\/]{2})?", re.IGNORECASE)
LEFT_OUT_BY_VIEWERS = re.compile(rb"[\0\t\n\r]")  # also in the middle of a scheme
KEYS = frozenset(
    {"/S", "/JS", "/EF", "/Type", "/Subtype", "/XFA", "/FT", "/ByteRange", "/Base"}
)  # no dictionary without one of these is looked at
FLAG_OF_ACTION = {
    "/JavaScript": "javascript",
    "/Launch": "launch_action",
    **dict.fromkeys(["/GoToR", "/GoToE", "/SubmitForm", "/ImportData"], "odd_link"),
    **dict.fromkeys(["/Rendition", "/Movie", "/Sound", "/RichMediaExecute", "/GoTo3DView"], "multimedia"),
}
FLAG_OF_SUBTYPE = {
    "/FileAttachment": "embedded_file",
    **dict.fromkeys(["/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"], "multimedia"),
}


def collect_flags(pdf: pikepdf.Pdf, flags: set[str]) -> bool:
    """Adds what a bounded walk over all objects finds, whether or not a page leads there. False when cut short."""
    seen = 0
    for top in pdf.objects:
        pending = [top]
        while pending:
            current = pending.pop()
            seen += 1
            if seen > MOST_OBJECTS or (seen % 1000 == 0 and time.process_time() > FLAGS_END_AT_CPU_SECOND):
                return False
            if isinstance(current, pikepdf.Array):
                children = list(current)
            elif isinstance(current, (pikepdf.Dictionary, pikepdf.Stream)):
                entries = dict(current.items())
                if not KEYS.isdisjoint(entries):
                    flags.update(flags_of(entries))
                if isinstance(current, pikepdf.Stream) and "/F" in entries:  # what it holds is to be fetched elsewhere
                    flags.add("odd_link")
                children = entries.values()
            else:
                continue
            # what is referred to by number has its own turn in pdf.objects
            pending += [child for child in children if isinstance(child, pikepdf.Object) and not child.is_indirect]
    return True


def flags_of(entries: dict) -> set[str]:
    """Flags of one dictionary, by its keys alone: an action is one wherever it hides."""
    action, kind, subtype = (name_in(entries, key) for key in ("/S", "/Type", "/Subtype"))
    flags = {FLAG_OF_ACTION.get(action, ""), FLAG_OF_SUBTYPE.get(subtype, "")} - {""}
    if (action == "/URI" and leads_somewhere_odd(entries.get("/URI"))) or leads_somewhere_odd(entries.get("/Base")):
        flags.add("odd_link")
    if "/JS" in entries:
        flags.add("javascript")
    if "/EF" in entries or kind == "/EmbeddedFile":
        flags.add("embedded_file")
    if subtype == "/Image" and pixels_of(entries) > MOST_PIXELS:
        flags.add("unusual_size")
    return flags | flags_of_form(entries, is_widget=subtype == "/Widget")


def flags_of_form(entries: dict, *, is_widget: bool) -> set[str]:
    """Flags of a dictionary that may be a form, one of its fields, or a signature."""
    flags, field = set(), name_in(entries, "/FT")
    if field in ("/Tx", "/Btn", "/Ch"):
        flags.add("form")
    if "/XFA" in entries:
        flags |= {"form", "xfa"}
    if "/ByteRange" in entries or (field == "/Sig" and "/V" in entries):
        flags.add("signed")
    if (field or is_widget) and runs_a_script(entries):
        flags.add("form_script")
    return flags


def runs_a_script(field: dict) -> bool:
    """Whether what happens on a click on the field, on a key in it, on a change of it, is a script."""
    waiting = field.get("/AA")
    actions = [field.get("/A"), *(dict(waiting.items()).values() if isinstance(waiting, pikepdf.Dictionary) else ())]
    found = [dict(action.items()) for action in actions if isinstance(action, pikepdf.Dictionary)]
    return any("/JS" in action or name_in(action, "/S") == "/JavaScript" for action in found)


def name_in(entries: dict, key: str) -> str:
    value = entries.get(key)
    return value.unparse(resolved=True).decode("latin-1") if isinstance(value, pikepdf.Name) else ""


def pixels_of(picture: dict) -> int:
    width, height = picture.get("/Width"), picture.get("/Height")
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


def leads_somewhere_odd(address: object) -> bool:
    """Whether a click on this address opens something other than a web page, a letter or a telephone."""
    raw = bytes(address) if isinstance(address, pikepdf.String) else b""
    scheme = SCHEME.match(LEFT_OUT_BY_VIEWERS.sub(b"", raw)).group(1) or b""
    return scheme.rstrip(b":").decode("ascii").lower() not in HARMLESS_SCHEMES


# One child per file


def inspect_and_say(most_pages: int, data: bytes, say: Say) -> None:
    try:
        result = examine(data, most_pages)
    except Exception as error:  # a fault of ours
        result = {"code": "failed", "pages": None, "flags": [], "error": place_of(error)}
    say(json.dumps(result).encode())


def warm_up(most_pages: int) -> None:
    """Uses once what the libraries load at first use, while files can still be opened."""
    blank, locked, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(blank)
        pdf.save(locked, encryption=pikepdf.Encryption(owner="owner", user="", R=6))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", "")
    for sample in (blank, locked, archive):
        examine(sample.getvalue(), most_pages)
    with contextlib.suppress(Refusal):
        second_opinion(blank.getvalue(), most_pages)
    pages_in_viewers(blank.getvalue())


def main() -> None:
    control = become_parent()
    most_pages = int(sys.argv[2])
    pikepdf.settings.set_qpdf_limits(**LIBRARY_LIMITS)
    warm_up(most_pages)
    serve(control, partial(inspect_and_say, most_pages), Limits(MEMORY_BYTES, CPU_SECONDS, WALL_SECONDS))


if __name__ == "__main__":
    main()
