"""The boot's look at the tasks: one question for all of them."""

from pathlib import Path

import pytest

from tests.unit.life_fakes import World, daemon
from wherry.state.record import Phase


async def run(world: World, count: int) -> list[str]:
    """Start containers and let the daemon crash; returns their ids."""
    async with daemon(world) as engine:
        idents = [(await engine.create(f"boat{number}")).id for number in range(count)]
        for ident in idents:
            await engine.starter(ident)
    return idents


async def test_a_boot_asks_once_for_all_tasks(tmp_path: Path) -> None:
    world = World(tmp_path)
    idents = await run(world, 3)
    world.shim.asked.clear()
    async with daemon(world) as engine:
        assert world.shim.asked == []
        assert {engine.phase(ident) for ident in idents} == {Phase.RUNNING}
        assert engine.recover.progress == ""


async def test_whom_the_answer_leaves_out_is_asked_about_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    kept, lost = await run(world, 2)
    del world.shim.tasks[lost]
    world.shim.asked.clear()
    async with daemon(world) as engine:
        assert world.shim.asked == [lost]
        assert (engine.phase(kept), engine.phase(lost)) == (Phase.RUNNING, Phase.EXITED)


async def test_tasks_that_cannot_be_listed_are_asked_for_one_by_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    idents = await run(world, 2)
    world.shim.asked.clear()
    world.shim.unlisted = True
    async with daemon(world) as engine:
        assert sorted(world.shim.asked) == sorted(idents)
        assert {engine.phase(ident) for ident in idents} == {Phase.RUNNING}
    assert "the tasks cannot be listed" in caplog.text
