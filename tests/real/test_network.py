"""The default bridge, host and none."""

import ipaddress
import json

from tests.real.conftest import IMAGE
from tests.real.engine import Engine


def address(engine: Engine, ident: str) -> str:
    return engine.inspect(ident)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]


def test_containers_reach_each_other_and_the_host(engine: Engine) -> None:
    first = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    there = address(engine, first)
    gateway = engine.inspect(first)["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
    for target in (there, gateway):
        assert "1 packets received" in engine.ok("run", "--rm", IMAGE, "ping", "-c1", "-W5", target)


def test_outside_sees_the_host(engine: Engine) -> None:
    assert "1 packets received" in engine.ok("run", "--rm", IMAGE, "ping", "-c1", "-W5", "192.0.2.1")


def test_lowest_free_address(engine: Engine) -> None:
    idents = [engine.ok("run", "-d", IMAGE, "sleep", "1000") for _ in range(3)]
    first, second, third = (ipaddress.ip_address(address(engine, ident)) for ident in idents)
    assert (second, third) == (first + 1, first + 2)
    engine.ok("rm", "-f", idents[1])
    again = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    assert ipaddress.ip_address(address(engine, again)) == second


def test_inspect_after_the_exit(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "true")
    engine.ok("wait", ident)
    settings = engine.inspect(ident)["NetworkSettings"]["Networks"]["bridge"]
    assert (settings["IPAddress"], settings["EndpointID"], settings["Gateway"]) == ("", "", "")


def test_the_three_networks(engine: Engine) -> None:
    rows = set(engine.ok("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}").splitlines())
    assert rows == {"bridge bridge local", "host host local", "none null local"}
    ident = engine.ok("run", "-d", "--name", "member", IMAGE, "sleep", "1000")
    found = json.loads(engine.ok("network", "inspect", "bridge"))[0]
    assert found["Containers"][ident]["Name"] == "member"
    assert found["Containers"][ident]["IPv4Address"].startswith(address(engine, ident) + "/")


def test_files(engine: Engine) -> None:
    flags = ["--hostname", "me", "--dns", "192.0.2.53", "--add-host", "db:192.0.2.7"]
    ident = engine.ok("run", "-d", *flags, IMAGE, "sleep", "1000")
    hosts = engine.ok("exec", ident, "cat", "/etc/hosts").split()
    assert hosts[hosts.index("192.0.2.7") + 1] == "db"
    assert hosts[hosts.index(address(engine, ident)) + 1] == "me"
    assert "nameserver 192.0.2.53" in engine.ok("exec", ident, "cat", "/etc/resolv.conf").splitlines()


def test_sandbox_key_is_a_namespace(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    key = engine.inspect(ident)["NetworkSettings"]["SandboxKey"]
    links = engine.box.output("nsenter", f"--net={key}", "ip", "-j", "link")
    assert {link["ifname"] for link in json.loads(links)} == {"lo", "eth0"}
