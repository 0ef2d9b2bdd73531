"""Names in networks of users, by the docker CLI."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine

ASLEEP = ("sleep", "1000")
NOBODY = "127.0.0.1"
"""A server that refuses at once: what the engine does not know itself is not found."""
KEEPS_ASKING = """
while :; do
  for name in stays aa bb www; do
    found=$(nslookup -type=a $name | tail -n +4 | sed -n 's/^Address: //p' | sort)
    echo $name: $found
  done
done
"""


@pytest.fixture
def network(engine: Engine) -> Iterator[str]:
    engine.ok("network", "create", "back")
    yield "back"
    engine.remove_all()
    engine.ok("network", "rm", "back")


def look_up(engine: Engine, container: str, name: str) -> str:
    done = engine.docker("exec", container, "nslookup", name)
    return done.stdout.decode() if done.returncode == 0 else ""


def address(engine: Engine, container: str, network: str = "back") -> str:
    return engine.inspect(container)["NetworkSettings"]["Networks"][network]["IPAddress"]


def test_containers_find_each_other(engine: Engine, network: str) -> None:
    engine.ok("run", "-d", "--name", "web", "--network", network, "--network-alias", "www", IMAGE, *ASLEEP)
    text = engine.ok("run", "--rm", "--network", network, IMAGE, "cat", "/etc/resolv.conf")
    assert "\nnameserver 127.0.0.11\noptions ndots:0\n" in text
    assert "(internal resolver)" in text
    for name in ("web", "WWW", "web.back", engine.inspect("web")["Id"][:12]):
        found = engine.ok("run", "--rm", "--network", network, IMAGE, "ping", "-c1", "-W5", name)
        assert f"({address(engine, 'web')})" in found


def test_links_are_names_of_ones_own(engine: Engine, network: str) -> None:
    """Nobody need be called so yet, and whoever comes to be called so is found; for others the alias is nobody."""
    sleeps = ("run", "-d", "--network", network, "--stop-timeout", "1")
    engine.ok(*sleeps, "--name", "web", "--link", "db:store", "--link", "db:other", IMAGE, *ASLEEP)
    assert look_up(engine, "web", "store") == ""
    engine.ok(*sleeps, "--name", "db", IMAGE, *ASLEEP)
    engine.ok(*sleeps, "--name", "other", IMAGE, *ASLEEP)
    for alias in ("store", "STORE", f"store.{network}", "other"):
        assert address(engine, "db") in look_up(engine, "web", alias), alias
    assert look_up(engine, "db", "store") == ""
    assert address(engine, "other") in look_up(engine, "db", "other")
    engine.ok("rename", "db", "old")
    assert look_up(engine, "web", "store") == ""
    engine.ok("rename", "other", "db")
    assert address(engine, "db") in look_up(engine, "web", "store")
    engine.ok("restart", "web")
    assert address(engine, "db") in look_up(engine, "web", "store")
    assert engine.inspect("web")["NetworkSettings"]["Networks"][network]["Links"] == ["db:store", "db:other"]


def test_links_of_a_container_that_runs(engine: Engine, network: str) -> None:
    engine.ok("run", "-d", "--name", "web", IMAGE, *ASLEEP)
    engine.ok("run", "-d", "--name", "db", "--network", network, IMAGE, *ASLEEP)
    done = engine.docker("network", "connect", "--link", "a:b:c", network, "web")
    assert b"bad format for links: a:b:c" in done.stderr
    assert list(engine.inspect("web")["NetworkSettings"]["Networks"]) == ["bridge"]
    engine.ok("network", "connect", "--link", "db:store", network, "web")
    assert address(engine, "db") in look_up(engine, "web", "store")
    engine.ok("network", "disconnect", network, "web")
    engine.ok("network", "connect", network, "web")
    assert look_up(engine, "web", "store") == ""
    assert address(engine, "db") in look_up(engine, "web", "db")


def test_names_of_addresses(engine: Engine, network: str) -> None:
    """The first name, with the network by which the asker knows it; what no network of its own has is not answered."""
    engine.ok("network", "create", "front")
    sleeps = ("run", "-d", "--stop-timeout", "1", "--network")
    engine.ok(*sleeps, network, "--name", "web", "--network-alias", "www", IMAGE, *ASLEEP)
    engine.ok("network", "connect", "front", "web")
    engine.ok(*sleeps, network, "--name", "near", "--dns", NOBODY, IMAGE, *ASLEEP)
    engine.ok(*sleeps, "front", "--name", "far", "--dns", NOBODY, IMAGE, *ASLEEP)
    back, front = address(engine, "web"), address(engine, "web", "front")
    assert f"name = web.{network}\n" in look_up(engine, "near", back)
    assert "name = web.front\n" in look_up(engine, "far", front)
    assert look_up(engine, "near", front) == look_up(engine, "far", back) == look_up(engine, "near", NOBODY) == ""
    engine.ok("network", "connect", "front", "near")
    assert "name = web.front\n" in look_up(engine, "near", front)
    engine.ok("rename", "web", "store")
    assert f"name = store.{network}\n" in look_up(engine, "near", back)
    engine.ok("network", "disconnect", "front", "store")
    assert look_up(engine, "near", front) == ""
    engine.remove_all()
    engine.ok("network", "rm", "front")


def test_one_that_keeps_asking_is_never_told_wrong(engine: Engine) -> None:
    """Others come and go under it: who stays is always found, who is away is nobody, an alias is whoever is there."""
    engine.ok("network", "create", "--subnet", "10.77.5.0/24", "busy")
    addresses = {"stays": "10.77.5.10", "aa": "10.77.5.11", "bb": "10.77.5.12"}
    place = ("--network", "busy", "--ip")
    engine.ok("run", "-d", "--name", "stays", *place, addresses["stays"], IMAGE, *ASLEEP)
    for name in ("aa", "bb"):
        engine.ok("run", "-d", "--name", name, "--network", "none", IMAGE, *ASLEEP)
        engine.ok("network", "disconnect", "none", name)
    join(engine, "aa", addresses["aa"])
    ask = ("run", "-d", "--name", "asks", "--network", "busy", "--dns", NOBODY, IMAGE, "sh", "-c", KEEPS_ASKING)
    engine.ok(*ask)
    right = {name: {"", found} for name, found in addresses.items()} | {"stays": {addresses["stays"]}}
    right["www"] = {addresses["aa"], addresses["bb"], f"{addresses['aa']} {addresses['bb']}"}
    with engine.popen("logs", "-f", "asks") as log:
        assert log.stdout is not None
        heard = ((name, found.strip()) for name, _, found in (line.decode().partition(":") for line in log.stdout))
        for comes, goes in 5 * (("bb", "aa"), ("aa", "bb")):
            join(engine, comes, addresses[comes])
            listen(heard, right, comes, addresses[comes])
            engine.ok("network", "disconnect", "busy", goes)
            listen(heard, right, goes, "")
        engine.ok("rm", "-f", "asks")
        for name, found in heard:
            assert found in right[name], name
    engine.remove_all()
    engine.ok("network", "rm", "busy")


def join(engine: Engine, name: str, at: str) -> None:
    engine.ok("network", "connect", "--ip", at, "--alias", "www", "busy", name)


def listen(heard: Iterator[tuple[str, str]], right: dict[str, set[str]], name: str, wanted: str) -> None:
    """Hear answers, each of which must be right, until a name has the answer that it must come to have."""
    for _, (asked, found) in zip(range(10_000), heard, strict=False):
        assert found in right[asked], asked
        if (asked, found) == (name, wanted):
            return
    raise AssertionError(f"{name} never has the answer {wanted!r}")


def test_the_default_bridge_has_no_names(engine: Engine, network: str) -> None:
    engine.ok("run", "-d", "--name", "web", "--network", network, IMAGE, *ASLEEP)
    engine.ok("run", "-d", "--name", "plain", IMAGE, *ASLEEP)
    assert "127.0.0.11" not in engine.ok("exec", "plain", "cat", "/etc/resolv.conf")
    engine.ok("network", "connect", network, "plain")
    assert "nameserver 127.0.0.11" in engine.ok("exec", "plain", "cat", "/etc/resolv.conf")
    assert address(engine, "web") in look_up(engine, "plain", "web")
    assert address(engine, "plain") in look_up(engine, "web", "plain")
    engine.ok("network", "disconnect", network, "plain")
    assert look_up(engine, "plain", "web") == look_up(engine, "web", "plain") == ""


def test_names_follow_a_rename_and_an_exit(engine: Engine, network: str) -> None:
    for name in ("aa", "bb"):
        engine.ok("run", "-d", "--name", name, "--network", network, IMAGE, *ASLEEP)
    engine.ok("rename", "bb", "cc")
    assert address(engine, "cc") in look_up(engine, "aa", "cc")
    assert look_up(engine, "aa", "bb") == ""
    engine.ok("kill", "cc")
    engine.ok("wait", "cc")
    assert look_up(engine, "aa", "cc") == ""
    engine.ok("start", "cc")
    assert address(engine, "cc") in look_up(engine, "aa", "cc")


def test_names_go_on_through_a_restart_and_a_crash(own_bridge: Engine) -> None:
    engine = own_bridge
    engine.start("--live-restore")
    engine.load_demo(IMAGE)
    engine.ok("network", "create", "back")
    for name in ("aa", "bb"):
        engine.ok("run", "-d", "--name", name, "--network", "back", IMAGE, *ASLEEP)
    key, there = engine.inspect("aa")["NetworkSettings"]["SandboxKey"], address(engine, "bb")
    engine.kill()
    question = ("nsenter", f"--net={key}", "busybox", "nslookup", "bb", "127.0.0.11")
    assert there in engine.box.output(*question)
    engine.start("--live-restore")
    assert there in look_up(engine, "aa", "bb")
    for pid, line in engine.box.processes().items():
        if "wherry.names" in line:
            os.kill(pid, signal.SIGKILL)
    assert there in look_up(engine, "aa", "bb")
    engine.remove_all()
    engine.ok("network", "rm", "back")
    assert engine.stop() == 0
