"""The daemon's own end of an attachment: the first bytes of an output, kept in memory."""

import asyncio
import contextlib
import socket
from typing import Final

from wherry.host.errors import translate

READ: Final = 16 * 1024
CUT: Final = b"..."
"""Stands behind what was kept when there was more."""


class Capture:
    """Reads a client's socket in the event loop, at most `most` bytes; then its peer finds it closed.

    So a process that writes without end costs nothing: the keeper drops what nobody wants.
    """

    def __init__(self, most: int) -> None:
        """Make the pair of sockets, System if that fails; must run in the event loop."""
        with translate("make a pair of sockets"):
            self._sock, peer = socket.socketpair()
        self._sock.setblocking(False)
        self.peer: Final = peer.detach()
        """The descriptor to attach; its owner is whom it is given to."""
        self._most = most
        self._kept = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock.fileno(), self._read)

    def finish(self) -> bytes:
        """Take what has arrived by now, close, and return the bytes kept, with CUT where they end too early."""
        while self._sock.fileno() >= 0 and self._read():
            pass
        self.close()
        return bytes(self._kept[: self._most]) + (CUT if len(self._kept) > self._most else b"")

    def close(self) -> None:
        """Close; twice is fine."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _read(self) -> bool:
        """Read once; False when there is nothing now, or no more."""
        data = b""
        with contextlib.suppress(ConnectionError):
            try:
                data = self._sock.recv(READ)
            except BlockingIOError:
                return False
        self._kept += data[: self._most + 1 - len(self._kept)]
        if not data or len(self._kept) > self._most:
            self.close()
            return False
        return True
