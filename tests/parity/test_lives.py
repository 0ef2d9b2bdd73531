"""The model of a container's life (tests/life_model.py) on the peer: what the model says is what dockerd does."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.life_model import Answer, Life, refuse_in_every_phase
from tests.parity.side import IMAGE, Side
from tests.real.life_driver import HttpDriver
from tests.real.test_model import SHORT

if not os.environ.get("PEER"):
    pytest.skip("PEER=unix://… of a dockerd 28 is not set", allow_module_level=True)


class PeerDriver(HttpDriver):
    """dockerd, which is not ours to kill."""

    def ask(self, verb: str, ref: str, **options: Any) -> Answer:
        answer = super().ask(verb, ref, **options)
        if (verb, answer.status) == ("unpause", 500):
            return replace(answer, status=409)  # weak place 24: the status is not its kind's
        if (verb, answer.words) == ("start exec", f"No such container: {ref}"):
            return replace(answer, words=f"No such exec instance: {ref}")  # until it collects what ran in a removed one
        return answer


@pytest.fixture
def life(peer: Side, tmp_path: Path) -> type[Life]:
    def driver() -> PeerDriver:
        return PeerDriver(peer.path, IMAGE, tmp_path, lambda: None)

    return type("PeerLife", (Life,), {"driver": staticmethod(driver)})


def test_every_refusal_of_every_phase(life: type[Life]) -> None:
    machine = life()
    try:
        refuse_in_every_phase(machine)
    finally:
        machine.teardown()


def test_lives(life: type[Life]) -> None:
    run_state_machine_as_test(life, settings=SHORT)
