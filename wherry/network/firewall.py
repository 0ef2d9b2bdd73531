"""The packet filter's objects in Docker's names, and the commands that bring them about (network.md 18). Pure text.

The table is shared: other engines of this machine keep chains, map elements and rules of their own bridges in it. So
what is common is added and never replaced, and what is replaced or deleted bears the name of our bridge.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wherry.network.plan import Guard, NetworkPlan

Listing = Iterable[Mapping[str, Any]]
"""Objects as libnftables-json(5) lists them."""

TABLE = "ip docker-bridges"
GUARDS = "raw-PREROUTING"
MAPS = ("filter-forward-in-jumps", "filter-forward-out-jumps", "nat-postrouting-in-jumps", "nat-postrouting-out-jumps")

_LOCAL = "fib daddr type local counter jump nat-prerouting-and-output"
_COMMON: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "nat-prerouting-and-output": ("", ()),
    "filter-FORWARD": (
        "type filter hook forward priority 0; policy accept;",
        ("oifname vmap @filter-forward-in-jumps", "iifname vmap @filter-forward-out-jumps"),
    ),
    "nat-POSTROUTING": (
        "type nat hook postrouting priority 100; policy accept;",
        ("iifname vmap @nat-postrouting-out-jumps", "oifname vmap @nat-postrouting-in-jumps"),
    ),
    "nat-PREROUTING": ("type nat hook prerouting priority -100; policy accept;", (_LOCAL,)),
    "nat-OUTPUT": ("type nat hook output priority -100; policy accept;", (f"ip daddr != 127.0.0.0/8 {_LOCAL}",)),
    GUARDS: ("type filter hook prerouting priority -300; policy accept;", ()),
}
"""Chains of all bridges: where each hooks in, and its rules, which name only chains before it."""


def set_up(plan: NetworkPlan, guards: Iterable[Guard], found: Listing) -> str:
    """Return the commands for one network and its guards, given what the table holds now (empty: no table)."""
    bridge = plan.bridge.name
    stale = _delete_rules(rule for rule, values in _guards(found) if values[1:] == [bridge])
    return "\n".join([*_common(found), *_own(plan), *stale, *(add_guard(guard) for guard in guards)])


def add_guard(guard: Guard) -> str:
    """Return the command that adds a guard."""
    match = f'ip daddr {guard.address} iifname != "{guard.bridge}"'
    return f'add rule {TABLE} {GUARDS} {match} counter drop comment "DROP DIRECT ACCESS"'


def delete_guard(guard: Guard, found: Listing) -> str:
    """Return the commands that delete a guard as often as it is listed; empty when it is not."""
    wanted = [guard.address, guard.bridge]
    return "\n".join(_delete_rules(rule for rule, values in _guards(found) if values == wanted))


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
        yield f'add element {TABLE} {chain.jumps} {{ "{plan.bridge.name}" : jump {chain.name} }}'


def _guards(found: Listing) -> Iterator[tuple[Mapping[str, Any], list[Any]]]:
    """Yield the rules of the guards' chain, each with the values it compares with: a guard's address and bridge."""
    for item in found:
        rule = item.get("rule", {})
        if rule.get("chain") == GUARDS:
            yield rule, [part["match"]["right"] for part in rule["expr"] if "match" in part]


def _delete_rules(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (f"delete rule {TABLE} {GUARDS} handle {rule['handle']}" for rule in rules)
