"""Networks and a kernel for tests of the network room."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

import msgspec

from tests.unit.records import record
from wherry.host import rtmessages as rt
from wherry.host.netlink import Netlink
from wherry.model.container import EndpointSettings, HostConfig
from wherry.model.network import IPAM, IPAMConfig
from wherry.network.config import NetworkConfig
from wherry.network.endpoints import resolve
from wherry.network.plan import Bridge, Network, Pool
from wherry.network.service import Networking
from wherry.state.networks import NetworkRecord
from wherry.state.record import Endpoint, Phase, Record

GATEWAY = IPv4Interface("172.17.0.1/16")
BRIDGE = Bridge("docker0", GATEWAY, 1500, masquerade=True, mark="wherry:e1", owned=True)
NETWORK = Network("bridge", "b" * 64, "bridge", 1, BRIDGE, Pool.of(GATEWAY))
IDENT = "c" * 64
ENDPOINT = Endpoint(
    network="bridge",
    network_id="b" * 64,
    endpoint_id="e" * 64,
    driver="bridge",
    interface="eth0",
    host_link="vetheeeeeee",
    address="172.17.0.2",
    prefix=16,
    gateway="172.17.0.1",
    mac="02:00:00:00:00:01",
)


def starting(*endpoints: Endpoint, mode: str = "bridge", **changes: Any) -> Record:
    """A container that is being started."""
    facts: dict[str, Any] = {
        "phase": Phase.STARTING,
        "generation": 1,
        "host_config": HostConfig(network_mode=mode),
        "endpoints_wished": {mode: EndpointSettings()},
    } | changes
    return record(endpoints=endpoints, **facts)


def endpoint(**changes: Any) -> Endpoint:
    return msgspec.structs.replace(ENDPOINT, **changes)


def networking(records: Callable[[], Iterable[Record]] = tuple, **changes: Any) -> Networking:
    """Networks before boot: host and none."""
    facts: dict[str, Any] = {
        "bridge": "",
        "bip": "",
        "mtu": 1500,
        "iptables": True,
        "ip_forward": True,
        "ip_masq": True,
        "dns": (),
        "engine_id": "e1",
    }
    return Networking(NetworkConfig(**(facts | changes)), records)


def reserve(networks: Networking, rec: Record) -> tuple[Endpoint, ...]:
    """The endpoints of a start, as the step stores them."""
    with networks.reserved(rec, resolve(rec, networks.catalog)) as made:
        return made


def stored(name: str = "backend", **changes: Any) -> NetworkRecord:
    """A network that a user made."""
    facts: dict[str, Any] = {
        "id": IDENT,
        "created": 5,
        "driver": "bridge",
        "ipam": IPAM(driver="default", config=[IPAMConfig(subnet="10.5.0.0/24", gateway="10.5.0.1")]),
        "configured": True,
        "options": {},
        "labels": {"tier": "data"},
        "gateway": "10.5.0.1/24",
        "bridge": "br-cccccccccccc",
        "settled": True,
    }
    return NetworkRecord(name=name, **(facts | changes))


class Kernel(Netlink):
    """Answers from lists, notes the requests."""

    def __init__(
        self,
        links: Iterable[rt.Link] = (),
        addresses: Iterable[tuple[int, str]] = (),
        routes: Iterable[tuple[str, bool]] = (),
    ) -> None:
        self._links = list(links)
        self._addresses = [rt.Assigned(index, IPv4Interface(text)) for index, text in addresses]
        self._routes = [rt.Destination(9, IPv4Network(text), on_link) for text, on_link in routes]
        self.steps: list[str] = []

    def run(self, *requests: rt.Request) -> None:
        self.steps += [request.step for request in requests]

    def link(self, name: str) -> rt.Link | None:
        return next((link for link in self._links if link.name == name), None)

    def links(self) -> list[rt.Link]:
        return self._links

    def addresses(self) -> list[rt.Assigned]:
        return self._addresses

    def routes(self) -> list[rt.Destination]:
        return self._routes


def link(name: str, kind: str = "bridge", alias: str = "", index: int = 5) -> rt.Link:
    return rt.Link(index, name, kind, "02:00:00:00:00:09", 1500, 0, alias, up=True)
