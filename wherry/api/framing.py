"""Where a request begins and ends on a connection, and what is none: the refusals are those of Go's server.

Pure. Sources: RFC 9112 (2 to 7); net/http, which dockerd stands on. What Go takes but the HTTP server behind the gate
does not is put right: bare LF, folded values, any method, an absolute target.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from wherry.base.errors import InvalidParameter

HEAD_LIMIT = (1 << 20) + 4096
"""Bytes of request line and headers, as in Go's server."""
FIELDS_LIMIT = 1000
LINE_LIMIT = 4096
"""Bytes of a line between chunks."""

UNKNOWN_METHOD = b"TRACE"
"""What a method is called that no route has; the server knows only those of its list."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_METHODS = rb"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE"
_HEAD = re.compile(
    rb"(?:" + _METHODS + rb") /(?:[!-$&->@-~]++|%[0-9A-Fa-f]{2})*+(?:\?[!-~]*+)? HTTP/1\.([01])\r\n"
    rb"(?:" + _TOKEN + rb":[^\0-\x08\n-\x1f\x7f]*+\r\n)*+\r\n"
)
_LINE = re.compile(rb"(" + _TOKEN + rb") ([^ \r\n]+) HTTP/([0-9])\.([0-9])\r?\n")
_METHOD = re.compile(_METHODS)
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
_FIELD_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([^\r]*?)[ \t]*(?=\r\n)")
_FIELD_ENCODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r]*?)[ \t]*(?=\r\n)")
_LENGTH = re.compile(rb"[0-9]{1,19}")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?\r\n", re.DOTALL)

BAD = "400 Bad Request"
TOO_LARGE = "431 Request Header Fields Too Large"


class Refusal(Exception):
    """Bytes that are no request; `answer` says so, and then the connection is closed."""

    def __init__(self, status: str = BAD, text: str = "") -> None:
        """Take the status with its reason, which is the text too where none is given."""
        super().__init__(status)
        self.answer = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{text or status}"
        ).encode()


class Body(Protocol):
    """What follows a head."""

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        ...

    def take(self, data: bytes) -> tuple[bytes, int]:
        """Return what `data` gives to the server, and how much of it that used up; the rest is to be given again.

        InvalidParameter in Go's words when it is broken.
        """
        ...


@dataclass(slots=True)
class Sized:
    """A body of so many bytes."""

    left: int

    @property
    def done(self) -> bool:
        """Whether none are left."""
        return self.left == 0

    def take(self, data: bytes) -> tuple[bytes, int]:
        """Pass on."""
        size = min(self.left, len(data))
        self.left -= size
        return data[:size], size


class Chunked:
    """A body in chunks; the server gets them without extensions and trailers."""

    def __init__(self) -> None:
        """Stand before the first size."""
        self._left = 0
        self._in_chunk = self._in_trailer = self._done = False

    @property
    def done(self) -> bool:
        """Whether the last chunk and the trailers have come."""
        return self._done

    def take(self, data: bytes) -> tuple[bytes, int]:
        """Pass on chunks as they come, half ones as whole ones."""
        parts: list[bytes] = []
        at = 0
        while at < len(data) and not self._done:
            if self._left:
                piece = data[at : at + self._left]
                parts += (b"%x\r\n" % len(piece), piece, b"\r\n")
                self._left -= len(piece)
                at += len(piece)
                continue
            end = self._line_end(data, at)
            if end == 0:
                break
            self._read_line(data[at:end])
            at = end
        if self._done:
            parts.append(b"0\r\n\r\n")
        return b"".join(parts), at

    def _line_end(self, data: bytes, at: int) -> int:
        """Return where the line ends that begins there, 0 when it has no end yet."""
        if self._in_chunk:
            if not b"\r\n".startswith(data[at : at + 2]):
                raise InvalidParameter("malformed chunked encoding")
            return at + 2 if len(data) > at + 1 else 0
        end = data.find(b"\n", at, at + LINE_LIMIT) + 1
        if end == 0 and len(data) - at >= LINE_LIMIT:
            raise InvalidParameter("header line too long")
        return end

    def _read_line(self, line: bytes) -> None:
        if self._in_chunk:
            self._in_chunk = False
        elif self._in_trailer:
            self._done = line in (b"\r\n", b"\n")
        else:
            size = _SIZE.fullmatch(line)
            if size is None:
                raise InvalidParameter(_chunk_problem(line))
            self._left = int(size[1], 16)
            self._in_chunk, self._in_trailer = self._left > 0, self._left == 0


def _chunk_problem(line: bytes) -> str:
    if not line.endswith(b"\r\n"):
        return "chunked line ends with bare LF"
    digits = line.partition(b";")[0].rstrip()
    if not digits:
        return "empty hex number for chunk length"
    return "invalid byte in chunk length" if re.search(rb"[^0-9a-fA-F]", digits[:16]) else "http chunk length too large"


class Head(NamedTuple):
    """A request's head: how many bytes it took, what the server gets for them, and what follows."""

    size: int
    data: bytes
    body: Body


