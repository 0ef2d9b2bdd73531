"""The driver `none`: nothing is kept, and `docker logs` answers that it cannot read."""

from collections.abc import Mapping
from typing import Final

from wherry.streams.logtarget import LogDriver, LogTarget, Report

NAME: Final = "none"


class NoSink:
    """Takes everything and keeps nothing."""

    def lines(self, stream: int, block: bytes, at_ns: int) -> None:
        """Drop whole lines."""

    def partial(self, stream: int, piece: bytes, at_ns: int) -> None:
        """Drop a part of a line."""

    def close(self) -> None:
        """Do nothing."""


def validate(options: Mapping[str, str]) -> None:
    """Accept anything, as Docker does for this driver."""


def target(options: Mapping[str, str], path: str, attrs: Mapping[str, str]) -> LogTarget:
    """Return the target without a file."""
    return LogTarget(NAME)


def open_sink(_target: LogTarget, _report: Report) -> NoSink:
    """Return the sink."""
    return NoSink()


DRIVER: Final = LogDriver(NAME, False, validate, target, open_sink)
