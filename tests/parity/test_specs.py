"""What a container is given, on a dockerd and on this engine: its OCI spec, and what the kernel then says inside."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.parity.cases import create, fill, start
from tests.parity.compare import differences
from tests.parity.inside import SCRIPT, ask
from tests.parity.options import OPTIONS
from tests.parity.side import Side
from tests.parity.specs import comparable, read_spec
from tests.real.leaks import remove_cgroup

if not os.environ.get("PEER"):
    pytest.skip("PEER=unix://… of a dockerd 28 is not set", allow_module_level=True)

Json = Any

KNOWN = (
    ("*", "linux.seccomp.syscalls.socket*", "AF_ALG is closed too, as in moby's profile after 28 (start.md 5.5)"),
    ("*", "mounts./sbin/docker-init.*", "each engine has an init of its own"),
    ("*", "mounts./etc/*.options*", "ro says all of a single file, and crun 1.8 takes no rro there"),
    ("*", "mounts./dev/shm.options*", "crun drops what a bind does not repeat; runc keeps what is there"),
    ("*", "linux.resources.devices*or*", "any number is left out, as the specification has it; crun takes -1 for one"),
    ("*", "mounts./proc/acpi.of the system*", "a newer runc bounds the empty directory that hides another"),
    ("*", "mounts./sys/firmware.of the system*", "the same"),
    ("environment", "process.env*", "of a name given twice the last value is kept, as runc 1.2 does; dockerd has both"),
)
"""Cases, places, and why they may differ."""


@pytest.fixture(scope="module", autouse=True)
def parents() -> Iterator[None]:
    """A runtime leaves the parents of cgroups that it makes."""
    yield
    remove_cgroup("parity-fleet")


def run(side: Side, body: Json) -> str:
    """Create and start a container and return its id."""
    directory = side.directory("shared")
    with open(f"{directory}/file", "w", encoding="utf-8"):
        pass
    names = {"dir": directory}
    created = create(**fill(body, names)).do(side, names)
    assert created["status"] == 201, created
    started = start(names["c"]).do(side, names)
    assert started["status"] == 204, started
    return names["c"]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_spec(name: str, peer: Side, ours: Side) -> None:
    found = []
    for side in (peer, ours):
        try:
            ident = run(side, OPTIONS[name])
            found.append(comparable(read_spec(side, ident), side, ident))
        finally:
            side.clean()
    fail_on(name, found)


@pytest.mark.parametrize("name", [name for name, body in OPTIONS.items() if "Entrypoint" not in body])
def test_the_kernel_says_the_same(name: str, peer: Side, ours: Side) -> None:
    found = []
    for side in (peer, ours):
        try:
            found.append(ask(side, run(side, {**OPTIONS[name], "Cmd": ["sh", "-c", SCRIPT]})))
        finally:
            side.clean()
    fail_on(name, found)


def fail_on(name: str, found: list[Json]) -> None:
    """Fail with what differs between the two and is not known."""
    different = [each for each in differences(*found) if not known(name, each.place)]
    if different:
        pytest.fail("\n".join(["", *map(str, different)]), pytrace=False)


def known(name: str, place: str) -> bool:
    return any(fnmatchcase(name, case) and fnmatchcase(place, places) for case, places, _ in KNOWN)
