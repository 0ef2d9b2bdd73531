"""The reaction to an exit: one watch per run, told apart by its generation (start.md 6)."""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from wherry.base.errors import DeadlineExceeded, EngineError, NotFound, Unavailable
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
from wherry.containers.steps.all import Steps
from wherry.containers.waiters import Moment, Outcome, Waiters
from wherry.model.usage import Usage
from wherry.runtimes.shim import Shim
from wherry.state.machine import Verb
from wherry.state.record import Record
from wherry.state.store import Store

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
        shim: Shim,
        steps: Steps,
        waiters: Waiters,
        news: News,
        remove: Remove,
        supervisor: Supervisor,
        restarts: Restarts,
        monitors: Monitors,
        usage: Callable[[Record], Usage | None],
    ) -> None:
        """Take the records, the tier, the steps to release, who is told, the policies, and the health checks.

        `usage` (blocking) reads what a run has used while its cgroup still exists.
        """
        self._usage = usage
        self._monitors = monitors
        self._restarts = restarts
        self._store = store
        self._shim = shim
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
                if not slot.rec.alive or slot.rec.generation != generation:
                    return
                await self._monitors.stop(ident)
                used = await offload(self._usage, slot.rec)  # the releases delete the cgroup
                owed = await finish(release_all(self._steps.all, slot.rec))
                at = exit.at_ns or time.time_ns()
                spent = lived(slot.rec, at)
                pause = self._restarts.pause(slot.rec, exit.status, spent)
                verb = Verb.EXIT if pause is None else Verb.BACKOFF
                end = msgspec.structs.replace(slot.rec.end, usage=used, unseen=not exit.at_ns)
                rec = await slot.move(verb, exit_code=exit.status, finished_at=at, end=end, **leftovers(owed))
                duration = str(spent // SECOND)
                self._news.container(rec, "die", exitCode=str(rec.exit_code), execDuration=duration)
                self._waiters.wake(ident, Moment.EXIT, Outcome(rec.exit_code))
                if pause is not None:
                    self._restarts.schedule(rec, pause)
                elif rec.host_config.auto_remove and not self._restarts.keeps(ident):
                    await self._remove.under(slot, volumes=True)
        except NotFound:
            log.debug("container %s was removed before its exit was settled", ident)

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
                await asyncio.sleep(pause)
                pause = min(RETRY_MOST, pause * 2)

    async def _wait(self, ident: str) -> Exit:
        pause = RETRY_SECONDS
        while True:
            try:
                return await self._shim.wait(ident, "", WAIT_SECONDS)
            except NotFound:
                return Exit(UNKNOWN_STATUS, 0)
            except DeadlineExceeded:
                continue
            except Unavailable as error:
                log.warning("container %s: containerd is away, asking again: %s", ident, error)
                await asyncio.sleep(pause)
                pause = min(RETRY_MOST, pause * 2)
