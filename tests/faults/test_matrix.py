"""Every step of a start broken on purpose, before and after: an error, a cancellation, kill -9 of the daemon.

Generated from the list of steps and of moves. After each nothing is left, and the container starts and is removed.
"""

from dataclasses import replace

import pytest

from tests.faults.cells import OPTIONS, STEPS, break_at
from tests.faults.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks, look

ACTIONS = ("error", "cancel", "kill")
MOVES = ["move.start", "move.started"]
POINTS = [f"{name}.{when}" for name in (*STEPS, *MOVES) for when in ("before", "after")]
COMMITTED = ("move.started.after", "cancel")
"""A cancellation that lands after the last thing that a start does: the container runs."""
EXIT_POINTS = [f"{name}.{when}" for name in ("move.exit", "move.remove") for when in ("before", "after")]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_start(engine: Engine, clean: Look, point: str, action: str) -> None:
    break_at(engine, f"{point}={action}")
    ident = engine.ok("create", *OPTIONS, IMAGE, "sleep", "1000")
    created = look(engine)
    created = replace(created, directories=created.directories | {ident})  # hosts, log: the container's own
    done = engine.docker("start", ident)
    assert done.returncode != 0
    if action == "kill":
        engine.wait_end()
        engine.start()
    status = engine.inspect(ident)["State"]["Status"]
    if (point, action) == COMMITTED:
        assert status == "running"
    else:
        assert status in ("created", "exited")
        assert_no_leaks(engine, created)
    engine.ok("start", ident)
    engine.ok("rm", "-f", ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", [f"{name}.after" for name in ("joins", "ipc", "task", "run")])
def test_start_of_a_joiner(engine: Engine, clean: Look, point: str, action: str) -> None:
    """What it shares is another's: its pins and its view of the memory go, the other's stay."""
    donor = engine.ok("run", "-d", *OPTIONS, IMAGE, "sleep", "1000")
    joins = [word for kind in ("ipc", "pid", "network") for word in (f"--{kind}", f"container:{donor}")]
    ident = engine.ok("create", "--stop-timeout", "1", *joins, IMAGE, "sleep", "1000")
    engine.kill()
    engine.start("--live-restore", faults=f"{point}={action}")
    running = look(engine)
    running = replace(running, directories=running.directories | {ident})
    assert engine.docker("start", ident).returncode != 0
    if action == "kill":
        engine.wait_end()
        engine.start("--live-restore")
    assert_no_leaks(engine, running)
    engine.ok("start", ident)
    engine.ok("rm", "-f", donor, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", EXIT_POINTS)
def test_end(engine: Engine, clean: Look, point: str, action: str) -> None:
    """What a broken exit or removal leaves is settled by the next one, or by the next boot."""
    break_at(engine, f"{point}={action}")
    ident = engine.ok("run", "-d", *OPTIONS, IMAGE, "sleep", "1000")
    engine.docker("rm", "-f", ident)
    engine.kill()
    engine.start()
    if engine.ok("ps", "-aq", "--filter", f"id={ident}"):
        assert engine.inspect(ident)["State"]["Status"] in ("exited", "dead")
        engine.ok("rm", "-f", ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("point", ["create.snapshot", "create.insert"])
def test_create(engine: Engine, clean: Look, point: str) -> None:
    break_at(engine, f"{point}.after=kill")
    assert engine.docker("create", IMAGE, "true").returncode != 0
    engine.wait_end()
    engine.start()
    engine.remove_all()
    assert_no_leaks(engine, clean)


@pytest.mark.slice
@pytest.mark.parametrize("end", ["kill", "rm"])
@pytest.mark.parametrize("point", [f"{name}.{when}" for name in STEPS for when in ("before", "after")])
def test_stuck_start(engine: Engine, clean: Look, point: str, end: str) -> None:
    """A start that hangs is ended by a kill or a forced removal, and leaves nothing."""
    break_at(engine, f"{point}=hang")
    ident, seen = engine.ok("create", "--name", "stuck", IMAGE, "sleep", "1000"), engine.log.stat().st_size
    with engine.popen("start", ident) as starting:
        engine.wait_log("hangs at", since=seen)
        assert engine.docker("inspect", ident).returncode == 0
        engine.ok(*(("kill",) if end == "kill" else ("rm", "-f")), ident)
        assert starting.wait(timeout=60) != 0
        assert starting.stderr is not None
        assert b"was called off: it was killed or removed meanwhile" in starting.stderr.read()
    if end == "kill":
        engine.ok("rm", ident)
    assert_no_leaks(engine, clean)
