"""kill -9 of containerd, the shim, the keeper and the zygote at every point of a start, of an exit and of a removal.

The daemon stops itself at the point, the process is killed, the daemon goes on. Whatever becomes of the verb, nothing
is left and the next container runs.
"""

import pytest

from tests.faults.cells import PROCESSES, STEPS, break_at, kill_all, removed, settled
from tests.faults.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import Look, assert_no_leaks

BEGUN = [f"{name}.{when}" for name in (*STEPS, "move.started") for when in ("before", "after")]
ENDED = [f"{name}.release" for name in STEPS] + ["move.exit.before", "move.exit.after"]

pytestmark = pytest.mark.slice


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("point", BEGUN)
def test_begun(engine: Engine, clean: Look, point: str, process: str) -> None:
    break_at(engine, f"{point}=stop")
    ident = engine.ok("create", "-p", "8080:80", "--stop-timeout", "1", IMAGE, "sleep", "1000")
    with engine.popen("start", ident) as starting:
        engine.wait_stopped()
        kill_all(engine, process)
        engine.proceed()
        starting.wait(timeout=90)
    settled(engine, ident, "created", "exited", "running")
    removed(engine, ident)
    assert engine.ok("run", "--rm", IMAGE, "echo", "well") == "well"
    assert_no_leaks(engine, clean)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("point", ENDED)
def test_ended(engine: Engine, clean: Look, point: str, process: str) -> None:
    break_at(engine, f"{point}=stop")
    ident = engine.ok("create", "-p", "8080:80", IMAGE, "sh", "-c", "exit 7")
    with engine.popen("start", "-a", ident) as starting:
        engine.wait_stopped()
        kill_all(engine, process)
        engine.proceed()
        starting.wait(timeout=90)
    settled(engine, ident, "exited")
    assert engine.inspect(ident)["State"]["ExitCode"] == 7
    removed(engine, ident)
    assert engine.ok("run", "--rm", IMAGE, "echo", "well") == "well"
    assert_no_leaks(engine, clean)
