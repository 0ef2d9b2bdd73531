"""What the API may call: facades by Protocol, no behaviour, seen in this room alone (wired in main/wire.py)."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

from wherry.base.events import EventBus
from wherry.model.checkpoint import CreateOptions as CheckpointOptions
from wherry.model.container import Created, CreateRequest, EndpointSettings, ExecRequest, ExecStart, HostConfig
from wherry.model.network import CreateRequest as NetworkRequest
from wherry.model.query import AttachOptions as AttachOptions
from wherry.model.query import ListOptions as ListOptions
from wherry.model.query import LogOptions as LogOptions
from wherry.model.query import PullOptions as PullOptions
from wherry.model.volume import CreateOptions

Json = dict[str, Any]
Items = list[Json]
Filters = dict[str, list[str]]


class Session(Protocol):
    """A stream that was checked and waits for its socket."""

    tty: bool

    async def hand_over(self, fd: int, early: bytes, head: bytes) -> None:
        """Take the client's socket: `head` is written once subscribed; `early` are stdin bytes read so far.

        The fd is owned by the callee from the call on, also when it fails; failures past this point are stream data.
        """
        ...


class ExecSession(Session, Protocol):
    """An exec instance that was checked and may start."""

    async def run_detached(self) -> None:
        """Start it without streams; raises the kind of its failure."""
        ...


class LogFeed(Protocol):
    """The log of a container, rendered for one query."""

    tty: bool

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield ready bytes (framed unless TTY); ends as api-containers.md 3.10 says."""
        ...


class ContainerVerbs(Protocol):
    """The verbs on containers; references are name, id or unique id prefix (start.md 1.5)."""

    async def create(self, name: str, request: CreateRequest, platform: str, version: tuple[int, int]) -> Created:
        """Create from a body that api/versions.py has lifted to the newest shape."""
        ...

    async def start(self, ref: str, checkpoint: str, directory: str) -> str:
        """Start, or restore a checkpoint; returns the value of Server-Timing. NotModified when it runs."""
        ...

    async def restart(self, ref: str, seconds: int | None, signal: str) -> None:
        """Stop if it runs, then start."""
        ...

    async def rename(self, ref: str, name: str) -> None:
        """Give it another name."""
        ...

    async def update(self, ref: str, wanted: HostConfig) -> Json:
        """Change limits and restart policy; zero and empty keep what is there."""
        ...

    async def top(self, ref: str, arguments: str) -> Json:
        """ContainerTopResponse, by the host's ps."""
        ...

    async def prune(self, filters: dict[str, list[str]]) -> Json:
        """ContainerPruneResponse."""
        ...

    async def pause(self, ref: str) -> None:
        """Freeze a running container."""
        ...

    async def unpause(self, ref: str) -> None:
        """Let a paused container run on."""
        ...

    async def stop(self, ref: str, seconds: int | None, signal: str) -> None:
        """Stop with grace; NotModified when it does not run."""
        ...

    async def kill(self, ref: str, signal: str) -> None:
        """Send a signal; empty means SIGKILL."""
        ...

    async def remove(self, ref: str, force: bool, volumes: bool, link: bool) -> None:
        """Remove the container."""
        ...

    async def connect(self, network: str, ref: str, wish: EndpointSettings) -> None:
        """Let a container join a network."""
        ...

    async def disconnect(self, network: str, ref: str, force: bool) -> None:
        """Let a container leave a network."""
        ...

    def wait(self, ref: str, condition: str) -> Awaitable[Json]:
        """Check now (raises), then await the WaitResponse."""
        ...

    async def inspect(self, ref: str, size: bool) -> Json:
        """ContainerInspectResponse in the newest shape."""
        ...

    async def list(self, options: ListOptions) -> Items:
        """ContainerSummary entries in the newest shape."""
        ...

    def logs(self, ref: str, options: LogOptions) -> LogFeed:
        """Check now (raises), then read."""
        ...

    def attach(self, ref: str, options: AttachOptions) -> Session:
        """Check now (raises), then hand over the socket."""
        ...

    async def resize(self, ref: str, height: int, width: int) -> None:
        """Resize the terminal of the container's first process."""
        ...


