"""A resolver on sockets of the loopback, with servers of the test behind it (network.md 15.4)."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.unit.names_fakes import Answerer, Upstream, ask, loopback_pair, refuses, says, silent
from wherry.names import resolver as module
from wherry.names.forward import Forwarder
from wherry.names.index import Index, View
from wherry.names.resolver import Resolver
from wherry.names.zones import Joined, Sandbox, Server, Zone

INDEXES = {"n": Index(Zone("net", ((("web",), ("10.0.0.2",)),)))}
BRIEF = 0.05


def open_here(_: Server, kind: int) -> socket.socket:
    return socket.socket(socket.AF_INET, kind)


class Running:
    """A resolver and the port that it answers on."""

    def __init__(self) -> None:
        self._udp, self._tcp = loopback_pair()
        self.port: int = self._udp.getsockname()[1]
        self.resolver = Resolver(self._udp, self._tcp, open_here)

    def tell(self, *servers: Server, **options: bool) -> None:
        sandbox = Sandbox("/s", (Joined("n"),), servers, **options)
        self.resolver.tell(sandbox, View(sandbox, INDEXES))


@pytest.fixture
async def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.resolver.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_own_names(running: Running, stream: bool) -> None:
    running.tell()
    answered = await ask(running.port, "web", stream=stream)
    assert str(answered.answer[0]) == "web. 600 IN A 10.0.0.2"


@pytest.mark.parametrize("stream", [False, True])
async def test_other_names_are_asked_with_another_id(running: Running, stream: bool) -> None:
    async with Upstream(says("192.0.2.7")) as upstream:
        running.tell(upstream.server)
        answers = [await ask(running.port, "example.org", stream=stream, id=77) for _ in range(5)]
    assert {str(answered.answer[0]) for answered in answers} == {"example.org. 5 IN A 192.0.2.7"}
    assert {query.id for query in upstream.asked} != {77}


async def test_every_kind_of_question_passes_through(running: Running) -> None:
    async with Upstream(refuses(dns.rcode.NOERROR)) as upstream:
        running.tell(upstream.server)
        for kind in ("TXT", "HTTPS", "CAA", "SRV", "NS", "PTR", "TYPE65400"):
            await ask(running.port, "web.example", kind)
    assert len(upstream.asked) == 7


@pytest.mark.parametrize("bad", [silent, refuses(dns.rcode.SERVFAIL), refuses(dns.rcode.REFUSED), lambda _: b"junk"])
async def test_the_next_server_is_asked(running: Running, bad: Answerer) -> None:
    running.resolver._forward._seconds = BRIEF
    async with Upstream(bad) as first, Upstream(says("192.0.2.7")) as second:
        running.tell(first.server, second.server)
        for stream in (False, True):
            assert (await ask(running.port, "example.org", stream=stream)).answer
    assert len(first.asked) == len(second.asked) == 2


async def test_a_name_that_does_not_exist_is_final(running: Running) -> None:
    async with Upstream(refuses(dns.rcode.NXDOMAIN)) as first, Upstream(says("192.0.2.7")) as second:
        running.tell(first.server, second.server)
        assert (await ask(running.port, "example.org")).rcode() == dns.rcode.NXDOMAIN
    assert second.asked == []


async def test_no_server_answers(running: Running) -> None:
    running.tell(Server("127.0.0.1", from_host=True, port=9))
    assert (await ask(running.port, "example.org")).rcode() == dns.rcode.SERVFAIL
    running.tell()
    assert (await ask(running.port, "example.org")).rcode() == dns.rcode.SERVFAIL


async def test_an_internal_network_asks_no_server_of_the_host(running: Running) -> None:
    async with Upstream(says("192.0.2.7")) as upstream:
        running.tell(upstream.server, external=False)
        assert (await ask(running.port, "example.org")).rcode() == dns.rcode.SERVFAIL
        assert (await ask(running.port, "web")).answer
    assert upstream.asked == []


async def test_a_name_without_a_dot_stays_inside_when_ndots_was_chosen(running: Running) -> None:
    async with Upstream(says("192.0.2.7")) as upstream:
        running.tell(upstream.server, dotless_stays=True)
        inside = await ask(running.port, "nobody")
        assert (inside.rcode(), inside.answer) == (dns.rcode.NOERROR, [])
        assert (await ask(running.port, "no.body")).answer
        running.tell(upstream.server)
        assert (await ask(running.port, "nobody")).answer


async def test_answers_to_other_questions_are_not_believed(running: Running) -> None:
    def lies(query: dns.message.Message) -> bytes:
        return says("192.0.2.66")(dns.message.make_query("else.example", "A", id=query.id))

    running.resolver._forward._seconds = BRIEF
    async with Upstream(lies) as upstream:
        running.tell(upstream.server)
        for stream in (False, True):
            assert (await ask(running.port, "example.org", stream=stream)).rcode() == dns.rcode.SERVFAIL


async def test_a_long_answer_is_cut_to_what_the_client_takes(running: Running) -> None:
    def long(query: dns.message.Message) -> bytes:
        return says("192.0.2.7")(query) + bytes(1000)

    async with Upstream(long) as upstream:
        running.tell(upstream.server)
        cut = await ask(running.port, "example.org")
        assert cut.flags & dns.flags.TC
        assert cut.answer == []


async def test_more_at_once_than_allowed_waits_and_even_more_is_refused() -> None:
    forward = Forwarder(open_here, seconds=BRIEF, at_once=2)
    async with Upstream(silent) as upstream:
        forward.servers = (upstream.server,)
        query = dns.message.make_query("example.org", "A")
        got = await asyncio.gather(*(forward(query.to_wire(), query, False) for _ in range(5)))
    codes = sorted(dns.message.from_wire(wire).rcode().name for wire in got)
    assert codes.count("REFUSED") >= 1
    assert set(codes) <= {"REFUSED", "SERVFAIL"}
    assert len(upstream.asked) <= 4


async def test_connections_are_bounded_and_given_back(running: Running) -> None:
    running.tell()
    idle = []
    for _ in range(module.CONNECTIONS):
        sock = socket.create_connection(("127.0.0.1", running.port))
        sock.setblocking(False)
        idle.append(sock)
    with pytest.raises((EOFError, OSError)):
        await ask(running.port, "web", stream=True)
    for sock in idle:
        sock.close()
    answered = None
    while answered is None:  # until their ends have been seen
        with contextlib.suppress(EOFError, OSError):
            answered = await ask(running.port, "web", stream=True)
    assert answered.answer


async def test_a_connection_that_talks_nonsense_is_refused_or_closed(running: Running) -> None:
    running.tell()
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.setblocking(False)
        await loop.sock_sendall(sock, b"\0\x0d" + b"\1\2\1" + bytes(10) + b"\0\0")
        assert len(await loop.sock_recv(sock, 100)) == 14
        assert await loop.sock_recv(sock, 100) == b""


async def test_closing_ends_what_is_under_way(running: Running) -> None:
    async with Upstream(silent) as upstream:
        running.tell(upstream.server)
        asked = asyncio.create_task(ask(running.port, "example.org", stream=True))
        await upstream.asked_one.wait()
        running.resolver.close()
        with pytest.raises((EOFError, OSError)):
            await asked
        assert running.resolver.sockets == (-1, -1)
