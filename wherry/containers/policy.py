"""Restart policies: whether an exit is followed by a start, and when (start.md 6.3)."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

from wherry.base.errors import EngineError, NotFound
from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND
from wherry.state.machine import Verb
from wherry.state.record import Phase, Record
from wherry.state.store import Store

log = logging.getLogger("wherry.restart")

FIRST_SECONDS = 0.1
MOST_SECONDS = 60.0
AT_ONCE = 8
"""How many restarts are under way at most: after a boot many are due in one moment."""
STEADY_SECONDS = 10.0
"""A run that lasted this long begins the back-off anew."""


def wants_restart(rec: Record, code: int) -> bool:
    """Tell whether the policy asks for another run after an exit with this code."""
    policy = rec.host_config.restart_policy
    match policy.name:
        case "always":
            return True
        case "unless-stopped":
            return not rec.manually_stopped
        case "on-failure":
            tries = policy.maximum_retry_count
            return code != 0 and (tries == 0 or rec.restart_count < tries)
        case _:
            return False


class Restarts:
    """The back-offs of all containers. What is called off stays off until somebody starts the container by hand."""

    def __init__(self, store: Store, supervisor: Supervisor, start_again: Callable[[str], Awaitable[None]]) -> None:
        """Take the records, the owner of flows, and what starts a container that is restarting."""
        self._store = store
        self._supervisor = supervisor
        self._start_again = start_again
        self._pauses: dict[str, float] = {}
        self._called_off: set[str] = set()
        self._kept: set[str] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self._closed = False
        self._open = asyncio.Event()
        self._turn = asyncio.Semaphore(AT_ONCE)

    def open(self) -> None:
        """Recovery is over: from now on what is due is started."""
        self._open.set()

    def pause(self, rec: Record, code: int, lived: int) -> float | None:
        """Return the seconds until the next run, None when there is none; the run `lived` so many nanoseconds."""
        if self._closed or rec.id in self._called_off or not wants_restart(rec, code):
            return None
        before = self._pauses.get(rec.id, 0.0)
        steady = lived >= STEADY_SECONDS * SECOND
        pause = FIRST_SECONDS if steady or not before else min(before * 2, MOST_SECONDS)
        self._pauses[rec.id] = pause
        return pause

    def schedule(self, rec: Record, pause: float) -> None:
        """Start the container again after the pause, unless that is called off."""
        called_off = self._waiting[rec.id] = asyncio.Event()
        self._supervisor.spawn(self._later(rec.id, called_off, pause), f"restart of {rec.id}")

    async def call_off(self, ident: str) -> None:
        """No restart of this container; one that is due makes it exited, which is so when this returns."""
        self._called_off.add(ident)
        with contextlib.suppress(NotFound):  # gone meanwhile, as `--rm` has it
            async with self._store.exclusive(ident) as slot:
                waiting = self._waiting.get(ident)
                if waiting is not None:
                    waiting.set()
                if slot.rec.phase is Phase.RESTARTING:
                    await slot.move(Verb.EXIT)

    @contextlib.contextmanager
    def keeping(self, ident: str) -> Iterator[None]:
        """Meanwhile an exit of this container does not remove it (`--rm`): it is about to be started again."""
        self._kept.add(ident)
        try:
            yield
        finally:
            self._kept.discard(ident)

    def keeps(self, ident: str) -> bool:
        """Whether that is so now."""
        return ident in self._kept

    def forget(self, ident: str) -> None:
        """It was started by hand, or is gone: everything begins anew."""
        self._called_off.discard(ident)
        self._pauses.pop(ident, None)

    def close(self) -> None:
        """The engine goes down: no restart any more; what is due is done at the next boot."""
        self._closed = True
        for waiting in self._waiting.values():
            waiting.set()

    async def _later(self, ident: str, called_off: asyncio.Event, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await called_off.wait()
            return
        except TimeoutError:
            pass
        finally:
            if self._waiting.get(ident) is called_off:
                del self._waiting[ident]
        try:
            await self._open.wait()
            async with self._turn:
                await self._start_again(ident)
        except EngineError as error:
            log.warning("container %s: not restarted: %s", ident, error)
