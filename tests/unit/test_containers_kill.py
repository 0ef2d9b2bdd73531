"""Signals: the thaw that goes with one. The tier is a fake."""

import signal
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.records import record
from wherry.base.errors import System
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.tasks import Supervisor
from wherry.containerd.tasks import TaskState
from wherry.containers.kill import Kill
from wherry.containers.monitors import Monitors
from wherry.containers.news import News
from wherry.containers.pause import Pause
from wherry.containers.policy import Restarts
from wherry.containers.turns import Turns
from wherry.containers.underway import UnderWay
from wherry.containers.waiters import Waiters
from wherry.runtimes.tier import Tier
from wherry.state.record import Phase
from wherry.state.store import Store


class Confused:
    """A shim that calls a container paused which its runtime has thawed."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    async def kill(self, ident: str, number: int) -> None:
        self.sent.append(number)

    async def resume(self, ident: str) -> None:
        raise System("OCI runtime resume failed: container not paused")

    async def state(self, ident: str) -> TaskState:
        return TaskState(ident, 7, "paused", 0, 0)


async def test_a_kill_is_sent_though_the_thaw_fails(tmp_path: Path) -> None:
    store, news, supervisor, shim = (
        Store(str(tmp_path / "w.db"), Faults({})),
        News(EventBus()),
        Supervisor(),
        Confused(),
    )
    await store.open()
    rec = record(phase=Phase.PAUSED)
    await store.insert(rec)

    def tier(_: str) -> Tier:
        return cast(Tier, shim)

    restarts = Restarts(store, supervisor, cast(Any, None))
    monitors = Monitors(store, cast(Any, None), news, supervisor)
    kill = Kill(store, tier, Waiters(), news, restarts, Pause(store, tier, news, monitors), UnderWay(Turns(1)))
    await kill.send(rec, signal.SIGKILL)
    with pytest.raises(System, match="Cannot unpause container"):
        await kill.send(rec, signal.SIGTERM)
    assert shim.sent == [signal.SIGKILL, signal.SIGTERM]
    await store.close()
