"""What a tar holds and where: regular files and links by name, read from the headers alone.

The standard library's reader trusts sizes that the archive claims and may read or loop without end; here every header
is checked against the file, extended headers are bounded, and nothing is followed but names within the archive.
Sources: pax(1) "ustar Interchange Format" and "pax Header Block", tar(5) for GNU long names and base-256 numbers.
"""

import os
import posixpath
from dataclasses import dataclass, field

from wherry.base.errors import InvalidParameter

BLOCK = 512
HEADERS = 1 << 17
"""Most headers looked at: an archive of images has a few thousand at most."""
EXTENDED = 1 << 20
"""Bytes of the longest extended header."""
HOPS = 16
REGULAR = frozenset((b"0", b"\0", b"7"))
HARD, SYMBOLIC = b"1", b"2"
WITHOUT_DATA = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))
"""Links, devices, directories and fifos: whatever size they claim, the next header follows."""
LONG_NAME, LONG_LINK, PAX = b"L", b"K", b"x"
INVALID, CUT_OFF = "archive/tar: invalid tar header", "unexpected EOF"
"""As Go says it, whose words Docker passes on."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where the bytes of a member are in the archive."""

    offset: int
    size: int


@dataclass(slots=True)
class Members:
    """The members by their normalised names; of two with one name the later counts, as when unpacking."""

    files: dict[str, Span] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Span | None:
        """Return a file by its name or that of a link to it, None if the archive has none."""
        found = normalise(name)
        for _ in range(HOPS):
            if found in self.files:
                return self.files[found]
            if found not in self.links:
                return None
            found = self.links[found]
        return None


@dataclass(frozen=True, slots=True)
class Header:
    """One header block; `kind` is its type flag."""

    name: str
    link: str
    kind: bytes
    size: int


def normalise(name: str) -> str:
    """Return a name relative to the top of the archive, `""` for one that is absolute or leads out of it."""
    clean = posixpath.normpath(name)
    return "" if clean in (".", "..") or clean.startswith(("/", "../")) else clean


def read_members(fd: int) -> Members:
    """Return what an uncompressed tar holds (blocking); InvalidParameter if it is none or is cut off."""
    end = os.fstat(fd).st_size
    members, extra, offset = Members(), dict[str, str](), 0
    for _ in range(HEADERS):
        block = os.pread(fd, BLOCK, offset)
        if not block.strip(b"\0"):
            return members
        header = read_header(block)
        offset += BLOCK
        size = _data_size(header, extra)
        if offset + size > end:
            raise InvalidParameter(CUT_OFF)
        if header.kind in (LONG_NAME, LONG_LINK, PAX):
            extra |= _extended(header.kind, _read(fd, offset, size))
        else:
            _add(members, header, extra, Span(offset, size))
            extra = {}
        offset += -(-size // BLOCK) * BLOCK
    raise InvalidParameter(f"archive/tar: more than {HEADERS} entries")


def read_header(block: bytes) -> Header:
    """Read a header block; InvalidParameter if it is cut off or its checksum is wrong."""
    if len(block) < BLOCK:
        raise InvalidParameter(CUT_OFF)
    if _number(block[148:156]) != sum(block[:148]) + sum(block[156:]) + 8 * ord(" "):
        raise InvalidParameter(INVALID)
    name = _text(block[:100])
    # In GNU's older format the prefix field has times.
    if block[257:263] == b"ustar\0" and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    return Header(name, _text(block[157:257]), block[156:157], _number(block[124:136]))


def _data_size(header: Header, extra: dict[str, str]) -> int:
    if header.kind in WITHOUT_DATA:
        return 0
    if header.kind in REGULAR and "size" in extra:
        return _decimal(extra["size"].encode())
    return header.size


def _add(members: Members, header: Header, extra: dict[str, str], span: Span) -> None:
    """Note a regular file or a link; directories, devices and sparse files are nothing that an image is made of."""
    name = normalise(extra.get("path", header.name))
    link = extra.get("linkpath", header.link)
    if not name:
        return
    if header.kind in REGULAR:
        members.files[name] = span
        members.links.pop(name, None)
    elif header.kind in (HARD, SYMBOLIC):
        base = posixpath.dirname(name) if header.kind == SYMBOLIC else ""
        members.links[name] = normalise(posixpath.join(base, link))
        members.files.pop(name, None)


def _extended(kind: bytes, data: bytes) -> dict[str, str]:
    """Read what an extended header says of the next member, by pax's keywords."""
    if kind == LONG_NAME:
        return {"path": _text(data)}
    if kind == LONG_LINK:
        return {"linkpath": _text(data)}
    found, at = {}, 0
    while at < len(data):
        length, _, _ = data[at : at + 20].partition(b" ")
        end = at + _decimal(length)
        keyword, equals, value = data[at + len(length) + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise InvalidParameter(INVALID)
        if keyword in (b"path", b"linkpath", b"size"):
            found[keyword.decode()] = _text(value)
        at = end
    return found


def _read(fd: int, offset: int, size: int) -> bytes:
    if size > EXTENDED:
        raise InvalidParameter("archive/tar: header field too long")
    return os.pread(fd, size, offset)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _decimal(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > 19:
        raise InvalidParameter(INVALID)
    return int(raw)


def _number(raw: bytes) -> int:
    """Read a number: octal, or in base 256 if its first bit is set; a negative one is refused."""
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    digits = raw.strip(b" \0") or b"0"
    if not digits.isdigit() or set(digits) & set(b"89"):
        raise InvalidParameter(INVALID)
    return int(digits, 8)
