"""Pausing and unpausing: the kernel's freezer holds every process of a container (start.md 7.4)."""

from wherry.base.errors import EngineError, System
from wherry.containers.monitors import Monitors
from wherry.containers.news import News
from wherry.runtimes.tier import TierOf
from wherry.state.machine import Verb, check
from wherry.state.record import Phase
from wherry.state.store import Store


class Pause:
    """Both verbs, and the thaw that a signal needs."""

    def __init__(self, store: Store, tier: TierOf, news: News, monitors: Monitors) -> None:
        """Take the records, the tier, who is told, and the health checks, which rest meanwhile."""
        self._monitors = monitors
        self._store = store
        self._tier = tier
        self._news = news

    async def pause(self, ref: str) -> None:
        """Freeze a running container; Conflict in Docker's words."""
        async with self._store.exclusive(self._store.get(ref).id) as slot:
            check(slot.rec, Verb.PAUSE)
            await self._monitors.stop(slot.rec.id)  # first: a probe that is frozen while it starts cannot be ended
            try:
                await self._tier(slot.rec.id).pause(slot.rec.id)
            except EngineError as error:
                self._monitors.watch(slot.rec)
                raise System(f"cannot pause container {slot.rec.id}: {error}") from error
            await slot.move(Verb.PAUSE)
            self._news.container(slot.rec, "pause")

    async def unpause(self, ref: str) -> None:
        """Let a paused container run on; Conflict when it is not paused."""
        ident = self._store.get(ref).id
        async with self._store.exclusive(ident) as slot:
            check(slot.rec, Verb.UNPAUSE)
        await self.thaw(ident)

    async def thaw(self, ident: str) -> None:
        """Let it run on if it is paused."""
        async with self._store.exclusive(ident) as slot:
            if slot.rec.phase is not Phase.PAUSED:
                return
            try:
                await self._tier(ident).resume(ident)
            except EngineError as error:
                task = await self._tier(ident).state(ident)
                if task is None or task.status == "stopped":
                    return  # the runtime thaws what it kills: its exit is on the way
                if task.status == "paused":
                    raise System(f"Cannot unpause container {ident}: {error}") from error
            await slot.move(Verb.UNPAUSE)
            self._monitors.watch(slot.rec)
            self._news.container(slot.rec, "unpause")
