"""Who waits for a container: next exit and removal (start.md 7.7). Woken after the state is on disk and published."""

import asyncio
import enum
from dataclasses import dataclass


class Moment(enum.Enum):
    """What can be waited for."""

    EXIT = "exit"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a waiter learns."""

    code: int
    error: str = ""


class Waiters:
    """Futures by container and moment; all of a moment wake together."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: dict[tuple[str, Moment], set[asyncio.Future[Outcome]]] = {}

    def join(self, ident: str, moment: Moment) -> asyncio.Future[Outcome]:
        """Stand in line from now on; cancelling the future leaves the line."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        key = (ident, moment)
        line = self._waiting.setdefault(key, set())
        line.add(future)
        future.add_done_callback(lambda done: self._leave(key, done))
        return future

    def wake(self, ident: str, moment: Moment, outcome: Outcome) -> None:
        """Wake everybody in line."""
        for future in self._waiting.pop((ident, moment), set()):
            if not future.done():
                future.set_result(outcome)

    def _leave(self, key: tuple[str, Moment], future: asyncio.Future[Outcome]) -> None:
        line = self._waiting.get(key)
        if line is not None:
            line.discard(future)
            if not line:
                del self._waiting[key]
