"""What a new network may be: the checks of a request in Docker's order and words (network.md 6.1 to 6.4). Pure."""

import ipaddress
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import msgspec

from wherry.base.errors import Conflict, Forbidden, InvalidParameter, NotFound, System, Unimplemented
from wherry.model.network import IPAM, CreateRequest, IPAMConfig
from wherry.network import options
from wherry.network.catalog import PREDEFINED, Catalog, bridges
from wherry.network.describe import SCOPE
from wherry.network.ipam import TAKEN, usable
from wherry.network.plan import Network

DRIVER = "bridge"
NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
_CONFIG_ONLY = (
    "configuration network can only contain network specific fields. "
    "Network operator fields like [ ingress | internal | attachable | scope ] are not supported."
)
ABSENT = ("macvlan", "ipvlan")
"""Docker's drivers that are not there yet."""
NO_NOTATION = "invalid CIDR block notation"


def check_request(asked: CreateRequest, known: Catalog) -> CreateRequest:
    """Return the request with its defaults, before anything is allocated; an EngineError in Docker's words."""
    if asked.name in PREDEFINED:
        raise Forbidden(f"operation is not permitted on predefined {asked.name} network ")
    driver = asked.driver or DRIVER
    if driver == "overlay":
        raise Forbidden(NO_SWARM)
    given = dict(asked.options or {})
    ipv4, ipv6 = _families(asked, given)
    ipam = asked.ipam or IPAM()
    heeded = (pool for pool in ipam.config or () if ipv6 or not is_ipv6(pool))
    _report(problem for pool in heeded for problem in _pool_problems(pool))
    if not asked.name.strip():
        raise InvalidParameter("invalid name: name is empty")
    if known.named(asked.name) is not None:
        raise Conflict(f"network with name {asked.name} already exists")
    _check_kind(asked, driver)
    if not ipv4 and not ipv6:
        raise InvalidParameter("IPv4 or IPv6 must be enabled")
    if ipv6 or not ipv4:
        raise Unimplemented("networks with IPv6 (EnableIPv6) are not supported by this engine yet")
    _check_ipam_driver(ipam.driver)
    ipam = msgspec.structs.replace(ipam, driver=ipam.driver or "default", config=ipam.config or [])
    return msgspec.structs.replace(asked, driver=driver, options=given, ipam=ipam)


def _families(asked: CreateRequest, given: dict[str, str]) -> tuple[bool, bool]:
    """Return whether the network has IPv4 and IPv6."""
    wanted = []
    for name, field, default in (
        (options.ENABLE_IPV4, asked.enable_ipv4, True),
        (options.ENABLE_IPV6, asked.enable_ipv6, False),
    ):
        told = options.pseudo(given, name)
        chosen = field if field is not None else told
        wanted.append(default if chosen is None else chosen)
    return wanted[0], wanted[1]


