"""The step volumes: a first start makes the anonymous volumes, and no later one does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.records import record
from wherry.base.errors import System
from wherry.base.faults import Faults
from wherry.containers.steps.volumes import Volumes
from wherry.model.container import MountPoint
from wherry.state.machine import Verb
from wherry.state.record import Record
from wherry.state.store import Store
from wherry.volumes.local import LocalVolumes

NAME = "e" * 64


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(str(tmp_path / "w.db"), Faults({}))
    await found.open()
    yield found
    await found.close()


def step_and_record(tmp_path: Path) -> tuple[Volumes, Record]:
    local = LocalVolumes(str(tmp_path))
    volume = MountPoint(type="volume", name=NAME, source=local.path(NAME), destination="/v")
    bind = MountPoint(type="bind", source=f"{tmp_path}/bind", destination="/b", create_source=True)
    return Volumes(local, str(tmp_path)), record(mounts=(volume, bind))


async def test_a_first_start_makes_the_sources_and_release_keeps_them(store: Store, tmp_path: Path) -> None:
    step, rec = step_and_record(tmp_path)
    await store.insert(rec)
    async with store.exclusive(rec.id) as slot:
        await slot.move(Verb.START)
        assert await step.acquire(slot) == rec.mounts
        await step.release(slot.rec)
    assert all(Path(point.source).is_dir() for point in rec.mounts)


async def test_a_volume_that_was_lost_since_is_not_made_again(store: Store, tmp_path: Path) -> None:
    step, rec = step_and_record(tmp_path)
    await store.insert(rec)
    async with store.exclusive(rec.id) as slot:
        await slot.move(Verb.START)
        await slot.move(Verb.STARTED)
        await slot.move(Verb.EXIT)
        await slot.move(Verb.START)
        with pytest.raises(System, match=f"volume {NAME} has lost its directory"):
            await step.acquire(slot)
