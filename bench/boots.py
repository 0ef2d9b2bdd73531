"""What is measured of a boot: the engine is ended and started again, with containers that stopped or that run."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from bench import reboot
from bench.engine import Api, Engine
from bench.lives import crew
from bench.measure import Line, Measurement, Sample, since
from wherry.base.errors import System, Unavailable

STOPPED, RUNNING = 200, 50
PING, LIST = "/_ping", "/containers/json?all=1"
AT_ONCE = 8
"""So many containers are made at once."""


def boot(stopped: int, running: int) -> Measurement:
    """Make the measurement of a boot with so many containers; those that run take live-restore."""
    title = f"boot with {stopped} stopped" + (f" and {running} running" if running else "")
    lines = Line(f"{title}, to the ping"), Line(f"{title}, to the list")
    return Measurement(lines, partial(_booted, stopped, running), share=3)


@contextlib.contextmanager
def _booted(stopped: int, running: int, engine: Engine) -> Iterator[Sample]:
    """Yield what ends the engine, starts it, and returns the milliseconds until each target is answered with 200."""
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(closing(Api(engine)))
        _fill(engine, stopped, running)
        launch = stack.enter_context(reboot.captured(engine.path))
        daemons: list[subprocess.Popen[bytes]] = []

        def sample() -> list[float]:
            api.close()
            reboot.end(engine.path)
            for daemon in daemons:
                daemon.wait()  # reaped
            spent, begun = [], time.perf_counter()
            daemons[:] = [reboot.begin(launch)]
            for target in (PING, LIST):
                reboot.wait_until(partial(_answers, api, target), daemons[0])
                spent.append(since(begun))
            _check(api, engine, running)
            return spent

        yield sample
        api.clear()


def _fill(engine: Engine, stopped: int, running: int) -> None:
    """Make what the engine finds at its boot."""
    with crew(engine, AT_ONCE) as each:
        each(_end, stopped)
        each(_run, running)


def _end(api: Api) -> float:
    ident = api.create("none")
    api.start(ident)
    api.call("POST", f"/containers/{ident}/wait")
    return 0.0


def _run(api: Api) -> float:
    api.start(api.create("bridge", "sleep", "3600"))
    return 0.0


def _answers(api: Api, target: str) -> bool:
    try:
        status, _ = api.send_call("GET", target, None, "")
    except Unavailable:
        return False
    return status == 200


def _check(api: Api, engine: Engine, running: int) -> None:
    """System when a container did not outlive the restart: a boot that loses them is not fast."""
    alive = len(api.get("/containers/json"))
    if alive < running:
        raise System(f"{engine.name}: {alive} of {running} containers run after the restart")
