"""Releases that fail: once, for ever, or with the daemon, after a failed start, at an exit, and while boot settles."""

from dataclasses import replace

import pytest

from tests.faults.cells import OPTIONS, STEPS, break_at, removed
from tests.faults.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks, look


def created(engine: Engine) -> tuple[str, Look]:
    """A container that sleeps, and the look with it; its own directory is made by its first start."""
    ident = engine.ok("create", *OPTIONS, IMAGE, "sleep", "1000")
    seen = look(engine)
    return ident, replace(seen, directories=seen.directories | {ident})


@pytest.mark.parametrize("step", STEPS)
def test_release_fails_once(engine: Engine, clean: Look, step: str) -> None:
    """It is owed, said, and done behind without anybody asking."""
    break_at(engine, "move.started.before=error", f"{step}.release=error")
    ident, seen = created(engine)
    assert engine.docker("start", ident).returncode != 0
    assert f"could not release {step}, it stays owed" in engine.tail()
    engine.wait_log(f"container {ident}: settled behind")
    assert_no_leaks(engine, seen)
    engine.ok("start", ident)
    removed(engine, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.slice
@pytest.mark.parametrize("step", STEPS)
def test_release_fails_for_ever(engine: Engine, clean: Look, step: str) -> None:
    """A start and a removal name what is held; the next boot is rid of it."""
    break_at(engine, "move.started.before=error", f"{step}.release=error*")
    ident, _ = created(engine)
    assert engine.docker("start", ident).returncode != 0
    assert b"still holds" in engine.docker("start", ident).stderr
    assert b"it still holds" in engine.docker("rm", ident).stderr
    assert engine.inspect(ident)["State"]["Dead"]
    engine.kill()
    engine.start()
    assert engine.docker("inspect", ident).returncode == 1, "the dead are collected"
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("action", ["error", "kill", pytest.param("hang", marks=pytest.mark.slice)])
@pytest.mark.parametrize("step", STEPS)
def test_exit(engine: Engine, clean: Look, step: str, action: str) -> None:
    """The exit is settled with its own code, then or by the next boot."""
    break_at(engine, f"{step}.release={action}")
    ident = engine.ok("create", *OPTIONS, IMAGE, "sh", "-c", "exit 7")
    seen = look(engine)
    seen = replace(seen, directories=seen.directories | {ident})
    engine.docker("start", ident)
    if action == "kill":
        engine.wait_end()
        engine.start()
    else:
        engine.wait_log(f"container {ident}: settled behind")
    assert engine.ok("wait", ident) == "7"
    assert_no_leaks(engine, seen)
    removed(engine, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("action", ["error", "kill", pytest.param("hang", marks=pytest.mark.slice)])
@pytest.mark.parametrize("step", STEPS)
def test_boot(engine: Engine, clean: Look, step: str, action: str) -> None:
    """A start was cut, and the boot that gives it back is broken too."""
    break_at(engine, "run.after=kill")
    ident, seen = created(engine)
    engine.docker("start", ident)
    engine.wait_end()
    engine.start(faults=f"{step}.release={action}", ready=action != "kill")
    if action == "kill":
        engine.wait_end()
        engine.start()
    else:
        assert f"could not release {step}, it stays owed" in engine.tail()
    assert_no_leaks(engine, seen)
    engine.ok("start", ident)
    removed(engine, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.slice
@pytest.mark.parametrize("action", ["error", "kill"])
def test_links_that_were_set_aside(engine: Engine, clean: Look, action: str) -> None:
    """An exit is told before its links are deleted: they are in the end, by a retry or by the next boot."""
    break_at(engine, f"links.delete={action}")
    ident = engine.ok("create", *OPTIONS, IMAGE, "sh", "-c", "exit 7")
    engine.docker("start", ident)
    if action == "kill":
        engine.wait_end()
        engine.start()
    else:
        engine.wait_log("deletion of links: settled behind")
    assert engine.ok("wait", ident) == "7"
    removed(engine, ident)
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("action", ["error", "cancel", "kill"])
@pytest.mark.parametrize("point", ["move.failed.before", "move.failed.after"])
def test_failure(engine: Engine, clean: Look, point: str, action: str) -> None:
    """The failure of a start cannot be stored."""
    break_at(engine, "task.after=error", f"{point}={action}")
    ident, seen = created(engine)
    assert engine.docker("start", ident).returncode != 0
    if action == "kill":
        engine.wait_end()
        engine.start()
    assert_no_leaks(engine, seen)
    removed(engine, ident)
    assert_no_leaks(engine, clean)
