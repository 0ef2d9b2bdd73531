"""The streams of one process, a container's first or an exec: outputs to log and clients, clients' input to stdin."""

import contextlib
import fcntl
import os
import socket
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wherry.base.errors import Conflict
from wherry.streams.client import Client, Events, Limits, Wish
from wherry.streams.frames import STDERR, STDOUT
from wherry.streams.lines import LineCutter, Sink
from wherry.streams.pipes import READ, Output, Stdin, make_fifo, make_stdin_fifo
from wherry.streams.reactor import Reactor, Timer

NAMES: Final = {STDOUT: "stdout", STDERR: "stderr"}
_WINSIZE: Final = struct.Struct("4H")


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the fifos of a process are; empty for a stream that it does not have."""

    stdin: str
    stdout: str
    stderr: str


Notify = Callable[[str, int], None]
"""Told what the daemon should know: a notice's name, and the number of the client that it is about or 0."""


class ProcessStreams:
    """Owns the fifos and the clients of one process."""

    def __init__(
        self, reactor: Reactor, limits: Limits, sink: Sink | None, notify: Notify, long: Callable[[], None]
    ) -> None:
        """Begin without fifos: clients may be attached before the process is made. See LineCutter for `long`."""
        self._reactor = reactor
        self._limits = limits
        self._notify = notify
        self._cutters = {stream: LineCutter(sink, stream, long) for stream in NAMES} if sink else {}
        self._outputs: dict[int, Output] = {}
        self._stdin = Stdin(reactor, self._refresh, lambda: notify("stdin-eof", 0))
        self._clients: set[Client] = set()
        self._opened = False
        self._terminal = False
        self._unread: dict[int, int] = {}
        self._master = -1
        self._over = False
        self.ended = False
        self._drained: Callable[[], None] | None = None
        self._deadline: Timer | None = None
        self._events = Events(self._balance, self._forget, self._detached)

    @property
    def stdin_at_end(self) -> bool:
        """Whether the stdin has ended and waits for `close_stdin`."""
        return self._stdin.at_end

    @property
    def idle(self) -> bool:
        """Whether no client is left."""
        return not self._clients

    def open(self, prefix: str, tty: bool, stdin: bool) -> Paths:
        """Make the fifos `<prefix>stdin|stdout|stderr` that the process needs and begin to read; OSError."""
        if self._opened:
            raise Conflict("the streams of this process are open")
        self._opened = True
        streams = (STDOUT,) if tty else (STDOUT, STDERR)
        for stream in streams:
            fd = make_fifo(prefix + NAMES[stream])
            self._outputs[stream] = self._make_output(stream, fd)
        if stdin:
            self._stdin.start(make_stdin_fifo(f"{prefix}stdin"), tty)
        else:
            self._stdin.close()
        return Paths(f"{prefix}stdin" if stdin else "", f"{prefix}stdout", "" if tty else f"{prefix}stderr")

    def expect(self, tty: bool, stdin: bool) -> None:
        """Say what a process that this one will make itself is going to need: `make_ends`, or `take_terminal`."""
        if self._opened:
            raise Conflict("the streams of this process are open")
        self._opened = True
        self._terminal = tty
        if not stdin:
            self._stdin.close()

    def make_ends(self) -> list[int]:
        """Make the pipes that an expected process needs; returns its ends for 0 to 2.

        They are the caller's, -1 for what the process does not get: with a terminal that is all of them.
        """
        ends = [-1, -1, -1]
        if self._terminal:
            return ends
        if self._stdin.open:
            ends[0], ours = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._stdin.start(ours, False)
        for stream in NAMES:
            ours, ends[stream] = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._unread[stream] = ours
        return ends

    def begin(self, master: int = -1, waits: bool = False) -> None:
        """The expected process is there: read its outputs, or own the master of its terminal and read that.

        While it `waits` for its start, what the pipes hold is the runtime's own talk and is dropped.
        """
        while self._unread:
            stream, fd = self._unread.popitem()
            if waits:
                with contextlib.suppress(BlockingIOError):
                    os.read(fd, READ)
            self._outputs[stream] = self._make_output(stream, fd)
        if master >= 0:
            self._take_terminal(master)

    def give_up(self) -> None:
        """There will be no process: what is in the pipes is the runtime's own talk, which its log has too."""
        while self._unread:
            os.close(self._unread.popitem()[1])

    def _take_terminal(self, master: int) -> None:
        os.set_blocking(master, False)
        self._master = master
        self._outputs[STDOUT] = self._make_output(STDOUT, os.dup(master))
        if self._stdin.open:
            self._stdin.start(os.dup(master), True)

    def resize(self, width: int, height: int) -> None:
        """Set the size of the terminal in columns and rows (tty_ioctl(4)); nothing without one, as with a shim.

        Conflict while the terminal is not there yet: the docker CLI tries again.
        """
        if not self._terminal:
            return
        if self._master < 0:
            raise Conflict("the terminal of the process is not there yet")
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, _WINSIZE.pack(height, width, 0, 0))

    def attach(self, sock: socket.socket, wish: Wish) -> Client:
        """Subscribe a client; its output is held back until it is released."""
        client = Client(self._reactor, sock, wish, self._stdin, self._limits, self._events)
        self._clients.add(client)
        return client

    def find(self, number: int) -> Client | None:
        """Return the client of that number."""
        return next((client for client in self._clients if client.wish.number == number), None)

    def close_stdin(self) -> None:
        """Close the fifo: its reader has come, and its other writers are closed."""
        self._stdin.close()

    def end(self, seconds: float, drained: Callable[[], None]) -> None:
        """The process is gone: read its outputs to the end, at most that long, then end its clients.

        `drained` is called once, when all output is in the log and given to the clients.
        """
        if self._deadline is not None:
            self._deadline.cancel()
        self._drained = drained
        self._deadline = self._reactor.after(seconds, self._cut_short)
        for client in self._clients:
            client.expect_end()
        for output in self._outputs.values():
            output.read_now()
        self._balance()
        self._check_over()

    def _make_output(self, stream: int, fd: int) -> Output:
        cutter = self._cutters.get(stream)

        def deliver(data: bytes) -> None:
            if cutter is not None:
                cutter.feed(data, time.time_ns())
            for client in tuple(self._clients):
                client.send(stream, data)

        def ended() -> None:
            if cutter is not None:
                cutter.finish(time.time_ns())
            self._check_over()

        return Output(self._reactor, fd, deliver, ended)

    def _balance(self) -> None:
        """Let the process wait while a client is full."""
        full = any(client.full for client in self._clients)
        for output in self._outputs.values():
            if full:
                output.pause()
            else:
                output.resume()

    def _refresh(self) -> None:
        for client in tuple(self._clients):
            client.refresh()

    def _forget(self, client: Client) -> None:
        self._clients.discard(client)
        self._balance()
        self._notify("gone", client.wish.number)

    def _detached(self, client: Client) -> None:
        self._notify("detached", client.wish.number)

    def _cut_short(self) -> None:
        """Time is up: what is in the pipes now is the last."""
        for output in self._outputs.values():
            output.finish()

    def _check_over(self) -> None:
        if any(output.open for output in self._outputs.values()):
            return
        if not self._over:
            self._over = True
            self._notify("streamed", 0)
        if self._drained is None:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.ended = True
        self._stdin.close()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        for client in tuple(self._clients):
            client.end()
        drained, self._drained = self._drained, None
        drained()
