"""Published ports: reached from everywhere, conflicts in Docker's words, given back at every end."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

HERE = "192.0.2.10"
"""The box as `outside` sees it."""
ANSWER = "answer of the container"
SERVE = f"while true; do echo {ANSWER} | nc -l -p 80; done"
ASK = """
import socket, sys, time
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
deadline = time.monotonic() + float(sys.argv[4])
while True:
    try:
        with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.connect((host, port))
            if kind == "udp":
                s.send(b"?")
            got = s.recv(100).decode()
            if got:
                print(got, end="")
                sys.exit()
    except OSError as error:
        print(error, file=sys.stderr)
        if time.monotonic() > deadline:
            sys.exit(1)
        time.sleep(0.05)
"""
TELL = """
import socket, sys
kind, port = sys.argv[1], int(sys.argv[2])
server = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
server.bind(("", port))
if kind == "tcp":
    server.listen()
print("up", flush=True)
while True:
    if kind == "tcp":
        client, peer = server.accept()
        with client:
            client.send(peer[0].encode())
    else:
        _, peer = server.recvfrom(100)
        server.sendto(peer[0].encode(), peer)
"""
"""A server that tells a client its address."""
OUTSIDE = ("ip", "netns", "exec", "outside")


def ask(engine: Engine, host: str, port: int, *where: str, kind: str = "tcp", seconds: float = 20) -> str:
    """What answers on a port, asked again until something does; empty when nothing does."""
    done = engine.box.run(*where, sys.executable, "-c", ASK, kind, host, str(port), str(seconds))
    return done.stdout.strip()


def misroute(engine: Engine, gateway: str, *where: str) -> None:
    """Let a network send what is for 127.0.0.1 to the host, and take the answer."""
    script = "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet; ip addr flush dev lo; "
    script += f"ip route replace 127.0.0.1/32 via {gateway}"
    engine.box.output(*where, "sh", "-c", script)


def serve(engine: Engine, *flags: str, script: str = SERVE) -> str:
    return engine.ok("run", "-d", "--stop-timeout", "1", *flags, IMAGE, "sh", "-c", script)


def published(engine: Engine, ident: str, port: str = "80/tcp") -> int:
    return int(engine.inspect(ident)["NetworkSettings"]["Ports"][port][0]["HostPort"])


@contextmanager
def telling(engine: Engine, ident: str, kind: str, port: int) -> Iterator[None]:
    """A server in the container's network."""
    into = ("nsenter", f"--net={engine.inspect(ident)['NetworkSettings']['SandboxKey']}")
    command = engine.box.enter(*into, sys.executable, "-c", TELL, kind, str(port))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        try:
            yield
        finally:
            process.kill()


@contextmanager
def taken(engine: Engine, port: int, kind: str = "SOCK_STREAM") -> Iterator[None]:
    """Another process of the box holds a port."""
    code = f"import socket as s; t = s.socket(type=s.{kind}); t.bind(('0.0.0.0', {port}));"
    code += "t.type == s.SOCK_STREAM and t.listen(); print('held', flush=True); input()"
    command = engine.box.enter(sys.executable, "-c", code)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.kill()


def refusal(engine: Engine, *flags: str) -> str:
    done = engine.docker("run", "-d", *flags, IMAGE, "sleep", "1000")
    assert done.returncode == 125
    found = re.search(r"on endpoint (\S+) \([0-9a-f]{64}\): (.*)", done.stderr.decode())
    assert found is not None, done.stderr.decode()
    words = "failed to set up container networking: driver failed programming external connectivity on endpoint"
    assert words in done.stderr.decode()
    docker_words, ours = found[2].split(" (step endpoints, network bridge: ")
    assert ours.endswith(")")
    return docker_words


