import os
import secrets

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages

PROBES = "probes"  # a folder, so that what a killed process leaves there is swept like every other stray


class DocumentFolder(FileSystemStorage):
    """A private folder for documents: readable by its owner only, without addresses, and durable.

    A file counts as stored when it and its folder entry are on the disk, so that what was acknowledged to a student
    survives a power cut. Raises OSError (disk full, read-only) and then leaves no half file behind.
    """

    def __init__(self, location: str | None = None) -> None:
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def url(self, name: str | None) -> str:
        raise ValueError("Documents have no public address; they are served by applications.views.document.")

    def _save(self, name, content):
        try:
            name = super()._save(name, content)
            self._sync(self.path(name))
            self._sync(os.path.dirname(self.path(name)))
            self._sync(self.location)  # the folder may be new itself
        except OSError:
            self.delete(name)
            raise
        return name

    @staticmethod
    def _sync(path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def document_storage():
    """Where documents, uploads, page images and exports lie; asked each time, so that tests and settings may differ."""
    return storages["documents"]


def probe() -> None:
    """Write a tiny file where the documents lie, read it back, delete it. Raises what the storage raises otherwise."""
    storage, content = document_storage(), secrets.token_bytes(16)
    name = storage.save(f"{PROBES}/{secrets.token_hex(8)}", ContentFile(content))
    try:
        with storage.open(name) as file:
            if file.read() != content:
                raise OSError("A file was read back and is not what was written.")
    finally:
        storage.delete(name)
