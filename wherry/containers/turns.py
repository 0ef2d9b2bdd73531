"""Turns of starts: how many are under way at once on this machine, and who is next.

More at once than the processors can serve only makes each of them late, and each costs memory while it lasts. First
come, first served; starts by hand and starts by policy take turns where both wait, so neither starves the other. A
start has its container's lock before it asks here, so one container has one place however often it is asked for. No
start waits for another one while it has its turn: a start by policy waits for its donors before (policy.py).
"""

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import chain, zip_longest

from wherry.base.errors import Unavailable

PER_PROCESSOR = 4
"""A start waits for the kernel and for others most of its time (docs/performance.md, Many at once)."""
MEMORY_SHARE, START_MEMORY = 4, 64 << 20
"""Starts may take a quarter of the memory, at the size of a shim, a runtime and a keeper together, in bytes."""
LEAST = 4
MOST_WAITING = 1024
"""Starts by hand that wait at most; those of policies are bounded where they come from."""


def slots(processors: int, memory: int) -> int:
    """Return how many starts are under way at most on a machine with that many bytes of memory."""
    return max(LEAST, min(PER_PROCESSOR * processors, memory // MEMORY_SHARE // START_MEMORY))


class Turns:
    """The starts that have their turn, and two lanes of those that wait. For the loop."""

    def __init__(self, free: int, most_waiting: int = MOST_WAITING) -> None:
        """Take the bounds."""
        self._most_waiting = most_waiting
        self._free = free
        self._by_hand: dict[str, asyncio.Future[None]] = {}
        self._by_policy: dict[str, asyncio.Future[None]] = {}
        self._hand_is_next = True

    @contextlib.contextmanager
    def queue(self, ident: str, by_hand: bool) -> Iterator[asyncio.Future[None]]:
        """Stand in the queue and yield the turn, to be awaited; it ends with the block, as does the place.

        Unavailable when too many wait.
        """
        lane = self._by_hand if by_hand else self._by_policy
        if by_hand and len(lane) >= self._most_waiting:
            raise Unavailable(
                f"cannot start container {ident}: {len(lane)} starts wait for their turn, as many as may: try again "
                "when some are done"
            )
        turn = lane[ident] = asyncio.get_running_loop().create_future()
        self._serve()
        try:
            yield turn
        finally:
            lane.pop(ident, None)
            if turn.done() and not turn.cancelled():
                self._free += 1
            self._serve()

    def place(self, ident: str) -> int | None:
        """Return who is next as 1; None for one that does not wait."""
        return next((place for place, waiting in enumerate(self._order(), 1) if waiting == ident), None)

    def _order(self) -> Iterator[str]:
        lanes = (self._by_hand, self._by_policy) if self._hand_is_next else (self._by_policy, self._by_hand)
        return (ident for ident in chain.from_iterable(zip_longest(*lanes)) if ident is not None)

    def _serve(self) -> None:
        while self._free and (ident := next(self._order(), None)) is not None:
            self._hand_is_next = ident not in self._by_hand
            turn = self._by_policy.pop(ident, None) or self._by_hand.pop(ident)
            if not turn.done():  # else it was called off, and leaves by itself
                self._free -= 1
                turn.set_result(None)
