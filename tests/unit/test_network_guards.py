"""Guards that come and go together, on a packet filter that only keeps what it is told."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest

from wherry.base.errors import System
from wherry.host.nft import Nft
from wherry.network.firewall import GUARDS, TABLE
from wherry.network.guards import Firewall
from wherry.network.plan import Guard
from wherry.state.record import PortMapping

ADD = re.compile(rf'add rule {TABLE} {GUARDS} ip daddr (\S+) iifname != "(\S+)" .*')
DELETE = re.compile(rf"delete rule {TABLE} {GUARDS} handle (\d+)")


class FakeNft:
    """Rules by handle; a guard of `bad` is refused, and with it its transaction."""

    def __init__(self, bad: str = "") -> None:
        self.rules: dict[int, tuple[str, str]] = {}
        self.transactions: list[str] = []
        self.listings = 0
        self.number = 7
        self.hold, self.held = threading.Event(), threading.Event()
        self.hold.set()
        self._bad = bad
        self._handle = 0
        self.forgotten: list[set[int]] = []

    def forget_udp(self, ports: set[int]) -> None:
        self.forgotten.append(ports)
        if 9 in ports:
            raise OSError(105, "No buffer space available")

    def generation(self) -> int:
        return self.number

    def run(self, commands: str) -> None:
        self.add_rules(commands)

    def add_rules(self, commands: str) -> list[dict[str, Any]]:
        self.held.set()
        assert self.hold.wait(10)
        self.transactions.append(commands)
        rules, added = dict(self.rules), []
        for line in commands.splitlines():
            if found := ADD.match(line):
                if found[1] == self._bad:
                    raise System(f"apply firewall rules: {line}")
                self._handle += 1
                rules[self._handle] = (found[1], found[2])
                added.append({"chain": GUARDS, "handle": self._handle})
            elif (found := DELETE.match(line)) and rules.pop(int(found[1]), None) is None:
                raise System("apply firewall rules: No such file or directory")
        self.rules = rules
        self.number += 1
        return added

    def list_json(self, command: str) -> list[dict[str, Any]]:
        if command.startswith("list tables"):
            return [{"table": {"name": "docker-bridges"}}]
        self.listings += 1
        return [
            {"rule": {"chain": GUARDS, "handle": n, "expr": [{"match": {"right": value}} for value in values]}}
            for n, values in self.rules.items()
        ]


def guard(number: int) -> Guard:
    return Guard(f"172.17.0.{number}", "docker0", ())


def firewall(nft: FakeNft) -> Firewall:
    return Firewall(cast(Nft, nft))


def addresses(nft: FakeNft) -> list[str]:
    return [address for address, _ in nft.rules.values()]


def test_a_guard_is_deleted_by_the_handle_it_was_made_with() -> None:
    nft = FakeNft()
    rules = firewall(nft)
    for number in (2, 3, 4):
        rules.guard(guard(number))
    rules.unguard(guard(3))
    assert (addresses(nft), nft.listings) == (["172.17.0.2", "172.17.0.4"], 0)
    rules.unguard(guard(3))
    assert (len(nft.transactions), nft.listings) == (4, 1), "what is not known is looked for, and is not there"


@pytest.mark.parametrize("flushed", [False, True])
def test_after_somebody_else_s_transaction_the_rules_are_listed(flushed: bool) -> None:
    nft = FakeNft()
    rules = firewall(nft)
    rules.guard(guard(2))
    if flushed:
        nft.rules = {1: ("10.0.0.1", "other0")}  # a new table counts its handles anew
    nft.number += 1
    rules.unguard(guard(2))
    assert nft.listings == 1
    assert addresses(nft) == (["10.0.0.1"] if flushed else [])
    rules.guard(guard(3))
    rules.unguard(guard(3))
    assert nft.listings == 1, "from its own next transaction on it knows again"


def together(nft: FakeNft, calls: list[Callable[[], None]], rules: Firewall) -> list[Future[None]]:
    """Bring all while a transaction is under way."""
    nft.hold.clear()
    nft.held.clear()
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        first = pool.submit(rules.guard, guard(100))
        assert nft.held.wait(10)
        flows = [pool.submit(call) for call in calls]
        while len(rules._waiting) < len(calls):
            threading.Event().wait(0.001)
        nft.hold.set()
    first.result()
    return flows


def test_who_comes_while_a_transaction_is_under_way_shares_the_next() -> None:
    nft = FakeNft()
    rules = firewall(nft)
    rules.guard(guard(50))
    calls: list[Callable[[], None]] = [lambda n=n: rules.guard(guard(n)) for n in range(1, 7)]  # type: ignore[misc]
    flows = together(nft, [*calls, lambda: rules.unguard(guard(50))], rules)
    assert [flow.result() for flow in flows] == [None] * 7
    assert len(nft.transactions) == 3
    assert sorted(addresses(nft)) == sorted(["172.17.0.100", *(f"172.17.0.{n}" for n in range(1, 7))])
    for n in range(1, 7):
        rules.unguard(guard(n))
    assert (addresses(nft), nft.listings) == (["172.17.0.100"], 0)


def test_a_shared_transaction_fails_for_those_alone_whose_fault_it_is() -> None:
    nft = FakeNft(bad="172.17.0.2")
    rules = firewall(nft)
    calls: list[Callable[[], None]] = [lambda n=n: rules.guard(guard(n)) for n in (1, 2, 3)]  # type: ignore[misc]
    flows = together(nft, calls, rules)
    assert [flow.exception() is None for flow in flows] == [True, False, True]
    assert sorted(addresses(nft)) == ["172.17.0.1", "172.17.0.100", "172.17.0.3"]
    rules.unguard(guard(3))
    assert "172.17.0.3" not in addresses(nft)


def test_without_a_packet_filter_nothing_is_done() -> None:
    rules = Firewall(None)
    rules.guard(guard(2))
    rules.unguard(guard(2))


def port(number: int, protocol: str) -> PortMapping:
    return PortMapping(host_ip="0.0.0.0", host_port=number, container_port=1, protocol=protocol)


def test_flows_to_udp_ports_are_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    nft = FakeNft()
    firewall = Firewall(cast(Nft, nft))
    firewall.forget_flows([port(8080, "tcp")])
    assert nft.forgotten == []
    firewall.forget_flows([port(5353, "udp"), port(8080, "tcp")])
    assert nft.forgotten == [{5353}]
    firewall.forget_flows([port(9, "udp")])
    assert "go on as before: [Errno 105] No buffer space available" in caplog.text
    Firewall(None).forget_flows([port(5353, "udp")])
