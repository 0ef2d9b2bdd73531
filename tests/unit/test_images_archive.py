"""Uploaded archives: compressions, what their headers say, and what hostile ones do not achieve."""

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.load_fakes import Files, chunks, digest, tar
from wherry.base.errors import InvalidParameter, System
from wherry.images import archive as module
from wherry.images.archive import Archive, receive
from wherry.images.tarindex import Members, normalise, read_members

FILES: Files = {"a/b": b"one", "big": os.urandom((1 << 20) + 5), "empty": b""}
Compress = Callable[[bytes], bytes]
COMPRESSIONS: list[Compress] = [
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstandard.ZstdCompressor().compress,
    lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
    lambda data: lzma.compress(data[:1000]) + b"\0" * 8 + lzma.compress(data[1000:]),
]


async def contents(archive: Archive, name: str) -> bytes:
    span = archive.find(name)
    assert span is not None
    return b"".join([chunk async for chunk in archive.chunks(span)])


@pytest.mark.parametrize("compress", [lambda data: data, *COMPRESSIONS])
async def test_members_are_read(tmp_path: Path, compress: Compress) -> None:
    archive = await receive(chunks(compress(tar(FILES)), 100_000), f"{tmp_path}/new")
    for name, data in FILES.items():
        assert await contents(archive, name) == data
    span = archive.find("big")
    assert span is not None
    assert await archive.digest(span) == digest(FILES["big"])
    assert await archive.head(span, 5) == FILES["big"][:5]
    with pytest.raises(InvalidParameter, match="a document of 1048581 bytes"):
        await archive.read(span, 1000)
    archive.close()
    assert os.listdir(f"{tmp_path}/new") == []


@pytest.mark.parametrize("compress", COMPRESSIONS[:3])
async def test_what_is_cut_off_is_no_archive(tmp_path: Path, compress: Compress) -> None:
    with pytest.raises(InvalidParameter, match="failed to decompress input tar archive: "):
        await receive(chunks(compress(os.urandom(10_000))[:-100]), str(tmp_path))


async def test_a_broken_zstd_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="failed to decompress input tar archive: "):
        await receive(chunks(b"\x28\xb5\x2f\xfd" + b"\xff" * 100), str(tmp_path))


async def test_expansion_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXPANSION_FREE", 1000)
    with pytest.raises(InvalidParameter, match="become too many"):
        await receive(chunks(bz2.compress(b"\0" * (10 << 20))), str(tmp_path))


async def test_the_memory_of_xz_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "XZ_MEMORY", 1 << 16)
    with pytest.raises(InvalidParameter, match="Memory usage limit exceeded"):
        await receive(chunks(lzma.compress(tar(FILES))), str(tmp_path))


async def test_a_spool_that_cannot_be_written_is_a_failure_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(System, match="keep the archive"):
        await receive(chunks(b""), f"{tmp_path}/file/below")


def members(tmp_path: Path, data: bytes) -> Members:
    path = tmp_path / "tar"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_members(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_every_format(tmp_path: Path, form: int) -> None:
    names = ["./a", "b//c", "x" * 99, f"{'d' * 120}/{'f' * 90}", "./e/../g"]
    names += [] if form == tarfile.USTAR_FORMAT else ["y" * 300, "ü" * 200]
    found = members(tmp_path, tar({name: name.encode() for name in names}, form=form))
    assert [found.find(name) for name in names] == [found.files[normalise(name)] for name in names]
    assert len(found.files) == len(names)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_lead_to_members(tmp_path: Path, kind: bytes) -> None:
    up = "../" if kind == tarfile.SYMTYPE else ""
    links = {"l/a": f"{up}m/b", "m/b": f"{up}f", "out": "../../etc/passwd", "abs": "/f", "x": "y", "y": "x", "z": "no"}
    found = members(tmp_path, tar({"f": b"1"}, links, kind))
    assert found.find("l/a") == found.find("f") is not None
    assert [found.find(name) for name in ("out", "abs", "x", "z")] == [None] * 4


def test_the_later_of_two_members_counts(tmp_path: Path) -> None:
    both = tar({"f": b"1"})[:1024] + tar({"f": b"22"})
    found = members(tmp_path, both).find("f")
    assert found is not None
    assert found.size == 2


@pytest.mark.parametrize("name", ["/etc/passwd", "..", "../x", "a/../../x", ".", "", "//x"])
def test_names_outside_are_no_members(tmp_path: Path, name: str) -> None:
    found = members(tmp_path, tar({name: b"1"}, form=tarfile.GNU_FORMAT))
    assert found.files == {}
    assert found.find(name) is None


def test_links_without_data_may_claim_a_size(tmp_path: Path) -> None:
    link = header(b"l", 5000, b"2", b"f")
    assert members(tmp_path, link + tar({"f": b"1"})).find("l") is not None


def header(name: bytes, size: int, kind: bytes, link: bytes = b"") -> bytes:
    numbers = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0"
    return checked(name.ljust(100, b"\0") + numbers + b" " * 8 + kind + link.ljust(100, b"\0") + b"ustar\x0000")


def checked(block: bytes) -> bytes:
    block = block.ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 600, "archive/tar: invalid tar header"),
        (b"x", "^unexpected EOF$"),
        (header(b"f", 600, b"0") + b"x" * 512, "^unexpected EOF$"),
        (header(b"f", 1 << 21, b"x") + b"x" * (1 << 21), "archive/tar: header field too long"),
        (header(b"f", 3, b"x") + b"3 =".ljust(512, b"\0"), "archive/tar: invalid tar header"),
        (header(b"f", 9, b"x") + b"0 path=a\n".ljust(512, b"\0"), "archive/tar: invalid tar header"),
        (header(b"f", 9, b"x") + b"99 path=a\n".ljust(512, b"\0"), "archive/tar: invalid tar header"),
        (
            header(b"f", 12, b"x") + b"12 size=-99\n".ljust(512, b"\0") + header(b"f", 0, b"0"),
            "archive/tar: invalid tar header",
        ),
        (
            checked(header(b"f", 0, b"0")[:124] + b"\xff" * 12 + b"\0" * 12 + b" " * 8),
            "archive/tar: invalid tar header",
        ),
        (header(b"d/", 0, b"5") * 10, "more than 8 entries"),
    ],
)
def test_hostile_headers(tmp_path: Path, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.images.tarindex.HEADERS", 8)
    with pytest.raises(InvalidParameter, match=words):
        members(tmp_path, data)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 2047), st.binary(min_size=1, max_size=20))
def test_no_byte_breaks_the_reader(tmp_path: Path, at: int, junk: bytes) -> None:
    whole = bytearray(tar({"y" * 300: b"1", "f": b"2"}, {"l": "f"}, form=tarfile.PAX_FORMAT))
    whole[at : at + len(junk)] = junk
    try:
        found = members(tmp_path, bytes(whole))
    except InvalidParameter:
        return
    assert all(span.offset + span.size <= len(whole) for span in found.files.values())
