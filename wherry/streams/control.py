"""A keeper's talk with the daemon: orders in, answers and notices out, over one connection at a time.

The first connection comes with the fork, later ones through `control.sock` in the keeper's directory; a new one takes
the place of the old, because only one daemon can hold the engine's lock. Notices that find no daemon wait for the next.
"""

import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from wherry.base.errors import EngineError, System
from wherry.host import packets
from wherry.host.packets import Message
from wherry.streams.reactor import IN, OUT, Reactor

SOCKET: Final = "control.sock"
WAITING: Final = 1024
"""Most messages that wait for the daemon; the oldest are dropped."""

GOODBYE_SECONDS: Final = 1.0

Reply = Callable[[Message], None]
Order = Callable[[Message, list[int], Reply], None]
"""Carries out an order; owns its descriptors; answers now or later. Raises kinds and OSError."""

_CREDENTIALS: Final = struct.Struct("3i")


def listen(directory: str) -> socket.socket:
    """Listen on `control.sock` in a directory, by a relative name: a unix address has 108 bytes at most (unix(7))."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    os.chdir(directory)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)
        server.bind(SOCKET)
        server.listen()
    finally:
        os.chdir("/")
    return server


class Control:
    """The keeper's end."""

    def __init__(self, reactor: Reactor, server: socket.socket, greeting: Callable[[], Message], order: Order) -> None:
        """Begin to listen; `greeting` is the first message of every connection."""
        self._reactor = reactor
        self._server = server
        self._greeting = greeting
        self._order = order
        self._line: socket.socket | None = None
        self._waiting: deque[Message] = deque(maxlen=WAITING)
        reactor.watch(server.fileno(), IN, self._accept)

    def take(self, line: socket.socket) -> None:
        """Speak over this connection from now on."""
        self._drop()
        line.setblocking(False)
        self._line = line
        self._waiting.appendleft(self._greeting())
        self._reactor.watch(line.fileno(), IN, self._ready)
        self._flush()

    def notify(self, notice: Message) -> None:
        """Send a notice, now or as soon as a daemon reads."""
        self._waiting.append(notice)
        self._flush()

    def close_server(self) -> None:
        """Take no more connections."""
        self._reactor.forget(self._server.fileno())
        self._server.close()

    def say_goodbye(self) -> None:
        """Send what waits for the daemon, if it reads within GOODBYE_SECONDS."""
        if self._line is not None:
            self._line.settimeout(GOODBYE_SECONDS)
            with contextlib.suppress(OSError):
                while self._waiting:
                    packets.send(self._line, self._waiting.popleft())

    def _accept(self, _events: int) -> None:
        try:
            line, _ = self._server.accept()
        except BlockingIOError:
            return
        _, uid, _ = _CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid == os.geteuid():
            self.take(line)
        else:
            line.close()

    def _ready(self, events: int) -> None:
        if events & OUT:
            self._flush()
        if events & ~OUT:
            self._receive()

    def _receive(self) -> None:
        if self._line is None:
            return
        try:
            got = packets.receive(self._line)
        except BlockingIOError:
            return
        except System:
            got = None
        if got is None:
            self._drop()
            return
        message, fds = got
        reply = self._reply_to(self._line, message.get("seq"))
        try:
            self._order(message, fds, reply)
        except (EngineError, OSError) as error:
            reply(packets.failure(error, f"keeper: {message.get('order')}"))

    def _reply_to(self, line: socket.socket, seq: object) -> Reply:
        def reply(answer: Message) -> None:
            if self._line is line:  # an answer is of use to the asker only
                self.notify({"seq": seq, **answer})

        return reply

    def _flush(self) -> None:
        while self._line is not None and self._waiting:
            try:
                packets.send(self._line, self._waiting[0])
            except BlockingIOError:
                break
            except OSError:
                self._drop()
                return
            self._waiting.popleft()
        if self._line is not None:
            self._reactor.change(self._line.fileno(), IN | OUT if self._waiting else IN)

    def _drop(self) -> None:
        """The daemon is gone; what was meant for it alone goes too."""
        if self._line is not None:
            self._reactor.forget(self._line.fileno())
            self._line.close()
            self._line = None
            kept = [message for message in self._waiting if "notice" in message]
            self._waiting = deque(kept, WAITING)
