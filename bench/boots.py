"""What is measured of a boot: the engine is ended and started again, with containers that stopped or that run."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

from bench import reboot
from bench.engine import Api, Engine
from wherry.base.errors import System, Unavailable

STOPPED, RUNNING = 100, 20
Sample = Callable[[], float]


@contextlib.contextmanager
def booted(stopped: int, running: int, target: str, engine: Engine) -> Iterator[Sample]:
    """Yield what ends the engine, starts it, and returns the milliseconds until it answers `target` with 200."""
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(closing(Api(engine)))
        if running and not json.loads(api.call("GET", "/info"))["LiveRestoreEnabled"]:
            raise System(f"{engine.name} runs without --live-restore: the part live needs it")
        _fill(api, stopped, running)
        launch = stack.enter_context(reboot.captured(engine.path))
        daemons: list[subprocess.Popen[bytes]] = []

        def sample() -> float:
            api.close()
            reboot.end(engine.path)
            for daemon in daemons:
                daemon.wait()  # reaped
            begun = time.perf_counter()
            daemons[:] = [reboot.begin(launch)]
            reboot.wait_until(partial(_answers, api, target), daemons[0])
            spent = (time.perf_counter() - begun) * 1e3
            _check(api, engine, running)
            return spent

        yield sample
        api.clear()


def _fill(api: Api, stopped: int, running: int) -> None:
    """Make what the engine finds at its boot."""
    for _ in range(stopped):
        ident = api.create("none")
        api.start(ident)
        api.call("POST", f"/containers/{ident}/wait")
    for _ in range(running):
        api.start(api.create("bridge", "sleep", "3600"))


def _answers(api: Api, target: str) -> bool:
    try:
        status, _ = api.send_call("GET", target, None, "")
    except Unavailable:
        return False
    return status == 200


def _check(api: Api, engine: Engine, running: int) -> None:
    """System when a container did not outlive the restart: a boot that loses them is not fast."""
    alive = len(json.loads(api.call("GET", "/containers/json")))
    if alive < running:
        raise System(f"{engine.name}: {alive} of {running} containers run after the restart")
