"""Joining and leaving networks, with a kernel that may refuse each step: all or nothing."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.network_fakes import IDENT, NETWORK, endpoint, networking, starting, stored
from wherry.base.errors import Forbidden, InvalidParameter, NotFound, System, Unimplemented
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.metrics import Metrics
from wherry.base.retries import Retries
from wherry.base.tasks import Supervisor
from wherry.containers.connect import Connect
from wherry.containers.layout import Layout
from wherry.containers.news import News
from wherry.containers.steps.endpoints import Endpoints
from wherry.model.container import EndpointSettings, HostConfig, PortBinding
from wherry.network.endpoints import gateway_of
from wherry.network.service import Networking
from wherry.network.unlink import Unlinker
from wherry.state.record import Endpoint, Phase, PortMapping, Record
from wherry.state.store import Store

PORT = PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=80, protocol="tcp")
WISH = EndpointSettings()


class Socket:
    """A netlink socket that nothing is sent by."""

    def close(self) -> None:
        """Nothing."""


class Namespaces:
    """Finds the namespace of every container."""

    async def enter(self, _rec: Record) -> Socket:
        return Socket()


class Noting(Networking):
    """Networks whose kernel notes what is there: links by network, and where route and ports lead."""

    def __init__(self, store: Store) -> None:
        super().__init__(networking()._config, store.all)
        self.catalog.add(NETWORK)
        self.admit(stored())
        self.links = {"bridge"}
        self.leads = "bridge"
        self.refuses: list[str] = []

    def connect(self, rec: Record, endpoint: Endpoint, ns: object) -> None:
        self.links.add(endpoint.network)
        self._check("connect")

    def disconnect(self, endpoint: Endpoint) -> None:
        self._check("disconnect")
        self.links.discard(endpoint.network)

    def switch(self, before: Iterable[Endpoint], after: Iterable[Endpoint], ns: object) -> None:
        found = gateway_of(after)
        if found is not None:
            self.leads = found.network
        self._check("switch")

    def _check(self, what: str) -> None:
        if self.refuses[:1] == [what]:
            del self.refuses[0]
            raise System(f"the kernel does not {what}")


class Following:
    """Notes the networks of the container each time that its names are to follow."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    async def refresh(self, rec: Record) -> None:
        self.seen.append([endpoint.network for endpoint in rec.endpoints])


