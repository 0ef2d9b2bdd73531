"""Inspect keeps what a record says until the record changes; what changes without it is of the moment."""

from typing import Any, cast

import msgspec

from tests.unit.records import record
from wherry.containers import inspect
from wherry.containers.defaults import Defaults
from wherry.containers.execs import Execs
from wherry.containers.health import Health
from wherry.containers.inspect import Inspect
from wherry.containers.layout import Layout
from wherry.containers.turns import Turns
from wherry.containers.underway import UnderWay
from wherry.state.record import Record
from wherry.state.store import Store


class Records:
    """As much of a store as inspect reads."""

    def __init__(self, *records: Record) -> None:
        self.records = {rec.id: rec for rec in records}

    def get(self, ref: str) -> Record:
        return self.records[ref]

    def by_id(self, ident: str) -> Record | None:
        return self.records.get(ident)


class Moment:
    """Execs and health of now."""

    def __init__(self) -> None:
        self.execs: list[str] = []
        self.health: Health | None = None

    def of(self, ident: str) -> list[str]:
        return self.execs

    def health_of(self, rec: Record) -> Health | None:
        return self.health


async def sizes(rec: Record) -> tuple[int, int]:
    return 1, 2


def made(records: Records, moment: Moment) -> Inspect:
    store, execs = cast(Store, records), cast(Execs, moment)
    return Inspect(store, execs, Layout("/data", "/exec"), sizes, moment.health_of, Defaults(), UnderWay(Turns(1)))


async def test_a_record_is_described_once_and_anew_when_it_changes() -> None:
    rec = record()
    records, moment = Records(rec), Moment()
    verb = made(records, moment)
    first = await verb(rec.id, size=False)
    assert (await verb(rec.id, size=False))["Config"] is first["Config"]
    records.records[rec.id] = msgspec.structs.replace(rec, name="ship")
    assert (await verb(rec.id, size=False))["Name"] == "/ship"


async def test_what_is_of_the_moment_is_not_kept() -> None:
    rec = record()
    moment = Moment()
    verb = made(Records(rec), moment)
    first = await verb(rec.id, size=True)
    assert (first["SizeRw"], first["SizeRootFs"], first["ExecIDs"]) == (1, 2, None)
    moment.execs = ["e"]
    moment.health = Health()
    second = await verb(rec.id, size=False)
    assert second["ExecIDs"] == ["e"]
    assert "Health" in second["State"]
    assert "SizeRw" not in second
    assert list(second) == [key for key in first if not key.startswith("Size")], "keys keep their order"


async def test_only_so_many_are_kept() -> None:
    records: list[Any] = [record() for _ in range(inspect.MOST + 1)]
    verb = made(Records(*records), Moment())
    first = await verb(records[0].id, size=False)
    for rec in records[1:]:
        await verb(rec.id, size=False)
    again = await verb(records[0].id, size=False)
    assert again == first
    assert again["Config"] is not first["Config"]
