"""The step volumes: a first start fills empty volumes, a run tells which it uses, and a lost one is said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.records import record
from wherry.base.errors import System
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.tasks import Supervisor
from wherry.containers.layout import Layout
from wherry.containers.news import News
from wherry.containers.steps.rootfs import Root
from wherry.containers.steps.volumes import Volumes
from wherry.model.container import MountPoint
from wherry.model.volume import VolumeNote
from wherry.spec.facts import UserIds
from wherry.state.machine import Verb
from wherry.state.record import Record
from wherry.state.store import Store
from wherry.volumes.local import LocalVolumes
from wherry.volumes.registry import VolumeRegistry

PARTS = ("full", "bare")


class Bench:
    """A step over a directory, a root filesystem with one file below /v, and a container with two volumes there."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store, self.bus = store, EventBus()
        self.local = LocalVolumes(str(directory))
        self.root = Root(str(directory / "root"), UserIds(0, 0, ()))
        (directory / "root" / "v").mkdir(parents=True)
        (directory / "root" / "v" / "file").touch()
        registry = VolumeRegistry(self.local, store.all, self.bus, Supervisor())
        self.step = Volumes(registry, Layout(str(directory), str(directory)), News(self.bus))
        self.rec = record(mounts=(*(self.point(name) for name in PARTS), self.bind(directory)))

    def point(self, name: str) -> MountPoint:
        source, no_copy = self.local.path(name), name == "bare"
        return MountPoint(
            type="volume", name=name, source=source, destination="/v", driver="local", no_copy=no_copy, rw=not no_copy
        )

    def bind(self, directory: Path) -> MountPoint:
        return MountPoint(type="bind", source=f"{directory}/bind", destination="/b", create_source=True)

    def files(self, name: str) -> list[str]:
        return sorted(path.name for path in Path(self.local.path(name)).iterdir())

    def events(self) -> list[tuple[str, str, str]]:
        found = self.bus.past(lambda event: event.kind == "volume")
        return [(e.action, e.actor.ident, e.actor.attributes.get("read/write", "")) for e in found]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = Store(str(tmp_path / "w.db"), Faults({}))
    await store.open()
    found = Bench(store, tmp_path)
    await store.insert(found.rec)
    yield found
    await store.close()


def make(bench: Bench) -> Record:
    for name in PARTS:
        bench.local.create(name, VolumeNote())
    return bench.rec


async def test_a_first_start_fills_what_is_empty_and_tells(bench: Bench) -> None:
    rec = make(bench)
    async with bench.store.exclusive(rec.id) as slot:
        await slot.move(Verb.START)
        assert await bench.step.acquire(slot, bench.root) == rec.mounts
        await bench.step.release(slot.rec)
        await slot.move(Verb.FAILED, error="x")
        await bench.step.release(slot.rec)
    assert (bench.files("full"), bench.files("bare")) == (["file"], [])
    assert Path(rec.mounts[-1].source).is_dir()
    assert bench.events() == [
        ("mount", "full", "true"),
        ("mount", "bare", "false"),
        ("unmount", "full", ""),
        ("unmount", "bare", ""),
    ]


async def test_a_later_start_fills_nothing(bench: Bench) -> None:
    rec = make(bench)
    async with bench.store.exclusive(rec.id) as slot:
        for verb in (Verb.START, Verb.STARTED, Verb.EXIT, Verb.START):
            await slot.move(verb)
        await bench.step.acquire(slot, bench.root)
    assert bench.files("full") == []


async def test_a_volume_that_was_lost_is_not_made_again(bench: Bench) -> None:
    async with bench.store.exclusive(bench.rec.id) as slot:
        await slot.move(Verb.START)
        with pytest.raises(System, match="volume full has lost its directory"):
            await bench.step.acquire(slot, bench.root)
    assert bench.events() == []
