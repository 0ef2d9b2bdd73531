"""A keeper's ends of a process's stdio fifos: outputs that are read, and the stdin that is written."""

import contextlib
import errno
import os
from collections.abc import Callable
from typing import Final

from wherry.streams.reactor import IN, OUT, Reactor

READ: Final = 64 * 1024
"""Bytes per read: what a pipe holds by default (pipe(7))."""

LAST_READS: Final = 16
"""Reads of a finish: a pipe of the largest default size (1 MiB), not what a survivor may write for ever."""


def make_fifo(path: str) -> int:
    """Make a fifo, or take over the one that a dead keeper left, and open it for reading without waiting for a writer.

    The end of file comes when the last writer closes, not before the first opens (fifo(7), poll(2)).
    """
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def make_stdin_fifo(path: str) -> int:
    """Make a fifo and open it for writing. Opened for reading too: so it needs no reader yet, and keeps what is written
    for the one that comes later."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


class Output:
    """One output of a process. `deliver` gets what was read; `ended` is called once, at the end of file."""

    def __init__(self, reactor: Reactor, fd: int, deliver: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        """Own the descriptor and begin to read."""
        self._reactor = reactor
        self._fd = fd
        self._deliver = deliver
        self._ended = ended
        self.open = True
        reactor.watch(fd, IN, self._readable)

    def pause(self) -> None:
        """Read nothing: the process waits once its pipe is full. A hang-up would be told again and again, so the
        descriptor is not watched at all."""
        self._reactor.forget(self._fd)

    def resume(self) -> None:
        """Read again."""
        if self.open and not self._reactor.watches(self._fd):
            self._reactor.watch(self._fd, IN, self._readable)

    def read_now(self) -> None:
        """Read once: the end of a fifo that no writer has opened is not told by epoll (fifo(7), poll(2))."""
        if self.open:
            self._read()

    def finish(self) -> None:
        """Read what is there, wait for nothing, and end."""
        for _ in range(LAST_READS):
            if not self.open or not self._read():
                break
        self._close()

    def _readable(self, _events: int) -> None:
        self._read()

    def _read(self) -> bool:
        """Read once; False when there is nothing now, or no more."""
        try:
            data = os.read(self._fd, READ)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""  # nobody holds the other side of the terminal any more
        if not data:
            self._close()
            return False
        self._deliver(data)
        return True

    def _close(self) -> None:
        if self.open:
            self.open = False
            self._reactor.forget(self._fd)
            os.close(self._fd)
            self._ended()


class Stdin:
    """The stdin of a process, from before the process is made: until `start` it takes bytes and holds them back.

    Its end is a fact that is kept: after `finish` and once all is written, `at_end` is true and `ended` is called; the
    fifo stays open until `close`, because its reader may not have come yet.
    """

    def __init__(self, reactor: Reactor, drained: Callable[[], None], ended: Callable[[], None]) -> None:
        """Begin without a fifo; `drained` is called whenever held-back bytes have been written."""
        self._reactor = reactor
        self._fd = -1
        self._drained = drained
        self._ended = ended
        self._held = bytearray()
        self._finishing = False
        self._closed = False
        self.at_end = False
        self.terminal = False

    @property
    def open(self) -> bool:
        """Whether it takes bytes."""
        return not self._closed and not self._finishing

    @property
    def blocked(self) -> bool:
        """Whether bytes would be held back; clients are not read then, which bounds them."""
        return not self._closed and (self._fd < 0 or bool(self._held))

    def start(self, fd: int, terminal: bool) -> None:
        """Own the fifo and write what came before it. A terminal has no end that a client could bring about."""
        self._fd = fd
        self.terminal = terminal
        self._write_on()
        self._check_end()
        self._drained()

    def write(self, data: bytes) -> None:
        """Write, or hold back what the process does not take; dropped after the end."""
        if not self.open or not data:
            return
        self._held += data
        if self._fd >= 0:
            self._write_on()

    def finish(self) -> None:
        """End it after what is held back; twice is fine."""
        if self.open:
            self._finishing = True
            self._check_end()

    def close(self) -> None:
        """Close the fifo, or say that there will be none; what clients still type is dropped. Twice is fine."""
        self._closed = True
        self.at_end = False
        self._held.clear()
        if self._fd >= 0:
            self._reactor.forget(self._fd)
            os.close(self._fd)
            self._fd = -1
        self._drained()

    def _write_on(self) -> None:
        self._flush()
        if self._held and not self._reactor.watches(self._fd):
            self._reactor.watch(self._fd, OUT, self._writable)

    def _writable(self, _events: int) -> None:
        self._flush()
        if not self._held and not self._closed:
            self._reactor.forget(self._fd)
            self._check_end()
            self._drained()

    def _flush(self) -> None:
        """Write as long as the pipe takes something; a large write is taken in part. Without a reader it ends."""
        try:
            while self._held:
                del self._held[: os.write(self._fd, self._held)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.close()

    def _check_end(self) -> None:
        if self._finishing and not self.blocked and not self._closed and not self.at_end:
            self.at_end = True
            self._ended()
