import socket
from typing import Any

import msgspec
import pytest

from tests.unit.network_fakes import IDENT, NETWORK, endpoint, networking, reserve, starting, stored
from wherry.base.errors import Forbidden, InvalidParameter, NotFound, System, Unimplemented
from wherry.host.netlink import Netlink
from wherry.model.container import EndpointIPAMConfig, EndpointSettings, HostConfig, PortBinding
from wherry.model.network import IPAM, IPAMConfig
from wherry.network.endpoints import Join
from wherry.network.ports import HostPorts
from wherry.network.service import Networking
from wherry.state.record import Endpoint, Record


class Booted(Networking):
    """Networks as boot leaves them, without a kernel."""

    def __init__(self, *records: Record, **config: Any) -> None:
        before = networking(**config)
        super().__init__(before._config, lambda: records)
        self.catalog.add(NETWORK)


@pytest.mark.parametrize(("mode", "driver"), [("host", "host"), ("none", "null")])
def test_an_endpoint_without_a_link(mode: str, driver: str) -> None:
    networks = networking()
    (made,) = reserve(networks, starting(mode=mode))
    assert (made.network, made.driver) == (mode, driver)
    assert len(made.endpoint_id) == len(made.network_id) == 64
    assert made.network_id == networks.catalog.find(mode).ident
    assert (made.interface, made.host_link, made.address, made.mac) == ("", "", "", "")
    networks.disconnect(made)


def test_an_endpoint_on_the_bridge() -> None:
    rec = starting()
    (made,) = reserve(Booted(rec), rec)
    assert (made.network, made.network_id, made.driver) == ("bridge", NETWORK.ident, "bridge")
    assert (made.address, made.prefix, made.gateway) == ("172.17.0.2", 16, "172.17.0.1")
    assert (made.interface, made.host_link) == ("eth0", f"veth{made.endpoint_id[:7]}")
    assert len(made.mac) == 17


def test_a_wished_mac() -> None:
    rec = starting(endpoints_wished={"bridge": EndpointSettings(mac_address="02-AA-00-00-00-07")})
    (made,) = reserve(Booted(rec), rec)
    assert made.mac == "02:aa:00:00:00:07"


def publishing(port: str = "") -> HostConfig:
    return HostConfig(network_mode="bridge", port_bindings={"80/tcp": [PortBinding(host_port=port)]})


def test_host_ports_are_held() -> None:
    networks, rec = Booted(), starting(endpoint(), host_config=publishing())
    networks._ports = HostPorts(lambda *_: socket.socket(socket.AF_UNIX))
    (made,) = networks.publish(rec)
    (port,) = made.ports
    assert (port.host_ip, port.container_port, port.protocol) == ("0.0.0.0", 80, "tcp")  # noqa: S104
    other = starting(endpoint(endpoint_id="f" * 64), host_config=publishing(str(port.host_port)), name="late")
    with pytest.raises(System) as caught:
        networks.publish(other)
    where = f"driver failed programming external connectivity on endpoint late ({'f' * 64})"
    words = f"Bind for 0.0.0.0:{port.host_port} failed: port is already allocated"
    assert str(caught.value) == f"{where}: {words}"
    networks._ports.give_back(made.endpoint_id)


@pytest.mark.parametrize("mode", ["host", "none"])
def test_no_ports_without_a_bridge(mode: str) -> None:
    networks = networking()
    rec = starting(mode=mode)
    rec = starting(*reserve(networks, rec), host_config=HostConfig(network_mode=mode, publish_all_ports=True))
    assert networks.publish(rec) == rec.endpoints


def test_nothing_leads_to_a_port_without_a_packet_filter() -> None:
    networks = Booted(iptables=False)
    assert networks.publish(starting(endpoint())) == (endpoint(),)
    with pytest.raises(Unimplemented, match="published ports need firewall rules: start without --iptables=false"):
        networks.publish(starting(endpoint(), host_config=publishing()))


def test_no_address_left() -> None:
    held = tuple(endpoint(address=f"172.17.{n >> 8}.{n & 255}") for n in range(2, 65535))
    rec = starting()
    with pytest.raises(System) as caught:
        reserve(Booted(rec, starting(*held)), rec)
    where = f"this network's address pools: bridge ({NETWORK.ident})"
    assert str(caught.value) == f"no available IPv4 addresses on {where}"


def test_no_bridge_means_no_network() -> None:
    networks = networking(bridge="none")
    assert reserve(networks, starting()) == ()
    assert networks.gateway() == ""
    assert [network.name for network in networks.catalog.all()] == ["host", "none"]
    with pytest.raises(NotFound, match="^network bridge not found$"):
        networks.catalog.find("bridge")


