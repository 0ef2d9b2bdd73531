"""How the processes of one keeper ended, as the daemon waits for it: the direct tier."""

import asyncio
from dataclasses import dataclass

from wherry.base.errors import NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class End:
    """Exit status, 128 + n for signal n, and when, in nanoseconds since the epoch."""

    status: int
    at_ns: int


class Ends:
    """Processes that a keeper has launched, by exec id (empty for the container's own)."""

    def __init__(self, keeper: str) -> None:
        """Name the keeper for errors; nothing is launched yet."""
        self._keeper = keeper
        self._lost = False
        self._pids: dict[str, int] = {}
        self._ends: dict[str, asyncio.Future[End]] = {}

    def launched(self, exec_id: str, pid: int) -> None:
        """Note a process; its end may have been told before, and the keeper may have died since it told of it."""
        self._pids[exec_id] = pid
        if exec_id not in self._ends:
            self._ends[exec_id] = asyncio.get_running_loop().create_future()
        if self._lost:
            self.lost()

    def told(self, exec_id: str, end: End) -> None:
        """Wake who waits for this process; told twice is fine."""
        future = self._ends.setdefault(exec_id, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(end)

    def lost(self) -> None:
        """The keeper has died, or its connection was given up: nobody will tell any more."""
        self._lost = True
        for future in self._ends.values():
            if not future.done():
                future.set_exception(self._gone())
                future.exception()  # seen: who waits gets it, and there may be nobody

    def pid(self, exec_id: str) -> int:
        """Return the pid of a launched process, 0 when there is none."""
        return self._pids.get(exec_id, 0)

    def end(self, exec_id: str) -> End | None:
        """Return how a process ended, None while it lives or when nobody knows."""
        future = self._ends.get(exec_id)
        if future is None or not future.done() or future.exception() is not None:
            return None
        return future.result()

    async def wait(self, exec_id: str) -> End:
        """Wait for an end; NotFound for a process that was never launched, Unavailable once the keeper is lost."""
        future = self._ends.get(exec_id)
        if future is None:
            raise self._gone() if self._lost else NotFound("process does not exist")
        return await asyncio.shield(future)

    def forget(self, exec_id: str) -> None:
        """Drop what is known of a process."""
        self._pids.pop(exec_id, None)
        self._ends.pop(exec_id, None)

    def _gone(self) -> Unavailable:
        return Unavailable(f"keeper of {self._keeper} has ended")
