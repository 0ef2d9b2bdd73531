"""One attached client: its socket, what it gets, what it types (api-containers.md 2.2, 2.3).

The keeper owns the socket. What the client is slow to take is held back, up to FULL; then the process waits for the
client, but only while it makes progress: one that takes nothing for `stall` seconds is disconnected, and the container
goes on (a `run | gzip` gets every byte, a dead peer stops nothing).
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wherry.streams.detach import KeyMatcher
from wherry.streams.frames import frame
from wherry.streams.pipes import Stdin
from wherry.streams.reactor import HANGUP, IN, OUT, Reactor, Timer

FULL: Final = 1024 * 1024
"""Bytes held back at which the outputs pause."""
FULL_LAST: Final = 4 * FULL
"""The same once the process is gone: what its pipes still hold is not to be lost for want of time."""
READ: Final = 32 * 1024
GOODBYE_SECONDS: Final = 1.0
"""How long an ended client may take to close its side: closing first could cut what it has not read (RFC 1122)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an attachment asked for."""

    number: int
    streams: frozenset[int]
    stdin: bool
    framed: bool
    stdin_once: bool
    """The end of the client's input ends the process's stdin, unless that is a terminal; else the attachment."""
    detach_keys: bytes
    """Empty without a terminal."""
    early: bytes
    """What was read of the client before it came here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Patience, in seconds."""

    idle: float = 10.0
    """For the first order after the fork."""
    stall: float = 10.0
    """For a client that keeps the process waiting and takes nothing."""
    linger: float = 600.0
    """For a client that takes nothing of the rest once the process has ended."""


@dataclass(frozen=True, slots=True)
class Events:
    """What a client tells its process's streams."""

    changed: Callable[[], None]
    """It became full, or has room again."""
    closed: Callable[["Client"], None]
    """Its socket is closed; told once."""
    detached: Callable[["Client"], None]
    """Its keys were typed."""


