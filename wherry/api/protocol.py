"""The HTTP server's protocol of one connection, with answers of ours where it would give its own."""

import logging

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from wherry.api.framing import Refusal
from wherry.api.reply import JSON, encode

log = logging.getLogger("wherry.api")

_BODY = encode({"message": "internal error"})
_FAILED = (
    f"HTTP/1.1 500 Internal Server Error\r\nContent-Type: {JSON}\r\nContent-Length: {len(_BODY)}\r\n"
    "Connection: close\r\n\r\n"
).encode() + _BODY


class Sent(web.StreamResponse):
    """What the HTTP server is given when an answer is on its way already: it only learns whether to go on."""

    def __init__(self, keep_alive: bool) -> None:
        """Say whether the connection stays open."""
        super().__init__()
        self._again = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open."""
        return self._again

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write nothing: the head is out."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the body is out."""


class Last(Sent):
    """Bytes that are the whole answer and the last one."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes."""
        super().__init__(keep_alive=False)
        self._data = data

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write them."""
        await request.writer.write(self._data)
        return None


class Protocol(web.RequestHandler):
    """See the module. What is no request comes here only if the gate took it for one (framing.py)."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return what is answered to a request that cannot be read, or that failed outside of its route."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if status == 400:
            log.debug("no request: %s", exc)
            return Last(Refusal().answer)
        log.error("%s %s failed", request.method, request.raw_path, exc_info=exc)
        return Last(_FAILED)
