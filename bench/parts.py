"""What is measured: each measurement opens on an engine and then yields one sample per call."""

import contextlib
import os
import queue
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from functools import partial
from threading import Event

from bench.boots import RUNNING, STOPPED, booted
from bench.engine import IMAGE, NETWORK, SECONDS, Api, Engine
from bench.memory import memory
from bench.table import Result
from bench.turns import WARM_UP, turns
from wherry.base.errors import System

CONTAINERS, IN_FLIGHT = 60, 16
PING, LIST = "/_ping", "/containers/json?all=1"
SETTLE_SECONDS = 1.0
"""Rest before each look at the memory."""

Sample = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One block of the table."""

    title: str
    unit: str
    open: Callable[[Engine], AbstractContextManager[Sample]]
    share: int = 1
    """It has one round in so many."""
    more_is_better: bool = False


def measure(what: Measurement, engines: Sequence[Engine], rounds: int, stop: Event) -> Result:
    """Take the samples; KeyboardInterrupt between two of them once `stop` is set."""
    samples: dict[str, list[float]] = {engine.name: [] for engine in engines}
    with ExitStack() as stack:
        take = {engine.name: stack.enter_context(what.open(engine)) for engine in engines}
        for turn, name in turns(list(take), max(1, rounds // what.share), stop):
            value = take[name]()
            if turn != WARM_UP:
                samples[name].append(value)
    return Result(what.title, what.unit, samples, what.more_is_better)


def _calls(action: Callable[[Api], float]) -> Callable[[Engine], AbstractContextManager[Sample]]:
    """Make a measurement's `open` of an action that needs one kept connection and nothing else."""

    @contextlib.contextmanager
    def opened(engine: Engine) -> Iterator[Sample]:
        with closing(Api(engine)) as api:
            yield lambda: action(api)

    return opened


def _start(network: str, api: Api) -> float:
    begun = time.perf_counter()
    ident = api.create(network)
    api.start(ident)
    spent = _since(begun)
    api.finish(ident)  # not timed, and at rest before the next engine's turn
    return spent


@contextlib.contextmanager
def _start_in_users_network(engine: Engine) -> Iterator[Sample]:
    with closing(Api(engine)) as api:
        api.call("POST", "/networks/create", {"Name": NETWORK})
        yield partial(_start, NETWORK, api)
        api.call("DELETE", f"/networks/{NETWORK}")


@contextlib.contextmanager
def _start_in_containers_network(engine: Engine) -> Iterator[Sample]:
    with closing(Api(engine)) as api, _sleeper(api, "bridge") as donor:
        yield partial(_start, f"container:{donor}", api)


@contextlib.contextmanager
def _sleeper(api: Api, network: str) -> Iterator[str]:
    """Yield a container that runs until it is killed."""
    ident = api.create(network, "sleep", "3600")
    api.start(ident)
    yield ident
    api.call("DELETE", f"/containers/{ident}?force=1")


def _stop(api: Api) -> float:
    ident = api.create("bridge", "sleep", "3600")
    api.start(ident)
    spent = _timed(partial(api.call, "POST", f"/containers/{ident}/stop"))
    api.call("DELETE", f"/containers/{ident}")
    return spent


def _remove(api: Api) -> float:
    ident = api.create("bridge")
    api.start(ident)
    api.call("POST", f"/containers/{ident}/wait")
    return _timed(partial(api.call, "DELETE", f"/containers/{ident}"))


@contextlib.contextmanager
def _restart(engine: Engine) -> Iterator[Sample]:
    with closing(Api(engine)) as api, _sleeper(api, "bridge") as ident:
        yield lambda: _timed(partial(api.call, "POST", f"/containers/{ident}/restart"))


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return _since(begun)


def _live(api: Api) -> float:
    begun = time.perf_counter()
    ident = api.create("bridge")
    api.start(ident)
    api.finish(ident)
    return _since(begun)


def _since(begun: float) -> float:
    """Milliseconds."""
    return (time.perf_counter() - begun) * 1e3


