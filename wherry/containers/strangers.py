"""Tasks and shims that no record owns, looked for as long as the engine runs (start.md 9; at boot: sweep.py).

containerd may finish a create whose caller has died, after the boot has settled the container: its event tells. A shim
that comes so late that containerd has dropped it tells nobody; a boot that found a start cut looks for it a few times.
"""

import asyncio
import logging
from functools import partial

from wherry.base.errors import EngineError, NotFound
from wherry.base.retries import Retries
from wherry.base.tasks import Supervisor
from wherry.containerd.channel import Channel
from wherry.containerd.events import SUBSCRIBED, subscribe
from wherry.containers.sweep import Sweep
from wherry.runtimes.shim import Shim
from wherry.state.record import Phase
from wherry.state.store import Store

log = logging.getLogger("wherry.strangers")

RETRY_SECONDS = 1.0
LATE_LOOKS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each look after a cut start: together they outlast the deadline of a create (60 s)."""
SOON_SECONDS = 1.0
"""Before a look for shims that somebody asked for: one, which goes through all processes, serves all of a moment."""
TOPICS = ("/tasks/create", "/tasks/start")


class Strangers:
    """One flow that lasts as long as the engine, and a short one per container that is asked about."""

    def __init__(
        self,
        store: Store,
        shim: Shim,
        sweep: Sweep,
        channel: Channel,
        supervisor: Supervisor,
        retries: Retries,
        looks: tuple[float, ...] = LATE_LOOKS,
        soon: float = SOON_SECONDS,
    ) -> None:
        """Take the records, the tier, the sweep, the way to containerd, the owner of the flows, and who tries again."""
        self._store = store
        self._shim = shim
        self._sweep = sweep
        self._channel = channel
        self._supervisor = supervisor
        self._retries = retries
        self._looks = looks
        self._soon = soon
        self._asked: set[str] = set()
        self._due = False

    def watch(self) -> None:
        """Begin, before boot settles the records: a start that was cut is still told by its phase then."""
        self._supervisor.spawn(self._run(), "watch for tasks of no record")
        if any(rec.phase is Phase.STARTING for rec in self._store.all()):
            self._supervisor.spawn(self._late(), "looks for late shims")

    async def _run(self) -> None:
        with self._supervisor.idle():
            while True:
                try:
                    await self._watch()
                except EngineError as error:
                    log.info("tasks of no record are not seen for a moment: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch(self) -> None:
        wanted = tuple(f'namespace=={self._channel.namespace},topic=="{topic}"' for topic in TOPICS)
        async for envelope in subscribe(self._channel, wanted):
            if envelope.topic == SUBSCRIBED:
                for ident in await self._sweep.marked():
                    self._ask(ident)
            else:
                self._ask(envelope.event.get("container_id", ""))

    async def _late(self) -> None:
        for pause in self._looks:
            await self._look(pause)

    def _look_soon(self) -> None:
        """containerd does not tell of a task whose container is gone: look for its shim."""
        if not self._due:
            self._due = True
            self._supervisor.spawn(self._look(self._soon), "look for shims of no container")

    async def _look(self, pause: float) -> None:
        with self._supervisor.idle():
            await asyncio.sleep(pause)
        self._due = False  # who asks from now on may come too late for this one
        try:
            await self._sweep.shims()
        except EngineError as error:
            log.warning("shims of no container cannot be looked for: %s", error)

    def _ask(self, ident: str) -> None:
        """Behind: the container's lock may be held as long as its start takes, and other events wait meanwhile.

        A start under way or done has the only task of its id, and its failure deletes it: most events end here.
        """
        rec = self._store.by_id(ident)
        owned = rec is not None and (rec.alive or rec.phase is Phase.STARTING)
        if ident and not owned and ident not in self._asked:
            self._asked.add(ident)
            self._supervisor.spawn(self._judge_or_say(ident), f"owner of task {ident}")

    async def _judge_or_say(self, ident: str) -> None:
        try:
            await self.judge(ident)
        except EngineError as error:
            log.error("container %s: a task that no record owns is not ended, trying again behind: %s", ident, error)
            self._retries.later(f"task {ident}", partial(self.judge, ident))
        finally:
            self._asked.discard(ident)

    async def judge(self, ident: str) -> None:
        """End the task of a container that does not run; EngineError when it cannot be ended.

        Under the lock nobody starts it. One that runs owns its task: containerd has never two of one id, so that the
        late task of an earlier run makes a later start fail, and is ended after that.
        """
        try:
            async with self._store.exclusive(ident) as slot:
                self._asked.discard(ident)  # an event from now on is news
                if not slot.rec.alive:
                    await self._end(ident)
        except NotFound:
            if await self._sweep.is_marked(ident):
                await self._end(ident)
                await self._sweep.forget(ident)
            else:
                self._look_soon()

    async def _end(self, ident: str) -> None:
        if await self._shim.state(ident) is not None or await self._sweep.is_marked(ident):
            log.warning("container %s: a task that no record owns is ended", ident)
            await self._shim.delete(ident)
        self._look_soon()
