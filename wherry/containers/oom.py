"""Containers that the kernel killed for want of memory: containerd tells, the record keeps it (start.md 6.1)."""

import asyncio
import logging
import time

import msgspec

from wherry.base.errors import DeadlineExceeded, EngineError, NotFound, Unavailable
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND
from wherry.containerd.channel import Channel
from wherry.containerd.events import SUBSCRIBED, subscribe
from wherry.containers.news import News
from wherry.host.kmsg import find_victim
from wherry.state.record import Phase, Record
from wherry.state.store import Store

log = logging.getLogger("wherry.oom")

RETRY_SECONDS = 1.0
LOG_SECONDS = 0.5
"""How long the kernel may take to log whom it has killed."""


class OomWatch:
    """One flow that lasts as long as the engine."""

    def __init__(self, store: Store, channel: Channel, news: News, supervisor: Supervisor) -> None:
        """Take the records, the way to containerd, who is told, and the owner of the flow."""
        self._supervisor = supervisor
        self._store = store
        self._channel = channel
        self._news = news

    def watch(self) -> None:
        """Begin; a containerd that goes away is asked again."""
        self._supervisor.spawn(self._run(), "out-of-memory watch")

    async def _run(self) -> None:
        with self._supervisor.idle():
            while True:
                try:
                    await self._watch()
                except (Unavailable, DeadlineExceeded) as error:
                    log.debug("out-of-memory kills are not seen for a moment: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch(self) -> None:
        wanted = f'namespace=={self._channel.namespace},topic=="/tasks/oom"'
        async for envelope in subscribe(self._channel, (wanted,)):
            if envelope.topic != SUBSCRIBED:
                await self.killed(envelope.event.get("container_id", ""))

    async def killed(self, ident: str) -> None:
        """Note it, also when the exit that it caused has been settled already."""
        try:
            async with self._store.exclusive(ident) as slot:
                if not (slot.rec.alive or slot.rec.phase in (Phase.EXITED, Phase.RESTARTING)):
                    return
                rec = await slot.save(oom_killed=True)
                self._news.container(rec, "oom")
            await self._name(rec)
        except NotFound:
            log.debug("container %s, which ran out of memory, is not ours or is gone", ident)
        except EngineError as error:
            log.error("container %s ran out of memory, which could not be stored: %s", ident, error)

    async def _name(self, killed: Record) -> None:
        """Keep who was killed, once the kernel's log tells; a later run is not concerned."""
        age = (time.time_ns() - killed.started_at) / SECOND
        victim = await offload(find_victim, killed.id, age, LOG_SECONDS)
        if not victim:
            return
        async with self._store.exclusive(killed.id) as slot:
            if slot.rec.generation == killed.generation and slot.rec.phase is not Phase.STARTING:
                await slot.save(end=msgspec.structs.replace(slot.rec.end, victim=victim))
