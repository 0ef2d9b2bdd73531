"""Removing a container: what its runs still hold, its snapshot, its directory, its record (start.md 7.6)."""

import asyncio
import logging
from collections.abc import Callable

from wherry.base.errors import Conflict, EngineError, NotFound, System
from wherry.base.offload import offload
from wherry.base.tasks import finish
from wherry.containerd.snapshots import Snapshots
from wherry.containers.execs import Execs
from wherry.containers.kill import Kill
from wherry.containers.layout import Layout
from wherry.containers.monitors import Monitors
from wherry.containers.news import News
from wherry.containers.policy import Restarts
from wherry.containers.rollback import leftovers, release_all
from wherry.containers.steps.all import Steps
from wherry.containers.waiters import Moment, Outcome, Waiters
from wherry.host import files
from wherry.host.errors import translate
from wherry.state.machine import Verb, check
from wherry.state.record import Phase, Record
from wherry.state.store import Slot, Store
from wherry.volumes.registry import VolumeRegistry

log = logging.getLogger("wherry.remove")

ATTEMPTS = 5
"""How often a forced removal ends what others start meanwhile."""


class Remove:
    """The verb, and its half under the lock that AutoRemove and boot use too."""

    def __init__(
        self,
        store: Store,
        steps: Steps,
        snapshots: Snapshots,
        volumes: VolumeRegistry,
        layout: Layout,
        kill: Kill,
        waiters: Waiters,
        news: News,
        restarts: Restarts,
        monitors: Monitors,
        execs: Execs,
        later: Callable[[str], None],
    ) -> None:
        """Take the records, all that a container may own, who is told, what is known of its restarts, health and execs.

        `later` settles a container behind whose removal is stuck.
        """
        self._later = later
        self._monitors = monitors
        self._execs = execs
        self._restarts = restarts
        self._store = store
        self._steps = steps
        self._snapshots = snapshots
        self._volumes = volumes
        self._layout = layout
        self._kill = kill
        self._waiters = waiters
        self._news = news

    async def __call__(self, ref: str, force: bool, volumes: bool, link: bool) -> None:
        """Remove, or with `link` only a link; Conflict in Docker's words while it runs and `force` is not set."""
        if link:
            await self._unlink(ref)
            return
        ident = self._store.get(ref).id
        if force:
            await self._remove_by_force(ref, ident, volumes)
            return
        async with self._store.exclusive(ident) as slot:
            check(slot.rec, Verb.REMOVE, ref)
            await self.under(slot, volumes)

    async def _remove_by_force(self, ref: str, ident: str, volumes: bool) -> None:
        """End what runs, then remove; a start that came in between is ended too."""
        for _ in range(ATTEMPTS):
            await self._end_by_force(ref, ident)
            async with self._store.exclusive(ident) as slot:
                if not _runs(slot.rec):
                    check(slot.rec, Verb.REMOVE, ref)
                    await self.under(slot, volumes)
                    return
        raise Conflict(f'cannot remove container "{ref}": somebody starts it as often as it is killed')

    async def _unlink(self, ref: str) -> None:
        """Forget the link `<source>/<alias>`; a container that runs keeps what it has of it."""
        source, slash, alias = ref.removeprefix("/").partition("/")
        if not slash:
            self._store.get(ref)
            raise Conflict("Conflict, cannot remove the default link name of the container")
        found = next((rec for rec in self._store.all() if rec.name == source), None)
        if found is None or all(link.alias != alias for link in found.links):
            raise NotFound(f"No such container: {ref}")
        async with self._store.exclusive(found.id) as slot:
            await slot.save(links=tuple(link for link in slot.rec.links if link.alias != alias))

    async def under(self, slot: Slot, volumes: bool) -> None:
        """Remove while the lock is held; a failure leaves the container dead, and it is tried again behind."""
        rec = await slot.move(Verb.REMOVE, with_volumes=volumes)
        try:
            await self._give_back(slot)
            if volumes:
                await self._volumes.remove_anonymous(rec)
            await slot.forget()
        except BaseException as error:
            text = f'cannot remove container "{rec.name}": unable to remove filesystem: {error}'
            await finish(self._stuck(slot, text))
            if not isinstance(error, Exception):
                raise
            raise System(text) from error
        self._restarts.forget(rec.id)
        self._monitors.forget(rec.id)
        self._execs.forget(rec.id)
        self._news.container(rec, "destroy")
        for moment in (Moment.EXIT, Moment.REMOVED):
            self._waiters.wake(rec.id, moment, Outcome(rec.exit_code))

    async def automatically(self, slot: Slot) -> None:
        """Remove what asked for it (`--rm`) while the lock is held; a failure is said and tried again behind."""
        try:
            await self.under(slot, volumes=True)
        except EngineError as error:
            log.error("can't remove container %s: %s", slot.rec.id, error)
            self._later(slot.rec.id)

    async def _stuck(self, slot: Slot, text: str) -> None:
        rec = slot.rec
        self._later(rec.id)
        try:
            await slot.move(Verb.STUCK, error=text)
        except EngineError as error:
            log.error("container %s: its failed removal could not be stored: %s", rec.id, error)
        self._waiters.wake(rec.id, Moment.REMOVED, Outcome(rec.exit_code, text))

    async def _end_by_force(self, ref: str, ident: str) -> None:
        rec = self._store.by_id(ident)
        if rec is None or not _runs(rec):
            return
        try:
            await self._kill.hard(rec)
        except EngineError as error:
            raise type(error)(f'cannot remove container "{ref}": could not kill container: {error}') from error

    async def _give_back(self, slot: Slot) -> None:
        """Release what runs still owe, then what the container has held since its creation."""
        rec = slot.rec
        if rec.owed:
            owed = await release_all(self._steps.owed(rec), rec, self._store.faults)
            rec = await slot.save(**leftovers(owed))
            if owed:
                raise System(f"it still holds {', '.join(owed)}")
        directory = offload(self._remove_directory, self._layout.directory(rec.id))
        for done in await asyncio.gather(self._snapshots.remove(rec.id), directory, return_exceptions=True):
            if done is not None:
                raise done

    @staticmethod
    def _remove_directory(path: str) -> None:
        with translate("remove the container's directory"):
            files.remove_tree(path)


def _runs(rec: Record) -> bool:
    """Whether it runs, or is about to."""
    return rec.alive or rec.phase in (Phase.STARTING, Phase.RESTARTING)