class Bench:
    """A running container in the default bridge, publishing a port."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store, self.bus = store, EventBus()
        self.kernel = Noting(store)
        self.names = Following()
        layout = Layout(str(path), str(path))
        self.rec = starting(
            endpoint(ports=(PORT,)),
            phase=Phase.RUNNING,
            name="web",
            network_ids={"bridge": NETWORK.ident},
            host_config=HostConfig(network_mode="bridge", port_bindings={"80/tcp": [PortBinding()]}),
        )
        layout.make_directory(self.rec.id)
        self.hosts = Path(layout.hosts(self.rec.id))
        self.hosts.write_text("172.17.0.2\tme\n")
        supervisor = Supervisor()
        unlinker = Unlinker(supervisor, Retries(supervisor), store.faults, lambda: None)
        endpoints = Endpoints(self.kernel, unlinker, layout, News(self.bus), Metrics(), store.all)
        self.verbs = Connect(store, self.kernel, endpoints, self.names, Namespaces())  # type: ignore[arg-type]

    @property
    def now(self) -> Record:
        return self.store.get("web")

    async def stop(self) -> None:
        changes: dict[str, Any] = {"phase": Phase.EXITED, "endpoints": ()}
        await self.store.put(msgspec.structs.replace(self.rec, **changes), durable=False)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = Store(str(tmp_path / "w.db"), Faults({}))
    await store.open()
    bench = Bench(store, tmp_path)
    await store.insert(bench.rec)
    yield bench
    await store.close()


async def test_join_and_leave(bench: Bench) -> None:
    await bench.verbs.connect("backend", "web", EndpointSettings(aliases=["www"]))
    old, new = bench.now.endpoints
    assert (old.ports, old.gateway) == ((), "172.17.0.1")
    assert (new.network, new.interface, new.gateway, new.ports) == ("backend", "eth1", "10.5.0.1", (PORT,))
    assert (bench.kernel.links, bench.kernel.leads) == ({"bridge", "backend"}, "backend")
    assert bench.now.endpoints_wished["backend"].dns_names == ["web", "www", bench.rec.id[:12]]
    assert "10.5.0.2\t" in bench.hosts.read_text()
    await bench.verbs.disconnect(IDENT, "web", force=False)
    assert bench.now == bench.rec
    assert (bench.kernel.links, bench.kernel.leads) == ({"bridge"}, "bridge")
    assert bench.hosts.read_text() == "172.17.0.2\tme\n"
    assert [event.action for event in bench.bus.past(lambda _: True)] == ["connect", "disconnect"]


@pytest.mark.parametrize("refuses", ["connect", "switch"])
async def test_a_failed_join_changes_nothing(bench: Bench, refuses: str) -> None:
    bench.kernel.refuses = [refuses]
    with pytest.raises(System, match=f"the kernel does not {refuses}"):
        await bench.verbs.connect("backend", "web", WISH)
    assert bench.now == bench.rec
    assert (bench.kernel.links, bench.kernel.leads) == ({"bridge"}, "bridge")
    assert bench.hosts.read_text() == "172.17.0.2\tme\n"


@pytest.mark.parametrize("refuses", ["disconnect", "switch"])
async def test_a_failed_leave_changes_nothing(bench: Bench, refuses: str) -> None:
    await bench.verbs.connect("backend", "web", WISH)
    before = bench.now
    bench.kernel.refuses = [refuses]
    with pytest.raises(System, match=f"the kernel does not {refuses}"):
        await bench.verbs.disconnect("backend", "web", force=False)
    assert (bench.now, bench.kernel.leads, bench.kernel.links) == (before, "backend", {"bridge", "backend"})


async def test_a_join_that_cannot_be_undone_stays_for_the_release(bench: Bench) -> None:
    bench.kernel.refuses = ["switch", "disconnect"]
    with pytest.raises(System, match="the kernel does not switch"):
        await bench.verbs.connect("backend", "web", WISH)
    assert [each.network for each in bench.now.endpoints] == ["bridge", "backend"]


async def test_a_container_that_does_not_run_only_wishes(bench: Bench) -> None:
    await bench.stop()
    for ref in ("backend", "to-come"):
        await bench.verbs.connect(ref, "web", EndpointSettings(aliases=["x"]))
    wishes = bench.now.endpoints_wished
    assert wishes["backend"].dns_names == ["web", "x", bench.rec.id[:12]]
    assert (wishes["to-come"].dns_names, bench.now.endpoints, bench.kernel.links) == (None, (), {"bridge"})
    await bench.verbs.disconnect("to-come", "web", force=False)
    assert set(bench.now.endpoints_wished) == {"bridge", "backend"}
    with pytest.raises(System, match="is not connected to the network to-come$"):
        await bench.verbs.disconnect("to-come", "web", force=False)


async def test_refusals(bench: Bench) -> None:
    for ref, container, wish, kind, words in (
        ("bridge", "web", WISH, Forbidden, "^endpoint with name web already exists in network bridge$"),
        ("absent", "web", WISH, NotFound, "^network absent not found$"),
        ("backend", "nobody", WISH, NotFound, "^No such container: nobody$"),
        ("none", "web", WISH, InvalidParameter, r"private \(none\) mode$"),
        ("host", "web", WISH, InvalidParameter, "must be created in host network mode$"),
        ("backend", "web", EndpointSettings(driver_opts={"a": "b"}), Unimplemented, "DriverOpts"),
    ):
        with pytest.raises(kind, match=words):
            await bench.verbs.connect(ref, container, wish)
    with pytest.raises(NotFound, match="^endpoint nobody not found$"):
        await bench.verbs.disconnect("backend", "nobody", force=True)
    with pytest.raises(System, match="is not connected to network backend$"):
        await bench.verbs.disconnect("backend", "web", force=False)
    assert bench.now == bench.rec
