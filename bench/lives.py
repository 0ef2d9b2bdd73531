"""Many lives at once: so many a second, and how long the slowest of their starts took."""

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

from bench.engine import Api, Engine
from bench.measure import Line, Measurement, Sample, since
from bench.table import percentile

Action = Callable[[Api], float]
Crew = Callable[[Action, int], list[float]]
"""Does an action so often and returns what each gave; the first failure is raised, what has not begun is dropped."""


def lives(containers: int, in_flight: int) -> Measurement:
    """Make the measurement of whole lives on the default bridge: a life is create, start, wait and remove."""
    lines = (
        Line(f"{containers} lives, {in_flight} in flight, bridge", "per second, more is better", more_is_better=True),
        Line(f"create+start with {in_flight} in flight, p99"),
    )
    return Measurement(lines, partial(_lives, containers, in_flight), share=10)


@contextlib.contextmanager
def crew(engine: Engine, size: int) -> Iterator[Crew]:
    """Yield a crew of so many threads, each with a kept connection."""
    free: queue.SimpleQueue[Api] = queue.SimpleQueue()

    def one(action: Action) -> float:
        api = free.get()
        try:
            return action(api)
        finally:
            free.put(api)

    with ExitStack() as stack:
        for _ in range(size):
            free.put(stack.enter_context(closing(Api(engine))))
        pool = stack.enter_context(ThreadPoolExecutor(size))
        yield lambda action, times: list(pool.map(one, [action] * times))


@contextlib.contextmanager
def _lives(containers: int, in_flight: int, engine: Engine) -> Iterator[Sample]:
    with crew(engine, in_flight) as each:

        def sample() -> tuple[float, float]:
            begun = time.perf_counter()
            starts = each(_live, containers)
            return containers / (time.perf_counter() - begun), percentile(starts, 99)

        yield sample


def _live(api: Api) -> float:
    """Live a whole life; the milliseconds are those of create and start."""
    begun = time.perf_counter()
    ident = api.create("bridge")
    api.start(ident)
    spent = since(begun)
    api.finish(ident)
    return spent
