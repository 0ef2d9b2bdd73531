"""Messages of rtnetlink against bytes and a scripted kernel; nothing of the machine is changed."""

import errno
import os
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, cast

import pytest

from wherry.host import rtmessages as rt
from wherry.host.arp import announcement
from wherry.host.netlink import ACK_TLVS, CAPPED, DONE, ERROR, Netlink

LITTLE = struct.pack("=H", 1) == b"\x01\x00"
MULTI = 2


def attributes(request: rt.Request, head: int) -> dict[int, bytes]:
    return dict(rt.attributes(request.body[head:]))


def test_a_message_is_padded_for_the_next_one() -> None:
    data = rt.Request("step", rt.GETLINK, rt.REQUEST, b"12345").encode(7)
    assert rt.HEADER.unpack_from(data) == (21, rt.GETLINK, rt.REQUEST, 7, 0)
    assert data[16:] == b"12345\0\0\0"


@pytest.mark.skipif(not LITTLE, reason="the golden bytes are little-endian")
def test_golden_bytes() -> None:
    request = rt.add_address(3, IPv4Interface("172.17.0.2/16"))
    assert request.encode(1).hex(" ") == (
        "30 00 00 00 14 00 05 06 01 00 00 00 00 00 00 00 "  # length, NEWADDR, flags, sequence, port
        "02 10 00 00 03 00 00 00 "  # family, prefix length, flags, scope, index
        "08 00 02 00 ac 11 00 02 08 00 01 00 ac 11 00 02 08 00 04 00 ac 11 ff ff"
    )
    request = rt.set_default_route(2, IPv4Address("172.17.0.1"))
    assert request.body.hex(" ") == (
        "02 00 00 00 fe 03 00 01 00 00 00 00 08 00 05 00 ac 11 00 01 08 00 04 00 02 00 00 00"
    )


def test_a_veth_has_its_peer_in_the_other_namespace() -> None:
    request = rt.create_veth("veth1", "eth0", "02-00-00-00-00-01", 9, 1400)
    found = attributes(request, rt.LINK.size)
    assert found[rt.IFLA_IFNAME] == b"veth1\0"
    assert found[rt.IFLA_MTU] == struct.pack("=I", 1400)
    info = dict(rt.attributes(found[rt.IFLA_LINKINFO]))
    assert info[rt.IFLA_INFO_KIND] == b"veth\0"
    other = dict(rt.attributes(info[rt.IFLA_INFO_DATA]))[rt.VETH_INFO_PEER]
    peer = dict(rt.attributes(other[rt.LINK.size :]))
    assert peer[rt.IFLA_IFNAME] == b"eth0\0"
    assert peer[rt.IFLA_ADDRESS] == b"\2\0\0\0\0\1"
    assert peer[rt.IFLA_NET_NS_FD] == struct.pack("=I", 9)
    assert request.tolerate == (errno.EEXIST,)


def test_set_link_leaves_alone_what_is_not_named() -> None:
    assert attributes(rt.set_link("x"), rt.LINK.size) == {rt.IFLA_IFNAME: b"x\0"}
    assert rt.LINK.unpack_from(rt.set_link("x").body)[3:] == (0, 0)
    request = rt.set_link("x", up=True, master=4, alias="mark", mtu=1400, link_local=False)
    assert rt.LINK.unpack_from(request.body)[3:] == (rt.IFF_UP, rt.IFF_UP)
    found = attributes(request, rt.LINK.size)
    assert found[rt.IFLA_MASTER] == struct.pack("=I", 4)
    assert found[rt.IFLA_IFALIAS] == b"mark\0"
    family = dict(rt.attributes(found[rt.IFLA_AF_SPEC]))[rt.AF_INET6]
    assert dict(rt.attributes(family)) == {rt.IFLA_INET6_ADDR_GEN_MODE: b"\1"}


def test_hairpin_mode_is_the_bridge_s_to_set() -> None:
    found = attributes(rt.set_port("x", rt.IFLA_BRPORT_MODE, True), rt.LINK.size)
    info = dict(rt.attributes(found[rt.IFLA_LINKINFO]))
    assert info[rt.IFLA_INFO_SLAVE_KIND] == b"bridge\0"
    assert dict(rt.attributes(info[rt.IFLA_INFO_SLAVE_DATA])) == {rt.IFLA_BRPORT_MODE: b"\1"}


