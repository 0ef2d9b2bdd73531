"""The boot behind the first answers: containerd, records, networks, recovery."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from wherry.api.readiness import Need, Readiness
from wherry.base.faults import Faults
from wherry.base.offload import offload
from wherry.base.version import ENGINE_VERSION, GIT_COMMIT
from wherry.containerd.channel import Channel
from wherry.containerd.child import ContainerdChild
from wherry.host.facts import HostFacts, read_host
from wherry.host.zygote import Zygote
from wherry.main.config import Config
from wherry.main.identity import engine_id
from wherry.state.store import Store

if TYPE_CHECKING:
    from wherry.main.wire import Engine

    Wire = Callable[[Config, str, HostFacts, Zygote, Channel, Store], Engine]

log = logging.getLogger("wherry")

CHANNEL_SECONDS = 20.0


async def begin(config: Config, up: AsyncExitStack, zygote: Awaitable[Zygote], readiness: Readiness) -> "Engine":
    """Build the engine and bring everything to what the records say; requests are let in as far as they can be."""
    below = await up.enter_async_context(AsyncExitStack())
    channel = asyncio.create_task(_containerd(config, below), name="containerd")
    up.push_async_callback(_end, channel)
    wire = await offload(_load_wire)
    store = Store(f"{config.data_root}/wherry.db", Faults.parse(os.environ.get("WHERRY_FAULTS", "")))
    await store.open()
    up.push_async_callback(store.close)
    host = await offload(read_host)
    engine = wire(config, engine_id(config.data_root), host, await zygote, await channel, store)
    up.push_async_callback(engine.close)
    await engine.prepare(config)
    readiness.reach(Need.ENGINE, engine.services)
    await engine.restore(config)
    await _metrics(config, engine, host, up)
    readiness.reach(Need.STATE, engine.services)
    return engine


def _load_wire() -> "Wire":
    from wherry.main.wire import wire  # late, and by a thread: containerd starts meanwhile

    return wire


async def _containerd(config: Config, up: AsyncExitStack) -> Channel:
    """Reach the given containerd, or start (or adopt) and watch over one of our own."""
    address = config.containerd
    if not address:
        child = ContainerdChild(f"{config.data_root}/containerd", f"{config.exec_root}/containerd")
        up.push_async_callback(child.stop)
        address = await child.start()
        watch = asyncio.create_task(child.supervise())
        up.callback(watch.cancel)
    channel = Channel(address, "moby")
    up.push_async_callback(channel.close)
    await channel.open(CHANNEL_SECONDS)
    return channel


async def _end(flow: "asyncio.Task[Channel]") -> None:
    """End what begins beside the boot, if the boot has ended before it."""
    flow.cancel()
    await asyncio.gather(flow, return_exceptions=True)


async def _metrics(config: Config, engine: "Engine", host: HostFacts, up: AsyncExitStack) -> None:
    """Serve the metrics if an address is given."""
    if not config.metrics_addr:
        return
    from wherry.api.metrics import MetricsServer  # late: few ask for them
    from wherry.main.wire import SNAPSHOTTER

    info = {
        "version": ENGINE_VERSION,
        "commit": GIT_COMMIT,
        "architecture": host.machine,
        "graphdriver": SNAPSHOTTER,
        "kernel": host.kernel,
        "os": host.os_name,
        "os_type": "linux",
        "os_version": host.os_version,
        "daemon_id": engine_id(config.data_root),
    }
    engine.metrics.describe(info, host.cpus, host.memory)
    server = MetricsServer(engine.metrics, engine.moment)
    up.push_async_callback(server.stop)
    log.info("metrics API listening on %s", await server.start(config.metrics_addr))
