"""Does plans and undoes them: the one place of this room that touches the kernel. Everything here blocks.

OSError and System in the kernel's words.
"""

import errno
import logging
import os
import threading
from collections.abc import Collection
from ipaddress import IPv4Address

from wherry.base.errors import System
from wherry.host import arp
from wherry.host import rtmessages as rt
from wherry.host.facts import forwards_ipv4
from wherry.host.netlink import Netlink
from wherry.network.mac import random_mac
from wherry.network.plan import Bridge, EndpointPlan

log = logging.getLogger("wherry.network")

INTERFACES = "/proc/sys/net/ipv4/conf"
FORWARDING = "/proc/sys/net/ipv4/ip_forward"
IPV6 = "/proc/sys/net/ipv6/conf"
IPV6_MTU = 1280
"""Below it a link has no IPv6, and the kernel refuses to set any of it."""
STALE_GROUP = 0x77687279
"""Link group of what is about to be deleted."""


def make_bridge(bridge: Bridge, host: Netlink) -> None:
    """Make or adopt a bridge with its address; it is not up yet."""
    if bridge.owned:
        mine = rt.set_link(bridge.name, mtu=bridge.mtu, alias=bridge.mark)
        host.run(rt.create_bridge(bridge.name, random_mac()), mine)
        # A container must not talk the host into routes by router advertisements.
        _write_if_there(f"{IPV6}/{bridge.name}/accept_ra", "0")
    index = _link(bridge.name, host).index
    present = [found.interface for found in host.addresses() if found.index == index]
    wrong = [interface for interface in present if bridge.owned and interface != bridge.gateway]
    host.run(*(rt.delete_address(index, interface) for interface in wrong), rt.add_address(index, bridge.gateway))


def raise_bridge(bridge: Bridge, host: Netlink) -> None:
    """Let a bridge carry packets, once its rules are there."""
    host.run(rt.set_link(bridge.name, up=True))


def make_endpoint(plan: EndpointPlan, ns: Netlink) -> None:
    """Link a container's namespace to its bridge and tell the neighbours; `ns` is a socket inside.

    Neither end of the link gets an IPv6 address of its own accord.
    """
    quiet = plan.link.mtu >= IPV6_MTU and os.path.exists(IPV6)
    namespace = ns.namespace()
    try:
        _make_outside(plan, namespace, quiet)
    finally:
        os.close(namespace)
    inside = plan.link.peer
    index = _link(inside, ns).index
    ns.run(
        *_silence(inside, quiet),
        rt.set_link(inside, up=True),
        rt.add_address(index, plan.address),
        *([rt.set_default_route(index, plan.gateway)] if plan.gateway is not None else []),
    )
    # Closing a packet socket waits for the kernel for 5 to 15 ms; the start does not.
    threading.Thread(target=_announce, args=(plan,), name="announce", daemon=True).start()


def _make_outside(plan: EndpointPlan, namespace: int, quiet: bool) -> None:
    veth = plan.link
    with Netlink.open() as host:
        bridge = _link(plan.bridge, host).index
        host.run(
            rt.create_veth(veth.host, veth.peer, veth.mac, namespace, veth.mtu),
            *_silence(veth.host, quiet),
            rt.set_link(veth.host, up=True, master=bridge, alias=veth.mark),
            *([rt.set_port(veth.host, rt.IFLA_BRPORT_MODE, True)] if veth.hairpin else []),
            *([rt.set_port(veth.host, rt.IFLA_BRPORT_ISOLATED, True)] if veth.isolated else []),
            rt.set_neighbour(bridge, plan.address.ip, veth.mac),
        )


def _silence(link: str, quiet: bool) -> list[rt.Request]:
    """A message of its own: the kernel raises a link before it heeds the rest of a message."""
    return [rt.set_link(link, link_local=False)] if quiet else []


def _announce(plan: EndpointPlan) -> None:
    """Tell the other containers, who may know an earlier holder of the address."""
    try:
        arp.announce(plan.bridge, plan.address.ip, plan.link.mac)
    except OSError as error:
        log.warning("announce %s on bridge %s: %s", plan.address.ip, plan.bridge, error)


def _link(name: str, socket: Netlink) -> rt.Link:
    link = socket.link(name)
    if link is None:
        raise OSError(errno.ENODEV, f"link {name} is gone")
    return link


def set_aside(name: str, mark: str) -> None:
    """Cut a link of this host off, for `delete_set_aside`; not there is fine.

    It is down and on no bridge, so its address may be another's at once. The mark is the engine's: a boot finds it.
    """
    with Netlink.open() as host:
        host.run(rt.set_aside(name, STALE_GROUP, mark))


def delete_set_aside() -> None:
    """Delete the links that were set aside, and their peers with them; the kernel waits once for all of them."""
    with Netlink.open() as host:
        host.run(rt.delete_group(STALE_GROUP))


def set_hairpin(name: str, on: bool) -> None:
    """Let a bridge send back, or no more, what came from a link."""
    with Netlink.open() as host:
        host.run(rt.set_port(name, rt.IFLA_BRPORT_MODE, on))


def route_by(interface: str, gateway: str, ns: Netlink) -> None:
    """Send what is not local by another gateway; `ns` is a socket in the namespace."""
    ns.run(rt.set_default_route(_link(interface, ns).index, IPv4Address(gateway)))


def sweep_links(mark: str, kept: Collection[str], host: Netlink) -> None:
    """Delete the pairs that bear a mark and are nobody's; the kernel waits once for all of them."""
    stale = [link.name for link in host.links() if link.kind == "veth" and link.alias == mark and link.name not in kept]
    if stale:
        log.warning("links that no container owns are deleted: %s", ", ".join(stale))
        host.run(*(rt.set_group(name, STALE_GROUP) for name in stale), rt.delete_group(STALE_GROUP))


def forward_ipv4() -> None:
    """Let this host forward packets; System with a remedy when that cannot be switched on."""
    if forwards_ipv4():
        return
    try:
        with open(FORWARDING, "w", encoding="ascii") as file:
            file.write("1")
    except OSError as error:
        raise System(
            "IPv4 forwarding is disabled: set sysctl net.ipv4.ip_forward=1, or disable this with --ip-forward=false: "
            f"write {FORWARDING}: {error.strerror}"
        ) from error


def route_loopback(bridge: str) -> None:
    """Let this host's loopback reach a bridge; only what the packet filter translates comes that far."""
    with open(f"{INTERFACES}/{bridge}/route_localnet", "w", encoding="ascii") as file:
        file.write("1")


def _write_if_there(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except FileNotFoundError:
        return  # a kernel without it
