"""The two sides: PEER is the dockerd to compare with, OURS an engine of ours; without OURS one is started in a box.

The peer is a dockerd 28 for tests, with the containerd image store (`"features": {"containerd-snapshotter": true}`). It
gets the image busybox:latest; containers that were there stay.
"""

import os
from collections.abc import Iterator

import pytest

from tests.parity.side import Side
from tests.real.box import Box
from tests.real.engine import Engine


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
            experimental = peer.call("GET", "/info")["body"]["ExperimentalBuild"]
            yield engine.start(*(["--experimental"] if experimental else [])).host
        finally:
            engine.end()


@pytest.fixture(scope="session")
def ours(host_of_ours: str) -> Iterator[Side]:
    side = Side(host_of_ours)
    try:
        side.load()
        yield side
    finally:
        side.close()
