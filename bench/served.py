"""How many requests an engine answers at once: `/_ping` and the inspect of a running container."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from bench.engine import SECONDS, Api, Engine
from bench.load import Load
from bench.measure import Line, Measurement, Sample
from wherry.base.errors import System

CONNECTIONS = 64
SPAN = 2.0
"""Seconds of one sample."""


def served(what: str, target: str) -> Measurement:
    """Make the measurement of a GET; `{}` in the target is a container that runs."""
    lines = (
        Line(f"{what}, {CONNECTIONS} connections", "per second, more is better", more_is_better=True),
        Line(f"{what}, {CONNECTIONS} connections, p99"),
    )
    return Measurement(lines, partial(_served, target), share=5)


@contextlib.contextmanager
def _served(target: str, engine: Engine) -> Iterator[Sample]:
    with closing(Api(engine)) as api, api.sleeper("bridge") as ident:
        busy = 0.0

        def sample() -> tuple[float, float]:
            nonlocal busy
            load = _load(engine, target.format(ident))
            busy = max(busy, load.busy)
            return load.per_second, load.p99

        yield sample
        print(f"    {engine.name}: the client took at most {busy:.2f} of a core", file=sys.stderr)


def _load(engine: Engine, target: str) -> Load:
    command = [sys.executable, "-m", "bench.load", engine.path, target, str(CONNECTIONS), str(SPAN)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=SECONDS, start_new_session=True
        )
    except subprocess.SubprocessError as error:
        text = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip()
        raise System(f"{engine.name}: GET {target} on {CONNECTIONS} connections: {text or error}") from error
    return Load(**json.loads(done.stdout))
