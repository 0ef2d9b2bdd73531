"""Questions for others: asked of a sandbox's servers in their order (network.md 15.4). Nothing is kept of an answer.

A socket of its own for each question, so that its port is random too, in the namespace that the server belongs to.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

import dns.message
import dns.rcode

from wherry.host import netns
from wherry.names.answers import LARGEST, is_answer, refuse
from wherry.names.zones import Server

SECONDS: Final = 4.0
"""How long one server may take, and how long a question waits for its turn."""
AT_ONCE: Final = 1024
"""Most questions of one sandbox that are asked at a time; as many wait, the rest is refused."""
RETRY: Final = (dns.rcode.SERVFAIL, dns.rcode.REFUSED)
"""Answers after which the next server is asked."""

Opener = Callable[[Server, int], socket.socket]
"""Makes a socket of a type (SOCK_DGRAM, SOCK_STREAM) that reaches the server."""


def opener(inside: int) -> Opener:
    """Return what makes sockets here for the host's servers, and for others beside the descriptor of one inside."""

    def open_socket(server: Server, kind: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        if server.from_host:
            return socket.socket(family, kind)
        return netns.socket_beside(inside, family, kind)

    return open_socket


class Forwarder:
    """Asks for one sandbox."""

    def __init__(self, open_socket: Opener, seconds: float = SECONDS, at_once: int = AT_ONCE) -> None:
        """Begin with no server."""
        self.servers: tuple[Server, ...] = ()
        self._open = open_socket
        self._seconds = seconds
        self._slots = asyncio.Semaphore(at_once)
        self._most = 2 * at_once
        self._under_way = 0

    async def __call__(self, wire: bytes, query: dns.message.Message, stream: bool) -> bytes:
        """Return the answer of the first server that has one, with the id of the query; SERVFAIL when none has."""
        if self._under_way >= self._most:
            return refuse(query, dns.rcode.REFUSED).to_wire()
        self._under_way += 1
        try:
            return await self._ask_all(wire, query, stream)
        finally:
            self._under_way -= 1

    async def _ask_all(self, wire: bytes, query: dns.message.Message, stream: bool) -> bytes:
        last = b""
        for server in self.servers:
            try:
                async with asyncio.timeout(self._seconds):
                    await self._slots.acquire()
            except TimeoutError:
                return refuse(query, dns.rcode.REFUSED).to_wire()
            try:
                got = await self._ask(server, wire, query, stream)
            finally:
                self._slots.release()
            last = got or last
            if got and dns.rcode.Rcode(got[3] & 0x0F) not in RETRY:
                break
        return wire[:2] + last[2:] if last else refuse(query, dns.rcode.SERVFAIL).to_wire()

    async def _ask(self, server: Server, wire: bytes, query: dns.message.Message, stream: bool) -> bytes:
        """Return a server's answer, empty when it gives none in its time."""
        exchange = _over_tcp if stream else _over_udp
        ident = os.urandom(2)  # the client's own id is known to whoever shares its namespace
        try:
            with self._open(server, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                async with asyncio.timeout(self._seconds):
                    return await exchange(sock, server, ident + wire[2:], query)
        except (OSError, EOFError):  # TimeoutError is one, too
            return b""


async def _over_udp(sock: socket.socket, server: Server, wire: bytes, query: dns.message.Message) -> bytes:
    loop = asyncio.get_running_loop()
    sock.connect((server.address, server.port))  # of a datagram socket: at once, and only its answers come in
    await loop.sock_sendall(sock, wire)
    while True:
        got = await loop.sock_recv(sock, LARGEST)
        if is_answer(got, wire[:2], query):
            return got


async def _over_tcp(sock: socket.socket, server: Server, wire: bytes, query: dns.message.Message) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (server.address, server.port))
    await send_framed(sock, wire)
    got = await receive_framed(sock)
    if not is_answer(got, wire[:2], query):
        raise EOFError(f"{server.address} answers another question")
    return got


async def send_framed(sock: socket.socket, wire: bytes) -> None:
    """Write one message with its length before it (RFC 1035 4.2.2); OSError."""
    await asyncio.get_running_loop().sock_sendall(sock, len(wire).to_bytes(2, "big") + wire)


async def receive_framed(sock: socket.socket) -> bytes:
    """Read one message; EOFError at the end, OSError."""
    return await _receive(sock, int.from_bytes(await _receive(sock, 2), "big"))


async def _receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        got = await asyncio.get_running_loop().sock_recv(sock, size - len(data))
        if not got:
            raise EOFError("the peer has closed")
        data += got
    return data
