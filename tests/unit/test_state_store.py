"""The store: what is on disk is what readers see, through restarts, failures and cancellations."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.unit.records import record
from wherry.base.errors import Conflict, InvalidParameter, NotFound, System
from wherry.base.faults import Faults
from wherry.model.network import IPAM
from wherry.state.machine import Verb
from wherry.state.migrations import SCHEMA
from wherry.state.networks import NetworkRecord
from wherry.state.record import Phase
from wherry.state.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(str(tmp_path / "w.db"), Faults({}))
    await found.open()
    yield found
    await found.close()


async def reopened(tmp_path: Path) -> Store:
    other = Store(str(tmp_path / "w.db"), Faults({}))
    await other.open()
    return other


async def test_a_record_survives_whole(store: Store, tmp_path: Path) -> None:
    rec = record(network_ids={"bridge": "1"}, owed=("task",))
    await store.insert(rec)
    other = await reopened(tmp_path)
    assert other.by_id(rec.id) == rec
    await other.close()


async def test_lookup_order(store: Store) -> None:
    first = record(name="a1")
    second = record(name=first.id[:6])
    await store.insert(first)
    await store.insert(second)
    assert store.get(first.id) is first
    assert store.get("/a1") is first
    assert store.get(first.id[:6]) is second, "a name wins over an id prefix"
    assert store.get(first.id[:7]) is first
    with pytest.raises(NotFound, match="^No such container: nobody$"):
        store.get("nobody")
    with pytest.raises(InvalidParameter, match='^invalid name or ID supplied: ""$'):
        store.get("")


async def test_an_ambiguous_prefix_is_refused(store: Store) -> None:
    await store.insert(record(id="ab" + "1" * 62, name="x1"))
    await store.insert(record(id="ab" + "2" * 62, name="x2"))
    with pytest.raises(InvalidParameter, match="^multiple IDs found with provided prefix: ab$"):
        store.get("ab")


async def test_a_taken_name_conflicts_and_stays_with_its_holder(store: Store) -> None:
    first = record()
    await store.insert(first)
    with pytest.raises(Conflict, match=f'The container name "/boat" is already in use by container "{first.id}"'):
        await store.insert(record())
    assert store.get("boat") is first


async def test_two_inserts_of_one_name_at_once(store: Store) -> None:
    results = await asyncio.gather(store.insert(record()), store.insert(record()), return_exceptions=True)
    assert sorted(type(r) for r in results if r is not None) == [Conflict]
    assert len(store.all()) == 1


async def test_a_move_is_on_disk_before_it_returns(store: Store, tmp_path: Path) -> None:
    rec = record()
    await store.insert(rec)
    async with store.exclusive(rec.id) as slot:
        await slot.move(Verb.START, sandbox_id="5")
    other = await reopened(tmp_path)
    found = other.by_id(rec.id)
    assert found is not None
    assert (found.phase, found.sandbox_id) == (Phase.STARTING, "5")
    await other.close()


async def test_a_failed_write_changes_nothing_that_readers_see(store: Store, tmp_path: Path) -> None:
    rec = record()
    await store.insert(rec)
    sqlite3.connect(tmp_path / "w.db").execute("DROP TABLE containers").connection.commit()
    async with store.exclusive(rec.id) as slot:
        with pytest.raises(System, match="no such table"):
            await slot.move(Verb.START)
        assert slot.rec is rec
    assert store.by_id(rec.id) is rec


async def test_a_cancelled_writer_leaves_disk_and_memory_alike(store: Store, tmp_path: Path) -> None:
    rec = record()
    await store.insert(rec)

    async def begin() -> None:
        async with store.exclusive(rec.id) as slot:
            await slot.move(Verb.START)

    task = asyncio.create_task(begin())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    other = await reopened(tmp_path)
    assert other.by_id(rec.id) == store.by_id(rec.id)
    await other.close()


async def test_one_writer_at_a_time_and_none_for_a_removed_one(store: Store) -> None:
    rec = record()
    await store.insert(rec)
    order = []

    async def forget() -> None:
        async with store.exclusive(rec.id) as slot:
            order.append("first")
            await slot.forget()

    async def late() -> None:
        async with store.exclusive(rec.id):
            order.append("second")

    results = await asyncio.gather(forget(), late(), return_exceptions=True)
    assert order == ["first"]
    assert isinstance(results[1], NotFound)
    await store.insert(record())


async def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    database.close()
    store = Store(str(path), Faults({}))
    with pytest.raises(System, match=f"has schema {SCHEMA + 1}, this engine knows {SCHEMA}"):
        await store.open()
    assert sqlite3.connect(path).execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


FIRST_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


async def test_the_first_schema_is_lifted_and_kept_beside(tmp_path: Path) -> None:
    path, rec = tmp_path / "w.db", record()
    old = sqlite3.connect(path)
    old.executescript(FIRST_SCHEMA)
    old.execute("INSERT INTO containers VALUES (?, ?, ?)", (rec.id, rec.name, msgspec.json.encode(rec)))
    old.commit()
    lifted = await reopened(tmp_path)
    assert lifted.by_id(rec.id) == rec
    await lifted.networks.put(network())
    await lifted.close()
    old.close()
    kept = sqlite3.connect(f"{path}.schema-1")
    assert kept.execute("PRAGMA user_version").fetchone() == (1,)
    assert kept.execute("SELECT id FROM containers").fetchall() == [(rec.id,)]
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (SCHEMA,)


def network(**changes: object) -> NetworkRecord:
    facts = {"id": "a" * 64, "name": "backend", "created": 1, "driver": "bridge", "ipam": IPAM(), "options": {}}
    return NetworkRecord(labels={}, **(facts | changes))  # type: ignore[arg-type]


async def test_networks_survive(store: Store, tmp_path: Path) -> None:
    made, other = network(), network(id="b" * 64, name="frontend", created=0, settled=True)
    await store.networks.put(made)
    await store.networks.put(other)
    assert store.networks.all() == [other, made]
    await store.networks.delete(made)
    await store.networks.delete(made)
    again = await reopened(tmp_path)
    assert again.networks.all() == [other]
    await again.close()