@pytest.mark.parametrize("data", [b"\1", b"\0\0\0\0", b"\3\0\1\0", struct.pack("=HH", 400, 1)])
def test_malformed_attributes_end_the_list(data: bytes) -> None:
    assert list(rt.attributes(data)) in ([], [(1, b"")])


def link_body(index: int, name: str, *more: bytes) -> bytes:
    return rt.LINK.pack(0, 1, index, rt.IFF_UP, 0) + attribute(rt.IFLA_IFNAME, name.encode() + b"\0") + b"".join(more)


def attribute(kind: int, payload: bytes) -> bytes:
    return rt.ATTRIBUTE.pack(rt.ATTRIBUTE.size + len(payload), kind) + payload + bytes(-len(payload) % 4)


def test_parse_link() -> None:
    info = attribute(rt.IFLA_LINKINFO | rt.NESTED, attribute(rt.IFLA_INFO_KIND, b"bridge\0"))
    alias, mac = attribute(rt.IFLA_IFALIAS, b"wherry:1\0"), attribute(rt.IFLA_ADDRESS, b"\2\0\0\0\0\1")
    mtu = attribute(rt.IFLA_MTU, struct.pack("=I", 1500))
    found = rt.parse_link(link_body(3, "docker0", info, alias, mac, mtu))
    assert found == rt.Link(3, "docker0", "bridge", "02:00:00:00:00:01", 1500, 0, "wherry:1", up=True)


def test_parse_address() -> None:
    local = attribute(rt.IFA_LOCAL, IPv4Address("10.0.0.1").packed)
    assert rt.parse_address(rt.ADDRESS.pack(rt.AF_INET, 8, 0, 0, 2) + local) == rt.Assigned(
        2, IPv4Interface("10.0.0.1/8")
    )
    assert rt.parse_address(rt.ADDRESS.pack(rt.AF_INET6, 64, 0, 0, 2) + local) is None
    assert rt.parse_address(rt.ADDRESS.pack(rt.AF_INET, 8, 0, 0, 2)) is None


def route(table: int = rt.TABLE_MAIN, scope: int = rt.SCOPE_LINK, kind: int = rt.UNICAST) -> rt.Destination | None:
    head = rt.ROUTE.pack(rt.AF_INET, 16, 0, 0, table, rt.PROTOCOL_BOOT, scope, kind, 0)
    out = attribute(rt.RTA_OIF, struct.pack("=I", 4))
    return rt.parse_route(head + attribute(rt.RTA_DST, IPv4Address("172.17.0.0").packed) + out)


def test_parse_route() -> None:
    assert route() == rt.Destination(4, IPv4Network("172.17.0.0/16"), on_link=True)
    through = route(scope=rt.SCOPE_UNIVERSE)
    assert through is not None
    assert not through.on_link
    assert route(table=255) is None
    assert route(kind=2) is None
    default = rt.parse_route(rt.ROUTE.pack(rt.AF_INET, 0, 0, 0, rt.TABLE_MAIN, 3, 0, rt.UNICAST, 0))
    assert default == rt.Destination(0, IPv4Network("0.0.0.0/0"), on_link=False)


Answer = Callable[[int, int, bytes], list[bytes]]
"""Datagrams that answer one request: kind, sequence and the whole of it."""


