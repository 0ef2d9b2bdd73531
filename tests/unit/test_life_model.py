"""A container's life against the model of it: the real verbs on fakes, in any order, and crashes of the daemon."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings

from tests.life_model import OK, Answer, Life, Seen, refuse_in_every_phase
from tests.unit.life_fakes import Daemon, World, until
from wherry.api.errors import status_of
from wherry.base.errors import EngineError, NotModified
from wherry.model.container import ExecRequest, ExecStart

SECONDS = 10


class FakeWaiting:
    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Awaitable[dict[str, Any]]) -> None:
        self._loop = loop
        self._answer = asyncio.ensure_future(answer, loop=loop)

    def answered(self) -> bool:
        return self._answer.done()

    def code(self) -> int:
        return int(self._loop.run_until_complete(asyncio.wait_for(self._answer, SECONDS))["StatusCode"])

    def close(self) -> None:
        self._answer.cancel()


class FakeDriver:
    """The verbs of a Daemon on fakes, refusals as the API would word them."""

    names = ("boat", "ship", "harbour")

    def __init__(self) -> None:
        self.crashes = 100
        self.loop = asyncio.new_event_loop()
        self.root = Path(tempfile.mkdtemp(prefix="wherry-life-"))
        self.world = World(self.root)
        self.engine = self._run(self._boot())

    def _run(self, flow: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(flow, SECONDS))

    async def _boot(self) -> Daemon:
        return await Daemon(self.world).boot()

    def _verb(self, verb: str, ref: str, name: str = "", signal: str = "") -> Coroutine[Any, Any, Any]:
        engine = self.engine
        verbs: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "start": lambda: engine.starter(engine.store.get(ref).id),
            "stop": lambda: engine.stop(ref, 0, ""),
            "restart": lambda: engine.restart(ref, 0, ""),
            "kill": lambda: engine.kill(ref, signal),
            "pause": lambda: engine.pause.pause(ref),
            "unpause": lambda: engine.pause.unpause(ref),
            "rename": lambda: engine.rename(ref, name),
            "remove": lambda: engine.remove(ref, force=False, volumes=True, link=False),
            "remove by force": lambda: engine.remove(ref, force=True, volumes=True, link=False),
            "exec": lambda: self._create_exec(ref),
            "start exec": lambda: engine.exec.start(ref, ExecStart(detach=True)).run_detached(),
            "inspect exec": lambda: self._inspect_exec(ref),
        }
        return verbs[verb]()

    async def _create_exec(self, ref: str) -> dict[str, str]:
        return {"Id": await self.engine.exec.create(ref, ExecRequest(cmd=["true"]))}

    async def _inspect_exec(self, exec_id: str) -> dict[str, object]:
        return self.engine.exec.inspect(exec_id)

    def create(self, name: str) -> str:
        return str(self._run(self.engine.create(name)).id)

    def ask(self, verb: str, ref: str, **options: Any) -> Answer:
        try:
            return Answer(OK, body=self._run(self._verb(verb, ref, **options)))
        except EngineError as error:
            return refusal(error)

    def wait(self, ref: str, condition: str) -> Answer:
        async def stand() -> FakeWaiting:
            return FakeWaiting(self.loop, self.engine.wait(ref, condition))

        try:
            return Answer(OK, body=self._run(stand()))
        except EngineError as error:
            return refusal(error)

    def seen(self, ident: str) -> Seen | None:
        rec = self.engine.store.by_id(ident)
        return None if rec is None else Seen(rec.phase, rec.exit_code, rec.name)

    def end(self, ident: str, code: int) -> None:
        exits = self.engine.store.get(ident)
        self.world.shim.tasks[ident].end(code)
        self._run(until(lambda: self.engine.phase(ident) is not exits.phase))

    def end_exec(self, exec_id: str, code: int) -> None:
        next(task.execs[exec_id] for task in self.world.shim.tasks.values() if exec_id in task.execs).end(code)

    def exec_over(self, exec_id: str) -> None:
        self._run(until(lambda: not self.engine.exec.inspect(exec_id)["Running"]))

    def crash(self) -> None:
        self._run(self.engine.crash())
        self.engine = self._run(self._boot())

    def check(self) -> None:
        assert self.engine.leaks() == []

    def close(self) -> None:
        for rec in self.engine.store.all():
            self._run(self.engine.remove(rec.id, force=True, volumes=True, link=False))
        assert self.engine.leaks() == []
        self._run(self.engine.crash())
        self.loop.close()
        shutil.rmtree(self.root)


def refusal(error: EngineError) -> Answer:
    return Answer(status_of(error), "" if isinstance(error, NotModified) else str(error))


class FakeLife(Life):
    driver = FakeDriver


def test_every_refusal_of_every_phase() -> None:
    life = FakeLife()
    refuse_in_every_phase(life)
    life.teardown()


TestLife = FakeLife.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
