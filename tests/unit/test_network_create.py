"""What a new network may be: Docker's checks, in its words (dockerd 28.5)."""

from ipaddress import IPv4Interface
from typing import Any

import pytest

from tests.unit.network_fakes import NETWORK, stored
from wherry.base.errors import Conflict, EngineError, Forbidden, InvalidParameter, NotFound, System, Unimplemented
from wherry.model.network import IPAM, ConfigReference, CreateRequest, IPAMConfig
from wherry.network.catalog import Catalog, network_of
from wherry.network.create import check_conflicts, check_pools, check_request, choose_gateway
from wherry.network.options import read

SUBNET = "10.99.0.0/24"
P = "com.docker.network."


def known() -> Catalog:
    catalog = Catalog("e1")
    catalog.add(NETWORK)
    catalog.add(network_of(stored(), "wherry:e1", masquerade=True))
    return catalog


def refused(kind: type[EngineError], **request: Any) -> str:
    with pytest.raises(kind) as caught:
        check_request(CreateRequest(**({"name": "n"} | request)), known())
    assert type(caught.value) is kind
    return str(caught.value)


def pools(*config: dict[str, Any]) -> str:
    text = refused(InvalidParameter, ipam=IPAM(config=[IPAMConfig(**pool) for pool in config]))
    head, _, rest = text.partition("\n")
    assert head == "invalid network config:"
    return rest


def test_defaults() -> None:
    made = check_request(CreateRequest(name="n"), known())
    assert (made.driver, made.options, made.ipam) == ("bridge", {}, IPAM(driver="default", config=[]))


@pytest.mark.parametrize("name", ["bridge", "host", "none", "default"])
def test_predefined_names(name: str) -> None:
    assert refused(Forbidden, name=name) == f"operation is not permitted on predefined {name} network "


@pytest.mark.parametrize(
    ("request_", "kind", "text"),
    [
        ({"name": " "}, InvalidParameter, "invalid name: name is empty"),
        ({"name": "backend"}, Conflict, "network with name backend already exists"),
        ({"driver": "absent"}, NotFound, 'plugin "absent" not found'),
        ({"driver": "host"}, Forbidden, 'only one instance of "host" network is allowed'),
        ({"driver": "null"}, Forbidden, 'only one instance of "null" network is allowed'),
        ({"driver": "macvlan"}, Unimplemented, "network driver macvlan is not supported by this engine yet"),
        ({"driver": "ipvlan"}, Unimplemented, "network driver ipvlan is not supported by this engine yet"),
        ({"scope": "swarm"}, Forbidden, "cannot create a swarm scoped network when swarm is not active"),
        ({"ingress": True}, Forbidden, "Ingress network can only be global scope network"),
        ({"config_from": ConfigReference(network="a")}, NotFound, 'configuration network "a" does not exist'),
        ({"enable_ipv4": False}, InvalidParameter, "IPv4 or IPv6 must be enabled"),
        ({"options": {f"{P}enable_ipv4": "false"}}, InvalidParameter, "IPv4 or IPv6 must be enabled"),
        ({"ipam": IPAM(driver="absent")}, NotFound, 'plugin "absent" not found'),
        ({"ipam": IPAM(driver="null")}, InvalidParameter, "ipv4 pool is empty"),
        (
            {"options": {f"{P}enable_ipv6": "x"}},
            InvalidParameter,
            'driver-opt "com.docker.network.enable_ipv6" is not a valid bool',
        ),
    ],
)
def test_refusals(request_: dict[str, Any], kind: type[EngineError], text: str) -> None:
    assert refused(kind, **request_) == text


@pytest.mark.parametrize("request_", [{"enable_ipv6": True}, {"config_only": True}, {"scope": "global"}])
def test_what_is_not_there_yet_is_named(request_: dict[str, Any]) -> None:
    assert refused(Unimplemented, **request_).endswith("not supported by this engine yet")


def test_swarm() -> None:
    assert refused(Forbidden, driver="overlay").startswith("This node is not a swarm manager.")
    assert refused(Forbidden, config_only=True, internal=True).startswith("configuration network can only contain")


def test_a_field_wins_over_its_option() -> None:
    asked = CreateRequest(name="n", enable_ipv6=False, options={f"{P}enable_ipv6": "true"})
    assert check_request(asked, known()).options == {f"{P}enable_ipv6": "true"}


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        ({"subnet": "x"}, "invalid subnet x: invalid CIDR block notation"),
        ({}, "invalid subnet : invalid CIDR block notation"),
        ({"subnet": "10.99.0.5/24"}, "invalid subnet 10.99.0.5/24: it should be 10.99.0.0/24"),
        ({"ip_range": "z"}, "invalid ip-range z: invalid CIDR block notation"),
        (
            {"ip_range": "10.98.0.0/25"},
            "invalid ip-range 10.98.0.0/25: parent subnet 10.99.0.0/24 doesn't contain ip-range",
        ),
        (
            {"ip_range": "10.99.0.0/16"},
            "invalid ip-range 10.99.0.0/16: CIDR block is bigger than its parent subnet 10.99.0.0/24",
        ),
        ({"ip_range": "fd00::/64"}, "invalid ip-range fd00::/64: parent subnet is an IPv4 block"),
        ({"ip_range": "10.99.0.1/25"}, "invalid ip-range 10.99.0.1/25: it should be 10.99.0.0/25"),
        ({"gateway": "z"}, "invalid gateway z: invalid address"),
        ({"gateway": "fd00::1"}, "invalid gateway fd00::1: parent subnet is an IPv4 block"),
        (
            {"gateway": "10.98.0.1"},
            "invalid gateway 10.98.0.1: parent subnet 10.99.0.0/24 doesn't contain this address",
        ),
        (
            {"gateway": "z", "auxiliary_addresses": {"a": "10.98.0.1"}},
            "* invalid gateway z: invalid address\n"
            "* invalid auxiliary address a: parent subnet 10.99.0.0/24 doesn't contain this address",
        ),
    ],
)
def test_bad_pools(pool: dict[str, Any], text: str) -> None:
    assert pools({"subnet": SUBNET, **pool} if pool else {}) == text


