"""Starts that wait for their turn, in an engine with fakes: shown, called off, first come first served."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.life_fakes import TURNS, Daemon, World, daemon, refused, until
from wherry.base.errors import Conflict, Unavailable
from wherry.state.record import Phase

HANG = "volumes.after"


class Queue:
    """Starts that hang have every turn; more of them wait."""

    def __init__(self, engine: Daemon) -> None:
        self.engine = engine
        self.flows: dict[str, asyncio.Task[Any]] = {}

    async def start(self, name: str) -> str:
        ident = (await self.engine.create(name)).id
        self.flows[ident] = asyncio.create_task(refused(self.engine.supervisor.run(self.engine.starter(ident), name)))
        await until(lambda: self.engine.phase(ident) is Phase.STARTING)
        return ident

    def shown(self, ident: str) -> Any:
        return self.engine.under_way.progress(ident)["UnderWay"]


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    async with daemon(World(tmp_path), f"{HANG}=hang*") as engine:
        yield Queue(engine)


async def test_a_start_that_waits_is_shown_and_can_be_called_off(queue: Queue) -> None:
    hung = [await queue.start(f"hung{n}") for n in range(TURNS)]
    first, second, third = [await queue.start(f"waits{n}") for n in range(3)]
    await until(lambda: [step["Name"] for step in queue.shown(hung[-1])["Steps"]][-1:] == ["volumes"])
    assert "Place" not in queue.shown(hung[0])
    await until(lambda: [step["Name"] for step in queue.shown(third)["Steps"]] == ["queue"])
    assert [queue.shown(ident)["Place"] for ident in (first, second, third)] == [1, 2, 3]

    await queue.engine.kill(first, "KILL")
    assert isinstance(await queue.flows[first], Conflict)
    assert queue.engine.phase(first) is Phase.CREATED
    assert queue.engine.under_way.progress(first) == {}
    await queue.engine.stop(second, None, "")
    assert isinstance(await queue.flows[second], Conflict)
    assert queue.shown(third)["Place"] == 1
    await queue.engine.remove(third, force=True, volumes=True, link=False)
    assert isinstance(await queue.flows[third], Conflict)
    assert queue.engine.phase(third) is None

    for ident in hung:
        await queue.engine.kill(ident, "KILL")
    assert queue.engine.leaks() == []


async def test_who_is_called_off_hands_its_turn_on(queue: Queue) -> None:
    hung = [await queue.start(f"hung{n}") for n in range(TURNS)]
    waits = await queue.start("waits")
    await queue.engine.kill(hung[0], "KILL")
    await until(lambda: "Place" not in queue.shown(waits))
    await until(lambda: [step["Name"] for step in queue.shown(waits)["Steps"]][-1:] == ["volumes"])
    for ident in (*hung[1:], waits):
        await queue.engine.kill(ident, "KILL")
    rec = queue.engine.store.by_id(waits)
    assert rec is not None
    assert "queue" in rec.receipt.steps
    assert queue.engine.leaks() == []


async def test_a_storm_of_starts_of_one_container_has_one_place(queue: Queue) -> None:
    hung = [await queue.start(f"hung{n}") for n in range(TURNS)]
    stormy = await queue.start("stormy")
    storm = [asyncio.create_task(queue.engine.starter(stormy)) for _ in range(20)]
    other = await queue.start("other")
    assert queue.shown(other)["Place"] == 2
    for task in storm:
        task.cancel()
    await asyncio.gather(*storm, return_exceptions=True)
    for ident in (other, stormy, *hung):
        await queue.engine.kill(ident, "KILL")
    assert queue.engine.leaks() == []


async def test_an_engine_that_ends_does_not_wait_for_who_waits(queue: Queue) -> None:
    hung = [await queue.start(f"hung{n}") for n in range(TURNS)]
    waits = await queue.start("waits")
    ending = asyncio.create_task(queue.engine.supervisor.drain(10))
    error = await queue.flows[waits]
    assert isinstance(error, Unavailable)
    assert "began to shut down: try again" in str(error)
    assert queue.engine.phase(waits) is Phase.CREATED
    for ident in hung:
        await queue.engine.kill(ident, "KILL")
    assert await ending == []
    assert queue.engine.leaks() == []
