"""What failed and must be done in the end is tried again behind, with a growing pause; at rest nothing runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from wherry.base.errors import EngineError
from wherry.base.tasks import Supervisor

log = logging.getLogger("wherry.retries")

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0
AT_ONCE = 4
"""How many attempts are under way at most: after a full disk many are due."""


class Retries:
    """At most one flow per key, until its attempt succeeds or the engine goes down: the next boot takes over then."""

    def __init__(self, supervisor: Supervisor, first: float = FIRST_SECONDS) -> None:
        """Take the owner of the flows, and the seconds before the first attempt."""
        self._supervisor = supervisor
        self._first = first
        self._due: set[str] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    def later(self, key: str, attempt: Callable[[], Awaitable[object]]) -> None:
        """Try later, and again while it raises an EngineError; a key that is due already stays as it is."""
        if key not in self._due:
            self._due.add(key)
            self._supervisor.spawn(self._until_done(key, attempt), f"retry of {key}")

    async def _until_done(self, key: str, attempt: Callable[[], Awaitable[object]]) -> None:
        pause = self._first
        try:
            while not await self._done(key, attempt, pause):
                pause = min(pause * 2, MOST_SECONDS)
        finally:
            self._due.discard(key)

    async def _done(self, key: str, attempt: Callable[[], Awaitable[object]], pause: float) -> bool:
        with self._supervisor.idle():
            await asyncio.sleep(pause)
        try:
            async with self._turn:
                await attempt()
        except EngineError as error:
            log.warning("%s: not settled yet, trying again behind: %s", key, error)
            return False
        log.info("%s: settled behind", key)
        return True
