"""Log records as they are read back, and what is asked of them (api-containers.md 3.10)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which records are wanted, and how they are shown. Times are nanoseconds since the epoch, 0 for none."""

    stdout: bool = True
    stderr: bool = True
    since_ns: int = 0
    until_ns: int = 0
    tail: int | None = None
    """Records of both streams together; None for all."""
    timestamps: bool = False
    details: bool = False
    follow: bool = False


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record; a part of a long line has no newline at its end."""

    stream: int
    time_ns: int
    line: bytes
    attrs: Mapping[str, str] | None = None
