"""The two sides: PEER is the dockerd to compare with, OURS an engine of ours; without OURS one is started in a box."""

import os
from collections.abc import Iterator

import pytest

from tests.parity.side import Side


@pytest.fixture(scope="session")
def peer() -> Iterator[Side]:
    host = os.environ.get("PEER")
    if not host:
        pytest.skip("PEER=unix://… of a dockerd 28 is not set")
    side = Side(host)
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
    from tests.real.box import Box
    from tests.real.engine import Engine

    box = Box()
    try:
        engine = Engine(box, "parity")
        try:
            yield engine.start().host
        finally:
            engine.end()
    finally:
        box.close()


@pytest.fixture(scope="session")
def ours(host_of_ours: str) -> Iterator[Side]:
    side = Side(host_of_ours)
    try:
        side.load()
        yield side
    finally:
        side.close()
