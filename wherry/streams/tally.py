"""What the log of a container could not take as it came, told to the daemon in sums: never a notice per record."""

import time
from collections.abc import Callable
from typing import Final

from wherry.streams.reactor import Reactor

TELL_SECONDS: Final = 1.0
"""How long a count may wait for others."""
REPORT_SECONDS: Final = 60.0
"""At most one reason for dropped records in this time."""

Tell = Callable[[str, int, str], None]
"""Told a notice's name (`long`, `log`), how many records it is about, and why (empty for no news)."""


class Tally:
    """Counts until it tells."""

    def __init__(self, reactor: Reactor, tell: Tell) -> None:
        """Begin with nothing."""
        self._reactor = reactor
        self._tell = tell
        self._long = self._dropped = self._all_dropped = 0
        self._reason = ""
        self._quiet_until = 0.0
        self._waiting = False

    def long(self) -> None:
        """An entry is longer than a record may be, and was cut."""
        self._long += 1
        self._soon()

    def dropped(self, records: int, reason: str) -> None:
        """So many records could not be written."""
        self._dropped += records
        self._reason = reason
        self._soon()

    def flush(self) -> None:
        """Tell what is there, now."""
        self._waiting = False
        if self._long:
            self._tell("long", self._long, "")
        if self._dropped:
            self._tell("log", self._dropped, self._news())
        self._long = self._dropped = 0

    def _soon(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._reactor.after(TELL_SECONDS, self.flush)

    def _news(self) -> str:
        self._all_dropped += self._dropped
        now = time.monotonic()
        if now < self._quiet_until:
            return ""
        self._quiet_until = now + REPORT_SECONDS
        return f"{self._reason}; {self._all_dropped} records were dropped so far"
