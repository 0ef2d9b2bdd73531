"""What keepers tell, and what the engine does about it."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from wherry.base.errors import NotFound
from wherry.base.metrics import Metrics
from wherry.base.tasks import Supervisor
from wherry.containers.exec import Processes
from wherry.containers.execs import Execs
from wherry.containers.news import News
from wherry.containers.steps.stdio import Streams
from wherry.runtimes.tier import TierOf
from wherry.state.store import Store
from wherry.streams.keepers import Keeper, Notice

log = logging.getLogger("wherry.streams")


class Notices:
    """Reacts to the notices of all keepers."""

    def __init__(
        self,
        store: Store,
        tier: TierOf,
        streams: Streams,
        execs: Execs,
        processes: Processes,
        news: News,
        supervisor: Supervisor,
        killed: Callable[[str], Coroutine[Any, Any, None]],
        metrics: Metrics,
    ) -> None:
        """Take the records, the tier, the step that makes keepers, the execs, who is told, owns flows and counts.

        `killed` notes that the kernel has killed a process of a container for want of memory.
        """
        self._killed = killed
        self._metrics = metrics
        self._store = store
        self._tier = tier
        self._streams = streams
        self._execs = execs
        self._processes = processes
        self._news = news
        self._supervisor = supervisor

    def heed(self, keeper: Keeper, notice: Notice) -> None:
        """Take one notice; what needs waiting goes on in a flow."""
        match notice.kind:
            case "stdin-eof":
                self._spawn(self._close_stdin(keeper, notice.exec_id), keeper)
            case "oom":
                self._spawn(self._killed(keeper.id), keeper)
            case "lost":
                self._spawn(self._replace(keeper, notice.text), keeper)
            case "detached":
                rec = self._store.by_id(keeper.id)
                if rec is not None:
                    if notice.exec_id:
                        self._news.container(rec, "exec_detach", execID=notice.exec_id)
                    else:
                        self._news.container(rec, "detach")
            case "log":
                self._metrics.log_writes_failed.inc(notice.number)
                if notice.text:
                    log.warning("container %s: %s", keeper.id, notice.text)
            case "unstored":
                log.warning("container %s: how it ended is known to its keeper alone: %s", keeper.id, notice.text)
            case "long":
                self._metrics.log_long.inc(notice.number)
            case "streamed" if notice.exec_id and not self._execs.knows(notice.exec_id):
                self._spawn(keeper.end_exec(notice.exec_id, 0), keeper)  # an earlier daemon's: nobody waits for its end
            case _:  # `gone` and the other `streamed` need nothing done
                return

    def _spawn(self, flow: Coroutine[Any, Any, None], keeper: Keeper) -> None:
        self._supervisor.spawn(flow, f"streams of {keeper.id}")

    async def _close_stdin(self, keeper: Keeper, exec_id: str) -> None:
        """The client's input has ended: the shim closes its end too, but not before the process is started."""
        if exec_id:
            await self._processes.close_stdin(self._execs.get(exec_id))
        else:
            async with self._store.exclusive(keeper.id) as slot:
                if not slot.rec.alive or slot.rec.generation != keeper.generation:
                    return
                await self._tier(keeper.id).close_stdin(keeper.id, "")
        await keeper.stdin_closed(exec_id)

    async def _replace(self, keeper: Keeper, text: str) -> None:
        """Give the shim's streams a new keeper. A direct container has ended with its own: who waits for it knows."""
        try:
            async with self._store.exclusive(keeper.id) as slot:
                alive = slot.rec.alive and slot.rec.generation == keeper.generation
                replaced = alive and not slot.rec.direct
                log.warning("%s; %s", text, "another takes its place" if replaced else "its container ends with it")
                if replaced:
                    await self._streams.replace(slot.rec)
        except NotFound:
            log.debug("container %s is gone with its keeper", keeper.id)
