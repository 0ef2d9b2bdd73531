"""What the cells of the matrix share: the lists that they are generated from, and the way to break an engine."""

import os
import signal
from dataclasses import fields

from tests.real.engine import Engine
from wherry.containers.steps.all import Steps

STEPS = [field.name for field in fields(Steps) if field.name != "engine"]
OPTIONS = ("-p", "8080:80", "--network", "back", "--stop-timeout", "1", "--ipc", "shareable",
           "--mount", "type=volume,src=whole,dst=/part,volume-subpath=.")  # fmt: skip
"""What makes every step hold something."""
PROCESSES = ("containerd", "shim", "keeper", "zygote")
ALWAYS_UP = ("containerd", "zygote")
TRIES = 200
"""Each takes a tenth of a second or more: a bound against hanging, not a measure."""


def break_at(engine: Engine, *faults: str) -> None:
    """Start the engine anew with faults, each `point=action`."""
    if engine.running:
        engine.kill()
    engine.start(faults=",".join(faults))


def kill_all(engine: Engine, kind: str) -> None:
    """kill -9 every process of a kind; of shims and keepers there may be none yet, or none any more."""
    pids = {
        "containerd": engine.containerds,
        "shim": lambda: engine.processes("containerd-shim"),
        "keeper": engine.keepers,
        "zygote": engine.zygotes,
    }[kind]()
    assert pids or kind not in ALWAYS_UP, f"no {kind} to kill: {engine.processes()}"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def removed(engine: Engine, ident: str) -> None:
    """Remove a container though what it needs may be away for a moment, or wait until that is done behind."""
    for _ in range(TRIES):
        if not engine.docker("ps", "-aq", "--no-trunc", "--filter", f"id={ident}").stdout.strip():
            return
        engine.docker("rm", "-f", ident)
    raise AssertionError(f"{ident} stays: {engine.docker('inspect', ident).stdout.decode()}\n{engine.tail()}")


def settled(engine: Engine, ident: str, *phases: str) -> None:
    """Wait until a container is in one of these states."""
    for _ in range(TRIES):
        if engine.inspect(ident)["State"]["Status"] in phases:
            return
    raise AssertionError(f"{ident} is not {phases}: {engine.inspect(ident)['State']}\n{engine.tail()}")
