"""One request as a route sees it: decoded path, query and body, and the services it may call."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from wherry.api.decode import check_content_type, parse
from wherry.api.query import Query
from wherry.api.services import Services
from wherry.api.typed import convert
from wherry.base.errors import InvalidParameter, Unavailable

T = TypeVar("T")

Version = tuple[int, int]

JSON_LIMIT = 32 << 20
"""Bytes of a JSON body. Docker has no limit; it holds the body in memory as we do, and nothing real comes near."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Call:
    """See the module. `params` are the names in the path, `version` is the API version asked for."""

    request: web.BaseRequest
    given: Services | None
    """What `services` is, None while the engine boots."""
    params: dict[str, str]
    version: Version
    query: Query
    common: bytes
    """The header lines that every answer carries; a hijacked exec sends them too."""

    @property
    def services(self) -> Services:
        """What the route may call; Unavailable in one that was declared to need nothing."""
        if self.given is None:
            raise Unavailable("the engine is still starting")
        return self.given

    @property
    def upgrade(self) -> bool:
        """Whether the client asks for an upgrade: the header's presence counts, not its value."""
        return "Upgrade" in self.request.headers

    @property
    def length(self) -> int:
        """Bytes of the body, -1 when only its end will tell."""
        headers = self.request.headers
        return -1 if "Transfer-Encoding" in headers else int(headers.get("Content-Length", 0))

    def check_json(self) -> None:
        """Refuse a body that is not declared as JSON."""
        declared = self.request.headers.get("Content-Type")
        if declared is not None:
            declared = declared.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # it is told back
        check_content_type(declared, self.length)

    async def body(self, limit: int = JSON_LIMIT) -> bytes:
        """Read the whole body; InvalidParameter above the limit in bytes."""
        parts = bytearray()
        await self.invite()
        async for chunk in self.chunks():
            parts += chunk
            if len(parts) > limit:
                raise InvalidParameter(f"request body too large: more than {limit} bytes")
        return bytes(parts)

    async def json(self, kind: type[T]) -> T:
        """Read a JSON body that may be absent; an empty one is the zero value."""
        self.check_json()
        if self.length == 0:
            return kind()
        return convert(kind, await self.value())

    async def value(self) -> Any:
        """Read a JSON body and return the value in it."""
        try:
            body = await self.body()
        except InvalidParameter as error:
            raise InvalidParameter(f"invalid JSON: {error}") from error
        return parse(body)

    async def invite(self) -> None:
        """Tell a client that waits for it (`Expect: 100-continue`) to send its body; before any byte of the answer."""
        if self.request.headers.get("Expect", "").lower() == "100-continue" and not self.request.content.is_eof():
            await self.request.writer.write(CONTINUE)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; `invite` comes first."""
        async for chunk in self.request.content.iter_any():
            yield chunk
