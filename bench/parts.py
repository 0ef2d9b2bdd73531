"""What is measured: each measurement opens on an engine and then yields samples."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial

from bench.boots import RUNNING, STOPPED, boot
from bench.engine import IMAGE, NETWORK, SECONDS, Api, Engine
from bench.lives import lives
from bench.measure import Line, Measurement, Sample, since, timed
from bench.memory import memory
from bench.served import served
from wherry.base.errors import System

HELD = 20
"""Containers that run while the memory of one is told."""
SETTLE_SECONDS = 1.0
"""Rest before each look at the memory."""


def _calls(title: str, action: Callable[[Api], float]) -> Measurement:
    """Make a measurement of an action that needs one kept connection and nothing else."""

    @contextlib.contextmanager
    def opened(engine: Engine) -> Iterator[Sample]:
        with closing(Api(engine)) as api:
            yield lambda: (action(api),)

    return Measurement((Line(title),), opened)


def _with(title: str, opened: Callable[[Api], AbstractContextManager[Callable[[], float]]]) -> Measurement:
    """Make a measurement of an action that needs something made before."""

    @contextlib.contextmanager
    def on_engine(engine: Engine) -> Iterator[Sample]:
        with closing(Api(engine)) as api, opened(api) as take:
            yield lambda: (take(),)

    return Measurement((Line(title),), on_engine)


def _start(network: str, api: Api) -> float:
    begun = time.perf_counter()
    ident = api.create(network)
    api.start(ident)
    spent = since(begun)
    api.finish(ident)  # not timed, and at rest before the next engine's turn
    return spent


@contextlib.contextmanager
def _start_in_users_network(api: Api) -> Iterator[Callable[[], float]]:
    api.call("POST", "/networks/create", {"Name": NETWORK})
    yield partial(_start, NETWORK, api)
    api.call("DELETE", f"/networks/{NETWORK}")


@contextlib.contextmanager
def _start_in_containers_network(api: Api) -> Iterator[Callable[[], float]]:
    with api.sleeper("bridge") as donor:
        yield partial(_start, f"container:{donor}", api)


def _stop(api: Api) -> float:
    ident = api.create("bridge", "sleep", "3600")
    api.start(ident)
    spent = timed(partial(api.call, "POST", f"/containers/{ident}/stop"))
    api.call("DELETE", f"/containers/{ident}")
    return spent


def _remove(api: Api) -> float:
    ident = api.create("bridge")
    api.start(ident)
    api.call("POST", f"/containers/{ident}/wait")
    return timed(partial(api.call, "DELETE", f"/containers/{ident}"))


@contextlib.contextmanager
def _restart(api: Api) -> Iterator[Callable[[], float]]:
    with api.sleeper("bridge") as ident:
        yield lambda: timed(partial(api.call, "POST", f"/containers/{ident}/restart"))


def _live(api: Api) -> float:
    begun = time.perf_counter()
    ident = api.create("bridge")
    api.start(ident)
    api.finish(ident)
    return since(begun)


@contextlib.contextmanager
def _exec(api: Api) -> Iterator[Callable[[], float]]:
    with api.sleeper("none") as ident:
        yield lambda: timed(partial(api.execute, ident, "true"))


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

    def sample() -> tuple[float]:
        begun = time.perf_counter()
        try:
            run(env=os.environ | {"DOCKER_HOST": engine.host})
        except subprocess.SubprocessError as error:
            raise System(f"{engine.name}: {error}: {getattr(error, 'stderr', None)!r}") from error
        return (since(begun),)

    yield sample


def _memory(title: str) -> Measurement:
    @contextlib.contextmanager
    def opened(engine: Engine) -> Iterator[Sample]:
        def sample() -> tuple[float]:
            time.sleep(SETTLE_SECONDS)
            return (memory(engine.path),)

        yield sample

    return Measurement((Line(title, "MiB PSS"),), opened, share=10)


@contextlib.contextmanager
def _memory_of_one(engine: Engine) -> Iterator[Sample]:
    """What the engine and the shims have grown by, over the containers: pages that many share are paid once."""

    def sample() -> tuple[float]:
        with closing(Api(engine)) as api:
            before = memory(engine.path)
            idents = [api.create("bridge", "sleep", "3600") for _ in range(HELD)]
            for ident in idents:
                api.start(ident)
            time.sleep(SETTLE_SECONDS)
            pids = {ident: api.get(f"/containers/{ident}/json")["State"]["Pid"] for ident in idents}
            spent = (memory(engine.path, pids) - before) / HELD
            api.clear()
            time.sleep(SETTLE_SECONDS)  # at rest before the next look
            return (spent,)

    yield sample


MEMORY_BEFORE = _memory("idle memory before the run")
MEMORY_AFTER = _memory("idle memory after the run")
COMMAND = Measurement((Line("docker run --rm IMAGE true, by the CLI"),), _whole_command)
PARTS = {
    "start": (
        _calls("create+start, network none", partial(_start, "none")),
        _calls("create+start, bridge", partial(_start, "bridge")),
    ),
    "modes": (
        _calls("create+start, network host", partial(_start, "host")),
        _with("create+start, network of the user's", _start_in_users_network),
        _with("create+start, network of a container", _start_in_containers_network),
    ),
    "end": (
        _calls("stop of a container that ends at once, bridge", _stop),
        _with("restart of such a container, bridge", _restart),
        _calls("rm of an ended container", _remove),
    ),
    "life": (_calls("create+start+wait+remove, bridge", _live), COMMAND),
    "many": (lives(containers=100, in_flight=16),),
    "exec": (_with("exec true to its end", _exec),),
    "served": (served("ping", "/_ping"), served("inspect", "/containers/{}/json")),
    "held": (Measurement((Line(f"memory of one of {HELD} running containers", "MiB PSS"),), _memory_of_one, share=10),),
}
"""Measurements by the names of BENCH; memory and steps are apart."""
FLIGHTS = {"flights": (lives(containers=256, in_flight=64), lives(containers=256, in_flight=256))}
"""They take minutes: only when BENCH names them."""
BOOTS = {"boot": (boot(STOPPED, 0),), "live": (boot(STOPPED, RUNNING),)}
"""They end the engine and start it again: only when BENCH names them."""
ALL = {**PARTS, **FLIGHTS, **BOOTS}
