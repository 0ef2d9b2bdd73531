"""The reaction to an exit: one watch per run, told apart by its generation (start.md 6)."""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from wherry.base.errors import DeadlineExceeded, EngineError, NotFound
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor, finish
from wherry.base.units import SECOND
from wherry.containerd.tasks import Exit
from wherry.containers.lived import lived
from wherry.containers.monitors import Monitors
from wherry.containers.news import News
from wherry.containers.policy import Restarts
from wherry.containers.remove import Remove
from wherry.containers.rollback import leftovers, release_all
from wherry.containers.settle import Settle
from wherry.containers.steps.all import Steps
from wherry.containers.waiters import Moment, Outcome, Waiters
from wherry.model.usage import Usage
from wherry.runtimes.tier import TierOf
from wherry.state.machine import Verb
from wherry.state.record import Record, Settling
from wherry.state.store import Slot, Store

log = logging.getLogger("wherry.exits")

UNKNOWN_STATUS = 255
"""containerd's word for an exit that nobody saw."""
WAIT_SECONDS = 3600.0
"""Deadline of one wait; it is asked again."""
RETRY_SECONDS = 0.2
RETRY_MOST = 5.0


class Exits:
    """Waits for the end of each run and settles it."""

    def __init__(
        self,
        store: Store,
        tier: TierOf,
        steps: Steps,
        waiters: Waiters,
        news: News,
        remove: Remove,
        supervisor: Supervisor,
        restarts: Restarts,
        monitors: Monitors,
        usage: Callable[[Record], Usage | None],
        settle: Settle,
    ) -> None:
        """Take the records, the tier, the steps to release, who is told, the policies, health, and who pays debts.

        `usage` (blocking) reads what a run has used while its cgroup still exists.
        """
        self._usage = usage
        self._settle = settle
        self._released: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._monitors = monitors
        self._restarts = restarts
        self._store = store
        self._tier = tier
        self._steps = steps
        self._waiters = waiters
        self._news = news
        self._remove = remove
        self._supervisor = supervisor

    def watch(self, rec: Record) -> None:
        """Begin to wait for the end of this run."""
        self._supervisor.spawn(self._watch(rec.id, rec.generation), f"exit of {rec.id}")

    async def ended(self, ident: str, generation: int, exit: Exit) -> None:
        """Settle the end of a run: release, store, tell, wake, and remove if asked; an older run's end is nothing."""
        try:
            async with self._store.exclusive(ident) as slot:
                if slot.rec.alive and slot.rec.generation == generation:
                    await self._ended(slot, exit)
        except NotFound:
            log.debug("container %s was removed before its exit was settled", ident)

    async def _ended(self, slot: Slot, exit: Exit) -> None:
        ident = slot.rec.id
        await self._monitors.stop(ident)
        found = await self._found(slot, exit)
        owed = await self._release(slot.rec)
        spent = lived(slot.rec, found.at)
        pause = self._restarts.pause(slot.rec, found.code, spent)
        end = msgspec.structs.replace(slot.rec.end, usage=found.usage, unseen=found.unseen, note=found.note)
        facts = leftovers(owed) | {"exit_code": found.code, "finished_at": found.at, "end": end, "settling": None}
        rec = await slot.move(Verb.EXIT if pause is None else Verb.BACKOFF, **facts)
        self._released.pop(ident, None)
        self._news.container(rec, "die", exitCode=str(rec.exit_code), execDuration=str(spent // SECOND))
        self._waiters.wake(ident, Moment.EXIT, Outcome(rec.exit_code))
        if owed:
            self._settle.later(ident)
        if pause is not None:
            self._restarts.schedule(rec, pause)
        elif rec.host_config.auto_remove and not self._restarts.keeps(ident):
            await self._remove.automatically(slot)

    async def _found(self, slot: Slot, exit: Exit) -> Settling:
        """Store how the run ended: until that is on disk the shim keeps the status, the keeper the streams."""
        if slot.rec.settling is None:
            used = await offload(self._usage, slot.rec)  # the releases delete the cgroup
            at = exit.at_ns or time.time_ns()
            await slot.save(
                settling=Settling(code=exit.status, at=at, unseen=not exit.at_ns, note=exit.note, usage=used)
            )
        assert slot.rec.settling is not None
        return slot.rec.settling

    async def _release(self, rec: Record) -> tuple[str, ...]:
        """Release every step of the run once, also when what comes after it is tried again."""
        generation, owed = self._released.get(rec.id, (0, ()))
        if generation != rec.generation:
            owed = await finish(release_all(self._steps.all, rec, self._store.faults))
            self._released[rec.id] = (rec.generation, owed)
        return owed

    async def _watch(self, ident: str, generation: int) -> None:
        with self._supervisor.idle():
            exit = await self._wait(ident)
        pause = RETRY_SECONDS
        while True:
            try:
                await self.ended(ident, generation, exit)
                return
            except EngineError as error:
                log.error("container %s: its exit cannot be settled, trying again: %s", ident, error)
                with self._supervisor.idle():
                    await asyncio.sleep(pause)
                pause = min(RETRY_MOST, pause * 2)

    async def _wait(self, ident: str) -> Exit:
        pause = RETRY_SECONDS
        while True:
            try:
                return await self._tier(ident).wait(ident, "", WAIT_SECONDS)
            except NotFound:
                return Exit(UNKNOWN_STATUS, 0)
            except DeadlineExceeded:
                continue
            except EngineError as error:  # containerd is away, or its shim has just died: soon it knows better
                log.warning("container %s: its end cannot be waited for, asking again: %s", ident, error)
                await asyncio.sleep(pause)
                pause = min(RETRY_MOST, pause * 2)
