"""One box and one engine for all real tests; every test is followed by the leak detector."""

import itertools
from collections.abc import Iterator

import pytest

from tests.real.box import Box
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look

IMAGE = "busybox"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def box() -> Iterator[Box]:
    with Box() as box:
        yield box


@pytest.fixture(scope="session")
def shared(box: Box) -> Iterator[Engine]:
    engine = Engine(box).start()
    try:
        engine.load_demo(IMAGE)
        yield engine
        assert engine.stop() == 0, engine.tail()
    finally:
        engine.end()


@pytest.fixture
def engine(shared: Engine) -> Iterator[Engine]:
    """The shared engine; what the test made and did not remove is its failure."""
    before = look(shared)
    yield shared
    shared.remove_all()
    assert_no_leaks(shared, before)


@pytest.fixture
def own(box: Box) -> Iterator[Engine]:
    """An engine that the test may start, kill and restart with flags of its own; not started yet."""
    engine = Engine(box, f"own{next(NUMBERS)}", "--bridge", "none")
    try:
        yield engine
    finally:
        engine.end()


@pytest.fixture
def own_bridge() -> Iterator[Engine]:
    """The same with the default bridge, hence in a box of its own."""
    with Box() as box:
        engine = Engine(box)
        try:
            yield engine
        finally:
            engine.end()
