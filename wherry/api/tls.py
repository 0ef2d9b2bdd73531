"""TLS in front of the API: a connection is decrypted into a socket pair, so that behind it nothing differs.

An attached stream is a descriptor that a keeper gets, which a TLS session cannot be; and asyncio's own TLS ends a
connection when its client half-closes, which is how `docker run -i` says that its input is over.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import cast

CHUNK = 64 << 10
HANDSHAKE_SECONDS = 30.0

Connection = Callable[[], asyncio.Protocol]


class _Inner(asyncio.Protocol):
    """Our end of the pair: what the API answers."""

    def __init__(self, front: "TlsFront") -> None:
        self._front = front

    def data_received(self, data: bytes) -> None:
        self._front.encrypt(data)

    def pause_writing(self) -> None:
        self._front.net.pause_reading()

    def resume_writing(self) -> None:
        self._front.net.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.end()


class TlsFront(asyncio.Protocol):
    """One TLS connection; `connection` makes the protocol that serves what is in it."""

    net: asyncio.Transport

    def __init__(self, context: ssl.SSLContext, connection: Connection) -> None:
        """Take the certificates, and who serves."""
        self._connection = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._pair: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, which has its time."""
        self.net = cast(asyncio.Transport, transport)
        self._late = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self.net.abort)

    def data_received(self, data: bytes) -> None:
        """Decrypt."""
        self._in.write(data)
        self._pump()

    def eof_received(self) -> bool:
        """The client has ended the connection without a word: what is under way is still written."""
        self._in.write_eof()
        self._pump()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is behind."""
        if self._late is not None:
            self._late.cancel()
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
        if self._pair is not None:
            self._pair.close()

    def pause_writing(self) -> None:
        """The client does not read: neither do we."""
        if self._pair is not None:
            self._pair.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self._pair is not None:
            self._pair.resume_reading()

    def encrypt(self, data: bytes) -> None:
        """Send what the API answers."""
        self._tls.write(data)
        self._flush()

    def end(self) -> None:
        """The API has ended the connection."""
        with contextlib.suppress(ssl.SSLError):  # the client's own goodbye is not waited for
            self._tls.unwrap()
        self._flush()
        self.net.close()

    def _pump(self) -> None:
        try:
            if self._opening is None:
                self._tls.do_handshake()
                self._flush()
                self._opened()
            elif self._pair is not None:
                self._decrypt(self._pair)
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._flush()  # the alert that says why
            self.net.close()

    def _opened(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self.net.pause_reading()
        self._opening = asyncio.create_task(self._open(), name="tls")

    async def _open(self) -> None:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        for end in (ours, theirs):
            end.setblocking(False)
        await loop.connect_accepted_socket(self._connection, theirs)
        self._pair, _ = await loop.connect_accepted_socket(lambda: _Inner(self), ours)
        self.net.resume_reading()
        self._pump()

    def _decrypt(self, pair: asyncio.Transport) -> None:
        try:
            while data := self._tls.read(CHUNK):
                pair.write(data)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            data = b""
        if not data and not pair.is_closing():
            pair.write_eof()

    def _flush(self) -> None:
        if self._out.pending and not self.net.is_closing():
            self.net.write(self._out.read())
