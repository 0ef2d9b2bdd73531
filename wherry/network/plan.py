"""What networks and endpoints need from the kernel: frozen data, made by drivers and done by apply.py."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Protocol

from wherry.state.networks import NetworkRecord
from wherry.state.record import Endpoint, PortMapping

ANY = "0.0.0.0"  # noqa: S104 - every address of this host, where Docker publishes unless told otherwise


MTU = 1500
"""Of links that nobody wishes another one for."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge that must be there, be up and have an address."""

    name: str
    gateway: IPv4Interface
    """Its address; the network of it is the subnet."""
    mtu: int
    masquerade: bool
    mark: str
    """The alias of every link of ours."""
    owned: bool
    """It is made, marked and changed by the engine; one of the user's is used as it is."""
    icc: bool = True
    """Containers on it may talk with each other."""
    internal: bool = False
    """Nothing passes between it and other interfaces."""
    binding: str = ANY
    """Address of the host on which ports are published unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The addresses of a network."""

    subnet: IPv4Network
    range: IPv4Network
    """Where those that nobody asked for come from."""
    reserved: frozenset[IPv4Address]
    """The gateway's, and those that the user set aside."""
    gateway: str
    """Default gateway of the containers; empty for none."""

    @classmethod
    def of(cls, gateway: IPv4Interface) -> "Pool":
        """Return the whole subnet of a gateway."""
        return cls(gateway.network, gateway.network, frozenset((gateway.ip,)), str(gateway.ip))


@dataclass(frozen=True, slots=True)
class Network:
    """A network that containers may join; `created` is in nanoseconds since the epoch."""

    name: str
    ident: str
    driver: str
    created: int
    bridge: Bridge | None = None
    pool: Pool | None = None
    record: NetworkRecord | None = None
    """Of a network that a user made; the others are predefined."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of the packet filter for one bridge, and the map that jumps to it by the bridge's name, if any does."""

    name: str
    jumps: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """All that a network needs."""

    bridge: Bridge
    chains: tuple[Chain, ...]


@dataclass(frozen=True, slots=True)
class Veth:
    """A pair of links: `host` hangs on the bridge, `peer` is born in the container's namespace."""

    host: str
    peer: str
    mac: str
    """Of the peer."""
    mtu: int
    mark: str
    hairpin: bool
    """The bridge sends back to it what comes from it: its container may come by a published port of its own."""
    isolated: bool = False
    """The bridge sends nothing to it that comes from another isolated one."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Rules by which an address is reached from its own bridge alone, and from elsewhere by its published ports."""

    address: str
    bridge: str
    ports: tuple[PortMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """All that an endpoint needs."""

    bridge: str
    link: Veth
    address: IPv4Interface
    gateway: IPv4Address | None
    """Of the default route, if it goes this way."""
    guard: Guard


class Driver(Protocol):
    """A kind of network. Plans only: no I/O; no plan when there is nothing to do."""

    name: str

    def options(self, network: Network) -> dict[str, str]:
        """Return the Options that inspect shows."""
        ...

    def plan_network(self, network: Network) -> NetworkPlan | None:
        """Plan the network itself."""
        ...

    def plan_endpoint(self, network: Network, endpoint: Endpoint, default: bool) -> EndpointPlan | None:
        """Plan one endpoint of it; `default` when the container's default route goes this way."""
        ...
