"""Networks of users: made, joined, left, removed, kept through every end of the engine."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks, look
from tests.real.test_ports import ANSWER, HERE, OUTSIDE, ask, published, serve

SLEEP = ("sleep", "1000")


@contextmanager
def network(engine: Engine, name: str, *flags: str) -> Iterator[str]:
    """A network, removed with what runs in it at the end."""
    ident = engine.ok("network", "create", *flags, name)
    try:
        yield ident
    finally:
        engine.remove_all()
        engine.docker("network", "rm", name)


def places(engine: Engine, ref: str) -> dict[str, Any]:
    return engine.inspect(ref)["NetworkSettings"]["Networks"]


def address(engine: Engine, ref: str, name: str) -> str:
    return places(engine, ref)[name]["IPAddress"]


def pings(engine: Engine, ref: str, target: str, seconds: int = 5) -> bool:
    return engine.docker("exec", ref, "ping", "-c1", f"-W{seconds}", target).returncode == 0


def refused(engine: Engine, *arguments: str) -> str:
    done = engine.docker(*arguments)
    assert done.returncode != 0, done.stdout
    return done.stderr.decode().strip()


def routes(engine: Engine, ref: str) -> str:
    lines = engine.ok("exec", ref, "ip", "route").splitlines()
    return "\n".join(line for line in lines if line.startswith("default"))


def bridge_of(ident: str) -> str:
    return f"br-{ident[:12]}"


def test_life(engine: Engine) -> None:
    before = look(engine)
    ident = engine.ok("network", "create", "--label", "tier=data", "back")
    shown = json.loads(engine.ok("network", "inspect", "back"))[0]
    pool = shown["IPAM"]["Config"][0]
    assert (shown["Id"], shown["Driver"], shown["Labels"], shown["Options"]) == (ident, "bridge", {"tier": "data"}, {})
    link = json.loads(engine.box.output("ip", "-j", "addr", "show", bridge_of(ident)))[0]
    assert [held["local"] for held in link["addr_info"] if held["family"] == "inet"] == [pool["Gateway"]]
    assert "network with name back already exists" in refused(engine, "network", "create", "back")
    assert engine.ok("network", "ls", "-q", "--no-trunc", "--filter", "label=tier") == ident
    engine.ok("network", "rm", ident[:8])
    assert_no_leaks(engine, before)


def test_containers_reach_each_other_the_host_and_the_world(engine: Engine) -> None:
    with network(engine, "back", "--subnet", "10.5.0.0/24"):
        for name in ("one", "two"):
            engine.ok("run", "-d", "--name", name, "--network", "back", IMAGE, *SLEEP)
        assert [address(engine, name, "back") for name in ("one", "two")] == ["10.5.0.2", "10.5.0.3"]
        for target in ("10.5.0.3", "10.5.0.1", "192.0.2.1"):
            assert pings(engine, "one", target), target
        members = json.loads(engine.ok("network", "inspect", "back"))[0]["Containers"]
        assert sorted(member["Name"] for member in members.values()) == ["one", "two"]
        words = refused(engine, "network", "rm", "back")
        assert re.search(
            r'error while removing network: network back has active endpoints \(name:"\w+" id:"\w{12}"', words
        )
        assert engine.ok("network", "prune", "-f") == ""
        engine.ok("stop", "-t0", "one", "two")
        assert "back" in engine.ok("network", "prune", "-f")
        words = refused(engine, "start", "one")
        assert re.search(r"failed to set up container networking: network \w{64} not found", words)


def test_bridges_are_apart(engine: Engine) -> None:
    with network(engine, "back"), network(engine, "front"):
        engine.ok("run", "-d", "--name", "one", "--network", "back", IMAGE, *SLEEP)
        engine.ok("run", "-d", "--name", "two", "--network", "front", IMAGE, *SLEEP)
        engine.ok("run", "-d", "--name", "three", IMAGE, *SLEEP)
        for target in (address(engine, "two", "front"), address(engine, "three", "bridge")):
            assert not pings(engine, "one", target, 1)
        engine.ok("network", "connect", "front", "one")
        assert pings(engine, "one", address(engine, "two", "front"))
        engine.ok("network", "disconnect", "front", "one")
        assert not pings(engine, "one", address(engine, "two", "front"), 1)


def test_internal(engine: Engine) -> None:
    with network(engine, "back", "--internal"):
        for name in ("one", "two"):
            engine.ok("run", "-d", "--name", name, "--network", "back", "-p", "8080:80", IMAGE, *SLEEP)
        place = places(engine, "one")["back"]
        assert (place["Gateway"], engine.inspect("one")["NetworkSettings"]["Ports"]) == ("", {})
        assert pings(engine, "one", address(engine, "two", "back"))
        assert not pings(engine, "one", "192.0.2.1", 1)
        assert routes(engine, "one") == ""


def test_containers_kept_apart(engine: Engine) -> None:
    with network(engine, "back", "-o", "com.docker.network.bridge.enable_icc=false"):
        for name in ("one", "two"):
            engine.ok("run", "-d", "--name", name, "--network", "back", IMAGE, *SLEEP)
        assert not pings(engine, "one", address(engine, "two", "back"), 1)
        assert pings(engine, "one", "192.0.2.1")


def test_options(engine: Engine) -> None:
    given = {"bridge.name": "br9", "driver.mtu": "1400", "bridge.host_binding_ipv4": "127.0.0.1"}
    flags = [part for name, value in given.items() for part in ("-o", f"com.docker.network.{name}={value}")]
    with network(engine, "back", *flags):
        ident = serve(engine, "--network", "back", "-p", "80")
        assert engine.inspect(ident)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostIp"] == "127.0.0.1"
        assert ask(engine, "127.0.0.1", published(engine, ident)) == ANSWER
        assert "mtu 1400" in engine.ok("exec", ident, "ip", "link", "show", "eth0")
        assert "mtu 1400" in engine.box.output("ip", "link", "show", "br9")


def test_a_bridge_of_the_user_stays(engine: Engine) -> None:
    engine.box.output("ip", "link", "add", "br8", "type", "bridge")
    try:
        with network(engine, "back", "-o", "com.docker.network.bridge.name=br8"):
            engine.ok("run", "-d", "--name", "one", "--network", "back", IMAGE, *SLEEP)
            assert pings(engine, "one", "192.0.2.1")
        assert "br8" in engine.box.output("ip", "link", "show", "br8")
    finally:
        engine.box.output("ip", "link", "del", "br8")


def test_wished_addresses(engine: Engine) -> None:
    with network(engine, "back", "--subnet", "10.5.0.0/24", "--ip-range", "10.5.0.128/25"), network(engine, "auto"):
        engine.ok("run", "-d", "--name", "one", "--network", "back", "--ip", "10.5.0.9", IMAGE, *SLEEP)
        engine.ok("run", "-d", "--name", "two", "--network", "back", IMAGE, *SLEEP)
        assert [address(engine, name, "back") for name in ("one", "two")] == ["10.5.0.9", "10.5.0.129"]
        words = refused(engine, "run", "--network", "back", "--ip", "10.5.0.9", IMAGE, "true")
        assert "failed to set up container networking: Address already in use" in words
        words = refused(engine, "run", "--network", "auto", "--ip", "10.5.0.9", IMAGE, "true")
        assert "only when connecting to networks with user configured subnets" in words


def test_several_networks(engine: Engine) -> None:
    with network(engine, "back", "--internal"), network(engine, "front"):
        ident = engine.ok("create", "--network", "front", "--network-alias", "www", "-p", "80", IMAGE, "sh", "-c", LOOP)
        engine.ok("network", "connect", "--alias", "db", "back", ident)
        assert set(places(engine, ident)) == {"back", "front"}
        engine.ok("start", ident)
        found = places(engine, ident)
        assert (found["back"]["Aliases"], found["front"]["Aliases"]) == (["db"], ["www"])
        assert found["front"]["DNSNames"] == [engine.inspect(ident)["Name"][1:], "www", ident[:12]]
        assert found["front"]["Gateway"] in routes(engine, ident)
        assert found["front"]["IPAddress"] in engine.ok("exec", ident, "ip", "addr", "show", "eth0")
        assert ask(engine, HERE, published(engine, ident), *OUTSIDE) == ANSWER
        hosts = engine.ok("exec", ident, "cat", "/etc/hosts")
        assert all(place["IPAddress"] in hosts for place in found.values())


LOOP = f"while true; do echo {ANSWER} | nc -l -p 80; done"


def test_ports_and_route_follow_the_gateway(engine: Engine) -> None:
    before = look(engine)
    with network(engine, "front"), network(engine, "early"):
        ident = serve(engine, "--network", "front", "-p", "80")
        port = published(engine, ident)
        engine.ok("network", "connect", "--alias", "x", "early", ident)  # before `front` in the order of names
        assert places(engine, ident)["early"]["Gateway"] in routes(engine, ident)
        assert published(engine, ident) == port
        assert ask(engine, HERE, port, *OUTSIDE) == ANSWER
        engine.ok("network", "disconnect", "early", ident)
        assert places(engine, ident)["front"]["Gateway"] in routes(engine, ident)
        assert ask(engine, HERE, port, *OUTSIDE) == ANSWER
        hosts = engine.ok("exec", ident, "cat", "/etc/hosts")
        assert hosts.count(ident[:12]) == 1
        engine.ok("network", "disconnect", "front", ident)
        assert places(engine, ident) == {}
        assert ask(engine, HERE, port, *OUTSIDE, seconds=1) == ""
        engine.ok("network", "connect", "early", ident)
        assert ask(engine, HERE, published(engine, ident), *OUTSIDE) == ANSWER
    assert_no_leaks(engine, before)


def test_a_connect_that_fails_changes_nothing(engine: Engine) -> None:
    with network(engine, "back"), network(engine, "front"):
        ident = engine.ok("run", "-d", "--network", "front", IMAGE, *SLEEP)
        before, shown = look(engine), places(engine, ident)
        key = engine.inspect(ident)["NetworkSettings"]["SandboxKey"]
        engine.box.output("nsenter", f"--net={key}", "ip", "link", "add", "eth1", "type", "bridge")
        assert "to network back" in refused(engine, "network", "connect", "back", ident)
        engine.box.output("nsenter", f"--net={key}", "ip", "link", "del", "eth1")
        assert places(engine, ident) == shown
        assert_no_leaks(engine, before)
        engine.ok("network", "connect", "back", ident)


def test_refusals(engine: Engine) -> None:
    with network(engine, "back"):
        ident = engine.ok("run", "-d", "--name", "one", "--network", "back", IMAGE, *SLEEP)
        other = engine.ok("run", "-d", "--network", "none", IMAGE, *SLEEP)
        for arguments, words in (
            (("connect", "back", "one"), "endpoint with name one already exists in network back"),
            (("connect", "host", "one"), "container must be created in host network mode"),
            (("connect", "back", other), "one of the networks in private (none) mode"),
            (("connect", "absent", "one"), "network absent not found"),
            (("connect", "--driver-opt", "a=b", "back", other), "DriverOpts"),
            (("disconnect", "bridge", "one"), f"container {ident} is not connected to network bridge"),
            (("rm", "bridge"), "bridge is a pre-defined network and cannot be removed"),
            (("create", "bridge"), "operation is not permitted on predefined bridge network"),
            (("create", "-d", "macvlan", "a"), "network driver macvlan is not supported by this engine yet"),
        ):
            assert words in refused(engine, "network", *arguments)


def test_events(engine: Engine) -> None:
    with engine.popen(
        "events", "--filter", "type=network", "--format", "{{.Action}} {{.Actor.Attributes.name}}"
    ) as feed:
        assert feed.stdout is not None
        with network(engine, "back"):
            ident = engine.ok("run", "-d", IMAGE, *SLEEP)
            engine.ok("network", "connect", "back", ident)
            engine.ok("network", "disconnect", "back", ident)
        wanted = ["connect bridge", "connect back", "disconnect back", "disconnect bridge", "destroy back"]
        seen: list[str] = []
        while seen[-1:] != wanted[-1:]:
            seen.append(feed.stdout.readline().decode().strip())
        feed.kill()
    assert [line for line in seen if line in wanted] == wanted


def first(own: Engine) -> Look:
    """What is there once a network has come and gone: the tables that all networks share stay. The engine is down."""
    own.start()
    own.ok("network", "create", "first")
    own.ok("network", "rm", "first")
    before = look(own)
    assert own.stop() == 0
    return before


@pytest.mark.parametrize("point", ["network.stored", "network.made", "network.unsettled"])
def test_a_network_that_was_cut_is_taken_away(own: Engine, point: str) -> None:
    before = first(own)
    own.start(faults=f"{point}=kill")
    own.docker("network", "create", "back")
    own.docker("network", "rm", "back")
    own.wait_end()
    own.start()
    assert own.ok("network", "ls", "-q", "--filter", "type=custom") == ""
    assert_no_leaks(own, before)


@pytest.mark.parametrize("point", ["network.stored", "network.made"])
def test_a_create_that_fails_leaves_nothing(own: Engine, point: str) -> None:
    before = first(own)
    own.start(faults=f"{point}=error")
    assert f"failpoint {point}" in refused(own, "network", "create", "back")
    assert_no_leaks(own, before)
    own.ok("network", "create", "back")
    own.ok("network", "rm", "back")


def test_a_bridge_that_no_network_owns_is_swept(own: Engine) -> None:
    own.start()
    before = look(own)
    ident = own.ok("network", "create", "back")
    mark = json.loads(own.box.output("ip", "-j", "link", "show", bridge_of(ident)))[0]["ifalias"]
    assert own.stop() == 0
    own.box.output("ip", "link", "add", "br-stray", "type", "bridge")
    own.box.output("ip", "link", "set", "br-stray", "alias", mark)
    own.start()
    own.ok("network", "rm", "back")
    assert_no_leaks(own, before)


def test_networks_outlive_the_engine(own_bridge: Engine) -> None:
    own_bridge.start("--live-restore")
    own_bridge.load_demo(IMAGE)
    ident = own_bridge.ok("network", "create", "--subnet", "10.7.0.0/24", "back")
    one = own_bridge.ok("run", "-d", "--network", "back", IMAGE, *SLEEP)
    shown = json.loads(own_bridge.ok("network", "inspect", "back"))
    own_bridge.kill()
    own_bridge.box.output("nft", "flush", "ruleset")
    own_bridge.start("--live-restore")
    assert json.loads(own_bridge.ok("network", "inspect", "back")) == shown
    assert bridge_of(ident) in own_bridge.box.output("nft", "list", "ruleset")
    assert pings(own_bridge, one, "192.0.2.1")
    two = own_bridge.ok("run", "-d", "--network", "back", IMAGE, *SLEEP)
    assert address(own_bridge, two, "back") == "10.7.0.3"
    assert pings(own_bridge, two, "10.7.0.2")
    own_bridge.remove_all()
    own_bridge.ok("network", "rm", "back")
