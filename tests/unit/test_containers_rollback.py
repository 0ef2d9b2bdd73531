"""The runner of steps, broken at every point: what was begun is released once, latest first, and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.records import record
from wherry.base.errors import System
from wherry.base.faults import Faults
from wherry.base.tasks import finish
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


@contextlib.asynccontextmanager
async def started(slot: Slot, faults: Faults, order: list[Recorder]) -> AsyncIterator[Rollback]:
    """As a start does it: settle, then release what was begun in the order of the list."""
    rollback = Rollback(slot, faults)
    try:
        yield rollback
    except BaseException:
        await finish(give_back(slot, rollback, order))
        raise


async def give_back(slot: Slot, rollback: Rollback, order: list[Recorder]) -> None:
    await rollback.settle()
    await release_all(rollback.begun(order), slot.rec, Faults({}))


async def run(slot: Slot, faults: Faults, steps: list[Recorder]) -> Rollback:
    async with started(slot, faults, steps) as rollback:
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

    one, two = Slow("one", story), Recorder("two", story)

    async def start() -> None:
        async with started(slot, Faults({"two.after": "error"}), [one, two]) as step:
            slow = step.begin(one)
            await step.do(two)
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

    one, two = Recorder("one", story), Recorder("two", story)

    async def start() -> None:
        async with started(slot, Faults({"one.before": "error"}), [one, two]) as step:
            beside = step.begin(one)
            await step.do(two)
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
    assert await release_all(steps, slot.rec, Faults({})) == ("one", "two")
    assert story == ["-three"]


async def test_the_order_of_the_list_counts_and_not_that_of_the_beginnings(slot: Slot) -> None:
    story: list[str] = []
    one, two, three = (Recorder(name, story) for name in NAMES)
    async with started(slot, Faults({}), [one, two, three]) as step:
        await step.do(three)
        await step.do(one)
    assert step.begun([one, two, three]) == [one, three]


def test_what_is_owed_keeps_what_its_release_needs() -> None:
    assert leftovers(("netns",)) == {"owed": ("netns",)}
    assert leftovers(()) == {"owed": (), "sandbox_id": "", "sandbox_key": "", "endpoints": ()}