@contextlib.contextmanager
def _whole_command(engine: Engine) -> Iterator[Sample]:
    command = ["docker", "run", "--rm", IMAGE, "true"]
    run = partial(
        subprocess.run,
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=SECONDS,
        start_new_session=True,
    )  # a terminal's Ctrl-C must not cut it off

    def sample() -> float:
        begun = time.perf_counter()
        try:
            run(env=os.environ | {"DOCKER_HOST": engine.host})
        except subprocess.SubprocessError as error:
            raise System(f"{engine.name}: {error}: {getattr(error, 'stderr', None)!r}") from error
        return _since(begun)

    yield sample


@contextlib.contextmanager
def _many(engine: Engine) -> Iterator[Sample]:
    free: queue.SimpleQueue[Api] = queue.SimpleQueue()

    def one(_: int) -> None:
        api = free.get()
        try:
            _live(api)
        finally:
            free.put(api)

    with ExitStack() as stack:
        for _ in range(IN_FLIGHT):
            free.put(stack.enter_context(closing(Api(engine))))
        pool = stack.enter_context(ThreadPoolExecutor(IN_FLIGHT))

        def sample() -> float:
            begun = time.perf_counter()
            list(pool.map(one, range(CONTAINERS)))  # the first failure is raised, what has not begun is dropped
            return CONTAINERS / (time.perf_counter() - begun)

        yield sample


@contextlib.contextmanager
def _exec(engine: Engine) -> Iterator[Sample]:
    with closing(Api(engine)) as api, _sleeper(api, "none") as ident:
        yield lambda: _timed(partial(api.execute, ident, "true"))


@contextlib.contextmanager
def _memory(engine: Engine) -> Iterator[Sample]:
    def sample() -> float:
        time.sleep(SETTLE_SECONDS)
        return memory(engine.path)

    yield sample


MEMORY_BEFORE = Measurement("idle memory before the run", "MiB PSS", _memory, share=10)
MEMORY_AFTER = Measurement("idle memory after the run", "MiB PSS", _memory, share=10)
COMMAND = Measurement("docker run --rm IMAGE true, by the CLI", "ms", _whole_command)
MANY = Measurement(f"{CONTAINERS} lives, {IN_FLIGHT} in flight, bridge", "per second, more is better", _many, 10, True)
PARTS = {
    "start": (
        Measurement("create+start, network none", "ms", _calls(partial(_start, "none"))),
        Measurement("create+start, bridge", "ms", _calls(partial(_start, "bridge"))),
    ),
    "modes": (
        Measurement("create+start, network host", "ms", _calls(partial(_start, "host"))),
        Measurement("create+start, network of the user's", "ms", _start_in_users_network),
        Measurement("create+start, network of a container", "ms", _start_in_containers_network),
    ),
    "end": (
        Measurement("stop of a container that ends at once, bridge", "ms", _calls(_stop)),
        Measurement("restart of such a container, bridge", "ms", _restart),
        Measurement("rm of an ended container", "ms", _calls(_remove)),
    ),
    "life": (
        Measurement("create+start+wait+remove, bridge", "ms", _calls(_live)),
        COMMAND,
    ),
    "many": (MANY,),
    "exec": (Measurement("exec true to its end", "ms", _exec),),
}
"""Measurements by the names of BENCH that leave the engine up; memory and steps are apart."""
BOOTS = {
    "boot": (
        Measurement(f"boot with {STOPPED} stopped containers, to the ping", "ms", partial(booted, STOPPED, 0, PING), 3),
        Measurement("the same, to the list of them", "ms", partial(booted, STOPPED, 0, LIST), 3),
    ),
    "live": (
        Measurement(
            f"live-restore boot with {RUNNING} running, to the ping", "ms", partial(booted, 0, RUNNING, PING), 3
        ),
        Measurement("the same, to the list of them", "ms", partial(booted, 0, RUNNING, LIST), 3),
    ),
}
"""Measurements that end the engine and start it again: only when BENCH names them."""
