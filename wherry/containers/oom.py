"""Containers that the kernel killed for want of memory: containerd tells, the record keeps it (start.md 6.1)."""

import asyncio
import logging

from wherry.base.errors import DeadlineExceeded, EngineError, NotFound, Unavailable
from wherry.base.tasks import Supervisor
from wherry.containerd.channel import Channel
from wherry.containerd.events import SUBSCRIBED, subscribe
from wherry.containers.news import News
from wherry.state.record import Phase
from wherry.state.store import Store

log = logging.getLogger("wherry.oom")

RETRY_SECONDS = 1.0


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
                await self._killed(envelope.event.get("container_id", ""))

    async def _killed(self, ident: str) -> None:
        """Note it, also when the exit that it caused has been settled already."""
        try:
            async with self._store.exclusive(ident) as slot:
                if slot.rec.alive or slot.rec.phase in (Phase.EXITED, Phase.RESTARTING):
                    await slot.save(oom_killed=True)
                    self._news.container(slot.rec, "oom")
        except NotFound:
            log.debug("container %s, which ran out of memory, is not ours or is gone", ident)
        except EngineError as error:
            log.error("container %s ran out of memory, which could not be stored: %s", ident, error)
