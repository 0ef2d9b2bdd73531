"""The two sides: PEER is the dockerd to compare with, OURS an engine of ours; without OURS one is started in a box.

The peer is a dockerd 28 for tests, with the containerd image store (`"features": {"containerd-snapshotter": true}`). It
gets the image busybox:latest; containers that were there stay.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parity.calls_runtimes import CONFIGURED
from tests.parity.side import Side
from tests.real.box import TIER, Box
from tests.real.engine import Engine

METRICS = "127.0.0.1:9323"


@pytest.fixture(scope="session")
def peer() -> Iterator[Side]:
    side = Side(os.environ["PEER"])
    try:
        side.load()
        yield side
    finally:
        side.close()


@pytest.fixture(scope="session")
def host_of_ours(peer: Side) -> Iterator[str]:
    """An engine that is there, or one of our own in a box."""
    host = os.environ.get("OURS")
    if host:
        yield host
        return
    with Box() as box:
        engine = Engine(box, "parity")
        try:
            yield engine.start("--metrics-addr", METRICS, *_like(peer, engine.root / "daemon.json")).host
        finally:
            engine.end()


def _like(peer: Side, file: Path) -> list[str]:
    """Return the flags that give ours what the peer has: experimental features, and runtimes in this file."""
    info = peer.call("GET", "/info")["body"]
    runtimes = {name: entry for name, entry in CONFIGURED.items() if name in info["Runtimes"]}
    default = {} if TIER else {"default-runtime": info["DefaultRuntime"]}
    file.write_text(json.dumps({"runtimes": runtimes, **default}))
    return ["--config-file", str(file), *(["--experimental"] if info["ExperimentalBuild"] else [])]


@pytest.fixture(scope="session")
def ours(host_of_ours: str) -> Iterator[Side]:
    side = Side(host_of_ours)
    try:
        side.load()
        yield side
    finally:
        side.close()
