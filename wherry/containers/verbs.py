"""The verbs on containers as the API calls them: one object each, gathered here."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from wherry.base.errors import Conflict
from wherry.base.metrics import Metrics
from wherry.base.tasks import Supervisor
from wherry.containers.attach import Attach, AttachSession
from wherry.containers.checkpoints import check_id
from wherry.containers.connect import Connect
from wherry.containers.create import Create
from wherry.containers.inspect import Inspect
from wherry.containers.kill import Kill
from wherry.containers.listing import Listing
from wherry.containers.logs import Feed, Logs
from wherry.containers.news import News
from wherry.containers.pause import Pause
from wherry.containers.prune import Prune
from wherry.containers.receipt import server_timing
from wherry.containers.remove import Remove
from wherry.containers.rename import Rename
from wherry.containers.restart import Restart
from wherry.containers.start import Start
from wherry.containers.stop import Stop
from wherry.containers.top import Top
from wherry.containers.update import Update
from wherry.containers.wait import Wait
from wherry.model.container import Created, CreateRequest, EndpointSettings, HostConfig
from wherry.model.query import AttachOptions, ListOptions, LogOptions
from wherry.runtimes.tier import TierOf
from wherry.state.store import Store

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Containers:
    """Verbs that change something run in a task of the supervisor, so that a client that leaves does not cut them."""

    store: Store
    supervisor: Supervisor
    tier: TierOf
    creator: Create
    starter: Start
    restarter: Restart
    pauser: Pause
    renamer: Rename
    updater: Update
    toplister: Top
    pruner: Prune
    stopper: Stop
    killer: Kill
    remover: Remove
    waiter: Wait
    inspector: Inspect
    lister: Listing
    reader: Logs
    attacher: Attach
    connector: Connect
    news: News
    metrics: Metrics

    async def create(self, name: str, request: CreateRequest, platform: str, version: tuple[int, int]) -> Created:
        """Create a container."""
        with self.metrics.timed(self.metrics.container_actions, "create"):
            return await self.supervisor.run(self.creator(name, request, platform, version), f"create {name}")

    async def start(self, ref: str, checkpoint: str, directory: str) -> str:
        """Start a container, or restore a checkpoint; returns what it cost, as the header Server-Timing has it."""
        if checkpoint:
            check_id(checkpoint)
        ident = self.store.get(ref).id
        await self.supervisor.run(self.starter(ident, checkpoint, directory), f"start {ident}")
        rec = self.store.by_id(ident)
        return server_timing(rec) if rec is not None else ""

    async def restart(self, ref: str, seconds: int | None, signal: str) -> None:
        """Stop and start a container."""
        await self.supervisor.run(self.restarter(ref, seconds, signal), f"restart {ref}")

    async def pause(self, ref: str) -> None:
        """Freeze a container."""
        await self.supervisor.run(self.pauser.pause(ref), f"pause {ref}")

    async def unpause(self, ref: str) -> None:
        """Let it run on."""
        await self.supervisor.run(self.pauser.unpause(ref), f"unpause {ref}")

    async def rename(self, ref: str, name: str) -> None:
        """Rename a container."""
        await self.supervisor.run(self.renamer(ref, name), f"rename {ref}")

    async def update(self, ref: str, wanted: HostConfig) -> Json:
        """Update limits and restart policy."""
        return await self.supervisor.run(self.updater(ref, wanted), f"update {ref}")

    async def top(self, ref: str, arguments: str) -> Json:
        """List the processes of a container."""
        return await self.toplister(ref, arguments)

    async def prune(self, filters: dict[str, list[str]]) -> Json:
        """Remove what does not run."""
        return await self.supervisor.run(self.pruner(filters), "prune containers")

    async def stop(self, ref: str, seconds: int | None, signal: str) -> None:
        """Stop a container."""
        await self.supervisor.run(self.stopper(ref, seconds, signal), f"stop {ref}")

    async def kill(self, ref: str, signal: str) -> None:
        """Signal a container."""
        await self.supervisor.run(self.killer(ref, signal), f"kill {ref}")

    async def remove(self, ref: str, force: bool, volumes: bool, link: bool) -> None:
        """Remove a container."""
        with self.metrics.timed(self.metrics.container_actions, "delete"):
            await self.supervisor.run(self.remover(ref, force, volumes, link), f"remove {ref}")

    async def connect(self, network: str, ref: str, wish: EndpointSettings) -> None:
        """Let a container join a network."""
        await self.supervisor.run(self.connector.connect(network, ref, wish), f"connect {ref} to {network}")

    async def disconnect(self, network: str, ref: str, force: bool) -> None:
        """Let a container leave a network."""
        await self.supervisor.run(self.connector.disconnect(network, ref, force), f"disconnect {ref} from {network}")

    def wait(self, ref: str, condition: str) -> Awaitable[Json]:
        """Stand in line."""
        return self.waiter(ref, condition)

    async def inspect(self, ref: str, size: bool) -> Json:
        """Describe one container."""
        return await self.inspector(ref, size)

    async def list(self, options: ListOptions) -> "list[Json]":
        """Describe containers."""
        return await self.lister(options)

    def logs(self, ref: str, options: LogOptions) -> Feed:
        """Read a log."""
        return self.reader(ref, options)

    def attach(self, ref: str, options: AttachOptions) -> AttachSession:
        """Attach a client."""
        return self.attacher(ref, options)

    async def resize(self, ref: str, height: int, width: int) -> None:
        """Resize the terminal of the first process."""
        rec = self.store.get(ref)
        if not rec.alive:
            raise Conflict(f"container {rec.id} is not running")
        await self.tier(rec.id).resize(rec.id, "", width, height)
        self.news.container(rec, "resize", height=str(height), width=str(width))