class Client:
    """An attached client."""

    def __init__(
        self, reactor: Reactor, sock: socket.socket, wish: Wish, stdin: Stdin, limits: Limits, events: Events
    ) -> None:
        """Own the socket. Nothing is written or read before `release`; output until then is held back."""
        sock.setblocking(False)
        self.wish = wish
        self._reactor = reactor
        self._sock = sock
        self._stdin = stdin if wish.stdin else None
        self._limits = limits
        self._events = events
        self._early = wish.early
        self._keys = KeyMatcher(wish.detach_keys)
        self._held: deque[bytes] = deque()
        self._size = 0
        self._bound = FULL
        self._offset = 0
        self._on_hold = True
        self._input = True
        self._ending = False
        self._hung_up = False
        self._progress = 0.0
        self._patience: Timer | None = None
        reactor.watch(sock.fileno(), 0, self._ready)

    @property
    def full(self) -> bool:
        """Whether the process must wait for this client."""
        return self._size > self._bound

    @property
    def open(self) -> bool:
        """Whether the socket is open."""
        return self._sock.fileno() >= 0

    def release(self, head: bytes) -> None:
        """Write the head, then what was held back, and begin to take what the client types."""
        if not self._on_hold or not self.open:
            return
        self._on_hold = False
        if head:
            self._held.appendleft(head)
            self._size += len(head)
        self.type_in(self._early)
        self._early = b""
        self._flush()
        self.refresh()

    def send(self, stream: int, data: bytes) -> None:
        """Send output if it was asked for, or hold it back."""
        if self._ending or self._hung_up or stream not in self.wish.streams:
            return
        was_full = self.full
        self._held.append(frame(stream, data) if self.wish.framed else data)
        self._size += len(self._held[-1])
        if not self._on_hold:
            self._flush()
        if self._held:
            self._be_patient()
            self.refresh()
            if self.full and not was_full:
                self._events.changed()

    def type_in(self, data: bytes) -> None:
        """Take bytes from the client: look for the detach keys, write the rest to the process."""
        if self._stdin is None:
            return
        passed, detached = self._keys.feed(data)
        self._stdin.write(passed)
        if detached:
            self._events.detached(self)
            self.end()

    def expect_end(self) -> None:
        """The process is gone: hold back more, so that its last output need not wait for this client."""
        self._bound = FULL_LAST

    def end(self) -> None:
        """Send what is held back, half-close, wait for the client's own close, then close. Twice is fine."""
        if self._ending or not self.open:
            return
        self._ending = True
        self._on_hold = False
        self._flush()
        self._be_patient()
        self.refresh()

    def close(self) -> None:
        """Close now; twice is fine. A client that leaves ends the stdin that is bound to it."""
        if not self.open:
            return
        if self._patience is not None:
            self._patience.cancel()
        self._held.clear()
        self._size = 0
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        self._end_stdin()
        self._events.closed(self)

    def refresh(self) -> None:
        """Ask the reactor for what is of use now; called when the process's stdin has room again, too."""
        if not self.open:
            return
        reading = self._input and not self._on_hold and not (self._stdin is not None and self._stdin.blocked)
        mask = (IN if reading else 0) | (OUT if self._held and not self._on_hold else 0)
        fd = self._sock.fileno()
        if not mask and self._hung_up:  # the hang-up would be told for ever
            self._reactor.forget(fd)
        elif self._reactor.watches(fd):
            self._reactor.change(fd, mask)
        else:
            self._reactor.watch(fd, mask, self._ready)

    def _ready(self, events: int) -> None:
        if events & HANGUP and not self._hang_up():
            return
        if events & OUT:
            self._flush()
        if events & IN and self.open:
            self._read()
        self.refresh()

    def _hang_up(self) -> bool:
        """The client reads no more. What it typed is still taken, unless nobody wants it; False when all is over."""
        self._hung_up = True
        self._held.clear()
        self._size = self._offset = 0
        if self._ending or not self._input or self._stdin is None or not self._stdin.open:
            self.close()
            return False
        self._events.changed()
        return True

    def _read(self) -> None:
        try:
            data = self._sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self._input_ended()
        elif not self._ending:
            self.type_in(data)

    def _input_ended(self) -> None:
        """The client has half-closed."""
        self._input = False
        if self._hung_up or (self._ending and not self._held):
            self.close()
        elif self._stdin is None or self._ending:
            return
        elif not self._end_stdin():
            self.end()

    def _end_stdin(self) -> bool:
        """End the process's stdin if it is bound to this client; tell whether it is."""
        if self._stdin is None or not self.wish.stdin_once or self._stdin.terminal:
            return False
        self._stdin.finish()
        return True

    def _flush(self) -> None:
        """Write what the socket takes."""
        was_full, before = self.full, self._size
        try:
            while self._held:
                self._write_first()
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._size < before:
            self._progress = time.monotonic()
        if self._ending and not self._held:
            self._half_close()
        if was_full and not self.full:
            self._events.changed()

    def _write_first(self) -> None:
        piece = self._held[0]
        sent = self._sock.send(memoryview(piece)[self._offset :] if self._offset else piece)
        self._offset += sent
        self._size -= sent
        if self._offset == len(piece):
            self._held.popleft()
            self._offset = 0

    def _half_close(self) -> None:
        if not self._input:
            self.close()
            return
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._reactor.after(GOODBYE_SECONDS, self.close)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    @property
    def _awaited(self) -> bool:
        """Whether somebody waits for this client to take what is held back."""
        return self.open and bool(self._held) and (self._ending or self.full)

    def _be_patient(self) -> None:
        """Begin to watch the progress of a client that others wait for."""
        if self._patience is None and self._awaited:
            self._progress = time.monotonic()
            self._patience = self._reactor.after(self._patience_seconds(), self._check_progress)

    def _patience_seconds(self) -> float:
        return self._limits.linger if self._ending else self._limits.stall

    def _check_progress(self) -> None:
        self._patience = None
        if not self._awaited:
            return
        left = self._progress + self._patience_seconds() - time.monotonic()
        if left <= 0:
            self.close()
        else:
            self._patience = self._reactor.after(left, self._check_progress)
