"""A container's life without a kernel: the real verbs, records and recovery on steps and a shim that are memory.

`World` is what outlives a daemon: what is held, the tasks, the database. `Daemon` is one process on it; `crash` drops
it as it is between two requests, and the next one boots on the same world.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import msgspec

from tests.unit import spec_facts
from tests.unit.records import record
from wherry.base.errors import Conflict, DeadlineExceeded, EngineError, NotFound, System, Unavailable
from wherry.base.events import EventBus, Subscription
from wherry.base.faults import Faults
from wherry.base.retries import Retries
from wherry.base.tasks import Supervisor
from wherry.containerd.tasks import Exit, TaskState
from wherry.containers.ahead import Ahead
from wherry.containers.defaults import Defaults
from wherry.containers.exec import Exec, Processes
from wherry.containers.execs import Execs
from wherry.containers.exits import Exits
from wherry.containers.hub import Hub
from wherry.containers.kill import Kill
from wherry.containers.layout import Layout
from wherry.containers.monitors import Monitors
from wherry.containers.mountsweep import MountSweep
from wherry.containers.news import News
from wherry.containers.pause import Pause
from wherry.containers.policy import Restarts
from wherry.containers.recover import Recover
from wherry.containers.remove import Remove
from wherry.containers.rename import Rename
from wherry.containers.restart import Restart
from wherry.containers.settle import Settle
from wherry.containers.start import Start
from wherry.containers.steps.all import Steps
from wherry.containers.steps.ipc import Shared
from wherry.containers.steps.joins import Joined
from wherry.containers.steps.rootfs import Root
from wherry.containers.steps.task import Run, Task
from wherry.containers.stop import Stop
from wherry.containers.turns import Turns
from wherry.containers.underway import UnderWay
from wherry.containers.wait import Wait
from wherry.containers.waiters import Waiters
from wherry.host.hangup import HangupWatch
from wherry.model.container import HostConfig, MountPoint
from wherry.runtimes.configured import Configured
from wherry.runtimes.registry import Host, Runtimes
from wherry.runtimes.scripts import Scripts
from wherry.runtimes.tier import TierOf
from wherry.spec.facts import NetFiles, UserIds
from wherry.state.record import Phase, Record
from wherry.state.store import Slot, Store
from wherry.streams.keepers import Stdio

STEPS = [field.name for field in fields(Steps) if field.name != "engine"]
TURNS = 4
RETRY = 0.001
"""Seconds before the first retry behind."""
KILLED = 137

RESULTS: dict[str, Any] = {
    "joins": Joined(),
    "ipc": Shared(),
    "rootfs": Root("/rootfs", UserIds(uid=0, gid=0)),
    "volumes": cast(tuple[MountPoint, ...], ()),
    "netfiles": NetFiles(resolv_conf="/r", hostname="/n", hosts="/h"),
    "stdio": Stdio("", "", ""),
}


class FakeStep:
    """A step that holds its name for a container in the world."""

    def __init__(self, name: str, held: set[tuple[str, str]]) -> None:
        self.name = name
        self._held = held

    async def acquire(self, slot: Slot, *args: object) -> Any:
        self._held.add((self.name, slot.rec.id))
        return RESULTS.get(self.name)

    async def release(self, rec: Record) -> None:
        await asyncio.sleep(0)
        self._held.discard((self.name, rec.id))


class FakeStreams(FakeStep):
    """The step stdio: a keeper, and the execs that never started, are there until its release."""

    def __init__(self, held: set[tuple[str, str]], hub: Hub, execs: Execs) -> None:
        super().__init__("stdio", held)
        self._hub, self._execs = hub, execs

    async def acquire(self, slot: Slot, *args: object) -> Any:
        await self._hub.enter(slot.rec.id, cast(Any, FakeKeeper()))
        return await super().acquire(slot)

    async def release(self, rec: Record) -> None:
        await self._hub.leave(rec.id, 0)
        self._execs.end_run(rec.id)
        await super().release(rec)


class FakeTask:
    """A process of a task: its first, or an exec."""

    def __init__(self) -> None:
        self.status = "created"
        self.exit = Exit(0, 0)
        self.ended = asyncio.Event()
        self.execs: dict[str, FakeTask] = {}

    def end(self, code: int) -> None:
        """Exit; the end of the first process is that of all."""
        for process in self.execs.values():
            process.end(KILLED)
        if self.status != "stopped":
            self.status, self.exit = "stopped", Exit(code, 1)
            self.ended.set()

    def turn(self, before: str, after: str) -> None:
        if self.status != before:
            raise System(f"it is {self.status}, not {before}")
        self.status = after


class FakeShim:
    """The shim tier in memory, as containerd answers: tests/tier_conformance.py runs on both."""

    def __init__(self) -> None:
        self.specs: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, FakeTask] = {}
        self.asked: list[str] = []
        """Whose state was asked for alone."""
        self.unlisted = False

    async def register(self, ident: str, spec: dict[str, Any], *_: object) -> None:
        if ident in self.specs:
            await self.delete(ident)
        self.specs[ident] = spec

    async def create(self, ident: str, *_: object) -> int:
        if ident not in self.specs:
            raise NotFound("no such container")
        if ident in self.tasks:
            raise Conflict("task already exists")
        self.tasks[ident] = FakeTask()
        return 1

    async def start(self, ident: str, exec_id: str = "") -> int:
        task = self._find(ident, exec_id)
        if exec_id and self.tasks[ident].status == "paused":
            raise System("the container is paused")
        task.turn("created", "running")
        return 1

    async def process(self, ident: str) -> dict[str, Any]:
        if ident not in self.specs:
            raise NotFound("no such container")
        return cast(dict[str, Any], self.specs[ident]["process"])

    async def exec(self, ident: str, exec_id: str, *_: object) -> None:
        task = self._find(ident)
        if exec_id in task.execs:
            raise Conflict("exec already exists")
        if task.status == "stopped":
            raise System("task is stopped")
        task.execs[exec_id] = FakeTask()

    async def kill(self, ident: str, number: int, exec_id: str = "") -> None:
        task = self._find(ident, exec_id)
        if task.status == "stopped":
            raise NotFound("process already finished")
        if number == 9 or task.status != "paused":
            task.end(128 + number)

    async def kill_all(self, ident: str) -> None:
        if ident in self.tasks:
            self.tasks[ident].end(KILLED)

    async def pause(self, ident: str) -> None:
        self._find(ident).turn("running", "paused")

    async def resume(self, ident: str) -> None:
        self._find(ident).turn("paused", "running")

    async def wait(self, ident: str, exec_id: str, seconds: float) -> Exit:
        task = self._find(ident, exec_id)
        try:
            await asyncio.wait_for(task.ended.wait(), seconds)
        except TimeoutError:
            raise DeadlineExceeded("containerd Wait: no answer within the deadline") from None
        return task.exit

    async def states(self) -> dict[str, TaskState]:
        if self.unlisted:
            raise Unavailable("containerd List: away")
        return {ident: self._state(ident, task) for ident, task in self.tasks.items()}

    async def state(self, ident: str) -> TaskState | None:
        self.asked.append(ident)
        task = self.tasks.get(ident)
        return None if task is None else self._state(ident, task)

    @staticmethod
    def _state(ident: str, task: FakeTask) -> TaskState:
        return TaskState(ident, 1, task.status, task.exit.status, task.exit.at_ns)

    async def delete_process(self, ident: str, exec_id: str) -> None:
        if ident in self.tasks:
            self.tasks[ident].execs.pop(exec_id, None)

    async def delete(self, ident: str) -> None:
        await self.kill_all(ident)
        self.tasks.pop(ident, None)
        self.specs.pop(ident, None)

    def _find(self, ident: str, exec_id: str = "") -> FakeTask:
        try:
            task = self.tasks[ident]
            return task.execs[exec_id] if exec_id else task
        except KeyError:
            raise NotFound("no such task") from None


class FakeHeld:
    """Snapshots and volumes of containers."""

    def __init__(self) -> None:
        self.idents: set[str] = set()

    async def remove(self, ident: str) -> None:
        self.idents.discard(ident)

    async def remove_anonymous(self, rec: Record) -> None:
        self.idents.discard(rec.id)


class FakeRestore:
    """No container of the fakes comes from a checkpoint."""

    async def end(self, rec: Record) -> None:
        return None


class FakeKeeper:
    """The streams of nothing."""

    async def open_exec(self, *_: object) -> Stdio:
        return Stdio("", "", "")

    async def end_exec(self, *_: object) -> None:
        return None

    async def end(self, drain: float) -> None:
        return None


class FakeKeepers:
    async def adopt(self, ident: str, generation: int) -> FakeKeeper:
        return FakeKeeper()


class FakeNames:
    """Nobody looks a name up."""

    async def refresh(self, rec: Record) -> None:
        return None


class World:
    """What outlives a daemon."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.held: set[tuple[str, str]] = set()
        self.shim = FakeShim()
        self.snapshots, self.volumes = FakeHeld(), FakeHeld()

    def leaks(self, known: set[str]) -> list[object]:
        """All that is held for a container that does not run, and all of one that is unknown."""
        held = self.snapshots.idents | self.volumes.idents
        kept = {("task", ident) for ident in self.shim.tasks.keys() | self.shim.specs.keys()}
        return sorted([*self.held, *kept, *(held - known)], key=str)


