"""A container's life against a model of it: the real verbs on fakes, in any order, and crashes of the daemon."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.life_fakes import KILLED, Daemon, World, until
from wherry.base.errors import Conflict, EngineError, NotFound, NotModified, System
from wherry.state.record import Phase

P = Phase
AT_REST = (P.CREATED, P.EXITED)
ALIVE = (P.RUNNING, P.PAUSED)


class Life(RuleBasedStateMachine):
    """One container at a time; `phase` is what the model says of it, None for none."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.root = Path(tempfile.mkdtemp(prefix="wherry-life-"))
        self.world = World(self.root)
        self.engine = self._run(self._boot())
        self.ident, self.phase, self.code = "absent", None, 0

    def teardown(self) -> None:
        self._run(self.engine.crash())
        self.loop.close()
        shutil.rmtree(self.root)

    def _run(self, flow: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(flow, 10))

    async def _boot(self) -> Daemon:
        return await Daemon(self.world).boot()

    def _try(self, flow: Coroutine[Any, Any, object]) -> type[EngineError] | None:
        """Do it, and return the kind of the refusal."""
        try:
            self._run(flow)
        except EngineError as error:
            return type(error)
        return None

    def _ended(self, code: int) -> None:
        self.phase, self.code = P.EXITED, code
        self._run(until(lambda: self.engine.phase(self.ident) is P.EXITED))

    @rule()
    def create(self) -> None:
        if self.phase is None:
            self.ident = self._run(self.engine.create()).id
            self.phase, self.code = P.CREATED, 0

    @rule()
    def start(self) -> None:
        refusals = {None: NotFound, P.PAUSED: Conflict, P.RUNNING: NotModified}
        assert self._try(self.engine.starter(self.ident)) is refusals.get(self.phase)
        if self.phase in AT_REST:
            self.phase, self.code = P.RUNNING, 0

    @rule()
    def pause(self) -> None:
        refused = NotFound if self.phase is None else None if self.phase is P.RUNNING else Conflict
        assert self._try(self.engine.pause.pause(self.ident)) is refused
        self.phase = P.PAUSED if refused is None else self.phase

    @rule()
    def unpause(self) -> None:
        kind = self._try(self.engine.pause.unpause(self.ident))
        if self.phase is P.PAUSED:
            assert kind is None
            self.phase = P.RUNNING
        else:
            assert kind is NotFound if self.phase is None else kind in (Conflict, System)

    @rule()
    def kill(self) -> None:
        refused = NotFound if self.phase is None else None if self.phase in ALIVE else Conflict
        assert self._try(self.engine.kill(self.ident, "KILL")) is refused
        if refused is None:
            self._ended(KILLED)

    @rule()
    def stop(self) -> None:
        refused = NotFound if self.phase is None else None if self.phase in ALIVE else NotModified
        assert self._try(self.engine.stop(self.ident, 0, "")) is refused
        if refused is None:
            self.code = self.engine.store.get(self.ident).exit_code  # of the signal that was quicker
            self._ended(self.code)

    @rule(code=st.integers(0, 255))
    def end(self, code: int) -> None:
        if self.phase is P.RUNNING:
            self.world.shim.tasks[self.ident].end(code)
            self._ended(code)

    @rule()
    def crash(self) -> None:
        """kill -9 between two requests, and a boot with live-restore."""
        self._run(self.engine.crash())
        self.engine = self._run(self._boot())

    @rule(force=st.booleans())
    def remove(self, force: bool) -> None:
        kind = self._try(self.engine.remove(self.ident, force=force, volumes=True, link=False))
        if self.phase is None:
            assert kind is NotFound
        elif self.phase in ALIVE and not force:
            assert kind is Conflict
        else:
            assert kind is None
            self.phase = None

    @invariant()
    def record_and_world_are_as_the_model_says(self) -> None:
        assert self.engine.phase(self.ident) is self.phase
        assert self.engine.leaks() == []
        if self.phase in AT_REST:
            assert self.engine.store.get(self.ident).exit_code == self.code


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=25, deadline=None, derandomize=True)
