"""One gRPC channel to containerd, for one containerd namespace.

Calls go out as bytes and come back as bytes; the message classes are applied here, so that a callable is made once
per method and serves every call.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from grpc import ChannelConnectivity, aio

from wherry.base.errors import System, Unavailable
from wherry.containerd.errors import translate
from wherry.containerd.gen.pool import Message

MESSAGE_LIMIT = 16 << 20
CALL_DEADLINE = 10.0
"""Seconds that a plain look-up or write may take."""
SYNC_DEADLINE = 120.0
"""Seconds for a delete that waits for a whole garbage collection."""
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # Go's server refuses the authority that a unix address would give.
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # A restarted containerd is back on the same socket within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class Channel:
    """A connection that heals itself: while containerd is away, calls wait for it within their deadline."""

    def __init__(self, address: str, namespace: str) -> None:
        """Take the path of containerd's socket (`unix://` before it is fine) and the namespace of every call."""
        self.address = address.removeprefix("unix://")
        self.namespace = namespace
        self._metadata = (("containerd-namespace", namespace),)
        self._channel: aio.Channel | None = None
        self._unary: dict[str, Any] = {}

    async def open(self, deadline: float = CALL_DEADLINE) -> None:
        """Connect; Unavailable names the socket if nothing answers in `deadline` seconds. Call it once."""
        self._channel = aio.insecure_channel(f"unix://{self.address}", options=OPTIONS)
        try:
            async with asyncio.timeout(deadline):
                await self._channel.channel_ready()
        except TimeoutError as error:
            await self.close()
            raise Unavailable(
                f"containerd does not answer on {self.address}: is it running, and is the path of --containerd right?"
            ) from error

    async def close(self) -> None:
        """End the connection; calls in flight raise Unavailable. Twice is fine."""
        channel, self._channel = self._channel, None
        self._unary.clear()
        if channel is not None:
            await channel.close(None)

    async def call(
        self,
        method: str,
        request: Message,
        reply_type: Message,
        *,
        deadline: float | None = CALL_DEADLINE,
        lease: str = "",
    ) -> Message:
        """Call `package.Service/Method` and return the reply; what fails is a kind (errors.translate).

        `deadline` is in seconds, None only for waits that another end bounds. `lease` protects what the call makes.
        A call that has not been sent waits for a containerd that is being started again; Unavailable if none comes.
        """
        with translate(method):
            call = self._unary.get(method)
            if call is None:
                call = self._unary[method] = self._connected().unary_unary(f"/{method}", None, None)
            # Our clock alone: told of the deadline, containerd may answer first, with an unknown error.
            try:
                async with asyncio.timeout(deadline):
                    headers = self._headers(lease)
                    reply: bytes = await call(request.SerializeToString(), metadata=headers, wait_for_ready=True)
            except TimeoutError as error:
                self._check_connected(error)
                raise
        return reply_type.FromString(reply)

    async def stream(
        self, method: str, request: Message, reply_type: Message, *, idle: float | None = CALL_DEADLINE
    ) -> AsyncIterator[Message]:
        """Call a method that answers with many messages and yield each.

        `idle` bounds the wait for each message, in seconds: a slow reader of ours is no fault of containerd. None is
        for streams that may be silent (events).
        """
        with translate(method):
            call = self._connected().unary_stream(f"/{method}", None, None)(
                request.SerializeToString(), metadata=self._headers()
            )
        try:
            while (message := await _read(call, method, idle)) is not None:
                yield reply_type.FromString(message)
        finally:
            call.cancel()

    @contextlib.asynccontextmanager
    async def duplex(
        self, method: str, reply_type: Message, *, idle: float, lease: str = ""
    ) -> AsyncIterator["Duplex"]:
        """Open a call that takes and gives many messages; leaving the block ends it."""
        with translate(method):
            call = self._connected().stream_stream(f"/{method}", None, None)(metadata=self._headers(lease))
        try:
            yield Duplex(call, method, reply_type, idle)
        finally:
            call.cancel()

    def _connected(self) -> Any:
        if self._channel is None:
            raise Unavailable(f"the connection to containerd on {self.address} is closed")
        return self._channel

    def _check_connected(self, error: TimeoutError) -> None:
        """Raise Unavailable for a call that ran out of time because nobody was there to answer."""
        if self._connected().get_state() is not ChannelConnectivity.READY:
            raise Unavailable(f"containerd does not answer on {self.address}: is it running?") from error

    def _headers(self, lease: str = "") -> tuple[tuple[str, str], ...]:
        return (*self._metadata, ("containerd-lease", lease)) if lease else self._metadata


class Duplex:
    """A call in which every request has one answer (content writes)."""

    def __init__(self, call: Any, method: str, reply_type: Message, idle: float) -> None:
        """Take the call and how long, in seconds, an answer may take."""
        self._call = call
        self._method = method
        self._reply_type = reply_type
        self._idle = idle

    async def exchange(self, request: Message) -> Message:
        """Send a request and return its answer; System if the stream ends instead."""
        # A call that is known to have ended refuses the write; the read below raises why.
        with translate(self._method), contextlib.suppress(asyncio.InvalidStateError):
            async with asyncio.timeout(self._idle):
                await self._write(request.SerializeToString())
        message = await _read(self._call, self._method, self._idle)
        if message is None:
            raise System(f"containerd {self._method}: the stream ended without an answer")
        return self._reply_type.FromString(message)

    async def _write(self, data: bytes) -> None:
        """Send; Unavailable if the call ends meanwhile.

        gRPC calls that an internal error. As containerd ends a call in answer to a request only, the connection broke.
        """
        try:
            await self._call.write(data)
        except aio.AioRpcError as error:
            raise Unavailable(
                f"containerd {self._method}: the connection broke: {error.debug_error_string()}"
            ) from error


async def _read(call: Any, method: str, idle: float | None) -> bytes | None:
    """Return the next message of a stream, None at its end."""
    with translate(method):
        async with asyncio.timeout(idle):
            message = await call.read()
    return message if isinstance(message, bytes) else None