class CheckpointVerbs(Protocol):
    """The verbs on a container's checkpoints; an empty directory is the container's own."""

    async def create(self, ref: str, asked: CheckpointOptions) -> None:
        """Write a checkpoint of a running container."""
        ...

    async def list(self, ref: str, directory: str) -> Items:
        """CheckpointSummary entries."""
        ...

    async def remove(self, ref: str, ident: str, directory: str) -> None:
        """Remove one."""
        ...


class ExecVerbs(Protocol):
    """The verbs on exec instances."""

    async def create(self, ref: str, request: ExecRequest) -> str:
        """Return the new exec id."""
        ...

    def start(self, exec_id: str, request: ExecStart) -> ExecSession:
        """Check now (raises); the process starts with hand_over or run_detached."""
        ...

    def inspect(self, exec_id: str) -> Json:
        """ExecInspectResponse in the newest shape."""
        ...

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        """Resize its terminal; waits up to 10 s for the process."""
        ...


class Transfer(Protocol):
    """A pull that has begun to tell how it goes."""

    def messages(self) -> AsyncIterator[Json]:
        """Yield progress messages; a failure is one with errorDetail."""
        ...

    def cancel(self) -> None:
        """Give it up unless it has ended: its client is gone."""
        ...


class ImageVerbs(Protocol):
    """The verbs on images."""

    async def pull(self, options: PullOptions) -> Transfer:
        """Begin to pull; what fails before the first message is raised."""
        ...

    def load(self, chunks: AsyncIterator[bytes], quiet: bool, platform: str) -> AsyncIterator[Json]:
        """Yield progress messages; a failure past the first is a message with errorDetail."""
        ...

    async def list(self, every: bool, filters: dict[str, list[str]], shared: bool, manifests: bool) -> Items:
        """ImageSummary entries in the newest shape; on demand with the size of shared layers, and with manifests."""
        ...

    async def inspect(self, ref: str, manifests: bool) -> Json:
        """ImageInspect in the newest shape; on demand with manifests."""
        ...

    async def tag(self, ref: str, repo: str, tag: str) -> None:
        """Give an image one more name."""
        ...

    async def remove(self, ref: str, force: bool, prune: bool) -> Items:
        """ImageDeleteResponseItem entries."""
        ...


class NetworkVerbs(Protocol):
    """The verbs on networks; references are name, id or unique id prefix (network.md 7)."""

    def list(self, filters: dict[str, list[str]]) -> Items:
        """Network entries without attachments."""
        ...

    def inspect(self, ref: str, scope: str) -> Json:
        """One Network of that scope, or of any, with its containers."""
        ...

    async def create(self, asked: NetworkRequest) -> Json:
        """NetworkCreateResponse."""
        ...

    async def remove(self, ref: str) -> None:
        """Remove; Forbidden while containers run in it."""
        ...

    async def prune(self, filters: Filters) -> Json:
        """NetworkPruneResponse."""
        ...


class VolumeVerbs(Protocol):
    """The verbs on volumes."""

    async def list(self, filters: Filters) -> Json:
        """VolumeListResponse."""
        ...

    async def inspect(self, name: str) -> Json:
        """Volume."""
        ...

    async def create(self, asked: CreateOptions) -> Json:
        """Make or find; the Volume."""
        ...

    async def remove(self, name: str, force: bool) -> None:
        """Remove; Conflict while a container refers to it."""
        ...

    async def prune(self, filters: Filters) -> Json:
        """VolumePruneResponse."""
        ...


class SystemVerbs(Protocol):
    """The engine itself."""

    experimental: bool

    async def info(self) -> Json:
        """SystemInfo in the newest shape."""
        ...

    async def version(self) -> Json:
        """SystemVersion."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a route may reach."""

    containers: ContainerVerbs
    checkpoints: CheckpointVerbs
    execs: ExecVerbs
    images: ImageVerbs
    networks: NetworkVerbs
    volumes: VolumeVerbs
    system: SystemVerbs
    events: EventBus
