"""A container's life against the model of it (tests/life_model.py) on the real engine; each life leaves nothing."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.life_model import Life, refuse_in_every_phase
from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from tests.real.life_driver import HttpDriver

SHORT = settings(max_examples=10, stateful_step_count=15, deadline=None, derandomize=True, database=None)


@pytest.fixture
def life(own: Engine) -> Iterator[type[Life]]:
    """The machine on an engine of its own, which keeps its containers when it is killed."""
    own.start("--live-restore")
    own.load_demo(IMAGE)
    directory = Path(tempfile.mkdtemp(dir=own.root))

    def again() -> None:
        own.kill()
        own.start("--live-restore")

    def driver() -> HttpDriver:
        check_end = partial(assert_no_leaks, own, look(own))
        return HttpDriver(str(own.socket), IMAGE, directory, check_end, again)

    yield type("RealLife", (Life,), {"driver": staticmethod(driver)})
    assert own.stop() == 0, own.tail()


def test_every_refusal_of_every_phase(life: type[Life]) -> None:
    machine = life()
    refuse_in_every_phase(machine)
    machine.teardown()


def test_lives(life: type[Life]) -> None:
    run_state_machine_as_test(life, settings=SHORT)
