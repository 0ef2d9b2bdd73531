"""A container's places in networks, without a kernel."""

from typing import Any

import msgspec
import pytest

from tests.unit.network_fakes import IDENT, NETWORK, endpoint, starting, stored
from wherry.base.errors import InvalidParameter
from wherry.model.container import EndpointIPAMConfig, EndpointSettings, HostConfig
from wherry.network.catalog import Catalog, network_of
from wherry.network.endpoints import (
    check_wish,
    facts,
    free_interface,
    gateway_of,
    gather_ports,
    renamed,
    resolve,
)
from wherry.network.plan import Network
from wherry.state.record import PortMapping, Record

PORT = PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=80, protocol="tcp")
BACKEND = network_of(stored(), "wherry:e1", masquerade=True)


def catalog() -> Catalog:
    known = Catalog("e1")
    known.add(NETWORK)
    known.add(BACKEND)
    return known


def wishing(*names: str, mode: str = "backend", **changes: Any) -> Record:
    return starting(mode=mode, endpoints_wished=dict.fromkeys(names, EndpointSettings()), **changes)


def names(rec: Record) -> list[str]:
    return [join.network.name for join in resolve(rec, catalog())]


@pytest.mark.parametrize("mode", ["backend", IDENT, IDENT[:9]])
def test_the_network_of_the_mode_comes_first(mode: str) -> None:
    assert names(wishing("bridge", mode, mode=mode)) == ["backend", "bridge"]
    assert names(wishing("bridge", "backend", mode="bridge")) == ["bridge", "backend"]


def test_no_wish_is_no_network() -> None:
    assert names(wishing()) == []


@pytest.mark.parametrize(
    ("mode", "wished", "words"),
    [
        ("backend", ["host"], "container must be created in host network mode"),
        ("host", ["host", "backend"], "cannot be connected to any other network"),
        ("none", ["none", "backend"], "private .none. mode"),
    ],
)
def test_modes_that_do_not_go_together(mode: str, wished: list[str], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        names(wishing(*wished, mode=mode))


def test_what_a_record_keeps() -> None:
    rec = wishing(IDENT[:9], "bridge", mode=IDENT[:9], name="web")
    kept = facts(rec, resolve(rec, catalog()))
    assert kept["network_ids"] == {"backend": IDENT, "bridge": NETWORK.ident}
    assert {name: wish.dns_names for name, wish in kept["endpoints_wished"].items()} == {
        "backend": ["web", rec.id[:12]],
        "bridge": None,
    }
    assert kept["host_config"].network_mode == IDENT
    plain = wishing("backend")
    assert "host_config" not in facts(plain, resolve(plain, catalog()))


def test_names_follow_a_rename() -> None:
    rec = wishing("backend", name="web")
    rec = msgspec.structs.replace(
        rec, **facts(rec, resolve(rec, catalog())), endpoints=(endpoint(dns_names=("web", "x")),)
    )
    changes = renamed(rec, "x")
    assert changes["endpoints"][0].dns_names == ("x",)
    assert changes["endpoints_wished"]["backend"].dns_names == ["x", rec.id[:12]]


def test_the_gateway() -> None:
    early, late = endpoint(network="a", endpoint_id="1"), endpoint(network="b", endpoint_id="2")
    inner = endpoint(network="0", gateway="", endpoint_id="3", gw_priority=9)
    assert gateway_of([late, inner, early]) is early
    assert gateway_of([early, msgspec.structs.replace(late, gw_priority=1)]).network == "b"  # type: ignore[union-attr]
    assert gateway_of([inner]) is None
    moved = gather_ports([msgspec.structs.replace(late, ports=(PORT,)), inner, early])
    assert [each.ports for each in moved] == [(), (), (PORT,)]
    assert gather_ports([msgspec.structs.replace(inner, ports=(PORT,))])[0].ports == ()


def test_interfaces_fill_gaps() -> None:
    assert free_interface([]) == "eth0"
    assert free_interface([endpoint(interface="eth0"), endpoint(interface="eth2")]) == "eth1"


def wish(address: str, **changes: Any) -> EndpointSettings:
    return EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address=address), **changes)


AUTO = network_of(stored(configured=False), "wherry:e1", masquerade=True)
NO_SUBNET = "user specified IP address is supported only when connecting to networks with user configured subnets"


@pytest.mark.parametrize(
    ("network", "name", "asked", "problems"),
    [
        (BACKEND, "backend", wish("10.5.0.9", aliases=["x"]), ""),
        (None, "to-come", wish("10.5.0.9", aliases=["x"]), ""),
        (BACKEND, "backend", wish("10.6.0.9"), "no configured subnet or ip-range contain the IP address 10.6.0.9"),
        (
            BACKEND,
            "backend",
            wish("x"),
            "* invalid IPv4 address: x\n* no configured subnet or ip-range contain the IP address x",
        ),
        (AUTO, "backend", wish("10.5.0.9"), NO_SUBNET),
        (
            NETWORK,
            "bridge",
            EndpointSettings(aliases=["x"]),
            "network-scoped alias is supported only for containers in user defined networks",
        ),
    ],
)
def test_wishes(network: Network | None, name: str, asked: EndpointSettings, problems: str) -> None:
    if not problems:
        check_wish(name, network, asked)
        return
    with pytest.raises(InvalidParameter) as caught:
        check_wish(name, network, asked)
    assert str(caught.value) == f"invalid endpoint settings:\n{problems}"


def test_a_mode_is_no_prefix_of_a_predefined_name() -> None:
    rec = starting(host_config=HostConfig(network_mode="bridge"))
    assert names(rec) == ["bridge"]
