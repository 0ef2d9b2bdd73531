"""What no record owns is taken away: found by our marks and paths, at boot (start.md 9.2)."""

import logging
import os
from collections.abc import Iterator

from wherry.base.errors import EngineError, NotFound
from wherry.base.offload import offload
from wherry.containerd.containers import Containers
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Snapshots
from wherry.containers import checkpoints
from wherry.containers.layout import Layout
from wherry.host import files, mounts, netns
from wherry.host.errors import translate
from wherry.runtimes.shim import Shim
from wherry.runtimes.strays import end_strays, find_shims
from wherry.runtimes.tier import Tier
from wherry.state.store import Store
from wherry.streams.keepers import Keepers

log = logging.getLogger("wherry.sweep")


class Sweep:
    """Ends and removes what carries this engine's mark and belongs to no record."""

    def __init__(
        self,
        store: Store,
        shim: Shim,
        direct: Tier,
        containers: Containers,
        snapshots: Snapshots,
        leases: Leases,
        keepers: Keepers,
        layout: Layout,
        mark: tuple[str, str],
        place: tuple[str, str],
    ) -> None:
        """Take the records, containerd's side, the keepers, the paths, the label that marks what is ours.

        `place` is where our shims say they belong: containerd's address and namespace.
        """
        self._store = store
        self._shim = shim
        self._direct = direct
        self._containers = containers
        self._snapshots = snapshots
        self._leases = leases
        self._keepers = keepers
        self._layout = layout
        self._mark = mark
        self._place = place

    async def __call__(self) -> None:
        """Sweep in the order of a release, from tasks and shims to snapshots, leases and directories."""
        await self._tasks()
        await self.shims()
        await self._streams()
        await offload(self._namespaces)
        await offload(self._pins)
        await offload(self._mountpoints)
        await self._images_side()
        await offload(self._directories)

    def _alive(self, ident: str) -> bool:
        rec = self._store.by_id(ident)
        return rec is not None and rec.alive

    def _runs(self, ident: str) -> bool:
        rec = self._store.by_id(ident)
        return rec is not None and (rec.alive or bool(rec.owed))

    async def _tasks(self) -> None:
        for ident in await self.marked():
            if not self._runs(ident):
                log.warning("container %s: a task that no record owns is ended", ident)
                await self._shim.delete(ident)

    async def marked(self) -> list[str]:
        """Return the ids of containerd's containers that carry our mark."""
        key, value = self._mark
        return [found.id for found in await self._containers.list() if found.labels.get(key) == value]

    async def is_marked(self, ident: str) -> bool:
        """Tell whether containerd has a container of this id that carries our mark."""
        key, value = self._mark
        try:
            return (await self._containers.get(ident)).labels.get(key) == value
        except NotFound:
            return False

    async def shims(self) -> None:
        """End the shims of containers that containerd does not know; at any time: theirs exist before a shim does."""
        found = await offload(find_shims, *self._place)  # before the containers: one may start meanwhile
        idle = [(shim, ident) for shim, ident in found if not self._alive(ident)]
        if not idle:
            return
        known = {container.id for container in await self._containers.list()}
        for ident in await offload(end_strays, idle, known):
            log.warning("container %s: a shim that containerd has forgotten is ended", ident)

    async def _streams(self) -> None:
        for ident, generation in self._keepers.found():
            rec = self._store.by_id(ident)
            if not self._runs(ident):
                await self._direct.delete(ident)
            if not self._runs(ident) or (rec is not None and rec.generation != generation):
                await self._keepers.release(ident, generation)

    def _namespaces(self) -> None:
        kept = {rec.sandbox_id for rec in self._store.all() if rec.sandbox_id}
        paths = {self._layout.netns(sandbox) for sandbox in kept}
        for path in _entries(self._layout.namespaces):
            if path not in paths:
                with translate("unpin a network namespace"):
                    netns.release(path)

    def _pins(self) -> None:
        with translate("unpin the namespaces of other containers"):
            for path in _entries(self._layout.pins):
                if not self._runs(os.path.basename(path)):
                    for pin in _entries(path):
                        netns.release(pin)
                    os.rmdir(path)

    def _mountpoints(self) -> None:
        """Unmount what nobody uses; a file system that the user put on one of the directories themselves stays."""
        containers, roots = self._layout.containers, self._layout.mountpoints
        with translate("unmount shared memory and secrets"):
            for info in mounts.mounts_below(containers):
                ident = info.target.removeprefix(containers).removeprefix("/").partition("/")[0]
                if ident and not self._runs(ident):
                    mounts.unmount(info.target)
        kept = {self._layout.rootfs(rec) for rec in self._store.all() if self._runs(rec.id)}
        with translate("unmount a root filesystem"):
            for info in mounts.mounts_below(roots):
                if info.target not in kept and info.target != roots:
                    mounts.unmount(info.target)
            for group in _entries(roots):
                for path in _entries(group):
                    if path not in kept:
                        os.rmdir(path)

    async def _images_side(self) -> None:
        key, value = self._mark
        for snapshot in await self._snapshots.list():
            if snapshot.labels.get(key) == value and self._store.by_id(snapshot.name) is None:
                await self.forget(snapshot.name)
        for lease in await self._leases.list():
            if lease.labels.get(key) == value and self._store.by_id(lease.id) is None:
                await self._leases.delete(lease.id)

    async def forget(self, ident: str) -> None:
        """Delete the snapshot of a container that has no record."""
        try:
            await self._snapshots.remove(ident)
        except EngineError as error:
            log.error("snapshot %s, which no record owns, stays: %s", ident, error)

    def _directories(self) -> None:
        for path in _entries(self._layout.containers):
            if self._store.by_id(os.path.basename(path)) is None:
                with translate("remove the directory of no container"):
                    files.remove_tree(path)
            else:
                checkpoints.drop_half_written(self._layout.checkpoints(os.path.basename(path)))
        checkpoints.remove(self._layout.criu)


def _entries(directory: str) -> Iterator[str]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    yield from (os.path.join(directory, name) for name in names)
