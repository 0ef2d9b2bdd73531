"""The resolver in real network namespaces: each scenario runs in a process with namespaces of its own."""

import asyncio
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest

from wherry.base.tasks import Supervisor
from wherry.host import netns
from wherry.host.netlink import Netlink
from wherry.host.zygote import Zygote
from wherry.names.service import Names
from wherry.names.zones import Joined, Member, Sandbox, Server, zones

ROOT = Path(__file__).parents[2]
SECONDS = 60
RUN = "/run/engine"
STUB = "127.0.0.53"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip", "nft", "ss", "busybox", "getent"))),
        reason="needs root, iproute2, nftables and busybox",
    ),
]

MEMBERS = (
    Member("n1", "front", ("web", "www"), ("10.1.0.2", "fd01::2")),
    Member("n1", "front", ("web2", "www"), ("10.1.0.3",)),
)


@pytest.mark.parametrize("scenario", ["clients", "own_port_53", "two_worlds", "crash", "restart"])
def test_alone(scenario: str) -> None:
    code = f"from {__name__} import run, {scenario}; run({scenario})"
    command = ["unshare", "-m", "-n", "--propagation", "private", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


class World:
    """An engine's Names with a zygote, and one sandbox whose namespace is pinned."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.key = f"{RUN}/netns/0123456789ab"
        self.names = Names(zygote, RUN, Supervisor())
        self.started: list[subprocess.Popen[str]] = []

    def sandbox(self, *servers: Server) -> Sandbox:
        return Sandbox(self.key, (Joined("n1"),), servers)

    async def open(self, *servers: Server) -> None:
        await self.names.publish(zones(MEMBERS))
        await self.names.open(self.sandbox(*servers))

    async def restart_daemon(self) -> None:
        await self.names.stop()
        self.names = Names(self.zygote, RUN, Supervisor())
        await self.names.boot([self.sandbox()], zones(MEMBERS))

    @property
    def pid(self) -> int:
        assert self.names._link is not None
        return self.names._link.pid

    def inside(self, *command: str) -> list[str]:
        return ["nsenter", f"--net={self.key}", *command]

    async def output(self, *command: str) -> str:
        done = await asyncio.to_thread(subprocess.run, self.inside(*command), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    async def ask(self, name: str, kind: str = "A", stream: bool = False) -> str:
        return (await self.output(*python(f"ask({name!r}, {kind!r}, {stream})"))).strip()

    async def start(self, call: str, *prefix: str) -> "subprocess.Popen[str]":
        """Start a function of this module and wait for its first line."""
        popen = partial(subprocess.Popen, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process: subprocess.Popen[str] = await asyncio.to_thread(popen, [*prefix, *python(call)])
        self.started.append(process)
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline)
        return process


def python(call: str) -> list[str]:
    function = call.partition("(")[0]
    return [sys.executable, "-c", f"from {__name__} import {function}; {call}"]


def run(scenario: Callable[[World], Awaitable[None]]) -> None:
    setup = f"""
    ip link set lo up; mount -t tmpfs none /run; mkdir -p {RUN}/netns
    echo nameserver 127.0.0.11 > /run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf
    """
    subprocess.run(["sh", "-ec", setup], check=True)
    asyncio.run(play(scenario))


async def play(scenario: Callable[[World], Awaitable[None]]) -> None:
    world = World(await Zygote.start(None))
    try:
        _, fds = await world.zygote.order("netns.make", {"source": ""}, deadline=SECONDS)
        with Netlink.from_fd(fds[0]) as inside:
            namespace = inside.namespace()
        netns.pin(f"/proc/self/fd/{namespace}", world.key)
        os.close(namespace)
        await scenario(world)
        await world.names.close(world.key)
    finally:
        for process in world.started:
            process.kill()
            process.wait()
        await world.names.stop()
        await world.zygote.close()
        netns.release(world.key)


def ask(name: str, kind: str, stream: bool) -> None:
    """Print the code and the addresses of an answer."""
    query = dns.message.make_query(name, kind)
    answered = (dns.query.tcp if stream else dns.query.udp)(query, "127.0.0.11", timeout=20)
    found = sorted(str(item) for record in answered.answer for item in record)
    print(answered.rcode().name, *found, flush=True)


def keep_asking() -> None:
    """Ask by both protocols in turn until the input ends."""
    stream = False
    while not select.select([sys.stdin], [], [], 0)[0]:
        ask("web", "A", stream)
        stream = not stream


def serve(text: str, address: str) -> None:
    """Answer every question on port 53 of an address, over both protocols, until killed."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    for sock in (udp, tcp):
        sock.bind((address, 53))
    tcp.listen()

    def answer(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 5, "IN", "A", text))
        return reply

    def packets() -> None:
        while True:
            query, _, client = dns.query.receive_udp(udp)
            udp.sendto(answer(query).to_wire(), client)

    threading.Thread(target=packets, daemon=True).start()
    print("ready", flush=True)
    while True:
        connection, _ = tcp.accept()
        with connection:
            dns.query.send_tcp(connection, answer(dns.query.receive_tcp(connection)[0]))


