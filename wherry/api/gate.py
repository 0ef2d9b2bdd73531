"""The gate between a client's socket and the HTTP server's protocol of that connection.

It forwards everything, and adds the three things that a Docker Engine needs and the server has no door for:

- A request that may be hijacked reaches the server alone; bytes behind it stay here, because they may be stdin
  (api-containers.md 2.1). `take` gives the socket away with them, `resume` gives them to the server as next request.
- A long poll learns that its client is gone although nothing is written (1.8).
- A client that has half-closed still gets the answer to a request that was complete.
"""

import asyncio
import os
from typing import cast

from aiohttp import web

from wherry.api.hijack import measure

EARLY_LIMIT = 64 << 10
"""Bytes that are held behind a hijacking request before the socket is read no more."""
GRACE = 1.0
"""Seconds in which a request must begin once the client has half-closed behind it."""


class Gate(asyncio.Protocol):
    """One connection; see the module. The server's own protocol is given, and owns the transport until `take`."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        """Stand before the server's protocol of one connection."""
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._busy = False
        self._holding = False
        self._ended = False
        self._request: web.BaseRequest | None = None
        self._poll: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, request: web.BaseRequest) -> "Gate":
        """Return the gate of a request's connection; ConnectionResetError when the client has gone."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        return cast(Gate, transport.get_protocol())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and forward."""
        self._transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the long poll and forward."""
        self._transport = None
        if self._poll is not None:
            self._poll.cancel()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Forward."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Forward."""
        self._inner.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Forward, or hold what belongs to a request that may be hijacked and what follows it."""
        if self._busy:
            self._inner.data_received(data)
            return
        self._held += data
        if not self._holding:
            self._sort()
        elif self._transport is not None and len(self._held) > EARLY_LIMIT:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Keep the socket for the answer when the request is whole; else the client has gone."""
        self._ended = True
        if self._holding:
            return True
        if not self._busy:
            return False
        if self._request is None:
            asyncio.get_running_loop().call_later(GRACE, self._close_if_idle)
            return True
        return self._poll is None and self._request.content.is_eof()

    def begin(self, request: web.BaseRequest) -> None:
        """Note that the server has come to this request; ConnectionResetError when the client left in its midst."""
        self._request = request
        self._busy = not self._holding
        if self._ended and not request.content.is_eof():
            self._close()
            raise ConnectionResetError("the client left before its request was whole")

    def poll(self, task: "asyncio.Task[None]") -> None:
        """Cancel the task when the client goes, or right now if it has."""
        self._poll = task
        if self._ended:
            self._close()

    def finish(self) -> bool:
        """Note that the request was answered; False when this connection must be closed now.

        Only a request whose body was read to its end leaves the connection in a state that is known.
        """
        reusable = not self._ended and self._request is not None and self._request.content.is_eof()
        self._request = self._poll = None
        self._busy = not reusable
        if self._holding:
            self._resume()
        return reusable

    def take(self) -> tuple[int, bytes]:
        """Take the socket away from the server: a descriptor of ours, and the bytes that came behind the request.

        Nothing was written, nothing is shut down: the server closes a descriptor, not the connection. It stays
        non-blocking. ConnectionResetError when the client has gone; ValueError when the request was not held, because
        the client sent it in one breath with another.
        """
        if not self._holding:
            raise ValueError("the request was not held")
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._transport.pause_reading()
        fd = os.dup(self._transport.get_extra_info("socket").fileno())
        early, self._held, self._holding, self._busy = self._held, b"", False, True
        self._close()
        return fd, early

    def _sort(self) -> None:
        """Decide what the bytes that begin a request are."""
        size = measure(self._held)
        if size is None:
            return
        if size == 0:
            data, self._held, self._busy = self._held, b"", True
        else:
            data, self._held, self._holding = self._held[:size], self._held[size:], True
        self._inner.data_received(data)

    def _resume(self) -> None:
        self._holding = False
        if self._transport is not None:
            self._transport.resume_reading()
        if self._held and not self._busy:
            self._sort()

    def _close_if_idle(self) -> None:
        if self._request is None:
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
