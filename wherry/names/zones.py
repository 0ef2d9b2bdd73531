"""What the resolver is told: plain data, and how it is made from the endpoints that live. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

PROTOCOL: Final = 1
"""Of what the daemon and the process of names say to each other."""
RESOLVER: Final = "127.0.0.11"
"""Where every sandbox finds it."""
DNS_PORT: Final = 53
UPSTREAMS: Final = 3
"""Most servers that are asked (network.md 15.4)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A name server outside. One `from_host` is asked from the host's namespace, others from the container's."""

    address: str
    from_host: bool = False
    port: int = DNS_PORT


@dataclass(frozen=True, slots=True)
class Joined:
    """A network of a sandbox, and the aliases that its endpoint there has for others (links)."""

    network_id: str
    links: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One sandbox: whom it may ask about what."""

    key: str
    """The path where its namespace is pinned; its last part is the sandbox's name in the protocol."""
    networks: tuple[Joined, ...]
    """In the order of their gateways (network.md 13); the first that knows a name answers."""
    servers: tuple[Server, ...] = ()
    external: bool = True
    """Whether the host's servers may be asked: false when all networks are internal (network.md 15.5)."""
    dotless_stays: bool = False
    """`ndots` was chosen by somebody: an unknown name without a dot is not asked outside."""

    @property
    def name(self) -> str:
        """The sandbox in the protocol."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Member:
    """A live endpoint: its names in the network (network.md 10.6), the first for reverse look-ups."""

    network_id: str
    network: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """All that a network's endpoints are called: pairs of names and addresses."""

    network: str
    hosts: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def zones(members: Iterable[Member]) -> dict[str, Zone]:
    """Return the zone of each network by its id; the same members in any order make the same zones."""
    hosts: dict[str, set[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    called: dict[str, str] = {}
    for member in members:
        called[member.network_id] = member.network
        hosts.setdefault(member.network_id, set()).add((member.names, member.addresses))
    return {ident: Zone(called[ident], tuple(sorted(found))) for ident, found in hosts.items()}


def upstreams(sandbox: Sandbox) -> tuple[Server, ...]:
    """Return the servers to ask, in order: never the resolver itself, and not the host's from an internal network."""
    asked = (server for server in sandbox.servers if server.address != RESOLVER)
    return tuple(server for server in asked if sandbox.external or not server.from_host)[:UPSTREAMS]


def encode_sandbox(sandbox: Sandbox) -> dict[str, Any]:
    """Return what JSON carries."""
    return dataclasses.asdict(sandbox)


def decode_sandbox(data: dict[str, Any]) -> Sandbox:
    """Read what `encode_sandbox` wrote; KeyError, TypeError."""
    return Sandbox(
        data["key"],
        tuple(Joined(**joined) for joined in data["networks"]),
        tuple(Server(**server) for server in data["servers"]),
        data["external"],
        data["dotless_stays"],
    )


def encode_zone(zone: Zone) -> dict[str, Any]:
    """Return what JSON carries."""
    return {"network": zone.network, "hosts": zone.hosts}


def decode_zone(data: dict[str, Any]) -> Zone:
    """Read what `encode_zone` wrote; KeyError, TypeError."""
    return Zone(data["network"], tuple((tuple(names), tuple(addresses)) for names, addresses in data["hosts"]))
