"""The same calls to a dockerd and to this engine: same keys, types, values and words, or a difference that is meant."""

import os

import pytest

from tests.parity import (
    calls_checkpoints,
    calls_cli,
    calls_create,
    calls_hardware,
    calls_images,
    calls_joins,
    calls_life,
    calls_names,
    calls_networks,
    calls_reading,
    calls_runtimes,
    calls_system,
    calls_volumes,
)
from tests.parity.cases import Case
from tests.parity.compare import Difference, compare_answers
from tests.parity.known import KNOWN, Known
from tests.parity.normal import normal
from tests.parity.side import Side

if not os.environ.get("PEER"):
    pytest.skip("PEER=unix://… of a dockerd 28 is not set", allow_module_level=True)

MODULES = (
    calls_system,
    calls_images,
    calls_create,
    calls_life,
    calls_reading,
    calls_volumes,
    calls_joins,
    calls_names,
    calls_networks,
    calls_hardware,
    calls_runtimes,
    calls_checkpoints,
    calls_cli,
)
CASES = {case.name: case for module in MODULES for case in module.CASES}


class Tally:
    """Which cases ran, and which known differences were seen."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.seen: set[Known] = set()


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


def test_names_are_unique() -> None:
    assert sum(len(module.CASES) for module in MODULES) == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_parity(name: str, peer: Side, ours: Side, tally: Tally) -> None:
    found = compare(CASES[name], peer, ours)
    tally.ran.add(name)
    if peer.host != ours.host:
        known = {entry for difference in found for entry in KNOWN if entry.covers(name, difference.place)}
        tally.seen |= known
        found = [difference for difference in found if not any(entry.covers(name, difference.place) for entry in known)]
    if found:
        pytest.fail("\n".join(["", *map(str, found)]), pytrace=False)


def test_known_differences_are_still_there(peer: Side, ours: Side, tally: Tally) -> None:
    if peer.host == ours.host:
        pytest.skip("an engine does not differ from itself")
    if tally.ran != CASES.keys():
        pytest.skip("not every call was made")
    assert [entry for entry in KNOWN if entry not in tally.seen and not entry.sometimes] == []


def compare(case: Case, peer: Side, ours: Side) -> list[Difference]:
    """Run a case on both sides and return where they differ."""
    answers = [normal(case.run(side), side.roots, f"{case.name}:") for side in (peer, ours)]
    return list(compare_answers(*answers))
