import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.faults import Faults
from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND
from wherry.containers.policy import FIRST_SECONDS, MOST_SECONDS, Restarts, wants_restart
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


async def test_a_closed_engine_restarts_nothing(life: Life) -> None:
    life.restarts.close()
    assert life.restarts.pause(with_policy("always"), 1, 1) is None
