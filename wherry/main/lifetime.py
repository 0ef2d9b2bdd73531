"""From start to stop: what is up, in which order, and how it goes down.

Up: locks, sockets bound, zygote, HTTP, first answers, then boot.py. Down: no new requests, containers stopped unless
they are to live on, streams ended, records closed, containerd last. Imports are a good part of a boot: this module
brings along only what the bound sockets need.
"""

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import uvloop

from wherry.api.readiness import Readiness
from wherry.base.errors import EngineError
from wherry.base.offload import offload
from wherry.base.version import ENGINE_VERSION
from wherry.host import lock
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from wherry.api.server import ApiServer
    from wherry.containerd.channel import Channel
    from wherry.main.wire import Engine

    Reach = Callable[[Config, AsyncExitStack], Coroutine[Any, Any, Channel]]
    Begin = Callable[[Config, AsyncExitStack, Awaitable[Zygote], Awaitable[Channel], Readiness], Awaitable[Engine]]

log = logging.getLogger("wherry")

REQUEST_SECONDS = 5.0
"""How long requests under way may take once the engine goes down."""
FORCED = 1


def serve(flags: Mapping[str, Any], config: Config) -> int:
    """Run the daemon until it is told to stop; returns the exit status of the process.

    `flags` are what `config` was loaded from; a reload loads from them again.
    """
    _stop_ignoring()
    gc.disable()  # imports make hundreds of thousands of objects that stay: boot.py goes on with it
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
    readiness = Readiness()
    async with AsyncExitStack() as up:
        running = await _boot(config, up, readiness, stopping)
        if running is None:
            notify("STOPPING=1", os.environ)
            log.warning("ended while it started: containers stay as they are, the next start settles them")
            return 0
        engine, server = running
        who = Identity(engine_id(config.data_root), os.uname().nodename)
        reload = Reload(flags, config, engine.takers, engine.bus, who)
        _on_hangup(reload)
        notify(f"READY=1\nMAINPID={os.getpid()}", os.environ)
        log.info("API listens on %s", ", ".join(config.hosts))
        await stopping.wait()
        notify("STOPPING=1", os.environ)
        await _down(reload.config, engine, server)
    return 0


async def _boot(
    config: Config, up: AsyncExitStack, readiness: Readiness, stopping: asyncio.Event
) -> "tuple[Engine, ApiServer] | None":
    """Boot, or give up at a signal: None. Who waits for an answer hears why it does not come."""
    boot = asyncio.create_task(_up(config, up, readiness), name="boot")
    told = asyncio.create_task(stopping.wait(), name="told to stop")
    try:
        await asyncio.wait([boot, told], return_when=asyncio.FIRST_COMPLETED)
        if not boot.done():
            readiness.refuse("the engine was told to stop while it started")
            boot.cancel()
            await asyncio.wait([boot])
        return None if boot.cancelled() else boot.result()
    except Exception as error:
        readiness.refuse(f"the engine does not start: {error}")
        raise
    finally:
        told.cancel()


async def _up(config: Config, up: AsyncExitStack, readiness: Readiness) -> "tuple[Engine, ApiServer]":
    """Come up. Sockets first; what the first answers do not need is loaded once they are given."""
    exec_lock = await _claim(config, up)
    tls = server_context(config)
    await caution(config)
    listeners = bind(config.hosts, config.group, os.environ)
    up.callback(unbind, config.hosts)
    zygote = asyncio.create_task(Zygote.start(exec_lock), name="zygote")
    up.push_async_callback(_close, zygote)
    server = (await offload(_load_api))(readiness, ENGINE_VERSION, config.experimental)
    up.push_async_callback(server.stop, REQUEST_SECONDS)
    await server.start(listeners, tls)
    reach = await offload(_load_backend)
    below = await up.enter_async_context(AsyncExitStack())
    channel = asyncio.create_task(reach(config, below), name="containerd")
    up.push_async_callback(_end, channel)
    begin = await offload(_load_engine)  # while containerd starts
    return await begin(config, up, asyncio.shield(zygote), channel, readiness), server


async def _claim(config: Config, up: AsyncExitStack) -> int:
    """Take the roots, so that no other engine has them or our sockets; returns the lock that helpers hold too."""
    for root in (config.data_root, config.exec_root):
        os.makedirs(root, mode=0o711, exist_ok=True)
    up.callback(os.close, lock.take(f"{config.data_root}/lock", f"data root {config.data_root}"))
    exec_lock = await lock.wait(f"{config.exec_root}/lock", f"exec root {config.exec_root}")
    up.callback(os.close, exec_lock)
    up.enter_context(Pidfile(config.pidfile))
    return exec_lock


async def _close(starting: "asyncio.Task[Zygote]") -> None:
    """End the zygote, also one that has not come up yet."""
    (zygote,) = await asyncio.gather(starting, return_exceptions=True)
    if isinstance(zygote, Zygote):
        await zygote.close()


async def _end(flow: "asyncio.Task[Channel]") -> None:
    """End what begins beside the boot, if the boot has ended before it."""
    flow.cancel()
    await asyncio.gather(flow, return_exceptions=True)


def _load_backend() -> "Reach":
    from wherry.main.backend import reach  # late, and by a thread: gRPC takes 40 ms to import

    return reach


def _load_api() -> "type[ApiServer]":
    from wherry.api.server import ApiServer  # late, and by a thread: the HTTP server takes 100 ms to import

    return ApiServer


def _load_engine() -> "Begin":
    from wherry.main.boot import begin  # late, and by a thread: the rest of the program, 200 ms

    return begin


async def _down(config: Config, engine: "Engine", server: "ApiServer") -> None:
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