def test_a_subnet_of_the_other_family_is_not_looked_at() -> None:
    pool = IPAMConfig(subnet="fd00::/64", gateway="x")
    made = check_request(CreateRequest(name="n", ipam=IPAM(config=[pool])), known()).ipam
    assert made is not None
    assert made.config == [pool]


@pytest.mark.parametrize("subnet", ["172.17.0.0/16", "172.17.4.0/24", "10.0.0.0/8"])
def test_overlaps(subnet: str) -> None:
    with pytest.raises(Forbidden, match="^invalid pool request: Pool overlaps with other one on this address space$"):
        check_pools([IPAMConfig(subnet=subnet)], known())
    check_pools([IPAMConfig(subnet=subnet, ip_range=subnet)], known())


def test_conflicts() -> None:
    words = f"cannot create network n (br-n): conflicts with network {NETWORK.ident} (docker0): networks have "
    with pytest.raises(Forbidden) as caught:
        check_conflicts("n", "br-n", IPv4Interface("172.17.9.1/24"), known())
    assert str(caught.value) == words + "overlapping IPv4"
    with pytest.raises(Forbidden) as caught:
        check_conflicts("n", "docker0", IPv4Interface("10.9.9.1/24"), known())
    assert str(caught.value) == words.replace("br-n", "docker0") + "same bridge name"
    check_conflicts("n", "br-n", IPv4Interface("10.9.9.1/24"), known())


@pytest.mark.parametrize(
    ("pool", "gateway"),
    [
        ({}, "10.99.0.1/24"),
        ({"gateway": "10.99.0.9"}, "10.99.0.9/24"),
        ({"ip_range": "10.99.0.128/25"}, "10.99.0.128/24"),
        ({"ip_range": "10.99.0.0/25", "auxiliary_addresses": {"a": "10.99.0.2"}}, "10.99.0.1/24"),
        ({"subnet": "10.99.0.0/31"}, "10.99.0.0/31"),
        ({"subnet": "10.99.0.1/32"}, "10.99.0.1/32"),
    ],
)
def test_gateway(pool: dict[str, Any], gateway: str) -> None:
    assert str(choose_gateway(IPAMConfig(**({"subnet": SUBNET} | pool)))) == gateway


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        ({"gateway": "10.99.0.0"}, "failed to allocate gateway (10.99.0.0): Address already in use"),
        ({"gateway": "10.99.0.255"}, "failed to allocate gateway (10.99.0.255): Address already in use"),
        (
            {"auxiliary_addresses": {"a": "10.99.0.1"}},
            "failed to allocate secondary ip address (a:10.99.0.1): Address already in use",
        ),
        (
            {"auxiliary_addresses": {"b": "10.99.0.5", "a": "10.99.0.5"}},
            "failed to allocate secondary ip address (b:10.99.0.5): Address already in use",
        ),
    ],
)
def test_taken_addresses(pool: dict[str, Any], text: str) -> None:
    with pytest.raises(System) as caught:
        choose_gateway(IPAMConfig(subnet=SUBNET, **pool))
    assert str(caught.value) == text


def test_options() -> None:
    wanted = read(
        {
            f"{P}bridge.name": "br9",
            f"{P}bridge.enable_icc": "f",
            f"{P}bridge.enable_ip_masquerade": "False",
            f"{P}bridge.host_binding_ipv4": "127.0.0.1",
            f"{P}driver.mtu": "1400",
            "foo": "bar",
        }
    )
    assert (wanted.name, wanted.icc, wanted.masquerade, wanted.binding, wanted.mtu) == (
        "br9",
        False,
        False,
        "127.0.0.1",
        1400,
    )


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("bridge.enable_icc", "x", 'strconv.ParseBool: parsing "x": invalid syntax'),
        ("bridge.enable_ip_masquerade", "", 'strconv.ParseBool: parsing "": invalid syntax'),
        ("bridge.host_binding_ipv4", "x", "nil ip"),
        ("driver.mtu", "x", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("bridge.gateway_mode_ipv4", "x", "unknown gateway mode x"),
        ("bridge.inhibit_ipv4", "x", 'strconv.ParseBool: parsing "x": invalid syntax'),
    ],
)
def test_bad_options(name: str, value: str, why: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read({P + name: value})
    assert str(caught.value) == f"failed to parse {P}{name} value: {value} ({why})"


@pytest.mark.parametrize(
    "options",
    [
        {"bridge.gateway_mode_ipv4": "routed"},
        {"bridge.inhibit_ipv4": "1"},
        {"host_ipv4": "10.0.0.1"},
        {"container_iface_prefix": "net"},
        {"bridge.host_binding_ipv4": "::1"},
    ],
)
def test_absent_options(options: dict[str, str]) -> None:
    with pytest.raises(Unimplemented, match="is not supported by this engine yet$"):
        read({P + name: value for name, value in options.items()})


def test_a_negative_mtu() -> None:
    with pytest.raises(InvalidParameter, match="^invalid MTU number: -1$"):
        read({f"{P}driver.mtu": "-1"})