class Kernel:
    """A socket that answers each request by a script."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._datagrams: list[bytes] = []
        self.sends = 0

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def setsockopt(self, *option: Any) -> None:
        pass

    def send(self, data: bytes) -> None:
        self.sends += 1
        while data:
            length, kind, _, sequence, _ = rt.HEADER.unpack_from(data)
            self._datagrams += self._answer(kind, sequence, data[:length])
            data = data[(length + 3) & ~3 :]

    def recv(self, size: int) -> bytes:
        return self._datagrams.pop(0)

    def close(self) -> None:
        pass


def netlink(answer: Answer) -> tuple[Netlink, Kernel]:
    kernel = Kernel(answer)
    return Netlink(cast(socket.socket, kernel)), kernel


def message(kind: int, sequence: int, body: bytes, flags: int = 0) -> bytes:
    return rt.HEADER.pack(rt.HEADER.size + len(body), kind, flags, sequence, 0) + body


def ack(sequence: int, number: int = 0, words: str = "") -> bytes:
    body = struct.pack("=i", -number) + bytes(rt.HEADER.size)
    if words:
        body += attribute(1, words.encode() + b"\0")
    return message(ERROR, sequence, body, CAPPED | (ACK_TLVS if words else 0))


def test_a_batch_is_one_send_and_tolerates_what_is_as_asked() -> None:
    def answer(kind: int, sequence: int, data: bytes) -> list[bytes]:
        return [ack(sequence + 1000), ack(sequence, errno.ENODEV if kind == rt.DELLINK else 0)]

    sock, kernel = netlink(answer)
    sock.run(rt.set_link("a"), rt.delete_link("b"), rt.set_link("c"))
    assert kernel.sends == 1
    sock.run(*(rt.set_link("a") for _ in range(70)))
    assert kernel.sends == 1 + 3


def test_the_first_refusal_is_raised_in_the_kernel_s_words() -> None:
    def answer(kind: int, sequence: int, data: bytes) -> list[bytes]:
        refusals = {2: (errno.EBUSY, "Device is busy"), 3: (errno.EPERM, "")}
        return [ack(sequence, *refusals.get(sequence, (0, "")))]

    sock, _ = netlink(answer)
    with pytest.raises(OSError, match=r"set link b: Device or resource busy \(Device is busy\)$") as caught:
        sock.run(rt.set_link("a"), rt.set_link("b"), rt.set_link("c"))
    assert caught.value.errno == errno.EBUSY
    assert caught.value.strerror == "set link b: Device or resource busy (Device is busy)"


def test_lists_come_in_several_datagrams() -> None:
    def answer(kind: int, sequence: int, data: bytes) -> list[bytes]:
        one, two, three = (message(rt.NEWLINK, sequence, link_body(n, f"l{n:03}"), MULTI) for n in (1, 2, 3))
        return [message(rt.NEWLINK, sequence - 1, link_body(9, "old1")), one + two, three, message(DONE, sequence, b"")]

    sock, _ = netlink(answer)
    assert [found.name for found in sock.links()] == ["l001", "l002", "l003"]


def test_a_refused_list() -> None:
    sock, _ = netlink(lambda kind, sequence, data: [ack(sequence, errno.EPERM)])
    with pytest.raises(PermissionError, match="list routes: Operation not permitted"):
        sock.routes()


def test_one_link() -> None:
    sock, _ = netlink(lambda kind, sequence, data: [message(rt.NEWLINK, sequence, link_body(3, "x"))])
    assert sock.link("x") is not None
    sock, _ = netlink(lambda kind, sequence, data: [ack(sequence, errno.ENODEV)])
    assert sock.link("x") is None
    sock, _ = netlink(lambda kind, sequence, data: [ack(sequence, errno.EINVAL, "bad name")])
    with pytest.raises(OSError, match=r"get link x: Invalid argument \(bad name\)"):
        sock.link("x")
    sock, _ = netlink(lambda kind, sequence, data: [b"\0" * 20])
    with pytest.raises(OSError, match="not understood"):
        sock.link("x")


def test_the_kernel_of_this_machine() -> None:
    with Netlink.open() as sock:
        loopback = sock.link("lo")
        assert loopback is not None
        assert loopback.name == "lo"
        assert sock.link("wherry-nowhere") is None
        assert loopback.index in {found.index for found in sock.links()}
        assert {assigned.index for assigned in sock.addresses()} <= {found.index for found in sock.links()}
        assert all(found.network.version == 4 for found in sock.routes())
    sock.close()


def test_a_descriptor_that_is_no_netlink_socket_is_closed() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        fd = ours.detach()
        with pytest.raises(OSError):
            Netlink.from_fd(fd)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_an_announcement() -> None:
    frame = announcement(IPv4Address("172.17.0.2"), "02:00:00:00:00:01")
    assert frame.hex(" ") == (
        "ff ff ff ff ff ff 02 00 00 00 00 01 08 06 "
        "00 01 08 00 06 04 00 01 02 00 00 00 00 01 ac 11 00 02 00 00 00 00 00 00 ac 11 00 02"
    )
