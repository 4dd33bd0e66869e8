"""The archive of a backup: one tar file, and in it a manifest with the size and SHA-256 of everything else.

Any tar program unpacks it. It is not compressed: PDFs hardly shrink, the database is some hundredths of the whole, and
the tools that encrypt archives or keep many of them do better with plain ones.

What is read back is only what is written here. Each header must be, byte for byte, the one that `header` makes for that
name and size; so there are no links, no devices, no rights, and no way out of the folder to be looked for. The manifest
must list just the members that are there, in their order; what fills up the blocks must be zeros. The last member holds
the SHA-256 of the manifest. So no byte can change unnoticed by accident. Against intent, sign or encrypt the archive:
whoever can write it can also write a new manifest.
"""

import datetime
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO, Self

FORMAT = 1
MANIFEST, SEAL = "manifest.json", "manifest.json.sha256"
DATABASE, SECRET_KEY, LEDGER = "database", "secret_key", "erasures.ledger"
DOCUMENTS, LETTERS = "documents/", "letters/"
# Names that `documents` and `letters` give their files; parts that begin with a dot are none, so `..` is none either.
NAME = re.compile(rf"{DATABASE}|{SECRET_KEY}|{LEDGER}|({DOCUMENTS}|{LETTERS})(\w[\w.-]*/)*\w[\w.-]*", re.ASCII)
BLOCK, RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE
CHUNK = 1 << 20
LARGEST_MANIFEST = 256 << 20  # a million documents are 180 MB


class Damaged(Exception):
    """The archive is not, or not any more, what `backup` has written. The words say how."""


class SourceChanged(Exception):
    """A file became shorter or longer while it was copied."""


@dataclass(frozen=True)
class Member:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Facts:
    """What the manifest says beside the list of members: of the product, and of the copy of its database."""

    made_at: str  # ISO 8601, in UTC
    product: str
    site: str
    database: dict[str, str]  # kind, version; for PostgreSQL, tool: the major version of the pg_dump that made the copy
    migrations: list[list[str]]  # those that the database knows: [[app, name], ...]
    counts: dict[str, int]
    damaged: list[str]  # documents that were missing or altered already

    @property
    def moment(self) -> str:
        return f"{datetime.datetime.fromisoformat(self.made_at):%Y-%m-%d %H:%M:%S} UTC"

    @classmethod
    def of(cls, manifest: dict) -> Self:
        """Raises KeyError, TypeError and ValueError for a manifest that does not say all of it."""
        facts = cls(**{field.name: manifest[field.name] for field in fields(cls)})
        [(app, name) for app, name in facts.migrations]
        [int(number) for number in (*facts.counts.values(), facts.database.get("tool", 0))]
        facts.database["kind"], facts.moment
        return facts


def header(name: str, size: int, moment: int) -> bytes:
    """The one block that stands before a member. Raises Damaged for a name or number that does not fit into it."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, moment, 0o600
    try:
        block = info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
    except (ValueError, OverflowError) as error:
        raise Damaged(f"a member cannot be called {name!r}") from error
    if len(block) != BLOCK:  # GNU tar's way with long names, which ours never are
        raise Damaged(f"the name {name!r} is too long")
    return block


def _is_ours(name: str) -> bool:
    return bool(NAME.fullmatch(name)) or name in (MANIFEST, SEAL)


def padding(size: int) -> int:
    """How many zeros fill up the last block of a member."""
    return -size % BLOCK


class Writer:
    """Writes an archive to a file that is open for writing and empty. `finish` makes it complete."""

    def __init__(self, file: BinaryIO, moment: int) -> None:
        self.file, self.moment = file, moment
        self.members: list[Member] = []

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> Member:
        """Add a member of just `size` bytes. On any failure, SourceChanged included, nothing of it stays."""
        if not _is_ours(name):
            raise Damaged(f"{name!r} is no name for a member")
        start = self.file.tell()
        try:
            member = self._copy(name, size, chunks)
        except BaseException:
            self.file.seek(start)
            self.file.truncate()
            raise
        self.members.append(member)
        return member

    def _copy(self, name: str, size: int, chunks: Iterable[bytes]) -> Member:
        digest, copied = hashlib.sha256(), 0
        self.file.write(header(name, size, self.moment))
        for chunk in chunks:
            digest.update(chunk)
            copied += len(chunk)
            if copied > size:
                break
            self.file.write(chunk)
        if copied != size:
            raise SourceChanged(name)
        self.file.write(bytes(padding(size)))
        return Member(name, size, digest.hexdigest())

    def add_file(self, name: str, path: Path) -> Member:
        with open(path, "rb") as file:
            return self.add(name, path.stat().st_size, iter(lambda: file.read(CHUNK), b""))

    def add_bytes(self, name: str, content: bytes) -> Member:
        return self.add(name, len(content), [content])

    def finish(self, facts: Facts) -> None:
        """Write the manifest: the facts and the list of members; then its seal, and the end."""
        listed = [asdict(member) for member in self.members]
        manifest = json.dumps({"format": FORMAT, **asdict(facts), "members": listed}, indent=1).encode()
        self.add_bytes(MANIFEST, manifest)
        self.add_bytes(SEAL, _seal(manifest))
        self.file.write(bytes(2 * BLOCK))
        self.file.write(bytes(-self.file.tell() % RECORD))


def _seal(manifest: bytes) -> bytes:
    """The line that `sha256sum --check` understands."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


