"""Daemon boot: what the records say against what is there, both ways (start.md 9.2). Nothing is left behind.

Records first: an interrupted start is rolled back by the same releases, a run that still lives is kept (live-restore)
or stopped, one that ended is settled, a removal is finished. Then the sweep of what no record owns.
"""

import asyncio
import logging

from wherry.base.errors import EngineError
from wherry.containerd.tasks import Exit, TaskState
from wherry.containers.exits import UNKNOWN_STATUS, Exits
from wherry.containers.hub import Hub
from wherry.containers.kill import stop_signal
from wherry.containers.monitors import Monitors
from wherry.containers.policy import Restarts, wants_restart
from wherry.containers.remove import Remove
from wherry.containers.rollback import leftovers, release_all
from wherry.containers.steps.all import Steps
from wherry.containers.stop import Stop, grace
from wherry.containers.sweep import Sweep
from wherry.runtimes.shim import Shim
from wherry.state.machine import Verb
from wherry.state.record import Phase, Record
from wherry.state.store import Slot, Store
from wherry.streams.keepers import Keepers

log = logging.getLogger("wherry.recover")

INTERRUPTED = "the engine ended while this container was starting; what the start had taken was given back"


class Recover:
    """Brings records and system together once, before the first request is answered."""

    def __init__(
        self,
        store: Store,
        shim: Shim,
        steps: Steps,
        keepers: Keepers,
        hub: Hub,
        exits: Exits,
        stop: Stop,
        remove: Remove,
        sweep: Sweep,
        restarts: Restarts,
        monitors: Monitors,
    ) -> None:
        """Take the records, the system's side of a container, what settles it, the policies, and the health checks."""
        self._monitors = monitors
        self._restarts = restarts
        self._store = store
        self._shim = shim
        self._steps = steps
        self._keepers = keepers
        self._hub = hub
        self._exits = exits
        self._stop = stop
        self._remove = remove
        self._sweep = sweep

    async def __call__(self, live_restore: bool) -> None:
        """Settle every record, then sweep; a record that cannot be settled is logged and stays as it is."""
        await asyncio.gather(*(self._settle_or_say(rec, live_restore) for rec in self._store.all()))
        await self._sweep()
        for rec in self._store.all():
            ended = rec.phase is Phase.EXITED and wants_restart(rec, rec.exit_code)
            if rec.started_before and (ended or rec.phase is Phase.RESTARTING):
                self._restarts.forget(rec.id)  # the stop that ended a run of before called it off
                self._restarts.schedule(rec, 0.0)
        self._restarts.open()

    async def _settle_or_say(self, rec: Record, live_restore: bool) -> None:
        try:
            await self._settle(rec, live_restore)
        except EngineError as error:
            log.error("container %s: not settled at boot: %s", rec.id, error)

    async def _settle(self, rec: Record, live_restore: bool) -> None:
        if rec.alive:
            await self._running(rec, live_restore)
            return
        async with self._store.exclusive(rec.id) as slot:
            if rec.phase is Phase.STARTING:
                await self._interrupted(slot)
            elif rec.phase is Phase.REMOVING:
                await slot.move(Verb.STUCK)
                await self._remove.under(slot, volumes=rec.host_config.auto_remove)
            elif rec.owed:
                await slot.save(**leftovers(await release_all(self._steps.owed(rec), rec)))
                if rec.host_config.auto_remove and not slot.rec.owed:
                    await self._remove.under(slot, volumes=True)

    async def _interrupted(self, slot: Slot) -> None:
        owed = await release_all(self._steps.all, slot.rec)
        await slot.move(Verb.FAILED, error=INTERRUPTED, exit_code=128, **leftovers(owed))
        if slot.rec.host_config.auto_remove:
            await self._remove.under(slot, volumes=True)

    async def _running(self, rec: Record, live_restore: bool) -> None:
        task = await self._shim.state(rec.id)
        if task is None or task.status in ("stopped", "created"):
            await self._exits.ended(rec.id, rec.generation, _exit(task))
            return
        await self._align(rec, Phase.PAUSED if task.status == "paused" else Phase.RUNNING)
        keeper = await self._keepers.adopt(rec.id, rec.generation)
        if keeper is not None:
            await self._hub.enter(rec.id, keeper)
        self._exits.watch(rec)
        if not live_restore:
            await self._stop.stop(rec, stop_signal(rec), grace(rec, None), by_hand=False)
            return
        async with self._store.exclusive(rec.id) as slot:
            self._monitors.watch(slot.rec)

    async def _align(self, rec: Record, phase: Phase) -> None:
        """A pause or its end may have been cut between the effect and the record."""
        if rec.phase is not phase:
            async with self._store.exclusive(rec.id) as slot:
                await slot.move(Verb.PAUSE if phase is Phase.PAUSED else Verb.UNPAUSE)


def _exit(task: TaskState | None) -> Exit:
    if task is None or task.status != "stopped":
        return Exit(UNKNOWN_STATUS, 0)
    return Exit(task.exit_status, task.exited_at_ns)
