"""The runner of steps, broken at every point: what was begun is released once, latest first, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.records import record
from wherry.base.errors import System
from wherry.base.faults import Faults
from wherry.containers.rollback import Rollback, leftovers, release_all
from wherry.state.record import Record
from wherry.state.store import Slot, Store

NAMES = ("one", "two", "three")
POINTS = [f"{name}.{side}" for name in NAMES for side in ("before", "after")]


class Recorder:
    """A step that says what happens to it."""

    def __init__(self, name: str, story: list[str], fails: bool = False) -> None:
        self.name = name
        self._story = story
        self._fails = fails

    async def acquire(self, slot: Slot) -> str:
        self._story.append(f"+{self.name}")
        return self.name

    async def release(self, rec: Record) -> None:
        await asyncio.sleep(0)
        if self._fails:
            raise System("stuck")
        self._story.append(f"-{self.name}")


@pytest.fixture
async def slot(tmp_path: Path) -> AsyncIterator[Slot]:
    store = Store(str(tmp_path / "w.db"), Faults({}))
    await store.open()
    rec = record()
    await store.insert(rec)
    async with store.exclusive(rec.id) as found:
        yield found
    await store.close()


async def run(slot: Slot, faults: Faults, steps: list[Recorder]) -> Rollback:
    rollback = Rollback(slot, faults)
    async with rollback:
        for step in steps:
            assert await rollback.do(step) == step.name
    return rollback


async def test_a_start_that_works_releases_nothing(slot: Slot) -> None:
    story: list[str] = []
    rollback = await run(slot, Faults({}), [Recorder(name, story) for name in NAMES])
    assert story == ["+one", "+two", "+three"]
    assert list(rollback.spent) == list(NAMES)


@pytest.mark.parametrize("action", ["error", "cancel"])
@pytest.mark.parametrize("point", POINTS)
async def test_what_was_begun_is_released_latest_first(slot: Slot, point: str, action: str) -> None:
    story: list[str] = []
    steps = [Recorder(name, story) for name in NAMES]
    task = asyncio.create_task(run(slot, Faults({point: action}), steps))
    with pytest.raises(System if action == "error" else asyncio.CancelledError):
        await task
    name, _, side = point.partition(".")
    reached = NAMES.index(name) + 1
    taken = NAMES[: reached if side == "after" else reached - 1]
    assert story == [*(f"+{n}" for n in taken), *(f"-{n}" for n in reversed(NAMES[:reached]))]


async def test_a_step_that_runs_beside_is_awaited_before_it_is_released(slot: Slot) -> None:
    story: list[str] = []
    gate = asyncio.Event()

    class Slow(Recorder):
        async def acquire(self, slot: Slot) -> str:
            await gate.wait()
            return await super().acquire(slot)

    async def start() -> None:
        async with Rollback(slot, Faults({"two.after": "error"})) as step:
            slow = step.begin(Slow("one", story))
            await step.do(Recorder("two", story))
            await slow

    task = asyncio.create_task(start())
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    gate.set()
    with pytest.raises(System, match=r"failpoint two\.after"):
        await task
    assert story == ["+two", "+one", "-two", "-one"]


async def test_a_failure_beside_is_raised_where_the_result_is_needed(slot: Slot) -> None:
    story: list[str] = []

    async def start() -> None:
        async with Rollback(slot, Faults({"one.before": "error"})) as step:
            beside = step.begin(Recorder("one", story))
            await step.do(Recorder("two", story))
            await beside

    with pytest.raises(System, match=r"failpoint one\.before"):
        await start()
    assert story == ["+two", "-two", "-one"]


async def test_a_cancellation_does_not_cut_the_release(slot: Slot) -> None:
    story: list[str] = []
    steps = [Recorder(name, story) for name in NAMES]
    task = asyncio.create_task(run(slot, Faults({"three.after": "error"}), steps))
    for _ in range(20):
        await asyncio.sleep(0)
        if "+three" in story:
            break
    task.cancel()
    with pytest.raises((asyncio.CancelledError, System)):
        await task
    assert story[-3:] == ["-three", "-two", "-one"]


async def test_once_a_release_fails_the_earlier_steps_stay_owed(slot: Slot) -> None:
    story: list[str] = []
    steps = [Recorder("one", story), Recorder("two", story, fails=True), Recorder("three", story)]
    assert await release_all(steps, slot.rec) == ("one", "two")
    assert story == ["-three"]


async def test_the_first_error_stays_the_error_and_names_what_is_owed(slot: Slot) -> None:
    story: list[str] = []
    steps = [Recorder("one", story, fails=True), Recorder("two", story)]
    with pytest.raises(System, match=r"failpoint two\.after") as caught:
        await run(slot, Faults({"two.after": "error"}), steps)
    assert caught.value.__notes__ == ["could not release one"]


def test_what_is_owed_keeps_what_its_release_needs() -> None:
    assert leftovers(("netns",)) == {"owed": ("netns",)}
    assert leftovers(()) == {"owed": (), "sandbox_id": "", "sandbox_key": "", "endpoints": ()}
