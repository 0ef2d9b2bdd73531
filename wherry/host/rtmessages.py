"""Messages of rtnetlink: requests built and answers read, pure bytes (netlink(7), rtnetlink(7), linux/rtnetlink.h).

Every request names its step in words, so that a refusal by the kernel says what was asked for.
"""

import errno
import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, kind, flags, sequence, port."""
ATTRIBUTE = struct.Struct("=HH")
LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, device type, index, flags, mask of flags to change."""
ADDRESS = struct.Struct("=BBBBi")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags."""
NEIGHBOUR = struct.Struct("=BxxxiHBB")
"""struct ndmsg: family, index, state, flags, type."""

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, GETROUTE = 24, 26
NEWNEIGH = 28

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 10, 18
IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP, IFLA_NET_NS_FD = 20, 26, 27, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER, IFLA_INET6_ADDR_GEN_MODE = 1, 2, 1, 8
IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 4, 5
IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED = 4, 33
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_TABLE = 1, 4, 5, 15
NDA_DST, NDA_LLADDR = 1, 2

AF_INET, AF_INET6 = 2, 10
IFF_UP = 1
NESTED, TYPE_MASK = 0x8000, 0x3FFF
ADDR_GEN_NONE = 1
TABLE_MAIN, PROTOCOL_BOOT, SCOPE_UNIVERSE, SCOPE_LINK, UNICAST = 254, 3, 0, 253, 1
REACHABLE = 0x02


@dataclass(frozen=True, slots=True)
class Request:
    """One message to the kernel; errors in `tolerate` mean that things are already as asked."""

    step: str
    kind: int
    flags: int
    body: bytes
    tolerate: tuple[int, ...] = ()

    def encode(self, sequence: int) -> bytes:
        """Return the message with its header, padded for another one to follow."""
        length = HEADER.size + len(self.body)
        return HEADER.pack(length, self.kind, self.flags, sequence, 0) + _padded(self.body)


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface as the kernel lists it."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    master: int
    alias: str
    up: bool


@dataclass(frozen=True, slots=True)
class Assigned:
    """An IPv4 address on an interface."""

    index: int
    interface: ipaddress.IPv4Interface


@dataclass(frozen=True, slots=True)
class Destination:
    """An IPv4 route of the main table: where to, and whether its hosts are on the link itself."""

    index: int
    network: ipaddress.IPv4Network
    on_link: bool


def create_bridge(name: str, mac: str) -> Request:
    """Make a bridge; one that exists stays as it is."""
    body = _link() + _text(IFLA_IFNAME, name) + attribute(IFLA_ADDRESS, _mac(mac)) + _info("bridge")
    return Request(f"create bridge {name}", NEWLINK, _new(EXCLUSIVE), body, (errno.EEXIST,))


def create_veth(name: str, peer: str, peer_mac: str, namespace: int, mtu: int) -> Request:
    """Make a veth pair whose peer is born in the namespace of a descriptor; an existing `name` stays as it is."""
    other = _link() + _text(IFLA_IFNAME, peer) + attribute(IFLA_ADDRESS, _mac(peer_mac))
    other += _number(IFLA_MTU, mtu) + _number(IFLA_NET_NS_FD, namespace)
    data = attribute(IFLA_INFO_DATA | NESTED, attribute(VETH_INFO_PEER | NESTED, other))
    body = _link() + _text(IFLA_IFNAME, name) + _number(IFLA_MTU, mtu) + _info("veth", data)
    return Request(f"create link {name}", NEWLINK, _new(EXCLUSIVE), body, (errno.EEXIST,))


def set_link(
    name: str, *, up: bool = False, master: int = 0, alias: str = "", mtu: int = 0, link_local: bool = True
) -> Request:
    """Change an interface found by name; what keeps its default is left alone.

    Without `link_local` the kernel gives the interface no IPv6 address of its own accord.
    """
    body = _link(IFF_UP, IFF_UP) if up else _link()
    body += _text(IFLA_IFNAME, name)
    body += _number(IFLA_MASTER, master) if master else b""
    body += _text(IFLA_IFALIAS, alias) if alias else b""
    body += _number(IFLA_MTU, mtu) if mtu else b""
    if not link_local:
        mode = attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([ADDR_GEN_NONE]))
        body += attribute(IFLA_AF_SPEC | NESTED, attribute(AF_INET6 | NESTED, mode))
    return Request(f"set link {name}", SETLINK, REQUEST | ACK, body)


def set_port(name: str, flag: int, on: bool) -> Request:
    """Set a flag of a bridge's port.

    IFLA_BRPORT_MODE lets the bridge send back to it what came from it, IFLA_BRPORT_ISOLATED keeps apart what has it.
    """
    data = attribute(IFLA_INFO_SLAVE_DATA | NESTED, attribute(flag, bytes([on])))
    info = attribute(IFLA_LINKINFO | NESTED, _text(IFLA_INFO_SLAVE_KIND, "bridge") + data)
    return Request(f"set port {name} of its bridge", NEWLINK, REQUEST | ACK, _link() + _text(IFLA_IFNAME, name) + info)


def set_group(name: str, group: int) -> Request:
    """Put an interface into a group; one that is gone is fine."""
    body = _link() + _text(IFLA_IFNAME, name) + _number(IFLA_GROUP, group)
    return Request(f"set the group of link {name}", SETLINK, REQUEST | ACK, body, (errno.ENODEV,))


def set_aside(name: str, group: int, alias: str) -> Request:
    """Take an interface down and off its bridge, into a group, with an alias; one that is gone is fine."""
    body = _link(0, IFF_UP) + _text(IFLA_IFNAME, name) + _number(IFLA_MASTER, 0)
    body += _number(IFLA_GROUP, group) + _text(IFLA_IFALIAS, alias)
    return Request(f"set link {name} aside", SETLINK, REQUEST | ACK, body, (errno.ENODEV,))


def delete_link(name: str) -> Request:
    """Delete an interface; one that is gone is fine."""
    body = _link() + _text(IFLA_IFNAME, name)
    return Request(f"delete link {name}", DELLINK, REQUEST | ACK, body, (errno.ENODEV,))


def delete_group(group: int) -> Request:
    """Delete all interfaces of a group, for which the kernel waits once and not once for each."""
    return Request("delete links", DELLINK, REQUEST | ACK, _link() + _number(IFLA_GROUP, group), (errno.ENODEV,))


def get_link(name: str) -> Request:
    """Ask for one interface by name."""
    return Request(f"get link {name}", GETLINK, REQUEST, _link() + _text(IFLA_IFNAME, name))


def dump_links() -> Request:
    """Ask for all interfaces."""
    return Request("list links", GETLINK, REQUEST | DUMP, _link())


def add_address(index: int, interface: ipaddress.IPv4Interface) -> Request:
    """Give an interface an address, with the broadcast address of its network; an address that is there stays."""
    network = interface.network
    body = ADDRESS.pack(AF_INET, network.prefixlen, 0, SCOPE_UNIVERSE, index)
    body += attribute(IFA_LOCAL, interface.ip.packed) + attribute(IFA_ADDRESS, interface.ip.packed)
    if network.prefixlen < 31:
        body += attribute(IFA_BROADCAST, network.broadcast_address.packed)
    return Request(f"add address {interface}", NEWADDR, _new(EXCLUSIVE), body, (errno.EEXIST,))


def delete_address(index: int, interface: ipaddress.IPv4Interface) -> Request:
    """Take an address from an interface; one that is gone is fine."""
    body = ADDRESS.pack(AF_INET, interface.network.prefixlen, 0, SCOPE_UNIVERSE, index)
    body += attribute(IFA_LOCAL, interface.ip.packed)
    return Request(f"delete address {interface}", DELADDR, REQUEST | ACK, body, (errno.EADDRNOTAVAIL, errno.ENODEV))


def dump_addresses() -> Request:
    """Ask for all IPv4 addresses."""
    return Request("list addresses", GETADDR, REQUEST | DUMP, ADDRESS.pack(AF_INET, 0, 0, 0, 0))


def set_default_route(index: int, gateway: ipaddress.IPv4Address) -> Request:
    """Route all that is not local to a gateway, in place of another one."""
    body = ROUTE.pack(AF_INET, 0, 0, 0, TABLE_MAIN, PROTOCOL_BOOT, SCOPE_UNIVERSE, UNICAST, 0)
    body += attribute(RTA_GATEWAY, gateway.packed) + _number(RTA_OIF, index)
    return Request(f"set default route by {gateway}", NEWROUTE, _new(REPLACE), body)


def dump_routes() -> Request:
    """Ask for all IPv4 routes."""
    return Request("list routes", GETROUTE, REQUEST | DUMP, ROUTE.pack(AF_INET, *([0] * 8)))


def set_neighbour(index: int, address: ipaddress.IPv4Address, mac: str) -> Request:
    """Tell the kernel the link address of a neighbour, in place of an older one."""
    body = NEIGHBOUR.pack(AF_INET, index, REACHABLE, 0, 0)
    body += attribute(NDA_DST, address.packed) + attribute(NDA_LLADDR, _mac(mac))
    return Request(f"set neighbour {address}", NEWNEIGH, _new(REPLACE), body)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and payload of each attribute of a message or a nest; a malformed rest ends it."""
    offset = 0
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size:
            return
        yield kind & TYPE_MASK, data[offset + ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def parse_link(body: bytes) -> Link:
    """Read the body of a NEWLINK message."""
    _, _, index, flags, _ = LINK.unpack_from(body)
    found = dict(attributes(body[LINK.size :]))
    info = dict(attributes(found.get(IFLA_LINKINFO, b"")))
    return Link(
        index=index,
        name=_string(found.get(IFLA_IFNAME, b"")),
        kind=_string(info.get(IFLA_INFO_KIND, b"")),
        mac=found.get(IFLA_ADDRESS, b"").hex(":"),
        mtu=_integer(found.get(IFLA_MTU, b"")),
        master=_integer(found.get(IFLA_MASTER, b"")),
        alias=_string(found.get(IFLA_IFALIAS, b"")),
        up=bool(flags & IFF_UP),
    )


def parse_address(body: bytes) -> Assigned | None:
    """Read the body of a NEWADDR message; None for one without an IPv4 address."""
    family, prefix, _, _, index = ADDRESS.unpack_from(body)
    found = dict(attributes(body[ADDRESS.size :]))
    packed = found.get(IFA_LOCAL, found.get(IFA_ADDRESS, b""))
    if family != AF_INET or len(packed) != 4:
        return None
    return Assigned(index, ipaddress.IPv4Interface((packed, prefix)))


def parse_route(body: bytes) -> Destination | None:
    """Read the body of a NEWROUTE message; None for what is not a unicast route of the main table."""
    family, length, _, _, table, _, scope, kind, _ = ROUTE.unpack_from(body)
    found = dict(attributes(body[ROUTE.size :]))
    if family != AF_INET or kind != UNICAST or _integer(found.get(RTA_TABLE, b"")) not in (0, table):
        return None
    if table != TABLE_MAIN:
        return None
    network = ipaddress.IPv4Network((found.get(RTA_DST, bytes(4)), length))
    return Destination(_integer(found.get(RTA_OIF, b"")), network, scope == SCOPE_LINK)


def _new(how: int) -> int:
    return REQUEST | ACK | CREATE | how


def _link(flags: int = 0, change: int = 0) -> bytes:
    return LINK.pack(0, 0, 0, flags, change)


def _info(kind: str, data: bytes = b"") -> bytes:
    return attribute(IFLA_LINKINFO | NESTED, _text(IFLA_INFO_KIND, kind) + data)


def attribute(kind: int, payload: bytes) -> bytes:
    """Return an attribute, padded for another one to follow."""
    return _padded(ATTRIBUTE.pack(ATTRIBUTE.size + len(payload), kind) + payload)


def _text(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", "").replace("-", "").replace(".", ""))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _string(payload: bytes) -> str:
    return payload.rstrip(b"\0").decode(errors="surrogateescape")


def _integer(payload: bytes) -> int:
    return int.from_bytes(payload[:4], "little" if struct.pack("=H", 1)[0] else "big")