async def clients(world: World) -> None:
    """The resolvers of the C library and of busybox find names by the system's configuration."""
    await world.open()
    assert "10.1.0.3" in await world.output("getent", "hosts", "web2.front")
    assert "fd01::2" in await world.output("getent", "hosts", "WEB")
    assert "10.1.0.2" in await world.output("busybox", "nslookup", "web", "127.0.0.11")
    assert "web.front" in await world.output("getent", "hosts", "10.1.0.2")
    for stream in (False, True):
        assert await world.ask("www", stream=stream) == "NOERROR 10.1.0.2 10.1.0.3"
        assert await world.ask("web2", "AAAA", stream) == "NOERROR"
        assert await world.ask("example.org", stream=stream) == "SERVFAIL"


async def own_port_53(world: World) -> None:
    """A process of the container may listen on port 53 of every address."""
    await world.open()
    await world.start("serve('192.0.2.1', '0.0.0.0')", *world.inside())
    assert await world.ask("web") == await world.ask("web", stream=True) == "NOERROR 10.1.0.2"
    assert await world.ask("example.org") == "SERVFAIL"


async def two_worlds(world: World) -> None:
    """The same address is another server in the host's namespace and in the container's."""
    await world.start(f"serve('192.0.2.1', {STUB!r})")
    await world.start(f"serve('192.0.2.2', {STUB!r})", *world.inside())
    for from_host, address in ((True, "192.0.2.1"), (False, "192.0.2.2")):
        await world.open(Server(STUB, from_host))
        for stream in (False, True):
            assert await world.ask("example.org", stream=stream) == f"NOERROR {address}"
    await world.open(Server("192.0.2.99"))  # no route leads there from inside
    assert await world.ask("example.org") == "SERVFAIL"
    assert await world.ask("web") == "NOERROR 10.1.0.2"


async def crash(world: World) -> None:
    """A killed process is replaced: every question is answered, on the sockets that were there."""
    await world.start(f"serve('192.0.2.1', {STUB!r})")
    await world.open(Server(STUB, from_host=True))
    rules = await world.output("nft", "list", "ruleset")
    for _ in range(3):
        killed = world.pid
        os.kill(killed, signal.SIGSTOP)
        asked = [asyncio.create_task(world.ask(name)) for name in ("web", "example.org")]
        held = "skmem:(r0,"
        while held in await world.output("ss", "-Hlunm", "src", "127.0.0.11"):
            assert not any(task.done() for task in asked)
        os.kill(killed, signal.SIGKILL)
        assert await asyncio.gather(*asked) == ["NOERROR 10.1.0.2", "NOERROR 192.0.2.1"]
        assert world.pid != killed
    assert await world.output("nft", "list", "ruleset") == rules


async def restart(world: World) -> None:
    """The daemon goes and another comes, and no question of a busy container is lost."""
    await world.open()
    process = await world.start("keep_asking()", *world.inside())
    assert process.stdin is not None
    assert process.stdout is not None
    first = world.pid
    reading = asyncio.create_task(asyncio.to_thread(process.stdout.read))
    for _ in range(5):
        await world.restart_daemon()
        assert world.pid == first
        assert await world.ask("web2") == "NOERROR 10.1.0.3"
    process.stdin.close()
    answers = (await reading).splitlines()
    assert process.wait() == 0  # noqa: ASYNC222 - its output has ended
    assert len(answers) > 20
    assert set(answers) == {"NOERROR 10.1.0.2"}
