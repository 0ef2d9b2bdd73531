"""The monitors of health: one flow per running container with a check, and what is known of each (start.md 6.4).

Reads the frozen record and takes no container's lock, so that a verb that holds one may wait for a monitor's end.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND
from wherry.containers.health import Check, Health, Probed, current
from wherry.containers.lived import lived
from wherry.containers.news import News
from wherry.state.record import Phase, Record
from wherry.state.store import Store

log = logging.getLogger("wherry.health")

STOP_SECONDS = 10.0
"""How long the end of a monitor is waited for: it kills the probe that is under way."""

Probe = Callable[[Record, Check], Awaitable[Probed]]
"""Runs the check once. Never fails; cancelled, it leaves no process behind."""


class Monitors:
    """Begins and ends monitors as containers run, pause and exit."""

    def __init__(self, store: Store, probe: Probe, news: News, supervisor: Supervisor) -> None:
        """Take the records, what runs a check, who is told, and the owner of flows."""
        self._store = store
        self._probe = probe
        self._news = news
        self._supervisor = supervisor
        self._known: dict[str, Health] = {}
        self._flows: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def of(self, rec: Record) -> Health | None:
        """Return how a container is; None without a check or before its first run."""
        return current(rec, self._known.get(rec.id))

    def watch(self, rec: Record) -> None:
        """A run began, was taken up at boot, or goes on after a pause: probe it from now on, if it has a check."""
        check, health = Check.of(rec.config), self.of(rec)
        if check is None or health is None or rec.phase is not Phase.RUNNING or rec.id in self._flows or self._closed:
            return
        self._known[rec.id] = health
        self._flows[rec.id] = self._supervisor.begin(self._monitor(rec, check), f"health of {rec.id}")

    async def stop(self, ident: str) -> None:
        """End the monitor of a run that is paused or over; its health stays what the last probe made it.

        When this returns its probe has been killed.
        """
        flow = self._flows.pop(ident, None)
        if flow is None:
            return
        flow.cancel()
        _, late = await asyncio.wait([flow], timeout=STOP_SECONDS)
        if late:
            log.error("container %s: its health probe does not end within %g s", ident, STOP_SECONDS)

    def forget(self, ident: str) -> None:
        """The container is gone."""
        self._known.pop(ident, None)

    async def close(self) -> None:
        """The engine goes down: end every monitor; containers may live on."""
        self._closed = True
        await asyncio.gather(*(self.stop(ident) for ident in tuple(self._flows)))

    async def _monitor(self, rec: Record, check: Check) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time() - lived(rec, time.time_ns()) / SECOND
        while True:
            age = int((loop.time() - began) * SECOND)
            await asyncio.sleep(check.pause(self._known[rec.id], age) / SECOND)
            age = int((loop.time() - began) * SECOND)
            result = await self._probe(self._store.by_id(rec.id) or rec, check)
            self._note(rec.id, check.judge(self._known[rec.id], result, age))

    def _note(self, ident: str, health: Health) -> None:
        """Keep what is new of a container, and tell when its status has changed."""
        before, self._known[ident] = self._known[ident], health
        rec = self._store.by_id(ident)
        if rec is not None and before.status != health.status:
            self._news.container(rec, f"health_status: {health.status}")
