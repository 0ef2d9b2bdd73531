"""The event loop's end of a packet socket: messages in by callback, messages out by an awaitable with a deadline."""

import asyncio
import socket
from collections.abc import Callable, Sequence

from wherry.base.errors import DeadlineExceeded, System, Unavailable
from wherry.host import packets
from wherry.host.packets import Message

Received = Callable[[Message, list[int]], None]


class PacketLine:
    """Owns a connected packet socket. `ended` is called once when the peer is gone, never after `close`."""

    def __init__(self, sock: socket.socket, received: Received, ended: Callable[[], None]) -> None:
        """Begin to read; `received` owns the descriptors it is given."""
        sock.setblocking(False)
        self._sock = sock
        self._received = received
        self._ended = ended
        self._sending = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    async def send(self, message: Message, fds: Sequence[int] = (), *, deadline: float) -> None:
        """Send within `deadline` seconds. Unavailable when the peer is gone, DeadlineExceeded when it does not read."""
        try:
            async with asyncio.timeout(deadline), self._sending:
                while not self._send_now(message, fds):
                    await self._wait_writable()
        except TimeoutError as error:
            raise DeadlineExceeded(f"a process of the engine did not read a message within {deadline:g} s") from error

    def close(self) -> None:
        """Close the socket; twice is fine."""
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()

    def _send_now(self, message: Message, fds: Sequence[int]) -> bool:
        if self._sock.fileno() < 0:
            raise Unavailable("a process of the engine has ended")
        try:
            packets.send(self._sock, message, fds)
        except BlockingIOError:
            return False
        except ConnectionError as error:
            raise Unavailable("a process of the engine has ended") from error
        return True

    async def _wait_writable(self) -> None:
        writable = asyncio.Event()
        fd = self._sock.fileno()
        self._loop.add_writer(fd, writable.set)
        try:
            await writable.wait()
        finally:
            self._loop.remove_writer(fd)

    def _readable(self) -> None:
        while self._sock.fileno() >= 0:
            try:
                got = packets.receive(self._sock)
            except BlockingIOError:
                return
            except System:
                got = None
            if got is None:
                self.close()
                self._ended()
                return
            self._received(*got)
