"""The verbs on networks with a kernel that only notes what it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.network_fakes import NETWORK, endpoint, networking, starting, stored
from wherry.base.errors import Conflict, Forbidden, NotFound, System
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.tasks import Supervisor
from wherry.model.network import IPAM, CreateRequest, IPAMConfig
from wherry.network.registry import NetworkRegistry
from wherry.network.service import Networking
from wherry.state.networks import NetworkRecord
from wherry.state.record import Record
from wherry.state.store import Store

IPAM_OF_ONE = IPAM(config=[IPAMConfig(subnet="10.5.0.0/24")])


class Noting(Networking):
    """Networks without a kernel; it may refuse."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__(networking()._config, lambda: records)
        self.catalog.add(NETWORK)
        self.there: set[str] = set()
        self.refuses = ""

    def boot(self, stored: object = ()) -> None:
        """Nothing: each test says what is there."""

    def set_up(self, rec: NetworkRecord) -> None:
        self.there.add(rec.bridge)
        self._check("set up")

    def tear_down(self, rec: NetworkRecord) -> None:
        self._check("tear down")
        self.there.discard(rec.bridge)

    def _check(self, what: str) -> None:
        if self.refuses == what:
            raise System(f"the kernel does not {what}")


class Bench:
    """A registry with all that it stands on."""

    def __init__(self, store: Store) -> None:
        self.store, self.bus, self.records = store, EventBus(), []  # type: ignore[var-annotated]
        self.kernel = Noting(self.records)
        self.registry = NetworkRegistry(
            self.kernel, store.networks, lambda: self.records, self.bus, Supervisor(), store.faults
        )

    async def create(self, name: str = "backend") -> str:
        ident: str = (await self.registry.create(CreateRequest(name=name, ipam=IPAM_OF_ONE)))["Id"]
        return ident

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event.action, event.actor.attributes.get("name", "")) for event in self.bus.past(lambda _: True)]

    def is_empty(self) -> bool:
        return not self.kernel.there and not self.store.networks.all() and len(self.kernel.catalog.all()) == 3


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = Store(str(tmp_path / "w.db"), Faults({}))
    await store.open()
    yield Bench(store)
    await store.close()


async def test_life(bench: Bench) -> None:
    ident = await bench.create()
    (rec,) = bench.store.networks.all()
    assert (rec.id, rec.bridge, rec.gateway, rec.settled, rec.owned) == (
        ident,
        f"br-{ident[:12]}",
        "10.5.0.1/24",
        True,
        True,
    )
    assert bench.kernel.there == {rec.bridge}
    assert [network["Name"] for network in bench.registry.list({"type": ["custom"]})] == ["backend"]
    await bench.registry.remove(ident[:10])
    assert bench.is_empty()
    assert bench.told == [("create", "backend"), ("destroy", "backend")]


async def test_a_failed_create_gives_back_everything(bench: Bench) -> None:
    bench.kernel.refuses = "set up"
    with pytest.raises(System, match="the kernel does not set up"):
        await bench.create()
    assert bench.is_empty()
    assert bench.told == []
    bench.kernel.refuses = ""
    await bench.create()


async def test_what_cannot_be_given_back_is_taken_away_at_boot(bench: Bench) -> None:
    await bench.create()
    bench.kernel.refuses = "tear down"
    with pytest.raises(System, match="the kernel does not tear down"):
        await bench.registry.remove("backend")
    assert [rec.settled for rec in bench.store.networks.all()] == [False]
    assert bench.kernel.catalog.named("backend") is not None
    bench.kernel.refuses = ""
    bench.kernel.catalog.drop(bench.store.networks.all()[0].id)
    await bench.registry.boot()
    assert bench.is_empty()


async def test_one_of_a_name_at_once(bench: Bench) -> None:
    results = await asyncio.gather(bench.create(), bench.create(), return_exceptions=True)
    assert [type(result) for result in results if not isinstance(result, str)] == [Conflict]
    assert len(bench.kernel.there) == 1


async def test_a_network_in_use_stays(bench: Bench) -> None:
    ident = await bench.create()
    bench.records.append(starting(endpoint(network_id=ident), name="web"))
    words = rf'^error while removing network: network backend has active endpoints \(name:"web" id:"{"e" * 12}"\)$'
    with pytest.raises(Forbidden, match=words):
        await bench.registry.remove("backend")
    assert await bench.registry.prune({}) == {"NetworksDeleted": None}
    assert bench.registry.list({"dangling": ["1"]}) == []
    bench.records.clear()
    assert await bench.registry.prune({}) == {"NetworksDeleted": ["backend"]}
    assert bench.is_empty()
    assert bench.told[-1] == ("prune", "")


async def test_predefined_and_absent_ones(bench: Bench) -> None:
    with pytest.raises(Forbidden, match="^bridge is a pre-defined network and cannot be removed$"):
        await bench.registry.remove("bridge")
    with pytest.raises(NotFound, match="^network absent not found$"):
        await bench.registry.remove("absent")
    assert bench.registry.inspect("bridge")["Name"] == "bridge"


async def test_what_was_cut_goes_at_boot(bench: Bench) -> None:
    await bench.store.networks.put(stored(settled=False))
    bench.kernel.there.add("br-cccccccccccc")
    await bench.registry.boot()
    assert bench.is_empty()
