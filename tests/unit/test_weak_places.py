"""The weak places of dockerd that docs/weak-places.md lists, by number, as far as no engine is needed to see them.

Those that a test of a room shows already stand here under their number.
"""

from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit import test_containers_policy, test_containers_rollback, test_spec_build, test_state_store
from tests.unit.records import record
from tests.unit.spec_facts import engine
from tests.unit.test_containers_policy import life as life
from tests.unit.test_containers_rollback import slot as slot
from tests.unit.test_state_store import store as store
from wherry.base.errors import DeadlineExceeded, System
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.units import SECOND
from wherry.containerd.containers import Containers
from wherry.containerd.tasks import Tasks
from wherry.containers.defaults import Kernel
from wherry.containers.kill import means_end
from wherry.containers.lived import lived
from wherry.containers.news import News
from wherry.containers.update import Update
from wherry.model.container import ContainerConfig, HostConfig, RestartPolicy
from wherry.runtimes.shim import Shim
from wherry.state.record import Phase
from wherry.state.store import Store

HOUR = 3600 * SECOND

test_weak_07_a_failed_write_is_seen_and_changes_nothing = (
    test_state_store.test_a_failed_write_changes_nothing_that_readers_see
)
test_weak_15_what_was_not_begun_is_not_released = test_containers_rollback.test_what_was_begun_is_released_latest_first
test_weak_26_a_restart_called_off_leaves_no_flow = (
    test_containers_policy.test_what_is_called_off_does_not_start_and_is_exited
)
test_weak_44_the_spec_depends_on_nothing_of_an_earlier_start = test_spec_build.test_building_twice_gives_the_same
test_weak_45_of_two_registrations_of_one_name_one_conflicts = test_state_store.test_two_inserts_of_one_name_at_once


def test_weak_16_which_signals_mean_the_end() -> None:
    plain, own = record(), record(config=ContainerConfig(image="busybox", stop_signal="SIGUSR1"))
    assert [number for number in range(1, 32) if means_end(plain, number)] == [2, 3, 9, 15]
    assert [number for number in range(1, 32) if means_end(own, number)] == [9, 10]


@pytest.mark.parametrize("step", [0, HOUR, -HOUR])
def test_weak_20_a_clock_that_is_set_changes_no_duration(step: int) -> None:
    rec = record(started_at=1000 * SECOND, started_on_boot_clock=50 * SECOND)
    now = 1007 * SECOND + step
    assert lived(rec, now, wall=lambda: now, steady=lambda: 57 * SECOND) == 7 * SECOND


def test_weak_20_without_that_clock_the_wall_decides() -> None:
    rec = record(started_at=1000 * SECOND)
    assert lived(rec, 1007 * SECOND, wall=lambda: HOUR, steady=lambda: 1) == 7 * SECOND
    booted = record(started_at=1000 * SECOND, started_on_boot_clock=50 * SECOND)
    assert lived(booted, 1007 * SECOND, wall=lambda: 1007 * SECOND, steady=lambda: 9) == 7 * SECOND


class Stubborn:
    """Tasks that never end, as a process in uninterruptible sleep makes them."""

    async def delete(self, ident: str) -> None:
        raise System("cannot delete a running process")

    async def kill(self, *_: Any, **__: Any) -> None:
        return

    async def wait(self, *_: Any) -> None:
        raise DeadlineExceeded("too late")

    async def update(self, ident: str, resources: bytes) -> None:
        raise System("the kernel says no")


def stubborn() -> Shim:
    return Shim(cast(Containers, None), cast(Tasks, Stubborn()), {})


async def test_weak_28_a_process_that_cannot_be_killed_is_named() -> None:
    with pytest.raises(DeadlineExceeded, match="does not end 10 s after SIGKILL: .* see ps for state D"):
        await stubborn().delete("c")


async def test_weak_25_an_update_that_fails_changes_neither_record_nor_policy(tmp_path: Path) -> None:
    store, bus = Store(str(tmp_path / "w.db"), Faults({})), EventBus()
    await store.open()
    before = HostConfig(restart_policy=RestartPolicy(name="no"))
    rec = record(phase=Phase.RUNNING, host_config=before)
    await store.insert(rec)
    update = Update(store, lambda _: stubborn(), News(bus), Kernel(), engine())
    with pytest.raises(System, match="Cannot update container"):
        await update(rec.id, HostConfig(cpu_shares=512, restart_policy=RestartPolicy(name="always")))
    assert store.get(rec.id).host_config == before
    assert bus.past(lambda event: True) == []
    await store.close()
