"""Restoring: a checkpoint's files as a tar in containerd's content store, for as long as a task is created from it.

What holds the tar is a lease named after the container, so that it is found from the record alone (start.md 10).
"""

from datetime import UTC, datetime

from wherry.base.errors import NotFound
from wherry.base.offload import offload
from wherry.containerd.content import Content
from wherry.containerd.leases import Leases
from wherry.containers import checkpoints
from wherry.containers.layout import Layout
from wherry.containers.unpacked import Unpacked
from wherry.model.image import Descriptor
from wherry.runtimes.criu import CriuTars
from wherry.state.record import Record

ROOT_LABEL = "containerd.io/gc.root"


class Restore:
    """Puts the tar of a record's checkpoint into the content store and takes it out again."""

    def __init__(
        self,
        content: Content,
        tars: CriuTars,
        leases: Leases,
        layout: Layout,
        unpacked: Unpacked,
        mark: dict[str, str],
    ) -> None:
        """Take containerd's stores, the paths, what containerd leaves behind, and the label of our leases."""
        self._tars = tars
        self._unpacked = unpacked
        self._content = content
        self._leases = leases
        self._layout = layout
        self._mark = mark

    async def offer(self, rec: Record) -> Descriptor:
        """Return the tar of a record's checkpoint, in the content store until `withdraw`.

        System in Docker's words when there is no such checkpoint.
        """
        directory = self._layout.checkpoints(rec.id)
        path = await offload(checkpoints.present, directory, rec.checkpoint, f"/{rec.name}")
        lease = _lease(rec)
        await self._unpacked.enter(lease)
        await self._leases.create(lease, self._mark)
        labels = {ROOT_LABEL: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return await self._tars.keep(path, labels, lease, lease)

    async def end(self, rec: Record) -> None:
        """The container has been restored, or will not be: nothing is left of it. Any number of times is fine."""
        if rec.checkpoint:
            await self.withdraw(rec)
            await self._unpacked.leave(_lease(rec))

    async def withdraw(self, rec: Record) -> None:
        """Delete the tar and its lease, now that a task was created from it; nothing there is fine."""
        lease = _lease(rec)
        try:
            held = await self._leases.resources(lease)
        except NotFound:
            return
        for kind, ident in held:
            if kind == "content":
                await self._delete(ident)
        await self._leases.delete(lease)

    async def _delete(self, digest: str) -> None:
        try:
            await self._content.delete(digest)
        except NotFound:
            return  # by an earlier try, whose lease stayed


def _lease(rec: Record) -> str:
    return f"{rec.id}-restore"
