"""Which host port a wish gets, who holds it, and Docker's words when it cannot be had."""

import errno
import os
import socket
from typing import Any

import pytest

from wherry.base.errors import System, Unimplemented
from wherry.host.ports import parse_ranges
from wherry.model.container import PortBinding
from wherry.network.ports import Bindings, HostPorts, wishes
from wherry.state.record import PortMapping

Place = tuple[str, str, int]
HERE = "172.17.0.2"


class Host:
    """A host on which other processes hold some ports."""

    def __init__(self, *busy: int) -> None:
        self.busy = set(busy)
        self.asked: list[Place] = []
        self.sockets: list[socket.socket] = []

    def hold(self, protocol: str, address: str, port: int) -> socket.socket:
        self.asked.append((protocol, address, port))
        if port in self.busy:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self.sockets.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        return self.sockets[-1]

    @property
    def open(self) -> int:
        return sum(held.fileno() >= 0 for held in self.sockets)


def bindings(*published: str) -> Bindings:
    """Write bindings as the CLI does: [address:]host:container."""
    found: dict[str, list[PortBinding]] = {}
    for text in published:
        rest, _, port = text.rpartition(":")
        address, _, host = rest.rpartition(":")
        key = port if "/" in port else f"{port}/tcp"
        found.setdefault(key, []).append(PortBinding(host_ip=address, host_port=host))
    return found


def take(ports: HostPorts, *published: str, owner: str = "a") -> list[tuple[str, int, int]]:
    taken = ports.take(owner, HERE, wishes(bindings(*published), (), publish_all=False))
    return [(each.host_ip, each.host_port, each.container_port) for each in taken]


def refusal(ports: HostPorts, *published: str) -> str:
    with pytest.raises(System) as raised:
        take(ports, *published, owner="refused")
    return str(raised.value)


@pytest.mark.parametrize(
    ("published", "taken"),
    [
        (["8080:80"], [("0.0.0.0", 8080, 80)]),
        (["127.0.0.1:8080:80"], [("127.0.0.1", 8080, 80)]),
        (["8000-8002:80", "8000:81"], [("0.0.0.0", 8000, 81), ("0.0.0.0", 8001, 80)]),
        (["8080:80", "8080:80"], [("0.0.0.0", 8080, 80)]),
        (["9000-9001:80", "9000-9001:81"], [("0.0.0.0", 9000, 80), ("0.0.0.0", 9001, 81)]),
        (["127.0.0.1:8080:80", "127.0.0.2:8080:81"], [("127.0.0.1", 8080, 80), ("127.0.0.2", 8080, 81)]),
    ],
)
def test_host_ports(published: list[str], taken: list[Any]) -> None:
    assert take(HostPorts(Host().hold), *published) == taken


def test_bindings_that_differ_in_their_address_get_one_port() -> None:
    host = Host(8000)
    assert take(HostPorts(host.hold), "127.0.0.1:8000-8001:80", "127.0.0.2:8000-8001:80") == [
        ("127.0.0.1", 8001, 80),
        ("127.0.0.2", 8001, 80),
    ]
    (first, _), second = [take(HostPorts(Host().hold), f"{a}::80", "127.0.0.9::80") for a in ("127.0.0.1", "127.0.0.2")]
    assert first[1] == second[0][1] == second[1][1]


def test_ephemeral_ports_go_round() -> None:
    ports = HostPorts(Host().hold)
    ((_, first, _),) = take(ports, ":80")
    ports.give_back("a")
    ((_, second, _),) = take(ports, ":80", owner="b")
    assert second == first + 1


def test_what_publish_all_adds() -> None:
    found = wishes(bindings("8080:80"), ["80/tcp", "81/tcp", "82/udp"], publish_all=True)
    assert [(wish.container_port, wish.protocol, wish.first) for wish in found] == [
        (80, "tcp", 8080),
        (81, "tcp", 0),
        (82, "udp", 0),
    ]
    assert wishes({"80/tcp": []}, ["80/tcp"], publish_all=False) == []
    assert len(wishes({"80/tcp": None}, ["80/tcp"], publish_all=True)) == 1
    with pytest.raises(Unimplemented, match="publishing 80/sctp"):
        wishes({}, ["80/sctp"], publish_all=True)


