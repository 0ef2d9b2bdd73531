from dataclasses import replace

import msgspec
import pytest

from tests.unit.network_fakes import BRIDGE, ENDPOINT, NETWORK
from wherry.network.drivers import bridge, host, none
from wherry.network.plan import Driver, Network
from wherry.state.record import PortMapping


def test_a_plan_for_an_endpoint_on_the_bridge() -> None:
    plan = bridge.DRIVER.plan_endpoint(NETWORK, ENDPOINT, True)
    assert plan is not None
    assert (plan.bridge, str(plan.address), str(plan.gateway)) == ("docker0", "172.17.0.2/16", "172.17.0.1")
    assert (plan.link.host, plan.link.peer, plan.link.mtu) == ("vetheeeeeee", "eth0", 1500)
    assert (plan.link.mac, plan.link.mark) == ("02:00:00:00:00:01", "wherry:e1")
    assert (plan.guard.address, plan.guard.bridge, plan.link.hairpin) == ("172.17.0.2", "docker0", False)


def test_a_plan_for_an_endpoint_with_ports() -> None:
    port = PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=80, protocol="tcp")
    plan = bridge.DRIVER.plan_endpoint(NETWORK, msgspec.structs.replace(ENDPOINT, ports=(port,)), True)
    assert plan is not None
    assert (plan.guard.ports, plan.link.hairpin) == ((port,), True)


@pytest.mark.parametrize("masquerade", [True, False])
def test_masquerade(masquerade: bool) -> None:
    network = replace(NETWORK, bridge=replace(BRIDGE, masquerade=masquerade))
    plan = bridge.DRIVER.plan_network(network)
    assert plan is not None
    rules = {chain.jumps: chain.rules for chain in plan.chains}["nat-postrouting-out-jumps"]
    wanted = 'oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade comment "MASQUERADE"'
    assert rules == ((wanted,) if masquerade else ())
    options = bridge.DRIVER.options(network)
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == ("true" if masquerade else "false")


def test_options_are_docker_s() -> None:
    assert bridge.DRIVER.options(NETWORK) == {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": "docker0",
        "com.docker.network.driver.mtu": "1500",
    }


@pytest.mark.parametrize(("driver", "name"), [(host.DRIVER, "host"), (none.DRIVER, "null"), (bridge.DRIVER, "bridge")])
def test_no_plan_where_there_is_no_bridge(driver: Driver, name: str) -> None:
    network = Network("x", "1" * 64, name, 1)
    assert driver.name == name
    assert driver.options(network) == {}
    assert driver.plan_network(network) is None
    assert driver.plan_endpoint(network, ENDPOINT, True) is None


def test_an_internal_network_is_cut_off() -> None:
    plan = bridge.DRIVER.plan_network(replace(NETWORK, bridge=replace(BRIDGE, internal=True)))
    assert plan is not None
    rules = {chain.jumps: chain.rules for chain in plan.chains}
    assert rules["filter-forward-in-jumps"][1] == 'iifname != "docker0" counter drop comment "INTERNAL NETWORK INGRESS"'
    assert rules["filter-forward-out-jumps"][1] == 'oifname != "docker0" counter drop comment "INTERNAL NETWORK EGRESS"'
    assert rules["nat-postrouting-out-jumps"] == ()


def test_containers_kept_apart() -> None:
    network = replace(NETWORK, bridge=replace(BRIDGE, icc=False))
    plan, inside = bridge.DRIVER.plan_network(network), bridge.DRIVER.plan_endpoint(network, ENDPOINT, False)
    assert plan is not None
    assert inside is not None
    rules = {chain.jumps: chain.rules for chain in plan.chains}
    assert 'iifname "docker0" counter drop comment "ICC"' in rules["filter-forward-in-jumps"]
    assert (inside.link.isolated, inside.gateway) == (True, None)
