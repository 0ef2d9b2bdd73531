"""Monitors: when probes run, what is told, and that nothing of them is left. The prober is a fake."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.unit.records import record
from wherry.base.events import EventBus, Subscription
from wherry.base.faults import Faults
from wherry.base.tasks import Supervisor
from wherry.containers.health import HEALTHY, STARTING, UNHEALTHY, Check, Probed
from wherry.containers.monitors import Monitors
from wherry.containers.news import News
from wherry.model.container import ContainerConfig, HealthConfig
from wherry.state.record import Phase, Record
from wherry.state.store import Store

MILLISECOND = 1_000_000
HOUR = 3_600_000 * MILLISECOND


class Harbour:
    """A store with one running container, and a probe whose results the test gives."""

    def __init__(self, path: Path) -> None:
        self.store = Store(str(path / "w.db"), Faults({}))
        self.bus = EventBus()
        self.events: Subscription = self.bus.subscribe(lambda event: True)
        self.supervisor = Supervisor()
        self.results = asyncio.Queue[int]()
        self.probed = asyncio.Queue[Check]()
        self.cut = 0
        self.monitors = Monitors(self.store, self.probe, News(self.bus), self.supervisor)

    async def probe(self, rec: Record, check: Check) -> Probed:
        self.probed.put_nowait(check)
        try:
            return Probed(1, 2, await self.results.get(), "")
        except asyncio.CancelledError:
            self.cut += 1
            raise

    async def add(self, interval: int = MILLISECOND, **changes: object) -> Record:
        health = HealthConfig(test=["CMD", "true"], interval=interval, retries=2)
        now = time.time_ns()
        config = ContainerConfig(image="busybox", healthcheck=health)
        rec = record(config=config, phase=Phase.RUNNING, generation=1, started_at=now)
        rec = msgspec.structs.replace(rec, **changes)
        await self.store.insert(rec)
        return rec

    def status(self, rec: Record) -> str:
        health = self.monitors.of(self.store.get(rec.id))
        return health.status if health is not None else "none"

    async def told(self) -> str:
        async with asyncio.timeout(5):
            event = await self.events.get()
        assert event is not None
        return event.action


@pytest.fixture
async def harbour(tmp_path: Path) -> AsyncIterator[Harbour]:
    harbour = Harbour(tmp_path)
    await harbour.store.open()
    yield harbour
    await harbour.monitors.close()
    assert await harbour.supervisor.drain(0.1) == []
    await harbour.store.close()


async def test_results_become_a_status_and_changes_are_told(harbour: Harbour) -> None:
    rec = await harbour.add()
    harbour.monitors.watch(rec)
    assert harbour.status(rec) == STARTING
    for codes, status in (((0,), HEALTHY), ((1, 1), UNHEALTHY), ((1, 0), HEALTHY)):
        for code in codes:
            harbour.results.put_nowait(code)
        assert await harbour.told() == f"health_status: {status}"
        assert harbour.status(rec) == status
    assert harbour.events.dropped == 0


async def test_the_first_probe_comes_after_an_interval(harbour: Harbour) -> None:
    rec = await harbour.add(interval=HOUR)
    harbour.monitors.watch(rec)
    await asyncio.sleep(0.002)
    assert harbour.probed.empty()
    await harbour.monitors.stop(rec.id)
    assert harbour.status(rec) == STARTING
    assert harbour.cut == 0


async def test_a_stop_cuts_the_probe_and_says_nothing(harbour: Harbour) -> None:
    rec = await harbour.add()
    harbour.monitors.watch(rec)
    harbour.results.put_nowait(0)
    assert await harbour.told() == "health_status: healthy"
    async with asyncio.timeout(5):
        await harbour.probed.get()
        await harbour.probed.get()  # the second one is under way
    await harbour.monitors.stop(rec.id)
    assert (harbour.cut, harbour.status(rec)) == (1, HEALTHY)
    harbour.monitors.watch(rec)  # as after a pause
    assert harbour.status(rec) == HEALTHY
    for _ in range(2):
        harbour.results.put_nowait(1)
    assert await harbour.told() == "health_status: unhealthy"


@pytest.mark.parametrize(
    "changes", [{"phase": Phase.PAUSED}, {"phase": Phase.EXITED}, {"config": ContainerConfig(image="busybox")}]
)
async def test_nobody_watches_what_does_not_run_or_has_no_check(harbour: Harbour, changes: dict[str, object]) -> None:
    harbour.monitors.watch(await harbour.add(**changes))
    assert await harbour.supervisor.drain(0) == []


async def test_a_run_is_watched_once(harbour: Harbour) -> None:
    rec = await harbour.add()
    harbour.monitors.watch(rec)
    harbour.monitors.watch(rec)
    async with asyncio.timeout(5):
        await harbour.probed.get()
    await asyncio.sleep(0.003)
    assert harbour.probed.empty()


async def test_a_new_run_is_starting_and_keeps_the_log(harbour: Harbour) -> None:
    rec = await harbour.add()
    harbour.monitors.watch(rec)
    harbour.results.put_nowait(0)
    await harbour.told()
    await harbour.monitors.stop(rec.id)
    again = msgspec.structs.replace(rec, generation=2)
    await harbour.store.put(again, durable=False)
    harbour.monitors.watch(again)
    health = harbour.monitors.of(again)
    assert health is not None
    assert (health.status, health.streak, len(health.log)) == (STARTING, 0, 1)


async def test_the_end_of_the_engine_ends_all_and_begins_none(harbour: Harbour) -> None:
    rec = await harbour.add()
    harbour.monitors.watch(rec)
    async with asyncio.timeout(5):
        await harbour.probed.get()
    await harbour.monitors.close()
    assert harbour.cut == 1
    harbour.monitors.watch(rec)
    assert await harbour.supervisor.drain(0) == []


async def test_what_is_removed_is_forgotten(harbour: Harbour) -> None:
    rec = await harbour.add()
    harbour.monitors.watch(rec)
    await harbour.monitors.stop(rec.id)
    harbour.monitors.forget(rec.id)
    gone = msgspec.structs.replace(rec, phase=Phase.EXITED)
    assert harbour.monitors.of(gone) is None
