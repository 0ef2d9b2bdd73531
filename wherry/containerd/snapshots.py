"""Snapshots: layers on disk and the writable one of a container (images.md 3).

A snapshot lives as long as a lease, a label of its own (`ROOT_LABEL`), a label on another object or a child keeps it:
name the lease or the label when it is made, or containerd collects it.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from wherry.base.errors import NotFound
from wherry.containerd.channel import CALL_DEADLINE, Channel
from wherry.containerd.gen.messages import Empty, message
from wherry.containerd.gen.pool import Message

SNAPSHOTS = "containerd.services.snapshots.v1"
SERVICE = f"{SNAPSHOTS}.Snapshots"
MountMessage = message("containerd.types.Mount")
PrepareSnapshotRequest = message(f"{SNAPSHOTS}.PrepareSnapshotRequest")
KeyRequest = message(f"{SNAPSHOTS}.KeyRequest")
MountsResponse = message(f"{SNAPSHOTS}.MountsResponse")
CommitSnapshotRequest = message(f"{SNAPSHOTS}.CommitSnapshotRequest")
StatSnapshotResponse = message(f"{SNAPSHOTS}.StatSnapshotResponse")
ListSnapshotsRequest = message(f"{SNAPSHOTS}.ListSnapshotsRequest")
ListSnapshotsResponse = message(f"{SNAPSHOTS}.ListSnapshotsResponse")
UsageResponse = message(f"{SNAPSHOTS}.UsageResponse")

ROOT_LABEL = "containerd.io/gc.root"
"""Keeps what has it until that is removed by name; the value, a time, is for people (containerd, gc/scheduler)."""
FRESH = 64
"""How many snapshots are known by what was said when they were made."""
KINDS = ("unknown", "view", "active", "committed")
DISK_DEADLINE = 60.0
"""Seconds for what walks or removes a whole tree on disk."""


@dataclass(frozen=True, slots=True)
class MountSpec:
    """A mount that makes a snapshot visible (mount(8)'s words: type, source, options)."""

    type: str
    source: str
    options: tuple[str, ...] = ()
    target: str = ""


Mounts = list[MountSpec]


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A snapshot; `kind` is `view`, `active` (writable) or `committed`."""

    name: str
    parent: str
    kind: str
    labels: dict[str, str]


class Snapshots:
    """containerd's snapshot service for one snapshotter."""

    def __init__(self, channel: Channel, snapshotter: str) -> None:
        """Take the channel and the name of the snapshotter that every call is for (`overlayfs`)."""
        self._channel = channel
        self.snapshotter = snapshotter
        self._fresh: dict[str, Mounts] = {}

    async def prepare(self, key: str, parent: str, lease: str = "", labels: dict[str, str] | None = None) -> Mounts:
        """Make a writable snapshot on top of a committed one (`""` for an empty one) and return its mounts.

        Conflict if the key exists, NotFound if the parent does not.
        """
        request = PrepareSnapshotRequest(snapshotter=self.snapshotter, key=key, parent=parent, labels=labels)
        reply = await self._channel.call(f"{SERVICE}/Prepare", request, MountsResponse, lease=lease)
        self._fresh[key] = made = from_mounts(reply.mounts)
        if len(self._fresh) > FRESH:
            del self._fresh[next(iter(self._fresh))]
        return made

    async def mounts(self, key: str) -> Mounts:
        """Return the mounts of an active snapshot or a view; NotFound.

        They never change, so the first question after it was made is answered by what was said then.
        """
        if (fresh := self._fresh.pop(key, None)) is not None:
            return fresh
        reply = await self._channel.call(f"{SERVICE}/Mounts", self._key(key), MountsResponse)
        return from_mounts(reply.mounts)

    async def commit(self, name: str, key: str, lease: str, labels: dict[str, str] | None = None) -> None:
        """Turn an active snapshot into a committed one of another name; Conflict if that exists."""
        self._fresh.pop(key, None)
        request = CommitSnapshotRequest(snapshotter=self.snapshotter, name=name, key=key, labels=labels)
        await self._channel.call(f"{SERVICE}/Commit", request, Empty, deadline=DISK_DEADLINE, lease=lease)

    async def remove(self, key: str) -> None:
        """Remove a snapshot; a missing one is fine, InvalidParameter if others stand on it."""
        self._fresh.pop(key, None)
        with contextlib.suppress(NotFound):
            await self._channel.call(f"{SERVICE}/Remove", self._key(key), Empty, deadline=DISK_DEADLINE)

    async def stat(self, key: str) -> SnapshotInfo:
        """Return a snapshot of any kind; NotFound."""
        reply = await self._channel.call(f"{SERVICE}/Stat", self._key(key), StatSnapshotResponse)
        return _read(reply.info)

    async def usage(self, key: str) -> tuple[int, int]:
        """Return (bytes, inodes) of what the snapshot itself adds to its parents; walks the disk for an active one."""
        reply = await self._channel.call(f"{SERVICE}/Usage", self._key(key), UsageResponse, deadline=DISK_DEADLINE)
        return reply.size, reply.inodes

    async def list(self) -> list[SnapshotInfo]:
        """Return every snapshot of the namespace."""
        request = ListSnapshotsRequest(snapshotter=self.snapshotter)
        replies = self._channel.stream(f"{SERVICE}/List", request, ListSnapshotsResponse, idle=CALL_DEADLINE)
        return [_read(info) async for reply in replies for info in reply.info]

    def _key(self, key: str) -> Message:
        return KeyRequest(snapshotter=self.snapshotter, key=key)


def from_mounts(mounts: Iterable[Message]) -> list[MountSpec]:
    """Read containerd's mounts."""
    return [MountSpec(mount.type, mount.source, tuple(mount.options), mount.target) for mount in mounts]


def to_mounts(mounts: Iterable[MountSpec]) -> list[Message]:
    """Write mounts for containerd."""
    return [MountMessage(type=m.type, source=m.source, target=m.target, options=m.options) for m in mounts]


def _read(info: Message) -> SnapshotInfo:
    return SnapshotInfo(info.name, info.parent, KINDS[info.kind], dict(info.labels))
