"""The multiplexed stream of attach and logs, and how log records look in it (api-containers.md 2.2, 3.10)."""

import struct
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

from wherry.streams.entries import LogEntry, LogQuery

STDOUT: Final = 1
STDERR: Final = 2

_HEADER: Final = struct.Struct(">BxxxI")


def frame(stream: int, payload: bytes) -> bytes:
    """Return the payload behind its 8-byte header; it must not be empty."""
    return _HEADER.pack(stream, len(payload)) + payload


def render_entry(entry: LogEntry, query: LogQuery, tty: bool) -> bytes:
    """Return the bytes a client gets: time and details before the line if asked for, framed unless `tty`."""
    line = entry.line
    if query.details:
        line = _details(entry.attrs).encode() + b" " + line
    if query.timestamps:
        line = _stamp(entry.time_ns) + line
    if tty or not line:
        return line
    return frame(entry.stream, line)


def _details(attrs: Mapping[str, str] | None) -> str:
    pairs = sorted((attrs or {}).items())
    return ",".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in pairs)


def _stamp(at_ns: int) -> bytes:
    """Nine digits, whatever they are."""
    second, fraction = divmod(at_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{fraction:09d}Z ".encode()
