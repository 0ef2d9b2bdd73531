"""The packet filter's side of plans. Blocks; System in nft's words.

Containers that come and go together share a transaction: the first one in does what the others bring who wait for it.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from wherry.base.errors import EngineError, System
from wherry.host.nft import Nft
from wherry.network import firewall
from wherry.network.plan import Guard, NetworkPlan
from wherry.state.record import PortMapping

log = logging.getLogger("wherry.network")

Place = tuple[str, str]
"""Address and bridge of a guard."""


@dataclass(frozen=True, slots=True)
class _Change:
    guard: Guard
    adds: bool
    done: Future[None] = field(default_factory=Future)


class Firewall:
    """The rules of our bridges; without a packet filter nothing is done.

    A rule is deleted by its handle. Those of guards are remembered while no transaction of somebody else's comes in
    between, which the ruleset's number tells; else they are listed, which takes the longer the more containers run.
    """

    def __init__(self, nft: Nft | None) -> None:
        """Take the packet filter."""
        self._nft = nft
        self._turn = threading.Lock()
        """Held from a look at the rules until what it decided is done."""
        self._waiting: deque[_Change] = deque()
        self._handles: dict[Place, list[tuple[str, int]]] = {}
        self._generation = -1

    def protect(self, plan: NetworkPlan, guards: Iterable[Guard]) -> None:
        """Bring a network's rules about in one transaction, whatever is there of them; System with a remedy."""
        if self._nft is None:
            return
        try:
            with self._turn:
                self._nft.run(firewall.set_up(plan, guards, _listing(self._nft)))
        except System as error:
            raise System(f"{error}: see if `nft list ruleset` works, or start with --iptables=false") from error

    def forget(self, bridge: str) -> None:
        """Delete all rules of a bridge; none is fine."""
        if self._nft is None:
            return
        with self._turn:
            commands = firewall.tear_down(bridge, _listing(self._nft))
            if commands:
                self._nft.run(commands)

    def guard(self, guard: Guard) -> None:
        """Add the guard of an address."""
        self._change(_Change(guard, adds=True))

    def unguard(self, guard: Guard) -> None:
        """Delete the guard of an address; not there is fine."""
        self._change(_Change(guard, adds=False))

    def forget_flows(self, ports: Iterable[PortMapping]) -> None:
        """Let UDP flows to published ports meet the rules of now: what is known of one holds while it goes on."""
        udp = {port.host_port for port in ports if port.protocol == "udp"}
        if self._nft is None or not udp:
            return
        try:
            self._nft.forget_udp(udp)
        except OSError as error:
            log.warning("flows to published ports go on as before: %s", error)

    def _change(self, change: _Change) -> None:
        if self._nft is None:
            return
        self._waiting.append(change)
        with self._turn:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if batch:
                self._apply(self._nft, batch)
        change.done.result()

    def _apply(self, nft: Nft, batch: Sequence[_Change]) -> None:
        """Do all at once; if that fails one by one, so that it fails for those alone whose fault it is."""
        try:
            self._commit(nft, batch)
        except EngineError:
            self._handles.clear()
            for change in batch:
                self._apply_alone(nft, change)
            return
        except BaseException as error:
            for change in batch:
                change.done.set_exception(error)
            raise
        for change in batch:
            change.done.set_result(None)

    def _apply_alone(self, nft: Nft, change: _Change) -> None:
        try:
            self._commit(nft, [change])
        except BaseException as error:  # noqa: BLE001 - raised by the thread that brought it
            change.done.set_exception(error)
        else:
            change.done.set_result(None)

    def _commit(self, nft: Nft, changes: Sequence[_Change]) -> None:
        before = nft.generation()
        if before != self._generation:
            self._handles.clear()
        parts = [firewall.add_guard(each.guard) if each.adds else self._delete(nft, each.guard) for each in changes]
        commands = "\n".join(filter(None, parts))
        if not commands:
            return
        if new := [each.guard for each in changes if each.adds]:
            self._remember(new, nft.add_rules(commands))
        else:
            nft.run(commands)
        self._generation = before + 1 if nft.generation() == before + 1 else -1

    def _delete(self, nft: Nft, guard: Guard) -> str:
        known = self._handles.pop(_place(guard), None)
        if known is not None:
            return firewall.delete_rules(known)
        return firewall.delete_guard(guard, _listing(nft, "" if guard.ports else firewall.GUARDS))

    def _remember(self, guards: Sequence[Guard], added: Sequence[dict[str, Any]]) -> None:
        rules = iter(added)
        for guard in guards:
            own = islice(rules, len(firewall.add_guard(guard).splitlines()))
            made = [(rule["chain"], rule["handle"]) for rule in own]
            self._handles.setdefault(_place(guard), []).extend(made)


def _place(guard: Guard) -> Place:
    return guard.address, guard.bridge


def _listing(nft: Nft, chain: str = "") -> list[dict[str, Any]]:
    """List our table, or one chain of it; empty when there is no such table."""
    family, name = firewall.TABLE.split()
    if not any(item["table"]["name"] == name for item in nft.list_json(f"list tables {family}")):
        return []
    return nft.list_json(f"list chain {firewall.TABLE} {chain}" if chain else f"list table {firewall.TABLE}")
