"""A restart of the daemon under live-restore: no byte of output, no packet, no attached client is lost."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

COUNT = "n=0; while [ ! -e /enough ]; do n=$((n + 1)); echo $n; usleep 100; done"
"""Numbers, thousands a second."""
ECHO = """
import socket, threading
udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
udp.bind(("", 80))
tcp.bind(("", 80))
tcp.listen()
print("up", flush=True)
def datagrams():
    while True:
        data, peer = udp.recvfrom(100)
        udp.sendto(data, peer)
threading.Thread(target=datagrams, daemon=True).start()
client, _ = tcp.accept()
while data := client.recv(100):
    client.sendall(data)
threading.Event().wait()
"""
"""Servers in the container's network: every message comes back."""
PING_PONG = """
import signal, socket, sys
kind, port, asked = sys.argv[1], int(sys.argv[2]), []
signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
    s.settimeout(5)
    s.connect(("127.0.0.1", port))
    turn = 0
    while not asked:
        turn += 1
        ball = b"%d." % turn
        s.sendall(ball)
        got = b""
        while len(got) < len(ball):
            got += s.recv(len(ball) - len(got))
        assert got == ball, (got, ball)
        if turn == 1:
            print("playing", flush=True)
print(turn)
"""
"""One message at a time: a packet that is lost is a time-out."""


@contextmanager
def echoing(engine: Engine, ident: str) -> Iterator[None]:
    """The servers, started in the network of a container."""
    into = ("nsenter", f"--net={engine.inspect(ident)['NetworkSettings']['SandboxKey']}")
    with subprocess.Popen(engine.box.enter(*into, sys.executable, "-c", ECHO), stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        try:
            yield
        finally:
            server.kill()


class Player:
    """A client of a published port inside the box."""

    def __init__(self, engine: Engine, kind: str, port: int) -> None:
        command = engine.box.enter(sys.executable, "-c", PING_PONG, kind, str(port))
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "playing\n", self._process.communicate()

    def turns(self) -> int:
        """End the game; how many messages came back."""
        self._process.terminate()
        out, err = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, err
        return int(out)


class Listener:
    """The docker CLI that started a container and is attached to its output."""

    def __init__(self, engine: Engine, ident: str) -> None:
        self._process = engine.popen("start", "--attach", ident)
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        self._lines = [first]
        self._thread = threading.Thread(target=self._lines.extend, args=(self._process.stdout,))
        self._thread.start()

    def lines(self) -> list[str]:
        """What came until the container's end."""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "the attached client is not told of the end"
        self._process.communicate()
        return b"".join(self._lines).decode().splitlines()


@pytest.mark.parametrize("end", [Engine.stop, Engine.kill])
def test_nothing_is_lost_in_a_restart(own_bridge: Engine, end: Callable[[Engine], object]) -> None:
    engine = own_bridge.start("--live-restore")
    engine.load_demo(IMAGE)
    before = look(engine)
    echo = engine.ok("run", "-d", "-p", "8080:80", "-p", "8080:80/udp", IMAGE, "sleep", "1000")
    counter = engine.ok("create", IMAGE, "sh", "-c", COUNT)
    listener = Listener(engine, counter)
    with echoing(engine, echo):
        players = [Player(engine, "tcp", 8080), Player(engine, "udp", 8080)]
        end(engine)
        engine.start("--live-restore")
        assert all(player.turns() > 100 for player in players)
    engine.docker("exec", counter, "touch", "/enough")  # which may be killed with the container that it ends
    assert engine.ok("wait", counter) == "0"
    logged, heard = engine.ok("logs", counter).splitlines(), listener.lines()
    assert len(logged) > 100
    assert logged == [str(n) for n in range(1, len(logged) + 1)]
    assert heard == logged
    engine.ok("rm", "-f", counter, echo)
    assert_no_leaks(engine, before)


@pytest.mark.parametrize("end", [Engine.stop, Engine.kill])
def test_an_attached_exec_ends_under_the_next_daemon(own_bridge: Engine, end: Callable[[Engine], object]) -> None:
    """Its output goes on meanwhile, and its client is let go when it closes it."""
    engine = own_bridge.start("--live-restore")
    engine.load_demo(IMAGE)
    before = look(engine)
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    waiting = "echo on; while [ ! -e /enough ]; do usleep 10000; done; echo done"
    with engine.popen("exec", ident, "sh", "-c", waiting) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"on\n"
        try:
            end(engine)
            engine.start("--live-restore")
            engine.ok("exec", ident, "touch", "/enough")
            assert client.communicate(timeout=20)[0] == b"done\n"
        finally:
            client.kill()
    engine.ok("rm", "-f", ident)
    assert_no_leaks(engine, before)
