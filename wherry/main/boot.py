"""The boot behind the first answers: containerd, records, networks, recovery."""

import gc
import logging
import os
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from wherry.api.readiness import Need, Readiness
from wherry.base.faults import Faults
from wherry.base.offload import offload
from wherry.base.version import ENGINE_VERSION, GIT_COMMIT
from wherry.containerd.channel import Channel
from wherry.host.facts import HostFacts, read_host
from wherry.host.zygote import Zygote
from wherry.main.config import Config
from wherry.main.identity import engine_id
from wherry.main.wire import SNAPSHOTTER, Engine, wire
from wherry.state.store import Store

log = logging.getLogger("wherry")


async def begin(
    config: Config, up: AsyncExitStack, zygote: Awaitable[Zygote], channel: Awaitable[Channel], readiness: Readiness
) -> Engine:
    """Build the engine and bring everything to what the records say; requests are let in as far as they can be."""
    gc.freeze()  # what is loaded stays: no collection looks at it again
    gc.enable()
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


async def _metrics(config: Config, engine: Engine, host: HostFacts, up: AsyncExitStack) -> None:
    """Serve the metrics if an address is given."""
    if not config.metrics_addr:
        return
    from wherry.api.metrics import MetricsServer  # late: few ask for them

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
