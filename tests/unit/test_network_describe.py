from typing import Any

import msgspec
import pytest

from tests.unit.network_fakes import ENDPOINT, IDENT, NETWORK, starting, stored
from wherry.base.errors import EngineError, InvalidParameter, NotFound, System
from wherry.network.catalog import network_of
from wherry.network.describe import describe, find, prunable, select
from wherry.network.plan import Network
from wherry.state.record import Phase

HOST = Network("host", "ab" * 32, "host", 2)
NONE = Network("none", "ac" * 32, "null", 3)
ALL = [NETWORK, HOST, NONE]
BACKEND = network_of(stored(), "wherry:e1", masquerade=True)


@pytest.mark.parametrize(
    ("ref", "network"), [("host", HOST), ("ab" * 32, HOST), ("ab", HOST), ("bb", NETWORK), ("bridge", NETWORK)]
)
def test_find(ref: str, network: Network) -> None:
    assert find(ref, ALL) == network


def test_find_in_a_scope() -> None:
    assert find("host", ALL, "local") == HOST
    with pytest.raises(NotFound, match=r"^network host not found$"):
        find("host", ALL, "swarm")


@pytest.mark.parametrize(
    ("ref", "kind", "text"),
    [
        ("nope", NotFound, "network nope not found"),
        ("", NotFound, "network  not found"),
        ("hos", NotFound, "network hos not found"),
        ("a", InvalidParameter, "network a is ambiguous (2 matches found based on ID prefix)"),
    ],
)
def test_find_nothing(ref: str, kind: type[EngineError], text: str) -> None:
    with pytest.raises(kind) as caught:
        find(ref, ALL)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["bridge", "host", "none"]),
        ({"name": []}, ["bridge", "host", "none"]),
        ({"name": ["ri"]}, ["bridge"]),
        ({"name": ["^host$", "no"]}, ["host", "none"]),
        ({"name": ["("]}, []),
        ({"name": ["(o+)+$"]}, []),
        ({"name": ["x" * 300]}, []),
        ({"id": ["^a"]}, ["host", "none"]),
        ({"id": ["b" * 64]}, ["bridge"]),
        ({"driver": ["null", "host"]}, ["host", "none"]),
        ({"driver": ["nul"]}, []),
        ({"scope": ["local"], "name": ["bridge"]}, ["bridge"]),
        ({"scope": ["swarm"]}, []),
        ({"type": ["builtin"]}, ["bridge", "host", "none"]),
        ({"type": ["custom"]}, []),
        ({"label": ["a"]}, []),
        ({"dangling": ["true"]}, []),
        ({"dangling": ["0"]}, ["bridge", "host", "none"]),
    ],
)
def test_select(filters: dict[str, list[str]], names: list[str]) -> None:
    assert [network.name for network in select(ALL, filters)] == names


@pytest.mark.parametrize(
    ("filters", "kind", "text"),
    [
        ({"foo": ["x"]}, InvalidParameter, "invalid filter 'foo'"),
        ({"type": ["x"]}, System, "invalid filter: 'type'='x'"),
        (
            {"dangling": ["x"]},
            InvalidParameter,
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
        ),
        ({"dangling": ["1", "0"]}, InvalidParameter, 'got more than one value for filter key "dangling"'),
    ],
)
def test_wrong_filters(filters: dict[str, list[str]], kind: type[EngineError], text: str) -> None:
    with pytest.raises(kind) as caught:
        select(ALL, filters)
    assert str(caught.value) == text


def test_describe() -> None:
    running = starting(ENDPOINT, name="web", phase=Phase.RUNNING)
    others = [starting(ENDPOINT), starting(phase=Phase.RUNNING)]
    assert describe(NETWORK, {"a": "b"}, [running, *others]) == {
        "Name": "bridge",
        "Id": "b" * 64,
        "Created": "1970-01-01T00:00:00.000000001Z",
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}],
        },
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            running.id: {
                "Name": "web",
                "EndpointID": "e" * 64,
                "MacAddress": "02:00:00:00:00:01",
                "IPv4Address": "172.17.0.2/16",
                "IPv6Address": "",
            }
        },
        "Options": {"a": "b"},
        "Labels": {},
    }


def test_a_network_without_addresses() -> None:
    endpoint = msgspec.structs.replace(ENDPOINT, network="host", network_id=HOST.ident, address="", mac="")
    rec = starting(endpoint, phase=Phase.RUNNING)
    shown: dict[str, Any] = describe(HOST, {}, [rec])
    assert shown["IPAM"] == {"Driver": "default", "Options": None, "Config": None}
    assert shown["Containers"][rec.id]["IPv4Address"] == ""


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"type": ["custom"]}, ["backend"]),
        ({"type": ["builtin"]}, ["bridge", "host", "none"]),
        ({"label": ["tier"]}, ["backend"]),
        ({"label": ["tier=web"]}, []),
        ({"dangling": ["true"]}, ["backend"]),
        ({"dangling": ["false"]}, ["bridge", "host", "none"]),
    ],
)
def test_select_among_networks_of_users(filters: dict[str, list[str]], names: list[str]) -> None:
    assert [network.name for network in select([*ALL, BACKEND], filters)] == names


def test_a_network_in_use_does_not_dangle() -> None:
    assert select([BACKEND], {"dangling": ["1"]}, {IDENT}) == []


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        ({}, True),
        ({"label": ["tier"]}, True),
        ({"label": ["other"]}, False),
        ({"label!": ["tier=data"]}, False),
        ({"until": ["1"]}, True),
        ({"until": ["0"]}, False),
    ],
)
def test_prunable(filters: dict[str, list[str]], taken: bool) -> None:
    assert prunable(filters, 10**18)(BACKEND) == taken


def test_prune_filters() -> None:
    with pytest.raises(InvalidParameter, match="^invalid filter 'dangling'$"):
        prunable({"dangling": ["1"]}, 0)
    with pytest.raises(InvalidParameter, match="^more than one until filter specified$"):
        prunable({"until": ["1", "2"]}, 0)


def test_describe_a_network_of_a_user() -> None:
    network = network_of(stored(internal=True, attachable=True, options={"a": "b"}), "wherry:e1", masquerade=True)
    shown = describe(network, {"a": "b"}, ())
    assert (shown["Internal"], shown["Attachable"], shown["Options"], shown["Labels"]) == (
        True,
        True,
        {"a": "b"},
        {"tier": "data"},
    )
    assert shown["IPAM"] == {
        "Driver": "default",
        "Options": None,
        "Config": [{"Subnet": "10.5.0.0/24", "Gateway": "10.5.0.1"}],
    }
