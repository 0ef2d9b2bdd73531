"""The leak detector: everything an engine may leave behind, as sets of names; two looks must be equal."""

import asyncio
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from tests.real.engine import Engine
from tests.real.held import held
from wherry.containerd.channel import Channel
from wherry.containerd.containers import Containers
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Snapshots
from wherry.containerd.tasks import Tasks

Names = frozenset[str]
LOOKS = 20
"""Each takes about a tenth of a second."""


@dataclass(frozen=True)
class Look:
    """One look at the box and at the engine's roots."""

    mounts: Names
    links: Names
    netns: Names
    rules: Names
    ports: Names
    processes: Names
    keepers: Names
    states: Names
    held: Names
    cgroups: Names
    directories: Names
    volumes: Names
    records: Names
    networks: Names
    tasks: Names
    containers: Names
    snapshots: Names
    leases: Names

    def leaks(self, before: "Look") -> dict[str, list[str]]:
        """What is here now and was not before."""
        new = {f.name: sorted(getattr(self, f.name) - getattr(before, f.name)) for f in fields(self)}
        return {name: found for name, found in new.items() if found}


def look(engine: Engine) -> Look:
    """Look at everything; the engine's containerd must be up."""
    tasks, containers, snapshots, leases = asyncio.run(_containerd(engine))
    box = engine.box
    return Look(
        mounts=frozenset(m for m in box.mounts() if str(engine.root) in m),
        links=frozenset(link["ifname"] for link in json.loads(box.output("ip", "-j", "link"))),
        netns=frozenset(_names(engine.exec / "netns")),
        rules=frozenset(re.sub(r"packets \d+ bytes \d+", "", rule) for rule in _rules(engine)),
        ports=frozenset(_ports(engine)),
        processes=frozenset(_kinds(engine)),
        keepers=frozenset(str(p.relative_to(engine.exec)) for p in (engine.exec / "c").glob("*/*")),
        states=frozenset(str(p.relative_to(engine.exec)) for p in (engine.exec / "direct").glob("*/*")),
        held=frozenset(held(engine)),
        cgroups=frozenset(_cgroups(engine)),
        directories=frozenset([*_names(engine.data / "containers"), *_names(engine.data / "rootfs" / "overlayfs")]),
        volumes=frozenset(_names(engine.data / "volumes")),
        records=frozenset(_records(engine, "containers")),
        networks=frozenset(_records(engine, "networks")),
        tasks=tasks,
        containers=containers,
        snapshots=snapshots,
        leases=leases,
    )


def assert_no_leaks(engine: Engine, before: Look) -> None:
    """Fail with what is new; an exit that is being settled gets a few more looks."""
    found: dict[str, list[str]] = {}
    for _ in range(LOOKS):
        found = look(engine).leaks(before)
        if not found:
            return
    raise AssertionError(f"left behind: {found}\n{engine.tail()}")


async def _containerd(engine: Engine) -> tuple[Names, Names, Names, Names]:
    channel = Channel(str(engine.exec / "containerd" / "containerd.sock"), "moby")
    await channel.open(10.0)
    try:
        return (
            frozenset(t.id for t in await Tasks(channel).list()),
            frozenset(c.id for c in await Containers(channel).list()),
            frozenset(s.name for s in await Snapshots(channel, "overlayfs").list()),
            frozenset(lease.id for lease in await Leases(channel).list()),
        )
    finally:
        await channel.close()


def _names(directory: Path) -> list[str]:
    return os.listdir(directory) if directory.is_dir() else []


def _rules(engine: Engine) -> list[str]:
    return engine.box.output("nft", "list", "ruleset").splitlines()


def _ports(engine: Engine) -> Iterator[str]:
    """Sockets that hold a port, by protocol and address."""
    for line in engine.box.output("ss", "-Hltun").splitlines():
        words = line.split()
        yield f"{words[0]} {words[4]}"


def _records(engine: Engine, table: str) -> list[str]:
    database = sqlite3.connect(f"file:{engine.data / 'wherry.db'}?mode=ro", uri=True)
    try:
        return [ident for (ident,) in database.execute(f"SELECT id FROM {table}")]
    finally:
        database.close()


def _kinds(engine: Engine) -> Iterator[str]:
    """Processes by command line; helpers of the daemon and the CLI are between two looks and do not count."""
    for pid, line in engine.box.processes().items():
        if "containerd-shim" in line or "wherry-keeper" in _comm(pid) or f"--root {engine.exec}/direct/" in line:
            yield f"{pid} {line}"


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def remove_cgroup(name: str) -> None:
    """Remove a cgroup at the top of every hierarchy; missing is fine."""
    for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        with suppress(FileNotFoundError, NotADirectoryError):
            (hierarchy / name).rmdir()


def _cgroups(engine: Engine) -> Iterator[str]:
    """Cgroups of containers that this engine has started, as its log names them; other engines share the tree."""
    known = set(re.findall(r"\bstart ([0-9a-f]{64})", engine.log.read_text(errors="replace")))
    for root, directories, _ in os.walk("/sys/fs/cgroup"):
        yield from (os.path.join(root, name) for name in directories if name in known)
