"""Namespaces of other containers are pinned only while their donor is sure to be the one that was meant."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.errors import Conflict
from wherry.base.faults import Faults
from wherry.containerd.tasks import TaskState
from wherry.containers.layout import Layout
from wherry.containers.steps.joins import Joins
from wherry.model.container import HostConfig
from wherry.state.record import Phase
from wherry.state.store import Store

OURS = -1
"""Stands for this process: a pid that somebody else has got."""
GONE = 1 << 22
"""No pid reaches it (proc(5), pid_max)."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(str(tmp_path / "w.db"), Faults({}))
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("pid", "state"),
    [
        (GONE, TaskState("d", GONE, "running", 0, 0)),
        (OURS, None),
        (OURS, TaskState("d", OURS, "stopped", 1, 1)),
        (OURS, TaskState("d", GONE, "running", 0, 0)),
    ],
)
async def test_weak_11_a_pid_that_is_no_more_the_donors(
    store: Store, tmp_path: Path, pid: int, state: TaskState | None
) -> None:
    class Tier:
        async def state(self, ident: str) -> TaskState | None:
            return state and replace(state, pid=_real(state.pid))

    donor = record(id="d" * 64, name="donor", phase=Phase.RUNNING, pid=_real(pid))
    joiner = record(name="joiner", host_config=HostConfig(pid_mode=f"container:{donor.id}"))
    await store.insert(donor)
    await store.insert(joiner)
    tier: Any = Tier()
    step = Joins(store, lambda _: tier, Layout(str(tmp_path), str(tmp_path)))
    async with store.exclusive(joiner.id) as slot:
        with pytest.raises(Conflict, match="has just ended"):
            await step.acquire(slot)
        await step.release(slot.rec)
    assert not (tmp_path / "joined").exists() or not list((tmp_path / "joined").iterdir())


def _real(pid: int) -> int:
    return os.getpid() if pid == OURS else pid
