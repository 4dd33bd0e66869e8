"""Stored files as answers: streamed, in whole or in part, shown on no other site, kept by no cache.

Preconditions and ranges are answered as RFC 9110 (sections 13 and 14) says. A viewer may ask for one part at a time, so
that it shows the first page before the last has arrived. A request for several parts, or one that is not understood, is
answered with the whole, which the RFC leaves to the server.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

BLOCK = 64 * 1024
LONGEST_NAME = 200  # characters; what a browser offers to save under

# 18 digits are more than any file has bytes; a longer number is taken for something that is not understood.
ONE_RANGE = re.compile(r"bytes=[ \t]*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """The bytes `first` to `last` of a file, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def file_answer(
    request: HttpRequest,
    storage: Storage,
    name: str,
    *,
    content_type: str,
    etag: str = "",
    filename: str = "",
    as_attachment: bool = False,
    framed_by: str = "'none'",
) -> HttpResponseBase:
    """The answer to a GET or HEAD request for the stored file `name`: 200, 206, 304, 412 or 416.

    `etag` is a strong one, with its quotes, for a file that never changes; without it no part can be asked for with
    If-Range. It stands beside `no-store` because a viewer that reads a file in parts must notice when they are not of
    the same file; nothing is kept by it. `framed_by` is what the policy says of pages that may frame the file.

    Whoever calls this has asked whether the reader may see the file. Raises FileNotFoundError when there is none.
    """
    size = storage.size(name)
    answer = get_conditional_response(request, etag=etag or None) or _content(request, storage, name, size, etag)
    if answer.status_code in (200, 206):
        answer["Content-Type"] = content_type
        answer["Content-Disposition"] = disposition(filename, as_attachment=as_attachment)
    else:
        del answer["Content-Type"]  # there is no content
    answer["Accept-Ranges"] = "bytes"
    if etag:
        answer["ETag"] = etag
    return _guarded(answer, framed_by)


def _content(request: HttpRequest, storage: Storage, name: str, size: int, etag: str) -> HttpResponseBase:
    """The whole file, or the part of it that is asked for, or (HEAD) how large it is."""
    if request.method == "HEAD":  # for which ranges are not defined
        return HttpResponse(headers={"Content-Length": str(size)})
    asked = _asked_range(request, etag)
    if asked is None:
        return FileResponse(storage.open(name, "rb"))
    part = satisfied(asked, size)
    if part is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers = {"Content-Range": f"bytes {part.first}-{part.last}/{size}", "Content-Length": str(part.length)}
    return StreamingHttpResponse(_Reading(storage.open(name, "rb"), part), status=206, headers=headers)


def _asked_range(request: HttpRequest, etag: str) -> tuple[str, str] | None:
    """The one range that is to be answered, as written; None when the whole file is.

    If-Range asks for a part only of the very file that the reader has begun: any other tag, or a date, means the whole.
    """
    if request.headers.get("If-Range", etag) != etag:
        return None
    match = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or match["first"] == match["last"] == "":
        return None
    if match["first"] and match["last"] and int(match["first"]) > int(match["last"]):
        return None
    return match["first"], match["last"]


def satisfied(asked: tuple[str, str], size: int) -> Part | None:
    """The part of a file of `size` bytes that a range (`0-99`, `100-` or, the last bytes, `-100`) means, if any."""
    first, last = asked
    if not first:
        length = min(int(last), size)
        return Part(size - length, size - 1) if length else None
    if int(first) >= size:
        return None
    return Part(int(first), min(int(last), size - 1) if last else size - 1)


class _Reading:
    """A part of an open file, block by block. Closing it closes the file."""

    def __init__(self, file: File, part: Part) -> None:
        self._file, self._part = file, part
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._part.first)
        left = self._part.length
        while left and (block := self._file.read(min(BLOCK, left))):
            left -= len(block)
            yield block


def disposition(filename: str, *, as_attachment: bool) -> str:
    """Content-Disposition (RFC 6266, 8187) for any name: nothing in it ends the header or is a folder to a browser."""
    safe = "".join(char for char in filename if char.isprintable() and char not in '"/\\')[:LONGEST_NAME]
    return content_disposition_header(as_attachment, safe.strip()) or "inline"


def _guarded(answer: HttpResponseBase, framed_by: str) -> HttpResponseBase:
    """The headers that every answer about a file carries, whatever its status."""
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    answer["X-Frame-Options"] = "SAMEORIGIN" if framed_by == "'self'" else "DENY"
    answer._csp_replace = {
        **dict.fromkeys(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]),  # a file loads nothing and sends nothing
        "default-src": ["'none'"],
        "frame-ancestors": [framed_by],
    }
    return answer