@pytest.mark.parametrize(
    ("held", "published", "words"),
    [
        ("8080:80", "8080:80", "Bind for 0.0.0.0:8080 failed: port is already allocated"),
        ("8080:80", "127.0.0.1:8080:80", "Bind for 0.0.0.0:8080 failed: port is already allocated"),
        ("127.0.0.1:8080:80", "8080:80", "Bind for 127.0.0.1:8080 failed: port is already allocated"),
        ("127.0.0.1:8080:80", "127.0.0.1:8080:80", "Bind for 127.0.0.1:8080 failed: port is already allocated"),
        ("8080:80", "8080-8080:80", "Bind for 0.0.0.0:8080 failed: port is already allocated"),
    ],
)
def test_what_another_container_holds(held: str, published: str, words: str) -> None:
    ports = HostPorts(Host().hold)
    take(ports, held)
    assert refusal(ports, published) == words


def test_what_another_container_holds_elsewhere_is_no_conflict() -> None:
    ports = HostPorts(Host().hold)
    take(ports, "127.0.0.1:8080:80")
    take(ports, "127.0.0.2:8080:80", owner="b")
    take(ports, "8080:80/udp", owner="c")


def test_one_container_that_wants_a_port_twice() -> None:
    host = Host()
    ports = HostPorts(host.hold)
    assert refusal(ports, "8080:80", "8080:81") == "Bind for 0.0.0.0:8080 failed: port is already allocated"
    assert host.open == 0
    take(ports, "8080:80")


def test_a_range_that_is_used_up() -> None:
    ports = HostPorts(Host().hold)
    take(ports, "8000-8001:80", "8000-8001:81")
    assert refusal(ports, "8000-8001:80") == "all ports are allocated"


def test_what_another_process_holds() -> None:
    host = Host(8080, 8081, 8090)
    ports = HostPorts(host.hold)
    where = "172.17.0.2:80/tcp: address already in use"
    assert refusal(ports, "8079:81", "8080:80") == f"failed to bind host port for 0.0.0.0:8080:{where}"
    assert refusal(ports, "8080-8081:80") == f"failed to bind host port 8081 for 0.0.0.0:8080-8081:{where}"
    assert take(ports, "8090-8091:80") == [("0.0.0.0", 8091, 80)]
    assert host.open == 1
    assert take(ports, "8079:80", owner="b") == [("0.0.0.0", 8079, 80)]


def test_a_range_that_others_hold_is_not_tried_for_ever() -> None:
    host = Host(*range(8000, 9000))
    assert "failed to bind host port 8009 for" in refusal(HostPorts(host.hold), "8000-8999:80")
    assert len(host.asked) == 10


def test_give_back() -> None:
    host = Host()
    ports = HostPorts(host.hold)
    take(ports, "8080:80", "8081:81")
    assert host.open == 2
    ports.give_back("a")
    ports.give_back("a")
    assert host.open == 0
    take(ports, "8080:80", owner="b")


def test_restore(caplog: pytest.LogCaptureFixture) -> None:
    host = Host(8081)
    ports = HostPorts(host.hold)
    had = [
        PortMapping(host_ip="0.0.0.0", host_port=port, container_port=80, protocol="tcp")  # noqa: S104
        for port in (8080, 8081)
    ]
    ports.restore("a", had)
    ports.restore("a", had)
    assert host.open == 1
    assert "published port 0.0.0.0:8081/tcp is held by another process now" in caplog.text
    assert "already allocated" in refusal(ports, "8081:80")
    ports.give_back("a")
    assert host.open == 0


def test_ranges_of_reserved_ports() -> None:
    assert parse_ranges("8080,9000-9002\n") == {8080, 9000, 9001, 9002}
    assert parse_ranges("\n") == frozenset()
