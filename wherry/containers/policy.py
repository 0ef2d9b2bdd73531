"""Restart policies: whether an exit is followed by a start, and when (start.md 6.3)."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

from wherry.base.errors import EngineError, NotFound
from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND
from wherry.containers.donors import needs
from wherry.state.machine import Verb
from wherry.state.record import Phase, Record
from wherry.state.store import Store

log = logging.getLogger("wherry.restart")

FIRST_SECONDS = 0.1
MOST_SECONDS = 60.0
AT_ONCE = 8
"""How many restarts are under way at most: after a boot many are due in one moment."""
TRIES = 16
"""How often a start by policy that fails is tried, each pause twice the one before: about eight minutes in all."""
DONOR_SECONDS = 30.0
"""How long a start by policy waits for those of its donors that are due as well."""
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

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        start_again: Callable[[str], Awaitable[None]],
        first: float = FIRST_SECONDS,
    ) -> None:
        """Take the records, the owner of flows, what starts a container that is restarting, and the first pause."""
        self._first = first
        self._store = store
        self._supervisor = supervisor
        self._start_again = start_again
        self._pauses: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Event] = {}
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
        pause = self._first if steady or not before else min(before * 2, MOST_SECONDS)
        self._pauses[rec.id] = pause
        return pause

    def schedule(self, rec: Record, pause: float) -> None:
        """Start the container again after the pause and after its donors, unless that is called off."""
        called_off = self._waiting[rec.id] = asyncio.Event()
        over = self._under_way[rec.id] = asyncio.Event()
        self._supervisor.spawn(self._flow(rec.id, called_off, over, pause), f"restart of {rec.id}")

    async def call_off(self, ident: str) -> None:
        """No restart of this container; one that is due makes it exited, which is so when this returns."""
        self._called_off.add(ident)
        await self._end(ident)

    async def _end(self, ident: str) -> None:
        with contextlib.suppress(NotFound):  # gone meanwhile, as `--rm` has it
            async with self._store.exclusive(ident) as slot:
                waiting = self._waiting.get(ident)
                if waiting is not None:
                    waiting.set()
                if slot.rec.phase is Phase.RESTARTING:
                    await slot.move(Verb.EXIT)

    def stays_off(self, ident: str) -> bool:
        """Whether a start by policy that is due was called off after all."""
        return self._closed or ident in self._called_off

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
        self._failures.pop(ident, None)
        waiting = self._waiting.pop(ident, None)
        if waiting is not None:
            waiting.set()

    def close(self) -> None:
        """The engine goes down: no restart any more; what is due is done at the next boot."""
        self._closed = True
        for event in (*self._waiting.values(), *self._under_way.values()):
            event.set()

    async def _flow(self, ident: str, called_off: asyncio.Event, over: asyncio.Event, pause: float) -> None:
        try:
            if await self._passes(ident, called_off, pause):
                await self._start_now(ident)
        finally:
            over.set()
            if self._under_way.get(ident) is over:
                del self._under_way[ident]

    async def _passes(self, ident: str, called_off: asyncio.Event, pause: float) -> bool:
        """Let the pause pass; False when the start was called off meanwhile."""
        try:
            async with asyncio.timeout(pause):
                await called_off.wait()
            return False
        except TimeoutError:
            return True
        finally:
            if self._waiting.get(ident) is called_off:
                del self._waiting[ident]

    async def _start_now(self, ident: str) -> None:
        try:
            await self._open.wait()
            await self._wait_for_donors(ident)
            async with self._turn:
                await self._start_again(ident)
            self._failures.pop(ident, None)
        except EngineError as error:
            await self._failed(ident, error)

    async def _wait_for_donors(self, ident: str) -> None:
        """Wait until donors and targets of links that are due have been tried, or for a while; they decide then."""
        rec = self._store.by_id(ident)
        found = needs(rec) - {ident} if rec is not None else set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DONOR_SECONDS):
                for over in [self._under_way[donor] for donor in found if donor in self._under_way]:
                    await over.wait()

    async def _failed(self, ident: str, error: EngineError) -> None:
        """Try again later what nobody called off: an address, a port or a donor may be late (start.md 11, no. 9)."""
        rec = self._store.by_id(ident)
        if self._closed or rec is None or rec.alive or ident in self._called_off:
            log.warning("container %s: not restarted: %s", ident, error)
            return
        failures = self._failures[ident] = self._failures.get(ident, 0) + 1
        if failures >= TRIES or rec.host_config.restart_policy.name in ("", "no"):
            log.error("container %s: not restarted, given up at try %d: %s", ident, failures, error)
            self._failures.pop(ident)
            await self._end(ident)
            return
        pause = min(self._first * 2 ** (failures - 1), MOST_SECONDS)
        log.warning("container %s: not restarted, to be tried again in %.1f s: %s", ident, pause, error)
        self.schedule(rec, pause)
