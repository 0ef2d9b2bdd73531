"""What a log driver offers, and what a keeper is told of the log it writes. Standard library only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wherry.streams.lines import Sink


@dataclass(frozen=True, slots=True)
class LogTarget:
    """A checked and parsed log configuration: the `log` of a keeper's order."""

    driver: str
    path: str = ""
    """Absolute path of the log file, empty for a driver without one."""
    max_size: int = 0
    """Bytes at which the file is rotated; 0 for never."""
    max_file: int = 1
    compress: bool = False
    attrs: Mapping[str, str] | None = None
    """Attributes that go with every record."""


Report = Callable[[int, str], None]
"""Told how many records were dropped, each time, and why."""


@dataclass(frozen=True, slots=True)
class LogDriver:
    """One log driver."""

    name: str
    readable: bool
    """Whether `docker logs` can read what it writes."""
    validate: Callable[[Mapping[str, str]], None]
    """Check the keys at create, those common to all drivers taken off; InvalidParameter in Docker's words."""
    target: Callable[[Mapping[str, str], str, Mapping[str, str]], LogTarget]
    """Parse the values at start: options, path and attributes; InvalidParameter in Docker's words."""
    open: Callable[[LogTarget, Report], Sink]
    """Open the sink, in the keeper; OSError when that fails."""
