"""The real docker compose: a project with a network, a volume and a published port comes up and goes down."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from tests.real.test_ports import HERE, OUTSIDE, ask

NAME = "docker-compose"
PLACES = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
HELLO = "hello from a project"
PROJECT = f"""
services:
  web:
    image: {IMAGE}
    command: sh -c 'while true; do cat /data/word | nc -l -p 80; done'
    ports: ["8088:80"]
    volumes: ["data:/data"]
    depends_on: [db]
    links: ["db:storage"]
    stop_grace_period: 1s
  db:
    image: {IMAGE}
    networks: {{default: {{aliases: [database]}}}}
    command: sh -c 'echo {HELLO} >/shared/word; echo the word is there; sleep 1000'
    volumes: ["data:/shared"]
    stop_grace_period: 1s
volumes:
  data:
"""


def plugin() -> str:
    """The plugin wherever this machine has it; empty when it has none of the second generation."""
    own = [os.environ.get("DOCKER_CONFIG", ""), os.path.expanduser("~/.docker")]
    places = [*own, *(f"{place}/docker" for place in PLACES)]
    found = [f"{place}/cli-plugins/{NAME}" for place in places] + [shutil.which(NAME) or ""]
    for path in found:
        if os.access(path, os.X_OK):
            told = subprocess.run([path, "version", "--short"], capture_output=True, text=True)
            if told.returncode == 0 and not told.stdout.startswith("1."):
                return path
    return ""


@pytest.fixture
def compose(engine: Engine) -> Callable[..., str]:
    """The CLI's plugin on the project, with arguments of its own; it must succeed."""
    path = plugin()
    if not path:
        pytest.skip("docker compose (the CLI plugin) is not on this machine")
    link = engine.root / ".docker" / "cli-plugins" / NAME
    if not link.exists():
        link.parent.mkdir(parents=True)
        link.symlink_to(path)
    directory = engine.root / "demo"
    directory.mkdir(exist_ok=True)
    file = directory / "compose.yaml"
    file.write_text(PROJECT)
    return partial(engine.ok, "compose", "-f", str(file))


def found(engine: Engine, container: str, name: str) -> set[str]:
    """The addresses that a container finds for a name, by the resolver of its own C library's configuration."""
    done = engine.docker("exec", container, "nslookup", "-type=a", name)
    answers = done.stdout.decode().partition("Name:")[2]
    return {line.partition(" ")[2] for line in answers.splitlines() if line.startswith("Address:")}


def address(engine: Engine, container: str) -> str:
    address = engine.inspect(container)["NetworkSettings"]["Networks"]["demo_default"]["IPAddress"]
    assert address
    return str(address)


def test_services_find_each_other(engine: Engine, compose: Callable[..., str]) -> None:
    before = look(engine)
    compose("up", "-d", "--scale", "db=2")
    engine.ok("run", "-d", "--name", "stranger", IMAGE, "sleep", "1000")
    web, one, two = (address(engine, f"demo-{name}") for name in ("web-1", "db-1", "db-2"))
    for container, name, addresses in (
        ("demo-db-1", "web", {web}),
        ("demo-db-2", "web.demo_default", {web}),
        ("demo-web-1", "db", {one, two}),
        ("demo-web-1", "database", {one, two}),
        ("demo-web-1", "DataBase.demo_default", {one, two}),
        ("demo-web-1", "demo-db-2", {two}),
        ("demo-db-1", "db", {one, two}),
        ("demo-web-1", "demo-db-3", set()),
        ("stranger", "web", set()),
    ):
        assert found(engine, container, name) == addresses, f"{container} asks for {name}"
    assert found(engine, "demo-web-1", "storage") in ({one}, {two})  # the plugin links to both: the last counts
    assert found(engine, "demo-db-1", "storage") == set()
    compose("up", "-d", "--scale", "db=1")
    assert found(engine, "demo-web-1", "database") == {one}
    compose("restart", "web")
    assert found(engine, "demo-db-1", "web") == {address(engine, "demo-web-1")}
    compose("down", "-v", "-t", "1")
    engine.ok("rm", "-f", "stranger")
    assert_no_leaks(engine, before)


def test_a_project_comes_up_and_goes_down(engine: Engine, compose: Callable[..., str]) -> None:
    before = look(engine)
    compose("up", "-d")
    rows = [json.loads(line) for line in compose("ps", "--format", "json").splitlines()]
    assert {(row["Name"], row["State"], row["Networks"]) for row in rows} == {
        ("demo-db-1", "running", "demo_default"),
        ("demo-web-1", "running", "demo_default"),
    }
    assert ask(engine, HERE, 8088, *OUTSIDE) == HELLO
    assert "the word is there" in compose("logs", "db")
    assert compose("exec", "-T", "web", "cat", "/data/word") == HELLO
    names = engine.inspect("demo-web-1")["NetworkSettings"]["Networks"]["demo_default"]
    assert names["Aliases"] == ["demo-web-1", "web"]
    assert "web" in names["DNSNames"]
    compose("up", "-d")
    compose("restart", "web")
    assert ask(engine, HERE, 8088, *OUTSIDE) == HELLO
    compose("down")
    assert engine.ok("volume", "ls", "-q") == "demo_data"
    compose("down", "-v")
    assert_no_leaks(engine, before)
