"""Tasks that no record owns, on the fakes of a container's life and an event service in this process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.containerd_fakes import serving
from tests.unit.life_fakes import Daemon, FakeTask, World, daemon, until
from wherry.base.errors import Unavailable
from wherry.base.retries import Retries
from wherry.containerd import events
from wherry.containerd.channel import Channel
from wherry.containerd.gen.messages import AnyValue, Empty, message
from wherry.containers.strangers import Strangers
from wherry.state.machine import Verb

TaskCreate = message("containerd.events.TaskCreate")
UNKNOWN = "e" * 64


class FakeSweep:
    """containerd's containers with our mark, in memory."""

    def __init__(self, *idents: str) -> None:
        self.idents = list(idents)
        self.forgotten: list[str] = []
        self.looks = 0

    async def marked(self) -> list[str]:
        return self.idents

    async def is_marked(self, ident: str) -> bool:
        return ident in self.idents

    async def forget(self, ident: str) -> None:
        self.forgotten.append(ident)

    async def shims(self) -> None:
        self.looks += 1
        if self.looks == 1:
            raise Unavailable("away for a moment")


class NoChannel:
    """containerd is away."""

    namespace = "moby"

    def stream(self, *_: object, **__: object) -> AsyncIterator[Any]:
        raise Unavailable("away")


def strangers(engine: Daemon, sweep: FakeSweep, channel: Channel | None = None) -> Strangers:
    shim: Any = engine.world.shim
    supervisor, retries = engine.supervisor, Retries(engine.supervisor, 0.001)
    return Strangers(engine.store, shim, cast(Any, sweep), cast(Any, channel), supervisor, retries, (0.0, 0.0), 0.0)


async def test_a_task_of_a_container_that_does_not_run_is_ended(tmp_path: Path) -> None:
    async with daemon(World(tmp_path)) as engine:
        rec = await engine.create()
        engine.world.shim.tasks[rec.id] = FakeTask()
        sweep = FakeSweep(rec.id)
        sweep.looks = 1
        await strangers(engine, sweep).judge(rec.id)
        assert (engine.world.shim.tasks, sweep.forgotten) == ({}, [])


@pytest.mark.parametrize("ours", [True, False])
async def test_containerds_container_without_a_task_goes_too(tmp_path: Path, ours: bool) -> None:
    async with daemon(World(tmp_path)) as engine:
        rec = await engine.create()
        deleted: list[str] = []

        async def delete(ident: str) -> None:
            deleted.append(ident)

        engine.world.shim.delete = delete  # type: ignore[method-assign]
        sweep = FakeSweep(*[rec.id] if ours else [])
        sweep.looks = 1
        await strangers(engine, sweep).judge(rec.id)
        assert deleted == ([rec.id] if ours else [])


async def test_a_running_container_keeps_its_task(tmp_path: Path) -> None:
    async with daemon(World(tmp_path)) as engine:
        rec = await engine.create()
        await engine.starter(rec.id)
        await strangers(engine, FakeSweep(rec.id)).judge(rec.id)
        assert engine.world.shim.tasks[rec.id].status == "running"


async def test_a_start_under_way_is_waited_for(tmp_path: Path) -> None:
    """The event comes before the record says running."""
    async with daemon(World(tmp_path)) as engine:
        rec = await engine.create()
        starting = asyncio.create_task(engine.starter(rec.id))
        await until(lambda: rec.id in engine.world.shim.tasks)
        await strangers(engine, FakeSweep(rec.id)).judge(rec.id)
        await starting
        assert engine.world.shim.tasks[rec.id].status == "running"


@pytest.mark.parametrize("ours", [True, False])
async def test_a_task_without_a_record_is_ended_if_it_carries_our_mark(tmp_path: Path, ours: bool) -> None:
    async with daemon(World(tmp_path)) as engine:
        engine.world.shim.tasks[UNKNOWN] = FakeTask()
        sweep = FakeSweep(*[UNKNOWN] if ours else [])
        sweep.looks = 1
        await strangers(engine, sweep).judge(UNKNOWN)
        assert (UNKNOWN in engine.world.shim.tasks, sweep.forgotten) == (not ours, [UNKNOWN] if ours else [])


@pytest.mark.parametrize("fails", [0, 2])
async def test_an_event_is_enough(tmp_path: Path, fails: int) -> None:
    """Also if the task cannot be ended at once; containerd does not list its container any more."""
    async with daemon(World(tmp_path)) as engine, serving(tmp_path) as (script, channel):
        rec = await engine.create()
        published: asyncio.Queue[bytes] = asyncio.Queue()

        async def publish(request: bytes, context: Any) -> bytes:
            topic = events.PublishRequest.FromString(request).topic
            await published.put(events.EnvelopeMessage(topic=topic, namespace="moby").SerializeToString())
            return bytes(Empty().SerializeToString())

        async def subscribe(request: Any, context: Any) -> AsyncIterator[bytes]:
            while True:
                yield await published.get()

        script.unary[f"{events.SERVICE}/Publish"] = publish
        script.stream[f"{events.SERVICE}/Subscribe"] = subscribe
        shim, left = engine.world.shim, fails
        end = shim.delete

        async def delete(ident: str) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                raise Unavailable("away for a moment")
            await end(ident)

        shim.delete = delete  # type: ignore[method-assign]
        sweep = FakeSweep()
        sweep.looks = 1
        strangers(engine, sweep, channel).watch()
        engine.world.shim.tasks[rec.id] = FakeTask()
        body = TaskCreate(container_id=rec.id).SerializeToString()
        event = AnyValue(type_url="containerd.events.TaskCreate", value=body)
        envelope = events.EnvelopeMessage(topic="/tasks/create", namespace="moby", event=event)
        await published.put(envelope.SerializeToString())
        await until(lambda: not engine.world.shim.tasks)


async def test_after_a_cut_start_late_shims_are_looked_for_and_again_after_a_failure(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with daemon(world) as engine:
        rec = await engine.create()
        async with engine.store.exclusive(rec.id) as slot:
            await slot.move(Verb.START)
    engine = Daemon(world)
    await engine.store.open()
    try:
        sweep = FakeSweep()
        strangers(engine, sweep, cast(Any, NoChannel())).watch()
        await until(lambda: sweep.looks == 2)
    finally:
        await engine.crash()


async def test_one_look_for_shims_serves_all_who_ask_in_a_moment(tmp_path: Path) -> None:
    async with daemon(World(tmp_path)) as engine:
        sweep = FakeSweep()
        sweep.looks = 1
        watch = strangers(engine, sweep)
        await asyncio.gather(*(watch.judge(UNKNOWN) for _ in range(20)))
        await until(lambda: sweep.looks == 2)
        await watch.judge(UNKNOWN)
        await until(lambda: sweep.looks == 3)
