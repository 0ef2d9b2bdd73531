"""The volumes of this engine: made on demand and for containers, in use by records, removed when nobody refers to them.

Who uses a volume is not counted but read from the records, and from the creates that are under way. Sources: images.md
20, api-containers.md 3.5 and 3.6.
"""

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

from wherry.base.errors import Conflict, EngineError, NotFound
from wherry.base.events import EventBus
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor, finish
from wherry.model.container import MountPoint
from wherry.model.volume import CreateOptions, VolumeNote
from wherry.state.record import Record
from wherry.volumes import fill
from wherry.volumes.filters import Filters, check_prune, describe, prunable, select
from wherry.volumes.local import LocalVolumes, tree_size
from wherry.volumes.syntax import DRIVER
from wherry.volumes.wishes import Wish, check_driver, check_options, volumes_of, wish_of, wishes

Json = dict[str, Any]

Names = list[str]

log = logging.getLogger("wherry.volumes")


class VolumeRegistry:
    """The verbs on volumes, and what containers need of them."""

    def __init__(
        self, local: LocalVolumes, records: Callable[[], list[Record]], bus: EventBus, supervisor: Supervisor
    ) -> None:
        """Take the driver, the records that use volumes, who is told, and the owner of flows."""
        self._local = local
        self._records = records
        self._bus = bus
        self._supervisor = supervisor
        self._lock = asyncio.Lock()  # between looking who uses a volume and taking it away
        self._claims: dict[str, frozenset[str]] = {}
        self._filling: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._pruning = False

    # The API.

    async def list(self, filters: Filters) -> Json:
        """Describe volumes; InvalidParameter in Docker's words for a filter."""
        used = {point.name for rec in self._records() for point in volumes_of(rec)}
        found = select(await offload(self._local.all), filters, used)
        return {"Volumes": [describe(volume) for volume in found], "Warnings": None}

    async def inspect(self, name: str) -> Json:
        """Describe a volume; NotFound."""
        return describe(await offload(self._local.find, name))

    async def create(self, asked: CreateOptions) -> Json:
        """Make a volume, or find the one of that name; without a name it gets one and is anonymous."""
        wish = wish_of(asked)
        return await self._supervisor.run(self._create(wish), f"create volume {wish.name}")

    async def _create(self, wish: Wish) -> Json:
        async with self._lock:
            await self._make(wish, [])
            return await self.inspect(wish.name)

    async def remove(self, name: str, force: bool) -> None:
        """Remove a volume with its data; Conflict while a container refers to it, `force` forgives a missing one."""
        try:
            await self._supervisor.run(self._remove(name), f"remove volume {name}")
        except NotFound:
            if not force:
                raise

    async def prune(self, filters: Filters) -> Json:
        """Remove what nobody refers to; Conflict while another prune goes on."""
        check_prune(filters)
        if self._pruning:
            raise Conflict("a prune operation is already running")
        self._pruning = True
        try:
            return await self._supervisor.run(self._prune(filters), "prune volumes")
        finally:
            self._pruning = False

    async def _prune(self, filters: Filters) -> Json:
        deleted: Names = []
        space = 0
        for volume in await offload(self._local.all):
            if not prunable(volume, filters) or self._users(volume.name):
                continue
            try:
                size = await offload(tree_size, volume.path)
                await self._remove(volume.name)
            except (Conflict, NotFound):
                continue  # somebody else was quicker
            except EngineError as error:
                log.error("prune volume %s: %s", volume.name, error)
                continue
            deleted.append(volume.name)
            space += size
        self._bus.publish("volume", "prune", "", {"reclaimed": str(space)})
        return {"VolumesDeleted": deleted, "SpaceReclaimed": space}

    # For containers.

    @contextlib.asynccontextmanager
    async def claimed(self, rec: Record) -> AsyncIterator[None]:
        """Make the volumes of a container while it is being created, and let nobody remove them meanwhile.

        Leaving by an exception gives back what was made here, unless the record was stored. An engine that dies
        inside has left anonymous volumes whose maker does not exist: `boot` takes them away.
        """
        made: list[str] = []
        self._claims[rec.id] = frozenset(point.name for point in volumes_of(rec))
        try:
            async with self._lock:
                for wish in wishes(rec):
                    await self._make(wish, made)
            yield
            if made:
                await offload(self._keep, made)
        except BaseException as error:
            if all(known.id != rec.id for known in self._records()):
                await finish(self._give_back(rec, made, error))
            raise
        finally:
            del self._claims[rec.id]

    async def fill(self, point: MountPoint, rootfs: str) -> None:
        """Copy what the image has at the mountpoint into the volume if that is empty (volumes/fill.py)."""
        lock = self._filling.setdefault(point.name, asyncio.Lock())
        async with lock:
            await fill.fill(self._local.home(point.name), rootfs, point.destination)

    async def remove_anonymous(self, rec: Record) -> None:
        """Remove the anonymous volumes of a container that goes; one that others use, or that resists, stays."""
        for point in volumes_of(rec):
            if point.named:
                continue
            try:
                await self._remove(point.name, leaving=rec.id)
            except (Conflict, NotFound):
                continue
            except EngineError as error:
                log.error("container %s: its volume %s stays: %s", rec.id, point.name, error)

    async def boot(self) -> None:
        """Finish or take away what an engine that died had begun; old data is deleted while the engine serves."""
        waste = await offload(self._settle, {rec.id for rec in self._records()})
        if waste:
            self._supervisor.spawn(self._delete(waste), "delete old volumes")

    # The rest is called from above.

    def _users(self, name: str) -> Names:
        users = [rec.id for rec in self._records() if any(point.name == name for point in volumes_of(rec))]
        return users + [ident for ident, names in self._claims.items() if name in names and ident not in users]

    async def _make(self, wish: Wish, made: Names) -> None:
        """Make a volume unless it is there; its name is in `made` then, whatever happens to the caller."""
        before = len(made)
        try:
            await offload(self._make_now, wish, made)
        finally:
            for name in made[before:]:
                self._bus.publish("volume", "create", name, {"driver": DRIVER})

    def _make_now(self, wish: Wish, made: Names) -> None:
        check_driver(wish)
        if self._local.exists(wish.name):
            return
        check_options(wish)
        note = VolumeNote(created=time.time_ns(), labels=wish.labels, options=wish.options)
        if self._local.create(wish.name, note, wish.maker):
            made.append(wish.name)

    def _keep(self, made: Names) -> None:
        for name in made:
            self._local.keep(name)

    async def _give_back(self, rec: Record, made: Names, error: BaseException) -> None:
        for name in made:
            try:
                await self._remove(name, leaving=rec.id)
            except (Conflict, NotFound):
                continue
            except EngineError as failure:
                error.add_note(f"could not give back volume {name}: {failure}")

    async def _remove(self, name: str, leaving: str = "") -> None:
        """Remove a volume that nobody refers to, apart from a container that is `leaving`."""
        async with self._lock:
            await offload(self._local.find, name)
            users = [ident for ident in self._users(name) if ident != leaving]
            if users:
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            gone = await offload(self._local.detach, name)
        self._bus.publish("volume", "destroy", name, {"driver": DRIVER})
        await offload(self._local.delete, gone)

    def _settle(self, known: set[str]) -> Names:
        for volume in self._local.all():
            try:
                maker = self._local.maker(volume.name)
                if maker and maker not in known:
                    log.warning("volume %s: its container was never created, it is removed", volume.name)
                    self._local.detach(volume.name)
                    continue
                self._local.keep(volume.name)
                fill.settle(self._local.home(volume.name))
            except EngineError as error:
                log.error("volume %s: not settled at boot: %s", volume.name, error)
        return self._local.waste()

    async def _delete(self, paths: Names) -> None:
        for path in paths:
            await offload(self._local.delete, path)
