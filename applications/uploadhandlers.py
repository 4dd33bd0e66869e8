"""Refuses too much data while it arrives: Django itself would first put all of it on the disk."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest


def longest_body() -> int:
    """How many bytes of files one request may send before it is cut off: twice what an honest application needs.

    Up to here an oversized file is read and thrown away, so that the browser sees the answer and not a reset.
    """
    return 2 * settings.DOCUMENT_MAX_BYTES * (1 + settings.TRANSCRIPTS_MAX)


class SizeLimit(FileUploadHandler):
    """Skips each file past DOCUMENT_MAX_BYTES and notes its name in `request.oversized` ({field: [names]}).

    A request that announces or sends more than `longest_body()` is cut at its next file byte; fields that came before
    are kept, and `request.body_was_cut` is true.
    """

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        self.announced = content_length
        self.received = 0
        self.request.oversized = {}
        self.request.body_was_cut = False

    def new_file(self, field_name, file_name, *args, **kwargs):
        super().new_file(field_name, file_name, *args, **kwargs)
        self.size = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.size += len(raw_data)
        self.received += len(raw_data)
        is_too_large = self.size > settings.DOCUMENT_MAX_BYTES
        if is_too_large:
            self.request.oversized.setdefault(self.field_name, []).append(self.file_name)
        if max(self.announced, self.received) > longest_body():
            self.request.body_was_cut = True
            raise StopUpload(connection_reset=True)
        if is_too_large:
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None  # the next handler keeps the file


def what_was_left_out(request: HttpRequest) -> dict[str, Any]:
    """What the forms are to say of files that this request sent in vain."""
    return {
        "oversized": getattr(request, "oversized", {}),
        "body_was_cut": getattr(request, "body_was_cut", False),
    }
