"""A small client of the Engine API over the engine's unix socket, for the `wherry` program. Standard library only."""

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from wherry.base.errors import InvalidParameter, System, Unavailable

STDOUT, STDERR = 1, 2
HEADER = 8


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("docker", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Open the socket in place of TCP."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Calls an engine; every call has a deadline of `seconds` per wait on the socket."""

    def __init__(self, host: str, seconds: float = 60.0) -> None:
        """Take `unix:///path`; InvalidParameter for anything else."""
        scheme, _, path = host.partition("://")
        if scheme != "unix" or not path.startswith("/"):
            raise InvalidParameter(f"cannot speak to {host}: give the engine's socket as unix:///path")
        self.path = path
        self._seconds = seconds

    def call(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """Return the decoded JSON of an answer, None for an empty one.

        Bytes are sent as a tar archive, anything else as JSON. System carries the engine's own message, Unavailable
        says that nobody answers.
        """
        raw = self.read(method, path, query, body)
        return json.loads(raw) if raw.strip() else None

    def read(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> bytes:
        """Return the body of an answer as it is; raises as `call` does."""
        target = f"{quote(path)}?{urlencode(query)}" if query else quote(path)
        payload, kind = (body, "application/x-tar") if isinstance(body, bytes) else (_encode(body), "application/json")
        connection = _UnixConnection(self.path, self._seconds)
        try:
            connection.request(method, target, payload, {"Content-Type": kind} if payload else {})
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"no engine answers at unix://{self.path}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise System(f"{method} {path}: {answer.status} {_message(raw)}")
        return raw


def unframe(raw: bytes) -> dict[int, bytes]:
    """Split a multiplexed stream into what went to stdout (1) and stderr (2) (api-containers.md 2.2)."""
    parts: dict[int, list[bytes]] = {STDOUT: [], STDERR: []}
    at = 0
    while at + HEADER <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + HEADER], "big")
        parts.setdefault(raw[at], []).append(raw[at + HEADER : at + HEADER + size])
        at += HEADER + size
    return {stream: b"".join(chunks) for stream, chunks in parts.items()}


def _encode(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _message(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        return raw[:200].decode("utf-8", "replace").strip()
