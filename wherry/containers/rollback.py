"""The runner of steps: order, time, faults and names; what was begun is released when a start fails.

A step is owed before it is taken. Its release works from the record alone and may run any number of times, so the
same releases serve a failed start, an exit, a removal and the boot after a crash.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from wherry.base.faults import Faults
from wherry.state.record import Receipt, Record
from wherry.state.store import Slot

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

MICROSECONDS = 1_000_000
QUEUE = "queue"
RELEASE_SECONDS = 20.0
"""How long one release may take before it stays owed."""

log = logging.getLogger("wherry.steps")


class Releasable(Protocol):
    """What the runner needs to give a step back."""

    name: str

    async def release(self, rec: Record) -> None:
        """Give back all that the step may hold for this record; nothing held is fine."""
        ...


class Step(Releasable, Protocol[P, T_co]):
    """One step of a start."""

    async def acquire(self, slot: Slot, /, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """Take what the step is for; facts that release needs are saved in the slot before they are taken."""
        ...


class Rollback:
    """Runs the steps of one start and knows which were begun: when it fails those are released, latest first."""

    def __init__(self, slot: Slot, faults: Faults) -> None:
        """Begin with nothing begun."""
        self._slot = slot
        self._faults = faults
        self._begun: list[Releasable] = []
        self._beside: list[asyncio.Task[Any]] = []
        self._began = time.perf_counter()
        self._failed = ""
        self.spent: dict[str, float] = {}
        """Seconds by step."""
        self.running: dict[str, int] = {}
        """The steps under way, and when each began in ns of Unix time."""

    @property
    def receipt(self) -> Receipt:
        """What it cost so far, and where it failed."""
        steps = {name: round(spent * MICROSECONDS) for name, spent in self.spent.items()}
        return Receipt(
            steps=steps, total=round((time.perf_counter() - self._began) * MICROSECONDS), failed=self._failed
        )

    async def do(self, step: Step[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one step and return what it acquired."""
        self._begun.append(step)
        return await self._run(step, *args, **kwargs)

    def begin(self, step: Step[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Task[T]":
        """Run one step beside the next ones; it is owed from now on. Await the task where its result is needed."""
        self._begun.append(step)
        task = asyncio.create_task(self._run(step, *args, **kwargs), name=step.name)
        self._beside.append(task)
        return task

    async def wait(self, turn: asyncio.Future[None]) -> None:
        """Wait for the start's turn: no step, nothing is owed; what it took stands among the steps as `queue`."""
        began, self.running[QUEUE] = time.perf_counter(), time.time_ns()
        try:
            await turn
        finally:
            self.spent[QUEUE] = time.perf_counter() - began
            del self.running[QUEUE]

    async def _run(self, step: Step[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        began, self.running[step.name] = time.perf_counter(), time.time_ns()
        try:
            await self._at(f"{step.name}.before")
            got = await step.acquire(self._slot, *args, **kwargs)
            await self._at(f"{step.name}.after")
        except BaseException:
            self._failed = self._failed or step.name
            raise
        finally:
            self.spent[step.name] = time.perf_counter() - began
            del self.running[step.name]
        return got

    async def _at(self, point: str) -> None:
        self._faults.at(point)
        await self._faults.hang_at(point)

    def begun(self, order: Sequence[Releasable]) -> list[Releasable]:
        """Return the steps that were begun, in the order of a start."""
        return [step for step in order if step in self._begun]

    async def settle(self) -> None:
        """Return once no step is under way any more: an effect must not come after its undo."""
        if not self._beside:
            return
        _, late = await asyncio.wait(self._beside, timeout=RELEASE_SECONDS)
        for task in late:
            task.cancel()  # it hangs; what it asked of others, they finish
        await asyncio.wait(self._beside)
        for task in self._beside:
            if not task.cancelled():
                task.exception()  # seen: the first error is the one that counts


async def release_all(steps: Sequence[Releasable], rec: Record, faults: Faults) -> tuple[str, ...]:
    """Release steps latest first and return the names of what is still owed; never raises.

    Once one fails the earlier ones stay owed too: they hold what the failed one may still use.
    """
    remaining = list(steps)
    while remaining:
        step = remaining[-1]
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                faults.at(f"{step.name}.release")
                await faults.hang_at(f"{step.name}.release")
                await step.release(rec)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is owed and said
            log.error("container %s: could not release %s, it stays owed: %r", rec.id, step.name, error)
            return tuple(step.name for step in remaining)
        remaining.pop()
    return ()


def leftovers(owed: tuple[str, ...]) -> dict[str, object]:
    """Return the facts of a run that has ended: what is still owed keeps what its release needs."""
    if owed:
        return {"owed": owed}
    return {"owed": (), "sandbox_id": "", "sandbox_key": "", "endpoints": ()}
