"""The packet filter's objects in Docker's names, and the commands that bring them about (network.md 18). Pure text.

The table is shared: other engines of this machine keep chains, map elements and rules of their own bridges in it. So
what is common is added and never replaced, and what is replaced or deleted bears the name of our bridge.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wherry.network.plan import ANY, Guard, NetworkPlan

Listing = Iterable[Mapping[str, Any]]
"""Objects as libnftables-json(5) lists them."""
Rule = Mapping[str, Any]

TABLE = "ip docker-bridges"
GUARDS = "raw-PREROUTING"
MAPS = ("filter-forward-in-jumps", "filter-forward-out-jumps", "nat-postrouting-in-jumps", "nat-postrouting-out-jumps")

PUBLISHED, TRANSLATED = "filter-forward-ports", "nat-prerouting-and-output"
"""Of each bridge a chain begins with these and holds its published ports: what may pass, and where it is sent."""
LOOPBACK = "127.0.0.0/8"

_LOCAL = "fib daddr type local counter jump nat-prerouting-and-output"
_COMMON: Mapping[str, tuple[str, tuple[str, ...]]] = {
    TRANSLATED: ("", ()),
    "filter-FORWARD": (
        "type filter hook forward priority 0; policy accept;",
        ("oifname vmap @filter-forward-in-jumps", "iifname vmap @filter-forward-out-jumps"),
    ),
    "nat-POSTROUTING": (
        "type nat hook postrouting priority 100; policy accept;",
        ("iifname vmap @nat-postrouting-out-jumps", "oifname vmap @nat-postrouting-in-jumps"),
    ),
    "nat-PREROUTING": ("type nat hook prerouting priority -100; policy accept;", (_LOCAL,)),
    "nat-OUTPUT": ("type nat hook output priority -100; policy accept;", (f"ip daddr != {LOOPBACK} {_LOCAL}",)),
    GUARDS: ("type filter hook prerouting priority -300; policy accept;", ()),
}
"""Chains of all bridges: where each hooks in, and its rules, which name only chains before it."""


def set_up(plan: NetworkPlan, guards: Iterable[Guard], found: Listing) -> str:
    """Return the commands for one network and its guards, given what the table holds now (empty: no table)."""
    stale = _delete_rules(rule for rule in _rules(found) if _is_of(plan.bridge.name, rule))
    added = (add_guard(guard) for guard in guards)
    return "\n".join([*_common(found), *_own(plan), *stale, *_loopback(plan.bridge.name), *added])


def tear_down(bridge: str, found: Listing) -> str:
    """Return the commands that delete all that is about one bridge; empty when nothing is."""
    chains = [item["chain"]["name"] for item in found if "chain" in item]
    own = [name for name in chains if name.endswith(f"__{bridge}")]
    maps = [item["map"] for item in found if "map" in item]
    jumps = [table["name"] for table in maps if any(element[0] == bridge for element in table.get("elem", ()))]
    return "\n".join(
        [
            *_delete_rules(rule for rule in _rules(found) if _is_of(bridge, rule)),
            *(f'delete element {TABLE} {name} {{ "{bridge}" }}' for name in jumps),
            *(f"flush chain {TABLE} {name}" for name in own),
            *(f"delete chain {TABLE} {name}" for name in own),
        ]
    )


def add_guard(guard: Guard) -> str:
    """Return the commands that add a guard."""
    match = f'ip daddr {guard.address} iifname != "{guard.bridge}"'
    drop = f'add rule {TABLE} {GUARDS} {match} counter drop comment "DROP DIRECT ACCESS"'
    return "\n".join([drop, *_publish(guard)])


def delete_guard(guard: Guard, found: Listing) -> str:
    """Return the commands that delete a guard as often as it is listed; empty when it is not."""
    wanted = [guard.address, guard.bridge]
    return "\n".join(
        _delete_rules(
            rule
            for rule in _rules(found)
            if (rule["chain"] == GUARDS and _values(rule) == wanted)
            or (rule["chain"] in _port_chains(guard.bridge) and _mentions(guard.address, rule))
        )
    )


def delete_rules(handles: Iterable[tuple[str, int]]) -> str:
    """Return the commands that delete rules by chain and handle."""
    return "\n".join(_deletion(chain, handle) for chain, handle in handles)


def _common(found: Listing) -> Iterator[str]:
    """Add what all bridges share; rules only to chains without any, since adding a rule twice makes two of it."""
    filled = {item["rule"]["chain"] for item in found if "rule" in item}
    yield f"add table {TABLE}"
    yield from (f"add map {TABLE} {name} {{ type ifname : verdict; }}" for name in MAPS)
    for name, (hook, rules) in _COMMON.items():
        yield f"add chain {TABLE} {name} {{ {hook} }}" if hook else f"add chain {TABLE} {name}"
        if rules and name not in filled:
            # Another engine may have filled it since it was listed.
            yield f"flush chain {TABLE} {name}"
            yield from (f"add rule {TABLE} {name} {rule}" for rule in rules)


def _own(plan: NetworkPlan) -> Iterator[str]:
    for chain in plan.chains:
        yield f"add chain {TABLE} {chain.name}"
        yield f"flush chain {TABLE} {chain.name}"
        yield from (f"add rule {TABLE} {chain.name} {rule}" for rule in chain.rules)
        if chain.jumps:
            yield f'add element {TABLE} {chain.jumps} {{ "{plan.bridge.name}" : jump {chain.name} }}'


def _loopback(bridge: str) -> Iterator[str]:
    """Lead to the ports of a bridge; this host's loopback to them alone, and nobody else to this host's loopback.

    Other engines may translate loopback by a process of theirs, so it never comes by the chain that all share. It is
    routed to the bridge for the sake of the ports (route_localnet), which a container must not make use of.
    """
    ports = f"{TRANSLATED}__{bridge}"
    yield f"add rule {TABLE} {TRANSLATED} ip daddr != {LOOPBACK} counter jump {ports}"
    yield f"add rule {TABLE} nat-OUTPUT ip daddr {LOOPBACK} fib daddr type local counter jump {ports}"
    for side in ("daddr", "saddr"):
        match = f'iifname "{bridge}" ip {side} {LOOPBACK}'
        yield f'add rule {TABLE} {GUARDS} {match} counter drop comment "DROP LOOPBACK FROM BRIDGE"'


def _publish(guard: Guard) -> Iterator[str]:
    passes, leads = _port_chains(guard.bridge)
    for protocol, number in dict.fromkeys((port.protocol, port.container_port) for port in guard.ports):
        yield f"add rule {TABLE} {passes} ip daddr {guard.address} {protocol} dport {number} counter accept"
    for port in guard.ports:
        where = "" if port.host_ip == ANY else f"ip daddr {port.host_ip} "
        match = f"{where}{port.protocol} dport {port.host_port}"
        yield f'add rule {TABLE} {leads} {match} counter dnat to {guard.address}:{port.container_port} comment "DNAT"'


def _port_chains(bridge: str) -> tuple[str, str]:
    return f"{PUBLISHED}__{bridge}", f"{TRANSLATED}__{bridge}"


def _rules(found: Listing) -> Iterator[Rule]:
    return (item["rule"] for item in found if "rule" in item)


def _is_of(bridge: str, rule: Rule) -> bool:
    """Tell whether a rule of a shared chain is about a bridge: its guards, and those of `_loopback`."""
    if rule["chain"] == GUARDS:
        values = _values(rule)
        return values[1:] == [bridge] or values[:1] == [bridge]
    jumps = [part["jump"]["target"] for part in rule["expr"] if "jump" in part]
    return rule["chain"] in (TRANSLATED, "nat-OUTPUT") and jumps == [f"{TRANSLATED}__{bridge}"]


def _values(rule: Rule) -> list[Any]:
    """Return what a rule compares with: of a guard the address and the bridge."""
    return [part["match"]["right"] for part in rule["expr"] if "match" in part]


def _mentions(address: str, rule: Rule) -> bool:
    return f'"{address}"' in json.dumps(rule["expr"])


def _delete_rules(rules: Iterable[Rule]) -> Iterator[str]:
    return (_deletion(rule["chain"], rule["handle"]) for rule in rules)


def _deletion(chain: str, handle: int) -> str:
    return f"delete rule {TABLE} {chain} handle {handle}"
