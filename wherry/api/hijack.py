"""Hijacked streams on the wire: which requests may become one, where such a request ends, and how it is answered.

Pure. Sources: api-containers.md 2.1 (the heads), RFC 9112 sections 6 and 7 (where a message ends).
"""

import re
from http import HTTPStatus

from wherry.base.errors import InvalidParameter

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
MULTIPLEXED_SINCE = (1, 42)

HEAD_LIMIT = 1 << 20
"""Bytes of request line and headers, as in Go's server."""
BODY_LIMIT = 1 << 20
"""Bytes of a hijacking request's body, which is held in memory; real ones have a hundred."""

_START = b"POST /"
_LINE = re.compile(rb"POST (?:/v[0-9.]+)?/(?:containers/[^ ?]+/attach|exec/[^ ?]+/start)(?:\?[^ ]*)? HTTP/1\.[01]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?")


def content_type(multiplexed: bool, version: tuple[int, int]) -> str:
    """Return the media type of a stream; clients before 1.42 know one only."""
    return MULTIPLEXED if multiplexed and version >= MULTIPLEXED_SINCE else RAW


def opening(upgrade: bool, tty: bool, version: tuple[int, int], headers: bytes = b"") -> bytes:
    """Return the head that opens a stream; `headers` are whole lines that follow (exec sends the common ones)."""
    if not upgrade:
        return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n" % (RAW.encode(), headers)
    kind = content_type(not tty, version).encode()
    return b"HTTP/1.1 101 UPGRADED\r\nContent-Type: %b\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n%b\r\n" % (
        kind,
        headers,
    )


def refusal(status: int, text: str) -> bytes:
    """Return the whole answer to an attach that failed its checks: a head without length and plain text."""
    reason = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {reason}\r\nContent-Type: {RAW}\r\n\r\n{text}\r\n".encode()


def measure(data: bytes) -> int | None:
    """Return how many bytes at the start of `data` are a request that may be hijacked.

    0 means that it is another request, or too odd to be held: nobody needs its end. None means that more bytes are
    needed to tell.
    """
    if not data.startswith(_START):
        return None if _START.startswith(data) else 0
    line_end = data.find(b"\r\n")
    if line_end < 0:
        return None if len(data) <= HEAD_LIMIT else 0
    if not _LINE.fullmatch(data, 0, line_end):
        return 0
    head_end = data.find(b"\r\n\r\n", line_end)
    if head_end < 0:
        return None if len(data) <= HEAD_LIMIT else 0
    return _whole(data, head_end + 4)


def _whole(data: bytes, body: int) -> int | None:
    if _CHUNKED.search(data, 0, body):
        return _chunked_end(data, body)
    length = _LENGTH.search(data, 0, body)
    if length is None:
        return body
    size = int(length[1])
    if size > BODY_LIMIT:
        return 0
    return body + size if len(data) >= body + size else None


def _chunked_end(data: bytes, start: int) -> int | None:
    at = start
    while at - start <= BODY_LIMIT:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None if len(data) - at <= HEAD_LIMIT else 0
        size = _CHUNK_SIZE.fullmatch(data, at, line_end)
        if size is None:
            return 0
        at = line_end + 2 + int(size[1], 16) + 2
        if int(size[1], 16) == 0:
            return _trailers_end(data, line_end + 2)
    return 0


def _trailers_end(data: bytes, at: int) -> int | None:
    if data.startswith(b"\r\n", at):
        return at + 2
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        return None if len(data) - at <= HEAD_LIMIT else 0
    return end + 4


def missing(name: str) -> InvalidParameter:
    """Return the error of a connection that cannot be taken away from the server."""
    return InvalidParameter(f"error attaching to container {name}, hijack connection missing")
