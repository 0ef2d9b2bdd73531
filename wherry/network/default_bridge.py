"""The bridge of network `bridge` as boot finds it: whose it is, and which address it is to have (network.md 3)."""

import logging
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Interface, IPv4Network

from wherry.base.errors import Forbidden, InvalidParameter, System
from wherry.host import rtmessages as rt
from wherry.host.netlink import Netlink
from wherry.network import ipam
from wherry.network.netfiles import nameservers
from wherry.state.record import Endpoint

DOCKER0 = "docker0"
MARK = "wherry:"
"""Every link of an engine has this and the engine's id as its alias."""
NAME = re.compile(r"[A-Za-z0-9._-]+")
"""What nft takes in the name of a chain."""
RESOLV = "/etc/resolv.conf"

log = logging.getLogger("wherry.network")


def choose_address(
    name: str, bip: str, mark: str, live: Sequence[Endpoint], kernel: Netlink, taken: Iterable[IPv4Network] = ()
) -> IPv4Interface:
    """Return the address that a bridge keeps or gets; `live` are the endpoints of containers that run or start.

    `taken` are the subnets of other networks, whose bridges may not be there yet.

    Where containers live docker0 keeps its address, else it gets the one of --bip, else any bridge keeps the one it
    has or gets the lowest that is free. Forbidden, InvalidParameter and System when the bridge cannot be used.
    """
    link = kernel.link(check_name(name))
    if link is not None:
        _check_owner(link, mark)
    elif name != DOCKER0:
        raise Forbidden(f"bridge device with non default name {name} must be created manually")
    index = 0 if link is None else link.index
    assigned = kernel.addresses()
    present = [item.interface for item in assigned if item.index == index]
    if name == DOCKER0:
        told = [IPv4Interface(bip)] if bip else []
        elsewhere = [item.interface for item in assigned if item.index != index]
        lived_in = (IPv4Interface(f"{endpoint.gateway}/{endpoint.prefix}") for endpoint in live)
        kept = [interface for interface in lived_in if interface not in elsewhere]
        if told and kept and told[0] != kept[0]:
            log.warning("containers live in %s: --bip takes effect at a start without any", kept[0].network)
        present = [*kept, *told, *present]
    return present[0] if present else ipam.first_address(ipam.free_subnet([*taken, *reserved(kernel)]))


def check_name(name: str) -> str:
    """Return the name of a bridge; InvalidParameter when firewall rules cannot carry it."""
    if not NAME.fullmatch(name):
        raise InvalidParameter(f"invalid bridge name {name}: use letters, digits, dots, dashes and underscores")
    return name


def _check_owner(link: rt.Link, mark: str) -> None:
    """System when a link is another engine's, or is no bridge at all; a bridge of the user's has no alias of ours."""
    if link.kind != "bridge":
        raise System(f"existing interface {link.name} is not a bridge: name another one with --bridge")
    if link.alias == mark or (link.name != DOCKER0 and not link.alias.startswith(MARK)):
        return
    owner = f"it belongs to {link.alias}" if link.alias else "it was not made by this engine"
    raise System(
        f"bridge {link.name} exists and {owner}: start with --bridge NAME and a bridge of your own (ip link add NAME "
        f"type bridge) or --bridge none, or end what uses it and delete it (ip link delete {link.name}), which also "
        "makes room for --bip"
    )


def drop_docker0(mark: str, kernel: Netlink) -> None:
    """Delete the docker0 of an earlier run; another engine's stays."""
    link = kernel.link(DOCKER0)
    if link is not None and link.alias == mark:
        kernel.run(rt.delete_link(DOCKER0))


def reserved(kernel: Netlink) -> Iterable[IPv4Network]:
    """Yield what no subnet may overlap: the networks that this host is in, and its name servers."""
    yield from (route.network for route in kernel.routes() if route.on_link and route.network.prefixlen)
    yield from (assigned.interface.network for assigned in kernel.addresses())
    try:
        with open(RESOLV, encoding="utf-8", errors="replace") as file:
            yield from (IPv4Network(server) for server in nameservers(file.read()) if ":" not in server)
    except FileNotFoundError:
        return
