"""What a container is given, on a dockerd and on this engine: its OCI spec, and what the kernel then says inside."""

import os
from typing import Any

import pytest

from tests.parity.cases import create, fill, start
from tests.parity.compare import differences
from tests.parity.options import OPTIONS
from tests.parity.side import Side
from tests.parity.specs import comparable, read_spec

if not os.environ.get("PEER"):
    pytest.skip("PEER=unix://… of a dockerd 28 is not set", allow_module_level=True)

Json = Any


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
    different = list(differences(*found))
    if different:
        pytest.fail("\n".join(["", *map(str, different)]), pytrace=False)
