"""Receives files: refuses too much data while it arrives, and outlives a full disk.

Django itself would first put all of it on the disk, and answer a full disk with a fault.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

logger = logging.getLogger(__name__)


def longest_body() -> int:
    """How many bytes of files one request may send before it is cut off: twice what an honest application needs.

    Up to here an oversized file is read and thrown away, so that the browser sees the answer and not a reset.
    """
    return 2 * settings.DOCUMENT_MAX_BYTES * (1 + settings.TRANSCRIPTS_MAX)


def most_files() -> int:
    """How many files one request may bring before the rest is skipped: twice what an honest application needs."""
    return 2 * (1 + settings.TRANSCRIPTS_MAX)


class SizeLimit(FileUploadHandler):
    """Skips each file past DOCUMENT_MAX_BYTES and notes its name in `request.oversized` ({field: [names]}).

    Skips each file past `most_files()` and counts it in `request.surplus` ({field: number}).
    A request that announces or sends more than `longest_body()` is cut at its next file byte; fields that came before
    are kept, and `request.body_was_cut` is true.
    """

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        self.announced = content_length
        self.received = 0
        self.files = 0
        self.request.oversized = {}
        self.request.surplus = {}
        self.request.body_was_cut = False

    def new_file(self, field_name, file_name, *args, **kwargs):
        super().new_file(field_name, file_name, *args, **kwargs)
        self.size = 0
        self.files += 1
        if self.is_surplus:
            self.request.surplus[field_name] = self.request.surplus.get(field_name, 0) + 1

    @property
    def is_surplus(self) -> bool:
        return self.files > most_files()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.size += len(raw_data)
        self.received += len(raw_data)
        is_too_large = self.size > settings.DOCUMENT_MAX_BYTES
        if is_too_large:
            self.request.oversized.setdefault(self.field_name, []).append(self.file_name)
        if max(self.announced, self.received) > longest_body():
            self.request.body_was_cut = True
            raise StopUpload(connection_reset=True)
        if is_too_large or self.is_surplus:
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None  # the next handler keeps the file


class OnDisk(TemporaryFileUploadHandler):
    """Receives each file into FILE_UPLOAD_TEMP_DIR.

    A file that cannot be written there (disk full, read-only) is thrown away at once and noted in
    `request.not_received` ({field: [names]}), so that the form can ask for it again and keep everything else.
    """

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        self.request.not_received = {}

    def new_file(self, *args, **kwargs):
        vars(self).pop("file", None)  # the file before this one is complete; skipping this one must not close that
        with self._skipped_when_it_cannot_be_written():
            super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        with self._skipped_when_it_cannot_be_written():
            super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int):
        with suppress(SkipFile), self._skipped_when_it_cannot_be_written():
            return super().file_complete(file_size)  # writes what is still in its buffer
        return None

    @contextmanager
    def _skipped_when_it_cannot_be_written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            logger.error("A file could not be received: %s.", error.strerror or type(error).__name__)
            self.request.not_received.setdefault(self.field_name, []).append(self.file_name)
            if hasattr(self, "file"):
                with suppress(OSError):  # closing tries to write the rest once more; the file goes all the same
                    self.file.close()
            raise SkipFile from error


def let_go(request: HttpRequest) -> None:
    """Throw away what had begun to arrive with a request that cannot be read; Django leaves it for long."""
    for handler in request.upload_handlers:
        if hasattr(handler, "file"):
            handler.file.close()


def what_was_left_out(request: HttpRequest) -> dict[str, Any]:
    """What the forms are to say of files that this request sent in vain."""
    return {
        "oversized": getattr(request, "oversized", {}),
        "surplus": getattr(request, "surplus", {}),
        "body_was_cut": getattr(request, "body_was_cut", False),
        "not_received": getattr(request, "not_received", {}),
    }
