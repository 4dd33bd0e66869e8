"""The archive as a file: what is written is read back, and nothing else is taken for an archive."""

import hashlib
import json
import tarfile
from io import BytesIO

import pytest

from tests.tracker.archives import SHORT_FACTS, written
from tracker import archive
from tracker.archive import Archive, Damaged, SourceChanged, Writer

pytestmark = pytest.mark.once


def verify(content: bytes) -> Archive:
    opened = Archive(BytesIO(content))
    opened.verify()
    return opened


MEMBERS = {
    "database": b"rows" * 300,
    "documents/ab/ab12.pdf": b"%PDF-1.7",
    "documents/empty.pdf": b"",
    "secret_key": b"s",
}


def test_what_is_written_is_read_back_and_any_tar_program_unpacks_it():
    content = written(MEMBERS)
    opened = verify(content)
    assert {name: opened.read(name) for name in opened.members} == MEMBERS
    assert opened.facts == SHORT_FACTS
    with tarfile.open(fileobj=BytesIO(content)) as unpacked:
        assert unpacked.getnames() == [*MEMBERS, "manifest.json", "manifest.json.sha256"]
        assert unpacked.extractfile("documents/ab/ab12.pdf").read() == b"%PDF-1.7"
        manifest, seal = (unpacked.extractfile(name).read() for name in unpacked.getnames()[-2:])
    assert seal.decode() == f"{hashlib.sha256(manifest).hexdigest()}  manifest.json\n"


def test_no_byte_can_change_unnoticed():
    content = written({"database": b"rows", "documents/ab/ab12.pdf": b"%PDF-1.7", "secret_key": b"key"})
    unnoticed = []
    for place in (place for place, byte in enumerate(content) if byte or place % 16 == 0):  # most of it is zeros
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        try:
            verify(bytes(changed))
        except Damaged:
            continue
        unnoticed.append(place)
    assert unnoticed == []


def test_an_archive_that_is_cut_off_or_longer_is_refused():
    content = written(MEMBERS)
    for wrong in (
        b"",
        content[:512],
        content[: len(content) // 2],
        content[:-1],
        content + bytes(512),
        content + content,
    ):
        with pytest.raises(Damaged):
            verify(wrong)


@pytest.mark.parametrize("listed", ["a member less", "a member more", "in another order"])
def test_members_that_are_not_those_of_the_manifest_are_refused(listed):
    file = BytesIO()
    writer = Writer(file, 1_790_000_000)
    for name, content in MEMBERS.items():
        writer.add_bytes(name, content)
    if listed == "a member less":
        del writer.members[1]
    elif listed == "a member more":
        writer.members.append(archive.Member("documents/cd/cd12.pdf", 4, "0" * 64))
    else:
        writer.members.reverse()
    writer.finish(SHORT_FACTS)
    with pytest.raises(Damaged, match="not those that the manifest lists"):
        verify(file.getvalue())


def test_a_member_that_is_there_twice_is_refused():
    file = BytesIO()
    writer = Writer(file, 1_790_000_000)
    writer.add_bytes("secret_key", b"one")
    writer.add_bytes("secret_key", b"two")
    writer.finish(SHORT_FACTS)
    with pytest.raises(Damaged, match="twice"):
        verify(file.getvalue())


@pytest.mark.parametrize(
    "name",
    ["../secret_key", "/etc/passwd", "documents/../../x", "documents/.ssh", "documents//x", "documents/", "settings.py",
     "letters/a b.eml", "database/x", "documents/x\n", "documents/ü.pdf"],
)  # fmt: skip
def test_names_that_lead_anywhere_else_are_neither_written_nor_read(name, monkeypatch):
    with pytest.raises(Damaged):
        written({name: b"x"})
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_is_ours", lambda name: True)
        patch.setattr(
            tarfile.TarInfo, "tobuf", lambda info, *_: info.create_gnu_header(info.get_info(), "utf-8", "strict")
        )
        crafted = written({name: b"x"})
    with pytest.raises(Damaged):
        verify(crafted)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_folders_and_devices_are_refused(kind):
    info = tarfile.TarInfo("documents/ab/ab12.pdf")
    info.type, info.linkname, info.mode = (
        kind,
        "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else "",
        0o600,
    )
    with pytest.raises(Damaged, match="in a way that no backup writes"):
        verify(info.tobuf(tarfile.GNU_FORMAT) + written({}))


@pytest.mark.parametrize("change", [{"format": 2}, {"counts": None}, {"made_at": "yesterday"}, {"members": [{}]}])
def test_a_manifest_that_says_something_else_is_refused_and_no_traceback(change, monkeypatch):
    honest = json.dumps
    monkeypatch.setattr(archive.json, "dumps", lambda manifest, **more: honest(manifest | change, **more))
    crafted = written({})
    with pytest.raises(Damaged):
        verify(crafted)


@pytest.mark.parametrize("content", [b"short", b"longer than it was said to be"])
def test_a_file_that_changes_its_size_while_it_is_copied_leaves_no_trace(content):
    file = BytesIO()
    writer = Writer(file, 1_790_000_000)
    writer.add_bytes("secret_key", b"key")
    with pytest.raises(SourceChanged):
        writer.add("documents/ab/ab12.pdf", 10, [content])
    writer.finish(SHORT_FACTS)
    assert list(verify(file.getvalue()).members) == ["secret_key"]
