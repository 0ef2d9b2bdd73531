"""Records of containers on disk and in memory: one transaction per change, readers take no lock.

A record in memory is replaced after its transaction has committed, in commit order.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import msgspec

from wherry.base.errors import Conflict, InvalidParameter, NotFound
from wherry.base.faults import Faults
from wherry.state import machine
from wherry.state.database import Database
from wherry.state.networks import NetworkTable
from wherry.state.record import Record

DURABLE = frozenset({machine.Verb.START, machine.Verb.REMOVE})
WRITE = (
    "INSERT INTO containers (id, name, body) VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body"
)
ERASE = "DELETE FROM containers WHERE id = ?"


class Slot:
    """The one writer of one container while its lock is held."""

    def __init__(self, store: "Store", rec: Record) -> None:
        """Take the record as it is under the lock."""
        self._store = store
        self.rec = rec

    async def move(self, verb: machine.Verb, **facts: Any) -> Record:
        """Make a move, on disk before it returns; raises the refusals of the machine."""
        after = machine.move(self.rec, verb, **facts)
        self._store.faults.at(f"move.{verb.value}.before")
        await self._put(after, verb.value, durable=verb in DURABLE)
        self._store.faults.at(f"move.{verb.value}.after")
        return self.rec

    async def save(self, **changes: Any) -> Record:
        """Store facts that are no move."""
        await self._put(msgspec.structs.replace(self.rec, **changes), "save", durable=False)
        return self.rec

    async def _put(self, rec: Record, what: str, durable: bool) -> None:
        try:
            await self._store.put(rec, durable, what)
        finally:  # a write that was begun is done though its caller was cancelled
            self.rec = self._store.by_id(rec.id) or self.rec

    async def rename(self, name: str, **changes: Any) -> None:
        """Give the container another name, and what changes with it; Conflict in Docker's words when it is taken."""
        with self._store._naming(name, self.rec.id):
            await self._put(msgspec.structs.replace(self.rec, name=name, **changes), "rename", durable=False)

    async def forget(self) -> None:
        """Delete the record; its name is free again."""
        await self._store.delete(self.rec)


class Store:
    """All containers of this engine, and beside them its networks."""

    def __init__(self, path: str, faults: Faults) -> None:
        """Name the database file; `open` reads it."""
        self.faults = faults
        self._database = Database(path)
        self.networks = NetworkTable(self._database)
        self._records: dict[str, Record] = {}
        self._names: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._encode = msgspec.json.Encoder().encode

    async def open(self) -> None:
        """Open or make the database and read every record; System when its schema is newer than this engine."""
        await self._database.open()
        decoder = msgspec.json.Decoder(Record)
        for body in await self._database.bodies("containers"):
            self._remember(decoder.decode(body))
        await self.networks.read()

    async def close(self) -> None:
        """End the writer after its last transaction."""
        await self._database.close()

    def by_id(self, ident: str) -> Record | None:
        """Return the record with exactly this id."""
        return self._records.get(ident)

    def all(self) -> list[Record]:
        """Return every record, in no order."""
        return list(self._records.values())

    def get(self, ref: str) -> Record:
        """Find by id, name, or unique id prefix (start.md 1.5); NotFound, InvalidParameter in Docker's words."""
        if not ref:
            raise InvalidParameter('invalid name or ID supplied: ""')
        ident = ref if ref in self._records else self._names.get(ref.removeprefix("/"))
        if ident is None:
            matches = [known for known in self._records if known.startswith(ref)]
            if len(matches) > 1:
                raise InvalidParameter(f"multiple IDs found with provided prefix: {ref}")
            if not matches:
                raise NotFound(f"No such container: {ref}")
            ident = matches[0]
        return self._records[ident]

    async def insert(self, rec: Record) -> None:
        """Store a new container; Conflict in Docker's words when its name is taken."""
        with self._naming(rec.name, rec.id):
            await self.put(rec, durable=True, what="insert")

    @contextlib.contextmanager
    def _naming(self, name: str, ident: str) -> Iterator[None]:
        """Hold a name while it is written; Conflict when it is taken, and free again when the write failed."""
        holder = self._names.setdefault(name, ident)
        if holder != ident:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        try:
            yield
        except BaseException:
            known = self._records.get(ident)
            if known is None or known.name != name:
                del self._names[name]
            raise

    @contextlib.asynccontextmanager
    async def exclusive(self, ident: str) -> AsyncIterator[Slot]:
        """Hold the one writer's place of a container; NotFound when it went away meanwhile. Readers never wait."""
        lock = self._locks.setdefault(ident, asyncio.Lock())
        async with lock:
            rec = self._records.get(ident)
            if rec is None:
                raise NotFound(f"No such container: {ident}")
            yield Slot(self, rec)

    async def put(self, rec: Record, durable: bool, what: str = "save") -> Record:
        """Write one record in one transaction and show it to readers; what was begun is never cut in two.

        `what` is written names the failpoint; System when the disk or the database refuses.
        """
        row, fault = (rec.id, rec.name, self._encode(rec)), partial(self.faults.at, f"write.{what}")
        await self._database.write(WRITE, row, durable, then=lambda: self._remember(rec), before=fault)
        return rec

    async def delete(self, rec: Record) -> None:
        """Delete one record."""
        fault = partial(self.faults.at, "write.delete")
        await self._database.write(ERASE, (rec.id,), durable=False, then=lambda: self._forget(rec), before=fault)

    def _remember(self, rec: Record) -> None:
        before = self._records.get(rec.id)
        if before is not None and before.name != rec.name:
            self._names.pop(before.name, None)
        self._records[rec.id] = rec
        self._names[rec.name] = rec.id

    def _forget(self, rec: Record) -> None:
        self._records.pop(rec.id, None)
        self._names.pop(rec.name, None)
        self._locks.pop(rec.id, None)
