"""From a byte stream to log records: whole lines, and parts of lines that are too long (api-containers.md 4.2)."""

from collections.abc import Callable
from typing import Final, Protocol

LONGEST: Final = 16 * 1024
"""Bytes without a newline that make a partial record."""


class Sink(Protocol):
    """Where records go: a log driver that is open."""

    def lines(self, stream: int, block: bytes, at_ns: int) -> None:
        """Take one or more whole lines, each with its newline, of stream 1 or 2, read at that time."""
        ...

    def partial(self, stream: int, piece: bytes, at_ns: int) -> None:
        """Take a part of a line that does not close it; it has no newline."""
        ...

    def close(self) -> None:
        """Write what is held back and close the log."""
        ...


class LineCutter:
    """Cuts one stream into records. All parts of a long line carry the time of the first."""

    def __init__(self, sink: Sink, stream: int, long: Callable[[], None]) -> None:
        """Cut for stream 1 or 2 of a sink; `long` is called for each line that is cut, or is not ended."""
        self._long = long
        self._sink = sink
        self._stream = stream
        self._held = b""
        self._long_since = 0

    def feed(self, data: bytes, at_ns: int) -> None:
        """Take bytes that were read at that time; what is no record yet is held back."""
        data = self._held + data
        begin = end = 0
        while True:
            if self._long_since:
                begin = end
                end = self._continue_long(data, begin)
                if end == begin:
                    break
                begin = end
            elif (newline := data.rfind(b"\n", end, end + LONGEST)) >= 0:
                end = newline + 1
            elif len(data) - end >= LONGEST:
                self._pass_on(data, begin, end, at_ns)
                self._sink.partial(self._stream, data[end : end + LONGEST], at_ns)
                self._long_since = at_ns
                self._long()
                begin = end = end + LONGEST
            else:
                self._pass_on(data, begin, end, at_ns)
                break
        self._held = data[end:]

    def finish(self, at_ns: int) -> None:
        """Pass on the unterminated rest at the end of the stream, as a partial record."""
        if self._held:
            self._sink.partial(self._stream, self._held, self._long_since or at_ns)
            self._held = b""
            if not self._long_since:
                self._long()

    def _continue_long(self, data: bytes, begin: int) -> int:
        """Pass on the next part of a long line and return where it ends; `begin` when there is none yet."""
        newline = data.find(b"\n", begin, begin + LONGEST)
        if newline >= 0:
            self._sink.lines(self._stream, data[begin : newline + 1], self._long_since)
            self._long_since = 0
            return newline + 1
        if len(data) - begin < LONGEST:
            return begin
        self._sink.partial(self._stream, data[begin : begin + LONGEST], self._long_since)
        return begin + LONGEST

    def _pass_on(self, data: bytes, begin: int, end: int, at_ns: int) -> None:
        if begin < end:
            self._sink.lines(self._stream, data[begin:end], at_ns)
