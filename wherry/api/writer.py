"""Answers on the wire: heads, framing, flushing. Every byte of a response is written here, hijacked ones excepted.

The server's own response objects are not used: Docker's answers need exact heads (api-containers.md 1.3, 1.8), and
this way costs a third.
"""

import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from wherry.api.reply import Raw, Reply, Stream

BODILESS = frozenset((204, 304))

_STATUS_LINES = {
    (minor, status.value): f"HTTP/1.{minor} {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    for minor in (0, 1)
}


class Writer:
    """Writes answers to requests; knows the time for their `Date`."""

    def __init__(self) -> None:
        """Begin without a date."""
        self._second = 0
        self._date = b""

    async def whole(self, request: web.BaseRequest, reply: Reply, common: bytes, keep: bool) -> None:
        """Write a whole answer in one piece; `common` are the header lines of every answer."""
        parts = [_status_line(request, reply.status), common, reply.headers, self._dated()]
        if reply.content_type:
            parts.append(f"Content-Type: {reply.content_type}\r\n".encode())
        if reply.status not in BODILESS:
            parts.append(b"Content-Length: %d\r\n" % len(reply.body))
        parts.append(b"\r\n" if keep else b"Connection: close\r\n\r\n")
        if reply.status not in BODILESS and request.method != "HEAD":
            parts.append(reply.body)
        await request.writer.write(b"".join(parts))

    async def stream(self, request: web.BaseRequest, stream: Stream, common: bytes, keep: bool) -> None:
        """Write the head at once, then each chunk as it comes; chunked, or ended by the close for HTTP/1.0."""
        chunked = request.version.minor >= 1
        parts = [_status_line(request, 200), common, self._dated()]
        parts.append(f"Content-Type: {stream.content_type}\r\n".encode())
        if chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        parts.append(b"\r\n" if keep else b"Connection: close\r\n\r\n")
        await request.writer.write(b"".join(parts))
        await _body(request.writer, stream.chunks, chunked)

    async def raw(self, request: web.BaseRequest, raw: Raw) -> None:
        """Write bytes as they are."""
        await request.writer.write(raw.data)

    def _dated(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._date = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._date


async def _body(writer: AbstractStreamWriter, chunks: AsyncIterator[bytes], chunked: bool) -> None:
    async for chunk in chunks:
        if chunk:
            await writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
    if chunked:
        await writer.write(b"0\r\n\r\n")


def _status_line(request: web.BaseRequest, status: int) -> bytes:
    return _STATUS_LINES[min(request.version.minor, 1), status]
