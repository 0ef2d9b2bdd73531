from typing import Any

from tests.unit.network_fakes import BRIDGE, NETWORK
from wherry.network import firewall
from wherry.network.drivers.bridge import DRIVER
from wherry.network.plan import ANY, Guard, NetworkPlan
from wherry.state.record import PortMapping

GUARD = Guard("172.17.0.2", "docker0")
PUBLISHED = Guard(
    "172.17.0.2",
    "docker0",
    tuple(
        PortMapping(host_ip=address, host_port=port, container_port=inside, protocol=protocol)
        for address, port, inside, protocol in (
            (ANY, 8080, 80, "tcp"),
            ("127.0.0.1", 8081, 80, "tcp"),
            (ANY, 5353, 53, "udp"),
        )
    ),
)


def plan() -> NetworkPlan:
    made = DRIVER.plan_network(NETWORK)
    assert made is not None
    return made


def rule(handle: int, chain: str, *values: object) -> dict[str, Any]:
    matches = [{"match": {"op": "==", "left": {}, "right": value}} for value in values]
    return {"rule": {"chain": chain, "handle": handle, "expr": [*matches, {"drop": None}]}}


def jump(handle: int, chain: str, target: str) -> dict[str, Any]:
    return {"rule": {"chain": chain, "handle": handle, "expr": [{"counter": {}}, {"jump": {"target": target}}]}}


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
        rule(15, "raw-PREROUTING", "docker0", {"prefix": {"addr": "127.0.0.0", "len": 8}}),
        jump(16, "nat-prerouting-and-output", "nat-prerouting-and-output__docker0"),
        jump(17, "nat-prerouting-and-output", "nat-prerouting-and-output__br-other"),
        jump(18, "nat-OUTPUT", "nat-prerouting-and-output__docker0"),
        jump(19, "nat-OUTPUT", "nat-prerouting-and-output"),
    ]
    lines = firewall.set_up(plan(), [GUARD], found).splitlines()
    added = [line.split()[4] for line in lines if line.startswith("add rule")]
    shared = [name for name in added if "__docker0" not in name]
    assert shared == ["nat-prerouting-and-output", "nat-OUTPUT", *["raw-PREROUTING"] * 3]
    assert [line for line in lines if "delete" in line] == [
        "delete rule ip docker-bridges raw-PREROUTING handle 11",
        "delete rule ip docker-bridges raw-PREROUTING handle 15",
        "delete rule ip docker-bridges nat-prerouting-and-output handle 16",
        "delete rule ip docker-bridges nat-OUTPUT handle 18",
    ]
    assert {line.split()[-1] for line in lines if line.startswith("flush")} == {chain.name for chain in plan().chains}


def test_what_a_chain_jumps_to_is_there_before() -> None:
    lines = firewall.set_up(plan(), [], []).splitlines()
    made = {line.split()[4]: at for at, line in enumerate(lines) if line.startswith("add chain")}
    jumps = [(line.split(" jump ")[1].split()[0], at) for at, line in enumerate(lines) if " jump " in line]
    assert len(jumps) == 9
    assert all(made[target] < at for target, at in jumps)


def test_published_ports() -> None:
    assert firewall.add_guard(PUBLISHED).splitlines()[1:] == [
        "add rule ip docker-bridges filter-forward-ports__docker0 ip daddr 172.17.0.2 tcp dport 80 counter accept",
        "add rule ip docker-bridges filter-forward-ports__docker0 ip daddr 172.17.0.2 udp dport 53 counter accept",
        "add rule ip docker-bridges nat-prerouting-and-output__docker0 tcp dport 8080 counter dnat to 172.17.0.2:80 "
        'comment "DNAT"',
        "add rule ip docker-bridges nat-prerouting-and-output__docker0 ip daddr 127.0.0.1 tcp dport 8081 counter "
        'dnat to 172.17.0.2:80 comment "DNAT"',
        "add rule ip docker-bridges nat-prerouting-and-output__docker0 udp dport 5353 counter dnat to 172.17.0.2:53 "
        'comment "DNAT"',
    ]


def test_delete_published_ports() -> None:
    def dnat(handle: int, chain: str, address: str) -> dict[str, Any]:
        return {"rule": {"chain": chain, "handle": handle, "expr": [{"dnat": {"addr": address, "port": 80}}]}}

    found = [
        rule(1, "filter-forward-ports__docker0", "172.17.0.2", 80),
        rule(2, "filter-forward-ports__docker0", "172.17.0.20", 80),
        rule(3, "filter-forward-ports__br-other", "172.17.0.2", 80),
        dnat(4, "nat-prerouting-and-output__docker0", "172.17.0.2"),
        dnat(5, "nat-prerouting-and-output__docker0", "172.17.0.22"),
        dnat(6, "nat-prerouting-and-output", "172.17.0.2"),
    ]
    assert firewall.delete_guard(PUBLISHED, found).splitlines() == [
        "delete rule ip docker-bridges filter-forward-ports__docker0 handle 1",
        "delete rule ip docker-bridges nat-prerouting-and-output__docker0 handle 4",
    ]


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


def test_tear_down() -> None:
    found = [
        {"table": {"name": "docker-bridges"}},
        {"map": {"name": "filter-forward-in-jumps", "elem": [["docker0", {"jump": {}}], ["br-other", {"jump": {}}]]}},
        {"map": {"name": "filter-forward-out-jumps"}},
        {"chain": {"name": "filter-forward-in__docker0"}},
        {"chain": {"name": "filter-forward-in__br-other"}},
        {"chain": {"name": "raw-PREROUTING"}},
        rule(1, "raw-PREROUTING", "172.17.0.2", "docker0"),
        jump(2, "nat-OUTPUT", "nat-prerouting-and-output__docker0"),
    ]
    assert firewall.tear_down("docker0", found).splitlines() == [
        "delete rule ip docker-bridges raw-PREROUTING handle 1",
        "delete rule ip docker-bridges nat-OUTPUT handle 2",
        'delete element ip docker-bridges filter-forward-in-jumps { "docker0" }',
        "flush chain ip docker-bridges filter-forward-in__docker0",
        "delete chain ip docker-bridges filter-forward-in__docker0",
    ]
    assert firewall.tear_down("docker0", []) == ""
