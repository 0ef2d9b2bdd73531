"""The registry over a real directory: who makes, who uses, who may remove."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, System, Unimplemented
from wherry.base.events import EventBus
from wherry.base.tasks import Supervisor
from wherry.model.container import HostConfig, Mount, MountPoint, VolumeDriverConfig, VolumeOptions
from wherry.model.volume import CreateOptions, VolumeNote
from wherry.state.record import Record
from wherry.volumes.filters import ANONYMOUS
from wherry.volumes.local import LocalVolumes
from wherry.volumes.registry import VolumeRegistry

ANON = "e" * 64


@dataclass
class Bench:
    directory: Path
    records: list[Record] = field(default_factory=list)
    bus: EventBus = field(default_factory=EventBus)
    supervisor: Supervisor = field(default_factory=Supervisor)

    def __post_init__(self) -> None:
        self.local = LocalVolumes(str(self.directory))
        self.registry = VolumeRegistry(self.local, lambda: self.records, self.bus, self.supervisor)

    def record(self, *points: MountPoint, **host: Any) -> Record:
        return record(mounts=points, host_config=HostConfig(**host))

    def names(self) -> list[str]:
        return [volume.name for volume in self.local.all()]

    def entries(self) -> list[str]:
        return sorted(os.listdir(self.directory / "volumes"))

    def events(self) -> list[tuple[str, str]]:
        return [(event.action, event.actor.ident) for event in self.bus.past(lambda event: True)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(tmp_path)
    yield found
    await found.supervisor.drain(5.0)


def named(name: str = "data", driver: str = "local") -> MountPoint:
    return MountPoint(type="volume", name=name, destination="/v", driver=driver, named=True)


def anonymous() -> MountPoint:
    return MountPoint(type="volume", name=ANON, destination="/a", driver="local")


async def fail(bench: Bench, rec: Record, stored: Record | None = None) -> list[str]:
    """Let a create fail, perhaps after a record was stored; returns the volumes that there were in the middle."""
    names: list[str] = []
    with contextlib.suppress(System):
        async with bench.registry.claimed(rec):
            names = bench.names()
            bench.records += [stored] if stored else []
            raise System("failed")
    return names


async def test_create_is_once_and_ignores_what_is_asked_of_an_existing_one(bench: Bench) -> None:
    first = await bench.registry.create(CreateOptions(name="data", labels={"a": "b"}))
    assert (first["Labels"], first["Options"], first["Scope"]) == ({"a": "b"}, None, "local")
    again = await bench.registry.create(CreateOptions(name="data", labels={"c": "d"}, driver_opts={"type": "nfs"}))
    assert again == first == await bench.registry.inspect("data")
    assert bench.events() == [("create", "data")]


async def test_without_a_name_it_is_anonymous(bench: Bench) -> None:
    made = await bench.registry.create(CreateOptions(labels={"a": "b"}))
    assert len(made["Name"]) == 64
    assert made["Labels"] == {"a": "b", ANONYMOUS: ""}


@pytest.mark.parametrize(
    ("asked", "kind", "text"),
    [
        (
            CreateOptions(name="data", driver="far"),
            NotFound,
            'create data: error looking up volume plugin far: plugin "far" not found',
        ),
        (
            CreateOptions(name="data", driver_opts={"type": "x", "bad": "x"}),
            InvalidParameter,
            'create data: invalid option: "bad"',
        ),
        (
            CreateOptions(name="data", driver_opts={"type": "tmpfs"}),
            Unimplemented,
            "create data: option type of the volume driver local (--opt type) is not supported by this engine yet",
        ),
        (
            CreateOptions(name="a"),
            InvalidParameter,
            "create a: volume name is too short, names should be at least two alphanumeric characters",
        ),
    ],
)
async def test_create_refuses(bench: Bench, asked: CreateOptions, kind: type[EngineError], text: str) -> None:
    with pytest.raises(kind) as caught:
        await bench.registry.create(asked)
    assert str(caught.value) == text
    assert bench.names() == bench.events() == []


async def test_remove(bench: Bench) -> None:
    await bench.registry.create(CreateOptions(name="data"))
    bench.records = [bench.record(named()), bench.record(named("other"), named())]
    with pytest.raises(Conflict) as caught:
        await bench.registry.remove("data", force=True)
    users = ", ".join(rec.id for rec in bench.records)
    assert str(caught.value) == f"remove data: volume is in use - [{users}]"
    bench.records = []
    await bench.registry.remove("data", force=False)
    with pytest.raises(NotFound, match="^get data: no such volume$"):
        await bench.registry.remove("data", force=False)
    await bench.registry.remove("data", force=True)
    assert bench.entries() == []
    assert bench.events() == [("create", "data"), ("destroy", "data")]


async def test_list_knows_who_is_used(bench: Bench) -> None:
    for name in ("data", "idle"):
        await bench.registry.create(CreateOptions(name=name))
    bench.records = [bench.record(named())]
    found = await bench.registry.list({"dangling": ["1"]})
    assert [volume["Name"] for volume in found["Volumes"]] == ["idle"]
    assert found["Warnings"] is None


async def test_prune(bench: Bench) -> None:
    for point in (named("used"), named("idle"), anonymous()):
        bench.local.create(point.name, VolumeNote(labels=None if point.named else {ANONYMOUS: ""}))
    Path(bench.local.path(ANON), "file").write_bytes(b"x" * 10)
    bench.records = [bench.record(named("used"))]
    assert await bench.registry.prune({}) == {"VolumesDeleted": [ANON], "SpaceReclaimed": 10}
    assert await bench.registry.prune({"all": ["1"]}) == {"VolumesDeleted": ["idle"], "SpaceReclaimed": 0}
    assert bench.events()[-1] == ("prune", "")
    assert bench.entries() == ["used"]


async def test_one_prune_at_a_time(bench: Bench) -> None:
    answers = await asyncio.gather(*(bench.registry.prune({}) for _ in range(2)), return_exceptions=True)
    assert [str(answer) for answer in answers if isinstance(answer, Conflict)] == [
        "a prune operation is already running"
    ]


async def test_a_create_makes_volumes_with_labels_and_keeps_them(bench: Bench) -> None:
    options = VolumeOptions(labels={"a": "b"}, driver_config=VolumeDriverConfig())
    mounts = [Mount(type="volume", source="data", target="/v/", volume_options=options)]
    rec = bench.record(named(), anonymous(), mounts=mounts)
    async with bench.registry.claimed(rec):
        assert bench.local.maker(ANON) == rec.id
        with pytest.raises(Conflict, match=f"volume is in use - \\[{rec.id}\\]"):
            await bench.registry.remove("data", force=False)
        bench.records.append(rec)
    assert bench.local.maker(ANON) == ""
    assert bench.local.find("data").note.labels == {"a": "b"}
    assert bench.local.find(ANON).note.labels == {ANONYMOUS: ""}
    assert bench.events() == [("create", "data"), ("create", ANON)]


async def test_a_create_that_fails_gives_back_what_it_made(bench: Bench) -> None:
    bench.local.create("data", VolumeNote())
    rec = bench.record(named(), named("new"), anonymous())
    assert await fail(bench, rec) == ["data", ANON, "new"]
    assert bench.entries() == ["data"]
    await bench.registry.remove("data", force=False)


async def test_a_create_of_a_bad_volume_gives_back_those_before_it(bench: Bench) -> None:
    with pytest.raises(NotFound, match="^create far: error looking up volume plugin x"):
        async with bench.registry.claimed(bench.record(named(), named("far", "x"))):
            pytest.fail("it goes no further")
    assert bench.entries() == []


async def test_what_another_create_uses_by_now_is_not_given_back(bench: Bench) -> None:
    await fail(bench, bench.record(named()), stored=bench.record(named()))
    assert bench.names() == ["data"]


async def test_a_record_that_was_stored_keeps_its_volumes(bench: Bench) -> None:
    rec = bench.record(anonymous())
    await fail(bench, rec, stored=rec)
    assert bench.names() == [ANON]


async def test_a_container_that_goes_takes_its_anonymous_volumes(bench: Bench) -> None:
    rec, other = bench.record(named(), anonymous()), bench.record(named(ANON))
    async with bench.registry.claimed(rec):
        bench.records = [rec, other]
    await bench.registry.remove_anonymous(rec)
    assert bench.names() == ["data", ANON]
    bench.records = [rec]
    await bench.registry.remove_anonymous(rec)
    await bench.registry.remove_anonymous(rec)
    assert bench.entries() == ["data"]


async def test_boot_takes_away_what_was_never_created(bench: Bench) -> None:
    rec = bench.record(anonymous())
    bench.records = [rec]
    bench.local.create(ANON, VolumeNote(), rec.id)
    bench.local.create("f" * 64, VolumeNote(), "0" * 64)
    bench.local.create("data", VolumeNote())
    (bench.directory / "volumes" / ".new-x").mkdir()
    (bench.directory / "volumes" / "data" / "copy" / "file").mkdir(parents=True)
    await bench.registry.boot()
    assert await bench.supervisor.drain(5.0) == []
    assert bench.entries() == ["data", ANON]
    assert bench.local.maker(ANON) == ""
    assert os.listdir(bench.local.path("data")) == ["file"]


async def test_of_two_that_fill_a_volume_the_first_copies(bench: Bench, tmp_path: Path) -> None:
    bench.local.create("data", VolumeNote())
    for name in ("one", "two"):
        (tmp_path / name / "v" / name).mkdir(parents=True)
    await asyncio.gather(*(bench.registry.fill(named(), f"{tmp_path}/{name}") for name in ("one", "two")))
    assert os.listdir(bench.local.path("data")) == ["one"]