def test_an_unknown_network() -> None:
    with pytest.raises(NotFound, match="^network backend not found$"):
        reserve(networking(), starting(mode="backend"))


def test_connect_has_nothing_to_do_without_a_bridge() -> None:
    networks = networking()
    rec = starting(mode="none")
    networks.connect(rec, reserve(networks, rec)[0], Netlink.open())


def test_ids_hold_for_the_life_of_the_engine() -> None:
    first, second = networking(), networking()
    ident = first.catalog.find("host").ident
    assert ident == second.catalog.find("host").ident
    assert ident != networking(engine_id="e2").catalog.find("host").ident


def on(networks: Networking, rec: Record, **wishes: EndpointSettings) -> tuple[Endpoint, ...]:
    """The endpoints of a container in some networks."""
    return reserve(networks, msgspec.structs.replace(rec, endpoints_wished=wishes))


def wish(address: str = "", **changes: Any) -> EndpointSettings:
    addresses = EndpointIPAMConfig(ipv4_address=address) if address else None
    return EndpointSettings(ipam_config=addresses, **changes)


class Several(Booted):
    """A default bridge and a network of a user's."""

    def __init__(self, *records: Record, **changes: Any) -> None:
        super().__init__(*records)
        self.admit(stored(**changes))


def test_endpoints_in_two_networks() -> None:
    rec = starting(mode="backend", name="web")
    first, second = on(Several(rec), rec, bridge=wish(), backend=wish(aliases=["www", "web"], gw_priority=3))
    assert (first.network, first.network_id, first.interface, first.bridge) == (
        "backend",
        IDENT,
        "eth0",
        "br-cccccccccccc",
    )
    assert (first.address, first.prefix, first.gateway, first.gw_priority) == ("10.5.0.2", 24, "10.5.0.1", 3)
    assert first.dns_names == ("web", "www", rec.id[:12])
    assert (second.network, second.interface, second.dns_names) == ("bridge", "eth1", ())


def test_a_wished_address() -> None:
    rec, other = starting(), starting()
    networks = Several(rec, other)
    (made,) = on(networks, rec, backend=wish("10.5.0.9"))
    assert made.address == "10.5.0.9"
    for taken in ("10.5.0.1", "10.5.0.0", "10.5.0.255"):
        with pytest.raises(Forbidden, match="^Address already in use$"):
            on(networks, rec, backend=wish(taken))
    with pytest.raises(InvalidParameter, match=r"no configured subnet or ip-range contain the IP address 10.6.0.1$"):
        on(networks, rec, backend=wish("10.6.0.1"))


def test_no_wishes_in_a_subnet_that_nobody_chose() -> None:
    rec = starting()
    with pytest.raises(InvalidParameter, match="only when connecting to networks with user configured subnets"):
        on(Several(rec, configured=False), rec, backend=wish("10.5.0.9"))


def test_a_range_and_what_is_set_aside() -> None:
    rec = starting()
    pool = IPAMConfig(
        subnet="10.5.0.0/24",
        ip_range="10.5.0.8/30",
        auxiliary_addresses={"a": "10.5.0.8", "DefaultGatewayIPv4": "10.5.0.9"},
    )
    (made,) = on(Several(rec, ipam=IPAM(config=[pool])), rec, backend=wish())
    assert (made.address, made.gateway) == ("10.5.0.10", "10.5.0.9")


def test_an_internal_network_leads_nowhere() -> None:
    rec = starting(mode="backend", host_config=publishing())
    networks = Several(rec, internal=True)
    made = on(networks, rec, backend=wish())
    assert made[0].gateway == ""
    assert networks.publish(msgspec.structs.replace(rec, endpoints=made)) == made


def test_who_is_in_a_network() -> None:
    rec = starting(name="web")
    networks = Several(rec)
    network = networks.catalog.find("backend")
    assert networks.users(network) == []
    with networks.reserved(rec, [Join(network, wish())]) as (made,):
        assert networks.users(network) == [f'name:"" id:"{made.endpoint_id[:12]}"']
    assert networks.users(network) == []
    inside = Several(starting(made, name="web"))
    assert inside.users(network) == [f'name:"web" id:"{made.endpoint_id[:12]}"']


def test_a_network_that_was_joined_before_is_found_by_its_id() -> None:
    rec = starting(mode="backend", network_ids={"backend": "d" * 64})
    with pytest.raises(NotFound, match=f"^network {'d' * 64} not found$"):
        reserve(Several(rec), rec)
