"""Links, `--link target:alias`: legacy ones on the default bridge (network.md 23, api-containers.md 3.7), and the
aliases that a container has of its own for others in a user's network (network.md 15.2). Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.containers.donors import donors, joins
from wherry.model.container import EndpointSettings, HostConfig
from wherry.network.catalog import BRIDGE, PREDEFINED
from wherry.spec.namespaces import HOST
from wherry.state.record import Link, Record

HOST_TARGET = (
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior"
)
HIDDEN = ("HOME", "PATH")
"""Variables that a target does not pass on."""

Find = Callable[[str], Record]
Port = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Linked:
    """A link whose target runs: the names that a container knows it by, and its address."""

    name: str
    """`/parent/alias`."""
    target: Record
    address: str

    @property
    def alias(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    def hosts_line(self) -> str:
        """Return the line of the hosts file: alias, host name, and the target's own name unless that is the alias."""
        names = [self.alias, self.target.config.hostname]
        if self.alias != self.target.name:
            names.append(self.target.name)
        return f"{self.address}\t{' '.join(names)}\n"


def in_users_network(host: HostConfig) -> bool:
    """Tell whether a container's main network is one of a user's, where legacy links mean nothing."""
    return host.network_mode not in (*PREDEFINED, "default", "") and not joins(host.network_mode)


def settle_links(host: HostConfig, find: Find) -> tuple[Link, ...]:
    """Return the links of a new container, the first of each alias; InvalidParameter in Docker's words.

    What inspect shows is accepted too: `/target:/source/alias`.
    """
    if in_users_network(host):
        return ()
    found: dict[str, Link] = {}
    for entry in host.links or ():
        ref, alias = _parse(entry)
        try:
            target = _lender(find(ref), find)
        except (NotFound, InvalidParameter) as error:
            raise InvalidParameter(f"could not get container for {ref}: {error}") from error
        if target.host_config.network_mode == HOST:
            raise InvalidParameter(HOST_TARGET)
        if alias:
            found.setdefault(alias, Link(target=target.id, name=target.name, alias=alias))
    return tuple(found.values())


def _parse(entry: str) -> tuple[str, str]:
    ref, colon, alias = entry.partition(":")
    if not entry:
        raise InvalidParameter("empty string specified for links")
    if ":" in alias:
        raise InvalidParameter(f"bad format for links: {entry}")
    if not colon:
        return ref, ref
    return (ref[1:], alias.rpartition("/")[2]) if ref.startswith("/") else (ref, alias)


def aliases(wish: EndpointSettings) -> dict[str, str]:
    """Return the targets of an endpoint's links by alias, the last of each; nobody need be called so yet.

    System in Docker's words for a bad one, which counts only once the network is joined.
    """
    try:
        pairs = [_parse(entry) for entry in wish.links or ()]
    except InvalidParameter as error:
        raise System(str(error)) from error
    return {alias: target for target, alias in pairs}


def _lender(target: Record, find: Find) -> Record:
    """Return the container whose network a target has; donors make no circle, each is older than its joiner."""
    while donor := donors(target.host_config).get("network"):
        target = find(donor)
    return target


def link_names(rec: Record, by_id: Callable[[str], Record | None]) -> list[str]:
    """Return HostConfig.Links as inspect shows it: `/target:/source/alias`."""
    found = ((by_id(link.target), link) for link in rec.links)
    return [f"/{target.name if target else link.name}:/{rec.name}/{link.alias}" for target, link in found]


def names_by_link(records: Iterable[Record]) -> dict[str, list[str]]:
    """Return by target the names that links give it: `/source/alias`."""
    found: dict[str, list[str]] = {}
    for rec in records:
        for link in rec.links:
            found.setdefault(link.target, []).append(f"/{rec.name}/{link.alias}")
    return found


def find_linked(rec: Record, by_id: Callable[[str], Record | None]) -> tuple[Linked, ...]:
    """Return the links of a container that is being started; System in Docker's words for a target that is not up."""
    if BRIDGE not in rec.endpoints_wished:
        return ()
    return tuple(_linked(rec, link, by_id(link.target)) for link in rec.links)


def _linked(rec: Record, link: Link, target: Record | None) -> Linked:
    name = f"/{rec.name}/{link.alias}"
    if target is None or not target.alive:
        known = target.name if target is not None else link.name
        raise System(f"Cannot link to a non running container: /{known} AS {name}")
    address = bridge_address(target)
    if not address:
        raise System(f"container {target.id} not attached to default bridge network")
    return Linked(name, target, address)


def links_to(rec: Record, target: Record) -> list[Linked]:
    """Return the links of a container to one that has just got its address."""
    names = [f"/{rec.name}/{link.alias}" for link in rec.links if link.target == target.id]
    return [Linked(name, target, bridge_address(target)) for name in names]


def bridge_address(rec: Record) -> str:
    """Return the address in the default bridge, empty without one."""
    return next((endpoint.address for endpoint in rec.endpoints if endpoint.network == BRIDGE), "")


def linked_env(links: Iterable[Linked]) -> list[str]:
    """Return the variables that tell of the targets' ports and environment."""
    return [entry for link in links for entry in _env(link)]


def _env(link: Linked) -> Iterator[str]:
    prefix = link.alias.replace("-", "_").upper()
    ports = _ports(link.target)
    if ports:
        yield f"{prefix}_PORT={_url(link, ports[0])}"
    for first, last in _runs(ports):
        base = f"{prefix}_PORT_{first[1]}_{first[0].upper()}"
        yield f"{base}_START={_url(link, first)}"
        yield f"{base}_PORT_START={first[1]}"
        yield f"{base}_END={_url(link, last)}"
        yield f"{base}_PORT_END={last[1]}"
    for port in ports:
        protocol, number = port
        base = f"{prefix}_PORT_{number}_{protocol.upper()}"
        yield f"{base}={_url(link, port)}"
        yield f"{base}_ADDR={link.address}"
        yield f"{base}_PORT={number}"
        yield f"{base}_PROTO={protocol}"
    yield f"{prefix}_NAME={link.name}"
    for entry in link.target.config.env or ():
        name, equals, value = entry.partition("=")
        if equals and name not in HIDDEN:
            yield f"{prefix}_ENV_{name}={value}"


def _ports(target: Record) -> list[Port]:
    """Return the exposed ports by protocol, tcp first, and number."""
    split = [port.partition("/") for port in target.config.exposed_ports or ()]
    ports = [((protocol or "tcp").lower(), int(number)) for number, _, protocol in split]
    return sorted(ports, key=lambda port: (port[0] != "tcp", *port))


def _runs(ports: Sequence[Port]) -> Iterator[tuple[Port, Port]]:
    """Yield the first and the last of each run of two ports or more."""
    first = last = None
    for port in [*ports, ("", 0)]:
        if last is not None and port == (last[0], last[1] + 1):
            last = port
            continue
        if first is not None and last is not None and first != last:
            yield first, last
        first = last = port


def _url(link: Linked, port: Port) -> str:
    return f"{port[0]}://{link.address}:{port[1]}"


def relink(text: str, lines: Iterable[str]) -> str:
    """Return a hosts file whose lines with the same names as the new `lines` have their address."""
    fresh = {line.partition("\t")[2]: line for line in lines}
    return "".join(fresh.get(line.partition("\t")[2], line) for line in text.splitlines(keepends=True))
