"""What students send by mistake. Each is refused, and the words say what it really is and what to do."""

import io
from functools import cache, partial

from PIL import Image

from tests import pdfs
from tests.corpus.odd import LOCKS, locked
from tests.corpus.sample import Sample, collecting

SAMPLES: list[Sample] = []
sample = collecting(SAMPLES)

# Other kinds of files under the name of a PDF

sample("Nothing at all", code="empty")(pdfs.empty)
sample("What a cloud folder leaves where it has not fetched the file yet", code="empty")(pdfs.only_zeros)


@sample("Blank lines: a text editor's idea of an empty document", code="empty")
def only_white_space() -> bytes:
    return b" \r\n\t" * 5000


sample("A photo under the name of a PDF", code="photo")(pdfs.renamed_photo)
sample("A screenshot under the name of a PDF", code="photo")(pdfs.renamed_png)
sample("A picture from a web page", code="photo")(pdfs.renamed_webp)
sample("A scan that was not saved as a PDF", code="photo")(pdfs.renamed_tiff)
sample("An animation", code="photo")(pdfs.renamed_gif)
sample("A photo as newer phones take it", code="photo")(pdfs.renamed_heic)


@sample("A picture of an old painting program", code="photo")
def renamed_bitmap() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, "BMP")
    return buffer.getvalue()


sample("A Word file that was renamed instead of exported", code="word_file")(pdfs.word_file)
sample("The same of a Word of the last century", code="word_file")(pdfs.old_word_file)
sample("The same in rich text", code="word_file")(pdfs.rtf_file)
sample("The same of LibreOffice", code="word_file")(pdfs.opendocument_file)
sample("The same of Pages on a Mac", code="word_file")(pdfs.pages_file)
sample("Grades in a spreadsheet", code="word_file")(pdfs.spreadsheet)
sample("All documents in one archive", code="archive")(pdfs.zip_archive)
sample("The sign-in page of a student portal instead of the transcript", code="web_page")(pdfs.html_disguise)
sample("A CV as plain text", code="not_pdf")(pdfs.plain_text)


@sample("A CV in the language of printers, the forerunner of PDF", code="not_pdf")
def postscript() -> bytes:
    return b"%!PS-Adobe-3.0\n/Helvetica findfont 12 scalefont setfont 72 700 moveto (Ada) show showpage\n"


@sample("A program for Windows", code="not_pdf")
def program() -> bytes:
    return b"MZ\x90\0\3\0\0\0" + bytes(56) + b"This program cannot be run in DOS mode." + bytes(2000)


@sample("The mail with the transcript instead of the transcript", code="not_pdf")
def mail() -> bytes:
    return b"From: registrar@example.org\r\nSubject: Your transcript\r\n\r\n" + pdfs.cv()


# PDFs that cannot be read

for name, lock in LOCKS.items():
    sample("Needs a password to open", name=f"user_locked_{name}", code="locked")(
        partial(locked, "registrar", "secret", lock)
    )
sample("Opens only for those whose certificate it was made for", code="locked")(pdfs.certificate_locked)
sample("A document without a page", code="no_pages")(pdfs.no_pages)


@sample("A whole book", code="too_many_pages")
def five_hundred_and_one_pages() -> bytes:
    return pdfs.cv("Ada Example", 501)


# Downloads that broke off


@cache
def cut(percent: int) -> bytes:
    whole = pdfs.transcript(5)
    return whole[: len(whole) * percent // 100]


for percent in (1, 25, 50, 75, 95):
    sample("A download that broke off on the way", name=f"cut_at_{percent}_percent", code="broken")(
        partial(cut, percent)
    )
sample("The same of a document with object streams", code="broken")(pdfs.truncated_latex)
sample("The same of one whose first page came in front", code="broken")(pdfs.truncated_linearised)
sample("Only its last 600 bytes are missing, and with them the list of what is where", code="broken")(
    pdfs.without_its_end
)
sample("Its last part does not name the catalog: Chromium does not show it", code="broken")(pdfs.lost_root)
sample("Only the first line is that of a PDF; the rest is noise", code="broken")(pdfs.header_only)


@sample("A block of zeros in the middle: a disk or a memory stick that was pulled out too early", code="broken")
def zeros_in_the_middle() -> bytes:
    whole = pdfs.transcript(5)
    third = len(whole) // 3
    return whole[:third] + bytes(len(whole) - third)


@sample("Sent as text, so that every byte above 127 has become a question mark", code="broken")
def sent_as_text() -> bytes:
    packed = pdfs.resaved(base=pdfs.transcript(5), object_stream_mode=pdfs.pikepdf.ObjectStreamMode.generate)
    return packed.decode("ascii", errors="replace").encode("ascii", errors="replace")