def read_head(data: bytes) -> Head | None:
    """Return the head that `data` begins with, None when more is needed to tell; Refusal when it is none."""
    size = data.find(b"\r\n\r\n", 0, HEAD_LIMIT) + 4
    head = data[:size]
    found = _HEAD.fullmatch(head) if size > 3 else None
    if found is None:
        size = _size(data)
        if size == 0:
            return None
        head = _mended(data[:size])
        found = _HEAD.fullmatch(head)
        if found is None:
            raise Refusal
    if head.count(b"\n") > FIELDS_LIMIT + 2:
        raise Refusal(TOO_LARGE)
    return Head(size, head, _body(head, found[1]))


def _size(data: bytes) -> int:
    """Return how long the head is, 0 when it is not whole; its line must look like one as soon as that is."""
    found = ((data.find(end, 0, HEAD_LIMIT), len(end)) for end in (b"\n\r\n", b"\n\n"))
    ends = [at + size for at, size in found if at >= 0]
    if ends:
        return min(ends)
    if b"\n" in data and not _LINE.match(data):
        raise Refusal
    if len(data) >= HEAD_LIMIT:
        raise Refusal(TOO_LARGE)
    return 0


def _mended(head: bytes) -> bytes:
    """Return a head as the server takes it, where Go's takes it as it is."""
    line = _LINE.match(head)
    if line is None:
        raise Refusal
    method, target, major, minor = line.groups()
    if major != b"1":
        raise Refusal("505 HTTP Version Not Supported: unsupported protocol version")
    fields = re.sub(rb"\r\n[ \t]+", b" ", re.sub(rb"\r?\n", b"\r\n", b"\n" + head[line.end() :]))
    method = method if _METHOD.fullmatch(method) else UNKNOWN_METHOD
    return b"%b %b HTTP/1.%d%b" % (method, _origin(target), min(int(minor), 1), fields)


def _origin(target: bytes) -> bytes:
    """Return path and query of a target, bytes beyond ASCII escaped; `*` is about no path."""
    target = _AUTHORITY.sub(b"", target, count=1) or b"/" if _AUTHORITY.match(target) else target
    return b"/" if target == b"*" else re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], target)


def _body(head: bytes, minor: bytes) -> Body:
    lower = head.lower()
    hosts = lower.count(b"\r\nhost:")
    if hosts > 1:
        raise Refusal
    if hosts == 0 and minor == b"1":
        raise Refusal(f"{BAD}: missing required Host header")
    lengths = _FIELD_LENGTH.findall(lower) if b"\r\ncontent-length:" in lower else []
    encodings = _FIELD_ENCODING.findall(lower) if b"\r\ntransfer-encoding:" in lower else []
    if encodings and encodings != [b"chunked"]:
        raise Refusal("501 Not Implemented", "Unsupported transfer encoding")
    if len(lengths) + len(encodings) > 1:
        raise Refusal  # who says it twice may want two servers to read two requests
    if encodings:
        return Chunked()
    if lengths and not (_LENGTH.fullmatch(lengths[0]) and int(lengths[0]) < 2**63):
        raise Refusal
    return Sized(int(lengths[0]) if lengths else 0)
