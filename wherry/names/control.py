"""The process's talk with the daemon: one connection at a time, an answer to each order, nothing of its own accord.

Orders are JSON with `order` and `seq`; the answer has the same `seq`, and `error` with `text` when it failed:

    open    sandbox … (+ UDP and TCP socket)   serve a sandbox; without sockets, tell a served one anew
    close   sandbox                            forget it
    lend    sandbox                            answers copies of its sockets, for a process that comes after this one
    zone    network, and a file with the zone  know a network's names; without a file, forget them

The first connection comes with the start, later ones through the listening socket; a new one takes the place of the
old, because only one daemon can hold the engine's lock. Without a daemon and without a sandbox the process ends.
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Any, Final

from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, System
from wherry.host import packets
from wherry.host.packets import Message
from wherry.names.forward import opener
from wherry.names.index import Index, View
from wherry.names.resolver import Resolver
from wherry.names.zones import PROTOCOL, decode_sandbox, decode_zone

SANDBOXES: Final = 4096
"""Most sandboxes: the greeting names them all in one message."""
GREETED: Final = 512
"""Most networks that it names, too; a network more is only kept for longer than it is needed."""
ZONE_BYTES: Final = 16 * 1024 * 1024

Answer = tuple[Message, list[int]]


class Orders:
    """Carries out orders on the resolvers of all sandboxes."""

    def __init__(self) -> None:
        """Begin with no sandbox."""
        self._resolvers: dict[str, Resolver] = {}
        self._indexes: dict[str, Index] = {}

    @property
    def sandboxes(self) -> list[str]:
        """The names of the sandboxes that are served."""
        return list(self._resolvers)

    @property
    def networks(self) -> list[str]:
        """The networks whose names are known."""
        return list(self._indexes)

    def __call__(self, order: Message, fds: list[int]) -> Answer:
        """Carry out one order; owns `fds`, the answer's descriptors stay its own. Raises kinds, OSError, ValueError."""
        do: Callable[[Message, list[int]], Answer] | None = {
            "open": self._open,
            "close": self._close,
            "lend": self._lend,
            "zone": self._zone,
        }.get(order["order"])
        try:
            if do is None:
                raise NotFound(f"protocol {PROTOCOL} of names has no order {order['order']!r}")
            return do(order, fds)
        finally:
            packets.close_all(fds)

    def _open(self, order: Message, fds: list[int]) -> Answer:
        sandbox = decode_sandbox(order["sandbox"])
        if len(fds) == 2:
            self._serve(sandbox.name, fds)
        elif sandbox.name not in self._resolvers:
            raise Conflict(f"sandbox {sandbox.name} has no sockets here")
        self._resolvers[sandbox.name].tell(sandbox, View(sandbox, self._indexes))
        return {}, []

    def _serve(self, name: str, fds: list[int]) -> None:
        if name not in self._resolvers and len(self._resolvers) >= SANDBOXES:
            raise Conflict(f"names serves {SANDBOXES} sandboxes, which is the most it can")
        udp, tcp = (socket.socket(fileno=fds.pop(0)) for _ in range(2))
        self._drop(name)
        self._resolvers[name] = Resolver(udp, tcp, opener(udp.fileno()))

    def _close(self, order: Message, _: list[int]) -> Answer:
        self._drop(order["sandbox"])
        return {}, []

    def _lend(self, order: Message, _: list[int]) -> Answer:
        resolver = self._resolvers.get(order["sandbox"])
        if resolver is None:
            raise NotFound(f"sandbox {order['sandbox']} has no sockets here")
        return {}, list(resolver.sockets)

    def _zone(self, order: Message, fds: list[int]) -> Answer:
        network = order["network"]
        if fds:
            self._indexes[network] = Index(decode_zone(_read(fds[0])))
        else:
            self._indexes.pop(network, None)
        return {}, []

    def _drop(self, name: str) -> None:
        resolver = self._resolvers.pop(name, None)
        if resolver is not None:
            resolver.close()


def _read(fd: int) -> Any:
    data = os.pread(fd, ZONE_BYTES + 1, 0)
    if len(data) > ZONE_BYTES:
        raise InvalidParameter(f"a zone of more than {ZONE_BYTES} bytes")
    return json.loads(data)


class Control:
    """The process's end of the connection."""

    def __init__(self, server: socket.socket, first: socket.socket, orders: Orders) -> None:
        """Greet the daemon that started us, and listen for later ones on the bound socket."""
        self.over = asyncio.Event()
        """There is neither a daemon nor a sandbox any more."""
        self._orders = orders
        self._loop = asyncio.get_running_loop()
        self._server = server
        server.setblocking(False)
        server.listen()
        self._line: socket.socket | None = None
        self._loop.add_reader(server, self._accept)
        self._take(first)

    def _take(self, line: socket.socket) -> None:
        self._drop()
        line.setblocking(False)
        self._line = line
        self._loop.add_reader(line, self._receive, line)
        networks = self._orders.networks[:GREETED]
        greeting = {"features": [], "sandboxes": self._orders.sandboxes, "networks": networks}
        self._send({"protocol": PROTOCOL, **greeting}, [])

    def _accept(self) -> None:
        try:
            line, _ = self._server.accept()
        except OSError:
            return
        self._take(line)

    def _receive(self, line: socket.socket) -> None:
        try:
            got = packets.receive(line)
        except BlockingIOError:
            return
        except System:
            got = None
        if got is None:
            self._drop()
            if not self._orders.sandboxes:
                self.over.set()
            return
        order, fds = got
        try:
            answer, given = self._orders(order, fds)
        except (EngineError, OSError) as error:
            answer, given = packets.failure(error, f"names: {order.get('order')}"), []
        except (ValueError, TypeError, KeyError) as error:
            answer, given = packets.failure(System(f"names: {order.get('order')}: {error!r}"), ""), []
        self._send({"seq": order.get("seq"), **answer}, given)

    def _send(self, message: Message, fds: list[int]) -> None:
        """Send; a daemon that does not read its answers is as good as gone."""
        if self._line is None:
            return
        try:
            packets.send(self._line, message, fds)
        except OSError:
            self._drop()

    def _drop(self) -> None:
        if self._line is not None:
            self._loop.remove_reader(self._line)
            self._line.close()
            self._line = None
