import socket

import pytest

from tests.unit.network_fakes import NETWORK, endpoint, networking, starting
from wherry.base.errors import NotFound, System, Unimplemented
from wherry.host.netlink import Netlink
from wherry.model.container import EndpointSettings, HostConfig, PortBinding
from wherry.network.ports import HostPorts
from wherry.network.service import Networking
from wherry.state.record import Phase, Record


class Booted(Networking):
    """Networks as boot leaves them, without a kernel."""

    def __init__(self, *records: Record) -> None:
        before = networking()
        super().__init__(before._config, lambda: records)
        self._networks = {"bridge": NETWORK, **self._networks}


@pytest.mark.parametrize(("mode", "driver"), [("host", "host"), ("none", "null")])
def test_an_endpoint_without_a_link(mode: str, driver: str) -> None:
    networks = networking()
    (made,) = networks.reserve(starting(mode=mode))
    assert (made.network, made.driver) == (mode, driver)
    assert len(made.endpoint_id) == len(made.network_id) == 64
    assert made.network_id == networks.inspect(mode)["Id"]
    assert (made.interface, made.host_link, made.address, made.mac) == ("", "", "", "")
    networks.disconnect(made)


def test_an_endpoint_on_the_bridge() -> None:
    rec = starting()
    (made,) = Booted(rec).reserve(rec)
    assert (made.network, made.network_id, made.driver) == ("bridge", NETWORK.ident, "bridge")
    assert (made.address, made.prefix, made.gateway) == ("172.17.0.2", 16, "172.17.0.1")
    assert (made.interface, made.host_link) == ("eth0", f"veth{made.endpoint_id[:7]}")
    assert len(made.mac) == 17


def test_a_wished_mac() -> None:
    rec = starting(endpoints_wished={"bridge": EndpointSettings(mac_address="02-AA-00-00-00-07")})
    (made,) = Booted(rec).reserve(rec)
    assert made.mac == "02:aa:00:00:00:07"


def publishing(port: str = "") -> HostConfig:
    return HostConfig(network_mode="bridge", port_bindings={"80/tcp": [PortBinding(host_port=port)]})


def test_host_ports_are_held() -> None:
    networks, rec = networking(), starting(endpoint(), host_config=publishing())
    networks._ports = HostPorts(lambda *_: socket.socket(socket.AF_UNIX))
    (made,) = networks.publish(rec)
    (port,) = made.ports
    assert (port.host_ip, port.container_port, port.protocol) == ("0.0.0.0", 80, "tcp")  # noqa: S104
    other = starting(endpoint(endpoint_id="f" * 64), host_config=publishing(str(port.host_port)), name="late")
    with pytest.raises(System) as caught:
        networks.publish(other)
    where = f"driver failed programming external connectivity on endpoint late ({'f' * 64})"
    words = f"Bind for 0.0.0.0:{port.host_port} failed: port is already allocated"
    assert str(caught.value) == f"failed to set up container networking: {where}: {words}"
    networks._ports.give_back(made.endpoint_id)


@pytest.mark.parametrize("mode", ["host", "none"])
def test_no_ports_without_a_bridge(mode: str) -> None:
    networks = networking()
    rec = starting(mode=mode)
    rec = starting(*networks.reserve(rec), host_config=HostConfig(network_mode=mode, publish_all_ports=True))
    assert networks.publish(rec) == rec.endpoints


def test_nothing_leads_to_a_port_without_a_packet_filter() -> None:
    networks = networking(iptables=False)
    assert networks.publish(starting(endpoint())) == (endpoint(),)
    with pytest.raises(Unimplemented, match="published ports need firewall rules: start without --iptables=false"):
        networks.publish(starting(endpoint(), host_config=publishing()))


def test_no_address_left() -> None:
    held = tuple(endpoint(address=f"172.17.{n >> 8}.{n & 255}") for n in range(2, 65535))
    rec = starting()
    with pytest.raises(System) as caught:
        Booted(rec, starting(*held)).reserve(rec)
    where = f"this network's address pools: bridge ({NETWORK.ident})"
    assert str(caught.value) == f"failed to set up container networking: no available IPv4 addresses on {where}"


def test_no_bridge_means_no_network() -> None:
    networks = networking(bridge="none")
    assert networks.reserve(starting()) == ()
    assert networks.gateway() == ""
    assert [network["Name"] for network in networks.list({})] == ["host", "none"]
    with pytest.raises(NotFound, match="^network bridge not found$"):
        networks.inspect("bridge")


def test_an_unknown_network() -> None:
    with pytest.raises(NotFound, match="^failed to set up container networking: network backend not found$"):
        networking().reserve(starting(mode="backend"))


def test_connect_has_nothing_to_do_without_a_bridge() -> None:
    networks = networking()
    rec = starting(mode="none")
    networks.connect(rec, networks.reserve(rec)[0], Netlink.open())


def test_list_and_inspect() -> None:
    rec = starting(endpoint(), phase=Phase.RUNNING)
    networks = Booted(rec)
    assert [network["Name"] for network in networks.list({"driver": ["bridge"]})] == ["bridge"]
    assert networks.list({"name": ["bridge"]})[0]["Containers"] == {}
    assert list(networks.inspect("bridge")["Containers"]) == [rec.id]
    assert networks.gateway() == "172.17.0.1"


def test_ids_hold_for_the_life_of_the_engine() -> None:
    first, second = networking(), networking()
    assert first.inspect("host")["Id"] == second.inspect("host")["Id"]
    assert first.inspect("host")["Id"] != networking(engine_id="e2").inspect("host")["Id"]