class Daemon:
    """One engine process: the real verbs, wired as in main/wire.py."""

    def __init__(self, world: World, faults: str = "") -> None:
        self.world = world
        self.supervisor, self.waiters, self.bus = Supervisor(), Waiters(), EventBus()
        self.store = Store(str(world.root / "w.db"), Faults.parse(faults))
        self.hangups = HangupWatch()
        hub, news, execs = Hub(self.hangups), News(self.bus), Execs()
        self.layout = layout = Layout(str(world.root), str(world.root))

        def tier(_: str) -> Any:
            return world.shim

        steps = self._steps(tier, hub, execs)
        self.restarts = restarts = Restarts(self.store, self.supervisor, lambda ident: self.starter.again(ident))
        self.monitors = monitors = Monitors(self.store, cast(Any, None), news, self.supervisor)
        self.pause = Pause(self.store, tier, news, monitors)
        turns = Turns(TURNS)
        under_way, self.retries = UnderWay(turns), Retries(self.supervisor, RETRY)
        self.under_way = under_way
        self.kill = Kill(self.store, tier, self.waiters, news, restarts, self.pause, under_way)
        self.stop = Stop(self.store, self.kill, self.waiters, news)
        held: Any = (world.snapshots, world.volumes)
        self.remove = Remove(
            self.store, steps, *held, layout, self.kill, self.waiters, news, restarts, monitors, execs,
            lambda ident: self.settle.later(ident),
        )  # fmt: skip
        self.settle = Settle(self.store, steps, self.remove, restarts, self.retries)
        self.exits = Exits(
            self.store, tier, steps, self.waiters, news, self.remove, self.supervisor, restarts, monitors,
            lambda rec: None, self.settle,
        )  # fmt: skip
        self.starter = Start(
            self.store, steps, layout, self.exits, hub, news, self.remove, restarts, monitors, under_way, Defaults(),
            self._runtimes(), MountSweep(layout), self.settle, Ahead(self.supervisor), turns, self.supervisor,
        )  # fmt: skip
        self.restart = Restart(self.store, self.stop, self.starter, restarts, news)
        self.wait = Wait(self.store, self.waiters)
        self.rename = Rename(self.store, news, cast(Any, FakeNames()))
        processes = Processes(tier, hub, news, self.supervisor, ())
        self.exec = Exec(self.store, execs, processes, layout, news, lambda: None)
        self.recover = Recover(
            self.store, tier, self.settle, cast(Any, FakeKeepers()), hub, self.exits, self.stop,
            cast(Any, self._no_sweep), restarts, monitors, self.retries, world.shim.states,
        )  # fmt: skip

    def _steps(self, tier: TierOf, hub: Hub, execs: Execs) -> Steps:
        fakes: Any = {name: FakeStep(name, self.world.held) for name in STEPS if name not in ("task", "run")}
        fakes["stdio"] = FakeStreams(self.world.held, hub, execs)
        restore: Any = FakeRestore()
        return Steps(engine=spec_facts.engine(), task=Task(tier, restore), run=Run(tier, restore), **fakes)

    def _runtimes(self) -> Runtimes:
        """One whose program every machine has: that it is there is checked."""
        runtimes = Runtimes(Host(), Scripts(str(self.world.root / "scripts")))
        runtimes.configure({"mine": Configured(path="/bin/true")}, "mine")
        return runtimes

    @staticmethod
    async def _no_sweep() -> None:
        return None

    async def boot(self) -> "Daemon":
        """Open the records and recover, with live-restore."""
        await self.store.open()
        await self.recover(live_restore=True)
        return self

    async def crash(self) -> None:
        """Go away as kill -9 would between two requests: nothing is released, nothing written."""
        self.restarts.close()
        await self.supervisor.drain(5)
        await self.store.close()
        self.hangups.close()

    async def create(self, name: str = "boat", **host: Any) -> Record:
        rec = record(name=name)
        rec = msgspec.structs.replace(rec, host_config=HostConfig(**{"network_mode": "host"} | host))
        for kind in (self.world.snapshots, self.world.volumes):
            kind.idents.add(rec.id)
        await self.store.insert(rec)
        Path(self.layout.rootfs(rec)).mkdir(parents=True)
        return rec

    def phase(self, ident: str) -> Phase | None:
        rec = self.store.by_id(ident)
        return None if rec is None else rec.phase

    def subscribe(self) -> Subscription:
        return self.bus.subscribe(lambda event: event.kind == "container")

    def leaks(self) -> list[object]:
        """What is held for containers that do not run."""
        running = {rec.id for rec in self.store.all() if rec.alive}
        known = {rec.id for rec in self.store.all()}
        return [found for found in self.world.leaks(known) if not (isinstance(found, tuple) and found[1] in running)]


async def until(check: Callable[[], bool], seconds: float = 10.0) -> None:
    """Let the loop run until something is so."""
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 - what is awaited is many things: records, retries, fakes
            await asyncio.sleep(RETRY)


@asynccontextmanager
async def daemon(world: World, faults: str = "") -> AsyncIterator[Daemon]:
    """A booted daemon that crashes at the end."""
    found = await Daemon(world, faults).boot()
    try:
        yield found
    finally:
        await found.crash()


async def refused(flow: Awaitable[object]) -> EngineError:
    """Await what must fail and return how."""
    try:
        await flow
    except EngineError as error:
        return error
    raise System("it did not fail")
