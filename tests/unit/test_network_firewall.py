from typing import Any

from tests.unit.network_fakes import BRIDGE, NETWORK
from wherry.network import firewall
from wherry.network.drivers.bridge import DRIVER
from wherry.network.plan import Guard, NetworkPlan

GUARD = Guard("172.17.0.2", "docker0")


def plan() -> NetworkPlan:
    made = DRIVER.plan_network(NETWORK)
    assert made is not None
    return made


def rule(handle: int, chain: str, *values: object) -> dict[str, Any]:
    matches = [{"match": {"op": "==", "left": {}, "right": value}} for value in values]
    return {"rule": {"chain": chain, "handle": handle, "expr": [*matches, {"drop": None}]}}


def test_from_nothing() -> None:
    lines = firewall.set_up(plan(), [GUARD], []).splitlines()
    assert lines[0] == "add table ip docker-bridges"
    table = "ip docker-bridges"
    for line in (
        f"add map {table} nat-postrouting-in-jumps {{ type ifname : verdict; }}",
        f"add chain {table} filter-FORWARD {{ type filter hook forward priority 0; policy accept; }}",
        f"add rule {table} filter-FORWARD oifname vmap @filter-forward-in-jumps",
        f"add rule {table} nat-OUTPUT ip daddr != 127.0.0.0/8 fib daddr type local counter jump "
        "nat-prerouting-and-output",
        f'add rule {table} filter-forward-in__docker0 iifname "docker0" counter accept comment "ICC"',
        f'add element {table} filter-forward-in-jumps {{ "docker0" : jump filter-forward-in__docker0 }}',
        f'add rule {table} raw-PREROUTING ip daddr 172.17.0.2 iifname != "docker0" counter drop '
        'comment "DROP DIRECT ACCESS"',
    ):
        assert line in lines
    assert not any("handle" in line for line in lines)


def test_a_second_time_adds_no_common_rule_and_replaces_our_guards_alone() -> None:
    found = [
        {"table": {"name": "docker-bridges"}},
        rule(1, "filter-FORWARD"),
        rule(2, "nat-POSTROUTING"),
        rule(3, "nat-PREROUTING"),
        rule(4, "nat-OUTPUT"),
        rule(11, "raw-PREROUTING", "172.17.0.9", "docker0"),
        rule(12, "raw-PREROUTING", "172.18.0.9", "br-other"),
        rule(13, "raw-PREROUTING", "lo", "127.0.0.1", 9000),
        rule(14, "raw-PREROUTING", "172.18.0.9", {"set": ["br-other", "eth0"]}),
    ]
    lines = firewall.set_up(plan(), [GUARD], found).splitlines()
    added = [line.split()[4] for line in lines if line.startswith("add rule")]
    assert {name for name in added if "__docker0" not in name} == {"raw-PREROUTING"}
    assert [line for line in lines if "delete" in line] == ["delete rule ip docker-bridges raw-PREROUTING handle 11"]
    assert {line.split()[-1] for line in lines if line.startswith("flush")} == {chain.name for chain in plan().chains}


def test_delete_guard() -> None:
    found = [
        {"chain": {"name": "raw-PREROUTING"}},
        rule(1, "raw-PREROUTING", "172.17.0.2", "docker0"),
        rule(2, "raw-PREROUTING", "172.17.0.2", "br-other"),
        rule(3, "raw-PREROUTING", "172.17.0.20", "docker0"),
        rule(4, "raw-PREROUTING", "172.17.0.2", "docker0"),
    ]
    assert firewall.delete_guard(GUARD, found).splitlines() == [
        "delete rule ip docker-bridges raw-PREROUTING handle 1",
        "delete rule ip docker-bridges raw-PREROUTING handle 4",
    ]
    assert firewall.delete_guard(GUARD, []) == ""


def test_the_bridge_of_the_plan_is_the_network_s() -> None:
    assert plan().bridge == BRIDGE
