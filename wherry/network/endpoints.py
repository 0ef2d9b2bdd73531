"""A container's places in networks: which it joins, what is wrong with a wish, which of them leads out. Pure.

Sources: network.md 1.5, 10, 13.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter, NotFound
from wherry.base.ids import short
from wherry.model.container import EndpointIPAMConfig, EndpointSettings
from wherry.network.catalog import BRIDGE, HOST, NONE, PREDEFINED, Catalog
from wherry.network.plan import Network
from wherry.state.record import Endpoint, Record

PREFIX = "eth"

_SHARES = "container sharing network namespace with another container or host cannot be connected to any other network"
_PRIVATE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
_NOT_HOST = "cannot connect container to host network - container must be created in host network mode"


@dataclass(frozen=True, slots=True)
class Join:
    """A network that a container is to join, and what it wishes for there."""

    network: Network
    wish: EndpointSettings


def resolve(rec: Record, known: Catalog) -> list[Join]:
    """Return what a container joins, in order: the network of its mode, then the others by name.

    NotFound and InvalidParameter in Docker's words. A network that was joined before is found by its id; the default
    bridge may be absent.
    """
    mode, found = rec.host_config.network_mode, list[Join]()
    if rec.config.network_disabled:
        return found
    for name, wish in sorted(rec.endpoints_wished.items()):
        network = _find(name, rec, known)
        if network is not None:
            check_mode(rec, network.name)
            found.append(Join(network, wish))
    return sorted(found, key=lambda join: (not is_main(join.network, mode), join.network.name))


def _find(name: str, rec: Record, known: Catalog) -> Network | None:
    if name in PREDEFINED:
        network = known.named(name)
        if network is None and name != BRIDGE:
            raise NotFound(f"network {name} not found")
        return network  # --bridge none: such a container runs without a network
    ident = rec.network_ids.get(name, "")
    return known.find(ident or name)


def check_mode(rec: Record, name: str) -> None:
    """Refuse a network that a container cannot join, for its mode or for what else it joins: InvalidParameter."""
    mode = rec.host_config.network_mode
    if (mode == HOST and name != HOST) or mode.startswith("container:"):
        raise InvalidParameter(_SHARES)
    if name == HOST and mode != HOST:
        raise InvalidParameter(_NOT_HOST)
    others = rec.endpoints_wished.keys() - {name}
    if others and (name == NONE or NONE in others):
        raise InvalidParameter(_PRIVATE)


def is_main(network: Network, mode: str) -> bool:
    """Tell whether a network is the one of a network mode, which may be its name, its id or the beginning of it."""
    return mode in (network.name, network.ident) or (mode not in PREDEFINED and network.ident.startswith(mode))


def facts(rec: Record, joins: Iterable[Join]) -> dict[str, Any]:
    """Return what a record keeps of the networks that it joins: by name, with their ids and its own names there."""
    chosen = list(joins)
    mode = rec.host_config.network_mode
    wishes = {join.network.name: named(rec, join.network, join.wish) for join in chosen}
    changes: dict[str, Any] = {
        "network_ids": {join.network.name: join.network.ident for join in chosen},
        "endpoints_wished": wishes or rec.endpoints_wished,  # --bridge none: nothing is joined
    }
    for join in chosen:
        if is_main(join.network, mode) and mode != join.network.name:
            changes["host_config"] = msgspec.structs.replace(rec.host_config, network_mode=join.network.ident)
    return changes


def named(rec: Record, network: Network, wish: EndpointSettings) -> EndpointSettings:
    """Return a wish with the names that the container has in the network, without results that a client sent along."""
    return EndpointSettings(
        ipam_config=wish.ipam_config,
        links=wish.links,
        aliases=wish.aliases,
        mac_address=wish.mac_address,
        driver_opts=wish.driver_opts,
        gw_priority=wish.gw_priority,
        dns_names=list(dns_names(rec, network, wish)) or None,
    )


def dns_names(rec: Record, network: Network, wish: EndpointSettings) -> tuple[str, ...]:
    """Return the names of a container in a network of a user's; none elsewhere."""
    if network.record is None:
        return ()
    names = (rec.name, *(wish.aliases or ()), short(rec.id), rec.config.hostname)
    return tuple(dict.fromkeys(name for name in names if name))


def renamed(rec: Record, name: str) -> dict[str, Any]:
    """Return what a record keeps of its names in networks once it has another one."""

    def names(known: Iterable[str]) -> list[str]:
        return list(dict.fromkeys((name, *(each for each in known if each != rec.name))))

    wishes = {
        network: msgspec.structs.replace(wish, dns_names=names(wish.dns_names)) if wish.dns_names else wish
        for network, wish in rec.endpoints_wished.items()
    }
    endpoints = tuple(
        msgspec.structs.replace(each, dns_names=tuple(names(each.dns_names))) if each.dns_names else each
        for each in rec.endpoints
    )
    return {"endpoints_wished": wishes, "endpoints": endpoints}


def gateway_of(endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """Return the endpoint by which a container reaches what is not local, and by which its ports are reached."""
    able = [endpoint for endpoint in endpoints if endpoint.gateway]
    return min(able, key=lambda endpoint: (-endpoint.gw_priority, endpoint.network), default=None)


def gather_ports(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints with all ports of the container at the one that leads out; none if none does."""
    ports = tuple(port for endpoint in endpoints for port in endpoint.ports)
    gateway = gateway_of(endpoints)
    return tuple(
        msgspec.structs.replace(endpoint, ports=ports if endpoint is gateway else ()) for endpoint in endpoints
    )


def free_interface(endpoints: Iterable[Endpoint]) -> str:
    """Return the name of the next interface: the lowest number that no endpoint has."""
    taken = {endpoint.interface for endpoint in endpoints}
    return next(name for number in range(len(taken) + 1) if (name := f"{PREFIX}{number}") not in taken)


def check_wish(name: str, network: Network | None, wish: EndpointSettings) -> None:
    """Refuse what cannot be had in a network, if it is known: InvalidParameter in Docker's words."""
    found = _problems(name, network, wish)
    if found:
        text = "\n".join(f"* {problem}" for problem in found) if len(found) > 1 else found[0]
        raise InvalidParameter(f"invalid endpoint settings:\n{text}")


def _problems(name: str, network: Network | None, wish: EndpointSettings) -> list[str]:
    addresses = wish.ipam_config or EndpointIPAMConfig()
    asked = [text for text in (addresses.ipv4_address, addresses.ipv6_address) if text]
    found = []
    plain = name in PREDEFINED or name.startswith("container:")
    if plain and asked:
        found.append("user specified IP address is supported on user defined networks only")
    if plain and wish.aliases:
        found.append("network-scoped alias is supported only for containers in user defined networks")
    for words, text, version in (("IPv4", addresses.ipv4_address, 4), ("IPv6", addresses.ipv6_address, 6)):
        if text and not _is_address(text, version):
            found.append(f"invalid {words} address: {text}")
    return found + [why for text in asked for why in _misplaced(text, network)]


def _misplaced(text: str, network: Network | None) -> list[str]:
    """Return why a network has no such address."""
    if network is None or network.record is None or network.pool is None:
        return []
    if not network.record.configured:
        return ["user specified IP address is supported only when connecting to networks with user configured subnets"]
    if _is_address(text, 4) and ipaddress.IPv4Address(text) in network.pool.subnet:
        return []
    return [f"no configured subnet or ip-range contain the IP address {text}"]


def _is_address(text: str, version: int) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == version and not address.is_unspecified and "%" not in text
