"""The gate between a client's socket and the HTTP server's protocol of that connection.

The server gets one request at a time, and never a byte that is none (framing.py). So:

- Bytes behind a request stay here until it is answered. They may be the next request, or stdin: `take` gives the socket
  away with them (api-containers.md 2.1).
- What is no request is refused in the words of dockerd, and a broken body is an error that its reader gets.
- A long poll learns that its client is gone although nothing is written (1.8).
- A client that has half-closed still gets its answer.
"""

import asyncio
import os
from typing import cast

from aiohttp import web

from wherry.api.framing import Body, Refusal, Sized, read_head
from wherry.base.errors import InvalidParameter

EARLY_LIMIT = 64 << 10
"""Bytes that are held behind a request before the socket is read no more."""


class Gate(asyncio.Protocol):
    """One connection; see the module. The server's own protocol is given, and owns the transport until `take`."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        """Stand before the server's protocol of one connection."""
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._body: Body | None = None
        self._request: web.BaseRequest | None = None
        self._fault: InvalidParameter | None = None
        self._ended = self._over = self._paused = False
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
        """Forward what belongs to the request, and hold what is behind it."""
        self._held = self._held + data if self._held else data
        if self._body is None:
            self._begin_next()
        else:
            self._forward(b"", self._body)

    def eof_received(self) -> bool:
        """Keep the socket for the answer to a request that has begun; else the client has gone."""
        self._ended = True
        if self._body is None:
            if self._held:
                self._refuse(Refusal())
            return False
        self._check_end(self._body)
        return self._poll is None and not self._over

    def begin(self, request: web.BaseRequest) -> None:
        """Note that the server has come to this request."""
        self._request = request
        if self._fault is not None:
            request.content.set_exception(self._fault)

    def poll(self, task: "asyncio.Task[None]") -> None:
        """Cancel the task when the client goes, or right now if it has."""
        self._poll = task
        if self._ended:
            self._close()

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: the client is there, and the end of this one is known."""
        return self._body is not None and self._body.done and bool(self._held or not self._ended)

    def finish(self, keep: bool) -> None:
        """Note that the request was answered, and let the next one in if the connection stays open."""
        if self._fault is not None and self._request is not None:
            self._request.content.feed_eof()  # there is nothing left that the server could wait for
        self._request = self._poll = None
        self._over = not keep
        if self._over or self._transport is None or self._transport.is_closing():
            return
        self._body = None
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._held:
            self._begin_next()

    def take(self) -> tuple[int, bytes]:
        """Take the socket away from the server: a descriptor of ours, and the bytes that came behind the request.

        Nothing was written, nothing is shut down: the server closes a descriptor, not the connection. It stays
        non-blocking. ConnectionResetError when the client has gone; ValueError before the request's body was read.
        """
        if self._body is None or not self._body.done:
            raise ValueError("the request has not ended")
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._transport.pause_reading()
        fd = os.dup(self._transport.get_extra_info("socket").fileno())
        early, self._held = self._held, b""
        self._close()
        return fd, early

    def _begin_next(self) -> None:
        """Let a request in as soon as its head is whole."""
        try:
            head = read_head(self._held)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if head is not None:
            self._held = self._held[head.size :]
            self._body = head.body
            self._forward(head.data, head.body)
            self._check_end(head.body)
        elif self._ended:
            self._refuse(Refusal())

    def _forward(self, data: bytes, body: Body) -> None:
        """Forward `data` and what is held of the body."""
        if self._held and not body.done and self._fault is None:
            try:
                part, used = body.take(self._held)
            except InvalidParameter as error:
                self._break(error)
            else:
                data, self._held = data + part, self._held[used:]
        if data:
            self._inner.data_received(data)
        if self._fault is not None:
            self._held = b""
        elif body.done and len(self._held) > EARLY_LIMIT and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _check_end(self, body: Body) -> None:
        if self._ended and not body.done:
            self._break(InvalidParameter("unexpected EOF"))

    def _break(self, fault: InvalidParameter) -> None:
        """Tell the reader of the body that it is broken; no other request can follow."""
        if self._fault is None:
            self._fault = fault
            if self._request is not None:
                self._request.content.set_exception(fault)

    def _refuse(self, refusal: Refusal) -> None:
        """Say that this is no request. The answers before are written: nothing is in flight."""
        self._held, self._body = b"", Sized(0)
        if self._transport is not None:
            self._transport.write(refusal.answer)
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
