"""The fault matrix on fakes: every step, move, release and write of state broken, generated from their lists.

Kill -9 of processes needs processes: those cells run on the real engine, in tests/faults.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.unit.life_fakes import KILLED, STEPS, Daemon, World, daemon, refused, until
from wherry.base.errors import Conflict, InvalidParameter, System
from wherry.base.faults import WRITE_ERRORS, Faults
from wherry.model.container import RestartPolicy
from wherry.state.machine import Verb
from wherry.state.record import Phase

POINTS = [f"{name}.{when}" for name in (*STEPS, "move.start", "move.started") for when in ("before", "after")]
COMMITTED = ("move.started.after", "cancel")
REST = (Phase.CREATED, Phase.EXITED)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def start(engine: Daemon, ident: str) -> BaseException | None:
    """Start as a request does; returns what it failed with."""
    done = asyncio.ensure_future(engine.supervisor.run(engine.starter(ident), "start"))
    await asyncio.wait([done])
    return asyncio.CancelledError() if done.cancelled() else done.exception()


def steps_of(engine: Daemon, ident: str) -> list[str]:
    """The steps under way."""
    return [step["Name"] for step in engine.under_way.progress(ident)["UnderWay"]["Steps"]]


async def lives_and_goes(engine: Daemon, ident: str) -> None:
    """It starts, is removed, and nothing is left."""
    assert await start(engine, ident) is None
    await engine.remove(ident, force=True, volumes=True, link=False)
    assert engine.leaks() == []
    assert engine.store.all() == []


@pytest.mark.parametrize("action", ["error", "cancel"])
@pytest.mark.parametrize("point", POINTS)
async def test_a_broken_start_leaves_nothing(world: World, point: str, action: str) -> None:
    async with daemon(world, f"{point}={action}") as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is not None
        if (point, action) != COMMITTED:
            assert engine.phase(rec.id) in REST
            assert engine.leaks() == []
            await lives_and_goes(engine, rec.id)


async def test_the_runtime_does_not_wait_for_the_interfaces_but_the_process_does(world: World) -> None:
    async with daemon(world, "interfaces.before=hang") as engine:
        rec = await engine.create()
        starting = asyncio.create_task(start(engine, rec.id))
        await until(lambda: rec.id in world.shim.tasks and steps_of(engine, rec.id) == ["interfaces"])
        assert world.shim.tasks[rec.id].status == "created"
        await engine.kill(rec.id, "KILL")
        assert isinstance(await starting, Conflict)
        assert engine.leaks() == []


@pytest.mark.parametrize("point", [f"{name}.{when}" for name in STEPS for when in ("before", "after")])
async def test_a_start_that_hangs_is_called_off(world: World, point: str, caplog: pytest.LogCaptureFixture) -> None:
    async with daemon(world, f"{point}=hang") as engine:
        rec = await engine.create()
        starting = asyncio.create_task(start(engine, rec.id))
        await until(lambda: f"hangs at {point}" in caplog.text)
        await engine.kill(rec.id, "KILL")
        assert await starting is not None
        assert (engine.phase(rec.id), engine.leaks()) == (Phase.CREATED, [])


@pytest.mark.parametrize("step", STEPS)
async def test_a_release_that_fails_once_is_owed_said_and_done_behind(
    world: World, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(world, f"move.started.before=error,{step}.release=error") as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is not None
        assert step in engine.store.get(rec.id).owed
        assert f"could not release {step}, it stays owed" in caplog.text
        await until(lambda: engine.store.get(rec.id).owed == ())
        assert engine.leaks() == []
        await lives_and_goes(engine, rec.id)


@pytest.mark.parametrize("step", STEPS)
async def test_a_release_that_fails_for_ever_refuses_a_start_and_a_removal_until_the_next_boot(
    world: World, step: str
) -> None:
    async with daemon(world, f"move.started.before=error,{step}.release=error*") as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is not None
        assert "still holds" in str(await refused(engine.starter(rec.id)))
        failure = await refused(engine.remove(rec.id, force=False, volumes=True, link=False))
        assert "it still holds" in str(failure)
        assert engine.phase(rec.id) is Phase.DEAD
    async with daemon(world) as engine:
        await until(lambda: engine.store.all() == [])
        assert engine.leaks() == []


@pytest.mark.parametrize("step", STEPS)
async def test_a_release_that_fails_at_an_exit(world: World, step: str) -> None:
    async with daemon(world, f"{step}.release=error") as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is None
        world.shim.tasks[rec.id].end(7)
        await until(lambda: engine.phase(rec.id) is Phase.EXITED)
        assert engine.store.get(rec.id).exit_code == 7
        await until(lambda: engine.store.get(rec.id).owed == ())
        await lives_and_goes(engine, rec.id)


@pytest.mark.parametrize("step", STEPS)
async def test_a_release_that_fails_while_boot_settles(world: World, step: str) -> None:
    async with daemon(world) as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is None
    world.shim.tasks[rec.id].end(7)
    async with daemon(world, f"{step}.release=error") as engine:
        assert engine.store.get(rec.id).exit_code == 7
        await until(lambda: engine.store.get(rec.id).owed == ())
        await lives_and_goes(engine, rec.id)


@pytest.mark.parametrize("kind", WRITE_ERRORS)
@pytest.mark.parametrize("write", ["start", "save", "started"])
async def test_a_start_whose_write_fails_leaves_nothing(world: World, write: str, kind: str) -> None:
    async with daemon(world, f"write.{write}={kind}") as engine:
        rec = await engine.create()
        events = engine.subscribe()
        await engine.starter.again(rec.id)  # nothing: a created one is not for policies
        failure = await start(engine, rec.id)
        if write == "save":
            assert failure is None, "no step of the fakes saves: see the real matrix"
            return
        assert isinstance(failure, System)
        assert WRITE_ERRORS[kind] in str(failure)
        assert (engine.phase(rec.id), engine.leaks()) == (Phase.CREATED, [])
        engine.bus.close()
        assert await events.get() is None, "no event of a start that was not"
        assert engine.store.get(rec.id).generation == (0 if write == "start" else 1)
        await lives_and_goes(engine, rec.id)


@pytest.mark.parametrize("kind", WRITE_ERRORS)
async def test_a_failure_that_cannot_be_stored_is_settled_behind(world: World, kind: str) -> None:
    async with daemon(world, f"task.after=error,write.failed={kind}") as engine:
        rec = await engine.create()
        assert str(await start(engine, rec.id)).startswith("failpoint task.after"), "the first error stays the error"
        assert engine.leaks() == []
        await until(lambda: engine.phase(rec.id) is Phase.CREATED)
        await lives_and_goes(engine, rec.id)


@pytest.mark.parametrize("kind", WRITE_ERRORS)
@pytest.mark.parametrize("write", ["save", "exit"])
async def test_an_exit_that_cannot_be_stored_is_tried_again(world: World, write: str, kind: str) -> None:
    async with daemon(world, f"write.{write}={kind}") as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is None
        world.shim.tasks[rec.id].end(7)
        await until(lambda: engine.phase(rec.id) is Phase.EXITED)
        assert engine.store.get(rec.id).exit_code == 7
        await lives_and_goes(engine, rec.id)


@pytest.mark.parametrize("write", ["save", "exit"])
async def test_an_exit_that_could_not_be_stored_survives_the_daemon(
    world: World, write: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(world, f"write.{write}=full*") as engine:
        rec = await engine.create()
        assert await start(engine, rec.id) is None
        world.shim.tasks[rec.id].end(7)
        await until(lambda: "its exit cannot be settled" in caplog.text)
        assert engine.phase(rec.id) is Phase.RUNNING
        assert (rec.id in world.shim.tasks) is (write == "save"), "the status is in the task until it is on disk"
    async with daemon(world) as engine:
        assert (engine.phase(rec.id), engine.store.get(rec.id).exit_code) == (Phase.EXITED, 7)
        assert engine.leaks() == []


@pytest.mark.parametrize("kind", WRITE_ERRORS)
@pytest.mark.parametrize("write", ["remove", "delete", "stuck"])
async def test_a_removal_whose_write_fails(world: World, write: str, kind: str) -> None:
    more = ",write.delete=full" if write == "stuck" else ""
    async with daemon(world, f"write.{write}={kind}{more}") as engine:
        rec = await engine.create()
        failure = await refused(engine.remove(rec.id, force=False, volumes=False, link=False))
        assert WRITE_ERRORS[kind] in str(failure) or write == "stuck"
        if write == "remove":
            assert engine.phase(rec.id) is Phase.CREATED, "nothing was begun"
            await lives_and_goes(engine, rec.id)
            return
        await until(lambda: engine.store.all() == [])
        assert engine.world.volumes.idents == {rec.id}, "the volumes stay: nobody asked for them"


@pytest.mark.parametrize("kind", WRITE_ERRORS)
@pytest.mark.parametrize("verb", [Verb.FAILED, Verb.REMOVE, Verb.EXIT])
async def test_a_boot_whose_write_fails_settles_behind(world: World, verb: Verb, kind: str) -> None:
    async with daemon(world) as engine:
        rec = await engine.create(auto_remove=verb is Verb.REMOVE)
        assert await start(engine, rec.id) is None
    world.shim.tasks[rec.id].end(7)
    if verb is Verb.FAILED:
        await _rewind(world, rec.id)
    async with daemon(world, f"write.{verb.value}={kind}") as engine:
        last = {Verb.FAILED: Phase.CREATED, Verb.REMOVE: None, Verb.EXIT: Phase.EXITED}[verb]
        await until(lambda: engine.leaks() == [] and engine.phase(rec.id) is last)


async def _rewind(world: World, ident: str) -> None:
    """Make the record one of a daemon that died before STARTED was stored."""
    engine = Daemon(world)
    await engine.store.open()
    rec = msgspec.structs.replace(engine.store.get(ident), phase=Phase.STARTING, pid=0)
    await engine.store.put(rec, durable=True)
    await engine.crash()


async def test_weak_30_a_failed_removal_is_done_behind_and_forgotten(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(world, "write.delete=full") as engine:
        rec = await engine.create(auto_remove=True)
        gone = engine.wait(rec.id, "removed")
        assert await start(engine, rec.id) is None
        world.shim.tasks[rec.id].end(0)
        assert "database or disk is full" in (await gone)["Error"]["Message"]
        later = engine.wait(rec.id, "removed")
        assert await later == {"StatusCode": 0}, "30: the failure of one removal is not the answer of the next"
        assert f"can't remove container {rec.id}" in caplog.text
        assert engine.store.all() == []


async def test_a_failed_autoremove_of_a_failed_start_keeps_its_error(world: World) -> None:
    async with daemon(world, "task.after=error,write.delete=full") as engine:
        rec = await engine.create(auto_remove=True)
        assert str(await start(engine, rec.id)).startswith("failpoint task.after")
        await until(lambda: engine.store.all() == [])


async def test_weak_29_boot_removes_what_was_to_go_and_the_dead(world: World) -> None:
    async with daemon(world) as engine:
        ended, dead = await engine.create("ended", auto_remove=True), await engine.create("dead")
        kept = await engine.create("kept", auto_remove=True)
        assert await start(engine, ended.id) is None
        async with engine.store.exclusive(dead.id) as slot:
            await slot.move(Verb.REMOVE)
            await slot.move(Verb.STUCK)
    world.shim.tasks[ended.id].end(0)
    async with daemon(world) as engine:
        assert [rec.name for rec in engine.store.all()] == ["kept"], "29: the dead are collected"
        assert engine.phase(kept.id) is Phase.CREATED


async def test_a_forced_removal_ends_a_start_that_was_quicker(world: World) -> None:
    async with daemon(world) as engine:
        rec = await engine.create()
        async with engine.store.exclusive(rec.id):
            starting = asyncio.ensure_future(engine.starter(rec.id))
            await asyncio.sleep(0)
            removing = asyncio.ensure_future(engine.remove(rec.id, force=True, volumes=True, link=False))
            await asyncio.sleep(0)
        await asyncio.gather(starting, removing)
        assert (engine.store.all(), engine.leaks()) == ([], [])


async def test_a_restart_that_owes_is_tried_again(world: World) -> None:
    policy = RestartPolicy(name="always")
    async with daemon(world, "netns.release=error") as engine:
        rec = await engine.create(restart_policy=policy)
        assert await start(engine, rec.id) is None
        world.shim.tasks[rec.id].end(1)
        await until(lambda: engine.store.get(rec.id).generation == 2 and engine.phase(rec.id) is Phase.RUNNING)
        await engine.kill(rec.id, "KILL")
        await until(lambda: engine.phase(rec.id) is Phase.EXITED)
        assert engine.store.get(rec.id).exit_code == KILLED


def test_the_grammar_of_failpoints() -> None:
    faults = Faults.parse("a=error,b=error*")
    for _ in range(2):
        with pytest.raises(System, match="failpoint b"):
            faults.at("b")
    with pytest.raises(System, match="failpoint a"):
        faults.at("a")
    faults.at("a")
    with pytest.raises(InvalidParameter, match="invalid failpoint 'a=odd'"):
        Faults.parse("a=odd")
