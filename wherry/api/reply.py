"""What a route answers: data that server.py writes. No route writes to a socket."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from wherry.api.errors import status_of
from wherry.api.services import Session
from wherry.base.errors import EngineError

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `headers` are complete lines with their line ends."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: bytes = b""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose head is sent at once and whose body comes chunk by chunk; `cleanup` runs at its end, always."""

    chunks: AsyncIterator[bytes]
    content_type: str
    cleanup: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Hijack:
    """The connection stops being HTTP: the socket goes to the session, which writes `head`."""

    session: Session
    head: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that are written as they are; then the connection is closed."""

    data: bytes


Answer = Reply | Stream | Hijack | Raw


def encode(value: Any) -> bytes:
    """Return compact JSON in raw UTF-8 with the newline that Go's encoder leaves."""
    return _encode(value) + b"\n"


def json_reply(value: Any, status: int = 200) -> Reply:
    """Answer a value as JSON."""
    return Reply(status, encode(value), JSON)


def error_reply(error: EngineError) -> Reply:
    """Answer an error in Docker's form; 304 has no body."""
    status = status_of(error)
    return Reply(status) if status == 304 else json_reply({"message": str(error)}, status)


NO_CONTENT = Reply(204)
NOT_FOUND = Reply(404, encode({"message": "page not found"}), JSON)