class Archive:
    """An archive to read. Opening it reads headers and manifest; `verify` reads everything. Both raise Damaged."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, 2)
        found = self._headers()
        if list(found)[-2:] != [MANIFEST, SEAL]:
            raise Damaged("it does not end with a manifest: it is cut off, or not an archive of `backup`")
        self._offsets = {name: offset for name, (offset, _size) in found.items()}
        self.facts, self.members = self._manifest(found)
        sizes = [(name, size) for name, (_offset, size) in list(found.items())[:-2]]
        if sizes != [(member.name, member.size) for member in self.members.values()]:
            raise Damaged("its members are not those that the manifest lists")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception) -> None:
        self.file.close()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises OSError when the file cannot be read."""
        file = open(path, "rb")  # noqa: SIM115 - closed by __exit__, or here
        try:
            return cls(file)
        except BaseException:
            file.close()
            raise

    def _headers(self) -> dict[str, tuple[int, int]]:
        """Name, place and size of each member, from the headers alone."""
        found: dict[str, tuple[int, int]] = {}
        offset = 0
        while (block := self._at(offset, BLOCK)) != bytes(BLOCK):
            name, size = _understood(block)
            if name in found:
                raise Damaged(f"{name} is in it twice")
            found[name] = (offset + BLOCK, size)
            offset += BLOCK + size
            if any(self._at(offset, padding(size))):
                raise Damaged(f"there is something behind {name}")
            offset += padding(size)
        if self.size != _length(offset) or any(self._at(offset, self.size - offset)):
            raise Damaged("it does not end where it should")
        return found

    def _at(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        content = self.file.read(length)
        if len(content) != length:
            raise Damaged("it is cut off")
        return content

    def _manifest(self, found: dict[str, tuple[int, int]]) -> tuple[Facts, dict[str, Member]]:
        if found[MANIFEST][1] > LARGEST_MANIFEST or found[SEAL][1] > BLOCK:
            raise Damaged("its manifest is too large")
        content = self._at(*found[MANIFEST])
        if self._at(*found[SEAL]) != _seal(content):
            raise Damaged("its manifest was changed")
        try:
            manifest = json.loads(content)
            if manifest["format"] != FORMAT:
                raise Damaged("its manifest is of a format that this version does not know")
            return Facts.of(manifest), _members_of(manifest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged("its manifest cannot be understood") from error

    def verify(self) -> None:
        """Read every member and compare it with the manifest."""
        for name in self.members:
            for _chunk in self.chunks(name):
                pass

    def chunks(self, name: str) -> Iterable[bytes]:
        """The content of a member. Raises Damaged at its end when its SHA-256 is another than the manifest's."""
        member, digest = self.members[name], hashlib.sha256()
        for start in range(0, member.size, CHUNK):
            chunk = self._at(self._offsets[name] + start, min(CHUNK, member.size - start))
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.sha256:
            raise Damaged(f"{name} was changed")

    def read(self, name: str) -> bytes:
        """The whole of a small member."""
        return b"".join(self.chunks(name))

    def extract(self, name: str, path: Path) -> None:
        """Write a member to a new file, readable by its owner only. Whoever calls this removes it after a failure."""
        with open(path, "xb", opener=for_the_owner_only) as file:
            for chunk in self.chunks(name):
                file.write(chunk)


def for_the_owner_only(path: str, flags: int) -> int:
    """Opens a new file so that nobody else can read it, for `open(opener=...)`."""
    return os.open(path, flags, 0o600)


def sync(file: BinaryIO) -> None:
    """Wait until the content of a file that was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _understood(block: bytes) -> tuple[str, int]:
    """Name and size from a header that we could have written."""
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise Damaged("a header in it is damaged, or it is not an archive of `backup`") from error
    if not _is_ours(info.name) or info.size < 0 or header(info.name, info.size, int(info.mtime)) != block:
        raise Damaged(f"it holds {info.name!r} in a way that no backup writes")
    return info.name, info.size


def _length(end: int) -> int:
    """How long an archive is whose last member ends at `end`."""
    return end + 2 * BLOCK + -(end + 2 * BLOCK) % RECORD


def _members_of(manifest: dict) -> dict[str, Member]:
    members = (Member(str(entry["name"]), int(entry["size"]), str(entry["sha256"])) for entry in manifest["members"])
    return {member.name: member for member in members}
