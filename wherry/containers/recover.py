"""Daemon boot: what the records say against what is there, both ways (start.md 9.2). Nothing is left behind.

Records first: an interrupted start is rolled back by the same releases, a run that still lives is kept (live-restore)
or stopped, one that ended is settled, a removal is finished. Then the sweep of what no record owns.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from wherry.base.errors import EngineError, NotFound
from wherry.base.retries import Retries
from wherry.containerd.tasks import Exit, TaskState
from wherry.containers.exits import UNKNOWN_STATUS, Exits
from wherry.containers.hub import Hub
from wherry.containers.kill import stop_signal
from wherry.containers.monitors import Monitors
from wherry.containers.policy import Restarts, wants_restart
from wherry.containers.settle import Settle
from wherry.containers.stop import Stop, grace
from wherry.containers.sweep import Sweep
from wherry.runtimes.tier import TierOf
from wherry.state.machine import Verb
from wherry.state.record import Phase, Record
from wherry.state.store import Store
from wherry.streams.keepers import Keepers

log = logging.getLogger("wherry.recover")

TELL_SECONDS = 1.0
"""Between two lines of the log that tell how far the boot is."""


class Recover:
    """Brings records and system together once, before the first request is answered."""

    def __init__(
        self,
        store: Store,
        tier: TierOf,
        rest: Settle,
        keepers: Keepers,
        hub: Hub,
        exits: Exits,
        stop: Stop,
        sweep: Sweep,
        restarts: Restarts,
        monitors: Monitors,
        retries: Retries,
        states: Callable[[], Awaitable[dict[str, TaskState]]],
    ) -> None:
        """Take the records, the system's side of a container, what settles it, the policies, health, and retries.

        `states` is what containerd knows of all tasks, by container id, in one answer.
        """
        self._states = states
        self._listed: dict[str, TaskState] = {}
        self._retries = retries
        self._monitors = monitors
        self._restarts = restarts
        self._store = store
        self._tier = tier
        self._rest = rest
        self._keepers = keepers
        self._hub = hub
        self._exits = exits
        self._stop = stop
        self._sweep = sweep
        self._total = self._done = 0
        self._told = 0.0

    async def __call__(self, live_restore: bool) -> None:
        """Settle every record, then sweep; one that cannot be settled is logged and tried again behind."""
        records = list(self._store.all())
        self._total, self._told = len(records), time.monotonic()
        if any(rec.alive and not rec.direct for rec in records):
            await self._list()
        await asyncio.gather(*(self._settle_or_say(rec, live_restore) for rec in records))
        self._listed.clear()  # what is tried again behind asks anew
        if records:
            log.info("containers restored: %d", len(records))
        self._store.faults.at("boot.sweep")
        await self._sweep()
        for rec in self._store.all():
            ended = rec.phase is Phase.EXITED and wants_restart(rec, rec.exit_code)
            if rec.started_before and (ended or rec.phase is Phase.RESTARTING):
                self._restarts.forget(rec.id)  # the stop that ended a run of before called it off
                self._restarts.schedule(rec, 0.0)
        self._restarts.open()

    @property
    def progress(self) -> str:
        """How far it is, such as `restoring containers: 12 of 50`; empty before and after."""
        return f"restoring containers: {self._done} of {self._total}" if self._done < self._total else ""

    async def _list(self) -> None:
        """One question for all; whom the answer leaves out is asked about alone."""
        try:
            self._listed = await self._states()
        except EngineError as error:
            log.warning("the tasks cannot be listed, each is asked for: %s", error)

    async def _settle_or_say(self, rec: Record, live_restore: bool) -> None:
        try:
            await self._settle(rec.id, live_restore)
        except EngineError as error:
            log.error("container %s: not settled at boot: %s", rec.id, error)
            self._retries.later(f"container {rec.id}", partial(self._settle, rec.id, live_restore))
        self._done += 1
        now = time.monotonic()
        if self._done < self._total and now - self._told >= TELL_SECONDS:
            self._told = now
            log.info("%s", self.progress)

    async def _settle(self, ident: str, live_restore: bool) -> None:
        rec = self._store.by_id(ident)
        if rec is None:
            return
        if rec.alive:
            await self._running(rec, live_restore)
            return
        async with self._store.exclusive(ident) as slot:
            await self._rest(slot)

    async def _running(self, rec: Record, live_restore: bool) -> None:
        await self._adopt(rec)
        task = self._listed.pop(rec.id, None) or await self._tier(rec.id).state(rec.id)
        if task is None or task.status in ("stopped", "created"):
            await self._exits.ended(rec.id, rec.generation, await self._exit(rec, task))
            return
        await self._align(rec, Phase.PAUSED if task.status == "paused" else Phase.RUNNING)
        self._exits.watch(rec)
        if not live_restore:
            await self._stop.stop(rec, stop_signal(rec), grace(rec, None), by_hand=False)
            return
        async with self._store.exclusive(rec.id) as slot:
            self._monitors.watch(slot.rec)

    async def _exit(self, rec: Record, task: TaskState | None) -> Exit:
        """How it ended: a dead keeper has left that behind, a shim that is gone has not."""
        if task is not None and task.status == "stopped":
            return Exit(task.exit_status, task.exited_at_ns)
        if rec.direct:
            with contextlib.suppress(NotFound):
                return await self._tier(rec.id).wait(rec.id, "", 0)
        return Exit(UNKNOWN_STATUS, 0)

    async def _adopt(self, rec: Record) -> None:
        """Take up its keeper; without one it lives on, but for its streams."""
        try:
            keeper = await self._keepers.adopt(rec.id, rec.generation)
            if keeper is not None:
                await self._hub.enter(rec.id, keeper)
        except EngineError as error:
            log.error("container %s: its streams are out of reach: %s", rec.id, error)

    async def _align(self, rec: Record, phase: Phase) -> None:
        """A pause or its end may have been cut between the effect and the record."""
        if rec.phase is not phase:
            async with self._store.exclusive(rec.id) as slot:
                await slot.move(Verb.PAUSE if phase is Phase.PAUSED else Verb.UNPAUSE)
