import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.errors import Conflict, System
from wherry.base.faults import Faults
from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND
from wherry.containers.policy import FIRST_SECONDS, MOST_SECONDS, TRIES, Restarts, wants_restart
from wherry.model.container import HostConfig, RestartPolicy
from wherry.state.record import Phase, Record
from wherry.state.store import Store


def with_policy(name: str, tries: int = 0, **changes: Any) -> Record:
    policy = RestartPolicy(name=name, maximum_retry_count=tries)
    return record(host_config=HostConfig(network_mode="none", restart_policy=policy), **changes)


@pytest.mark.parametrize(
    ("rec", "code", "wanted"),
    [
        (with_policy("no"), 1, False),
        (with_policy(""), 1, False),
        (with_policy("always"), 0, True),
        (with_policy("always", manually_stopped=True), 0, True),
        (with_policy("unless-stopped"), 0, True),
        (with_policy("unless-stopped", manually_stopped=True), 0, False),
        (with_policy("on-failure"), 0, False),
        (with_policy("on-failure"), 137, True),
        (with_policy("on-failure", 2, restart_count=1), 1, True),
        (with_policy("on-failure", 2, restart_count=2), 1, False),
    ],
)
def test_policies(rec: Record, code: int, wanted: bool) -> None:
    assert wants_restart(rec, code) is wanted


class Life:
    """A store, and a policy whose starts are counted."""

    def __init__(self, path: Path) -> None:
        self.store = Store(str(path / "w.db"), Faults({}))
        self.started = asyncio.Queue[str]()
        self.supervisor = Supervisor()
        self.restarts = Restarts(self.store, self.supervisor, self.started.put)


@pytest.fixture
async def life(tmp_path: Path) -> Any:
    life = Life(tmp_path)
    await life.store.open()
    yield life
    life.restarts.close()
    await life.supervisor.drain(1)
    await life.store.close()


async def test_the_pause_doubles_and_begins_anew_after_a_steady_run(life: Life) -> None:
    rec = with_policy("always")
    pauses = [life.restarts.pause(rec, 0, 1) or 0.0 for _ in range(12)]
    assert pauses[:4] == [FIRST_SECONDS, 0.2, 0.4, 0.8]
    assert pauses[-1] == MOST_SECONDS
    assert life.restarts.pause(rec, 0, 10 * SECOND) == FIRST_SECONDS


async def test_nothing_starts_before_recovery_is_over(life: Life) -> None:
    life.restarts.schedule(with_policy("always"), 0.0)
    await asyncio.sleep(0)
    assert life.started.empty()
    life.restarts.open()
    async with asyncio.timeout(5):
        await life.started.get()


async def test_what_is_called_off_does_not_start_and_is_exited(life: Life) -> None:
    rec = with_policy("always", phase=Phase.RESTARTING)
    await life.store.insert(rec)
    life.restarts.open()
    life.restarts.schedule(rec, 3600.0)
    await life.restarts.call_off(rec.id)
    assert life.store.get(rec.id).phase is Phase.EXITED
    assert await life.supervisor.drain(5) == []
    assert life.started.empty()
    assert life.restarts.pause(rec, 1, 1) is None
    life.restarts.forget(rec.id)
    assert life.restarts.pause(rec, 1, 1) == FIRST_SECONDS


async def test_weak_09_a_start_that_fails_is_tried_again_and_in_the_end_given_up(life: Life) -> None:
    rec = with_policy("always", phase=Phase.RESTARTING)
    await life.store.insert(rec)
    tried: list[str] = []

    async def fail(ident: str) -> None:
        tried.append(ident)
        raise System("the port is taken")

    restarts = Restarts(life.store, life.supervisor, fail, first=0.0)
    restarts.open()
    restarts.schedule(rec, 0.0)
    for _ in range(TRIES):
        assert await life.supervisor.drain(10) == []
    assert tried == [rec.id] * TRIES
    assert life.store.get(rec.id).phase is Phase.EXITED


async def test_a_start_that_was_called_off_is_not_tried_again(life: Life) -> None:
    rec = with_policy("always", phase=Phase.RESTARTING)
    await life.store.insert(rec)
    tried: list[str] = []

    async def fail(ident: str) -> None:
        tried.append(ident)
        await restarts.call_off(ident)
        raise Conflict("the start was called off")

    restarts = Restarts(life.store, life.supervisor, fail, first=0.0)
    restarts.open()
    restarts.schedule(rec, 0.0)
    assert await life.supervisor.drain(10) == []
    assert tried == [rec.id]
    assert restarts.stays_off(rec.id)


async def test_weak_10_donors_are_started_before_joiners(life: Life) -> None:
    donor = record(name="donor", phase=Phase.EXITED)
    modes = [{field: f"container:{donor.id}"} for field in ("network_mode", "ipc_mode", "pid_mode")]
    joiners = [
        record(name=f"joiner{number}", phase=Phase.EXITED, host_config=HostConfig(**mode))
        for number, mode in enumerate(modes)
    ]
    for rec in (donor, *joiners):
        await life.store.insert(rec)
    order: list[str] = []

    async def start(ident: str) -> None:
        await asyncio.sleep(0)
        order.append(ident)

    restarts = Restarts(life.store, life.supervisor, start)
    for rec in (*joiners, donor):
        restarts.schedule(rec, 0.0)
    restarts.open()
    assert await life.supervisor.drain(10) == []
    assert order[0] == donor.id
    assert len(order) == 4


async def test_a_closed_engine_restarts_nothing(life: Life) -> None:
    life.restarts.close()
    assert life.restarts.pause(with_policy("always"), 1, 1) is None
