"""The networks that users made, on disk and in memory; stored before the kernel has anything of them."""

import msgspec

from wherry.model.network import IPAM
from wherry.state.database import Database

WRITE = (
    "INSERT INTO networks (id, name, body) VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body"
)
ERASE = "DELETE FROM networks WHERE id = ?"


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a network, and all that its removal needs. `created` is in nanoseconds since the epoch."""

    id: str
    name: str
    created: int
    driver: str
    ipam: IPAM
    """As inspect shows it."""
    configured: bool = False
    """The user chose the subnet, so containers may choose addresses."""
    options: dict[str, str]
    labels: dict[str, str]
    internal: bool = False
    attachable: bool = False
    gateway: str = ""
    """Address of the bridge with its prefix length."""
    bridge: str = ""
    """Name of the interface."""
    owned: bool = True
    """The engine made the bridge, so it goes with the network."""
    settled: bool = False
    """All of it is there; one that is not was cut while it was made or removed, and boot takes it away."""


class NetworkTable:
    """The records by id; for the loop."""

    def __init__(self, database: Database) -> None:
        """Take the database; `read` fills the table."""
        self._database = database
        self._records: dict[str, NetworkRecord] = {}
        self._encode = msgspec.json.Encoder().encode

    async def read(self) -> None:
        """Read every record."""
        decoder = msgspec.json.Decoder(NetworkRecord)
        for body in await self._database.bodies("networks"):
            self._remember(decoder.decode(body))

    def all(self) -> list[NetworkRecord]:
        """Return every record, the oldest first."""
        return sorted(self._records.values(), key=lambda rec: rec.created)

    async def put(self, rec: NetworkRecord) -> None:
        """Store a record, on disk before it returns."""
        row = (rec.id, rec.name, self._encode(rec))
        await self._database.write(WRITE, row, durable=True, then=lambda: self._remember(rec))

    async def delete(self, rec: NetworkRecord) -> None:
        """Forget a record; none is fine."""
        await self._database.write(ERASE, (rec.id,), durable=False, then=lambda: self._forget(rec))

    def _remember(self, rec: NetworkRecord) -> None:
        self._records[rec.id] = rec

    def _forget(self, rec: NetworkRecord) -> None:
        self._records.pop(rec.id, None)
