"""One measurement: the lines that it fills, how it opens on an engine, and how the engines take turns at it."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from threading import Event

from bench.engine import Engine
from bench.table import Result
from bench.turns import WARM_UP, turns

Sample = Callable[[], Sequence[float]]
"""Takes one sample: a value for each line of the measurement."""


@dataclass(frozen=True, slots=True)
class Line:
    """One block of the table."""

    title: str
    unit: str = "ms"
    more_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is sampled at once."""

    lines: tuple[Line, ...]
    open: Callable[[Engine], AbstractContextManager[Sample]]
    share: int = 1
    """It has one round in so many."""


def measure(what: Measurement, engines: Sequence[Engine], rounds: int, stop: Event) -> list[Result]:
    """Take the samples, a result for each line; KeyboardInterrupt between two samples once `stop` is set."""
    samples: list[dict[str, list[float]]] = [{engine.name: [] for engine in engines} for _ in what.lines]
    with ExitStack() as stack:
        take = {engine.name: stack.enter_context(what.open(engine)) for engine in engines}
        for turn, name in turns(list(take), max(1, rounds // what.share), stop):
            values = take[name]()
            if turn == WARM_UP:
                continue
            for kept, value in zip(samples, values, strict=True):
                kept[name].append(value)
    return [
        Result(line.title, line.unit, kept, line.more_is_better) for line, kept in zip(what.lines, samples, strict=True)
    ]


def since(begun: float) -> float:
    """Return the milliseconds since a moment of time.perf_counter."""
    return (time.perf_counter() - begun) * 1e3


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds that an action takes."""
    begun = time.perf_counter()
    action()
    return since(begun)
