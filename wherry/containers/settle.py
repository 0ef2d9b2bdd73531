"""Bringing a container that does not run to rest: at boot, before a start, and behind whenever something failed.

What is owed is released, a start or a removal that was cut is finished, a dead container is removed, one with `--rm`
that has ended goes. Nothing of it runs while nothing is due (start.md 11 nos. 28 to 30).
"""

import contextlib
from functools import partial

from wherry.base.errors import NotFound, System
from wherry.base.retries import Retries
from wherry.base.tasks import finish
from wherry.containers.policy import Restarts
from wherry.containers.remove import Remove
from wherry.containers.rollback import leftovers, release_all
from wherry.containers.steps.all import Steps
from wherry.state.machine import Verb
from wherry.state.record import Phase, Record
from wherry.state.store import Slot, Store

INTERRUPTED = "the engine ended while this container was starting; what the start had taken was given back"


class Settle:
    """Works on the record alone, under the container's lock."""

    def __init__(self, store: Store, steps: Steps, remove: Remove, restarts: Restarts, retries: Retries) -> None:
        """Take the records, the steps to release, the removal, who is about to start, and who tries again."""
        self._store = store
        self._steps = steps
        self._remove = remove
        self._restarts = restarts
        self._retries = retries

    def later(self, ident: str) -> None:
        """Settle behind, and again until it is done."""
        self._retries.later(f"container {ident}", partial(self._again, ident))

    async def pay(self, slot: Slot) -> None:
        """Release what an earlier run still owes; System when it cannot be had, and it is tried again behind."""
        rec = slot.rec
        if not rec.owed:
            return
        owed = await finish(release_all(self._steps.owed(rec), rec, self._store.faults))
        await slot.save(**leftovers(owed))
        if owed:
            self.later(rec.id)
            raise System(f"container {rec.id} still holds {', '.join(owed)} of its last run: see the engine's log")

    async def __call__(self, slot: Slot) -> None:
        """Settle one that does not run; System while something is still owed."""
        rec = slot.rec
        if rec.alive:
            return
        if rec.phase is Phase.STARTING:  # under the lock nobody is at it
            owed = await finish(release_all(self._steps.all, rec, self._store.faults))
            rec = await slot.move(Verb.FAILED, error=INTERRUPTED, exit_code=128, **leftovers(owed))
        if rec.phase is Phase.REMOVING:
            rec = await slot.move(Verb.STUCK)
        if rec.phase is Phase.DEAD:
            await self._remove.under(slot, rec.with_volumes)
        elif self._goes(rec):
            await self._remove.under(slot, volumes=True)
        else:
            await self.pay(slot)

    def _goes(self, rec: Record) -> bool:
        """Whether it has run, or tried to, and was to be removed after that."""
        ended = rec.phase in (Phase.CREATED, Phase.EXITED) and rec.generation > 0
        return ended and rec.host_config.auto_remove and not self._restarts.keeps(rec.id)

    async def _again(self, ident: str) -> None:
        with contextlib.suppress(NotFound):  # removed meanwhile
            async with self._store.exclusive(ident) as slot:
                await self(slot)
