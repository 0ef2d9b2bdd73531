"""Published ports: what a container wishes for, and which host ports it gets (network.md 16).

The daemon holds each with a socket for as long as the container runs; the packet filter, which outlives the daemon,
does the work.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from socket import socket
from typing import Any

from wherry.base.errors import System, Unimplemented
from wherry.host.ports import hold_port, local_ports, reserved_ports
from wherry.model.container import PortBinding
from wherry.network.plan import ANY
from wherry.state.record import PortMapping

PROTOCOLS = ("tcp", "udp")
ATTEMPTS = 10
"""How many ports of a range are tried when other processes hold them."""

Bindings = Mapping[str, Sequence[PortBinding] | None]
Hold = Callable[[str, str, int], socket]

log = logging.getLogger("wherry.network")


@dataclass(frozen=True, slots=True, order=True)
class Wish:
    """One binding. The order is the one of allocation: fixed host ports first, so that no range takes them away."""

    ranged: bool
    container_port: int
    protocol: str
    first: int
    last: int
    """First and last host port that will do; both 0 for any that is free."""
    host_ip: str

    @property
    def ports(self) -> tuple[Any, ...]:
        """What bindings that must get the same host port have in common: all but the address."""
        return self.container_port, self.protocol, self.first, self.last


def wishes(bindings: Bindings, exposed: Collection[str], publish_all: bool, host_ip: str = ANY) -> list[Wish]:
    """Return the bindings of a container in the order of allocation; Unimplemented for a protocol that is not served.

    The keys are `port/protocol`, checked at create. `publish_all` adds the exposed ports without a binding. `host_ip`
    is where those are published that name no address.
    """
    asked = {key: list(values or ()) for key, values in bindings.items()}
    if publish_all:
        asked |= {key: [PortBinding()] for key in exposed if not asked.get(key)}
    return sorted({_wish(key, binding, host_ip) for key, values in asked.items() for binding in values})


def _wish(key: str, binding: PortBinding, host_ip: str) -> Wish:
    port, _, protocol = key.partition("/")
    if protocol not in PROTOCOLS:
        raise Unimplemented(f"publishing {key}: {protocol} is not supported by this engine yet")
    first, _, last = binding.host_port.partition("-")
    low, high = int(first or 0), int(last or first or 0)
    return Wish(low == 0 or low != high, int(port), protocol, low, high, binding.host_ip or host_ip)


@dataclass(slots=True)
class _Held:
    mapping: PortMapping
    socket: socket | None
    """None when another process has taken the port while the daemon was away."""


@dataclass(slots=True)
class HostPorts:
    """Who holds which host port. Everything here blocks, and may be called from several threads."""

    hold: Hold = hold_port
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: dict[str, list[_Held]] = field(default_factory=dict)
    _last: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """Host port that a range of an address has given last."""

    def take(self, owner: str, address: str, wished: Iterable[Wish]) -> tuple[PortMapping, ...]:
        """Take all host ports of a container, or none: System in Docker's words; `address` is the container's."""
        with self._lock:
            held = self._held[owner] = []
            try:
                for _, group in groupby(wished, key=lambda wish: wish.ports):
                    held += self._take_one(list(group), address)
            except BaseException:
                self._close(owner)
                raise
            return tuple(each.mapping for each in held)

    def restore(self, owner: str, mappings: Iterable[PortMapping]) -> None:
        """Hold again what a container that lives had before the daemon went; a port that is gone is warned of."""
        with self._lock:
            if owner not in self._held:
                self._held[owner] = [_Held(mapping, self._hold_again(mapping)) for mapping in mappings]

    def hand_over(self, owner: str, other: str) -> None:
        """Let another endpoint of the same container own the ports; none is fine."""
        with self._lock:
            held = self._held.pop(owner, None)
            if held is not None:
                self._held[other] = held

    def give_back(self, owner: str) -> None:
        """Let go of all ports of a container; none is fine."""
        with self._lock:
            self._close(owner)

    def _close(self, owner: str) -> None:
        _let_go(self._held.pop(owner, ()))

    def _hold_again(self, mapping: PortMapping) -> socket | None:
        try:
            return self.hold(mapping.protocol, mapping.host_ip, mapping.host_port)
        except OSError as error:
            where = f"{mapping.host_ip}:{mapping.host_port}/{mapping.protocol}"
            log.warning("published port %s is held by another process now: %s", where, error.strerror)
            return None

    def _take_one(self, group: list[Wish], address: str) -> list[_Held]:
        """Take one host port on every address of the group."""
        failure = System("all ports are allocated")
        for port in islice(self._candidates(group), ATTEMPTS):
            self._last[_range_of(group)] = port
            taken: list[_Held] = []
            try:
                for wish in group:
                    taken.append(_Held(_mapping(wish, port), self.hold(wish.protocol, wish.host_ip, port)))
                return taken
            except OSError as error:
                _let_go(taken)
                failure = System(_refusal(group[len(taken)], port, address, error))
        raise failure

    def _candidates(self, group: list[Wish]) -> Iterator[int]:
        """Yield the host ports that are nobody's of ours, from the one after the last; System when a fixed one is."""
        wish = group[0]
        if not wish.ranged:
            for holder in self._holders(group, wish.first):
                raise System(f"Bind for {holder}:{wish.first} failed: port is already allocated")
            yield wish.first
            return
        ports = range(wish.first, wish.last + 1) if wish.last else local_ports()
        skipped = frozenset[int]() if wish.last else reserved_ports()
        after = self._last.get(_range_of(group), ports[-1]) + 1 - ports.start
        for number in range(len(ports)):
            port = ports[(after + number) % len(ports)]
            if port not in skipped and not any(self._holders(group, port)):
                yield port

    def _holders(self, group: list[Wish], port: int) -> Iterator[str]:
        """Yield the addresses on which a container of ours holds the port and which those of the group would meet."""
        held = (each.mapping for mappings in self._held.values() for each in mappings)
        for mapping in held:
            if (mapping.protocol, mapping.host_port) == (group[0].protocol, port):
                for wish in group:
                    if ANY in (wish.host_ip, mapping.host_ip) or wish.host_ip == mapping.host_ip:
                        yield mapping.host_ip


def _let_go(held: Iterable[_Held]) -> None:
    for each in held:
        if each.socket is not None:
            each.socket.close()


def _range_of(group: list[Wish]) -> tuple[Any, ...]:
    return group[0].host_ip, group[0].protocol, group[0].first, group[0].last


def _mapping(wish: Wish, port: int) -> PortMapping:
    return PortMapping(host_ip=wish.host_ip, host_port=port, container_port=wish.container_port, protocol=wish.protocol)


def _refusal(wish: Wish, port: int, address: str, error: OSError) -> str:
    """Return Docker's words for a port that the kernel refuses."""
    ranged = wish.first != wish.last
    which, ports = (f" {port}", f"{wish.first}-{wish.last}") if ranged else ("", f"{wish.first or port}")
    where = f"{wish.host_ip}:{ports}:{address}:{wish.container_port}/{wish.protocol}"
    return f"failed to bind host port{which} for {where}: {(error.strerror or str(error)).lower()}"
