"""A name server on the loopback, and sockets of sandboxes that need no namespace."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import dns.message
import dns.rcode
import dns.rrset

from wherry.names.forward import receive_framed, send_framed
from wherry.names.zones import Server

SOON = 10.0
Answerer = Callable[[dns.message.Message], bytes | None]


def says(text: str) -> Answerer:
    """Answer every question with one address."""

    def answer(query: dns.message.Message) -> bytes:
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 5, "IN", "A", text))
        return reply.to_wire()

    return answer


def refuses(code: dns.rcode.Rcode) -> Answerer:
    """Answer every question with a code."""

    def answer(query: dns.message.Message) -> bytes:
        reply = dns.message.make_response(query)
        reply.set_rcode(code)
        return reply.to_wire()

    return answer


def silent(_: dns.message.Message) -> None:
    """Answer nothing."""


class Upstream:
    """Answers on one port of both protocols as it is told, and remembers what it was asked."""

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.asked: list[dns.message.Message] = []
        self.asked_one = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Upstream":
        self._udp, self._tcp = loopback_pair()
        for sock in (self._udp, self._tcp):
            sock.setblocking(False)
        self._start(self._serve_packets())
        self._start(self._serve_streams())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._udp.close()
        self._tcp.close()

    @property
    def server(self) -> Server:
        return Server("127.0.0.1", from_host=True, port=self._udp.getsockname()[1])

    def _start(self, flow: Any) -> None:
        self._tasks.add(asyncio.create_task(flow))

    def _take(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        self.asked.append(query)
        self.asked_one.set()
        return self.answer(query)

    async def _serve_packets(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            wire, client = await loop.sock_recvfrom(self._udp, 65535)
            answered = self._take(wire)
            if answered is not None:
                await loop.sock_sendto(self._udp, answered, client)

    async def _serve_streams(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._tcp)
            with sock:
                answered = self._take(await receive_framed(sock))
                if answered is not None:
                    await send_framed(sock, answered)


def loopback_pair() -> tuple[socket.socket, socket.socket]:
    """Return a UDP socket and a listening TCP one on the same free port."""
    while True:
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        return udp, tcp


async def ask(port: int, name: str, kind: str = "A", *, stream: bool = False, **options: Any) -> dns.message.Message:
    """Ask a resolver on the loopback."""
    query = dns.message.make_query(name, kind, **options)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        async with asyncio.timeout(SOON):
            await loop.sock_connect(sock, ("127.0.0.1", port))
            if stream:
                await send_framed(sock, query.to_wire())
                wire = await receive_framed(sock)
            else:
                await loop.sock_sendall(sock, query.to_wire())
                wire = await loop.sock_recv(sock, 65535)
    answered = dns.message.from_wire(wire)
    assert answered.id == query.id
    return answered
