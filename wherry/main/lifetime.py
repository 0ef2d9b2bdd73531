"""From start to stop: what is up, in which order, and how it goes down.

Up: locks, zygote, sockets bound, containerd, records, networks, recovery, first answer. Down: no new requests,
containers stopped unless they are to live on, streams ended, records closed, containerd last.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import uvloop

from wherry.api.metrics import MetricsServer
from wherry.api.server import ApiServer
from wherry.base.errors import EngineError
from wherry.base.faults import Faults
from wherry.base.offload import offload
from wherry.base.version import ENGINE_VERSION, GIT_COMMIT
from wherry.containerd.channel import Channel
from wherry.containerd.child import ContainerdChild
from wherry.host import lock
from wherry.host.facts import HostFacts, read_host
from wherry.host.forkserver import default_internal_signals
from wherry.host.notify import notify
from wherry.host.zygote import Zygote
from wherry.main.config import Config
from wherry.main.identity import engine_id
from wherry.main.listeners import bind, caution, unbind
from wherry.main.logs import set_log_level
from wherry.main.pidfile import Pidfile
from wherry.main.reload import Identity, Reload
from wherry.main.tls import server_context
from wherry.main.wire import SNAPSHOTTER, Engine, wire
from wherry.state.store import Store

log = logging.getLogger("wherry")

CHANNEL_SECONDS = 20.0
REQUEST_SECONDS = 5.0
"""How long requests under way may take once the engine goes down."""
FORCED = 1


def serve(flags: Mapping[str, Any], config: Config) -> int:
    """Run the daemon until it is told to stop; returns the exit status of the process.

    `flags` are what `config` was loaded from; a reload loads from them again.
    """
    _stop_ignoring()
    set_log_level(config)
    try:
        return uvloop.run(_serve(flags, config))
    except EngineError as error:
        log.error("%s", error)
        return 1


def _stop_ignoring() -> None:
    """What a shell or make has this process ignore (nohup, a job behind: INT and QUIT) containers would inherit."""
    default_internal_signals()
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python's own
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


async def _serve(flags: Mapping[str, Any], config: Config) -> int:
    stopping = _signals()
    async with AsyncExitStack() as up:
        engine, server = await _up(config, up)
        who = Identity(engine_id(config.data_root), os.uname().nodename)
        reload = Reload(flags, config, engine.takers, engine.bus, who)
        _on_hangup(reload)
        notify(f"READY=1\nMAINPID={os.getpid()}", os.environ)
        log.info("API listens on %s", ", ".join(config.hosts))
        await stopping.wait()
        notify("STOPPING=1", os.environ)
        await _down(reload.config, engine, server)
    return 0


async def _up(config: Config, up: AsyncExitStack) -> tuple[Engine, ApiServer]:
    for root in (config.data_root, config.exec_root):
        os.makedirs(root, mode=0o711, exist_ok=True)
    up.callback(os.close, lock.take(f"{config.data_root}/lock", f"data root {config.data_root}"))
    exec_lock = await lock.wait(f"{config.exec_root}/lock", f"exec root {config.exec_root}")
    up.callback(os.close, exec_lock)
    up.enter_context(Pidfile(config.pidfile))
    zygote = await Zygote.start(exec_lock)
    up.push_async_callback(zygote.close)
    tls = server_context(config)
    await caution(config)
    listeners = bind(config.hosts, config.group, os.environ)
    up.callback(unbind, config.hosts)
    channel = await _containerd(config, up)
    store = Store(f"{config.data_root}/wherry.db", Faults.parse(os.environ.get("WHERRY_FAULTS", "")))
    await store.open()
    up.push_async_callback(store.close)
    host = await offload(read_host)
    engine = wire(config, engine_id(config.data_root), host, zygote, channel, store)
    up.push_async_callback(engine.close)
    await engine.boot(config)
    await _metrics(config, engine, host, up)
    server = ApiServer(engine.services, ENGINE_VERSION)
    await server.start(listeners, tls)
    return engine, server


async def _metrics(config: Config, engine: Engine, host: HostFacts, up: AsyncExitStack) -> None:
    """Serve the metrics if an address is given."""
    if not config.metrics_addr:
        return
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


async def _containerd(config: Config, up: AsyncExitStack) -> Channel:
    """Reach the given containerd, or start (or adopt) and watch over one of our own."""
    address = config.containerd
    if not address:
        child = ContainerdChild(f"{config.data_root}/containerd", f"{config.exec_root}/containerd")
        address = await child.start()
        up.push_async_callback(child.stop)
        watch = asyncio.create_task(child.supervise())
        up.callback(watch.cancel)
    channel = Channel(address, "moby")
    await channel.open(CHANNEL_SECONDS)
    up.push_async_callback(channel.close)
    return channel


async def _down(config: Config, engine: Engine, server: ApiServer) -> None:
    """Stop containers unless they are to live on, while their clients still hear of it, then the API."""
    engine.restarts.close()
    if not config.live_restore:
        await engine.stop_containers(config.shutdown_timeout)
    engine.services.events.close()
    await server.stop(REQUEST_SECONDS)


def _on_hangup(reload: Reload) -> None:
    """Reload at SIGHUP, and tell the supervisor when it begins and ends (sd_notify(3))."""
    loop, flows = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    async def flow() -> None:
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}", os.environ)
        try:
            await reload()
        finally:
            notify("READY=1", os.environ)

    def begin() -> None:
        if len(flows) > 1:
            return  # one is under way and the next will read the file as it is now
        task = asyncio.create_task(flow(), name="reload")
        flows.add(task)
        task.add_done_callback(flows.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)


def _signals() -> asyncio.Event:
    """Return the event of the first SIGTERM or SIGINT; a second one ends the process at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            log.warning("forced: containers and their streams stay as they are, the next start settles them")
            os._exit(FORCED)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, log.warning, "SIGHUP came too early: the configuration was just read")
    return stopping