def _report(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        text = "\n".join(f"* {problem}" for problem in found) if len(found) > 1 else found[0]
        raise InvalidParameter(f"invalid network config:\n{text}")


def _pool_problems(pool: IPAMConfig) -> Iterator[str]:
    """Yield what is wrong with a subnet, its range, its gateway and its auxiliary addresses."""
    subnet = _network(pool.subnet)
    if subnet is None:
        yield f"invalid subnet {pool.subnet}: {NO_NOTATION}"
        return
    if str(subnet) != pool.subnet:
        yield f"invalid subnet {pool.subnet}: it should be {subnet}"
    if pool.ip_range:
        yield from _range_problems(pool.ip_range, subnet)
    auxiliary = sorted((pool.auxiliary_addresses or {}).items())
    named = [(f"gateway {pool.gateway}", pool.gateway)] if pool.gateway else []
    named += [(f"auxiliary address {name}", text) for name, text in auxiliary]
    for what, text in named:
        yield from _address_problems(what, text, subnet)


def _range_problems(text: str, subnet: Any) -> Iterator[str]:
    part = _network(text)
    if part is None:
        yield f"invalid ip-range {text}: {NO_NOTATION}"
    elif part.version != subnet.version:
        yield f"invalid ip-range {text}: parent subnet is an IPv{subnet.version} block"
    else:
        if part.prefixlen < subnet.prefixlen:
            yield f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"
        if str(part) != text:
            yield f"invalid ip-range {text}: it should be {part}"
        if not part.overlaps(subnet):
            yield f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"


def _address_problems(what: str, text: str, subnet: Any) -> Iterator[str]:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        yield f"invalid {what}: invalid address"
        return
    if address.version != subnet.version:
        yield f"invalid {what}: parent subnet is an IPv{subnet.version} block"
    elif address not in subnet:
        yield f"invalid {what}: parent subnet {subnet} doesn't contain this address"


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def is_ipv6(pool: IPAMConfig) -> bool:
    """Tell whether a subnet is of the family that no network has yet: it is kept, and means nothing."""
    return ":" in pool.subnet


def _check_kind(asked: CreateRequest, driver: str) -> None:
    """Refuse what contradicts itself, and kinds of network that are not there."""
    source = asked.config_from.network if asked.config_from is not None else ""
    if asked.config_only and (asked.ingress or asked.internal or asked.attachable or asked.scope):
        raise Forbidden(_CONFIG_ONLY)
    if asked.config_only and source:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    if asked.config_only:
        raise Unimplemented("configuration networks (ConfigOnly) are not supported by this engine yet")
    if asked.scope == "swarm":
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")
    if source:
        raise NotFound(f'configuration network "{source}" does not exist')
    if driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{driver}" network is allowed')
    if driver in ABSENT:
        raise Unimplemented(f"network driver {driver} is not supported by this engine yet")
    if driver != DRIVER:
        raise NotFound(f'plugin "{driver}" not found')
    if asked.ingress:
        raise Forbidden("Ingress network can only be global scope network")
    if asked.scope not in ("", SCOPE):
        raise Unimplemented(f"networks of scope {asked.scope} are not supported by this engine yet")


def _check_ipam_driver(name: str) -> None:
    if name == "null":
        raise InvalidParameter("ipv4 pool is empty")
    if name not in ("", "default"):
        raise NotFound(f'plugin "{name}" not found')


def check_pools(config: list[IPAMConfig], known: Catalog) -> None:
    """Refuse subnets that overlap another network's: Forbidden. With an ip-range Docker finds it out later."""
    taken = [bridge.gateway.network for _, bridge in bridges(known.all())]
    for pool in config:
        subnet = IPv4Network(pool.subnet)
        if not pool.ip_range and any(subnet.overlaps(other) for other in taken):
            raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
        taken.append(subnet)


def choose_gateway(pool: IPAMConfig) -> IPv4Interface:
    """Return the gateway of a subnet, asked for or the lowest of its range; System in Docker's words if it is taken."""
    subnet = IPv4Network(pool.subnet)
    hosts = usable(subnet, IPv4Network(pool.ip_range or pool.subnet))
    if pool.gateway:
        address = IPv4Address(pool.gateway)
        if address not in usable(subnet, IPv4Network(address)):
            raise System(f"failed to allocate gateway ({address}): {TAKEN}")
    else:
        first = next(hosts, None)
        if first is None:
            raise System("failed to allocate gateway (): no available addresses on this pool")
        address = first
    _check_auxiliary(subnet, address, pool.auxiliary_addresses or {})
    return IPv4Interface((address, subnet.prefixlen))


def _check_auxiliary(subnet: IPv4Network, gateway: IPv4Address, auxiliary: Mapping[str, str]) -> None:
    taken = {gateway}
    for name, text in sorted(auxiliary.items()):
        address = IPv4Address(text)
        if address in taken or address not in usable(subnet, IPv4Network(address)):
            raise System(f"failed to allocate secondary ip address ({name}:{text}): {TAKEN}")
        taken.add(address)


def check_conflicts(ident: str, name: str, gateway: IPv4Interface, known: Catalog) -> None:
    """Refuse a bridge that another network has, or a subnet that overlaps another one's: Forbidden."""
    for network, bridge in bridges(known.all()):
        why = ""
        if bridge.name == name:
            why = "networks have same bridge name"
        elif bridge.gateway.network.overlaps(gateway.network):
            why = "networks have overlapping IPv4"
        if why:
            raise Forbidden(_conflict(ident, name, network, bridge.name, why))


def _conflict(ident: str, name: str, other: Network, bridge: str, why: str) -> str:
    return f"cannot create network {ident} ({name}): conflicts with network {other.ident} ({bridge}): {why}"