def test_reached_from_everywhere(engine: Engine) -> None:
    ident = serve(engine, "-p", "8080:80")
    gateway = engine.inspect(ident)["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
    for host in ("127.0.0.1", "127.0.0.9", HERE, gateway):
        assert ask(engine, host, 8080) == ANSWER, host
    assert ask(engine, HERE, 8080, *OUTSIDE) == ANSWER
    assert ANSWER in engine.ok("run", "--rm", IMAGE, "nc", "-w5", HERE, "8080")
    assert ANSWER in engine.ok("run", "--rm", IMAGE, "nc", "-w5", gateway, "8080")
    assert engine.ok("port", ident) == "80/tcp -> 0.0.0.0:8080"
    assert engine.ok("ps", "--format", "{{.Ports}}") == "0.0.0.0:8080->80/tcp"


def test_a_container_reaches_itself_by_its_published_port(engine: Engine) -> None:
    ident = serve(engine, "-p", "8080:80")
    assert ANSWER in engine.ok("exec", ident, "nc", "-w5", HERE, "8080")


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_client_s_address_is_seen(engine: Engine, kind: str) -> None:
    ident = serve(engine, "-p", f"8080:80/{kind}", script="sleep 1000")
    assert engine.ok("port", ident) == f"80/{kind} -> 0.0.0.0:8080"
    with telling(engine, ident, kind, 80):
        assert ask(engine, HERE, 8080, *OUTSIDE, kind=kind) == "192.0.2.1"
        assert ask(engine, HERE, 8080, kind=kind) == HERE
        assert ask(engine, "127.0.0.1", 8080, kind=kind) == "172.17.0.1"


def test_one_address_alone(engine: Engine) -> None:
    """What is published on loopback is not reached by a neighbour that sends to 127.0.0.1 by way of this host."""
    serve(engine, "-p", "127.0.0.1:8080:80")
    assert ask(engine, "127.0.0.1", 8080) == ANSWER
    assert ask(engine, HERE, 8080, seconds=0) == ""
    assert ask(engine, HERE, 8080, *OUTSIDE, seconds=0) == ""
    misroute(engine, HERE, *OUTSIDE)
    assert ask(engine, "127.0.0.1", 8080, *OUTSIDE, seconds=0) == ""


def test_no_way_to_the_loopback_of_the_host(engine: Engine) -> None:
    """The route that published ports need leads no container to services that listen on loopback."""
    settings = engine.inspect(serve(engine, "-p", "8080:80"))["NetworkSettings"]
    inside = ("nsenter", f"--net={settings['SandboxKey']}")
    misroute(engine, settings["Gateway"], *inside)
    code = "import socket, sys; socket.create_connection((sys.argv[1], 8081), timeout=1)"
    with taken(engine, 8081):
        assert engine.box.run(*inside, sys.executable, "-c", code, settings["Gateway"]).returncode == 0
        assert "timed out" in engine.box.run(*inside, sys.executable, "-c", code, "127.0.0.1").stderr


def test_a_flow_that_goes_on_follows_the_port(engine: Engine) -> None:
    """A UDP client that keeps its socket reaches the container of now, though the kernel knew the flow before."""
    code = """
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("", 4000))
s.connect(("192.0.2.10", 8080))
s.settimeout(1)
for line in sys.stdin:
    try:
        s.send(b"?")
        print(s.recv(100).decode(), flush=True)
    except OSError:
        print("nobody", flush=True)
"""
    command = engine.box.enter(*OUTSIDE, sys.executable, "-c", code)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        for told in ("nobody", "192.0.2.1", "nobody", "192.0.2.1"):
            ident = serve(engine, "-p", "8080:80/udp", script="sleep 1000") if told != "nobody" else ""
            with telling(engine, ident, "udp", 80) if ident else nullcontext():
                client.stdin.write("?\n")
                assert client.stdout.readline() == f"{told}\n"
            if ident:
                engine.ok("rm", "-f", ident)
                serve(engine, script="sleep 1000")  # has its address now
        client.stdin.close()


def test_ephemeral_ports_and_ranges(engine: Engine) -> None:
    first, second = (serve(engine, "-p", "80") for _ in range(2))
    low, high = map(int, engine.box.output("cat", "/proc/sys/net/ipv4/ip_local_port_range").split())
    assert published(engine, first) != published(engine, second)
    assert low <= published(engine, first) <= high
    assert ask(engine, "127.0.0.1", published(engine, second)) == ANSWER
    ident = serve(engine, "-p", "8000-8002:80", "-p", "8000:81")
    assert (published(engine, ident), published(engine, ident, "81/tcp")) == (8001, 8000)
    with taken(engine, 8100):
        assert published(engine, serve(engine, "-p", "8100-8101:80")) == 8101
        assert refusal(engine, "-p", "8100-8100:80").startswith("failed to bind host port for 0.0.0.0:8100:172.17.")
        assert re.fullmatch(
            r"failed to bind host port 8100 for 0\.0\.0\.0:8100-8101:172\.17\.0\.\d+:80/tcp: address already in use",
            refusal(engine, "-p", "8100-8101:80"),
        )


def test_publish_all(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "-P", "--expose", "80", "--expose", "53/udp", IMAGE, "sh", "-c", SERVE)
    assert ask(engine, "127.0.0.1", published(engine, ident)) == ANSWER
    assert published(engine, ident, "53/udp") > 0
    only = engine.ok("run", "-d", "--expose", "80", IMAGE, "sleep", "1000")
    assert engine.inspect(only)["NetworkSettings"]["Ports"] == {"80/tcp": None}
    assert engine.ok("ps", "-q", "--no-trunc", "--filter", "expose=80").split() == [only, ident]
    port = published(engine, ident)
    assert engine.ok("ps", "-q", "--no-trunc", "--filter", f"publish={port}") == ident
    assert engine.ok("ps", "-q", "--filter", f"publish={port}/udp") == ""


def test_conflicts(engine: Engine) -> None:
    serve(engine, "-p", "8080:80")
    words = "Bind for 0.0.0.0:8080 failed: port is already allocated"
    assert refusal(engine, "-p", "8080:80") == words
    assert refusal(engine, "-p", "127.0.0.1:8080:80") == words
    assert refusal(engine, "-p", "8082:80", "-p", "8082:81") == words.replace("8080", "8082")
    serve(engine, "-p", "8080:80/udp")
    for port, kind in ((8081, "SOCK_STREAM"), (8081, "SOCK_DGRAM")):
        protocol = "tcp" if kind == "SOCK_STREAM" else "udp"
        with taken(engine, port, kind):
            assert re.fullmatch(
                rf"failed to bind host port for 0\.0\.0\.0:8081:172\.17\.0\.\d+:80/{protocol}: address already in use",
                refusal(engine, "-p", f"8081:80/{protocol}"),
            )
    assert refusal(engine, "-p", "203.0.113.9:8083:80").endswith(":80/tcp: cannot assign requested address")


def test_others_find_the_port_taken(engine: Engine) -> None:
    serve(engine, "-p", "8080:80", "-p", "8080:80/udp")
    for kind in ("SOCK_STREAM", "SOCK_DGRAM"):
        code = f"import socket as s; t = s.socket(type=s.{kind}); t.setsockopt(1, 2, 1); t.bind(('', 8080)); t.listen()"
        done = engine.box.run(sys.executable, "-c", code)
        assert "Address already in use" in done.stderr
    assert ":8080" in engine.box.output("ss", "-Hltn")


@pytest.mark.parametrize("end", ["stop", "rm", "exit"])
def test_a_port_is_free_after_the_end(engine: Engine, end: str) -> None:
    ident = serve(engine, "-p", "8080:80", script="sleep 1000" if end != "exit" else "exec true")
    if end == "exit":
        engine.ok("wait", ident)
    else:
        engine.ok(*({"stop": ["stop", "-t0"], "rm": ["rm", "-f"]}[end]), ident)
    with taken(engine, 8080):
        pass
    assert ask(engine, "127.0.0.1", 8080, seconds=0) == ""


def test_a_failed_start_gives_its_ports_back(engine: Engine) -> None:
    blocker = serve(engine, "-p", "8080:80")
    ident = engine.ok("create", "-p", "8079:81", "-p", "8080:80", "--stop-timeout", "1", IMAGE, "sh", "-c", SERVE)
    before = look(engine)
    before = replace(before, directories=before.directories | {ident})  # its own from the first start on
    assert b"port is already allocated" in engine.docker("start", ident).stderr
    state = engine.inspect(ident)["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    assert_no_leaks(engine, before)
    with taken(engine, 8079):
        pass
    engine.ok("rm", "-f", blocker)
    engine.ok("start", ident)
    assert ask(engine, "127.0.0.1", 8080) == ANSWER
    bad = engine.docker("run", "-d", "-p", "8085:80", IMAGE, "no-such-program")
    assert bad.returncode == 127
    with taken(engine, 8085):
        pass


def test_a_new_server_s_port_does_not_wait_for_old_connections(engine: Engine) -> None:
    """A server of the host that has just closed its connections leaves them in TIME_WAIT."""
    code = (
        "import socket as s; l = s.create_server(('127.0.0.1', 8087)); c = s.create_connection(('127.0.0.1', 8087));"
        "a, _ = l.accept(); a.close(); c.recv(1); c.close()"
    )
    engine.box.output(sys.executable, "-c", code)
    assert "8087" in engine.box.output("ss", "-Htan", "state", "time-wait")
    serve(engine, "-p", "8087:80")


@pytest.mark.parametrize("mode", ["host", "none"])
def test_modes_without_ports(engine: Engine, mode: str) -> None:
    done = engine.docker("run", "-d", "--network", mode, "-p", "8080:80", IMAGE, "sleep", "1000")
    assert done.returncode == 0
    assert (b"Published ports are discarded when using host network mode" in done.stderr) == (mode == "host")
    ident = done.stdout.decode().strip()
    assert engine.inspect(ident)["NetworkSettings"]["Ports"] == {}
    with taken(engine, 8080):
        pass


def test_live_restore(own_bridge: Engine) -> None:
    engine = own_bridge.start("--live-restore")
    engine.load_demo(IMAGE)
    before = look(engine)
    ident = serve(engine, "-p", "8080:80", "-p", "8090:81", "-p", "80/udp")
    ports = engine.inspect(ident)["NetworkSettings"]["Ports"]
    assert ask(engine, "127.0.0.1", 8080) == ANSWER
    engine.kill()
    assert ask(engine, "127.0.0.1", 8080) == ANSWER, "while the daemon is away"
    assert ask(engine, HERE, 8080, *OUTSIDE) == ANSWER
    with taken(engine, 8090):
        engine.start("--live-restore")
    assert "published port 0.0.0.0:8090/tcp is held by another process now: Address already in use" in engine.tail()
    assert engine.inspect(ident)["NetworkSettings"]["Ports"] == ports
    assert ask(engine, "127.0.0.1", 8080) == ANSWER
    assert ask(engine, HERE, 8080, *OUTSIDE) == ANSWER
    assert refusal(engine, "-p", "8080:80") == "Bind for 0.0.0.0:8080 failed: port is already allocated"
    assert refusal(engine, "-p", "8090:80") == "Bind for 0.0.0.0:8090 failed: port is already allocated"
    assert ":8080" in engine.box.output("ss", "-Hltn")
    engine.remove_all()
    assert_no_leaks(engine, before)
    engine.kill()
    engine.start()
    ident = serve(engine, "-p", "8080:80")
    engine.kill()
    engine.start()
    assert engine.inspect(ident)["State"]["Status"] == "exited"
    engine.remove_all()
    assert_no_leaks(engine, before)
    assert engine.stop() == 0


def test_without_iptables(own_bridge: Engine) -> None:
    engine = own_bridge.start("--iptables=false")
    engine.load_demo(IMAGE)
    done = engine.docker("run", "-d", "-p", "8080:80", IMAGE, "sleep", "1000")
    assert b"published ports need firewall rules: start without --iptables=false" in done.stderr
    engine.ok("run", "--rm", IMAGE, "true")
