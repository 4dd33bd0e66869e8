"""The program that makes page images and text from documents, in a process of its own. `applications.renditions` asks.

What it reads, it reads in a child with limits, as told in `applications.limited_child`: pdfium crashes when two threads
of one process use it, and a page built to do harm aborts it. Images of other fonts than those in the file are never
needed: the child can open no file, and pdfium brings the usual ones along.

The answer is a row of parts: a letter for the kind, four bytes for the length, and so many bytes.

    T  the text, UTF-8                        P  width and height (two bytes each), then the image as WebP
    B  the document cannot be opened          F  a fault of ours: where it is
    E  the end; without it, a limit ended the child
"""

import io
import os
import re
import time
import unicodedata
from collections.abc import Iterator

import pypdfium2
from PIL import Image

from applications.limited_child import Limits, Say, become_parent, place_of, serve

LIMITS = Limits(memory=700 << 20, cpu=20, wall=25)
TEXT_ENDS_AT_CPU_SECOND = 5  # so that an honest long document keeps the rest
IMAGES_END_AT_CPU_SECOND = 12

SHORT_SIDE, LONG_SIDE = 1240, 1754  # pixels of an A4 page at 150 dpi: sharp on a phone and at reading width
LARGEST_SCALE = 4.0  # pixels for a point; a stamp-sized page is not blown up beyond that
MOST_IMAGES = 40
LONGEST_TEXT = 200_000  # bytes
WEBP = {"quality": 80, "method": 2}  # twice as fast as the default method, 3 % larger


def part(kind: bytes, content: bytes = b"") -> bytes:
    return kind + len(content).to_bytes(4, "big") + content


def render(data: bytes, say: Say) -> None:
    """Says text and images of the document, then the end. The text comes first: it survives a page that does harm."""
    try:
        pdf = opened(data)
        if pdf is None:
            say(part(b"B"))
            return
        say(part(b"T", text_of(pdf)))
        for width, height, image in images_of(pdf):
            say(part(b"P", width.to_bytes(2, "big") + height.to_bytes(2, "big") + image))
        say(part(b"E"))
    except Exception as error:  # a fault of ours, or no memory left
        say(part(b"F", place_of(error).encode()))


def opened(data: bytes) -> pypdfium2.PdfDocument | None:
    try:
        pdf = pypdfium2.PdfDocument(data)
        if not len(pdf):
            return None
        if pdf.get_formtype():
            pdf.init_forms()  # else what was filled in is not drawn
        return pdf
    except pypdfium2.PdfiumError:
        return None


def text_of(pdf: pypdfium2.PdfDocument) -> bytes:
    """The text of the pages, at most LONGEST_TEXT bytes of UTF-8; empty for a scan."""
    texts, length = [], 0
    for number in range(len(pdf)):
        if length > LONGEST_TEXT or time.process_time() > TEXT_ENDS_AT_CPU_SECOND:
            break
        try:
            text = clean(pdf[number].get_textpage().get_text_range())
        except pypdfium2.PdfiumError:  # this page is damaged, the next one may be fine
            continue
        texts.append(text)
        length += len(text.encode())
    return "\n\n".join(text for text in texts if text).encode()[:LONGEST_TEXT].decode(errors="ignore").encode()


# pdfium marks the hyphen at the end of a line, so that the word can be put together again.
HYPHEN_AT_LINE_END = re.compile("[\x02\ufffe]\\s*")
NOT_TEXT = {"Cc", "Cs", "Co", "Cn"}  # control characters, halves of characters, symbols of a font of its own, nothing


def clean(text: str) -> str:
    """Text fit to be stored and shown: no control characters, no trailing spaces, no more than one empty line."""
    text = HYPHEN_AT_LINE_END.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(c if c == "\n" else " " if unicodedata.category(c) in NOT_TEXT else c for c in text)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()


def images_of(pdf: pypdfium2.PdfDocument) -> Iterator[tuple[int, int, bytes]]:
    """Width, height and WebP bytes of the first pages: as many as MOST_IMAGES and the time allow."""
    for number in range(min(len(pdf), MOST_IMAGES)):
        if time.process_time() > IMAGES_END_AT_CPU_SECOND:
            return
        try:
            image = image_of(pdf[number])
        except pypdfium2.PdfiumError:  # a damaged page is shown as an empty one, so that the others keep their numbers
            image = Image.new("RGB", (SHORT_SIDE, LONG_SIDE), "white")
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **WEBP)
        yield image.width, image.height, buffer.getvalue()


def image_of(page: pypdfium2.PdfPage) -> Image.Image:
    width, height = (max(side, 1.0) for side in page.get_size())
    scale = min(SHORT_SIDE / min(width, height), LONG_SIDE / max(width, height), LARGEST_SCALE)
    return page.render(scale=scale).to_pil().convert("RGB")


def warm_up() -> None:
    """Uses once what the libraries load at first use, while files can still be opened."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R"
        b" /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length 30 >>\nstream\nBT /F 12 Tf 9 9 Td (Warm) Tj ET\nendstream",
    ]
    sample = b"%PDF-1.4\n"
    for number, body in enumerate(objects, 1):
        sample += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    render(sample + b"trailer\n<< /Root 1 0 R /Size 5 >>\n%%EOF\n", lambda _: None)


GIVES_WAY = 15  # of 19: before a deadline students wait for answers, and nobody yet for page images


def main() -> None:
    os.nice(GIVES_WAY)
    control = become_parent()
    warm_up()
    serve(control, render, LIMITS)


if __name__ == "__main__":
    main()
