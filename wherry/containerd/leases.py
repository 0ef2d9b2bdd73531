"""Leases: what keeps content and snapshots from containerd's garbage collector (images.md 4)."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from wherry.base.errors import NotFound
from wherry.base.tasks import finish
from wherry.containerd.channel import CALL_DEADLINE, SYNC_DEADLINE, Channel
from wherry.containerd.gen.messages import Empty, message, nanoseconds

LEASES = "containerd.services.leases.v1"
SERVICE = f"{LEASES}.Leases"
ResourceMessage = message(f"{LEASES}.Resource")
CreateRequest = message(f"{LEASES}.CreateRequest")
DeleteRequest = message(f"{LEASES}.DeleteRequest")
ListRequest = message(f"{LEASES}.ListRequest")
ListResponse = message(f"{LEASES}.ListResponse")
AddResourceRequest = message(f"{LEASES}.AddResourceRequest")
ListResourcesRequest = message(f"{LEASES}.ListResourcesRequest")
ListResourcesResponse = message(f"{LEASES}.ListResourcesResponse")

EXPIRE_LABEL = "containerd.io/gc.expire"
Resources = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as containerd keeps it; `created_ns` since the epoch."""

    id: str
    labels: dict[str, str]
    created_ns: int


class Leases:
    """containerd's lease service."""

    def __init__(self, channel: Channel) -> None:
        """Take the channel whose namespace the leases are in."""
        self._channel = channel

    async def create(self, id: str, labels: dict[str, str] | None = None, expire_ns: int | None = None) -> None:
        """Make a lease; Conflict if it exists. `expire_ns` is since the epoch (whole seconds count); None is never."""
        labels = dict(labels or {})
        if expire_ns is not None:
            labels[EXPIRE_LABEL] = _rfc3339(expire_ns)
        await self._channel.call(f"{SERVICE}/Create", CreateRequest(id=id, labels=labels), Empty)

    async def delete(self, id: str, sync: bool = False) -> None:
        """End a lease; a missing one is fine. `sync` waits until what it alone held has been collected."""
        deadline = SYNC_DEADLINE if sync else CALL_DEADLINE
        with contextlib.suppress(NotFound):
            await self._channel.call(f"{SERVICE}/Delete", DeleteRequest(id=id, sync=sync), Empty, deadline=deadline)

    @contextlib.asynccontextmanager
    async def held(self, id: str, labels: dict[str, str]) -> AsyncIterator[str]:
        """Hold a lease meanwhile; one of that name is of an earlier life and ended first."""
        await self.delete(id)
        await self.create(id, labels)
        try:
            yield id
        finally:
            await finish(self.delete(id))

    async def list(self) -> list[Lease]:
        """Return all leases of the namespace, expired ones that are not yet collected too."""
        reply = await self._channel.call(f"{SERVICE}/List", ListRequest(), ListResponse)
        return [Lease(found.id, dict(found.labels), nanoseconds(found.created_at)) for found in reply.leases]

    async def add(self, id: str, kind: str, ident: str) -> None:
        """Put an object under a lease: kind `content` with a digest, or `snapshots/<snapshotter>` with a key."""
        request = AddResourceRequest(id=id, resource=ResourceMessage(id=ident, type=kind))
        await self._channel.call(f"{SERVICE}/AddResource", request, Empty)

    async def resources(self, id: str) -> Resources:
        """Return (kind, id) of what a lease holds; NotFound if there is no such lease."""
        reply = await self._channel.call(f"{SERVICE}/ListResources", ListResourcesRequest(id=id), ListResourcesResponse)
        return [(found.type, found.id) for found in reply.resources]


def _rfc3339(at_ns: int) -> str:
    """Return a time in whole seconds as containerd's collector parses it."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
