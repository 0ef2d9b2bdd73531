"""The resolver of one sandbox: its two sockets, the questions that come in, the answers that go out.

Own answers go out at once; a question for others is a task until its answer is there. A connection is bound in
number and in time, so a container can make the process hold no more than that.
"""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from typing import Any, Final

import dns.message
import dns.rcode

from wherry.names.answers import answer, cut, name_of, read_query, refuse_unread, reply, room
from wherry.names.forward import Forwarder, Opener, receive_framed, send_framed
from wherry.names.index import View
from wherry.names.zones import Sandbox, upstreams

BATCH: Final = 32
"""Packets that are read before other sandboxes have their turn."""
QUERY: Final = 4096
"""Most bytes of a query over UDP; more is cut, and refused."""
CONNECTIONS: Final = 64
IDLE_SECONDS: Final = 8.0
"""How long a connection may say nothing, and how long a client may take to read."""


class Resolver:
    """Serves the two listening sockets of a sandbox, which it owns."""

    def __init__(self, udp: socket.socket, tcp: socket.socket, open_socket: Opener) -> None:
        """Take the sockets; nothing is read before `tell`."""
        self._udp, self._tcp = udp, tcp
        self._loop = asyncio.get_running_loop()
        self._forward = Forwarder(open_socket)
        self._dotless_stays = False
        self._view: View | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        for sock in (udp, tcp):
            sock.setblocking(False)

    @property
    def sockets(self) -> tuple[int, int]:
        """Descriptors of the UDP and the TCP socket."""
        return self._udp.fileno(), self._tcp.fileno()

    def tell(self, sandbox: Sandbox, view: View) -> None:
        """Answer by this from now on."""
        self._forward.servers = upstreams(sandbox)
        self._dotless_stays = sandbox.dotless_stays
        self._view = view
        self._loop.add_reader(self._udp, self._read_packets)
        self._loop.add_reader(self._tcp, self._accept)

    def close(self) -> None:
        """Close both sockets and drop what is under way; twice is fine."""
        for sock in (self._udp, self._tcp):
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock)
                sock.close()
        for task in self._tasks:
            task.cancel()

    def _read_packets(self) -> None:
        for _ in range(BATCH):
            try:
                wire, client = self._udp.recvfrom(QUERY)
            except OSError:  # nothing is left, or the kernel tells of a client that is gone
                return
            self._take(wire, client)

    def _take(self, wire: bytes, client: Any) -> None:
        query = read_query(wire)
        if isinstance(query, dns.message.Message):
            own = self._answer(query, stream=False)
            if own is None:
                self._spawn(self._forward_packet(wire, query, client))
            else:
                self._send(own, client)
        elif query is not None:
            self._send(refuse_unread(wire, query), client)

    def _answer(self, query: dns.message.Message, stream: bool) -> bytes | None:
        """Return the sandbox's own answer, None when the question goes to its servers."""
        assert self._view is not None  # nothing is read before `tell`
        own = answer(query, self._view)
        if own is None and self._dotless_stays and "." not in name_of(query):
            own = reply(query, query.question[0].rdtype, ())
        return None if own is None else own.to_wire(max_size=room(query, stream), prefer_truncation=True)

    async def _forward_packet(self, wire: bytes, query: dns.message.Message, client: Any) -> None:
        got = await self._forward(wire, query, stream=False)
        self._send(cut(got, query, room(query, stream=False)), client)

    def _send(self, wire: bytes, client: Any) -> None:
        with contextlib.suppress(OSError):  # as any packet may be lost, it asks again
            self._udp.sendto(wire, client)

    def _accept(self) -> None:
        try:
            sock, _ = self._tcp.accept()
        except OSError:
            return
        if self._connections >= CONNECTIONS:
            sock.close()
            return
        self._connections += 1
        self._spawn(self._serve(sock))

    async def _serve(self, sock: socket.socket) -> None:
        """Answer one question after the other until the client closes or is silent for too long."""
        try:
            sock.setblocking(False)
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    wire = await receive_framed(sock)
                answered = await self._answer_stream(wire)
                if answered is None:
                    return
                async with asyncio.timeout(IDLE_SECONDS):
                    await send_framed(sock, answered)
        except (OSError, EOFError):  # TimeoutError is one, too
            return
        finally:
            self._connections -= 1
            sock.close()

    async def _answer_stream(self, wire: bytes) -> bytes | None:
        query = read_query(wire)
        if isinstance(query, dns.message.Message):
            own = self._answer(query, stream=True)
            return own if own is not None else await self._forward(wire, query, stream=True)
        return None if query is None else refuse_unread(wire, query)

    def _spawn(self, flow: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(flow)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
