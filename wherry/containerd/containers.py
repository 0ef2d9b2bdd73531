"""Container records of containerd: the OCI spec and the shim that a task is made from (start.md S16)."""

import contextlib
from dataclasses import dataclass

from wherry.base.errors import NotFound
from wherry.containerd.channel import Channel
from wherry.containerd.gen.messages import AnyValue, Empty, message, nanoseconds
from wherry.containerd.gen.pool import Message
from wherry.containerd.values import RuntimeOptions, to_any

CONTAINERS = "containerd.services.containers.v1"
SERVICE = f"{CONTAINERS}.Containers"
ContainerMessage = message(f"{CONTAINERS}.Container")
RuntimeMessage = message(f"{CONTAINERS}.Runtime")
GetContainerRequest = message(f"{CONTAINERS}.GetContainerRequest")
ContainerReply = message(f"{CONTAINERS}.ContainerMessage")
ListContainersRequest = message(f"{CONTAINERS}.ListContainersRequest")
ListContainersResponse = message(f"{CONTAINERS}.ListContainersResponse")
DeleteContainerRequest = message(f"{CONTAINERS}.DeleteContainerRequest")

SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec"


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """A container as containerd keeps it: `runtime` is the shim's name, `spec` the OCI spec as JSON."""

    id: str
    labels: dict[str, str]
    image: str
    runtime: str
    options: RuntimeOptions | None
    spec: bytes
    created_ns: int


class Containers:
    """containerd's container service."""

    def __init__(self, channel: Channel) -> None:
        """Take the channel whose namespace the containers are in."""
        self._channel = channel

    async def create(
        self,
        id: str,
        spec: bytes,
        runtime: str,
        options: RuntimeOptions | None,
        labels: dict[str, str],
        image: str = "",
        lease: str = "",
    ) -> None:
        """Make a record; Conflict if the id exists. Its root file system is the caller's: `root.path` in the spec."""
        container = ContainerMessage(
            id=id,
            labels=labels,
            image=image,
            runtime=RuntimeMessage(name=runtime, options=to_any(options)),
            spec=AnyValue(type_url=SPEC_TYPE, value=spec),
        )
        await self._channel.call(f"{SERVICE}/Create", ContainerReply(container=container), ContainerReply, lease=lease)

    async def get(self, id: str) -> ContainerRecord:
        """Return a record; NotFound."""
        reply = await self._channel.call(f"{SERVICE}/Get", GetContainerRequest(id=id), ContainerReply)
        return _read(reply.container)

    async def delete(self, id: str) -> None:
        """Delete a record; a missing one is fine. Its task must be gone: containerd does not look."""
        with contextlib.suppress(NotFound):
            await self._channel.call(f"{SERVICE}/Delete", DeleteContainerRequest(id=id), Empty)

    async def list(self) -> list[ContainerRecord]:
        """Return every record of the namespace."""
        reply = await self._channel.call(f"{SERVICE}/List", ListContainersRequest(), ListContainersResponse)
        return [_read(found) for found in reply.containers]


def _read(found: Message) -> ContainerRecord:
    runtime = found.runtime
    options = RuntimeOptions(runtime.options.type_url, runtime.options.value) if runtime.HasField("options") else None
    return ContainerRecord(
        found.id,
        dict(found.labels),
        found.image,
        runtime.name,
        options,
        found.spec.value,
        nanoseconds(found.created_at),
    )
